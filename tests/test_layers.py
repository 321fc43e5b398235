"""Who may import whom: data flows one way, and there are no circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgate

PACKAGE = Path(kgate.__file__).parent
LAYERS = {
    "errors": 0,
    "model": 0,
    "textfile": 0,
    "gitconfig": 0,
    "linehash": 0,
    "lifetime": 0,
    "sandbox": 0,
    "scratch": 0,
    "urls": 0,
    "limits": 0,
    "spelling": 0,
    "streams": 0,
    "gojson": 0,
    "fieldpath": 1,
    "manifest": 1,
    "workload": 1,
    "cel": 1,
    "process": 1,
    "regexp": 1,
    "repository": 1,
    "pss": 1,
    "rules": 2,
    "sources": 2,
    "config": 3,
    "doctor": 3,
    "outputs": 3,
    "engine": 4,
    "waivers": 4,
    "baseline": 4,
    "score": 4,
    "merge": 4,
    "ledger": 5,
    "reports": 5,
    "exports": 5,
    "scan": 6,
    "cli": 7,
    "__main__": 8,
}
INSIDE = ("sources", "reports", "exports")
"""Folders whose modules may import each other."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                (f"{node.module}.{alias.name}" for alias in node.names) if node.module == "kgate" else [node.module]
            )


def own(name: str) -> str | None:
    """The top module of kgate that an import names."""
    parts = name.split(".")
    return parts[1] if parts[0] == "kgate" and len(parts) > 1 and parts[1] in LAYERS else None


def test_there_are_modules() -> None:
    assert len(MODULES) > 15


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards(path: Path) -> None:
    top = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if top == "__init__":
        return
    assert top in LAYERS, f"give {top} a layer"
    for name in imports(path):
        imported = own(name)
        if imported and not (imported == top and top in INSIDE):
            assert LAYERS[imported] < LAYERS[top], f"{path.name} imports {imported}"
            if top in ("reports", "exports"):
                assert imported in ("model", "errors", top), f"a report sees only the Report, not {imported}"


@pytest.mark.parametrize("library", ["cel_expr_python", "re2", "subprocess"])
def test_one_module_a_library(library: str) -> None:
    users = {path.stem for path in MODULES if any(name.split(".")[0] == library for name in imports(path))}
    assert users <= {"cel_expr_python": {"cel"}, "re2": {"regexp"}, "subprocess": {"process"}}[library]


def test_only_the_command_line_prints() -> None:
    for path in MODULES:
        if path.name not in ("cli.py", "__main__.py"):
            calls = (
                node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
            )
            assert "print" not in {call.func.id for call in calls if isinstance(call.func, ast.Name)}, path
            assert "click" not in set(imports(path)), path
