"""How much is measured: the sizes that the claims name, and smaller ones for a quick look and for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Rows of each table, rounds of each contender, and the scale of the sandbox that gold is built from."""

    large: int  # full load; checks
    medium: int  # incremental's table, the peers that are ten times slower, personal data
    silver: int
    changed: int
    stored: int  # megabytes that are backed up
    rounds: int
    scale: float


SIZES = {
    "full": Size(
        large=10_000_000, medium=1_000_000, silver=2_000_000, changed=10_000, stored=2_000, rounds=3, scale=1.0
    ),
    "small": Size(large=500_000, medium=100_000, silver=200_000, changed=1_000, stored=200, rounds=2, scale=0.1),
    "tiny": Size(large=3_000, medium=2_000, silver=2_000, changed=100, stored=4, rounds=1, scale=0.01),
}
