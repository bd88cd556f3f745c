"""dbt's manifest, parsed in this process and only when a file of the project changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from opetence_assets.lake.durability import fsync_file
from opetence_assets.settings import Settings
from opetence_assets.warehouse.sources import write_sources

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).parents[2] / "dbt"
STAMP, PARSED = "manifest.sha256", "partial_parse.msgpack"
# Logs repeat every statement: a third of a small build's time, and nothing a run's results do not say.
QUIET = ("--log-level", "none", "--log-level-file", "none", "--no-use-colors", "--no-send-anonymous-usage-stats")


class ProjectBroken(Exception):
    """dbt cannot read its project; names what and where. Nothing was built, the released gold stays."""


def ensure_manifest(settings: Settings, project: Path = PROJECT) -> Path:
    """The manifest of the dbt project as it is on disk, at ``settings.manifest``.

    Raises:
        ProjectBroken: dbt cannot parse the project.
    """
    write_sources(project)
    if not (settings.manifest.exists() and _is_of(settings.manifest.with_name(STAMP), project_checksum(project))):
        parsed_project(settings, project)
    return settings.manifest


def parsed_project(settings: Settings, project: Path = PROJECT) -> Manifest:
    """The project as dbt's own object, which a build needs; parsed once per process and state of the project.

    Raises:
        ProjectBroken: dbt cannot parse the project.
    """
    write_sources(project)
    return _parsed(settings.manifest, project, project_checksum(project))


def project_checksum(project: Path = PROJECT) -> str:
    """Changes with any file of the project, and with dbt itself."""
    from importlib.metadata import version

    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-duckdb')}".encode())
    files = (path for path in project.rglob("*") if path.is_file() and not path.name.startswith("."))
    for file in sorted(files):
        digest.update(f"\n{file.relative_to(project)} ".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def invoke(arguments: list[str], project: Path, target: Path, manifest: Manifest | None = None) -> Any:
    """Runs a dbt command in this process: a second one costs a tenth of a new process.

    Raises:
        ProjectBroken: dbt failed before it ran a node.
    """
    from dbt.cli.main import dbtRunner

    places = ["--project-dir", project, "--profiles-dir", project, "--target-path", target, "--log-path", target]
    result = dbtRunner(manifest=manifest).invoke([*arguments, *map(str, places), *QUIET])
    if result.exception is not None:
        raise ProjectBroken(
            f"dbt {arguments[0]}: found {result.exception}; allowed: a project dbt can run. "
            f"Next: dbt parse --project-dir {project} --profiles-dir {project}"
        ) from result.exception
    return result.result


@lru_cache(maxsize=1)
def _parsed(place: Path, project: Path, checksum: str) -> Manifest:
    known, stamp = place.with_name(PARSED), place.with_name(STAMP)
    if place.exists() and known.exists() and _is_of(stamp, checksum):
        return _read(known)
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="parse-", dir=place.parent) as folder:
        target = Path(folder)
        if known.exists():
            shutil.copyfile(known, target / PARSED)
        manifest = invoke(["parse"], project, target)
        # The stamp goes first and comes last: a kill in between only means parsing once more.
        (target / STAMP).write_text(checksum)
        stamp.unlink(missing_ok=True)
        for name in (PARSED, place.name, STAMP):
            fsync_file(target / name)
            os.replace(target / name, place.with_name(name))
    return manifest


def _is_of(stamp: Path, checksum: str) -> bool:
    return stamp.exists() and stamp.read_text() == checksum


def _read(parsed: Path) -> Manifest:
    """What dbt itself keeps of a project, as it is after parsing; to find out that nothing changed, it takes thrice as
    long, and writes the manifest again as another one."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    manifest = Manifest.from_msgpack(parsed.read_bytes(), decoder=extended_mashumuro_decoder)
    manifest.build_parent_and_child_maps()
    manifest.build_flat_graph()
    return manifest
