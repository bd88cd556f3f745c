"""The report's sections: a heading, one sentence on how to read it, and a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from markupsafe import Markup

from opetence_assets.report.drawing import sparkline
from opetence_assets.report.facts import Light, Quality, Report, Trend
from opetence_assets.report.wording import age, counted, number, part, share

AT_MOST = 3  # pictures a dataset
RIGHT, WIDE = "n", "wide"  # classes of cells: a number; only where there is room


def light(of: Light) -> Markup:
    """Its colour with its word and a sign."""
    signs = {Light.GOOD: "✓", Light.LOOK: "!", Light.STOP: "✕"}
    return Markup('<span class="light {}">{} {}</span>').format(of.value, signs[of], of.value)


def failing(report: Report) -> Markup:
    """Every check that fails: what was found, what is allowed, what to type."""
    if not report.failing:
        return section("Failing checks", "None.", Markup())
    rows = [
        (
            light(Light.STOP if each.blocking else Light.LOOK),
            Markup("{}<br><b>{}</b>").format(path(each.table), each.check),
            Markup('{}<br><span class="small">allowed: {}</span><br><code>{}</code>').format(
                each.found, each.allowed, each.next_command
            ),
        )
        for each in report.failing
    ]
    told = "stop: keeps a version out of every release. look: the rows are in, and somebody should look."
    return section(
        "Failing checks", told, _table([("", ""), ("check", ""), ("found, allowed, next", "")], rows, "failing")
    )


def quality(report: Report) -> Markup:
    """A line a dataset, by system."""
    columns = [
        ("dataset", ""),
        ("", ""),
        ("checks", RIGHT),
        ("rows", f"{RIGHT} {WIDE}"),
        ("complete", RIGHT),
        ("newest row", RIGHT),
        ("emptiest column", WIDE),
    ]
    parts = [_system(columns, name, list(group)) for name, group in groupby(report.datasets, lambda q: q.system)]
    told = (
        "Of each table's newest version. Complete: keys of the source that are in silver or in quarantine; where a "
        "source cannot count, whether every row taken in is accounted for."
    )
    return section("Quality by system", told, Markup("\n").join(parts))


def _system(columns: Sequence[tuple[str, str]], name: str, group: Sequence[Quality]) -> Markup:
    owners = ", ".join(sorted({each.owner.removeprefix("team:") for each in group}))
    rows = [
        (
            _dataset(each),
            light(each.light),
            f"{each.passed} of {each.passed + len(each.failing)}",
            number(each.rows),
            share(each.completeness),
            _aged(each),
            _empty(each),
        )
        for each in group
    ]
    heading = Markup("<h3>{} · owned by {}</h3>").format(name, owners)
    return heading + _table(columns, rows, "grid")


def _dataset(each: Quality) -> Markup:
    name = each.dataset.partition("/")[2]
    return Markup('{}<br><span class="small">{}</span>').format(name, each.why) if each.failing else Markup.escape(name)


def _aged(each: Quality) -> Markup:
    if each.age_hours is None:
        return Markup('<span class="small">not due by time</span>')
    allowed = Markup('<br><span class="small">up to {}</span>').format(age(each.age_allowed_hours))
    return Markup.escape(age(each.age_hours)) + allowed


def _empty(each: Quality) -> Markup:
    if not each.null_column or not each.null_rate:
        return Markup('<span class="small">none is empty</span>')
    allowed = f"{part(each.null_rate)} null" + (f", up to {part(each.null_allowed)}" if each.null_allowed else "")
    return Markup('{}<br><span class="small">{}</span>').format(each.null_column, allowed)


def trends(report: Report) -> Markup:
    """A line a dataset, a picture a figure: eight weeks, odd days marked and told."""
    rows = [
        (path(each.dataset), *map(_picture, each.trends), *([""] * (AT_MOST - len(each.trends))))
        for each in report.datasets
        if each.trends
    ]
    told = "Eight weeks by day, drawn from zero. Red: a day of the last four weeks that is unlike its weekday."
    columns = [("dataset", ""), ("rows", ""), ("what is watched", ""), ("", "")]
    return section("Trends", told, _table(columns, rows, "trends") if rows else Markup())


def _picture(trend: Trend) -> Markup:
    return Markup('<span class="small">{}: <b>{}</b> on {}</span>{}{}').format(
        trend.name, number(trend.last), f"{trend.last_day:%m-%d}", sparkline(trend), _told(trend)
    )


def _told(trend: Trend) -> Markup:
    if not trend.odd:
        return Markup()
    said = [f"{o.day}: {number(o.value)} where {number(o.low)} to {number(o.high)} is usual" for o in trend.odd[-3:]]
    if len(trend.odd) > 3:
        said.insert(0, f"{len(trend.odd) - 3} more before")
    return Markup('<span class="odd-text">{}</span>').format(Markup("<br>").join(said))


def refused(report: Report) -> Markup:
    """What waits in quarantine, never its values."""
    if not report.refused:
        return section("Quarantine", "Empty: no row was refused.", Markup())
    rows = [
        (path(each.dataset), each.reason, number(each.rows), part(each.share), f"{each.since:%Y-%m-%d}")
        for each in report.refused
    ]
    columns = [
        ("dataset", ""),
        ("reason", ""),
        ("rows", RIGHT),
        ("of all rows", RIGHT),
        ("since", f"{RIGHT} {WIDE}"),
    ]
    told = "Rows that broke a rule. They are kept, sealed, and judged again on request: opetence quarantine list."
    return section("Quarantine", told, _table(columns, rows))


def agreements(report: Report) -> Markup:
    """How freshness and completeness were kept."""
    rows = [
        (
            path(each.dataset),
            age(each.age_allowed_hours),
            share(each.kept.freshness),
            f"{each.kept.alarms}" if each.kept.freshness is not None else "–",
            f"{each.kept.complete} of {each.kept.checked}",
            f"{each.kept.since:%Y-%m-%d}" if each.kept.since else "–",
        )
        for each in report.datasets
    ]
    columns = [
        ("dataset", ""),
        ("may be old", f"{RIGHT} {WIDE}"),
        ("time fresh", RIGHT),
        ("alarms", RIGHT),
        ("versions complete", RIGHT),
        ("known since", f"{RIGHT} {WIDE}"),
    ]
    told = "The last 30 days. Fresh: the share of the time in which the newest row was as young as declared."
    return section("Agreements kept", told, _table(columns, rows))


def links(report: Report) -> Markup:
    """Counterparts that are missing in another dataset."""
    if not report.links:
        return Markup()
    rows = [
        (
            light(Light.GOOD if each.missing <= each.allowed else Light.LOOK),
            path(each.dataset),
            path(each.to),
            part(each.missing),
            part(each.allowed),
        )
        for each in report.links
    ]
    columns = [("", ""), ("rows of", ""), ("without one in", ""), ("missing", RIGHT), ("allowed", RIGHT)]
    return section("Between systems", "Released rows whose counterpart is not there.", _table(columns, rows))


def drift(report: Report) -> Markup:
    """Columns that came, went or changed at a source."""
    if not report.drift:
        return section("Drift of the sources", "None was ever met.", Markup())
    rows = [(path(each.dataset), each.change, each.outcome, each.at[:10]) for each in report.drift]
    columns = [("dataset", ""), ("change", ""), ("became", ""), ("first met", RIGHT)]
    told = f"{counted(len(rows), 'change')} of a source's columns. Evolve: the column is kept, sealed, until declared."
    return section("Drift of the sources", told, _table(columns, rows))


def path(name: str) -> Markup:
    """A key that may break after its slashes, nowhere else."""
    return Markup("/<wbr>").join(name.split("/"))


def section(heading: str, told: str | Markup, content: Markup) -> Markup:
    """A heading, a sentence and what it is about."""
    return Markup("<h2>{}</h2><p>{}</p>{}").format(heading, told, content)


def _table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str | Markup]], name: str = "") -> Markup:
    """``columns``: heading and class of its cells."""
    head = Markup().join(Markup('<th class="{}">{}</th>').format(kind, said) for said, kind in columns)
    body = Markup("\n").join(
        Markup("<tr>{}</tr>").format(
            Markup().join(
                Markup('<td class="{}">{}</td>').format(kind, cell)
                for (_, kind), cell in zip(columns, row, strict=True)
            )
        )
        for row in rows
    )
    return Markup(
        '<div class="card"><table class="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(name, head, body)
