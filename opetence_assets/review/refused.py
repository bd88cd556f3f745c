"""Real rows under rules that are not deployed yet: how many of what landed, and of what readers have, break them.

Nothing is written and no value is kept: only counts, and the days that rows are of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from opetence_assets.contract.rules import Rule
from opetence_assets.contract.severity import allowed_rows, grade_of
from opetence_assets.dataset import Dataset, Grade, Severity
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, open_table
from opetence_assets.refinement.judgement import ROW
from opetence_assets.refinement.quarantine import DUPLICATE, REASON
from opetence_assets.refinement.shape import rules_of, silver_types, with_new_columns
from opetence_assets.review.description import Description

SEALED_AWAY = "the original is sealed: only rows that land from now on are judged"


@dataclass(frozen=True)
class Refused:
    """One rule (or filter) that is not as deployed, and the rows it is about.

    Attributes:
        landed: rows of bronze, every state that ever landed, which refining again judges.
        breaking: those of them that break the rule (of a filter: that it leaves out); None where ``note`` says why not.
        known: those of them that are in quarantine already.
        current: rows of silver that break it. While there is one of a rule that refuses, no new version is released.
        days: first and last day of these, and how many, where silver is laid out by a day.
        does: what becomes of such rows.
    """

    dataset: str
    rule: str
    does: str
    landed: int = 0
    breaking: int | None = None
    known: int = 0
    current: int | None = None
    days: tuple[date, date, int] | None = None
    note: str = ""

    @property
    def matters(self) -> bool:
        return bool(self.breaking or self.current or self.note)


def refused_rows(before: Description, after: Description, datasets: Sequence[Dataset], lake: Lake) -> list[Refused]:
    """What real data says to every rule and filter that is new or another; one scan a dataset and zone.

    Args:
        datasets: the declarations that ``after`` describes.
    """
    found: list[Refused] = []
    for dataset in datasets:
        old, new = before["datasets"].get(dataset.name), after["datasets"].get(dataset.name)
        bronze = open_table(lake, dataset.table("bronze"))
        if old and new and bronze:
            asked, filters = asked_of(dataset, old, new), tuple(_other(old["filters"], new["filters"]))
            others = set(_other(old["judges"], new["judges"]))
            found += _judged(dataset, lake, bronze, asked, filters, others) if asked or filters else []
    return found


def asked_of(dataset: Dataset, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules that may now judge a landed row otherwise: all of them, where tidied rows are not what they were."""
    rows_differ = old["tidy"]["source"] != new["tidy"]["source"] or old["table"] != new["table"]
    changed = set(_other(old["judges"], new["judges"])) | {
        rule.name for rule in rules_of(dataset) for name in rule.names if _was_warned(old, new, name)
    }
    if old["filters"] != new["filters"] and not rows_differ and not changed:
        return rules_of(dataset)
    return tuple(rule for rule in rules_of(dataset) if rows_differ or rule.name in changed)


