"""SQL over a release reads that release, and nothing else on the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from opetence_assets.lake.commits import commit
from opetence_assets.lake.places import Lake
from opetence_assets.lake.queries import QueryRefused, query
from opetence_assets.lake.releases import Release, publish
from opetence_assets_tests.lake.rows import KEY, appended, frame, schema_of, tree

GOLD, QUARANTINE, BRONZE = "gold/daily_revenue", "quarantine/shop/orders", "bronze/shop/orders"


@pytest.fixture
def release(lake: Lake, tmp_path: Path) -> Release:
    """Gold whose second file has a column more, an empty quarantine, and rows committed after the release."""
    versions = {KEY: appended(lake, tmp_path, frame(1, 2, 3)), BRONZE: appended(lake, tmp_path, frame(1), BRONZE)}
    appended(lake, tmp_path, frame(1), GOLD)
    versions[GOLD] = appended(lake, tmp_path, frame(2, more="x"), GOLD)
    versions[QUARANTINE] = commit(lake, QUARANTINE, schema=schema_of(frame()))
    made = publish(lake, versions)
    appended(lake, tmp_path, frame(99))
    return made


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) AS n, max(id) AS id FROM silver.shop.orders", [{"n": 3, "id": 3}]),
        ('SELECT id FROM "silver/shop/orders" WHERE id > 2;', [{"id": 3}]),
        ("SELECT id, more FROM gold.daily_revenue ORDER BY id", [{"id": 1, "more": None}, {"id": 2, "more": "x"}]),
        ("SELECT count(*) AS n FROM quarantine.shop.orders", [{"n": 0}]),
        (
            "WITH g AS (FROM gold.daily_revenue) SELECT o.id FROM silver.shop.orders o JOIN g USING (id) WHERE id=2",
            [{"id": 2}],
        ),
        ("SELECT 1 AS one", [{"one": 1}]),
    ],
)
def test_reads_the_released_rows(lake: Lake, release: Release, sql: str, rows: list[dict[str, object]]) -> None:
    assert query(lake, release, sql).to_pylist() == rows


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE gold.daily_revenue",
        "EXPLAIN SELECT * FROM gold.daily_revenue",
        "SUMMARIZE silver.shop.orders",
        "EXPLAIN ANALYZE SELECT * FROM gold.daily_revenue",
        "EXPLAIN (FORMAT json) FROM gold.daily_revenue",
    ],
)
def test_tells_about_tables(lake: Lake, release: Release, sql: str) -> None:
    assert query(lake, release, sql).num_rows


def test_lists_the_tables_of_people_only(lake: Lake, release: Release) -> None:
    shown = {(row["database"], row["name"]) for row in query(lake, release, "SHOW ALL TABLES").to_pylist()}
    assert {("gold", "daily_revenue"), ("silver", "orders"), ("quarantine", "orders")} <= shown
    assert not any("bronze" in str(row) for row in shown)


FILE = "'{file}'"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT 1; SELECT 2", "found 2 statements"),
        ("", "found 0 statements"),
        ("COPY (SELECT 1) TO '/tmp/stolen.csv'", "found a COPY statement"),
        (f"COPY (SELECT 1) TO {FILE} (USE_TMP_FILE false)", "found a COPY statement"),
        (f"EXPLAIN ANALYZE COPY (SELECT 1) TO {FILE} (USE_TMP_FILE false)", "found a COPY statement"),
        ("EXPLAIN ANALYZE CREATE TABLE t (i int)", "found a CREATE statement"),
        ("ATTACH '/tmp/other.duckdb'", "found a ATTACH statement"),
        ("SET enable_external_access = true", "found a SET statement"),
        ("RESET lock_configuration", "found"),
        ("PRAGMA database_list", "found a PRAGMA statement"),
        ("INSTALL httpfs", "found a LOAD statement"),
        ("CREATE TABLE t AS SELECT 1", "found a CREATE statement"),
        ("DROP VIEW gold.daily_revenue", "found a DROP statement"),
        ("DELETE FROM silver.shop.orders", "found a DELETE statement"),
        ("WITH x AS (INSERT INTO silver.shop.orders VALUES (9, '9') RETURNING *) FROM x", "Error"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Permission Error"),
        ("SELECT * FROM read_text('/etc/passwd')", "Permission Error"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM glob('/etc/*')", "Permission Error"),
        ("SELECT * FROM read_blob('/proc/self/environ')", "Permission Error"),
        ("SELECT * FROM read_parquet('{bronze}')", "Permission Error"),
        ("SELECT getenv('HOME')", "does not exist"),
        ("SELECT * FROM lake", "does not exist"),
        ("SELECT * FROM bronze.shop.orders", "Tables of release 1: gold.daily_revenue, quarantine.shop.orders"),
        ("SELEC 1", "syntax error"),
    ],
)
def test_refuses_the_rest(lake: Lake, release: Release, sql: str, why: str) -> None:
    before = tree(Path(lake.uri))
    file = next(path for path in before if path.startswith(KEY) and path.endswith(".parquet"))
    bronze = next(path for path in before if path.startswith(BRONZE) and path.endswith(".parquet"))
    written = sql.replace("{file}", lake.address(file)).replace("{bronze}", lake.address(bronze))
    with pytest.raises(QueryRefused, match=why):
        query(lake, release, written)
    assert tree(Path(lake.uri)) == before
    assert not Path("/tmp/stolen.csv").exists()
