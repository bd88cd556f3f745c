"""A full load, an incremental one, a backfill and a re-run of any of them end in exactly the right rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from opetence_assets.dataset import DataError, Window
from opetence_assets.ingestion.bronze import Load, Request, load
from opetence_assets.ingestion.due import is_due
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import record
from opetence_assets.privacy.keys import erase, key_store
from opetence_assets.privacy.treatment import digest, unsealed
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Shop, sales

LATER = NOON + timedelta(hours=1)


def rows(lake: Lake) -> pl.DataFrame:
    table = open_table(lake, "bronze/shop/sales")
    assert table is not None
    return table.scan().collect()


def test_a_full_load_brings_every_row_exactly(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(500))

    done = load(sales, lake, shop_settings)

    assert (done.rows, done.source_rows, done.total_keys) == (500, 500, 500)
    (expected,) = shop.ask("SELECT sum(amount)::text FROM shop.sales")[0]
    assert str(rows(lake)["amount"].sum()) == expected
    assert rows(lake)["sale_id"].n_unique() == 500


def test_a_rerun_adds_nothing_and_commits_nothing(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(50))
    first = load(sales, lake, shop_settings)

    again = load(sales, lake, shop_settings)

    assert (again.rows, again.version) == (0, first.version)


def test_an_incremental_load_takes_new_changed_and_late_rows(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(50))
    load(sales, lake, shop_settings)
    shop.sell(range(50, 60), at=LATER)
    shop.sell([3], at=LATER, amount="99.00")
    shop.sell([60], at=NOON - timedelta(minutes=9))  # stamped before the cursor, committed after it was read

    done = load(sales, lake, shop_settings)

    assert done.rows == 12
    assert rows(lake).filter(pl.col("sale_id") == 3)["amount"].sort().to_list() == [Decimal("10.50"), Decimal("99.00")]


def test_many_rows_on_the_cursors_value_are_all_read(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(10))
    load(sales, lake, shop_settings)
    shop.sell(range(10, 300))

    assert load(sales, lake, shop_settings).rows == 290


def test_a_row_from_the_future_does_not_hide_the_present(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1], at=datetime.now(UTC) + timedelta(days=400))
    load(sales, lake, shop_settings)
    shop.sell([2], at=datetime.now(UTC))

    assert load(sales, lake, shop_settings).rows == 1
    assert load(sales, lake, shop_settings).rows == 0


def test_a_backfilled_day_brings_what_the_cursor_missed(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(120))
    shop.sell([120], at=LATER)
    load(sales, lake, shop_settings)
    shop.run("UPDATE shop.sales SET amount = 77 WHERE sale_id IN (5, 65)")  # somebody's script forgot updated_at
    day = Request(window=Window.of_day((NOON + timedelta(days=5)).date()))

    assert load(sales, lake, shop_settings).rows == 0
    assert load(sales, lake, shop_settings, day).rows == 2
    assert load(sales, lake, shop_settings, day).rows == 0


def test_a_reload_of_everything_adds_only_what_differs(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(30))
    load(sales, lake, shop_settings)
    shop.run("UPDATE shop.sales SET amount = 77 WHERE sale_id = 5")

    assert load(sales, lake, shop_settings, Request(full=True)).rows == 1


def test_rows_deleted_at_the_source_leave_a_tombstone(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(20))
    load(sales, lake, shop_settings)
    shop.run("DELETE FROM shop.sales WHERE sale_id < 3")

    done = load(sales, lake, shop_settings)

    assert (done.rows, done.deleted) == (3, 3)
    assert sorted(rows(lake).filter(pl.col("_deleted"))["sale_id"]) == [0, 1, 2]
    assert load(sales, lake, shop_settings).rows == 0


def test_an_emptied_source_is_refused(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(20))
    load(sales, lake, shop_settings)
    shop.run("TRUNCATE shop.sales")

    with pytest.raises(DataError, match=r"shop/sales: found an empty source where bronze holds 20 rows; .* Next: "):
        load(sales, lake, shop_settings)
    assert len(rows(lake)) == 20


def test_a_mass_deletion_is_refused(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(1000))
    load(sales, lake, shop_settings)
    shop.run("DELETE FROM shop.sales WHERE sale_id < 500")

    with pytest.raises(DataError, match="500 of 1,000 rows gone"):
        load(sales, lake, shop_settings)
    assert len(rows(lake)) == 1000


def test_personal_values_never_touch_disk(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(20), email="Somebody.Special@example.org")

    load(sales, lake, shop_settings)

    secrets = [b"Special", "Näme".encode(), b"15112345", b"ID7"]
    files = [file for file in shop_settings.home.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} >= {".parquet", ".json", ".sqlite"}
    raw = {file.name: file.read_bytes() + _pages(file) for file in files}
    assert [(name, secret) for name, content in raw.items() for secret in secrets if secret in content] == []


def _pages(file: Path) -> bytes:
    """A Parquet file's values, uncompressed: a secret must not hide behind zstd."""
    if file.suffix != ".parquet":
        return b""
    return repr(pl.read_parquet(file).drop("_sealed", strict=False).to_dicts()).encode()


