"""The two commands, as a stranger types them: run, run again, a day later, restore, and a bad day."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from opetence_assets.datasets import all_datasets
from opetence_assets.lake.places import lake_at
from opetence_assets.lake.releases import current_release
from opetence_assets.lake.tables import open_table
from opetence_assets_tests.canaries import betrayed, people
from opetence_assets_tests.forks import CONTENDER
from opetence_assets_tests.stranger import Platform, as_owner, platform
from opetence_assets_tests.truth import differences
from opetence_assets_tests.ui import drilling
from opetence_assets_tests.ui.served import NEW_COLUMN, Served, browser, serving

pytestmark = pytest.mark.dagster
PERSONAL = r"[\w.+-]+@[\w-]+\.\w+|\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b|^\d+\.\d+\.\d+\.\d+$"
SYSTEMS = {
    *("order_service", "product_service", "user_service", "logistics_service"),
    *("catalog", "payments", "support", "web", "clickstream", "partners"),
}


def test_the_first_run_brings_everything_to_gold(platform: Platform) -> None:
    platform.opetence("sandbox", "seed")
    as_owner(platform, f"ALTER TABLE product_service.vendors ADD COLUMN {NEW_COLUMN} text")
    as_owner(
        platform,
        "INSERT INTO product_service.products SELECT product_id + 900000, vendor_id, 'Coffee cup CafÃ©', category,"
        " list_price, is_active, created_at, updated_at FROM product_service.products ORDER BY product_id LIMIT 3",
    )

    summary = platform.opetence("run", "--json")

    assert summary["succeeded"]
    assert summary["checks"]["failed"] == []
    assert summary["release"].startswith("1 of ")
    assert "bronze, gold, keys, production, silver" in summary["backup"]
    assert differences(platform.settings, lake_at(platform.settings)) == []


def test_a_second_run_with_nothing_changed_touches_nothing(platform: Platform) -> None:
    before = platform.versions()

    summary = platform.opetence("run", "--json")

    another = {"production", "archive"}  # hour or week may have begun
    assert set(summary["seconds"]) - another == {"definitions", "backup", "copies"}
    assert platform.versions() == before


def test_status_has_the_documented_shape(platform: Platform) -> None:
    status = platform.opetence("status", "--json")

    assert status["release"] == 1
    by_key = {table["key"]: table for table in status["datasets"]}
    assert {"bronze/order_service/orders", "silver/partners/online_retail", "gold/fct_orders"} <= set(by_key)
    assert set(by_key["gold/fct_orders"]) == {"key", "rows", "version", "updated_at", "checks"}
    assert by_key["gold/fct_orders"]["checks"]["passed"] > 0


def test_every_dataset_of_every_system_has_rows_in_silver_and_its_release(platform: Platform) -> None:
    rows = {table["key"]: table["rows"] for table in platform.opetence("status", "--json")["datasets"]}
    release = current_release(lake_at(platform.settings))

    assert release is not None
    assert {dataset.feed.system for dataset in all_datasets()} == SYSTEMS
    for dataset in all_datasets():
        assert rows[dataset.table("silver")] > 0, dataset.name
        assert dataset.table("silver") in release.versions


def test_no_table_of_any_zone_holds_an_address_a_card_or_an_ip(platform: Platform) -> None:
    lake = lake_at(platform.settings)
    tables = [open_table(lake, table["key"]) for table in platform.opetence("status", "--json")["datasets"]]
    found: list[str] = []
    for table in tables:
        assert table is not None
        texts = table.scan().select(pl.col(pl.String)).collect()
        found += [f"{table.key}.{name}" for name in texts.columns if texts[name].str.contains(PERSONAL).any()]

    assert found == []


def test_a_day_later_only_changed_days_are_rebuilt_and_a_source_that_is_down_keeps_no_other_waiting(
    platform: Platform,
) -> None:
    lake, versions = lake_at(platform.settings), platform.versions()
    before = open_table(lake, "gold/fct_orders")
    assert before is not None
    platform.opetence("sandbox", "tick")

    said = platform.opetence("run", "--hold", code=1, ZENDESK_URL="http://")  # one source is down, without retries

    assert platform.opetence("status", "--json")["release"] == 1  # nobody reads it yet
    change = {table["table"]: table for table in platform.opetence("release", "diff", "--json")}["gold/fct_orders"]
    assert change["added"] == change["rows"]["after"] - change["rows"]["before"] > 0
    assert change["sums"]["total"]["after"] > change["sums"]["total"]["before"]
    assert platform.opetence("release", "promote", "--json") == {"release": 2, "candidate": 1}
    after = open_table(lake, "gold/fct_orders")
    assert after is not None
    assert "found no answer from the API at ZENDESK_URL" in " ".join(said.split())
    assert platform.versions()["silver/support/tickets"] == versions["silver/support/tickets"]
    assert platform.opetence("status", "--json")["release"] == 2
    assert differences(platform.settings, lake) == []
    kept = {file.path for file in before.files} & {file.path for file in after.files}
    assert len(kept) >= len(before.files) // 2


def test_a_failed_blocking_check_keeps_the_last_good_release_now_and_next(platform: Platform) -> None:
    release = platform.opetence("status", "--json")["release"]
    # Rows that appear below the cursor, as after a restore of the source: only a count can tell.
    as_owner(
        platform,
        "INSERT INTO product_service.inventory SELECT product_id + 900000, warehouse, quantity, updated_at - interval"
        " '9 days' FROM product_service.inventory LIMIT 20",
    )

    for _ in range(2):  # the first brings support up to date
        refused = platform.opetence("run", code=1)
        assert "silver/product_service/inventory" in refused
        assert platform.opetence("status", "--json")["release"] == release

    platform.opetence("run", "--select", "product_service/inventory", "--reload", "--json")
    assert platform.opetence("status", "--json")["release"] == release + 1


def test_query_reads_a_release_and_writes_nothing(platform: Platform) -> None:
    first = platform.opetence("query", "SELECT count(*) AS n FROM gold.fct_orders", "--release", "1", "--json")
    latest = platform.opetence("query", "SELECT count(*) AS n FROM gold.fct_orders", "--json")

    assert first[0]["n"] < latest[0]["n"]
    assert "allowed: SELECT" in platform.opetence("query", "DROP TABLE gold.fct_orders", code=1)


def test_the_backup_restores_to_the_same_rows_and_a_flipped_byte_is_named(platform: Platform, tmp_path: Path) -> None:
    report = platform.opetence("restore", str(tmp_path / "new"), "--json")
    assert platform.opetence("backup", "verify", "--json") == {"damaged": []}
    rows = {table["key"]: table["rows"] for table in platform.opetence("status", "--json")["datasets"]}

    assert {table["table"]: table["rows"] for table in report["tables"]} == rows
    objects = sorted((platform.home / "backups" / "objects").rglob("*"))
    victim = max((file for file in objects if file.is_file()), key=lambda file: file.stat().st_size)
    good = victim.read_bytes()
    victim.chmod(0o600)
    victim.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    damaged = platform.opetence("backup", "verify", "--json", code=1)["damaged"]
    victim.write_bytes(good)
    assert damaged
    assert all(victim.name in entry["file"] and entry["table"] for entry in damaged)


def test_nothing_the_platform_wrote_names_a_person_of_the_company(platform: Platform) -> None:
    """After good days and bad ones: errors and failed checks are among what is searched."""
    from sandbox import up

    canaries = people(up(platform.home).owner_uri)

    assert len(canaries) > 1_000
    assert betrayed(platform.home, canaries) == []
    assert betrayed(platform.home, ["order_service/orders"]) != []  # it does search


def test_a_new_table_is_one_file_and_its_test(platform: Platform, tmp_path: Path) -> None:
    written = platform.opetence(
        "new-dataset", "order_service/refunds", "--key", "refund_id", "--root", str(tmp_path), "--json"
    )["written"]
    first = platform.opetence("new-dataset", "billing/invoices", "--key", "id", "--root", str(tmp_path), "--json")

    assert len(written) == 3  # an empty repository has no connection of order_service yet
    assert len(first["written"]) == 3
    for file in tmp_path.rglob("*.py"):
        compile(file.read_text(), str(file), "exec")


@pytest.mark.parametrize("name", ["step", "gold"])
def test_a_claim_about_the_orchestrator_has_rows(
    platform: Platform, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that need a whole company; "gold" builds as if nothing were released, so what is there is put back."""
    from benchmarks.claims import cells
    from benchmarks.place import Place
    from benchmarks.sizes import SIZES
    from sandbox import up

    monkeypatch.setattr("benchmarks.measure.in_a_process", lambda *told: platform.forks.run(CONTENDER, told))
    kept = [platform.home / "lake" / folder for folder in ("gold", "releases")]
    for folder in kept:
        shutil.copytree(folder, tmp_path / folder.name)
    measured = importlib.import_module(f"benchmarks.{name}").claim(
        Place(platform.home, up(platform.home)), SIZES["tiny"]
    )
    for folder in kept:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / folder.name, folder)

    assert all(cells(row) for row in measured.rows)


