"""Opetence on a laptop: a real PostgreSQL server with a coherent, seeded company in it, the other systems that the
company uses (emulated, telling the same story) and its partners' files.

    from sandbox import down, seed, tick, told, up

Importing this package loads nothing heavy and touches nothing; it knows nothing of the platform.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.server import Server
    from sandbox.story import Story

__all__ = ["Progress", "SandboxError", "down", "is_up", "seed", "tick", "told", "up"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is in all."""


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message says what was found, what is allowed and the next command."""


def up(home: Path) -> Server:
    """Start the company's PostgreSQL server and its other systems under ``home`` (idempotent); write ``local.env``.

    Raises:
        SandboxError: one cannot be started; the message points at its log.
    """
    from sandbox.company.process import running
    from sandbox.load import stored_story
    from sandbox.server import started

    server = started(Path(home))
    running(server.home, lambda: stored_story(server))
    return server


def down(home: Path) -> None:
    """Stop all systems; nothing to do if there are none. Data and secrets stay."""
    from sandbox.company.process import ended_company
    from sandbox.server import stop

    ended_company(Path(home).resolve())
    stop(Path(home))


def is_up(home: Path) -> bool:
    """Do all systems under ``home`` accept connections?"""
    from sandbox.company.process import answers
    from sandbox.server import is_accepting

    return is_accepting(Path(home)) and answers(Path(home).resolve())


def seed(
    home: Path, scale: float = 1.0, seed: int = 1, until: date | None = None, progress: Progress | None = None
) -> Story:
    """Fill the sandbox with the 365 days before ``until``: all of it or nothing; the same again is a no-op.

    Args:
        scale: 1 is 20 000 users, 100 000 orders and 300 000 order items.
        until: the first day that has not happened (UTC); by default 30 days ago, so that 30 ticks fit before now.

    Raises:
        SandboxError: the sandbox already holds another story, or the arguments make none.
    """
    from sandbox.load import seeded

    return seeded(Path(home), scale, seed, until, progress)


def told(home: Path) -> Story | None:
    """What the sandbox holds and how far it has got, or None before the seed; starts the systems if needed."""
    from sandbox.load import stored_story

    return stored_story(up(home))


def tick(home: Path, progress: Progress | None = None) -> Story:
    """Make the next day happen: all of it or nothing.

    Raises:
        SandboxError: nothing was seeded, or the next day is not over yet.
    """
    from sandbox.advance import ticked

    return ticked(Path(home), progress)
