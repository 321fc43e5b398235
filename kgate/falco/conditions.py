"""Conditions of Falco's rules as expressions, each part with its offset in the text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, TypeAlias

from kgate.values import dataclass


class ConditionError(Exception):
    """A condition that Falco refuses; ``offset`` is where, in characters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class EventField:
    """A field of the event, such as ``jevt.value[/stage]``."""

    name: str
    argument: str | None
    offset: int

    def __str__(self) -> str:
        return self.name if self.argument is None else f"{self.name}[{self.argument}]"


@dataclass(frozen=True, slots=True)
class Value:
    """A constant: what a field is compared with."""

    text: str
    offset: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Transformed:
    """What a function makes of fields and constants; ``val`` only says that a name is a field and not a constant."""

    transformer: str
    operands: tuple[Operand, ...]
    argument: str | None
    offset: int

    def __str__(self) -> str:
        argument = "" if self.argument is None else f"[{self.argument}]"
        return f"{self.transformer}({', '.join(map(str, self.operands))}){argument}"


@dataclass(frozen=True, slots=True)
class Operands:
    """A list of operands in parentheses."""

    members: tuple[Operand, ...]
    offset: int

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.members))})"


Operand: TypeAlias = EventField | Value | Transformed | Operands


@dataclass(frozen=True, slots=True)
class Check:
    """A comparison. ``right`` holds the constants of which one or all count, or a field that is compared with; it is
    empty for ``exists``. ``operator`` may hold a modifier: ``startswith oneof``."""

    left: EventField | Transformed
    operator: str
    right: tuple[Value, ...] | Transformed
    offset: int
    is_list: bool = False

    depth: ClassVar[int] = 1
    weight: ClassVar[int] = 1

    def __str__(self) -> str:
        if self.operator == "exists":
            return f"{self.left} exists"
        if isinstance(self.right, Transformed):
            return f"{self.left} {self.operator} {self.right}"
        right = ", ".join(map(str, self.right))
        return f"{self.left} {self.operator} {f'({right})' if self.is_list else right}"


@dataclass(frozen=True, slots=True)
class Macro:
    """The name of a macro, which stands for the condition of the macro: ``body``, once it is known."""

    name: str
    offset: int
    body: Expression | None = None

    @property
    def depth(self) -> int:
        """How many levels of expressions it has."""
        return 1 if self.body is None else 1 + self.body.depth

    @property
    def weight(self) -> int:
        """How many comparisons it stands for."""
        return 1 if self.body is None else self.body.weight


@dataclass(frozen=True, slots=True)
class Not:
    """A negation."""

    child: Expression
    offset: int

    @property
    def depth(self) -> int:
        """How many levels of expressions it has."""
        return 1 + self.child.depth

    @property
    def weight(self) -> int:
        """How many comparisons it holds, those of macros included."""
        return self.child.weight


@dataclass(frozen=True, slots=True)
class And:
    """Conditions that must all hold; depth and weight as of a Not."""

    children: tuple[Expression, ...]
    offset: int
    depth: int
    weight: int


@dataclass(frozen=True, slots=True)
class Or:
    """Conditions of which one must hold; depth and weight as of a Not."""

    children: tuple[Expression, ...]
    offset: int
    depth: int
    weight: int


Expression: TypeAlias = Check | Macro | Not | And | Or
MAX_DEPTH = 150
MAX_WEIGHT = 200_000


def negation(child: Expression, offset: int) -> Expression:
    """Returns a negation; of one, what that negates. Raises ConditionError if it is too deep."""
    return child.child if isinstance(child, Not) else bounded(Not(child, offset))


def combination(kind: type[And | Or], children: tuple[Expression, ...], offset: int) -> Expression:
    """Returns several expressions as one. Raises ConditionError if they are too deep or too many."""
    depth, weight = 1 + max(one.depth for one in children), sum(one.weight for one in children)
    return bounded(kind(children, offset, depth, weight))


def bounded(expression: Expression) -> Expression:
    """Returns an expression that is small enough. Raises ConditionError."""
    if expression.depth > MAX_DEPTH:
        raise ConditionError(f"and, or, not and macros are nested deeper than {MAX_DEPTH} levels", expression.offset)
    if expression.weight > MAX_WEIGHT:
        message = f"the condition has more than {MAX_WEIGHT:,} comparisons once its macros are expanded"
        raise ConditionError(message, expression.offset)
    return expression


def walk(expression: Expression) -> Iterator[Check | Macro]:
    """Yields the comparisons and macros of an expression, from left to right."""
    pending = [expression]
    while pending:
        here = pending.pop()
        if isinstance(here, And | Or):
            pending += reversed(here.children)
        elif isinstance(here, Not):
            pending.append(here.child)
        else:
            yield here


def operand_fields(operand: Operand) -> Iterator[EventField]:
    """Yields the fields of one side of a comparison."""
    if isinstance(operand, EventField):
        yield operand
    elif isinstance(operand, Transformed | Operands):
        for one in operand.operands if isinstance(operand, Transformed) else operand.members:
            yield from operand_fields(one)


def fields_of(check: Check) -> Iterator[EventField]:
    """Yields the fields that a comparison reads."""
    yield from operand_fields(check.left)
    if isinstance(check.right, Transformed):
        yield from operand_fields(check.right)
