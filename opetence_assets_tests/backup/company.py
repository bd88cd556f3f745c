"""The whole company on an empty machine, from the second copy alone and from the third copy alone, timed.

``python -m opetence_assets_tests.backup.company [SCALE] [HOME]`` makes a sandbox company of this scale (or takes that
in HOME), has its backups copied by restic and offsite, and restores each copy into an empty home that has no store.
Every table must be the original's, its checks green, and the release's file say the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from opetence_assets.backup.drills import fingerprint
from opetence_assets.checks.rejudging import failing_checks
from opetence_assets.datasets import all_datasets
from opetence_assets.lake.places import Lake, place_at, read
from opetence_assets.lake.releases import current_release
from opetence_assets.lake.tables import open_table

ALLOWED = 15 * 60  # seconds, at scale 5
OPETENCE = "from opetence_assets.command import main; main()"


def opetence(variables: Mapping[str, str], *arguments: str) -> float:
    """Runs a command of the platform; its seconds.

    Raises:
        RuntimeError: it failed; the message ends with what it wrote.
    """
    return timed(variables, *arguments)[0]


def timed(variables: Mapping[str, str], *arguments: str) -> tuple[float, str]:
    """The same, and what it wrote."""
    began = time.perf_counter()
    environment = {**os.environ, **variables}
    command = [sys.executable, "-c", OPETENCE, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"opetence {' '.join(arguments)}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return time.perf_counter() - began, done.stdout


def company(home: Path, copies: Path, scale: str) -> dict[str, str]:
    """A company that has run once, and where its copies are to be."""
    identity = x25519.Identity.generate()
    variables = {
        "OPETENCE_HOME": str(home),
        "OPETENCE_SCALE": scale,
        "OPETENCE_REAL_DATA": "",
        "OPETENCE_RESTIC_REPOSITORY": str(copies / "second"),
        "OPETENCE_RESTIC_PASSWORD": "the second copy's own",
        "OPETENCE_OFFSITE": str(copies / "third"),
        "OPETENCE_OFFSITE_RECIPIENTS": str(identity.to_public()),
        "OPETENCE_OFFSITE_IDENTITY": str(identity),
    }
    if not (home / "lake").exists():
        opetence(variables, "run", "--json")
        opetence(variables, "sandbox", "down")
    safe = ("OPETENCE_MASTER_KEY", "OPETENCE_HASH_KEYS")  # what people keep themselves
    lines = [line.partition("=") for line in (home / "local.env").read_text().splitlines()]
    return variables | {name: value for name, _, value in lines if name in safe}


def differences(original: Lake, restored: Lake) -> list[str]:
    """What is not as it was; empty if nothing is."""
    before = current_release(original)
    if before is None or current_release(restored) is None:
        return ["found no release"]
    path = f"releases/{before.number:020d}.json"
    same = json.loads(read(original, path)) == json.loads(read(restored, path))
    wrong = [] if same else [f"{path}: found another release"]
    judge = failing_checks(all_datasets())
    for key, version in before.versions.items():
        wrong += [] if _same(original, restored, key, version) else [f"{key}: rows, sums or hashes differ"]
        wrong += [f"{key}: {failed}" for failed in judge(restored, key)]
    return wrong


def _same(original: Lake, restored: Lake, key: str, version: int) -> bool:
    found, wanted = open_table(restored, key), open_table(original, key, version)
    return found is not None and wanted is not None and fingerprint(found) == fingerprint(wanted)


def main(scale: str, home: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="company-", dir=home.parent if home else None) as folder:
        variables = company(home or Path(folder) / "home", Path(folder), scale)
        results: dict[str, object] = {"scale": scale, "copied": opetence(variables, "backup", "copy")}
        original, failed = place_at(f"{variables['OPETENCE_HOME']}/lake"), False
        for name in ("restic", "offsite"):
            into = Path(folder) / f"from-{name}"
            alone = {**variables, "OPETENCE_HOME": str(Path(folder) / f"empty-{name}")}  # and with it an empty store
            seconds, said = timed(alone, "restore", "--into", str(into), "--from", name, "--json")
            wrong = differences(original, place_at(str(into / "lake")))
            tables: list[dict[str, int]] = json.loads(said)["tables"]
            files = [file.stat().st_size for file in (into / "lake").rglob("*") if file.is_file()]
            sizes = {"tables": len(tables), "rows": sum(table["rows"] for table in tables), "bytes": sum(files)}
            results[name] = {"seconds": round(seconds, 1), **sizes, "files": len(files), "wrong": wrong}
            failed = failed or bool(wrong) or seconds > ALLOWED
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return failed


if __name__ == "__main__":
    told = sys.argv[1:]
    sys.exit(main(told[0] if told else "0.2", Path(told[1]).resolve() if told[1:] else None))
