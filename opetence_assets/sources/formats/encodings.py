"""Bytes of a declared encoding → UTF-8, or a refusal: a wrong guess would be wrong letters that nobody notices."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from opetence_assets.sources.formats.specs import Refused

_CHUNK = 2**20
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile("[\x80-\x9f]")


def as_utf8(path: Path, declared: str | None, scratch: Path) -> tuple[Path, int]:
    """A file with the same text in UTF-8, and where its text begins (after a byte order mark).

    UTF-8 itself is not copied and not checked here: whoever reads it decodes it.

    Raises:
        Refused: a byte order mark of another encoding, a byte that cannot be decoded, or bytes that decode but prove
            another encoding (valid UTF-8; control characters where Windows puts letters).
    """
    with path.open("rb") as file:
        start = file.read(4)
    found = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    name = codecs.lookup(declared or found or "utf-8").name.removesuffix("-sig")
    family = "-".join(name.split("-")[:2]) if name.startswith("utf-") else name
    if found and found != family:
        raise Refused(f"is {found}, not {declared or 'utf-8'}, by its byte order mark")
    if family == "utf-8":
        return path, len(codecs.BOM_UTF8) if found else 0
    if name in ("utf-16", "utf-32") and not found:
        raise Refused(f"has no byte order mark, so its byte order is not known; declare {name}-le or {name}-be")
    target = scratch / "utf-8"
    _transcoded(path, name, target)
    with target.open("rb") as file:
        return target, len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0


def _transcoded(path: Path, name: str, target: Path) -> None:
    decoder = codecs.getincrementaldecoder(name)("strict")
    proof: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")("strict")
    foreign = done = 0
    single = not name.startswith("utf-")
    with path.open("rb") as source, target.open("wb") as file:
        while True:
            chunk = source.read(_CHUNK)
            text = _decoded(decoder, chunk, name, done)
            if single and name.startswith("iso8859") and _CONTROLS.search(text):
                raise Refused(f"has control characters in {name}: the bytes 80-9f mean letters in a Windows code page")
            foreign += not chunk.isascii()
            proof = _still(proof, chunk)
            file.write(text.encode("utf-8", "surrogatepass" if single else "strict"))
            if not chunk:
                break
            done += len(chunk)
    if single and proof is not None and foreign:
        raise Refused(f"is utf-8, not {name}: every byte above 7f is part of a UTF-8 character")


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, name: str, done: int) -> str:
    try:
        return decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError as error:
        raise Refused(f"is not {name}: byte {done + error.start:,} cannot be decoded") from None


def _still(proof: codecs.IncrementalDecoder | None, chunk: bytes) -> codecs.IncrementalDecoder | None:
    """The decoder as long as everything so far is UTF-8."""
    if proof is not None:
        try:
            proof.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            return None
    return proof
