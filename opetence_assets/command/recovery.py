"""``opetence restore``: a release, or production, back from the lake's own history or from one copy alone."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.moments import LATEST, moment_of, patient
from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.backup.copies import Copy
    from opetence_assets.backup.gathering import Asked
    from opetence_assets.backup.manifests import Manifest
    from opetence_assets.backup.telling import Tell
    from opetence_assets.lake.places import Lake
    from opetence_assets.settings import Settings

LAKE, STORE = "lake", "store"


@dataclass(frozen=True)
class Origin:
    """Where it comes from; ``before``: as that copy was then; ``wait`` until it can be read."""

    name: str | None
    before: datetime | None = None
    wait: bool = False


def restore(
    place: Annotated[str | None, typer.Argument(help="the same as --into")] = None,
    into: Annotated[
        str | None, typer.Option(help="an empty folder (the new OPETENCE_HOME) or s3://bucket/lake")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="a moment with its zone, 2026-11-21T15:30:00+01:00")] = None,
    zone: Annotated[str | None, typer.Option(help="bronze, silver or gold alone")] = None,
    dataset: Annotated[str | None, typer.Option(help="one table alone: system/table, or gold/model")] = None,
    partition: Annotated[str | None, typer.Option(help="the backup of this day or week, YYYY-MM-DD")] = None,
    source: Annotated[str | None, typer.Option("--from", help="lake, store, restic or offsite")] = None,
    before: Annotated[str | None, typer.Option(help="read the copy's locked versions as of then")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="as a new release of this lake")] = False,
    production: Annotated[
        bool, typer.Option("--production", help="production's PostgreSQL instead of the lake")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="for hours, where the copy is in an archive class")] = False,
    json: JsonOption = False,
) -> None:
    """Restores a release into an empty place; every byte and row count is verified on the way."""
    from opetence_assets.settings import read_settings

    settings, target = read_settings(), into or place
    moment = moment_of("--as-of", as_of) if as_of and as_of != LATEST else None
    origin = Origin(source, moment_of("--before", before) if before else None, wait)
    if in_place:
        from opetence_assets.command.going_back import gone_back

        if moment is None or target:
            raise typer.BadParameter("--in-place takes --as-of and no --into: it is a new release of this lake")
        gone_back(settings, moment, origin.name, as_json=json)
        return
    if target is None:
        raise typer.BadParameter("say --into PLACE, an empty folder, or --in-place")
    if production:
        from opetence_assets.command.postgres import restored_copy

        if as_of is None:
            raise typer.BadParameter(f"--production takes --as-of, a moment or {LATEST}")
        with _copy_of_production(settings, moment, Path(target), origin) as store:
            restored_copy(settings, moment, Path(target), store, as_json=json)
        return
    _restored(settings, target, _asked(moment, zone, dataset, partition), origin, as_json=json)


def _asked(moment: datetime | None, zone: str | None, dataset: str | None, partition: str | None) -> Asked:
    from opetence_assets.backup.gathering import Asked
    from opetence_assets.backup.snapshot import ZONES

    if zone and zone not in ZONES:
        raise typer.BadParameter(f"--zone {zone}; allowed: {', '.join(ZONES)}")
    prefixes = ZONES[zone] if zone else tuple(prefix for one in ZONES.values() for prefix in one)

    def only(key: str) -> bool:
        return key.startswith(prefixes) and dataset in (None, key, key.partition("/")[2])

    return Asked(moment, partition, [zone] if zone else tuple(ZONES), only)


def _restored(settings: Settings, target: str, asked: Asked, origin: Origin, *, as_json: bool) -> None:
    from opetence_assets.backup.keys import ZONE as KEYS
    from opetence_assets.backup.restore import restore as bring_back
    from opetence_assets.command.progress import progress_bars
    from opetence_assets.lake.places import place_at

    local = "://" not in target
    home = Path(target).resolve()
    lake = place_at(str(home / "lake") if local else target, settings.storage_options)
    keys = home / "keys" / "keys.sqlite" if local else settings.keys
    scratch = (home if local else settings.home) / "scratch" / "gathered"
    try:
        with progress_bars() as bars:
            store, chosen, origin = _gathered(settings, place_at(str(scratch)), asked, origin, bars)
            if not local and keys.exists():  # the platform's own, which are newer
                chosen, keys = [one for one in chosen if one.zone != KEYS], settings.scratch / "no.sqlite"
            erased = settings.keys
            report = bring_back(store, chosen, into=lake, keys_into=keys, erased_in=erased, only=asked.only, tell=bars)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    opened = f"OPETENCE_HOME={home} opetence status" if local else f"OPETENCE_LAKE={target} opetence status"
    _report(chosen, dict(report.rows), asked, target, origin, opened, as_json=as_json)


def _gathered(
    settings: Settings, scratch: Lake, asked: Asked, origin: Origin, tell: Tell
) -> tuple[Lake, list[Manifest], Origin]:
    """A store and the manifests in it to restore, and where they came from."""
    from opetence_assets.backup.choosing import RestoreRefused
    from opetence_assets.backup.copies import store_of
    from opetence_assets.backup.gathering import chosen_of, from_copy, from_lake
    from opetence_assets.lake.durability import LakeDamaged
    from opetence_assets.lake.places import LakeError, lake_at

    name = origin.name or (LAKE if asked.as_of and not asked.partition and not origin.before else STORE)
    if name == LAKE:
        if asked.partition or origin.before:
            raise typer.BadParameter("--from lake takes neither --partition nor --before: those are of copies")
        try:
            moment = asked.as_of or datetime.now(UTC)
            return scratch, from_lake(lake_at(settings), settings.keys, scratch, asked, moment), Origin(LAKE)
        except (RestoreRefused, LakeDamaged, LakeError, FileNotFoundError) as error:
            if origin.name:
                raise
            typer.echo(f"the lake's own history does not have it ({error}); from the store", err=True)
            shutil.rmtree(scratch.uri, ignore_errors=True)
    if name in (LAKE, STORE) and not origin.before:
        return store_of(settings), chosen_of(store_of(settings), asked), Origin(STORE)
    copy = copy_named(settings, name)
    chosen = patient(origin.wait)(from_copy, copy, scratch, asked, origin.before, tell)
    return scratch, chosen, Origin(name, origin.before)


def _report(
    chosen: list[Manifest],
    rows: dict[str, int],
    asked: Asked,
    target: str,
    origin: Origin,
    opened: str,
    *,
    as_json: bool,
) -> None:
    from opetence_assets.backup.keys import ZONE as KEYS

    first = next(one for one in chosen if one.zone != KEYS)
    moment = first.released.created_at if first.released else first.as_of
    older = (asked.as_of - moment) if asked.as_of else datetime.now(UTC) - moment
    facts: dict[str, Any] = {
        "into": target,
        "from": origin.name,
        "release": first.release,
        "as_of": moment,
        "older_seconds": round(older.total_seconds(), 1),
        "tables": [{"table": key, "rows": count} for key, count in rows.items()],
        "next": opened,
    }
    late = f"{_spoken(older.total_seconds())} older than {'asked for' if asked.as_of else 'now'}"
    title = (
        f"release {first.release} of {moment:%Y-%m-%d %H:%M:%S} UTC, {late},"
        f" from {origin.name} into {target}; with the same master and hash keys: {opened}"
    )
    emit(facts, as_json=as_json, table={"table": list(rows), "rows restored": list(rows.values())}, title=title)


def _spoken(seconds: float) -> str:
    days, rest = divmod(max(0, round(seconds)), 86_400)
    return f"{days} d {rest // 3600} h" if days else f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02} h"


@contextmanager
def _copy_of_production(
    settings: Settings, moment: datetime | None, into: Path, origin: Origin
) -> Generator[Lake | None]:
    """The store that production comes from; None is the platform's own."""
    from opetence_assets.backup.gathering import production_from
    from opetence_assets.lake.places import place_at

    if origin.name in (None, STORE) and origin.before is None:
        yield None
        return
    scratch = into.resolve().with_name(f".{into.name}-gathered")
    try:
        copy = copy_named(settings, origin.name or STORE)
        patient(origin.wait)(production_from, copy, place_at(str(scratch)), moment, origin.before)
        yield place_at(str(scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def copy_named(settings: Settings, name: str) -> Copy:
    """The copy of this name; the environment must say where it is, whatever it says of the others."""
    from opetence_assets.backup.copies import copy_of, policy_for

    copy = copy_of(settings, policy_for(settings), name)
    if copy is None:
        raise typer.BadParameter(f"--from {name}: the environment does not say where that is: docs/guide/backups.md")
    return copy
