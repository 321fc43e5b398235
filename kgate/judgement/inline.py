"""Waivers that stand in manifests: comments beside a field or object, and the annotation ``kgate.dev/allow``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Protocol

from kgate.judgement.waivers import FindingPattern, WaiverEntry
from kgate.model import Location, Position, ResourceId, Waiver
from kgate.values import dataclass

MARK = "kgate:"
ANNOTATION = "kgate.dev/allow"

_COMMENT = re.compile(r"(?:^|\s)#\s*kgate:\s*(?P<yaml>.*)|\{\{-?\s*/\*\s*kgate:\s*(?P<helm>.*?)\s*\*/\s*-?\}\}")
_ONLY_COMMENT = re.compile(r"\s*(?:#.*|\{\{-?\s*/\*.*\*/\s*-?\}\}\s*)")
_ALLOW = re.compile(r"allow\s*\[([^\]]*)\](.*)", re.DOTALL)
_OPTION = re.compile(r"\s*([A-Za-z][\w-]*)=(\S*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOST_LINES = 20
"""Lines of comments above something that are read."""


class MalformedError(ValueError):
    """What is wrong with a waiver in a manifest."""


class Comments(Protocol):
    """The files of a repository, as far as their comments waive something."""

    def paths(self) -> Iterator[str]:
        """The paths, as reports show them, of all files that may hold waivers."""

    def lines(self, path: str) -> Sequence[str]:
        """The lines of a file, by the path that reports show; none if it has no mark, or if there is no such file."""

    def is_trusted(self, path: str, text: str, who: ResourceId) -> bool | None:
        """True if no scanned change can have written a waiver: it stands as often about the object in the file of the
        trusted revision, or there is none. None if the file does not have it word for word."""


@dataclass(frozen=True, slots=True)
class InlineTerms:
    """What a waiver in a manifest must say besides its reason, how many days it may last, and which rules there are.
    Unless they ``are_on``, none counts."""

    comments: Comments
    rules: frozenset[str]
    are_on: bool = True
    needs_owner: bool = False
    needs_end: bool = False
    max_days: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a waiver, from ``allow`` on, and its place."""

    text: str
    location: Location


def in_comments(lines: Sequence[str], path: str, number: int) -> Iterator[Written]:
    """The waivers about what stands in a line: at its end, and in lines of comments directly above."""
    for here in range(number, max(0, number - _MOST_LINES), -1):
        line = lines[here - 1] if here <= len(lines) else ""
        if here < number and not _ONLY_COMMENT.fullmatch(line):
            return
        yield from _in_line(line, path, here)


def in_file(lines: Sequence[str], path: str) -> Iterator[Written]:
    """All waivers in the comments of a file, whatever they are about."""
    for number, line in enumerate(lines, 1):
        yield from (one for one in _in_line(line, path, number) if _ALLOW.match(one.text))


def _in_line(line: str, path: str, number: int) -> Iterator[Written]:
    for found in _COMMENT.finditer(line):
        text = (found["yaml"] if found["helm"] is None else found["helm"]).strip()
        column = line.index(MARK, found.start()) + 1
        start, end = Position(number, column), Position(number, len(line.rstrip()) + 1)
        yield Written(text, Location(path, start, end, snippet=line.strip()))


def in_annotation(value: object, location: Location) -> Iterator[Written]:
    """The waivers of an annotation, which lines or semicolons separate."""
    for part in re.split(r"[;\n]", value) if isinstance(value, str) else ():
        if text := " ".join(part.split()):
            yield Written(text, location)


def parse(written: Written, terms: InlineTerms, today: date) -> WaiverEntry:
    """The waiver that a text is. Raises MalformedError."""
    match = _ALLOW.match(written.text)
    if match is None:
        raise MalformedError("write allow[RULE] until=DATE owner=WHO and a reason")
    rules = tuple(name.strip() for name in match[1].split(","))
    options, reason = _options(match[2])
    owner, until = options.get("owner", ""), _until(options)
    _check_rules(rules, terms.rules)
    if not reason:
        raise MalformedError("the reason is missing; say why it is accepted")
    if terms.needs_owner and not owner:
        raise MalformedError("owner= is missing; write who accepts it")
    if until is None and (terms.needs_end or terms.max_days is not None):
        raise MalformedError("until= is missing; write its last day")
    if until is not None and terms.max_days is not None and (until - today).days > terms.max_days:
        raise MalformedError(f"until= is {(until - today).days:,} days ahead; {terms.max_days:,} are allowed")
    place = f"{written.location.path}:{written.location.start.line}"
    end = until.isoformat() if until else ""
    return WaiverEntry(
        FindingPattern(rules), Waiver(reason, owner, end, place, is_inline=True), until, written.location
    )


def _options(text: str) -> tuple[dict[str, str], str]:
    """The words with a value at the beginning of a text, and the rest of it."""
    found: dict[str, str] = {}
    while option := _OPTION.match(text):
        name, value = option.groups()
        if name not in ("until", "owner"):
            raise MalformedError(f"'{name}=' is not known; write until= or owner=, and the reason after them")
        if name in found or not value:
            raise MalformedError(f"{name}= {'stands there twice' if name in found else 'has no value'}")
        found[name] = value
        text = text[option.end() :]
    return found, " ".join(text.split())


def _until(options: dict[str, str]) -> date | None:
    if "until" not in options:
        return None
    text = options["until"]
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise MalformedError(f"until={text} is not a day such as 2027-01-31")
    return day


def _check_rules(rules: Sequence[str], known: Collection[str]) -> None:
    for name in rules:
        if not name:
            raise MalformedError("a rule is missing in the brackets")
        if name not in known:
            raise MalformedError(f"no rule has the id '{name}'")
