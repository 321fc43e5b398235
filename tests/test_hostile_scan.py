"""Hostile repositories through the real command: each is a Problem within its bounds, or harms nobody."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kgate.rendering import sandbox
from tests.command import kgate
from tests.hostile import CASES, ENVIRONMENT_NAME, OUTSIDE, SECRET, TARGET, WITNESS, is_chart
from tests.loopback import loopback
from tests.real_tools import tools_env
from tests.test_hostile import ENDLESS, EXPECTED

HARMLESS = {name for name, how in EXPECTED.items() if how == "harmless"}
HARMLESS |= {"chart: output without end", "kustomization: generator over http"}
"""The last two print 4.6 MB of comments, which kgate's own bound allows, and name data that kgate leaves out."""

TOOLS = tools_env()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_hostile_repository(name: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / ".git").mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    seconds = "1" if name in ENDLESS else "3" if EXPECTED.get(name) == "bound" else "20"
    memory = "256" if EXPECTED.get(name) == "bound" else "512"
    options = ("-f", "json", "--allow-empty", "--render-timeout", seconds, "--render-memory", memory)
    with loopback() as server:
        CASES[name](repository, server.url)
        environment = {**TOOLS, ENVIRONMENT_NAME: SECRET, "TMPDIR": os.fspath(temporary)}
        result = kgate("scan", *options, TARGET, cwd=repository, env=environment)
        if sandbox.cuts_network() or is_chart(name):
            assert server.seen == []
    report = json.loads(result.out)
    assert result.code == (0 if name in HARMLESS else 3), result
    assert bool(report["problems"] or report["unjudged"]) == (name not in HARMLESS)
    assert result.err == ""
    assert SECRET not in result.out
    assert os.fspath(temporary) not in result.out
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / WITNESS).exists()
    assert set(os.listdir(tmp_path)) - {OUTSIDE} == {"repository", "temporary"}
