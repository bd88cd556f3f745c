"""What a person sees in the UI, in a real browser; with OPETENCE_SCREENSHOTS set the pictures become the guide's.

Not collected from here: the test of the whole path ends with these, over the company it has made.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tenacity import Retrying, stop_after_delay, wait_fixed

from opetence_assets.datasets import all_datasets
from opetence_assets.lake.places import lake_at
from opetence_assets.lake.queries import query
from opetence_assets.lake.releases import current_release
from opetence_assets.report.gathering import gather
from opetence_assets.report.page import page
from opetence_assets_tests.ui.served import CHROMEDRIVER, CHROMIUM, NEW_COLUMN, Served

in_a_browser = pytest.mark.skipif(
    not (CHROMIUM.exists() and CHROMEDRIVER.exists()),
    reason=f"needs {CHROMIUM} and {CHROMEDRIVER}: apt-get install chromium chromium-driver",
)
IMAGES = Path(__file__).parents[2] / "docs" / "images"
Picture = Callable[[str], Path]


@pytest.fixture
def picture(browser: Chrome, tmp_path: Path) -> Picture:
    folder = IMAGES if os.environ.get("OPETENCE_SCREENSHOTS") else tmp_path

    def take(name: str) -> Path:
        file = folder / f"{name}.png"
        assert "GraphQL error" not in browser.find_element(By.TAG_NAME, "body").text
        assert browser.save_screenshot(str(file))
        return file

    return take


def sees(browser: Chrome, *texts: str) -> None:
    """Waits until every text is on the page."""

    def missing(driver: Chrome) -> list[str]:
        page = driver.find_element(By.TAG_NAME, "body").text
        return [text for text in texts if text not in page]

    WebDriverWait(browser, 60).until(lambda driver: not missing(driver), message=f"not on the page: {texts}")


@in_a_browser
def test_a_mart_is_traced_back_to_its_sources(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1400, 1090)  # the whole graph
    browser.get(f"{served.address}/assets/gold/daily_revenue?view=lineage&lineageScope=upstream&lineageDepth=6")
    sees(browser, "source_order", "bronze_order", "silver_order", "gold_orders", "fct_orders", "daily_revenue")
    assert picture("lineage").stat().st_size < 400_000


@in_a_browser
def test_every_system_is_a_group_of_the_graph(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1500, 1400)
    browser.get(f"{served.address}/asset-groups")
    groups = {f"source_{dataset.feed.system.removesuffix('_service')}" for dataset in all_datasets()}
    sees(browser, *groups)
    assert picture("systems").stat().st_size < 500_000


@in_a_browser
def test_a_failed_check_says_why(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1400, 940)
    browser.get(f"{served.address}/assets/bronze/product_service/vendors?view=checks")
    sees(browser, "declared_columns", f"undeclared {NEW_COLUMN} since", "add it in opetence_assets/datasets")
    assert picture("failed-check").stat().st_size < 400_000


@in_a_browser
def test_a_failed_check_counts_the_rows_by_rule(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1400, 940)
    browser.get(f"{served.address}/assets/silver/product_service/products?view=checks&checkDetail=warned")
    sees(browser, "garbled name: 3 rows", "rows: garbled name", "keys", "product_id 9000")
    assert picture("failed-rows").stat().st_size < 400_000


@in_a_browser
def test_every_figure_of_a_table_is_plotted(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1400, 1300)
    browser.get(f"{served.address}/assets/silver/order_service/orders?view=overview")
    sees(browser, "Plots", "quality/key_completeness")
    browser.find_element(By.XPATH, "//*[text()='Plots']").click()
    WebDriverWait(browser, 60).until(lambda driver: len(driver.find_elements(By.TAG_NAME, "canvas")) > 10)
    sees(browser, "quality/rows", "quality/quarantined", "quality/null_rate(voucher_code)", "quality/latency_p50")
    last = browser.find_element(By.XPATH, "//*[text()='quality/null_rate(recipient_phone_masked)']")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", last)
    assert picture("metric-plots").stat().st_size < 400_000


@in_a_browser
def test_the_report_is_read_without_a_server(served: Served, browser: Chrome, picture: Picture, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(gather(lake_at(served.settings), served.settings, all_datasets())))
    for width in (600, 1200):
        size = {"width": width, "height": 1350, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(file.as_uri())
        sees(
            browser, "Can I trust the numbers today?", "garbled name: 3 rows", f"undeclared {NEW_COLUMN}", "Quarantine"
        )
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width
    assert file.stat().st_size < 1_000_000
    assert picture("report").stat().st_size < 400_000
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@in_a_browser
def test_a_backup_is_there_by_the_day(served: Served, browser: Chrome, picture: Picture) -> None:
    release = current_release(lake_at(served.settings))
    assert release is not None
    day = release.created_at.date().isoformat()
    browser.get(f"{served.address}/assets/backup/gold?view=partitions&partition={day}")
    sees(browser, "Partitions", day, "sha256", "bytes_copied")
    assert picture("backup-partitions").stat().st_size < 400_000


@in_a_browser
def test_every_zone_has_its_backups(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1400, 1250)
    browser.get(f"{served.address}/assets/backup/copies?view=lineage&lineageScope=neighbors&lineageDepth=1")
    sees(browser, "production", "bronze", "silver", "gold", "keys", "archive", "collection", "partition")
    assert picture("backup-zones").stat().st_size < 400_000


@in_a_browser
def test_the_recovery_time_is_plotted(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1400, 1100)
    browser.get(f"{served.address}/assets/drills/partition?view=overview")
    sees(browser, "Plots", "recovery_time_seconds")
    browser.find_element(By.XPATH, "//*[text()='Plots']").click()
    WebDriverWait(browser, 60).until(lambda driver: len(driver.find_elements(By.TAG_NAME, "canvas")) > 3)
    last = browser.find_element(By.XPATH, "//*[text()='recovery_time_seconds']")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", last)
    assert picture("drill-recovery-time").stat().st_size < 400_000


@in_a_browser
def test_an_overdue_drill_is_red(served: Served, browser: Chrome, picture: Picture) -> None:
    browser.set_window_size(1400, 760)
    browser.get(f"{served.address}/assets/drills/company?view=checks&checkDetail=not_overdue")
    sees(browser, "Failed", "overdue by 12 days, what is backed up is unproven")
    assert picture("drill-overdue").stat().st_size < 400_000


def test_a_dropped_file_is_released_without_a_click(served: Served) -> None:
    lake = lake_at(served.settings)
    before = current_release(lake)
    assert before is not None
    folder = served.settings.drop / "online_retail"
    lines = "".join(f"59990{n},22423,REGENCY CAKESTAND,2,2011-12-01 10:0{n}:00,12.75,17850,France\n" for n in range(3))
    (folder / ".arriving").write_text(
        f"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n{lines}"
    )
    (folder / ".arriving").rename(folder / "online_retail_2011-12-01.csv")
    for attempt in Retrying(stop=stop_after_delay(120), wait=wait_fixed(0.5), reraise=True):
        with attempt:
            release = current_release(lake)
            assert release is not None
            assert release.number > before.number
    statement = "select sum(revenue) from gold.fct_online_retail_lines where invoiced_on = '2011-12-01'"
    assert query(lake, release, statement).to_pydict() == {"sum(revenue)": [76.5]}
