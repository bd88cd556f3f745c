"""Days as columns and tables as rows: which day of which table is not whole. Where every day is, one sentence."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup

from opetence_assets.report.facts import Across, DayRows, Light, Report
from opetence_assets.report.sections import WIDE, light, path, section
from opetence_assets.report.wording import counted

HEADING = "Days, from source to gold"
SHOWN = 14  # days
SAID = 3  # days told in full


def across(report: Report) -> Markup:
    """The tables of which a day differs, by day; the others as a number."""
    if not report.across:
        return Markup()
    wrong = [each for each in report.across if each.wrong]
    whole = len(report.across) - len(wrong)
    days = sum(len(each.days) for each in report.across)
    asked = f"{counted(days, 'day')} of {counted(len(report.across), 'table')}"
    if not wrong:
        told = "each has as many rows at the source, in bronze and in silver or quarantine, or in silver and in gold."
        return section(
            "Days, from source to gold", Markup("{} {}: {}").format(light(Light.GOOD), asked, told), Markup()
        )
    told = (
        f"{asked} were counted wherever rows lie; of {counted(whole, 'table')} every day agrees, and these are the "
        "others: how many rows are missing (−) or too many (+) on a day. Nothing stands where nothing was counted."
    )
    last = max(report.now.date(), *(each.days[-1].day for each in wrong))
    columns = [last - timedelta(days=ago) for ago in reversed(range(SHOWN))]
    return section(HEADING, told, _calendar(columns, wrong))


def _calendar(columns: list[date], tables: list[Across]) -> Markup:
    days = Markup().join(
        Markup('<th class="day{}">{}</th>').format(_room(at), _named(day)) for at, day in enumerate(columns)
    )
    rows = Markup("\n").join(
        Markup('<tr><td>{}</td>{}</tr><tr><td colspan="{}">{}</td></tr>').format(
            path(each.table), _cells(each, columns), len(columns) + 1, _said(each)
        )
        for each in tables
    )
    return Markup(
        '<div class="card"><table class="calendar"><thead><tr><th>table</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(days, rows)


def _named(day: date) -> Markup:
    return Markup('<span class="small">{}</span><br>{}').format(f"{day:%a}", day.day)


def _room(at: int) -> str:
    """The older week is shown where there is room for it."""
    return f" {WIDE}" if at < SHOWN - 7 else ""


def _cells(each: Across, columns: list[date]) -> Markup:
    known: dict[date, list[DayRows]] = {}
    for rows in each.days:
        known.setdefault(rows.day, []).append(rows)
    return Markup().join(
        Markup('<td class="day{}{}">{}</td>').format(_room(at), *_cell(known.get(day, [])))
        for at, day in enumerate(columns)
    )


def _cell(rows: list[DayRows]) -> tuple[str, str]:
    """Its class and what stands in it."""
    wrong = [one for one in rows if not one.agrees]
    if not wrong:
        return (" whole", "✓") if rows else ("", "")
    return " off", _signed(sum(one.off for one in wrong))


def _signed(rows: int) -> str:
    size = f"{abs(rows):,}" if abs(rows) < 10_000 else f"{abs(rows) / 1000:,.0f} k"
    return f"−{size}" if rows < 0 else f"+{size}" if rows else "≠"


def _said(each: Across) -> Markup:
    told = [f"{rows.day}: {rows.said}" for rows in each.wrong[-SAID:]]
    if len(each.wrong) > SAID:
        told.insert(0, f"{counted(len(each.wrong) - SAID, 'more day')} before")
    return Markup('<span class="small">{}</span><br><code>{}</code>').format(
        Markup("<br>").join(told), each.next_command
    )
