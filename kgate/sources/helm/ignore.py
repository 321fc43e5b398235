"""Which files of a chart .helmignore hides, by Helm's own rules (pkg/ignore), which are not git's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kgate.regexp import PatternError
from kgate.sources.globs import Glob, path_match


class _Rule(NamedTuple):
    pattern: Glob
    is_negated: bool
    needs_folder: bool
    on_name: bool


def remove_ignored(folder: Path) -> None:
    """Removes what .helmignore hides from the copy of a chart, and the file itself: what is unpacked into the
    copy afterwards is hidden by nothing. A file that Helm refuses is left for it to say so."""
    path = folder / ".helmignore"
    if not path.is_file():
        return
    try:
        rules = tuple(_rules(path.read_bytes().decode("utf-8", "replace")))
    except PatternError:
        return
    for found in list(_hidden(folder, rules)):
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink()
    path.unlink(missing_ok=True)


def _hidden(folder: Path, rules: tuple[_Rule, ...]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if is_ignored(path.relative_to(folder).as_posix(), path.is_dir(), rules):
                yield path
                if name in folders:
                    folders.remove(name)


def is_ignored(name: str, is_folder: bool, rules: tuple[_Rule, ...]) -> bool:
    """Whether rules hide a path of the chart (ignore/rules.go, ``Rules.Ignore``)."""
    for rule in rules:
        matches = rule.pattern.matches(name.rpartition("/")[2] if rule.on_name else name)
        if rule.is_negated:
            if (rule.needs_folder and not is_folder) or not matches:
                return True
        elif matches and (is_folder or not rule.needs_folder):
            return True
    return False


def _rules(text: str) -> Iterator[_Rule]:
    """The rules of a file. Raises PatternError for what Helm refuses."""
    for line in text.removeprefix("\ufeff").split("\n"):
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        if "**" in rule:
            raise PatternError("double stars are refused by Helm")
        negated = rule.startswith("!")
        rule = rule.removeprefix("!")
        needs_folder = rule.endswith("/")
        rule = rule.removesuffix("/")
        on_name = "/" not in rule
        yield _Rule(path_match(rule.removeprefix("/")), negated, needs_folder, on_name)
