"""HTTP APIs by declaration: paging, authentication, retries and rate limits are dlt's REST client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from opetence_assets.dataset import Cursor, Dataset, Extract, Extraction, Facts
from opetence_assets.sources.http import answered, connected, json_of, whole_or_error
from opetence_assets.sources.records import CURSOR, Noticed, Shape, again, tabled, value_at

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

HOOKS = {"response": [whole_or_error]}
BATCH_ROWS = 10_000  # pages are gathered: each batch costs some milliseconds, however small


@dataclass(frozen=True)
class Rest:
    """An API: the variable with its address, and how it authenticates.

    ``auth`` is dlt's own declaration (``{"type": "bearer", "token": "{SHIP_TOKEN}"}``, ``http_basic`` …); variables
    stand in braces where the secrets are.
    """

    system: str
    url: str
    auth: Mapping[str, str] = field(default_factory=dict[str, str])

    def resource(self, name: str, path: str, **declared: Any) -> RestTable:
        """A list of records at ``path``; the rest is `RestTable`'s."""
        return RestTable(self, name, path, **declared)


@dataclass(frozen=True)
class RestTable:
    """One resource, read whole, after a time, or after the token that the last page gave.

    Attributes:
        records: where the list stands in an answer (dotted path).
        fields: column → path in a record; with ``unwind`` the record is one of the list's, its parent at ``parent``.
        paginator: dlt's own declaration of how pages follow each other.
        cursor: column with the record's time; ``since`` is the parameter that asks for newer ones.
        since_as: how the parameter spells a time.
        token: path of the token in an answer and the parameter it is sent back in, where the API resumes by token.
        done: path of a flag that says no more pages follow.
        probe: path whose answer changes whenever there is news; without one every look is news.
        lag: how far to read back: what becomes visible late.
    """

    source: Rest
    name: str
    path: str
    records: str
    fields: Mapping[str, str]
    paginator: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ignored: tuple[str, ...] = ()
    unwind: str | None = None
    cursor: str | None = None
    since_param: str | None = None
    since_as: Literal["unix", "iso"] = "iso"
    begin: datetime = datetime(2015, 1, 1, tzinfo=UTC)
    token: tuple[str, str] | None = None
    done: str | None = None
    probe: str | None = None
    lag: timedelta = timedelta(0)
    kind: str = "rest"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.source.system

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.fields)

    @cached_property
    def shape(self) -> Shape:
        return Shape(self.fields, self.ignored, self.cursor)

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read; pages are asked for as the batches are consumed.

        Raises (while reading):
            DataError: unreachable, refused credentials, a rate limit beyond patience, an answer without the list.
        """
        read = _Read(self, request, settings)
        return Extraction(
            batches=_batches(read),
            facts=lambda: Facts(read.rows, None, _next(read), undeclared=tuple(sorted(read.noticed.undeclared))),
            close=lambda: None,
            rereads=_rereads(self, request),
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """The probe's answer, digested."""
        if self.probe is None:
            return uuid4().hex
        with answered(dataset.name, self.source.url), connected(self.source, settings, dataset.name) as client:
            answer = client.get(self.probe)
            answer.raise_for_status()
            return sha256(answer.content).hexdigest()


@dataclass
class _Read:
    """A read under way: grows while its pages arrive."""

    feed: RestTable
    request: Extract
    settings: Settings
    rows: int = 0
    newest: datetime | None = None
    token: str | None = None
    server_time: datetime | None = None  # as the newest answer's Date header has it
    noticed: Noticed = field(default_factory=Noticed)


def _batches(read: _Read) -> Iterator[pyarrow.Table]:
    feed = read.feed
    yield tabled([], feed.shape)  # the schema, even of no records
    waiting: list[Mapping[str, Any]] = []
    for page in _pages(read):
        waiting.extend(_unwound(page, feed.unwind))
        if len(waiting) >= BATCH_ROWS:
            yield _landed(read, waiting)
            waiting = []
    if waiting:
        yield _landed(read, waiting)


def _pages(read: _Read) -> Iterator[list[Mapping[str, Any]]]:
    from dlt.sources.rest_api.config_setup import create_paginator

    feed, name = read.feed, read.request.dataset.name
    with answered(name, feed.source.url), connected(feed.source, read.settings, name) as client:
        paginator = create_paginator(dict(feed.paginator))  # pyright: ignore[reportArgumentType]
        # data_selector="$" leaves the answer whole: its flags and tokens stand beside the list.
        for page in client.paginate(
            feed.path, params=_params(feed, read.request), paginator=paginator, data_selector="$", hooks=HOOKS
        ):
            answer = json_of(page.response, name, feed.records)
            _note(read, answer, page.response.headers)
            yield value_at(answer, feed.records.split("."))
            if feed.done and value_at(answer, feed.done.split(".")):
                return


def _note(read: _Read, answer: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    if read.feed.token:
        read.token = value_at(answer, read.feed.token[0].split(".")) or read.token
    if "Date" in headers:
        read.server_time = parsedate_to_datetime(headers["Date"])


def _unwound(records: list[Mapping[str, Any]], path: str | None) -> Iterator[Mapping[str, Any]]:
    if path is None:
        yield from records
        return
    for record in records:
        parent = {name: value for name, value in record.items() if name != path}
        for child in record.get(path) or ():
            yield {**child, "parent": parent}


def _landed(read: _Read, records: list[Mapping[str, Any]]) -> pyarrow.Table:
    import polars as pl

    table = tabled(records, read.feed.shape, read.noticed)
    read.rows += len(table)
    if read.feed.cursor:
        newest: Any = pl.Series(table[CURSOR]).max()
        read.newest = max((moment for moment in (read.newest, newest) if moment is not None), default=None)
    return table


def _params(feed: RestTable, request: Extract) -> dict[str, Any]:
    params = dict(feed.params)
    if feed.token and isinstance(request.after, Mapping):
        params[feed.token[1]] = request.after["token"]
    elif feed.since_param:
        after = _after(feed, request) or feed.begin
        params[feed.since_param] = int(after.timestamp()) if feed.since_as == "unix" else after.isoformat()
    return params


def _after(feed: RestTable, request: Extract) -> datetime | None:
    if request.window:
        return request.window.start
    return request.after - feed.lag if isinstance(request.after, datetime) else None


def _rereads(feed: RestTable, request: Extract) -> Any:
    import polars as pl

    if feed.token and isinstance(request.after, Mapping):
        return pl.lit(False)
    after = _after(feed, request)
    return again(after) if after and feed.cursor and feed.since_param else None


def _next(read: _Read) -> Cursor | None:
    """Where the next read starts; never beyond the server's own time: a record from the future must not hide others."""
    if read.feed.token:
        before = read.request.after
        return {"token": read.token} if read.token else before if isinstance(before, Mapping) else None
    newest, now = read.newest, read.server_time
    return min(newest, now) if newest and now else newest
