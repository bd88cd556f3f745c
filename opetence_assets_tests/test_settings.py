"""Wrong settings are loud and never show a secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from opetence_assets.settings import SettingsError, read_settings
from opetence_assets_tests.conftest import environment


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("OPETENCE_ENV", "prodution", "OPETENCE_ENV is 'prodution'; allowed: local, staging, production"),
        ("OPETENCE_MASTER_KEY", "", "OPETENCE_MASTER_KEY is missing or blank"),
        ("OPETENCE_MASTER_KEY", "  ", "OPETENCE_MASTER_KEY is missing or blank"),
        ("OPETENCE_MASTER_KEY", "not base64!", "OPETENCE_MASTER_KEY is not base64"),
        ("OPETENCE_MASTER_KEY", base64.b64encode(b"short").decode(), "has 5 bytes, not 32"),
        ("OPETENCE_HASH_KEYS", "", "OPETENCE_HASH_KEYS is missing or blank"),
        ("OPETENCE_HASH_KEYS", "900:aaaa", "version outside 0-255"),
        ("OPETENCE_LAKE", " ", "OPETENCE_LAKE is blank"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read_settings({**environment(tmp_path), name: value})


def test_a_missing_connection_string_names_its_dataset(tmp_path: Path) -> None:
    settings = read_settings(environment(tmp_path))

    with pytest.raises(SettingsError, match="order_service/orders: ORDER_SERVICE_DSN is not set"):
        settings.secret("ORDER_SERVICE_DSN", dataset="order_service/orders")


def test_secrets_are_not_in_the_repr(tmp_path: Path) -> None:
    variables = environment(tmp_path)

    shown = repr(read_settings(variables))

    assert variables["OPETENCE_MASTER_KEY"] not in shown
    assert "master_key" not in shown


def test_production_reads_no_file_of_the_laptop(tmp_path: Path) -> None:
    (tmp_path / "local.env").write_text("OPETENCE_MASTER_KEY=x\n")

    with pytest.raises(SettingsError, match="OPETENCE_MASTER_KEY is missing"):
        read_settings({"OPETENCE_HOME": str(tmp_path), "OPETENCE_ENV": "production"})
