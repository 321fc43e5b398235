"""Random values of YAML: what a target's grammar is made of."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, TypeAlias

from fuzz.harness import ARGUMENTS, PATHS, PATTERNS, STRANGE, mutated

Make: TypeAlias = Callable[[random.Random], Any]
"""Gives a value for random numbers."""

HOSTILE = (
    *PATHS,
    *ARGUMENTS,
    *PATTERNS,
    *STRANGE,
    *(
        "{{",
        "{{ x }}",
        "{{.x}}",
        "{{ index .path.segments 0 }}",
        "{{path}}",
        "{{" * 500,
        '{{ "' * 300,
        "{{ .a | upper }}",
    ),
    *(
        "${X}",
        "${X:=d}",
        "${" * 300,
        "$$",
        "${X:-${Y}}",
        "$ARGOCD_APP_NAME",
        "²",
        "9" * 5000,
        "-0",
        "1e5",
        "true",
        "null",
    ),
    *("a,b", "a\\,b", "{a,b}", "a=b", "a.b[0]=1", "a[99999999]=1", "x" * 70_000, "!!binary aaa", "&a *a"),
)
"""Texts that mean something to whatever reads a field."""


def text(*usual: str) -> Make:
    """One of the usual texts, or now and then a hostile one or a mutation."""

    def make(numbers: random.Random) -> str:
        chance = numbers.random()
        if chance < 0.7 and usual:
            return numbers.choice(usual)
        if chance < 0.9:
            return numbers.choice(HOSTILE)
        return mutated(numbers, numbers.choice(usual or HOSTILE), HOSTILE, 2)

    return make


def one_of(*makes: Make) -> Make:
    """One of several."""
    return lambda numbers: numbers.choice(makes)(numbers)


def just(*values: Any) -> Make:
    """One of some values."""
    return lambda numbers: numbers.choice(values)


def several(make: Make, most: int = 3) -> Make:
    """A list."""
    return lambda numbers: [make(numbers) for _ in range(numbers.randint(0, most))]


def mapping(fields: dict[str, Make], kept: float = 0.6) -> Make:
    """A mapping with some of the fields, and sometimes a junk one or a field of the wrong type."""

    def make(numbers: random.Random) -> dict[str, Any]:
        found = {}
        for name, inner in fields.items():
            if numbers.random() < kept:
                found[name] = junk(numbers) if numbers.random() < 0.03 else inner(numbers)
        if numbers.random() < 0.03:
            found[numbers.choice(HOSTILE)] = junk(numbers)
        return found

    return make


def sure(fields: dict[str, Make]) -> Make:
    """A mapping with all of the fields."""
    return mapping(fields, kept=0.97)


def pairs(key: Make, value: Make, most: int = 3) -> Make:
    """A mapping of random keys."""
    return lambda numbers: {str(key(numbers)): value(numbers) for _ in range(numbers.randint(0, most))}


def junk(numbers: random.Random, depth: int = 2) -> Any:
    """A value of any type."""
    kind = numbers.randint(0, 8 if depth else 6)
    if kind == 7:
        return [junk(numbers, depth - 1) for _ in range(numbers.randint(0, 3))]
    if kind == 8:
        return {numbers.choice(HOSTILE): junk(numbers, depth - 1) for _ in range(numbers.randint(0, 3))}
    plain: tuple[Any, ...] = (None, True, numbers.choice((0, -1, 2**63, 10**30)), 0.5, "", numbers.choice(HOSTILE), [])
    return plain[kind]


def document(value: Any) -> str:
    """A value as YAML that holds all its letters (JSON)."""
    return json.dumps(value, ensure_ascii=True) + "\n"
