"""A candidate is a release that nobody reads yet: built, checked, to be compared and then promoted by a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from opetence_assets.lake.places import Lake, LakeError, listing, put_new, read
from opetence_assets.lake.releases import Release, current_release, publish, refuse_failing

FOLDER = "candidates"


@dataclass(frozen=True)
class Candidate:
    """What would be released after release ``base`` (0: the first); numbers start at 1."""

    number: int
    created_at: datetime
    base: int
    versions: Mapping[str, int]
    notes: Mapping[str, object] = field(default_factory=dict[str, object])


def put_candidate(lake: Lake, versions: Mapping[str, int], notes: Mapping[str, object], base: int) -> Candidate:
    """Sets a release aside until it is promoted.

    Raises:
        Gated: it could never be released, for a check that fails.
    """
    refuse_failing(lake, versions)
    number = max(_numbers(lake), default=0) + 1
    while True:
        candidate = Candidate(number, datetime.now(UTC), base, dict(versions), dict(notes))
        if put_new(lake, _path(number), json.dumps(asdict(candidate), indent=1, default=_plain).encode()):
            return candidate
        number += 1


def waiting_candidate(lake: Lake) -> Candidate | None:
    """The newest candidate, if it still belongs after the current release; None where nothing waits."""
    numbers = _numbers(lake)
    if not numbers:
        return None
    newest, current = candidate(lake, max(numbers)), current_release(lake)
    return newest if newest.base == (current.number if current else 0) else None


def candidate(lake: Lake, number: int) -> Candidate:
    """The candidate of this number.

    Raises:
        LakeError: there is none.
    """
    try:
        body = json.loads(read(lake, _path(number)))
    except FileNotFoundError:
        known = ", ".join(str(n) for n in _numbers(lake)) or "none was made"
        raise LakeError(f"found no candidate {number}; allowed: {known}. Next: opetence run --hold makes one") from None
    made = datetime.fromisoformat(body["created_at"])
    return Candidate(body["number"], made, body["base"], body["versions"], body["notes"])


def promote(lake: Lake, chosen: Candidate) -> Release:
    """Makes a candidate the current release.

    Raises:
        ReleaseConflict: another release was made since it was compared; build it again.
        Gated: a check of one of its versions fails by now.
    """
    return publish(lake, chosen.versions, {**chosen.notes, "promoted": chosen.number}, base=chosen.base)


def _path(number: int) -> str:
    return f"{FOLDER}/{number:020d}.json"


def _numbers(lake: Lake) -> list[int]:
    names = (path.removeprefix(f"{FOLDER}/").removesuffix(".json") for path in listing(lake, FOLDER))
    return sorted(int(name) for name in names if name.isdecimal())


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
