"""Collections as tables over the real wire protocol: by cursor, by ObjectId, unwound, and by their changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from bson import Decimal128, ObjectId

from opetence_assets.dataset import DataError, Dataset, Deletes, Money, Pii, Subject, Utc, Window
from opetence_assets.ingestion.bronze import Request, load
from opetence_assets.lake.places import Lake
from opetence_assets.lake.progress import last_progress
from opetence_assets.lake.tables import open_table
from opetence_assets.refinement.silver import refine
from opetence_assets.settings import Settings
from opetence_assets.sources.mongodb import Mongo
from opetence_assets.sources.texts import typed
from opetence_assets_tests.documents import Documents, documents, utc

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
shop = Mongo("goods", "GOODS_URI")


class Good(pa.DataFrameModel):
    sku: pl.String
    brand: pl.String = pa.Field(nullable=True)
    price: Money
    owner: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.SEAL})
    tax_id: pl.String = pa.Field(nullable=True, metadata={"pii": Pii.REDACT})
    updated_at: Utc


FIELDS = {
    "sku": "_id", "brand": "attributes.brand", "price": "price", "owner": "owner.name", "tax_id": "owner.tax_id",
    "updated_at": "updated_at",
}  # fmt: skip
goods = Dataset(
    feed=shop.collection("goods", FIELDS, ignored=("sizes",), cursor="updated_at", lag=timedelta(minutes=10)),
    key=("sku",),
    cursor="updated_at",
    schema=Good,
    tidy=typed(Good),
    subject=Subject("good", "sku"),
    deletes=Deletes.HARD,
    owner="team:tests",
)
told = replace(goods, feed=shop.changes("goods", FIELDS, ignored=("sizes",)), deletes=Deletes.TOLD)


class Size(pa.DataFrameModel):
    sku: pl.String
    size: pl.String
    stock: pl.Int32


sizes = Dataset(
    feed=shop.collection(
        "sizes",
        {"sku": "parent._id", "size": "name", "stock": "stock", "updated_at": "parent.updated_at"},
        of="goods",
        unwind="sizes",
        cursor="updated_at",
    ),
    key=("sku", "size"),
    schema=Size,
    tidy=typed(Size),
    deletes=Deletes.HARD,
    owner="team:tests",
)


def good(number: int, at: datetime = NOON, price: str = "1.50", **more: Any) -> dict[str, Any]:
    return {
        "_id": f"G{number}", "attributes": {"brand": f"B{number}"}, "price": Decimal128(price),
        "owner": {"name": f"Näme {number}", "tax_id": f"T{number}"}, "updated_at": utc(at),
        "sizes": [{"name": name, "stock": number} for name in ("S", "M")[: number % 3]], **more,
    }  # fmt: skip


@pytest.fixture
def server() -> Iterator[Documents]:
    with documents() as running:
        yield running


@pytest.fixture
def at(settings: Settings, server: Documents) -> Settings:
    return replace(settings, variables={**settings.variables, "GOODS_URI": server.uri})


def put(server: Documents, numbers: range, *args: Any, **more: Any) -> None:
    server.put("goods", [good(number, *args, **more) for number in numbers])


def bronze(lake: Lake, name: str = "goods") -> pl.DataFrame:
    table = open_table(lake, f"bronze/goods/{name}")
    assert table is not None
    return table.scan().collect()


def silver(lake: Lake, name: str = "goods") -> pl.DataFrame:
    table = open_table(lake, f"silver/goods/{name}")
    assert table is not None
    return table.scan().collect()


def test_documents_become_rows_with_nested_paths_as_columns(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(10))

    done = load(goods, lake, at)
    refine(goods, lake, at.scratch)

    assert (done.rows, done.total_keys, done.undeclared) == (10, 10, ())
    row = silver(lake).sort("sku").row(0, named=True)
    assert (row["sku"], row["brand"], str(row["price"]), row["updated_at"]) == ("G0", "B0", "1.50", NOON)
    assert "owner" not in bronze(lake).columns


def test_what_is_redacted_never_leaves_the_server(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(2))

    load(goods, lake, at)

    (asked,) = [command for command in server.seen if "find" in command and not command.get("limit")]
    assert asked["projection"] == {"owner.tax_id": 0}


def test_the_next_load_takes_new_changed_and_late_documents(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(10))
    load(goods, lake, at)
    put(server, range(10, 12), NOON + timedelta(hours=1))
    put(server, range(3, 4), NOON + timedelta(hours=1), price="9.00")
    put(server, range(12, 13), NOON - timedelta(minutes=9))

    assert load(goods, lake, at).rows == 4
    assert load(goods, lake, at).rows == 0


def test_documents_that_vanish_leave_a_tombstone(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(10))
    load(goods, lake, at)
    server.delete("goods", ["G4"])

    assert load(goods, lake, at).deleted == 1
    refine(goods, lake, at.scratch)
    assert len(silver(lake)) == 9


def test_an_array_becomes_a_table_of_its_own(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(6))
    assert load(sizes, lake, at).rows == 6
    server.put("goods", [good(2, NOON + timedelta(hours=1), sizes=[{"name": "S", "stock": 9}])])

    done = load(sizes, lake, at)
    refine(sizes, lake, at.scratch)

    assert (done.rows, done.deleted, done.total_keys) == (2, 1, 5)
    assert silver(lake, "sizes").filter(sku="G2").select("size", "stock").rows() == [("S", 9)]


def test_a_collection_that_only_grows_is_read_by_objectid(server: Documents, lake: Lake, at: Settings) -> None:
    fields = {"sku": "sku", "size": "size", "stock": "stock"}
    grows = replace(sizes, feed=shop.collection("log", fields, cursor="_id"), deletes=Deletes.NEVER)
    made = [{"_id": ObjectId.from_datetime(NOON + timedelta(seconds=n)), "sku": f"{n}", "size": "S"} for n in range(8)]
    server.put("log", made[:5])
    assert load(grows, lake, at).rows == 5
    server.put("log", made[5:])

    assert load(grows, lake, at).rows == 3
    assert load(grows, lake, at).rows == 0


def test_a_window_is_read_again_and_adds_only_what_differs(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(10))
    load(goods, lake, at)
    put(server, range(2), NOON, price="7.00")  # somebody's script forgot updated_at
    day = Request(window=Window.of_day(NOON.date()))

    assert load(goods, lake, at, day).rows == 2
    assert load(goods, lake, at, day).rows == 0


def test_types_that_change_are_text_and_strange_values_break_nothing(
    server: Documents, lake: Lake, at: Settings
) -> None:
    server.put("goods", [good(1), {**good(2), "price": "many"}, {**good(3), "nickname": "Bunny", "price": 3}])

    assert load(goods, lake, at).undeclared == ("nickname",)
    refined = refine(goods, lake, at.scratch)

    assert (refined.accepted, refined.quarantined) == (2, 1)


def test_a_server_that_dies_on_page_three_leaves_nothing(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(27))
    load(goods, lake, at)
    server.break_at = 3

    with pytest.raises(DataError, match=r"goods/goods: found the source failed after \d+ rows .* Next: "):
        load(goods, lake, at, Request(full=True))
    assert len(bronze(lake)) == 27


def test_wrong_credentials_are_refused_without_being_shown(server: Documents, lake: Lake, at: Settings) -> None:
    address = server.uri.replace("mongodb://", "mongodb://reader:s3cret@")
    wrong = replace(at, variables={**at.variables, "GOODS_URI": address})

    with pytest.raises(DataError, match="a server that refuses the credentials at GOODS_URI") as refusal:
        load(goods, lake, wrong)
    assert "s3cret" not in str(refusal.value)


def test_a_server_that_is_down_is_named_by_variable(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opetence_assets.sources.mongodb_server.CONNECT_MS", 200)
    down = replace(settings, variables={**settings.variables, "GOODS_URI": "mongodb://reader:s3cret@127.0.0.1:1/shop"})

    with pytest.raises(DataError, match="no MongoDB answering at GOODS_URI") as refusal:
        load(goods, lake, down)
    assert "s3cret" not in str(refusal.value)


def test_the_fingerprint_changes_with_any_write_and_with_nothing_else(server: Documents, at: Settings) -> None:
    put(server, range(3))
    before = goods.feed.fingerprint(goods, at)

    assert goods.feed.fingerprint(goods, at) == before
    put(server, range(1), NOON + timedelta(hours=1))
    changed = goods.feed.fingerprint(goods, at)
    server.delete("goods", ["G2"])
    assert len({before, changed, goods.feed.fingerprint(goods, at)}) == 3


def test_changes_are_followed_from_the_first_read_on(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(5))
    assert load(told, lake, at).rows == 5
    put(server, range(5, 7))
    put(server, range(1), price="8.00")
    server.delete("goods", ["G3"])
    server.put("goods", [good(3, price="5.00")])
    server.delete("goods", ["G4"])

    done = load(told, lake, at)
    refine(told, lake, at.scratch)

    assert (done.rows, done.deleted) == (6, 2)
    prices = {row["sku"]: str(row["price"]) for row in silver(lake).iter_rows(named=True)}
    assert prices == {"G0": "8.00", "G1": "1.50", "G2": "1.50", "G3": "5.00", "G5": "1.50", "G6": "1.50"}
    assert last_progress(lake, done.key, done.version)["cursor"] == {"token": {"_data": f"{11:016x}"}}
    assert load(told, lake, at).rows == 0


def test_a_token_that_left_the_oplog_is_said(server: Documents, lake: Lake, at: Settings) -> None:
    put(server, range(5))
    load(told, lake, at)
    put(server, range(5, 9))
    server.forgotten = 7

    with pytest.raises(DataError, match=r"a resume token that the server no longer knows \(error 286\).*--reload"):
        load(told, lake, at)
    load(told, lake, at, Request(full=True))
    refine(told, lake, at.scratch)
    assert len(silver(lake)) == 9


def test_changes_need_a_dataset_that_is_told_of_deletes(lake: Lake, at: Settings, server: Documents) -> None:
    with pytest.raises(DataError, match=r"allowed: Deletes\.TOLD"):
        load(replace(told, deletes=Deletes.NEVER), lake, at)
