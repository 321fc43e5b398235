"""Fuzzes ignore files: kgate must ignore what ``git check-ignore`` does, and match .helmignore and globs quickly."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fuzz.harness import PATTERNS, STRANGE, FuzzError, Ground, Target, main, mutated
from kgate.regexp import PatternError
from kgate.rendering import goglob
from kgate.rendering.helm.ignore import IgnoreError, remove_ignored
from kgate.repository import Repository
from kgate.sources import files
from kgate.sources.ignores import Ignores

NAMES = (
    "a",
    "b",
    "ab",
    "a.yaml",
    "b.yaml",
    "foo",
    "a b",
    "a*",
    "[a]",
    "é.yaml",
    "!a",
    "#a",
    "x-y",
    "A",
    "a\\b",
    "0.yaml",
)
PIECES = (
    *("a", "b", "ab", "foo", ".yaml", "é", "x-y", "A", "0"),
    *("*", "**", "***", "/", "/", "?", "\\", " ", "!", "#", ".", "-", "^", "]"),
    *(
        "[ab]",
        "[!a]",
        "[^a]",
        "[a-f]",
        "[f-a]",
        "[]a]",
        "[!]a]",
        "[a",
        "[]",
        "[/]",
        "[+-z]",
        "[a-",
        "[\\]a]",
        "[a\\-z]",
    ),
    *(
        "[[:alpha:]]",
        "[[:space:]]",
        "[![:digit:]]",
        "[[:bad:]]",
        "[[:alpha]",
        "[[a]",
        "[[:]",
        "[[::]]",
        "[a-[:digit:]]",
    ),
    *("**/", "/**", "/**/", "a/**", "*a*a", "\\*", "\\ ", "\\!", "\\#", "\\/", "\r", "\0", "\t", "\x0b"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """The files to create, and the ignore files among them."""

    paths: tuple[str, ...]
    ignores: dict[str, str]


def make(numbers: random.Random) -> Case:
    """Makes a small tree with one or two ignore files."""
    paths = tuple({"/".join(numbers.choices(NAMES, k=numbers.randint(1, 4))) for _ in range(numbers.randint(1, 8))})
    text = "\n".join(_line(numbers) for _ in range(numbers.randint(1, 5)))
    inner = numbers.choice(paths).rpartition("/")[0]
    places = {".gitignore", f"{inner}/.gitignore" if inner and numbers.random() < 0.5 else ".gitignore"}
    return Case(paths, {place: mutated(numbers, text, (*PIECES, *PATTERNS), 1) for place in sorted(places)})


def _line(numbers: random.Random) -> str:
    if numbers.random() < 0.02:
        return numbers.choice((*PATTERNS, *STRANGE))
    sign = numbers.choice(("", "", "", "!", "/", "\\"))
    return sign + "".join(numbers.choices(PIECES, k=numbers.randint(1, 5)))


def check(case: Case, ground: Ground) -> None:
    """Compares with git, then reads the same texts as the other kinds of ignore files."""
    ground.write(dict.fromkeys(case.paths, "kind: Pod\n"))
    ground.write({**case.ignores})
    root = ground.repository
    every = sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))
    ours, theirs = set(_left_out(root)), _ignored_by_git(root, every)
    if ours != theirs:
        raise FuzzError(f"only kgate: {sorted(ours - theirs)}, only git: {sorted(theirs - ours)}")
    for place, text in case.ignores.items():
        ground.write({place.replace(".gitignore", ".kgateignore"): text, ".helmignore": text})
        _try_globs(text, every)
    listing = files.list_files([root], Repository.at(root))
    with contextlib.suppress(IgnoreError):
        remove_ignored(root)
    ground.check(listing)


def _try_globs(text: str, paths: list[str]) -> None:
    for line in text.split("\n"):
        for compiled in (goglob.path_match, goglob.doublestar, goglob.pathspec):
            try:
                glob = compiled(line)
            except PatternError:
                continue
            for path in paths:
                glob.matches(path)


def _left_out(root: Path) -> Iterator[str]:
    """Yields what kgate leaves out, and everything below it."""
    ignores = Ignores(Repository(root))
    pending = [(path, False) for path in root.iterdir()]
    while pending:
        path, is_out = pending.pop()
        is_out = is_out or ignores.covers(path, path.is_dir())
        if is_out:
            yield path.relative_to(root).as_posix()
        if path.is_dir():
            pending += [(member, is_out) for member in path.iterdir()]


def _ignored_by_git(root: Path, paths: list[str]) -> set[str]:
    command = (
        "git",
        f"--git-dir={_git_folder()}",
        f"--work-tree={root}",
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    )
    given = b"\0".join(os.fsencode(path) for path in paths) + b"\0"
    done = subprocess.run(command, cwd=root, input=given, capture_output=True, check=False, env=_ENVIRONMENT)
    if done.returncode not in (0, 1):
        raise FuzzError(f"git ended with {done.returncode}: {done.stderr!r}")
    return {os.fsdecode(path) for path in done.stdout.split(b"\0") if path}


_ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


@cache
def _git_folder() -> str:
    """Returns an empty repository whose settings ignore nothing."""
    folder = tempfile.mkdtemp(prefix="fuzz-git-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(["git", "init", "-q", "--template=", folder], check=True, env=_ENVIRONMENT)
    return os.path.join(folder, ".git")


if __name__ == "__main__":
    sys.exit(main(Target("ignores", make, check)))