def _was_warned(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    grades = [side["grades"].get(name, {}).get("severity") for side in (old, new)]
    return grades[0] == "warn" and grades[1] not in (None, "warn")


def _other(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    return (name for name, said in new.items() if old.get(name) != said)


def _judged(
    dataset: Dataset,
    lake: Lake,
    bronze: Table,
    asked: tuple[Rule, ...],
    filters: tuple[str, ...],
    others: Collection[str],
) -> Iterator[Refused]:
    sealed = [rule for rule in asked if rule.parts and rule.name in others]
    yield from (
        Refused(dataset.name, rule.name, _does(dataset, rule, bronze.rows), note=SEALED_AWAY) for rule in sealed
    )
    rules = [rule for rule in asked if not rule.parts]
    raw = with_new_columns(dataset, bronze.scan()).with_row_index(ROW)
    live = raw.filter(~pl.col("_deleted")) if "_deleted" in raw.collect_schema().names() else raw
    try:
        tidied = dataset.tidy(live)
        if wrong := _other_types(dataset, tidied):
            yield Refused(dataset.name, "", "stops every pass", bronze.rows, note=f"tidy gives other types: {wrong}")
            return
        counts, bad = _counted(dataset, tidied, rules, filters)
    except pl.exceptions.PolarsError as error:  # its message may hold a value
        note = f"what landed cannot be tidied as it is now declared ({type(error).__name__})"
        yield Refused(dataset.name, "", "stops every pass", bronze.rows, note=note)
        return
    known = _in_quarantine(dataset, lake, raw, bad)
    silver = open_table(lake, dataset.table("silver"))
    for rule in rules:
        broken = int(bad[rule.name].sum()) if len(bad) else 0
        current, days = _current(dataset, silver, ~rule.valid)
        waits = int(bad.filter(pl.col(ROW).is_in(known))[rule.name].sum()) if len(known) else 0
        does = _does(dataset, rule, bronze.rows)
        yield Refused(dataset.name, rule.name, does, bronze.rows, broken, waits, current, days)
    for name in filters:
        current, days = _current(dataset, silver, dataset.filters[name].fill_null(False))
        yield Refused(dataset.name, name, "left out", bronze.rows, counts[name], 0, current, days)


def _other_types(dataset: Dataset, tidied: pl.LazyFrame) -> str:
    found = tidied.collect_schema()
    wrong = (name for name, dtype in silver_types(dataset).items() if found.get(name) != dtype)
    return ", ".join(f"{name} {found.get(name, 'absent')}" for name in wrong)


def _counted(
    dataset: Dataset, tidied: pl.LazyFrame, rules: Sequence[Rule], filters: tuple[str, ...]
) -> tuple[dict[str, int], pl.DataFrame]:
    """Rows that each filter leaves out, and of the others those that break a rule: ROW, and by rule whether."""
    leaves_out = {name: left_out.fill_null(False) for name, left_out in dataset.filters.items()}
    verdicts = [(~rule.valid).alias(rule.name) for rule in rules]
    judged = tidied.select(ROW, *(e.alias(f"\t{name}") for name, e in leaves_out.items()), *verdicts)
    names = [f"\t{name}" for name in leaves_out]
    wanted = pl.any_horizontal(*names, *(rule.name for rule in rules)) if names or rules else pl.lit(False)
    some = judged.filter(wanted).collect(engine="streaming")
    counts = {name: int(some[f"\t{name}"].sum()) for name in filters}
    kept = some.filter(~pl.any_horizontal(*names)) if names else some
    return counts, kept.drop(names)


def _in_quarantine(dataset: Dataset, lake: Lake, raw: pl.LazyFrame, bad: pl.DataFrame) -> list[int]:
    """Which of the rows wait in quarantine as they landed."""
    table = open_table(lake, dataset.table("quarantine"))
    if table is None or not table.rows or not len(bad):
        return []
    same = [name for name in raw.collect_schema().names() if name in table.schema.names and not name.startswith("_rea")]
    waiting = table.scan().filter(pl.col(REASON) != DUPLICATE).select(same)
    rows = raw.join(bad.lazy().select(ROW), on=ROW, how="semi")
    return rows.join(waiting, on=same, how="semi", nulls_equal=True).select(ROW).collect()[ROW].to_list()


def _current(
    dataset: Dataset, silver: Table | None, breaks: pl.Expr
) -> tuple[int | None, tuple[date, date, int] | None]:
    """Rows of silver and their days; None where silver has not the columns that are asked for."""
    if silver is None or not set(breaks.meta.root_names()) <= set(silver.schema.names):
        return None, None
    column = dataset.partition_by.column if dataset.partition_by else None
    if column is None or column not in silver.schema.names:
        return silver.scan().select(breaks.sum()).collect(engine="streaming").item(), None
    days = silver.scan().filter(breaks).group_by(pl.col(column).cast(pl.Date).alias("day")).len().collect()
    when = days["day"].drop_nulls()
    span = (when.min(), when.max(), len(when)) if len(when) else None
    return int(days["len"].sum()), span  # pyright: ignore[reportReturnType]


def _does(dataset: Dataset, rule: Rule, rows: int) -> str:
    grade = grade_of(dataset, rule)
    if grade.severity is Severity.WARN:
        return "counted"
    if grade == Grade():
        return "refused"
    allowed = allowed_rows(grade, rows)
    return f"refused; over {allowed:,} of {rows:,} the pass" if allowed else "stops the pass"
