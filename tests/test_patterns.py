"""Every regular expression of kgate's own takes time about linear in the text, also in a text made to slow it down."""

from __future__ import annotations

import ast
import importlib
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, product
from pathlib import Path
from typing import Any

import pytest

import kgate
from fuzz.harness import FuzzError, cpu_bound

PACKAGE = Path(kgate.__file__).parent
METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split")
_SAME = {"findall": "finditer", "sub": "finditer", "subn": "finditer", "split": "finditer"}


@dataclass(frozen=True, order=True)
class Use:
    """A pattern, and the method by which it is asked."""

    where: str
    pattern: str
    flags: int
    is_bytes: bool
    method: str


MODULES = sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))
MODULES.remove("__main__")


def uses(where: str) -> list[Use]:
    """Every pattern of a module: compiled ones at its level, and the ones written where they are used."""
    tree = ast.parse((PACKAGE / f"{where}.py").read_text(encoding="utf-8"))
    module = importlib.import_module(
        ".".join(("kgate", *where.removesuffix("__init__").strip("/").split("/"))).rstrip(".")
    )
    asked = set(_asked(tree))
    found = set()
    for name, value in vars(module).items():
        methods = {method for called, method in asked if called == name}
        found |= {_use(f"{where}.{name}", one, method) for one in _patterns(value) for method in methods or ANY}
    return sorted(found | set(_inline(where, tree, vars(module))))


ANY = ("search", "fullmatch", "finditer")
"""How a pattern may be asked of which the module does not say it."""


def _asked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names in ``NAME.search(…)`` and its kin, and the methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr


