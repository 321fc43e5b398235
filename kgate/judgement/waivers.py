"""What waivers are about: findings, problems, and what is not judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

from kgate.model import EndingWaiver, Finding, Location, Note, Problem, Remark, ResourceId, Unjudged, Waiver
from kgate.model import field_path as shown_field
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.wildcards import Wildcard

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

    @property
    def end(self) -> str:
        """When it ends and who took the risk, in words; for one that has an end."""
        return f"on {self.waiver.expires}" + (f", by {self.waiver.owner}" if self.waiver.owner else "")

    def pattern_names(self, rule: str) -> bool:
        """True if it names a rule."""
        return isinstance(self.pattern, FindingPattern) and rule in self.pattern.rules

    def ending(self, today: date, days: int) -> Iterator[Note]:
        """Yields a note if it has expired, or ends within so many days."""
        if self.has_expired(today):
            yield self.note(f"expired {self.end}; renew it or remove it")
        elif self.until is not None and (left := (self.until - today).days) <= days:
            note = self.note(f"ends {_in_days(left)}, {self.end}")
            yield EndingWaiver(note.path, note.line, note.message)

    def note(self, text: str) -> Note:
        """A note about it at its line."""
        return Note(self.location.path, self.location.start.line, f"the waiver of {self.pattern.title} {text}")


def known_fingerprints(finding: Finding) -> frozenset[str]:
    """The fingerprints under which a report may list a finding: alone, and where only names tell those of one template
    apart."""
    return frozenset({finding.fingerprint, replace(finding, known_as="").fingerprint})


def without_tag(image: str) -> str:
    """The name of an image without its tag and digest."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


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


def _in_days(days: int) -> str:
    return "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
