"""A release is what readers see: {table: version} for every zone, one small file, made atomically.

Whatever made a version (a run, a backfill, a replay, somebody's click), it comes into a release through `publish` or
not at all, and `publish` asks for its verdict: a check that blocks needs no orchestrator to be obeyed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opetence_assets.lake import log
from opetence_assets.lake.places import Lake, LakeError, listing, put_new, read
from opetence_assets.lake.verdicts import failed, verdict

FOLDER = "releases"
JUDGED = ("silver/", "gold/")  # what people read is checked first; bronze and quarantine are as they came
ROLLED_BACK = "rolled_back_to"


class ReleaseConflict(Exception):
    """Another release became current since this one was prepared; nothing was published."""


class Gated(Exception):
    """A version has a failed blocking check, or was never checked; the release that is current stays."""


@dataclass(frozen=True)
class Release:
    """Which version of each table (lake key → Delta version) belongs together; numbers start at 1."""

    number: int
    created_at: datetime
    versions: Mapping[str, int]
    notes: Mapping[str, object] = field(default_factory=dict[str, object])


def publish(
    lake: Lake, versions: Mapping[str, int], notes: Mapping[str, object] | None = None, base: int | None = None
) -> Release:
    """Makes a release current; all of it or nothing.

    With ``base`` (the number it was prepared from, 0 for none) it becomes ``base + 1`` or is refused; without, it
    comes after whatever is current.

    Raises:
        ReleaseConflict: ``base`` is no longer current.
        Gated: a silver or gold version has a failed blocking check or no verdict.
        LakeError: it names a version that does not exist.
    """
    _refuse_unknown(lake, versions)
    refuse_failing(lake, versions)
    while True:
        current = current_release(lake)
        number = (current.number if current else 0) + 1
        if base is not None and number != base + 1:
            raise ReleaseConflict(
                f"found release {number - 1} current, this one is based on {base}. Next: build it again"
            )
        now = datetime.now(UTC)
        created_at = max(now, current.created_at) if current else now  # a clock set back must not reorder history
        release = Release(number, created_at, dict(versions), dict(notes or {}))
        if put_release(lake, release):
            return release


def refuse_failing(lake: Lake, versions: Mapping[str, int]) -> None:
    """Raises Gated if a version may not be read by anybody: the gate of every release and of every candidate.

    A version that is released already needs no verdict to stay, but a failed one ends it.
    """
    current = current_release(lake)
    judged = [(key, version) for key, version in versions.items() if key.startswith(JUDGED)]
    with ThreadPoolExecutor(max_workers=1 if lake.is_local else 16) as pool:  # S3: a hundred round trips, side by side
        asked = [pool.submit(verdict, lake, key, version) for key, version in judged]
        verdicts = [each.result() for each in asked]
    reasons: list[str] = []
    for (key, version), results in zip(judged, verdicts, strict=True):
        if results is None and not (current and current.versions.get(key) == version):
            reasons.append(f"{key} version {version} was never checked")
        reasons += [f"{key} {r.name}: {r.found} (allowed: {r.allowed})" for r in failed(results or [])]
    if reasons:
        raise Gated(
            f"found {len(reasons)} blocking checks in the way of a release: {'; '.join(reasons[:5])}; allowed: none. "
            f"The last good release stays ({current.number if current else 'none yet'}). Next: repair the source or "
            "the declaration, then opetence run"
        )


def put_release(lake: Lake, release: Release) -> bool:
    """Writes a release under its own number, durably; False if that number is taken."""
    return put_new(lake, _path(release.number), _encoded(release))


def current_release(lake: Lake) -> Release | None:
    """The release that readers see; None before the first."""
    numbers = _numbers(lake)
    return release(lake, numbers[-1]) if numbers else None


def release(lake: Lake, number: int) -> Release:
    """The release of this number.

    Raises:
        LakeError: there is none.
    """
    try:
        body = json.loads(read(lake, _path(number)))
    except FileNotFoundError:
        raise LakeError(f"found no release {number}; allowed: {_allowed(lake)}. Next: opetence release list") from None
    return Release(body["number"], datetime.fromisoformat(body["created_at"]), body["versions"], body["notes"])


def release_as_of(lake: Lake, moment: datetime) -> Release | None:
    """The release that was current at a moment; None if that was before the first."""
    numbers = _numbers(lake)
    low, high = 0, len(numbers)
    while low < high:
        middle = (low + high) // 2
        if release(lake, numbers[middle]).created_at <= moment:
            low = middle + 1
        else:
            high = middle
    return release(lake, numbers[low - 1]) if low else None


def all_releases(lake: Lake) -> list[Release]:
    """Every release, oldest first."""
    return [release(lake, number) for number in _numbers(lake)]


def roll_back(lake: Lake, to: int) -> Release:
    """Makes the content of an older release current again, under a new number.

    Raises:
        LakeError: there is no release ``to``.
        Gated: a check of one of its versions fails by now.
        ReleaseConflict: another release was published at the same time.
    """
    older, numbers = release(lake, to), _numbers(lake)
    return publish(lake, older.versions, {**older.notes, ROLLED_BACK: to}, base=numbers[-1])


def is_held(release: Release | None) -> bool:
    """Whether what comes after waits for somebody to promote it: who went back did not ask for the same again."""
    return release is not None and ROLLED_BACK in release.notes


def _path(number: int) -> str:
    return f"{FOLDER}/{number:020d}.json"


def _numbers(lake: Lake) -> list[int]:
    names = (path.removeprefix(f"{FOLDER}/").removesuffix(".json") for path in listing(lake, FOLDER))
    return [int(name) for name in names if name.isdecimal()]


def _allowed(lake: Lake) -> str:
    numbers = _numbers(lake)
    return f"{numbers[0]} to {numbers[-1]}" if numbers else "none, nothing was published yet"


def _refuse_unknown(lake: Lake, versions: Mapping[str, int]) -> None:
    for key, version in versions.items():
        try:
            read(lake, log.commit_path(key, version))
        except FileNotFoundError:
            raise LakeError(
                f"{key}: found no version {version} to release; allowed: a committed one. Next: build again"
            ) from None


def _encoded(release: Release) -> bytes:
    body = {
        "number": release.number,
        "created_at": release.created_at.isoformat(),
        "versions": dict(sorted(release.versions.items())),
        "notes": release.notes,
    }
    return (json.dumps(body, indent=1, default=str) + "\n").encode()
