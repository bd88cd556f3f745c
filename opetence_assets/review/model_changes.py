"""Two descriptions of one dbt model, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opetence_assets.review.change import Change
from opetence_assets.review.dataset_changes import renaming
from opetence_assets.review.widths import type_way

Said = Mapping[str, Any]


def model_changes(name: str, before: Said | None, after: Said | None) -> list[Change]:
    """Everything that is not as it was; nothing where only comments, layout or order differ."""
    table = f"gold/{name}"
    if before is None:
        return [Change(table, "model added")]
    if after is None:
        return [Change(table, "model removed", columns=tuple(before["columns"]))]
    return [
        *_standing(table, before, after),
        *_columns(table, before["columns"], after["columns"]),
        *_query(table, before, after),
        *_constraints(table, "", before["constraints"], after["constraints"]),
        *_tests(table, before["tests"], after["tests"]),
        *_text(table, before, after),
    ]


def exposure_changes(before: Said, after: Said) -> Iterator[Change]:
    """What stands outside and now reads other tables, or is no longer declared."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old != new:
            what = "added" if old is None else "removed" if new is None else f"{_flat(old)} → {_flat(new)}"
            yield Change(f"exposure/{name}", "exposure changed", what)


def _standing(table: str, before: Said, after: Said) -> Iterator[Change]:
    if before["published"] and not after["published"]:
        yield Change(table, "model withdrawn", "no longer a table of the lake", tuple(before["columns"]))
    if not before["published"] and after["published"]:
        yield Change(table, "model added", "published from now on")
    if before["enforced"] != after["enforced"]:
        yield Change(table, "contract enforced" if after["enforced"] else "contract not enforced")
    if before["materialized"] != after["materialized"]:
        what = f"{before['materialized']} → {after['materialized']}"
        yield Change(table, "materialization changed", what)
    if before["day"] != after["day"] and before["materialized"] == after["materialized"]:
        yield Change(table, "day changed", f"{before['day']} → {after['day']}")
    if before["key"] and after["key"] and sorted(before["key"]) != sorted(after["key"]):
        yield Change(table, "key changed", f"{', '.join(before['key'])} → {', '.join(after['key'])}")


def _columns(table: str, old: Said, new: Said) -> Iterator[Change]:
    gone, come = [n for n in old if n not in new], [n for n in new if n not in old]
    if renamed := renaming(old, new, gone, come, ("type", "constraints", "meta")):
        yield Change(table, "column renamed", f"{renamed[0]} → {renamed[1]}", (renamed[0],))
        gone, come = [], []
    for name in gone:
        yield Change(table, "column removed", f"{name} {old[name]['type']}", (name,))
    for name in come:
        yield Change(table, "column added", f"{name} {new[name]['type']}", (name,))
        yield from _personal(table, name, {}, new[name]["meta"])
    for name in old:
        if name not in new:
            continue
        was, now = old[name], new[name]
        if was["type"] != now["type"]:
            kind = f"column {type_way(was['type'], now['type'])}"
            yield Change(table, kind, f"{name}: {was['type']} → {now['type']}", (name,))
        yield from _constraints(table, name, was["constraints"], now["constraints"])
        yield from _personal(table, name, was["meta"], now["meta"])
        if was["description"] != now["description"]:
            yield Change(table, "text changed", f"description of {name}")


def _personal(table: str, name: str, before: Said, after: Said) -> Iterator[Change]:
    old, new = before.get("personal"), after.get("personal")
    if old != new:
        kind = "personal values let in" if new else "personal values kept out"
        yield Change(table, kind, f"{name}: {old or 'none'} → {new or 'none'}", (name,))


def _constraints(table: str, name: str, before: list[str], after: list[str]) -> Iterator[Change]:
    columns = (name,) if name else ()
    for one in sorted(set(after) - set(before)):
        yield Change(table, "constraint added", f"{name} {one}".strip(), columns)
    for one in sorted(set(before) - set(after)):
        yield Change(table, "constraint removed", f"{name} {one}".strip(), columns)


def _query(table: str, before: Said, after: Said) -> Iterator[Change]:
    old, new = before["query"], after["query"]
    if old["rest"] != new["rest"]:
        shown = tuple(before["sql"]), tuple(after["sql"])
        yield Change(table, "query changed", "which rows, or what they are made of", (), *shown)
    elif old["makes"] != new["makes"]:
        both = old["makes"].keys() & new["makes"].keys() & before["columns"].keys() & after["columns"].keys()
        changed = tuple(sorted(name for name in both if old["makes"][name] != new["makes"][name]))
        if changed:
            yield Change(table, "query changed", ", ".join(changed), changed, tuple(before["sql"]), tuple(after["sql"]))
    elif changed := sorted(n for n, said in after["macros"].items() if before["macros"].get(n, said) != said):
        yield Change(table, "macro changed", f"{', '.join(changed)}; a first build's statement stays the same")


def _tests(table: str, before: Said, after: Said) -> Iterator[Change]:
    """Tests by name; one that asks the same under another name is the same."""
    asked = [{name: {**test, "name": ""} for name, test in side.items()} for side in (before, after)]
    gone = {n: t for n, t in asked[0].items() if n not in after and t not in asked[1].values()}
    come = {n: t for n, t in asked[1].items() if n not in before and t not in asked[0].values()}
    for name, test in come.items():
        yield Change(table, "test added", f"{name}: {_flat(test['asks'])}")
    for name, test in gone.items():
        yield Change(table, "test removed", f"{name}: {_flat(test['asks'])}")
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        if (old["kind"], old["asks"]) != (new["kind"], new["asks"]):
            yield Change(table, "test changed", f"{name}: {_flat(old['asks'])} → {_flat(new['asks'])}")
        if old["severity"] != new["severity"]:
            yield Change(table, "test blocks" if new["severity"] == "error" else "test only warns", name)


def _text(table: str, before: Said, after: Said) -> Iterator[Change]:
    if (before["group"], before["meta"].get("owner")) != (after["group"], after["meta"].get("owner")):
        yield Change(table, "owner changed", f"{before['meta'].get('owner')} → {after['meta'].get('owner')}")
    others = [{key: value for key, value in side["meta"].items() if key != "owner"} for side in (before, after)]
    if others[0] != others[1]:
        yield Change(table, "text changed", "meta")
    if before["description"] != after["description"]:
        yield Change(table, "text changed", "description")


def _flat(said: Any) -> str:
    if isinstance(said, Mapping):
        return ", ".join(f"{key} {_flat(value)}" for key, value in said.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return "; ".join(map(str, said)) if isinstance(said, list) else str(said)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
