"""The architecture, kept: who may import whom, how large a room may be, and what must not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "opetence_assets"
FILES = sorted(PACKAGE.rglob("*.py")) + sorted((ROOT / "sandbox").rglob("*.py"))
MODULES = sorted(PACKAGE.rglob("*.py"))

# Package → what it may import of ours. `dataset` and `settings` are open to all but settings itself.
MAY_IMPORT = {
    "settings": set[str](),
    "dataset": {"settings"},
    "datasets": {"sources"},
    "sources": set[str](),
    "privacy": {"contract"},  # what must hold of an original is judged before it is treated
    "contract": set[str](),  # a declaration compiled to one scan
    "lake": set[str](),
    "postgres": {"lake", "sources"},  # production's own backup: base backups and its log; asked as it is read
    "ingestion": {"lake", "privacy"},
    "refinement": {"lake", "privacy", "contract"},
    "quality": {"lake", "privacy", "contract", "refinement"},  # what is measured and kept as history
    "lineage": {"privacy", "contract", "refinement", "warehouse"},
    "review": {"lake", "privacy", "contract", "refinement", "warehouse", "datasets", "lineage"},
    "report": {"lake", "privacy", "quality", "refinement"},
    # gold is built over all silver: it tells dbt the columns
    "warehouse": {"lake", "datasets", "refinement", "privacy"},
    "resources": {"lake"},
    "webhooks": {"lake", "sources"},
    # a release says what it was declared as: review describes it
    "zones": {
        *("lake", "privacy", "ingestion", "refinement", "warehouse", "resources", "contract", "lineage", "quality"),
        "review",
    },
    "checks": {"lake", "privacy", "refinement", "resources", "contract", "quality"},
    "backup": {"lake", "privacy", "resources", "postgres"},
    "automation": {"lake", "ingestion", "resources", "backup"},
    "definitions": {
        *("lineage", "zones", "checks", "backup", "automation", "datasets", "resources", "warehouse", "postgres")
    },
    "command": None,  # the outermost ring: it may call everything
}
ORCHESTRATED = {"zones", "checks", "automation", "resources", "definitions"}
BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|base|managers?|misc)(_|$)")


def of_each(files: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """A law of each of the files as one test, which names those that break it: thousands of tests cost more to collect,
    in every worker, than to run.
    """

    def kept_by_all(law: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            broken: list[str] = []
            for file in files:
                try:
                    law(file)
                except AssertionError as why:
                    broken.append(f"{file.relative_to(ROOT)}: {why}")
            assert not broken, "\n".join(broken)

        test.__name__, test.__doc__ = law.__name__, law.__doc__
        return test

    return kept_by_all


every_file, every_module = of_each(FILES), of_each(MODULES)


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def part_of(file: Path) -> str:
    relative = file.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@cache
def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@every_module
def test_imports_point_inwards(file: Path) -> None:
    part = part_of(file)
    if part == "__init__":
        return
    allowed = MAY_IMPORT[part]
    ours = {name.split(".")[1] for name in imports(file) if name.startswith("opetence_assets.")}
    if allowed is not None:
        assert ours - allowed - {part, "dataset", "settings"} == set()


@every_module
def test_a_system_knows_no_other_systems_datasets(file: Path) -> None:
    if part_of(file) != "datasets" or file.parent == PACKAGE / "datasets":
        return
    others = {
        name
        for name in imports(file)
        if name.startswith("opetence_assets.datasets.") and name.split(".")[2] != file.parent.name
    }
    assert others == set()


@every_module
def test_what_moves_data_knows_no_orchestrator(file: Path) -> None:
    relative = file.relative_to(PACKAGE).as_posix()
    if part_of(file) in ORCHESTRATED | {"command"} or relative in ("backup/assets.py", "backup/drill_assets.py"):
        return
    assert not {name for name in imports(file) if name.split(".")[0] in ("dagster", "dagster_dbt")}


@every_module
def test_only_the_lake_touches_tables(file: Path) -> None:
    if part_of(file) != "lake":
        assert not {name for name in imports(file) if name.split(".")[0] in ("deltalake", "obstore")} or relative_ok(
            file
        )


def relative_ok(file: Path) -> bool:
    return part_of(file) == "backup"  # copies objects and rebuilds logs through the same store


@every_file
def test_rooms_are_small(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            nested = isinstance(node.body[-1], ast.Return) and any(isinstance(n, ast.FunctionDef) for n in node.body)
            assert nested or node.end_lineno - first <= 40, f"{node.name} has {node.end_lineno - first} lines"


@every_file
def test_names_say_something(file: Path) -> None:
    assert not BANNED_NAMES.search(file.stem)
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ClassDef):
            assert not re.search(r"(Manager|Handler|Base|Helper)$", node.name) or node.name.startswith("_")


@every_file
def test_no_error_is_made_quiet(file: Path) -> None:
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            )
            reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert not broad or reraises, f"line {node.lineno}"


@every_file
def test_nothing_is_pickled_and_nothing_sleeps_to_wait(file: Path) -> None:
    assert not {name for name in imports(file) if name.split(".")[0] == "pickle"}


def test_folders_are_shallow_and_the_median_file_is_short() -> None:
    assert max(len(file.relative_to(ROOT).parts) for file in FILES) <= 4
    lengths = sorted(len(file.read_text().splitlines()) for file in MODULES if file.name != "__init__.py")
    assert lengths[len(lengths) // 2] <= 100
