"""What children of the tests need, imported once by the process they are forked from: 2 CPU-s."""

import gc

import adbc_driver_postgresql.dbapi
import deltalake
import dlt
import dlt.destinations.impl.filesystem.filesystem
import dlt.sources.rest_api.config_setup
import pyarrow.dataset
import pyarrow.parquet
import stripe as stripe
import uvicorn as uvicorn
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

import opetence_assets.command.webhooks
import opetence_assets.datasets
import opetence_assets.refinement.remake
import opetence_assets.refinement.replay
import opetence_assets_tests.backup.kills
import opetence_assets_tests.conformance.bench
import opetence_assets_tests.lake.scenarios
import opetence_assets_tests.sources.test_kafka
import opetence_assets_tests.warehouse.victim

__all__ = ["adbc_driver_postgresql", "deltalake", "dlt", "opetence_assets", "opetence_assets_tests", "pyarrow"]

Container()[PluggableRunContext]  # dlt looks for its plugins
gc.collect()
gc.freeze()  # a child's collector would touch, and so copy, every inherited page
