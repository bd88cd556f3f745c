"""What each column of a SELECT is made from, by sqlglot's scopes; where it cannot tell, everything in reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, traverse_scope

from opetence_assets.lineage.graph import Column, Origin

Schema = Mapping[str, Mapping[str, Mapping[str, str]]]  # schema → table → column → type

# Their result tells one bit or a number of a value, not the value.
DECIDES = (
    *(exp.Predicate, exp.And, exp.Or, exp.Not, exp.Count, exp.CountIf, exp.ApproxDistinct, exp.RowNumber),
    *(exp.Order, exp.LogicalOr, exp.LogicalAnd, exp.StartsWith, exp.EndsWith),
)
# Values are moved, chosen among or reckoned with, and stay what they are.
KEEPS = (
    *(exp.Alias, exp.Paren, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Cast, exp.TryCast, exp.DataType),
    *(exp.Min, exp.Max, exp.AnyValue, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.ArgMax, exp.ArgMin),
    *(exp.Lag, exp.Lead, exp.NthValue, exp.Greatest, exp.Least, exp.Window, exp.Filter, exp.Tuple, exp.IgnoreNulls),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv, exp.Neg, exp.Round, exp.Floor, exp.Ceil, exp.Abs),
    *(exp.Sum, exp.Avg, exp.Median, exp.Stddev, exp.AtTimeZone, exp.DateDiff, exp.Interval, exp.Distinct, exp.Having),
)
# Of these, only the first argument's values go on; the others decide.
FIRST_ONLY = (exp.Filter, exp.Window, exp.ArgMax, exp.ArgMin, exp.Nullif, exp.Having)
RECODED = ("BLOB", "BINARY", "VARBINARY", "BIT", "JSON", "VARCHAR", "TEXT", "STRUCT")


class Unreadable(Exception):
    """A statement whose columns cannot be told; says why."""


@dataclass(frozen=True)
class Statement:
    """What a SELECT says.

    Attributes:
        columns: its columns in order → what they are made from.
        decides: the columns of tables that its filters, joins, groups and orders look at.
    """

    columns: Mapping[str, tuple[Origin, ...]]
    decides: tuple[Column, ...]


@dataclass(frozen=True)
class _Reader:
    schema: Schema
    known: dict[tuple[int, str], frozenset[Origin]] = field(default_factory=dict[tuple[int, str], frozenset[Origin]])


def read_statement(sql: str, schema: Schema) -> Statement:
    """One SELECT of DuckDB's dialect over the tables of ``schema``.

    Raises:
        Unreadable: it is no single SELECT, or names a table or column that ``schema`` has not.
    """
    try:
        parsed = parse_one(sql, dialect="duckdb")
        _refuse(parsed, schema)
        # Without the places in the text: an error of the optimizer would quote it, literals and all.
        tree = qualify(parsed, dialect="duckdb", schema=dict(schema), quote_identifiers=False, identify=False)
    except SqlglotError as error:
        raise Unreadable(str(error).splitlines()[0]) from error
    reader, root = _Reader(schema), build_scope(tree)
    if root is None:
        raise Unreadable("it is no SELECT")
    columns = {name: tuple(sorted(_column(reader, root, name))) for name in _names(root)}
    named = {origin.column for scope in traverse_scope(tree) for origin in _deciding(reader, scope)}
    decides = (column for column in named if column.table.split("/")[0] in ("silver", "gold"))
    return Statement(columns, tuple(sorted(decides)))


def _refuse(parsed: Any, schema: Schema) -> None:
    """What no scope can follow: another kind of statement, a function that reads files, a pivot."""
    if not isinstance(parsed, exp.Query):
        raise Unreadable(f"it is {parsed.key}, not one SELECT")
    if found := next(parsed.find_all(exp.Pivot), None):
        raise Unreadable(f"{found.key} makes columns of values")
    ctes = {cte.alias for cte in parsed.find_all(exp.CTE)}
    for table in parsed.find_all(exp.Table):
        named = isinstance(table.this, exp.Identifier)
        if not (named and (table.name in schema.get(table.db, {}) or (not table.db and table.name in ctes))):
            raise Unreadable(
                f"it reads {table.sql('duckdb') if named else table.this.key}, no declared source or model"
            )


def _table(source: exp.Table) -> str:
    """``silver_order_service.orders`` → ``silver/order_service/orders``; released gold is gold."""
    if source.db.startswith("silver_"):
        return f"silver/{source.db.removeprefix('silver_')}/{source.name}"
    return f"{'gold' if source.db in ('gold', 'released') else source.db}/{source.name}"


def _names(scope: Scope) -> list[str]:
    """The output columns of a scope, in their order."""
    if isinstance(scope.expression, exp.SetOperation):
        sides = [_names(side) for side in scope.set_operation_scopes]
        return list(dict.fromkeys(name for side in sides for name in side)) if _by_name(scope) else sides[0]
    return list(scope.expression.named_selects)  # pyright: ignore[reportAttributeAccessIssue] - of every query


def _by_name(scope: Scope) -> bool:
    return bool(scope.expression.args.get("by_name"))


def _source(scope: Scope | None, alias: str) -> Any:
    """What an alias stands for, here or in the query around."""
    while scope is not None:
        if alias in scope.sources:
            return scope.sources[alias]
        scope = scope.parent
    return None


def _column(reader: _Reader, scope: Scope, name: str) -> frozenset[Origin]:
    """What one output column of a scope is made from."""
    key = (id(scope), name)
    if key not in reader.known:
        reader.known[key] = frozenset()  # a recursive query meets itself
        reader.known[key] = _made(reader, scope, name)
    return reader.known[key]


def _made(reader: _Reader, scope: Scope, name: str) -> frozenset[Origin]:
    expression = scope.expression
    if isinstance(expression, exp.SetOperation):
        place = _names(scope).index(name)
        found: set[Origin] = set()
        for side in scope.set_operation_scopes:
            names = _names(side)
            same = name if _by_name(scope) else names[place]
            found |= _column(reader, side, same) if same in names else set[Origin]()
        return frozenset(found)
    if isinstance(expression, exp.Select):
        chosen = [select for select in expression.selects if select.alias_or_name == name]
        # In a recursive query, an alias list renames what the first SELECT gives.
        return frozenset(origin for select in chosen for origin in _flow(reader, scope, select))
    return frozenset(_by(origin, expression.key) for origin in _flow(reader, scope.parent or scope, expression))


def _flow(reader: _Reader, scope: Scope, node: Any) -> Iterator[Origin]:
    """The origins of an expression's value."""
    if isinstance(node, exp.Column):
        yield from _of_column(reader, scope, node)
    elif isinstance(node, exp.Star | exp.Columns | exp.TableColumn):
        if not isinstance(node.parent, exp.Count):
            yield from _everything(reader, scope, node.key)
    elif isinstance(node, exp.Query | exp.Subquery):
        yield from _of_subquery(reader, scope, node.unnest())
    else:
        yield from _of_expression(reader, scope, node)


