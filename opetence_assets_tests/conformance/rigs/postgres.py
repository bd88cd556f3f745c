"""A table read by cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from opetence_assets.dataset import Dataset, Deletes
from opetence_assets.sources.postgres import Postgres
from opetence_assets.sources.postgres_server import opened as connected
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing

LAG = timedelta(minutes=10)
DATASET = Dataset(
    feed=Postgres("rig", schema="rig", dsn="RIG_DSN").table("things", lag=LAG),
    key=("id",),
    cursor="at",
    schema=Thing,
    deletes=Deletes.HARD,
    owner="team:tests",
)
COLUMNS = "id text PRIMARY KEY, amount bigint, note text, at timestamptz"


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    dsn = place.database()

    def run(sql: str, rows: Sequence[tuple[object, ...]] = ((),)) -> None:
        with connected(dsn) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            for row in rows:
                cursor.execute(sql, row or None)
            cursor.execute("COMMIT")

    def put(rows: Sequence[Row]) -> None:
        insert = (
            "INSERT INTO rig.things (id, amount, note, at) VALUES ($1, $2::text::bigint, $3, $4::text::timestamptz)"
            " ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, note = excluded.note, at = excluded.at"
        )
        run(insert, [(row.id, str(row.amount), row.note, row.at.isoformat()) for row in rows])

    def drifted(kind: str, rows: Sequence[Row]) -> None:
        change = {
            "added": "ADD COLUMN nickname text",
            "removed": "DROP COLUMN note",
            "retyped": "ALTER COLUMN amount TYPE text",
        }[kind]
        run(f"ALTER TABLE rig.things {change}")
        for row in rows:
            at = f"'{row.at.isoformat()}'"
            values = {
                "added": f"(id, amount, note, at, nickname) VALUES ('{row.id}', {row.amount}, 'n', {at}, 'Bunny')",
                "removed": f"(id, amount, at) VALUES ('{row.id}', {row.amount}, {at})",
                "retyped": f"(id, amount, at) VALUES ('{row.id}', 'many', {at})",
            }[kind]
            run(f"INSERT INTO rig.things {values}")

    def break_at(page: int) -> Callable[[], None]:
        """A view that fails on a row stands for a server that goes away in mid-stream."""
        run("ALTER TABLE rig.things RENAME TO stored")
        broken = f"(amount / (CASE WHEN row_number() OVER () = {page * 3} THEN 0 ELSE 1 END))::bigint AS amount"
        run(f"CREATE VIEW rig.things AS SELECT id, {broken}, note, at FROM rig.stored")

        def mend() -> None:
            run("DROP VIEW rig.things")
            run("ALTER TABLE rig.stored RENAME TO things")

        return mend

    run("DROP SCHEMA IF EXISTS rig CASCADE")
    run("CREATE SCHEMA rig")
    run(f"CREATE TABLE rig.things ({COLUMNS})")
    yield Rig(
        variables={"RIG_DSN": dsn},
        put=put,
        delete=lambda ids: run("DELETE FROM rig.things WHERE id = $1", [(name,) for name in ids]),
        break_at=break_at,
        drifted=drifted,
        wrong={"RIG_DSN": "postgresql://reader:s3cret@localhost:1/none"},
        secret="s3cret",
        late=LAG,
        odd=False,  # PostgreSQL takes neither into text
    )
