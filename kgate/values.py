"""Dataclasses whose methods are made when they are first called.

The standard library compiles up to ten functions for each dataclass when its module is imported, which takes 0.4 ms. A
scan imports over a hundred dataclasses, and most of their functions are never called.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass"]

_Value = TypeVar("_Value")

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, eq: bool = True, order: bool = False
    ) -> Callable[[type[_Value]], type[_Value]]:
        """Makes a dataclass of a class, as ``dataclasses.dataclass`` does. Fields that are only known by their keyword
        (``kw_only``) or only passed on (``InitVar``) are not supported."""

        def made(cls: type[_Value]) -> type[_Value]:
            own = frozenset(cls.__dict__)
            value = _with_fields(cls, slots=slots)
            methods = {"__init__": _late(value, "__init__", _init), "__repr__": _repr}
            for name, operator in _COMPARISONS[: 6 if order else 1] if eq else ():
                methods[name] = _late(value, name, partial(_comparison, name, operator))
            if eq:
                methods["__hash__"] = _late(value, "__hash__", _hash) if frozen else None
            if frozen:
                methods |= _FROZEN
            for name, method in methods.items():
                if name not in own:
                    setattr(value, name, method)
            return value

        return made


def _with_fields(cls: Any, *, slots: bool) -> Any:
    """Makes a dataclass without methods. The standard library looks for names of its own in the text of an annotation,
    which takes half of its time, so it sees only those that can hold one."""
    annotations: Mapping[str, Any] = cls.__annotations__
    cls.__annotations__ = {name: text if "ClassVar" in text else object for name, text in annotations.items()}
    value: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    value.__annotations__ = annotations
    for one in value.__dataclass_fields__.values():
        one.type = annotations.get(one.name, one.type)
    return value


_COMPARISONS = (("__eq__", "=="), ("__lt__", "<"), ("__le__", "<="), ("__gt__", ">"), ("__ge__", ">="))


def _late(cls: Any, name: str, write: Callable[[Any], tuple[str, Mapping[str, Any]]]) -> Callable[..., Any]:
    """Returns a method that puts another one into its place when it is called: ``write`` gives the text of that
    function and the values that it uses."""

    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        text, used = write(cls)
        scope = dict(used)
        exec(text, scope)  # noqa: S102 - of the names of fields, which are identifiers of our own
        made = scope[name]
        made.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, made)
        return made(self, *arguments, **keywords)

    return method


def _init(cls: Any) -> tuple[str, Mapping[str, Any]]:
    """The ``__init__`` of a dataclass, whose parameters are its fields."""
    scope: dict[str, Any] = {"_absent": dataclasses.MISSING, "_set": object.__setattr__}
    parameters, lines = ["self"], []
    for one in dataclasses.fields(cls):
        default, value = "", one.name
        if one.default is not dataclasses.MISSING:
            default = f"=_default_{one.name}"
            scope[f"_default_{one.name}"] = one.default
        elif one.default_factory is not dataclasses.MISSING:
            default, value = "=_absent", f"_make_{one.name}() if {one.name} is _absent else {one.name}"
            scope[f"_make_{one.name}"] = one.default_factory
        if one.init:
            parameters.append(one.name + default)
            lines.append(f" _set(self, {one.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    return "\n".join((f"def __init__({', '.join(parameters)}):", *(lines or [" pass"]))), scope


def _comparison(name: str, operator: str, cls: Any) -> tuple[str, Mapping[str, Any]]:
    """A method that compares two values of a dataclass field by field."""
    names = [one.name for one in dataclasses.fields(cls) if one.compare]
    here, there = ("".join(f"{side}.{name}, " for name in names) for side in ("self", "other"))
    answer = f"({here}) {operator} ({there}) if other.__class__ is self.__class__ else NotImplemented"
    return f"def {name}(self, other): return {answer}", {}


def _hash(cls: Any) -> tuple[str, Mapping[str, Any]]:
    """The ``__hash__`` of a frozen dataclass."""
    names = [one.name for one in dataclasses.fields(cls) if (one.compare if one.hash is None else one.hash)]
    return f"def __hash__(self): return hash(({''.join(f'self.{name}, ' for name in names)}))", {}


@reprlib.recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse_setting(_self: Any, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    """What is pickled of a frozen value."""
    return [getattr(self, name) for name in self.__dataclass_fields__]


def _restore(self: Any, state: list[Any]) -> None:
    """Fills a frozen value that is unpickled or copied."""
    for name, value in zip(self.__dataclass_fields__, state, strict=True):
        object.__setattr__(self, name, value)


_FROZEN: Mapping[str, Any] = {
    "__setattr__": _refuse_setting,
    "__delattr__": _refuse_deleting,
    "__getstate__": _state,
    "__setstate__": _restore,
}
