"""The key store: one random key per person, wrapped by the master key, in an SQLite file beside the lake.

A key that could be derived could not be destroyed, so keys are random; erasing a person deletes the key
(``secure_delete`` overwrites it in place) and leaves an entry in the ledger, so no new key is ever made for them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES = 32, 12
MOST_CIPHERS = 100_000  # kept between batches; each takes 2.4 KB, which a million persons would not fit in


class KeyStoreError(Exception):
    """The key store cannot be read with this master key."""


@dataclass(frozen=True)
class KeyStore:
    connection: sqlite3.Connection
    master: AESGCM
    ciphers: dict[str, AESGCM | None] = field(default_factory=dict[str, AESGCM | None])  # None: erased


@contextmanager
def key_store(path: Path, master_key: bytes) -> Generator[KeyStore]:
    """The store at ``path``, made on first use; safe for several processes at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA synchronous = EXTRA")  # a key is on disk before the row it sealed
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("CREATE TABLE IF NOT EXISTS keys (subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL)")
        connection.execute("CREATE TABLE IF NOT EXISTS erased (subject TEXT PRIMARY KEY, at TEXT NOT NULL)")
        yield KeyStore(connection, AESGCM(master_key))
    finally:
        connection.close()


def ciphers_of(store: KeyStore, subjects: Sequence[str]) -> list[AESGCM | None]:
    """The cipher of each subject, in order; None for a person who was erased. Missing keys are made, durably."""
    if len(store.ciphers) > MOST_CIPHERS:
        store.ciphers.clear()
    missing = [subject for subject in dict.fromkeys(subjects) if subject not in store.ciphers]
    if missing:
        _load_or_make(store, missing)
    return [store.ciphers[subject] for subject in subjects]


def erase(store: KeyStore, subject: str) -> bool:
    """Destroys a person's key for good; False if they had none."""
    with _transaction(store.connection) as connection:
        gone = connection.execute("DELETE FROM keys WHERE subject = ?", (subject,)).rowcount > 0
        connection.execute("INSERT OR IGNORE INTO erased VALUES (?, ?)", (subject, datetime.now(UTC).isoformat()))
    store.ciphers.pop(subject, None)
    return gone


def _load_or_make(store: KeyStore, subjects: list[str]) -> None:
    with _transaction(store.connection) as connection:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (subject TEXT PRIMARY KEY)")
        connection.execute("DELETE FROM wanted")
        connection.executemany("INSERT INTO wanted VALUES (?)", ((subject,) for subject in subjects))
        new = connection.execute(
            "SELECT subject FROM wanted WHERE subject NOT IN (SELECT subject FROM keys)"
            " AND subject NOT IN (SELECT subject FROM erased)"
        ).fetchall()
        connection.executemany(
            "INSERT INTO keys VALUES (?, ?)",
            ((subject, _wrapped(store.master, subject, os.urandom(KEY_BYTES))) for (subject,) in new),
        )
        found = connection.execute("SELECT subject, wrapped FROM keys JOIN wanted USING (subject)").fetchall()
    store.ciphers.update(dict.fromkeys(subjects))
    store.ciphers.update((subject, AESGCM(_unwrapped(store.master, subject, wrapped))) for subject, wrapped in found)


def _wrapped(master: AESGCM, subject: str, key: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + master.encrypt(nonce, key, subject.encode())


def _unwrapped(master: AESGCM, subject: str, wrapped: bytes) -> bytes:
    try:
        return master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], subject.encode())
    except InvalidTag:
        raise KeyStoreError(
            "the key store was written with another OPETENCE_MASTER_KEY; set the one that wrote it"
            " (a new key cannot read what the old one sealed)"
        ) from None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
