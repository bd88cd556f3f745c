"""What dlt stages for nobody is what it would stage for a lake of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.parquet as pq

from opetence_assets.ingestion.staging import normalized

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456)
COLUMNS = {
    "OrderID": pa.array(["x", None]),
    "_sealed": pa.array([b"1", None]),
    "with space": pa.array([1.5, None]),
    "Ünï": pa.array([1, None], pa.int8()),
    "l" * 80: pa.array([True, None]),
    "cents": pa.array([Decimal("1.25"), None], pa.decimal128(12, 2)),
    "widest": pa.array([Decimal("1.1"), None], pa.decimal128(38, 18)),
    "utc": pa.array([NOON.replace(tzinfo=UTC), None], pa.timestamp("us", "UTC")),
    "local": pa.array([NOON, None], pa.timestamp("us")),
    "berlin": pa.array([NOON, None], pa.timestamp("us", "Europe/Berlin")),
    "coarse": pa.array([1, None], pa.timestamp("ms")),
    "day": pa.array([date(2026, 3, 1), None]),
    "clock": pa.array([time(12), None]),
    "texts": pa.array([["a"], None]),
    "nested": pa.array([{"Xy": 1}, None]),
    "large": pa.array([2**63, None], pa.uint64()),
    "long": pa.array(["q", None], pa.large_string()),
    "few": pa.array(["q", None]).dictionary_encode(),
}


def test_a_stream_is_staged_as_for_dlts_own_filesystem(tmp_path: Path) -> None:
    rows = pa.table(COLUMNS)
    with normalized("things", iter([rows, rows]), tmp_path / "scratch") as files:
        ours = [(pq.read_schema(file), pq.read_table(file)) for file in files]

    pipeline = dlt.pipeline("peer", pipelines_dir=str(tmp_path), destination="filesystem", dataset_name="peer")
    stream = dlt.resource(iter([rows, rows]), name="things", write_disposition="append", max_table_nesting=0)
    pipeline.extract(stream, loader_file_format="parquet")
    pipeline.normalize()
    (package,) = pipeline.list_normalized_load_packages()
    jobs = [job.file_path for job in pipeline.get_load_package_info(package).jobs["new_jobs"]]
    theirs = [(pq.read_schema(job), pq.read_table(job)) for job in jobs if "things." in job]

    assert [len(table) for _, table in ours] == [4]
    for (schema, table), (peer_schema, peer_table) in zip(ours, theirs, strict=True):
        assert schema.equals(peer_schema, check_metadata=True)
        assert table.equals(peer_table)
