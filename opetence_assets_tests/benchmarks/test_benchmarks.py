"""Every benchmark runs at the smallest size and says contender, limit and ratio; how fast it was is never asserted."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from adbc_driver_postgresql import dbapi

from benchmarks.claims import Claim, Row
from benchmarks.measure import Contender, run_once
from benchmarks.place import Place, place
from benchmarks.results import shown, write
from benchmarks.sizes import SIZES
from opetence_assets_tests.forks import CONTENDER, Forks, forks
from opetence_assets_tests.places import short

QUICK = (
    "extract",
    "incremental",
    "changes",
    "streams",
    "gentle",
    "silver",
    "checks",
    "personal",
    "backups",
    "recovery",
)
FORGET = (
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots",
    "DROP PUBLICATION IF EXISTS benchmark",
    "DROP SCHEMA IF EXISTS benchmark CASCADE",
    "DROP TABLE IF EXISTS pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers",
)
HEAVY = (  # for what competes
    "adbc_driver_postgresql.dbapi",
    "benchmarks.tables",
    "dlt.destinations.impl.filesystem.filesystem",
    "dlt.sources.sql_database",
    "opetence_assets.ingestion.bronze",
    "opetence_assets.refinement.silver",
    "pyarrow.dataset",
    "pyarrow.parquet",
)
NEW = "silver"  # whose contenders are new interpreters, as all are when it counts how fast they are
# "gold" and "step" want a company that the whole path was taken for: they are in test_whole_path.


@pytest.fixture(scope="module")
def forked() -> Iterator[Forks]:
    with forks(HEAVY) as server:
        yield server


@pytest.fixture(scope="module")
def company() -> Iterator[Place]:
    """One server and one company for all claims: to start them costs more than a claim of this size."""
    with place(Path(short())) as found:
        yield found


@pytest.fixture
def where(company: Place) -> Iterator[Place]:
    """A home as new, and nothing in the server of what another claim has put there."""
    with TemporaryDirectory(prefix="bench", dir=short(), ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)  # a restored copy's owner passes through
        shutil.copyfile(company.home / "local.env", home / "local.env")
        (home / "scratch").mkdir()
        yield Place(home, company.server)
    with dbapi.connect(company.server.admin_uri, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in FORGET:
            cursor.execute(statement)


def measured(name: str, where: Place) -> Claim:
    return importlib.import_module(f"benchmarks.{name}").claim(where, SIZES["tiny"])


@pytest.mark.parametrize("name", QUICK)
def test_a_claim_has_rows_with_limit_and_ratio(
    name: str, where: Place, forked: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != NEW:
        monkeypatch.setattr("benchmarks.measure.in_a_process", lambda *arguments: forked.run(CONTENDER, arguments))
    claim = measured(name, where)
    assert claim.rows
    for row in claim.rows:
        assert row.contender != row.limit
        assert row.value > 0
        assert row.ratio == row.value / row.limit_value
    assert shown(claim).row_count == len(claim.rows)


def test_a_section_is_replaced_and_what_people_wrote_stays(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    row = Row("we", 2.0, "limit", 1.0, 1.5)
    write("first", Claim("First", [row]), "command", file)
    file.write_text(f"{file.read_text()}\nA person's remark.\n")
    write("second", Claim("Second", [row]), "command", file)
    write("first", Claim("First again", [row]), "command", file)
    text = file.read_text()
    assert "## First again" in text
    assert "## First\n" not in text
    assert "A person's remark." in text
    assert text.index("## First again") < text.index("## Second")
    assert "MISSED (≤ 1.5)" in text


def test_a_contender_that_fails_is_named_with_its_error() -> None:
    with pytest.raises(RuntimeError, match=r"nobody failed:[\s\S]*no_such_function"):
        run_once(Contender("nobody", "benchmarks.extract", "no_such_function", {}))
