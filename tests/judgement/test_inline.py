"""inline.py and waiving.py: what comments and annotations in manifests waive, and every mistake in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.judgement.bar import Bar
from kgate.judgement.engine import Judge
from kgate.judgement.inline import InlineTerms, MalformedError, Written, in_annotation, in_comments, parse
from kgate.judgement.ledger import Ledger
from kgate.judgement.waiving import Waivers
from kgate.kubernetes import manifest, pss
from kgate.model import Found, Location, Position, ResourceId, UnusedWaiver, Waiver
from kgate.rules.load import load

TODAY = date(2026, 12, 1)
RULES = load()
RULE_IDS = frozenset(rule.id for rule in RULES)
JUDGE = Judge(RULES, pss.NEWEST_MINOR, {"privileged-container", "host-pid"})
PLACE = Location("a.yaml", Position(3, 5), Position(3, 9))


@dataclass(frozen=True)
class OneFile:
    """The comments of one file, which has what a trusted revision has or not."""

    text: str
    trust: bool | None = True

    def paths(self) -> Iterator[str]:
        yield "a.yaml"

    def lines(self, path: str) -> list[str]:
        return self.text.split("\n") if path == "a.yaml" and "kgate" in self.text else []

    def is_trusted(self, path: str, text: str, who: ResourceId) -> bool | None:
        assert path == "a.yaml"
        assert who.kind in self.text
        assert text.startswith("allow")
        return self.trust


def terms(**asked: object) -> InlineTerms:
    return InlineTerms(OneFile(""), RULE_IDS, **asked)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------ the grammar

RIGHT = [
    pytest.param("allow[host-pid] it is an agent", ["host-pid"], Waiver("it is an agent"), id="a rule and a reason"),
    pytest.param("allow[host-pid,host-ipc] x", ["host-pid", "host-ipc"], Waiver("x"), id="two rules"),
    pytest.param("allow [ host-pid , host-ipc ] x", ["host-pid", "host-ipc"], Waiver("x"), id="blanks"),
    pytest.param(
        "allow[host-pid] until=2027-01-31 owner=team-ops reads  logs",
        ["host-pid"],
        Waiver("reads logs", "team-ops", "2027-01-31"),
        id="everything",
    ),
    pytest.param(
        "allow[host-pid] owner=@us until=2027-01-31 x",
        ["host-pid"],
        Waiver("x", "@us", "2027-01-31"),
        id="another order",
    ),
    pytest.param("allow[host-pid] needs a=b", ["host-pid"], Waiver("needs a=b"), id="a reason with a sign"),
]


@pytest.mark.parametrize(("text", "rules", "waiver"), RIGHT)
def test_what_is_read(text: str, rules: list[str], waiver: Waiver) -> None:
    entry = parse(Written(text, PLACE), terms(), TODAY)
    assert [rule for rule in sorted(RULE_IDS) if entry.pattern_names(rule)] == sorted(rules)
    assert entry.waiver == Waiver(waiver.reason, waiver.owner, waiver.expires, "a.yaml:3")


SHAPE = "write allow[RULE] until=DATE owner=WHO and a reason"
WRONG = [
    pytest.param("ignore[host-pid] x", SHAPE, id="another word"),
    pytest.param("allow host-pid x", SHAPE, id="no brackets"),
    pytest.param("allow[host-pid x", SHAPE, id="half of the brackets"),
    pytest.param("allow[] x", "a rule is missing in the brackets", id="no rule"),
    pytest.param("allow[host-pid,] x", "a rule is missing in the brackets", id="a comma too many"),
    pytest.param("allow[host-pit] x", "no rule has the id 'host-pit'", id="a misspelt rule"),
    pytest.param("allow[*] x", "no rule has the id '*'", id="all rules"),
    pytest.param("allow[host-pid]", "the reason is missing; say why it is accepted", id="no reason"),
    pytest.param("allow[host-pid] owner=us", "the reason is missing; say why it is accepted", id="an owner alone"),
    pytest.param("allow[host-pid] until=soon x", "until=soon is not a day such as 2027-01-31", id="soon"),
    pytest.param(
        "allow[host-pid] until=2027-02-30 x", "until=2027-02-30 is not a day such as 2027-01-31", id="no such day"
    ),
    pytest.param("allow[host-pid] until= x", "until= has no value", id="no day"),
    pytest.param("allow[host-pid] owner=a owner=b x", "owner= stands there twice", id="two owners"),
    pytest.param(
        "allow[host-pid] expires=2027-01-31 x",
        "'expires=' is not known; write until= or owner=, and the reason after them",
        id="another option",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_mistake_waives_nothing(text: str, message: str) -> None:
    with pytest.raises(MalformedError) as error:
        parse(Written(text, PLACE), terms(), TODAY)
    assert str(error.value) == message


ASKED = [
    pytest.param({"needs_owner": True}, "owner= is missing; write who accepts it", id="an owner"),
    pytest.param({"needs_end": True}, "until= is missing; write its last day", id="an end"),
    pytest.param({"max_days": 90}, "until= is missing; write its last day", id="days"),
]


@pytest.mark.parametrize(("asked", "message"), ASKED)
def test_it_must_say_what_the_policy_wants(asked: dict[str, object], message: str) -> None:
    with pytest.raises(MalformedError) as error:
        parse(Written("allow[host-pid] x", PLACE), terms(**asked), TODAY)
    assert str(error.value) == message


def test_it_lasts_no_longer_than_the_policy_wants() -> None:
    with pytest.raises(MalformedError) as error:
        parse(Written("allow[host-pid] until=2027-03-02 x", PLACE), terms(max_days=90), TODAY)
    assert str(error.value) == "until= is 91 days ahead; 90 are allowed"


# -------------------------------------------------------------------------------------------- its place

COMMENTS = [
    pytest.param(["x: 1  # kgate: allow[a] r"], 1, ["allow[a] r"], id="at the end of the line"),
    pytest.param(["# kgate: allow[a] r", "x: 1"], 2, ["allow[a] r"], id="above"),
    pytest.param(["#kgate:allow[a] r", "x: 1"], 2, ["allow[a] r"], id="without blanks"),
    pytest.param(["# kgate: allow[a] r", "# why", "x: 1"], 3, ["allow[a] r"], id="above another comment"),
    pytest.param(["# kgate: allow[a] r", "", "x: 1"], 3, [], id="above an empty line"),
    pytest.param(["# kgate: allow[a] r", "y: 1", "x: 1"], 3, [], id="above another field"),
    pytest.param(["y: 1  # kgate: allow[a] r", "x: 1"], 2, [], id="at the end of the line above"),
    pytest.param(["x: 1", "# kgate: allow[a] r"], 1, [], id="below"),
    pytest.param(["x: a#kgate: allow[a] r"], 1, [], id="no comment"),
    pytest.param(["{{/* kgate: allow[a] r */}}", "x: 1"], 2, ["allow[a] r"], id="a comment of a template"),
    pytest.param(["  {{- /* kgate: allow[a] r */ -}}", "x: 1"], 2, ["allow[a] r"], id="one that trims"),
    pytest.param(["x: 1 {{/* kgate: allow[a] r */}}"], 1, ["allow[a] r"], id="one at the end of the line"),
    pytest.param(["# kgate: allow[a] r", "x: 1 # kgate: allow[b] s"], 2, ["allow[b] s", "allow[a] r"], id="two"),
    pytest.param([], 7, [], id="beyond the end"),
]


@pytest.mark.parametrize(("lines", "number", "expected"), COMMENTS)
def test_where_a_comment_stands(lines: list[str], number: int, expected: list[str]) -> None:
    assert [one.text for one in in_comments(lines, "a.yaml", number)] == expected


def test_several_waivers_of_an_annotation_are_in_lines_or_between_semicolons() -> None:
    found = in_annotation("allow[a] one\nallow[b]\ttwo; allow[c] three;\n", PLACE)
    assert [one.text for one in found] == ["allow[a] one", "allow[b] two", "allow[c] three"]
    assert list(in_annotation(["allow[a] x"], PLACE)) == []


# ---------------------------------------------------------------------------------------- what it waives

POD = """\
{object}apiVersion: v1
kind: Pod
metadata:
  name: agent
  annotations: {{a: b{annotation}}}
