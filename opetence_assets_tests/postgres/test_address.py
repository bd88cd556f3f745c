"""Addresses: what PostgreSQL's programs are told, and what nobody else is."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opetence_assets.dataset import DataError
from opetence_assets.postgres.address import libpq_variables

text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1)


@given(text, text, text, st.integers(1, 65535))
def test_an_address_is_taken_apart_as_it_was_put_together(user: str, password: str, database: str, port: int) -> None:
    role, secret, name = (quote(part, safe="") for part in (user, password, database))
    found = libpq_variables(f"postgresql://{role}:{secret}@db.example.org:{port}/{name}?sslmode=verify-full")
    assert found == {
        "PGUSER": user,
        "PGPASSWORD": password,
        "PGDATABASE": database,
        "PGHOST": "db.example.org",
        "PGPORT": str(port),
        "PGSSLMODE": "verify-full",
    }


def test_a_sockets_folder_is_a_host() -> None:
    assert libpq_variables("postgresql://r@/shop?host=/run/postgresql&port=5433") == {
        "PGUSER": "r",
        "PGDATABASE": "shop",
        "PGHOST": "/run/postgresql",
        "PGPORT": "5433",
    }


@pytest.mark.parametrize("uri", ["postgresql://r:hush@db/shop?colour=blue", "mysql://r:hush@db/shop", "r:hush@db"])
def test_what_is_not_understood_is_refused_without_the_secret(uri: str) -> None:
    with pytest.raises(DataError) as refusal:
        libpq_variables(uri)
    assert "hush" not in str(refusal.value)
