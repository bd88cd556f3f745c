"""Change capture: a writer that never rests, before, during and after the snapshot; silver is the source, in time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandera.polars as pa
import polars as pl

from benchmarks.claims import Claim, Row
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size
from benchmarks.tables import benchmark
from opetence_assets.dataset import Dataset, Deletes, Money

NAME, PROMISED = "change → silver, slowest", 5.0  # seconds
STEP = 500  # changes a transaction, at most
REST = 0.03  # seconds between them, so that they outlast the snapshot
STEADY = 60  # transactions whose way to silver is watched, one a quarter of a second


class Thing(pa.DataFrameModel):
    thing_id: pl.Int64
    note: pl.String = pa.Field(nullable=True)
    price: Money = pa.Field(nullable=True)


things = Dataset(
    feed=benchmark.changes("things", slot="benchmark_things", publication="benchmark"),
    key=("thing_id",),
    schema=Thing,
    deletes=Deletes.TOLD,
    owner="team:platform",
)
TABLE = (
    "CREATE SCHEMA IF NOT EXISTS benchmark",
    "DROP TABLE IF EXISTS benchmark.things",
    "CREATE TABLE benchmark.things (thing_id bigint PRIMARY KEY, note text, price numeric(12,2))",
    "INSERT INTO benchmark.things SELECT n, 'note ' || n, n / 7.0 FROM generate_series(1, {rows}) n",
    "GRANT USAGE ON SCHEMA benchmark TO opetence_reader",
    "GRANT SELECT ON benchmark.things TO opetence_reader",
    "DROP PUBLICATION IF EXISTS benchmark",
    "CREATE PUBLICATION benchmark FOR TABLE benchmark.things",
)


@dataclass(frozen=True)
class Outcome:
    """What a race of writer and loads came to."""

    changes: int
    during: int  # of them while the first load ran
    loads: int
    seconds: float
    lags: list[float]  # seconds from a commit at the source to silver, in the steady state
    wrong: int  # rows that differ in the end


def claim(place: Place, size: Size) -> Claim:
    done = race(place, rows=size.medium // 5, changes=max(5_000, size.medium // 10))
    assert done.wrong == 0, f"{done.wrong:,} rows differ"
    lags = sorted(done.lags)
    row = Row(NAME, lags[-1], "promise", PROMISED, 1.0, unit="s (wall)")
    notes = [
        f"{done.changes:,} inserts, updates, changed keys and deletions, {done.during:,} of them while the snapshot was"
        f" read, through {done.loads} loads and refinements in {done.seconds:.0f} s: silver is the source row for row.",
        f"Then {len(lags)} transactions, one every 0.25 s, each from its commit to silver's: median"
        f" {lags[len(lags) // 2]:.1f} s, slowest {lags[-1]:.1f} s (loads one after another; wall-clock).",
    ]
    return Claim(f"Change capture: {done.changes:,} changes while a snapshot runs", [row], notes)


def race(place: Place, *, rows: int, changes: int) -> Outcome:
    """A table of ``rows``, a process that makes ``changes`` of it without a pause, and loads beside it to its end."""
    from opetence_assets.lake.places import lake_at
    from opetence_assets_tests.kills import context

    _execute(place.server.owner_uri, *(statement.format(rows=rows) for statement in TABLE))
    settings = settings_of(place.home)
    lake, apart = lake_at(settings), context()
    made, begun = apart.Value("i", 0), apart.Event()
    writer = apart.Process(target=write, args=(place.server.owner_uri, rows, changes, made, begun))
    writer.start()
    begun.wait()
    started = time.perf_counter()
    before = made.value
    _round(lake, settings)
    during, loads = made.value - before, 1
    while writer.is_alive() or loads == 1:
        _round(lake, settings)
        loads += 1
    writer.join()
    assert writer.exitcode == 0
    _round(lake, settings)
    seconds = time.perf_counter() - started
    lags = _steady(place, lake, settings, min(STEADY, max(4, changes // 1000)))
    return Outcome(made.value, during, loads + 1, seconds, lags, _wrong(place, lake))


def write(uri: str, rows: int, changes: int, made: Any, begun: Any) -> None:
    """Mixed changes, a transaction after another: the same keys again and again, keys that move, that come back."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        number = 0
        while made.value < changes:
            number += 1
            for statement in _statements(number, rows):
                cursor.execute(statement)
                made.value += max(0, cursor.rowcount)
            connection.commit()
            begun.set()
            time.sleep(REST)


def _statements(number: int, rows: int) -> list[str]:
    some, low = STEP // 5, number * 131 % max(1, rows - STEP)
    fresh = rows + number * STEP
    return [
        f"UPDATE benchmark.things SET note = 'step {number}', price = price + 1"
        f" WHERE thing_id BETWEEN {low} AND {low + some}",
        f"INSERT INTO benchmark.things SELECT n, 'new', {number} FROM generate_series({fresh}, {fresh + some}) n",
        f"DELETE FROM benchmark.things WHERE thing_id BETWEEN {low + some} AND {low + some + some // 2}",
        f"UPDATE benchmark.things SET thing_id = -thing_id WHERE thing_id BETWEEN {fresh} AND {fresh + some // 4}",
        f"INSERT INTO benchmark.things SELECT n, 'back', 0 FROM generate_series({low + some}, {low + some + 9}) n"
        " ON CONFLICT (thing_id) DO UPDATE SET note = 'back again'",
    ]


def trickle(uri: str, transactions: int, times: Any) -> None:
    """One row every quarter of a second, and when each was committed."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        for number in range(transactions):
            cursor.execute(f"INSERT INTO benchmark.things VALUES ({10**9 + number}, 'steady', 1)")
            connection.commit()
            times.put((10**9 + number, time.time()))
            time.sleep(0.25)


def _steady(place: Place, lake: Any, settings: Any, transactions: int) -> list[float]:
    from opetence_assets_tests.kills import context

    apart = context()
    times = apart.Queue()
    writer = apart.Process(target=trickle, args=(place.server.owner_uri, transactions, times))
    writer.start()
    committed: dict[int, float] = {}
    arrived: dict[int, float] = {}
    while len(arrived) < transactions:
        _round(lake, settings)
        now, held = time.time(), _silver(lake)
        arrived |= {key: now for key in held.filter(pl.col("thing_id") >= 10**9)["thing_id"] if key not in arrived}
        while not times.empty():
            committed |= dict([times.get()])
    writer.join()
    while len(committed) < transactions:
        committed |= dict([times.get()])
    return [arrived[key] - committed[key] for key in committed]


def _round(lake: Any, settings: Any) -> Mapping[str, float]:
    from opetence_assets.ingestion.bronze import load
    from opetence_assets.refinement.silver import refine

    done = load(things, lake, settings)
    refine(things, lake, settings.scratch)
    return done.lag


def _silver(lake: Any) -> pl.DataFrame:
    from opetence_assets.lake.tables import open_table

    table = open_table(lake, things.table("silver"))
    assert table is not None
    return table.scan().select("thing_id", "note", pl.col("price").cast(pl.String)).collect()


def _wrong(place: Place, lake: Any) -> int:
    """Rows of either side that the other has not."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(place.server.owner_uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT thing_id, note, price::text AS price FROM benchmark.things")
        source = pl.DataFrame(cursor.fetch_arrow_table())
    silver = _silver(lake)
    names = source.columns
    apart = [a.join(b, on=names, how="anti", nulls_equal=True) for a, b in ((source, silver), (silver, source))]
    return sum(map(len, apart)) + abs(len(source) - len(silver))


def _execute(uri: str, *statements: str) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
