"""The way to what a service account may do, as reports draw it: a tree, a graph, boxes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kgate import reports
from kgate.config import Settings
from kgate.model import Location, Position, Related, Report
from kgate.reports.presentation import Detail, Presentation
from kgate.reports.wording import decisive_places, related_branches
from kgate.repository import Repository
from kgate.scan import scan
from tests.hostile import write
from tests.rbac.objects import binding, role

WORKLOAD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: apps}
spec:
  serviceAccountName: web
  containers: [{name: app, image: x}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: apps}
"""
ROLE = role(
    "r",
    "apiGroups: [''], resources: [pods], verbs: [create]",
    "apiGroups: [''], resources: [secrets], verbs: [bind]",
    "apiGroups: [apps], resources: [deployments], verbs: [create]",
)
ACCOUNT = "kind: ServiceAccount, name: web, namespace: apps"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    write(
        tmp_path, {".git/config": "", "web.yaml": WORKLOAD, "rbac.yaml": ROLE + binding("b", "ClusterRole/r", ACCOUNT)}
    )
    return scan(Settings(Repository.at(tmp_path), (str(tmp_path),)))


def rendered(report: Report, form: str, **options: object) -> str:
    return "".join(reports.renderer(form)(report, Presentation(**options)))  # type: ignore[arg-type]


TREE = """\
        ← web.yaml:8:1 runs as ServiceAccount/apps/web
          └ rbac.yaml:13:1 bound here to ClusterRole/r
            └ rbac.yaml:6:3 ClusterRole/r: create pods everywhere
            └ rbac.yaml:8:3 ClusterRole/r: create deployments.apps everywhere
"""


def test_text_draws_a_tree(report: Report) -> None:
    assert TREE in rendered(report, "text")


def test_the_long_text_draws_the_same(report: Report) -> None:
    assert TREE in rendered(report, "text", detail=Detail.VERBOSE)


def test_markdown_draws_a_graph(report: Report) -> None:
    (graph,) = re.findall(r"```mermaid\n(.*?)```", rendered(report, "markdown"), re.DOTALL)
    assert graph.splitlines() == [
        "flowchart LR",
        '  n0["Pod/apps/web"]',
        '  n1["runs as ServiceAccount/apps/web, web.yaml:8"]',
        '  n2["bound here to ClusterRole/r, rbac.yaml:13"]',
        '  n3["ClusterRole/r: create pods everywhere, rbac.yaml:6"]',
        '  n4["ClusterRole/r: create deployments.apps everywhere, rbac.yaml:8"]',
        *("  n0 --> n1", "  n1 --> n2", "  n2 --> n3", "  n2 --> n4"),
    ]


def test_html_has_the_steps(report: Report) -> None:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', rendered(report, "html"), re.DOTALL)
    assert found is not None
    findings = json.loads(found[1])["findings"]
    (steps,) = [
        [place["step"] for place in finding["related"]]
        for finding in findings
        if finding["rule"] == "service-account-takes-cluster"
    ]
    assert steps == [1, 2, 3, 3]


def test_a_step_ends_no_block_of_a_graph(report: Report) -> None:
    hostile = "a`\n```\n<img src=x> @all"
    (finding,) = [one for one in report.findings if one.rule.id == "service-account-takes-cluster"]
    related = tuple(replace(one, message=hostile) for one in finding.location.related)
    changed = replace(finding, location=replace(finding.location, related=related))
    text = rendered(replace(report, findings=(changed,)), "markdown")
    (graph,) = re.findall(r"```mermaid\n(.*?)\n```", text, re.DOTALL)
    assert not set(graph) & set("`<@")
    assert "<img" not in text


def place(line: int) -> Location:
    return Location("a.yaml", Position(line, 1), Position(line, 2))


@pytest.mark.parametrize(
    ("steps", "signs"),
    [
        pytest.param([0, 0], ["← ", "← "], id="no way"),
        pytest.param([0, 1, 2, 3], ["← ", "← ", "  └ ", "    └ "], id="a way after other places"),
        pytest.param([2, 3, 2, 3], ["← ", "  └ ", "← ", "  └ "], id="two ways that begin with a binding"),
    ],
)
def test_branches(steps: list[int], signs: list[str]) -> None:
    related = tuple(Related(place(line), f"{step}", step=step) for line, step in enumerate(steps, 1))
    branches = related_branches(replace(place(9), related=related))
    assert [sign for sign, _ in branches] == signs
    assert [text for _, text in branches] == [f"{one.location} {one.message}" for one in related]


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        pytest.param([0, 0, 0], [1, 2], id="no way"),
        pytest.param([1, 2, 3, 3], [2, 3], id="binding and rule"),
        pytest.param([1, 2], [1, 2], id="whom, and the rule"),
    ],
)
def test_places_that_say_most(steps: list[int], lines: list[int]) -> None:
    related = tuple(Related(place(line), "x", step=step) for line, step in enumerate(steps, 1))
    assert decisive_places(replace(place(9), related=related)) == [f"{place(line)} x" for line in lines]
