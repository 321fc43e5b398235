"""The patterns that git, Go, Helm and Argo CD match paths with, as regular expressions that match in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kgate.regexp import Pattern, PatternError, compile_go, decodable
from kgate.values import dataclass

MAX_PATTERN = 4096
"""Letters that a single pattern may have: as many as a path."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern of paths. Git matches bytes, Go letters."""

    pattern: Pattern
    is_of_bytes: bool = False

    def matches(self, path: str) -> bool:
        """True if the pattern matches the whole path."""
        return self.pattern.fullmatch(bytewise(path) if self.is_of_bytes else path)


def bytewise(text: str) -> str:
    """Returns a text whose letters are the bytes of another one, in UTF-8 or as the file system has them."""
    if text.isascii():
        return text
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    return data.decode("latin-1")


def path_match(pattern: str) -> Glob:
    """Compiles a pattern of Go's path.Match: ``*`` and ``?`` stay within a folder. Raises PatternError."""
    return _compiled("".join(_go(decodable(_bounded(pattern)))))


def beginning(pattern: str, *, is_longest: bool) -> Pattern | None:
    """Compiles a pattern of envsubst, of which ``*`` and ``?`` match slashes too, to be matched at the beginning of a
    text: the longest or the shortest one. None if it is malformed, so that it matches nothing. Raises PatternError."""
    try:
        source = "".join(_go(decodable(_bounded(pattern)), star=".*" if is_longest else ".*?", one="."))
    except _MalformedError:
        return None
    return compile_go(f"(?s:{source})")


def doublestar(pattern: str) -> Glob:
    """Compiles a pattern of path.Match with ``**`` for any number of folders, and ``{a,b}`` (bmatcuk/doublestar).
    Raises PatternError."""
    return _compiled("".join(_doublestar(decodable(_bounded(pattern)))))


def pathspec(pattern: str) -> Glob:
    """Compiles a pathspec of ``git ls-files``: ``*`` and ``?`` match slashes too, and a folder matches all below it.

    Raises PatternError, also for pathspecs with "magic", which begin with a colon.
    """
    if pattern.startswith(":"):
        raise PatternError("pathspecs that begin with a colon are not read")
    text = bytewise(_bounded(pattern)).removeprefix("./").strip("/")
    wild = "|" + wildmatch(text, crosses_folders=True) if WILD.search(text) else ""
    return _compiled(f"{literal(text)}(?:/.*)?{wild}", is_of_bytes=True)


def _bounded(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"longer than {MAX_PATTERN:,} letters")
    return pattern


def _compiled(source: str, *, is_of_bytes: bool = False) -> Glob:
    return Glob(compile_go(f"(?s:{source})"), is_of_bytes)


WILD = re.compile(r"[*?\[\\]")
"""Characters that do not only match themselves in a pattern of git."""


def literal(text: str) -> str:
    """The source of a regular expression that matches just this text."""
    return "".join(letter if letter.isalnum() or letter in "_/" else f"\\x{{{ord(letter):x}}}" for letter in text)


def _class(ranges: list[tuple[str, str]], *, is_negated: bool, without: str = "") -> str:
    """A set of letters; ranges in the wrong order are empty, and ``without`` is never in the set."""
    if is_negated:
        ranges = [*ranges, (without, without)] if without else ranges
    elif without:
        ranges = [part for one in ranges for part in _around(*one, without)]
    members = "".join(f"{literal(low)}-{literal(high)}" for low, high in ranges if low <= high)
    if is_negated:
        return f"[^{members}]" if members else "."
    return f"[{members}]" if members else _NOTHING


def _around(low: str, high: str, letter: str) -> Iterator[tuple[str, str]]:
    """A range without one of its letters."""
    if low <= letter <= high:
        yield low, chr(ord(letter) - 1)
        low = chr(ord(letter) + 1)
    yield low, high


_NOTHING = r"[^\x{0}-\x{10ffff}]"
"""Matches no letter."""


# -------------------------------------------------------------------------------------------------------- Go


class _MalformedError(PatternError):
    """A pattern that has no meaning."""


class _Reader:
    """A pattern and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def letter(self) -> str:
        """The next letter, empty at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        """Reads the text if it comes next, and returns whether it does."""
        found = self.text.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def next(self) -> str:
        """Reads the next letter. Raises PatternError at the end."""
        letter = self.letter
        if not letter:
            raise _MalformedError("syntax error in pattern")
        self.at += 1
        return letter


_WITHIN_FOLDER = "[^/]*"


def _go(pattern: str, star: str = _WITHIN_FOLDER, one: str = "[^/]") -> Iterator[str]:
    """Go's path.Match and filepath.Match as a regular expression (path/match.go); what ``*`` and ``?`` match is given.

    Raises PatternError for a class between stars that may be a slash: Go takes the first letter that the class
    matches, and does not try another if the next star then meets the slash.
    """
    reader = _Reader(pattern)
    is_behind_star = may_be_slash = False
    while reader.letter:
        letter = reader.next()
        if letter == "*":
            if may_be_slash and star == _WITHIN_FOLDER:
                raise PatternError("a class between stars may match a slash; name what it matches")
            is_behind_star = True
            yield star
        elif letter == "?":
            yield one
        elif letter == "[":
            is_negated = reader.take("^")
            ranges = _go_ranges(reader)
            may_be_slash |= is_behind_star and is_negated != any(low <= "/" <= high for low, high in ranges)
            yield _class(ranges, is_negated=is_negated)
        else:
            yield literal(reader.next() if letter == "\\" else letter)


