"""From the declared class of a column to what lands: sealed, digested, masked, or nothing.

One pass over each batch computes all of it, so silver never decrypts. The only loop over rows in this platform is
the sealing itself: every row has its own person's key, which no vectorised cipher can take.
"""

from __future__ import annotations

import hmac
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import polars as pl

from opetence_assets.contract.rules import Rule, field_rules
from opetence_assets.dataset import Dataset, Pii, pii_of
from opetence_assets.privacy.keys import NONCE_BYTES, KeyStore, ciphers_of
from opetence_assets.privacy.text import network, scrubbed

SEALED = "_sealed"
NEVER_LANDS = (Pii.REDACT, Pii.NETWORK)
MASKED_FROM = 6  # characters
DIGEST_BYTES = 16  # one byte of key version + 120 bits of HMAC-SHA256


@dataclass(frozen=True)
class Treated:
    """One personal column: where it comes from and what of it is kept in the clear (None: nothing)."""

    source: str
    pii: Pii
    name: str | None
    dtype: pl.DataType | None
    rules: tuple[Rule, ...]  # checked on the original, since silver has no original to check

    @property
    def verdict(self) -> str:
        """The bronze column that says whether the original passed its rules."""
        return f"{self.source}_valid"


@cache
def treated_columns(dataset: Dataset) -> tuple[Treated, ...]:
    """Every personal column of a dataset, in declared order."""
    columns = dataset.schema.to_schema().columns
    return tuple(_treated(name, pii, dataset) for name in columns if (pii := pii_of(columns[name])) is not None)


def _treated(source: str, pii: Pii, dataset: Dataset) -> Treated:
    kept: dict[Pii, tuple[str, pl.DataType]] = {
        Pii.HASH: (f"{source}_hash", pl.Binary()),
        Pii.MASK: (f"{source}_masked", pl.String()),
        Pii.YEAR: (f"{source.removesuffix('_date')}_year", pl.Int16()),
        Pii.SCRUB: (f"{source}_scrubbed", pl.String()),
        Pii.NETWORK: (f"{source}_network", pl.String()),
    }
    name, dtype = kept.get(pii, (None, None))
    rules = () if pii is Pii.REDACT else field_rules(dataset, source)
    return Treated(source, pii, name, dtype, rules)


def protect(frame: pl.DataFrame, dataset: Dataset, store: KeyStore, hash_keys: Mapping[int, bytes]) -> pl.DataFrame:
    """A batch as received → the batch that may touch disk.

    Declared personal columns are replaced by their treatment; columns that nobody declared (they may be personal) and
    all originals are sealed together into ``_sealed`` (Binary: nonce ‖ AES-256-GCM of a JSON object) under the key of
    the row's subject. A row of an erased person keeps no personal value at all.
    """
    treated = [t for t in treated_columns(dataset) if t.source in frame.columns]
    undeclared = [c for c in frame.columns if c not in declared_columns(dataset) and not c.startswith("_")]
    secret = [*(t.source for t in treated if t.pii not in NEVER_LANDS), *undeclared]
    if not treated and not undeclared:
        return frame
    kept = frame.with_columns(
        *(_clear(frame, t, hash_keys).alias(t.name) for t in treated if t.name),
        *(pl.all_horizontal(r.valid for r in t.rules).alias(t.verdict) for t in treated if t.rules),
    ).drop(*(t.source for t in treated), *undeclared)
    if not secret:
        return kept
    sealed, erased = _sealed(frame, secret, dataset, store)
    kept = kept.with_columns(sealed)
    if not erased.any():
        return kept
    return kept.with_columns(pl.when(~erased).then(pl.col(t.name)).alias(t.name) for t in treated if t.name)


def declared_columns(dataset: Dataset) -> tuple[str, ...]:
    """The source's columns that the declaration knows, as the source names them."""
    own = getattr(dataset.feed, "columns", None)
    return own if own is not None else tuple(dataset.schema.to_schema().columns)


def subject_kind(dataset: Dataset) -> str:
    """Whose key seals a row; a dataset without a subject has one key of its own, for undeclared columns."""
    return dataset.subject.kind if dataset.subject else f"dataset:{dataset.name}"


