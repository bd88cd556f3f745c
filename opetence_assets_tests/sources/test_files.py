"""A file is taken once and whole, or refused whole and by name."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from opetence_assets.dataset import DataError, Extract, Window
from opetence_assets.datasets.partners.facebook_ads import facebook_ads
from opetence_assets.datasets.partners.voucher_settlements import voucher_settlements
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets.ingestion.due import due_days
from opetence_assets.lake.places import Lake
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets.sources.limits import Limits

HEADER = "date,campaign_id,campaign_name,impressions,clicks,spend,currency\n"


def line(day: str, campaign: str = "c1", spend: str = "1.50") -> str:
    return f"{day},{campaign},Spring,100,3,{spend},EUR\n"


@pytest.fixture
def drop(settings: Settings) -> Callable[..., Path]:
    def put(name: str, content: str | bytes, dataset: str = "facebook_ads") -> Path:
        path = settings.drop / dataset / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


def silver(lake: Lake, name: str = "facebook_ads") -> pl.DataFrame:
    table = open_table(lake, f"silver/partners/{name}")
    assert table is not None
    return table.scan().collect()


def test_a_file_is_taken_once_whatever_its_name(drop: Callable[..., Path], lake: Lake, settings: Settings) -> None:
    drop("facebook_ads_2026-01-01.csv", HEADER + line("2026-01-01"))
    assert load(facebook_ads, lake, settings).rows == 1
    drop("facebook_ads_2026-01-02.csv", HEADER + line("2026-01-01"))

    assert load(facebook_ads, lake, settings).rows == 0
    assert due_days(facebook_ads, lake, settings) == []


def test_a_correction_wins_in_any_order_of_loading(drop: Callable[..., Path], lake: Lake, settings: Settings) -> None:
    drop("facebook_ads_2026-01-01.csv", HEADER + line("2026-01-01", spend="1.50"))
    drop("facebook_ads_2026-01-01_v2.csv", HEADER + line("2026-01-01", spend="2.75"))
    load(facebook_ads, lake, settings)
    refine(facebook_ads, lake, settings.scratch)

    assert [str(spend) for spend in silver(lake)["spend"]] == ["2.75"]


def test_one_day_is_loaded_again_without_its_neighbours(
    drop: Callable[..., Path], lake: Lake, settings: Settings
) -> None:
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        drop(f"facebook_ads_{day}.csv", HEADER + line(day))
    only = Request(window=Window.of_day(date(2026, 1, 2)))

    assert load(facebook_ads, lake, settings, only).rows == 1
    assert load(facebook_ads, lake, settings, only).rows == 0
    assert load(facebook_ads, lake, settings).rows == 2


def test_a_german_export_is_read_as_declared(drop: Callable[..., Path], lake: Lake, settings: Settings) -> None:
    text = "settlement_id;voucher_code;order_id;amount;settled_on\nS1; frühling10;O1;1.234,50;31.12.2025\n"
    drop("voucher_settlements_2026-01-01.csv", text.encode("cp1252"), "voucher_settlements")
    load(voucher_settlements, lake, settings)
    refine(voucher_settlements, lake, settings.scratch)

    row = silver(lake, "voucher_settlements").row(0, named=True)
    assert (row["voucher_code"], str(row["amount"]), row["settled_on"]) == ("FRÜHLING10", "1234.50", date(2025, 12, 31))


GOOD = HEADER + line("2026-01-01")
BAD = {
    "truncated": (GOOD[:-4].encode(), "does not end with a line end"),
    "ragged": ((GOOD + "2026-01-01,c2\n").encode(), "is ragged"),
    "another encoding": ((HEADER + line("2026-01-01", "Größe")).encode("latin-1"), "is not utf-8"),
    "utf-16": (GOOD.encode("utf-16"), "NUL bytes|utf-8"),
    "NUL": (GOOD.replace("Spring", "Spr\0ing").encode(), "NUL bytes"),
    "empty": (b"", "is empty"),
    "column renamed": (GOOD.replace("spend", "cost").encode(), "has the header .*cost"),
    "column gone": (b"date,campaign_id\n2026-01-01,c1\n", "has the header date, campaign_id"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_by_name_and_the_good_one_beside_it_is_loaded(
    case: str, drop: Callable[..., Path], lake: Lake, settings: Settings
) -> None:
    content, complaint = BAD[case]
    drop("facebook_ads_2026-01-01.csv", content)
    with pytest.raises(DataError, match=f"partners/facebook_ads: .*facebook_ads_2026-01-01.csv: (?:.*)(?:{complaint})"):
        load(facebook_ads, lake, settings)
    drop("facebook_ads_2026-01-02.csv", HEADER + line("2026-01-02"))

    done = load(facebook_ads, lake, settings)

    assert done.rows == 1
    assert [reason.split(":")[0] for reason in done.refused] == ["facebook_ads_2026-01-01.csv"]


def test_nothing_outside_the_folder_is_read(drop: Callable[..., Path], lake: Lake, settings: Settings) -> None:
    outside = settings.home / "secret.csv"
    outside.parent.mkdir(parents=True, exist_ok=True)
    outside.write_text(GOOD)
    good = drop("facebook_ads_2026-01-02.csv", HEADER + line("2026-01-02"))
    os.symlink(outside, good.with_name("facebook_ads_2026-01-01.csv"))

    done = load(facebook_ads, lake, settings)

    assert done.rows == 1
    assert "symbolic link" in done.refused[0]


def test_a_folder_that_points_elsewhere_is_refused(lake: Lake, settings: Settings, tmp_path: Path) -> None:
    settings.drop.mkdir(parents=True)
    os.symlink(tmp_path, settings.drop / "facebook_ads")

    with pytest.raises(DataError, match="found a symbolic link at"):
        load(facebook_ads, lake, settings)


def test_a_bomb_is_refused_by_what_it_declares(drop: Callable[..., Path], lake: Lake, settings: Settings) -> None:
    path = drop("facebook_ads_2026-01-01.zip", b"")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("facebook_ads.csv", b"0" * 50_000_000)
    small = replace(facebook_ads, feed=replace(facebook_ads.feed, limits=Limits(unpacked=10**6)))

    with pytest.raises(DataError, match="declares 50,000,000 bytes when unpacked, more than the 1,000,000 allowed"):
        load(small, lake, settings)


def test_a_file_above_the_limit_is_not_even_read(drop: Callable[..., Path], lake: Lake, settings: Settings) -> None:
    path = drop("facebook_ads_2026-01-01.csv", b"")
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)  # sparse: takes no space

    with pytest.raises(DataError, match=r"has 3,221,225,472 bytes, more than the 2,147,483,648 allowed"):
        load(facebook_ads, lake, settings)


def test_values_survive_quotes_newlines_and_separators(
    drop: Callable[..., Path], lake: Lake, settings: Settings
) -> None:
    name = 'two\nlines, "quoted" and 日本'
    quoted = '"' + name.replace('"', '""') + '"'
    drop("facebook_ads_2026-01-01.csv", HEADER + line("2026-01-01").replace("Spring", quoted))
    load(facebook_ads, lake, settings)
    refine(facebook_ads, lake, settings.scratch)

    assert silver(lake)["campaign_name"].to_list() == [name]


def test_a_new_column_lands_sealed_and_is_named(drop: Callable[..., Path], lake: Lake, settings: Settings) -> None:
    drop("facebook_ads_2026-01-01.csv", HEADER + line("2026-01-01"))
    load(facebook_ads, lake, settings)
    drop("facebook_ads_2026-01-02.csv", HEADER[:-1] + ",manager\n" + line("2026-01-02")[:-1] + ",Bunny\n")

    assert load(facebook_ads, lake, settings).undeclared == ("manager",)
    bronze = open_table(lake, "bronze/partners/facebook_ads")
    assert bronze is not None
    assert "Bunny" not in str(bronze.scan().drop("_sealed").collect().rows())


def test_a_file_without_a_day_is_seen_when_it_appears(
    drop: Callable[..., Path], settings: Settings, lake: Lake
) -> None:
    drop("facebook_ads_2026-01-01.csv", HEADER + line("2026-01-01"))
    load(facebook_ads, lake, settings)
    before = facebook_ads.feed.fingerprint(facebook_ads, settings)
    drop("facebook_ads.csv", HEADER + line("2026-01-02"))

    assert facebook_ads.feed.fingerprint(facebook_ads, settings) != before
    assert len(due_days(facebook_ads, lake, settings)) == 1
    with pytest.raises(DataError, match=r"facebook_ads\.csv: has no day in its name"):
        load(facebook_ads, lake, settings)


def test_what_is_no_file_is_refused_and_hangs_nobody(drop: Callable[..., Path], settings: Settings, lake: Lake) -> None:
    good = drop("facebook_ads_2026-01-02.csv", HEADER + line("2026-01-02"))
    os.mkfifo(good.with_name("facebook_ads_2026-01-01.csv"))

    assert load(facebook_ads, lake, settings).refused == ("facebook_ads_2026-01-01.csv: is no plain file",)


def test_a_file_of_another_suffix_is_refused(drop: Callable[..., Path], settings: Settings, lake: Lake) -> None:
    drop("facebook_ads_2026-01-01.tar.gz", b"x")

    with pytest.raises(DataError, match=r"is \.tar\.gz; only \.csv, each also as \.gz or \.zip is read"):
        load(facebook_ads, lake, settings)


def test_many_small_files_are_gathered(drop: Callable[..., Path], settings: Settings, lake: Lake) -> None:
    for day in range(1, 29):
        drop(f"facebook_ads_2026-01-{day:02}.csv", HEADER + line(f"2026-01-{day:02}"))

    request = Extract(facebook_ads)
    extraction = facebook_ads.feed.extract(request, settings)

    assert [len(batch) for batch in extraction.batches] == [28]
    assert len(extraction.facts().taken) == 28
    extraction.close()