@pytest.fixture(scope="module")
def served(platform: Platform) -> Iterator[Served]:
    """The UI over the company that the tests above have made; its sensors go on with it, so it comes last."""
    drilled = platform.forks.run(f"from {drilling.__name__} import main; main()", (), platform.environ)
    assert drilled.returncode == 0, drilled.stderr[-3000:]
    with serving(platform.settings, platform.environ) as up:
        yield up


from opetence_assets_tests.ui.pages import (  # noqa: E402  (tests run in the order of their names in the module)
    picture,
    test_a_backup_is_there_by_the_day,
    test_a_dropped_file_is_released_without_a_click,
    test_a_failed_check_counts_the_rows_by_rule,
    test_a_failed_check_says_why,
    test_a_mart_is_traced_back_to_its_sources,
    test_an_overdue_drill_is_red,
    test_every_figure_of_a_table_is_plotted,
    test_every_system_is_a_group_of_the_graph,
    test_every_zone_has_its_backups,
    test_the_recovery_time_is_plotted,
    test_the_report_is_read_without_a_server,
)

__all__ = [
    "browser",
    "picture",
    "platform",
    "test_a_backup_is_there_by_the_day",
    "test_a_dropped_file_is_released_without_a_click",
    "test_a_failed_check_counts_the_rows_by_rule",
    "test_a_failed_check_says_why",
    "test_a_mart_is_traced_back_to_its_sources",
    "test_an_overdue_drill_is_red",
    "test_every_figure_of_a_table_is_plotted",
    "test_every_system_is_a_group_of_the_graph",
    "test_every_zone_has_its_backups",
    "test_the_recovery_time_is_plotted",
    "test_the_report_is_read_without_a_server",
]
