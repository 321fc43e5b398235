"""Finds the field that a rule's answer is about: the one that offends, or the one that cannot be judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgate.judgement.target import Target
from kgate.model import Json, Rule
from kgate.rules import cel, fieldpath
from kgate.rules.variables import bound
from kgate.values import dataclass

Tokens = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Blame:
    """A rule that a target offends, and the tokens, from the target, of the field to blame.

    ``stable_name`` is the same way with list items by name (Target.stable_name), ``is_explicit`` says that the field
    has a value of its own that offends, where its absence would offend as well. ``item`` leads from the target to
    the value that offends, if a path of ``each`` reaches it; None for an entry of a mapping.
    """

    rule: Rule
    tokens: Tokens
    stable_name: str
    is_explicit: bool = False
    item: Tokens | None = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field of a target, by its tokens, that a rule cannot judge, and the reason as a clause."""

    rule: Rule
    tokens: Tokens
    reason: str


def examine(rule: Rule, target: Target, answer: bool | cel.CelError) -> Iterator[Blame | Doubt]:
    """Asks a rule that did not answer True once more, item by item, to find the offence or the fault."""
    for item in fieldpath.items(target.kind, target.variables, rule.each):
        if isinstance(item, fieldpath.WrongType):
            yield Doubt(rule, item.tokens, f"it must be a {item.wanted}")
            continue
        verdict = cel.evaluate(bound(rule), {**target.variables, "item": item.value}) if rule.each else answer
        if isinstance(verdict, cel.CelError):
            tokens = (*item.tokens, *(fieldpath.tokens(rule.fields[0]) if rule.fields else ()))
            yield Doubt(rule, tokens, f"the expression of the rule fails here ({verdict})")
        elif not verdict and (target.is_whole or rule.each or _present_fields(rule, target, item)):
            tokens, is_explicit = _blamed_field(rule, target, item)
            yield Blame(rule, tokens, target.stable_name(tokens), is_explicit, None if item.is_entry else item.tokens)


def _present_fields(rule: Rule, target: Target, item: fieldpath.Item) -> list[str]:
    return [field for field in rule.fields if _holder(field, target, item)[2]]


def _blamed_field(rule: Rule, target: Target, item: fieldpath.Item) -> tuple[Tokens, bool]:
    """The tokens, from the target, of the field that a finding points at, and whether somebody chose what is the
    default anyway (``Blame.is_explicit``).

    Of the rule's fields that are present: the first one without which the rule would be satisfied, else the first
    one. If none is present: the first of all, which is then located at its nearest parent.
    """
    if item.is_entry:
        return item.tokens, False
    present = _present_fields(rule, target, item)
    if len(present) > 1:
        present.sort(key=lambda field: not _satisfied_without(rule, target, item, field))
    field = present[0] if present else (rule.fields[0] if rule.fields else "")
    tokens = fieldpath.tokens(field)
    is_explicit = bool(present) and _holds_scalar(field, target, item)
    is_explicit = is_explicit and not _satisfied_without(rule, target, item, field)
    return tokens if _is_pod_field(field, target) else (*item.tokens, *tokens), is_explicit


def _holds_scalar(field: str, target: Target, item: fieldpath.Item) -> bool:
    """True if a field has a single value: a list or mapping may be half of what a rule wants (``drop: [NET_RAW]``)."""
    value, tokens, _ = _holder(field, target, item)
    for token in tokens:
        value = value.get(token) if isinstance(value, Mapping) else None
    return value is not None and not isinstance(value, (Mapping, list))


def _is_pod_field(field: str, target: Target) -> bool:
    return target.kind == "container" and field.startswith("pod.")


def _holder(field: str, target: Target, item: fieldpath.Item) -> tuple[Json, tuple[str, ...], bool]:
    """The value that a field path starts from, the path's tokens, and whether the field is present."""
    tokens = fieldpath.tokens(field)
    if target.component is not None:  # a default stands in no file, and a mount not among the settings
        return item.value, tokens[:1], field in target.component.places
    if _is_pod_field(field, target):
        value, tokens = target.variables["pod"], tokens[1:]
    else:
        value = item.value
    return value, tokens, fieldpath.is_present(value, tokens)


def _satisfied_without(rule: Rule, target: Target, item: fieldpath.Item, field: str) -> bool:
    """True if the rule would be satisfied if a field were absent."""
    holder, tokens, _ = _holder(field, target, item)
    changed = fieldpath.without(holder, tokens)
    variables = {**target.variables, "item": item.value}
    if _is_pod_field(field, target):
        variables["pod"] = changed
    else:
        variables["item"] = changed
        if not item.tokens:
            variables[target.kind] = changed
    return cel.evaluate(bound(rule), variables) is True
