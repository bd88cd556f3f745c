"""Two descriptions of one dataset, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opetence_assets.review.bounds import changed_checks
from opetence_assets.review.change import Change
from opetence_assets.review.rule_changes import as_graded, grade_changes, named_changes, rule_changes
from opetence_assets.review.widths import type_way

Said = Mapping[str, Any]
# Parts that are what they are: the kind of change, by the part.
_WHOLE = {
    "cursor": "cursor changed",
    "history": "history changed",
    "deletes": "deletes changed",
    "drift": "drift changed",
    "subject": "subject changed",
    "partition_by": "layout changed",
    "keep_duplicates": "duplicates kept otherwise",
    "references": "references changed",
    "watch": "watch changed",
    "freshness": "freshness changed",
    "completeness": "completeness changed",
    "backup": "retention changed",
    "owner": "owner changed",
}
# How a source is read, not what is read of it.
_TUNING = ("lag", "pace", "limits", "at_most", "patience", "largest", "longest", "shape", "probe", "ignored")
_TUNING_OF_SOURCES = ("dsn", "url", "auth", "brokers")
_SPEC = ("dtype", "nullable", "pii", "checks")


def dataset_changes(name: str, before: Said | None, after: Said | None) -> list[Change]:
    """Everything that is not as it was; nothing where only comments, layout or order differ."""
    table = f"silver/{name}"
    if before is None:
        return [Change(table, "dataset added")]
    if after is None:
        return [Change(table, "dataset removed", columns=_visible(before))]
    return [
        *_source(table, before["feed"], after["feed"]),
        *_key(table, before, after),
        *_parts(table, before, after),
        *_columns(table, before, after),
        *_tidy(table, before, after),
        *named_changes(table, "filter", before["filters"], after["filters"]),
        *rule_changes(table, before, after),
        *grade_changes(table, before, after),
    ]


def _source(table: str, before: Said, after: Said) -> Iterator[Change]:
    changed = {one for one in before.keys() | after.keys() if before.get(one) != after.get(one)}
    tuned = {one for one in changed if one in _TUNING}
    if "source" in changed and all(isinstance(side.get("source"), Mapping) for side in (before, after)):
        old, new = before["source"], after["source"]
        if all(old.get(one) == new.get(one) for one in {*old, *new} - {*_TUNING_OF_SOURCES, *_TUNING}):
            tuned.add("source")
    if rest := sorted(changed - tuned):
        yield Change(table, "source changed", "; ".join(_shift(one, before, after) for one in rest))
    elif tuned:
        yield Change(table, "reading tuned", "; ".join(_shift(one, before, after) for one in sorted(tuned)))


def _key(table: str, before: Said, after: Said) -> Iterator[Change]:
    old, new = before["key"], after["key"]
    if sorted(old) != sorted(new):
        yield Change(table, "key changed", f"{', '.join(old)} → {', '.join(new)}")


def _parts(table: str, before: Said, after: Said) -> Iterator[Change]:
    for part, kind in _WHOLE.items():
        if _unordered(before[part]) != _unordered(after[part]):
            yield Change(table, kind, _shift(part, before, after))


def _unordered(value: Any) -> Any:
    """A list of objects (references) has no order."""
    return sorted(value, key=str) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _columns(table: str, before: Said, after: Said) -> Iterator[Change]:
    old, new = before["columns"], after["columns"]
    gone, come = [n for n in old if n not in new], [n for n in new if n not in old]
    if renamed := renaming(old, new, gone, come, _SPEC):
        was, now = renamed
        yield Change(table, "column renamed", f"{was} → {now}", _shown(was, old[was]))
        gone, come = [n for n in gone if n != was], [n for n in come if n != now]
    for name in gone:
        yield Change(table, "column removed", f"{name} {_type(old[name])}", _shown(name, old[name]))
    for name in come:
        said, derived = new[name], name in after["tidy"]["makes"]
        required = not said["nullable"] and not derived and said["pii"] != "redact"
        kind = "column derived" if derived else "required column added" if required else "column added"
        yield Change(
            table, kind, f"{name} {_type(said)}{'' if said['nullable'] else ', never null'}", _shown(name, said)
        )
    for name in old:
        if name in new and old[name] != new[name]:
            yield from _column(table, name, before, after)


def _column(table: str, name: str, before: Said, after: Said) -> Iterator[Change]:
    old, new = before["columns"][name], after["columns"][name]
    hit = _shown(name, old)
    if old["pii"] != new["pii"]:
        what = f"{name}: {old['pii'] or 'not personal'} → {new['pii'] or 'not personal'}"
        yield Change(table, "personal treatment changed", what, tuple(dict.fromkeys((*hit, *_shown(name, new)))))
    if old["dtype"] != new["dtype"]:
        yield Change(
            table, f"column {type_way(old['dtype'], new['dtype'])}", f"{name}: {_type(old)} → {_type(new)}", hit
        )
    if old["nullable"] != new["nullable"]:
        kind = "null accepted" if new["nullable"] else "null refused"
        yield as_graded(Change(table, kind, name), f"{name}: null", before, after)
    if old["unique"] != new["unique"]:
        yield Change(table, "unique demanded" if new["unique"] else "unique no longer", name, hit)
    if old["coerce"] != new["coerce"]:
        yield Change(table, "coercion changed", f"{name}: {old['coerce']} → {new['coerce']}", hit)
    for way, was, now in changed_checks(old["checks"], new["checks"]):
        what = f"{name}: {was or 'any'} → {now or 'any'}"
        names = sorted({*old["checks"], *new["checks"]})
        yield as_graded(Change(table, f"rule {way}", what), [f"{name}: {one}" for one in names], before, after)


def _tidy(table: str, before: Said, after: Said) -> Iterator[Change]:
    old, new = before["tidy"], after["tidy"]
    if old["source"] != new["source"]:
        known = set(_visible(before)) & set(_visible(after))
        made = tuple(sorted({*old["makes"], *new["makes"]} & known))
        yield Change(table, "tidy changed", ", ".join(made), made, tuple(old["source"]), tuple(new["source"]))


def renaming(old: Said, new: Said, gone: list[str], come: list[str], spec: tuple[str, ...]) -> tuple[str, str] | None:
    """The one column that went and the one that came in its stead, if these two are alike in all but the name."""
    if len(gone) == len(come) == 1 and all(old[gone[0]].get(one) == new[come[0]].get(one) for one in spec):
        return gone[0], come[0]
    return None


def _shift(part: str, before: Said, after: Said) -> str:
    return f"{part}: {_short(before.get(part))} → {_short(after.get(part))}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = [f"{k} {_short(v)}" for k, v in value.items() if k != "is" and v not in (None, [], {}, False)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return "(" + ", ".join(inner) + ")"
    if isinstance(value, list):
        return ", ".join(map(_short, value)) or "none"  # pyright: ignore[reportUnknownArgumentType]
    return "none" if value is None else str(value)


def _type(said: Said) -> str:
    found: str = said["dtype"]
    return found.replace("precision=", "").replace("scale=", "").replace("time_unit=", "").replace("time_zone=", "")


def _shown(name: str, said: Said) -> tuple[str, ...]:
    """A declared column under the name silver has it by; nothing where silver has it not."""
    return (said["as"],) if said["as"] else ()


def _visible(said: Said) -> tuple[str, ...]:
    return tuple(one["as"] for one in said["columns"].values() if one["as"])
