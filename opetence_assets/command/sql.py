"""``opetence query``: read-only SQL on a release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption


def query(
    sql: Annotated[
        str, typer.Argument(help="one SELECT; tables are gold.NAME, silver.SYSTEM.NAME, quarantine.SYSTEM.NAME")
    ],
    release: Annotated[int | None, typer.Option(help="a release's number; default: the current one")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="the release that was current then, ISO 8601, UTC")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Answers one SELECT from the current release, or from an older one."""
    from opetence_assets.dataset import DataError
    from opetence_assets.lake import queries, releases
    from opetence_assets.lake.places import lake_at
    from opetence_assets.settings import read_settings

    lake = lake_at(read_settings())
    if release is not None:
        pinned = releases.release(lake, release)
    elif as_of is not None:
        moment = datetime.fromisoformat(as_of)
        pinned = releases.release_as_of(lake, moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    else:
        pinned = releases.current_release(lake)
    if pinned is None:
        raise DataError(
            "query", found="no such release", allowed="a release that was published", next_command="opetence run"
        )
    answer = queries.query(lake, pinned, sql)
    emit(answer.to_pylist(), as_json=json, table={name: answer[name].to_pylist() for name in answer.column_names})
