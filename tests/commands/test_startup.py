"""What a command imports: nothing that it does not need, so that it starts quickly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.command import ROOT, installed
from tests.waiting import HANG

RUN = """
import sys
from kgate.commands.main import exit_code
exit_code(sys.argv[1:])
sys.stderr.write(chr(10).join(sys.modules))
"""
WINGS = ("kgate.sources", "kgate.gitops", "kgate.rendering")
OF_FORMATS = ("jinja2", "rich", "sarif_om", "xml")


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


DATACLASSES = """
import sys
from kgate.commands.main import exit_code
exit_code(sys.argv[1:])
for name, module in [*sys.modules.items()]:
    sys.stderr.write(name + chr(10))
    for one in vars(module).values() if name.startswith("kgate") else ():
        if getattr(getattr(one, "__dataclass_params__", None), "init", False):
            sys.stderr.write(f"dataclass {one}" + chr(10))
"""
MOST_MODULES = 124
"""Of kgate, for one plain manifest below a pyproject.toml; a module costs 0.3 ms, and what it compiles and which
classes it makes."""


def test_one_manifest_needs_little() -> None:
    """No library and no part of kgate that is for something else, and no dataclass that is made when it is imported."""
    command = (sys.executable, "-P", "-c", DATACLASSES, "scan", "examples/shop/catalogue.yaml", "-f", "json")
    env = {**os.environ, "PYTHONPATH": str(installed())}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    imported = done.stderr.split("\n")
    assert "kgate.scan" in imported
    unused = (
        *("dataclass ", "kgate.elsewhere.pull", "kgate.gitops.plan", "kgate.pagecodec", "kgate.policy.weakened"),
        *("kgate.rendering.archive", "kgate.rendering.process", "kgate.rules.rulefile", "kgate.yamltree.fields"),
        *("lzma", "multiprocessing", "pickle", "platformdirs", "re2", "shutil", "subprocess", "tarfile", "tempfile"),
    )
    assert [name for name in imported if name.startswith(unused)] == []
    assert sum(name.startswith("kgate") for name in imported) <= MOST_MODULES
