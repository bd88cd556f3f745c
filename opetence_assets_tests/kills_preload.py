"""What the children of the kill rehearsal need, imported once by the process they are forked from."""

import dbt.cli.main
import duckdb

import opetence_assets.backup.snapshot
import opetence_assets.checks.completeness
import opetence_assets.checks.quality
import opetence_assets.warehouse.build
import opetence_assets.zones.gold
import opetence_assets_tests.preload

__all__ = ["dbt", "duckdb", "opetence_assets", "opetence_assets_tests"]
