"""The only place that imports the CEL engine: compiles expressions, evaluates them, fails closed.

The language is that of Kubernetes' ValidatingAdmissionPolicy as far as cel-cpp has it: standard
macros, strings and optionals.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

from kgate.model import Json
from kgate.rules.packaged import SAMPLE, SAMPLE_ITEM, package
from kgate.values import dataclass

VARIABLES = ("container", "pod", "metadata", "resource", "component", "audit", "item", "minor", "facts")


class CelError(Exception):
    """An expression that does not compile, or whose answer is not a boolean."""


class Program:
    """Expressions that are evaluated together, over the variables of VARIABLES; compiled when they first are."""

    def __init__(self, expressions: Sequence[str]) -> None:
        self._expressions = tuple(expressions)
        self.size = len(self._expressions)
        self.text = "[" + ",\n".join(f"({expression})" for expression in expressions) + "]"

    def evaluate(self, variables: Mapping[str, Json]) -> list[bool | CelError]:
        """One answer an expression, in their order; whatever is not exactly a BOOL is a CelError."""
        activation = _activation(variables)
        if isinstance(activation, CelError):
            return [activation] * len(self._expressions)
        answers = _booleans(_run(self._together, activation))
        if len(answers) == len(self._expressions):
            return list(answers)
        return [_evaluate_one(_compiled(expression), activation) for expression in self._expressions]

    @cached_property
    def _together(self) -> Any:
        return _program(self.text)


def check(expression: str, names: Sequence[str] = ()) -> None:
    """Raises CelError, with the compiler's message, for what is not a boolean expression over VARIABLES and names."""
    kind = check_any(expression, names)
    if kind not in ("BOOL", "DYN"):
        raise CelError(f"gives a {kind}, not true or false")


def check_any(expression: str, names: Sequence[str] = ()) -> str:
    """The type of an expression; ``names`` are known besides VARIABLES. Raises CelError if it does not compile."""
    try:
        kind: str = _environment(tuple(names)).compile(expression).return_type().name()
    except RuntimeError as error:
        raise CelError(_compiler_message(str(error))) from None
    return kind


def _compiler_message(text: str) -> str:
    """The first fault of cel-cpp's listing, without its banner: ``1:10: undeclared reference …``."""
    first = text.split("ERROR: <input>:", 1)[-1].split("\n", maxsplit=1)[0]
    return first.removesuffix(" (in container '')").strip()


def evaluate(expression: str, variables: Mapping[str, Json]) -> bool | CelError:
    """The answer of one expression; whatever is not exactly a BOOL is a CelError."""
    activation = _activation(variables)
    if isinstance(activation, CelError):
        return activation
    return _evaluate_one(_compiled(expression), activation)


def _run(program: Any, activation: Any) -> Any:
    """The engine's answer; a CelError where it gives up, as it does after 10,000 steps of a macro."""
    try:
        return program.eval(activation)
    except RuntimeError as error:
        return CelError(str(error).split(": ", 1)[-1].split(" [")[0])


def _evaluate_one(program: Any, activation: Any) -> bool | CelError:
    answer = _run(program, activation)
    if isinstance(answer, CelError):
        return answer
    if answer.type().name() == "BOOL":
        return bool(answer.value())
    if answer.type().name() == "ERROR":
        return CelError(_error_text(answer))
    return CelError(f"the answer is a {answer.type().name()}, not true or false")


def _booleans(answer: Any) -> Sequence[bool]:
    """The members of an answer that is a list of nothing but booleans, else none."""
    if isinstance(answer, CelError) or not answer.type().name().startswith("LIST"):
        return ()
    try:
        values = answer.plain_value()
    except (RuntimeError, TypeError, SystemError):  # what the engine raises for values that Python lacks
        return ()
    return values if all(type(value) is bool for value in values) else ()


def _error_text(answer: Any) -> str:
    """What the engine says about an error value; some of them it cannot turn into Python."""
    try:
        return str(answer.value()).split(": ", 1)[-1]
    except (RuntimeError, TypeError):
        return "the answer is neither true nor false"


def _activation(variables: Mapping[str, Json]) -> Any:
    """The variables in the engine's form; a CelError for what it cannot hold."""
    try:
        return _environment().Activation(dict(variables))
    except (RuntimeError, TypeError, ValueError, OverflowError, UnicodeEncodeError) as error:
        return CelError(str(error))


