"""The same code on S3: a real server that enforces conditional puts."""

from __future__ import annotations

from dataclasses import replace

from opetence_assets.ingestion.bronze import load
from opetence_assets.lake.places import lake_at
from opetence_assets.lake.queries import query
from opetence_assets.lake.releases import publish
from opetence_assets.lake.tables import open_table
from opetence_assets.lake.verdicts import record
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets_tests.shop import NOON, Shop, sales


def test_bronze_silver_and_a_query_on_s3(shop: Shop, shop_settings: Settings, bucket: dict[str, str]) -> None:
    settings = replace(shop_settings, lake="s3://lake/prefix", storage_options=bucket)
    lake = lake_at(settings)
    shop.sell(range(80))
    load(sales, lake, settings)
    refine(sales, lake, settings.scratch)
    shop.sell([3, 80], at=NOON.replace(hour=13), amount="99.00")
    shop.run("DELETE FROM shop.sales WHERE sale_id = 7")
    assert load(sales, lake, settings).rows == 3
    assert load(sales, lake, settings).rows == 0

    done = refine(sales, lake, settings.scratch)

    bronze, silver = (open_table(lake, f"{zone}/shop/sales") for zone in ("bronze", "silver"))
    assert bronze is not None
    assert silver is not None
    assert (done.accepted, done.deleted, silver.rows) == (2, 1, 80)
    record(lake, silver.key, silver.version, [])
    release = publish(lake, {bronze.key: bronze.version, silver.key: silver.version}, {})
    (answer,) = query(lake, release, "SELECT sum(amount)::varchar AS total FROM silver.shop.sales").to_pylist()
    (expected,) = shop.ask("SELECT sum(amount)::text FROM shop.sales")[0]
    assert answer["total"] == expected
