"""The vocabulary a dataset is declared in. Importing a declaration opens no connection and reads no variable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import pandera.polars as pa
import polars as pl

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

Utc = Annotated[pl.Datetime, "us", "UTC"]
Money = Annotated[pl.Decimal, 12, 2]


class DataError(Exception):
    """Something about the data or its source is not as declared; the last good version stays.

    The message names the dataset, what was found, what is allowed and the next command, and never a personal value.
    """

    def __init__(self, dataset: str, *, found: str, allowed: str, next_command: str) -> None:
        super().__init__(f"{dataset}: found {found}; allowed: {allowed}. Next: {next_command}")
        self.dataset = dataset


class DriftError(DataError):
    """The source's columns are no longer those that may be loaded; ``changes`` says how, for the record."""

    def __init__(self, dataset: str, changes: tuple[str, ...], *, found: str, allowed: str, next_command: str) -> None:
        super().__init__(dataset, found=found, allowed=allowed, next_command=next_command)
        self.changes = changes


class Pii(Enum):
    """How a personal column is treated before its row first touches disk."""

    HASH = "hash"  # keyed digest in `<name>_hash`; the original sealed
    MASK = "mask"  # last two characters in `<name>_masked`; the original sealed
    YEAR = "year"  # year only, in `<name less _date>_year`; the original sealed
    SEAL = "seal"  # sealed only
    REDACT = "redact"  # never selected from the source
    SCRUB = "scrub"  # free text: e-mails, phones and card numbers replaced in `<name>_scrubbed`; the original sealed
    NETWORK = "network"  # an IP address: only its network (/24, /48) in `<name>_network`; the original never lands


@dataclass(frozen=True)
class Subject:
    """Whose personal data a row holds: one random key per person, so that forgetting is destroying it."""

    kind: str  # e.g. "user"
    column: str  # the column that identifies the person, itself no personal datum


@dataclass(frozen=True)
class Month:
    """Silver is laid out by the month of this UTC timestamp or date; its days are what gold rebuilds."""

    column: str


@dataclass(frozen=True)
class Freshness:
    """How often new rows are expected and how old the newest load may be before the alarm."""

    every: timedelta = timedelta(hours=1)
    alarm_after: timedelta = timedelta(hours=6)


@dataclass(frozen=True)
class Completeness:
    """How many of the source's rows may be missing, and how empty a column may be (0 to 1)."""

    missing_at_most: int = 0
    null_rate_at_most: Mapping[str, float] = field(default_factory=dict[str, float])


class Severity(Enum):
    """What a broken rule does."""

    WARN = "warn"  # the row goes on; a check counts it
    QUARANTINE = "quarantine"  # the row waits in quarantine, the others go on
    BLOCK = "block"  # one such row and the whole load is refused: silver stays as it is


@dataclass(frozen=True)
class Grade:
    """How serious a rule is, and which share of a pass's rows (0 to 1; one row at least) may break it."""

    severity: Severity = Severity.QUARANTINE
    up_to: float = 1.0


@dataclass(frozen=True)
class Reference:
    """Rows that have a counterpart in another dataset: a foreign key, or what two systems owe each other."""

    to: str  # system/table
    columns: tuple[str, ...]  # of this dataset, as silver names them; a row with a null among them is not asked
    of: tuple[str, ...] = ()  # the same columns there, where their names differ
    where: pl.Expr | None = None  # which rows are asked
    missing_at_most: float = 0.0  # share of the rows asked
    blocking: bool = False


@dataclass(frozen=True)
class Watch:
    """What of a day is compared with what that weekday usually brings, besides its rows and its nulls."""

    figures: tuple[str, ...] = ()  # numeric silver columns: mean and sum
    distinct: tuple[str, ...] = ()  # silver columns whose distinct values are counted
    by: tuple[str, ...] = ()  # silver columns whose values are watched apart (segments)
    day: str | None = None  # the silver column that says when it happened; default: partition_by's, or a file's date
    settles: timedelta = timedelta(0)  # how long segments and nulls of a day go on changing: judged after that
    blocking: bool = False  # an anomaly keeps the version out of every release


@dataclass(frozen=True)
class Daily:
    """A backup every day, kept this many days."""

    keep_days: int = 30


class Deletes(Enum):
    """How the source deletes rows."""

    NEVER = "never"  # rows are only added or changed
    HARD = "hard"  # rows vanish: the key sets are compared whenever the counts disagree
    RESTATED = "restated"  # a span is read again whole: what it no longer holds is gone
    TOLD = "told"  # the source says so: its rows carry ``_deleted`` and their order in ``_position``


class Drift(Enum):
    """What happens when the source has a column or field that the declaration has not."""

    EVOLVE = "evolve"  # it lands sealed, and a check says so until it is declared
    FREEZE = "freeze"  # the load is refused; the last good rows stay
    QUARANTINE = "quarantine"  # the rows that have it wait in quarantine


Cursor = datetime | int | Mapping[str, Any]
"""Where the next read starts: a time, a number, or the position of a stream (JSON; the feed's own business)."""


@dataclass(frozen=True)
class Window:
    """A closed-open span of UTC time, [start, end)."""

    start: datetime
    end: datetime

    @classmethod
    def of_day(cls, day: date) -> Window:
        from datetime import UTC, time

        start = datetime.combine(day, time(), UTC)
        return cls(start, start + timedelta(days=1))