spec:
  {above}
  hostPID: true  {end}
  containers:
  - name: app
    securityContext:
      {inner}
      privileged: true
"""


def pod(**texts: str) -> str:
    return POD.format(**{"object": "", "annotation": "", "above": "", "end": "", "inner": "", **texts})


def found(
    text: str, *, trust: bool | None = True, are_on: bool = True, never: tuple[str, ...] = (), is_whole: bool = False
) -> Found:
    """What a scan of a file finds with the waivers in it."""
    asked = InlineTerms(OneFile(text, trust), RULE_IDS, are_on)
    book = Ledger(JUDGE, Bar(60), waivers=Waivers((), TODAY, frozenset(never), is_whole, inline=asked))
    for resource in manifest.read("a.yaml", text.encode()).resources:
        book.judge(resource, "a.yaml")
    return book.close()


def waived(result: Found) -> list[str]:
    return sorted(one.rule.id for one in result.findings if one.waiver is not None)


BOTH = "allow[host-pid,privileged-container] owner=us an agent"
HERE = [
    pytest.param({"end": f"# kgate: {BOTH}"}, ["host-pid"], id="at the end of a line"),
    pytest.param({"above": f"# kgate: {BOTH}"}, ["host-pid"], id="above a field"),
    pytest.param({"inner": f"# kgate: {BOTH}"}, ["privileged-container"], id="above a field of a container"),
    pytest.param({"object": f"# kgate: {BOTH}\n"}, ["host-pid", "privileged-container"], id="above the object"),
    pytest.param({"object": f"---\n# kgate: {BOTH}\n"}, ["host-pid", "privileged-container"], id="after a marker"),
    pytest.param({"object": f"# kgate: {BOTH}\n---\n"}, [], id="before a marker"),
    pytest.param(
        {"annotation": f', kgate.dev/allow: "{BOTH}"'}, ["host-pid", "privileged-container"], id="in an annotation"
    ),
    pytest.param({"annotation": f', kgate.dev/deny: "{BOTH}"'}, [], id="in another annotation"),
    pytest.param({"end": "# kgate: allow[privileged-container] x"}, [], id="of another rule"),
    pytest.param({"end": "# kgate: allow[host-pid] until=2026-11-30 x"}, [], id="an expired one"),
    pytest.param(
        {"above": "# kgate: allow[host-pid] until=2026-11-30 x", "end": "# kgate: allow[host-pid] y"},
        ["host-pid"],
        id="an expired one beside another",
    ),
]


@pytest.mark.parametrize(("texts", "expected"), HERE)
def test_what_is_waived_where(texts: dict[str, str], expected: list[str]) -> None:
    assert waived(found(pod(**texts))) == expected


def test_the_report_has_its_place() -> None:
    (one,) = (one for one in found(pod(end=f"# kgate: {BOTH}")).findings if one.waiver is not None)
    assert one.waiver == Waiver("an agent", "us", "", "a.yaml:8")


SAFE = POD.replace("hostPID: true", "hostPID: false").replace("privileged: true", "privileged: false")
UNUSED = [
    pytest.param(pod(end=f"# kgate: {BOTH}"), [], id="one that fits"),
    pytest.param(pod(annotation=f', kgate.dev/allow: "{BOTH}"'), [], id="an annotation that fits"),
    pytest.param(
        pod(object=f"# kgate: {BOTH}\n---\n"),
        ["a.yaml:1: the waiver of host-pid, privileged-container fits nothing; remove it"],
        id="before a marker",
    ),
    pytest.param(
        pod(end="# kgate: allow[host-ipc] x"),
        ["a.yaml:8: the waiver of host-ipc fits nothing; remove it"],
        id="of another rule",
    ),
    pytest.param(
        SAFE.format(object="", annotation="", above="", end=f"# kgate: {BOTH}", inner=""),
        ["a.yaml:8: the waiver of host-pid, privileged-container fits nothing; remove it"],
        id="in a file without findings",
    ),
    pytest.param(
        SAFE.format(object="", annotation=f', kgate.dev/allow: "{BOTH}"', above="", end="", inner=""),
        ["a.yaml:5: the waiver of host-pid, privileged-container fits nothing; remove it"],
        id="in an annotation of an object without findings",
    ),
    pytest.param(
        pod(end="# kgate: allow[host-ipc] until=2026-11-30 x"),
        ["a.yaml:8: the waiver of host-ipc expired on 2026-11-30 and fits nothing; remove it"],
        id="an expired one",
    ),
    pytest.param(pod(end="# kgate: gates this"), [], id="a comment about kgate"),
]


@pytest.mark.parametrize(("text", "expected"), UNUSED)
def test_one_that_fits_nothing_is_told_in_a_scan_of_everything(text: str, expected: list[str]) -> None:
    told = [f"{one}" for one in found(text, is_whole=True).notes if isinstance(one, UnusedWaiver)]
    assert told == expected
    assert not any(isinstance(one, UnusedWaiver) for one in found(text).notes)


def test_one_that_counts_nothing_is_told_once() -> None:
    for asked in ({"are_on": False}, {"trust": False}, {"never": ("host-pid", "privileged-container")}):
        result = found(pod(end="# kgate: allow[host-pid] x"), is_whole=True, **asked)
        assert not any(isinstance(one, UnusedWaiver) for one in result.notes)
    malformed = found(
        SAFE.format(object="", annotation="", above="", end="# kgate: allow[host-pid]", inner=""), is_whole=True
    )
    assert [str(one) for one in malformed.notes] == [
        "a.yaml:8: this waives nothing: the reason is missing; say why it is accepted"
    ]


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata:
      annotations:
        kgate.dev/allow: |
          allow[host-pid] x
          allow[privileged-container] y
    spec: {hostPID: true, containers: [{name: c, securityContext: {privileged: true}}]}
"""


