"""Knows the flags of a program by its version, what they hold, and their defaults.

``flags.json`` is written by upstream/flags.py. ``defaults.json`` holds, for the programs themselves and for each tool
that installs them, the settings that rules read and that hold where nobody writes another value.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import cache

import orjson

from kgate.kubernetes.components.component import shortened
from kgate.kubernetes.nearest import nearest
from kgate.model import Json
from kgate.values import dataclass

NAMES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "etcd")

OLDEST = {"etcd": 5}
"""The oldest version of which flags are known; of programs of Kubernetes it is OLDEST_MINOR."""

OLDEST_MINOR = 17
NEWEST_ETCD = 7


@dataclass(frozen=True, slots=True)
class Flag:
    """What a flag holds: bool, int, float, duration, text, list, words, map or switches; since and until when it is
    there. A list and the like grow when the flag is repeated; words, and all others, are replaced."""

    kind: str
    since: int = 0
    until: int | None = None

    @property
    def grows(self) -> bool:
        """True if a flag that is given twice adds to what it holds."""
        return self.kind in ("list", "map", "switches")

    def __contains__(self, minor: int) -> bool:
        """True if a version of the program has it."""
        return self.since <= minor and (self.until is None or minor < self.until)


@cache
def flags(component: str) -> Mapping[str, Flag]:
    """Returns the flags that any version of a program has, by name."""
    data = orjson.loads(pkgutil.get_data(__package__, "flags.json") or b"")
    return {name: Flag(*([one] if isinstance(one, str) else one)) for name, one in data[component].items()}


def is_known(component: str, minor: int) -> bool:
    """True if all flags of a version of a program are known."""
    return minor >= OLDEST.get(component, OLDEST_MINOR)


def complaint(component: str, name: str, minor: int) -> str:
    """Says that a program of a version does not have a flag, and which one is meant or when there is one."""
    flag, line = flags(component).get(name), 3 if component == "etcd" else 1
    start = f"unknown flag --{shortened(name)} for {component} {line}.{minor}"
    if flag is None:
        near = nearest(name, (other for other, one in flags(component).items() if minor in one))
        return f"{start}; did you mean --{near}?" if near else start
    when = f"added in {line}.{flag.since}" if minor < flag.since else f"removed in {line}.{flag.until}"
    return f"{start}: it was {when}"


def defaults(component: str, minor: int, tool: str = "") -> dict[str, Json]:
    """Returns the settings that hold where nobody writes others: those of a tool lie over the program's own."""
    found: dict[str, Json] = {}
    for name in ("", tool):
        for setting, steps in _defaults().get(name, {}).get(component, {}).items():
            values = [value for since, value in steps if since <= minor]
            found |= {setting: values[-1]} if values else {}
    known = flags(component)
    return {name: value for name, value in found.items() if value is not None and minor in known[name]}


@cache
def _defaults() -> Mapping[str, Mapping[str, Mapping[str, list[tuple[int, Json]]]]]:
    """Returns, by tool, program and setting, since when which value is the default."""
    data: Mapping[str, Mapping[str, Mapping[str, list[tuple[int, Json]]]]] = orjson.loads(
        pkgutil.get_data(__package__, "defaults.json") or b""
    )
    return data


# ----------------------------------------------------------------------------------------- values


def parsed(flag: Flag, text: str) -> Json:
    """Returns what a flag holds, as the program reads its text: durations in seconds. Raises ValueError with what it
    must be."""
    reader = _READERS.get(flag.kind)
    return text if reader is None else reader(text)


_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


def _bool(text: str) -> bool:
    """Go's strconv.ParseBool."""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("true or false")


_INT = re.compile(r"[+-]?(0[xX][0-9a-fA-F]{1,16}|0[oO][0-7]{1,22}|0[0-7]{0,22}|[1-9][0-9]{0,19}|0[bB][01]{1,64})")


def _int(text: str) -> int:
    """Go's strconv.ParseInt with base 0, where a leading 0 means octal."""
    if not _INT.fullmatch(text):
        raise ValueError("a whole number")
    is_octal = re.fullmatch(r"[+-]?0[0-7]+", text)
    value = int(text, 8) if is_octal else int(text, 0)
    if not -(2**63) <= value < 2**63:
        raise ValueError("a whole number of at most 64 bits")
    return value


def _float(text: str) -> float:
    if not re.fullmatch(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", text):
        raise ValueError("a number")
    return float(text)


_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d{1,19}(?:\.\d{0,19})?|\.\d{1,19})(ns|us|µs|μs|ms|s|m|h)")


def _duration(text: str) -> float:
    """Go's time.ParseDuration, in seconds."""
    sign, rest = (-1.0 if text[:1] == "-" else 1.0), text.lstrip("+-") if text[:1] in "+-" else text
    if rest == "0":
        return 0.0
    total, end = 0.0, 0
    while (match := _PART.match(rest, end)) is not None:
        total, end = total + float(match[1]) * _SECONDS[match[2]], match.end()
    if not end or end != len(rest):
        raise ValueError("a duration such as 1h30m")
    return sign * total


def _list(text: str) -> list[str]:
    return text.split(",") if text else []


def _map(text: str) -> dict[str, str]:
    found = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError("pairs such as NAME=VALUE, separated by commas")
        found[name.strip()] = value.strip()
    return found


def _switches(text: str) -> dict[str, bool]:
    """Feature gates; a gate may name its component, as in ``kube:Name=true`` (component-base, compatibility)."""
    try:
        return {name.rpartition(":")[2]: _bool(value) for name, value in _map(text).items()}
    except ValueError:
        raise ValueError("pairs such as NAME=true, separated by commas") from None


_READERS: Mapping[str, Callable[[str], Json]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "duration": _duration,
    "list": _list,
    "words": _list,
    "map": _map,
    "switches": _switches,
}
