"""Drills a platform (its home is in the environment): three partitions, production, and the check of one long overdue.

A process of its own, as ``opetence run`` is: what it does is in the UI's history.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from opetence_assets.backup.copies import store_of
from opetence_assets.backup.drills import DRILLS, Drilled, keep_drill
from opetence_assets.settings import read_settings


def main() -> None:
    from opetence_assets.command.instance import prepare_dagster_home
    from opetence_assets.definitions import defs

    settings = read_settings()
    prepare_dagster_home(settings)
    long_ago = datetime.now(UTC) - DRILLS["company"] - timedelta(days=12)
    keep_drill(store_of(settings), Drilled("company", "store", long_ago, [("gold", f"{long_ago:%Y-%m-%d}")]))
    job = defs.resolve_implicit_global_asset_job_def()
    drill, overdue = (
        dg.AssetKey(["drills", "partition"]),
        dg.AssetCheckKey(dg.AssetKey(["drills", "company"]), "not_overdue"),
    )
    with dg.DagsterInstance.get() as instance:
        for key in (drill, drill, drill, dg.AssetKey(["drills", "production"])):
            done = job.execute_in_process(instance=instance, asset_selection=[key])
            assert done.success
            assert all(check.passed for check in done.get_asset_check_evaluations())
        checks = defs.resolve_job_def("nightly_collection")
        checks.get_subset(asset_check_selection={overdue}, asset_selection=set()).execute_in_process(instance=instance)


if __name__ == "__main__":
    main()
