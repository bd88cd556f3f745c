"""A spreadsheet's CSV export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opetence_assets.dataset import Dataset, Deletes
from opetence_assets.sources.sheets import Sheet
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance.dropping import Record, drifted, record_of
from opetence_assets_tests.conformance.http_server import Faults, served
from opetence_assets_tests.conformance.rig import Place, Rig, Thing

DATASET = Dataset(
    feed=Sheet("rig", "things", ("id", "amount", "note", "at"), url="RIG_URL"),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    deletes=Deletes.RESTATED,
    owner="team:tests",
)
PATH = "/spreadsheets/d/1/export"


def exported(records: Sequence[Record]) -> bytes:
    """As Google writes it: CRLF, none after the last line."""
    names = sorted({name for record in records for name in record} or {"id", "amount", "note", "at"})
    lines = [names, *([record.get(name) for name in names] for record in records)]
    return "\r\n".join(",".join("" if v is None else f'"{v}"' for v in line) for line in lines).encode()


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    records: dict[str, Record] = {}
    faults = Faults()

    def put(new: Sequence[Record]) -> None:
        records.update({record["id"]: record for record in new})

    def export(_: Request) -> Any:
        return faults.met() or Response(exported(list(records.values())), media_type="text/csv")

    with served({PATH: export}, faults) as server:
        yield Rig(
            variables={"RIG_URL": f"{server.url}{PATH}?format=csv&gid=0"},
            put=lambda rows: put([record_of(row) for row in rows]),
            delete=lambda ids: [records.pop(name) for name in ids] and None,
            rate_limit=faults.rate_limit,
            drifted=drifted(put),
            odd=False,  # a NUL refuses the export
        )
