"""gates.py: which resources an entry of gates is about, what they must reach, and how every report says so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kgate import reports
from kgate.config import Options, read_config, settle
from kgate.gates import Match, MatchedGates, OwnBar
from kgate.judgement.bar import Bar
from kgate.kubernetes import manifest
from kgate.model import FailOn, Rendering, Resource, Severity
from kgate.reports.presentation import Presentation
from kgate.repository import Repository, UntrustedFolders
from kgate.scan import scan
from tests.command import ROOT, kgate

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop-prod, labels: {tier: front, "n": "1"}}
spec: {template: {spec: {containers: [{name: a, image: x}]}}}
"""


def resource(path: str = "apps/shop/web.yaml", rendering: Rendering | None = None) -> Resource:
    from dataclasses import replace

    (found,) = manifest.read(path, DEPLOYMENT.encode()).resources
    return replace(found, rendering=rendering)


def matches(match: Match, one: Resource) -> bool:
    _, matched = MatchedGates([OwnBar(match, 1, lines={"min-score": 1})], None, wants_all=True).bar(one, Bar(60))
    return list(matched) == [0]


OVERLAY = Rendering("kustomize", "clusters/prod")


@pytest.mark.parametrize(
    ("match", "wanted"),
    [
        pytest.param(Match(paths=("apps/",)), True, id="a folder above"),
        pytest.param(Match(paths=("apps/shop/web.yaml",)), True, id="the file"),
        pytest.param(Match(paths=("web.yaml",)), True, id="a name in any folder"),
        pytest.param(Match(paths=("web.yaml/",)), False, id="a folder of that name"),
        pytest.param(Match(paths=("*/shop",)), True, id="a pattern of a folder"),
        pytest.param(Match(paths=("**/shop/*.yaml",)), True, id="a pattern of files"),
        pytest.param(Match(paths=("shop/web.yaml",)), False, id="a path that begins elsewhere"),
        pytest.param(Match(paths=("lib/", "apps/")), True, id="one of several paths"),
        pytest.param(Match(paths=("apps/*", "!apps/shop")), False, id="all but one folder"),
        pytest.param(Match(namespaces=("shop-*",)), True, id="a pattern of namespaces"),
        pytest.param(Match(namespaces=("shop",)), False, id="another namespace"),
        pytest.param(Match(kinds=("Deployment",)), True, id="a kind"),
        pytest.param(Match(kinds=("Deployment.apps",)), True, id="a kind of a group"),
        pytest.param(Match(kinds=("Deployment.core",)), False, id="the kind of another group"),
        pytest.param(Match(names=("w?b",)), True, id="a pattern of names"),
        pytest.param(Match(labels=(("tier", "f*"), ("n", "1"))), True, id="labels"),
        pytest.param(Match(labels=(("tier", "f*"), ("n", "2"))), False, id="labels, one of which has another value"),
        pytest.param(Match(labels=(("absent", "*"),)), False, id="a label that is not there"),
        pytest.param(Match(paths=("apps/",), kinds=("Pod",)), False, id="the path, and not the kind"),
        pytest.param(
            Match(("apps/",), ("shop-prod",), (("tier", "front"),), ("Deployment",), ("web",)), True, id="all"
        ),
    ],
)
def test_what_an_entry_matches(match: Match, wanted: bool) -> None:
    assert matches(match, resource()) is wanted


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        pytest.param("clusters/prod/", True, id="the folder of the overlay"),
        pytest.param("clusters/prod/**", True, id="all of the folder of the overlay"),
        pytest.param("/clusters", True, id="a folder above it"),
        pytest.param("apps", True, id="the folder of the base"),
        pytest.param("clusters/test", False, id="another overlay"),
    ],
)
def test_what_is_rendered_is_matched_by_its_source_and_by_what_renders_it(pattern: str, wanted: bool) -> None:
    assert matches(Match(paths=(pattern,)), resource(rendering=OVERLAY)) is wanted


LINES = {"match": 2, "min-score": 3, "level": 4, "fail-on": 5, "kubernetes-version": 6}


def entry(name: str, **asked: Any) -> OwnBar:
    return OwnBar(Match(names=(name,)), path="kgate.yaml", lines=LINES, **asked)


