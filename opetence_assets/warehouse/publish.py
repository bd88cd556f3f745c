"""Makes a built gold visible: every table is committed, then one release shows all of it at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from opetence_assets.lake import releases
from opetence_assets.lake.candidates import Candidate, put_candidate, waiting_candidate
from opetence_assets.lake.commits import commit, stage
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import DataFile, Table, metadata_of, open_table
from opetence_assets.lake.verdicts import CheckResult, record
from opetence_assets.warehouse.build import GoldBuild
from opetence_assets.warehouse.changes import seen_by
from opetence_assets.warehouse.models import Model

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 122_880
NOTHING: Mapping[str, str] = {}


class ChecksFailed(Exception):
    """A model or test failed: nothing was committed, the released gold stays as it is."""


def publish(
    build: GoldBuild,
    lake: Lake,
    *,
    others: Mapping[str, int],
    declared: Mapping[str, str] = NOTHING,
    gold: Mapping[str, int] | None = None,
) -> Release:
    """Commits what changed of each gold table and then releases it with the silver it was built from and ``others``.

    Where neither a version nor the dbt project changed, the release stays the one it is. Until the new one is there,
    readers see the one before; killed anywhere, running build and publish again is right.

    Args:
        others: lake key → version of the tables of other zones that belong to this release (bronze, quarantine).
        declared: notes on what all of it was declared as; another declaration is another release.
        gold: what ``committed`` gave, where somebody had to know it before.

    Raises:
        ChecksFailed: the build did not pass.
        Gated: a version has a failed blocking check, or was never checked.
        ReleaseConflict: another release was made since the one this build was based on; build again.
    """
    since, notes = build.work.since, _notes(build, declared)
    versions = {**others, **build.work.sources, **(gold or committed(build, lake))}
    if since and _is_same(since, versions, notes) and releases.current_release(lake) == since:
        return since
    return releases.publish(lake, versions, notes, base=since.number if since else 0)


def set_aside(
    build: GoldBuild,
    lake: Lake,
    *,
    others: Mapping[str, int],
    declared: Mapping[str, str] = NOTHING,
    gold: Mapping[str, int] | None = None,
) -> Candidate:
    """As ``publish``, but nobody reads it until it is promoted; what already waits with the same content stays.

    Raises:
        ChecksFailed, Gated: as for ``publish``.
    """
    since, notes = build.work.since, _notes(build, declared)
    versions = {**others, **build.work.sources, **(gold or committed(build, lake))}
    waiting = waiting_candidate(lake)
    if waiting and _is_same(waiting, versions, notes):
        return waiting
    return put_candidate(lake, versions, notes, base=since.number if since else 0)


def committed(build: GoldBuild, lake: Lake) -> dict[str, int]:
    """Every gold table's version, committed, its verdicts written: what the tests said is known before anybody may
    read what they judged. Again, of the same build, it commits nothing.

    Raises:
        ChecksFailed: the build did not pass.
    """
    if not build.passed:
        raise ChecksFailed(
            f"gold: found {len(build.failed)} failures ({'; '.join(build.failed)}); allowed: none. "
            "Nothing was committed. Next: mend the data or the model, then opetence run --select gold"
        )
    published = [model for model in build.models.values() if model.published]
    gold = {model.table: _committed(build, lake, model) for model in published}
    for model in published:
        if model.name not in build.work.kept:  # a kept model's version keeps the verdict it has
            record(lake, model.table, gold[model.table], _results(build, model))
    return gold


def _results(build: GoldBuild, model: Model) -> list[CheckResult]:
    return [
        CheckResult(run.name, run.status == "pass", run.severity == "error", run.message, "0 rows")
        for run in build.check_runs
        if run.model == model.name
    ]


def _notes(build: GoldBuild, declared: Mapping[str, str]) -> dict[str, object]:
    return {"gold": build.run, "project": build.work.project, **declared}


def _is_same(made: Release | Candidate, versions: Mapping[str, int], notes: Mapping[str, object]) -> bool:
    return versions == made.versions and all(made.notes.get(n) == said for n, said in notes.items() if n != "gold")


def _committed(build: GoldBuild, lake: Lake, model: Model) -> int:
    """The version of a model's table that holds the built rows: the released one where nothing changed."""
    work = build.work
    if model.name in work.kept:
        return work.kept[model.name].version
    version = work.since.versions.get(model.table) if work.since else None
    released = open_table(lake, model.table, version) if version is not None else None
    content = _content(build, model) if model.day is None else ""
    if released is not None and _is_unchanged(build, lake, model, released, content):
        return released.version
    kept = _kept(build, model, released)
    fresh = [stage(lake, model.table, file) for file in _exported(build, model)]
    wanted = [*kept, *fresh]
    # Commits of a killed publish may lie between the released version and the newest: only their files are replaced.
    newest = open_table(lake, model.table)
    active = {file.path for file in newest.files} if newest else set[str]()
    paths = {file.path for file in wanted}
    plan = work.plans.get(model.name)
    return commit(
        lake,
        model.table,
        schema=_schema(build, model),
        add=[file for file in wanted if file.path not in active],
        remove=[file for file in newest.files if file.path not in paths] if newest else [],
        transactions={f"gold:{build.run}": 1},
        metadata={
            "checksum": model.checksum,
            "consumed": seen_by(model, work.sources),
            "content": content,
            "built_whole": plan.whole if plan else "",
            "days": [day.isoformat() for day in build.days.get(model.name) or ()],
        },
        base=newest.version if newest else -1,
        redefine=True,  # a contract may drop or retype a column: such a model is built whole
    )


