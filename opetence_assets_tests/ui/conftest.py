"""One small company, taken through the whole platform and served; one browser that looks at it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest
from selenium import webdriver
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from opetence_assets.settings import Settings, read_settings
from sandbox import down, seed, up
from sandbox.load import connect
from sandbox.server import started

CHROMIUM, CHROMEDRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
NEW_COLUMN = "loyalty_tier"  # in the source, and in no declaration


@dataclass(frozen=True)
class Served:
    """A platform with its UI up."""

    settings: Settings
    address: str


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Seeded, run once and served. A source table has a column that nobody declared."""
    home = tmp_path_factory.mktemp("ui")
    environment = {**os.environ, "OPETENCE_HOME": str(home), "OPETENCE_REAL_DATA": ""}
    up(home)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPETENCE_REAL_DATA", "")
            seed(home, 0.01, 1)
        with connect(started(home)) as connection, connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE product_service.vendors ADD COLUMN {NEW_COLUMN} text")
            connection.commit()
        opetence = [sys.executable, "-c", "from opetence_assets.command import main; main()"]
        subprocess.run([*opetence, "run"], env=environment, check=True, capture_output=True)
        port = _free_port()
        server = subprocess.Popen([*opetence, "ui", "--port", str(port)], env=environment, start_new_session=True)
        try:
            _await_answer(f"http://127.0.0.1:{port}/server_info")
            yield Served(read_settings({"OPETENCE_HOME": str(home)}), f"http://127.0.0.1:{port}")
        finally:
            _end(server)
    finally:
        down(home)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, "--window-size=1400,940", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(CHROMEDRIVER)))
    yield driver
    driver.quit()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@retry(retry=retry_if_exception_type(URLError), stop=stop_after_delay(120), wait=wait_fixed(0.2), reraise=True)
def _await_answer(address: str) -> None:
    with urlopen(address, timeout=10):
        pass


def _end(server: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(server.pid).children(recursive=True)
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(timeout=60)
    finally:
        for process in [server, *family]:
            if process.is_running() if isinstance(process, psutil.Process) else process.poll() is None:
                process.kill()
