"""Users, their addresses and their consents."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from sandbox import words as w
from sandbox.chance import Bools, Ints, chance, circle, pick, whole
from sandbox.story import DAY, HOUR, MINUTE, NEVER, YEAR, Story, day_number, edges, spread
from sandbox.table import Table, digits, moment, moments, words

BAD_MAIL, BORN_1850, TEST, TWIN = 0.003, 0.004, 0.014, 0.019  # ends of the slices of a circle: declared dirt
SEGMENTS = ("regular", "vip", "dormant", "new")


def before_the_story(story: Story) -> int:
    """How many users registered in the three years before the seeded days: half of them."""
    return story.sized(20_000, 40) // 2


def registered(story: Story, now: int) -> int:
    """How many users there are at a midnight."""
    early = before_the_story(story)
    return early + int(edges(story, story.sized(20_000, 40) - early)[day_number(story, now)])


def registered_during(story: Story, day: Ints, elapsed: np.ndarray) -> Ints:
    """How many users there are when this share of a day's business is done."""
    early = before_the_story(story)
    bounds = edges(story, story.sized(20_000, 40) - early)
    return early + bounds[day] + np.floor(elapsed * (bounds[day + 1] - bounds[day])).astype(np.int64)


def created(story: Story, user: Ints) -> Ints:
    early = before_the_story(story)
    grown = np.sqrt((user + chance(story.seed, "user.created", user)) / early)
    ago = story.start - 3 * YEAR + (np.minimum(grown, 1.0) * 3 * YEAR).astype(np.int64)
    later = spread(story, "user", story.sized(20_000, 40) - early, np.maximum(user - early, 0)).moment
    return np.where(user < early, ago, later)


def users(story: Story, user: Ints, now: int) -> pl.DataFrame:
    since, segment, changed = _segment(story, user, now)
    slice_ = circle(story.seed, "user.dirt", user)
    who = _original(story, user, slice_)
    country = _country(story, who)
    first = country * 12 + whole(story.seed, "user.first", 12, who)
    last = country * 12 + whole(story.seed, "user.last", 12, who)
    frame = pl.DataFrame(
        {
            "user_id": user + 1,
            "email": _email(story, user, who, first, last, slice_),
            "phone": phone_of(story, user),
            "full_name": words(w.FIRST_NAMES, first) + " " + words(w.LAST_NAMES, last),
            "national_id": words(w.COUNTRIES, country) + digits(whole(story.seed, "user.national", 10**9, who), 9),
            "birth_date": _born(story, who, (slice_ >= BAD_MAIL) & (slice_ < BORN_1850)),
            "segment": words(SEGMENTS, segment),
            "is_test": _within(slice_, BORN_1850, TEST),
            "created_at": moments(since),
            "updated_at": moments(changed),
        }
    )
    return frame.filter(pl.col("created_at") < moment(now))


def phone_of(story: Story, user: Ints) -> pl.Series:
    """A user's phone, null for 2 % of them."""
    who = _original(story, user, circle(story.seed, "user.dirt", user))
    number = words(w.DIALLING, _country(story, who)) + digits(
        100_000_000 + whole(story.seed, "user.phone", 899_999_999, who), 9
    )
    silent = pl.Series(circle(story.seed, "user.silent", user) < 0.02)
    return number.set(silent, None)


def _within(slice_: np.ndarray, low: float, high: float) -> Bools:
    return (slice_ >= low) & (slice_ < high)


def _original(story: Story, user: Ints, slice_: np.ndarray) -> Ints:
    """Who registered: mostly the user, but for a near duplicate somebody who already had."""
    earlier = user - 1 - whole(story.seed, "user.twin", np.clip(user, 1, 400), user)
    plain = circle(story.seed, "user.dirt", earlier) >= TWIN
    return np.where(_within(slice_, TEST, TWIN) & (user > 1), np.maximum(earlier - (~plain).astype(np.int64), 0), user)


def _country(story: Story, who: Ints) -> Ints:
    return whole(story.seed, "user.country", len(w.COUNTRIES), who)


