"""What a command imports: nothing that it does not need, so that it starts quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.command import ROOT
from tests.waiting import HANG

RUN = """
import sys
from kgate.commands.main import run
try:
    run(sys.argv[1:])
finally:
    sys.stderr.write(chr(10).join(sys.modules))
"""
WINGS = ("kgate.sources", "kgate.gitops", "kgate.rendering")
OF_FORMATS = ("jinja2", "orjson", "rich", "sarif_om", "xml")


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        pytest.param(("--version",), ("kgate.model", "kgate.rules", "kgate.reports", *WINGS), id="the version"),
        pytest.param(("rules", "list"), ("kgate.judgement", "kgate.reports", *WINGS, *OF_FORMATS), id="the rules"),
        pytest.param(("scan", "examples"), ("difflib", "importlib.metadata", *OF_FORMATS), id="a scan"),
        pytest.param(("scan", "examples", "-f", "json"), ("jinja2", "sarif_om"), id="a scan with another format"),
    ],
)
def test_what_is_not_needed_is_not_imported(arguments: tuple[str, ...], unused: tuple[str, ...]) -> None:
    command = (sys.executable, "-c", RUN, *arguments)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG, check=False)
    imported = done.stderr.split("\n")
    assert "kgate.commands.main" in imported
    assert [name for name in imported if name.startswith(unused)] == []