@dataclass(frozen=True, slots=True)
class Function:
    """A function in Python that expressions may call, by the kinds of its parameters: ``string``, ``int``, ``bool``,
    ``list``, ``map``; a method is called on the first one. What it raises as ValueError is an error of the
    expression."""

    name: str
    parameters: tuple[str, ...]
    result: str
    call: Callable[..., Any]
    is_method: bool = True


class UnansweredError(CelError):
    """An expression that this engine cannot evaluate, or whose answer hangs on a variable without a value, which is the
    ``variable`` then."""

    def __init__(self, message: str, variable: str = "") -> None:
        super().__init__(message)
        self.variable = variable


class Language:
    """Expressions over other variables than those of rules, with functions in Python."""

    def __init__(self, names: Sequence[str], functions: Sequence[Function]) -> None:
        self._names = tuple(names)
        self._functions = tuple(functions)
        self._programs: dict[str, Any] = {}

    def evaluate(self, expression: str, variables: Mapping[str, Json]) -> Json:
        """The answer, as Python has it. Raises CelError for an error that an API server has as well, and
        UnansweredError."""
        if expression not in self._programs:
            self._programs[expression] = self._compiled(expression)
        program = self._programs[expression]
        if isinstance(program, CelError):
            raise program
        try:
            answer = program.eval(self._environment.Activation(dict(variables)))
        except (RuntimeError, TypeError, ValueError, OverflowError, UnicodeEncodeError) as error:
            raise UnansweredError(_engine_message(str(error))) from None
        if answer.type().name() == "ERROR":
            text = _error_text(answer)
            lacking = _LACKS_VALUE.search(text)
            raise UnansweredError(f"{lacking[1]} has no value", lacking[1]) if lacking else CelError(text)
        try:
            return answer.plain_value()
        except (RuntimeError, TypeError, SystemError):  # what the engine raises for values that Python lacks
            raise CelError(f"the answer is a {answer.type().name()}") from None

    def _compiled(self, expression: str) -> Any:
        try:
            return self._environment.compile(expression)
        except RuntimeError as error:
            return UnansweredError(_compiler_message(str(error)))

    @cached_property
    def _environment(self) -> Any:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

        overloads: dict[str, list[Any]] = {}
        for function in self._functions:
            several = overloads.setdefault(function.name, [])
            several.append(
                cel.Overload(
                    f"{function.name}_{len(several)}",
                    getattr(cel.Type, function.result.upper()),
                    [getattr(cel.Type, kind.upper()) for kind in function.parameters],
                    function.is_method,
                    function.call,
                )
            )
        return cel.NewEnv(
            variables=dict.fromkeys(self._names, cel.Type.DYN),
            extensions=[ext_bindings.ExtBindings(), ext_optional.ExtOptional(), ext_strings.ExtStrings()],
            functions=[cel.FunctionDecl(name, several) for name, several in overloads.items()],
        )


def _engine_message(text: str) -> str:
    """What stopped the engine; where a function in Python gives what CEL lacks, it prints the address of that."""
    if text.partition(": ")[2].startswith("Non-CEL value type"):
        return "a function gives a value that this engine cannot take back, such as a time"
    return text.split(": ", 1)[-1].split(" [", maxsplit=1)[0]


_LACKS_VALUE = re.compile(r'No value with name "(\w+)"')
"""What cel-cpp says of a variable that is declared and not given."""


def serialized(expression: str) -> bytes:
    """The compiled form of an expression."""
    data: bytes = _environment().compile(expression).serialize()
    return data


def _program(expression: str) -> Any:
    """An expression that can be evaluated: as it was packaged with kgate, else compiled."""
    data = package().program(expression) if _knows_packaged_programs() else None
    return _environment().compile(expression) if data is None else _environment().deserialize(data)


@cache
def _knows_packaged_programs() -> bool:
    """True if there are any and this engine evaluates a sample of them correctly."""
    sample = package().program(SAMPLE)
    if sample is None:
        return False
    try:
        program = _environment().deserialize(sample)
    except RuntimeError:
        return False
    return _evaluate_one(program, _activation({"item": SAMPLE_ITEM})) is True


@cache
def _compiled(expression: str) -> Any:
    return _program(expression)


@cache
def _environment(names: tuple[str, ...] = ()) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

    return cel.NewEnv(
        variables=dict.fromkeys((*VARIABLES, *names), cel.Type.DYN),
        extensions=[ext_bindings.ExtBindings(), ext_optional.ExtOptional(), ext_strings.ExtStrings()],
    )
