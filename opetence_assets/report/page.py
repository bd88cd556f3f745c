"""The report as one HTML file: no script, no network, tables and inline pictures, so that a mail can carry it."""

from __future__ import annotations

from markupsafe import Markup

from opetence_assets.report import sections
from opetence_assets.report.calendar import across
from opetence_assets.report.facts import Report
from opetence_assets.report.style import CSS
from opetence_assets.report.wording import age, counted, share


def page(report: Report) -> str:
    """The whole document. Everything that is not this package's own text is escaped by ``Markup.format``."""
    parts = [
        _first_screen(report),
        sections.failing(report),
        across(report),
        sections.quality(report),
        sections.trends(report),
        sections.refused(report),
        sections.agreements(report),
        sections.links(report),
        sections.drift(report),
    ]
    return str(
        Markup(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><title>{}</title><style>{}</style></head>\n'
            "<body><main>{}</main></body></html>\n"
        ).format(title(report), Markup(CSS), Markup("\n").join(parts))
    )


def title(report: Report) -> str:
    """For the browser's tab and a mail's subject."""
    return f"Opetence: data quality of {report.now:%Y-%m-%d}: {report.light.value}"


def _first_screen(report: Report) -> Markup:
    return Markup(
        "<h1>Opetence · {} · data quality as of {}</h1>"
        '<div class="card verdict {}"><p class="ask">Can I trust the numbers today? {}</p>'
        '<p class="say">{}</p></div>{}'
    ).format(
        report.environment,
        f"{report.now:%A, %Y-%m-%d %H:%M} UTC",
        report.light.value,
        sections.light(report.light),
        report.verdict,
        _tiles(report),
    )


def _tiles(report: Report) -> Markup:
    blocking = sum(each.blocking for each in report.failing)
    warning = len(report.failing) - blocking
    released = f"published {age(report.release_age_hours)} ago" if report.release else "nothing to read yet"
    refused = sum(each.rows for each in report.refused)
    tiles = [
        ("release", f"{report.release}" if report.release else "none", released),
        ("checks", f"{blocking} failed, {warning} warned", f"{report.passed:,} passed"),
        (
            "agreements, 30 days",
            f"{share(report.freshness_kept)} fresh",
            f"{share(report.completeness_kept)} of versions complete",
        ),
        ("quarantine", counted(refused, "row"), f"for {counted(len(report.refused), 'reason')}; nothing is lost"),
    ]
    cells = [Markup("<td><small>{}</small><b>{}</b><small>{}</small></td>").format(*tile) for tile in tiles]
    return Markup('<table class="tiles" role="presentation"><tr>{}</tr></table>').format(Markup().join(cells))
