"""Reads the YAML that users write: every field is checked for its type, every fault is reported at its own line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import NoReturn, Protocol, Self

from kgate.model import Json, Location, Pointer, child_pointer, field_path, pointer_tokens
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import SourceText, decode, find_span


class Faults(Protocol):
    """Decides what happens with a fault in a field."""

    def add(self, pointer: Pointer, message: str) -> None:
        """Raises an error with the position of the field, or records one; then the field counts as absent."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping that a user wrote; ``pointer`` leads to it from the root that ``faults`` knows.

    A null field counts as absent; if faults are recorded and not raised, so does a field of the wrong type.
    """

    body: Mapping[str, Json]
    pointer: Pointer
    faults: Faults

    def fault(self, message: str, *names: str | int) -> None:
        """Reports a fault in a field, or in the mapping itself."""
        self.faults.add(child_pointer(self.pointer, *names), message)

    def name(self, *names: str | int) -> str:
        """Returns a field's path as Kubernetes writes it: ``spec.source.path``."""
        return field_path(child_pointer(self.pointer, *names))

    def has(self, name: str) -> bool:
        """True if a field is present and not null."""
        return self.body.get(name) is not None

    def text(self, name: str) -> str:
        """Returns a string; an empty one if absent."""
        value = self._typed(name, str, "a string; put it in quotes")
        return value if isinstance(value, str) else ""

    def needed(self, name: str, hint: str = "") -> str:
        """Returns a required string; ``hint`` is appended to the message if it is missing."""
        value = self.text(name)
        if self.body.get(name) in (None, ""):
            self.fault(f"{self.name(name)} is missing{hint}", name)
        return value

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        """Returns a string that must be one of ``choices``; an empty one if absent."""
        value = self.body.get(name)
        if value is None or (isinstance(value, str) and value in choices):
            return value or ""
        self.fault(f"{self.name(name)} must be one of {', '.join(choices)}", name)
        return ""

    def flag(self, name: str) -> bool:
        """Returns a boolean; False if absent."""
        return self._typed(name, bool, "true or false") is True

    def number(self, name: str, least: int, most: int, unit: str = "") -> int | None:
        """Returns a whole number from ``least`` to ``most``, in a unit such as ``seconds``; None if absent."""
        value = self.body.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
            return value
        kind = f"a whole number of {unit}" if unit else "a whole number"
        self.fault(f"{self.name(name)} must be {kind} from {least:,} to {most:,}", name)
        return None

    def section(self, name: str) -> Self:
        """Returns a mapping; an empty one if absent."""
        value = self._typed(name, dict, "a mapping")
        return self._below(value if isinstance(value, dict) else {}, name)

    def sections(self, name: str, of: str = "") -> Iterator[Self]:
        """Yields the mappings of a list."""
        for index, value in enumerate(self.items(name, of)):
            if isinstance(value, dict):
                yield self._below(value, name, index)
            else:
                self.fault(f"{self.name(name, index)} must be a mapping", name, index)

    def items(self, name: str, of: str = "") -> list[Json]:
        """Returns a list; an empty one if absent. ``of`` names its items in messages, such as ``rule ids``."""
        value = self._typed(name, list, f"a list of {of}" if of else "a list")
        return value if isinstance(value, list) else []

    def texts(self, name: str, of: str = "") -> Iterator[tuple[int, str]]:
        """Yields the strings of a list, each with its index."""
        for index, value in enumerate(self.items(name, of)):
            if isinstance(value, str):
                yield index, value
            else:
                self.fault(f"{self.name(name, index)} must be a string; put it in quotes", name, index)

    def text_or_texts(self, name: str) -> tuple[str, ...]:
        """Returns the strings of a list; a single string counts as a list of one."""
        if isinstance(self.body.get(name), str):
            return (self.body[name],)
        return tuple(text for _, text in self.texts(name, "strings"))

    def strings(self, name: str) -> dict[str, str]:
        """Returns a mapping of strings to strings."""
        section = self.section(name)
        return {key: value for key in section.body if (value := section.text(key)) or section.body[key] == ""}

    def _below(self, body: Mapping[str, Json], *names: str | int) -> Self:
        return replace(self, body=body, pointer=child_pointer(self.pointer, *names))

    def _typed(self, name: str, wanted: type, words: str) -> Json:
        value = self.body.get(name)
        if value is None or isinstance(value, wanted):
            return value
        self.fault(f"{self.name(name)} must be {words}", name)
        return None


