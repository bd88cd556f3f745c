"""Steps of an orchestrated run → one progress bar."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def watching(label: str, steps: int, bars: Callable[[str, int, int], None]) -> Generator[None]:
    """Counts the asset steps that end, through Dagster's own log stream; the bar grows if there are more."""
    handler = _StepCounter(label, steps, bars)
    logger = logging.getLogger("dagster")
    logger.addHandler(handler)
    bars(label, 0, steps)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        bars(label, handler.done, max(handler.done, 1))


class _StepCounter(logging.Handler):
    def __init__(self, label: str, steps: int, bars: Callable[[str, int, int], None]) -> None:
        super().__init__(logging.DEBUG)
        self.label, self.steps, self.bars, self.done = label, steps, bars, 0

    def emit(self, record: logging.LogRecord) -> None:
        if "STEP_SUCCESS" in record.getMessage():
            self.done += 1
            self.bars(self.label, self.done, max(self.steps, self.done))
