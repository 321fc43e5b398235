"""Reads JSON files of kgate field by field; what is wrong with one is an error with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from kgate import textfile
from kgate.errors import ConfigError
from kgate.model import Json
from kgate.values import dataclass

T = TypeVar("T")


class FaultError(Exception):
    """A fault, and the names of the field that has it."""

    def __init__(self, message: str, *names: str | int) -> None:
        super().__init__(message)
        self.names = names


def parse(data: bytes, shown: str, advice: str, read: Callable[[JsonMapping], T]) -> T:
    """Returns what ``read`` makes of the mapping in the bytes of a file. Raises ConfigError with file, line and advice,
    also for a FaultError of ``read``."""
    try:
        return read(_root(_loaded(data, shown, advice)))
    except FaultError as fault:
        if len(data) > textfile.MAX_BYTES:  # its line would take too long to find
            raise ConfigError(f"{shown}: {fault}; {advice}") from None
        _raise_at(data, shown, f"{fault}; {advice}", fault.names)


def _loaded(data: bytes, shown: str, advice: str) -> Json:
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_mapping)  # PowerShell writes the mark
    except UnicodeDecodeError:
        raise ConfigError(f"{shown}: is not UTF-8 text; {advice}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{shown}:{error.lineno}: is not JSON: {error.msg}; {advice}") from None
    except ValueError:  # of int, which takes no more (sys.set_int_max_str_digits)
        raise ConfigError(f"{shown}: holds a number of thousands of digits; {advice}") from None
    except RecursionError:
        raise ConfigError(f"{shown}: is nested too deep; {advice}") from None


def _raise_at(data: bytes, shown: str, message: str, names: Iterable[str | int]) -> NoReturn:
    """Raises ConfigError for a fault at its line: JSON is YAML, whose reader knows lines and is slower."""
    from kgate.yamltree.fields import UserFile

    UserFile.parse(data, shown, ConfigError).fields().fault(message, *names)


def _mapping(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise FaultError("a key stands twice in one mapping")
    return found


def _root(body: Json) -> JsonMapping:
    if not isinstance(body, dict):
        raise FaultError("must hold one mapping")
    return JsonMapping(body, ())


@dataclass(frozen=True, slots=True)
class JsonMapping:
    """A mapping, and the names that lead to it. Whatever is asked of it raises FaultError for what is not there, or is
    something else."""

    body: Mapping[str, Any]
    names: tuple[str | int, ...]

    def fault(self, message: str, *names: str) -> NoReturn:
        """Raises the fault that the mapping, or a field of it, has."""
        where = ""
        for name in (*self.names, *names):
            where += f"[{name}]" if isinstance(name, int) else f".{name}" if where else name
        raise FaultError(f"{where} {message}".lstrip(), *self.names, *names)

    def only(self, known: Iterable[str]) -> None:
        """Refuses other fields than these."""
        for key in self.body:
            if key not in known:
                raise FaultError(f"unknown field '{key:.40}'", *self.names, key)

    def has(self, name: str) -> bool:
        """True if a field is there and not null."""
        return self.body.get(name) is not None

    def text(self, name: str) -> str:
        """Returns a string."""
        value = self.body.get(name)
        if not isinstance(value, str):
            self.fault("must be a string" if name in self.body else "is missing", name)
        return value

    def text_if_any(self, name: str) -> str:
        """Returns a string; an empty one if the field is absent or null."""
        return self.text(name) if self.has(name) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Returns the members of a list of strings; none if the field is absent."""
        value = self.body.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.fault("must be a list of strings", name)
        return tuple(value)

    def number(self, name: str, least: int, most: int) -> int:
        """Returns a whole number from ``least`` to ``most``."""
        value = self.body.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fault(
                f"must be a whole number from {least:,} to {most:,}" if name in self.body else "is missing", name
            )
        return value

    def flag(self, name: str) -> bool:
        """Returns a truth value."""
        value = self.body.get(name)
        if not isinstance(value, bool):
            self.fault("must be true or false" if name in self.body else "is missing", name)
        return value

    def entry(self, name: str) -> JsonMapping:
        """Returns a mapping."""
        return self._mapping(self.body.get(name), name)

    def entries(self, name: str, most: int) -> Iterator[JsonMapping]:
        """Yields the members of a list of mappings, of at most so many."""
        found = self.body.get(name)
        if not isinstance(found, list):
            self.fault("must be a list", name)
        if len(found) > most:
            self.fault(f"holds more than {most:,} entries", name)
        return (self._mapping(one, name, number) for number, one in enumerate(found))

    def _mapping(self, value: Json, *names: str | int) -> JsonMapping:
        found = JsonMapping(value, (*self.names, *names))
        if not isinstance(value, dict):
            found.fault("must be a mapping")
        return found