def _go_ranges(reader: _Reader) -> list[tuple[str, str]]:
    """The members of a class up to its end, of which there must be one."""
    ranges: list[tuple[str, str]] = []
    while not (ranges and reader.take("]")):
        low = _go_member(reader)
        ranges.append((low, _go_member(reader) if reader.take("-") else low))
    return ranges


def _go_member(reader: _Reader) -> str:
    letter = reader.next()
    if letter in "-]":
        raise _MalformedError("syntax error in pattern")
    return reader.next() if letter == "\\" else letter


def _doublestar(pattern: str) -> Iterator[str]:
    """The patterns of bmatcuk/doublestar as a regular expression (match.go)."""
    reader = _Reader(pattern)
    depth = 0
    while reader.letter:
        starts_folder = reader.at == 0 or reader.text[reader.at - 1] in "/{,"
        letter = reader.next()
        if letter == "*":
            yield _stars(reader, starts_folder=starts_folder)
        elif letter == "?":
            yield "[^/]"
        elif letter == "[":
            is_negated = reader.take("^") or reader.take("!")
            yield _class(_go_ranges(reader), is_negated=is_negated, without="/")
        elif letter == "{":
            depth += 1
            yield "(?:"
        elif depth and letter in ",}":
            depth -= letter == "}"
            yield "|" if letter == "," else ")"
        else:
            yield literal(reader.next() if letter == "\\" else letter)
    if depth:
        raise PatternError("a brace is not closed")


def _stars(reader: _Reader, *, starts_folder: bool) -> str:
    """Reads what follows the first star: only ``**`` that is a whole name matches folders."""
    count = 1
    while reader.take("*"):
        count += 1
    if count == 2 and starts_folder:
        if reader.take("/"):
            return "(?:[^/]*/)*"
        if reader.letter in ("", ",", "}"):
            return ".*"
    return "[^/]*"


# ------------------------------------------------------------------------------------------------------- git


def wildmatch(pattern: str, *, crosses_folders: bool = False) -> str:
    """The source of a regular expression for git's wildmatch (wildmatch.c), over bytes.

    ``crosses_folders``: without git's flag WM_PATHNAME, so that ``*`` and ``?`` match slashes too. What git never
    matches, such as a class without an end, matches nothing.
    """
    reader = _Reader(pattern)
    try:
        return "".join(_wildmatch(reader, crosses_folders=crosses_folders))
    except PatternError:
        return _NOTHING


def _wildmatch(reader: _Reader, *, crosses_folders: bool) -> Iterator[str]:
    while reader.letter:
        begin = reader.at
        letter = reader.next()
        if letter == "*":
            yield _git_stars(reader, begin, crosses_folders=crosses_folders)
        elif letter == "?":
            yield "." if crosses_folders else "[^/]"
        elif letter == "[":
            is_negated = reader.take("!") or reader.take("^")
            yield _class(_git_ranges(reader), is_negated=is_negated, without="" if crosses_folders else "/")
        else:
            yield literal(reader.next() if letter == "\\" else letter)


def _git_stars(reader: _Reader, begin: int, *, crosses_folders: bool) -> str:
    """Reads a run of stars: two or more that are a whole name match folders."""
    while reader.take("*"):
        pass
    if crosses_folders:
        return ".*"
    is_name_start = begin == 0 or reader.text[begin - 1] == "/"
    if reader.at - begin < 2 or not is_name_start:
        return "[^/]*"
    if reader.take("/"):
        return "(?:.*/)?"
    return ".*" if not reader.letter or reader.text.startswith("\\/", reader.at) else "[^/]*"


def _git_ranges(reader: _Reader) -> list[tuple[str, str]]:
    """The members of a class up to its end; a bracket that comes first is a member."""
    ranges: list[tuple[str, str]] = []
    previous = ""
    while True:
        letter = reader.next()
        if letter == "-" and previous and reader.letter not in ("", "]"):
            ranges.append((previous, _git_member(reader, reader.next())))
            previous = ""
        elif letter == "[" and reader.take(":"):
            previous = _named_class(reader, ranges)
        else:
            previous = _git_member(reader, letter)
            ranges.append((previous, previous))
        if reader.take("]"):
            return ranges


def _git_member(reader: _Reader, letter: str) -> str:
    return reader.next() if letter == "\\" else letter


def _named_class(reader: _Reader, ranges: list[tuple[str, str]]) -> str:
    """Adds a class such as ``[:alpha:]``, or only the bracket if it is not closed like one. Returns what a range would
    begin with."""
    end = reader.text.find("]", reader.at)
    if end < 0:
        raise PatternError("syntax error in pattern")
    name = reader.text[reader.at : end]
    if not name.endswith(":"):
        reader.at -= 1
        ranges.append(("[", "["))
        return "["
    if name[:-1] not in _NAMED:
        raise PatternError("unknown class")
    ranges += [(pair[0], pair[1]) for pair in _NAMED[name[:-1]]]
    reader.at = end + 1
    return ""


_NAMED: dict[str, tuple[str, ...]] = {
    "alnum": ("09", "AZ", "az"),
    "alpha": ("AZ", "az"),
    "blank": ("  ", "\t\t"),
    "cntrl": ("\0\x1f", "\x7f\x7f"),
    "digit": ("09",),
    "graph": ("!~",),
    "lower": ("az",),
    "print": (" ~",),
    "punct": ("!/", ":@", "[`", "{~"),
    "space": ("  ", "\t\n", "\r\r"),
    "upper": ("AZ",),
    "xdigit": ("09", "AF", "af"),
}
"""The ranges of POSIX classes in ASCII."""
