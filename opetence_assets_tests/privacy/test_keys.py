"""The key store: random keys, wrapped, made once, destroyed for good."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opetence_assets.privacy.keys import KeyStoreError, ciphers_of, erase, key_store

MASTER = b"m" * 32
NONCE = b"n" * 12


def sealed(path: Path, subject: str, text: bytes = b"secret") -> bytes:
    with key_store(path, MASTER) as store:
        (cipher,) = ciphers_of(store, [subject])
        assert cipher is not None
        return cipher.encrypt(NONCE, text, None)


def test_a_person_keeps_one_key_and_no_two_share_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"

    assert sealed(path, "user:1") == sealed(path, "user:1")
    assert sealed(path, "user:1") != sealed(path, "user:2")


def test_no_key_is_on_disk_unwrapped(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    sealed(path, "user:1")

    (wrapped,) = sqlite3.connect(path).execute("SELECT wrapped FROM keys").fetchone()

    assert len(wrapped) == 12 + 32 + 16
    assert path.stat().st_mode & 0o077 == 0


def test_another_master_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    sealed(path, "user:1")

    with key_store(path, os.urandom(32)) as store, pytest.raises(KeyStoreError, match="another OPETENCE_MASTER_KEY"):
        ciphers_of(store, ["user:1"])


def test_an_erased_key_is_gone_from_the_file_and_never_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    sealed(path, "user:1")
    (wrapped,) = sqlite3.connect(path).execute("SELECT wrapped FROM keys").fetchone()

    with key_store(path, MASTER) as store:
        assert erase(store, "user:1")
        assert ciphers_of(store, ["user:1"]) == [None]

    assert all(wrapped not in file.read_bytes() for file in tmp_path.iterdir())
    with key_store(path, MASTER) as store:
        assert ciphers_of(store, ["user:1", "user:2"])[0] is None
        assert not erase(store, "user:1")


def test_writers_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: sealed(path, "user:1"), range(32)))

    assert len(values) == 1
