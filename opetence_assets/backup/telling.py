"""How far long work is: whoever wants to know gives a function of label, done and total."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Tell = Callable[[str, int, int], None]


def quiet(label: str, done: int, total: int) -> None:
    """Where nobody wants to know."""


def told(label: str, things: Sequence[T], tell: Tell) -> Iterator[T]:
    """The things one by one, each told of when it is done."""
    for number, one in enumerate(things, 1):
        yield one
        tell(label, number, len(things))
