"""Keeps what was found out about renderings, for a second scan that gets the same ones back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kgate.judgement.engine import Judge, Judgement
from kgate.kubernetes.facts import Facts
from kgate.model import Resource
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class _Joined:
    """The facts of some resources, beside what is known of plain manifests."""

    resources: Sequence[Resource]
    plain: Facts | None
    facts: Facts


class KeptJudgements:
    """Facts and judgements, by the very objects that they were made from, of which nothing changes. What was read or
    rendered anew is another object, and is judged anew."""

    def __init__(self) -> None:
        self._joined: dict[tuple[int, ...], _Joined] = {}
        self._judged: dict[tuple[int, int, int], tuple[Resource, Facts, Judge, Judgement]] = {}

    def joined(self, resources: Sequence[Resource], plain: Facts | None, join: Callable[[], Facts]) -> Facts:
        """Returns the facts that ``join`` makes of resources, and of what is known of plain manifests."""
        key = tuple(map(id, resources))
        known = self._joined.get(key)
        if known is None or not _is_same(known.plain, plain):
            known = self._joined[key] = _Joined(resources, plain, join())
        return known.facts

    def judged(self, judge: Judge, resource: Resource, facts: Facts) -> Judgement:
        """Returns what a judge says of a resource."""
        key = id(judge), id(resource), id(facts)
        if key not in self._judged:  # the members keep the objects, and so their ids
            self._judged[key] = resource, facts, judge, judge.judge(resource, facts)
        return self._judged[key][-1]


def _is_same(one: Facts | None, other: Facts | None) -> bool:
    """True if what is known of plain manifests is equal, and comes from the same objects as far as that is not
    compared (Facts.defined, Facts.runners): their places count, too."""
    if one is None or other is None:
        return one is other
    return (
        one == other
        and _are_same(one.defined, other.defined)
        and one.runners.keys() == other.runners.keys()
        and all(_are_same(members, other.runners[name]) for name, members in one.runners.items())
        and all(map(_is_same, one.clusters, other.clusters))
    )


def _are_same(some: Sequence[Resource], others: Sequence[Resource]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))
