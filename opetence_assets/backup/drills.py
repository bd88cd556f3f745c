"""Restore drills: a backup is restored into an empty place, compared with the original, and its time is kept.

A drill that fails is kept too: it is what people must see. One from an archive class asks for what it needs, proves
nothing, and the next one takes the same. Whatever is restored is deleted when the drill ends.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opetence_assets.backup.choosing import RestoreRefused
from opetence_assets.backup.copies import Copy
from opetence_assets.backup.keys import ZONE as KEYS
from opetence_assets.backup.manifests import FOLDER as MANIFESTS
from opetence_assets.backup.manifests import Manifest, read_manifest
from opetence_assets.backup.objects import BackupDamaged
from opetence_assets.backup.proofs import RESTORED, Proof, prove
from opetence_assets.backup.restore import restore
from opetence_assets.backup.thawing import StillFrozen
from opetence_assets.lake.places import Lake, LakeError, listing, put_new, read, written_at
from opetence_assets.lake.tables import Table, open_table

if TYPE_CHECKING:
    import polars as pl

FOLDER = "drills"
# Drill → how long after the last one it is overdue: its period, and the time to notice.
DRILLS = {
    "partition": timedelta(days=2),
    "zone": timedelta(days=9),
    "production": timedelta(days=35),
    "company": timedelta(days=100),
}
Judge = Callable[[Lake, str], Sequence[str]]
"""Runs a table's checks in a lake; what fails, in words."""


@dataclass(frozen=True)
class Drilled:
    """One drill.

    Attributes:
        partitions: zone and partition of what was restored, from ``copy``.
        seconds: the recovery time: from an empty place to a release that reads.
        lost_seconds: the recovery point: how much older the backup is than the moment of the drill.
        wrong: what was not as it must be; empty when the drill passed.
        asked_until: nothing could be read yet, and by when it can be.
    """

    name: str
    copy: str
    at: datetime
    partitions: Sequence[Sequence[str]]
    tables: int = 0
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    lost_seconds: float = 0.0
    wrong: Sequence[str] = field(default_factory=tuple[str, ...])
    asked_until: datetime | None = None

    @property
    def proves(self) -> bool:
        return not self.wrong and self.asked_until is None


def drill(
    name: str,
    copy: Copy,
    chosen: Sequence[Manifest],
    *,
    original: Lake,
    store: Lake,
    scratch: Path,
    now: datetime,
    judge: Judge,
    only: Callable[[str], bool] = lambda _: True,
) -> Drilled:
    """Restores manifests (as the store has them) from a copy alone, compares, and keeps what came of it.

    Args:
        judge: runs the checks of a restored table.
        only: which tables, where not all.
    """
    of = [(manifest.zone, manifest.partition) for manifest in chosen]
    place = scratch / f"drill-{name}-{now:%Y%m%dT%H%M%S%f}"
    began = time.perf_counter()
    done = Drilled(name, copy.rule.name, now, of, lost_seconds=_lost(chosen, now))
    facts: dict[str, Any] = {}
    try:
        fetched, into = Lake(str(place / "store")), Lake(str(place / "lake"))
        copy.fetch(of, fetched, None)
        there = [read_manifest(fetched, manifest.path) for manifest in chosen]
        report = restore(fetched, there, into=into, keys_into=place / "keys.sqlite", only=only)
        facts = {"tables": len(report.rows), "rows": sum(report.rows.values()), "bytes": report.bytes}
        facts["seconds"] = time.perf_counter() - began
        facts["wrong"] = tuple(_wrong(report.rows, into, original, there, judge))
    except StillFrozen as error:
        facts["asked_until"] = now + timedelta(hours=error.hours)
    except (BackupDamaged, RestoreRefused, LakeError, OSError) as error:
        facts["wrong"] = (f"{type(error).__name__}: {error}",)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    done = Drilled(**{**asdict(done), **facts})
    keep_drill(store, done)
    if done.proves:
        for manifest in chosen:
            proof = Proof(
                done.copy, copy.address, manifest.path, manifest.sha256, RESTORED, now, {"seconds": done.seconds}
            )
            prove(store, proof)
    return done


