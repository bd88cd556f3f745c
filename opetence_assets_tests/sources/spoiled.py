"""Files of every kind a partner can spoil, each with what must become of it: rows, or the reason it is refused for."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opetence_assets.sources.formats.specs import Columnar, Delimited, JsonDocument, JsonLines, Spec, Workbook

Row = tuple[str | None, ...]
COLUMNS = ("id", "amount", "note")
CSV = Delimited(COLUMNS)
FIELDS = {"id": "id", "amount": "cost.amount", "note": "note"}
LINES, DOCUMENT = JsonLines(FIELDS), JsonDocument(FIELDS, "data.items")
TYPES = Columnar({"id": "int64", "amount": "decimal128(12, 2)", "note": "string"})
SHEET = Workbook(COLUMNS)
BOM = "\ufeff".encode()
UNPACKED, CELL = 20 * 2**20, 2**20  # bytes allowed to all of them


@dataclass(frozen=True)
class Case:
    """``rows`` is what must land, ``reason`` a pattern of what the refusal must say: one of the two."""

    name: str
    file: str
    content: bytes
    spec: Spec
    rows: list[Row] | None = None
    reason: str | None = None
    broken: int = 0  # rows that land as unreadable


def all_cases() -> list[Case]:
    return [*csv_cases(), *packed_cases(), *json_cases(), *parquet_cases(), *excel_cases()]


def csv_cases() -> Iterator[Case]:
    good = b"id,amount,note\n1,2.50,a\n2,-0,\n"
    rows: list[Row] = [("1", "2.50", "a"), ("2", "-0", None)]

    def loaded(name: str, content: bytes, rows: list[Row], spec: Spec = CSV) -> Case:
        return Case(name, "x_2026-01-01.csv", content, spec, rows)

    def refused(name: str, content: bytes, reason: str, spec: Spec = CSV) -> Case:
        return Case(name, "x_2026-01-01.csv", content, spec, reason=reason)

    yield loaded("good", good, rows)
    yield loaded("byte order mark", BOM + good, rows)
    yield loaded("header only", b"id,amount,note\n", [])
    yield loaded("header and blank lines", b"id,amount,note\r\n\r\n\r\n", [])
    yield loaded("header in other case", good.replace(b"id,amount", b"ID, Amount "), rows)
    yield loaded("quoted header", good.replace(b"id,amount,note", b'"id","amount","note"'), rows)
    yield loaded("columns in other order", b"note,id,amount\na,1,2.50\n,2,-0\n", rows)
    yield loaded("blank lines between", good.replace(b"a\n", b"a\n\n\r\n"), rows)
    yield loaded("mixed line ends", b"id,amount,note\r\n1,2.50,a\n2,-0,\r", rows)
    yield loaded("quoted empty is not null", b'id,amount,note\n1,"",\n', [("1", "", None)])
    yield loaded("quoted newline", b'id,amount,note\n1,2,"a\r\nb\nc"\n', [("1", "2", "a\r\nb\nc")])
    yield loaded("quote inside a field", b'id,amount,note\n1,2,5" x 3" pipe\n', [("1", "2", '5" x 3" pipe')])
    yield loaded("blank before a quote", b'id,amount,note\n1,2, "a"\n', [("1", "2", ' "a"')])
    yield loaded(
        "beyond int64", b"id,amount,note\n9223372036854775808,1e400,NaN\n", [("9223372036854775808", "1e400", "NaN")]
    )
    yield loaded(
        "unusual blanks", "id,amount,note\n1,2,a\u2028b\u0085c\x0b\n".encode(), [("1", "2", "a\u2028b\u0085c\x0b")]
    )
    yield loaded("largest cell", b"id,amount,note\n1,2," + b"x" * CELL + b"\n", [("1", "2", "x" * CELL)])
    yield loaded("one column with a blank line", b"id\n1\n\n2\n", [("1",), (None,), ("2",)], Delimited(("id",)))
    yield loaded("found: semicolon", good.replace(b",", b";"), rows, Delimited(COLUMNS, delimiter=None))
    yield loaded("found: tab", good.replace(b",", b"\t"), rows, Delimited(COLUMNS, delimiter=None))
    yield loaded("found: bar", good.replace(b",", b"|"), rows, Delimited(COLUMNS, delimiter=None))
    yield loaded("found: utf-16", good.decode().encode("utf-16"), rows, Delimited(COLUMNS, encoding=None))
    yield loaded("found: utf-32", good.decode().encode("utf-32"), rows, Delimited(COLUMNS, encoding=None))
    yield loaded(
        "utf-16-be as declared", good.decode().encode("utf-16-be"), rows, Delimited(COLUMNS, encoding="utf-16-be")
    )
    yield loaded(
        "an ignored column",
        b"id,amount,note,owner\n1,2,a,Eve\n",
        [("1", "2", "a")],
        Delimited(COLUMNS, ignored=("owner",)),
    )
    yield loaded("no last line end where allowed", good[:-1], rows, Delimited(COLUMNS, closed=False))
    open_ended = Delimited(COLUMNS, closed=False)
    yield loaded(
        "quoted, no last line end, last field empty", b'id,amount,note\n"1","2",', [("1", "2", None)], open_ended
    )
    yield loaded("quoted, no last line end", b'id,amount,note\n"1","2",""', [("1", "2", "")], open_ended)
    escaped = Delimited(COLUMNS, escape="\\")
    yield loaded("escaped quote", b'id,amount,note\n1,2,"a \\"b\\", c"\n', [("1", "2", 'a "b", c')], escaped)
    yield loaded("escaped delimiter", b"id,amount,note\n1,2,a\\,b\n", [("1", "2", "a,b")], escaped)
    yield loaded("escaped escape before a quote", b'id,amount,note\n1,2,"a\\\\"\n', [("1", "2", "a\\")], escaped)
    yield refused("escape at a line's end", b"id,amount,note\n1,2,a\\\n3,4,b\n", "not closed", escaped)
    yield refused("escaped quote never closed", b'id,amount,note\n1,2,"a\\"\n3,4,b\n', "not closed", escaped)
    yield refused("empty", b"", "is empty")
    yield refused("mark only", BOM, "is empty")
    yield refused("blank", b"\n\n", "has the header")
    yield refused("no line end at the end", good[:-3], "cut off")
    yield refused("short line", good + b"3,4\n", r"ragged: .* 2 fields, not 3")
    yield refused("long line", good + b"3,4,5,6\n", r"ragged: .* 4 fields, not 3")
    yield refused("blank line of spaces", good + b"   \n", "ragged")
    yield refused("another delimiter", good.replace(b",", b";"), "has the header")
    yield refused(
        "delimiter of no kind", good.replace(b",", b"^"), "has the header", Delimited(COLUMNS, delimiter=None)
    )
    yield refused("delimiter changes", good + b"3;4;5\n", "ragged")
    yield refused("NUL", good.replace(b"a", b"\x00"), "NUL")
    yield refused("end-of-file sign of DOS", good + b"\x1a", "cut off")
    yield refused("binary", bytes(range(256)) * 9 + b"\n", "NUL|not utf-8|has the header|cut off")
    yield refused("cp1252 as utf-8", good.replace(b"a\n", b"\xe4\n"), "is not utf-8")
    yield refused("cp1252 in the header", good.replace(b"note", b"n\xf6te"), "is not utf-8")
    yield refused("mixed encodings", good + "3,4,ä\n".encode() + b"5,6,\xe4\n", "is not utf-8")
    yield refused("utf-16 as utf-8", good.decode().encode("utf-16"), "is utf-16, not utf-8")
    yield refused("utf-16 without mark as utf-8", good.decode().encode("utf-16-le"), "NUL|cut off")
    yield refused(
        "utf-16 without mark",
        good.decode().encode("utf-16-le"),
        "byte order mark",
        Delimited(COLUMNS, encoding="utf-16"),
    )
    yield refused(
        "utf-16 of odd length",
        good.decode().encode("utf-16")[:-1],
        "is not utf-16",
        Delimited(COLUMNS, encoding="utf-16"),
    )
    yield refused(
        "utf-16 with half a pair",
        b"\xff\xfe" + "id,amount,note\n1,2,\ud800\n".encode("utf-16-le", "surrogatepass"),
        "is not utf-16",
        Delimited(COLUMNS, encoding="utf-16"),
    )
    yield refused(
        "utf-8 as cp1252",
        "id,amount,note\n1,2,Größe\n".encode(),
        "is utf-8, not cp1252",
        Delimited(COLUMNS, encoding="cp1252"),
    )
    yield refused(
        "utf-8 with mark as cp1252", BOM + good, "is utf-8, not cp1252", Delimited(COLUMNS, encoding="cp1252")
    )
    yield refused(
        "a byte cp1252 has not", good.replace(b"a", b"\x81"), "is not cp1252", Delimited(COLUMNS, encoding="cp1252")
    )
    yield refused(
        "cp1252 as latin-1", good.replace(b"a", b"\x80"), "Windows code page", Delimited(COLUMNS, encoding="iso-8859-1")
    )
    yield refused("overlong utf-8", good.replace(b"a", b"\xc0\xaf"), "is not utf-8")
    yield refused("surrogate in utf-8", good.replace(b"a", b"\xed\xa0\x80"), "is not utf-8")
    yield refused("two marks", BOM + BOM + good, "has the header")
    yield refused("joined files", good + BOM + good, "files were joined")
    yield refused("open quote", good + b'3,4,"b\n5,6,c\n', "not closed")
    yield refused("two open quotes", good + b'3,4,"b\n5,6,"c\n7,8,d\n', "not closed")
    yield refused("text after a quote", good + b'3,4,"b"c\n', "not closed")
    yield refused("blank after a quote", good + b'3,"4" ,b\n', "not closed")
    yield refused("open quote in the header", b'id,"amount,note\n1,2,3\n', "unbalanced quote")
    yield refused("no header", b"1,2.50,a\n", "has the header 1, 2.50, a")
    yield refused("header twice a name", b"id,id,note\n1,2,3\n", "has the header id, id, note")
    yield refused("names that differ in case only", b"id,ID,note\n1,2,3\n", "has the header")
    yield refused("column missing", b"id,amount\n1,2\n", "has the header id, amount$")
    yield loaded("column more", b"id,more,amount,note\n1,4,2,3\n", [("1", "2", "3")])
    yield refused("column without a name", b"id,amount,note,\n1,2,3,4\n", "has the header")
    yield refused("column renamed", good.replace(b"note", b"text"), "has the header .*text")
    yield refused("header repeated below", good[:-1].replace(b"\n", b"\n", 1) + b"\nid,amount\n", "ragged")
    yield refused("10 MB cell", b"id,amount,note\n1,2," + b"x" * 10 * 2**20 + b"\n", "more than the|longer than")
    yield refused(
        "10 MB quoted cell", b'id,amount,note\n1,2,"' + b"x\n" * 5 * 2**20 + b'"\n', "more than the|longer than"
    )
    yield refused("web page", b"<!DOCTYPE html>\n<html>sign in</html>\n", "has the header")
    yield refused("zip under another name", _zipped({"x.csv": good}), "cut off|NUL|not utf-8|has the header")


def packed_cases() -> Iterator[Case]:
    good, rows = b"id,amount,note\n1,2.50,a\n", [("1", "2.50", "a")]

    def refused(name: str, file: str, content: bytes, reason: str, spec: Spec = CSV) -> Case:
        return Case(name, file, content, spec, reason=reason)

    packed, zipped = gzip.compress(good, mtime=0), _zipped({"x.csv": good})
    encrypted, lying = bytearray(zipped), bytearray(_zipped({"x.csv": good + b"2,2,b\n" * 10**5}))
    for start in (0, zipped.index(b"PK\x01\x02") + 2):
        encrypted[start + 6] |= 1
    central = lying.index(b"PK\x01\x02")
    struct.pack_into("<I", lying, central + 24, 10)  # declares ten bytes
    yield Case("gz", "x_2026-01-01.csv.gz", packed, CSV, list(rows))
    yield Case("gz in upper case", "x_2026-01-01.CSV.GZ", packed, CSV, list(rows))
    yield Case(
        "gz of two members", "x_2026-01-01.csv.gz", packed + gzip.compress(b"2,3,b\n"), CSV, [*rows, ("2", "3", "b")]
    )
    yield Case("zip", "x_2026-01-01.csv.zip", zipped, CSV, list(rows))
    yield Case("zip by another name", "x_2026-01-01.zip", zipped, CSV, list(rows))
    yield Case("zip stored", "x_2026-01-01.zip", _zipped({"x.csv": good}, zipfile.ZIP_STORED), CSV, list(rows))
    yield refused("gz cut off", "x_2026-01-01.csv.gz", packed[:-9], "cut off")
    yield refused("gz cut off in its trailer", "x_2026-01-01.csv.gz", packed[:-2], "cut off")
    yield refused("gz with another sum", "x_2026-01-01.csv.gz", packed[:-8] + b"\0\0\0\0" + packed[-4:], "damaged")
    yield refused(
        "gz with a broken stream", "x_2026-01-01.csv.gz", packed[:12] + b"\xff\xff\xff" + packed[15:], "damaged|cut off"
    )
    yield refused("gz with something behind", "x_2026-01-01.csv.gz", packed + b"garbage", "damaged")
    yield refused("gz empty", "x_2026-01-01.csv.gz", gzip.compress(b""), "is empty")
    yield refused("gz that is none", "x_2026-01-01.csv.gz", good, "damaged or no .gz")
    yield refused("gz in gz", "x_2026-01-01.csv.gz", gzip.compress(packed), "cut off|NUL|utf-8|header")
    yield refused("gz bomb", "x_2026-01-01.csv.gz", gzip.compress(b"\n" * (UNPACKED + 1)), "unpacks to more than")
    yield refused(
        "zip bomb that says so", "x_2026-01-01.zip", _zipped({"x.csv": b"\n" * (UNPACKED + 1)}), "declares .* more than"
    )
    yield refused("zip that lies about its size", "x_2026-01-01.zip", bytes(lying), "damaged")
    yield refused("zip cut off", "x_2026-01-01.zip", zipped[:-30], "damaged")
    yield refused("zip that is none", "x_2026-01-01.zip", good, "damaged or no .zip")
    yield refused("zip encrypted", "x_2026-01-01.zip", bytes(encrypted), "encrypted")
    yield refused("zip empty", "x_2026-01-01.zip", _zipped({}), "holds 0 files")
    yield refused("zip of two", "x_2026-01-01.zip", _zipped({"x.csv": good, "y.csv": good}), "holds 2 files")
    for path in ("../x.csv", "/etc/x.csv", "a/x.csv", "..\\x.csv", "a/"):
        yield refused(f"zip with the path {path}", "x_2026-01-01.zip", _zipped({path: good}), "a file with a path")
    yield refused("zip of another format", "x_2026-01-01.zip", _zipped({"x.exe": good}), "something else than .csv")
    yield refused("zip of a gz", "x_2026-01-01.zip", _zipped({"x.csv.gz": packed}), "something else")


def json_cases() -> Iterator[Case]:
    good = b'{"id":1,"cost":{"amount":"2.50"},"note":"a"}\n'
    rows: list[Row] = [("1", "2.50", "a")]

    def line(name: str, content: bytes, rows: list[Row], broken: int = 0) -> Case:
        return Case(f"lines: {name}", "x_2026-01-01.jsonl", content, LINES, rows, broken=broken)

    def refused(name: str, content: bytes, reason: str) -> Case:
        return Case(f"lines: {name}", "x_2026-01-01.jsonl", content, LINES, reason=reason)

    def value(name: str, text: str, lands: str | None) -> Case:
        return line(name, f'{{"id":{text},"note":"n"}}\n'.encode(), [(lands, None, "n")])

    yield line("good", good, rows)
    yield line("byte order mark", BOM + good, rows)
    yield line("CRLF and blank lines", b"\r\n" + good.replace(b"\n", b"\r\n") + b"\n", rows)
    yield line("no last line end", good[:-1], rows)
    yield Case("lines: gz", "x_2026-01-01.jsonl.gz", gzip.compress(good), LINES, rows)
    yield Case("lines: zip", "x_2026-01-01.jsonl.zip", _zipped({"x.ndjson": good}), LINES, rows)
    yield line("utf-16", b"\xff\xfe" + good.decode().encode("utf-16-le"), rows)
    yield value("beyond int64", "123456789012345678901234567890", "123456789012345678901234567890")
    yield value("minus zero", "-0", "0")
    yield value("minus zero float", "-0.0", "-0.0")
    yield value("more digits than a float", "0.1234567890123456789", "0.1234567890123456789")
    yield value("trailing zeros", "12.10", "12.10")
    yield value("beyond float", "1e400", "1E+400")
    yield value("true", "true", "true")
    yield value("null", "null", None)
    yield value("a list", '[1,"ä"]', '[1,"ä"]')
    yield value("text with a newline", '"a\\nb\\u0000"', "a\nb\x00")
    yield value("a pair of surrogates", '"\\ud83d\\ude00"', "😀")
    yield line("undeclared field", good.replace(b'"id"', b'"more":{"a":[1]},"id"'), rows)
    yield line("a structure that became a scalar", b'{"id":1,"cost":5,"note":"a"}\n', [("1", None, "a")])
    yield line("no field at all", b"{}\n", [(None, None, None)])
    for name, bad in {
        "cut": b'{"id":2,"cost\n', "no JSON": b"hello\n", "a list": b"[1]\n", "a number": b"5\n",
        "NaN": b'{"id":NaN}\n',
        "Infinity": b'{"id":-Infinity}\n', "two records": b'{"id":2}{"id":3}\n', "a key twice": b'{"id":2,"id":3}\n',
        "another encoding": b'{"id":"\xe4"}\n', "single quotes": b"{'id':2}\n",
        "too deep": b'{"id":' + b"[" * 10**5 + b"]" * 10**5 + b"}\n",
        "a huge integer": b'{"id":' + b"9" * 5000 + b"}\n", "NUL": b"\x00\n", "half a pair": b'{"id":"\\ud800"}\n',
    }.items():  # fmt: skip
        yield line(f"one line is {name}", good + bad + good, [*rows, (None, None, None), *rows], broken=1)
    yield refused("empty", b"", "is empty")
    yield refused("blank", b"\n \n", "is empty")
    yield refused("cut off", good + good[:-5], "cut off")
    yield refused("all lines broken", b"a,b\nc,d\ne,f\n", "3 of 3 lines that cannot be read")
    yield refused("two lines broken of four", good + b"x\ny\n" + good, "2 of 4 lines")
    yield refused("CR only", (good + good).replace(b"\n", b"\r"), "lines that cannot be read|cut off")
    yield refused("a document", b'[\n{"id":1},\n{"id":2}\n]\n', "lines that cannot be read")
    yield refused("gz in the file", gzip.compress(good), "lines that cannot be read|cut off")
    yield refused("a giant record", b'{"id":"' + b"x" * (CELL + 1) + b'"}\n', "longer than")

    def document(name: str, content: Any, rows: list[Row] | None, reason: str | None = None) -> Case:
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Case(f"document: {name}", "x_2026-01-01.json", text, DOCUMENT, rows, reason)

    records = [{"id": 1, "cost": {"amount": "2.50"}, "note": "a"}]
    yield document("at its path", {"data": {"items": records, "page": 1}}, rows)
    yield document("no record", {"data": {"items": []}}, [])
    yield Case("document: at its top", "x_2026-01-01.json", json.dumps(records).encode(), JsonDocument(FIELDS), rows)
    yield document("not at its path", {"items": records}, None, "no array of records at data.items")
    yield document("no array", {"data": {"items": {"a": 1}}}, None, "no array")
    yield document("a record that is none", {"data": {"items": [*records, 5]}}, None, "no object")
    yield document("cut off", json.dumps({"data": {"items": records}}).encode()[:-1], None, "no valid JSON")
    yield document("two", json.dumps({"data": {"items": records}}).encode() * 2, None, "no valid JSON")
    yield document("empty", b"", None, "no valid JSON|is empty")
    yield document("too deep", b'{"data":' + b"[" * 10**5, None, "too deep")
    yield document("NaN", b'{"data":{"items":[{"id":NaN}]}}', None, "NaN")
    yield document("another encoding", b'{"data":{"items":[{"id":"\xe4"}]}}', None, "not utf-8")


def parquet_cases() -> Iterator[Case]:
    from decimal import Decimal

    ids = pa.array([1, -(2**63), None], pa.int64())
    amounts = pa.array([Decimal("2.50"), Decimal("-0.01"), None], pa.decimal128(12, 2))
    notes = pa.array(["a", "", "Größe\n日本"])
    rows: list[Row] = [("1", "2.50", "a"), ("-9223372036854775808", "-0.01", ""), (None, None, "Größe\n日本")]
    good = _parquet(id=ids, amount=amounts, note=notes)

    def case(name: str, content: bytes, rows: list[Row] | None, reason: str | None = None, spec: Spec = TYPES) -> Case:
        return Case(f"parquet: {name}", "x_2026-01-01.parquet", content, spec, rows, reason)

    def one(name: str, declared: str, array: Any, lands: list[str | None]) -> Case:
        return case(name, _parquet(v=array), [(text,) for text in lands], spec=Columnar({"v": declared}))

    yield case("good", good, rows)
    yield case("columns in other order and case", _parquet(NOTE=notes, Amount=amounts, id=ids), rows)
    yield case("no row", _parquet(id=ids[:0], amount=amounts[:0], note=notes[:0]), [])
    yield case(
        "narrower integer",
        _parquet(id=pa.array([1, -2], pa.int32()), amount=amounts[:2], note=notes[:2]),
        [("1", *rows[0][1:]), ("-2", *rows[1][1:])],
    )
    yield case("dictionary", _parquet(id=ids, amount=amounts, note=notes.dictionary_encode()), rows)
    yield Case("parquet: gz", "x_2026-01-01.parquet.gz", gzip.compress(good), TYPES, rows)
    yield one("dates", "date32", pa.array([date(2026, 1, 31), date(1, 1, 1), None]), ["2026-01-31", "0001-01-01", None])
    moment = datetime(2026, 1, 31, 8, 15, 30, 123456)
    yield one("times", "timestamp", pa.array([moment], pa.timestamp("us", "UTC")), ["2026-01-31T08:15:30.123456Z"])
    yield one(
        "times elsewhere",
        "timestamp",
        pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
        ["2026-01-31T08:15:30.123456Z"],
    )
    yield one(
        "times without zone", "timestamp[ns]", pa.array([moment], pa.timestamp("ns")), ["2026-01-31T08:15:30.123456000"]
    )
    yield one(
        "floats",
        "double",
        pa.array([0.1, -0.0, float("nan"), float("inf"), 1e300, 5e-324]),
        ["0.1", "-0.0", "nan", "inf", "1e+300", "5e-324"],
    )
    yield one("truth", "bool", pa.array([True, False, None]), ["true", "false", None])
    yield one("unsigned", "uint64", pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"])
    yield one("lists", "list<element: int64>", pa.array([[1, None], []]), ["[1,null]", "[]"])
    yield case("wider integer", good, None, "id int64 .declared int32", Columnar({**TYPES.types, "id": "int32"}))
    yield case(
        "unsigned beyond",
        _parquet(id=pa.array([1], pa.uint64()), amount=amounts[:1], note=notes[:1]),
        None,
        "id uint64 .declared int64",
    )
    yield case(
        "number became text",
        _parquet(id=pa.array(["1"]), amount=amounts[:1], note=notes[:1]),
        None,
        "id string .declared int64",
    )
    yield case(
        "number became float", _parquet(id=pa.array([1.0]), amount=amounts[:1], note=notes[:1]), None, "id double"
    )
    yield case(
        "decimal of another scale",
        _parquet(id=ids, amount=pa.array([None] * 3, pa.decimal128(12, 3)), note=notes),
        None,
        "amount decimal128",
    )
    yield case("all null", _parquet(id=pa.nulls(3), amount=amounts, note=notes), None, "id null")
    yield case("column missing", _parquet(id=ids, note=notes), None, "has the header id, note")
    yield case("column more", _parquet(id=ids, more=ids, amount=amounts, note=notes), rows)
    yield case("empty", b"", None, "is empty")
    yield case("cut off", good[:-20], None, "damaged, cut off or no Parquet")
    yield case("cut in the middle", good[: len(good) // 2] + good[-400:], None, "damaged, cut off or no Parquet")
    yield case("something else", b"id,amount,note\n1,2,3\n", None, "damaged, cut off or no Parquet")
    bomb = pa.array(["x" * 1000] * 60_000).dictionary_encode()
    yield case(
        "bomb",
        _parquet(id=pa.array([1] * 60_000), amount=pa.array([None] * 60_000, pa.decimal128(12, 2)), note=bomb),
        None,
        "bytes of values allowed",
    )


def excel_cases() -> Iterator[Case]:
    header = list(COLUMNS)
    rows: list[Row] = [("1", "1234.5", "a"), ("2", None, "Größe\n日本")]
    good = _workbook([header, [1, 1234.5, "a"], [2, None, "Größe\n日本"]])

    def case(name: str, content: bytes, rows: list[Row] | None, reason: str | None = None, spec: Spec = SHEET) -> Case:
        return Case(f"excel: {name}", "x_2026-01-01.xlsx", content, spec, rows, reason)

    def one(name: str, value: Any, lands: str | None) -> Case:
        return case(name, _workbook([header, [1, value, "n"]]), [("1", lands, "n")])

    yield case("good", good, rows)
    yield case(
        "header in other case", _workbook([["ID", " Amount", "NOTE"], [1, 1234.5, "a"], [2, None, "Größe\n日本"]]), rows
    )
    yield case("columns in other order", _workbook([["note", "id", "amount"], ["a", 1, 1234.5]]), rows[:1])
    yield case("blank rows", _workbook([header, [], [1, 1234.5, "a"], [None, None, None], []]), rows[:1])
    yield case("header only", _workbook([header]), [])
    yield case(
        "a sheet by name", _workbook([header, [1, 1234.5, "a"]], "Januar"), rows[:1], spec=Workbook(COLUMNS, "Januar")
    )
    yield Case("excel: zip", "x_2026-01-01.zip", _zipped({"x.xlsx": good}), SHEET, rows)
    yield one("a date", date(2026, 1, 31), "2026-01-31 00:00:00")
    yield one("a time", datetime(2026, 1, 31, 8, 15, 30), "2026-01-31 08:15:30")
    yield one("truth", True, "true")
    yield one("a small number", 1e-7, "0.0000001")
    yield one("a third", 1 / 3, "0.3333333333333333")
    yield case(
        "a table that begins elsewhere",
        _workbook([[], [None, *header], [None, 1, 1 / 3, "a"]]),
        [("1", "0.3333333333333333", "a")],
    )
    yield one("text of digits", "007", "007")
    yield one("a formula as text", "'=1+1", "'=1+1")
    yield case("no such sheet", good, None, "has no sheet Januar", Workbook(COLUMNS, "Januar"))
    yield case(
        "a formula never calculated",
        _workbook([header, [1, "=1+1", "a"]]),
        None,
        "formula without its result in cell B2",
    )
    yield case("a calculated formula", _calculated("<f>1+1</f><v>2</v>"), [("1", "2", "a")])
    yield case("an error", _workbook([header, [1, "#N/A", "a"]]), None, "error value in cell B2")
    yield case("merged header", _workbook([header, [1, 2, "a"]], merged="A1:B1"), None, "merged cells .A1:B1")
    yield case("merged rows", _workbook([header, [1, 2, "a"], [2, 3, "b"]], merged="C2:C3"), None, "merged cells")
    yield case("title above the header", _workbook([["Report"], header, [1, 2, "a"]]), None, "has the header Report")
    yield case("column more", _workbook([["more", *header], [4, 1, 2, "a"]]), [("1", "2", "a")])
    yield case("column missing", _workbook([header[:2], [1, 2]]), None, "has the header id, amount$")
    yield case("a value beside the table", _workbook([header, [1, 2, "a", "aside"]]), None, "has the header")
    yield case("empty sheet", _workbook([]), None, "is empty")
    yield case("cut off", good[:-40], None, "damaged")
    yield case("something else", b"id,amount,note\n", None, "damaged")
    yield case(
        "an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), None, "damaged, encrypted or no .xlsx"
    )
    yield case("entities", _calculated("<v>2</v>", '<!DOCTYPE x [<!ENTITY a "b">]>'), None, "XML entities")
    yield case("bomb", _calculated("<v>2</v>" + " " * (UNPACKED + 1)), None, "declares .* more than")
    yield case("no workbook inside", _zipped({"a.txt": b"x"}), None, "cannot be read as an Excel")


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


def _workbook(rows: list[list[Any]], title: str = "Sheet", merged: str | None = None) -> bytes:
    import openpyxl

    workbook, file = openpyxl.Workbook(), io.BytesIO()
    sheet = workbook.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(row)
    if merged:
        sheet.merge_cells(merged)
    workbook.save(file)
    return file.getvalue()


def _calculated(cell: str, prologue: str = "") -> bytes:
    """A workbook whose cell B2 has this content."""
    file = io.BytesIO(_workbook([list(COLUMNS), [1, 42, "a"]]))
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"].decode()
    assert "<v>42</v>" in sheet
    members["xl/worksheets/sheet1.xml"] = (prologue + sheet.replace("<v>42</v>", cell)).encode()
    return _zipped(members)
