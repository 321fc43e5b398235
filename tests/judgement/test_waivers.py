"""waivers.py: what a waiver is about, what it changes, and what it never changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.judgement import ledger
from kgate.judgement.bar import Bar
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import Ledger
from kgate.judgement.score import decide
from kgate.judgement.waiving import Waivers
from kgate.kubernetes import manifest, pss
from kgate.lifetime import Lifetime
from kgate.model import Batch, Found, Problem, Rendering, Resource, Severity, Unjudged
from kgate.reports.formats import json as json_format
from kgate.reports.presentation import Presentation
from kgate.reports.wording import at_most
from kgate.rules.load import load
from kgate.scan import Gate, assess
from kgate.waiverfile import WaiverFile, WaiverSettings, in_force, parse_file
from kgate.yamltree.fields import UserFile

TODAY = date(2026, 12, 1)
RULES = load()
JUDGE = Judge(RULES, pss.NEWEST_MINOR, {"privileged-container", "host-pid", "host-path-volume", "sensitive-host-path"})
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: logging}
spec:
  hostPID: true
  containers:
  - {name: app, image: "ghcr.io/acme/agent:1.2", securityContext: {privileged: true}}
  - {name: side, image: "nginx@sha256:0123", securityContext: {privileged: true}}
  volumes:
  - {name: v, hostPath: {path: /}}
"""
BOTH = "rule: [privileged-container, host-pid, sensitive-host-path]"


def settings(*entries: str, never: Sequence[str] = (), today: date = TODAY) -> WaiverSettings:
    """Waivers in flow style, each with a reason."""
    text = "accept:\n" + "".join(f"- {{{entry}, reason: r}}\n" for entry in entries)
    fields = UserFile.parse(text.encode(), "kgate-waivers.yaml", ValueError).fields()
    return WaiverSettings(parse_file(fields, "kgate-waivers.yaml") if entries else WaiverFile(), today, tuple(never))


def resources(text: str = POD, path: str = "k8s/agent.yaml") -> tuple[Resource, ...]:
    return manifest.read(path, text.encode()).resources


def book_of(waivers: Waivers, judge: Judge = JUDGE, bar: Bar = Bar(60)) -> Ledger:  # noqa: B008 - it is a value
    return Ledger(judge, bar, waivers=waivers)


def found(
    asked: WaiverSettings, objects: Sequence[Resource] | None = None, *, is_whole: bool = True, judge: Judge = JUDGE
) -> Found:
    """What a scan of objects finds under waivers."""
    book = book_of(in_force(asked, RULES, is_whole=is_whole), judge)
    for resource in resources() if objects is None else objects:
        book.judge(resource, resource.locate("").path)
    return book.close()


def waived(result: Found) -> list[str]:
    """The findings that are waived: rule and container."""
    return [f"{one.rule.id} {one.container or ''}".rstrip() for one in result.findings if one.waiver is not None]


