"""Resolves which ``.Values`` paths an action can refer to: follows dot and variables through range, with and calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TypeAlias

from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import Token, Word
from kgate.values import dataclass

Step: TypeAlias = str | None
"""A key below ``.Values``; None stands for any member of a collection."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A path below ``.Values``."""

    path: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """The object that a manifest template starts with, which holds ``.Values``."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The result of ``dict``: for each key what its value may be. Two are never equal: comparing deep ones is slow."""

    members: Mapping[str, Meanings] = field(hash=False)


Meanings: TypeAlias = tuple["Ref | Root | Table", ...]
"""Everything that an expression may evaluate to, as far as that is known without rendering."""

ROOT: Meanings = (Root(),)
_MOST = 64


@dataclass(slots=True)
class Scope:
    """What the dot, ``$`` and the variables are at one place of a template."""

    dot: Meanings
    root: Meanings
    variables: dict[str, Meanings] = field(default_factory=dict)

    def evaluate(self, body: str) -> Meanings:
        """What the operands of an expression may be."""
        return self._pipeline(gotemplate.parse(body))

    def _pipeline(self, stages: list[list[Word]]) -> Meanings:
        return _union(self._command(stage) for stage in stages)

    def _command(self, words: list[Word]) -> Meanings:
        name = words[0].text if words else ""
        if name == "dict":
            return (self._table(words[1:]),)
        if name in ("index", "get", "dig") and len(words) > 1:
            keys = words[1:] if name == "dig" else words[2:]
            base = self._word(words[-1] if name == "dig" else words[1])
            for key in keys[:-2] if name == "dig" else keys:
                base = _member(base, key.literal)
            return base
        return _union(self._word(word) for word in words)

    def _table(self, words: list[Word]) -> Table:
        pairs = zip(words[::2], words[1::2], strict=False)
        return Table({key.literal: self._word(value) for key, value in pairs if key.literal is not None})

    def _word(self, word: Word) -> Meanings:
        if word.group is not None:
            found = self._pipeline(word.group)
        elif word.text.startswith("$"):
            name = word.text.partition(".")[0]
            found = self.root if name == "$" else self.variables.get(name, ())
        elif word.text.startswith("."):
            found = self.dot
        else:
            return ()
        for key in filter(None, word.text.partition(".")[2].split(".")):
            found = _member(found, key)
        return found


def _union(parts: Iterable[Meanings]) -> Meanings:
    seen: list[Ref | Root | Table] = []
    for part in parts:
        seen += (meaning for meaning in part if meaning not in seen)
    return tuple(seen[:_MOST])


def _member(meanings: Meanings, key: str | None) -> Meanings:
    """What a member of these may be; the key is None if it is not known."""
    found: list[Meanings] = []
    for meaning in meanings:
        if isinstance(meaning, Ref):
            found.append((Ref((*meaning.path, key)),))
        elif isinstance(meaning, Table):
            found.append(meaning.members.get(key, ()) if key is not None else ())
        elif key == "Values":
            found.append((Ref(()),))
    return _union(found)


_ASSIGNED = re.compile(r"\s*(\$\w+)\s*(?:,\s*(\$\w+)\s*)?(:?=)(.*)", re.DOTALL)
_OPENING = ("if", "range", "with", "define", "block")


def scope_at(tokens: Iterable[Token], offset: int, argument: Meanings) -> Scope:
    """The scope at an offset of a template; ``argument`` is what the call of a helper template passes."""
    scope = Scope(ROOT, ROOT)
    saved: list[tuple[str, Scope]] = []
    for token in tokens:
        if token.start >= offset:
            break
        if not token.body or token.is_comment:
            continue
        word = gotemplate.keyword(token.body)
        if word in _OPENING:
            saved.append((word, scope))
            scope = _entered(scope, word, token.body.strip()[len(word) :], argument)
        elif word == "end" and saved:
            scope = saved.pop()[1]
        elif word == "else" and saved and saved[-1][0] in ("with", "range"):
            rest = token.body.strip()[4:].strip()
            inner = rest.startswith("with ")
            scope = _entered(saved[-1][1], "with", rest[5:], argument) if inner else saved[-1][1]
        elif not word:
            _assign(scope, token.body)
    return scope


def _entered(scope: Scope, word: str, body: str, argument: Meanings) -> Scope:
    """The scope inside a block. It shares variables with the blocks around it, except in a helper template."""
    if word == "define":
        return Scope(argument, argument)
    if word == "block":
        return Scope(scope.evaluate(body), scope.evaluate(body))
    if word == "if":
        return scope
    found = _ASSIGNED.match(body)
    meanings = scope.evaluate(found[4] if found else body)
    if word == "range":
        meanings = _member(meanings, None)
    if found:
        scope.variables[found[2] or found[1]] = meanings
    return Scope(meanings, scope.root, scope.variables)


def _assign(scope: Scope, body: str) -> None:
    found = _ASSIGNED.match(body)
    if found:
        meanings = scope.evaluate(found[4])
        before = scope.variables.get(found[1], ()) if found[3] == "=" else ()
        scope.variables[found[1]] = _union((meanings, before))


def passed_argument(scope: Scope, body: str) -> Meanings:
    """What an action passes to the helper template that it calls."""
    call = gotemplate.named(body) or gotemplate.included(gotemplate.pipeline(body)[0])
    return scope.evaluate(call.after) if call else ()
