"""The functions of envsubst on strings, in time linear in the value (fluxcd/pkg, envsubst/funcs.go)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from kgate.regexp import PatternError
from kgate.rendering import goglob

_INTEGER = re.compile(r"([+-]?)(?=[0-9])0*+([0-9]{0,19}+)")
_GO_INTEGERS = range(-(2**63), 2**63)


class FunctionError(Exception):
    """A function whose result is not found; the text says why."""


def apply(function: str, value: str, arguments: Sequence[str]) -> str:
    """Returns what a function, named by its sign, makes of a value. An unknown one leaves the value as it is.

    Raises FunctionError for letters beyond ASCII where Flux counts bytes, for patterns that are too long, and for a
    part that ends before it begins.
    """
    found = _FUNCTIONS.get(function)
    return value if found is None else found(value, arguments)


def _length(value: str, _: Sequence[str]) -> str:
    return str(len(value.encode("utf-8", "surrogatepass")))


def _in_case(change: Callable[[str], str], letters: int | None) -> Callable[[str, Sequence[str]], str]:
    """A function that changes so many first letters, or all of them."""

    def changed(value: str, _: Sequence[str]) -> str:
        _check_ascii(value)  # Go and Python differ in some letters
        return value if letters and not value else change(value[:letters]) + value[len(value[:letters]) :]

    return changed


def _part(value: str, arguments: Sequence[str]) -> str:
    """A number of bytes from an offset, which counts from the end if it is negative."""
    numbers = [_integer(argument) for argument in arguments]
    if None in numbers:
        return value
    start, *lengths = (number for number in numbers if number is not None)
    _check_ascii(value)
    start = max(0, len(value) + start) if start < 0 else start
    if lengths and lengths[0] < 0 and start + lengths[0] < len(value):
        raise FunctionError("takes a part of negative length, at which Flux fails")
    return value[start : start + lengths[0]] if lengths else value[start:]


def _integer(text: str) -> int | None:
    """The number in a text, as strconv.Atoi reads it."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    number = int(match[1] + (match[2] or "0"))
    return number if number in _GO_INTEGERS else None


def _replacing(count: int) -> Callable[[str, Sequence[str]], str]:
    def replaced(value: str, arguments: Sequence[str]) -> str:
        old, *new = arguments
        return value.replace(old, new[0] if new else "", count)

    return replaced


def _prefix_replaced(value: str, arguments: Sequence[str]) -> str:
    """Without a replacement the value stays: bash would remove the prefix."""
    if len(arguments) < 2 or not value.startswith(arguments[0]):
        return value
    return arguments[1] + value[len(arguments[0]) :]


def _suffix_replaced(value: str, arguments: Sequence[str]) -> str:
    if len(arguments) < 2 or not value.endswith(arguments[0]):
        return value
    return value[: len(value) - len(arguments[0])] + arguments[1]


def _trimmed(*, is_longest: bool) -> Callable[[str, Sequence[str]], str]:
    def trimmed(value: str, arguments: Sequence[str]) -> str:
        return value[_prefix(value, arguments[0], is_longest=is_longest) :] if arguments else _length(value, ())

    return trimmed


def _trimmed_at_end(*, is_longest: bool) -> Callable[[str, Sequence[str]], str]:
    """Reverses both the value and the pattern, as Flux does: so a class in the pattern is none any more."""

    def trimmed(value: str, arguments: Sequence[str]) -> str:
        return value[: len(value) - _prefix(value[::-1], arguments[0][::-1], is_longest=is_longest)]

    return trimmed


def _prefix(value: str, pattern: str, *, is_longest: bool) -> int:
    """The length of the longest or shortest beginning that matches and is not empty; 0 if there is none."""
    _check_ascii(value)
    _check_ascii(pattern)
    try:
        compiled = goglob.beginning(pattern, is_longest=is_longest)
    except PatternError as error:
        raise FunctionError(f"has a pattern that cannot be matched: {error}") from None
    end = compiled.end_of_match(value) if compiled is not None else None
    return 0 if end is None or not pattern else min(max(end, 1), len(value))


def _check_ascii(text: str) -> None:
    if not text.isascii():
        raise FunctionError("takes letters apart that have several bytes")


_FUNCTIONS: Mapping[str, Callable[[str, Sequence[str]], str]] = {
    ",": _in_case(str.lower, 1),
    ",,": _in_case(str.lower, None),
    "^": _in_case(str.upper, 1),
    "^^": _in_case(str.upper, None),
    ":": _part,
    "/": _replacing(1),
    "//": _replacing(-1),
    "/#": _prefix_replaced,
    "/%": _suffix_replaced,
    "#": _trimmed(is_longest=False),
    "##": _trimmed(is_longest=True),
    "%": _trimmed_at_end(is_longest=False),
    "%%": _trimmed_at_end(is_longest=True),
}
