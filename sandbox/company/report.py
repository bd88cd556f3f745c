"""The Google Analytics Data API's reports, made from sessions: grouped, thresholded, filtered, in pages."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from sandbox.company.serving import Serving

DIMENSIONS = {
    "date": "day",
    "customEvent:ga_session_id": "session_id",
    "customUser:client_id": "client_id",
    "sessionSource": "source",
    "sessionMedium": "medium",
    "sessionCampaignId": "campaign_id",
    "sessionCampaignName": "campaign_name",
    "landingPage": "landing",
    "deviceCategory": "device",
    "transactionId": "transaction",
    "eventName": "event",
}
METRICS = {
    "sessions": (pl.col("session_id").n_unique(), "TYPE_INTEGER"),
    "engagedSessions": (pl.col("session_id").filter(pl.col("engaged") > 0).n_unique(), "TYPE_INTEGER"),
    "eventCount": (pl.col("events").sum(), "TYPE_INTEGER"),
    "activeUsers": (pl.col("client_id").n_unique(), "TYPE_INTEGER"),
    "userEngagementDuration": (pl.col("seconds").sum(), "TYPE_SECONDS"),
    "keyEvents": (pl.col("key_events").sum(), "TYPE_FLOAT"),
    "purchaseRevenue": (pl.col("revenue").sum(), "TYPE_CURRENCY"),
}
SINGLE = {"customEvent:ga_session_id", "customUser:client_id", "transactionId"}
FEWEST_USERS = 5  # a row of traffic with fewer is left out: nobody shall be recognised
MOST_DIMENSIONS, MOST_METRICS, LARGEST_PAGE = 9, 10, 250_000
MATCHES = {
    ("EXACT", 1): lambda column, text: column == text,
    ("BEGINS_WITH", 2): lambda column, text: column.str.starts_with(text),
    ("ENDS_WITH", 3): lambda column, text: column.str.ends_with(text),
    ("CONTAINS", 4): lambda column, text: column.str.contains(text, literal=True),
}


class ReportRefused(Exception):
    """The request is not one that the API understands."""


def report(serving: Serving, asked: dict[str, Any]) -> dict[str, Any]:
    """The answer to a runReport request, as JSON's values."""
    dimensions = [_known(given["name"], DIMENSIONS, "dimension") for given in asked.get("dimensions", [])]
    metrics = [_known(given["name"], METRICS, "metric") for given in asked.get("metrics", [])]
    if len(dimensions) > MOST_DIMENSIONS or len(metrics) > MOST_METRICS or not dimensions + metrics:
        raise ReportRefused(f"Requests are limited to {MOST_DIMENSIONS} dimensions and {MOST_METRICS} metrics.")
    limit, offset = int(asked.get("limit", 10_000)) or 10_000, int(asked.get("offset", 0))
    if not 0 < limit <= LARGEST_PAGE or offset < 0:
        raise ReportRefused(f"The limit is {limit}; allowed: 1 to {LARGEST_PAGE}.")
    rows, thresholded = _rows(serving, asked, dimensions, metrics)
    page = rows[offset : offset + limit]
    many = len(dimensions)
    return {
        "dimensionHeaders": [{"name": name} for name in dimensions],
        "metricHeaders": [{"name": name, "type": METRICS[name][1]} for name in metrics],
        "rows": [
            {
                "dimensionValues": [{"value": value} for value in row[:many]],
                "metricValues": [{"value": value} for value in row[many:]],
            }
            for row in page.iter_rows()
        ],
        "rowCount": len(rows),
        "metadata": {"currencyCode": "EUR", "timeZone": "Etc/UTC", "subjectToThresholding": thresholded},
        "kind": "analyticsData#runReport",
    }


def _rows(
    serving: Serving, asked: dict[str, Any], dimensions: list[str], metrics: list[str]
) -> tuple[pl.DataFrame, bool]:
    """The rows of a report in all, as text; those of the last one are kept for its next page."""
    question = {name: value for name, value in asked.items() if name not in ("limit", "offset")}
    sessions: pl.DataFrame = serving.part("web/sessions")
    key = json.dumps(question, sort_keys=True)
    held = serving.reports.get(key)
    if held is not None and held[0] is sessions:
        return held[1], held[2]
    found, thresholded = _counted(serving, sessions, asked, dimensions, metrics)
    serving.reports.clear()
    serving.reports[key] = (sessions, found, thresholded)
    return found, thresholded


