"""One changed byte anywhere in the store is found, and named by table and file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opetence_assets.backup.heads import head_path
from opetence_assets.backup.manifests import Manifest, manifests, put_manifest
from opetence_assets.backup.objects import BackupDamaged, object_path
from opetence_assets.backup.restore import restore
from opetence_assets.backup.verify import verify
from opetence_assets.lake.places import Lake, place_at
from opetence_assets.lake.releases import Release, current_release
from opetence_assets_tests.lake.scenarios import back_up


def owners(store: Lake) -> dict[str, set[tuple[str, str]]]:
    """Object → the tables and files it belongs to; manifests belong to none."""
    found: dict[str, set[tuple[str, str]]] = {}
    for manifest in manifests(store):
        found[manifest.path] = {("", "")}
        for key, path, stored in manifest.contents():
            found.setdefault(object_path(stored.sha256), set()).add((key, path))
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_byte_is_found_and_named(
    lake: Lake, store: Lake, release: Release, keys: Path, data: st.DataObject
) -> None:
    back_up(lake, store, keys)
    expected = owners(store)
    path = data.draw(st.sampled_from(sorted(expected)))
    file = Path(store.address(path))
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[at] ^ data.draw(st.integers(1, 255))
    file.write_bytes(whole[:at] + bytes([flipped]) + whole[at + 1 :])
    damages = verify(store)
    file.write_bytes(whole)
    assert {(damage.table, damage.file) for damage in damages if damage.path == path} == expected[path]
    assert {damage.path for damage in damages} == {path}
    assert verify(store) == []


def test_what_the_disk_does_not_give_is_damage(lake: Lake, store: Lake, release: Release, keys: Path) -> None:
    back_up(lake, store, keys)
    path, files = next((path, files) for path, files in owners(store).items() if path.startswith("objects/"))
    Path(store.address(path)).unlink()
    Path(store.address(path)).mkdir()
    found = verify(store)
    assert {(d.path, d.table, d.file) for d in found} == {(path, *of) for of in files}
    assert {d.what for d in found} == {"cannot be read: Is a directory"}


def test_truncated_and_missing_objects_are_found(lake: Lake, store: Lake, release: Release, keys: Path) -> None:
    back_up(lake, store, keys)
    for path, files in owners(store).items():
        file = Path(store.address(path))
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        assert {(d.table, d.file) for d in verify(store)} == files
        file.unlink()
        if path.startswith("objects"):
            assert {(d.path, d.what) for d in verify(store)} == {(path, "found no such object")}
        file.write_bytes(whole)


def test_a_replaced_manifest_is_found_by_the_next(lake: Lake, store: Lake, release: Release, keys: Path) -> None:
    back_up(lake, store, keys)
    first = next(manifest for manifest in manifests(store) if manifest.zone == "gold")
    child = replace(first, partition="2026-11-22", parent=first.path, parent_sha256=first.sha256)
    assert put_manifest(store, child)
    Path(store.address(first.path)).unlink()
    (damage,) = verify(store)
    assert (damage.path, damage.what[:22]) == (first.path, "found no such manifest")
    assert put_manifest(store, replace(first, copied_bytes=0))  # genuine by its own hash, and registered beside it
    (damage,) = verify(store)
    assert (damage.path, "as registered" in damage.what) == (first.path, True)
    Path(store.address(head_path(first.path, first.sha256))).unlink()
    (damage,) = verify(store)
    assert damage.path == first.path
    assert child.path in damage.what


@pytest.mark.parametrize("what", ["flipped", "missing"])
def test_a_damaged_backup_is_never_restored(
    lake: Lake, store: Lake, release: Release, keys: Path, tmp_path: Path, what: str
) -> None:
    back_up(lake, store, keys)
    found: list[Manifest] = manifests(store)
    for number, path in enumerate(sorted(owners(store))):
        file = Path(store.address(path))
        whole = file.read_bytes()
        if what == "flipped":
            file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        else:
            file.unlink()
        into = place_at(str(tmp_path / f"into-{number}"))
        if path.startswith("objects"):
            with pytest.raises(BackupDamaged, match=path):
                restore(store, found, into=into, keys_into=tmp_path / f"keys-{number}")
        elif what == "flipped":
            with pytest.raises(BackupDamaged, match=path):
                restore(store, into=into, keys_into=tmp_path / f"keys-{number}")
        assert current_release(into) is None
        file.write_bytes(whole)


def test_a_manifest_is_json_that_people_can_read(lake: Lake, store: Lake, release: Release, keys: Path) -> None:
    back_up(lake, store, keys)
    body = json.loads(Path(store.address("manifests/bronze/2026-11-21/000000.json")).read_bytes())["body"]
    assert body["tables"]["bronze/shop/orders"]["metadata"] == {"cursor": 3}
    assert "secret" not in json.dumps(body)
