"""Compares objects with the fields and types of Kubernetes' API (types.json, which upstream/kubernetes.py writes)."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import TypeAlias

import orjson

from kgate.model import Json, Pointer, child_pointer
from kgate.values import dataclass

MAX_FAULTS = 100
"""How many fields of one value are named that are unknown or have a wrong type."""


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A field that its type, whose name is ``holder``, does not have."""

    pointer: Pointer
    name: str
    holder: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A field with a value that Kubernetes refuses; ``wanted`` is ``string``, ``boolean``, ``list``, ``mapping``,
    ``int32``, ``int64``, ``int-or-string`` or ``quantity``."""

    pointer: Pointer
    value: Json
    wanted: str


Fault: TypeAlias = UnknownField | Mismatch

_Test: TypeAlias = Callable[[Json], bool]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field holds: ``word`` is that of Mismatch, ``struct`` or ``any``; ``type`` is the type of Python that is
    always right, ``members`` what a list or mapping holds, and ``name`` the type of a struct."""

    word: str
    type: type | None = None
    members: Shape | None = None
    name: str = ""


class Schema:
    """The types of a Kubernetes version, each made when it is first used."""

    def __init__(self, minor: int) -> None:
        self.minor = minor
        self._types: dict[str, Mapping[str, Shape]] = {}
        self._tests: dict[str, _Test] = {}

    def type_of(self, api_version: str, kind: str) -> str | None:
        """Returns the name of the type of an object, or None for a kind whose fields are not known."""
        return kind if kind in _data()[""].get(api_version, ()) else None

    def fields(self, name: str) -> Mapping[str, Shape]:
        """Returns the fields of a type that this version has."""
        known = self._types.get(name)
        if known is None:
            known = self._types[name] = dict(self._fields(name))
        return known

    def _fields(self, name: str) -> Iterator[tuple[str, Shape]]:
        for field, found in _data()[name].items():
            if isinstance(found, str):
                yield field, _shape(found)
            elif found[1] <= self.minor and (found[2] is None or self.minor < found[2]):
                yield field, _shape(found[0])

    def faults(self, value: Json, name: str, pointer: Pointer = "") -> tuple[Fault, ...]:
        """Returns the fields of a value of a type that are unknown or have a wrong type. Null counts as absent."""
        if self._test(name)(value):
            return ()
        search = _Search(self)
        search.compare(Shape("struct", name=name), value, pointer)
        return tuple(search.found)

    def _test(self, name: str) -> _Test:
        """Returns a function that is true only if a value has no fault; it costs a tenth of the search."""
        known = self._tests.get(name)
        if known is None:
            known = self._tests[name] = _struct_test(lambda: self._field_tests(name))
        return known

    def _field_tests(self, name: str) -> Mapping[str, type | _Test]:
        return {field: self._shape_test(shape) for field, shape in self.fields(name).items()}

    def _shape_test(self, shape: Shape) -> type | _Test:
        if shape.word == "struct":
            return self._test(shape.name)
        if shape.members is not None:
            member = self._shape_test(shape.members)
            return _list_test(member) if shape.word == "list" else _mapping_test(member)
        return shape.type or partial(_is_right_scalar, shape.word)


def _struct_test(make_fields: Callable[[], Mapping[str, type | _Test]]) -> _Test:
    """Returns a test of mappings by the tests of their fields, which are made when they are first needed: a type may
    contain itself, and most types are never met."""
    fields: Mapping[str, type | _Test] = {}

    def test(value: Json) -> bool:
        nonlocal fields
        fields = fields or make_fields()
        if type(value) is not dict:
            return False
        for key, member in value.items():
            wanted = fields.get(key)
            if wanted is not type(member) and (wanted is None or isinstance(wanted, type) or not wanted(member)):
                return False
        return True

    return test


def _list_test(wanted: type | _Test) -> _Test:
    return lambda value: type(value) is list and _all_pass(value, wanted)


