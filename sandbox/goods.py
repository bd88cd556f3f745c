"""Vendors, products, their prices through time and the stock in the warehouses."""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox import words as w
from sandbox.chance import Bools, Ints, chance, circle, whole
from sandbox.story import DAY, YEAR, Story
from sandbox.table import Table, digits, moments, money, words

WEEK = 7 * DAY
MOJIBAKE = 0.005  # share of products whose UTF-8 name was once read as Latin-1


def how_many_products(story: Story, now: int = 0) -> int:
    return story.sized(2_000, 120)


def how_many_vendors(story: Story, now: int = 0) -> int:
    return max(12, round(150 * story.scale**0.5))


def vendors(story: Story, vendor: Ints, now: int) -> pl.DataFrame:
    since = story.start - 2 * YEAR - whole(story.seed, "vendor.created", 2 * YEAR, vendor)
    country = whole(story.seed, "vendor.country", 6, vendor)
    owner = country * 12 + whole(story.seed, "vendor.owner", 12, vendor)
    ids = pl.Series(vendor + 1).cast(pl.String)
    return pl.DataFrame(
        {
            "vendor_id": (vendor + 1).astype(np.int32),
            "name": words(w.LAST_NAMES, owner) + " " + words(w.VENDOR_NAMES, vendor % len(w.VENDOR_NAMES)) + " " + ids,
            "country": words(w.COUNTRIES, country),
            "contact_email": "kontakt@vendor" + ids + ".example",
            "created_at": moments(since),
            "updated_at": moments(since),
        }
    )


def products(story: Story, product: Ints, now: int) -> pl.DataFrame:
    category = product % len(w.CATEGORIES)
    nth, since = _pricing(story, product, np.full_like(product, now - 1))
    dropped = _dropped(story, product)
    changed = np.where(dropped < now, np.maximum(since, dropped), since)
    return pl.DataFrame(
        {
            "product_id": product + 1,
            "vendor_id": (whole(story.seed, "product.vendor", how_many_vendors(story), product) + 1).astype(np.int32),
            "name": _name(story, product, category),
            "category": words(w.CATEGORIES, category),
            "list_price": money(_price(story, product, nth)),
            "is_active": dropped >= now,
            "created_at": moments(_launched(story, product)),
            "updated_at": moments(changed),
        }
    )


def weight_grams(story: Story, product: Ints) -> pl.Series:
    """The column that appears on the third tick."""
    return pl.Series((20 + 4_000 * chance(story.seed, "product.weight", product) ** 2).astype(np.int32))


def price_at(story: Story, product: Ints, when: Ints) -> Ints:
    """What a product cost at a moment, in cents."""
    return _price(story, product, _pricing(story, product, when)[0])


def prices(story: Story, product: Ints, now: int) -> pl.DataFrame:
    """Every price a product has had since its launch."""
    nth, _ = _pricing(story, product, np.full_like(product, now - 1))
    whose = np.repeat(product, nth + 1)
    number = np.arange(len(whose)) - np.repeat(np.cumsum(nth + 1) - (nth + 1), nth + 1)
    since = _launched(story, whose) + number * _cycle(story, whose)
    return pl.DataFrame(
        {
            "price_id": whose * 1000 + number + 1,
            "product_id": whose + 1,
            "price": money(_price(story, whose, number)),
            "valid_from": moments(since),
            "updated_at": moments(since),
        }
    )


def _name(story: Story, product: Ints, category: Ints) -> pl.Series:
    garbled = circle(story.seed, "product.mojibake", product) < MOJIBAKE
    kinds = np.where(garbled, w.NON_ASCII_ADJECTIVES, len(w.ADJECTIVES))
    brand = words(w.BRANDS, whole(story.seed, "product.brand", len(w.BRANDS), product))
    adjective = words(w.ADJECTIVES, whole(story.seed, "product.adjective", kinds, product))
    noun = words(w.NOUNS, category * 6 + whole(story.seed, "product.noun", 6, product))
    right = brand + " " + adjective + " " + noun + " " + digits(product + 1, 4)
    wrong = [name.encode().decode("latin-1") for name in right.filter(pl.Series(garbled))]
    return right.scatter(np.flatnonzero(garbled), wrong) if wrong else right


def _launched(story: Story, product: Ints) -> Ints:
    return story.start - 30 * DAY - whole(story.seed, "product.launched", 2 * YEAR, product)


def _dropped(story: Story, product: Ints) -> Ints:
    """When a product is taken out of the shop; within two years for one in eight."""
    return story.start + (chance(story.seed, "product.dropped", product) * 16 * YEAR).astype(np.int64)


def _cycle(story: Story, product: Ints) -> Ints:
    return 60 * DAY + whole(story.seed, "product.cycle", 120 * DAY, product)


def _pricing(story: Story, product: Ints, when: Ints) -> tuple[Ints, Ints]:
    """Which price of a product holds at a moment, and since when."""
    launched, cycle = _launched(story, product), _cycle(story, product)
    nth = (when - launched) // cycle
    return nth, launched + nth * cycle


def _price(story: Story, product: Ints, nth: Ints) -> Ints:
    usual = np.asarray(w.CATEGORY_CENTS)[product % len(w.CATEGORIES)]
    level = np.exp(1.4 * (chance(story.seed, "product.level", product) - 0.5))
    cents = usual * level * (0.85 + 0.3 * chance(story.seed, "product.price", product, nth))
    return (cents // 100).astype(np.int64) * 100 + 99


def _spots(story: Story, now: int = 0) -> int:
    return how_many_products(story) * len(w.WAREHOUSES)


def inventory(story: Story, spot: Ints, now: int) -> pl.DataFrame:
    """What lies where; counted once a week, and a row vanishes while a warehouse does not carry a product."""
    nth, since = _counted(story, spot, now)
    carried = _carried(story, spot, nth)
    spot, nth, since = spot[carried], nth[carried], since[carried]
    left = whole(story.seed, "stock.left", 240, spot, nth)
    return _spot_key(spot).with_columns(
        pl.Series("quantity", left.astype(np.int32)), moments(since).alias("updated_at")
    )


def _spot_key(spot: Ints) -> pl.DataFrame:
    return pl.DataFrame({"product_id": spot // 3 + 1, "warehouse": words(w.WAREHOUSES, spot % 3)})


def _counted(story: Story, spot: Ints, now: int) -> tuple[Ints, Ints]:
    first = story.start - YEAR + whole(story.seed, "stock.weekday", WEEK, spot)
    nth = (now - 1 - first) // WEEK
    return nth, first + nth * WEEK


def _carried(story: Story, spot: Ints, nth: Ints) -> Bools:
    return chance(story.seed, "stock.carried", spot, nth) >= 0.04


def _gone_stock(story: Story, before: int, after: int) -> pl.DataFrame:
    spot = np.arange(_spots(story), dtype=np.int64)
    was, now = _counted(story, spot, before)[0], _counted(story, spot, after)[0]
    return _spot_key(spot[_carried(story, spot, was) & ~_carried(story, spot, now)])


TABLES = (
    Table("product_service.vendors", ("vendor_id",), how_many_vendors, vendors),
    Table("product_service.products", ("product_id",), how_many_products, products),
    Table("product_service.prices", ("price_id",), how_many_products, prices),
    Table("product_service.inventory", ("product_id", "warehouse"), _spots, inventory, gone=_gone_stock),
)
