"""Every version of a row (SCD 2): chains are remade only for the keys that changed."""

from __future__ import annotations

import polars as pl

from opetence_assets.dataset import Dataset
from opetence_assets.refinement.shape import IS_CURRENT, VALID_FROM, VALID_TO, VERSION, silver_types, table_types


def chained(
    dataset: Dataset, old: pl.DataFrame | None, rows: pl.DataFrame, gone: pl.DataFrame, version: int
) -> pl.DataFrame:
    """Old versions and new observations in one chain a key: valid from its cursor value to the next version's.

    An observation that changes nothing but the cursor makes no version. Observations that arrive late are put where
    their cursor says. A key that is gone has its last version closed.
    """
    key = list(dataset.key)
    observed = rows.with_columns(
        pl.col(str(dataset.cursor)).alias(VALID_FROM), pl.lit(version, pl.Int64).alias(VERSION)
    )
    if old is None:
        return _closed(dataset, _chain(dataset, observed, version), gone)
    changed = pl.concat([rows.select(key), gone.select(key)]).unique()
    untouched = old.join(changed, on=key, how="anti", nulls_equal=True)
    affected = old.join(changed, on=key, how="semi", nulls_equal=True)
    # The newest sighting of one moment wins, as in any upsert.
    both = pl.concat([affected.select(observed.columns), observed]).unique([*key, VALID_FROM], keep="last")
    return pl.concat([untouched, _closed(dataset, _chain(dataset, both, version), gone).select(untouched.columns)])


def _chain(dataset: Dataset, versions: pl.DataFrame, version: int) -> pl.DataFrame:
    key = list(dataset.key)
    tracked = [name for name in silver_types(dataset) if name not in (*key, dataset.cursor)]
    ordered = versions.sort(*key, VALID_FROM)
    state = pl.struct(tracked)
    first = pl.int_range(pl.len()).over(key) == 0
    distinct = ordered.filter(first | state.ne_missing(state.shift(1).over(key)))
    until = pl.col(VALID_FROM).shift(-1).over(key)
    return distinct.with_columns(until.alias(VALID_TO)).with_columns(pl.col(VALID_TO).is_null().alias(IS_CURRENT))


def _closed(dataset: Dataset, chains: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    if not len(gone):
        return chains.select(*table_types(dataset))
    marked = chains.join(gone, on=list(dataset.key), how="left", nulls_equal=True)
    ended = pl.col(IS_CURRENT) & pl.col("_gone_at").is_not_null()
    return marked.with_columns(
        pl.when(ended).then(pl.col("_gone_at")).otherwise(pl.col(VALID_TO)).alias(VALID_TO),
        (pl.col(IS_CURRENT) & ~ended).alias(IS_CURRENT),
    ).select(*table_types(dataset))
