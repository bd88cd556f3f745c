"""Moments as people write them: with their zone, or refused. A time without one is an hour off twice a year."""

from __future__ import annotations

from datetime import datetime

import typer

LATEST = "latest"


def moment_of(option: str, text: str) -> datetime:
    """A moment from its ISO text.

    Raises:
        BadParameter: it is none, or has no zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"{option} {text}; allowed: a moment with its zone, 2026-11-21T15:30:00+01:00")
    return moment
