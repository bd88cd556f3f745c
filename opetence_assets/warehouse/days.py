"""What gold's completeness tests counted: the rows of each business day in a model and in what it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COMPLETE = "complete"  # dbt/tests/generic/complete.sql
COUNTED = {"table": pl.String, "source": pl.String, "day": pl.Date, "gold_rows": pl.Int64, "silver_rows": pl.Int64}
SAID = 3  # days told in full


def compared_by_day(content: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Of the manifest's tests by day: the gold table, the silver table it is compared with (lake keys), its owner."""
    nodes: Mapping[str, Any] = content["nodes"]
    tests = [node for node in nodes.values() if node["resource_type"] == "test" and _is_by_day(node)]
    found = {_pair(node["attached_node"], node["depends_on"]["nodes"]): node["attached_node"] for node in tests}
    return tuple((*pair, nodes[model]["config"]["meta"]["owner"]) for pair, model in sorted(found.items()))


def rows_by_day(con: DuckDBPyConnection, results: Iterable[Any]) -> pl.DataFrame:
    """``COUNTED``, of every test by day that ran, whether it passed or not; a row without a day is of no day."""
    frames = [pl.DataFrame(schema=COUNTED)]
    for result in results:
        node = result.node
        if node.resource_type != "test" or str(result.status) not in ("pass", "warn", "fail"):
            continue
        if _is_by_day({"test_metadata": node.test_metadata and node.test_metadata.to_dict()}):
            table, source = _pair(node.attached_node, node.depends_on.nodes)
            asked = f"select day, rows_here, rows_there from {node.relation_name} where day is not null"  # noqa: S608
            rows = con.execute(asked).fetchall()
            told = [(table, source, day, int(here), int(there)) for day, here, there in rows]
            frames.append(pl.DataFrame(told, schema=COUNTED, orient="row"))
    return pl.concat(frames).sort("table", "source", "day")


def differing_days(con: DuckDBPyConnection, relation: str) -> str:
    """The days that a failed test found, with the rows of both sides."""
    asked = f"select day, rows_here, rows_there from {relation} where differs order by day"  # noqa: S608 - dbt's name
    days = con.execute(asked).fetchall()
    told = [f"{day or 'all'}: {_said(int(here), int(there))}" for day, here, there in days[:SAID]]
    more = [f"and {len(days) - SAID} more days"] if len(days) > SAID else []
    return "; ".join([*told, *more])


def _said(here: int, there: int) -> str:
    if here == there:
        return f"{here:,} rows as in its source, but other sums"
    return f"{here:,} rows where its source has {there:,}"


def _is_by_day(node: Mapping[str, Any]) -> bool:
    asked = node.get("test_metadata") or {}
    return asked.get("name") == COMPLETE and bool(asked["kwargs"].get("day"))


def _pair(model: str, parents: Iterable[str]) -> tuple[str, str]:
    """The model's lake key and that of what it is compared with."""
    source = next(parent for parent in parents if parent != model)
    return _key(model), _key(source)


def _key(node: str) -> str:
    kind, _, *name = node.split(".")
    return "/".join(["silver" if kind == "source" else "gold", *name])
