"""Reads ``gates``: what some resources must reach instead of what all others must."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from kgate.errors import ConfigError
from kgate.gates import Match, OwnBar
from kgate.kubernetes.pss import LEVELS, parse_version
from kgate.model import Severity
from kgate.policy.floor import threshold
from kgate.regexp import PatternError
from kgate.rendering.goglob import path_match
from kgate.sources import pathlines

if TYPE_CHECKING:
    from kgate.yamltree.fields import FileFields

GATE_FIELDS = ("match", "min-score", "level", "fail-on", "kubernetes-version")
MATCH_FIELDS = ("paths", "namespaces", "labels", "kinds", "names")
KIND = re.compile(r"[A-Z][A-Za-z0-9]*(\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?)?")


def read_gates(fields: FileFields, shown: str) -> Iterator[OwnBar]:
    """The entries of ``gates``; ``shown`` is the file's name in reports. Raises the error of the file."""
    for entry in fields.sections("gates", "mappings"):
        entry.only(GATE_FIELDS)
        if not entry.has("match"):
            entry.fault(f"{entry.name('match')} is missing; what all must reach stands at the top of the file", "match")
        if not any(entry.has(key) for key in GATE_FIELDS[1:]):
            entry.fault(f"{entry.name()} asks for nothing; write {', '.join(GATE_FIELDS[1:-1])} or {GATE_FIELDS[-1]}")
        fail_on = entry.one_of("fail-on", [severity.label for severity in reversed(Severity)])
        yield OwnBar(
            _match(entry.section("match")),
            threshold(entry, "min-score"),
            entry.one_of("level", LEVELS) or None,
            Severity.parse(fail_on) if fail_on else None,
            _minor(entry),
            shown,
            {key: entry.line(key) for key in GATE_FIELDS if entry.has(key)},
        )


def _minor(entry: FileFields) -> int | None:
    text = entry.text("kubernetes-version")
    try:
        return parse_version(text) if text else None
    except ConfigError as error:
        entry.fault(str(error), "kubernetes-version")


def _match(match: FileFields) -> Match:
    match.only(MATCH_FIELDS)
    if not any(match.has(key) for key in MATCH_FIELDS):
        match.fault(f"{match.name()} names nothing; write {', '.join(MATCH_FIELDS[:-1])} or {MATCH_FIELDS[-1]}")
    return Match(
        patterns(match, "paths", pathlines.check),
        patterns(match, "namespaces", path_match),
        tuple(_labels(match)),
        patterns(match, "kinds", _check_kind),
        patterns(match, "names", path_match),
    )


def patterns(match: FileFields, key: str, check: Callable[[str], object]) -> tuple[str, ...]:
    """Returns the strings of a field, of which at least one must be there if the field is; ``check`` raises
    PatternError for one that is no such pattern. Raises the error of the file."""
    texts = match.text_or_texts(key)
    if match.has(key) and not texts:
        match.fault(f"{match.name(key)} is empty, so nothing can fit it; remove it, or name something", key)
    is_list = isinstance(match.body.get(key), list)
    for index, text in enumerate(texts):
        _checked(match, text, check, *((key, index) if is_list else (key,)))
    return texts


def _labels(match: FileFields) -> Iterator[tuple[str, str]]:
    labels = match.section("labels")
    if match.has("labels") and not labels.root.fields:
        match.fault(f"{match.name('labels')} is empty; remove it, or name a label", "labels")
    for key in labels.root.fields or ():
        value = labels.text(key)
        _checked(labels, value, path_match, key)
        yield key, value


def _checked(fields: FileFields, text: str, check: Callable[[str], object], *names: str | int) -> None:
    if not text:
        fields.fault(f"{fields.name(*names)} is empty, so nothing can fit it; remove it, or name something", *names)
    try:
        check(text)
    except PatternError as error:
        fields.fault(f"{fields.name(*names)}: {error}", *names)


def _check_kind(text: str) -> None:
    if not KIND.fullmatch(text):
        raise PatternError(f"'{text}' is not a kind such as Deployment or Deployment.apps")
