"""The SQL of dbt's models as a first, whole build runs it, without dbt.

The project's own macros are rendered by Jinja itself as dbt renders them while it parses (``execute`` is false):
what a macro asks the database is never needed for the columns. All models take 0.1 s; ``dbt compile`` takes 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from jinja2 import Environment

Content = Mapping[str, Any]  # the manifest
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Rendered:
    """One model: the SELECT that makes its rows, and the one that finds its changed days ("" if it has none)."""

    sql: str
    days: str


class _Returned(Exception):
    """What ``return`` in a macro gives its caller; dbt does the same."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def models_of(content: Content) -> dict[str, Node]:
    """The manifest's models by name."""
    return {node["name"]: node for node in content["nodes"].values() if node["resource_type"] == "model"}


def rendered_model(content: Content, name: str, code: str) -> Rendered:
    """A model's text as SQL over relations ``silver_<system>.<table>`` and ``gold.<model>``.

    Raises:
        jinja2.TemplateError: the text is no template, or names a macro that the project has not.
    """
    days: list[str] = []
    environment = _environment(content)

    def changed_days(caller: Callable[[], str]) -> str:
        days.append(caller())
        return ""

    _names(environment).update({"model": {"name": name}, "changed_days": changed_days})
    return Rendered(environment.from_string(code).render(), "\nunion all\n".join(days))


def _environment(content: Content) -> Environment:
    environment = _empty()
    names = _names(environment)
    names.update({"execute": False, "return": _return, "ref": _ref, "source": _source, "config": _config})
    for macro in content["macros"].values():
        own = macro["package_name"] == "opetence" and macro["name"].isidentifier()
        if own and not macro["name"].startswith(("test_", "materialization_")):
            names[macro["name"]] = _macro(environment, macro["name"], macro["macro_sql"])
    return environment


def _empty() -> Environment:
    from jinja2 import Environment, StrictUndefined

    # It renders SQL of our own repository, never a page.
    return Environment(undefined=StrictUndefined, extensions=["jinja2.ext.do"], autoescape=False)


@lru_cache(maxsize=256)
def _compiled(text: str) -> CodeType:
    """A macro's code, the same in every environment: forty models name the same few."""
    return _empty().compile(text)


def _names(environment: Environment) -> dict[str, Any]:
    """What every template of an environment may name."""
    return cast("dict[str, Any]", environment.globals)


def _macro(environment: Environment, name: str, text: str) -> Callable[..., Any]:
    def call(*values: Any, **named: Any) -> Any:
        try:
            template = environment.template_class.from_code(environment, _compiled(text), environment.globals)
            return getattr(template.module, name)(*values, **named)
        except _Returned as returned:
            return returned.value

    return call


def _return(value: Any) -> None:
    raise _Returned(value)


def _ref(name: str) -> str:
    return f"gold.{name}"


def _source(system: str, table: str) -> str:
    return f"silver_{system}.{table}"


def _config(**_: Any) -> str:
    return ""
