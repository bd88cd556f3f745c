"""A table as Fivetran leaves it: every row stamped when it was synced, deleted ones marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from opetence_assets.dataset import Dataset, Deletes
from opetence_assets.sources.fivetran import Fivetran
from opetence_assets.sources.postgres_server import opened as connected
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing

LAG = timedelta(minutes=10)
COLUMNS = (
    "id text PRIMARY KEY, amount bigint, note text, at timestamptz, _fivetran_synced timestamptz,"
    " _fivetran_deleted boolean"
)


DATASET = Dataset(
    feed=Fivetran("rig", schema="rig_fivetran", dsn="RIG_DSN").table("things", lag=LAG),
    key=("id",),
    cursor="at",
    schema=Thing,
    deletes=Deletes.TOLD,
    owner="team:tests",
)


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    dsn = place.database()
    newest: list[str] = []

    def run(sql: str, rows: Sequence[tuple[object, ...]] = ((),)) -> None:
        with connected(dsn) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            for row in rows:
                cursor.execute(sql, row or None)
            cursor.execute("COMMIT")

    def put(rows: Sequence[Row], more: str = "") -> None:
        change = ", ".join(f"{name} = excluded.{name}" for name in ("amount", "note", "at", "_fivetran_synced"))
        run(
            "INSERT INTO rig_fivetran.things VALUES ($1, $2::text::bigint, $3, $4::text::timestamptz,"
            f" $4::text::timestamptz, false{more}) ON CONFLICT (id) DO UPDATE SET {change}, _fivetran_deleted = false",
            [(row.id, str(row.amount), row.note, row.at.isoformat()) for row in rows],
        )
        newest.append(max(row.at for row in rows).isoformat())

    def delete(ids: Sequence[str]) -> None:
        marked = "UPDATE rig_fivetran.things SET _fivetran_deleted = true, _fivetran_synced = $2::text::timestamptz"
        run(f"{marked} WHERE id = $1", [(name, max(newest)) for name in ids])

    def drifted(kind: str, rows: Sequence[Row]) -> None:
        change = {"added": "ADD COLUMN nickname text", "removed": "DROP COLUMN note", "retyped": RETYPED}[kind]
        run(f"ALTER TABLE rig_fivetran.things {change}")
        if kind == "added":
            put(rows, ", 'Bunny'")

    run("DROP SCHEMA IF EXISTS rig_fivetran CASCADE")
    run("CREATE SCHEMA rig_fivetran")
    run(f"CREATE TABLE rig_fivetran.things ({COLUMNS})")
    yield Rig(
        variables={"RIG_DSN": dsn},
        put=put,
        delete=delete,
        drifted=drifted,
        wrong={"RIG_DSN": "postgresql://reader:s3cret@localhost:1/none"},
        secret="s3cret",
        late=LAG,
        odd=False,  # PostgreSQL takes neither into text
    )


RETYPED = "ALTER COLUMN amount TYPE text"
