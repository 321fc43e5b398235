"""Reads waivers as users write them: entries of kgate-waivers.yaml or of ``waivers`` in a configuration, and what an
entry must say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from kgate.errors import RuleError
from kgate.judgement.inline import Comments, InlineTerms
from kgate.judgement.waivers import FindingPattern, RemarkPattern, ResourcePattern, WaiverEntry
from kgate.judgement.waiving import Waivers
from kgate.model import Json, Location, Problem, Rule, Unjudged, Waiver
from kgate.rules.load import find
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.wildcards import Wildcard
    from kgate.yamltree.fields import FileFields

NAME = "kgate-waivers.yaml"
FILE_FIELDS = ("accept",)
WAIVERS_FIELDS = ("require", "max-days", "inline", "never", "accept")
RESOURCE_FIELDS = ("kind", "namespace", "name")
REQUIRABLE = ("owner", "until")
LEAST_DAYS, MOST_DAYS = 1, 3660
FINGERPRINT = re.compile("[0-9a-f]{32}")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_KINDS = ("rule", "problem", "unjudged")
OF_FINDINGS = ("resource", "container", "field", "image", "fingerprint")
SCOPES = ("path", "resource", "image", "fingerprint")
ENTRY_FIELDS = (*_KINDS, "path", *OF_FINDINGS, "reason", "owner", "until")

_OTHER_KEYS = {
    "author": "write owner: WHO",
    "check": "write rule: ID",
    "comment": "write reason: WHY",
    "date": "write until: DATE",
    "expiration": "write until: DATE",
    "expires": "write until: DATE",
    "expiry": "write until: DATE",
    "file": "write path: FILE",
    "files": "write path: FILE, or a list of files",
    "id": "write rule: ID",
    "justification": "write reason: WHY",
    "kind": "write resource: {kind: KIND}",
    "name": "write resource: {name: NAME}",
    "namespace": "write resource: {namespace: NAMESPACE}",
    "statement": "write reason: WHY",
    "workload": "write resource: KIND/NAMESPACE/NAME",
}
"""What keys in the waivers of similar programs are here."""


@dataclass(frozen=True, slots=True)
class NamedRule:
    """The id of a rule that a file names, and its place there."""

    id: str
    place: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class WaiverPolicy:
    """What every entry must say besides its reason, how many days it may last, whether comments and annotations in
    manifests may waive, and which rules nobody may."""

    require: tuple[str, ...] = ()
    max_days: int | None = None
    inline: bool = True
    never: tuple[NamedRule, ...] = ()

    @property
    def wants_end(self) -> bool:
        """True if every entry needs its last day."""
        return "until" in self.require or self.max_days is not None

    def joined(self, other: WaiverPolicy) -> WaiverPolicy:
        """The stricter of two in each respect."""
        days = [one.max_days for one in (self, other) if one.max_days is not None]
        require = tuple(name for name in REQUIRABLE if name in (*self.require, *other.require))
        never = tuple(dict.fromkeys((*self.never, *other.never)))
        return WaiverPolicy(require, min(days, default=None), self.inline and other.inline, never)


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """An entry with its fields, for messages about it."""

    entry: WaiverEntry
    fields: FileFields = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WaiverFile:
    """All waivers of a configuration and of the file beside it."""

    policy: WaiverPolicy = WaiverPolicy()
    entries: tuple[WrittenEntry, ...] = ()

    def joined(self, other: WaiverFile) -> WaiverFile:
        """What both say: all entries, under the stricter policy."""
        return WaiverFile(self.policy.joined(other.policy), (*self.entries, *other.entries))


@dataclass(frozen=True, slots=True)
class WaiverSettings:
    """The waivers of a scan and the day of it. ``never`` are rules that a policy lets nobody waive."""

    file: WaiverFile = WaiverFile()
    today: date = date.max
    never: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------ in force


def in_force(
    settings: WaiverSettings, rules: Collection[Rule], comments: Comments | None = None, *, is_whole: bool
) -> Waivers:
    """The waivers of a scan with these rules; those in manifests are looked for in ``comments``. Raises RuleError for
    an id that no rule has, at its line."""
    for rule in settings.file.policy.never:
        _check_id(rule.id, rule.place, rules)
    for name in settings.never:
        find(rules, name)
    for written in settings.file.entries:
        pattern = written.entry.pattern
        for index, name in enumerate(pattern.rules if isinstance(pattern, FindingPattern) else ()):
            _check_id(name, f"{written.fields.faults.path}:{_line(written.fields, 'rule', index)}", rules)
    never = frozenset((*settings.never, *(rule.id for rule in settings.file.policy.never)))
    policy, ids = settings.file.policy, frozenset(rule.id for rule in rules)
    asked = policy.inline, "owner" in policy.require, "until" in policy.require, policy.max_days
    terms = None if comments is None else InlineTerms(comments, ids, *asked)
    return Waivers(tuple(one.entry for one in settings.file.entries), settings.today, never, is_whole, terms)


def _check_id(name: str, place: str, rules: Collection[Rule]) -> None:
    try:
        find(rules, name)
    except RuleError as error:
        raise RuleError(f"{place}: {error}") from None


def check(file: WaiverFile, today: date) -> None:
    """Raises the error of the first entry that its policy does not allow."""
    for written in file.entries:
        _check_entry(written, file.policy, today)


def _check_entry(written: WrittenEntry, policy: WaiverPolicy, today: date) -> None:
    entry, fields = written.entry, written.fields
    if "owner" in policy.require and not entry.waiver.owner:
        fields.fault(f"{fields.name('owner')} is missing; write who accepts it, as waivers.require wants", "owner")
    if policy.wants_end and entry.until is None:
        wish = "waivers.require" if "until" in policy.require else "waivers.max-days"
        fields.fault(f"{fields.name('until')} is missing; write its last day, as {wish} wants", "until")
    if policy.max_days is not None and entry.until is not None and (entry.until - today).days > policy.max_days:
        latest = today + timedelta(days=policy.max_days)
        message = f"{fields.name('until')} is {(entry.until - today).days:,} days ahead, and waivers.max-days allows"
        fields.fault(f"{message} {policy.max_days:,}; write {latest.isoformat()} or earlier", "until")
    never = {rule.id: rule.place for rule in policy.never}
    pattern = entry.pattern
    for index, name in enumerate(pattern.rules if isinstance(pattern, FindingPattern) else ()):
        if name in never:
            fields.fault(f"{name} cannot be waived, as waivers.never lists it ({never[name]})", *_names(fields, index))


# -------------------------------------------------------------------------------------------- policy


def parse_waivers(fields: FileFields, shown: str) -> WaiverFile:
    """The field ``waivers`` of a configuration, which reports call ``shown``. Raises its error."""
    if not fields.has("waivers"):
        return WaiverFile()
    own = fields.section("waivers")
    own.only(WAIVERS_FIELDS, {"rules": "write a list of entries below accept", "max-age": "write max-days: NUMBER"})
    require = tuple(_choice(own, index, text) for index, text in own.texts("require", "owner and until"))
    policy = WaiverPolicy(
        tuple(name for name in REQUIRABLE if name in require),
        own.number("max-days", LEAST_DAYS, MOST_DAYS, "days"),
        own.flag("inline") or not own.has("inline"),
        tuple(NamedRule(name, f"{shown}:{own.line('never', index)}") for index, name in own.texts("never", "rule ids")),
    )
    return WaiverFile(policy, tuple(_entries(own, shown)))


def _choice(fields: FileFields, index: int, text: str) -> str:
    if text not in (*REQUIRABLE, "reason"):
        fields.fault(f"{fields.name('require', index)} must be owner or until", "require", index)
    return text


def parse_file(fields: FileFields, shown: str) -> WaiverFile:
    """The contents of kgate-waivers.yaml. Raises its error."""
    moved = {name: f"it belongs in kgate.yaml, below waivers: {name}" for name in WAIVERS_FIELDS if name != "accept"}
    fields.only(FILE_FIELDS, {"waivers": "write the entries below accept", **moved})
    return WaiverFile(WaiverPolicy(), tuple(_entries(fields, shown)))


# ------------------------------------------------------------------------------------------- entries


def _entries(fields: FileFields, shown: str) -> Iterator[WrittenEntry]:
    for entry in fields.sections("accept", "waivers"):
        yield WrittenEntry(_entry(entry, shown), entry)


def _entry(fields: FileFields, shown: str) -> WaiverEntry:
    fields.only(ENTRY_FIELDS, _OTHER_KEYS)
    kinds = [kind for kind in _KINDS if fields.has(kind)]
    if not kinds:
        where = fields.name() or "an entry"
        fields.fault(f"{where} names no rule; write rule: ID, or problem: or unjudged: with a part of the message")
    if len(kinds) > 1:
        fields.fault(f"{fields.name()} has {' and '.join(kinds)}; write an entry for each", kinds[1])
    pattern = _finding_pattern(fields) if kinds == ["rule"] else _remark_pattern(fields, kinds[0])
    until = _until(fields)
    location = replace(fields.place(), path=shown)
    reason = " ".join(_said(fields, "reason", "say why it is accepted").split())
    owner = _said(fields, "owner", "say who accepts it") if fields.has("owner") else ""
    end = until.isoformat() if until else ""
    return WaiverEntry(pattern, Waiver(reason, owner.strip(), end, _place(location)), until, location)


def _place(location: Location) -> str:
    return f"{location.path}:{location.start.line}"


def _finding_pattern(fields: FileFields) -> FindingPattern:
    rules = tuple(text for _, text in _texts(fields, "rule"))
    if not any(fields.has(name) for name in SCOPES):
        scopes = "name a path, resource, image or fingerprint, or write path: '**' if that is meant"
        fields.fault(f"{fields.name()} waives {', '.join(rules)} everywhere; {scopes}")
    fingerprints = tuple(text for _, text in _texts(fields, "fingerprint"))
    for index, text in _texts(fields, "fingerprint"):
        if not FINGERPRINT.fullmatch(text):
            message = f"{fields.name('fingerprint')}: '{text}' is not a fingerprint: 32 digits (0-9, a-f) of a report"
            fields.fault(f"{message}; `kgate waive` writes them", *_names(fields, index, "fingerprint"))
    return FindingPattern(
        rules,
        _wildcards(fields, "path"),
        tuple(_resources(fields)),
        _wildcards(fields, "container"),
        _wildcards(fields, "field"),
        _wildcards(fields, "image"),
        fingerprints,
    )


def _remark_pattern(fields: FileFields, kind: str) -> RemarkPattern:
    for name in OF_FINDINGS:
        if fields.has(name):
            fields.fault(f"{fields.name(name)} goes with rule, and not with {kind}; name a path", name)
    if not fields.has("path"):
        fields.fault(f"{fields.name('path')} is missing; name the file or folder that the {kind} entry is about")
    causes = _wildcards(fields, kind, is_part=True)
    return RemarkPattern(Problem if kind == "problem" else Unjudged, causes, _wildcards(fields, "path"))


def _wildcards(fields: FileFields, name: str, *, is_part: bool = False) -> tuple[Wildcard, ...]:
    """The patterns of a field that holds one or a list of them; ``is_part`` says that a part of a text must match."""
    return tuple(
        _wildcard(fields, text, *_names(fields, index, name), is_part=is_part) for index, text in _texts(fields, name)
    )


def _wildcard(fields: FileFields, text: str, *names: str | int, is_part: bool = False) -> Wildcard:
    from kgate.regexp import PatternError
    from kgate.wildcards import Wildcard

    try:
        return Wildcard.of_a_part(text) if is_part else Wildcard.of(text)
    except PatternError as error:
        fields.fault(f"{fields.name(*names)}: the pattern is {error}", *names)


def _resources(fields: FileFields) -> Iterator[ResourcePattern]:
    value = fields.body.get("resource")
    if isinstance(value, dict):
        yield _resource(fields.section("resource"))
        return
    for index, text in _texts(fields, "resource"):
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            message = f"{fields.name('resource')}: '{text}' is not an object; write KIND/NAMESPACE/NAME, or KIND/NAME"
            fields.fault(f"{message} in whatever namespace", *_names(fields, index, "resource"))
        place = _names(fields, index, "resource")
        kind, *inner, name = (_wildcard(fields, part, *place) for part in parts)
        yield ResourcePattern(kind, inner[0] if inner else None, name)


def _resource(fields: FileFields) -> ResourcePattern:
    fields.only(RESOURCE_FIELDS)
    if not any(fields.has(name) for name in RESOURCE_FIELDS):
        fields.fault(f"{fields.name()} is empty; name a kind, namespace or name")
    given = {
        name: _wildcard(fields, _said(fields, name, "name it"), name) for name in RESOURCE_FIELDS if fields.has(name)
    }
    return ResourcePattern(given.get("kind"), given.get("namespace"), given.get("name"))


def _until(fields: FileFields) -> date | None:
    value = fields.body.get("until")
    if value is None:
        return None
    if not isinstance(value, str) or not DATE.fullmatch(value):
        fields.fault(f"{fields.name('until')} must be a date such as 2027-01-31", "until")
    try:
        return date.fromisoformat(value)
    except ValueError:
        fields.fault(f"{fields.name('until')}: {value} is not a day of the calendar", "until")


def _said(fields: FileFields, name: str, advice: str) -> str:
    """A text that must be there and not blank."""
    value = fields.needed(name, f"; {advice}")
    if not value.strip():
        fields.fault(f"{fields.name(name)} is blank; {advice}", name)
    return value


def _texts(fields: FileFields, name: str) -> tuple[tuple[int, str], ...]:
    """The texts of a field that holds one or a list of them, none of which is blank; none if it is absent."""
    value: Json = fields.body.get(name)
    if value is None:
        return ()
    texts = tuple(fields.texts(name, "strings")) if isinstance(value, list) else ((0, fields.text(name)),)
    if not texts:
        fields.fault(f"{fields.name(name)} is an empty list; name what it is about, or leave it out", name)
    for index, text in texts:
        if not text.strip():
            message = f"{fields.name(name)} is blank; name what it is about, or leave it out"
            fields.fault(message, *_names(fields, index, name))
    return texts


def _names(fields: FileFields, index: int, name: str = "rule") -> tuple[str | int, ...]:
    """The path of a member of a field, which is the field itself if it is no list."""
    return (name, index) if isinstance(fields.body.get(name), list) else (name,)


def _line(fields: FileFields, name: str, index: int) -> int:
    return fields.line(*_names(fields, index, name))
