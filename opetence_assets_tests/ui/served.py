"""A platform with its UI up, and one browser that looks at it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest
from selenium import webdriver
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from opetence_assets.settings import Settings

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


@contextmanager
def serving(settings: Settings, environment: Mapping[str, str]) -> Iterator[Served]:
    """The UI with its sensors, on a free port, until the block ends."""
    port = _free_port()
    command = [sys.executable, "-c", "from opetence_assets.command import main; main()", "ui", "--port", str(port)]
    server = subprocess.Popen(command, env=dict(environment), start_new_session=True)
    try:
        _await_answer(f"http://127.0.0.1:{port}/server_info")
        yield Served(settings, f"http://127.0.0.1:{port}")
    finally:
        _end(server)


@pytest.fixture(scope="module")
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
