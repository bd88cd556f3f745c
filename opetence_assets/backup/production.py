"""Production's base backups and log, hour by hour, in the store that the lake's zones are in.

A manifest of zone ``production`` names the files of its base backup and of all that it builds on, and the log received
since the manifest before it: any manifest restores alone, and with the later ones any moment after it.

    base/<hour>/….age      the files of a base backup
    wal/<name>.gz.age      a segment of the log; .partial.gz.age the one that was being written
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from opetence_assets.backup.copying import Copying, begun, ended, looked_through
from opetence_assets.backup.manifests import Manifest, StoredBlob, manifest_paths, newest, place_of, read_manifest
from opetence_assets.backup.objects import BackupDamaged, object_path
from opetence_assets.backup.restore import RestoreRefused, restored_blob
from opetence_assets.backup.sealing import AGE, opened_file, sealed_blobs
from opetence_assets.lake.durability import made_folder
from opetence_assets.lake.places import Lake
from opetence_assets.postgres.basebackups import BASES, Backup, backups, based, chain_of, facts
from opetence_assets.postgres.laid_out import place_log
from opetence_assets.postgres.recover import Recovered, chosen, recovered
from opetence_assets.postgres.wal import (
    RECEIVING,
    Mark,
    as_json,
    histories,
    mark_of,
    read_mark,
    segments,
    write_mark,
)

ZONE = "production"
PACKED = ".gz"  # a segment that was left early is zeros to its end


def snapshot_production(store: Lake, folder: Path, base: Backup, recipients: Sequence[str]) -> Manifest:
    """Puts a base backup, and the log received since the last manifest, into the store.

    Run again for the same base backup it does nothing.

    Raises:
        LakeDamaged: a file of the base backup has not its bytes.
    """
    copying = begun(store, ZONE, base.name)
    if copying.done:
        return copying.done
    looked_through(copying)
    chain = chain_of(base, backups(folder))
    mark = read_mark(folder)  # before the log is listed: what it speaks of is in there
    log = [s for s in segments(folder, base.segment_bytes) if s.number >= _first(copying.parent, chain)]
    files = {
        **_base_files(copying, folder, chain, recipients),
        **_log_files(copying, folder, base.segment_bytes, [segment.name for segment in log], recipients),
    }
    complete = [segment.number for segment in log if not segment.is_partial]
    noted: dict[str, Any] = {
        "base": facts(base),
        "chain": [facts(one) for one in chain],
        "next_segment": max(complete, default=_first(copying.parent, chain) - 1) + 1,
        "mark": as_json(mark) if mark and mark.system == base.system else None,
    }
    made = ended(copying, base.finished_at, files=files, facts=noted)
    return made or snapshot_production(store, folder, base, recipients)


def restored_production(
    store: Lake, target: datetime | None, into: Path, variables: Mapping[str, str], live: Path | None = None
) -> Recovered:
    """A running copy of production as of a moment (None: as late as possible), from the store.

    Args:
        live: the working folder, where it still exists: what it received since the last manifest counts too.

    Raises:
        RestoreRefused: no manifest of production that can be read.
        BackupDamaged: a byte in the store is not as recorded.
        DataError: the moment lies outside of what was received.
    """
    found = _manifests(store)
    base = chosen([based(one.facts["base"]) for one in found], target, _newest_mark(found, live))
    start = next(n for n, one in enumerate(found) if one.partition == base.name)
    needed = found[start : _end(found, start, target)]
    made_folder(into.resolve().parent)
    with TemporaryDirectory(prefix=f".{into.name}-", dir=into.resolve().parent) as place:
        work = Path(place)
        _laid_down(store, needed, work, variables)
        if live and len(needed) == len(found) - start:
            _add_live(live, work, base)
        return recovered(work, target, into, variables)


def _first(parent: Manifest | None, chain: Sequence[Backup]) -> int:
    """The first segment that no manifest has."""
    return parent.facts["next_segment"] if parent and _same(parent, chain) else chain[0].first_segment


def _same(parent: Manifest, chain: Sequence[Backup]) -> bool:
    """Whether it is of this cluster: another one's log counts from its own start."""
    return parent.facts["base"]["system"] == chain[0].system


def _base_files(
    copying: Copying, folder: Path, chain: Sequence[Backup], recipients: Sequence[str]
) -> dict[str, StoredBlob]:
    """Files never change under their name: what the parent's manifest has, and the store too, is not read again."""
    known = copying.parent.files if copying.parent else {}
    there, new = dict[str, StoredBlob](), dict[str, int]()
    for file in (file for base in chain for file in (folder / BASES / base.name).iterdir()):
        path, size = str(file.relative_to(folder)), file.stat().st_size
        blob = known.get(f"{path}{AGE}")
        if blob and blob.bytes == copying.sizes.get(object_path(blob.sha256)):
            there[f"{path}{AGE}"] = blob
        else:
            new[path] = size
    return {**there, **sealed_blobs(copying, folder, new, recipients)}


