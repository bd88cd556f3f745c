from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from opetence_assets_tests.sandbox.database import ask
from sandbox import SandboxError, seed, tick
from sandbox.partners import deliver
from sandbox.retail import BESIDE, COLUMNS, online_retail, real_data
from sandbox.story import Story


def lines(file: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding).splitlines(), delimiter=delimiter, strict=True))


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(file): (file.stat().st_ino, file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}


def test_one_file_of_each_of_the_last_sixty_days(home: Path, story: Story) -> None:
    days = [story.until - timedelta(days=ago) for ago in range(1, 61)]
    ads = {file.name for file in (home / "drop/facebook_ads").iterdir()}
    assert ads >= {f"facebook_ads_{day}.csv" for day in days}
    assert 3 <= len(ads) - 60 <= 6  # delivered again
    vouchers = {file.name for file in (home / "drop/voucher_settlements").iterdir()}
    assert vouchers == {f"voucher_settlements_{day}.csv" for day in days}


def test_a_second_delivery_corrects_the_first(home: Path, story: Story) -> None:
    again = sorted((home / "drop/facebook_ads").glob("*_v2.csv"))[0]
    first = lines(again.with_name(again.name.replace("_v2", "")))
    second = lines(again)
    assert [row["campaign_id"] for row in first] == [row["campaign_id"] for row in second]
    assert {row["date"] for row in second} == {again.name[13:23]}
    dearer = [new for old, new in zip(first, second, strict=True) if Decimal(new["spend"]) > Decimal(old["spend"])]
    assert 1 <= len(dearer) < len(first)
    assert len({row["campaign_id"] for row in second}) == len(second) == 12
    assert any(not row["campaign_name"].isascii() for row in second)


def test_vouchers_settle_the_discounts_of_orders(home: Path, story: Story) -> None:
    settled = [row for file in (home / "drop/voucher_settlements").iterdir() for row in lines(file, "cp1252", ";")]
    discounts = dict(ask(home, "SELECT order_id, sum(discount)::text FROM order_service.order_items GROUP BY 1"))
    codes = dict(ask(home, "SELECT order_id, upper(trim(voucher_code)) FROM order_service.orders"))
    for row in settled:
        assert Decimal(row["amount"].replace(",", ".")) == Decimal(discounts[row["order_id"]])
        assert row["voucher_code"] == codes[row["order_id"]]
        assert story.until - timedelta(days=60) <= datetime.strptime(row["settled_on"], "%d.%m.%Y").date() < story.until
    assert len({row["order_id"] for row in settled}) == len({row["settlement_id"] for row in settled}) > 20
    assert any("Ü" in row["voucher_code"] for row in settled)


def test_one_settlement_in_a_hundred_is_there_twice() -> None:
    from sandbox.partners import voucher_settlements

    big = Story(3, 2.0, date(2025, 6, 1))
    rows = [
        row
        for ago in range(1, 61)
        for row in voucher_settlements(big, big.until - timedelta(days=ago)).splitlines()[1:]
    ]
    assert 1 - len(set(rows)) / len(rows) == pytest.approx(0.01, abs=0.003)


def test_files_that_are_there_stay_untouched_and_missing_ones_come_back(home: Path, story: Story) -> None:
    folder = home / "drop"
    before = state(folder)
    (folder / f"facebook_ads/facebook_ads_{story.until - timedelta(days=1)}.csv").unlink()
    seed(home, story.scale, seed=story.seed)
    after = state(folder)
    assert before.keys() == after.keys()
    assert sum(before[name] != after[name] for name in before) == 1


def test_a_file_appears_whole_under_its_name(tmp_path: Path) -> None:
    deliver(tmp_path, "x", [("a.csv", b"one")])
    (tmp_path / "drop/x/.a.csv.part").write_bytes(b"left by a ki")
    deliver(tmp_path, "x", [("a.csv", b"two")])
    assert {file.name: file.read_bytes() for file in (tmp_path / "drop/x").iterdir()} == {"a.csv": b"two"}


def test_a_tick_drops_its_day_and_a_correction(home: Path, story: Story) -> None:
    before = set(state(home / "drop"))
    tick(home)
    new = {Path(name).name for name in set(state(home / "drop")) - before}
    day, eve = story.until, story.until - timedelta(days=1)
    assert new == {f"facebook_ads_{day}.csv", f"facebook_ads_{eve}_v2.csv", f"voucher_settlements_{day}.csv"} | {
        f"google_ads_{day}.parquet",
        f"braze_campaigns_{day}.jsonl.gz",
    }


def test_synthetic_online_retail_has_the_real_ones_shape() -> None:
    files = dict(online_retail(Story(1, 1.0, date(2025, 6, 1))))
    rows = pl.concat(pl.read_csv(content, infer_schema=False) for content in files.values())
    assert rows.columns == list(COLUMNS)
    assert (len(files), len(rows)) == (60, 20_000)
    assert 100 < len(rows) - len(rows.unique()) < 400
    assert rows["InvoiceNo"].str.starts_with("C").any()
    assert 0.2 < rows["CustomerID"].is_null().mean() < 0.3
    assert rows["InvoiceDate"].str.to_datetime("%Y-%m-%d %H:%M:%S").is_sorted()


@pytest.mark.skipif(not BESIDE.exists(), reason="the real data is not at hand")
def test_real_online_retail_arrives_value_for_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPETENCE_REAL_DATA")
    real = pl.read_parquet(BESIDE)
    files = dict(online_retail(Story(1, 1.0, date(2025, 6, 1))))
    rows = pl.concat(pl.read_csv(content, infer_schema=False) for content in files.values())
    assert (len(files), len(rows)) == (305, 541_909)
    assert rows.equals(real)
    assert [name[14:24] for name in files] == sorted(set(real["InvoiceDate"].str.slice(0, 10)))


def test_real_data_must_be_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPETENCE_REAL_DATA", str(tmp_path / "none.parquet"))
    with pytest.raises(SandboxError, match="does not exist"):
        real_data()
