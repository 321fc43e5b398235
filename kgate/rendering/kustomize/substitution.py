"""Replaces variables in what was built, as Flux does after the build (fluxcd/pkg, envsubst)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kgate.model import Json
from kgate.yamltree.nodes import ManifestError, compose

_SPECIAL = re.compile(r"\$\$|\$\{")
_IN_DEFAULT = re.compile(r"\$\{|\}")
_NAME = re.compile(r"[A-Za-z_0-9]+")
_DEFAULT = re.compile(r":[=?+-]|=")
_OPERATION = re.compile(
    r"\$\{(?:#([A-Za-z_0-9]++)|([A-Za-z_0-9]++)"
    r"(?:(\^\^?|,,?)|:([0-9]{1,9})(?::([0-9]{1,9}))?|(//|/[#%]?)([^/\\${}]++)/([^\\${}]*+)))\}"
)
"""A length, letters in another case, a part, or a replacement, each without expressions in it."""

_LINE_BREAK = re.compile("[\r\x85\u2028\u2029]")
_SWITCH = "kustomize.toolkit.fluxcd.io/substitute"
_MOST_NESTED = 20
_LONGEST_SHOWN = 40

MAX_LENGTH = 32 * 1024 * 1024
"""Letters that all texts of a build may have after the substitution."""


_TOO_LONG = f"with its variables replaced it is longer than {MAX_LENGTH:,} letters"


class SubstitutionError(Exception):
    """What is not replaced as Flux would replace it."""


class ExpressionError(SubstitutionError):
    """An expression that is not evaluated; some of them make Flux give up, too."""


@dataclass(frozen=True, slots=True)
class Variables:
    """What Flux puts in after a build. ``sources`` says in words where further variables come from, which are not
    known; ``secret`` names those whose values no report may show."""

    values: Mapping[str, str] = field(default_factory=dict, hash=False)
    sources: tuple[str, ...] = ()
    secret: frozenset[str] = frozenset()

    def why_unknown(self, name: str) -> str:
        """Says why a variable has no value, and what to do."""
        if self.sources:
            where = " or ".join(self.sources)
            message = f"is not known, as its value may come from {where}; give it in kgate.yaml, under flux.variables"
            return f"{message}, or with --flux-variables FILE"
        advice = f"set it in postBuild, give it a default as in ${{{name}:=value}}, or write $${{{name}}} for the text"
        return f"is set nowhere, so Flux does not apply this kustomization (before 2.9 it puts in nothing); {advice}"

    @property
    def concealed(self) -> tuple[tuple[str, str], ...]:
        """The secret values, each with what reports show in its place."""
        found = ((self.values[name].replace("\n", ""), f"${{{name}}}") for name in sorted(self.secret))
        return tuple((value, shown) for value, shown in found if value)


@dataclass(frozen=True, slots=True)
class Replaced:
    """The text of an object with its variables replaced, and the names of those that have no value and no default,
    whose expressions stay."""

    text: str
    missing: frozenset[str] = frozenset()


def substitute(text: str, variables: Variables, most: int = MAX_LENGTH) -> Replaced:
    """The text of one object with ``${NAME}``, ``${NAME:=default}`` and similar expressions replaced. ``$$`` is a
    dollar sign, and line feeds of values are left out, as Flux does.

    Raises SubstitutionError for functions of envsubst that take patterns, for a text that grows longer than ``most``,
    and for one that is no longer one document, of which Flux would take the first.
    """
    if "$" not in text:
        return Replaced(text)
    reader = _Reader(text, variables, most)
    found = "".join(reader.pieces())
    if found != text and not _is_one_document(found):
        raise SubstitutionError("with its variables replaced, an object is no longer one YAML document")
    return Replaced(found, frozenset(reader.missing))


def is_switched_off(text: str) -> bool:
    """True for an object that keeps Flux from replacing variables in it, by a label or annotation of its own."""
    if _SWITCH not in text:
        return False
    try:
        root = next(compose(text), None)
    except ManifestError:
        return False
    return root is not None and is_switched_off_in(root.value)


def is_switched_off_in(body: Json) -> bool:
    """The same for the body of an object."""
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    fields = (metadata.get(name) for name in ("labels", "annotations")) if isinstance(metadata, Mapping) else ()
    return any(isinstance(field, Mapping) and field.get(_SWITCH) == "disabled" for field in fields)


def _is_one_document(text: str) -> bool:
    try:
        return sum(1 for _ in compose(text)) == 1
    except ManifestError as error:
        raise SubstitutionError(f"with its variables replaced, an object cannot be read: {error}") from None


def _applied(found: re.Match[str], value: str) -> str:
    """What a function makes of a value (envsubst, funcs.go)."""
    _, _, case, start, length, how, old, new = found.groups()
    if found[1]:
        return str(len(value))
    if case:
        end = len(value) if len(case) == 2 else 1
        return (value[:end].upper() if case[0] == "^" else value[:end].lower()) + value[end:]
    if start is not None:
        return value[int(start) :][: int(length) if length is not None else None]
    if how == "/#":
        return new + value.removeprefix(old) if value.startswith(old) else value
    if how == "/%":
        return value.removesuffix(old) + new if value.endswith(old) else value
    return value.replace(old, new, 1 if how == "/" else -1)


@dataclass(slots=True)
class _Reader:
    """Reads a text once, from left to right (envsubst, parse/parse.go); ``room`` is for so many more letters."""

    text: str
    variables: Variables
    room: int
    position: int = 0
    missing: set[str] = field(default_factory=set)

    def pieces(self) -> Iterator[str]:
        """The text with its expressions replaced."""
        while match := _SPECIAL.search(self.text, self.position):
            yield self._counted(self.text[self.position : match.start()])
            self.position = match.end()
            yield self._counted("$") if match[0] == "$$" else self._value(match.start(), 0)
        yield self._counted(self.text[self.position :])

    def _value(self, start: int, depth: int) -> str:
        """The value of the expression that begins at ``start`` and whose name is next."""
        operation = _OPERATION.match(self.text, start)
        if operation is not None:
            return self._operated(operation)
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
        if sign is None and name[0] not in self.variables.values:
            self.missing.add(name[0])
            return self._counted(self.text[start : self.position])
        return self._counted(self._of(name[0])) or default

    def _operated(self, found: re.Match[str]) -> str:
        """The value of an expression with a function on strings; lengths and positions are bytes to Flux."""
        name = found[1] or found[2]
        if name not in self.variables.values:
            self.missing.add(name)
            self.position = found.end()
            return self._counted(found[0])
        value = self._of(name)
        if not value.isascii():
            raise self._error(found.start())
        self.position = found.end()
        if found[7] and value.count(found[7]) * len(found[8]) > self.room:
            raise SubstitutionError(_TOO_LONG)
        return self._counted(_applied(found, value))

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
        value = self.variables.values.get(name, "").replace("\n", "")
        if _LINE_BREAK.search(value):
            raise SubstitutionError(f"the value of ${{{name}}} holds a line break other than a line feed")
        return value

    def _counted(self, piece: str) -> str:
        self.room -= len(piece)
        if self.room < 0:
            raise SubstitutionError(_TOO_LONG)
        return piece

    def _error(self, start: int) -> ExpressionError:
        shown = self.text[start : start + _LONGEST_SHOWN].splitlines()[0]
        return ExpressionError(f"{shown} is an expression that kgate does not evaluate")
