"""Typed access to the fields of a GitOps object: what has the wrong type is a Problem and counts as absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kgate.gitops.deployed import Deployed
from kgate.model import Json, Location, Note, Pointer, Problem, Resource, child_pointer, field_path
from kgate.repository import OutsideError, Repository


@dataclass(frozen=True, slots=True)
class Log:
    """What the translation of objects has to tell, in the order in which it came up."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    raw: list[Path] = field(default_factory=list)
    """Files that are applied as they are written (real paths)."""
    folders: list[Deployed] = field(default_factory=list)
    """Folders that such files are taken from."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping inside an object, and its place: ``pointer`` starts at the resource.

    ``body`` is what counts; the resource only tells where it stands (an ApplicationSet's template, filled in).
    """

    resource: Resource
    body: Mapping[str, Json]
    pointer: Pointer
    log: Log

    def place(self, *names: str | int) -> Location:
        """Where a field stands, or its nearest parent."""
        return self.resource.locate(child_pointer(self.pointer, *names))

    def problem(self, message: str, *names: str | int) -> None:
        """Tells what keeps this object from being judged, at a field."""
        place = self.place(*names)
        self.log.problems.append(Problem(place.path, place.start.line, message))

    def note(self, message: str, *names: str | int) -> None:
        """Tells what the reader should know, at a field."""
        place = self.place(*names)
        self.log.notes.append(Note(place.path, place.start.line, message))

    def name(self, *names: str | int) -> str:
        """A field the way Kubernetes writes it: ``spec.source.path``."""
        return field_path(child_pointer(self.pointer, *names))

    def text(self, name: str) -> str:
        """A string; empty if absent."""
        value = self._typed(name, str, "a string; put it in quotes")
        return value if isinstance(value, str) else ""

    def needed(self, name: str) -> str:
        """A string that must be there; empty, and a Problem, if it is not."""
        value = self.text(name)
        if not value and not isinstance(self.body.get(name), (int, float, list, dict)):
            self.problem(f"{self.name(name)} is missing, so what it deploys cannot be judged", name)
        return value

    def argument(self, name: str) -> str:
        """A string that becomes an argument of helm; empty, and a Problem, if helm might take it for an option."""
        return self._no_option(self.text(name), name)

    def arguments(self, name: str) -> tuple[str, ...]:
        """The same for a list of strings."""
        found = (self._no_option(text, name, index) for index, text in self.texts(name))
        return tuple(text for text in found if text)

    def _no_option(self, text: str, *names: str | int) -> str:
        if not text.startswith("-"):
            return text
        self.problem(f"{self.name(*names)} starts with '-', which helm takes for an option; not judged", *names)
        return ""

    def flag(self, name: str) -> bool:
        """A boolean; False if absent."""
        return self._typed(name, bool, "true or false") is True

    def section(self, name: str) -> Fields:
        """A mapping; an empty one if absent."""
        value = self._typed(name, dict, "a mapping")
        body = value if isinstance(value, dict) else {}
        return Fields(self.resource, body, child_pointer(self.pointer, name), self.log)

    def sections(self, name: str) -> Iterator[Fields]:
        """The mappings of a list, each with its place."""
        for index, value in enumerate(self.items(name)):
            if isinstance(value, dict):
                yield Fields(self.resource, value, child_pointer(self.pointer, name, index), self.log)
            else:
                self.problem(f"{self.name(name, index)} must be a mapping", name, index)

    def texts(self, name: str) -> Iterator[tuple[int, str]]:
        """The strings of a list, each with its index."""
        for index, value in enumerate(self.items(name)):
            if isinstance(value, str):
                yield index, value
            else:
                self.problem(f"{self.name(name, index)} must be a string; put it in quotes", name, index)

    def items(self, name: str) -> list[Json]:
        """A list; an empty one if absent."""
        value = self._typed(name, list, "a list")
        return value if isinstance(value, list) else []

    def strings(self, name: str) -> dict[str, str]:
        """A mapping of strings; members of another type are Problems and left out."""
        section = self.section(name)
        return {key: value for key in section.body if (value := section.text(key)) or section.body[key] == ""}

    def find(self, repository: Repository, path: str, *names: str | int, base: Path | None = None) -> Path | None:
        """What lies at a path that a field names; None, and a Problem, if nothing does or if it lies outside."""
        try:
            found = repository.find(path, base)
        except OutsideError as error:
            self.problem(f"{self.name(*names)}: {error}", *names)
            return None
        if found is None:
            self.problem(f"{self.name(*names)}: there is no '{path}' in this repository; mend the path", *names)
        return found

    def _typed(self, name: str, wanted: type, words: str) -> Json:
        value = self.body.get(name)
        if value is None or isinstance(value, wanted):
            return value
        self.problem(f"{self.name(name)} must be {words}", name)
        return None


def requester(resource: Resource) -> str:
    """What names an object and its place: ``Application/argocd/web apps/web.yaml:1``."""
    place = resource.locate("")
    return f"{resource.id} {place.path}:{place.start.line}"
