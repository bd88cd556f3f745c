"""The environment, read once. Every address derives from ``OPETENCE_HOME`` and the lake's URI by one formula."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

ENVIRONMENTS = ("local", "staging", "production")
BUSINESS_ZONE = ZoneInfo("Europe/Berlin")  # the business day's zone; every stored time is UTC


class SettingsError(Exception):
    """A setting is missing, blank or not one of those allowed; names it and the next step, never its value."""


@dataclass(frozen=True)
class Settings:
    """Where everything lives and the secrets that protect it.

    Attributes:
        home: local folder for scratch, Dagster's storage, the key store and, by default, the lake.
        lake: URI or path of the lake (``s3://bucket/prefix`` or a folder).
        backups: URI or path of the backup store.
        drop: folder that partners' files are dropped into.
        master_key: 32 bytes that wrap every person's key.
        hash_keys: version (0-255) → key of the e-mail digest; the highest version writes.
        variables: the environment that connection strings are looked up in, by name.
    """

    environment: str
    home: Path
    lake: str
    backups: str
    drop: Path
    master_key: bytes = field(repr=False)
    hash_keys: Mapping[int, bytes] = field(repr=False)
    storage_options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def scratch(self) -> Path:
        """Disposable files of running steps; on the lake's file system when the lake is local."""
        return self.home / "scratch"

    @property
    def keys(self) -> Path:
        """The key store of personal data."""
        return self.home / "keys" / "keys.sqlite"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def manifest(self) -> Path:
        """dbt's manifest, parsed once per change of the dbt project or a declaration."""
        return self.home / "dbt" / "manifest.json"

    def now(self) -> datetime:
        """The moment that the age of data is told from: the clock's; in the sandbox the one its story has reached."""
        told = local_variables(self.home).get("OPETENCE_NOW") if self.environment == ENVIRONMENTS[0] else None
        return datetime.fromisoformat(told) if told else datetime.now(UTC)

    def secret(self, name: str, *, dataset: str) -> str:
        """A connection string or credential from the environment.

        Raises:
            SettingsError: it is missing or blank.
        """
        value = self.variables.get(name, "").strip()
        if not value:
            raise SettingsError(f"{dataset}: {name} is not set; set it in the environment or run: opetence sandbox up")
        return value


def home_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("OPETENCE_HOME") or ".opetence").resolve()


def local_variables(home: Path) -> dict[str, str]:
    """What ``sandbox up`` wrote for this laptop (``NAME=value`` lines); empty where there is no sandbox."""
    file = home / "local.env"
    if not file.exists():
        return {}
    lines = (line.partition("=") for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; in the local environment completed by ``OPETENCE_HOME/local.env``.

    Raises:
        SettingsError: an unknown environment, or a missing, blank or malformed secret.
    """
    environ = os.environ if environ is None else environ
    environment = environ.get("OPETENCE_ENV", "local")
    if environment not in ENVIRONMENTS:
        raise SettingsError(f"OPETENCE_ENV is {environment!r}; allowed: {', '.join(ENVIRONMENTS)}")
    home = home_folder(environ)
    values = {**(local_variables(home) if environment == "local" else {}), **environ}
    return Settings(
        environment=environment,
        home=home,
        lake=_present(values, "OPETENCE_LAKE", str(home / "lake")),
        backups=_present(values, "OPETENCE_BACKUPS", str(home / "backups")),
        drop=Path(_present(values, "OPETENCE_DROP", str(home / "drop"))),
        master_key=_key("OPETENCE_MASTER_KEY", values.get("OPETENCE_MASTER_KEY", "")),
        hash_keys=_hash_keys(values.get("OPETENCE_HASH_KEYS", "")),
        storage_options={k: v for k, v in values.items() if k.startswith("AWS_") and v},
        variables=values,
    )


def business_today() -> date:
    """Today, in the business day's zone."""
    return datetime.now(BUSINESS_ZONE).date()


def _present(values: Mapping[str, str], name: str, otherwise: str) -> str:
    value = values.get(name, otherwise)
    if not value.strip():
        raise SettingsError(f"{name} is blank; unset it for the default ({otherwise}) or give it a value")
    return value


def _key(name: str, text: str) -> bytes:
    if not text.strip():
        raise SettingsError(f"{name} is missing or blank; on a laptop run: opetence sandbox up")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise SettingsError(f"{name} is not base64; make one with: openssl rand -base64 32") from None
    if len(key) != 32:
        raise SettingsError(f"{name} has {len(key)} bytes, not 32; make one with: openssl rand -base64 32")
    return key


def _hash_keys(text: str) -> dict[int, bytes]:
    """``1:base64,2:base64``: versions stay readable after a rotation, the highest writes."""
    if not text.strip():
        raise SettingsError("OPETENCE_HASH_KEYS is missing or blank; on a laptop run: opetence sandbox up")
    keys: dict[int, bytes] = {}
    for part in text.split(","):
        version, _, key = part.partition(":")
        if not version.isdecimal() or not 0 <= int(version) <= 255:
            raise SettingsError("OPETENCE_HASH_KEYS has a version outside 0-255; write 1:base64,2:base64")
        keys[int(version)] = _key("OPETENCE_HASH_KEYS", key)
    return keys