def _lost(chosen: Sequence[Manifest], now: datetime) -> float:
    moments = [manifest.as_of for manifest in chosen if manifest.zone != KEYS]
    return max(0.0, (now - max(moments)).total_seconds()) if moments else 0.0


def _wrong(
    rows: Mapping[str, int], into: Lake, original: Lake, manifests: Sequence[Manifest], judge: Judge
) -> list[str]:
    """What differs from the original as it was at that version, and the checks that fail on what was restored."""
    versions = {key: table.version for manifest in manifests for key, table in manifest.tables.items()}
    wrong: list[str] = []
    for key in rows:
        restored, before = open_table(into, key), _at(original, key, versions[key])
        if restored is None:
            wrong.append(f"{key}: found no table")
        elif before is not None and fingerprint(restored) != fingerprint(before):
            wrong.append(f"{key}: rows, sums or hashes differ from the original's version {versions[key]}")
        wrong += [f"{key}: {failed}" for failed in judge(into, key)]
    return wrong


def _at(original: Lake, key: str, version: int) -> Table | None:
    """The original, if the lake still has it: a drill after a disaster has only the manifest to compare with."""
    try:
        return open_table(original, key, version)
    except LakeError:
        return None


def fingerprint(table: Table) -> dict[str, Any]:
    """Rows, the sum of each number, and the sum of hashes of each other column: the same whatever the order is."""
    import polars as pl

    rows = table.scan()
    sums = [_sum(name, kind) for name, kind in rows.collect_schema().items()]
    return rows.select(pl.len().alias("rows"), *sums).collect(engine="streaming").to_dicts()[0]


def _sum(name: str, kind: pl.DataType) -> pl.Expr:
    import polars as pl

    column = pl.col(name)
    if kind.is_float():
        return column.sum().round(6)
    if kind.is_integer() or kind.is_decimal():
        return column.cast(pl.Decimal(38, 6) if kind.is_decimal() else pl.Int128).sum()
    return column.hash().cast(pl.Int128).sum()


def keep_drill(store: Lake, done: Drilled) -> None:
    """Keeps what came of a drill, durably."""
    until = done.asked_until.isoformat() if done.asked_until else None
    body = asdict(done) | {"at": done.at.isoformat(), "asked_until": until}
    put_new(store, f"{FOLDER}/{done.name}/{done.at:%Y%m%dT%H%M%S%f}.json", json.dumps(body, sort_keys=True).encode())


def drills(store: Lake, name: str) -> list[Drilled]:
    """Every drill of this name, oldest first."""
    return [_decoded(read(store, path)) for path in listing(store, f"{FOLDER}/{name}")]


def unproven(done: Drilled) -> str | None:
    """What a drill says that could read nothing yet; None if it did."""
    if done.asked_until is None:
        return None
    return (
        f"asked {done.copy} for what it needs, which comes back by {done.asked_until:%Y-%m-%d %H:%M} UTC; nothing is"
        " proven yet, the next drill takes the same"
    )


def overdue(store: Lake, name: str, now: datetime) -> str | None:
    """Why a drill's check is red: too long ago, or failed the last time; None when it is not.

    The first one is due as long after the first backup as any other after the one before it.
    """
    done = [one for one in drills(store, name) if one.asked_until is None]
    if done and done[-1].wrong:
        return f"failed on {done[-1].at:%Y-%m-%d %H:%M} UTC: {done[-1].wrong[0]}"
    since = done[-1].at if done else min(written_at(store, MANIFESTS).values(), default=now)
    late = now - since - DRILLS[name]
    if late <= timedelta(0):
        return None
    told = f"last passed on {since:%Y-%m-%d}" if done else f"never done since the first backup on {since:%Y-%m-%d}"
    return f"{told}: overdue by {max(1, late.days)} days, what is backed up is unproven"


def _decoded(data: bytes) -> Drilled:
    body: dict[str, Any] = json.loads(data)
    until = body.get("asked_until")
    body |= {
        "at": datetime.fromisoformat(body["at"]).astimezone(UTC),
        "asked_until": until and datetime.fromisoformat(until),
    }
    return Drilled(**body)
