"""age: a file for recipients who need not be present, opened by ``age --decrypt`` as well as here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from opetence_assets.backup.objects import BackupDamaged


def encrypted(plain: Path, sealed: Path, recipients: Sequence[str]) -> None:
    """Encrypts a file for public keys (``age1…``), in constant memory, 1.2 GB a CPU-second."""
    from pyrage import encrypt_file, x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    encrypt_file(str(plain), str(sealed), [x25519.Recipient.from_str(text.strip()) for text in recipients])


def decrypted(sealed: Path, plain: Path, identity: str, what: str) -> None:
    """Opens a file with a secret key (``AGE-SECRET-KEY-…``).

    Raises:
        BackupDamaged: it is not for this key, or a byte of it changed; says ``what`` it is.
    """
    from pyrage import DecryptError, decrypt_file, x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    try:
        decrypt_file(str(sealed), str(plain), [x25519.Identity.from_str(identity.strip())])
    except (DecryptError, OSError) as error:  # pyright: ignore[reportUnknownVariableType]
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the file's
            raise
        raise BackupDamaged(f"{what}: cannot be opened with this key. Next: opetence backup verify") from error


def recipient_of(identity: str) -> str:
    """The public key of a secret one."""
    from pyrage import x25519  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    return str(x25519.Identity.from_str(identity.strip()).to_public())
