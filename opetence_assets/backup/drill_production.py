"""The drill of production: PostgreSQL brought back to a random second of what was received, and looked into."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from opetence_assets.backup.choosing import RestoreRefused
from opetence_assets.backup.drills import Drilled, keep_drill
from opetence_assets.backup.hourly import restore_production
from opetence_assets.backup.manifests import manifest_paths, newest
from opetence_assets.backup.objects import BackupDamaged
from opetence_assets.backup.production import ZONE
from opetence_assets.backup.proofs import RESTORED, Proof, prove
from opetence_assets.dataset import DataError
from opetence_assets.lake.places import Lake
from opetence_assets.postgres.address import URI, working_folder
from opetence_assets.postgres.private_server import stopped
from opetence_assets.postgres.recover import Recovered
from opetence_assets.postgres.standing import standing
from opetence_assets.settings import Settings


def drill_production(
    settings: Settings, store: Lake, *, now: datetime, rng: random.Random, tables: Sequence[str]
) -> Drilled:
    """Restores production from the store to a random second and keeps what came of it.

    Args:
        tables: ``schema.table`` of every table that must be there.
    """
    found = standing(working_folder(settings), settings.secret(URI, dataset=ZONE))
    into = settings.scratch / f"drill-{ZONE}-{now:%Y%m%dT%H%M%S%f}"
    began = time.perf_counter()
    facts: dict[str, Any] = {}
    try:
        target = _second(found.oldest, found.newest, rng)
        copy = restore_production(settings, target, into)
        stopped(copy.copy)
        facts |= {"tables": len(copy.rows), "rows": sum(copy.rows.values()), "partitions": [(ZONE, copy.base)]}
        facts |= {"seconds": time.perf_counter() - began, "wrong": tuple(_wrong(copy, tables))}
        facts["lost_seconds"] = found.behind.total_seconds() if found.behind else 0.0
    except (BackupDamaged, RestoreRefused, DataError, OSError) as error:
        facts["wrong"] = (f"{type(error).__name__}: {error}",)
    finally:
        shutil.rmtree(into, ignore_errors=True)
    done = replace(Drilled(ZONE, "store", now, []), **facts)
    keep_drill(store, done)
    for _, partition in () if done.wrong else done.partitions:
        manifest = newest(store, manifest_paths(store, ZONE, partition))
        if manifest:
            facts = {"seconds": done.seconds}
            prove(store, Proof("store", store.uri, manifest.path, manifest.sha256, RESTORED, now, facts))
    return done


def _second(oldest: datetime | None, newest_: datetime | None, rng: random.Random) -> datetime | None:
    """A random moment that can be restored; None (as late as possible) where nobody has received the log yet."""
    if oldest is None or newest_ is None:
        raise RestoreRefused(f"{ZONE}: found no base backup. Next: opetence postgres backup")
    span = (newest_ - oldest).total_seconds()
    return (oldest + timedelta(seconds=rng.uniform(0, span))).astimezone(UTC) if span > 0 else None


def _wrong(copy: Recovered, tables: Sequence[str]) -> list[str]:
    """What a copy of that second must hold: nothing later, and every table that is read from production."""
    there = {name.partition(".")[2] for name in copy.rows}
    wrong = [f"{table}: found no such table" for table in tables if table not in there]
    if copy.target and copy.reached_at and copy.reached_at > copy.target:
        wrong.append(f"found a transaction of {copy.reached_at}; allowed: none after {copy.target}")
    if not sum(copy.rows.values()):
        wrong.append("found no row in any table")
    return wrong
