"""A rig: one kind of source with a real server (or the best there is) behind it, and ways to make it misbehave.

A module in ``rigs/`` is a rig by existing. It has

- ``DATASET``: a declaration of *things* over the feed under test (children that are killed mid-load import it);
- ``opened(place)``: a context manager that serves an empty source and gives a `Rig`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import Dataset, Utc
from opetence_assets.settings import Settings


@dataclass(frozen=True)
class Row:
    """A thing as the source holds it; the newest state of an id counts."""

    id: str
    amount: int
    note: str | None
    at: datetime  # when it was last changed, by the source's clock


class Thing(pa.DataFrameModel):
    """The schema of every rig's dataset (``at`` may be a date where the source has no finer time)."""

    id: pl.String
    amount: pl.Int64 = pa.Field(ge=0)
    note: pl.String = pa.Field(nullable=True)
    at: Utc


@dataclass(frozen=True)
class Place:
    """What a rig may use: a folder of its own, and a database (owner's connection string) if it asks for one."""

    folder: Path
    database: Callable[[], str]


@dataclass(frozen=True)
class Rig:
    """How to act on the source. What a source has no way to do is None, and the suite says that it skipped it.

    Attributes:
        variables: what the settings need to reach it.
        put: inserts or changes rows by id; several calls stand for several moments. A page (batch, file, poll) holds
            few rows (3 or so), so that 27 rows are about 9 pages.
        delete: removes rows by id for good.
        break_at: the n-th page (from 1) asked for from now on fails for good (connection dropped, 500 …) until what it
            returns is called.
        rate_limit: the next n requests are refused for being too many.
        repeat_page: some page of the next read is delivered twice.
        drifted: puts rows with a change of schema: ``added`` (a field ``nickname`` that says ``Bunny``), ``removed``
            (no ``note``), ``retyped`` (``amount`` is the text ``many``). Raises KeyError for one that cannot be.
        poison: puts one record that nobody can read.
        wrong: variables with wrong credentials; ``secret`` stands in them and must never be said.
        drop: the drop folder, for sources that are files.
        late: how far below the newest ``at`` a row may appear and must still be found; None: any distance.
        largest: bytes of text that a ``note`` may hold here.
        odd: text with NUL and a lone surrogate can be put in ``note`` (as the source spells it); None: it cannot exist.
    """

    variables: Mapping[str, str]
    put: Callable[[Sequence[Row]], None]
    delete: Callable[[Sequence[str]], None] | None = None
    break_at: Callable[[int], Callable[[], None]] | None = None
    rate_limit: Callable[[int], None] | None = None
    repeat_page: Callable[[], None] | None = None
    drifted: Callable[[str, Sequence[Row]], None] | None = None
    poison: Callable[[], None] | None = None
    wrong: Mapping[str, str] | None = None
    secret: str = ""
    drop: Path | None = None
    late: Any = None  # timedelta
    largest: int = 10_000_000
    odd: bool = True
    told: Callable[[Row], tuple[Any, ...]] = field(default=lambda row: (row.id, row.amount, row.note, row.at))

    def settings(self, settings: Settings, variables: Mapping[str, str] | None = None) -> Settings:
        """Settings that know where the source is."""
        known = {**settings.variables, **self.variables, **(variables or {})}
        return replace(settings, variables=known, drop=self.drop or settings.drop)


class RigModule(Protocol):
    DATASET: Dataset

    def opened(self, place: Place) -> AbstractContextManager[Rig]: ...


def rigs() -> dict[str, RigModule]:
    """Name → module of every rig."""
    from opetence_assets_tests.conformance import rigs as package

    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
