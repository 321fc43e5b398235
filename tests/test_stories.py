"""CONTRIBUTING.md: whoever follows one of its stories literally ends green, with no more files changed than it says.

A story is a section whose title begins with "Add". Its steps are the code blocks after a line that ends with a colon;
other blocks only show something. The line says what to do with the block:

- "Write `path`:" writes it to a new file, in a new folder if there is none;
- "Add a row to the table in `path`:" adds it below the first table of the file;
- "Add to the end of `path`:" adds it there;
- before a block of ``sh``, any text: its lines are run, and succeed;
- before a block of ``console``, any text: the lines after ``$`` are run and print the lines that follow.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import ROOT
from tests.waiting import HANG

SECTION = re.compile(r"^## (Add .+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"([^\n]*:)\n+^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
STORIES = dict(SECTION.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
FOLLOWED = {title: STEP.findall(body) for title, body in STORIES.items() if STEP.search(body)}


def git(folder: Path, *arguments: str) -> str:
    command = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A copy of the repository as it is on the disk, in which everything is committed."""
    folder = tmp_path / "kgate"
    for name in git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    with contextlib.suppress(FileNotFoundError):  # of the last run of mypy, if there was one
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    yield folder
    shutil.rmtree(folder)


def run(command: str, folder: Path) -> str:
    """What a command prints, in a shell whose .venv is the environment of this test."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "KGATE_UPDATE"))}
    here = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(
        ("bash", "-c", here),
        cwd=folder,
        env={**variables, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": "-n 0"},  # this test is one of several workers
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(text: str, language: str, block: str, folder: Path) -> None:
    """Does what one step says."""
    path = re.search(r"`([^`]+)`:$", text)
    if language == "sh":
        for line in block.splitlines():
            run(line, folder)
    elif language == "console":
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            assert run(command, folder) == output
    elif path is not None and "Write `" in text:
        assert not (folder / path[1]).exists()
        (folder / path[1]).parent.mkdir(exist_ok=True)
        (folder / path[1]).write_text(block, encoding="utf-8")
    elif path is not None and "Add to the end of `" in text:
        with (folder / path[1]).open("a", encoding="utf-8") as end:
            end.write(block)
    elif path is not None and "Add a row to the table in `" in text:
        document = (folder / path[1]).read_text(encoding="utf-8")
        (folder / path[1]).write_text(TABLE.sub(lambda table: table[0] + block, document, count=1), encoding="utf-8")
    else:
        pytest.fail(f"this step does not say what to do with its block: {text}")


@pytest.mark.slow
def test_the_stories_are_found() -> None:
    assert {"Add a rule: one file", "Add a report format: one file", "Add a source: one folder"} <= set(FOLLOWED)


def test_a_new_rule_changes_no_golden_output() -> None:
    """No report lists rules that found nothing."""
    steps = FOLLOWED["Add a rule: one file"]
    assert not any("golden" in text.lower() or "golden" in block.lower() for text, _, block in steps)


@pytest.mark.slow
@pytest.mark.parametrize("title", FOLLOWED)
def test_whoever_follows_a_story_ends_green(title: str, clone: Path) -> None:
    """Takes up to half a minute: a story ends with tests, linters and the types of the whole clone."""
    steps = FOLLOWED[title]
    for text, language, block in steps:
        follow(text, language, block, clone)
    assert steps[-1][1] == "console", "a story ends with the files that have changed"
    assert re.search(r"^\$ git status --short\n.* \S+\n", steps[-1][2], re.MULTILINE)