@dataclass(frozen=True, slots=True)
class UserFile:
    """A YAML file with one mapping, or a table of a TOML file; its first fault is raised as
    ``error("file:line: message")``. ``source`` finds places in it, and numbers its lines once."""

    path: str
    text: str
    root: Node
    error: Callable[[str], Exception]
    source: SourceText = field(compare=False)

    @classmethod
    def parse(cls, data: bytes, path: str, error: Callable[[str], Exception]) -> UserFile:
        """Parses the bytes of a file; an empty file is an empty mapping. Raises what ``error`` returns."""
        try:
            text = decode(data)
            roots = list(compose(text)) or list(compose("{}"))
        except UnicodeDecodeError:
            raise error(f"{path}: is not UTF-8 text") from None
        except ManifestError as fault:
            raise error(f"{path}:{fault.line}: {fault}") from None
        if len(roots) != 1 or (roots[0].fields is None and roots[0].value is not None):
            raise error(f"{path}: must hold one mapping")
        return cls(path, text, roots[0], error, SourceText(path, text))

    @classmethod
    def parse_table(cls, data: bytes, path: str, error: Callable[[str], Exception], table: Sequence[str]) -> UserFile:
        """Parses the bytes of a TOML file, of which one table counts. Raises what ``error`` returns, also if there is
        no such table."""
        from kgate.yamltree import toml

        try:
            text = decode(data)
            root: Node | None = toml.compose(text)
        except UnicodeDecodeError:
            raise error(f"{path}: is not UTF-8 text") from None
        except ManifestError as fault:
            raise error(f"{path}:{fault.line}: {fault}") from None
        for key in table:
            root = root.get(key) if root is not None else None
        if root is None or root.fields is None:
            raise error(f"{path}: has no table [{'.'.join(table)}]")
        return cls(path, text, root, error, SourceText(path, text))

    def fields(self) -> FileFields:
        """Returns the fields of the file."""
        return FileFields(self.root.value or {}, "", self, self.root)

    def add(self, pointer: Pointer, message: str) -> NoReturn:
        """Raises the error, with the line of the field."""
        raise self.error(f"{self.path}:{self.line(pointer)}: {message}")

    def line(self, pointer: Pointer) -> int:
        """Returns the line, from 1, of a field's key or of an item; of the nearest parent if it is absent."""
        node, line = self.root, self.root.start.line
        for token in pointer_tokens(pointer):
            member = node.child(token)
            if member is None:
                break
            line = node.fields[token][0].line if node.fields is not None else member.start.line
            node = member
        return line + 1


@dataclass(frozen=True, slots=True)
class FileFields(Fields):
    """A mapping in a UserFile, in which unknown fields are faults; ``root`` is the node of the mapping."""

    faults: UserFile
    root: Node

    def fault(self, message: str, *names: str | int) -> NoReturn:
        """Raises the error about a field, or about the mapping itself."""
        self.faults.add(child_pointer(self.pointer, *names), message)

    def node(self, *names: str | int) -> Node | None:
        """Returns the node of a field, which has its position and keeps its nulls; None if absent."""
        node: Node | None = self.root
        for name in names:
            node = node.child(str(name)) if node is not None else None
        return node

    def line(self, *names: str | int) -> int:
        """Returns the line of a field, from 1."""
        return self.faults.line(child_pointer(self.pointer, *names))

    def place(self, *names: str | int) -> Location:
        """Returns the place of a field or item, in the file as it was named."""
        pointer = child_pointer(self.pointer, *names)
        return self.faults.source.place(find_span(self.faults.root, pointer), pointer)

    def only(self, known: Sequence[str], advice: Mapping[str, str] | None = None) -> None:
        """Reports every unknown field, null or not, and the known one that may be meant, or what to do instead."""
        for name in self.root.fields or ():
            if name not in known:
                where = f" in {self.name()}" if self.pointer else ""
                meant = f"; {advice[name]}" if advice and name in advice else suggestion(name, known)
                hint = meant or f"; known are {', '.join(known)}"
                self.fault(f"unknown field '{name}'{where}{hint}", name)

    def _below(self, body: Mapping[str, Json], *names: str | int) -> FileFields:
        node = self.node(*names) or Node(None, self.root.start, self.root.end)
        return FileFields(body, child_pointer(self.pointer, *names), self.faults, node)


_MOST_WORDS = 500


def suggestion(word: str, known: Iterable[str]) -> str:
    """Returns the end of a message that suggests the known word closest to an unknown one; empty if none is close, and
    if the known ones are too many to compare each of them."""
    import difflib

    words = list(known)
    near = difflib.get_close_matches(word, words, n=1) if len(words) <= _MOST_WORDS else ()
    return f"; did you mean '{near[0]}'?" if near else ""
