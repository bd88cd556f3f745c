"""The plan as people get it: a table, JSON, a comment that a forge takes; and what a release says it was made by."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opetence_assets.command.app import app
from opetence_assets.dataset import DataError
from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.lake.releases import Release, publish
from opetence_assets.review.description import DECLARED, description_of, encoded, keep
from opetence_assets.review.making import note_making
from opetence_assets.review.markdown import LONGEST, as_markdown
from opetence_assets.review.plan import planned
from opetence_assets.settings import read_settings
from opetence_assets_tests.conftest import environment
from opetence_assets_tests.review.cases import OF_DATASETS, OF_MODELS, column, said, sql
from opetence_assets_tests.review.tidies import other_separator
from opetence_assets_tests.review.world import World, partners


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """A working tree that declares a small company."""
    world, manifest = World(), tmp_path / "manifest.json"
    for name, value in environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)

    def written(*_: object) -> Path:
        manifest.write_text(json.dumps(world.content()))
        return manifest

    monkeypatch.setattr("opetence_assets.warehouse.manifest.ensure_manifest", written)
    monkeypatch.setattr("opetence_assets.datasets.all_datasets", world.datasets)
    return world


def ran(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["plan", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_against_what_was_exported(tree: World, tmp_path: Path) -> None:
    file = str(tmp_path / "deployed.json")
    assert ran("--export", file) == (0, "")
    same = ran("--against", file, "--fail-on", "additive")
    column("orders", "total", ge=1)(tree)

    code, data = ran("--against", file, "--json", "--fail-on", "breaking")
    _, comment = ran("--against", file, "--markdown")
    _, table = ran("--against", file)

    assert same == (0, "deployed.json: nothing changes\n")
    plan = json.loads(data)
    assert (code, plan["verdict"], plan["refused"]) == (1, "breaking", None)
    assert [one["downstream"]["exposures"] for one in plan["changes"]] == [["board"]]
    assert "Not asked" in comment
    assert "not asked" in table
    assert ran("--against", file, "--fail-on", "bad")[0] == 2


def test_against_the_current_release(tree: World) -> None:
    lake = lake_at(read_settings())
    publish(lake, {}, keep(lake, tree.described()))
    assert ran() == (0, "release 1: nothing changes\n")
    sql("daily_revenue", "!= 'cancelled'", "= 'paid'")(tree)

    code, data = ran("--json", "--fail-on", "breaking")

    plan = json.loads(data)
    assert (code, plan["verdict"], plan["refused"]) == (0, "semantic", [])
    assert plan["rebuilds"][0]["table"] == "gold/daily_revenue"


def test_a_rebuild_that_is_still_due_is_said_though_nothing_changes(tree: World) -> None:
    lake = lake_at(read_settings())
    for dataset in tree.datasets():
        note_making(lake, dataset, anew=False)
    said("payments", tidy=other_separator)(tree)
    publish(lake, {}, keep(lake, tree.described()))

    _, table = ran()
    _, data = ran("--json")
    _, comment = ran("--markdown")

    assert table.startswith("release 1: nothing changes\n")
    assert all("opetence rebuild partners/payments" in told for told in (table, data, comment))
    for dataset in tree.datasets():
        note_making(lake, dataset, anew=True)
    assert ran() == (0, "release 1: nothing changes\n")


def test_a_tidy_that_names_no_column_is_said_in_one_line(tree: World, tmp_path: Path) -> None:
    tree.fields["payments"].pop("paid_on")
    columns = ("payment_id", "order_id", "amount")
    tree.declared["payments"]["feed"] = partners.csv("payments", columns, since=date(2026, 1, 1))

    with pytest.raises(DataError, match=r"partners/payments: found a tidy that asks for .*paid_on"):
        ran("--export", str(tmp_path / "never.json"))


def test_a_release_names_its_description_once(lake: Lake) -> None:
    description = World().described()
    notes = keep(lake, description)

    assert keep(lake, World().described()) == notes
    assert encoded(description_of(lake, publish(lake, {}, notes))) == encoded(description)
    with pytest.raises(DataError, match="no description"):
        description_of(lake, Release(9, publish(lake, {}, {}).created_at, {}, {DECLARED: "0" * 64}))


def test_a_comment_has_room_for_everything_and_never_too_much() -> None:
    world = World()
    for case in (*OF_DATASETS[13:16], *OF_MODELS[:2]):
        case.edit(world)
    plan = planned(World().described(), world.described(), "release 1")
    long = planned(World().described(), world.described(), "release 1", [])
    long = type(plan)(long.against, long.changes * 400, long.rebuilds, ())

    comment = as_markdown(plan)

    assert comment.startswith("## Contract: breaking")
    assert all(part in comment for part in ("fct_orders", "board", "```diff", "### Built again"))
    assert len(as_markdown(long)) <= LONGEST
    assert "Cut here" in as_markdown(long)
