"""What a killed child needs, imported once in the fork server. It must start no thread."""

import adbc_driver_postgresql.dbapi
import deltalake
import dlt
import dlt.destinations.impl.filesystem.filesystem
import dlt.sources.rest_api.config_setup
import pyarrow.dataset
import pyarrow.parquet

__all__ = ["adbc_driver_postgresql", "deltalake", "dlt", "pyarrow"]
