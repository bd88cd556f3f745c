"""Moments as people write them: with their zone, or refused. A time without one is an hour off twice a year."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tenacity import Retrying

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


def day_of(option: str, text: str) -> date | None:
    """A day from its ISO text; None of no text.

    Raises:
        BadParameter: it is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(f"{option} {text}; allowed: a day, 2026-11-21") from None


def patient(wait: bool) -> Retrying:
    """Tries once; with ``wait`` again every quarter of an hour while an archive has not brought what was asked for."""
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_fixed

    from opetence_assets.backup.thawing import StillFrozen

    return Retrying(
        retry=retry_if_exception_type(StillFrozen),
        wait=wait_fixed(timedelta(minutes=15)),
        stop=stop_after_delay(timedelta(days=4)) if wait else stop_after_attempt(1),
        before_sleep=lambda state: typer.echo(str(state.outcome.exception()) if state.outcome else "", err=True),
        reraise=True,
    )
