"""10 k changed rows of 1 M: what a load costs that has little to do."""

from __future__ import annotations

from benchmarks.claims import Claim, compared
from benchmarks.extract import loading
from benchmarks.measure import Contender, costs, run_once
from benchmarks.place import Place
from benchmarks.sizes import Size
from benchmarks.tables import ORDERS, make_table

NAME, LIMIT = "Opetence, changed rows", "1 CPU-second"


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "some_orders", ORDERS, "order_id", size.medium)
    load = loading(place, "some_orders", NAME)
    run_once(load)
    moved = Contender(load.name, load.module, load.function, load.arguments, before=lambda: _move(place, size.changed))
    found = costs([moved], size.rounds, place.server.pgdata)
    assert found[NAME].facts["rows"] == size.changed
    title = f"Incremental: {size.changed:,} changed rows of {size.medium:,} → bronze"
    return Claim(
        title,
        [compared(found, NAME, LIMIT, 1.0, limit_value=1.0)],
        [
            "Beyond the process's start. Includes the count of the source's keys, the search for rows held already"
            " within the lag of ten minutes, dlt's pipeline, and every fsync.",
        ],
    )


def _move(place: Place, rows: int) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(place.server.owner_uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE benchmark.some_orders SET status = 'delivered', quantity = quantity + 1, updated_at = now()"
            f" WHERE order_id IN (SELECT order_id FROM benchmark.some_orders ORDER BY updated_at LIMIT {rows})"
        )
        cursor.execute("VACUUM benchmark.some_orders")
