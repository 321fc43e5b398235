"""The fields of a GitOps object: a fault in one is a Problem of the scan, and the field counts as absent."""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path

from kgate.elsewhere.wanted import Asked, Wanted
from kgate.gitops.deployed import Deployed, Possible, SoughtPlaces
from kgate.model import PULL, Location, Note, Pointer, Problem, Resource, Unjudged, child_pointer
from kgate.repository import OutsideError, Repository
from kgate.values import dataclass
from kgate.yamltree.fields import Fields


@dataclass(frozen=True, slots=True)
class Log:
    """What comes up while objects are translated, in that order."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    raw: list[Path] = field(default_factory=list)
    """Files that are applied as they are written (real paths)."""
    folders: list[Deployed | SoughtPlaces] = field(default_factory=list)
    """Folders that such files are taken from, and patterns of folders and files."""
    left_out: dict[Path, str] = field(default_factory=dict)
    """Files in such folders that are not applied (real paths), each with what leaves it out."""
    by_plugins: list[Path] = field(default_factory=list)
    """Folders that plugins make manifests of, in a way that kgate does not follow."""
    asked: list[Asked] = field(default_factory=list)
    """What objects deploy from elsewhere."""
    possible: list[Possible] = field(default_factory=list)
    """Folders of this repository that objects may deploy whose paths are not clear."""


@dataclass(frozen=True, slots=True)
class ObjectFaults:
    """Records the faults of one object as Problems."""

    resource: Resource
    log: Log

    def add(self, pointer: Pointer, message: str) -> None:
        """Records what keeps the object from being judged; ``pointer`` starts at the resource."""
        place = self.resource.locate(pointer)
        self.log.problems.append(Problem(place.path, place.start.line, message))


@dataclass(frozen=True, slots=True)
class ObjectFields(Fields):
    """A mapping inside an object. ``body`` is what counts; the resource only says where it is, since the template of an
    ApplicationSet is read with its parameters filled in."""

    faults: ObjectFaults

    @classmethod
    def of(cls, resource: Resource, log: Log) -> ObjectFields:
        """All fields of an object."""
        return cls(resource.body, "", ObjectFaults(resource, log))

    @property
    def resource(self) -> Resource:
        """The object."""
        return self.faults.resource

    @property
    def log(self) -> Log:
        """Where faults and notes go."""
        return self.faults.log

    def logging_to(self, log: Log) -> ObjectFields:
        """These fields with another log."""
        return replace(self, faults=replace(self.faults, log=log))

    def place(self, *names: str | int) -> Location:
        """The place of a field, or of its nearest parent."""
        return self.resource.locate(child_pointer(self.pointer, *names))

    def note(self, message: str, *names: str | int) -> None:
        """Records what the reader should know, at a field."""
        place = self.place(*names)
        self.log.notes.append(Note(place.path, place.start.line, message))

    def unjudged(self, why: str, *names: str | int, part: str = "", command: str = PULL) -> None:
        """Records, at a field, that what the object deploys is not judged, or a part of it."""
        place, what = self.place(*names), f"{self.resource.id} {part}".rstrip()
        self.log.unjudged.append(Unjudged(place.path, place.start.line, why, what, command))

    def may_deploy(self, repository: Repository, path: str, *names: str | int) -> None:
        """Records that the object may deploy what lies at a path of this repository, or below it, as a field says."""
        try:
            folder = repository.find("/" + path)
        except OutsideError:
            return
        if folder is not None:
            place = self.place(*names)
            self.log.possible.append(Possible(folder, str(self.resource.id), place.path, place.start.line))

    def ask(self, wanted: Wanted, name: str) -> None:
        """Records what a field deploys from elsewhere."""
        place = self.place(name)
        self.log.asked.append(Asked(wanted, place.path, place.start.line, self.resource.title))

    def needed(self, name: str, hint: str = ", so what it deploys cannot be judged") -> str:
        """A string that must be there."""
        return Fields.needed(self, name, hint)  # slots=True makes a new class, which super() does not know

    def argument(self, name: str) -> str:
        """A string that becomes an argument of helm; one that helm may take for an option is a fault."""
        return self._unless_option(self.text(name), name)

    def arguments(self, name: str) -> tuple[str, ...]:
        """A list of strings that become arguments of helm, without those that it may take for options."""
        found = (self._unless_option(text, name, index) for index, text in self.texts(name))
        return tuple(text for text in found if text)

    def _unless_option(self, text: str, *names: str | int) -> str:
        if not text.startswith("-"):
            return text
        self.fault(f"{self.name(*names)} starts with '-', which helm takes for an option; not judged", *names)
        return ""

    def find(self, repository: Repository, path: str, *names: str | int, base: Path | None = None) -> Path | None:
        """The file or folder at a path that a field names; None, and a Problem, if there is none or it lies outside."""
        try:
            found = repository.find(path, base)
        except OutsideError as error:
            self.fault(f"{self.name(*names)}: {error}", *names)
            return None
        if found is None:
            self.fault(f"{self.name(*names)}: there is no '{path}' in this repository; fix the path", *names)
        return found
