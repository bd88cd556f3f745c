"""The files that partners drop: advertising costs, settled vouchers and a shop's invoice lines.

A file appears whole under its name or not at all; one that is already there with the same content is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from sandbox import Progress
from sandbox import words as w
from sandbox.campaigns import FACEBOOK
from sandbox.chance import chance, circle, whole
from sandbox.marketing import braze_campaigns, google_ads
from sandbox.orders import how_many_orders, life, lines, order_ids, voucher
from sandbox.story import DAY, SEEDED_DAYS, Story, edges, midnight

DAYS = 60  # the last days of the seed that there are files of
SETTLED_AFTER = 2  # days from the order to its voucher's settlement
Files = Iterable[tuple[str, bytes]]


def deliver_seeded(home: Path, story: Story, progress: Progress | None = None) -> None:
    """All files of the seeded days, whatever has been ticked since."""
    from sandbox.retail import online_retail

    days = [story.until - timedelta(days=ago) for ago in range(DAYS, 0, -1)]
    ads = ((_ads_name(day, version), facebook_ads(story, day, version)) for day, version in _deliveries(story, days))
    deliver(home, "facebook_ads", ads)
    deliver(home, "voucher_settlements", ((_voucher_name(day), voucher_settlements(story, day)) for day in days))
    deliver(home, "google_ads", ((_google_name(day), google_ads(story, day)) for day in days))
    deliver(home, "braze_campaigns", ((_braze_name(day), braze_campaigns(story, day)) for day in days))
    if progress:
        progress("partner files", 1, 2)
    deliver(home, "online_retail", online_retail(story))
    if progress:
        progress("partner files", 2, 2)


def deliver_day(home: Path, story: Story) -> None:
    """The files of the story's next day, and a correction of the advertising costs of the day before."""
    day, before = story.today, story.today - timedelta(days=1)
    deliver(
        home,
        "facebook_ads",
        [(_ads_name(day, 1), facebook_ads(story, day, 1)), (_ads_name(before, 2), facebook_ads(story, before, 2))],
    )
    deliver(home, "voucher_settlements", [(_voucher_name(day), voucher_settlements(story, day))])
    deliver(home, "google_ads", [(_google_name(day), google_ads(story, day))])
    deliver(home, "braze_campaigns", [(_braze_name(day), braze_campaigns(story, day))])


def deliver(home: Path, dataset: str, files: Files) -> None:
    """Write files into ``home/drop/dataset`` so that a watcher never sees part of one, durably."""
    folder = home / "drop" / dataset
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files:
        file = folder / name
        if file.exists() and file.stat().st_size == len(content) and file.read_bytes() == content:
            continue
        partial = folder / f".{name}.part"
        with partial.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(file)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def facebook_ads(story: Story, day: date, version: int) -> bytes:
    """UTF-8, comma. A later version of a day corrects what a third of the campaigns cost."""
    number = (midnight(day) - story.start) // DAY
    campaign = np.arange(len(FACEBOOK), dtype=np.int64)
    keys = (campaign, np.full_like(campaign, number))
    bounds = edges(story, 1_000_000)
    busy = (bounds[number + 1] - bounds[number]) * SEEDED_DAYS / 1_000_000
    impressions = (busy * (4_000 + 60_000 * chance(story.seed, "ads.seen", *keys) * _weight(campaign))).astype(np.int64)
    clicks = (impressions * (0.006 + 0.02 * chance(story.seed, "ads.clicked", *keys))).astype(np.int64)
    cents = (clicks * (18 + 40 * chance(story.seed, "ads.cost", *keys))).astype(np.int64)
    if version > 1:
        corrected = chance(story.seed, "ads.corrected", *keys) < 0.34
        corrected[number % len(FACEBOOK)] = True
        cents = np.where(corrected, cents * 107 // 100 + 1, cents)
        clicks = np.where(corrected, clicks + 3, clicks)
    rows = zip(campaign, impressions, clicks, cents, strict=True)
    text = "date,campaign_id,campaign_name,impressions,clicks,spend,currency\n" + "".join(
        f"{day},C{1001 + c},{FACEBOOK[c]},{seen},{clicked},{cost // 100}.{cost % 100:02},EUR\n"
        for c, seen, clicked, cost in rows
    )
    return text.encode()


def voucher_settlements(story: Story, day: date) -> bytes:
    """Windows-1252, semicolon, decimal comma: the discounts of the orders of two days ago, 1 % of the lines twice."""
    low, high = (how_many_orders(story, midnight(day) - ago * DAY) for ago in (SETTLED_AFTER, SETTLED_AFTER - 1))
    order = np.arange(low, high, dtype=np.int64)
    kind = voucher(story, order)
    lived = life(story, order)
    kept = (kind >= 0) & (lived.cancelled >= midnight(day))
    order, kind, placed = order[kept], kind[kept], lived.placed.moment[kept]
    text = "settlement_id;voucher_code;order_id;amount;settled_on\n"
    if len(order):
        bought = lines(story, order, placed)
        cents = np.add.reduceat(bought.discount, bought.first)
        again = 1 + (circle(story.seed, "settlement.twice", order // 8) < 0.01).astype(np.int64)
        rows = zip(order, kind, order_ids(order), cents, again, strict=True)
        text += "".join(
            f"S{number + 1:010};{w.VOUCHERS[code]};{name};{paid // 100},{paid % 100:02};{day:%d.%m.%Y}\n" * times
            for number, code, name, paid, times in rows
        )
    return text.encode("cp1252")


def _weight(campaign: np.ndarray) -> np.ndarray:
    return 0.3 + 1.4 * ((campaign * 5) % len(FACEBOOK)) / len(FACEBOOK)


def _deliveries(story: Story, days: list[date]) -> Iterator[tuple[date, int]]:
    """Each day once and, but for the last, one in twelve again."""
    for day in days:
        yield day, 1
    for day in days[:-1]:
        if (midnight(day) // DAY + whole(story.seed, "ads.again", 12, np.zeros(1, dtype=np.int64))[0]) % 12 == 0:
            yield day, 2


def _ads_name(day: date, version: int) -> str:
    return f"facebook_ads_{day}.csv" if version == 1 else f"facebook_ads_{day}_v{version}.csv"


def _voucher_name(day: date) -> str:
    return f"voucher_settlements_{day}.csv"


def _google_name(day: date) -> str:
    return f"google_ads_{day}.parquet"


def _braze_name(day: date) -> str:
    return f"braze_campaigns_{day}.jsonl.gz"
