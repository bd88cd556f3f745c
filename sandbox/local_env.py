"""``home/local.env``: connection strings and secrets of this laptop, as ``NAME=value`` lines.

A lost key is lost data: a secret that is there is never replaced, and the file is only ever replaced whole.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

CONNECTIONS = ("ORDER_SERVICE_DSN", "PRODUCT_SERVICE_DSN", "USER_SERVICE_DSN", "LOGISTICS_SERVICE_DSN")
BACKUP = "OPETENCE_PRODUCTION_BACKUP_URI"
HEADER = "# Written by `opetence sandbox up`. The keys below open your lake: without them its personal data is lost.\n"


def local_secrets(home: Path, connection: Callable[[str], str], copying: Callable[[str], str]) -> dict[str, str]:
    """Complete ``home/local.env`` and give its values, plus the ``password`` of the reader and of who backs up.

    Args:
        connection: the connection string for a password; it changes when the socket moves, the password never does.
        copying: the same of the role that backs up.
    """
    found = local_values(home)
    password = _password(found.get(CONNECTIONS[0], "")) or secrets.token_urlsafe(24)
    wanted = {name: connection(password) for name in CONNECTIONS}
    backup_password = _password(found.get(BACKUP, "")) or secrets.token_urlsafe(24)
    wanted[BACKUP] = copying(backup_password)
    wanted["OPETENCE_MASTER_KEY"] = found.get("OPETENCE_MASTER_KEY") or _key()
    wanted["OPETENCE_HASH_KEYS"] = found.get("OPETENCE_HASH_KEYS") or f"1:{_key()}"
    if "OPETENCE_BACKUP_IDENTITY" not in found:
        wanted |= _age_keys()
    return {**complete(home, wanted), "password": password, "backup_password": backup_password}


def local_values(home: Path) -> dict[str, str]:
    """The values of ``home/local.env``; none where there is no such file."""
    file = home / "local.env"
    return _values(file.read_text()) if file.exists() else {}


def complete(home: Path, wanted: dict[str, str]) -> dict[str, str]:
    """Write these values into ``home/local.env`` where they differ, and give all that it holds then."""
    file = home / "local.env"
    text = file.read_text() if file.exists() else HEADER
    found = _values(text)
    if any(found.get(name) != value for name, value in wanted.items()) or not file.exists():
        _replace(file, _merged(text, wanted))
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)
    return {**found, **wanted}


def note_moment(home: Path, micros: int) -> None:
    """Tell the platform which moment the story has reached: the age of its data is told from there."""
    complete(home, {"OPETENCE_NOW": datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat()})


def _values(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def _password(uri: str) -> str:
    return unquote(urlsplit(uri).password or "")


def _age_keys() -> dict[str, str]:
    """Whom production's backups are encrypted for, and who opens them."""
    from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    identity = x25519.Identity.generate()
    return {"OPETENCE_BACKUP_RECIPIENTS": str(identity.to_public()), "OPETENCE_BACKUP_IDENTITY": str(identity)}


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _merged(text: str, wanted: dict[str, str]) -> str:
    """Every line as it was, but those whose value changed; then the missing ones."""
    lines: list[str] = []
    written: set[str] = set()
    for line in text.splitlines():
        name = line.partition("=")[0]
        if name in wanted and not line.startswith("#"):
            line = f"{name}={wanted[name]}"
            written.add(name)
        lines.append(line)
    lines += [f"{name}={value}" for name, value in wanted.items() if name not in written]
    return "\n".join(lines) + "\n"


def _replace(file: Path, text: str) -> None:
    """Atomic and durable: after this returns, the old or the new file survives a power cut, never half of one."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(partial, file)
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
