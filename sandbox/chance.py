"""Chance without state: every random fact is a pure function of the seed, a topic and the keys it is about.

So batches, ticks and files agree with each other without reading one another: the price of order 17's second line is
the same whoever asks. The generator is SplitMix64's finalizer over the keys, stable across versions of NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_GOLDEN = 0.6180339887498949


def chance(seed: int, topic: str, *keys: Ints) -> Floats:
    """Uniform numbers in [0, 1), one for each row of the keys (equally long arrays of at least one column)."""
    state = np.full(len(keys[0]), _start(seed, topic), dtype=np.uint64)
    for key in keys:
        state ^= key.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        _mix(state)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def whole(seed: int, topic: str, below: int | Ints, *keys: Ints) -> Ints:
    """Whole numbers in [0, below)."""
    return (chance(seed, topic, *keys) * below).astype(np.int64)


def pick(seed: int, topic: str, weights: Sequence[float], *keys: Ints) -> Ints:
    """Positions in ``weights``, each as likely as its weight."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    found = np.searchsorted(edges / edges[-1], chance(seed, topic, *keys), side="right")
    return np.minimum(found, len(weights) - 1).astype(np.int64)


def circle(seed: int, topic: str, key: Ints) -> Floats:
    """Numbers in [0, 1) spread evenly over consecutive keys: of any thousand keys, one in a thousand is below 0.001.

    For rare declared facts, whose share must hold in small worlds too.
    """
    offset = _start(seed, topic) / 2.0**64
    return (key.astype(np.float64) * _GOLDEN + offset) % 1.0


@cache
def _start(seed: int, topic: str) -> int:
    return int.from_bytes(blake2b(f"{seed}/{topic}".encode(), digest_size=8).digest(), "little")


def _mix(state: npt.NDArray[np.uint64]) -> None:
    """SplitMix64's finalizer, in place."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
