"""Changes of a real table: nothing lost, nothing twice, whatever happens between snapshot and log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from opetence_assets.dataset import DataError, Dataset, Deletes, DriftError, Extract
from opetence_assets.ingestion.bronze import Load, Request, load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets.sources import postgres_changes
from opetence_assets.sources.postgres_slots import Snapshot
from opetence_assets_tests.conformance.children import killed_round
from opetence_assets_tests.conformance.rig import Place as Rigged
from opetence_assets_tests.conformance.rig import Row as RigRow
from opetence_assets_tests.conformance.rigs import postgres_changes as RIG
from opetence_assets_tests.kills import context
from opetence_assets_tests.shop import NOON, Shop, source, without_slots

COLUMNS = """id bigint PRIMARY KEY, small smallint, whole int, price numeric(12,2), wide numeric(30,10), free numeric,
    ratio float8, single float4, told bool, note text, fixed char(5), short varchar(9), day date, at timestamptz,
    clock timestamp, raw bytea, numbers int[], names text[], doc jsonb, uid uuid, took interval, tod time"""
ROWS = """(1, -7, 8, 12.30, 1.0000000001, 3.140, 1e-300, 0.1, true, 'ä\nß "x"', 'ab', 'c', '2026-02-28',
    '2026-02-28 23:59:59.123456+01', '2026-02-28 23:59:59.1', '\\x00ff', '{1,NULL,3}', '{"a,b",NULL}', '{"k": [1]}',
    '8e0a0d6e-0000-4000-8000-000000000001', '1 day 02:03:04', '23:59:59.5'),
    (2, NULL, NULL, -0.01, NULL, 'NaN', 'NaN', '-Infinity', false, '', NULL, NULL, '0001-01-01',
    '1850-01-01 00:00:00+00', '1850-01-01', '', '{}', NULL, NULL, NULL, NULL, NULL)"""


class Wide(pa.DataFrameModel):
    id: pl.Int64
    note: pl.String = pa.Field(nullable=True)
    price: pl.Decimal(12, 2) = pa.Field(nullable=True)  # pyright: ignore[reportInvalidTypeForm]


class Everything(pa.DataFrameModel):
    class Config:
        strict = False

    id: pl.Int64


wide = Dataset(
    feed=source.changes("wide", slot="shop_wide", publication="shop"),
    key=("id",),
    schema=Wide,
    deletes=Deletes.TOLD,
    owner="team:tests",
)


class Place:
    """A table, its lake, and what both say of it."""

    def __init__(self, shop: Shop, lake: Lake, settings: Settings) -> None:
        self.shop, self.lake, self.settings = shop, lake, settings
        self.dataset = wide

    def load(self, *, full: bool = False) -> Load:
        return load(self.dataset, self.lake, self.settings, Request(full=full))

    def round(self, *, full: bool = False) -> Load:
        done = self.load(full=full)
        refine(self.dataset, self.lake, self.settings.scratch)
        return done

    def silver(self) -> list[tuple[Any, ...]]:
        table = open_table(self.lake, self.dataset.table("silver"))
        assert table is not None
        return table.scan().select("id", "note", pl.col("price").cast(pl.String)).sort("id").collect().rows()

    def agrees(self) -> None:
        assert self.silver() == self.shop.ask("SELECT id, note, price::text FROM shop.wide ORDER BY id")

    def slot(self, what: str) -> Any:
        found = self.shop.ask(f"SELECT {what} FROM pg_replication_slots WHERE slot_name = 'shop_wide'")
        return found[0][0] if found else None


@pytest.fixture
def place(shop: Shop, lake: Lake, shop_settings: Settings) -> Iterator[Place]:
    without_slots(shop)
    shop.run("DROP TABLE IF EXISTS shop.wide; DROP TABLE IF EXISTS shop.other")
    shop.run("CREATE TABLE shop.wide (id bigint PRIMARY KEY, note text, price numeric(12,2))")
    shop.run("CREATE TABLE shop.other (id bigint PRIMARY KEY, note text)")
    shop.run("DROP PUBLICATION IF EXISTS shop; CREATE PUBLICATION shop FOR TABLE shop.wide, shop.other")
    yield Place(shop, lake, shop_settings)
    without_slots(shop)


def insert(shop: Shop, first: int, last: int, note: str = "n") -> None:
    shop.run(f"INSERT INTO shop.wide SELECT n, '{note}' || n, n / 7.0 FROM generate_series({first}, {last}) n")


def test_both_feeds_land_equal_values(place: Place) -> None:
    shop = place.shop
    shop.run(f"DROP TABLE shop.wide; CREATE TABLE shop.wide ({COLUMNS}); ALTER PUBLICATION shop ADD TABLE shop.wide")
    by_changes, by_cursor = replace(wide, schema=Everything), replace(wide, schema=Everything, deletes=Deletes.NEVER)
    by_cursor = replace(by_cursor, feed=source.table("wide"))
    assert not len(read(by_changes, place.settings)[0])
    position = read(by_changes, place.settings)[1]
    shop.run(f"INSERT INTO shop.wide VALUES {ROWS}")

    selected, _ = read(by_cursor, place.settings)
    snapshot, _ = read(by_changes, place.settings)
    told, _ = read(by_changes, place.settings, position)

    assert len(told) == 2
    assert selected.schema == told.drop("_deleted", "_position").schema
    for name in selected.columns:
        values = [frame.sort("id")[name].to_list() for frame in (selected, snapshot, told)]
        assert repr(values[0]) == repr(values[1]) == repr(values[2]), name  # NaN is no NaN


def read(dataset: Dataset, settings: Settings, after: Any = None) -> tuple[pl.DataFrame, Any]:
    extraction = dataset.feed.extract(Extract(dataset, after), settings)
    try:
        frame = pl.concat([pl.DataFrame(batch) for batch in extraction.batches])
        return frame, extraction.facts().cursor
    finally:
        extraction.close()


def test_inserts_updates_keys_and_deletions_end_as_the_source_has_them(place: Place) -> None:
    insert(place.shop, 1, 20)
    place.round()
    place.shop.run(
        "UPDATE shop.wide SET note = 'changed' WHERE id < 5; DELETE FROM shop.wide WHERE id = 7;"
        "UPDATE shop.wide SET id = 107 WHERE id = 8; UPDATE shop.wide SET id = 7 WHERE id = 9;"
        "DELETE FROM shop.wide WHERE id = 10; INSERT INTO shop.wide VALUES (10, 'back', NULL);"
        "INSERT INTO shop.wide VALUES (11000, 'gone at once', 1); DELETE FROM shop.wide WHERE id = 11000"
    )

    done = place.round()

    assert done.deleted == 5
    place.agrees()
    assert place.load().rows == 0


def test_a_whole_identity_tells_the_same(place: Place) -> None:
    insert(place.shop, 1, 5)
    place.shop.run("ALTER TABLE shop.wide REPLICA IDENTITY FULL")
    place.round()
    place.shop.run("UPDATE shop.wide SET id = id + 100 WHERE id < 3; DELETE FROM shop.wide WHERE id = 3")

    place.round()

    place.agrees()


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL"])
def test_large_values_that_an_update_left_alone_are_not_lost(place: Place, identity: str) -> None:
    place.shop.run(f"ALTER TABLE shop.wide ALTER note SET STORAGE EXTERNAL, REPLICA IDENTITY {identity}")
    place.shop.run("INSERT INTO shop.wide SELECT n, repeat('long ' || n, 2000), n FROM generate_series(1, 4) n")
    place.round()
    place.shop.run(
        "UPDATE shop.wide SET price = 9; UPDATE shop.wide SET id = 12 WHERE id = 2; DELETE FROM shop.wide WHERE id = 3"
    )

    place.round()

    place.agrees()
    assert place.load().rows == 0


def test_a_transaction_from_before_the_snapshot_is_waited_for_and_comes_once(place: Place) -> None:
    """It holds no row at the snapshot; the slot waits for it, so that all of it is in the snapshot."""
    from adbc_driver_postgresql import dbapi

    insert(place.shop, 1, 3)
    with dbapi.connect(place.shop.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO shop.wide VALUES (50, 'early', 1)")
        started = context().Process(target=_load_apart, args=(place.settings,))
        started.start()
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'opetence%'"
        )
        while not place.shop.ask(waits)[0][0]:
            assert started.is_alive()
        connection.commit()
        started.join()
    refine(wide, place.lake, place.settings.scratch)

    place.agrees()
    assert place.load().rows == 0


def _load_apart(settings: Settings) -> None:
    from opetence_assets.lake.places import lake_at

    load(wide, lake_at(settings), settings)


def test_what_a_snapshot_saw_is_known_by_the_logs_short_ids() -> None:
    saw = Snapshot("100:110:103,105", 0).seer()
    assert [xid for xid in range(95, 115) if not saw(xid)] == [103, 105, *range(110, 115)]
    wrapped = 5 * 2**32
    saw = Snapshot(f"{wrapped - 3}:{wrapped + 4}:{wrapped - 2}", 0).seer()
    assert [saw(xid % 2**32) for xid in range(-5, 7)] == [True, True, True, False, *[True] * 5, False, False, False]


def test_changes_while_everything_is_read_come_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    insert(place.shop, 1, 10)
    batches = postgres_changes._everything

    def meanwhile(read: Any) -> Iterator[Any]:
        place.shop.run("UPDATE shop.wide SET note = 'later' WHERE id = 1; DELETE FROM shop.wide WHERE id = 2")
        yield from batches(read)
        insert(place.shop, 11, 12)

    monkeypatch.setattr(postgres_changes, "_everything", meanwhile)
    place.round()

    place.agrees()
    bronze = open_table(place.lake, wide.table("bronze"))
    assert bronze is not None
    assert bronze.rows == 10 + 2 + 2
    assert place.load().rows == 0


def test_a_big_backlog_comes_in_bounded_loads(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.round()
    for number in range(6):
        insert(place.shop, number * 50, number * 50 + 49)
    monkeypatch.setattr(postgres_changes, "AT_MOST", 100)
    monkeypatch.setattr(postgres_changes, "BATCH_ROWS", 7)

    loads = [place.round().rows for _ in range(4)]

    assert loads == [100, 100, 100, 0]
    place.agrees()


def test_the_slot_follows_the_lake_and_other_tables_do_not_hold_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(place.shop, 1, 3)
    place.round()
    monkeypatch.setattr(postgres_changes, "TURN", 50_000)
    fingerprint = wide.feed.fingerprint(wide, place.settings)
    behind = "(pg_current_wal_flush_lsn() - confirmed_flush_lsn)::bigint"
    place.shop.run("INSERT INTO shop.other SELECT n, repeat('x', 100) FROM generate_series(1, 2000) n")
    assert wide.feed.fingerprint(wide, place.settings) != fingerprint
    far = place.slot(behind)

    assert [place.load().rows for _ in range(2)] == [0, 0]

    assert place.slot(behind) < far / 4


def test_truncation_is_refused_and_a_reload_ends_in_the_right_state(place: Place) -> None:
    insert(place.shop, 1, 9)
    place.round()
    place.shop.run("TRUNCATE shop.wide")
    insert(place.shop, 7, 12, note="new")

    with pytest.raises(DataError, match=r"TRUNCATE.*--reload"):
        place.load()
    done = place.round(full=True)

    assert done.deleted == 6
    place.agrees()
    assert place.load().rows == 0


def test_a_lost_slot_is_said_and_a_reload_ends_in_the_right_state(place: Place) -> None:
    insert(place.shop, 1, 9)
    place.round()
    place.shop.run("DELETE FROM shop.wide WHERE id = 2")
    place.shop.ask("SELECT pg_drop_replication_slot('shop_wide')::text")

    with pytest.raises(DataError, match=r"no slot shop_wide.*--reload"):
        place.load()
    place.shop.ask("SELECT slot_name::text FROM pg_create_logical_replication_slot('shop_wide', 'pgoutput')")
    with pytest.raises(DataError, match=r"ahead of the lake.*--reload"):
        place.load()
    insert(place.shop, 20, 21)
    assert place.load(full=True).deleted == 1
    place.shop.run("UPDATE shop.wide SET note = 'after' WHERE id = 1")
    place.round()

    place.agrees()


def test_an_invalidated_slot_is_said_and_replaced(place: Place) -> None:
    insert(place.shop, 1, 2)
    place.round()
    superuser = Shop(place.shop.dsn.replace("//shop@", "//postgres@"))
    try:
        superuser.run("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        superuser.ask("SELECT pg_reload_conf()")
        while place.slot("wal_status") != "lost":
            superuser.ask("SELECT pg_switch_wal()::text")
            superuser.run("CREATE TABLE shop.filler AS SELECT repeat('x', 100) FROM generate_series(1, 1000)")
            superuser.run("DROP TABLE shop.filler; CHECKPOINT")
        with pytest.raises(DataError, match=r"wal_status lost.*--reload"):
            place.load()
        superuser.run("ALTER SYSTEM SET max_slot_wal_keep_size = -1")
        superuser.ask("SELECT pg_reload_conf()")
        with pytest.raises(DataError, match=r"max_slot_wal_keep_size = -1"):
            place.load()
    finally:
        superuser.run("ALTER SYSTEM RESET max_slot_wal_keep_size")
        superuser.ask("SELECT pg_reload_conf()")
    insert(place.shop, 3, 4)
    place.round(full=True)

    place.agrees()
    assert place.slot("wal_status") == "reserved"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ALTER PUBLICATION shop DROP TABLE shop.wide", r"no .*wide.* in publication"),
        ("ALTER PUBLICATION shop SET TABLE shop.wide WHERE (id > 0)", "filters rows"),
        ("ALTER PUBLICATION shop SET (publish = 'insert')", "leaves out some kinds"),
        ("ALTER TABLE shop.wide REPLICA IDENTITY NOTHING", "replica identity"),
        ("ALTER TABLE shop.wide DROP COLUMN note", "no column note"),
    ],
)
def test_what_would_lose_changes_is_refused(place: Place, change: str, message: str) -> None:
    insert(place.shop, 1, 2)
    place.round()
    place.shop.run(change)

    with pytest.raises(DataError, match=message):
        place.load()
    assert len(place.silver()) == 2


def test_columns_come_and_change_in_mid_stream(place: Place) -> None:
    insert(place.shop, 1, 2)
    place.round()
    insert(place.shop, 3, 3)
    place.shop.run("ALTER TABLE shop.wide ADD COLUMN nick text; INSERT INTO shop.wide VALUES (4, 'n', 1, 'Bunny')")
    place.shop.run("ALTER TABLE shop.wide ALTER nick TYPE int USING 5; UPDATE shop.wide SET note = 'm' WHERE id = 1")
    assert place.round().undeclared == ("nick",)
    place.agrees()
    insert(place.shop, 5, 5)
    place.shop.run("ALTER TABLE shop.wide ALTER price TYPE text")

    with pytest.raises(DriftError, match="price"):
        place.load()
    assert len(place.silver()) == 4


def test_lag_is_told(place: Place) -> None:
    insert(place.shop, 1, 2)
    assert place.load().lag["lag_seconds"] < 60
    assert set(place.load().lag) == {"lag_bytes", "lag_seconds"}


def test_a_table_that_was_read_by_cursor_is_taken_over(place: Place) -> None:
    place.dataset = replace(wide, feed=source.table("wide"), deletes=Deletes.HARD)
    insert(place.shop, 1, 9)
    place.round()
    place.shop.run("DELETE FROM shop.wide WHERE id = 4; UPDATE shop.wide SET note = 'x' WHERE id = 5")
    place.dataset = wide

    assert place.round().deleted == 1

    place.agrees()


@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_first_load_that_is_killed_starts_over(place: Place, share: float, tmp_path: Path, database: str) -> None:
    with RIG.opened(Rigged(tmp_path, lambda: database)) as rig:
        settings = rig.settings(place.settings)
        rig.put([RigRow(f"T{n}", n, None, NOON) for n in range(5)])
        once = replace(settings, lake=str(tmp_path / "once"))
        steps = killed_round("postgres_changes", once, 0)
        killed_round("postgres_changes", settings, int(steps * share))
        rig.put([RigRow(f"T{n}", n + 100, "later", NOON) for n in range(3, 8)])

        killed_round("postgres_changes", settings, 0)

        silver = open_table(place.lake, RIG.DATASET.table("silver"))
        assert silver is not None
        found = silver.scan().select("id", "amount").sort("id").collect().rows()
        assert found == [(f"T{n}", n + 100 if n > 2 else n) for n in range(8)]