@dataclass(frozen=True)
class Extract:
    """What to read: everything after a cursor, or one window again, or (both None) everything."""

    dataset: Dataset
    after: Cursor | None = None
    window: Window | None = None
    taken: Callable[[str], bool] = lambda _: False  # has a file with this content been loaded?


@dataclass(frozen=True)
class Facts:
    """What the source said in the very snapshot that was read."""

    source_rows: int  # rows read
    total_keys: int | None  # distinct keys the source holds, where it can tell
    cursor: Cursor | None  # where the next read starts
    taken: tuple[str, ...] = ()  # content ids of the files in it
    refused: tuple[str, ...] = ()  # files left out, each with its reason
    undeclared: tuple[str, ...] = ()  # columns or fields the source has and the declaration has not
    more: bool = False  # the read was bounded: what is left is due at once
    lag: Mapping[str, float] = field(default_factory=dict[str, float])  # how far behind it ended, by measure and unit
    days: Mapping[date, int] | None = None  # keys of each of the last UTC days; the first of them is always told


@dataclass(frozen=True)
class Extraction:
    """An open read of a source. Exhaust ``batches``, then ask for ``facts``, then ``close``."""

    batches: Iterable[pyarrow.Table]
    facts: Callable[[], Facts]
    close: Callable[[], None]
    keys: Callable[[], pyarrow.Table] | None = None  # every key the source holds, in the same snapshot
    undeclared: tuple[str, ...] = ()  # columns known before the first row to be missing in the declaration
    rereads: pl.Expr | None = None  # which rows of bronze it may bring again; None: any, pl.lit(False): none
    states: bool = False  # each row is its key's state: what it was before the newest one held does not count


class Feed(Protocol):
    """Where a dataset comes from: declared as data, read through one protocol."""

    @property
    def system(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def since(self) -> date | None: ...  # first day of a feed that arrives by the day

    def extract(self, request: Extract, settings: Settings) -> Extraction: ...
    def fingerprint(self, dataset: Dataset, settings: Settings) -> str: ...


class DailyFeed(Feed, Protocol):
    """A feed whose rows arrive in files by the day."""

    def waiting_by_day(self, settings: Settings) -> dict[str, str]: ...
    def untaken_days(self, settings: Settings, taken: Callable[[str], bool]) -> list[date]: ...


def unchanged(raw: pl.LazyFrame) -> pl.LazyFrame:
    """The tidy of a source that needs none."""
    return raw


@dataclass(frozen=True, eq=False)
class Dataset:
    """One table of one source system: everything the platform knows about it.

    ``schema`` describes silver's columns before treatment: a personal column is declared as the source has it, with
    its class in the field's metadata, and appears in silver under its treated name.
    """

    feed: Feed
    key: tuple[str, ...]
    schema: type[pa.DataFrameModel]
    owner: str
    cursor: str | None = None
    tidy: Callable[[pl.LazyFrame], pl.LazyFrame] = unchanged
    subject: Subject | None = None
    partition_by: Month | None = None
    history: bool = False  # silver keeps every version of a row (SCD 2)
    keep_duplicates: bool = False  # exact duplicates are kept in quarantine, not only counted
    deletes: Deletes = Deletes.NEVER
    drift: Drift = Drift.EVOLVE
    rules: Mapping[str, pl.Expr] = field(default_factory=dict[str, pl.Expr])  # true where a silver row is valid
    filters: Mapping[str, pl.Expr] = field(default_factory=dict[str, pl.Expr])  # true where a row is left out
    grades: Mapping[str, Grade] = field(default_factory=dict[str, Grade])  # by rule, as "total: null"
    references: tuple[Reference, ...] = ()
    watch: Watch = Watch()
    freshness: Freshness = Freshness()
    completeness: Completeness = Completeness()
    backup: Daily = Daily()

    @property
    def name(self) -> str:
        """``system/table``."""
        return f"{self.feed.system}/{self.feed.name}"

    @property
    def window_column(self) -> str:
        """The timestamp that a re-read window or a day's backfill is about."""
        column = self.partition_by.column if self.partition_by else self.cursor
        if column is None:
            raise ValueError(f"{self.name} has neither partition_by nor cursor: it can only be read whole")
        return column

    @property
    def day_column(self) -> str | None:
        """The column that is declared to say on which day a row happened."""
        return self.watch.day or (self.partition_by.column if self.partition_by else None)

    @property
    def counted(self) -> bool:
        """Whether the source can say how many keys it holds, so that completeness is more than conservation."""
        return self.deletes is Deletes.HARD or self.feed.kind == "postgres"

    def table(self, zone: str) -> str:
        """The lake key of this dataset in a zone: ``silver/order_service/orders``."""
        return f"{zone}/{self.name}"


def pii_of(column: Any) -> Pii | None:
    """The personal-data class in a Pandera column's metadata."""
    return (column.metadata or {}).get("pii")


def redacted(dataset: Dataset) -> frozenset[str]:
    """The columns that are never selected from the source."""
    columns = dataset.schema.to_schema().columns
    return frozenset(name for name, column in columns.items() if pii_of(column) is Pii.REDACT)
