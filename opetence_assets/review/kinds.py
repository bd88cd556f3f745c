"""What can change in a declaration or a model, how grave each is, and what has to be built again for it.

*Breaking*: a reader may fail, rows that were accepted may be refused, or a personal value is treated otherwise.
*Semantic*: the columns stay, their values or the choice of rows may not. *Additive*: more than before, all else as it
was. *Neutral*: no row changes. Silver is open to every query, so a column nobody declares to read is read all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Effect(IntEnum):
    """How grave; the verdict on many is the greatest."""

    NEUTRAL = 0
    ADDITIVE = 1
    SEMANTIC = 2
    BREAKING = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Kind:
    """One kind of change: its effect, and what follows (a key of ``FOLLOWS``; "" for nothing)."""

    effect: Effect
    follows: str = ""


FOLLOWS: Mapping[str, str] = {
    "load": "is loaded for the first time",
    "replay": "may take rows out of quarantine",
    "correct": "keeps its rows; while two have the same value no new version is released: correct the source, load "
    "again",
    "judge": "keeps its rows, and while one breaks the rule no new version is released; made anew from bronze, it "
    "has them in quarantine",
    "fill": "has a null in every row that landed before, until it is loaded again",
    "refine": "keeps its rows as they were made until it is made anew from bronze",
    "reload": "is loaded from its source again: bronze does not hold what is needed",
    "stay": "keeps the rows that are left out from now on until it is made anew from bronze",
    "remake": "takes no new rows until it is made anew from bronze: its key, columns or types are others; people read "
    "the last release meanwhile",
    "replace": "takes no new rows until it is loaded from its source again and made anew: bronze does not hold what is "
    "needed; people read the last release meanwhile",
    "whole": "is built whole",
}
_B, _S, _A, _N = Effect.BREAKING, Effect.SEMANTIC, Effect.ADDITIVE, Effect.NEUTRAL
KINDS: Mapping[str, Kind] = {
    # datasets
    "dataset added": Kind(_A, "load"),
    "dataset removed": Kind(_B),
    "source changed": Kind(_S, "reload"),
    "reading tuned": Kind(_N),
    "key changed": Kind(_B, "remake"),
    "history changed": Kind(_B, "remake"),
    "cursor changed": Kind(_S, "reload"),
    "deletes changed": Kind(_S, "reload"),
    "drift changed": Kind(_S),
    "subject changed": Kind(_B, "reload"),
    "layout changed": Kind(_N),
    "tidy changed": Kind(_S, "refine"),
    "filter added": Kind(_S, "stay"),
    "filter removed": Kind(_S, "refine"),
    "filter changed": Kind(_S, "stay"),
    "personal treatment changed": Kind(_B, "replace"),
    # rules
    "rule added": Kind(_B, "judge"),
    "rule tightened": Kind(_B, "judge"),
    "rule rewritten": Kind(_B, "judge"),
    "rule loosened": Kind(_S, "replay"),
    "rule removed": Kind(_S, "replay"),
    "null refused": Kind(_B, "judge"),
    "null accepted": Kind(_S, "replay"),
    "unique demanded": Kind(_B, "correct"),
    "unique no longer": Kind(_S),
    "coercion changed": Kind(_S, "refine"),
    "warning changed": Kind(_N),
    "warning becomes refusal": Kind(_B, "judge"),
    "refusal becomes warning": Kind(_S, "replay"),
    "tolerance changed": Kind(_S),
    # columns of either
    "column added": Kind(_A, "fill"),
    "column derived": Kind(_A, "refine"),
    "required column added": Kind(_B, "reload"),
    "column removed": Kind(_B, "remake"),
    "column renamed": Kind(_B, "replace"),
    "column widened": Kind(_A, "remake"),
    "column narrowed": Kind(_B, "remake"),
    "column retyped": Kind(_B, "remake"),
    # models
    "model added": Kind(_A),
    "model removed": Kind(_B),
    "model withdrawn": Kind(_B),
    "query changed": Kind(_S),
    "macro changed": Kind(_S),
    "materialization changed": Kind(_S),
    "day changed": Kind(_S),
    "contract not enforced": Kind(_B),
    "contract enforced": Kind(_A),
    "constraint added": Kind(_A),
    "constraint removed": Kind(_S),
    "personal values let in": Kind(_B),
    "personal values kept out": Kind(_S),
    "test added": Kind(_A),
    "test removed": Kind(_S),
    "test changed": Kind(_S),
    "test blocks": Kind(_A),
    "test only warns": Kind(_S),
    # what changes no row
    "references changed": Kind(_N),
    "watch changed": Kind(_N),
    "freshness changed": Kind(_N),
    "completeness changed": Kind(_N),
    "retention changed": Kind(_N),
    "duplicates kept otherwise": Kind(_N),
    "owner changed": Kind(_N),
    "text changed": Kind(_N),
    "exposure changed": Kind(_N),
}
