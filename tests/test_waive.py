"""waive.py: what is written for what a scan found, and what stays of the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from kgate.errors import ConfigError
from kgate.judgement.waivers import RemarkPattern
from kgate.model import Position, Problem, Report, Unjudged
from kgate.rules.gate import GATE_WEAKENED
from kgate.waive import Acceptance, AskedRemark, NewEntry, appended, entries, of_findings, of_remarks, scalar
from kgate.waiverfile import NamedRule, WaiverPolicy, parse_file
from kgate.yamltree.fields import UserFile
from tests.reports import samples

TODAY = date(2026, 12, 1)
ACCEPTED = Acceptance("an agent: reads logs", "team-ops", date(2027, 1, 31))
ENTRY = NewEntry((("rule", "host-pid"), ("path", "a.yaml"), ("reason", "x")))
WRITTEN = "- rule: host-pid\n  path: a.yaml\n  reason: x\n"
POLICY = WaiverPolicy()


# ------------------------------------------------------------------------------------------------ the file

FILES = [
    pytest.param("", f"accept:\n{WRITTEN}", id="no file"),
    pytest.param("accept: []\n", f"accept:\n{WRITTEN}", id="an empty list"),
    pytest.param("# ours\naccept:\n# none\n", f"# ours\n# none\naccept:\n{WRITTEN}", id="no list"),
    pytest.param("# ours\n", f"# ours\naccept:\n{WRITTEN}", id="a comment"),
    pytest.param(f"accept:\n{WRITTEN}", f"accept:\n{WRITTEN}{WRITTEN}", id="an entry"),
    pytest.param(f"accept:\n{WRITTEN}"[:-1], f"accept:\n{WRITTEN}{WRITTEN}", id="no end of line"),
    pytest.param(
        "accept: # ours\n\n# first\n  - {rule: host-ipc, path: b, reason: why} # why\n# last\n",
        "accept: # ours\n\n# first\n  - {rule: host-ipc, path: b, reason: why} # why\n# last\n"
        "  - rule: host-pid\n    path: a.yaml\n    reason: x\n",
        id="comments, blanks and another layout",
    ),
]


@pytest.mark.parametrize(("before", "after"), FILES)
def test_what_stands_in_the_file_stays(before: str, after: str) -> None:
    assert appended(before, [ENTRY], POLICY, TODAY) == after


REFUSED = [
    pytest.param(
        "accept: [{rule: host-ipc, path: b, reason: why}]\n", "accept is not a list of entries", id="flow style"
    ),
    pytest.param(
        "accept:\n- {rule: host-ipc}\n", "kgate-waivers.yaml:2: accept[0] waives host-ipc everywhere", id="a mistake"
    ),
    pytest.param(f"accept:\n{WRITTEN}...\n", "did not find expected <document start>", id="an end of the document"),
]


@pytest.mark.parametrize(("before", "message"), REFUSED)
def test_a_file_that_cannot_be_added_to_is_left(before: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        appended(before, [ENTRY], POLICY, TODAY)
    assert message in str(error.value)


OF_POLICY = [
    pytest.param(WaiverPolicy(("owner",)), "kgate-waivers.yaml:2: accept[0].owner is missing", id="an owner"),
    pytest.param(WaiverPolicy((), 30), "kgate-waivers.yaml:2: accept[0].until is missing", id="an end"),
    pytest.param(
        WaiverPolicy(never=(NamedRule("host-pid", "kgate.yaml:3"),)), "host-pid cannot be waived", id="what never is"
    ),
]


@pytest.mark.parametrize(("policy", "message"), OF_POLICY)
def test_an_entry_says_what_the_policy_wants(policy: WaiverPolicy, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        appended("", [ENTRY], policy, TODAY)
    assert message in str(error.value)


TEXTS = [
    "x",
    "a: b",
    "# c",
    "- d",
    "'e'",
    '"f"',
    "yes",
    "null",
    "1e5",
    "2027-01-31",
    "",
    " g",
    "*",
    "ü",
    "\u2028",
    "{{ h }}",
    "@i",
    "1" * 32,
]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_is_read_again(text: str) -> None:
    fields = UserFile.parse(f"a: {scalar(text)}\n".encode(), "a.yaml", ValueError).fields()
    assert fields.body["a"] == text


# ---------------------------------------------------------------------------------------- what is accepted

CHART = Problem("charts/web", None, "helm template charts/web failed: missing value")
REDIS = Unjudged("apps/redis.yaml", 9, "it is in another repository", "chart redis", "kgate pull")
OTHER = Unjudged("apps/other.yaml", 3, "it is in another repository", "chart other")


def report() -> Report:
    return replace(samples.with_findings(), problems=(CHART,), unjudged=(REDIS, OTHER))


def test_findings_are_named_by_the_beginning_of_their_fingerprint() -> None:
    finding = report().findings[1]
    assert {one.fingerprint for one in of_findings(report(), [finding.fingerprint[:8]])} == {finding.fingerprint}
    assert len(of_findings(report(), [finding.fingerprint, f"{finding.fingerprint}:2"])) == 1


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        pytest.param("1a2b3c", "'1a2b3c' is not a fingerprint: at least 8 of its digits (0-9, a-f)", id="too short"),
        pytest.param("privileged", "'privileged' is not a fingerprint", id="a word"),
        pytest.param("00000000", "no finding of this scan has a fingerprint that begins with 00000000", id="unknown"),
    ],
)
def test_what_is_no_fingerprint_of_the_scan_is_refused(prefix: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        of_findings(report(), [prefix])
    assert message in str(error.value)


def test_what_weakens_the_gate_is_refused() -> None:
    finding = replace(report().findings[0], rule=GATE_WEAKENED)
    with pytest.raises(ConfigError) as error:
        of_findings(replace(report(), findings=(finding,)), [finding.fingerprint])
    assert "is gate-weakened, which cannot be waived; have the change reviewed" in str(error.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("apps/redis.yaml:9: chart redis is not judged", [REDIS], id="as printed"),
        pytest.param("apps/redis.yaml: it is in another", [REDIS], id="a part"),
        pytest.param("apps/redis.yaml", [REDIS], id="the path alone"),
    ],
)
def test_remarks_are_named_as_reports_print_them(line: str, expected: list[Unjudged]) -> None:
    assert of_remarks(report(), [AskedRemark.parse(Unjudged, line)]) == expected


def test_a_remark_that_no_scan_has_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        of_remarks(report(), [AskedRemark.parse(Problem, "apps/redis.yaml: it")])
    assert (
        str(error.value) == "this scan has no such problem in apps/redis.yaml; copy a line of the report: PATH: MESSAGE"
    )


def text_of(new: list[NewEntry]) -> str:
    return appended("", new, POLICY, TODAY)


def test_findings_of_a_rule_in_an_object_are_one_entry() -> None:
    finding = report().findings[1]
    second = replace(finding, anchor="another", location=replace(finding.location, start=Position(20, 3)))
    (entry,) = entries([finding, second], [], ACCEPTED)
    assert dict(entry.fields)["fingerprint"] == (finding.fingerprint, second.fingerprint)
    assert entry.comment == "Deployment/shop/web (k8s/web.yaml:12 and 1 more)"


def test_an_entry_says_what_it_is_about() -> None:
    finding = report().findings[1]
    assert text_of(entries([finding], [], ACCEPTED)) == (
        "accept:\n"
        "# Deployment/shop/web (k8s/web.yaml:12)\n"
        "- rule: privileged-container\n"
        f"  fingerprint: {scalar(finding.fingerprint)}\n"
        '  reason: "an agent: reads logs"\n'
        "  owner: team-ops\n"
        "  until: 2027-01-31\n"
    )


def test_a_finding_with_other_names_is_accepted_under_all_of_them() -> None:
    finding = replace(report().findings[1], also=(samples.LOG,))
    (entry,) = entries([finding], [], ACCEPTED)
    assert dict(entry.fields)["fingerprint"] == (
        finding.fingerprint,
        replace(finding, resource=samples.LOG).fingerprint,
    )


def test_the_same_cause_is_one_entry() -> None:
    text = text_of(entries([], [CHART, REDIS, OTHER], Acceptance("x")))
    made = parse_file(UserFile.parse(text.encode(), "a", ValueError).fields(), "a")
    titles = ["the problem 'helm template * failed: missing value'", "not judging 'it is in another repository'"]
    assert [one.entry.pattern.title for one in made.entries] == titles
    meant: list[list[Problem | Unjudged]] = [[CHART], [REDIS, OTHER]]
    for written, found in zip(made.entries, meant, strict=True):
        pattern = written.entry.pattern
        assert isinstance(pattern, RemarkPattern)
        assert all(pattern.fits(remark) for remark in found)


def test_what_is_waived_already_gets_no_entry() -> None:
    assert entries([replace(report().findings[1], waiver=samples.WAIVER)], [], ACCEPTED) == []
