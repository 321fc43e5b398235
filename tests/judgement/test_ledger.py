"""ledger.py: what is listed is bounded for each file, what is counted is not, and no fail becomes a pass."""

from __future__ import annotations

import gc
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kgate.judgement import ledger
from kgate.judgement.bar import Bar
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import Ledger
from kgate.judgement.score import decide
from kgate.kubernetes import manifest, pss
from kgate.model import Found, Location, Locator, Rendering, Resource, Severity, Uncovered
from kgate.rules import load
from kgate.yamltree.nodes import Node
from tests.command import kgate

JUDGE = Judge(load.load(), pss.NEWEST_MINOR)
TINY = "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{0}}}\nspec: {{containers: [{{name: a, image: b{1}}}]}}\n---\n"
PRIVILEGED = ", securityContext: {privileged: true}"
UNBOUNDED = 10**9


def pods(number: int, *, bad: tuple[int, ...] = ()) -> str:
    """So many tiny Pods, some of them privileged."""
    return "".join(TINY.format(index, PRIVILEGED if index in bad else "") for index in range(number))


def resources(text: str, path: str = "a.yaml") -> tuple[Resource, ...]:
    return manifest.read(path, text.encode()).resources


def found(bound: int, objects: tuple[Resource, ...], patch: pytest.MonkeyPatch, threshold: int = 60) -> Found:
    """What a scan of the objects of one file finds with a bound."""
    patch.setattr(ledger, "MAX_LISTED", bound)
    book = Ledger(JUDGE, Bar(threshold))
    for resource in objects:
        book.judge(resource, "a.yaml")
    return book.close()


def figures(result: Found) -> tuple[Counter[Severity], Counter[int], int]:
    """All counts of a scan: findings by severity, workloads by score, problems."""
    severities = Counter(finding.rule.severity for finding in result.findings) + Counter(result.unlisted.findings)
    scores = Counter(assessment.score.value for assessment in result.assessments)
    for score, count in result.unlisted.scores.items():
        scores[score.value] += count
    return severities, scores, len(result.problems) + result.unlisted.problems


def in_loops(renderings: int, names: int) -> tuple[Resource, ...]:
    """What a template with a loop renders to, for several releases."""
    (one,) = resources(TINY.format(0, ""))
    return tuple(
        replace(one, id=replace(one.id, name=f"p{name}"), rendering=Rendering("helm", "charts/a", f"release {number}"))
        for number in range(renderings)
        for name in range(names)
    )


def in_overlays(renderings: int) -> tuple[Resource, ...]:
    """What several overlays make of a base, each with a prefix of its own."""
    return tuple(
        replace(
            one,
            id=replace(one.id, name=f"{number}-{one.id.name}"),
            rendering=Rendering("kustomize", f"overlays/{number}"),
        )
        for number in range(renderings)
        for one in resources(pods(5))
    )


@dataclass(frozen=True)
class Patched:
    """Locates a resource that begins in the patch of an overlay, and all of its fields in the base."""

    base: Locator
    patch: str

    def locate(self, pointer: str) -> Location:
        place = self.base.locate(pointer)
        return place if pointer else replace(place, path=self.patch)

    def line(self, path: str, number: int) -> str:
        return self.base.line(path, number)

    def with_nulls(self, pointer: str) -> object:
        return self.base.with_nulls(pointer)


def begun_elsewhere(renderings: int) -> tuple[Resource, ...]:
    """What several overlays make of a base, where each of them has the beginning of the document in its own patch."""
    return tuple(
        replace(one, locator=Patched(one.locator, f"{one.rendering}/patch.yaml")) for one in in_overlays(renderings)
    )


CASES = [
    pytest.param(resources(pods(12)), id="equal Pods"),
    pytest.param(resources(pods(12, bad=(11,))), id="the last one privileged"),
    pytest.param(resources(pods(12, bad=tuple(range(3, 12)))), id="most of them privileged"),
    pytest.param(resources(pods(8).replace("[{name: a, image: b}]", "[3]")), id="problems"),
    pytest.param(
        resources(pods(4).replace("containers", "initContainers: [{name: i, image: c}], containers")), id="lists"
    ),
    pytest.param(in_loops(1, 9), id="a loop"),
    pytest.param(in_loops(3, 9), id="a loop in several releases"),
    pytest.param(in_overlays(4), id="several overlays"),
    pytest.param(begun_elsewhere(3), id="several overlays that begin the documents"),
    pytest.param((*in_loops(2, 4), *resources(pods(5))), id="rendered and plain"),
]


