"""From facts to a word: whether a dataset, and the whole, can be relied on, and what to do about what fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from opetence_assets.lake.releases import Release
from opetence_assets.report.facts import Across, Failing, Light, Quality

_NEXT = {
    "rules": "opetence quarantine list",
    "complete": "opetence run --select {dataset} --reload",
    "complete_by_day": "opetence run --select {dataset} --reload",
    "conserved": "opetence run --select {dataset} --reload",
    "fresh": "opetence run --select {dataset}",
    "readable_files": "opetence run --select {dataset}",
    "usual": "docs/guide/quality.md, To read an anomaly",
    "every_day": "opetence run --select {dataset}",
    "declared_columns": "declare it in opetence_assets/datasets/{dataset}.py",
}


def next_command(table: str, check: str) -> str:
    """What to type about a check that fails."""
    zone, _, dataset = table.partition("/")
    if zone == "gold":
        return f"opetence query 'FROM gold.{dataset} LIMIT 20'"
    return _NEXT.get(check, "opetence status").format(dataset=dataset)


def light_of(failing: Sequence[Failing], age: timedelta | None, limit: timedelta | None) -> tuple[Light, str]:
    """A dataset's light and the reason in a few words."""
    blocking = [each.check for each in failing if each.blocking]
    if blocking:
        return Light.STOP, f"{', '.join(blocking)} fails: this version is in no release"
    late = age is not None and limit is not None and age > limit
    said = [each.check for each in failing if not (late and each.check == "fresh")]
    reasons = [*(["rows are late"] if late else []), *([f"{', '.join(said)} warns"] if said else [])]
    return (Light.LOOK, "; ".join(reasons)) if reasons else (Light.GOOD, "every check holds")


def verdict_of(
    release: Release | None, told: Sequence[Quality], gold: Sequence[Failing], across: Sequence[Across] = ()
) -> tuple[Light, str]:
    """Can the numbers be trusted today? In one sentence.

    A gold table one of whose days differs from silver was refused: it is in no release.
    """
    if release is None:
        return Light.STOP, "No: nothing is released yet. Next: opetence run"
    stopped = [quality.dataset for quality in told if quality.light is Light.STOP]
    late = [quality.dataset for quality in told if "late" in quality.why]
    noted = [quality.dataset for quality in told if quality.light is Light.LOOK and quality.dataset not in late]
    refused = [each.table for each in across if each.table.startswith("gold/") and each.wrong]
    if refused and not stopped:
        return (
            Light.STOP,
            f"Not today's: release {release.number} passed every blocking check and is what people read, but a newer "
            f"{_named(refused)} had other rows of a day than silver and was kept out.",
        )
    if stopped:
        return (
            Light.STOP,
            f"Not today's: release {release.number} passed every blocking check and is what people read, but newer "
            f"rows of {_named(stopped)} failed theirs and are kept out.",
        )
    if late:
        return (
            Light.LOOK,
            f"Yes for the past, not for the last hours: every blocking check passed, but {_named(late)} "
            f"{'has' if len(late) == 1 else 'have'} no new rows for longer than allowed.",
        )
    if noted or gold:
        places = [*noted, *(each.table for each in gold)]
        return Light.LOOK, f"Yes, with an eye on {_named(places)}: every blocking check passed, some others warn."
    return Light.GOOD, "Yes: every check passed, and every table is as young as it has to be."


def _named(names: Sequence[str]) -> str:
    """The first few by name."""
    names = list(dict.fromkeys(names))
    if len(names) <= 3:
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{', '.join(names[:2])} and {len(names) - 2} more"
