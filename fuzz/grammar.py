"""Makes random values of YAML: the parts of a target's grammar."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, TypeAlias

from fuzz.harness import ARGUMENTS, PATHS, PATTERNS, STRANGE, mutated

Make: TypeAlias = Callable[[random.Random], Any]
"""Returns a value made from random numbers."""

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
"""Texts with a special meaning for some reader of a field."""


def text(*usual: str) -> Make:
    """Makes one of the usual texts, or sometimes a hostile one or a mutation."""

    def make(numbers: random.Random) -> str:
        chance = numbers.random()
        if chance < 0.7 and usual:
            return numbers.choice(usual)
        if chance < 0.9:
            return numbers.choice(HOSTILE)
        return mutated(numbers, numbers.choice(usual or HOSTILE), HOSTILE, 2)

    return make


def one_of(*makes: Make) -> Make:
    """Makes a value with one of several makers."""
    return lambda numbers: numbers.choice(makes)(numbers)


def just(*values: Any) -> Make:
    """Makes one of these values."""
    return lambda numbers: numbers.choice(values)


def several(make: Make, most: int = 3) -> Make:
    """Makes a list."""
    return lambda numbers: [make(numbers) for _ in range(numbers.randint(0, most))]


def mapping(fields: dict[str, Make], kept: float = 0.6) -> Make:
    """Makes a mapping with some of the fields, and sometimes with a junk field or one of the wrong type."""

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
    """Makes a mapping with nearly always all of the fields."""
    return mapping(fields, kept=0.97)


def pairs(key: Make, value: Make, most: int = 3) -> Make:
    """Makes a mapping with random keys."""
    return lambda numbers: {str(key(numbers)): value(numbers) for _ in range(numbers.randint(0, most))}


def junk(numbers: random.Random, depth: int = 2) -> Any:
    """Returns a value of any type."""
    kind = numbers.randint(0, 8 if depth else 6)
    if kind == 7:
        return [junk(numbers, depth - 1) for _ in range(numbers.randint(0, 3))]
    if kind == 8:
        return {numbers.choice(HOSTILE): junk(numbers, depth - 1) for _ in range(numbers.randint(0, 3))}
    plain: tuple[Any, ...] = (None, True, numbers.choice((0, -1, 2**63, 10**30)), 0.5, "", numbers.choice(HOSTILE), [])
    return plain[kind]


def document(value: Any) -> str:
    """Returns a value as YAML in ASCII (JSON), which can carry every character."""
    return json.dumps(value, ensure_ascii=True) + "\n"
