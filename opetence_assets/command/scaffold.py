"""``opetence new-dataset``: a declaration, its test and a sample, from what the source says of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

ROOT = Path(__file__).parents[2]
_TYPES = {
    "bigint": "pl.Int64",
    "integer": "pl.Int32",
    "smallint": "pl.Int16",
    "boolean": "pl.Boolean",
    "date": "pl.Date",
}


def new_dataset(
    name: Annotated[str, typer.Argument(help="SYSTEM/TABLE, e.g. order_service/refunds")],
    key: Annotated[str, typer.Option(help="key columns, comma-separated")] = "id",
    cursor: Annotated[str, typer.Option(help="the column that moves with every write")] = "updated_at",
    owner: Annotated[str, typer.Option(help="team:NAME")] = "team:data",
    dsn: Annotated[str | None, typer.Option(help="for a new database: the variable of its connection string")] = None,
    root: Annotated[Path, typer.Option(help="the repository")] = ROOT,
    json: JsonOption = False,
) -> None:
    """Writes the one file (two for a new database) that adds a table, and its test. Nothing else is edited."""
    from opetence_assets.dataset import DataError

    system, _, table = name.partition("/")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", system) or not re.fullmatch(r"[a-z][a-z0-9_]*", table):
        raise DataError(
            name,
            found="a name of another form",
            allowed="SYSTEM/TABLE in snake_case",
            next_command="opetence new-dataset order_service/refunds",
        )
    folder = root / "opetence_assets" / "datasets" / system
    files = {root / "opetence_assets_tests" / "datasets" / system / f"test_{table}.py": _test(system, table)}
    if not (folder / "__init__.py").exists():
        files[folder / "__init__.py"] = _connection(system, dsn or f"{system.upper()}_DSN")
    columns = _columns(system, table, dsn or f"{system.upper()}_DSN") or _example(key, cursor)
    files[folder / f"{table}.py"] = _declaration(system, table, columns, key.split(","), cursor, owner)
    if taken := [str(file) for file in files if file.exists()]:
        raise DataError(
            name, found=f"{', '.join(taken)} already there", allowed="a new name", next_command=f"edit {taken[0]}"
        )
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    written = [str(file.relative_to(root)) for file in files]
    emit({"written": written}, as_json=json, table={"written": written})


def _connection(system: str, dsn: str) -> str:
    return f'''"""The {system.replace("_", " ")}'s PostgreSQL schema."""

from datetime import timedelta

from opetence_assets.sources.postgres import Postgres

{system} = Postgres(system="{system}", schema="{system}", dsn="{dsn}")
LAG = timedelta(minutes=10)
'''


def _declaration(system: str, table: str, columns: dict[str, str], key: list[str], cursor: str, owner: str) -> str:
    model = "".join(part.capitalize() for part in table.removesuffix("s").split("_"))
    fields = "\n".join(f"    {name}: {kind}" for name, kind in columns.items())
    words = ["Dataset", *(w for w in ("Money", "Utc") if w in columns.values())]
    return f'''"""One row per {table.removesuffix("s").replace("_", " ")}, newest state."""

import pandera.polars as pa
import polars as pl

from opetence_assets.dataset import {", ".join(words)}
from opetence_assets.datasets.{system} import LAG, {system}


class {model}(pa.DataFrameModel):
{fields}


{table} = Dataset(
    feed={system}.table("{table}", lag=LAG),
    key=({", ".join(f'"{part}"' for part in key)},),
    cursor="{cursor}",
    schema={model},
    owner="{owner}",
)
'''


def _test(system: str, table: str) -> str:
    return f'''"""The declaration of {system}/{table}; the laws over all declarations hold for it too."""

from opetence_assets.datasets.{system}.{table} import {table}
from opetence_assets_tests.datasets.samples import refined


def test_a_sample_row_reaches_silver_unharmed() -> None:
    sample = {{}}  # column → value of one typical row; what is left out takes a value of its type

    silver = refined({table}, [sample])

    assert len(silver) == 1
'''


def _columns(system: str, table: str, dsn: str) -> dict[str, str]:
    """Columns and types as the source has them; empty where it cannot be asked."""
    from opetence_assets.settings import SettingsError, read_settings

    try:
        settings = read_settings()
        settings.secret(dsn, dataset=f"{system}/{table}")
    except SettingsError:
        return {}
    from opetence_assets.sources.postgres import Postgres, described

    return {c.name: _polars_type(c.type) for c in described(Postgres(system, system, dsn).table(table), settings)}


def _polars_type(kind: str) -> str:
    if kind.startswith("numeric"):
        return "Money"
    if kind.startswith("timestamp"):
        return "Utc"
    return _TYPES.get(kind, "pl.String")


def _example(key: str, cursor: str) -> dict[str, str]:
    return {**dict.fromkeys(key.split(","), "pl.Int64"), cursor: "Utc"}
