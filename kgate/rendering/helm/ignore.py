"""Removes the files of a chart that .helmignore hides, by Helm's own rules (pkg/ignore), which are not git's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from kgate.regexp import PatternError
from kgate.rendering.goglob import Glob, path_match
from kgate.yamltree.streams import GO_SPACES

NAME = ".helmignore"


class IgnoreError(ValueError):
    """A line that Helm refuses, or that Helm may read in another way for this chart."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Rule(NamedTuple):
    pattern: Glob
    is_negated: bool
    needs_folder: bool
    on_name: bool
    line: int
    counts_bytes: bool


def remove_ignored(folder: Path) -> None:
    """Removes what Helm does not load of a chart that is a folder. Raises IgnoreError.

    The file itself stays, as templates can read it. Helm obeys it in folders only, and is given an archive.
    """
    path = folder / NAME
    rules = _rules(path.read_bytes()) if path.is_file() else []
    for found in list(_hidden(folder, [*rules, _HIDDEN_TEMPLATES])):
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink()


def _hidden(folder: Path, rules: Sequence[_Rule]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if _is_ignored(path.relative_to(folder).as_posix(), name in folders, rules):
                yield path
                if name in folders:
                    folders.remove(name)


def _is_ignored(path: str, is_folder: bool, rules: Sequence[_Rule]) -> bool:
    """True if rules hide a path of the chart (ignore/rules.go, ``Rules.Ignore``)."""
    for rule in rules:
        name = path.rpartition("/")[2] if rule.on_name else path
        if rule.counts_bytes and not name.isascii():
            raise IgnoreError(rule.line, f"? and [ behind a star count bytes in '{_shown(name)}'; write the rule out")
        matches = rule.pattern.matches(name)
        if rule.is_negated:
            if (rule.needs_folder and not is_folder) or not matches:
                return True
        elif matches and (is_folder or not rule.needs_folder):
            return True
    return False


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")


def _rules(data: bytes) -> list[_Rule]:
    """The rules of a file. Raises IgnoreError."""
    rules = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if len(line) >= _LONGEST_LINE:
            raise IgnoreError(number, "longer than Helm reads")
        try:
            text = line.decode("utf-8").strip(GO_SPACES)
            if text and not text.startswith("#"):
                rules.append(_rule(text, number))
        except UnicodeDecodeError:
            raise IgnoreError(number, "not UTF-8") from None
        except PatternError as error:
            raise IgnoreError(number, str(error)) from None
    return rules


_LONGEST_LINE = 64 << 10
"""What Go's bufio.Scanner takes."""


def _rule(text: str, line: int) -> _Rule:
    """One rule. Raises PatternError for what Helm refuses, and for what its versions read differently."""
    if "**" in text:
        raise PatternError("double stars are refused by Helm")
    path_match(text)  # as Helm checks it: before it takes the signs off
    rule = text.removeprefix("!")
    needs_folder = rule.endswith("/")
    rule = rule.removesuffix("/")
    if rule.startswith("//"):
        raise PatternError("two slashes at the beginning, which Helm 3 and Helm 4 read differently")
    pattern = path_match(rule.removeprefix("/"))
    return _Rule(pattern, text.startswith("!"), needs_folder, "/" not in rule, line, _counts_bytes(rule))


def _counts_bytes(rule: str) -> bool:
    """True if Go may match a part of a letter: its star matches bytes, and what follows may begin inside a letter
    (path/filepath/match.go). Go and kgate also read a replacement character for a byte that is not UTF-8."""
    behind_star = rule.partition("*")[2]
    return "?" in behind_star or "[" in behind_star or "\ufffd" in rule


_HIDDEN_TEMPLATES = _rule("templates/.?*", 0)
"""What Helm adds to the rules of every chart in a folder (ignore/rules.go, ``AddDefaults``)."""