PRIVILEGED = ["privileged-container app", "privileged-container side"]
FINGERPRINTS = {f"{one.rule.id} {one.container}": one.fingerprint for one in found(settings()).findings}
MATCHES = [
    pytest.param('path: "**"', PRIVILEGED, id="everywhere"),
    pytest.param("path: k8s/agent.yaml", PRIVILEGED, id="the file"),
    pytest.param("path: k8s/*", PRIVILEGED, id="files of the folder"),
    pytest.param('path: "**/agent.yaml"', PRIVILEGED, id="files of that name"),
    pytest.param("path: k8s", [], id="the folder itself"),
    pytest.param("path: '*.yaml'", [], id="no folder"),
    pytest.param("path: [k8s/b.yaml, k8s/agent.yaml]", PRIVILEGED, id="one of two files"),
    pytest.param("path: K8S/agent.yaml", [], id="other letters"),
    pytest.param("resource: Pod/logging/agent", PRIVILEGED, id="the object"),
    pytest.param("resource: Pod/agent", PRIVILEGED, id="the object in any namespace"),
    pytest.param("resource: Pod/*/a*", PRIVILEGED, id="objects by patterns"),
    pytest.param("resource: Pod/shop/agent", [], id="another namespace"),
    pytest.param("resource: Deployment/agent", [], id="another kind"),
    pytest.param("resource: {namespace: logging}", PRIVILEGED, id="the namespace"),
    pytest.param("resource: {namespace: log}", [], id="the beginning of the namespace"),
    pytest.param("resource: {kind: Pod, name: other}", [], id="another name"),
    pytest.param("path: '**', container: app", PRIVILEGED[:1], id="a container"),
    pytest.param("path: '**', container: [app, side]", PRIVILEGED, id="two containers"),
    pytest.param("path: '**', container: a", [], id="the beginning of a container"),
    pytest.param("path: '**', field: securityContext.privileged", PRIVILEGED, id="the end of the field"),
    pytest.param('path: "**", field: "spec.containers[1].securityContext.privileged"', PRIVILEGED[1:], id="a field"),
    pytest.param("path: '**', field: 'spec.containers[*].securityContext.*'", PRIVILEGED, id="fields by a pattern"),
    pytest.param("path: '**', field: Context.privileged", [], id="half a name"),
    pytest.param("image: 'ghcr.io/acme/*'", PRIVILEGED[:1], id="the images of somebody"),
    pytest.param("image: ghcr.io/acme/agent", PRIVILEGED[:1], id="an image with any tag"),
    pytest.param("image: 'ghcr.io/acme/agent:1.2'", PRIVILEGED[:1], id="an image"),
    pytest.param("image: 'ghcr.io/acme/agent:1.3'", [], id="another tag"),
    pytest.param("image: nginx", PRIVILEGED[1:], id="an image with any digest"),
    pytest.param("image: 'ghcr.io/*'", [], id="a star and a folder"),
    pytest.param(f"fingerprint: '{FINGERPRINTS['privileged-container app']}'", PRIVILEGED[:1], id="a fingerprint"),
    pytest.param(f"fingerprint: '{FINGERPRINTS['host-pid None']}'", [], id="the fingerprint of another rule"),
    pytest.param("image: nginx, resource: Pod/agent, path: other.yaml", [], id="all but one"),
]


@pytest.mark.parametrize(("entry", "expected"), MATCHES)
def test_what_a_waiver_is_about(entry: str, expected: list[str]) -> None:
    assert waived(found(settings(f"rule: privileged-container, {entry}"))) == expected


def test_the_rules_of_an_entry_are_those_that_are_reported() -> None:
    """The more general rule is not enough: whoever accepts a hostPath has not accepted the root of the node."""
    assert waived(found(settings('rule: host-path-volume, path: "**"'))) == []
    assert waived(found(settings('rule: sensitive-host-path, path: "**"'))) == ["sensitive-host-path"]


# ------------------------------------------------------------------------------------- what it changes


def test_a_rule_counts_until_all_of_its_findings_are_waived() -> None:
    others = 'rule: [host-pid, sensitive-host-path], path: "**"'
    one, both = (
        found(settings(others, f'rule: privileged-container, path: "**", container: {containers}')).assessments[0]
        for containers in ("app", "[app, side]")
    )
    assert (one.score.value, one.score.waived) == (29, ("host-path-volume", "host-pid", "sensitive-host-path"))
    assert (both.score.value, both.score.without_waivers, both.passed) == (100, 3, True)
    assert both.score.rests_on_waivers
    assert both.pss_level == "privileged"


def test_a_gate_that_asks_for_a_level_passes_over_what_is_waived() -> None:
    """The level that is reported is that of the cluster, which knows no waivers."""
    rules = in_force(settings(f'{BOTH}, path: "**"'), RULES, is_whole=True)
    waived_ones, open_ones = (book_of(one, bar=Bar(60, "baseline")) for one in (rules, Waivers()))
    for book in (waived_ones, open_ones):
        book.judge(resources()[0], "k8s/agent.yaml")
    (passed,), (failed,) = (book.close().assessments for book in (waived_ones, open_ones))
    assert (passed.passed, passed.pss_level, passed.score.misses_level) == (True, "privileged", False)
    assert (failed.passed, failed.pss_level, failed.score.misses_level) == (False, "privileged", True)