def _is_unchanged(build: GoldBuild, lake: Lake, model: Model, released: Table, content: str) -> bool:
    if model.day is not None:
        return build.days[model.name] == ()
    metadata = metadata_of(lake, model.table, released.version)
    return metadata.get("content") == content and metadata.get("checksum") == model.checksum


def _content(build: GoldBuild, model: Model) -> str:
    """A digest of a table's rows, in whatever order they are, and of its columns."""
    names = ", ".join(f'"{name}"' for name in model.columns)
    row = f"hash({names})"
    found = build.connection.execute(
        f"select count(*), bit_xor({row}), sum({row}::hugeint) from gold.{model.name}"  # noqa: S608 - our own names
    ).fetchone()
    return sha256(f"{found} {sorted(model.columns.items())}".encode()).hexdigest()


def _kept(build: GoldBuild, model: Model, released: Table | None) -> list[DataFile]:
    """Released files of the months that no changed day is in."""
    days = build.days.get(model.name)
    if released is None or model.day is None or days is None:
        return []
    changed = {_month(day) for day in days}
    return [file for file in released.files if str(file.stats["minValues"][model.day])[:7] not in changed]


def _exported(build: GoldBuild, model: Model) -> list[Path]:
    """The rows to be written as Parquet files, in the order of their day and key: one file, or one a changed month."""
    order = ", ".join(f'"{name}"' for name in ([model.day] if model.day else []) + list(model.key)) or "all"
    names = ", ".join(f'"{name}"' for name in model.columns)
    files: list[Path] = []
    for part, condition in _parts(build, model):
        path = build.scratch / f"{model.name}-{part}.parquet"
        query = f"select {names} from gold.{model.name} where {condition} order by {order}"  # noqa: S608 - our own names
        copied = build.connection.execute(
            f"copy ({query}) to '{path}' (format parquet, compression zstd, row_group_size {ROW_GROUP})"
        ).fetchone()
        if copied is not None and copied[0]:
            files.append(path)
    return files


def _parts(build: GoldBuild, model: Model) -> list[tuple[str, str]]:
    """A name and a condition for each file to write."""
    if model.day is None:
        return [("all", "true")]
    rows = build.connection.execute(f"select distinct date_trunc('month', day)::date from changed.{model.name}")  # noqa: S608
    months: list[date] = sorted(month for (month,) in rows.fetchall())
    column = f'"{model.day}"'
    return [
        (_month(month), f"{column} >= date '{month}' and {column} < date '{month}' + interval 1 month")
        for month in months
    ]


def _schema(build: GoldBuild, model: Model) -> pa.Schema:
    names = ", ".join(f'"{name}"' for name in model.columns)
    rows = build.connection.sql(f"select {names} from gold.{model.name}")  # noqa: S608 - our own names
    return rows.limit(0).to_arrow_table().schema


def _month(day: date) -> str:
    return f"{day:%Y-%m}"
