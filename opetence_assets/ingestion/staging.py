"""dlt between a source's batches and finished Parquet files: schema inference, naming and packaging are dlt's."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError

if TYPE_CHECKING:
    import pyarrow
    from dlt.common.destination import Destination

PIPELINE = "opetence"  # the folder is private to the run, so the name need not be: dlt keeps no state between runs


@contextmanager
def normalized(name: str, tables: Iterator[pyarrow.Table], scratch: Path) -> Generator[list[Path]]:
    """The Parquet files (zstd) that dlt makes of a stream of Arrow tables; gone when the block ends.

    Only ``extract`` and ``normalize`` are dlt's: its ``load`` is at-least-once, so the commit is the lake's.
    """
    import dlt

    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="dlt-", dir=scratch))
    try:
        _configure()
        pipeline = dlt.pipeline(PIPELINE, pipelines_dir=str(folder), destination=_nowhere(), dataset_name=PIPELINE)
        resource = dlt.resource(tables, name=name, write_disposition="append", max_table_nesting=0)
        with _own_errors():
            pipeline.extract(resource, loader_file_format="parquet")
            pipeline.normalize()
        jobs = [
            Path(job.file_path)
            for package in pipeline.list_normalized_load_packages()
            for job in pipeline.get_load_package_info(package).jobs["new_jobs"]
            if job.job_file_info.table_name == name
        ]
        yield sorted(jobs, key=lambda job: job.stat().st_mtime_ns)  # as the rows arrived
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _nowhere() -> Destination[Any, Any]:
    """A destination that nothing is loaded to: what dlt makes for it is, byte for byte, what it makes for
    ``filesystem``, whose configuration and credentials it would resolve seven times a load, a third of a small one.
    """
    import dlt

    def refused(items: object, table: object) -> None:
        raise NotImplementedError("the lake commits what dlt has normalized; nothing is loaded by dlt")

    made = dlt.destination(refused, name="nowhere", loader_file_format="parquet", naming_convention="snake_case")
    return made()


@contextmanager
def _own_errors() -> Generator[None]:
    """The platform's own errors as they were raised, without the layers that dlt wraps around them."""
    from dlt.pipeline.exceptions import PipelineStepFailed

    try:
        yield
    except PipelineStepFailed as failure:
        cause: BaseException | None = failure
        while cause is not None and not isinstance(cause, DataError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        raise cause from None


@cache
def _configure() -> None:
    """What dlt is to know, once a process: what the platform tells it, and nothing of variables or secrets files that
    happen to lie about. Asking only one provider, and keeping no state between runs, is a third of a small load's cost.
    """
    import dlt
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    providers = Container()[PluggableRunContext].providers.providers
    providers[:] = [provider for provider in providers if provider.is_writable and not provider.supports_secrets]
    dlt.config["runtime.dlthub_telemetry"] = False
    dlt.config["runtime.log_level"] = "ERROR"
    dlt.config["restore_from_destination"] = False
    dlt.config["enable_runtime_trace"] = False
    dlt.config["data_writer.compression"] = "zstd"
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = False
