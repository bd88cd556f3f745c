from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from adbc_driver_manager import ProgrammingError
from adbc_driver_postgresql import dbapi

from opetence_assets_tests.sandbox.conftest import SCALE, UNTIL
from opetence_assets_tests.sandbox.database import as_text, ask, checksums, order, stored, told, wipe
from sandbox import SandboxError, seed, up
from sandbox import told as held
from sandbox.load import all_tables
from sandbox.story import Story
from sandbox.table import Table

HANGS = """
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from sandbox import seed

def hang(what, done, size):
    if what == "order_service.order_items":
        print("half", flush=True)
        sys.stdin.read()

seed(Path(sys.argv[1]), 0.01, seed=7, until=date(2025, 6, 1), progress=hang)
"""


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_the_database_holds_the_story(home: Path, story: Story, table: Table) -> None:
    expected = told(story, table)
    assert stored(home, table, expected).equals(as_text(expected))


def test_sums_agree_in_postgresql_too(home: Path, story: Story) -> None:
    wrong = """SELECT o.order_id FROM order_service.orders o LEFT JOIN order_service.order_items i USING (order_id)
        GROUP BY o.order_id HAVING o.total IS DISTINCT FROM sum(i.quantity * i.unit_price - i.discount)"""
    assert ask(home, wrong) == []


def test_the_same_seed_tells_the_same(home: Path, story: Story) -> None:
    before = checksums(home)
    assert seed(home, SCALE, seed=7) == story == held(home)  # no-op: the stored day holds
    assert checksums(home) == before
    wipe(home)
    seed(home, SCALE, seed=7, until=UNTIL)
    assert checksums(home) == before


def test_another_seed_tells_another_story(story: Story) -> None:
    other = replace(story, seed=8)
    same = [table.name for table in all_tables() if told(other, table).equals(told(story, table))]
    assert same == []


def test_another_story_is_refused(home: Path, story: Story) -> None:
    before = checksums(home)
    for other in ({"scale": 0.5}, {"seed": 8}, {"until": UNTIL + timedelta(days=1)}):
        with pytest.raises(SandboxError, match=r"tells seed 7 at scale 0\.02 until 2025-06-01.*Next:"):
            seed(home, **{"scale": SCALE, "seed": 7, **other})
    assert checksums(home) == before


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), 1001])
def test_impossible_scales_are_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(SandboxError, match="scale"):
        seed(tmp_path, scale)
    assert list(tmp_path.iterdir()) == []


def test_a_story_of_the_future_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="in the future"):
        seed(tmp_path, until=date(2999, 1, 1))
    assert list(tmp_path.iterdir()) == []


def test_every_table_has_its_key_its_cursors_index_and_its_trigger(home: Path, story: Story) -> None:
    keys = dict(
        ask(home, "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p'")
    )
    indexed = set(ask(home, "SELECT schemaname || '.' || tablename, indexdef FROM pg_indexes"))
    triggered = {name for (name,) in ask(home, "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'touch'")}
    for table in all_tables():
        assert keys.get(table.name, "PRIMARY KEY ()") == f"PRIMARY KEY ({', '.join(table.key)})"
        assert any(name == table.name and f"({table.cursor})" in index for name, index in indexed)
        assert (table.name in triggered) == (table.cursor == "updated_at")


def test_an_update_is_stamped_unless_it_stamps_itself(home: Path, story: Story) -> None:
    stamp = "SELECT updated_at FROM user_service.users WHERE user_id = 1"
    ((original,),) = ask(home, stamp)
    order(home, "UPDATE user_service.users SET segment = 'vip' WHERE user_id = 1")
    ((touched,),) = ask(home, stamp)
    assert datetime.now(touched.tzinfo) - touched < timedelta(minutes=5)
    order(home, f"UPDATE user_service.users SET updated_at = '{original}' WHERE user_id = 1")
    assert ask(home, stamp) == [(original,)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE user_service.users SET segment = 'vip'",
        "DELETE FROM order_service.orders",
        "INSERT INTO user_service.consents VALUES (1, 1, 'analytics', true, now())",
        "TRUNCATE product_service.prices",
        "DROP TABLE order_service.orders",
        "CREATE TABLE order_service.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "SELECT * FROM sandbox.story",
        "SET ROLE shop",
        "COPY user_service.users TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
def test_the_reader_can_only_read(home: Path, story: Story, statement: str) -> None:
    """Even after switching its read-only default off."""
    with dbapi.connect(up(home).reader_uri) as connection, connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        connection.commit()
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            cursor.execute(statement)
        connection.rollback()


def test_the_reader_is_read_only_by_default_and_limited_in_time(home: Path, story: Story) -> None:
    with dbapi.connect(up(home).reader_uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only'), current_setting('statement_timeout')")
        assert cursor.fetchone() == ("on", "30min")


def test_the_reader_sees_tables_that_come_later(home: Path, story: Story) -> None:
    order(home, "CREATE TABLE user_service.later (x int)")
    with dbapi.connect(up(home).reader_uri) as connection, connection.cursor() as cursor:
        for table in [*(table.name for table in all_tables()), "user_service.later"]:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() is not None
    order(home, "DROP TABLE user_service.later")


def test_a_killed_seed_leaves_nothing_and_is_done_again(home: Path) -> None:
    wipe(home)
    command = [sys.executable, "-W", "error", "-c", HANGS, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        assert held(home) is None
        child.kill()
    half = seed(home, 0.01, seed=7, until=UNTIL)
    assert ask(home, "SELECT ticks FROM sandbox.story") == [(0,)]
    assert ask(home, "SELECT count(*) FROM order_service.orders")[0][0] == len(told(half, _table("orders")))


def _table(name: str) -> Table:
    return next(table for table in all_tables() if table.name.endswith(f".{name}"))
