"""What a measurement says: one row a contender, and how it is shown and written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.measure import Cost


@dataclass(frozen=True)
class Row:
    """A contender against a limit.

    Attributes:
        cost: of the contender; its CPU beyond the process's start is what is compared.
        limit: what it is measured against, and how much that costs (CPU-seconds unless ``unit`` says otherwise).
        allowed: the highest ratio promised; None for a peer.
    """

    contender: str
    value: float
    limit: str
    limit_value: float
    allowed: float | None = None
    cost: Cost | None = None
    unit: str = "CPU-s"

    @property
    def ratio(self) -> float:
        return self.value / self.limit_value

    @property
    def verdict(self) -> str:
        if self.allowed is None:
            return "peer"
        return f"{'kept' if self.ratio <= self.allowed else 'MISSED'} (≤ {self.allowed:g})"


@dataclass(frozen=True)
class Claim:
    """One question, its rows and what must be known to read them."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = field(default_factory=tuple[str, ...])


HEADINGS = ("contender", "value", "limit", "limit's value", "ratio", "promise", "start", "server", "wall", "peak MB")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, under ``HEADINGS``."""
    of_cost = ("", "", "", "")
    if row.cost:
        of_cost = (
            f"{row.cost.start:.1f} s",
            f"{row.cost.server:.2f}",
            f"{row.cost.wall:.1f} s",
            f"{row.cost.peak:,.0f}",
        )
    values = (f"{row.value:.2f} {row.unit}", row.limit, f"{row.limit_value:.2f} {row.unit}", f"{row.ratio:.2f}×")
    return (row.contender, *values, row.verdict, *of_cost)


def compared(
    found: Mapping[str, Cost],
    contender: str,
    limit: str,
    allowed: float | None = None,
    limit_value: float | None = None,
) -> Row:
    """A contender's CPU-seconds beyond its start against another's, or against ``limit_value``."""
    against = found[limit].work if limit_value is None else limit_value
    return Row(contender, found[contender].work, limit, against, allowed, found[contender])
