"""Replaces variables in what was built, as Flux does after the build (drone/envsubst, not strict)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kgate import manifest

_EXPRESSION = re.compile(r"\$\$|\$\{")
_NAME = re.compile(r"[A-Za-z_0-9]*")
_DEFAULTS = (":=", ":-", "=", "-")
_SWITCH = "kustomize.toolkit.fluxcd.io/substitute"
_MOST_NESTED = 20

MAX_LENGTH = 32 * 1024 * 1024
"""Letters that a text may have after the substitution."""


class SubstitutionError(Exception):
    """An expression that is not understood."""


def substitute(text: str, values: Mapping[str, str]) -> str:
    """A text with ``${NAME}``, ``${NAME:=default}`` and its kin replaced, ``$${`` an escape; what has no value and
    no default is empty.

    Raises SubstitutionError for functions of envsubst on strings, and for a text that grows too long.
    """
    if "${" not in text:
        return text
    found: list[str] = []
    length = 0
    for piece in _pieces(text, values, 0):
        found.append(piece)
        length += len(piece)
        if length > MAX_LENGTH:
            raise SubstitutionError(f"with its variables replaced it is longer than {MAX_LENGTH:,} letters")
    return "".join(found)


def is_switched_off(text: str) -> bool:
    """True for an object that keeps Flux from replacing variables in it, by a label or annotation of its own."""
    if _SWITCH not in text:
        return False
    try:
        root = next(manifest.compose(text), None)
    except manifest.ManifestError:
        return False
    body = root.value if root is not None else None
    metadata = body.get("metadata") if isinstance(body, dict) else None
    fields = (metadata.get(name) for name in ("labels", "annotations")) if isinstance(metadata, dict) else ()
    return any(isinstance(field, dict) and field.get(_SWITCH) == "disabled" for field in fields)


def _pieces(text: str, values: Mapping[str, str], depth: int) -> Iterator[str]:
    position = 0
    while match := _EXPRESSION.search(text, position):
        yield text[position : match.start()]
        if match[0] == "$$":
            is_escape = text.startswith("{", match.end())
            yield "$" if is_escape else "$$"
            position = match.end()
            continue
        end = _closing(text, match.end())
        yield _value(text[match.end() : end], values, depth)
        position = end + 1
    yield text[position:]


def _closing(text: str, start: int) -> int:
    """The offset of the brace that closes an expression."""
    level = 1
    for offset in range(start, len(text)):
        if text.startswith("${", offset):
            level += 1
        elif text[offset] == "}":
            level -= 1
            if level == 0:
                return offset
        elif text[offset] == "\n":
            break
    raise SubstitutionError(f"${{{text[start : start + 40].splitlines()[0]} is not closed")


def _value(expression: str, values: Mapping[str, str], depth: int) -> str:
    name = _NAME.match(expression)[0]  # type: ignore[index]
    rest = expression[len(name) :]
    default = next((rest[len(sign) :] for sign in _DEFAULTS if rest.startswith(sign)), None)
    if not name or (rest and default is None) or depth > _MOST_NESTED:
        raise SubstitutionError(f"${{{expression}}} is an expression that kgate does not evaluate")
    found = values.get(name, "")
    if found or default is None:
        return found
    return "".join(_pieces(default, values, depth + 1))
