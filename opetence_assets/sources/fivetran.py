"""What Fivetran lands in PostgreSQL: our own feed of tables, with Fivetran's two columns understood.

``_fivetran_synced`` is the cursor (bronze: ``_cursor`` and ``_position``); ``_fivetran_deleted`` rows are deletions the
source tells of. Declare ``deletes=Deletes.TOLD``. A deletion at the very newest time synced is read again by the next
load and lands once more; silver makes nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from opetence_assets.dataset import Dataset, Extract, Extraction, Facts
from opetence_assets.sources.postgres import Postgres, PostgresTable
from opetence_assets.sources.records import CURSOR, again

if TYPE_CHECKING:
    import pyarrow

    from opetence_assets.settings import Settings

SYNCED, DELETED = "_fivetran_synced", "_fivetran_deleted"


@dataclass(frozen=True)
class Fivetran:
    """A destination: the schema of a connection, and the variable with the database's connection string."""

    system: str
    schema: str
    dsn: str

    def table(self, name: str, *, lag: timedelta = timedelta(minutes=10)) -> FivetranTable:
        """``lag`` is how long one sync takes to write what it stamped."""
        return FivetranTable(Postgres(self.system, self.schema, self.dsn).table(name, lag=lag))


@dataclass(frozen=True)
class FivetranTable:
    """A table that Fivetran writes."""

    table: PostgresTable
    kind: str = "fivetran"
    since: date | None = None

    @property
    def system(self) -> str:
        return self.table.system

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def sync_said(self) -> str:
        """What brings the rows, as the lineage shows it."""
        return f"Fivetran's sync into schema {self.table.source.schema}"

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the read; windows are spans of the time synced.

        Raises:
            DataError: as `PostgresTable.extract`, also where Fivetran's columns are missing.
        """
        dataset = request.dataset
        by_sync = replace(dataset, cursor=SYNCED, partition_by=None)
        inner = self.table.extract(replace(request, dataset=by_sync), settings)
        after = request.window.start if request.window else request.after
        return Extraction(
            batches=(_understood(batch, dataset) for batch in inner.batches),
            facts=lambda: _facts(inner.facts()),
            close=inner.close,
            undeclared=tuple(name for name in inner.undeclared if name not in (SYNCED, DELETED)),
            rereads=again(after - self.table.lag) if isinstance(after, datetime) else None,
            states=True,
        )

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """As the table's own: the server's counters."""
        return self.table.fingerprint(dataset, settings)


def _understood(batch: pyarrow.Table, dataset: Dataset) -> pyarrow.Table:
    import polars as pl

    frame = pl.DataFrame(batch)
    deleted = pl.col(DELETED).fill_null(False) if DELETED in frame.columns else pl.lit(False)
    values = [c for c in frame.columns if c not in (*dataset.key, SYNCED, DELETED)]
    synced = pl.col(SYNCED).cast(pl.Datetime("us", "UTC"))
    known = frame.with_columns(
        pl.when(~deleted).then(pl.col(values)),
        deleted.alias("_deleted"),
        synced.alias(CURSOR),
        synced.cast(pl.Int64).alias("_position"),
    )
    return known.drop(SYNCED, DELETED, strict=False).to_arrow(compat_level=pl.CompatLevel.oldest())


def _facts(found: Facts) -> Facts:
    """Without a count: it would count deleted rows too."""
    return replace(found, total_keys=None)
