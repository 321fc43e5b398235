"""The functions that Kubernetes adds to CEL (kubernetes/apiserver, pkg/cel/library), as far as this engine has them.

A value of a type that CEL lacks is a mapping with the name of the type as its only key, in a canonical form, so that
equal values are equal.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cmp_to_key
from typing import Any, TypeAlias

from kgate.regexp import PatternError, compile_go
from kgate.rules.cel import Function

Value: TypeAlias = dict[str, Any]

QUANTITY, SEMVER, IP, CIDR, URL = "kubernetes.Quantity", "kubernetes.Semver", "net.IP", "net.CIDR", "kubernetes.URL"

AUTHORIZER = "authorizer"
"""The variable that asks who may do what, which no manifest says."""


def functions() -> Iterator[Function]:
    """Yields all functions."""
    yield from _quantities()
    yield from _versions()
    yield from _comparisons()
    yield from _addresses()
    yield from _urls()
    yield from _regular_expressions()
    yield from _lists()
    yield from _sets()
    yield from _authorizer()


def _is_valid(parse: Callable[..., Any]) -> Callable[..., bool]:
    """Returns a function that says whether another one would raise ValueError."""

    def is_valid(*arguments: Any) -> bool:
        try:
            parse(*arguments)
        except ValueError:
            return False
        return True

    return is_valid


def _inner(value: Value, kind: str) -> Any:
    """Returns what is in a value of a kind. Raises ValueError for another one, as CEL has no such overload."""
    if set(value) != {kind}:
        raise ValueError("no such overload")
    return value[kind]


# ---------------------------------------------------------------------------------------- quantities

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([eE][+-]?[0-9]+|[KMGTPE]i|[numkMGTPE]?)")
_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_MAX_EXPONENT = 1000
_INT64 = range(-(2**63), 2**63)


def _quantity(text: str) -> Value:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"quantity '{text}' cannot be parsed")
    number, suffix = Fraction(match[1]), match[2]
    if suffix in _BINARY:
        return _quantity_of(number * 1024 ** (_BINARY.index(suffix) + 1))
    exponent = _SUFFIXES[suffix] if suffix in _SUFFIXES else int(suffix[1:])
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError(f"quantity '{text}' is too large")
    return _quantity_of(number * Fraction(10) ** exponent)


def _quantity_of(number: Fraction) -> Value:
    return {QUANTITY: str(number)}


def _number(value: Value) -> Fraction:
    return Fraction(_inner(value, QUANTITY))


def _as_integer(value: Value) -> int:
    number = _number(value)
    if number.denominator != 1 or number.numerator not in _INT64:
        raise ValueError("cannot convert value to integer")
    return number.numerator


def _quantities() -> Iterator[Function]:
    yield Function("quantity", ("string",), "map", _quantity, is_method=False)
    yield Function("isQuantity", ("string",), "bool", _is_valid(_quantity), is_method=False)
    yield Function("sign", ("map",), "int", lambda one: (_number(one) > 0) - (_number(one) < 0), is_method=False)
    yield Function("isInteger", ("map",), "bool", _is_valid(_as_integer))
    yield Function("asInteger", ("map",), "int", _as_integer)
    yield Function("asApproximateFloat", ("map",), "double", lambda one: float(_number(one)))
    for name, sign in (("add", 1), ("sub", -1)):
        yield Function(name, ("map", "map"), "map", _adding(sign))
        yield Function(name, ("map", "int"), "map", _adding(sign))


def _adding(sign: int) -> Callable[[Value, Value | int], Value]:
    def add(one: Value, other: Value | int) -> Value:
        return _quantity_of(_number(one) + sign * (other if isinstance(other, int) else _number(other)))

    return add


# ------------------------------------------------------------------------------------------ versions

_VERSION = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def _semver(text: str, normalize: bool = False) -> Value:
    match = _VERSION.fullmatch(_normalized(text) if normalize else text)
    if match is None:
        raise ValueError(f"'{text}' is not a semantic version")
    return {SEMVER: match[0]}


def _normalized(text: str) -> str:
    """Returns a version without ``v`` and leading zeros, with three numbers."""
    numbers, mark, rest = re.sub(r"^v", "", text).partition("-" if "-" in text else "+")
    parts = [re.sub(r"^0+(?=[0-9])", "", part) for part in numbers.split(".")]
    return ".".join((*parts, "0", "0")[: max(3, len(parts))]) + mark + rest


def _parts(value: Value) -> tuple[int, int, int]:
    match = _VERSION.match(_inner(value, SEMVER))
    assert match is not None
    return int(match[1]), int(match[2]), int(match[3])


def _precedence(value: Value) -> tuple[Any, ...]:
    """Returns what versions are compared by (semver.org, 11)."""
    match = _VERSION.match(_inner(value, SEMVER))
    assert match is not None
    before = [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in (match[4] or "").split(".") if word]
    return (*_parts(value), not before, before)


def _versions() -> Iterator[Function]:
    yield Function("semver", ("string",), "map", _semver, is_method=False)
    yield Function("semver", ("string", "bool"), "map", _semver, is_method=False)
    yield Function("isSemver", ("string",), "bool", _is_valid(_semver), is_method=False)
    yield Function("isSemver", ("string", "bool"), "bool", _is_valid(_semver), is_method=False)
    for index, name in enumerate(("major", "minor", "patch")):
        yield Function(name, ("map",), "int", lambda one, index=index: _parts(one)[index])


def _compared(one: Value, other: Value) -> int:
    key: Callable[[Value], Any] = _number if QUANTITY in one else _precedence
    first, second = key(one), key(other)
    return int(first > second) - int(first < second)


def _comparisons() -> Iterator[Function]:
    yield Function("compareTo", ("map", "map"), "int", _compared)
    yield Function("isGreaterThan", ("map", "map"), "bool", lambda one, other: _compared(one, other) > 0)
    yield Function("isLessThan", ("map", "map"), "bool", lambda one, other: _compared(one, other) < 0)


# ----------------------------------------------------------------------------------------- addresses


def _ip(text: str) -> Value:
    """Reads an address as Go's netip.ParseAddr, without zones and IPv4 in IPv6."""
    address = ipaddress.ip_address(text)
    if "%" in text or getattr(address, "ipv4_mapped", None) is not None:
        raise ValueError(f"IP address '{text}' has a zone, or is IPv4 in IPv6")
    return {IP: str(address)}


