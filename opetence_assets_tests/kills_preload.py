"""What the children of the kill rehearsal need, imported once by the process they are forked from."""

import adbc_driver_postgresql.dbapi
import dbt.cli.main
import deltalake
import dlt
import duckdb

import opetence_assets.backup.snapshot
import opetence_assets.checks.completeness
import opetence_assets.checks.quality
import opetence_assets.ingestion.bronze
import opetence_assets.refinement.silver
import opetence_assets.warehouse.build
import opetence_assets.warehouse.publish
import opetence_assets.zones.gold

__all__ = ["adbc_driver_postgresql", "dbt", "deltalake", "dlt", "duckdb", "opetence_assets"]
