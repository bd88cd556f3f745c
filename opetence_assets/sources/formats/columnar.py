"""Parquet: the declared columns with the declared types, landed as text like every other partner's file.

Text, because a partner who turns an integer into a string or leaves Parquet for CSV then changes the declaration and
not the type of a column that bronze already holds; what the types promise is checked at the door.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.sources.formats.landing import Landing
from opetence_assets.sources.formats.specs import Columnar, Refused, headed

if TYPE_CHECKING:
    import pyarrow

BATCH = 65_536  # rows
_PLAIN, _ZONED = "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"  # with as many decimals as the column's unit has


def read_columnar(path: Path, spec: Columnar, landing: Landing, scratch: Path) -> None:
    """Lands all values as text: digits, ISO dates and times, ``true``, JSON of lists and structures.

    Raises:
        Refused: damaged, encrypted, other columns, or columns of a type that the declared one does not hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.stat().st_size:
        raise Refused("is empty")
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            names = headed(file.schema_arrow.names, spec.columns)
            _refuse_types(file.schema_arrow, names, spec)
            for batch in file.iter_batches(BATCH, use_threads=False):
                texts = [_text(array) for array in batch.columns]
                landing.write_columns(pa.table(texts, names=names), spec.columns)
            if not landing.rows:
                landing.write_columns(pa.table({name: pa.array([], pa.string()) for name in names}), spec.columns)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise Refused("is damaged, cut off or no Parquet file") from None


def _refuse_types(schema: pyarrow.Schema, names: list[str], spec: Columnar) -> None:
    wrong = [
        f"{name} {found} (declared {spec.types[name]})"
        for name, found in zip(names, schema.types, strict=True)
        if name in spec.types and not _holds(spec.types[name], found)
    ]
    if wrong:
        raise Refused(f"has columns of another type: {', '.join(wrong)}")


def _holds(declared: str, found: pyarrow.DataType) -> bool:
    """Whether every value of the file's type is one of the declared type, with the same text."""
    from pyarrow import types as t

    while t.is_dictionary(found):
        found = found.value_type
    name = str(found).removeprefix("large_").removesuffix("_view")
    if declared in (name, name.partition("[")[0]):
        return True
    width = {"int64": 64, "int32": 32, "int16": 16}.get(declared, 0)
    return (t.is_signed_integer(found) and found.bit_width <= width) or (
        t.is_unsigned_integer(found) and found.bit_width < width
    )


def _text(array: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types as t

    from opetence_assets.sources.records import text_of

    while t.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if t.is_timestamp(kind):
        moment = array.cast(pa.timestamp(kind.unit))
        return pc.strftime(moment, _ZONED if kind.tz else _PLAIN)  # pyright: ignore[reportAttributeAccessIssue]
    if t.is_floating(kind) or t.is_nested(kind) or t.is_binary(kind) or t.is_large_binary(kind):
        return pa.array([text_of(value) for value in array.to_pylist()], pa.string())
    return array.cast(pa.string())