def _patterns(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from chain.from_iterable(map(_patterns, value.values()))
    elif isinstance(value, (tuple, list)):
        yield from chain.from_iterable(map(_patterns, value))


def _use(where: str, pattern: re.Pattern[Any], method: str) -> Use:
    text = pattern.pattern
    is_bytes = isinstance(text, bytes)
    shown = text.decode("latin-1") if is_bytes else text
    return Use(where, shown, pattern.flags & ~re.UNICODE, is_bytes, _SAME.get(method, method))


def _inline(where: str, tree: ast.Module, names: dict[str, Any]) -> Iterator[Use]:
    """The patterns in calls such as ``re.sub("…", …)``, also of a source that has a name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in METHODS:
            continue
        called, first = node.func.value, node.args[0] if node.args else None
        source = names.get(first.id) if isinstance(first, ast.Name) else getattr(first, "value", None)
        if isinstance(called, ast.Name) and called.id == "re" and isinstance(source, str):
            flags = re.DOTALL if "DOTALL" in ast.unparse(node) else 0
            yield _use(f"{where}:{node.lineno}", re.compile(source, flags), node.func.attr)


def test_there_are_patterns() -> None:
    found = list(chain.from_iterable(map(uses, MODULES)))
    assert len(found) > 100
    assert any(":" in use.where for use in found)


# --------------------------------------------------------------------------------------------- hostile texts


def texts(pattern: str, flags: int) -> Iterator[Callable[[int], str]]:
    """What makes hostile texts of a length: a start that the pattern likes, a piece of it over and over, and an end
    that it does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = importlib.import_module("re._parser")
        tree = parser.parse(pattern, flags)
    starts = list(dict.fromkeys(["", *islice(_prefixes(tree), 40)]))
    letters = list(dict.fromkeys(_letters(tree)))[:14]
    pieces = [
        *letters,
        *map("".join, islice(product(letters, repeat=2), 120)),
        *islice(_repeated(tree), 40),
        *starts[1:],
    ]
    for start, piece, end in product(starts, dict.fromkeys(filter(None, pieces)), ("", "\0", "\n!")):
        yield lambda length, start=start, piece=piece, end=end: start + piece * (length // len(piece)) + end  # type: ignore[misc]


def _sample(tree: Any, choice: int = 0) -> str:
    """A text that a part of a pattern matches, more or less."""
    return "".join(_sample_of(str(op), value, choice) for op, value in tree)


def _sample_of(op: str, value: Any, choice: int) -> str:  # noqa: PLR0911 - one line for each kind of node
    if op == "LITERAL":
        return chr(value)
    if op == "NOT_LITERAL":
        return "a" if value != ord("a") else "b"
    if op == "ANY":
        return "ab"[choice % 2]
    if op == "IN":
        members: list[str] = list(_members(value))
        return str(members[choice % len(members)])
    if op == "BRANCH":
        branches = value[1]
        return _sample(branches[choice % len(branches)], choice)
    if op == "SUBPATTERN":
        return _sample(value[3], choice)
    if op == "ATOMIC_GROUP":
        return _sample(value, choice)
    if op.endswith("REPEAT"):
        return _sample(value[2], choice) * int(max(1, value[0]))
    return ""


_CATEGORIES = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " \n", "CATEGORY_WORD": "a0_"}
_OTHERS = "ax0 -./\n!"


def _members(value: Any) -> Iterator[str]:
    if str(value[0][0]) == "NEGATE":
        inside = set(_members(value[1:])) if value[1:] else set()
        yield from ([letter for letter in _OTHERS if letter not in inside] or ["~"])
        return
    for op, member in value:
        if str(op) == "LITERAL":
            yield chr(member)
        elif str(op) == "RANGE":
            yield from (chr(member[0]), chr(member[1]))
        else:
            yield from _CATEGORIES.get(str(member), "!.-")


def _children(op: str, value: Any) -> list[Any]:
    if op == "BRANCH":
        return list(value[1])
    if op == "SUBPATTERN":
        return [value[3]]
    if op == "ATOMIC_GROUP":
        return [value]
    return [value[2]] if op.endswith("REPEAT") else []


def _prefixes(tree: Any, before: str = "") -> Iterator[str]:
    """Texts that lead to each place of a pattern."""
    for op, value in tree:
        yield before
        for child in _children(str(op), value):
            yield from _prefixes(child, before)
        before += _sample_of(str(op), value, 0)
    yield before


def _repeated(tree: Any) -> Iterator[str]:
    """Texts for what a pattern repeats."""
    for op, value in tree:
        for child in _children(str(op), value):
            if str(op).endswith("REPEAT"):
                yield from (_sample(child, choice) for choice in range(4))
            yield from _repeated(child)


def _letters(tree: Any) -> Iterator[str]:
    """Letters that a pattern knows."""
    for op, value in tree:
        if str(op) == "IN":
            yield from _members(value)
        elif str(op) in ("LITERAL", "ANY", "NOT_LITERAL"):
            yield _sample_of(str(op), value, 0)
        elif str(op) in ("ASSERT", "ASSERT_NOT"):
            yield from _letters(value[1])
        for child in _children(str(op), value):
            yield from _letters(child)
    yield "a"


# ------------------------------------------------------------------------------------------------- measuring

LENGTH = 500
SUSPICIOUS = 0.00005
"""Seconds of CPU: hardly any linear pattern takes as much for LENGTH, a quadratic one takes at least half as much
again."""

MOST_GROWTH = 9.0
"""For four times the text: 4 is linear, 16 quadratic."""


def cost(run: Callable[[], object], attempts: int = 3) -> float:
    """Seconds of CPU, the least of some attempts."""
    least = float("inf")
    for _ in range(attempts):
        begin = time.thread_time()
        run()
        least = min(least, time.thread_time() - begin)
        if least < SUSPICIOUS:
            break
    return least


def slow_text(use: Use, longest: int = LENGTH) -> str | None:
    """The beginning of a text for which the time of a pattern grows faster than it does, or None."""
    pattern: Any = re.compile(use.pattern.encode("latin-1") if use.is_bytes else use.pattern, use.flags)

    def ask(text: str) -> object:
        given: Any = text.encode("latin-1", "replace") if use.is_bytes else text
        return list(pattern.finditer(given)) if use.method == "finditer" else getattr(pattern, use.method)(given)

    hostile = texts(use.pattern, use.flags)
    while some := list(islice(hostile, 20)):
        try:
            with cpu_bound(1):  # of which linear patterns need a hundredth
                for make in some:
                    if cost(lambda make=make: ask(make(longest)), 1) > SUSPICIOUS and _grows(ask, make, longest):  # type: ignore[misc]
                        return make(40)
        except FuzzError:
            return make(40)
    return None


def _grows(ask: Callable[[str], object], make: Callable[[int], str], length: int) -> bool:
    """True if a longer text takes more than its share of time, whenever it is measured."""
    short, long = make(length // 2), make(length * 2)
    if cost(lambda: ask(long), 1) <= MOST_GROWTH * cost(lambda: ask(short)):  # as with nearly every text
        return False
    return all(cost(lambda: ask(long)) > MOST_GROWTH * cost(lambda: ask(short)) for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_time_is_linear(module: str) -> None:
    slow = {use: slow_text(use) for use in uses(module)}
    assert {use: text for use, text in slow.items() if text is not None} == {}


SLOW = [
    pytest.param("(a+)+$", "search", id="exponential"),
    pytest.param(r"(?:\s*\w+\s*)*!", "match", id="exponential with blanks"),
    pytest.param(r"\{\{(.*?)\}\}", "finditer", id="quadratic where an end is missing"),
    pytest.param(r"\s+$", "search", id="quadratic at every offset"),
    pytest.param(r"x.*y.*z", "match", id="quadratic in one attempt"),
]


@pytest.mark.parametrize(("pattern", "method"), SLOW)
def test_slow_patterns_are_found(pattern: str, method: str) -> None:
    assert slow_text(Use("here", pattern, 0, False, method)) is not None
