"""Ten years of backups, day by day: ``python -m opetence_assets_tests.backup.years [YEARS [restic]]``.

Each day new partitions of every zone; now and then a release, a copy that nobody can reach, a machine that is off, a
legal hold set or lifted, a person erased, a job killed in the middle. After every round of copies and every collection
the files of each copy are listed and must be those, no more and no fewer, that ``expected`` says, which shares no code
with what made them. Once a year a partition comes back from each copy.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from opetence_assets.backup.policy import Hold
from opetence_assets_tests.backup.life import (
    DAY,
    Life,
    backed_up,
    begun_life,
    brought_back,
    clock,
    collected,
    copied,
    opened_keys,
    released,
)


def lived(life: Life, days: int) -> Life:
    """So many days more.

    Raises:
        AssertionError: a copy is not as it must be.
    """
    end, year = life.now + days * DAY, life.now.year
    while life.now < end:
        life.now += DAY
        missed = _off(life)
        for event, share in EVENTS.items():
            if life.rng.random() < share:
                event(life)
        _reached_again(life)
        with clock(life):
            for day in missed:
                backed_up(life, day, late=True)
            backed_up(life, life.now - DAY)
            copied(life)
            collected(life)
        life.seen["days"] += 1
        if life.now.year != year:
            year = life.now.year
            brought_back(life)
    return life


def _off(life: Life) -> list[datetime]:
    """Now and then the machine is off for days; half of the time they are made up for, which days it returns."""
    if life.rng.random() > 0.015:
        return []
    off = life.rng.randint(1, 6)
    life.seen["days off"] += off
    missed = [life.now + (number - 1) * DAY for number in range(off)]
    life.now += off * DAY
    return missed if life.rng.random() < 0.5 else []


def again(life: Life) -> None:
    """A release after the day's backup: the day gets a second revision."""
    with clock(life):
        backed_up(life, life.now - DAY)
    released(life)
    life.seen["second revisions"] += 1


def out_of_reach(life: Life) -> None:
    """For some days there is no folder where the copy is."""
    if life.away is None and (names := [name for name in life.copies if name != "store"]):
        name = life.rng.choice(names)
        place = life.folder / name
        if place.exists():
            place.rename(life.folder / f"{name}.away")
            place.write_text("nobody answers")
            life.away = (name, life.now + life.rng.randint(2, 9) * DAY)
            life.seen["copies out of reach"] += 1


def _reached_again(life: Life) -> None:
    if life.away and life.now >= life.away[1]:
        place = life.folder / life.away[0]
        place.unlink()
        (life.folder / f"{life.away[0]}.away").rename(place)
        life.away = None


def hold(life: Life) -> None:
    """A legal hold on some days of a zone; another one is lifted then."""
    zone = life.rng.choice(("production", "bronze", "gold", "archive"))
    first = life.now - life.rng.randint(2, 9 if zone == "production" else 40) * DAY
    last = first + life.rng.randint(0, 9) * DAY
    one = Hold(zone, f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}T99", "court")
    life.policy = replace(life.policy, holds=(*life.policy.holds[-1:], one))
    life.seen["legal holds"] += 1


def lift(life: Life) -> None:
    life.policy = replace(life.policy, holds=())


def born(life: Life) -> None:
    """A person, whose key looks like nobody else's."""
    marker = os.urandom(32)
    life.markers[marker] = set()
    with closing(opened_keys(life)) as keys:
        keys.execute("INSERT INTO keys VALUES (?, ?)", (f"user:{len(life.markers)}", marker))


def erase(life: Life) -> None:
    """A person's key is destroyed; backups may have it for as long as the policy says, and no longer."""
    alive = sorted(life.markers.keys() - life.erased.keys())
    if alive:
        marker = life.rng.choice(alive)
        life.erased[marker] = life.now
        with closing(opened_keys(life)) as keys:
            keys.execute("INSERT INTO erased SELECT subject, ? FROM keys WHERE wrapped = ?", (str(life.now), marker))
            keys.execute("DELETE FROM keys WHERE wrapped = ?", (marker,))
            keys.execute("VACUUM")
        life.seen["erased"] += 1


def killed(life: Life) -> None:
    """A job was killed: objects that no manifest names, and files that were not finished."""
    for name, suffix in (("store", ""), ("offsite", ".age")):
        if name not in life.reached or not (place := life.folder / {"store": "backups"}.get(name, name)).exists():
            continue
        digest = uuid4().hex * 2
        for path in (f"objects/{digest[:2]}/{digest}{suffix}", f"objects/_{uuid4().hex}.tmp"):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(b"cut o")
            os.utime(place / path, (life.now.timestamp(), life.now.timestamp()))
            life.strays[name, path] = life.now
    life.seen["killed"] += 1


# What may happen on a day, and how often: shares of days.
EVENTS: Mapping[Callable[[Life], None], float] = {
    released: 0.3,
    born: 0.1,
    erase: 0.03,
    again: 0.03,
    out_of_reach: 0.015,
    hold: 0.02,
    lift: 0.015,
    killed: 0.03,
}


@contextmanager
def home(*, restic: bool = False, seed: int = 0) -> Generator[Life]:
    """A life that has not begun, in memory where there is such a folder: it is a hundred thousand small files."""
    place = tempfile.mkdtemp(prefix="years-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    try:
        yield begun_life(Path(place), seed, restic=restic)
    finally:
        shutil.rmtree(place)


def main(years: float, *, restic: bool = False, seed: int = 0) -> int:
    """Lives so many years and prints what happened in each."""
    began = time.perf_counter()
    with home(restic=restic, seed=seed) as life:
        for year in range(int(-(-years // 1))):
            lived(life, round(365 * min(1.0, years - year)))
            told = ", ".join(f"{number:,} {what}" for what, number in sorted(life.seen.items()))
            sys.stdout.write(f"until {life.now:%Y-%m-%d}, {time.perf_counter() - began:,.0f} s: {told}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10, restic="restic" in sys.argv[2:]))
