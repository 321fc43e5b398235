"""Replaces variables in what was built, as Flux does after the build (fluxcd/pkg, envsubst)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from kgate.model import Json
from kgate.rendering import placeholders
from kgate.rendering.kustomize import envsubst
from kgate.rendering.kustomize.envsubst import FunctionError
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, compose

_SPECIAL = re.compile(r"\$\$|\$\{")
_IN_DEFAULT = re.compile(r"\$\{|\}")
_NAME = re.compile(r"[A-Za-z_0-9]+")
_FUNCTION = re.compile(r":[=?+-]|[=:]|[,^]{1,2}|//|/[#%]?|##?|%%?|")
_DEFAULTS = (":=", ":?", ":+", ":-", "=")
_TAKES_PATTERN = ("#", "##", "%", "%%")
_COLONS = re.compile(":+")
_SLASHES = re.compile("/+")
_TO_BRACE = re.compile(r"(?:(?!\$\{)[^}])++")
_TO_COLON = re.compile(r"(?:(?!\$\{)[^:}])++")
_ESCAPE = re.compile(r"\$\$|\\[/\\]")
_OLD = re.compile(rf"(?:{_ESCAPE.pattern}|(?!\$\{{)[^/])++")
_NEW = re.compile(rf"(?:{_ESCAPE.pattern}|(?!\$\{{)[^}}])++")
"""What the arguments of functions consist of: a text up to a letter, or one expression."""

_LINE_BREAK = re.compile("[\r\x85\u2028\u2029]")
_SWITCH = "kustomize.toolkit.fluxcd.io/substitute"
_MOST_NESTED = 20
_LONGEST_SHOWN = 40

MAX_LENGTH = 32 * 1024 * 1024
"""Letters that all texts of a build may have after the substitution, with those that functions took."""

_TOO_LONG = f"with its variables replaced it is longer than {MAX_LENGTH:,} letters"
_TOO_MUCH = f"its variables are too long: functions take more than {MAX_LENGTH:,} letters of them"


class SubstitutionError(Exception):
    """What is not replaced as Flux would replace it."""


class ExpressionError(SubstitutionError):
    """An expression that Flux cannot read, so that it applies nothing."""


@dataclass(frozen=True, slots=True)
class Variables:
    """What Flux puts in after a build. ``sources`` says in words where further variables come from, which are not
    known; ``secret`` names those whose values no report may show."""

    values: Mapping[str, str] = field(default_factory=dict, hash=False)
    sources: tuple[str, ...] = ()
    secret: frozenset[str] = frozenset()

    def why_missing(self, name: str) -> str:
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
    """The text of an object with its variables replaced. The expressions stay of those that are ``missing``, without a
    value and a default, and of those in ``not_evaluated``, which has the reason for each name. ``letters`` counts those
    of the text and those that its functions took."""

    text: str
    missing: frozenset[str] = frozenset()
    not_evaluated: Mapping[str, str] = field(default_factory=dict, hash=False)
    letters: int = 0


def substitute(text: str, variables: Variables, most: int = MAX_LENGTH) -> Replaced:
    """The text of one object with ``${NAME}``, ``${NAME:=default}`` and similar expressions replaced. ``$$`` is a
    dollar sign, and line feeds of values are left out, as Flux does.

    Raises SubstitutionError for an expression that Flux cannot read, for a text that grows longer than ``most``, and
    for one that is no longer one document, of which Flux would take the first.
    """
    if "$" not in text:
        return Replaced(text, letters=len(text))
    reader = _Reader(text, variables, most)
    found = "".join(reader.pieces())
    if found != text and not _is_one_document(found):
        raise SubstitutionError("with its variables replaced, an object is no longer one YAML document")
    return Replaced(found, frozenset(reader.missing), reader.not_evaluated, most - reader.room)


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


@dataclass(slots=True)
class _Reader:
    """Reads a text once, from left to right (envsubst, parse/parse.go); ``room`` is for so many more letters.

    ``_doubts`` says of everything so far that is not known, or secret, why a function does not take it.
    """

    text: str
    variables: Variables
    room: int
    position: int = 0
    missing: set[str] = field(default_factory=set)
    not_evaluated: dict[str, str] = field(default_factory=dict)
    _values: dict[str, str] = field(default_factory=dict)
    _doubts: list[str] = field(default_factory=list)

    def pieces(self) -> Iterator[str]:
        """The text with its expressions replaced."""
        while match := _SPECIAL.search(self.text, self.position):
            yield self._counted(self.text[self.position : match.start()])
            self.position = match.end()
            yield self._counted("$") if match[0] == "$$" else self._value(match.start(), 0)
        yield self._counted(self.text[self.position :])

    def _value(self, start: int, depth: int) -> str:
        """The value of the expression that begins at ``start`` and whose name is next."""
        is_length = self._takes("#")
        name = _NAME.match(self.text, self.position)
        if name is None:
            raise self._error(start)
        if depth > _MOST_NESTED:
            raise SubstitutionError(f"it has more than {_MOST_NESTED} expressions in each other")
        self.position = name.end()
        doubts = len(self._doubts)
        function = "#" if is_length else self._matched(_FUNCTION)
        arguments = () if is_length else tuple(self._arguments(function, start, depth))
        if not self._takes("}"):
            raise self._error(start)
        if function in _DEFAULTS:
            return self._counted(self._of(name[0])) or "".join(arguments)
        if name[0] not in self.variables.values:
            self.missing.add(name[0])
            self._doubts.append(f"depends on ${{{name[0]}}}, which {self.variables.why_missing(name[0])}")
            return self._kept(start, name[0])
        value = self._of(name[0])
        if not function:
            return self._counted(value)
        try:
            return self._applied(function, value, arguments, self._doubts[doubts:])
        except FunctionError as error:
            self.not_evaluated[name[0]] = str(error)
            self._doubts.append(str(error))
            return self._kept(start, name[0])

    def _applied(self, function: str, value: str, arguments: Sequence[str], doubts: Sequence[str]) -> str:
        """What a function makes of a value. Raises FunctionError."""
        if doubts:
            raise FunctionError(doubts[0])
        self._counted(value, _TOO_MUCH)
        if function == "//" and value.count(arguments[0]) * len("".join(arguments[1:])) > self.room:
            raise SubstitutionError(_TOO_LONG)
        return self._counted(envsubst.apply(function, value, arguments))

    def _kept(self, start: int, name: str) -> str:
        """An expression that stays, or only its variable if it has braces in it."""
        text = self.text[start : self.position]
        return self._counted(text if placeholders.is_one(text) else f"${{{name}}}")

    def _arguments(self, function: str, start: int, depth: int) -> Iterator[str]:
        if function in _DEFAULTS:
            yield from self._default(start, depth)
        elif function in _TAKES_PATTERN:
            yield self._argument(_TO_BRACE, start, depth)
        elif function == ":":
            yield self._argument(_TO_COLON, start, depth)
            if self._matched(_COLONS):
                yield self._argument(_TO_BRACE, start, depth)
        elif function.startswith("/"):
            yield self._argument(_OLD, start, depth)
            if not self._matched(_SLASHES):
                raise self._error(start)
            if not self.text.startswith("}", self.position):
                yield self._argument(_NEW, start, depth)

    def _argument(self, pattern: re.Pattern[str], start: int, depth: int) -> str:
        """A text, or one expression."""
        begin = self.position
        if self._takes("${"):
            return self._value(begin, depth + 1)
        text = self._matched(pattern)
        if not text:
            raise self._error(start)
        return _ESCAPE.sub(lambda match: match[0][1], text) if pattern in (_OLD, _NEW) else text

    def _matched(self, pattern: re.Pattern[str]) -> str:
        """Reads what a pattern matches next, and returns it; an empty text if it does not."""
        match = pattern.match(self.text, self.position)
        self.position = self.position if match is None else match.end()
        return "" if match is None else match[0]

    def _takes(self, text: str) -> bool:
        """Reads a text if it comes next, and returns whether it does."""
        found = self.text.startswith(text, self.position)
        self.position += len(text) if found else 0
        return found

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
        if name in self.variables.secret:
            self._doubts.append("takes a part of a secret value, which no report may show")
        if name not in self._values:
            value = self.variables.values.get(name, "").replace("\n", "")
            if _LINE_BREAK.search(value):
                raise SubstitutionError(f"the value of ${{{name}}} holds a line break other than a line feed")
            self._values[name] = value
        return self._values[name]

    def _counted(self, piece: str, message: str = _TOO_LONG) -> str:
        self.room -= len(piece)
        if self.room < 0:
            raise SubstitutionError(message)
        return piece

    def _error(self, start: int) -> ExpressionError:
        shown = self.text[start : start + _LONGEST_SHOWN].splitlines()[0]
        return ExpressionError(f"{shown} is not an expression that Flux can read; write $${{ for the text")
