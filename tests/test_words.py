"""One word, one thing: class names, and the glossary of CONTRIBUTING."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import kgate
from tests.command import ROOT

PACKAGE = Path(kgate.__file__).parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GLOSSARY = re.findall(r"^\| `(\w+)` \| .+ \| `(kgate/[\w/]+\.py)` \|$", CONTRIBUTING, re.MULTILINE)
TWINS = ({"rendering/helm", "rendering/kustomize"},)
"""Folders that take the same steps, and so use the same words."""


@cache
def classes() -> dict[str, list[str]]:
    """The modules of each public class, by its name."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(PACKAGE).as_posix())
    return found


def test_no_two_classes_have_one_name() -> None:
    found = classes()
    assert len(found) > 150
    twice = {name: modules for name, modules in found.items() if len(modules) > 1}
    folders = {name: {module.rpartition("/")[0] for module in modules} for name, modules in twice.items()}
    assert {name: twice[name] for name, where in folders.items() if where not in TWINS} == {}


def test_the_glossary_is_read() -> None:
    assert len(GLOSSARY) > 15


@pytest.mark.parametrize(("word", "module"), GLOSSARY, ids=[word for word, _ in GLOSSARY])
def test_a_word_of_the_glossary_is_once_in_the_code(word: str, module: str) -> None:
    assert classes()[word] == [module.removeprefix("kgate/")]
