"""The dbt-duckdb plugin that lets a build prepare the private database before the first model runs.

dbt opens the database itself and from a thread of its own choosing, so what the build knows (pinned silver, released
gold, plans) is handed over through this module rather than through the profile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Preparation:
    """What a build does to the database: ``once`` when it is opened, ``each`` to every connection dbt makes to it."""

    once: Callable[[DuckDBPyConnection], None]
    each: Callable[[DuckDBPyConnection], None]
    options: Mapping[str, str]


_one_build = threading.Lock()  # dbt keeps one environment per process
_handed: list[Preparation] = []


@contextmanager
def preparing(preparation: Preparation) -> Generator[Callable[[], Any]]:
    """While open, the next private database dbt opens is prepared.

    Yields a function that gives dbt's environment once dbt has run; the database lives as long as that does.

    Raises:
        RuntimeError: another build of this process is running.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if not _one_build.acquire(blocking=False):
        raise RuntimeError("gold is already being built in this process; wait for that build or start another process")
    try:
        _handed[:] = [preparation]
        DuckDBConnectionManager.close_all_connections()  # or dbt would go on with the last build's database
        yield DuckDBConnectionManager.env
    finally:
        DuckDBConnectionManager.close_all_connections()
        _handed.clear()
        _one_build.release()


@dataclass(frozen=True)
class Plugin:
    """What dbt-duckdb calls; it looks for this name and these methods, not for its own base class."""

    name: str
    plugin_config: dict[str, Any]
    credentials: Any = None

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        for handed in _handed:
            config.update(handed.options)

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        if not _handed:
            raise RuntimeError("dbt cannot see silver by itself; build gold with: opetence run --select gold")
        for handed in _handed:
            handed.once(conn)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        for handed in _handed:
            handed.each(cursor)