def _cidr(text: str) -> Value:
    address, slash, length = text.partition("/")
    if not slash or not re.fullmatch(r"0|[1-9][0-9]{0,2}", length):
        raise ValueError(f"'{text}' is not a network such as 10.0.0.0/8")
    _ip(address)
    return {CIDR: str(ipaddress.ip_interface(text))}


def _address(value: Value) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(_inner(value, IP))


def _interface(value: Value) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    return ipaddress.ip_interface(_inner(value, CIDR))


def _contains_ip(network: Value, address: Value | str) -> bool:
    return _address(_ip(address) if isinstance(address, str) else address) in _interface(network).network


def _contains_cidr(network: Value, other: Value | str) -> bool:
    outer, inner = _interface(network).network, _interface(_cidr(other) if isinstance(other, str) else other).network
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type] # of one version


def _is_link_local_multicast(value: Value) -> bool:
    address = _address(value)
    networks = {4: "224.0.0.0/24", 6: "ff02::/16"}
    return address in ipaddress.ip_network(networks[address.version])


def _is_global_unicast(value: Value) -> bool:
    """True as Go's netip.Addr.IsGlobalUnicast has it."""
    one = _address(value)
    is_broadcast = str(one) == "255.255.255.255"
    return not (is_broadcast or one.is_unspecified or one.is_loopback or one.is_multicast or one.is_link_local)


def _addresses() -> Iterator[Function]:
    yield Function("ip", ("string",), "map", _ip, is_method=False)
    yield Function("isIP", ("string",), "bool", _is_valid(_ip), is_method=False)
    yield Function("ip.isCanonical", ("string",), "bool", lambda text: _ip(text)[IP] == text, is_method=False)
    yield Function("family", ("map",), "int", lambda one: _address(one).version)
    yield Function("isUnspecified", ("map",), "bool", lambda one: _address(one).is_unspecified)
    yield Function("isLoopback", ("map",), "bool", lambda one: _address(one).is_loopback)
    yield Function("isLinkLocalMulticast", ("map",), "bool", _is_link_local_multicast)
    yield Function("isLinkLocalUnicast", ("map",), "bool", lambda one: _address(one).is_link_local)
    yield Function("isGlobalUnicast", ("map",), "bool", _is_global_unicast)
    yield Function("cidr", ("string",), "map", _cidr, is_method=False)
    yield Function("isCIDR", ("string",), "bool", _is_valid(_cidr), is_method=False)
    yield Function("ip", ("map",), "map", lambda one: {IP: str(_interface(one).ip)})
    yield Function("masked", ("map",), "map", lambda one: {CIDR: str(_interface(one).network)})
    yield Function("prefixLength", ("map",), "int", lambda one: _interface(one).network.prefixlen)
    for kind in ("string", "map"):
        yield Function("containsIP", ("map", kind), "bool", _contains_ip)
        yield Function("containsCIDR", ("map", kind), "bool", _contains_cidr)


# ---------------------------------------------------------------------------------------------- URLs


def _url(text: str) -> Value:
    """Reads a URL as Go's url.ParseRequestURI: it is absolute, or an absolute path."""
    parts = urllib.parse.urlsplit(text)
    is_malformed = re.search(r"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})", text) is not None
    if is_malformed or not (parts.scheme or text.startswith("/")):
        raise ValueError(f"URL parse error during conversion from string: '{text}'")
    _ = parts.port  # raises ValueError for one that is not a number
    return {URL: text}


