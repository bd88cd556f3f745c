"""Rows of support as the objects of Zendesk's API; times ISO 8601 in UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from sandbox.company.shelf import Thing
from sandbox.support import STATUSES, TAGS

USER_FIELD = 360001


def ticket_objects(rows: pl.DataFrame) -> list[Thing]:
    return [
        {
            "id": row["id"],
            "external_id": row["order_id"],
            "subject": row["subject"],
            "description": row["description"],
            "status": row["status"],
            "priority": row["priority"],
            "requester_id": row["requester_id"],
            "via": {
                "channel": row["channel"],
                "source": {"from": {"address": row["address"], "name": row["name"]}, "rel": None, "to": {}},
            },
            "custom_fields": [{"id": USER_FIELD, "value": str(row["user"] + 1)}],
            "tags": [TAGS[row["topic"]], row["channel"]],
            "created_at": stamp(row["created"]),
            "updated_at": stamp(row["updated"]),
            "generated_timestamp": row["generated"],
        }
        for row in rows.iter_rows(named=True)
    ]


def event_objects(rows: pl.DataFrame) -> list[Thing]:
    """Events of tickets with the comments in them; the API leaves those out unless asked."""
    return [
        {
            "id": row["id"],
            "ticket_id": row["ticket_id"],
            "timestamp": row["at"],
            "created_at": stamp(row["at"]),
            "updater_id": row["author"],
            "event_type": "Audit",
            "child_events": _children(row),
        }
        for row in rows.iter_rows(named=True)
    ]


def _children(row: Thing) -> list[Thing]:
    step = row["step"]
    change = {"id": row["id"] + 2, "event_type": "Change" if step else "Create", "status": STATUSES[step]}
    children: list[Thing] = [{**change, "previous_value": STATUSES[step - 1]} if step else change]
    if row["body"] is not None:
        comment = {"id": row["comment_id"], "event_type": "Comment", "body": row["body"], "public": True}
        children.insert(0, {**comment, "author_id": row["author"], "created_at": stamp(row["at"])})
    return children


def rating_objects(rows: pl.DataFrame) -> list[Thing]:
    fields = ("id", "ticket_id", "requester_id", "score", "comment")
    return [
        {
            **{name: row[name] for name in fields},
            "created_at": stamp(row["created"]),
            "updated_at": stamp(row["updated"]),
        }
        for row in rows.iter_rows(named=True)
    ]


def stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