def verdict(result: Found, **options: Any) -> tuple[bool, bool, tuple[str, ...]]:
    made = decide(result, resources=1, fail_on=options.get("fail_on"), allow_empty=False)
    return made.passed, made.incomplete, made.reasons


def test_what_is_waived_fails_nothing() -> None:
    everything = settings(f'{BOTH}, path: "**"')
    assert verdict(found(everything), fail_on=Severity.LOW) == (True, False, ())
    assert verdict(found(settings()), fail_on=Severity.LOW)[0] is False


@pytest.mark.parametrize("rule", ["privileged-container", "host-path-volume"])
def test_nobody_waives_what_a_policy_never_lets_be_waived(rule: str) -> None:
    """Neither what is reported as that rule nor what includes it."""
    result = found(settings(f'{BOTH}, path: "**"', never=[rule]))
    assert {one.rule.id for one in result.findings if one.waiver is None} == {
        "privileged-container" if rule == "privileged-container" else "sensitive-host-path"
    }
    (note,) = result.notes
    told = "is about what cannot be waived, and waives nothing of that; remove it"
    assert (
        str(note) == f"kgate-waivers.yaml:2: the waiver of privileged-container, host-pid, sensitive-host-path {told}"
    )


# --------------------------------------------------------------------------------------------- its end

ENDS = [
    pytest.param("2026-12-01", ["host-pid"], ["ends today, on 2026-12-01, by us"], id="today"),
    pytest.param("2026-12-02", ["host-pid"], ["ends tomorrow, on 2026-12-02, by us"], id="tomorrow"),
    pytest.param("2026-12-15", ["host-pid"], ["ends in 14 days, on 2026-12-15, by us"], id="in two weeks"),
    pytest.param("2026-12-16", ["host-pid"], [], id="later"),
    pytest.param("2026-11-30", [], ["expired on 2026-11-30, by us; renew it or remove it"], id="yesterday"),
]


@pytest.mark.parametrize(("until", "expected", "told"), ENDS)
def test_it_holds_until_its_last_day_and_its_end_is_announced(until: str, expected: list[str], told: list[str]) -> None:
    result = found(settings(f"rule: host-pid, path: '**', owner: us, until: {until}"))
    assert waived(result) == expected
    assert [note.message for note in result.notes] == [f"the waiver of host-pid {one}" for one in told]


def test_an_expired_one_fails_though_its_finding_decides_nothing() -> None:
    result = found(settings(f'{BOTH}, path: "**"', "rule: host-pid, path: '**', owner: us, until: 2026-11-30"))
    reason = "1 waiver has expired: kgate-waivers.yaml:3 on 2026-11-30, by us; renew or remove it"
    assert verdict(result) == (False, False, (reason,))


def test_of_several_expired_ones_the_first_is_named() -> None:
    result = found(settings(*(f"{BOTH}, path: '**', until: 2026-11-{day}" for day in (30, 29))))
    assert verdict(result)[2][0] == (
        "2 waivers have expired: the first kgate-waivers.yaml:3 on 2026-11-29; renew or remove them"
    )


def test_an_expired_one_that_fits_nothing_is_only_noted() -> None:
    result = found(settings(f'{BOTH}, path: "**"', "rule: host-pid, path: gone.yaml, until: 2026-11-30"))
    assert verdict(result) == (True, False, ())
    assert [str(note) for note in result.notes] == [
        "kgate-waivers.yaml:3: the waiver of host-pid expired on 2026-11-30 and fits nothing; remove it"
    ]


def test_what_fits_nothing_is_noted_if_everything_was_scanned_and_judged() -> None:
    entry = "rule: host-ipc, path: '**'"
    assert [str(note) for note in found(settings(entry)).notes] == [
        "kgate-waivers.yaml:2: the waiver of host-ipc fits nothing; remove it"
    ]
    assert found(settings(entry), is_whole=False).notes == ()
    broken = resources(POD.replace("hostPID: true", "containers: [3]").replace("containers:\n", "initContainers:\n"))
    assert [note for note in found(settings(entry), broken).notes if "waiver" in note.message] == []


# -------------------------------------------------------------------------------- renderings and limits


