"""A file is dropped while ``opetence ui`` runs: seconds until a new release holds it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from benchmarks.claims import Claim, Row
from benchmarks.gold import run_whole_path
from benchmarks.place import Place, settings_of
from benchmarks.sizes import Size

NAME, LIMIT, SECONDS = "file drop → release, median", "promise", 30


def claim(place: Place, size: Size) -> Claim:
    run_whole_path(place, min(size.scale, 0.02))
    with served(place):
        taken = sorted(_dropped(place, number) for number in range(3, 3 + size.rounds))
    row = Row(NAME, taken[len(taken) // 2], LIMIT, SECONDS, 1.0, unit="s (wall)")
    times = ", ".join(f"{seconds:.1f}" for seconds in taken)
    note = (
        f"Each drop: {times} s. A redelivered day of facebook_ads through sensor, bronze, silver, its checks, dbt and"
        " the release, with the whole UI up on a sandbox of scale 0.02; wall-clock: other work on the machine counts."
    )
    return Claim("File drop → gold", [row], [note])


@contextmanager
def served(place: Place) -> Generator[None]:
    """``opetence ui`` on a free port, up and with its daemon beating."""
    environment = {**os.environ, "OPETENCE_HOME": str(place.home), "OPETENCE_REAL_DATA": ""}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-c", "from opetence_assets.command import main; main()", "ui", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(URLError), stop=stop_after_delay(180), wait=wait_fixed(0.2), reraise=True
        ):
            with attempt, urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10):
                pass
        yield
    finally:
        _end(server)


def _dropped(place: Place, version: int) -> float:
    """Seconds from the file's appearance to a release that is newer than the one before it."""
    from opetence_assets.lake.places import lake_at
    from opetence_assets.lake.releases import current_release

    lake = lake_at(settings_of(place.home))
    before = current_release(lake)
    folder = place.home / "drop" / "facebook_ads"
    day = sorted(folder.glob("facebook_ads_*.csv"))[-1].name.removeprefix("facebook_ads_")[:10]
    source = folder / f"facebook_ads_{day}.csv"
    header, *lines = source.read_text().splitlines()
    partial = place.scratch / "partial.csv"
    partial.write_text("\n".join([header, *(_with_clicks(line, version) for line in lines)]) + "\n")
    started = time.perf_counter()
    partial.rename(folder / f"facebook_ads_{day}_v{version}.csv")
    unchanged: Any = retry_if_result(lambda release: release == before)
    Retrying(retry=unchanged, stop=stop_after_delay(300), wait=wait_fixed(0.1))(lambda: current_release(lake))
    return time.perf_counter() - started


def _with_clicks(line: str, clicks: int) -> str:
    values = line.split(",")
    values[4] = str(clicks)
    return ",".join(values)


def _end(server: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(server.pid).children(recursive=True)
    server.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs([psutil.Process(server.pid), *family], timeout=60)
    for process in alive:
        process.kill()
