"""A share of the corruptions; all of them: ``python -m opetence_assets_tests.quality.corruptions 0``."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from opetence_assets.datasets import dataset_named
from opetence_assets_tests.places import short
from opetence_assets_tests.quality.company import Company, founded
from opetence_assets_tests.quality.corruptions import chosen, missed, possible

NAMES = ("order_service/orders", "product_service/products", "product_service/vendors", "partners/voucher_settlements")


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    from sandbox import down

    home = Path(tempfile.mkdtemp(prefix="cor", dir=short()))
    try:
        yield founded(home, tuple(map(dataset_named, NAMES)), 0.05)
    finally:
        down(home)
        shutil.rmtree(home)


def test_every_kind_is_caught_by_the_check_that_is_named(company: Company) -> None:
    corruptions = chosen(possible(company), 24, random.Random(1))

    assert len({corruption.kind for corruption in corruptions}) >= 20
    assert missed(company, corruptions, 1) == []