def _of_url(read: Callable[[urllib.parse.SplitResult], Any]) -> Callable[[Value], Any]:
    return lambda value: read(urllib.parse.urlsplit(_inner(value, URL)))


def _host(parts: urllib.parse.SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _hostname(parts: urllib.parse.SplitResult) -> str:
    host = re.sub(r":[0-9]*$", "", _host(parts))
    return host.removeprefix("[").removesuffix("]")


def _urls() -> Iterator[Function]:
    yield Function("url", ("string",), "map", _url, is_method=False)
    yield Function("isURL", ("string",), "bool", _is_valid(_url), is_method=False)
    yield Function("getScheme", ("map",), "string", _of_url(lambda parts: parts.scheme))
    yield Function("getHost", ("map",), "string", _of_url(_host))
    yield Function("getHostname", ("map",), "string", _of_url(_hostname))
    yield Function("getPort", ("map",), "string", _of_url(lambda parts: str(parts.port or "")))
    yield Function("getEscapedPath", ("map",), "string", _of_url(lambda parts: parts.path))
    yield Function("getQuery", ("map",), "map", _of_url(lambda parts: urllib.parse.parse_qs(parts.query, True)))


# ------------------------------------------------------------------------------- regular expressions


def _find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    try:
        return compile_go(pattern).found(text, most)
    except PatternError as error:
        raise ValueError(f"Illegal regex: {error}") from None


def _regular_expressions() -> Iterator[Function]:
    yield Function("find", ("string", "string"), "string", lambda text, pattern: "".join(_find_all(text, pattern, 1)))
    yield Function("findAll", ("string", "string"), "list", _find_all)
    yield Function("findAll", ("string", "string", "int"), "list", _find_all)


# --------------------------------------------------------------------------------------------- lists


def _key(value: Any) -> Any:
    return cmp_to_key(_compared)(value) if isinstance(value, dict) else value


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Returns values in their order. Raises ValueError for those that have none."""
    try:
        return sorted(values, key=_key)
    except TypeError:
        raise ValueError("no such overload") from None


def _extreme(index: int) -> Callable[[Sequence[Any]], Any]:
    def extreme(values: Sequence[Any]) -> Any:
        if not values:
            raise ValueError("min or max called on empty list")
        return _ordered(values)[index]

    return extreme


def _sum(values: Sequence[Any]) -> Any:
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        raise ValueError("no such overload")
    return sum(values)


def _lists() -> Iterator[Function]:
    yield Function("isSorted", ("list",), "bool", lambda values: _ordered(values) == list(values))
    yield Function("sum", ("list",), "dyn", _sum)
    yield Function("min", ("list",), "dyn", _extreme(0))
    yield Function("max", ("list",), "dyn", _extreme(-1))
    yield Function("sort", ("list",), "list", _ordered)
    yield Function("distinct", ("list",), "list", lambda values: [*_distinct(values)])
    yield Function("flatten", ("list",), "list", lambda values: [*itertools.chain(*map(_as_list, values))])
    yield Function("slice", ("list", "int", "int"), "list", _slice)


def _distinct(values: Sequence[Any]) -> Iterator[Any]:
    for index, value in enumerate(values):
        if value not in values[:index]:
            yield value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _slice(values: Sequence[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(values):
        raise ValueError(f"cannot slice({start}, {end}) list of {len(values)}")
    return list(values[start:end])


def _contains(outer: Sequence[Any], inner: Sequence[Any]) -> bool:
    return all(member in outer for member in inner)


def _sets() -> Iterator[Function]:
    two = ("list", "list")
    yield Function("sets.contains", two, "bool", _contains, is_method=False)
    yield Function("sets.equivalent", two, "bool", lambda a, b: _contains(a, b) and _contains(b, a), is_method=False)
    yield Function("sets.intersects", two, "bool", lambda a, b: any(member in b for member in a), is_method=False)


# ---------------------------------------------------------------------------------------- authorizer


def _not_known(*_: Any) -> Any:
    raise ValueError("who may do what is not known")


def _authorizer() -> Iterator[Function]:
    """Yields the methods of ``authorizer``, which has no value: whatever asks it is unanswered."""
    named = ("path", "group", "resource", "subresource", "namespace", "name", "check", "fieldSelector", "labelSelector")
    for name in named:
        yield Function(name, ("map", "string"), "map", _not_known)
    yield Function("serviceAccount", ("map", "string", "string"), "map", _not_known)
    for name, kind in (("allowed", "bool"), ("reason", "string"), ("errored", "bool"), ("error", "string")):
        yield Function(name, ("map",), kind, _not_known)
