"""Arrow schemas as Delta has them, and what may change: a table gains nullable columns, a column keeps its type."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Fields = dict[str, dict[str, Any]]  # column → its field in Delta's schema


class SchemaConflict(Exception):
    """A column's type cannot be stored, or is not the one that the table has; nothing was committed."""


def delta_fields(key: str, schema: pa.Schema) -> Fields:
    """Delta's fields for an Arrow schema, every column nullable (Pandera says what may be null, not storage).

    Raises:
        SchemaConflict: a type that Delta lacks or that would come back as another.
    """
    import pyarrow as pa
    from deltalake import Schema

    for field in schema:
        allowed = _wanted_instead(field.type)
        if allowed:
            raise SchemaConflict(f"{key}: found column {field.name} of type {field.type}; cast it to {allowed}")
    columns = pa.schema([pa.field(field.name, field.type, nullable=True) for field in schema])
    return fields_of(Schema.from_arrow(columns).to_json())


def fields_of(schema: str) -> Fields:
    """The fields in a Delta schema as JSON."""
    return {field["name"]: field for field in json.loads(schema)["fields"]}


def schema_string(fields: Fields) -> str:
    return json.dumps({"type": "struct", "fields": list(fields.values())})


def types_of(fields: Fields) -> dict[str, str]:
    """Column → Delta type, as comparable text."""
    return {name: json.dumps(field["type"], sort_keys=True) for name, field in fields.items()}


def merged_fields(key: str, existing: Fields, wanted: Fields) -> Fields:
    """The table's fields followed by the new ones.

    Raises:
        SchemaConflict: a column's type differs from the table's.
    """
    known = types_of(existing)
    for name, kind in types_of(wanted).items():
        if known.get(name, kind) != kind:
            raise SchemaConflict(
                f"{key}: found column {name} as {kind}; allowed: {known[name]}, as the table has it."
                " Next: cast it in the dataset's declaration, or add it under another name"
            )
    return {**existing, **{name: field for name, field in wanted.items() if name not in existing}}


def check_file(key: str, file_types: Mapping[str, str], fields: Fields, partition_by: Sequence[str]) -> None:
    """Refuses a staged file that readers of the table could not read.

    Raises:
        SchemaConflict: a column is unknown to the table or of another type, or a partition column is absent.
    """
    known = types_of(fields)
    for name, kind in file_types.items():
        if known.get(name) != kind:
            raise SchemaConflict(
                f"{key}: found a file with column {name} as {kind}; allowed: {known.get(name, 'no such column')}."
                " Next: write the file in the schema that is committed"
            )
    absent = [name for name in partition_by if name not in file_types]
    if absent:
        raise SchemaConflict(f"{key}: found a file without partition column {absent[0]}. Next: write that column too")


def _wanted_instead(kind: pa.DataType) -> str | None:
    """What a type must be cast to before it is stored; None if it is stored as it is."""
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _wanted_instead(kind.value_type)
    if pa.types.is_struct(kind):
        return next((wanted for field in kind if (wanted := _wanted_instead(field.type))), None)
    if pa.types.is_timestamp(kind):
        return None if kind.unit == "us" and kind.tz in (None, "UTC") else "timestamp[us, UTC] or timestamp[us]"
    if pa.types.is_unsigned_integer(kind):
        return "a signed integer"
    if pa.types.is_dictionary(kind):
        return "the dictionary's own type"
    if pa.types.is_decimal(kind):
        return None if kind.precision <= 38 else "decimal128(38, …)"
    storable = (
        *(pa.types.is_integer, pa.types.is_boolean, pa.types.is_date32, pa.types.is_float32, pa.types.is_float64),
        *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view),
    )
    return None if any(of(kind) for of in storable) else "a number, text, bytes, date, timestamp or list"
