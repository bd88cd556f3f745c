"""Where the rows of one file go: an Arrow stream in the scratch folder, taken up by the parent once it is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.sources.formats.specs import UNDECLARED, Refused
from opetence_assets.sources.limits import Limits

if TYPE_CHECKING:
    import pyarrow

FILE, LINE = "_file", "_line"  # the source position of a row
_FEW = 10_000  # rows


@dataclass
class Landing:
    """Grows while a file is read; ``rows`` and ``undeclared`` are what its reader tells the parent."""

    into: Path
    name: str
    limits: Limits
    rows: int = 0
    undeclared: set[str] = field(default_factory=set[str])
    _bytes: int = 0
    _writer: Any = None

    def write(self, table: pyarrow.Table, lines: pyarrow.Array | None = None) -> None:
        """Adds rows; without ``lines`` they are numbered on, the first row being line 2 (line 1 is the header)."""
        import pyarrow as pa

        count = len(table)
        first = self.rows + 2
        numbers = _counted(first, count) if lines is None else lines
        placed = table.append_column(FILE, pa.repeat(self.name, count)).append_column(LINE, numbers)
        self._refuse_giants(table)
        if self._writer is None:
            self._writer = pa.ipc.new_stream(str(self.into), placed.schema)
        self._writer.write_table(placed)
        self.rows += count

    def write_columns(self, table: pyarrow.Table, declared: Sequence[str], lines: pyarrow.Array | None = None) -> None:
        """Adds rows of a table of text: its declared columns, and one JSON text of those that nobody declared."""
        import pyarrow as pa

        extra = [name for name in table.column_names if name not in declared]
        self.undeclared.update(extra)
        rest = [_said(row) for row in table.select(extra).to_pylist()] if extra else [None] * len(table)
        self.write(table.select(list(declared)).append_column(UNDECLARED, pa.array(rest, pa.string())), lines)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _refuse_giants(self, table: pyarrow.Table) -> None:
        size = table.nbytes
        self._bytes += size
        if self._bytes > self.limits.unpacked:
            raise Refused(f"holds more than the {self.limits.unpacked:,} bytes of values allowed")
        if size <= self.limits.cell:
            return

        import pyarrow.compute as pc

        for name, column in zip(table.column_names, table.columns, strict=True):
            longest = pc.call_function("max", [pc.call_function("binary_length", [column])]).as_py() or 0
            if longest > self.limits.cell:
                raise Refused(f"has a value of {longest:,} bytes in {name}, more than the {self.limits.cell:,} allowed")


def _counted(first: int, count: int) -> pyarrow.Array:
    """Line numbers; a small file does not wait until the functions of Arrow are imported (30 ms)."""
    import pyarrow as pa

    if count < _FEW:
        return pa.array(range(first, first + count), pa.int32())
    return pa.arange(first, first + count).cast(pa.int32())


def _said(row: Mapping[str, str | None]) -> str | None:
    """What a row says in undeclared columns; None where that is nothing."""
    told = {name: value for name, value in row.items() if value is not None}
    return json.dumps(told, ensure_ascii=False) if told else None
