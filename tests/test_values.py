"""values: dataclasses that behave as those of the standard library, whose methods come later."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from kgate import values

DECORATORS = (dataclasses.dataclass, getattr(values, "dataclass"))  # noqa: B009 - mypy takes one for the other
DECORATIONS = {
    "frozen": {"frozen": True, "slots": True},
    "ordered": {"frozen": True, "slots": True, "order": True},
    "changeable": {"slots": True},
    "by identity": {"frozen": True, "slots": True, "eq": False},
    "without slots": {"frozen": True},
}


class _Plain:
    """Fields of every kind."""

    a: int
    b: str = "b"
    c: list[int] = dataclasses.field(default_factory=list, hash=False)
    d: int = dataclasses.field(default=0, compare=False, repr=False)
    e: int = dataclasses.field(init=False, default=5)

    def __post_init__(self) -> None:
        object.__setattr__(self, "e", self.a + 1)

    def __str__(self) -> str:
        return "own"


def made(decorate: Callable[..., Any], **how: bool) -> Any:
    """The class, and one that adds a field to it, as a decorator makes them."""
    plain = type(
        "Plain", (), {key: value for key, value in vars(_Plain).items() if key not in ("__dict__", "__weakref__")}
    )
    plain.__qualname__, plain.__module__ = "Plain", __name__
    parent = decorate(**how)(plain)
    child = type(
        "Child", (parent,), {"__annotations__": {"f": "int"}, "f": 7, "__doc__": "More.", "__module__": __name__}
    )
    return parent, decorate(**how)(child)


def answers(cls: Any) -> list[Any]:
    """What a class answers to everything that one asks of a dataclass."""
    asked: list[Callable[[], Any]] = [
        lambda: repr(cls(1)),
        lambda: str(cls(1)),
        lambda: cls(1) == cls(1),
        lambda: cls(1, d=1) == cls(1, d=2),
        lambda: cls(1) == cls(2),
        lambda: cls(1) == 1,
        lambda: cls(1).c is cls(1).c,
        lambda: hash(cls(1)) == hash(cls(1, c=[5])),
        lambda: cls(1) < cls(2),
        lambda: cls(2) <= cls(2),
        lambda: cls(1) > cls(2),
        lambda: cls(1) >= cls(2),
        lambda: sorted([cls(2), cls(1), cls(1, "a")])[0],
        lambda: cls(1) < 1,
        lambda: setattr(cls(1), "a", 2),
        lambda: delattr(cls(1), "a"),
        cls,
        lambda: cls(1, 2, [3], 4, 5, 6, 7),
        lambda: cls(unknown=1),
        lambda: dataclasses.replace(cls(1), b="x"),
        lambda: dataclasses.asdict(cls(1, "y", [2])),
        lambda: [(one.name, one.type) for one in dataclasses.fields(cls)],
        lambda: cls.__annotations__,
        lambda: copy.copy(cls(1, "z")),
        lambda: copy.deepcopy(cls(1, "z", [1])),
        lambda: pickle.loads(pickle.dumps(cls(1, "z", [1], 4))).d,
        lambda: cls.__match_args__,
        lambda: cls.__slots__,
        lambda: cls(1).e,
    ]
    return [_answer(ask) for ask in asked]


def _answer(ask: Callable[[], Any]) -> str:
    try:
        return repr(ask())
    except Exception as error:  # noqa: BLE001 - whatever the standard library raises
        return type(error).__name__


@pytest.mark.parametrize("how", [pytest.param(how, id=name) for name, how in DECORATIONS.items()])
@pytest.mark.parametrize("which", [pytest.param(0, id="a class"), pytest.param(1, id="one that inherits")])
def test_it_answers_as_the_standard_library_does(
    how: dict[str, bool], which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for decorate in DECORATORS:
        cls = made(decorate, **how)[which]
        monkeypatch.setattr(sys.modules[__name__], cls.__name__, cls, raising=False)
        found.append(answers(cls))
    assert found[0] == found[1]
    assert len(set(found[0])) > 10


@pytest.mark.parametrize("decorate", DECORATORS, ids=["of the standard library", "ours"])
def test_a_variable_of_the_class_is_not_a_field(decorate: Callable[..., Any]) -> None:
    class OfAll:
        """A variable of the class, and a field."""

        count: ClassVar[int] = 6
        a: int

    assert [one.name for one in dataclasses.fields(decorate(frozen=True)(OfAll))] == ["a"]


def test_a_value_that_holds_itself_can_be_shown() -> None:
    cls = made(DECORATORS[1], frozen=True, slots=True)[0]
    value = cls(1)
    value.c.append(value)
    assert repr(value) == "Plain(a=1, b='b', c=[...], e=2)"
