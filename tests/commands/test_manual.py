"""manual.py: the manual page names every command and option, and each shell gets its script."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click

from kgate.commands.main import main
from kgate.commands.manual import manual_page, shared_files
from kgate.commands.variables import read_variables
from tests.command import ROOT, installed, kgate
from tests.terminal import read_all
from tests.waiting import HANG

MACROS = {".TH", ".SH", ".PP", ".TP", ".B", ".nf", ".fi"}


def test_the_page_names_every_command_and_option() -> None:
    page = manual_page().replace("\\-", "-")
    names = main.list_commands(click.Context(main))
    assert len(names) > 8
    assert [name for name in names if f'.SH "KGATE {name.upper()}' not in page] == []
    flags = {*read_variables(main).values()}
    assert len(flags) > 30
    assert [flag for flag in flags if flag not in page] == []
    assert "the privilege gate for GitOps repositories" in page


def test_the_page_uses_macros_of_man_alone() -> None:
    assert manual_page().isascii()
    lines = manual_page().splitlines()
    assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= MACROS
    assert [line for line in lines if re.search(r"\\[^-&e]", line)] == []


def test_the_scripts_are_those_of_the_command() -> None:
    files = shared_files()
    assert sorted(Path(place).parts[1] for place in files) == ["bash-completion", "fish", "man", "zsh"]
    assert files["share/bash-completion/completions/kgate"] == kgate("completion", "bash").out.removesuffix("\n")
    assert "_KGATE_COMPLETE" in files["share/zsh/site-functions/_kgate"]


def test_progress_counts_and_estimates_nothing() -> None:
    parent, child = pty.openpty()
    run = subprocess.Popen(
        (sys.executable, "-P", "-m", "kgate", "scan", "examples", "-q"),
        stdout=subprocess.DEVNULL,
        stderr=child,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{installed()}{os.pathsep}{ROOT}", "TERM": "xterm"},
    )
    os.close(child)
    shown = read_all(parent)
    assert run.wait(timeout=HANG) == 1
    assert b"kgate: 3/3 read or rendered" in shown
    assert b":0" not in shown, "no time"
    assert b"%" not in shown