def _mapping_test(wanted: type | _Test) -> _Test:
    return lambda value: type(value) is dict and _all_pass(value.values(), wanted)


def _all_pass(members: Iterable[Json], wanted: type | _Test) -> bool:
    for member in members:
        if wanted is not type(member) and (isinstance(wanted, type) or not wanted(member)):
            return False
    return True


def lifetime(name: str, field: str) -> tuple[int, int | None] | None:
    """Returns since and until when a type has a field, or None if no known version has it."""
    found = _data()[name].get(field)
    return (found[1], found[2]) if isinstance(found, list) else None


def type_names() -> tuple[str, ...]:
    """Returns the names of all types."""
    return tuple(name for name in _data() if name)


@cache
def _data() -> Mapping[str, Mapping[str, Json]]:
    """Returns the fields of each type, and under the empty name the kinds of each API version."""
    data: Mapping[str, Mapping[str, Json]] = orjson.loads(pkgutil.get_data("kgate.kubernetes", "types.json") or b"")
    return data


@cache
def _shape(text: str) -> Shape:
    """Returns a shape from the way types.json writes it: ``string``, ``[]Container``, ``map quantity``, ``Probe``."""
    if text.startswith("[]"):
        return Shape("list", members=_shape(text.removeprefix("[]")))
    if text.startswith("map "):
        return Shape("mapping", members=_shape(text.removeprefix("map ")))
    if text[0].isupper():
        return Shape("struct", name=text)
    return Shape(text, {"string": str, "boolean": bool}.get(text))


class _Search:
    """One search for faults."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.found: list[Fault] = []

    def compare(self, shape: Shape, value: Json, pointer: Pointer) -> None:
        """Compares a value with what is wanted there."""
        if value is None or shape.type is type(value):
            return
        if shape.word == "struct" and isinstance(value, dict):
            self._struct(shape.name, value, pointer)
        elif shape.members is not None and shape.word == "list" and isinstance(value, list):
            self._members(shape.members, enumerate(value), pointer)
        elif shape.members is not None and shape.word == "mapping" and isinstance(value, dict):
            self._members(shape.members, value.items(), pointer)
        elif not _is_right_scalar(shape.word, value):
            self._add(Mismatch(pointer, value, "mapping" if shape.word == "struct" else shape.word))

    def _struct(self, name: str, body: Mapping[str, Json], pointer: Pointer) -> None:
        fields = self._schema.fields(name)
        for key, value in body.items():
            shape = fields.get(key)
            if shape is None:
                if value is not None and key not in _NOT_SENT and not key.startswith("$"):
                    self._add(UnknownField(child_pointer(pointer, key), key, name))
            elif shape.type is not type(value):  # of most fields this is all that is asked
                self.compare(shape, value, child_pointer(pointer, key))

    def _members(self, shape: Shape, members: Iterable[tuple[str | int, Json]], pointer: Pointer) -> None:
        for key, value in members:
            if shape.type is not type(value):
                self.compare(shape, value, child_pointer(pointer, key))

    def _add(self, fault: Fault) -> None:
        if len(self.found) < MAX_FAULTS:
            self.found.append(fault)


_ALLOWED: Mapping[str, tuple[type, ...]] = {"int-or-string": (str,), "quantity": (int, float, str)}
_LIMITS = {"int32": 2**31, "int64": 2**63, "int-or-string": 2**31}
_NOT_SENT = ("sops",)
"""Fields that a tool takes out before the API server sees the object, as it does with those that begin with ``$``
(``$patch``), which say how a patch is applied."""


def _is_right_scalar(word: str, value: Json) -> bool:
    """True if a field that is neither text nor true or false has a value that the API server reads."""
    if word == "any":
        return True
    if type(value) is int and word in _LIMITS:
        return -_LIMITS[word] <= value < _LIMITS[word]
    return type(value) in _ALLOWED.get(word, ())
