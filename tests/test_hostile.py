"""Hostile charts and kustomizations against the real helm and kubectl, under kgate's bounds."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kgate.rendering import process, sandbox
from kgate.rendering.process import Limits, Outcome
from kgate.rendering.workspace import CopyError, Workspace
from kgate.repository import Repository
from tests import hostile
from tests.hostile import CASES, ENVIRONMENT_NAME, SECRET, TARGET, WITNESS, is_chart
from tests.loopback import loopback
from tests.real_tools import helm_tool, kustomize_tool
from tests.waiting import HANG

LIMITS = Limits(seconds=4, memory=512 << 20, output=4 << 20)
ENDLESS = {"chart: nested ranges", "chart: one long word", "kustomization: bases without end"}
"""What uses the processor until its time is over, however long that is."""
HELM = ("template", "release", "--skip-schema-validation", "--include-crds", "--namespace", "default")

EXPECTED: dict[str, str] = {
    "chart: range of 100 million": "bound",
    "chart: a list without end": "bound",
    "chart: nested ranges": "bound",
    "chart: recursive tpl": "bound",
    "chart: recursive include": "failed",
    "chart: one long word": "bound",
    "chart: a gigabyte of output": "bound",
    "chart: output without end": "bound",
    "chart: an error without end": "bound",
    "chart: escapes in the error": "failed",
    "chart: aliases in values": "failed",
    "chart: deeply nested values": "failed",
    "chart: schema from a file": "harmless",
    "chart: schema from the network": "harmless",
    "chart: getHostByName": "harmless",
    "chart: lookup": "harmless",
    "chart: environment": "failed",
    "chart: file above": "harmless",
    "chart: file elsewhere": "harmless",
    "chart: linked template": "refused",
    "chart: linked values": "refused",
    "chart: linked folder": "refused",
    "chart: linked device": "refused",
    "chart: dependency from the network": "failed",
    "chart: dependency from a registry": "failed",
    "chart: dependency from outside": "failed",
    "chart: packed chart that explodes": "failed",
    "chart: packed chart that leaves": "failed",
    "chart: plugin": "harmless",
    "kustomization: aliases": "bound",
    "kustomization: bases without end": "bound",
    "kustomization: linked file": "refused",
    "kustomization: linked device": "refused",
    "kustomization: pipe": "refused",
    "kustomization: environment": "harmless",
}
"""How a case ends: "refused" by the copy, stopped by a "bound", "failed" by the program, "harmless". The
kustomizations that are not listed fail."""


@dataclass(frozen=True)
class End:
    """How a case ended, in the words of EXPECTED, and how long it took."""

    how: str
    outcome: Outcome | None
    seconds: float


def build(name: str, folder: Path, url: str = "") -> Path:
    repository = folder / "repository"
    repository.mkdir()
    CASES[name](repository, url)
    return repository


def command(name: str, target: Path, version: str) -> list[str | os.PathLike[str]]:
    if is_chart(name):
        return [helm_tool(version).path, *HELM, target]
    return [kustomize_tool().path, "kustomize", target]


def play(name: str, folder: Path, url: str, version: str = "4.3", limits: Limits = LIMITS) -> End:
    """Builds the tree and does with it what kgate does: copy what is to be rendered, run the program on the copy."""
    repository = build(name, folder, url)
    start = time.monotonic()
    with Workspace(Repository.at(repository)) as space:
        copy = space.folder()
        try:
            space.copy(repository / TARGET if is_chart(name) else repository, copy / (TARGET if is_chart(name) else ""))
        except CopyError:
            return End("refused", None, time.monotonic() - start)
        outcome = process.run(command(name, copy / TARGET, version), copy, limits)
    how = "bound" if outcome.exceeded else "failed" if outcome.code else "harmless"
    return End(how, outcome, time.monotonic() - start)


RUNS = [(name, version) for name in CASES for version in (("4.3", "3.17") if is_chart(name) else ("kubectl",))]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "version"), RUNS, ids=map(" ".join, RUNS))
def test_hostile(name: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_NAME, SECRET)
    limits = replace(LIMITS, memory=384 << 20) if EXPECTED.get(name) == "bound" else LIMITS
    limits = replace(limits, seconds=1) if name in ENDLESS else limits
    with loopback() as server:
        end = play(name, tmp_path, server.url, version, limits)
        if sandbox.cuts_network() or is_chart(name):
            assert server.seen == []
    assert end.how == EXPECTED.get(name, "failed"), end
    assert end.seconds < limits.seconds + HANG / 2, end
    assert not (tmp_path / WITNESS).exists()
    assert sorted(set(os.listdir(tmp_path)) - {hostile.OUTSIDE}) == ["repository"]
    if end.outcome:
        assert SECRET.encode() not in end.outcome.stdout + end.outcome.stderr
        assert len(end.outcome.stdout) <= LIMITS.output


def test_the_table() -> None:
    assert set(EXPECTED) <= set(CASES)
    assert {EXPECTED[name] for name in ENDLESS} == {"bound"}
    assert {name for name in CASES if is_chart(name)} <= set(EXPECTED)
    assert set(EXPECTED.values()) | {"failed"} == {"refused", "bound", "failed", "harmless"}


MEMORY = ["chart: range of 100 million", "chart: a list without end", "kustomization: aliases"]


@pytest.mark.parametrize("name", MEMORY)
def test_go_tells_that_memory_was_the_cause(name: str, tmp_path: Path) -> None:
    outcome = play(name, tmp_path, "", limits=Limits(seconds=HANG, memory=256 << 20)).outcome
    assert outcome
    assert (outcome.bound, outcome.exceeded) == ("memory", "needed more than 256 MiB of memory")


def test_output_is_cut(tmp_path: Path) -> None:
    outcome = play("chart: output without end", tmp_path, "", limits=Limits(seconds=HANG, output=1 << 20)).outcome
    assert outcome
    assert (outcome.bound, len(outcome.stdout)) == ("output", 1 << 20)


# --------------------------------------------------- without the counter-measure, each of these does harm


def test_a_schema_would_call_home(tmp_path: Path) -> None:
    with loopback() as server:
        target = build("chart: schema from the network", tmp_path, server.url) / TARGET
        process.run([helm_tool().path, "template", "r", target], tmp_path, LIMITS, with_network=True)
        assert server.seen == ["GET /schema.json HTTP/1.1"]


def test_a_kustomization_would_call_home(tmp_path: Path) -> None:
    with loopback() as server:
        target = build("kustomization: resource over http", tmp_path, server.url) / TARGET
        process.run([kustomize_tool().path, "kustomize", target], tmp_path, LIMITS, with_network=True)
        assert "GET /base.yaml HTTP/1.1" in server.seen


@pytest.mark.parametrize("name", ["chart: linked template", "chart: linked values"])
def test_a_link_would_be_followed(name: str, tmp_path: Path) -> None:
    outcome = process.run([helm_tool().path, *HELM, build(name, tmp_path) / TARGET], tmp_path, LIMITS)
    assert SECRET.encode() in outcome.stdout


def test_preferences_of_a_repository_would_be_heeded(tmp_path: Path) -> None:
    repository = build("kustomization: preferences of kubectl", tmp_path)
    line: list[str | os.PathLike[str]] = [kustomize_tool().path, "kustomize", repository / TARGET]
    assert process.run(line, repository, LIMITS).code == 1
    assert process.run(line, repository, LIMITS, environment={"HOME": str(repository)}).code == 0