def test_the_owner_of_the_keys_can_read_what_was_sealed(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1])
    load(sales, lake, shop_settings)
    row = rows(lake).row(0, named=True)

    assert row["email_hash"] == digest("P1@example.org ", shop_settings.hash_keys)
    assert row["phone_masked"] == "•••01"
    with key_store(shop_settings.keys, shop_settings.master_key) as store:
        assert '"full_name":"Näme 1"' in str(unsealed(row["_sealed"], "person:1", sales, store))
        erase(store, "person:1")
        assert unsealed(row["_sealed"], "person:1", sales, store) is None


def test_an_erased_person_leaves_no_personal_value_when_loaded_again(
    shop: Shop, lake: Lake, shop_settings: Settings
) -> None:
    shop.sell([1, 2])
    with key_store(shop_settings.keys, shop_settings.master_key) as store:
        erase(store, "person:1")

    load(sales, lake, shop_settings)

    erased, other = rows(lake).sort("sale_id").select("email_hash", "phone_masked", "_sealed").rows()
    assert erased == (None, None, None)
    assert None not in other


def test_a_new_column_is_kept_sealed_and_reported(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1])
    load(sales, lake, shop_settings)
    shop.run("ALTER TABLE shop.sales ADD COLUMN nickname text")
    shop.sell([2], at=LATER)
    shop.run("UPDATE shop.sales SET nickname = 'Bunny'")

    done = load(sales, lake, shop_settings)

    assert done.undeclared == ("nickname",)
    assert "nickname" not in rows(lake).columns
    assert last_progress(lake, done.key, done.version)["undeclared"] == ["nickname"]
    sealed = rows(lake).filter(pl.col("sale_id") == 2)["_sealed"][0]
    with key_store(shop_settings.keys, shop_settings.master_key) as store:
        assert '"nickname":"Bunny"' in str(unsealed(sealed, "person:2", sales, store))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("DROP COLUMN amount", r"no column amount in the source .* Next: "),
        ("RENAME COLUMN amount TO total", r"no column amount in the source \(it has .*total"),
        ("ALTER COLUMN amount TYPE text", "amount"),
    ],
)
def test_a_changed_column_is_refused_and_the_last_good_rows_stay(
    shop: Shop, lake: Lake, shop_settings: Settings, change: str, complaint: str
) -> None:
    shop.sell(range(5))
    load(sales, lake, shop_settings)
    shop.run(f"ALTER TABLE shop.sales {change}")
    shop.run("UPDATE shop.sales SET updated_at = updated_at + interval '1 hour'")

    with pytest.raises(Exception, match=complaint) as refusal:
        load(sales, lake, shop_settings)

    assert type(refusal.value).__module__.startswith("opetence_assets.")
    assert len(rows(lake)) == 5


def test_a_source_that_is_down_is_named_without_its_password(lake: Lake, shop_settings: Settings) -> None:
    down = replace(shop_settings, variables={"SHOP_DSN": "postgresql://reader:s3cret@localhost:1/none"})

    with pytest.raises(DataError, match="shop/sales: found no PostgreSQL answering at SHOP_DSN") as refusal:
        load(sales, lake, down)
    assert "s3cret" not in str(refusal.value)


def test_a_source_that_dies_halfway_leaves_nothing(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell(range(5))
    load(sales, lake, shop_settings)
    # A view that fails on its last row stands for a server that goes away in mid-stream.
    shop.run(
        "ALTER TABLE shop.sales RENAME TO stored; CREATE VIEW shop.sales AS SELECT sale_id, person_id, email, phone,"
        " full_name, national_id, (amount / (sale_id - 4))::numeric(12,2) AS amount, sold_at, updated_at"
        " FROM shop.stored"
    )

    with pytest.raises(DataError, match=r"the source failed after [\d,]+ rows"):
        load(sales, lake, shop_settings, Request(full=True))
    assert len(rows(lake)) == 5


def test_the_empty_first_load_makes_the_table(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    done = load(sales, lake, shop_settings)

    assert isinstance(done, Load)
    assert rows(lake).is_empty()
    assert "email_hash" in rows(lake).columns


def test_a_source_that_moved_without_news_is_not_due_again(shop: Shop, lake: Lake, shop_settings: Settings) -> None:
    shop.sell([1])
    load(sales, lake, shop_settings)
    record(lake, "silver/shop/sales", refine(sales, lake, shop_settings.scratch).version, [])
    shop.run("UPDATE shop.sales SET amount = amount; SELECT pg_stat_force_next_flush()")
    version = load(sales, lake, shop_settings).version

    assert not is_due(sales, lake, shop_settings)
    shop.sell([2], at=LATER)
    assert load(sales, lake, shop_settings).version == version + 1
