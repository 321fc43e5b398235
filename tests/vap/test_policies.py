"""Rules as ValidatingAdmissionPolicies: names, actions, exemptions, and what is left out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from kgate.judgement.waivers import FindingPattern, ResourcePattern, WaiverEntry
from kgate.kubernetes import manifest
from kgate.kubernetes.plurals import plural
from kgate.kubernetes.workload import find_workload
from kgate.model import Location, Position, Rule, Severity, Waiver
from kgate.rules import load
from kgate.rules.placements import workloads
from kgate.vap import policies, text
from kgate.vap.deciding import Decider, PolicyOutcome
from kgate.vap.exemptions import NotExported
from kgate.vap.reading import Circumstances, Requester, admissions, read
from kgate.wildcards import Wildcard

RULES = load.load()
TODAY = date(2027, 1, 1)
ENTRY = Location("kgate-waivers.yaml", Position(2, 5), Position(2, 9))


def exported(*ids: str, **options: Any) -> policies.Export:
    rules = [load.find(RULES, one) for one in ids] or list(RULES)
    return policies.export(rules, policies.ExportOptions(**{"minor": 37, "today": TODAY, **options}))


def waiver(until: date | None = None, **pattern: Any) -> WaiverEntry:
    waiver_ = Waiver(reason="reads logs", owner="ops", expires=until.isoformat() if until else "")
    return WaiverEntry(FindingPattern(("privileged-container",), **pattern), waiver_, until, ENTRY)


def named(kind: str = "", namespace: str = "", name: str = "") -> ResourcePattern:
    given = (Wildcard.of(word) if word else None for word in (kind, namespace, name))
    return ResourcePattern(*given)


# --------------------------------------------------------------------------------------------- rules


def test_every_rule_is_exported_or_left_out_with_a_reason() -> None:
    found = exported()
    assert len(found.policies) >= 115
    assert sorted([one.rule.id for one in found.policies] + [one.what for one in found.left_out]) == [
        rule.id for rule in RULES
    ]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("service-account-token-mounted", "it needs to know other objects"),
        ("deprecated-service-account-field", "the API server copies the field"),
        ("psp-allows-root", "it is not about Kubernetes 1.37"),
        ("weak-encryption-provider", "it is about a file that a program reads"),
        ("control-plane-profiling", "it is about the settings of a program"),
    ],
)
def test_what_no_policy_can_decide(rule: str, reason: str) -> None:
    (left_out,) = exported(rule).left_out
    assert left_out.reason.startswith(reason)


def test_names_labels_and_message_are_those_of_the_rule() -> None:
    (one,) = exported("privileged-container").policies
    assert one.policy["metadata"]["name"] == one.binding["spec"]["policyName"] == "kgate-privileged-container"
    assert one.policy["metadata"]["labels"]["kgate.dev/severity"] == "critical"
    (validation,) = one.policy["spec"]["validations"]
    assert validation["message"] == (
        "The container runs privileged, which is root on the node. (kgate privileged-container → privileged: false)"
    )


def test_the_expression_stands_in_the_policy_word_for_word() -> None:
    together = [one for one in exported().policies if not one.rule.variables and not one.rule.parameters]
    assert len(together) > 50
    for one in together:
        spec = one.policy["spec"]
        assert any(one.rule.expression in part["expression"] for part in (*spec["variables"], *spec["validations"]))


@pytest.mark.parametrize(
    ("deny", "warn", "expected"),
    [
        pytest.param(Severity.HIGH, Severity.MEDIUM, ["Deny", "Warn", "Audit", "Audit"], id="by severity"),
        pytest.param("baseline", "restricted", ["Deny", "Warn", "Audit", "Audit"], id="by level"),
        pytest.param("restricted", None, ["Deny", "Deny", "Audit", "Audit"], id="both levels deny"),
        pytest.param(None, None, ["Audit", "Audit", "Audit", "Audit"], id="neither"),
        pytest.param(Severity.LOW, None, ["Deny", "Deny", "Deny", "Deny"], id="everything"),
    ],
)
def test_actions(deny: Severity | str | None, warn: Severity | str | None, expected: list[str]) -> None:
    ids = ("host-network", "run-as-root-allowed", "missing-cpu-limit", "low-user-id")
    found = exported(*ids, enforcement=policies.Enforcement(deny, warn)).policies
    actions = [one.binding["spec"]["validationActions"] for one in found]
    assert [one[0] for one in actions] == expected
    assert all(one[-1] == "Audit" for one in actions)


def test_namespaces_are_exempt_but_for_rules_about_the_namespace() -> None:
    one, other = exported("host-network", "system-namespace", namespaces=("kube-system",)).policies
    selector = one.binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert selector == [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]
    assert "matchResources" not in other.binding["spec"]


def test_every_workload_kind_has_its_pod_where_kgate_finds_it() -> None:
    """The variable ``pod`` is the spec that ``find_workload`` reads, in each kind that a policy matches."""
    (one,) = exported("host-network").policies
    decider = Decider(read(manifest.read("p.yaml", text.document(one).encode(), manifest.SKIPPABLE_KINDS).resources))
    kinds = {(group, kind) for group, several in policies.WORKLOADS for kind in several}
    seen = set()
    for body in workloads({"containers": [{"name": "app", "image": "a"}], "hostNetwork": True}):
        (resource,) = manifest.read("o.json", yaml.safe_dump(body).encode()).resources
        key = (resource.id.api_version.rpartition("/")[0], resource.id.kind)
        decisions = [
            one for admission in admissions([resource], [], Circumstances()) for one in decider.decide(admission)
        ]
        assert find_workload(resource) is not None
        assert [one.outcome for one in decisions] == ([PolicyOutcome.DENIED] if key in kinds else [])
        seen.add(key)
    assert kinds <= seen


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Pod", "pods"),
        ("Ingress", "ingresses"),
        ("NetworkPolicy", "networkpolicies"),
        ("Endpoints", "endpoints"),
        ("SecurityContextConstraints", "securitycontextconstraints"),
    ],
)
def test_plural(kind: str, expected: str) -> None:
    assert plural(kind) == expected


# ------------------------------------------------------------------------------------------- waivers


def pods(owner: str = "", user: str = "", **metadata: Any) -> dict[str, Any]:
    owners = [{"kind": "ReplicaSet", "name": owner, "controller": True}] if owner else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "ownerReferences": owners, **metadata},
        "spec": {"containers": [{"name": "app", "image": "a", "securityContext": {"privileged": True}}]},
    }


@pytest.mark.parametrize(
    ("pattern", "outcome"),
    [
        pytest.param({"resources": (named("Pod", "shop", "web-1"),)}, PolicyOutcome.ADMITTED, id="the object"),
        pytest.param({"resources": (named("Pod", "shop", "web-*"),)}, PolicyOutcome.ADMITTED, id="a wildcard"),
        pytest.param({"resources": (named("", "", "web-?"),)}, PolicyOutcome.ADMITTED, id="by name alone"),
        pytest.param({"resources": (named("", "sho"),)}, PolicyOutcome.DENIED, id="another namespace"),
        pytest.param({"resources": (named("", "", "web.1"),)}, PolicyOutcome.DENIED, id="a dot is a dot"),
        pytest.param({"resources": (named("", "", "web*"), named("Job"))}, PolicyOutcome.ADMITTED, id="one of two"),
        pytest.param({"containers": (Wildcard.of("app"),)}, PolicyOutcome.ADMITTED, id="the container"),
        pytest.param({"containers": (Wildcard.of("other"),)}, PolicyOutcome.DENIED, id="another container"),
    ],
)
def test_waivers(pattern: dict[str, Any], outcome: PolicyOutcome) -> None:
    assert decided(pods(), waiver(**pattern)) is outcome


def decided(body: dict[str, Any], *entries: WaiverEntry) -> PolicyOutcome:
    (one,) = exported("privileged-container", waivers=entries).policies
    decider = Decider(read(manifest.read("p.yaml", text.document(one).encode(), manifest.SKIPPABLE_KINDS).resources))
    (resource,) = manifest.read("o.json", yaml.safe_dump(body).encode()).resources
    (decision,) = decider.decide(next(admissions([resource], [], Circumstances())))
    return decision.outcome


def test_a_waiver_that_has_expired_exempts_nothing() -> None:
    last = waiver(TODAY, resources=(named("Pod"),))
    assert decided(pods(), last) is PolicyOutcome.ADMITTED
    assert decided(pods(), waiver(date(2026, 12, 31), resources=(named("Pod"),))) is PolicyOutcome.DENIED
    comment = exported("privileged-container", waivers=(last,)).policies[0].comments[0]
    assert comment == "reads logs, ops, until 2027-01-01: export again then (kgate-waivers.yaml:2:5)"


def test_owner_references_decide_only_together_with_who_writes_them() -> None:
    """Whoever creates a pod may name an owner; the tester does not know who it is, and says so."""
    entry = waiver(resources=(named("Deployment", "shop", "web"),))
    assert decided(pods(owner="web-5d4f"), entry) is PolicyOutcome.OPEN
    assert decided(pods(owner="webshop-5d4f"), entry) is PolicyOutcome.DENIED
    assert decided(pods(), entry) is PolicyOutcome.DENIED


@pytest.mark.parametrize("field", ["paths", "fields", "images"])
def test_waivers_that_an_api_server_cannot_know_are_listed(field: str) -> None:
    found = exported("privileged-container", waivers=(waiver(None, **{field: (Wildcard.of("a"),)}),))
    (left_out,) = found.left_out
    assert isinstance(left_out, NotExported)
    assert left_out.what == "waiver of privileged-container at kgate-waivers.yaml:2:5"
    assert left_out.reason.startswith(f"it goes by {field.removesuffix('s')}")


def test_many_waivers_share_a_condition() -> None:
    entries = tuple(waiver(resources=(named("Pod", "", f"web-{number}"),)) for number in range(100))
    (one,) = exported("privileged-container", waivers=entries).policies
    assert len(one.policy["spec"]["matchConditions"]) <= policies.MAX_CONDITIONS
    assert decided(pods(), *entries) is PolicyOutcome.ADMITTED


# ---------------------------------------------------------------------------------------------- text


def test_text_is_yaml_with_a_comment_for_each_waiver() -> None:
    (one,) = exported("privileged-container", waivers=(waiver(resources=(named("Pod"),)),)).policies
    written = text.document(one)
    assert written.startswith("# Waived: reads logs, ops (kgate-waivers.yaml:2:5)\n---\n")
    assert list(yaml.safe_load_all(written)) == [one.policy, one.binding]


def test_a_rule_of_a_user() -> None:
    rule = Rule(
        id="own-rule",
        title="t",
        severity=Severity.LOW,
        points=1,
        targets=("resource",),
        expression="item != 'x' && minor > 1",
        message='It\'s "x".',
        each=("spec.names[*]",),
        kinds=("Gadget.example.org",),
    )
    (one,) = policies.export([rule], policies.ExportOptions(37, TODAY)).policies
    (rules,) = one.policy["spec"]["matchConstraints"]["resourceRules"]
    assert (rules["apiGroups"], rules["resources"]) == (["example.org"], ["gadgets"])
    decider = Decider(read(manifest.read("p.yaml", text.document(one).encode(), manifest.SKIPPABLE_KINDS).resources))
    body = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": {"names": ["x"]}}
    (resource,) = manifest.read("o.json", yaml.safe_dump(body).encode(), ("Gadget",)).resources
    (decision,) = decider.decide(next(admissions([resource], [], Circumstances(requester=Requester("ann")))))
    assert decision.messages == ('It\'s "x". (kgate own-rule)',)
    (decision,) = decider.decide(
        next(admissions([resource], [], Circumstances(requester=Requester("system:apiserver"))))
    )
    assert decision.outcome is PolicyOutcome.ADMITTED