def _of_subquery(reader: _Reader, scope: Scope, inner: Any) -> Iterator[Origin]:
    below = next((one for one in scope.subquery_scopes if one.expression is inner), None)
    if below is not None:
        for name in _names(below):
            yield from _column(reader, below, name)
        return
    # Inside a lateral: no scope of its own, so whatever is in reach may come out of it.
    yield from _everything(reader, scope, "lateral")
    for table in inner.find_all(exp.Table):
        for name in reader.schema.get(table.db, {}).get(table.name, {}):
            yield Origin(Column(_table(table), name), by=("lateral",))


def _of_expression(reader: _Reader, scope: Scope, node: Any) -> Iterator[Origin]:
    first = node.args.get("this")
    for child in node.iter_expressions():
        decides = isinstance(node, DECIDES) or (isinstance(node, FIRST_ONLY) and child is not first)
        decides = (
            decides or (isinstance(node, exp.If) and child is first) or (isinstance(node, exp.Case) and child is first)
        )
        for origin in _flow(reader, scope, child):
            if decides:
                yield replace(origin, carried=False, by=())
            elif isinstance(node, KEEPS) and not _recodes(node):
                yield origin
            else:
                yield _by(origin, _name(node))


def _of_column(reader: _Reader, scope: Scope, node: exp.Column) -> Iterator[Origin]:
    source = _source(scope, node.table)
    if isinstance(source, exp.Table):
        yield Origin(Column(_table(source), node.name))
    elif isinstance(source, Scope) and isinstance(source.expression, exp.Query):
        yield from _column(reader, source, node.name)
    elif isinstance(source, Scope):  # a lateral, an unnest: whatever goes in may come out
        yield from (_by(origin, source.expression.key) for origin in _flow(reader, scope, source.expression))
    else:
        yield from _everything(reader, scope, "unknown")


def _everything(reader: _Reader, scope: Scope, by: str) -> Iterator[Origin]:
    """Every column of every table in reach, packed together."""
    for source in scope.sources.values():
        if isinstance(source, exp.Table):
            names = reader.schema.get(source.db, {}).get(source.name, {})
            yield from (Origin(Column(_table(source), name), by=(by,)) for name in names)
        elif isinstance(source.expression, exp.Query):
            for name in _names(source):
                yield from (_by(origin, by) for origin in _column(reader, source, name))


def _deciding(reader: _Reader, scope: Scope) -> Iterator[Origin]:
    """What a scope's filters, joins, groups and orders look at."""
    for column in scope.columns:
        place: Any = column
        while place.parent is not None and place.parent is not scope.expression:
            place = place.parent
        if place.arg_key != "expressions":
            yield from _of_column(reader, scope, column)


def _by(origin: Origin, name: str) -> Origin:
    """The origin, once more treated; what is treated a hundred times in a recursion is told once."""
    return origin if not origin.carried or name in origin.by else replace(origin, by=(*origin.by, name))


def _recodes(node: Any) -> bool:
    """Whether a cast writes the value in another code, where no rule and no scan knows it any more."""
    return isinstance(node, exp.Cast | exp.TryCast) and node.to.this.name in RECODED


def _name(node: Any) -> str:
    return str(node.name if isinstance(node, exp.Anonymous) else node.key).lower()