@pytest.mark.parametrize("objects", CASES)
@pytest.mark.parametrize("bound", [1, 3])
@pytest.mark.parametrize("threshold", [0, 60, 100])
@pytest.mark.parametrize("fail_on", [None, *Severity])
def test_counts_and_verdict_are_those_without_a_bound(
    objects: tuple[Resource, ...],
    bound: int,
    threshold: int,
    fail_on: Severity | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounded = found(bound, objects, monkeypatch, threshold)
    whole = found(UNBOUNDED, objects, monkeypatch, threshold)
    assert figures(bounded) == figures(whole)
    verdicts = [decide(one, resources=1, fail_on=fail_on, allow_empty=False) for one in (bounded, whole)]
    assert verdicts[0] == verdicts[1]
    assert not whole.unlisted.notes
    assert bounded.unlisted.notes


@pytest.mark.parametrize("objects", CASES)
def test_no_more_than_the_bound_is_listed(objects: tuple[Resource, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    result = found(2, objects, monkeypatch)
    by_rule = Counter((finding.source, finding.rule.id) for finding in result.findings)
    assert max(by_rule.values(), default=0) <= 2
    assert len(result.problems) <= 2


def test_a_workload_with_a_listed_finding_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    result = found(2, resources(pods(12, bad=(11,))), monkeypatch)
    assert "p11" in {assessment.workload.name for assessment in result.assessments}
    with_findings = {finding.resource for finding in result.findings}
    assert with_findings <= {assessment.workload for assessment in result.assessments}


def test_a_bound_is_for_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_LISTED", 2)
    book = Ledger(JUDGE, Bar(60))
    for path in ("a.yaml", "b.yaml"):
        for resource in resources(pods(3), path):
            book.judge(resource, path)
    result = book.close()
    assert [note.path for note in result.unlisted.notes] == ["a.yaml", "b.yaml"]
    assert Counter(assessment.location.path for assessment in result.assessments) == {"a.yaml": 2, "b.yaml": 2}


def test_the_note_says_what_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    (note,) = found(1, resources(pods(3)), monkeypatch).unlisted.notes
    assert note.path == "a.yaml"
    assert note.message.startswith("not listed are findings of capabilities-not-dropped (2), ")
    assert "; 2 workloads that came to the same as listed ones: " in note.message


def _nodes() -> int:
    return sum(isinstance(one, Node) for one in gc.get_objects())


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(pods(400), id="YAML"),
        pytest.param('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}\n' * 400, id="JSON"),
        pytest.param("%YAML 1.1\n---\n" + pods(400), id="YAML that is read both ways"),
    ],
)
def test_reading_holds_the_nodes_of_one_document_at_a_time(text: str) -> None:
    count = 0
    before = most = _nodes()
    for index, part in enumerate(manifest.stream("a.yaml", text.encode())):
        count += len(part.resources)
        for resource in part.resources:
            resource.locate("/kind")
        if index % 50 == 0:
            most = max(most, _nodes())
    assert count == 400
    assert most - before < 200


def test_a_scan_of_many_pods(tmp_path: Path) -> None:
    (tmp_path / "pods.yaml").write_text(pods(150, bad=(149,)), encoding="utf-8")
    outputs = [f"--output={name}={tmp_path}/a.{name}" for name in ("junit", "sarif", "csv", "text", "html", "markdown")]
    result = kgate("scan", str(tmp_path), "-f", "json", *outputs)
    report = json.loads(result.out)
    assert result.code == 1
    assert report["summary"]["workloads"] == report["summary"]["resources"] == 150
    assert len(report["workloads"]) == 101
    assert report["verdict"]["reasons"] == ["1 workload under the threshold, the lowest with score 8"]
    assert max(Counter(finding["rule"] for finding in report["findings"]).values()) == 100
    assert [note["path"] for note in report["notes"]] == ["pods.yaml"]
    for path in tmp_path.glob("a.*"):
        assert "not listed are findings of" in path.read_text(encoding="utf-8")


ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}\nrules: []\n"
OPENSHIFT_ROLE = ROLE.replace("rbac.authorization.k8s.io/v1", "authorization.openshift.io/v1")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(ROLE, Uncovered(), id="a Role, which rules are about"),
        pytest.param(OPENSHIFT_ROLE, Uncovered(1, 1), id="a Role of OpenShift"),
        pytest.param(ROLE.replace("rbac.authorization.k8s.io", "example.com"), Uncovered(1), id="a Role of others"),
        pytest.param(f"{OPENSHIFT_ROLE}---\n{OPENSHIFT_ROLE}", Uncovered(2, 2), id="two of them"),
        pytest.param(
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret}\n", Uncovered(1), id="a list"
        ),
        pytest.param(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n", Uncovered(1), id="left unparsed"
        ),
        pytest.param(
            "apiVersion: example.com/v1\nkind: Thing\nspec: {size: 3}\n", Uncovered(1), id="a custom resource"
        ),
        pytest.param("apiVersion: v1\nkind: Service\nspec: {}\n", Uncovered(), id="a kind that rules are about"),
        pytest.param(pods(2), Uncovered(), id="Pods"),
        pytest.param(
            "apiVersion: example.com/v1\nkind: Thing\nspec: {containers: [{name: a, image: b}]}\n",
            Uncovered(),
            id="a custom resource with a pod",
        ),
        pytest.param(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {}\n", Uncovered(), id="what is followed"
        ),
        pytest.param(
            "apiVersion: mutations.gatekeeper.sh/v1\nkind: Assign\nspec: {a: 1}\n", Uncovered(), id="what is unjudged"
        ),
    ],
)
def test_objects_that_no_rule_is_about_are_counted(text: str, wanted: Uncovered) -> None:
    """Alike in plain manifests, judged at once or on a page of their own, and in what is rendered."""
    batch = manifest.read("a.yaml", text.encode())
    plain, paged, rendered = (Ledger(JUDGE, Bar(60)) for _ in range(3))
    paged.add_page(paged.judge_files([("a.yaml", [batch])]))
    for resource in batch.resources:
        plain.judge(resource, "a.yaml")
        rendered.judge(replace(resource, rendering=Rendering("helm", "charts/a")), "")
    for book in (plain, rendered):
        book.add_skipped(batch.skipped)
    assert [book.close().uncovered for book in (plain, paged, rendered)] == [wanted] * 3


def test_an_object_is_not_covered_by_a_rule_that_is_not_selected() -> None:
    (service,) = resources("apiVersion: v1\nkind: Service\nspec: {}\n")
    book = Ledger(Judge(load.load(), pss.NEWEST_MINOR, {"privileged-container"}), Bar(60))
    book.judge(service, "a.yaml")
    assert book.close().uncovered == Uncovered(1)
