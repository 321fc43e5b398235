"""Entries of ``gates``: what the resources that they match must reach instead of what all others must."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from kgate.judgement.bar import Bar
from kgate.kubernetes.pss import asked
from kgate.kubernetes.scopes import own_file
from kgate.model import FailOn, Json, Note, Resource, ResourceId, Severity
from kgate.sources.pathlines import PathLines
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.rendering.goglob import Glob


@dataclass(frozen=True, slots=True)
class Match:
    """Which resources an entry is about: those that fit each of these that is not empty.

    ``paths`` are lines as in .kgateignore, ``kinds`` written as in rule files; ``namespaces``, ``names`` and the values
    of ``labels`` are patterns of path.Match.
    """

    paths: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnBar:
    """An entry: whom it matches, what it asks of them, None where it says nothing, and the line of each key."""

    match: Match
    min_score: int | None = None
    level: str | None = None
    fail_on: Severity | None = None
    minor: int | None = None
    path: str = field(default="", compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)

    def place(self, key: str) -> str:
        """The place of a key, in reports."""
        return f"{self.path}:{self.lines[key]}"


GATE_KEYS = {"min-score": "min_score", "level": "level", "fail-on": "fail_on", "kubernetes-version": "minor"}
"""What an entry may ask for: the keys of a configuration, and the fields of OwnBar."""


def gate_json(entry: OwnBar) -> dict[str, Json]:
    """An entry as a configuration has it."""
    values = {
        "min-score": entry.min_score,
        "level": entry.level,
        "fail-on": entry.fail_on.label if entry.fail_on else None,
        "kubernetes-version": f"1.{entry.minor}" if entry.minor is not None else None,
    }
    stated = {key: value for key, value in values.items() if value is not None}
    return {"match": _match_json(entry.match), **stated}


def _match_json(match: Match) -> dict[str, Json]:
    names = ("paths", "namespaces", "kinds", "names")
    lists = {name: list(getattr(match, name)) for name in names if getattr(match, name)}
    return {**lists, **({"labels": dict(match.labels)} if match.labels else {})}


class MatchedGates:
    """The entries in their order, ready to be asked (judgement.bar.Gates). ``wants_all`` says that a scan sees so much
    that each should match something."""

    def __init__(self, entries: Sequence[OwnBar], fail_on: Severity | None, *, wants_all: bool) -> None:
        self._entries = [(entry, _Matcher(entry.match)) for entry in entries]
        self._fail_on = FailOn(fail_on) if any(entry.fail_on is not None for entry in entries) else None
        self._wants_all = wants_all

    def bar(self, resource: Resource, of_others: Bar) -> tuple[Bar, Collection[int]]:
        """See Gates. The first entry that matches decides for each key that it states."""
        matched = [number for number, (_, matcher) in enumerate(self._entries) if matcher.fits(resource)]
        score = level = fail_on = minor = None
        for number in matched:
            entry = self._entries[number][0]
            score = entry if score is None and entry.min_score is not None else score
            level = entry if level is None and entry.level is not None else level
            fail_on = entry if fail_on is None and entry.fail_on is not None else fail_on
            minor = entry.minor if minor is None else minor
        return Bar(
            of_others.min_score if score is None else score.min_score or 0,
            of_others.level if level is None else asked(level.level),
            self._fail_on if fail_on is None else FailOn(fail_on.fail_on, fail_on.place("fail-on")),
            of_others.minor if minor is None else minor,
            of_others.min_score_place if score is None else score.place("min-score"),
            of_others.level_place if level is None else level.place("level"),
        ), matched

    def unused(self, matched: Collection[int]) -> Iterator[Note]:
        """See Gates."""
        for number, (entry, _) in enumerate(self._entries) if self._wants_all else ():
            if number not in matched:
                message = f"gates[{number}] matches nothing in the repository; correct its `match`, or remove it"
                yield Note(entry.path, entry.lines.get("match"), message)


class _Matcher:
    """A Match with compiled patterns."""

    def __init__(self, match: Match) -> None:
        self._match = match
        self._paths = PathLines(match.paths)

    def fits(self, resource: Resource) -> bool:
        """True if a resource fits everything that is named, or an object does that it was made for."""
        fits_who = any(map(self._fits_who, (resource.id, *resource.owners)))
        return fits_who and self._fits_labels(resource) and self._fits_path(resource)

    def _fits_who(self, who: ResourceId) -> bool:
        match = self._match
        if match.kinds and set(match.kinds).isdisjoint(who.kinds):
            return False
        if match.namespaces and not _any(self._namespaces, who.namespace):
            return False
        return not match.names or _any(self._names, who.name)

    def _fits_labels(self, resource: Resource) -> bool:
        metadata = resource.body.get("metadata")
        labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
        found = labels if isinstance(labels, Mapping) else {}
        return all(isinstance(found.get(key), str) and glob.matches(found[key]) for key, glob in self._labels)

    def _fits_path(self, resource: Resource) -> bool:
        """True if a pattern matches the file that a resource begins in, or the chart or kustomization that it was
        rendered by (its folder, or its own file there), or a folder above."""
        if not self._match.paths:
            return True
        rendering = resource.rendering
        if self._paths.cover(resource.locate("").path):
            return True
        return rendering is not None and (
            self._paths.cover(rendering.path, is_dir=True) or self._paths.cover(own_file(rendering))
        )

    @cached_property
    def _namespaces(self) -> list[Glob]:
        return _globs(self._match.namespaces)

    @cached_property
    def _names(self) -> list[Glob]:
        return _globs(self._match.names)

    @cached_property
    def _labels(self) -> list[tuple[str, Glob]]:
        return [(key, glob) for key, pattern in self._match.labels for glob in _globs([pattern])]


def _any(globs: Sequence[Glob], text: str) -> bool:
    return any(glob.matches(text) for glob in globs)


def _globs(patterns: Sequence[str]) -> list[Glob]:
    from kgate.rendering.goglob import path_match

    return [path_match(pattern) for pattern in patterns]
