"""Real people of the sandbox's company as canaries: no byte that the platform wrote may name one of them.

Parquet is decoded, gzip unpacked, everything else searched as it is: tables of every zone, verdicts, releases, drift,
backups, the orchestrator's event log, metadata and what its steps printed, and what dbt left behind. Only the objects
of production's own backup are left out: they are its PostgreSQL, byte for byte.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import polars as pl

WRITTEN = (
    "lake",
    "backups",
    "dagster",
    "dbt",
    "keys",
    "scratch",
)  # folders of a home; the others are the company's own
PEOPLE = """
    SELECT unnest(ARRAY[email, phone, full_name, national_id]) FROM user_service.users
    UNION SELECT contact_email FROM product_service.vendors
    UNION SELECT unnest(ARRAY[name, phone]) FROM logistics_service.couriers
    UNION SELECT address_line FROM user_service.addresses
    UNION SELECT unnest(ARRAY[recipient_phone, delivery_address]) FROM order_service.orders
"""
SHORTEST = 8  # characters: a shorter name may stand in any text


def people(owner_uri: str) -> list[str]:
    """Every e-mail, phone, name, national number and address of the company's PostgreSQL."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(owner_uri) as connection, connection.cursor() as cursor:
        cursor.execute(PEOPLE)
        values = [value.strip() for (value,) in cursor.fetchall() if value]
    written = {*values, *(json.dumps(value)[1:-1] for value in values)}  # JSON escapes what is not ASCII
    return sorted(value for value in written if len(value) >= SHORTEST)


def betrayed(home: Path, canaries: list[str]) -> list[str]:
    """The files with a text that holds a canary. No value is told."""
    left_out = production_objects(home)
    written = (path for folder in WRITTEN for path in sorted((home / folder).rglob("*")))
    files = (path for path in written if path.is_file() and path.name not in left_out)
    different = {sha256(content := file.read_bytes()).digest(): (file, content) for file in files}  # a backup is a copy
    texts = [(str(file.relative_to(home)), text) for file, content in different.values() for text in _texts(content)]
    # All at once: building the automaton of 2,500 names takes longer than running it over a file.
    everything = pl.concat([text.unique().to_frame("text").with_columns(file=pl.lit(file)) for file, text in texts])
    holds = pl.col("text").str.contains_any(canaries, ascii_case_insensitive=True)
    return everything.filter(holds)["file"].unique().sort().to_list()


def production_objects(home: Path) -> set[str]:
    """The names of the objects that production's backups are made of."""
    manifests = (home / "backups" / "manifests" / "production").rglob("*.json")
    bodies = [json.loads(manifest.read_text())["body"] for manifest in manifests]
    return {file["sha256"] for body in bodies for file in body["files"].values()}


def _texts(content: bytes) -> Iterator[pl.Series]:
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if content[:4] == b"PAR1":
        frame = pl.read_parquet(content)
        yield from (frame[name].drop_nulls() for name, dtype in frame.schema.items() if dtype == pl.String)
        binary = [frame[name].drop_nulls() for name, dtype in frame.schema.items() if dtype == pl.Binary]
        yield from (
            pl.Series([value.decode(errors="ignore") for value in values], dtype=pl.String) for values in binary
        )
    yield pl.Series([content.decode(errors="ignore")])  # of Parquet: its footer, with its statistics
