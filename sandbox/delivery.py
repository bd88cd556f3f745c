"""Shipments, couriers and microzones."""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox import words as w
from sandbox.chance import Ints, chance, circle, whole
from sandbox.orders import Life, buyer, how_many_orders, life, order_ids, recent
from sandbox.people import home_at
from sandbox.story import DAY, HOUR, MINUTE, YEAR, Story
from sandbox.table import Table, digits, moment, moments, money, words

STATUSES = ("created", "picked_up", "in_transit", "delivered", "failed")
TWICE, OLDER, WRONG_ZONE = 0.002, 0.005, 0.007  # ends of the slices of a circle: declared dirt


def how_many_couriers(story: Story, now: int = 0) -> int:
    return max(10, round(200 * story.scale**0.5))


def how_many_microzones(story: Story, now: int = 0) -> int:
    return len(w.CITIES) * w.ZONES_IN_A_CITY


def couriers(story: Story, courier: Ints, now: int) -> pl.DataFrame:
    """Couriers change vehicle or pause every half year or so."""
    first = story.start - 2 * YEAR + whole(story.seed, "courier.first", YEAR, courier)
    period = 120 * DAY + whole(story.seed, "courier.period", 120 * DAY, courier)
    nth = (now - 1 - first) // period
    country = whole(story.seed, "courier.country", 6, courier)
    name = words(w.FIRST_NAMES, country * 12 + whole(story.seed, "courier.name", 12, courier))
    surname = words(w.LAST_NAMES, country * 12 + whole(story.seed, "courier.surname", 12, courier))
    number = digits(600_000_000 + whole(story.seed, "courier.phone", 99_999_999, courier), 9)
    return pl.DataFrame(
        {
            "courier_id": (courier + 1).astype(np.int32),
            "name": name + " " + surname,
            "phone": words(w.DIALLING, country) + number,
            "vehicle": words(w.VEHICLES, whole(story.seed, "courier.vehicle", 4, courier, nth)),
            "is_active": chance(story.seed, "courier.active", courier, nth) < 0.9,
            "updated_at": moments(first + nth * period),
        }
    )


def microzones(story: Story, zone: Ints, now: int) -> pl.DataFrame:
    city, part = zone // w.ZONES_IN_A_CITY, zone % w.ZONES_IN_A_CITY
    mapped = np.full_like(zone, story.start - 3 * YEAR)
    return pl.DataFrame(
        {
            "microzone_id": (zone + 1).astype(np.int32),
            "name": words(w.CITIES, city) + " " + words(w.ZONE_NAMES, part),
            "city": words(w.CITIES, city),
            "area_km2": money(150 + whole(story.seed, "zone.area", 2_500, zone)).cast(pl.Decimal(8, 2)),
            "updated_at": moments(mapped),
        }
    )


def shipments(story: Story, order: Ints, now: int) -> pl.DataFrame:
    """One shipment for each order that left, as it is, and the rows that should not be there."""
    return pl.concat([current_shipments(story, order, now), stray_shipments(story, order, now)])


def current_shipments(story: Story, order: Ints, now: int) -> pl.DataFrame:
    order, lived = _left(story, order, now)
    steps = _steps(story, order, lived)
    reached = (steps[:4] < now).sum(axis=0) - 1
    failed = lived.failed < now
    updated = np.take_along_axis(steps, reached[None, :], axis=0)[0]
    status = np.where(failed, 4, reached)
    return _rows(story, order, lived, status, np.where(failed, lived.failed, updated), now)


def stray_shipments(story: Story, order: Ints, now: int) -> pl.DataFrame:
    """Exact duplicates of finished shipments, and near duplicates that stayed at their first status."""
    order, lived = _left(story, order, now)
    slice_ = circle(story.seed, "shipment.dirt", order)
    done = np.minimum(lived.delivered, lived.failed)
    twice = (slice_ < TWICE) & (done < now)
    again = current_shipments(story, order[twice], now)
    stale = (slice_ >= TWICE) & (slice_ < OLDER) & (_steps(story, order, lived)[1] < now)
    order = order[stale]
    lived = life(story, order)
    return pl.concat([again, _rows(story, order, lived, np.zeros_like(order), lived.shipped, 0)])


def moved_shipments(story: Story, order: Ints, before: int, after: int) -> pl.DataFrame:
    """Shipments that are new or further on their way, and the stray rows that appeared meanwhile."""
    was = current_shipments(story, order, before).select("shipment_id", was="updated_at")
    current = current_shipments(story, order, after).filter(pl.col("updated_at") >= moment(before))
    same = ["shipment_id", "status"]
    strays = stray_shipments(story, order, after).join(stray_shipments(story, order, before), on=same, how="anti")
    return pl.concat([current.join(was, on="shipment_id", how="left"), strays], how="diagonal")


def _left(story: Story, order: Ints, now: int) -> tuple[Ints, Life]:
    """The orders of these that were handed to a courier before a moment."""
    order = order[life(story, order).shipped < now]
    return order, life(story, order)


def _steps(story: Story, order: Ints, lived: Life) -> np.ndarray:
    """When each status is reached."""
    picked = lived.shipped + 20 * MINUTE + whole(story.seed, "shipment.picked", 2 * HOUR, order)
    moving = picked + 10 * MINUTE + whole(story.seed, "shipment.moving", 3 * HOUR, order)
    return np.stack([lived.shipped, picked, moving, lived.delivered])


def _rows(story: Story, order: Ints, lived: Life, status: Ints, updated: Ints, now: int) -> pl.DataFrame:
    home = home_at(story, buyer(story, order, lived), lived.placed.moment)
    slice_ = circle(story.seed, "shipment.dirt", order)
    wrong = (slice_ >= OLDER) & (slice_ < WRONG_ZONE)  # stamped by a scanner set to another time zone
    delivered = np.where(
        wrong, lived.shipped - whole(story.seed, "shipment.zone", 2 * HOUR, order) - 1, lived.delivered
    )
    return pl.DataFrame(
        {
            "shipment_id": order + 1,
            "order_id": order_ids(order),
            "courier_id": (whole(story.seed, "shipment.courier", how_many_couriers(story), order) + 1).astype(np.int32),
            "microzone_id": home["microzone_id"],
            "status": words(STATUSES, status),
            "shipped_at": moments(lived.shipped),
            "promised_at": promised(story, order, lived),
            "delivered_at": moments(delivered).set(pl.Series(lived.delivered >= now), None),
            "updated_at": moments(updated),
        }
    )


def promised(story: Story, order: Ints, lived: Life) -> pl.Series:
    """One to three days later by noon to nine in Berlin's local time, without saying so: the source's lie."""
    ahead = pl.Series(1 + whole(story.seed, "shipment.days", 3, order))
    hour = pl.Series(12 + whole(story.seed, "shipment.hour", 10, order))
    frame = pl.DataFrame({"shipped": moments(lived.shipped), "ahead": ahead, "hour": hour})
    local = pl.col("shipped").dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None).dt.truncate("1d")
    return frame.select(local + pl.duration(days="ahead", hours="hour")).to_series()


TABLES = (
    Table("logistics_service.microzones", ("microzone_id",), how_many_microzones, microzones),
    Table("logistics_service.couriers", ("courier_id",), how_many_couriers, couriers),
    Table("logistics_service.shipments", (), how_many_orders, shipments, recent, moved=moved_shipments),
)
