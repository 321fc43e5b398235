"""What kgate finds in audit policies: mistakes that stand in public ones, each in the fewest lines that show it."""

from __future__ import annotations

import re
import textwrap

import pytest

from fuzz.harness import cpu_bound
from kgate.audit.policy import asker
from kgate.judgement.engine import Judge, Judgement
from kgate.kubernetes import manifest
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Severity, field_path
from kgate.rules import load, rulefile

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
RULES = [rule for rule in load.load() if "audit" in rule.targets]
IDS = {rule.id for rule in RULES}
JUDGES = {minor: Judge(RULES, minor) for minor in (35, NEWEST_MINOR)}

PRODUCTION = f"""\
{HEAD}rules:
  - level: None
    users: [system:kube-proxy]
    verbs: [watch]
    resources: [{{group: "", resources: [endpoints, services, services/status]}}]
  - level: None
    users: [system:unsecured]
    namespaces: [kube-system]
    verbs: [get]
    resources: [{{group: "", resources: [configmaps]}}]
  - level: None
    userGroups: [system:nodes]
    verbs: [get]
    resources: [{{group: "", resources: [nodes, nodes/status]}}]
  - level: None
    users: [system:kube-controller-manager, system:serviceaccount:kube-system:endpoint-controller]
    verbs: [get, update]
    namespaces: [kube-system]
    resources: [{{group: "", resources: [endpoints]}}]
  - level: None
    nonResourceURLs: [/healthz*, /version, /swagger*]
  - level: None
    resources: [{{group: "", resources: [events]}}]
  - level: Request
    users: [system:serviceaccount:kube-system:namespace-controller]
    verbs: [deletecollection]
    omitStages: [RequestReceived]
  - level: Metadata
    resources:
      - {{group: "", resources: [secrets, configmaps, serviceaccounts/token]}}
      - {{group: authentication.k8s.io, resources: [tokenreviews]}}
    omitStages: [RequestReceived]
  - level: Request
    verbs: [get, list, watch]
    resources: [{{group: ""}}, {{group: apps}}, {{group: rbac.authorization.k8s.io}}, {{group: extensions}}]
    omitStages: [RequestReceived]
  - level: RequestResponse
    resources: [{{group: ""}}, {{group: apps}}, {{group: rbac.authorization.k8s.io}}, {{group: extensions}}]
    omitStages: [RequestReceived]
  - level: Metadata
    omitStages: [RequestReceived]
"""
"""The shape of the policies that Google's scripts, kubespray and Nutanix install."""

DOCUMENTED = f"""\
{HEAD}omitStages: [RequestReceived]
rules:
  - level: RequestResponse
    resources: [{{group: "", resources: [pods]}}]
  - level: Metadata
    resources: [{{group: "", resources: [pods/log, pods/status]}}]
  - level: None
    resources: [{{group: "", resources: [configmaps], resourceNames: [controller-leader]}}]
  - level: None
    users: [system:kube-proxy]
    verbs: [watch]
    resources: [{{group: "", resources: [endpoints, services]}}]
  - level: None
    userGroups: [system:authenticated]
    nonResourceURLs: [/api*, /version]
  - level: Request
    resources: [{{group: "", resources: [configmaps]}}]
    namespaces: [kube-system]
  - level: Metadata
    resources: [{{group: "", resources: [secrets, configmaps]}}]
  - level: Request
    resources: [{{group: ""}}, {{group: extensions}}]
  - level: Metadata
    omitStages: [RequestReceived]
"""
"""The shape of the example in the documentation of Kubernetes."""


def judged(text: str, minor: int = NEWEST_MINOR) -> Judgement:
    (resource,) = manifest.read("policy.yaml", text.encode()).resources
    return JUDGES[minor].judge(resource)


def found(text: str, minor: int = NEWEST_MINOR) -> dict[str, list[str]]:
    """The fields of the findings by their rules."""
    fields: dict[str, list[str]] = {}
    for finding in judged(text, minor).findings:
        fields.setdefault(finding.rule.id, []).append(field_path(finding.location.pointer))
    return fields


