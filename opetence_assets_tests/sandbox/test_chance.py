from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.chance import chance, circle, pick, whole

KEYS = st.lists(st.integers(0, 2**40), min_size=1, max_size=50)


@given(KEYS, st.integers(0, 2**31), st.integers(0, 49))
def test_a_number_depends_on_its_keys_alone(keys: list[int], seed: int, at: int) -> None:
    many = np.array(keys, dtype=np.int64)
    one = many[at % len(many)][None]
    assert chance(seed, "topic", many, many)[at % len(many)] == chance(seed, "topic", one, one)[0]


def test_seed_topic_and_the_order_of_the_keys_matter() -> None:
    a, b = np.arange(1000), np.arange(1000)[::-1]
    draws = [chance(1, "x", a, b), chance(2, "x", a, b), chance(1, "y", a, b), chance(1, "x", b, a)]
    for nth, draw in enumerate(draws):
        assert all(np.mean(draw == other) < 0.01 for other in draws[nth + 1 :])


def test_the_numbers_are_pinned() -> None:
    """A sandbox that was seeded yesterday must tell the same story today."""
    assert chance(1, "x", np.arange(3)).tolist() == pytest.approx([0.28972117, 0.83875642, 0.33615488], abs=1e-8)


def test_draws_are_uniform_and_weights_hold() -> None:
    keys = np.arange(100_000)
    assert np.histogram(chance(1, "x", keys), 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert np.bincount(pick(1, "p", (1, 2, 7), keys)) / len(keys) == pytest.approx([0.1, 0.2, 0.7], abs=0.01)
    assert set(whole(1, "w", 6, keys)) == set(range(6))


@given(st.integers(0, 2**30), st.integers(0, 1000))
def test_a_circle_holds_its_share_in_any_thousand(first: int, seed: int) -> None:
    assert 1 <= (circle(seed, "rare", np.arange(first, first + 1000)) < 0.003).sum() <= 5
