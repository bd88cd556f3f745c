"""Files that hold people in the clear (production's): encrypted with age before they come into a store.

Bronze is sealed column by column and its keys are wrapped; a base backup is whatever production holds. Who writes
needs the public keys (``OPETENCE_BACKUP_RECIPIENTS``), who restores the secret one (``OPETENCE_BACKUP_IDENTITY``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from opetence_assets.backup.age import decrypted, encrypted
from opetence_assets.backup.copying import Copying, blobs
from opetence_assets.backup.manifests import StoredBlob
from opetence_assets.lake.places import Lake
from opetence_assets.settings import Settings, SettingsError

AGE = ".age"
RECIPIENTS, IDENTITY = "OPETENCE_BACKUP_RECIPIENTS", "OPETENCE_BACKUP_IDENTITY"


def recipients_of(settings: Settings) -> tuple[str, ...]:
    """The public keys that production's backups are encrypted for.

    Raises:
        SettingsError: there is none: what holds people in the clear does not go into a store.
    """
    found = settings.secret(RECIPIENTS, dataset="backup of production")
    return tuple(one.strip() for one in found.split(",") if one.strip())


def sealed_blobs(
    copying: Copying, folder: Path, paths: Mapping[str, int], recipients: Sequence[str]
) -> dict[str, StoredBlob]:
    """Puts files of a folder (path → bytes) into the store, each encrypted, under its path and ``.age``."""
    found: dict[str, StoredBlob] = {}
    for path in paths:
        with TemporaryDirectory(prefix=".sealed-", dir=folder) as place:
            sealed = Path(place) / f"{path}{AGE}"
            sealed.parent.mkdir(parents=True, exist_ok=True)
            encrypted(folder / path, sealed, recipients)
            found |= blobs(copying, Lake(place), {f"{path}{AGE}": sealed.stat().st_size})
    return found


def opened_file(sealed: Path, variables: Mapping[str, str]) -> None:
    """Decrypts a file beside itself, less its ``.age``, and deletes the encrypted one.

    Raises:
        SettingsError: the secret key is not in the environment.
        BackupDamaged: it is another key, or a byte of the file changed.
    """
    identity = variables.get(IDENTITY, "").strip()
    if not identity:
        raise SettingsError(f"{IDENTITY} is not set; it opens production's backups and lies where the policy's keys do")
    decrypted(sealed, sealed.with_suffix(""), identity, sealed.name)
    sealed.unlink()