def _email(story: Story, user: Ints, who: Ints, first: Ints, last: Ints, slice_: np.ndarray) -> pl.Series:
    firsts = [name.lower().translate(w.ASCII) for name in w.FIRST_NAMES]
    lasts = [name.lower().translate(w.ASCII) for name in w.LAST_NAMES]
    name = words(firsts, first) + "." + words(lasts, last) + pl.Series(who + 1).cast(pl.String)
    mail = name + "@" + words(w.MAIL_DOMAINS, whole(story.seed, "user.domain", 4, who))
    shape = pl.Series(whole(story.seed, "user.shape", 3, user))
    twin = pl.Series(_within(slice_, TEST, TWIN))
    frame = pl.DataFrame({"mail": mail, "shape": shape, "twin": twin, "user": user, "slice": slice_})
    return frame.select(
        pl.when(pl.col("twin") & (pl.col("shape") == 0))
        .then(pl.col("mail").str.to_uppercase())
        .when(pl.col("twin") & (pl.col("shape") == 1))
        .then(pl.lit(" ") + pl.col("mail") + " ")
        .when(pl.col("twin"))
        .then(pl.col("mail").str.to_titlecase() + " ")
        .when(pl.col("slice") < BAD_MAIL)
        .then(pl.col("mail").str.replace("@", ".", literal=True))
        .when((pl.col("slice") >= BORN_1850) & (pl.col("slice") < TEST))
        .then("test" + (pl.col("user") + 1).cast(pl.String) + "@test.opetence.example")
        .otherwise(pl.col("mail"))
    ).to_series()


def _born(story: Story, who: Ints, in_1850: Bools) -> pl.Series:
    age = 18 * 365.25 + 62 * 365.25 * chance(story.seed, "user.age", who) ** 1.3
    eldest = (story.until - timedelta(days=365)).toordinal() - 719_163  # days since 1970
    days = np.where(in_1850, -43_829 + whole(story.seed, "user.1850", 365, who), eldest - age.astype(np.int64))
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def _segment(story: Story, user: Ints, now: int) -> tuple[Ints, Ints, Ints]:
    """Registration, segment and when it was last decided: new for 60 days, then decided anew every few months."""
    since = created(story, user)
    period = 70 * DAY + whole(story.seed, "user.period", 50 * DAY, user)
    nth = (now - 1 - since - 60 * DAY) // period
    decided = pick(story.seed, "user.segment", (0.62, 0.1, 0.28), user, np.maximum(nth, 0))
    return since, np.where(nth < 0, 3, decided), np.where(nth < 0, since, since + 60 * DAY + nth * period)


def _touched_users(story: Story, table: Table, before: int, after: int) -> Ints:
    user = np.arange(registered(story, after), dtype=np.int64)
    return user[_segment(story, user, after)[2] >= before]


def addresses(story: Story, user: Ints, now: int) -> pl.DataFrame:
    """One address each, for a third a second one; whoever moves loses the old row and gets a new one."""
    frames: list[pl.DataFrame] = []
    for slot in (0, 1):
        nth, since = _residence(story, user, slot, np.full_like(user, now - 1))
        lives = (created(story, user) < now) & _inhabited(story, user, slot, nth)
        who, nth, since = user[lives], nth[lives], since[lives]
        place = residence(story, who, slot, nth)
        ids = pl.DataFrame({"address_id": _address_id(who, slot, nth), "user_id": who + 1})
        times = pl.DataFrame({"created_at": moments(since), "updated_at": moments(since)})
        frames.append(pl.concat([ids, place, times], how="horizontal"))
    return pl.concat(frames)


def home_at(story: Story, user: Ints, when: Ints) -> pl.DataFrame:
    """Where a user lived at a moment."""
    return residence(story, user, 0, _residence(story, user, 0, when)[0])