def notes(text: str, rule: str) -> list[str]:
    return [
        related.message
        for finding in judged(text).findings
        if finding.rule.id == rule
        for related in finding.location.related
    ]


@pytest.mark.parametrize("text", [PRODUCTION, DOCUMENTED], ids=["production", "documentation"])
def test_good_policies_have_no_grave_finding(text: str) -> None:
    judgement = judged(text)
    assert judgement.findings
    assert not [one for one in judgement.findings if one.rule.severity >= Severity.HIGH]
    assert not judgement.problems


def test_what_is_left_to_find_in_a_production_policy() -> None:
    assert found(PRODUCTION) == {
        "audit-resource-unknown": ["rules[8].resources[3].group", "rules[9].resources[3].group"],
        "audit-identity-unknown": ["rules[1].users[0]"],
        "audit-noise": ["rules[10]", "rules[7]"],
        "audit-managed-fields": ["rules[6]"],
    }


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param(
            """
            - level: None
              verbs: [get, list, watch]
              resources: [{username: "system:serviceaccount:kube-system:resourcequota-controller"}]
            - level: Metadata
              resources: [{group: "", resources: [secrets, configmaps]}]
            - level: RequestResponse
            """,
            {
                "audit-policy-unknown-key": ["rules[0].resources[0].username"],
                "audit-secrets-unrecorded": ["rules[0]"],
                "audit-commands-unrecorded": ["rules[0]"],
                "audit-rule-shadowed": ["rules[1]"],
            },
            id="a user in an item of resources, which then stands for the core group",
        ),
        pytest.param(
            """
            - level: RequestResponse
              verbs: [create, update, patch]
              resources: [{group: user.openshift.io, resource: [identities]}]
            - level: Metadata
              resources: [{group: "", resources: [serviceaccounts/token, secrets, tokenrequests]}]
            - level: Metadata
            """,
            {
                "audit-policy-unknown-key": ["rules[0].resources[0].resource"],
                "audit-resource-unknown": ["rules[1].resources[0].resources[2]"],
            },
            id="resource for resources, and tokenrequests",
        ),
        pytest.param(
            """
            - level: RequestResponse
              resources: [{group: "", resources: [pods, deployments]}]
            - level: RequestResponse
              resources: [{group: rbac.authorization.k8s.io, resources: [clusterroles, clusterrolebindings]}]
            - level: Metadata
            """,
            {"audit-resource-unknown": ["rules[0].resources[0].resources[1]"]},
            id="deployments in the core group",
        ),
        pytest.param(
            """
            - level: Metadata
              resources: [{group: "", resources: [secrets, configmaps, tokenreviews]}]
            - level: Metadata
              resources: [{group: "", resources: [pods, deployments]}]
            - level: RequestResponse
              resources: [{group: "", resources: [pods/exec, pods/portforward, pods/proxy, services/proxy]}]
            """,
            {
                "audit-resource-unknown": ["rules[0].resources[0].resources[2]", "rules[1].resources[0].resources[1]"],
                "audit-workloads-unrecorded": ["rules"],
                "audit-without-catch-all": ["rules"],
            },
            id="what passes a check for words",
        ),
        pytest.param(
            """
            - level: Metadata
              userGroups: ["system:authenticated"]
              verbs: ["*"]
            - level: None
              resources: [{group: "", resources: ["*"]}]
              namespaces: [vendor-system]
            - level: Metadata
              resources: [{group: "", resources: ["*"]}]
              namespaces: ["*"]
            - level: Request
              userGroups: ["system:masters"]
              verbs: ["*"]
            - level: Metadata
            """,
            {
                "audit-rule-never-matches": ["rules[0]", "rules[2]", "rules[3]"],
                "audit-secrets-unrecorded": ["rules[1]"],
            },
            id="stars that stand for nothing",
        ),
        pytest.param(
            """
            - level: Metadata
            - level: Metadata
              resources: [{group: "*", resources: ["*"]}]
            """,
            {"audit-rule-unreachable": ["rules[1]"]},
            id="a rule behind one about everything",
        ),
        pytest.param(
            """
            - level: None
              resources: [{group: "", resources: [events], verbs: [get, list]}]
            - level: None
              nonResourceURLs: [/healthz, "/api/v1/nodes*"]
            - level: Metadata
            """,
            {
                "audit-policy-unknown-key": ["rules[0].resources[0].verbs"],
                "audit-word-never-matches": ["rules[1].nonResourceURLs[1]"],
            },
            id="verbs too deep, and the path of a resource",
        ),
        pytest.param(
            """
            - level: Request
              groups: [system:masters]
            """,
            {"audit-policy-unknown-key": ["rules[0].groups"], "audit-secrets-in-log": ["rules[0]"]},
            id="groups for userGroups",
        ),
        pytest.param("- level: None", {"audit-policy-unrecorded": ["rules[0]"]}, id="the default of RKE2 in CIS mode"),
    ],
)
def test_mistakes_of_public_policies(rules: str, expected: dict[str, list[str]]) -> None:
    text = f"{HEAD}omitStages: [RequestReceived]\nrules:\n{textwrap.indent(textwrap.dedent(rules), '  ')}"
    fields = found(text)
    assert {rule: fields.get(rule) for rule in expected} == expected


