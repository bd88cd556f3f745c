"""What an engine says of a value it could not read is told without the value."""

from __future__ import annotations

import traceback

import polars as pl
import pytest

from opetence_assets.dataset import DataError
from opetence_assets.privacy.messages import errors_without_values

PEOPLE = ["Zaphod", 'O\'Brien "Zaphod"', "Zaphod]\nBeeblebrox"]


def test_an_engines_error_loses_its_values_and_keeps_its_place() -> None:
    with pytest.raises(DataError) as raised, errors_without_values("shop/sales"):
        pl.DataFrame({"name": PEOPLE}).select(pl.col("name").cast(pl.Int64))

    told = "".join(traceback.format_exception(raised.value))
    assert "shop/sales: found InvalidOperationError: conversion from" in str(raised.value)
    assert not [part for part in ("Zaphod", "Beeblebrox", "Brien") if part in told]
    assert "in test_an_engines_error" in told


def test_any_error_that_names_a_person_is_told_without() -> None:
    address = "@".join(["jane.doe", "example.org"])  # in one piece it would stand in the trace's line of source
    with pytest.raises(DataError, match="KeyError") as raised, errors_without_values("shop/sales"):
        raise KeyError(address)

    assert address not in "".join(traceback.format_exception(raised.value))


def test_every_other_error_stays_what_it_is() -> None:
    with pytest.raises(OSError, match=r"'/lake/x'"), errors_without_values("shop/sales"):
        raise FileNotFoundError(2, "No such file", "/lake/x")
    with pytest.raises(DataError, match="2 rows into 1"), errors_without_values("shop/sales"):
        raise DataError("shop/sales", found="tidy turned 2 rows into 1", allowed="one", next_command="edit tidy")
