"""The catalogue's documents: what a product is like in detail, and what customers say about it.

Moments are naive UTC datetimes of whole milliseconds, as MongoDB keeps them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from bson import ObjectId

from sandbox import words as w
from sandbox.chance import Ints, chance, circle, pick, whole
from sandbox.goods import how_many_products, products
from sandbox.orders import NOBODY, ORPHAN, buyer, how_many_orders, life, lines
from sandbox.people import phone_of, registered, users
from sandbox.remarks import with_traces
from sandbox.story import DAY, HOUR, NEVER, Story
from sandbox.table import digits, moments, words

Document = dict[str, Any]

SECOND = 1_000_000
WRITTEN, REMOVED = 0.08, 0.1  # shares of delivered orders with a review, and of reviews removed later
LEAKS = 1 / 40
BEFORE = timedelta(seconds=90)  # how long a draft that was never removed is older than its review
AS_TEXT, IMPOSSIBLE, TWICE, ANONYMOUS = 0.003, 0.005, 0.008, 0.013  # ends of the slices of a circle: declared dirt
COLORS = ("red", "blue", "green", "black", "white", "grün", "crème")
MATERIALS = ("cotton", "steel", "wood", "glass", "Porzellan")
TAGS = ("sale", "new", "eco", "bestseller", "gift", "handmade")
SIZES = ("S", "M", "L")
VERDICTS = (
    ("Terrible", "Broke after a day. Never again."),
    ("Disappointing", "Nicht wie beschrieben, leider."),
    ("It is okay", "Does what it should, un peu cher."),
    ("Good", "Solid quality, arrived quickly."),
    ("Excellent!", "¡Me encanta! Would buy it again."),
)


def product_documents(story: Story) -> list[Document]:
    """One document a product. It changes when its product does: then its stock is counted too."""
    product = np.arange(how_many_products(story), dtype=np.int64)
    told = products(story, product, story.now)
    changed = told["updated_at"].dt.epoch("us").to_numpy()
    seed = story.seed
    frame = told.select("product_id", "vendor_id", "name", "created_at", "updated_at").with_columns(
        pl.col("created_at", "updated_at").dt.cast_time_unit("ms").dt.replace_time_zone(None),
        brand=words(w.BRANDS, whole(seed, "product.brand", len(w.BRANDS), product)),
        described=chance(seed, "document.described", product) < 0.9,
        color=words(COLORS, whole(seed, "document.color", len(COLORS), product)).set(
            pl.Series(chance(seed, "document.colored", product) < 0.3), None
        ),
        material=words(MATERIALS, whole(seed, "document.material", len(MATERIALS), product)).set(
            pl.Series(chance(seed, "document.made", product) < 0.4), None
        ),
        weight=pl.Series(20 + (4_000 * chance(seed, "product.weight", product) ** 2).astype(np.int64)).set(
            pl.Series(chance(seed, "document.weighed", product) < 0.1), None
        ),
        tags=whole(seed, "document.tags", 2 ** len(TAGS), product),
        variants=1 + whole(seed, "document.variants", 3, product),
        **{side: 1 + np.round(60 * chance(seed, f"document.{side}", product), 1) for side in ("w", "h", "d")},
        **{f"stock{n}": whole(seed, f"document.stock{n}", 200, product, changed) for n in range(3)},
    )
    ids = _object_ids(told["created_at"].dt.epoch("s").to_numpy(), product, 0)
    return [_product(id, row) for id, row in zip(ids, frame.iter_rows(named=True), strict=True)]


def _product(id: ObjectId, row: Document) -> Document:
    number = row["product_id"]
    return {
        "_id": id,
        "product_id": number,
        "vendor_id": row["vendor_id"],
        "title": row["name"],
        "description": f"{row['name']}, by {row['brand']}." if row["described"] else None,
        "attributes": {
            "brand": row["brand"],
            "color": row["color"],
            "material": row["material"],
            "weight_g": row["weight"],
            "dimensions": {side: row[side] for side in ("w", "h", "d")},
        },
        "tags": [tag for bit, tag in enumerate(TAGS) if row["tags"] >> bit & 1],
        "variants": [
            {
                "sku": f"SKU-{number:05}-{SIZES[n]}",
                "size": SIZES[n],
                "barcode": None if (number + n) % 9 == 0 else f"40{number:09}{n}0",
                "stock": row[f"stock{n}"],
            }
            for n in range(row["variants"])
        ],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def reviews(story: Story) -> list[Document]:
    """Reviews so far in the order of writing, with the declared dirt."""
    order, written = _reviewed(story)
    seed = story.seed
    lived = life(story, order)
    bought = lines(story, order, lived.placed.moment)
    user = buyer(story, order, lived)
    stranger = circle(seed, "order.orphan", order) < ORPHAN
    rating = 1 + pick(seed, "review.rating", (4, 5, 11, 30, 50), order)
    dirt = circle(seed, "review.dirt", np.arange(len(order), dtype=np.int64))
    rated = np.where((dirt >= AS_TEXT) & (dirt < IMPOSSIBLE), np.where(order % 2 == 0, 0, 7), rating)
    removed = np.where(
        chance(seed, "review.removed", order) < REMOVED,
        written + HOUR + whole(seed, "review.removed_after", 60 * DAY, order),
        NEVER,
    )
    everybody = np.arange(registered(story, story.now), dtype=np.int64)
    person = users(story, everybody, story.now).select("email", "full_name")[user]
    body = words([text for _, text in VERDICTS], rating - 1)
    frame = pl.DataFrame(
        {
            "review_id": "R" + digits(order + 1, 10),
            "product_id": bought.product[bought.first] + 1,
            "user_id": np.where(stranger, NOBODY + order, user + 1),
            "order_id": "O" + digits(order + 1, 10),
            "rating": rated,
            "title": words([title for title, _ in VERDICTS], rating - 1),
            "body": with_traces(seed, "review", LEAKS, body, person["email"], phone_of(story, user), order),
            "name": person["full_name"].str.replace(r"^(\S+) (.).*$", "$1 $2."),
            "removed": removed < story.now,
            "created_at": _milliseconds(written),
            "updated_at": _milliseconds(np.where(removed < story.now, removed, written)),
            "dirt": dirt,
        }
    )
    ids = _object_ids(written // SECOND, order, 1)
    return [
        document for id, row in zip(ids, frame.iter_rows(named=True), strict=True) for document in _written(id, row)
    ]


def _written(id: ObjectId, row: Document) -> list[Document]:
    """A review's document; before one in 333 an older one of the same review."""
    dirt = row["dirt"]
    document = {
        "_id": id,
        "review_id": row["review_id"],
        "product_id": row["product_id"],
        "user_id": row["user_id"],
        "order_id": row["order_id"],
        "rating": str(row["rating"]) if dirt < AS_TEXT else row["rating"],
        "title": row["title"],
        "body": row["body"],
        "reviewer": {"display_name": row["name"]},
        "status": "removed" if row["removed"] else "published",
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
    if TWICE <= dirt < ANONYMOUS:
        del document["reviewer"]
    if not IMPOSSIBLE <= dirt < TWICE:
        return [document]
    created: datetime = row["created_at"]
    older = ObjectId(id.binary[:11] + bytes([id.binary[11] ^ 0xFF]))
    drafted = created - BEFORE
    draft = {"_id": older, "title": "(draft)", "status": "published", "created_at": drafted, "updated_at": drafted}
    return [{**document, **draft}, document]


def _reviewed(story: Story) -> tuple[Ints, Ints]:
    """The orders that were reviewed so far and when, in the order of writing."""
    order = np.arange(how_many_orders(story, story.now), dtype=np.int64)
    lived = life(story, order)
    written = lived.delivered + 12 * HOUR + whole(story.seed, "review.written", 12 * DAY, order)
    there = (chance(story.seed, "review.writes", order) < WRITTEN) & (written < story.now)
    order, written = order[there], written[there]
    ranked = np.lexsort((order, written))
    return order[ranked], written[ranked]


def _milliseconds(microseconds: Ints) -> pl.Series:
    return moments(microseconds).dt.cast_time_unit("ms").dt.replace_time_zone(None)


def _object_ids(seconds: Ints, number: Ints, kind: int) -> list[ObjectId]:
    """As drivers make them: the moment, a process (here the collection) and a counter."""
    return [
        ObjectId(int(second).to_bytes(4, "big") + bytes([0x0B, kind, 0, 0]) + int(n).to_bytes(4, "big"))
        for second, n in zip(seconds, number, strict=True)
    ]
