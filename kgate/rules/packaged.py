"""What was made of kgate's own rules when it was packaged, so that no start parses and compiles them again.

The file, which rules/packaging.py makes, holds the rules under the hash of all rule files and of kgate's version, and
compiled expressions under the hash of their text. Whatever has another hash is made from its source, and so is all in a
clone, which has no such file.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from kgate import __version__
from kgate.model import (
    Condition,
    Example,
    Fix,
    Json,
    Parameter,
    ParameterValue,
    Persona,
    PssCheck,
    Reference,
    Rule,
    Severity,
    Variable,
    Versions,
)
from kgate.values import dataclass

FILE = Path(__file__).parent.parent / "builtin_rules.json"


@dataclass(frozen=True, slots=True)
class Package:
    """The contents of the file: ``rules`` as dataclasses.asdict gives them, and ``programs`` in base64."""

    rules_hash: str = ""
    rules: tuple[Json, ...] = field(default=(), repr=False)
    programs: Mapping[str, str] = field(default_factory=dict, repr=False)

    def rules_from(self, files: Iterable[tuple[str, bytes]]) -> tuple[Rule, ...] | None:
        """The rules of these files, by name and content; None if the file was made from others."""
        return tuple(map(_rule, self.rules)) if self.rules and rules_hash(files) == self.rules_hash else None

    def program(self, text: str) -> bytes | None:
        """The compiled form of an expression, as cel-cpp serialises it; None if there is none."""
        program = self.programs.get(text_hash(text)) if self.programs else None
        return b64decode(program) if program is not None else None


SAMPLE = (
    "[dyn(item)].all(x, x.?a[?'b'].orValue([1]).exists(y, y == 1) && has(x.c) && 'a'.matches('a')) && cel.bind(z, "
    "'A'.lowerAscii(), z.split('').join() in ['a'] && type(z) == string)"
)
SAMPLE_ITEM: Json = {"a": {"b": [1]}, "c": 0}
"""An expression with every kind of construct that rules are made of, and an item for which it is true. An engine that
cannot evaluate it, as it was packaged, gets no programs from there."""


@cache
def package(file: Path = FILE) -> Package:
    """The contents of the file, which changes only with kgate itself; nothing if there is none that can be read."""
    try:
        return Package(**orjson.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return Package()


def rules_hash(files: Iterable[tuple[str, bytes]]) -> str:
    """The hash of rule files, by name and content, and of the version of kgate that reads them."""
    digest = hashlib.sha256(__version__.encode())
    for name, data in files:
        digest.update(f"\0{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def text_hash(text: str) -> str:
    """The hash of an expression."""
    return hashlib.sha256(text.encode()).hexdigest()


def _rule(value: Json) -> Rule:
    """A rule from what dataclasses.asdict and JSON made of it."""
    fields: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in value.items()}
    fields |= {
        "severity": Severity(value["severity"]),
        "persona": Persona(value["persona"]),
        "versions": Versions(**value["versions"]),
        "variables": tuple(Variable(**variable) for variable in value["variables"]),
        "pss": tuple(PssCheck(**check) for check in value["pss"]),
        "references": tuple(Reference(**reference) for reference in value["references"]),
        "equivalents": tuple((peer, name) for peer, name in value["equivalents"]),
        "good": tuple(map(_example, value["good"])),
        "bad": tuple(map(_example, value["bad"])),
        "parameters": tuple(map(_parameter, value["parameters"])),
        "fix": _fix(value["fix"]) if value["fix"] is not None else None,
    }
    return Rule(**fields)


def _example(value: Json) -> Example:
    return Example(**{**value, "params": tuple((name, _plain(one)) for name, one in value["params"])})


def _parameter(value: Json) -> Parameter:
    return Parameter(**{**value, "default": _plain(value["default"]), "value": _plain(value["value"])})


def _plain(value: Json) -> ParameterValue:
    """The value of a parameter, whose lists are tuples."""
    plain: ParameterValue = tuple(value) if isinstance(value, list) else value
    return plain


def _fix(value: Json) -> Fix:
    """A fix from what dataclasses.asdict and JSON made of it."""
    pairs = {name: tuple((path, wanted) for path, wanted in value[name]) for name in ("set", "correct")}
    when = tuple(Condition(**condition) for condition in value["when"])
    return Fix(**pairs, remove=tuple(value["remove"]), is_safe=value["is_safe"], when=when)