def residence(story: Story, user: Ints, slot: int, nth: Ints) -> pl.DataFrame:
    """Where a user's nth home is; people stay in their country."""
    key = user * 2 + slot
    country = _country(story, _original(story, user, circle(story.seed, "user.dirt", user)))
    city = country * 3 + pick(story.seed, "home.city", (0.5, 0.3, 0.2), key, nth)
    zone = whole(story.seed, "home.zone", w.ZONES_IN_A_CITY, key, nth)
    street = words(w.STREETS, country * 6 + whole(story.seed, "home.street", 6, key, nth))
    number = pl.Series(1 + whole(story.seed, "home.number", 180, key, nth)).cast(pl.String)
    return pl.DataFrame(
        {
            "address_line": street + " " + number,
            "city": words(w.CITIES, city),
            "postcode": digits(10_000 + whole(story.seed, "home.postcode", 89_999, key, nth), 5),
            "country": words(w.COUNTRIES, country),
            "microzone_id": (city * w.ZONES_IN_A_CITY + zone + 1).astype(np.int32),
        }
    )


def _residence(story: Story, user: Ints, slot: int, when: Ints) -> tuple[Ints, Ints]:
    """Which home of a user it is at a moment, and since when."""
    since = created(story, user)
    stay = 200 * DAY + whole(story.seed, "home.stay", 400 * DAY, user * 2 + slot)
    nth = np.maximum(when - since, 0) // stay
    return nth, since + nth * stay


def _inhabited(story: Story, user: Ints, slot: int, nth: Ints) -> Bools:
    return np.full(len(user), True) if slot == 0 else chance(story.seed, "home.second", user, nth) < 0.35


def _address_id(user: Ints, slot: int, nth: Ints) -> Ints:
    return (user * 2 + slot) * 64 + nth + 1


def _touched_addresses(story: Story, table: Table, before: int, after: int) -> Ints:
    user = np.arange(registered(story, after), dtype=np.int64)
    moved = [_residence(story, user, slot, np.full_like(user, after - 1))[1] >= before for slot in (0, 1)]
    return user[moved[0] | moved[1]]


def _gone_addresses(story: Story, before: int, after: int) -> pl.DataFrame:
    user = np.arange(registered(story, before), dtype=np.int64)
    gone: list[Ints] = []
    for slot in (0, 1):
        was = _residence(story, user, slot, np.full_like(user, before - 1))[0]
        now = _residence(story, user, slot, np.full_like(user, after - 1))[0]
        left = (was < now) & _inhabited(story, user, slot, was)
        gone.append(_address_id(user[left], slot, was[left]))
    return pl.DataFrame({"address_id": np.concatenate(gone)})


def consents(story: Story, user: Ints, now: int) -> pl.DataFrame:
    """Answers at registration (4 % refuse analytics, 4 % never answer), withdrawals later; 0.3 % written twice."""
    since = created(story, user)
    analytics = pick(story.seed, "consent.analytics", (0.92, 0.04, 0.04), user)
    marketing = pick(story.seed, "consent.marketing", (0.55, 0.35, 0.10), user)
    withdrawn = since + HOUR + (chance(story.seed, "consent.withdrawn", user) ** 0.7 * 9 * YEAR).astype(np.int64)
    withdrawn = np.where(analytics == 0, withdrawn, NEVER)
    answers = (
        (1, 0, analytics == 0, np.where(analytics < 2, since + 2 * MINUTE, NEVER)),
        (2, 1, marketing == 0, np.where(marketing < 2, since + 3 * MINUTE, NEVER)),
        (3, 0, np.zeros(len(user), dtype=np.bool_), withdrawn),
    )
    rows = pl.concat(
        pl.DataFrame(
            {
                "consent_id": user * 4 + number,
                "user_id": user + 1,
                "purpose": words(("analytics", "marketing"), np.full_like(user, purpose)),
                "granted": granted,
                "recorded_at": moments(recorded),
            }
        )
        for number, purpose, granted, recorded in answers
    ).filter(pl.col("recorded_at") < moment(now))
    twice = rows.filter(circle(story.seed, "consent.twice", rows["consent_id"].to_numpy()) < 0.003)
    return pl.concat([rows, twice])


TABLES = (
    Table("user_service.users", ("user_id",), registered, users, _touched_users),
    Table("user_service.addresses", ("address_id",), registered, addresses, _touched_addresses, _gone_addresses),
    Table("user_service.consents", (), registered, consents, cursor="recorded_at"),
)
