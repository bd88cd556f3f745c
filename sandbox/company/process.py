"""Starting, finding, telling and stopping the process that hosts the company's systems."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil

from sandbox import SandboxError
from sandbox.company.credentials import NAMES, credentials
from sandbox.company.state import Company, held_company, hold_story, story_as_json
from sandbox.local_env import complete, local_values
from sandbox.postgres import ended
from sandbox.server import exclusive
from sandbox.story import Story

LOOPBACK = "127.0.0.1"
STOPS_WITHIN = 20  # seconds, then it is killed
ANSWERS_WITHIN = 120  # seconds; a new story is told within


def running(home: Path, told: Callable[[], Story | None]) -> Company:
    """Have the systems tell a story: start the process, or tell the one that runs; complete ``local.env``.

    Args:
        told: gives the story. It is asked when nobody else can tell one, so that a tick meanwhile is not taken back.

    Raises:
        SandboxError: it cannot be started; the message ends with what it wrote.
    """
    with exclusive(home, "server"):
        story = told()
        hold_story(home, story)
        company = _alive(home)
        if company is not None and company.secrets != digest(_completed(home, company.http, company.mongo)):
            _end(home)  # secrets were removed from local.env: it would refuse the new ones
            company = None
        if company is None or _ask(company, "GET", "/_alive") is None:
            _end(home)
            company = _start(home)
        wanted = None if story is None else story_as_json(story)
        if (_ask(company, "GET", "/_alive") or {}).get("story") != wanted:
            _ask(company, "POST", "/_story", wanted)
            company = held_company(home) or company  # a cluster of another story has other ports
        complete(home, {"CLICKSTREAM_KAFKA_BROKERS": company.kafka})
        return company


def answers(home: Path) -> bool:
    """Does the process of this home run and answer?"""
    company = _alive(home)
    return company is not None and _ask(company, "GET", "/_alive") is not None


def ended_company(home: Path) -> None:
    """Stop the process; nothing to do if there is none. Its ports and secrets stay."""
    with exclusive(home, "server") if (home / "sandbox").exists() else nullcontext():
        _end(home)


def digest(values: dict[str, str]) -> str:
    """Tells whether a process knows these secrets, without telling them."""
    known = json.dumps({name: value for name, value in values.items() if name in NAMES}, sort_keys=True)
    return sha256(known.encode()).hexdigest()


def _completed(home: Path, http: int, mongo: int) -> dict[str, str]:
    return complete(home, credentials(local_values(home), http, mongo))


def _alive(home: Path) -> Company | None:
    """The process named in the file, if it still is that process."""
    company = held_company(home)
    if company is None:
        return None
    try:
        process = psutil.Process(company.pid)
        same = abs(process.create_time() - company.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return company if same and _hosts(process, home) else None


def _hosts(process: psutil.Process, home: Path) -> bool:
    """Is this the process of this home? Its command line says so; it was started by us with that path."""
    try:
        return process.cmdline()[1:4] == ["-m", "sandbox.company", str(home)]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _start(home: Path) -> Company:
    """The process, ready: it gets its listening sockets and says through a pipe when it serves."""
    before = held_company(home)
    web, mongo = _listening(before.http if before else 0), _listening(before.mongo if before else 0)
    _completed(home, web.getsockname()[1], mongo.getsockname()[1])
    log = home / "sandbox" / "company.log"
    reader, writer = os.pipe()
    passed = (web.fileno(), mongo.fileno(), writer)
    package = str(Path(__file__).parents[2])
    with web, mongo, os.fdopen(reader, "rb") as ready, log.open("ab") as output:
        launched = subprocess.run(
            [sys.executable, "-m", "sandbox.company", str(home), *map(str, passed)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])},
            cwd="/",
            pass_fds=passed,
            start_new_session=True,
            check=False,
        )
        os.close(writer)
        started = launched.returncode == 0 and ready.read(1) == b"1"
    company = held_company(home)
    if not started or company is None:
        tail = log.read_text(errors="replace")[-1500:]
        raise SandboxError(f"the company's systems did not start. The end of {log}:\n{tail}")
    return company


def _listening(port: int) -> socket.socket:
    """A socket on the port, or on any other where somebody else has taken it."""
    try:
        return socket.create_server((LOOPBACK, port), backlog=128)
    except OSError:
        return socket.create_server((LOOPBACK, 0), backlog=128)


def _end(home: Path) -> None:
    """End every process of this home, those of a deleted sandbox under the same path too."""
    for process in [process for process in psutil.process_iter() if _hosts(process, home)]:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(process.pid, how)
            except ProcessLookupError:
                break
            if ended(process.pid, STOPS_WITHIN):
                break


def _ask(company: Company, method: str, path: str, content: Any = None) -> dict[str, Any] | None:
    """What the process answers, or None if it does not."""
    connection = http.client.HTTPConnection(LOOPBACK, company.http, timeout=ANSWERS_WITHIN)
    try:
        connection.request(method, path, body=json.dumps(content))
        answer = connection.getresponse()
        text = answer.read()
    except OSError:
        return None
    finally:
        connection.close()
    if answer.status >= 400:
        raise SandboxError(f"the company's systems answered {answer.status}: {text.decode(errors='replace')[:500]}")
    return json.loads(text)
