"""How this package refuses: one subject, and what a program of PostgreSQL's said, without what is secret."""

from __future__ import annotations

from opetence_assets.dataset import DataError

SUBJECT = "production"


def refused(found: str, allowed: str, next_command: str) -> DataError:
    """An error about production's backup."""
    return DataError(SUBJECT, found=found, allowed=allowed, next_command=next_command)
