"""Keeps what holds for sure where a resource contains what only the cluster knows, what kgate made up, or chance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from kgate.judgement.offence import Offence
from kgate.judgement.unknown import Trials
from kgate.model import Gap, Json, Pointer, Resource, Rule, Unjudged, Unknown, child_pointer, field_path, is_number
from kgate.rules.reads import reads
from kgate.rules.variables import bound

_LONGEST_SHOWN = 60

Answer: TypeAlias = Offence | Gap
Ask: TypeAlias = Callable[[Resource], Iterable[Answer]]
"""Gives the answers of the rules for a resource, whatever is known of it."""

Result: TypeAlias = Answer | Unjudged
"""An answer, or a field whose value only the cluster knows."""

MAX_UNKNOWN = 50
"""Fields of one resource for which values are tried."""

MAX_TRIED = 50_000
"""Values of one resource that are judged in all trials together: a large one is tried less often."""


def sure_results(resource: Resource, ask: Ask, rules: Iterable[Rule]) -> Iterator[Result]:
    """Yields the results for a resource that hold in any case, and the fields of which nobody knows."""
    results: Iterable[Result] = _whatever_is_unknown(resource, ask, rules) if resource.unknown else ask(resource)
    if resource.otherwise is not None:
        other = ask(replace(resource, body=resource.otherwise, otherwise=None, unknown={}))
        results = _whatever_chance_decides(results, other)
    yield from (one for one in results if not isinstance(one, Offence) or not _is_invented(one, resource))


def _is_invented(offence: Offence, resource: Resource) -> bool:
    """True if kgate itself made up the value that offends: that of the field or, for a rule that names none, of a name
    or namespace that the rule reads."""
    if offence.is_about_reach or offence.is_about_neighbours:
        return False
    if offence.rule.fields:
        return resource.is_invented(offence.pointer)
    paths = reads([bound(offence.rule)]).paths
    names = (child_pointer("", *path[1:]) for path in paths if path[:2] == ("resource", "metadata"))
    return any(map(resource.is_invented, (offence.pointer, *names)))


# --------------------------------------------------------------------------------------------- chance


def _whatever_chance_decides(results: Iterable[Result], others: Iterable[Answer]) -> Iterator[Result]:
    """The results that another rendering has as well. If it is a number that chance decides, nobody knows."""
    there = {(one.rule.id, one.pointer): one for one in others if isinstance(one, Offence)}
    here = set()
    for result in results:
        if not isinstance(result, Offence) or (result.rule.id, result.pointer) in there:
            yield result
        elif is_number(result.value):
            yield _undecided(result)
        here |= {(result.rule.id, result.pointer)} if isinstance(result, Offence) else set()
    yield from (_undecided(one) for key, one in there.items() if key not in here and is_number(one.value))


def _undecided(offence: Offence) -> Gap:
    text = f"chance decides {field_path(offence.pointer)}, so {offence.rule.id} cannot judge it; write a fixed value"
    return Gap(offence.pointer, text)


# --------------------------------------------------------------------------------------------- unknown values


def _whatever_is_unknown(resource: Resource, ask: Ask, rules: Iterable[Rule]) -> Iterator[Result]:
    """The results that hold whatever the unknown values are, and the fields whose values decide about more."""
    results = [one for one in ask(resource) if not _is_gap_at(one, resource.unknown)]
    sure = here = {_identity(result) for result in results}
    doubtful: list[Unjudged] = []
    trials = Trials(rules)
    turns = iter(range(MAX_TRIED // _size(resource.body)))
    for number, (pointer, what) in enumerate(sorted(resource.unknown.items())):
        tried = zip(trials.of(resource, pointer, what), turns, strict=False)
        outcomes = _outcomes((trial for trial, _ in tried), ask, here) if number < MAX_UNKNOWN else set()
        if next(turns, None) is None:
            outcomes = set()
        if len(outcomes) != 1:
            doubtful.append(_unjudged(resource, pointer, what))
        sure = sure.intersection(*outcomes)
    yield from (result for result in results if _identity(result) in sure)
    yield from doubtful


def _is_gap_at(result: Answer, places: Collection[Pointer]) -> bool:
    """True if something is of a wrong type that is not known."""
    return isinstance(result, Gap) and result.pointer in places


def _size(body: Json) -> int:
    """How many values a body holds, at least one."""
    members = body.values() if isinstance(body, Mapping) else body if isinstance(body, list) else ()
    return 1 + sum(map(_size, members))


def _outcomes(trials: Iterable[Resource], ask: Ask, here: Collection[Hashable]) -> set[frozenset[Hashable]]:
    """Returns what is found with one value or another; values that only add problems, as those of a wrong type do, do
    not count."""
    found: set[frozenset[Hashable]] = set()
    for trial in trials:
        own = frozenset(map(_identity, ask(trial)))
        if all(one in here for one in own if isinstance(one, Gap)):
            found.add(own)
    return found


def _identity(result: Answer) -> Hashable:
    """What is the same for an offence, or a gap, whatever the value that it is about."""
    return (result.rule.id, result.target.pointer(())) if isinstance(result, Offence) else result


def parted(gaps: Iterable[Gap], resource: Resource) -> tuple[list[Gap], list[Unjudged]]:
    """Parts what is of a wrong type from what is only not known."""
    known = [gap for gap in gaps if gap.pointer not in resource.unknown]
    places = (gap.pointer for gap in gaps if gap.pointer in resource.unknown)
    return known, [_unjudged(resource, place, resource.unknown[place]) for place in places]


def _unjudged(resource: Resource, pointer: Pointer, unknown: Unknown) -> Unjudged:
    place = unknown.place or resource.locate(pointer)
    subject = f"{resource.id}: {field_path(pointer)}"
    text = unknown.text if len(unknown.text) <= _LONGEST_SHOWN else f"{unknown.text[:_LONGEST_SHOWN]}…"
    return Unjudged(place.path, place.start.line, f"{text} {unknown.reason}", subject)
