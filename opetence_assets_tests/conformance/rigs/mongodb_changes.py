"""The same collection by its change stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from opetence_assets.dataset import Deletes
from opetence_assets.sources.mongodb import Mongo
from opetence_assets_tests.conformance.rig import Place, Rig
from opetence_assets_tests.conformance.rigs.mongodb import DATASET as BY_CURSOR
from opetence_assets_tests.conformance.rigs.mongodb import FIELDS, rig_of
from opetence_assets_tests.documents import documents

DATASET = replace(BY_CURSOR, feed=Mongo("rig", uri="RIG_URI").changes("things", FIELDS), deletes=Deletes.TOLD)


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    with documents() as server:
        yield rig_of(server, repeat_page=None)
