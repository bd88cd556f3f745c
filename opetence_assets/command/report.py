"""``opetence report``: one page on whether the numbers can be trusted today, to keep, print or mail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption


def report(
    out: Annotated[Path | None, typer.Option(help="the HTML file; default: report.html in OPETENCE_HOME")] = None,
    json: JsonOption = False,
) -> None:
    """Writes the quality report: one HTML file that needs no network; with --json the same as data, and no file."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.lake.places import lake_at
    from opetence_assets.report.gathering import as_data, gather
    from opetence_assets.report.page import page
    from opetence_assets.settings import read_settings

    settings = read_settings()
    told = gather(lake_at(settings), settings, all_datasets())
    if json:
        emit(as_data(told), as_json=True)
        return
    file = (out or settings.home / "report.html").resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(page(told), encoding="utf-8")
    partial.replace(file)
    typer.echo(f"{told.light.value}: {told.verdict}\n{file}")
