"""``opetence plan``: what the working tree would change, whom it reaches, and which rows it would refuse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opetence_assets.command.output import emit
from opetence_assets.command.status import JsonOption

if TYPE_CHECKING:
    from opetence_assets.review.change import Reached
    from opetence_assets.review.description import Description
    from opetence_assets.review.plan import Plan


def plan(
    against: Annotated[
        Path | None, typer.Option(help="an exported description; default: the current release's, from the lake")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="write what is declared here to a file, and do nothing else")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="as the comment of a pull request")] = False,
    fail_on: Annotated[
        str, typer.Option(help="exit 1 if the gravest change is at least: breaking, semantic, additive")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Compares declarations and models with what is deployed: breaking, semantic, additive or neutral."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.review.description import encoded
    from opetence_assets.review.plan import planned

    least = _least(fail_on)
    here = _described()
    if export is not None:
        export.write_bytes(encoded(here))
        return
    there, where, lake = _deployed(against)
    refused, noted = None, {}
    if lake is not None:
        from opetence_assets.review.making import makings
        from opetence_assets.review.refused import refused_rows

        refused, noted = refused_rows(there, here, all_datasets(), lake), makings(lake, here["datasets"])
    made = planned(there, here, where, refused, noted)
    if markdown:
        from opetence_assets.review.markdown import as_markdown

        sys.stdout.write(as_markdown(made))
    elif json:
        emit(_as_data(made), as_json=True)
    else:
        _show(made)
    if least is not None and made.verdict is not None and made.verdict >= least:
        raise typer.Exit(1)


def _least(fail_on: str) -> Any:
    from opetence_assets.review.kinds import Effect

    words = {effect.word: effect for effect in Effect if effect > Effect.NEUTRAL}
    if fail_on and fail_on not in words:
        raise typer.BadParameter(f"found {fail_on!r}; allowed: {', '.join(words)}", param_hint="--fail-on")
    return words.get(fail_on)


def _described() -> Description:
    import json

    from opetence_assets.datasets import all_datasets
    from opetence_assets.lineage.columns import column_graph
    from opetence_assets.review.description import describe
    from opetence_assets.settings import read_settings
    from opetence_assets.warehouse.manifest import ensure_manifest

    manifest, datasets = ensure_manifest(read_settings()), all_datasets()
    return describe(json.loads(manifest.read_bytes()), datasets, column_graph(manifest, datasets))


def _deployed(against: Path | None) -> tuple[Description, str, Any]:
    """A description to compare with, its name, and the lake whose rows are asked (None: there is none)."""
    from opetence_assets.dataset import DataError
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release
    from opetence_assets.review.description import description_in, description_of
    from opetence_assets.settings import read_settings

    if against is not None:
        return description_in(against), against.name, None
    lake = lake_at(read_settings())
    current = current_release(lake)
    if current is None:
        raise DataError(
            "plan",
            found=f"no release in {lake.uri}",
            allowed="a lake that has one, or an exported description",
            next_command="opetence run, or opetence plan --against FILE",
        )
    return description_of(lake, current), f"release {current.number}", lake


def _show(made: Plan) -> None:
    from rich.console import Console

    from opetence_assets.command.output import WIDE
    from opetence_assets.review.markdown import clean_rules, difference, refused_cells

    if made.verdict is None:
        sys.stdout.write(f"{made.against}: nothing changes\n")
        _show_rebuilds(made)
        return
    rows = [[r.change.effect.word, r.change.table, r.change.kind, r.change.what] for r in made.changes]
    title = f"{made.against} → working tree: {made.verdict.word}"
    emit(None, as_json=False, title=title, table=_columns(("effect", "table", "change", "what"), rows))
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)
    for reached in made.changes:
        if lines := difference(reached.change):
            console.print(f"{reached.change.table}, {reached.change.kind}:")
            console.print("\n".join(lines) + "\n")
    if downstream := [_downstream(reached) for reached in made.changes if reached.tables or reached.exposures]:
        header = ("change of", "columns downstream", "tables", "exposures", "names what is gone")
        emit(None, as_json=False, title="downstream", table=_columns(header, downstream))
    _show_rebuilds(made)
    if made.refused is None:
        console.print("rows refused: not asked, for there is no lake here")
        return
    if found := [refused_cells(one) for one in made.refused if one.matters]:
        header = ("dataset", "rule", "rows", "landed, of", "in quarantine", "in silver", "its days", "then")
        emit(None, as_json=False, title="rows of today under the new rules", table=_columns(header, found))
    if clean := clean_rules(made.refused):
        console.print(clean)


def _show_rebuilds(made: Plan) -> None:
    from opetence_assets.review.markdown import grouped

    if made.rebuilds:
        header = ("tables", "how", "why", "by")
        emit(None, as_json=False, title="built again", table=_columns(header, grouped(made.rebuilds)))


def _columns(names: tuple[str, ...], rows: list[list[str]]) -> dict[str, list[str]]:
    from rich.markup import escape

    return {name: [escape(row[n]) for row in rows] for n, name in enumerate(names)}


def _downstream(reached: Reached) -> list[str]:
    from opetence_assets.review.markdown import by_table, some

    of = f"{reached.change.table} {reached.change.kind}"
    return [of, by_table(reached), some(reached.tables), some(reached.exposures), some(reached.breaks)]


def _as_data(made: Plan) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "against": made.against,
        "verdict": made.verdict.word if made.verdict is not None else None,
        "changes": [
            {
                "effect": r.change.effect.word,
                "table": r.change.table,
                "kind": r.change.kind,
                "what": r.change.what,
                "columns": r.change.columns,
                "downstream": {"columns": [str(c) for c in r.columns], "tables": r.tables, "exposures": r.exposures},
                "breaks": r.breaks,
            }
            for r in made.changes
        ],
        "rebuilds": [asdict(one) for one in made.rebuilds],
        "refused": None if made.refused is None else [asdict(one) for one in made.refused],
    }
