"""One difference between what is deployed and what is declared."""

from __future__ import annotations

from dataclasses import dataclass

from opetence_assets.lineage.graph import Column
from opetence_assets.review.kinds import KINDS, Effect


@dataclass(frozen=True)
class Change:
    """One thing that is not as deployed.

    Attributes:
        table: lake key of the silver or gold table, or ``exposure/<name>``.
        kind: a key of ``KINDS``.
        what: what was and what will be, for people.
        columns: the columns of the table whose values or being it is about; none: which rows there are.
        before, after: text of which the difference is shown, where it is long (a tidy, a query).
    """

    table: str
    kind: str
    what: str = ""
    columns: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def effect(self) -> Effect:
        return KINDS[self.kind].effect

    @property
    def follows(self) -> str:
        follows = KINDS[self.kind].follows
        # gold's tables are replaced by the next build, whatever their columns were
        return follows if self.table.startswith("silver/") else ""


@dataclass(frozen=True)
class Reached:
    """A change and what is downstream of it.

    Attributes:
        columns: silver's and gold's that are made from what it is about.
        tables: where a value or the choice of rows may change.
        exposures: what stands outside and reads one of them, or the table itself.
        breaks: tables whose query names a column that is gone; of a breaking change only.
    """

    change: Change
    columns: tuple[Column, ...] = ()
    tables: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
