"""Which findings, problems and unjudged parts are accepted, by whom and until when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

from kgate.model import Accepted, Finding, Json, Location, Note, Problem, Remark, ResourceId, Unjudged, Waiver
from kgate.model import field_path as shown_field
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.judgement.engine import Judgement
    from kgate.wildcards import Wildcard

WARNING_DAYS = 14
"""Days before its end from which on a waiver is announced to end."""

_FEW = 3

Images: TypeAlias = Mapping[str, tuple[str, ...]]
"""The images of the containers of a workload, by the name of the container."""


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """What an object is called, as far as that is said."""

    kind: Wildcard | None = None
    namespace: Wildcard | None = None
    name: Wildcard | None = None

    def fits(self, who: ResourceId) -> bool:
        """True if an object is called so."""
        asked = ((self.kind, who.kind), (self.namespace, who.namespace), (self.name, who.name))
        return all(pattern is None or pattern.matches(text) for pattern, text in asked)


@dataclass(frozen=True, slots=True)
class FindingPattern:
    """The findings that an entry is about: of all that it says something must fit, of each list one member."""

    rules: tuple[str, ...]
    paths: tuple[Wildcard, ...] = ()
    resources: tuple[ResourcePattern, ...] = ()
    containers: tuple[Wildcard, ...] = ()
    fields: tuple[Wildcard, ...] = ()
    images: tuple[Wildcard, ...] = ()
    fingerprints: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is about, in words."""
        return _some(self.rules)

    def may_fit(self, path: str) -> bool:
        """True if it may fit a finding in a file."""
        return _fits(self.paths, (path,))

    def fits(self, finding: Finding, images: Images) -> bool:
        """True if it is about a finding. A ``field`` may leave out where a container or pod stands in its object."""
        container = finding.container
        return (
            finding.rule.id in self.rules
            and _fits(self.paths, {finding.location.path, finding.source})
            and (not self.resources or any(one.fits(who) for one in self.resources for who in finding.resources))
            and _fits(self.containers, () if container is None else (container,))
            and (not self.fields or _fits(self.fields, _ends(shown_field(finding.location.pointer))))
            and (not self.images or self._fits_images(images.get(container or "", ())))
            and (not self.fingerprints or not known_fingerprints(finding).isdisjoint(self.fingerprints))
        )

    def _fits_images(self, images: Sequence[str]) -> bool:
        """True if all images that a container of this name has fit."""
        return bool(images) and all(_fits(self.images, (image, without_tag(image))) for image in images)


@dataclass(frozen=True, slots=True)
class RemarkPattern:
    """The Problems, or what is not judged, that an entry is about: by the path, and by a part of what is said."""

    kind: type[Problem] | type[Unjudged]
    causes: tuple[Wildcard, ...]
    paths: tuple[Wildcard, ...]

    @property
    def title(self) -> str:
        """What it is about, in words."""
        return f"{'the problem' if self.kind is Problem else 'not judging'} '{_some(one.text for one in self.causes)}'"

    def fits(self, remark: Remark) -> bool:
        """True if it is about a remark."""
        fits_cause = isinstance(remark, self.kind) and _fits(self.causes, (remark.text,))
        return fits_cause and _fits(self.paths, (remark.path,))


@dataclass(frozen=True, slots=True)
class WaiverEntry:
    """A waiver as somebody wrote it: what it is about, and until when; None if it has no end."""

    pattern: FindingPattern | RemarkPattern
    waiver: Waiver
    until: date | None
    location: Location = field(compare=False)

    def has_expired(self, today: date) -> bool:
        """True after its last day."""
        return self.until is not None and today > self.until

    def note(self, text: str) -> Note:
        """A note about it at its line."""
        return Note(self.location.path, self.location.start.line, f"the waiver of {self.pattern.title} {text}")


@dataclass(frozen=True, slots=True)
class Waivers:
    """The waivers of a scan. ``never`` holds the rules whose findings nobody can waive, ``is_whole`` says that all of
    the repository is scanned, so that what fits nothing is of no use."""

    entries: tuple[WaiverEntry, ...] = ()
    today: date = date.max
    never: frozenset[str] = frozenset()
    is_whole: bool = False


NO_WAIVERS = Waivers()


@dataclass(frozen=True, slots=True)
class Fits:
    """The numbers of the entries that fit something, and of those among them that are about what nobody can waive."""

    entries: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()


