"""Version ranges as charts write them (Masterminds/semver): ``^1.2``, ``2.x.x``, ``>=1 <3``, ``1 - 2``, ``a || b``."""

from __future__ import annotations

import re
from collections.abc import Iterable

Version = tuple[int, int, int]

_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_TERM = re.compile(
    r"(?:(=<|=>|!=|>=|<=|=|>|<|~>|~|\^)\s*)?v?(\d{1,9}|[xX*])(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?"
    r"(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
)
_HYPHEN = re.compile(r"(?<!\S)(\S+)\s+-\s+(\S+)")
_LONGEST = 200
_HIGHEST: Version = (10**9, 0, 0)


def satisfies(version: str, ranges: str) -> bool:
    """True if a version lies in a range; an empty range holds every release. Pre-releases are compared by their
    numbers, and need a range that names one. False if one of the two is invalid."""
    found = _VERSION.fullmatch(version.strip())
    if found is None or len(ranges) > _LONGEST:
        return False
    numbers = (int(found[1]), int(found[2] or 0), int(found[3] or 0))
    early = bool(found[4])
    return any(_holds(numbers, early, part.strip()) for part in (ranges or "*").split("||"))


def is_range(text: str) -> bool:
    """True for a range of versions that is not one version."""
    parts = [_HYPHEN.sub(r">=\1 <=\2", part).strip() for part in text.split("||")]
    is_plain = _VERSION.fullmatch(text.strip()) is not None or len(text) > _LONGEST
    return not is_plain and all(_TERM.search(part) and not _TERM.sub("", part).strip(" ,") for part in parts)


def newest(versions: Iterable[str], ranges: str) -> str | None:
    """The newest of some versions that lies in a range, pre-releases before their release; None if none does."""
    return max((one for one in versions if satisfies(one, ranges)), key=_precedence, default=None)


def _precedence(version: str) -> tuple[Version, bool, list[tuple[bool, int, str]]]:
    found = _VERSION.fullmatch(version.strip())
    assert found is not None
    parts = (found[4] or "")[1:].split(".")
    early = [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
    return (int(found[1]), int(found[2] or 0), int(found[3] or 0)), not found[4], early


def is_simple(ranges: str) -> bool:
    """True if a range has only one term, and no pre-release."""
    found = _TERM.fullmatch(ranges)
    return found is not None and not found[5]


def lowest(ranges: str) -> str:
    """A version in a range: one that the range names, or the next beyond it; 0.0.0 if neither is in it."""
    named = [_numbers(term) for term in _TERM.finditer(ranges[:_LONGEST])]
    found = (version for low, given in named for version in (low, _next(low, given)))
    texts = (".".join(map(str, version)) for version in found)
    return next((text for text in texts if satisfies(text, ranges)), "0.0.0")


def _holds(version: Version, early: bool, ranges: str) -> bool:
    ranges = _HYPHEN.sub(r">=\1 <=\2", ranges or "*")
    terms = list(_TERM.finditer(ranges))
    rest = _TERM.sub("", ranges)
    if not terms or rest.strip(" ,"):
        return False
    if early and not any(term[5] for term in terms):
        return False
    return all(_fits(version, term) for term in terms)


def _fits(version: Version, term: re.Match[str]) -> bool:
    operator = term[1] or "="
    low, given = _numbers(term)
    above = _next(low, given)
    checks = {
        "=": low <= version < above,
        "!=": not low <= version < above,
        ">": version >= above,
        ">=": version >= low,
        "<": version < low,
        "<=": version < above,
        "~": low <= version < _next(low, min(given, 2)),
        "^": low <= version < _next_breaking(low, given),
    }
    return checks[{"=>": ">=", "=<": "<=", "~>": "~"}.get(operator, operator)]


def _numbers(term: re.Match[str]) -> tuple[Version, int]:
    """The version that a term names, and how many of its numbers are given."""
    given = [int(part) for part in term.group(2, 3, 4) if part and part.isdigit()]
    low = (*given, 0, 0, 0)
    return (low[0], low[1], low[2]), len(given)


def _next(low: Version, given: int) -> Version:
    """The first version after all that begin with the given numbers."""
    if given == 0:
        return _HIGHEST
    if given == 1:
        return (low[0] + 1, 0, 0)
    return (low[0], low[1] + 1, 0) if given == 2 else (low[0], low[1], low[2] + 1)


def _next_breaking(low: Version, given: int) -> Version:
    """The first version that may be incompatible: ``^0.2.3`` ends at 0.3.0."""
    if low[0] or given < 2:
        return _next(low, min(given, 1))
    return _next(low, 2 if low[1] or given < 3 else 3)
