"""What advertising costs and is allowed to cost: two partners' daily files and the marketing team's sheet."""

from __future__ import annotations

import gzip
import io
import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox import campaigns
from sandbox.chance import Ints, chance, whole
from sandbox.story import DAY, SEEDED_DAYS, Story, edges, midnight

CHANNELS = ("facebook", "google", "braze")
OWNERS = ("Anna Schäfer", "Jérôme Moreau", "Małgorzata Nowak")
USUAL = (95_000, 130_000, 5_000)  # euros a month; what is spent does not depend on the scale either
REVISED = 0.3  # chance of a day on which a budget is changed


def google_ads(story: Story, day: date) -> bytes:
    """Parquet: date, campaign_id, campaign_name, impressions, clicks, cost_micros (of the currency), currency."""
    campaign = np.arange(len(campaigns.GOOGLE), dtype=np.int64)
    keys = _keys(story, campaign, day)
    seen = (_busy(story, day) * (3_000 + 45_000 * chance(story.seed, "google.seen", *keys))).astype(np.int64)
    clicks = (seen * (0.01 + 0.05 * chance(story.seed, "google.clicked", *keys))).astype(np.int64)
    micros = clicks * (210_000 + whole(story.seed, "google.cost", 500_000, *keys))
    many = len(campaign)
    table = pa.table(
        {
            "date": pa.array([day] * many, pa.date32()),
            "campaign_id": [f"G{2001 + number}" for number in range(many)],
            "campaign_name": list(campaigns.GOOGLE),
            "impressions": seen,
            "clicks": clicks,
            "cost_micros": micros,
            "currency": ["EUR"] * many,
        }
    )
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    return content.getvalue()


def braze_campaigns(story: Story, day: date) -> bytes:
    """JSON lines, gzip, nested: what was sent on a day; a campaign is not sent every day."""
    campaign = np.arange(len(campaigns.BRAZE), dtype=np.int64)
    keys = _keys(story, campaign, day)
    sent = (_busy(story, day) * (400 + 5_000 * chance(story.seed, "braze.sent", *keys))).astype(np.int64) + 5
    delivered = (sent * (0.95 + 0.05 * chance(story.seed, "braze.delivered", *keys))).astype(np.int64)
    opens = (delivered * (0.15 + 0.3 * chance(story.seed, "braze.opened", *keys))).astype(np.int64)
    clicks = (opens * (0.05 + 0.2 * chance(story.seed, "braze.clicked", *keys))).astype(np.int64)
    left = whole(story.seed, "braze.left", 1 + delivered // 200, *keys)
    cents = sent * 9 // 10
    rests = chance(story.seed, "braze.rests", *keys) < 0.25
    rests[keys[1][0] % len(campaign)] = False  # somebody always writes
    rows = zip(campaign, sent, delivered, opens, clicks, left, cents, rests, strict=True)
    text = "".join(
        json.dumps(
            {
                "campaign_id": f"B{3001 + c}",
                "campaign_name": campaigns.BRAZE[c],
                "sent_on": str(day),
                "stats": {
                    "sent": int(s),
                    "delivered": int(d),
                    "opens": int(o),
                    "clicks": int(k),
                    "unsubscribes": int(u),
                },
                "cost": {"amount": f"{cost // 100}.{cost % 100:02}", "currency": "EUR"},
            },
            ensure_ascii=False,
        )
        + "\n"
        for c, s, d, o, k, u, cost, rest in rows
        if not rest
    )
    return gzip.compress(text.encode(), mtime=0)


def marketing_budget(story: Story) -> bytes:
    """The sheet as exported at the story's moment: CSV with CRLF, one row a month and channel, from the story's first
    month to the one after the current one. On some days a budget of the current month is changed."""
    first = story.until - timedelta(days=SEEDED_DAYS)
    months = _months(first, story.today)
    changes = _changes(story)
    rows = ["Month,Channel,Budget,Owner"]
    for nth, month in enumerate(months):
        for channel, name in enumerate(CHANNELS):
            key = (np.array([nth]), np.array([channel]))
            cents = int(USUAL[channel] * (0.8 + 0.4 * chance(story.seed, "budget", *key)[0]) * 100)
            cents = cents * (20 + changes.get((month, channel), 0)) // 20
            rows.append(f'{month},{name},"€{cents // 100:,}.{cents % 100:02}",{OWNERS[channel]}')
    return "\r\n".join(rows).encode()


def _changes(story: Story) -> dict[tuple[str, int], int]:
    """How often each month's budget of each channel has been raised by a twentieth so far."""
    day = np.arange((story.now - story.start) // DAY, dtype=np.int64)
    day = day[chance(story.seed, "budget.revised", day) < REVISED]
    channel = whole(story.seed, "budget.channel", len(CHANNELS), day)
    found = pl.DataFrame({"at": (story.start + day * DAY), "channel": channel})
    months = found["at"].cast(pl.Datetime("us")).dt.strftime("%Y-%m")
    counts = found.with_columns(month=months).group_by("month", "channel").len()
    return {(month, channel): many for month, channel, many in counts.rows()}


def _months(first: date, today: date) -> list[str]:
    low, high = first.year * 12 + first.month - 1, today.year * 12 + today.month
    return [f"{month // 12}-{month % 12 + 1:02}" for month in range(low, high + 1)]


def _keys(story: Story, campaign: Ints, day: date) -> tuple[Ints, Ints]:
    return campaign, np.full_like(campaign, (midnight(day) - story.start) // DAY)


def _busy(story: Story, day: date) -> float:
    """A day's share of the year's business, 1 on an average day."""
    number = (midnight(day) - story.start) // DAY
    bounds = edges(story, 1_000_000)
    return float(bounds[number + 1] - bounds[number]) * SEEDED_DAYS / 1_000_000
