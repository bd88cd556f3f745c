"""Airbyte's source connectors, without Airbyte: run as local processes, spoken to by Airbyte's protocol.

The connector's state is the cursor: it lands in the commit of the records it stands for, and is given back as it was.
A read counts only whole: code 0, no error, the stream complete, and no record behind the last state.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from opetence_assets.dataset import Cursor, DataError, Dataset, Extract, Extraction, Facts
from opetence_assets.sources.airbyte_process import Connector, Ended, Message, connector_at
from opetence_assets.sources.limits import Limits
from opetence_assets.sources.records import CURSOR, Noticed, Shape, again, broken, tabled

if TYPE_CHECKING:
    import polars as pl
    import pyarrow

    from opetence_assets.settings import Settings

BATCH_ROWS = 10_000
STATE, NEWEST = "state", "newest"  # of a position


@dataclass(frozen=True)
class Airbyte:
    """A connector and its configuration.

    Attributes:
        config: variable with the connector's configuration, one JSON object.
        requirement: what to install in an environment of its own (``airbyte-source-faker==7.2.1``).
        executable: its command in there (``source-faker``).
        path: variable that names an executable instead; it wins where it is set.
    """

    system: str
    config: str
    requirement: str = ""
    executable: str = ""
    path: str = ""
    limits: Limits = Limits()  # noqa: RUF009 (frozen)

    def stream(self, name: str, fields: Mapping[str, str], **declared: Any) -> AirbyteStream:
        """One of the connector's streams; the rest is `AirbyteStream`'s."""
        return AirbyteStream(self, name, fields, **declared)

    def connector(self, settings: Settings, dataset: str) -> Connector:
        """The executable, installed if need be."""
        named = settings.variables.get(self.path, "") if self.path else ""
        if self.path and not self.requirement:
            named = settings.secret(self.path, dataset=dataset)
        path = Path(named) if named else connector_at(settings, dataset, self.requirement, self.executable)
        return Connector(path, self.limits, settings.scratch)


@dataclass(frozen=True)
class AirbyteStream:
    """A stream: incremental by the connector's own state, or whole each time.

    Attributes:
        cursor: column with the record's time, where the connector reads again no more than ``lag`` before the newest;
            without one any row may come again.
        stream: the connector's name for it, where it is not the table's.
        probe: something cheap that changes when the source has news; without one it is due ``every`` so often, as the
            protocol has no question for it.
    """

    source: Airbyte
    name: str
    fields: Mapping[str, str]
    sync: Literal["incremental", "full_refresh"] = "incremental"
    cursor: str | None = None
    lag: timedelta = timedelta(0)
    ignored: tuple[str, ...] = ()
    stream: str = ""
    probe: Callable[[Settings], str] | None = None
    every: timedelta = timedelta(hours=1)
    kind: str = "airbyte"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.fields)

    @property
    def stream_name(self) -> str:
        return self.stream or self.name

    @property
    def sync_said(self) -> str:
        """What brings the rows, as the lineage shows it."""
        return f"Airbyte's {self.source.executable or self.source.path}, stream {self.stream_name}"

    @cached_property
    def shape(self) -> Shape:
        return Shape(self.fields, self.ignored, self.cursor)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read; the connector runs while its batches are consumed, and no faster.

        Raises (while reading):
            DataError: it cannot be installed, does not know the stream, or does not come to its end.
        """
        read = _Read(self, request, settings)
        batches = _batches(read)
        return Extraction(
            batches=batches,
            facts=lambda: Facts(read.rows, None, _next(read), undeclared=tuple(sorted(read.noticed.undeclared))),
            close=batches.close,
            rereads=_rereads(read),
            states=self.sync == "full_refresh",
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """What the probe says, or which span of time it is."""
        if self.probe is not None:
            return self.probe(settings)
        return str(int(datetime.now(UTC).timestamp() // self.every.total_seconds()))


@dataclass
class _Read:
    """A read under way: grows while the connector talks."""

    feed: AirbyteStream
    request: Extract
    settings: Settings
    rows: int = 0
    state: Any = None  # as the connector wants it back
    unsaid: int = 0  # records behind the last state
    status: str = ""  # of the stream, where the connector tells
    failure: str = ""
    newest: datetime | None = None
    noticed: Noticed = field(default_factory=Noticed)

    @property
    def before(self) -> Mapping[str, Any]:
        return self.request.after if isinstance(self.request.after, Mapping) else {}

    def error(self, found: str) -> DataError:
        return DataError(
            self.request.dataset.name,
            found=f"the connector {found} after {self.rows:,} records",
            allowed="a read that reaches its end and its last state; nothing of this one was kept",
            next_command=f"check {self.feed.source.config}, then opetence run --select {self.request.dataset.name}",
        )


def _batches(read: _Read) -> Generator[pyarrow.Table]:
    yield tabled([], read.feed.shape)  # the schema, even of no records
    dataset, feed = read.request.dataset.name, read.feed
    connector = feed.source.connector(read.settings, dataset)
    config = _config(read)
    try:
        catalog = {"streams": [_configured(read, _discovered(read, connector, config))]}
        state = {STATE: read.before[STATE]} if read.before.get(STATE) is not None else {}
        with connector.said("read", {"config": config, "catalog": catalog, **state}) as messages:
            yield from _tables(read, messages)
    except Ended as ended:
        raise read.error(f"{ended}{f' ({read.failure})' if read.failure else ''}") from None
    if read.failure:
        raise read.error(f"told of an error ({read.failure})")
    if read.status not in ("", "COMPLETE"):
        raise read.error(f"left the stream {read.status}")
    if read.unsaid and feed.sync == "incremental":
        raise read.error(f"ended without a state for its last {read.unsaid:,} records")


def _config(read: _Read) -> Any:
    given = read.settings.secret(read.feed.source.config, dataset=read.request.dataset.name)
    try:
        return json.loads(given)
    except ValueError:
        raise read.error(f"got no JSON in {read.feed.source.config}") from None


def _discovered(read: _Read, connector: Connector, config: Any) -> Message:
    with connector.said("discover", {"config": config}) as messages:
        told = [message for message in messages if isinstance(message, dict)]
    for message in told:
        _note_trace(read, message)
    streams = [s for m in told if m.get("type") == "CATALOG" for s in m["catalog"]["streams"]]
    for stream in streams:
        if stream["name"] == read.feed.stream_name:
            return stream
    if read.failure:
        raise read.error(f"told of an error ({read.failure})")
    known = ", ".join(sorted(stream["name"] for stream in streams)) or "none"
    raise read.error(f"has no stream {read.feed.stream_name} (it has {known})")


def _configured(read: _Read, stream: Message) -> Message:
    sync = read.feed.sync
    if sync not in stream.get("supported_sync_modes", ()):
        raise read.error(f"cannot read {stream['name']} {sync}")
    return {
        "stream": stream,
        "sync_mode": sync,
        "destination_sync_mode": "append",
        "cursor_field": stream.get("default_cursor_field") or [],
        "primary_key": stream.get("source_defined_primary_key") or [],
    }


def _tables(read: _Read, messages: Iterator[Message | str]) -> Iterator[pyarrow.Table]:
    records: list[Mapping[str, Any]] = []
    for message in messages:
        match message:
            case {"type": "RECORD", "record": {"stream": read.feed.stream_name, "data": dict() as data}}:
                records.append(data)
                read.unsaid += 1
            case {"type": "STATE", "state": dict() as state}:
                _note_state(read, state)
            case {"type": "TRACE"}:
                _note_trace(read, message)
            case str() if message.startswith("{"):  # a message that was cut or spoiled; other text is a log
                yield _counted(read, broken([message], "not JSON", read.feed.shape))
            case _:
                pass
        if len(records) >= BATCH_ROWS:
            yield _counted(read, tabled(records, read.feed.shape, read.noticed))
            records = []
    if records:
        yield _counted(read, tabled(records, read.feed.shape, read.noticed))


def _counted(read: _Read, table: pyarrow.Table) -> pyarrow.Table:
    import polars as pl

    read.rows += len(table)
    if CURSOR in table.column_names:
        newest: Any = pl.Series(table[CURSOR]).max()
        read.newest = max((moment for moment in (read.newest, newest) if moment), default=None)
    return table


def _note_state(read: _Read, state: Message) -> None:
    """The three kinds of state, each as ``--state`` takes it back: messages, but the oldest kind bare."""
    match state:
        case {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}}} if name == read.feed.stream_name:
            read.state = [{"type": "STREAM", "stream": state["stream"]}]
        case {"type": "GLOBAL", "global": dict() as told}:
            read.state = [{"type": "GLOBAL", "global": told}]
        case {"data": data} if state.get("type", "LEGACY") == "LEGACY":
            read.state = data
        case _:
            return
    read.unsaid = 0


def _note_trace(read: _Read, message: Message) -> None:
    match message:
        case {"type": "TRACE", "trace": {"type": "ERROR", "error": {**error}}}:
            read.failure = str(error.get("failure_type", "error"))  # its text may quote records or credentials
        case {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": {"status": status, **told}}}:
            if told.get("stream_descriptor", {}).get("name") == read.feed.stream_name:
                read.status = str(status)
        case _:
            pass


def _rereads(read: _Read) -> pl.Expr | None:
    newest = read.before.get(NEWEST)
    return again(datetime.fromisoformat(newest) - read.feed.lag) if newest and read.feed.cursor else None


def _next(read: _Read) -> Cursor | None:
    if read.request.window or read.feed.sync == "full_refresh":
        return None
    known = [read.before.get(NEWEST), read.newest.isoformat() if read.newest else None]
    newest = max((text for text in known if text), default=None)
    state = read.state if read.state is not None else read.before.get(STATE)
    return {STATE: state, **({NEWEST: newest} if newest else {})} if state is not None else None