def rendered(*overlays: str, namespace: str = "logging") -> list[Resource]:
    """The Pod as overlays render it, each into a namespace of its own."""
    (one,) = resources()
    return [
        replace(one, id=replace(one.id, namespace=f"{namespace}-{name}"), rendering=Rendering("kustomize", name))
        for name in overlays
    ]


def test_what_is_waived_in_one_rendering_only_is_open() -> None:
    result = found(settings(f"{BOTH}, resource: {{namespace: logging-a}}"), rendered("a", "b"))
    assert waived(result) == []
    assert {one.workload.namespace: one.score.value for one in result.assessments} == {"logging-a": 100, "logging-b": 3}
    everywhere = found(settings(f"{BOTH}, resource: {{namespace: logging-*}}"), rendered("a", "b"))
    assert len(waived(everywhere)) == 4


PODS = "".join(f"{POD.replace('agent', f'agent{number}')}---\n" for number in range(9))
OF_HOST_PID = Judge(RULES, pss.NEWEST_MINOR, {"host-pid"})
NAMED = [
    pytest.param([f"agent{number}" for number in range(4)], 4, id="the first ones"),
    pytest.param(["agent8"], 1, id="the last one"),
    pytest.param(["agent*"], 9, id="all"),
    pytest.param(["other"], 0, id="none"),
]


@pytest.mark.parametrize("bound", [1, 2, 100])
@pytest.mark.parametrize("is_rendered", [pytest.param(False, id="plain"), pytest.param(True, id="rendered")])
@pytest.mark.parametrize(("names", "expected"), NAMED)
def test_what_is_only_counted_is_neither_waived_nor_open_by_mistake(
    monkeypatch: pytest.MonkeyPatch, names: list[str], expected: int, bound: int, *, is_rendered: bool
) -> None:
    monkeypatch.setattr(ledger, "MAX_LISTED", bound)
    rendering = Rendering("helm", "charts/agents") if is_rendered else None
    objects = [replace(one, rendering=rendering) for one in resources(PODS)]
    result = found(settings(*(f"rule: host-pid, resource: Pod/{name}" for name in names)), objects, judge=OF_HOST_PID)
    listed = len(waived(result))
    assert listed == min(bound, expected)
    assert listed + result.unlisted.waived == expected
    assert len(result.findings) - listed + result.unlisted.findings.get(Severity.HIGH, 0) == 9 - expected
    is_told = any(f"{expected - bound} waived findings" in note.message for note in result.unlisted.notes)
    assert is_told == (expected > bound)


def test_pages_of_other_processes_say_what_fitted() -> None:
    book = book_of(in_force(settings("rule: host-pid, path: '**', until: 2026-11-30"), RULES, is_whole=True))
    page = book.judge_files([("k8s/agent.yaml", [Batch(resources())])])
    assert book.close().expired == ()
    book.add_page(page)
    assert [one.place for one in book.close().expired] == ["kgate-waivers.yaml:2"]


# ---------------------------------------------------------------------------------------------- remarks

CHART = Problem("charts/web", None, "helm template failed: missing value")
REMOTE = Unjudged("apps/redis.yaml", 3, "it is in another repository", "chart redis", "kgate pull")
REMARKS = [
    pytest.param("problem: missing value, path: charts/web", [CHART], id="a part of the message"),
    pytest.param('problem: "helm * missing", path: "charts/*"', [CHART], id="a pattern"),
    pytest.param('problem: "*", path: "**"', [CHART], id="any problem"),
    pytest.param("problem: missing values, path: charts/web", [], id="more than the message"),
    pytest.param("problem: missing value, path: charts/other", [], id="another path"),
    pytest.param("unjudged: missing value, path: '**'", [], id="another kind"),
    pytest.param("unjudged: another repository, path: '**'", [REMOTE], id="what is not judged"),
    pytest.param("unjudged: chart redis is not judged, path: '**'", [REMOTE], id="by its name"),
    pytest.param("unjudged: [x, redis], path: [a, apps/redis.yaml]", [REMOTE], id="one of several"),
]


def remarked(asked: WaiverSettings) -> Found:
    book = book_of(in_force(asked, RULES, is_whole=True))
    book.add_problems([CHART])
    book.add_unjudged([REMOTE])
    return book.close()


