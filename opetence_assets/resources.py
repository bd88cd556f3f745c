"""Settings → what assets need at run time. Read when a step starts, never at import."""

from functools import cache

import dagster as dg

from opetence_assets.lake.places import Lake, lake_at
from opetence_assets.settings import Settings, read_settings


class Platform(dg.ConfigurableResource["Platform"]):
    """The lake and the settings of this process."""

    @property
    def settings(self) -> Settings:
        return _settings()

    @property
    def lake(self) -> Lake:
        return lake_at(_settings())


@cache
def _settings() -> Settings:
    return read_settings()
