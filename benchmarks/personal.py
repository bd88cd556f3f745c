"""What personal data costs: e-mail, phone and name sealed under a key of each person, in microseconds a row."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.claims import Claim, Row
from benchmarks.extract import forget, loading
from benchmarks.measure import costs
from benchmarks.place import Place
from benchmarks.sizes import Size
from benchmarks.tables import PEOPLE, make_table

NAME, AGAIN, LIMIT = "first load, a new key a person", "again, keys known", "same columns, not personal"


def claim(place: Place, size: Size) -> Claim:
    make_table(place.server, "people", PEOPLE, "user_id", size.medium)

    def no_keys() -> None:
        forget(place, "people")
        for file in (place.home / "keys").glob("keys.sqlite*"):
            file.unlink()

    contenders = [
        replace(loading(place, "strangers", LIMIT), before=lambda: forget(place, "strangers")),
        replace(loading(place, "people", NAME), before=no_keys),
        replace(loading(place, "people", AGAIN), before=lambda: forget(place, "people")),
    ]
    found = costs(contenders, size.rounds, place.server.pgdata)
    micros = {name: cost.work * 1e6 / size.medium for name, cost in found.items()}
    rows = [Row(name, micros[name], LIMIT, micros[LIMIT], None, found[name], unit="µs/row") for name in (NAME, AGAIN)]
    added = micros[NAME] - micros[LIMIT]
    return Claim(
        f"Personal data: {size.medium:,} rows, three columns sealed, one digested, one masked",
        rows,
        [
            f"Treatment adds {added:.1f} µs of CPU a row on the first load. It is Python's only loop over rows: every"
            " row is sealed under its own person's random key, which must be durable in the key store first.",
        ],
    )
