"""What the checks said of one version of one table, kept in the lake, so that a later run knows it too.

An orchestrator's blocking check stops the steps after it in the same run only; a verdict stops every later release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from opetence_assets.lake.places import Lake, listing, put_new, read


@dataclass(frozen=True)
class CheckResult:
    """One check: what was found, what is allowed; ``blocking`` if its failure keeps a version out of every release."""

    name: str
    passed: bool
    blocking: bool = True
    found: str = ""
    allowed: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


def record(lake: Lake, key: str, version: int, results: Sequence[CheckResult]) -> None:
    """Keeps the verdict on a version; the newest attempt decides, earlier ones stay readable."""
    body = json.dumps([asdict(result) for result in results], default=str).encode()
    attempt = len(_attempts(lake, key, version))
    while not put_new(lake, _path(key, version, attempt), body):
        attempt += 1


def verdict(lake: Lake, key: str, version: int) -> list[CheckResult] | None:
    """The newest results for a version; None if it was never checked."""
    attempts = _attempts(lake, key, version)
    if not attempts:
        return None
    return [CheckResult(**result) for result in json.loads(read(lake, attempts[-1]))]


def failed(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Those that keep a version out of every release."""
    return [result for result in results if result.blocking and not result.passed]


def _folder(key: str, version: int) -> str:
    return f"verdicts/{key}/{version:020d}"


def _path(key: str, version: int, attempt: int) -> str:
    return f"{_folder(key, version)}/{attempt:06d}.json"


def _attempts(lake: Lake, key: str, version: int) -> list[str]:
    return sorted(listing(lake, _folder(key, version) + "/"))
