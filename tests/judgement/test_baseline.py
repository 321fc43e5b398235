"""baseline.py: what was known stays known when it moves, and nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from kgate.judgement.bar import Bar
from kgate.judgement.baseline import Baseline, Comparison, KnownWorkload, Scanned, compare, failing, record
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import Ledger
from kgate.kubernetes import manifest, pss
from kgate.model import Found, Rendering, Waiver
from kgate.rules import load

RULES = ("host-pid", "privileged-container", "run-as-root-allowed", "secret-in-config-map")
JUDGE = Judge(load.load(), pss.NEWEST_MINOR, RULES)

Files = Mapping[str, str]


def pod(name: str, *wrong: str) -> str:
    """A Pod that breaks nothing but what is named: host (host-pid), root (runAsNonRoot), priv (privileged)."""
    privileged = ", privileged: true" if "priv" in wrong else ", allowPrivilegeEscalation: false"
    host = "  hostPID: true\n" if "host" in wrong else ""
    return f"""\
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
{host}  securityContext: {{runAsNonRoot: {str("root" not in wrong).lower()}, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
  - name: app
    image: x
    securityContext: {{capabilities: {{drop: [ALL]}}{privileged}}}
"""


CLAIM = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {password: hunter2hunter2}\n"


def found(files: Files, rendering: Rendering | None = None, threshold: int = 60) -> Found:
    """What a scan finds in files, as they are or as a tool renders them."""
    ledger = Ledger(JUDGE, Bar(threshold))
    for path, text in files.items():
        for one in manifest.read(path, text.encode()).resources:
            ledger.judge(replace(one, rendering=rendering), path)
    return ledger.close()


def known(files: Files, rendering: Rendering | None = None) -> Baseline:
    scan = found(files, rendering)
    return failing(record(scan.findings, scan.assessments, "known.json"), scan.assessments)


def compared(then: Files, now: Files, scope: str = "") -> Comparison:
    """The comparison of two scans, the second one of what lies below a path."""
    scanned = Scanned(lambda path: path in now, lambda path: path.startswith(scope))
    return compare(found(now), known(then), scanned)


def new(comparison: Comparison) -> list[str]:
    """The new findings, as path, name and rule."""
    return sorted(f"{f.source} {f.resource.name} {f.rule.id}" for f in comparison.found.findings if f.is_new)


def failed(comparison: Comparison) -> list[str]:
    return sorted(f"{one.location.path} {one.workload.name}" for one in comparison.found.assessments if not one.passed)


HOST = {"a.yaml": pod("web", "host")}


@pytest.mark.parametrize(
    ("then", "now"),
    [
        pytest.param(HOST, HOST, id="nothing changed"),
        pytest.param(HOST, {"a.yaml": "# new\n\n" + pod("web", "host").replace("  - ", "    - ")}, id="lines moved"),
        pytest.param(HOST, {"b/c.yaml": pod("web", "host")}, id="the file moved"),
        pytest.param(
            {"a.yaml": pod("web", "host") + pod("db", "host")},
            {"a.yaml": pod("db", "host"), "b.yaml": pod("web", "host")},
            id="an object moved into another file",
        ),
        pytest.param(
            {"a.yaml": pod("web", "host") + pod("db", "host")},
            {"a.yaml": pod("db", "host") + pod("web", "host")},
            id="objects changed places",
        ),
        pytest.param(
            {"a.yaml": pod("web", "host"), "b.yaml": pod("web", "priv"), "c.yaml": pod("web", "host", "priv")},
            {"x.yaml": pod("web", "host", "priv"), "y.yaml": pod("web", "host"), "z.yaml": pod("web", "priv")},
            id="objects of one name moved",
        ),
        pytest.param(
            {"a.yaml": pod("web"), "b.yaml": pod("web", "host")},
            {"y.yaml": pod("web"), "z.yaml": pod("web", "host")},
            id="one of the same name that passes moved, too",
        ),
        pytest.param(HOST, {"a.yaml": pod("web")}, id="it is fixed"),
        pytest.param({"a.yaml": pod("web", "priv", "host")}, HOST, id="a part of it is fixed"),
        pytest.param(HOST, {**HOST, "b.yaml": pod("db")}, id="something sound is added"),
        pytest.param(HOST, {}, id="it is gone"),
        pytest.param({"a.yaml": CLAIM}, {"b.yaml": CLAIM}, id="what runs nothing moved"),
    ],
)
def test_it_passes(then: Files, now: Files) -> None:
    comparison = compared(then, now)
    assert (failed(comparison), new(comparison)) == ([], [])


def test_a_lesser_sin_is_new_and_fails_nothing() -> None:
    comparison = compared(HOST, {**HOST, "b.yaml": pod("db", "root")})
    assert (failed(comparison), new(comparison)) == ([], ["b.yaml db run-as-root-allowed"])


@pytest.mark.parametrize(
    ("then", "now", "wanted", "fails"),
    [
        pytest.param({}, HOST, ["a.yaml web host-pid"], ["a.yaml web"], id="everything is new"),
        pytest.param(
            HOST,
            {"a.yaml": pod("web", "host", "priv")},
            ["a.yaml web privileged-container"],
            ["a.yaml web"],
            id="a worse one in the same object",
        ),
        pytest.param(
            {"a.yaml": pod("web", "host")},
            {"a.yaml": pod("web", "priv")},
            ["a.yaml web privileged-container"],
            ["a.yaml web"],
            id="one is fixed and another one new",
        ),
        pytest.param(
            HOST, {"a.yaml": pod("www", "host")}, ["a.yaml www host-pid"], ["a.yaml www"], id="an object was renamed"
        ),
        pytest.param(
            HOST,
            {**HOST, "b.yaml": pod("web", "host")},
            ["b.yaml web host-pid"],
            ["b.yaml web"],
            id="a copy beside the one that is known",
        ),
        pytest.param(
            {"dev.yaml": pod("web", "host"), "prod.yaml": pod("web")},
            {"dev.yaml": pod("web"), "prod.yaml": pod("web", "host")},
            ["prod.yaml web host-pid"],
            ["prod.yaml web"],
            id="it was fixed in one copy and is new in the other",
        ),
        pytest.param(
            {"dev.yaml": CLAIM},
            {"dev.yaml": CLAIM.replace("password", "word").replace("hunter2hunter2", "x"), "prod.yaml": CLAIM},
            ["prod.yaml c secret-in-config-map"],
            [],
            id="the same of what runs nothing",
        ),
        pytest.param(
            HOST,
            {"a.yaml": pod("web", "host") + pod("web", "host")},
            ["a.yaml web host-pid"],
            ["a.yaml web", "a.yaml web"],
            id="a second one of the same name in the same file",
        ),
        pytest.param(
            {"a.yaml": pod("web", "host")},
            {"a.yaml": pod("web", "host", "root")},
            ["a.yaml web run-as-root-allowed"],
            ["a.yaml web"],
            id="a lesser one that lowers the score",
        ),
    ],
)
def test_it_fails_for_what_is_new(then: Files, now: Files, wanted: list[str], fails: list[str]) -> None:
    comparison = compared(then, now)
    assert (new(comparison), failed(comparison)) == (wanted, fails)


def test_the_score_of_then_is_told() -> None:
    (one,) = compared({"a.yaml": pod("web", "priv", "host")}, HOST).found.assessments
    assert one.before is not None
    assert one.before < one.score.value
    assert one.is_known


def test_a_score_that_nobody_knows_is_no_excuse() -> None:
    """The findings are known; but a workload under its threshold is not, as when the threshold was raised."""
    baseline = replace(known(HOST), workloads=())
    assert failed(compare(found(HOST), baseline)) == ["a.yaml web"]


def test_a_score_that_fell_without_a_new_finding_fails() -> None:
    baseline = known(HOST)
    (workload,) = baseline.workloads
    assert workload.score is not None
    higher = replace(baseline, workloads=(replace(workload, score=workload.score + 1),))
    assert failed(compare(found(HOST), higher)) == ["a.yaml web"]


def test_what_is_waived_stands_for_nothing_known() -> None:
    scan = found(HOST)
    waived = replace(
        scan, findings=tuple(replace(one, waiver=Waiver("why", "me", "2027-01-01")) for one in scan.findings)
    )
    comparison = compare(waived, known(HOST))
    assert comparison.compared.gone == len(scan.findings)
    assert not record(waived.findings, waived.assessments).findings


@pytest.mark.parametrize(
    ("now", "scope", "left", "gone"),
    [
        pytest.param({"a.yaml": pod("web"), "b.yaml": pod("db", "host")}, "", ["b.yaml"], 1, id="one is fixed"),
        pytest.param({"a.yaml": pod("web")}, "a", ["b.yaml"], 1, id="the other one is not scanned"),
        pytest.param({}, "", [], 2, id="all are gone"),
        pytest.param(
            {"c.yaml": pod("web", "host"), "b.yaml": pod("db", "host", "priv")},
            "",
            ["b.yaml", "c.yaml"],
            0,
            id="one moved and one is worse",
        ),
    ],
)
def test_what_is_fixed_is_dropped_and_nothing_added(now: Files, scope: str, left: list[str], gone: int) -> None:
    comparison = compared({"a.yaml": pod("web", "host"), "b.yaml": pod("db", "host")}, now, scope)
    kept = comparison.kept
    assert [one.path for one in sorted(kept.findings)] == left
    assert [one.path for one in kept.workloads] == left
    assert comparison.compared.gone == gone
    assert {one.rule for one in kept.findings} <= {"host-pid"}


def test_a_kept_score_only_rises() -> None:
    then = {"a.yaml": pod("web", "priv", "host")}
    better, worse = compared(then, HOST).kept.workloads, compared(HOST, then).kept.workloads
    assert better == known(HOST).workloads
    assert worse == known(HOST).workloads


DEV, PROD = (Rendering("kustomize", f"overlays/{name}") for name in ("dev", "prod"))


@pytest.mark.parametrize(
    ("then", "now", "passes"),
    [
        pytest.param(DEV, DEV, True, id="the same overlay"),
        pytest.param(DEV, replace(DEV, path="envs/dev"), True, id="an overlay that moved"),
        pytest.param(DEV, replace(DEV, requested_by="Application/x apps.yaml:1"), True, id="somebody else deploys it"),
        pytest.param(DEV, Rendering("helm", "charts/web"), False, id="something else renders it"),
        pytest.param(
            replace(DEV, requested_by="Application/x apps.yaml:1"),
            replace(DEV, requested_by="Application/x apps.yaml:7"),
            True,
            id="the object that deploys it moved",
        ),
        pytest.param(
            Rendering("helm", "charts/web", "values a.yaml"),
            Rendering("helm", "charts/web", "values b.yaml"),
            True,
            id="other values, to the same end",
        ),
    ],
)
def test_scores_are_of_renderings(then: Rendering, now: Rendering, passes: bool) -> None:
    comparison = compare(found(HOST, now), known(HOST, then))
    assert failed(comparison) == ([] if passes else ["a.yaml web"])
    assert new(comparison) == []


def test_a_second_overlay_is_not_the_first() -> None:
    both = found(HOST, DEV), found(HOST, PROD)
    scan = replace(both[0], assessments=(*both[0].assessments, *both[1].assessments))
    assert [one.passed for one in compare(scan, known(HOST, DEV)).found.assessments] == [True, False]


def test_a_moved_score_stands_for_one_rendering() -> None:
    one, other = (replace(DEV, path=f"envs/{name}") for name in ("a", "b"))
    both = found(HOST, one), found(HOST, other)
    scan = replace(both[0], assessments=(*both[0].assessments, *both[1].assessments))
    assert [one.passed for one in compare(scan, known(HOST, DEV)).found.assessments] == [True, False]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        pytest.param(
            ("apps/jupyter/web.yaml", "apps/profiles/web.yaml"),
            ("applications/profiles/web.yaml", "applications/jupyter/web.yaml"),
            id="the folder above was renamed",
        ),
        pytest.param(("a/dev/web.yaml", "a/prod/web.yaml"), ("b/prod/web.yaml",), id="one was removed meanwhile"),
    ],
)
def test_of_workloads_of_one_name_and_score_that_with_the_most_similar_path_moved(
    then: Sequence[str], now: Sequence[str]
) -> None:
    scan = found({path: pod("web", "host") for path in then})
    baseline = replace(record(scan.findings, scan.assessments), is_whole=True)
    changes = compare(found({path: pod("web", "host") for path in now}), baseline).compared.changes
    moves = {change.path: change.moved_from for change in changes or () if change.moved_from}
    assert {path: moved.split("/")[1:] for path, moved in moves.items()} == {path: path.split("/")[1:] for path in now}


def test_a_workload_that_could_not_be_judged_is_known_as_such() -> None:
    scan = found(HOST)
    (workload,) = scan.assessments
    unjudged = replace(workload, score=replace(workload.score, is_bound=True, is_judged=False))
    then = Baseline(known(HOST).findings, (KnownWorkload("a.yaml", "Pod/web", (), None),))
    assert compare(replace(scan, assessments=(unjudged,)), then).found.assessments[0].passed
    assert not compare(replace(scan, assessments=(unjudged,)), known(HOST)).found.assessments[0].passed