def test_what_a_pod_template_is_annotated_with_is_about_the_workload() -> None:
    result = found(DEPLOYMENT)
    assert {one.rule.id: one.waiver for one in result.findings} == {
        "host-pid": Waiver("x", place="a.yaml:8"),
        "privileged-container": Waiver("y", place="a.yaml:8"),
    }


TOLD = [
    pytest.param(
        pod(end="# kgate: allow[host-pid]"),
        {},
        "a.yaml:8: this waives nothing: the reason is missing; say why it is accepted",
        id="a mistake",
    ),
    pytest.param(
        pod(end="# kgate: allow[host-pid] x"),
        {"are_on": False},
        "a.yaml:8: the waiver of host-pid counts nothing, as waivers.inline is false; move it to kgate-waivers.yaml",
        id="switched off",
    ),
    pytest.param(
        pod(end="# kgate: allow[host-pid] x"),
        {"never": ("host-pid",)},
        "a.yaml:8: the waiver of host-pid is about what cannot be waived, and waives nothing; remove it",
        id="what is never waived",
    ),
    pytest.param(
        pod(end="# kgate: allow[host-pid] x"),
        {"trust": None},
        "a.yaml:8: the waiver of host-pid counts nothing, as it cannot be compared with the trusted revision; "
        "move it to kgate-waivers.yaml",
        id="not to be compared",
    ),
]


