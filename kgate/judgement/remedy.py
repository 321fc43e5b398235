"""Says what would fix an offence: the fields to change, with their places, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgate.judgement.offence import Offence
from kgate.model import Condition, FieldChange, Fix, Json, Pointer, Remedy, Resource, json_text, value_at
from kgate.rules import cel, fieldpath
from kgate.rules.variables import bound_condition
from kgate.values import dataclass


def remedy(offence: Offence) -> Remedy | None:
    """Returns what would fix an offence; None if its rule has no fix for it."""
    fix = offence.rule.fix
    if fix is None or offence.blame.item is None:
        return None
    obstacle, doubt = _failing(offence, fix)
    if obstacle:
        return Remedy(obstacle=obstacle)
    wishes = [wish for wish in _wishes(fix, offence) if not wish.is_fulfilled]
    obstacle = next((wish.obstacle for wish in wishes if wish.obstacle), "")
    if obstacle or not wishes:
        return Remedy(obstacle=obstacle or "the field is not the one that its fix sets")
    doubt = doubt or next((wish.doubt for wish in wishes if wish.doubt), "")
    resource = offence.target.resource
    changes = tuple(_change(resource, wish) for wish in wishes)
    return Remedy(changes, doubt if fix.is_safe or doubt else UNSAFE)


UNSAFE = "the program may need it as it is"
"""Said of a fix that is not safe, if nothing more is known."""


def _failing(offence: Offence, fix: Fix) -> tuple[str, str]:
    """Returns why there is no fix, and why it is not safe, as far as the conditions say so; else empty texts."""
    obstacle = doubt = ""
    for condition in fix.when:
        if condition.is_advice and doubt:
            continue
        if not _holds(condition, offence):
            obstacle, doubt = (obstacle, condition.otherwise) if condition.is_advice else (condition.otherwise, doubt)
    return obstacle, doubt


def _holds(condition: Condition, offence: Offence) -> bool:
    """True if a condition holds for what offends; one that cannot be evaluated does not."""
    variables = {**offence.target.variables, "item": _item(offence)}
    return cel.evaluate(bound_condition(offence.rule, condition.expression), variables) is True


def _item(offence: Offence) -> Json:
    """Returns the value that the rule was asked about."""
    tokens = offence.blame.item or ()
    value = offence.target.body
    if tokens and tokens[0] == "metadata" and offence.target.kind == "pod":
        value, tokens = offence.target.variables["metadata"], tokens[1:]
    for token in tokens:
        value = value[token]
    return value


@dataclass(frozen=True, slots=True)
class _Wish:
    """A field and the value that it is to have (None: it is to be absent), and the one that it has; ``is_strange`` says
    that a parent of it is there and not a mapping."""

    path: str
    pointer: Pointer
    wanted: Json
    value: Json
    is_strange: bool

    @property
    def is_fulfilled(self) -> bool:
        """True if nothing has to be changed."""
        if isinstance(self.wanted, list) and isinstance(self.value, list):
            return all(member in self.value for member in self.wanted)
        return not self.is_strange and type(self.value) is type(self.wanted) and self.value == self.wanted

    @property
    def obstacle(self) -> str:
        """Why the field cannot be changed; empty if it can."""
        if self.is_strange:
            return f"a parent of {self.path} is not a mapping"
        has_wrong_shape = isinstance(self.value, Mapping | list) != isinstance(self.wanted, Mapping | list)
        if self.value is not None and self.wanted is not None and has_wrong_shape:
            return f"{self.path} has a value of the wrong type"
        return ""

    @property
    def doubt(self) -> str:
        """Why it is not safe to change the field: somebody chose its value. Empty if it is absent or a list."""
        if self.value is None or isinstance(self.value, list):
            return ""
        return f"somebody wrote {self.path.rpartition('.')[2]}: {json_text(self.value)}"


def _wishes(fix: Fix, offence: Offence) -> Iterator[_Wish]:
    """Yields the fields that a fix is about; those to correct or remove only if they are there."""
    for path, wanted in fix.set:
        yield _wish(path, wanted, offence)
    for path, wanted in (*fix.correct, *((path, None) for path in fix.remove)):
        wish = _wish(path, wanted, offence)
        if wish.value is not None:
            yield wish


def _wish(path: str, wanted: Json, offence: Offence) -> _Wish:
    tokens = fieldpath.tokens(path)
    target = offence.target
    way: tuple[str | int, ...]
    if target.kind == "container" and tokens[0] == "pod":
        holder, inner, way = target.variables["pod"], tokens[1:], tokens
    else:
        holder, inner, way = _item(offence), tokens, (*(offence.blame.item or ()), *tokens)
    for token in inner[:-1]:
        if holder is not None and not isinstance(holder, Mapping):
            return _Wish(path, target.pointer(way), wanted, None, is_strange=True)
        holder = holder.get(token) if holder is not None else None
    is_strange = holder is not None and not isinstance(holder, Mapping)
    value = holder.get(inner[-1]) if isinstance(holder, Mapping) else None
    return _Wish(path, target.pointer(way), wanted, value, is_strange)


def _change(resource: Resource, wish: _Wish) -> FieldChange:
    """Returns the change that a wish asks for, with the place of the nearest parent that is there."""
    pointer = wish.pointer
    while pointer and value_at(resource.body, pointer) is None:
        pointer = pointer.rpartition("/")[0]
    place = resource.locate(pointer).at(resource.pointer + pointer)
    return FieldChange(resource.pointer + wish.pointer, wish.wanted, place)
