"""``python -m benchmarks``: every claim measured and shown; ``--write`` puts the tables into ``RESULTS.md``."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.place import place
from benchmarks.results import shown, write
from benchmarks.sizes import SIZES

CLAIMS = (
    *("extract", "incremental", "changes", "streams", "gentle", "silver", "checks", "personal", "gold", "backups"),
    *("recovery", "step", "latency"),
)


def main(
    size: Annotated[str, typer.Option(help=", ".join(SIZES))] = "full",
    only: Annotated[list[str] | None, typer.Option(help=f"one of {', '.join(CLAIMS)}; may be given again")] = None,
    written: Annotated[bool, typer.Option("--write", help="replace the tables of these claims in RESULTS.md")] = False,
) -> None:
    """Each contender is a process of its own, all of a claim take turns, and the cheapest round of each counts."""
    console = Console(width=200)
    options = "".join(f" --only {name}" for name in only or ())
    for name in only or CLAIMS:
        with place() as where:
            claim = importlib.import_module(f"benchmarks.{name}").claim(where, SIZES[size])
        console.print(shown(claim))
        for note in claim.notes:
            console.print(f"  {note}", style="dim")
        if written:
            write(name, claim, f"python -m benchmarks --size {size}{options} --write")


if __name__ == "__main__":
    typer.run(main)
