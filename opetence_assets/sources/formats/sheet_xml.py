"""A look through a workbook's own XML: its parser says nothing of what it leaves out."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any
from xml.parsers import expat

from opetence_assets.sources.formats.specs import Refused
from opetence_assets.sources.limits import Limits

_CHUNK = 2**20
_PRECISE = re.compile(r"-?\d*\.\d{10,}|.*[eE]-.*")  # more decimals than the parser keeps
_PLACE = re.compile(r"([A-Z]+)(\d+)")


def sheet_cells(path: Path, sheet: str | None, limits: Limits) -> Cells:
    """What is to know of a sheet's cells beside their values.

    Raises:
        Refused: damaged, encrypted, without the sheet, larger than allowed (declared or counted), with entities, or
            with merged cells, errors, or formulas that were never calculated in the sheet.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(member.file_size for member in archive.infolist())
            if declared > limits.unpacked:
                raise Refused(f"declares {declared:,} bytes when unpacked, more than the {limits.unpacked:,} allowed")
            told = _File()
            for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
                _through(archive, name, told, limits)
            cells = Cells()
            _through(archive, told.part_of(sheet), cells, limits)
            return cells
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, expat.ExpatError):
        raise Refused("is damaged, encrypted or no .xlsx file") from None
    except KeyError:
        raise Refused("cannot be read as an Excel workbook: a part of it is missing") from None


def _through(archive: zipfile.ZipFile, name: str, looker: _File | Cells, limits: Limits) -> None:
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_entities
    parser.StartElementHandler = looker.start
    parser.EndElementHandler = looker.end
    parser.CharacterDataHandler = looker.text
    parser.buffer_text = True
    counted = 0
    with archive.open(name) as xml:
        while chunk := xml.read(_CHUNK):
            counted += len(chunk)
            if counted > limits.unpacked:
                raise Refused(f"unpacks to more than the {limits.unpacked:,} bytes allowed")
            parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _refuse_entities(*_: Any) -> None:
    raise Refused("declares XML entities, which no workbook needs")


class _File:
    """Which part of the file holds which sheet."""

    def __init__(self) -> None:
        self._sheets: dict[str, str] = {}  # name → relation
        self._parts: dict[str, str] = {}  # relation → part

    def part_of(self, sheet: str | None) -> str:
        if sheet is not None and sheet not in self._sheets:
            raise Refused(f"has no sheet {sheet}")
        target = self._parts[self._sheets[sheet] if sheet else next(iter(self._sheets.values()), "")]
        return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "sheet":
                relation = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
                self._sheets[attributes.get("name", "")] = relation
            case "Relationship":
                self._parts[attributes.get("Id", "")] = attributes.get("Target", "")
            case _:
                pass

    def end(self, tag: str) -> None: ...

    def text(self, data: str) -> None: ...


class Cells:
    """Grows while a sheet is looked through; refuses at the first defect.

    Attributes:
        top, left: the first row and column that hold a value, from 1.
        precise: (row, column) → numbers as stored, of those with many decimals.
    """

    def __init__(self) -> None:
        self.top = self.left = 2**31
        self.precise: dict[tuple[int, int], str] = {}
        self._cell, self._kind, self._formula = "", "n", False
        self._value: list[str] | None = None
        self._in_value = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "c":
                self._cell, self._kind = attributes.get("r", "?"), attributes.get("t", "n")
                self._formula, self._value, self._in_value = False, None, False
                if self._kind == "e":
                    raise Refused(f"has an error value in cell {self._cell}")
            case "f":
                self._formula = True
            case "v" | "t":
                self._value, self._in_value = self._value or [], True
            case "mergeCell":
                raise Refused(f"has merged cells ({attributes.get('ref', '?')})")
            case _:
                pass

    def text(self, data: str) -> None:
        if self._in_value and self._value is not None:
            self._value.append(data)

    def end(self, tag: str) -> None:
        match tag.rpartition(":")[2]:
            case "v" | "t":
                self._in_value = False
            case "c":
                self._ended("".join(self._value or ()))
            case _:
                pass

    def _ended(self, value: str) -> None:
        if not value:
            if self._formula and self._kind != "str":  # a formula's text may be empty
                raise Refused(f"has a formula without its result in cell {self._cell}")
            return
        place = _PLACE.fullmatch(self._cell)
        if place is None:
            raise Refused("has cells without a place")
        row, column = int(place[2]), _number_of(place[1])
        self.top, self.left = min(self.top, row), min(self.left, column)
        if self._kind == "n" and _PRECISE.fullmatch(value):
            self.precise[row, column] = value


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