@pytest.mark.parametrize(("text", "options", "note"), TOLD)
def test_what_does_not_count_is_noted(text: str, options: dict[str, object], note: str) -> None:
    result = found(text, **options)  # type: ignore[arg-type]
    assert waived(result) == []
    assert [str(one) for one in result.notes] == [note]


def test_its_end_is_told_as_that_of_others() -> None:
    ending, expired = (
        found(pod(end=f"# kgate: allow[host-pid] owner=us until=2026-{day} x")) for day in ("12-05", "11-30")
    )
    assert [one.message for one in ending.notes] == ["the waiver of host-pid ends in 4 days, on 2026-12-05, by us"]
    assert [one.place for one in expired.expired] == ["a.yaml:8"]


def test_what_a_change_adds_weakens_the_gate_and_waives_nothing() -> None:
    result = found(pod(end="# kgate: allow[host-pid] it is an agent."), trust=False)
    assert waived(result) == []
    (weakened, *_) = result.findings
    assert (weakened.is_about_gate, str(weakened.location)) == (True, "a.yaml:8:20")
    assert weakened.message == "The change waives host-pid: it is an agent."


WAIVERS = st.builds(
    lambda rules, until, reason: f"allow[{','.join(rules)}]{until} {reason}",
    st.lists(st.sampled_from(["host-pid", "privileged-container", "host-ipc"]), min_size=1, unique=True),
    st.sampled_from(["", " until=2027-01-31", " until=2026-11-30", " until=never"]),
    st.sampled_from(["why", "", "owner=us"]),
)
PLACES = st.fixed_dictionaries(
    {},
    optional={
        "object": WAIVERS.map("# kgate: {}\n".format),
        "annotation": WAIVERS.map(', kgate.dev/allow: "{}"'.format),
        "above": WAIVERS.map("# kgate: {}".format),
        "end": WAIVERS.map("# kgate: {}".format),
        "inner": WAIVERS.map("# kgate: {}".format),
    },
)


@given(PLACES, st.lists(st.sampled_from(["host-pid", "privileged-container"]), min_size=1, unique=True))
def test_no_waivers_in_manifests_beat_what_is_never_waived(texts: dict[str, str], never: list[str]) -> None:
    assert set(waived(found(pod(**texts), never=tuple(never)))).isdisjoint(never)


@given(PLACES)
def test_they_leave_the_findings_and_the_score_without_them(texts: dict[str, str]) -> None:
    made, plain = found(pod(**texts)), found(pod())
    assert [one.rule.id for one in made.findings] == [one.rule.id for one in plain.findings]
    (score,), (before,) = ([one.score for one in result.assessments] for result in (made, plain))
    assert (score.value if score.without_waivers is None else score.without_waivers) == before.value
