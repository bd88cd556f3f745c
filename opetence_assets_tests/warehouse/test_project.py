"""Laws over the dbt project: every model is described, owned, under contract and tested."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from opetence_assets.settings import BUSINESS_ZONE
from opetence_assets.warehouse.manifest import PROJECT, STAMP, ensure_manifest, parsed_project, project_checksum
from opetence_assets_tests.warehouse.conftest import First

pytestmark = pytest.mark.dagster
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
TIMES = ("timestamp with time zone", "date")


@pytest.fixture(scope="module")
def manifest(first: First) -> dict[str, Any]:
    return json.loads(first[0].settings.manifest.read_bytes())


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_every_model_has_its_yaml_beside_it_and_fits_a_screen() -> None:
    assert len(MODELS) >= 41
    for sql in MODELS:
        described = yaml.safe_load(sql.with_suffix(".yml").read_text())
        assert [model["name"] for model in described["models"]] == [sql.stem], sql
        assert len(sql.read_text().splitlines()) <= 100, sql
    yamls = {path for path in (PROJECT / "models").rglob("*.yml") if path.parent != PROJECT / "models"}
    assert yamls == {sql.with_suffix(".yml") for sql in MODELS}


def test_every_model_is_described_owned_and_under_contract(models: list[dict[str, Any]]) -> None:
    for node in models:
        name, config = node["name"], node["config"]
        assert len(node["description"]) > 30, name
        assert str(config["meta"]["owner"]).startswith("team:"), name
        assert config["group"], name
        assert config["contract"]["enforced"], name
        assert config["materialized"] in ("whole", "daily"), name
        for column in node["columns"].values():
            assert column["description"], f"{name}.{column['name']}"
            assert column["data_type"] not in ("float", "double", "real", "timestamp"), f"{name}.{column['name']}"


def test_a_groups_owner_is_its_models_owner(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    owners = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    assert {node["config"]["group"]: node["config"]["meta"]["owner"] for node in models} == owners


def test_every_model_has_a_unique_key(first: First) -> None:
    assert {name for name, model in first[1].models.items() if not model.key} == set()


def test_logic_has_unit_tests(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    """All but models that only rename and cast the columns of one source."""
    tested = {node["model"] for node in manifest["unit_tests"].values()}
    plain = {"dim_dates", "dim_vendors", "dim_couriers", "dim_microzones", "fct_disputes", "fct_payouts"}
    assert {node["name"] for node in models} - tested == plain | {"fct_voucher_settlements"}


def test_whoever_reads_gold_is_named_and_reads_what_is_published(manifest: dict[str, Any]) -> None:
    groups = {group["owner"]["name"] for group in manifest["groups"].values()}
    for exposure in manifest["exposures"].values():
        assert exposure["owner"]["name"] in groups
        read = [manifest["nodes"][name] for name in exposure["depends_on"]["nodes"]]
        assert read
        assert all(node["path"].startswith("gold/") for node in read), exposure["name"]


def test_dbt_score_finds_nothing_to_better(first: First) -> None:
    command = [Path(sys.executable).with_name("dbt-score"), "lint", "--format", "plain", "--fail-any-item-under", "10"]
    place = ["--manifest", first[0].settings.manifest]
    done = subprocess.run([*command, *place], cwd=PROJECT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_daily_model_declares_a_day_of_its_columns(models: list[dict[str, Any]]) -> None:
    daily = [node for node in models if node["config"]["materialized"] == "daily"]
    assert len(daily) == 10
    for node in daily:
        day = node["columns"][node["config"]["meta"]["day"]]
        assert day["data_type"] == "date", node["name"]
        assert day["constraints"], f"{node['name']}: a row without a day would be lost"


def test_the_business_zone_is_the_settings(manifest: dict[str, Any]) -> None:
    macro = manifest["macros"]["macro.opetence.business_zone"]["macro_sql"]
    assert macro.split("%}")[1].split("{%")[0].strip() == str(BUSINESS_ZONE)
    zoned = [path.name for path in PROJECT.rglob("*.sql") if "at time zone" in path.read_text()]
    assert zoned == ["business_day.sql"]


def test_what_is_kept_of_a_parsed_project_is_what_parsing_it_gives(first: First, tmp_path: Path) -> None:
    kept, parsed = (replace(first[0].settings, home=tmp_path / name) for name in ("kept", "parsed"))
    for settings in (kept, parsed):
        shutil.copytree(first[0].settings.manifest.parent, settings.manifest.parent)
    parsed.manifest.with_name(STAMP).unlink()
    before = kept.manifest.stat()
    read, anew = parsed_project(kept), parsed_project(parsed)
    for part in ("flat_graph", "macros", "unit_tests", "groups", "parent_map", "child_map"):
        assert getattr(read, part) == getattr(anew, part) != {}, part
    assert kept.manifest.stat() == before, "whatever was derived from it still is"
    kept.manifest.unlink()
    assert ensure_manifest(kept).exists()


def test_the_manifest_is_parsed_only_when_the_project_changed(first: First, tmp_path: Path) -> None:
    shutil.copytree(first[0].settings.manifest.parent, tmp_path / "dbt")
    settings = replace(first[0].settings, home=tmp_path)  # other processes of the run use the first one's
    before = settings.manifest.stat()
    assert ensure_manifest(settings) == settings.manifest
    assert settings.manifest.stat() == before
    assert settings.manifest.with_name(STAMP).read_text() == project_checksum()
    assert not [path for path in PROJECT.rglob("*") if path.name in ("target", "logs", "dbt_packages", ".user.yml")]
