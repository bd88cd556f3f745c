"""Laws of one table: what is committed is read, exactly once, at its version, for ever."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opetence_assets.lake.commits import CommitConflict, commit, stage, sweep
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.schemas import SchemaConflict
from opetence_assets.lake.tables import applied, commits, metadata_of, open_table, transactions_of
from opetence_assets_tests.lake.kills import finished
from opetence_assets_tests.lake.rows import KEY, appended, frame, ids, parquet, schema_of, staged
from opetence_assets_tests.lake.scenarios import append_many
from opetence_assets_tests.places import DISK, MEMORY

INTEGERS = st.integers(-(2**63), 2**63 - 1)
EVERY_TYPE = pl.DataFrame(
    {
        "int": [1, None],
        "small": pl.Series([1, -2], dtype=pl.Int16),
        "text": ["ä", None],
        "long": ["x" * 500, "y"],
        "bytes": [b"\x00" * 16, None],
        "flag": [True, None],
        "real": [float("nan"), 1.5],
        "money": pl.Series([Decimal("1.20"), Decimal("-3.45")], dtype=pl.Decimal(12, 2)),
        "wide": pl.Series([Decimal("123456789012345678.1"), None], dtype=pl.Decimal(38, 1)),
        "day": [date(1850, 1, 1), date(2026, 1, 1)],
        "at": pl.Series([datetime(2026, 1, 1, 1, 2, 3, 456789), None]).dt.replace_time_zone("UTC"),
        "local": [datetime(2026, 1, 1), None],
        "tags": [["a"], []],
        "nothing": pl.Series([None, None], dtype=pl.String),
    }
)


def test_every_type_comes_back_as_it_was(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, EVERY_TYPE)
    table = open_table(lake, KEY)
    assert table is not None
    assert table.scan().collect().equals(EVERY_TYPE)
    stats = table.files[0].stats
    assert stats["minValues"]["money"] == -3.45
    assert stats["maxValues"]["at"] == "2026-01-01T01:02:03.456789Z"
    assert stats["minValues"]["local"] == "2026-01-01T00:00:00.000000"
    assert stats["nullCount"]["nothing"] == 2
    assert {"real", "bytes", "wide", "nothing"}.isdisjoint(stats["minValues"])


def test_there_is_no_table_before_its_first_commit(lake: Lake) -> None:
    assert open_table(lake, KEY) is None
    assert applied(lake, KEY, "load") is None
    assert commits(lake, KEY) == []
    assert metadata_of(lake, KEY, 0) == {}


@settings(max_examples=12, deadline=None)
@given(changes=st.lists(st.tuples(st.lists(INTEGERS, max_size=3), st.integers(0, 2), st.booleans()), max_size=5))
def test_every_version_holds_exactly_what_was_added_and_not_removed(
    changes: list[tuple[list[int], int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = place_at(f"{folder}/lake")
        expected: list[list[int]] = []
        for number, (added, removals, retried) in enumerate(changes):
            table = open_table(lake, KEY)
            removed = list(table.files[:removals]) if table else []
            rows = frame(*added)
            for _ in range(2 if retried else 1):
                version = commit(
                    lake,
                    KEY,
                    schema=schema_of(rows),
                    add=[staged(lake, Path(folder), rows)],
                    remove=removed,
                    transactions={"load": number + 1},
                    metadata={"cursor": number},
                    base=number - 1 if not retried else None,
                )
            assert version == number
            before = (
                table.only({file.path for file in table.files} - {file.path for file in removed}) if table else None
            )
            kept = before.scan().select("id").collect()["id"].to_list() if before else []
            expected.append(sorted(kept + added))
        for number, wanted in enumerate(expected):
            assert ids(lake, version=number) == wanted
            assert metadata_of(lake, KEY, number) == {"cursor": number}
        assert [found.version for found in commits(lake, KEY, since=0)] == list(range(1, len(changes)))


def test_a_load_committed_twice_is_one_load(lake: Lake, tmp_path: Path) -> None:
    assert appended(lake, tmp_path, frame(1), transactions={"load": 7}) == 0
    file = staged(lake, tmp_path, frame(1))
    assert commit(lake, KEY, schema=schema_of(frame()), add=[file], transactions={"load": 7}) == 0
    assert ids(lake) == [1]
    assert applied(lake, KEY, "load") == 7
    assert not Path(lake.address(f"{KEY}/{file.path}")).exists()


def test_half_of_the_transactions_applied_is_a_conflict(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1), transactions={"file:a": 1})
    with pytest.raises(CommitConflict, match="1 of 2 transactions"):
        appended(lake, tmp_path, frame(2), transactions={"file:a": 1, "file:b": 1})
    assert ids(lake) == [1]


def test_a_commit_based_on_an_older_version_is_refused(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1), base=-1)
    appended(lake, tmp_path, frame(2), base=0)
    for base in (-1, 0):
        with pytest.raises(CommitConflict, match=f"found version 1, this commit is based on {base}"):
            appended(lake, tmp_path, frame(3), base=base)
    assert ids(lake) == [1, 2]


def test_a_file_is_removed_once(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1))
    table = open_table(lake, KEY)
    assert table is not None
    commit(lake, KEY, schema=table.schema, remove=table.files)
    with pytest.raises(CommitConflict, match="already removed"):
        commit(lake, KEY, schema=table.schema, remove=table.files)


def test_new_columns_and_their_rows_are_one_commit(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1))
    wider = frame(2, noted=datetime(2026, 1, 1))
    assert appended(lake, tmp_path, wider, base=0) == 1
    table = open_table(lake, KEY)
    assert table is not None
    assert table.scan().sort("id").collect()["noted"].to_list() == [None, datetime(2026, 1, 1)]
    assert appended(lake, tmp_path, frame(3)) == 2  # a column may be left out


def test_a_changed_type_is_refused(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1))
    with pytest.raises(SchemaConflict, match='column text as "integer"; allowed: "string"'):
        appended(lake, tmp_path, frame(2).with_columns(text=pl.lit(1)))
    with pytest.raises(SchemaConflict, match="a file with column text"):
        commit(lake, KEY, schema=schema_of(frame()), add=[staged(lake, tmp_path, frame(2).with_columns(text=1))])
    with pytest.raises(SchemaConflict, match="no such column"):
        commit(lake, KEY, schema=schema_of(frame()), add=[staged(lake, tmp_path, frame(2, more=1))])
    assert ids(lake) == [1]


@pytest.mark.parametrize("kind", [pa.uint8(), pa.timestamp("ns"), pa.timestamp("us", "Europe/Berlin"), pa.null()])
def test_a_type_that_would_come_back_as_another_is_refused(lake: Lake, kind: pa.DataType) -> None:
    with pytest.raises(SchemaConflict, match="found column odd"):
        commit(lake, KEY, schema=pa.schema([("odd", kind)]))


def test_partitions_are_the_files_own_columns(lake: Lake, tmp_path: Path) -> None:
    rows = frame(1, city="Köln / 50%")
    file = staged(lake, tmp_path, rows, city="Köln / 50%")
    commit(lake, KEY, schema=schema_of(rows), add=[file])
    table = open_table(lake, KEY)
    assert table is not None
    assert table.files[0].partition == {"city": "Köln / 50%"}
    assert table.scan().collect().equals(rows)
    with pytest.raises(SchemaConflict, match="partitioned by"):
        appended(lake, tmp_path, rows)
    with pytest.raises(SchemaConflict, match="without its partition column"):
        staged(lake, tmp_path, rows, town="Bonn")


def test_four_processes_append_at_once_and_nothing_is_lost(lake: Lake, tmp_path: Path) -> None:
    from opetence_assets_tests.lake.kills import PROCESSES

    processes = [PROCESSES.Process(target=append_many, args=(lake, tmp_path, 100 * n, 10)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert ids(lake) == sorted(100 * n + i for n in range(4) for i in range(10))
    assert [found.version for found in commits(lake, KEY)] == list(range(40))


def test_new_since_is_what_was_added(lake: Lake, tmp_path: Path) -> None:
    for one in range(3):
        appended(lake, tmp_path, frame(one))
    table = open_table(lake, KEY)
    assert table is not None
    assert sorted(table.new_since(0).scan().collect()["id"]) == [1, 2]
    assert table.new_since(2).scan().collect().equals(frame())
    assert table.new_since(None) is table


def test_transactions_survive_checkpoints(lake: Lake, tmp_path: Path) -> None:
    for one in range(25):
        appended(lake, tmp_path, frame(one), transactions={f"file:{one}": 1, "load": one})
    assert transactions_of(lake, KEY, 22) == {**{f"file:{n}": 1 for n in range(23)}, "load": 22}
    assert applied(lake, KEY, "file:3") == 1
    assert list(Path(lake.address(f"{KEY}/_delta_log")).glob("*.checkpoint.parquet"))


def test_a_sweep_takes_what_no_version_ever_had(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1))
    table = open_table(lake, KEY)
    assert table is not None
    commit(lake, KEY, schema=table.schema, remove=table.files)
    orphan = staged(lake, tmp_path, frame(2))
    assert sweep(lake, KEY, datetime.now(UTC) - timedelta(hours=1)) == []
    assert sweep(lake, KEY, datetime.now(UTC) + timedelta(seconds=1)) == [f"{KEY}/{orphan.path}"]
    assert ids(lake, version=0) == [1]
    assert ids(lake) == []


def test_a_file_from_another_file_system_is_taken_over(lake: Lake) -> None:
    elsewhere = DISK if Path(lake.uri).is_relative_to(MEMORY) else MEMORY
    if not elsewhere.is_dir() or MEMORY.stat().st_dev == DISK.stat().st_dev:
        pytest.skip("one file system only")
    file = parquet(elsewhere, frame(1))
    staged_file = stage(lake, KEY, file)
    commit(lake, KEY, schema=schema_of(frame()), add=[staged_file])
    assert ids(lake) == [1]
    assert not file.exists()


def test_a_scenario_of_its_own_process_ends_well(lake: Lake, tmp_path: Path) -> None:
    assert finished(append_many, lake, tmp_path, 0, 1)
    assert ids(lake) == [0]


def test_a_table_replaced_whole_may_be_redefined_and_old_versions_stay_as_they_were(lake: Lake, tmp_path: Path) -> None:
    appended(lake, tmp_path, frame(1, 2))
    before = open_table(lake, KEY)
    assert before is not None
    other = pl.DataFrame({"id": ["one", "two"]})
    files = [staged(lake, tmp_path, other)]

    with pytest.raises(SchemaConflict):
        commit(lake, KEY, schema=schema_of(other), add=files, redefine=True)  # a file of the old shape would remain
    commit(lake, KEY, schema=schema_of(other), add=files, remove=before.files, redefine=True)

    after, still = open_table(lake, KEY), open_table(lake, KEY, before.version)
    assert after is not None
    assert still is not None
    assert after.scan().collect().equals(other)
    assert still.scan().collect().equals(before.scan().collect())
