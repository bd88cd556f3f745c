"""The same table by its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from opetence_assets.dataset import Deletes
from opetence_assets.sources.postgres import Postgres
from opetence_assets_tests.conformance.rig import Place, Rig
from opetence_assets_tests.conformance.rigs.postgres import DATASET as BY_CURSOR
from opetence_assets_tests.conformance.rigs.postgres import opened as by_cursor
from opetence_assets_tests.shop import Shop, without_slots

SLOT = "rig_things"
FEED = Postgres("rig", schema="rig", dsn="RIG_DSN").changes("things", slot=SLOT, publication="rig")
DATASET = replace(BY_CURSOR, feed=FEED, deletes=Deletes.TOLD)


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    shop = Shop(place.database())
    without_slots(shop)

    def break_at(page: int) -> Callable[[], None]:
        """A policy that fails on a row stands for a server that goes away in mid-stream."""
        failing = f"(amount / (CASE WHEN id = 'T{page * 3:05}' THEN 0 ELSE 1 END)) IS NOT NULL"
        shop.run(f"CREATE POLICY broken ON rig.things USING ({failing})")
        shop.run("ALTER TABLE rig.things ENABLE ROW LEVEL SECURITY; ALTER TABLE rig.things FORCE ROW LEVEL SECURITY")
        return lambda: shop.run("ALTER TABLE rig.things DISABLE ROW LEVEL SECURITY; DROP POLICY broken ON rig.things")

    with by_cursor(place) as rig:
        shop.run("DROP PUBLICATION IF EXISTS rig; CREATE PUBLICATION rig FOR TABLE rig.things")
        try:
            yield replace(rig, break_at=break_at, late=None)
        finally:
            without_slots(shop)
