"""Asks whether a value that is known only in the cluster decides anything: several values are tried in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from kgate.model import Json, Pointer, Resource, Rule, Unknown, pointer_tokens
from kgate.rules.variables import bound

_PLAIN = ("command", "args", "env")
"""Fields of containers with any text, in which rules look for words that no variable will hold."""

_EVERYWHERE = {"spec", "template", "metadata", "containers", "initContainers"}

_LITERAL = re.compile(
    r"""'((?:[^'\\]|\\.?)*+)(?:'|\Z)|"((?:[^"\\]|\\.?)*+)(?:"|\Z)|(?<![\w.])(\d{1,9})(?![\w.])""", re.DOTALL
)


class Trials:
    """The values that may make a difference to some rules: those that their expressions and examples hold, and a few
    more."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [(rule, " ".join((bound(rule), *rule.each))) for rule in rules]

    def of(self, resource: Resource, pointer: Pointer, unknown: Unknown) -> Iterator[Resource]:
        """The resource with one value after the other in place of what is unknown of a field."""
        tokens = pointer_tokens(pointer)
        before = _value(resource.body, tokens)
        values = self._values(tokens)
        if not isinstance(before, str) or unknown.text not in before:
            bodies = (_renamed(resource.body, tokens, unknown.text, str(value)) for value in values)
        elif before == unknown.text:
            bodies = (_with(resource.body, tokens, value) for value in values)
        else:
            texts = dict.fromkeys(_completed(before, unknown.text, values))
            bodies = (_with(resource.body, tokens, text) for text in texts)
        for body in bodies:
            yield replace(resource, body=body, unknown={})

    def _values(self, tokens: Sequence[str]) -> list[Json]:
        """Values for a field: of every type, and those of rules that name a field on the way to it."""
        if any(token in _PLAIN for token in tokens):
            return ["x"]
        words = {token for token in tokens if not token.isdigit()} - _EVERYWHERE
        fitting = [(rule, text) for rule, text in self._rules if any(word in text for word in words)]
        name = next((token for token in reversed(tokens) if not token.isdigit()), "")
        found = [*chain.from_iterable(_literals(text) for _, text in fitting)]
        found += [
            value for rule, _ in fitting for example in (*rule.good, *rule.bad) for value in _at(example.body, name)
        ]
        return list({(type(value), value): value for value in ("x", True, False, 0, 1, *found)}.values())


def _literals(text: str) -> Iterator[str | int]:
    """The strings and numbers of an expression, and the numbers after them."""
    for match in _LITERAL.finditer(text):
        if match[3]:
            yield from (int(match[3]), int(match[3]) + 1)
        else:
            yield match[1] or match[2] or ""


def _at(body: Json, name: str) -> Iterator[Json]:
    """The scalars in fields of a name, anywhere in a body, and in lists there."""
    pending = [(body, "")]
    while pending:
        value, key = pending.pop()
        if isinstance(value, Mapping):
            pending += [(member, own) for own, member in value.items()]
        elif isinstance(value, list):
            pending += [(member, key) for member in value]
        elif key == name and value is not None:
            yield value


def _completed(text: str, unknown: str, values: Iterable[Json]) -> Iterator[str]:
    """A text with values in place of its unknown part, and what makes it one of the values, if anything does."""
    before, _, after = text.partition(unknown)
    for value in map(str, values):
        yield text.replace(unknown, value)
        whole = value.rstrip("/")
        if whole.startswith(before) and whole.endswith(after) and len(whole) >= len(before) + len(after):
            yield whole


def _value(body: Json, tokens: Sequence[str]) -> Json:
    for token in tokens:
        body = body[int(token)] if isinstance(body, list) else body.get(token)
    return body


def _with(body: Json, tokens: Sequence[str], value: Json) -> Json:
    """A body with another value at a place; what is not on the way to it is shared."""
    if not tokens:
        return value
    first, *rest = tokens
    if isinstance(body, list):
        return [_with(member, rest, value) if str(n) == first else member for n, member in enumerate(body)]
    return {key: _with(member, rest, value) if key == first else member for key, member in body.items()}


def _renamed(body: Mapping[str, Json], tokens: Sequence[str], old: str, new: str) -> Json:
    """A body in which the key that a place ends with has another name."""
    *above, name = tokens
    holder = _value(body, above)
    return _with(body, above, {key.replace(old, new) if key == name else key: v for key, v in holder.items()})
