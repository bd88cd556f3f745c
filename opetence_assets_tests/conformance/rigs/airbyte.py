"""A connector of Airbyte's kind: a real process that speaks the protocol over a file of things."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from opetence_assets.dataset import Dataset
from opetence_assets.settings import Settings
from opetence_assets.sources.airbyte import Airbyte
from opetence_assets.sources.texts import typed
from opetence_assets_tests.conformance import connector
from opetence_assets_tests.conformance.dropping import record_of
from opetence_assets_tests.conformance.rig import Place, Rig, Row, Thing

LAG = timedelta(minutes=10)


def changed(settings: Settings) -> str:
    """When the file was written: the cheap sign of news that this source has."""
    return str(Path(json.loads(settings.variables["RIG_CONFIG"])["store"]).stat().st_mtime_ns)


DATASET = Dataset(
    feed=Airbyte("rig", config="RIG_CONFIG", path="RIG_CONNECTOR").stream(
        "things",
        {"id": "id", "amount": "amount", "note": "note", "at": "at"},
        cursor="at",
        lag=LAG,
        probe=changed,
    ),
    key=("id",),
    cursor="at",
    schema=Thing,
    tidy=typed(Thing),
    owner="team:tests",
)


@contextmanager
def opened(place: Place) -> Iterator[Rig]:
    place.folder.mkdir(parents=True, exist_ok=True)
    executable, file = place.folder / "source-things", place.folder / "things.json"
    executable.write_text(f"#!{sys.executable} -IS\n{Path(connector.__file__).read_text()}")
    executable.chmod(0o755)
    now = datetime.now(UTC).isoformat()
    store: dict[str, Any] = {"things": {}, "break_at": 0, "repeat": False, "spoiled": [], "final_state": True}
    store["now"] = now

    def change(**to: Any) -> None:
        store.update(to)
        file.write_text(json.dumps(store))

    def put(rows: Sequence[Row]) -> None:
        change(things={**store["things"], **{row.id: record_of(row) for row in rows}})

    def drifted(kind: str, rows: Sequence[Row]) -> None:
        put(rows)
        for row in rows:
            thing = store["things"][row.id]
            thing.update({"added": {"nickname": "Bunny"}, "removed": {}, "retyped": {"amount": "many"}}[kind])
            if kind == "removed":
                del thing["note"]
        change()

    def break_at(page: int) -> Callable[[], None]:
        change(break_at=page)
        return lambda: change(break_at=0)

    change()
    config = {"store": str(file), "key": "right"}
    yield Rig(
        variables={"RIG_CONFIG": json.dumps(config), "RIG_CONNECTOR": str(executable)},
        put=put,
        break_at=break_at,
        repeat_page=lambda: change(repeat=True),
        drifted=drifted,
        poison=lambda: change(
            spoiled=['{"type": "RECORD", "record": {"stream": "things", "data": {"id": "x'],
        ),
        wrong={"RIG_CONFIG": json.dumps({**config, "key": "s3cret"})},
        secret="s3cret",
        late=LAG,
    )