class Waiving:
    """Applies the waivers of a scan, and remembers which of them fit something."""

    def __init__(self, waivers: Waivers) -> None:
        self._waivers = waivers
        self._by_rule: dict[str, list[tuple[int, WaiverEntry, FindingPattern]]] = {}
        self._of_remarks: list[tuple[int, WaiverEntry, RemarkPattern]] = []
        self._fit: set[int] = set()
        self._refused: set[int] = set()
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
        return Fits(frozenset(self._fit), frozenset(self._refused))

    def add(self, fits: Fits) -> None:
        """Adds what fitted elsewhere."""
        self._fit |= fits.entries
        self._refused |= fits.refused

    def concerns(self, rule: str, path: str) -> bool:
        """True if a waiver may be about findings of a rule in a file."""
        return any(pattern.may_fit(path) for _, _, pattern in self._by_rule.get(rule, ()))

    def judged(self, judgement: Judgement) -> Judgement:
        """A judgement whose findings have their waivers."""
        if not any(finding.rule.id in self._by_rule for finding in judgement.findings):
            return judgement
        images = _images(judgement)
        findings = tuple(replace(one, waiver=self._waiver_of(one, images)) for one in judgement.findings)
        return replace(judgement, findings=findings)

    def accepted(self, remark: Problem | Unjudged) -> Accepted | None:
        """A remark with the waiver that accepts it; None if none does."""
        waiver = self._chosen((number, entry) for number, entry, one in self._of_remarks if one.fits(remark))
        return Accepted(remark, waiver) if waiver else None

    def is_open(self, remark: Problem | Unjudged) -> bool:
        """True if nobody accepts a remark."""
        return self.accepted(remark) is None

    def _waiver_of(self, finding: Finding, images: Images) -> Waiver | None:
        entries = self._by_rule.get(finding.rule.id, ())
        fitting = [(number, entry) for number, entry, pattern in entries if pattern.fits(finding, images)]
        if any(rule.id in self._waivers.never for rule in finding.rules):
            self._refused.update(number for number, _ in fitting)
            fitting = []
        return self._chosen(fitting)

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
        entries = self._waivers.entries
        return tuple(entries[n].waiver for n in sorted(self._fit) if entries[n].has_expired(self._waivers.today))

    def notes(self, *, is_complete: bool) -> Iterator[Note]:
        """What is to be said about the waivers themselves; ``is_complete`` says that all of what was asked for was
        judged."""
        today = self._waivers.today
        for number, entry in enumerate(self._waivers.entries):
            is_used = number in self._fit
            is_unused = not is_used and number not in self._refused and is_complete and self._waivers.is_whole
            end = f"on {entry.waiver.expires}{_by(entry.waiver)}"
            if number in self._refused:
                yield entry.note("is about what cannot be waived, and waives nothing of that; remove it")
            if is_unused:
                yield entry.note(f"{f'expired {end} and ' if entry.has_expired(today) else ''}fits nothing; remove it")
            elif is_used and entry.has_expired(today):
                yield entry.note(f"expired {end}; renew it or remove it")
            elif is_used and entry.until is not None and (left := (entry.until - today).days) <= WARNING_DAYS:
                yield entry.note(f"ends {_in_days(left)}, {end}")


def known_fingerprints(finding: Finding) -> frozenset[str]:
    """The fingerprints under which a report may list a finding: alone, and where only names tell those of one template
    apart."""
    return frozenset({finding.fingerprint, replace(finding, known_as="").fingerprint})


def without_tag(image: str) -> str:
    """The name of an image without its tag and digest."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def _images(judgement: Judgement) -> Images:
    found: dict[str, tuple[str, ...]] = {}
    for pod in judgement.workload.pods if judgement.workload else ():
        for container in pod.containers:
            found[container.name] = (*found.get(container.name, ()), _image(container.body))
    return found


def _image(container: Json) -> str:
    image = container.get("image") if isinstance(container, Mapping) else None
    return image if isinstance(image, str) else ""


def _fits(patterns: Sequence[Wildcard], texts: Collection[str]) -> bool:
    """True if there are no patterns, or one of them matches one of the texts."""
    return not patterns or any(pattern.matches(text) for pattern in patterns for text in texts)


def _ends(path: str) -> list[str]:
    """A field path, and what is left of it without one, two, … of its first names."""
    names = path.split(".")
    return [".".join(names[start:]) for start in range(len(names))]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_FEW]) + (f" and {len(listed) - _FEW} more" if len(listed) > _FEW else "")


def _by(waiver: Waiver) -> str:
    return f", by {waiver.owner}" if waiver.owner else ""


def _in_days(days: int) -> str:
    return "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
