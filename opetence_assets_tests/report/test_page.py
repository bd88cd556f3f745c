"""The page says what the facts say, to anybody who reads it anywhere, and nothing in it is anything but text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from opetence_assets.report.drawing import sparkline
from opetence_assets.report.facts import (
    Across,
    Changed,
    DayRows,
    Failing,
    Kept,
    Light,
    Linked,
    Odd,
    Quality,
    Refused,
    Report,
    Trend,
)
from opetence_assets.report.page import page
from opetence_assets.report.wording import share

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAGS = {*("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div", "span", "b", "br")}
MORE = {*("wbr", "small", "code", "table", "thead", "tbody", "tr", "th", "td", "svg", "polyline", "polygon", "circle")}
ATTRIBUTES = {
    *("lang", "charset", "name", "content", "class", "role", "aria-label", "viewbox", "points", "cx", "cy", "r"),
    "colspan",
}
HOSTILE = "<script src=//evil.example/x.js>alert('&\"')</script>"


class Reader(HTMLParser):
    """What a browser would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def report(said: str, light: Light = Light.LOOK) -> Report:
    """Every text of it is ``said``."""
    trend = Trend(said, date(2026, 1, 1), (1.0, None, 3.0), (Odd(date(2026, 1, 3), 3, 1, 2),))
    failing = Failing(said, said, light is Light.STOP, said, said, said)
    told = Quality(
        dataset=said,
        system=said,
        owner=said,
        light=light,
        why=said,
        rows=3,
        passed=7,
        failing=(failing,),
        completeness=0.9996,
        age_hours=1.5,
        age_allowed_hours=6,
        null_column=said,
        null_rate=0.03,
        null_allowed=0.05,
        trends=(trend,),
        kept=Kept(0.98, 2, 9, 10, NOON),
    )
    return Report(
        environment=said,
        now=NOON,
        release=12,
        released_at=NOON,
        release_age_hours=3.0,
        light=light,
        verdict=said,
        passed=7,
        datasets=(told,),
        gold=(),
        refused=(Refused(said, said, 4, NOON, 0.01),),
        drift=(Changed(said, said, said, said),),
        links=(Linked(said, said, 0.1, 0.0),),
        across=(Across(said, (DayRows(NOON.date(), False, -3, said),), said),),
    )


@settings(deadline=None, max_examples=25)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_whatever_a_source_calls_its_columns_is_text_on_the_page(said: str) -> None:
    for text in (said, HOSTILE + said):
        found = read(page(report(text)))

        assert found.tags <= TAGS | MORE
        assert {name for name, _ in found.attributes} <= ATTRIBUTES
        assert text.replace("/", "") in found.text.replace("/", "")


def test_it_needs_no_network_and_no_script() -> None:
    text = page(report("orders"))

    assert not {"script", "link", "img", "iframe"} & read(text).tags
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text


def test_the_first_screen_answers_in_words_not_by_colour_alone() -> None:
    for light in Light:
        first = read(page(report("Yes, but", light))).text.partition("Quality by system")[0]

        for said in ("Can I trust the numbers today?", light.value, "Yes, but", "published 3.0 h ago", "98 % fresh"):
            assert said in first
        assert ("1 failed, 0 warned" if light is Light.STOP else "0 failed, 1 warned") in first


def test_a_gap_is_no_line_and_an_odd_day_is_marked() -> None:
    drawn = str(sparkline(report("rows").datasets[0].trends[0]))

    assert drawn.count("<polyline") == 2
    assert drawn.count("<circle") == 1


def test_nearly_all_is_not_all() -> None:
    assert (share(1.0), share(0.99999), share(None)) == ("100 %", "99.9 %", "–")
