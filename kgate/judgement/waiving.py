"""Applies waivers to what is found, and tells what is to be said about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from typing import TYPE_CHECKING

from kgate.judgement import inline
from kgate.judgement.inline import InlineTerms, MalformedError, Written
from kgate.judgement.waivers import FindingPattern, Images, RemarkPattern, WaiverEntry
from kgate.model import (
    Accepted,
    Finding,
    Json,
    Note,
    Problem,
    Resource,
    ResourceId,
    Unjudged,
    UnusedWaiver,
    Waiver,
    child_pointer,
)
from kgate.rules.gate import GATE_WEAKENED
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.judgement.engine import Judgement

WARNING_DAYS = 14
"""Days before its end from which on a waiver is announced to end."""


@dataclass(frozen=True, slots=True)
class Waivers:
    """The waivers of a scan. ``never`` holds the rules whose findings nobody can waive, ``is_whole`` says that all of
    the repository is scanned, so that what fits nothing is of no use. ``inline`` says what those in manifests must say;
    None if nobody looks for them."""

    entries: tuple[WaiverEntry, ...] = ()
    today: date = date.max
    never: frozenset[str] = frozenset()
    is_whole: bool = False
    inline: InlineTerms | None = None


NO_WAIVERS = Waivers()


@dataclass(frozen=True, slots=True)
class Fits:
    """The numbers of the entries that fit something, and of those among them that are about what nobody can waive; the
    waivers in manifests that fit something, notes about these, and findings that a change adds one of them; and those
    in annotations, whether they fit or not."""

    entries: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    inline: tuple[WaiverEntry, ...] = ()
    notes: tuple[Note, ...] = ()
    weakenings: tuple[Finding, ...] = ()
    annotated: tuple[Written, ...] = ()


class Waiving:
    """Applies the waivers of a scan, and remembers which of them fit something."""

    def __init__(self, waivers: Waivers) -> None:
        self._waivers = waivers
        self._by_rule: dict[str, list[tuple[int, WaiverEntry, FindingPattern]]] = {}
        self._of_remarks: list[tuple[int, WaiverEntry, RemarkPattern]] = []
        self._fit: set[int] = set()
        self._refused: set[int] = set()
        self._inline = _Inline(waivers.inline, waivers.today) if waivers.inline is not None else None
        for number, entry in enumerate(waivers.entries):
            pattern = entry.pattern
            if isinstance(pattern, RemarkPattern):
                self._of_remarks.append((number, entry, pattern))
                continue
            for rule in dict.fromkeys(pattern.rules):
                self._by_rule.setdefault(rule, []).append((number, entry, pattern))

    @property
    def fits(self) -> Fits:
        """What fitted so far."""
        found = self._inline.found if self._inline is not None else _Found()
        remarks = tuple(found.entries), tuple(found.notes), tuple(found.weakenings.values()), tuple(found.annotated)
        return Fits(frozenset(self._fit), frozenset(self._refused), *remarks)

    def add(self, fits: Fits) -> None:
        """Adds what fitted elsewhere."""
        self._fit |= fits.entries
        self._refused |= fits.refused
        if self._inline is not None:
            self._inline.found.add(fits)

    def concerns(self, rule: str, path: str) -> bool:
        """True if a waiver may be about findings of a rule in a file."""
        if any(pattern.may_fit(path) for _, _, pattern in self._by_rule.get(rule, ())):
            return True
        return self._inline is not None and self._inline.is_marked(path)

    def judged(self, judgement: Judgement, resource: Resource) -> Judgement:
        """A judgement about a resource whose findings have their waivers."""
        if not judgement.findings:
            if self._inline is not None:
                self._inline.see(judgement, resource)
            return judgement
        about = _About(judgement, resource, self._inline)
        waivers = [self._waiver_of(one, about) for one in judgement.findings]
        if not any(waivers):
            return judgement
        pairs = zip(judgement.findings, waivers, strict=True)
        return replace(judgement, findings=tuple(replace(one, waiver=waiver) for one, waiver in pairs))

    def accepted(self, remark: Problem | Unjudged) -> Accepted | None:
        """A remark with the waiver that accepts it; None if none does."""
        waiver = self._chosen((number, entry) for number, entry, one in self._of_remarks if one.fits(remark))
        return Accepted(remark, waiver) if waiver else None

    def is_open(self, remark: Problem | Unjudged) -> bool:
        """True if nobody accepts a remark."""
        return self.accepted(remark) is None

    def _waiver_of(self, finding: Finding, about: _About) -> Waiver | None:
        entries = self._by_rule.get(finding.rule.id, ())
        fitting = [(number, entry) for number, entry, pattern in entries if pattern.fits(finding, about.images)]
        is_refused = any(rule.id in self._waivers.never for rule in finding.rules)
        if is_refused:
            self._refused.update(number for number, _ in fitting)
            fitting = []
        chosen = self._chosen(fitting)
        if self._inline is None:
            return chosen
        here = self._inline.waiver_of(finding, about, is_refused=is_refused)
        return chosen or here

    def _chosen(self, fitting: Iterable[tuple[int, WaiverEntry]]) -> Waiver | None:
        """The first waiver that has not expired; remembers all."""
        chosen = None
        for number, entry in fitting:
            self._fit.add(number)
            if chosen is None and not entry.has_expired(self._waivers.today):
                chosen = entry.waiver
        return chosen

    def expired(self) -> tuple[Waiver, ...]:
        """The expired waivers that would still waive something."""
        used = [self._waivers.entries[number] for number in sorted(self._fit)]
        return tuple(one.waiver for one in (*used, *self.fits.inline) if one.has_expired(self._waivers.today))

    def notes(self, *, is_complete: bool) -> Iterator[Note]:
        """What is to be said about the waivers themselves; ``is_complete`` says that all of what was asked for was
        judged."""
        today, wants_all = self._waivers.today, is_complete and self._waivers.is_whole
        for number, entry in enumerate(self._waivers.entries):
            if number in self._refused:
                yield entry.note("is about what cannot be waived, and waives nothing of that; remove it")
            if number in self._fit:
                yield from entry.ending(today, WARNING_DAYS)
            elif wants_all and number not in self._refused:
                yield _unused(entry, today)
        if wants_all and self._inline is not None:
            yield from self._inline.unused()
        for entry in self.fits.inline:
            yield from entry.ending(today, WARNING_DAYS)
        yield from self.fits.notes


def _unused(entry: WaiverEntry, today: date) -> UnusedWaiver:
    expired = f"expired {entry.end} and " if entry.has_expired(today) else ""
    note = entry.note(f"{expired}fits nothing; remove it")
    return UnusedWaiver(note.path, note.line, note.message)


@dataclass(slots=True)
class _Found:
    """What waivers in manifests came to, and those that annotations hold."""

    entries: dict[WaiverEntry, None] = field(default_factory=dict)
    notes: dict[Note, None] = field(default_factory=dict)
    weakenings: dict[tuple[str, int, str], Finding] = field(default_factory=dict)
    annotated: dict[Written, None] = field(default_factory=dict)

    @property
    def told(self) -> set[tuple[str, int | None]]:
        """The lines of waivers of which something is said already."""
        findings = ((one.location.path, one.location.start.line) for one in self.weakenings.values())
        return {(note.path, note.line) for note in self.notes}.union(findings)

    def add(self, fits: Fits) -> None:
        """Adds what they came to elsewhere."""
        self.entries |= dict.fromkeys(fits.inline)
        self.notes |= dict.fromkeys(fits.notes)
        self.weakenings |= {_place_of(one): one for one in fits.weakenings}
        self.annotated |= dict.fromkeys(fits.annotated)


def _place_of(finding: Finding) -> tuple[str, int, str]:
    return finding.location.path, finding.location.start.line, finding.message


class _About:
    """What waivers can be about besides a finding: its resource, with images and with the waivers for all of it."""

    def __init__(self, judgement: Judgement, resource: Resource, own: _Inline | None) -> None:
        self.who = resource.id
        self.images = _images(judgement)
        self.written = tuple(own.about_all(judgement, resource)) if own is not None else ()


class _Inline:
    """Applies waivers that stand in manifests."""

    def __init__(self, terms: InlineTerms, today: date) -> None:
        self.found = _Found()
        self._terms = terms
        self._today = today
        self._lines: dict[str, Sequence[str]] = {}
        self._read: dict[tuple[Written, ResourceId], WaiverEntry | None] = {}

    def is_marked(self, path: str) -> bool:
        """True if a file may hold waivers."""
        return bool(self._lines_of(path))

    def about_all(self, judgement: Judgement, resource: Resource) -> Iterator[Written]:
        """The waivers about all of a resource: above it, and in annotations of the object or of its pods."""
        place = resource.locate("")
        yield from inline.in_comments(self._lines_of(place.path), place.path, place.start.line)
        yield from self._annotated(judgement, resource)

    def see(self, judgement: Judgement, resource: Resource) -> None:
        """Remembers the waivers in annotations of an object that has no finding."""
        deque(self._annotated(judgement, resource), maxlen=0)

    def _annotated(self, judgement: Judgement, resource: Resource) -> Iterator[Written]:
        owners: list[tuple[str, object]] = [("/metadata", resource.body.get("metadata"))]
        pods = judgement.workload.pods if judgement.workload is not None else ()
        owners += [(pod.metadata_pointer, pod.metadata) for pod in pods if pod.metadata_pointer != "/metadata"]
        for pointer, metadata in owners:
            annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
            value = annotations.get(inline.ANNOTATION) if isinstance(annotations, Mapping) else None
            where = child_pointer(pointer, "annotations", inline.ANNOTATION)
            if value is not None and where not in resource.unknown:
                found = tuple(inline.in_annotation(value, resource.locate(where)))
                self.found.annotated |= dict.fromkeys(found)
                yield from found

    def unused(self) -> Iterator[Note]:
        """A note for each waiver in a manifest that fits nothing, and for each that is malformed."""
        if not self._terms.are_on:
            return
        comments = self._terms.comments
        written = (one for path in comments.paths() for one in inline.in_file(comments.lines(path), path))
        told = self.found.told
        for one in (*written, *self.found.annotated):
            place = one.location.path, one.location.start.line
            try:
                entry = inline.parse(one, self._terms, self._today)
            except MalformedError as error:
                yield Note(*place, f"this waives nothing: {error}")
                continue
            if entry not in self.found.entries and place not in told:
                yield _unused(entry, self._today)

    def waiver_of(self, finding: Finding, about: _About, *, is_refused: bool) -> Waiver | None:
        """The first waiver about a finding that has not expired; remembers all."""
        place = finding.location
        here = (
            () if place.is_approximate else inline.in_comments(self._lines_of(place.path), place.path, place.start.line)
        )
        chosen = None
        for written in (*here, *about.written):
            entry = self._entry(written, about.who)
            if entry is None or not entry.pattern_names(finding.rule.id):
                continue
            if is_refused:
                self.found.notes[entry.note("is about what cannot be waived, and waives nothing; remove it")] = None
                continue
            self.found.entries[entry] = None
            if chosen is None and not entry.has_expired(self._today):
                chosen = entry.waiver
        return chosen

    def _lines_of(self, path: str) -> Sequence[str]:
        if path not in self._lines:
            self._lines[path] = self._terms.comments.lines(path)
        return self._lines[path]

    def _entry(self, written: Written, who: ResourceId) -> WaiverEntry | None:
        key = written, who
        if key not in self._read:
            self._read[key] = self._read_entry(written, who)
        return self._read[key]

    def _read_entry(self, written: Written, who: ResourceId) -> WaiverEntry | None:
        """The waiver that a text is; None, with a note, if it waives nothing."""
        try:
            entry = inline.parse(written, self._terms, self._today)
        except MalformedError as error:
            place = written.location
            self.found.notes[Note(place.path, place.start.line, f"this waives nothing: {error}")] = None
            return None
        if not self._terms.are_on:
            self.found.notes[
                entry.note("counts nothing, as waivers.inline is false; move it to kgate-waivers.yaml")
            ] = None
            return None
        is_trusted = self._terms.comments.is_trusted(written.location.path, written.text, who)
        if is_trusted:
            return entry
        if is_trusted is None:
            what = "counts nothing, as it cannot be compared with the trusted revision; move it to kgate-waivers.yaml"
            self.found.notes[entry.note(what)] = None
            return None
        message = f"The change waives {entry.pattern.title}: {entry.waiver.reason.rstrip('.')}."
        about = ResourceId("", "Waiver", "", written.location.path)
        where = written.location
        finding = Finding(GATE_WEAKENED, about, None, where, message, message, source=where.path)
        self.found.weakenings[_place_of(finding)] = finding
        return None


def _images(judgement: Judgement) -> Images:
    found: dict[str, tuple[str, ...]] = {}
    for pod in judgement.workload.pods if judgement.workload else ():
        for container in pod.containers:
            found[container.name] = (*found.get(container.name, ()), _image(container.body))
    return found


def _image(container: Json) -> str:
    image = container.get("image") if isinstance(container, Mapping) else None
    return image if isinstance(image, str) else ""