def test_stages_that_are_left_out() -> None:
    text = f"{HEAD}omitStages: [RequestReceived, ResponseStarted]\nrules: [{{level: Metadata}}]\n"
    assert found(text) == {
        "audit-response-started": ["rules[0]"],
        "audit-strangers-unrecorded": ["rules[0]"],
        "audit-noise": ["rules[0]"],
    }


@pytest.mark.parametrize("text", ["rules: []", "Rules: [{level: None}]", "rules: [{level: None, verbs: get}]"])
def test_what_does_not_load_has_no_other_finding(text: str) -> None:
    assert set(found(HEAD + text)) - {"audit-policy-unknown-key"} == {"audit-policy-refused"}


def test_versions() -> None:
    old = f"{HEAD}omitStages: [RequestReceived]\nrules: [{{level: Metadata, resources: [{{group: '*'}}]}}]"
    assert "audit-policy-any-group" in found(old, 35)
    assert "audit-policy-any-group" not in found(old)
    assert "audit-without-catch-all" not in found(old)
    beta = found(old.replace("/v1", "/v1beta1"))
    assert beta["audit-policy-old-version"] == ["apiVersion"]


DISCLOSED = """\
get, list, watch, create, update, patch secrets in any namespace, list, watch secrets of all namespaces, \
create serviceaccounts/token in any namespace"""


@pytest.mark.parametrize(
    ("rules", "rule", "expected"),
    [
        (
            "[{level: None, verb: [get]}, {level: Metadata}]",
            "audit-policy-unknown-key",
            ["`verb`: did you mean 'verbs'?", "without it the rule is: None for every verb of everything"],
        ),
        (
            "[{level: None, verbs: [get]}, {level: Request, verbs: [get, create]}, {level: None, verbs: [create]}]",
            "audit-rule-unreachable",
            ["takes its requests first: Request for get, create of everything"],
        ),
        (
            "[{level: None, verbs: [list], namespaces: [shop]}, {level: Metadata}]",
            "audit-secrets-unrecorded",
            ["records nothing of list secrets in namespace shop"],
        ),
        (
            "[{level: Metadata, verbs: [exec]}]",
            "audit-rule-never-matches",
            ["`exec` is not a verb of the API server, which calls it get or create"],
        ),
        (
            "[{level: None, users: [backup], verbs: [get]}, {level: Metadata}]",
            "audit-rule-hides-user",
            ["hides what they do about secrets, commands, nodes"],
        ),
        (
            "[{level: RequestResponse, resources: [{resources: [secrets, serviceaccounts/token]}]}]",
            "audit-secrets-in-log",
            [f"records RequestResponse of {DISCLOSED}"],
        ),
    ],
)
def test_what_is_said_besides(rules: str, rule: str, expected: list[str]) -> None:
    assert notes(f"{HEAD}rules: {rules}", rule) == expected


