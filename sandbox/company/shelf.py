"""Things in the order in which a system lists them, found by position, by id or by moment without looking at others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sandbox.chance import Ints

Thing = dict[str, Any]


@dataclass(frozen=True)
class Shelf:
    """A list that is never made as a whole.

    Attributes:
        ids: the id of each thing.
        at: the moment of each (s), ever growing or, with ``newest_first``, ever falling.
        between: the things from one position up to another.
    """

    ids: Sequence[str | int]
    at: Ints
    between: Callable[[int, int], list[Thing]]
    newest_first: bool = False

    def __len__(self) -> int:
        return len(self.at)

    def position(self, id: str | int) -> int | None:
        return self._positions.get(id)

    def first_from(self, moment: int) -> int:
        """The first position of a list that grows whose moment is not before this one."""
        return int(np.searchsorted(self.at, moment, side="left"))

    def newest_before(self, moment: int, *, inclusive: bool) -> int:
        """The first position of a list, newest first, whose moment is before this one (or at it)."""
        return int(np.searchsorted(-self.at, -moment, side="left" if inclusive else "right"))

    @cached_property
    def _positions(self) -> dict[str | int, int]:
        return {id: position for position, id in enumerate(self.ids)}


def shelf_of(things: Sequence[Thing], at: str = "created", *, newest_first: bool = False) -> Shelf:
    """A shelf of things at hand, sorted by a field in whole seconds."""
    ordered = sorted(things, key=lambda thing: (thing[at], thing["id"]), reverse=newest_first)
    moments = np.array([thing[at] for thing in ordered], dtype=np.int64)
    return Shelf([thing["id"] for thing in ordered], moments, lambda low, high: ordered[low:high], newest_first)
