"""A copy has its source's bytes and hash, whatever its size and however the source comes."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from opetence_assets.backup.pouring import ALIGNED, BLOCK, poured

SIZES = (0, 1, ALIGNED - 1, ALIGNED, 3 * ALIGNED + 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + ALIGNED + 5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("from_disk", "to_disk"), [(False, True), (True, True), (False, False)])
def test_a_copy_has_the_same_bytes(tmp_path: Path, size: int, from_disk: bool, to_disk: bool) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data := os.urandom(size))
    assert poured(source, target, from_disk=from_disk, to_disk=to_disk) == (sha256(data).hexdigest(), size)
    assert target.read_bytes() == data


@pytest.mark.parametrize("size", [size for size in SIZES if size < BLOCK])
def test_a_source_that_gives_less_than_it_is_asked_for_is_copied_whole(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a network's file system may."""
    source, target, readv = tmp_path / "source", tmp_path / "target", os.readv
    source.write_bytes(data := os.urandom(size))
    monkeypatch.setattr(os, "readv", lambda descriptor, buffers: readv(descriptor, [buffers[0][:1000]]))
    assert poured(source, target) == (sha256(data).hexdigest(), size)
    assert target.read_bytes() == data
