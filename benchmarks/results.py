"""A claim as a table on the screen and as a section of ``RESULTS.md``, with the machine and command that made it."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.table import Table

from benchmarks.claims import HEADINGS, Claim, cells

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("polars", "pyarrow", "dlt", "deltalake", "duckdb", "dagster", "adbc-driver-postgresql")


def shown(claim: Claim) -> Table:
    """A claim for the terminal."""
    table = Table(*HEADINGS, title=claim.title, title_justify="left", title_style="bold")
    for row in claim.rows:
        style = "red" if row.verdict.startswith("MISSED") else "dim" if row.verdict == "peer" else ""
        table.add_row(*cells(row), style=style)
    return table


def write(name: str, claim: Claim, command: str, file: Path = RESULTS) -> None:
    """Replaces (or appends) the section of one claim; what was written by hand between the sections stays."""
    text = file.read_text() if file.exists() else "# Results\n"
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    section = f"{begin}{_section(claim, command)}{end}"
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    replaced = found.sub(lambda _: section, text) if found.search(text) else f"{text}\n{section}"
    file.write_text(replaced)


def machine() -> str:
    """CPU, cores, versions and date: figures mean nothing without them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    load = os.getloadavg()[1]
    return f"{model}, {os.cpu_count()} cores, load {load:.1f} of other work; {versions}; {datetime.now(UTC):%Y-%m-%d}"


def _section(claim: Claim, command: str) -> str:
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(cells(row) for row in claim.rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "".join(f"- {note}\n" for note in claim.notes)
    return f"## {claim.title}\n\n{table}\n\n{notes}\n`{command}` on {machine()}\n"
