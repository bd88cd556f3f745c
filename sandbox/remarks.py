"""Free text as people write it: some of it holds an e-mail, a phone or a card number of theirs."""

from __future__ import annotations

import polars as pl

from sandbox.chance import Ints, chance, whole
from sandbox.table import digits, words

CARDS = ("4242 4242 4242 4242", "5555-5555-5555-4444", "378282246310005", "4000056655665556")  # published test numbers


def with_traces(
    story_seed: int, topic: str, share: float, text: pl.Series, email: pl.Series, phone: pl.Series, *key: Ints
) -> pl.Series:
    """The texts, this share of them with something personal at the end."""
    leaks = pl.Series(chance(story_seed, topic + ".leaks", *key) < share)
    kind = pl.Series(whole(story_seed, topic + ".leak", 3, *key))
    card = words(CARDS, whole(story_seed, topic + ".card", len(CARDS), *key))
    frame = pl.DataFrame({"text": text, "email": email, "phone": phone, "card": card, "kind": kind, "leaks": leaks})
    leak = (
        pl.when((pl.col("kind") == 0) & pl.col("email").str.contains("@"))
        .then(" You can write to " + pl.col("email").str.strip_chars() + ".")
        .when((pl.col("kind") == 1) & pl.col("phone").is_not_null())
        .then(" Call me on " + pl.col("phone") + "!")
        .otherwise(" I paid with " + pl.col("card") + ".")
    )
    return frame.select(pl.when("leaks").then(pl.col("text") + leak).otherwise("text")).to_series()


def numbered(prefix: str, numbers: Ints, width: int) -> pl.Series:
    return prefix + digits(numbers, width)
