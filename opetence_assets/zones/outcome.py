"""What a build of gold tells the orchestrator: a result for every check and a materialization for every model."""

from collections.abc import Collection, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import dagster as dg

from opetence_assets.lake.candidates import Candidate
from opetence_assets.lake.places import Lake
from opetence_assets.lake.releases import Release
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import CheckResult, verdict
from opetence_assets.zones.specs import row_metadata, version_of
from opetence_assets.zones.translation import RELEASE

if TYPE_CHECKING:
    from opetence_assets.warehouse.build import GoldBuild


def checked(built: "GoldBuild", lake: Lake, known: Collection[dg.AssetCheckKey]) -> Iterator[dg.AssetCheckResult]:
    """The tests that ran, and for models that were kept what was found when they were built. Not the unit tests: they
    judge a model's SQL, not data."""
    runs = {dg.AssetCheckKey(dg.AssetKey(["gold", run.model]), run.name): run for run in built.check_runs}
    for key in known:
        run = runs.get(key)
        if run is None:
            yield _kept(built, lake, key)
            continue
        found = run.message or ("holds" if run.status == "pass" else f"{run.failures:,} rows fail")
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=run.status == "pass",
            severity=dg.AssetCheckSeverity.ERROR if run.severity == "error" else dg.AssetCheckSeverity.WARN,
            description=found,
            metadata={"found": found, "failures": run.failures, "seconds": run.seconds},
        )


def materialized(built: "GoldBuild", lake: Lake, made: Release | Candidate) -> Iterator[dg.MaterializeResult[Any]]:
    """Every model with its rows and version, and the release they make; a candidate makes none yet."""
    for run in built.model_runs:
        model, days = built.models[run.name], built.days.get(run.name)
        metadata: dict[str, Any] = {
            **_made(made),
            "build_seconds": run.seconds,
            **({"days_rebuilt": len(days)} if days is not None else {}),
        }
        if model.published:
            table = open_table(lake, model.table, made.versions[model.table])
            assert table is not None
            metadata = row_metadata(table.rows, f"{lake.uri}/{model.table}", table.version, metadata)
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(["gold", run.name]),
            metadata=metadata,
            data_version=version_of(metadata) or _content_of(built, run.name),
        )
    tables = {zone: sum(key.startswith(f"{zone}/") for key in made.versions) for zone in ("silver", "gold")}
    number = made.base if isinstance(made, Candidate) else made.number
    yield dg.MaterializeResult(
        asset_key=RELEASE,
        metadata={**_made(made), **{f"{zone}_tables": count for zone, count in tables.items()}},
        data_version=dg.DataVersion(str(number)),
    )


def _made(made: Release | Candidate) -> dict[str, int]:
    return {"candidate": made.number} if isinstance(made, Candidate) else {"release": made.number}


def _content_of(built: "GoldBuild", name: str) -> dg.DataVersion:
    """What stands for the version of a step that is not published: its SQL and the silver it was built from."""
    model = built.models[name]
    made_of = [model.checksum, *(f"{key} {built.work.sources.get(key)}" for key in model.sources)]
    return dg.DataVersion(sha256("\n".join(made_of).encode()).hexdigest()[:16])


def _kept(built: "GoldBuild", lake: Lake, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    """A check of a model that nothing changed for: it is as it was found when the model was built."""
    table = built.work.kept.get(key.asset_key.path[-1])
    results = (verdict(lake, table.key, table.version) if table else None) or []
    then = next((result for result in results if result.name == key.name), CheckResult(key.name, passed=True))
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=then.passed,
        severity=dg.AssetCheckSeverity.ERROR if then.blocking else dg.AssetCheckSeverity.WARN,
        description=f"kept as released: nothing the table is built from has changed. {then.found}".strip(),
    )
