"""What people decide about refused rows: give one up, or set what is wrong in it; always with the reason kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from opetence_assets.dataset import DataError, Dataset
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import Table, commits, open_table
from opetence_assets.privacy.treatment import treated_columns
from opetence_assets.refinement.judgement import ROW
from opetence_assets.refinement.quarantine import BOOKKEEPING, DISCARDED, MENDED, REFUSAL, held, rewritten
from opetence_assets.refinement.replay import Choice, refuse_unknown, settle


def discard(dataset: Dataset, lake: Lake, scratch: Path, choice: Choice, because: str) -> int:
    """Gives waiting rows up: they stay in quarantine, with the reason, and are not replayed. How many.

    Raises:
        DataError: no reason is given, or a chosen number is not that of a waiting row.
    """
    table, rows = _opened(dataset, lake, scratch, because)
    waiting = rows.filter(choice.rows())
    refuse_unknown(dataset, choice.ids, waiting)
    if len(waiting):
        said = pl.when(choice.rows()).then(pl.lit(_said(because))).otherwise(DISCARDED).alias(DISCARDED)
        rewritten(lake, scratch, table, rows.with_columns(said), {"discarded": len(waiting), "because": because})
    return len(waiting)


def mend(dataset: Dataset, lake: Lake, scratch: Path, refusal: str, values: Mapping[str, str], because: str) -> None:
    """Sets columns of one waiting row, as bronze has them; `replay` then judges it. Bronze itself stays as it came.

    Raises:
        DataError: no reason is given, no such row waits, or a column is unknown, personal or of another type.
    """
    table, rows = _opened(dataset, lake, scratch, because)
    refuse_unknown(dataset, [refusal], rows.filter(Choice([refusal]).rows()))
    allowed = mendable(dataset, rows)
    if unknown := sorted(set(values) - set(allowed)):
        raise _error(dataset, f"column {', '.join(unknown)}", f"a column that is not personal: {', '.join(allowed)}")
    one = pl.col(REFUSAL) == refusal
    try:
        typed = {name: pl.Series([text]).cast(rows.schema[name]).item() for name, text in values.items()}
    except pl.exceptions.InvalidOperationError:
        types = ", ".join(f"{name} {rows.schema[name]}" for name in values)
        raise _error(dataset, "a value of another type", types) from None
    said = json.dumps({"columns": sorted(values), "said": _said(because)})
    put = (pl.when(one).then(pl.lit(v, rows.schema[n])).otherwise(n).alias(n) for n, v in typed.items())
    noted = pl.when(one).then(pl.lit(said)).otherwise(MENDED).alias(MENDED)
    rewritten(lake, scratch, table, rows.with_columns(*put, noted), {"mended": refusal, "because": because})


@dataclass(frozen=True)
class Decided:
    """Bronze rows (``ROW``) with what people decided of them.

    Attributes:
        raw: all rows, the mended ones with the values that were set.
        mended: ROW, MENDED and REFUSAL of those.
        given_up: ROW and what quarantine notes of the rows that are not judged again.
    """

    raw: pl.DataFrame
    mended: pl.DataFrame
    given_up: pl.DataFrame


def decided(lake: Lake, table: Table | None, raw: pl.DataFrame) -> Decided:
    """What people decided, found again in bronze: it has every row as it came. ``table``: quarantine, settled."""
    note = {ROW: raw.schema[ROW], MENDED: pl.String(), REFUSAL: pl.String()}
    notes = [pl.DataFrame(schema=note)]
    for columns, rows in _mended(lake, table).items() if table is not None else ():
        same = [name for name in raw.columns if name in rows.columns and name not in (*BOOKKEEPING, *columns)]
        set_to = {name: f"{name}\tset" for name in columns}
        put = rows.select(*same, MENDED, REFUSAL, *(pl.col(name).alias(new) for name, new in set_to.items()))
        hits = raw.select(ROW, *same).join(put, on=same, how="inner", nulls_equal=True).unique(ROW)
        both = raw.join(hits.select(ROW, MENDED, *set_to.values()), on=ROW, how="left", maintain_order="left")
        values = (pl.when(pl.col(MENDED).is_not_null()).then(new).otherwise(n).alias(n) for n, new in set_to.items())
        raw = both.with_columns(values).select(raw.columns)
        notes.append(hits.select(*note))
    mended = pl.concat(notes)
    if table is None:
        return Decided(raw, mended, raw.select(ROW).clear())
    given_up = held(table).filter(pl.col(DISCARDED).is_not_null())
    same = [name for name in raw.columns if name in given_up.columns and name not in BOOKKEEPING]
    noted = given_up.select(*same, *BOOKKEEPING).unique(same)
    return Decided(raw, mended, raw.join(noted, on=same, how="inner", nulls_equal=True).select(ROW, *BOOKKEEPING))


def _mended(lake: Lake, table: Table) -> dict[tuple[str, ...], pl.DataFrame]:
    """Every row that was ever mended, as it was left, by the columns that were set; also those that are in silver."""
    rows, columns = dict[str, pl.DataFrame](), dict[str, set[str]]()
    for made in commits(lake, table.key):
        if (refusal := made.metadata.get("mended")) is None:
            continue
        then = open_table(lake, table.key, made.version)
        assert then is not None
        row = then.scan().filter(pl.col(REFUSAL) == refusal, pl.col(MENDED).is_not_null()).collect().head(1)
        rows[refusal] = row
        columns.setdefault(refusal, set()).update(json.loads(row[MENDED].item())["columns"])
    found: dict[tuple[str, ...], list[pl.DataFrame]] = {}
    for refusal, row in rows.items():
        found.setdefault(tuple(sorted(columns[refusal])), []).append(row)
    return {names: pl.concat(some, how="diagonal_relaxed") for names, some in found.items()}


def mendable(dataset: Dataset, rows: pl.DataFrame) -> list[str]:
    """The columns people may see and set: the source's own, less every one that is or holds personal data."""
    personal = {name for t in treated_columns(dataset) for name in (t.source, t.name, t.verdict) if name}
    return [name for name in rows.columns if not name.startswith("_") and name not in personal]


def _opened(dataset: Dataset, lake: Lake, scratch: Path, because: str) -> tuple[Table, pl.DataFrame]:
    if not because.strip():
        raise _error(dataset, "no reason", "a reason that whoever asks in a year understands")
    table = settle(dataset, lake, scratch)
    if table is None:
        raise _error(dataset, "no quarantine", "a dataset that was refined")
    return table, held(table)


def _said(because: str) -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {because.strip()}"


def _error(dataset: Dataset, found: str, allowed: str) -> DataError:
    return DataError(
        dataset.name, found=found, allowed=allowed, next_command=f"opetence quarantine show {dataset.name}"
    )
