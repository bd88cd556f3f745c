"""Every dataset of the company: a file here is registered by existing."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from opetence_assets.dataset import DataError, Dataset


@cache
def all_datasets() -> tuple[Dataset, ...]:
    """All declarations below this package, by name."""
    modules = (
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(__path__, prefix=f"{__name__}.", onerror=_unreadable)
        if not module.ispkg
    )
    found = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Dataset)}
    return tuple(found[name] for name in sorted(found))


def _unreadable(package: str) -> None:
    """A system whose package fails to import is an error: walking on would drop its tables without a word."""
    importlib.import_module(package)


def dataset_named(name: str) -> Dataset:
    """The declaration called ``system/table``.

    Raises:
        DataError: there is none; names those there are.
    """
    for dataset in all_datasets():
        if dataset.name == name:
            return dataset
    known = ", ".join(dataset.name for dataset in all_datasets())
    raise DataError(name, found="no such dataset", allowed=known, next_command=f"opetence new-dataset {name}")
