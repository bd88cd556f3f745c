"""A repository of restic whose password is cheap to try: restic takes half a CPU-second for that at each call.

restic itself has no way to ask for it, so what ``restic init`` writes is written here, as its ``doc/design.rst`` says:
a key file whose scrypt has the least cost that there is, and the config that its master key opens. All else in the
repository is restic's own.
"""

from __future__ import annotations

import base64
import json
import os
from hashlib import scrypt, sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

COST = {"N": 2, "r": 1, "p": 1}
POLYNOMIAL = "25b468838dcb75"  # of the chunker: any irreducible one


def initialized(repository: Path, password: str) -> dict[str, str]:
    """Makes an empty repository and returns the variables that name it."""
    for folder in ("data", "index", "keys", "locks", "snapshots"):
        (repository / folder).mkdir(parents=True)
    master, salt = os.urandom(64), os.urandom(64)
    said: dict[str, Any] = {"mac": {"k": _text(master[32:48]), "r": _text(master[48:])}, "encrypt": _text(master[:32])}
    own = scrypt(password.encode(), salt=salt, n=COST["N"], r=COST["r"], p=COST["p"], dklen=64)
    key = {"kdf": "scrypt", **COST, "salt": _text(salt), "data": _text(_sealed(own, json.dumps(said).encode()))}
    data = json.dumps({"created": "2026-01-01T00:00:00Z", "username": "test", "hostname": "test", **key}).encode()
    (repository / "keys" / sha256(data).hexdigest()).write_bytes(data)
    config = {"version": 2, "id": os.urandom(32).hex(), "chunker_polynomial": POLYNOMIAL}
    (repository / "config").write_bytes(_sealed(master, json.dumps(config).encode()))
    return {"OPETENCE_RESTIC_REPOSITORY": str(repository), "OPETENCE_RESTIC_PASSWORD": password}


def _sealed(key: bytes, plain: bytes) -> bytes:
    """AES-256-CTR, then Poly1305-AES over what it gave."""
    nonce = os.urandom(16)
    stream = Cipher(algorithms.AES(key[:32]), modes.CTR(nonce)).encryptor()
    block = Cipher(algorithms.AES(key[32:48]), modes.ECB()).encryptor()
    sealed = stream.update(plain) + stream.finalize()
    return nonce + sealed + Poly1305.generate_tag(key[48:64] + block.update(nonce), sealed)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
