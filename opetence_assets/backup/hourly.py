"""Production's hour from the server into the store, and back: what the asset, the command and the drill call."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from opetence_assets.backup.manifests import Manifest, manifest_paths, newest
from opetence_assets.backup.production import ZONE, restored_production, snapshot_production
from opetence_assets.backup.sealing import recipients_of
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.postgres.address import URI, production_uri, working_folder
from opetence_assets.postgres.basebackups import made
from opetence_assets.postgres.recover import Recovered
from opetence_assets.postgres.trimming import trimmed
from opetence_assets.settings import Settings


def back_up_production(settings: Settings, partition: str) -> Manifest:
    """Makes the base backup of an hour, puts it and the log into the store, and trims the working folder.

    Raises:
        SettingsError: nobody said where production is.
        DataError: the server or its programs are not fit.
    """
    uri, folder = settings.secret(URI, dataset=ZONE), working_folder(settings)
    recipients = recipients_of(settings)  # before the server is asked for anything
    base = made(folder, uri, partition, settings.variables)
    manifest = snapshot_production(_store(settings), folder, base, recipients)
    trimmed(folder)
    return manifest


def is_due(settings: Settings, partition: str) -> bool:
    """Whether production is known and the hour has no backup."""
    return production_uri(settings) is not None and not newest(
        _store(settings), manifest_paths(_store(settings), ZONE, partition)
    )


def restore_production(settings: Settings, target: datetime | None, into: Path, store: Lake | None = None) -> Recovered:
    """A running copy as of a moment, from the store (or another one) and what this machine received since.

    See ``recover.recovered``.
    """
    return restored_production(
        store or _store(settings), target, into, settings.variables, live=working_folder(settings)
    )


def _store(settings: Settings) -> Lake:
    return place_at(settings.backups, settings.storage_options)