def _subjects(frame: pl.DataFrame, dataset: Dataset) -> list[str]:
    if dataset.subject is None:
        return [subject_kind(dataset)] * len(frame)
    kind, nobody = dataset.subject.kind, f"dataset:{dataset.name}"  # of a row that cannot be read, nobody knows whose
    return [nobody if value is None else f"{kind}:{value}" for value in frame[dataset.subject.column].to_list()]


def _sealed(frame: pl.DataFrame, columns: list[str], dataset: Dataset, store: KeyStore) -> tuple[pl.Series, pl.Series]:
    """The sealed values, and which rows belong to an erased person. A row with nothing to seal costs nothing."""
    holds = frame.select(pl.any_horizontal(pl.col(columns).is_not_null()).alias("holds"))["holds"]
    rows = frame if holds.all() else frame.filter(holds)
    payloads = rows.select(pl.struct(pl.col(columns).cast(pl.String)).struct.json_encode()).to_series().to_list()
    ciphers = ciphers_of(store, _subjects(rows, dataset)) if len(rows) else []
    nonces, bound = os.urandom(NONCE_BYTES * len(payloads)), dataset.name.encode()
    values = [
        None if cipher is None else (nonce := nonces[i : i + NONCE_BYTES]) + cipher.encrypt(nonce, text.encode(), bound)
        for i, cipher, text in zip(range(0, len(nonces), NONCE_BYTES), ciphers, payloads, strict=True)
    ]
    sealed = pl.Series(SEALED, values, pl.Binary)
    erased = pl.Series([cipher is None for cipher in ciphers], dtype=pl.Boolean)
    return (sealed, erased) if len(rows) == len(frame) else (_spread(sealed, holds), _spread(erased, holds))


def _spread(values: pl.Series, where: pl.Series) -> pl.Series:
    """The values at the places that are true, null (for truth: false) at the others."""
    place = where.cast(pl.Int32).cum_sum() - 1
    spread = values.gather(place.clip(0)) if len(values) else pl.Series([None] * len(where), dtype=values.dtype)
    filled = pl.select(pl.when(where).then(spread)).to_series().alias(values.name)
    return filled.fill_null(False) if values.dtype == pl.Boolean else filled


def _clear(frame: pl.DataFrame, treated: Treated, hash_keys: Mapping[int, bytes]) -> pl.Series | pl.Expr:
    column = pl.col(treated.source)
    match treated.pii:
        case Pii.HASH:
            return pl.Series([digest(v, hash_keys) for v in frame[treated.source].to_list()], dtype=pl.Binary)
        case Pii.MASK:
            # Of a number too short to hide anything, nothing is shown.
            shown = pl.when(column.str.len_chars() >= MASKED_FROM).then(column.str.slice(-2)).otherwise(pl.lit(""))
            return pl.when(column.is_not_null()).then(pl.concat_str(pl.lit("•••"), shown))
        case Pii.YEAR:
            return column.dt.year().cast(pl.Int16)
        case Pii.SCRUB:
            return scrubbed(column)
        case Pii.NETWORK:
            return network(frame[treated.source])
        case _:
            raise ValueError(f"{treated.source}: {treated.pii} keeps nothing in the clear")


def digest(value: str | None, hash_keys: Mapping[int, bytes]) -> bytes | None:
    """Key version ‖ first 120 bits of HMAC-SHA256 of the value, trimmed, NFKC and in lower case.

    Keyed, because a plain SHA-256 of an e-mail is undone by trying (2.2 M/s a core); 16 bytes, because joins and
    storage pay for every byte and 120 bits do not collide.
    """
    if value is None:
        return None
    version = max(hash_keys)
    text = unicodedata.normalize("NFKC", value).strip().lower().encode()
    return bytes((version,)) + hmac.digest(hash_keys[version], text, "sha256")[: DIGEST_BYTES - 1]


def unsealed(value: bytes, subject: str, dataset: Dataset, store: KeyStore) -> str | None:
    """The JSON text of one sealed value; None if the person was erased. For replay and lawful requests only."""
    (cipher,) = ciphers_of(store, [subject])
    return (
        None
        if cipher is None
        else cipher.decrypt(value[:NONCE_BYTES], value[NONCE_BYTES:], dataset.name.encode()).decode()
    )
