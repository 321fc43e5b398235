"""The real command's whole output, compared with tests/golden/."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from kgate import reports
from tests.command import ROOT, kgate
from tests.real_tools import tools_env

GOLDEN = Path(__file__).parent / "golden"
UPDATE = bool(os.environ.get("KGATE_UPDATE_GOLDEN"))


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name}: see KGATE_UPDATE_GOLDEN in CONTRIBUTING.md"


@pytest.mark.parametrize("name", reports.names())
def test_reports(name: str) -> None:
    result = kgate("scan", "examples", "-f", name, afresh=True)
    assert result.code == 1
    assert result.err == ""
    compare(f"shop.{name}", result.out)


@pytest.mark.parametrize("name", ["terminal", "markdown", "json"])
def test_a_rule_page(name: str) -> None:
    compare(f"rule.{name}", kgate("rules", "show", "privileged-container", "-f", name).out)


def test_an_explanation() -> None:
    compare("explain.terminal", kgate("explain", "privileged-container").out)


def test_a_chart_and_its_overlays(tmp_path: Path) -> None:
    repository = shutil.copytree(ROOT / "tests/data/deploy", tmp_path / "deploy")
    (repository / ".git").mkdir()
    rules = "privileged-container,host-pid,host-network"
    result = kgate("scan", ".", "--select", rules, cwd=repository, env=tools_env())
    assert (result.code, result.err) == (1, "")
    compare("deploy.text", result.out)


@pytest.mark.parametrize(("document", "golden"), [("README.md", "shop.text"), ("docs/rendering.md", "deploy.text")])
def test_a_document_shows_real_output(document: str, golden: str) -> None:
    blocks = (ROOT / document).read_text(encoding="utf-8").split("```")
    shown = [block for block in blocks if block.startswith("text\n")]
    assert shown
    lines = (GOLDEN / golden).read_text(encoding="utf-8").splitlines()
    for line in shown[0].splitlines()[1:]:
        assert line in lines or line == "…", line


SHOWN = re.compile(r"<!-- from (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
REPORTS = (ROOT / "docs/reports.md").read_text(encoding="utf-8")


def test_the_document_of_the_reports_names_every_format() -> None:
    assert tuple(sorted(re.findall(r"^\| `(\S+)` \|", REPORTS, re.MULTILINE))) == reports.names()
    assert len(SHOWN.findall(REPORTS)) == 8


@pytest.mark.parametrize(("name", "block"), SHOWN.findall(REPORTS), ids=lambda value: value.split("\n")[0][:20])
def test_the_document_of_the_reports_shows_real_output(name: str, block: str) -> None:
    golden = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    for line in block.splitlines():
        start = line.removesuffix("…")
        assert any(other == line or (start != line and other.startswith(start)) for other in golden), line
