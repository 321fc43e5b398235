"""Replaces variables in what was built, as Flux does after the build (fluxcd/pkg, envsubst, not strict)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kgate.yamltree.nodes import ManifestError, compose

_SPECIAL = re.compile(r"\$\$|\$\{")
_IN_DEFAULT = re.compile(r"\$\{|\}")
_NAME = re.compile(r"[A-Za-z_0-9]+")
_DEFAULT = re.compile(r":[=?+-]|=")
_LINE_BREAK = re.compile("[\r\x85\u2028\u2029]")
_SWITCH = "kustomize.toolkit.fluxcd.io/substitute"
_MOST_NESTED = 20
_LONGEST_SHOWN = 40

MAX_LENGTH = 32 * 1024 * 1024
"""Letters that all texts of a build may have after the substitution."""


class SubstitutionError(Exception):
    """What is not replaced as Flux would replace it."""


def substitute(text: str, values: Mapping[str, str], most: int = MAX_LENGTH) -> str:
    """The text of one object with ``${NAME}``, ``${NAME:=default}`` and similar expressions replaced; what
    has no value and no default is empty. ``$$`` is a dollar sign, and line feeds of values are left out, as Flux does.

    Raises SubstitutionError for functions of envsubst on strings, for a text that grows longer than ``most``, and
    for one that is no longer one document, of which Flux would take the first.
    """
    if "$" not in text:
        return text
    found = "".join(_Reader(text, values, most).pieces())
    if found != text and not _is_one_document(found):
        raise SubstitutionError("with its variables replaced, an object is no longer one YAML document")
    return found


def is_switched_off(text: str) -> bool:
    """True for an object that keeps Flux from replacing variables in it, by a label or annotation of its own."""
    if _SWITCH not in text:
        return False
    try:
        root = next(compose(text), None)
    except ManifestError:
        return False
    body = root.value if root is not None else None
    metadata = body.get("metadata") if isinstance(body, dict) else None
    fields = (metadata.get(name) for name in ("labels", "annotations")) if isinstance(metadata, dict) else ()
    return any(isinstance(field, dict) and field.get(_SWITCH) == "disabled" for field in fields)


def _is_one_document(text: str) -> bool:
    try:
        return sum(1 for _ in compose(text)) == 1
    except ManifestError as error:
        raise SubstitutionError(f"with its variables replaced, an object cannot be read: {error}") from None


@dataclass(slots=True)
class _Reader:
    """Reads a text once, from left to right (envsubst, parse/parse.go); ``room`` is for so many more letters."""

    text: str
    values: Mapping[str, str]
    room: int
    position: int = 0

    def pieces(self) -> Iterator[str]:
        """The text with its expressions replaced."""
        while match := _SPECIAL.search(self.text, self.position):
            yield self._counted(self.text[self.position : match.start()])
            self.position = match.end()
            yield self._counted("$") if match[0] == "$$" else self._value(match.start(), 0)
        yield self._counted(self.text[self.position :])

    def _value(self, start: int, depth: int) -> str:
        """The value of the expression that begins at ``start`` and whose name is next."""
        name = _NAME.match(self.text, self.position)
        if name is None or depth > _MOST_NESTED:
            raise self._error(start)
        self.position = name.end()
        sign = _DEFAULT.match(self.text, self.position)
        default = ""
        if sign is not None:
            self.position = sign.end()
            default = "".join(self._default(start, depth))
        if not self.text.startswith("}", self.position):
            raise self._error(start)
        self.position += 1
        return self._counted(self._of(name[0])) or default

    def _default(self, start: int, depth: int) -> Iterator[str]:
        """The pieces up to the brace that closes the expression; there is no escape in a default."""
        while match := _IN_DEFAULT.search(self.text, self.position):
            yield self._counted(self.text[self.position : match.start()])
            self.position = match.start()
            if match[0] == "}":
                return
            self.position = match.end()
            yield self._value(match.start(), depth + 1)
        raise self._error(start)

    def _of(self, name: str) -> str:
        value = self.values.get(name, "").replace("\n", "")
        if _LINE_BREAK.search(value):
            raise SubstitutionError(f"the value of ${{{name}}} holds a line break other than a line feed")
        return value

    def _counted(self, piece: str) -> str:
        self.room -= len(piece)
        if self.room < 0:
            raise SubstitutionError(f"with its variables replaced it is longer than {MAX_LENGTH:,} letters")
        return piece

    def _error(self, start: int) -> SubstitutionError:
        shown = self.text[start : start + _LONGEST_SHOWN].splitlines()[0]
        return SubstitutionError(f"{shown} is an expression that kgate does not evaluate")
