"""What may become of personal columns, and where a declaration, a tidy or a model does something else with them.

A personal column is kept in silver by its treatment alone. Gold may count it, filter and join by it; its treated
values reach a gold table only where the model's YAML says so (``config: {meta: {personal: hash}}``), and nothing but
moving, choosing and reckoning is ever done to them: what packs, cuts or encodes a value hides it from every scan.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from opetence_assets.dataset import DataError, Dataset, pii_of
from opetence_assets.lineage.graph import Column, Graph
from opetence_assets.lineage.rendering import models_of
from opetence_assets.privacy.detection import kinds_of, told
from opetence_assets.privacy.treatment import SEALED, treated_columns

# Names of columns that hold a person's data, wherever they stand; and those that only do so as a whole name.
_SOUNDS = (
    *("email", "e_mail", "phone", "national_id", "full_name", "first_name", "last_name", "surname", "birth"),
    *("address_line", "delivery_address", "ip_address", "postcode", "iban", "passport", "social_security", "tax_id"),
    *("display_name", "client_id", "last4", "card_number", "billing_name", "requester_name", "recipient_name"),
)
_IS = ("ip", "body", "query", "comment", "subject", "note", "notes", "message", "remark", "remarks", "dob", "ssn")
_TREATMENTS = "none of it, or as its treatment keeps it"


@dataclass(frozen=True)
class Leak:
    """Personal data on a way it may not take: where, what was found there, what is allowed, what to do."""

    where: str
    found: str
    allowed: str
    next_command: str


@dataclass(frozen=True)
class Personal:
    """The personal columns of silver, and their way through gold."""

    graph: Graph
    datasets: tuple[Dataset, ...]

    @cached_property
    def treated(self) -> Mapping[Column, str]:
        """Silver's personal columns → their treatment."""
        return {
            Column(dataset.table("silver"), t.name): t.pii.value
            for dataset in self.datasets
            for t in treated_columns(dataset)
            if t.name
        }

    def ways(self, column: Column) -> Iterator[tuple[Column, ...]]:
        """Every way a personal value takes to a column: from silver on."""
        if column in self.treated:
            yield (column,)
        elif column.table.startswith("gold/"):
            for origin in self.graph.made_of.get(column, ()):
                if origin.carried:
                    yield from ((*way, column) for way in self.ways(origin.column))


def sounds_personal(name: str) -> bool:
    """Whether a column of this name is taken to be personal until its declaration says how it is treated."""
    return name in _IS or any(word in name for word in _SOUNDS)


def dataset_leaks(dataset: Dataset, graph: Graph) -> tuple[Leak, ...]:
    """Where a declaration or its tidy lets a personal value into silver untreated, or under another name."""
    return (*_undeclared(dataset), *_tidied(dataset, graph), *_spoken(dataset), *_watched(dataset))


def gold_leaks(content: Mapping[str, Any], graph: Graph, datasets: Iterable[Dataset]) -> tuple[Leak, ...]:
    """Where a model lets a personal value into gold undeclared, or does to it what may not be done."""
    personal = Personal(graph, tuple(datasets))
    found = [
        Leak(f"gold/{name}", why, "one SELECT over sources and models", f"edit {_file(node)}")
        for name, node in models_of(content).items()
        if (why := graph.unread.get(f"gold/{name}"))
    ]
    for name, node in models_of(content).items():
        for column in graph.columns_of(f"gold/{name}"):
            found += _column_leaks(personal, column, node)
    return (*found, *_written(content), *_beside(content))


def refuse_leaks(where: str, leaks: tuple[Leak, ...]) -> None:
    """Lets nothing pass while there is a leak.

    Raises:
        DataError: names the first leaks with the way each took.
    """
    if leaks:
        first = "; ".join(f"{leak.where}: {leak.found} (allowed: {leak.allowed})" for leak in leaks[:5])
        raise DataError(
            where,
            found=f"personal data on {len(leaks):,} ways it may not take: {first}",
            allowed="none; nothing was written",
            next_command=leaks[0].next_command,
        )


def _undeclared(dataset: Dataset) -> Iterator[Leak]:
    """Columns that sound personal, by their name or by the source's, without a class of personal data."""
    columns, shape = dataset.schema.to_schema().columns, getattr(dataset.feed, "shape", None)
    paths: Mapping[str, str] = shape.fields if shape is not None else {}
    names = {*columns, *(getattr(dataset.feed, "columns", None) or ())}
    for name in sorted(names):
        is_personal = name in columns and pii_of(columns[name]) is not None
        if not is_personal and (sounds_personal(name.lower()) or sounds_personal(paths.get(name, "").split(".")[-1])):
            yield Leak(
                f"{dataset.name}.{name}",
                "a name that sounds personal and no treatment",
                'metadata={"pii": Pii.…} on its field, or another name',
                f"edit opetence_assets/datasets/{dataset.name}.py",
            )