@pytest.mark.parametrize(("entry", "expected"), REMARKS)
def test_what_is_accepted_of_remarks(entry: str, expected: list[Problem | Unjudged]) -> None:
    result = remarked(settings(entry))
    assert [one.remark for one in result.accepted] == expected
    assert [*result.problems, *result.unjudged] == [one for one in (CHART, REMOTE) if one not in expected]


def test_what_is_accepted_leaves_a_scan_complete_until_it_expires() -> None:
    entries = [f"problem: helm, path: charts/web{{}}, until: {TODAY}", f"unjudged: redis, path: apps/*, until: {TODAY}"]
    entries = [one.replace("{}", "") for one in entries]
    assert verdict(remarked(settings(*entries))) == (True, False, ())
    passed, incomplete, reasons = verdict(remarked(settings(*entries, today=TODAY + timedelta(days=1))))
    assert (passed, incomplete, len(reasons)) == (False, True, 3)


def test_problems_of_the_gate_and_of_the_scan_cannot_be_accepted() -> None:
    book = book_of(in_force(settings('problem: "*", path: "**"'), RULES, is_whole=True))
    book.add_own_problems([CHART])
    assert (book.close().problems, book.close().accepted) == ((CHART,), ())


def test_a_workload_with_an_accepted_problem_is_judged_by_the_rest() -> None:
    text = POD[: POD.index("  - {name: side")].replace("hostPID: true", "hostPID: false")
    text = text.replace("{privileged: true}", "3")
    asked = settings("problem: '`securityContext` is the number 3', path: k8s/*")
    accepted, refused = (found(one, resources(text)) for one in (asked, settings()))
    assert [len(one.problems) for one in (accepted, refused)] == [0, 1]
    assert [one.assessments[0].passed for one in (accepted, refused)] == [True, False]
    assert [one.assessments[0].score.known for one in (accepted, refused)] == [None, None]
    assert accepted.assessments[0].pss_level == "privileged"
    assert at_most(accepted.assessments[0].score) == "not all of it could be judged, which is accepted: at most 100"


# ------------------------------------------------------------------------------------------- properties

RULE_IDS = ["privileged-container", "host-pid", "sensitive-host-path", "host-path-volume"]
ENTRIES = st.builds(
    lambda rule, scope, until: f"rule: {rule}, {scope}{until}",
    st.sampled_from([*RULE_IDS, f"[{', '.join(RULE_IDS)}]"]),
    st.sampled_from(
        [
            'path: "**"',
            "resource: Pod/agent",
            "path: '**', container: app",
            "image: nginx",
            "path: k8s/*, field: hostPID",
        ]
    ),
    st.sampled_from(["", ", until: 2027-01-31", ", until: 2026-11-30"]),
)


def report(asked: WaiverSettings) -> dict[str, Any]:
    """The JSON report about the Pod under waivers."""
    waivers = in_force(asked, RULES, is_whole=True)
    batch = Batch(resources(), files=1, path="k8s/agent.yaml")
    made = assess([batch], book_of(waivers), Gate(RULES), Lifetime(60))
    return dict(json.loads("".join(json_format.render(made, Presentation()))))


PLAIN = report(settings())


@given(st.lists(ENTRIES, min_size=1, max_size=4))
def test_any_waivers_leave_the_findings_and_the_score_without_them(entries: list[str]) -> None:
    made = report(settings(*entries))
    assert [{**one, "waived": False} for one in made["findings"]] == PLAIN["findings"]
    (workload,), (plain,) = made["workloads"], PLAIN["workloads"]
    assert workload.get("score_without_waivers", workload["score"]) == plain["score"]
    assert workload["score"] >= plain["score"]
    assert workload["pss"] == plain["pss"]
    assert made["summary"]["waived"] == sum(one["waived"] is not False for one in made["findings"])


@given(st.lists(ENTRIES, max_size=4), st.lists(st.sampled_from(RULE_IDS), min_size=1, unique=True))
def test_no_waivers_beat_what_is_never_waived(entries: list[str], never: list[str]) -> None:
    made = report(settings(*entries, never=never))
    for one in made["findings"]:
        if not {one["rule"], *one["includes"]}.isdisjoint(never):
            assert one["waived"] is False
