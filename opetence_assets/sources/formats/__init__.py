"""Readers of foreign files. They run in a process of their own: nothing here imports Polars, Dagster or a dataset."""
