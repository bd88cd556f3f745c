"""A spreadsheet that people keep, read through its CSV export: small, read whole each time, never written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any

import polars as pl

from opetence_assets.dataset import DataError, Dataset, Extract, Extraction, Facts
from opetence_assets.sources.formats.specs import Delimited, Refused
from opetence_assets.sources.limits import Limits
from opetence_assets.sources.parsing import Reader

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

LARGEST = 16 * 2**20  # bytes; a spreadsheet has at most ten million cells, one that people read far fewer
LONGEST = 60.0  # seconds for the whole export, however slowly it comes
_CHUNK = 2**16


@dataclass(frozen=True)
class Sheet:
    """A sheet by the variable with the address of its CSV export; declare ``Deletes.RESTATED``: rows may vanish.

    ``columns`` are the names bronze has; the header may write them in any case and order. ``ignored`` columns are known
    to be there and are not read (a person's name that nobody needs).
    """

    system: str
    name: str
    columns: tuple[str, ...]
    url: str
    ignored: tuple[str, ...] = ()
    auth: Mapping[str, str] = field(default_factory=dict[str, str])
    largest: int = LARGEST
    longest: float = LONGEST
    kind: str = "sheet"
    since: date | None = None

    def extract(self, request: Extract, settings: Settings) -> Extraction:
        """Opens the whole sheet.

        Raises:
            DataError: no answer in time, a page instead of a sheet, or another header.
        """
        dataset = request.dataset.name
        content = self._content(dataset, settings)
        reader = Reader(settings.scratch, Limits(size=self.largest, unpacked=4 * self.largest))
        settings.scratch.mkdir(parents=True, exist_ok=True)
        try:
            with TemporaryDirectory(prefix="sheet-", dir=settings.scratch) as folder:
                path = Path(folder) / "export"
                path.write_bytes(content)
                spec = Delimited(self.columns, closed=False, ignored=self.ignored)  # the export's last line has no end
                parsed = reader.parsed(path, self.name, spec)
        except Refused as refusal:
            reader.close()
            raise self._refusal(dataset, f"a sheet that {refusal}") from None
        facts = Facts(parsed.rows, None, None, undeclared=parsed.undeclared)
        return Extraction(parsed.batches(), lambda: facts, reader.close, rereads=pl.lit(True))

    def fingerprint(self, dataset: Dataset, settings: Settings) -> str:
        """The hash of the export: it is small, and nothing cheaper says whether somebody changed a cell."""
        return hashlib.sha256(self._content(dataset.name, settings)).hexdigest()

    def _content(self, dataset: str, settings: Settings) -> bytes:
        from opetence_assets.sources.http import answered, connected

        address = settings.secret(self.url, dataset=dataset)
        with (
            answered(dataset, self.url),
            connected(self, settings, dataset) as client,
            client.session.get(address, stream=True) as answer,
        ):
            answer.raise_for_status()
            return self._received(dataset, answer)

    def _received(self, dataset: str, answer: Any) -> bytes:
        """The body, bounded in bytes and seconds; a page that asks to sign in answers 200 too."""
        began, content = monotonic(), bytearray()
        for chunk in answer.iter_content(_CHUNK):
            content += chunk
            if len(content) > self.largest:
                raise self._refusal(dataset, f"more than the {self.largest:,} bytes allowed")
            if monotonic() - began > self.longest:
                raise self._refusal(dataset, f"an export that takes more than {self.longest:g} seconds")
        if "html" in answer.headers.get("Content-Type", "") or content.lstrip()[:1] == b"<":
            raise self._refusal(dataset, "a web page where the sheet should be: it asks to sign in, or is gone")
        return bytes(content)

    def _refusal(self, dataset: str, found: str) -> DataError:
        return DataError(
            dataset,
            found=found,
            allowed=f"the sheet's CSV export at {self.url}, with header {', '.join(self.columns)}",
            next_command=f"open it in a private window: does it download? Then opetence run --select {dataset}",
        )
