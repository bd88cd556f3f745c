"""A sheet as it is today: what people took out of it is gone, and a page that asks to sign in is no sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from opetence_assets.dataset import DataError
from opetence_assets.datasets.partners.marketing_budget import marketing_budget
from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings

HEADER = "Month,Channel,Budget,Owner"
ROWS = ('2026-01,facebook,"€1,234.50",Anna', "2026-01,google,€900.00,Anna", "2026-02,facebook,€0.00,")


@dataclass
class Export:
    """What the sheet's address answers."""

    body: bytes = b""
    kind: str = "text/csv"
    statuses: list[int] = field(default_factory=list[int])  # of the next answers; then 200
    promised: int | None = None  # bytes, where it lies
    address: str = ""

    def holds(self, *rows: str) -> None:
        self.body = "\r\n".join([HEADER, *rows]).encode()


@pytest.fixture
def export() -> Iterator[Export]:
    export = Export()
    export.holds(*ROWS)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/signin"):
                return self.answer(200, "text/html", b"<!doctype html><html>Sign in</html>")
            status = export.statuses.pop(0) if export.statuses else 200
            if status == 302:
                self.send_response(302)
                self.send_header("Location", "/signin?continue=sheet")
                self.end_headers()
                return None
            return self.answer(status, export.kind, export.body if status == 200 else b"")

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(export.promised or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    export.address = f"http://127.0.0.1:{server.server_port}/spreadsheets/d/1/export?format=csv&gid=0"
    yield export
    server.shutdown()
    server.server_close()


@pytest.fixture
def sheet(settings: Settings, export: Export) -> Settings:
    return replace(settings, variables={**settings.variables, "MARKETING_BUDGET_URL": export.address})


def silver(lake: Lake, settings: Settings) -> dict[tuple[str, str], str]:
    refine(marketing_budget, lake, settings.scratch)
    table = open_table(lake, marketing_budget.table("silver"))
    assert table is not None
    rows = table.scan().select("month", "channel", "budget").collect().rows()
    return {(str(month), channel): str(budget) for month, channel, budget in rows}


def test_amounts_are_exact_and_names_stay_out(lake: Lake, sheet: Settings) -> None:
    assert load(marketing_budget, lake, sheet).rows == 3
    bronze = open_table(lake, marketing_budget.table("bronze"))
    assert bronze is not None
    assert "owner" not in [name.lower() for name in bronze.schema.names]

    assert silver(lake, sheet) == {
        ("2026-01-01", "facebook"): "1234.50",
        ("2026-01-01", "google"): "900.00",
        ("2026-02-01", "facebook"): "0.00",
    }


def test_what_changed_is_all_that_lands_and_what_is_gone_is_gone(lake: Lake, sheet: Settings, export: Export) -> None:
    load(marketing_budget, lake, sheet)
    before = marketing_budget.feed.fingerprint(marketing_budget, sheet)
    assert marketing_budget.feed.fingerprint(marketing_budget, sheet) == before
    assert load(marketing_budget, lake, sheet).rows == 0
    export.holds(ROWS[0].replace("1,234", "1,300"), ROWS[2])
    assert marketing_budget.feed.fingerprint(marketing_budget, sheet) != before

    done = load(marketing_budget, lake, sheet)

    assert (done.rows, done.deleted) == (2, 1)
    assert silver(lake, sheet) == {("2026-01-01", "facebook"): "1300.50", ("2026-02-01", "facebook"): "0.00"}


def test_an_amount_that_is_none_waits_in_quarantine(lake: Lake, sheet: Settings, export: Export) -> None:
    export.holds(ROWS[0], "2026-01,google,about 900,Anna", "2026-01,braze,,")
    load(marketing_budget, lake, sheet)

    assert silver(lake, sheet) == {("2026-01-01", "facebook"): "1234.50"}


def test_a_page_that_asks_to_sign_in_is_refused(lake: Lake, sheet: Settings, export: Export) -> None:
    load(marketing_budget, lake, sheet)
    export.statuses = [302]

    with pytest.raises(DataError, match=r"a web page where the sheet should be.*private window"):
        load(marketing_budget, lake, sheet)
    assert len(silver(lake, sheet)) == 3


def test_a_page_that_calls_itself_csv_is_refused(lake: Lake, sheet: Settings, export: Export) -> None:
    export.body = b"\n <html><body>Sorry, unable to open the file</body></html>"

    with pytest.raises(DataError, match="a web page where the sheet should be"):
        load(marketing_budget, lake, sheet)


def test_patience_outlasts_a_short_trouble(lake: Lake, sheet: Settings, export: Export) -> None:
    export.statuses = [429, 503]

    assert load(marketing_budget, lake, sheet).rows == 3


@pytest.mark.parametrize(("status", "found"), [(404, "HTTP 404"), (401, "refused credentials")])
def test_an_answer_that_is_none(status: int, found: str, lake: Lake, sheet: Settings, export: Export) -> None:
    export.statuses = [status] * 20

    with pytest.raises(DataError, match=found) as error:
        load(marketing_budget, lake, sheet)
    assert "127.0.0.1" not in str(error.value)


def test_an_export_that_breaks_off_is_no_shorter_sheet(lake: Lake, sheet: Settings, export: Export) -> None:
    load(marketing_budget, lake, sheet)
    export.holds(ROWS[0])
    export.promised = 10_000

    with pytest.raises(DataError, match="no answer"):
        load(marketing_budget, lake, sheet)
    assert len(silver(lake, sheet)) == 3


def test_another_header_is_refused(lake: Lake, sheet: Settings, export: Export) -> None:
    export.body = export.body.replace(b"Channel", b"Kanal")

    with pytest.raises(DataError, match="a sheet that has the header Month, Kanal, Budget, Owner"):
        load(marketing_budget, lake, sheet)


def test_an_emptied_sheet_is_refused(lake: Lake, sheet: Settings, export: Export) -> None:
    load(marketing_budget, lake, sheet)
    export.holds()

    with pytest.raises(DataError, match="3 of 3 rows gone"):
        load(marketing_budget, lake, sheet)


def test_size_and_time_are_bounded(lake: Lake, sheet: Settings, export: Export) -> None:
    small = replace(marketing_budget, feed=replace(marketing_budget.feed, largest=50))  # type: ignore[type-var]
    slow = replace(marketing_budget, feed=replace(marketing_budget.feed, longest=-1.0))  # type: ignore[type-var]

    with pytest.raises(DataError, match="more than the 50 bytes allowed"):
        load(small, lake, sheet)
    with pytest.raises(DataError, match="an export that takes more than"):
        load(slow, lake, sheet)