def _tidied(dataset: Dataset, graph: Graph) -> Iterator[Leak]:
    """Silver columns that tidy makes of personal ones."""
    own = {t.name: t for t in treated_columns(dataset) if t.name}
    verdicts = {t.verdict for t in treated_columns(dataset)}
    originals = {t.source for t in treated_columns(dataset)}
    for column in graph.columns_of(dataset.table("silver")):
        made_of = {origin.column.name for origin in graph.made_of[column]} - verdicts
        wrong = made_of & (own.keys() | originals | {SEALED}) - ({column.name} if column.name in own else set[str]())
        if column.name in own and made_of - {column.name}:
            wrong |= made_of - {column.name}
        if wrong or column.name in originals:
            yield Leak(
                str(column),
                f"tidy makes it of {', '.join(sorted(wrong)) or 'an original'}",
                "a treated column only as it landed, and no other column made of one",
                f"edit tidy in opetence_assets/datasets/{dataset.name}.py",
            )


def _spoken(dataset: Dataset) -> Iterator[Leak]:
    """Personal values in what is shown of a declaration: its description and the names of its rules."""
    texts = (inspect.getdoc(inspect.getmodule(dataset.schema)) or "", *dataset.rules, *dataset.filters, dataset.owner)
    checks = (check for column in dataset.schema.to_schema().columns.values() for check in column.checks)
    if found := kinds_of((*texts, *(str(check.statistics) for check in checks))):
        yield Leak(
            dataset.name,
            f"{told(found)} in its description, or in the name or text of a rule",
            "words that name no person",
            f"edit opetence_assets/datasets/{dataset.name}.py",
        )


def _watched(dataset: Dataset) -> Iterator[Leak]:
    """Personal columns whose values would be kept in the history of what is watched."""
    treated = {t.name for t in treated_columns(dataset)}
    for name in sorted({*dataset.watch.by, *dataset.watch.figures} & treated):
        yield Leak(
            f"{dataset.table('silver')}.{name}",
            "its values are watched apart",
            "a personal column only counted (distinct)",
            f"edit watch in opetence_assets/datasets/{dataset.name}.py",
        )


def _column_leaks(personal: Personal, column: Column, node: Mapping[str, Any]) -> Iterator[Leak]:
    ways = sorted(set(personal.ways(column)))
    declared, is_step = declared_personal(node, column.name), not node["path"].startswith("gold/")
    done = {way[-2]: _done(personal.graph, way[-2], column) for way in ways}
    for way in ways:
        told_way, treatment = " → ".join(map(str, way)), personal.treated[way[0]]
        if what := done[way[-2]]:
            yield Leak(
                str(column), f"{treatment} by {told_way}, through {what}", "no function over it", f"edit {_file(node)}"
            )
        elif declared != treatment and not is_step:
            allowed = f"config: {{meta: {{personal: {treatment}}}}} on the column, or {_TREATMENTS}"
            found = f"{treatment} by {told_way}, declared {declared or 'not personal'}"
            yield Leak(str(column), found, allowed, f"edit {_file(node).removesuffix('.sql')}.yml")
    if not ways and (declared or sounds_personal(column.name)):
        found = f"declared {declared}" if declared else "a name that sounds personal"
        yield Leak(
            str(column), f"{found}, and nothing personal it is made of", "names that say so", f"edit {_file(node)}"
        )


def _done(graph: Graph, origin: Column, column: Column) -> str:
    """What a model does to the values of one column on their way to another."""
    return ", ".join(by for found in graph.made_of[column] if found.column == origin for by in found.by)


def declared_personal(node: Mapping[str, Any], column: str) -> str | None:
    """The treatment that a model's YAML says a column keeps."""
    described = node["columns"].get(column, {})
    return {**described.get("meta", {}), **described.get("config", {}).get("meta", {})}.get("personal")


def _written(content: Mapping[str, Any]) -> Iterator[Leak]:
    """Personal values that stand in the text of a model, of its description or of a test."""
    for node in content["nodes"].values():
        described = [node.get("description") or "", *(c["description"] for c in node.get("columns", {}).values())]
        tested = (node.get("test_metadata") or {}).get("kwargs", {})
        if found := kinds_of((node.get("raw_code") or "", *described, str(tested))):
            yield Leak(
                f"gold/{node['name']}", f"{told(found)} in its text", "no person's data in SQL", f"edit {_file(node)}"
            )


def _beside(content: Mapping[str, Any]) -> Iterator[Leak]:
    """Ways into gold, or out of it, that are no SELECT of a model: nobody follows the columns of these."""
    for node in content["nodes"].values():
        hooks = [hook for hook in ("pre-hook", "post-hook") if node.get("config", {}).get(hook)]
        other = node["resource_type"] not in ("model", "test") or node.get("language", "sql") != "sql"
        if hooks or other:
            found = ", ".join(hooks) or f"a {node['resource_type']} in {node.get('language', 'sql')}"
            yield Leak(f"gold/{node['name']}", found, "models of one SELECT, and tests", f"edit {_file(node)}")


def _file(node: Mapping[str, Any]) -> str:
    return f"dbt/{node['original_file_path']}"