def bar(*entries: OwnBar, fail_on: Severity | None = None) -> Bar:
    return MatchedGates(entries, fail_on, wants_all=True).bar(resource(), Bar(60, "baseline"))[0]


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        pytest.param([entry("other", min_score=1)], Bar(60, "baseline"), id="none matches"),
        pytest.param(
            [entry("web", min_score=90, level="restricted")],
            Bar(90, "restricted", min_score_place="kgate.yaml:3", level_place="kgate.yaml:4"),
            id="one matches",
        ),
        pytest.param(
            [entry("web", min_score=90), entry("web", min_score=10, minor=30)],
            Bar(90, "baseline", minor=30, min_score_place="kgate.yaml:3"),
            id="the first decides, the second fills in the rest",
        ),
        pytest.param(
            [entry("web", level="privileged")], Bar(60, "", level_place="kgate.yaml:4"), id="any level will do"
        ),
        pytest.param(
            [entry("web", min_score=0)], Bar(0, "baseline", min_score_place="kgate.yaml:3"), id="any score will do"
        ),
        pytest.param(
            [entry("web", fail_on=Severity.LOW)],
            Bar(60, "baseline", FailOn(Severity.LOW, "kgate.yaml:5")),
            id="a severity",
        ),
        pytest.param(
            [entry("other", fail_on=Severity.LOW)],
            Bar(60, "baseline", FailOn(None)),
            id="a severity of others, which is told apart from that of the scan",
        ),
    ],
)
def test_what_a_resource_must_reach(entries: list[OwnBar], wanted: Bar) -> None:
    assert bar(*entries) == wanted


@pytest.mark.parametrize(("wants_all", "wanted"), [(True, ["kgate.yaml:2: gates[1] matches nothing"]), (False, [])])
def test_an_entry_that_matches_nothing_is_told_if_all_was_seen(wants_all: bool, wanted: list[str]) -> None:
    gates = MatchedGates([entry("web", min_score=1), entry("other", min_score=1)], None, wants_all=wants_all)
    _, matched = gates.bar(resource(), Bar(60))
    assert [str(note).partition(" in the")[0] for note in gates.unused(matched)] == wanted


# -------------------------------------------------------------------------------------------- scans

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  containers:
  - name: app
    image: registry.example.org/app:1
    securityContext: {{{context}}}
"""
RESTRICTED = (
    "allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 10001, capabilities: {drop: [ALL]}, "
    "seccompProfile: {type: RuntimeDefault}, readOnlyRootFilesystem: true"
)
CONFIG = """\
min-score: 0
gates:
- match: {namespaces: prod}
  min-score: restricted
- match: {namespaces: "p*"}
  level: restricted
  fail-on: high
- match: {namespaces: old}
  kubernetes-version: "1.18"
