"""Tidies beside that of ``world``: two that do something else, two that only look as if they did."""

from __future__ import annotations

import polars as pl

from opetence_assets_tests.review.world import DECIMALS


def _other_separator():
    def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw.with_columns(
            pl.col("amount").str.replace(";", ".").cast(pl.Decimal(12, 2), strict=False),
            pl.col("paid_on").str.to_date("%d.%m.%Y", strict=False),
        )

    return tidy


def _counted_on():
    def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw.with_columns(
            pl.col("amount").str.replace(DECIMALS, ".").cast(pl.Decimal(12, 2), strict=False),
            pl.col("paid_on").str.to_date("%m.%d.%Y", strict=False),
        )

    return tidy


def _commented():
    def tidy(raw: pl.LazyFrame) -> pl.LazyFrame:
        """Amounts and days, as the bank writes them."""
        return raw.with_columns(
            # a comma, always
            pl.col("amount").str.replace(DECIMALS, ".").cast(pl.Decimal(12, 2), strict=False),
            pl.col("paid_on").str.to_date("%d.%m.%Y", strict=False),  # day first
        )

    return tidy


def _same_by_another_layout():
    # fmt: off
    def tidy(
        raw: pl.LazyFrame,
    ) -> pl.LazyFrame:
        return (raw.with_columns(pl.col('amount').str.replace(DECIMALS, '.')
                                 .cast(pl.Decimal(12, 2), strict=False),
                                 pl.col('paid_on').str.to_date('%d.%m.%Y', strict=False)))
    # fmt: on
    return tidy


other_separator, counted_on = _other_separator(), _counted_on()
commented, same_by_another_layout = _commented(), _same_by_another_layout()