def _counted(
    serving: Serving, sessions: pl.DataFrame, asked: dict[str, Any], dimensions: list[str], metrics: list[str]
) -> tuple[pl.DataFrame, bool]:
    names = [*dimensions, *metrics]
    if sessions.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String)), False
    rows = _events(sessions) if "eventName" in dimensions else sessions
    rows = rows.filter(_in_ranges(serving, asked.get("dateRanges", []))).with_columns(
        transaction=pl.col("order").fill_null("")
    )
    rows = rows.with_columns(**{name: pl.col(column) for name, column in DIMENSIONS.items() if column in rows.columns})
    if "dimensionFilter" in asked:
        rows = rows.filter(_filter(asked["dimensionFilter"]))
    wanted = {name: METRICS[name][0] for name in metrics}
    aggregated = (
        rows.group_by(dimensions).agg(**wanted, _users=pl.col("client_id").n_unique())
        if dimensions
        else rows.select(**wanted, _users=pl.col("client_id").n_unique())
    )
    kept = aggregated if SINGLE & set(dimensions) else aggregated.filter(pl.col("_users") >= FEWEST_USERS)
    thresholded = len(kept) < len(aggregated)
    kept = _ordered(kept, asked.get("orderBys", []), dimensions)
    money = [(pl.col(name) / 100).round(2).cast(pl.String) for name in metrics if name == "purchaseRevenue"]
    return kept.with_columns(money).select(pl.col(names).cast(pl.String)), thresholded


def _events(sessions: pl.DataFrame) -> pl.DataFrame:
    """Each session once for each kind of event in it; revenue and key events belong to the purchase."""
    bought = pl.col("order").is_not_null()
    purchase = sessions.filter(bought).with_columns(event=pl.lit("purchase"), events=pl.lit(1, pl.Int64))
    plain = {"revenue": pl.lit(0, pl.Int64), "key_events": pl.lit(0, pl.Int64)}
    start = sessions.with_columns(event=pl.lit("session_start"), events=pl.lit(1, pl.Int64), seconds=pl.lit(0), **plain)
    views = pl.max_horizontal(pl.col("events") - 1 - bought.cast(pl.Int64), 1)
    viewed = sessions.with_columns(event=pl.lit("page_view"), events=views, **plain)
    return pl.concat([start, viewed, purchase.with_columns(seconds=pl.lit(0))], how="vertical_relaxed")


def _known(name: str, names: dict[str, Any], kind: str) -> str:
    if name not in names:
        raise ReportRefused(f"Field {name} is not a valid {kind}.")
    return name


def _in_ranges(serving: Serving, ranges: list[dict[str, str]]) -> pl.Expr:
    """Days of any range, both ends included."""
    if not ranges:
        raise ReportRefused("A dateRange is required.")
    day = pl.col("day")
    spans = [(_day(serving, r["startDate"]), _day(serving, r["endDate"])) for r in ranges]
    return pl.any_horizontal(*(day.is_between(pl.lit(low), pl.lit(high)) for low, high in spans))


def _day(serving: Serving, text: str) -> str:
    """A day of a range as YYYYMMDD: 2025-05-31, today, yesterday or 7daysAgo."""
    today = datetime.fromtimestamp(serving.now, UTC).date()
    ago = {"today": "0", "yesterday": "1"}.get(text, text.removesuffix("daysAgo"))
    if ago.isdecimal():
        return f"{today - timedelta(days=int(ago)):%Y%m%d}"
    try:
        return f"{date.fromisoformat(text):%Y%m%d}"
    except ValueError as error:
        raise ReportRefused(f"Invalid date {text}. Use YYYY-MM-DD, NdaysAgo, yesterday or today.") from error


def _ordered(rows: pl.DataFrame, orders: list[dict[str, Any]], dimensions: list[str]) -> pl.DataFrame:
    by = [order.get("dimension", {}).get("dimensionName") or order["metric"]["metricName"] for order in orders]
    falls = [bool(order.get("desc")) for order in orders]
    rest = [name for name in dimensions if name not in by]
    if not by + rest:
        return rows
    return rows.sort([*by, *rest], descending=[*falls, *(False for _ in rest)])


def _filter(given: dict[str, Any]) -> pl.Expr:
    """A dimension filter: and, or, not, text and lists."""
    if "andGroup" in given:
        return pl.all_horizontal(*(_filter(one) for one in given["andGroup"]["expressions"]))
    if "orGroup" in given:
        return pl.any_horizontal(*(_filter(one) for one in given["orGroup"]["expressions"]))
    if "notExpression" in given:
        return ~_filter(given["notExpression"])
    one = given.get("filter", {})
    column = pl.col(_known(one.get("fieldName", ""), DIMENSIONS, "dimension"))
    if "inListFilter" in one:
        return column.is_in(one["inListFilter"]["values"])
    text = one.get("stringFilter", {})
    for kinds, matches in MATCHES.items():
        if text.get("matchType", "EXACT") in kinds:
            return matches(column, text.get("value", ""))
    raise ReportRefused("This filter is not one of: stringFilter, inListFilter.")
