"""PostgreSQL → bronze, everything: against the server's own COPY to /dev/null, with the usual tools as peers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from benchmarks.claims import Claim, Row, compared
from benchmarks.measure import Contender, costs
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size
from benchmarks.tables import DATASETS, ORDERS, make_table

NAME, LIMIT, ADBC = "Opetence load", "server's COPY to /dev/null, binary", "ADBC → Parquet, numeric as scaled bigint"
SCALED = (
    "order_id, user_id, microzone_id, status, currency, voucher_code, quantity,"
    " (total * 100)::bigint AS total, (discount * 100)::bigint AS discount, ordered_at, updated_at"
)


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "orders", ORDERS, "order_id", size.large)
    make_table(place.server, "some_orders", ORDERS, "order_id", size.medium)
    forget(place, "orders")
    peers = _peers(place, size)
    load = replace(loading(place, "orders", NAME), before=lambda: forget(place, "orders"))
    found = costs([*peers, load], size.rounds, place.server.pgdata)
    assert found[NAME].facts["rows"] == size.large
    rows = [compared(found, NAME, LIMIT, 4.5), compared(found, NAME, ADBC, 1.25)]
    rows.append(Row(NAME, found[NAME].peak, "memory", 500, 1.0, found[NAME], unit="MB"))
    rows.extend(compared(found, peer.name, LIMIT) for peer in peers if peer.name != LIMIT)
    title = f"Extract and load: {size.large:,} rows, 11 columns, PostgreSQL → bronze"
    return Claim(
        title,
        rows,
        [
            "The load is the whole of it: one snapshot, the count of the source's keys, dlt's extract and normalize,"
            " zstd Parquet, ONE Delta commit, every fsync. CPU of client and server together; the limit has no client.",
            f"dlt's own backends read {size.medium:,} rows; what they cost is multiplied by {size.large // size.medium}"
            " (connectorx holds all rows in memory): their peak is that of the smaller table, and dlt's fixed cost"
            " of about half a CPU-second is multiplied too.",
        ],
    )


def _peers(place: Place, size: Size) -> list[Contender]:
    uri, scratch = place.server.reader_uri, str(place.scratch)
    adbc = {"uri": uri, "table": "orders", "scratch": scratch}
    peers = [
        Contender(LIMIT, __name__, "copy", {"uri": place.server.admin_uri, "table": "orders"}),
        Contender(ADBC, __name__, "adbc", {**adbc, "columns": SCALED}),
        Contender("ADBC → Parquet, SELECT * (numeric as text)", __name__, "adbc", {**adbc, "columns": "*"}),
    ]
    part = {"uri": uri, "table": "some_orders", "scratch": scratch}
    for backend in ("connectorx", "sqlalchemy"):
        arguments = {**part, "backend": backend}
        times = size.large / size.medium
        peers.append(Contender(f"dlt {backend} → Parquet", __name__, "dlt_backend", arguments, times=times))
    return peers


def copy(uri: str, table: str) -> Iterator[Any]:
    """The limit: the server reads every row and throws its binary form away."""
    from adbc_driver_postgresql import dbapi

    yield
    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"COPY benchmark.{table} TO '/dev/null' (FORMAT BINARY)")
    yield


def adbc(uri: str, table: str, scratch: str, columns: str) -> Iterator[Any]:
    """ADBC's batches written as they come: what anything built on it cannot undercut."""
    import pyarrow.parquet as pq
    from adbc_driver_postgresql import dbapi

    yield
    with TemporaryDirectory(dir=scratch) as folder, dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(32 * 2**20)})
        cursor.execute(f"SELECT {columns} FROM benchmark.{table}")
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter(Path(folder) / "rows.parquet", reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
    yield


def platform(home: str, dataset: str) -> Iterator[Any]:
    """The platform's own load into an empty lake: snapshot, counts, dlt, protection, Delta commit, fsync."""
    import adbc_driver_postgresql.dbapi
    import deltalake
    import dlt
    import dlt.destinations.impl.filesystem.filesystem
    import pyarrow.parquet

    from opetence_assets.ingestion.bronze import load
    from opetence_assets.lake.places import lake_at

    del adbc_driver_postgresql, deltalake, dlt, pyarrow
    settings = settings_of(Path(home))
    yield
    loaded = load(DATASETS[dataset], lake_at(settings), settings)
    yield {"rows": loaded.rows}


def dlt_backend(uri: str, table: str, scratch: str, backend: str) -> Iterator[Any]:
    """dlt as its tutorial has it: ``sql_table`` into Parquet files in a folder."""
    import dlt
    from dlt.sources.sql_database import sql_table

    yield
    with TemporaryDirectory(dir=scratch) as folder:
        kwargs = {"conn": _socket_as_host(uri)} if backend == "connectorx" else {}
        uri = uri.replace("postgresql://", "postgresql+psycopg2://")
        source = sql_table(uri, table, "benchmark", backend=backend, chunk_size=100_000, backend_kwargs=kwargs)
        destination = dlt.destinations.filesystem(f"file://{folder}/out")
        pipeline = dlt.pipeline("peer", pipelines_dir=f"{folder}/pipelines", destination=destination)
        pipeline.run(source, loader_file_format="parquet")
    yield


def _socket_as_host(uri: str) -> str:
    """The same server as connectorx wants to be told of it: ``postgresql://user:secret@%2Fsocket%2Ffolder:5432/db``."""
    parts = urlsplit(uri)
    query = parse_qs(parts.query)
    host = quote(query["host"][0], safe="")
    return f"{parts.scheme}://{parts.username}:{parts.password}@{host}:{query['port'][0]}{parts.path}"


def forget(place: Place, dataset: str) -> None:
    """An empty lake again."""
    shutil.rmtree(place.home / "lake" / "bronze" / DATASETS[dataset].name, ignore_errors=True)


def loading(place: Place, dataset: str, name: str) -> Contender:
    """The platform's load of a benchmark's table as a contender."""
    return Contender(name, __name__, "platform", {"home": str(place.home), "dataset": dataset})