def test_a_policy_behind_another_document_is_a_note() -> None:
    text = f"{HEAD}rules: [{{level: Metadata}}]\n---\n{HEAD}rules: [{{level: None}}]\n"
    first, second = manifest.read("policy.yaml", text.encode()).resources
    judge = JUDGES[NEWEST_MINOR]
    assert judge.judge(first).findings
    later = judge.judge(second)
    assert later.findings == ()
    assert [(one.line, one.message) for one in later.notes] == [
        (5, "the API server reads only the first document of a policy file, so nothing of this one counts")
    ]


def test_a_policy_of_too_many_rules_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "MAX_COMPARISONS", 500)
    judgement = judged(PRODUCTION)
    assert judgement.findings == ()
    assert [re.sub(r".*: ", "", one.message) for one in judgement.problems] == [
        "the policy has too many rules for each to be compared with all the others; merge some"
    ]


def many(form: str, count: int = 3_000) -> str:
    """So many words or items of a list."""
    return ", ".join(form.format(number) for number in range(count))


STARS = many("{{group: a{0}.b}}, {{group: '*', resources: [x{0}]}}")


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([f"level: None, users: [{many('u{}', 12_000)}]"] * 2, id="users"),
        pytest.param([f"level: None, users: [{many('u{}')}], userGroups: [{many('g{}')}]"] * 2, id="users and groups"),
        pytest.param([f"level: None, resources: [{{group: a.b, resources: [{many('p{}')}]}}]"] * 2, id="resources"),
        pytest.param([f"level: None, resources: [{many('{{group: a{}.b}}')}]"] * 2, id="groups of resources"),
        pytest.param(
            [f"level: None, resources: [{{resources: [{many('p{}')}], resourceNames: [{many('n{}')}]}}]"], id="names"
        ),
        pytest.param([f"level: None, resources: [{STARS}]"], id="any group beside many"),
    ],
)
def test_a_policy_of_many_words_takes_seconds(monkeypatch: pytest.MonkeyPatch, rules: list[str]) -> None:
    """It is judged, or has too many of them; with a tenth of the bound, it takes a tenth of the time."""
    monkeypatch.setattr(asker, "MAX_COMPARISONS", asker.MAX_COMPARISONS // 10)
    listed = "".join(f"- {{{rule}}}\n" for rule in (*rules, "level: Metadata"))
    with cpu_bound(5):
        judged(f"{HEAD}rules:\n{listed}")


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len(IDS) == len(RULES) > 25
    assert all(rule.startswith("audit-") for rule in IDS)


def test_nothing_else_is_found_where_nothing_is_recorded() -> None:
    assert found(f"{HEAD}rules: [{{level: None}}]") == {"audit-policy-unrecorded": ["rules[0]"]}


@pytest.mark.parametrize(
    ("each", "expression", "fields", "pointer"),
    [
        ("each: outcomes[*]", "item.area != 'secrets' || item.level != 'None'", "", "rules[0]"),
        ("", "audit.outcomes.all(one, one.area != 'secrets' || one.level != 'None')", "", ""),
        ("", "audit.outcomes.all(one, one.area != 'secrets' || one.level != 'None')", "fields: [rules]", ""),
    ],
    ids=["of each", "of all", "of all, at a field"],
)
def test_rules_of_users(each: str, expression: str, fields: str, pointer: str) -> None:
    text = f"""\
id: own
title: Own
severity: high
points: 1
target: audit
{each}
{fields}
expression: "{expression}"
message: Own.
rationale: why
remediation: what
examples: {{good: [{{rules: []}}], bad: [{{rules: []}}]}}
"""
    rule = rulefile.read(text.encode(), "own", "own.yaml")
    (resource,) = manifest.read("policy.yaml", f"{HEAD}rules: [{{level: None}}]".encode()).resources
    judgement = Judge([rule], NEWEST_MINOR).judge(resource)
    assert [field_path(finding.location.pointer) for finding in judgement.findings] == [pointer]
