"""Errors on their way into logs and the orchestrator's history: of a library that looks into data, without the data."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from opetence_assets.dataset import DataError
from opetence_assets.privacy.detection import kinds_of, without_values

# Whose messages quote values: "conversion failed for 3 values: [...]", "Could not convert string '...'".
_ENGINES = ("polars", "pyarrow", "duckdb", "_duckdb", "pandera", "adbc_driver_manager", "adbc_driver_postgresql", "dlt")


@contextmanager
def errors_without_values(where: str) -> Generator[None]:
    """While open, an engine's error, and any other that holds a personal value, is raised again without values.

    The traceback stays; what caused the error is cut off, for its message is the one that may not be told.

    Raises:
        DataError: in place of such an error.
    """
    try:
        yield
    except Exception as error:
        message = str(error)
        if type(error).__module__.partition(".")[0] not in _ENGINES and not kinds_of([message]):
            raise
        told = DataError(
            where,
            found=f"{type(error).__name__}: {without_values(message)}",
            allowed="no error; what stood in quotes or brackets is left out here, for it may be somebody's data",
            next_command=f"opetence run --select {where}, after mending what the trace below points at",
        )
        raise told.with_traceback(error.__traceback__) from None