def _log_files(
    copying: Copying, folder: Path, segment_bytes: int, names: Sequence[str], recipients: Sequence[str]
) -> dict[str, StoredBlob]:
    found = dict[str, StoredBlob]()
    with TemporaryDirectory(prefix=".packed-", dir=folder) as place:
        (Path(place) / RECEIVING).mkdir()
        for name in names:
            packed = _packed(folder, segment_bytes, name, Path(place) / RECEIVING)
            packed_path = f"{RECEIVING}/{packed.name}"
            found |= sealed_blobs(copying, Path(place), {packed_path: packed.stat().st_size}, recipients)
            packed.unlink()
        for history in histories(folder):
            shutil.copyfile(history, Path(place) / RECEIVING / history.name)
            told = f"{RECEIVING}/{history.name}"
            found |= sealed_blobs(copying, Path(place), {told: history.stat().st_size}, recipients)
    return found


def _packed(folder: Path, segment_bytes: int, name: str, into: Path) -> Path:
    """Packs a segment; the receiver may rename one that is complete at any moment."""
    while True:
        segment = next(one for one in segments(folder, segment_bytes) if one.name == name)
        packed = into / f"{segment.path.name}{PACKED}"
        try:
            with segment.path.open("rb") as plain, gzip.GzipFile(packed, "wb", 1, mtime=0) as target:
                shutil.copyfileobj(plain, target)
        except FileNotFoundError:
            continue
        return packed


def _manifests(store: Lake) -> list[Manifest]:
    """The newest readable manifest of each hour, oldest first."""
    by_hour = dict[str, list[str]]()
    for path in manifest_paths(store, ZONE):
        by_hour.setdefault(place_of(path)[1], []).append(path)
    found = [one for paths in by_hour.values() if (one := newest(store, paths))]
    if by_hour and not found:
        read_manifest(store, manifest_paths(store, ZONE)[-1])  # says what is wrong with it
    if not found:
        raise RestoreRefused(f"{store.uri}: found no backup of {ZONE}. Next: opetence backup list")
    return sorted(found, key=lambda one: one.as_of)


def _newest_mark(found: Sequence[Manifest], live: Path | None) -> Mark | None:
    marks = [mark for one in found if (mark := _mark(one))]
    received = read_mark(live) if live else None
    return max([*marks, *([received] if received else [])], key=lambda mark: mark.at, default=None)


def _mark(manifest: Manifest) -> Mark | None:
    return mark_of(manifest.facts["mark"]) if manifest.facts["mark"] else None


def _end(found: Sequence[Manifest], start: int, target: datetime | None) -> int:
    """How many manifests it takes until one has received the log beyond the moment and a commit after it."""
    for n in range(start, len(found)):
        mark = _mark(found[n])
        if target and mark and mark.at > target and n > start:
            return n + 1
    return len(found)


def _laid_down(store: Lake, needed: Sequence[Manifest], work: Path, variables: Mapping[str, str]) -> None:
    """A working folder as it was: the first manifest's base backups, the log of them all, the last one's mark."""
    for place in (BASES, RECEIVING):
        (work / place).mkdir()
    chain = {one["name"] for one in needed[0].facts["chain"]}
    for manifest in needed:
        for path, blob in manifest.files.items():
            kind, _, rest = path.partition("/")
            plain = work / path.removesuffix(AGE)
            if kind == RECEIVING or (rest.split("/")[0] in chain and not plain.exists()):
                restored_blob(store, blob, f"{ZONE} {path}", Lake(str(work)), path)
                opened_file(work / path, variables)
            if plain.name.endswith(PACKED) and kind == RECEIVING:
                _unpack(plain)
    marks = [mark for one in needed if (mark := _mark(one))]
    if marks:
        write_mark(work, marks[-1])


def _unpack(packed: Path) -> None:
    try:
        with gzip.open(packed) as source, packed.with_suffix("").open("wb") as plain:
            shutil.copyfileobj(source, plain)
    except (OSError, EOFError) as error:
        raise BackupDamaged(f"{ZONE} {packed.name}: found a segment that cannot be unpacked") from error
    packed.unlink()


def _add_live(live: Path, work: Path, base: Backup) -> None:
    """The log that no manifest has yet."""
    mark, stored = read_mark(live), read_mark(work)
    if mark is None or mark.system != base.system:
        return
    place_log(live, base, work / RECEIVING, as_received=True)
    if stored is None or mark.at > stored.at:
        write_mark(work, mark)