"""


def shop(folder: Path, config: str = CONFIG) -> Path:
    pods = {
        "prod": POD.format(name="web", namespace="prod", context="runAsNonRoot: true"),
        "play": POD.format(name="web", namespace="play", context="privileged: true"),
        "fine": POD.format(name="web", namespace="prod-two", context=RESTRICTED),
        "old": POD.format(name="web", namespace="old", context="runAsNonRoot: true"),
        "free": POD.format(name="web", namespace="free", context="privileged: true"),
    }
    (folder / ".git").mkdir()
    for name, text in pods.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "kgate.yaml").write_text(config, encoding="utf-8")
    return folder


def report(folder: Path, form: str, *, jobs: int = 1, options: Options = Options()) -> str:  # noqa: B008
    repository = Repository.at(folder)
    file = read_config(folder / "kgate.yaml", repository)
    from dataclasses import replace

    settings = settle(
        replace(options, paths=(str(folder),), jobs=jobs), file, repository, UntrustedFolders.around([folder])
    )
    return "".join(reports.renderer(form)(scan(settings), Presentation()))


def workloads(text: str) -> dict[str, Any]:
    found = json.loads(text)
    jsonschema.validate(found, json.loads((ROOT / "kgate/schemas/report-2.json").read_text(encoding="utf-8")))
    return {one["namespace"]: one for one in found["workloads"]}


def test_each_workload_is_judged_by_its_own_gate(tmp_path: Path) -> None:
    text = report(shop(tmp_path), "json")
    found = workloads(text)
    assert {name: one["passed"] for name, one in found.items()} == {
        "prod": False,
        "play": False,
        "prod-two": True,
        "old": True,
        "free": True,
    }
    assert found["prod"]["threshold"] == 90
    assert (found["prod"]["required_level"], found["prod"]["gates"]) == (
        "restricted",
        {"threshold": "kgate.yaml:4", "level": "kgate.yaml:6"},
    )
    assert "required_level" not in found["free"]
    assert {name: one["pss"]["version"] for name, one in found.items() if name in ("old", "free")} == {
        "old": "1.18",
        "free": "1.37",
    }
    reasons = json.loads(text)["verdict"]["reasons"]
    assert reasons == [
        "1 workload under the threshold of kgate.yaml:4, the lowest with score 80",
        "2 workloads below the Pod Security level restricted of kgate.yaml:6",
        "1 finding of severity high or above, as kgate.yaml:7 asks",
    ]


def test_a_version_of_a_gate_decides_which_rules_hold(tmp_path: Path) -> None:
    """Pod Security restricted asks for seccomp profiles since 1.19."""
    found = json.loads(report(shop(tmp_path), "json"))
    rules = {one["resource"]["namespace"]: one["rule"] for one in found["findings"] if "seccomp" in one["rule"]}
    assert "prod" in rules
    assert "old" not in rules


PLACES = ("needs 90 (kgate.yaml:4) and PSS restricted (kgate.yaml:6)", "needs PSS restricted (kgate.yaml:6)")


@pytest.mark.parametrize("form", ["text", "markdown", "html", "junit", "csv"])
def test_a_report_says_which_gate_a_workload_fails_by(tmp_path: Path, form: str) -> None:
    text = report(shop(tmp_path), form)
    for words in PLACES if form != "html" else [words.removeprefix("needs ") for words in PLACES]:
        assert words in text
    if form in ("text", "markdown", "junit"):
        assert "fails on high (kgate.yaml:7)" in text


@pytest.mark.parametrize("form", sorted(reports.names()))
def test_several_processes_give_the_same_report(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from kgate import plainfiles

    shop(tmp_path, CONFIG + "- match: {names: nothing}\n  min-score: 1\n")
    alone = report(tmp_path, form)
    monkeypatch.setattr(plainfiles, "_WORTH_BYTES", 0)
    assert report(tmp_path, form, jobs=3) == alone
    if form == "json":
        assert "gates[3] matches nothing in the repository" in alone
        assert "gates[0]" not in alone


def test_a_flag_says_it_for_all(tmp_path: Path) -> None:
    found = report(shop(tmp_path), "json", options=Options(min_score=10, sources={"min_score": "--min-score"}))
    assert {one["threshold"] for one in workloads(found).values()} == {10}
    notes = [note["message"] for note in json.loads(found)["notes"]]
    assert notes == ["min-score of gates[0] counts for nothing, as --min-score says it for all"]


def test_a_level_can_be_asked_of_all(tmp_path: Path) -> None:
    result = kgate("scan", "free.yaml", "--level", "baseline", cwd=shop(tmp_path))
    assert result.code == 1, result
    assert "needs PSS baseline" in result.out
    assert "1 workload below the Pod Security level baseline" in result.out


def test_what_is_only_counted_counts_by_its_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kgate.judgement import ledger

    shop(tmp_path)
    text = "---\n".join(
        POD.format(name=f"p{number}", namespace="play", context="privileged: true") for number in range(9)
    )
    (tmp_path / "play.yaml").write_text(text, encoding="utf-8")

    def reasons() -> Iterable[str]:
        return list(json.loads(report(tmp_path, "json"))["verdict"]["reasons"])

    whole = reasons()
    monkeypatch.setattr(ledger, "MAX_LISTED", 2)
    assert reasons() == whole
    assert "9 findings of severity high or above, as kgate.yaml:7 asks" in whole


@pytest.mark.parametrize("form", ["text", "github", "markdown", "junit"])
def test_the_name_of_a_folder_injects_nothing(tmp_path: Path, form: str) -> None:
    evil = tmp_path / "k\n::error::x\x1b[31m"
    evil.mkdir()
    (tmp_path / ".git").mkdir()
    (evil / "kgate.yaml").write_text("gates:\n- match: {names: '*'}\n  level: restricted\n  fail-on: low\n")
    (evil / "pod.yaml").write_text(POD.format(name="web", namespace="a", context=""), encoding="utf-8")
    result = kgate("scan", str(evil), "-f", form, cwd=tmp_path)
    assert result.code == 1, result
    assert "kgate.yaml:3" in result.out
    assert "\n::error::x" not in result.out
    assert "\x1b[31m" not in result.out
