"""Rules under an audit policy: which can fire, which cannot, and which must fire by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from kgate.audit.policy.load import load as load_policy
from kgate.audit.policy.policy import AuditPolicy
from kgate.falco.clauses import MAX_CLAUSES
from kgate.falco.coverage import Coverage, RuleCoverage, cover
from kgate.kubernetes.pss import NEWEST_MINOR
from tests.falco.rulefiles import loaded, rule


def policy(*rules: dict[str, Any], **more: Any) -> AuditPolicy:
    body = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **more}
    found = load_policy(body, NEWEST_MINOR)
    assert not found.faults
    return found.policy


def of(level: str, *resources: str, group: str = "", **more: Any) -> dict[str, Any]:
    about = {"resources": [{"group": group, "resources": list(resources)}]} if resources else {}
    return {"level": level, **about, **more}


ALL, BODIES = policy(of("Metadata")), policy(of("Request"))
READS_LEFT_OUT = policy(of("None", verbs=["get", "list", "watch"]), of("Request"))
CREATES = "ka.target.resource = pods and ka.verb = create"
COMPLETE = "jevt.value[/stage] = ResponseComplete"


def covered(condition: str, under: AuditPolicy, macros: str = "", more: str = "") -> RuleCoverage:
    found = loaded(macros + rule(condition=condition, more=more))
    assert not found.is_refused, [str(fault) for fault in found.faults]
    return cover(under, found.ruleset.rules[0])


@pytest.mark.parametrize(
    ("condition", "under", "coverage", "gaps"),
    [
        pytest.param(CREATES, ALL, Coverage.OK, [], id="recorded"),
        pytest.param(
            "ka.target.resource = secrets and ka.verb = get",
            READS_LEFT_OUT,
            Coverage.BLIND,
            ["get secrets is not recorded"],
            id="not recorded",
        ),
        pytest.param(
            "ka.target.resource = secrets and ka.verb in (get, delete)",
            READS_LEFT_OUT,
            Coverage.PARTIAL,
            ["get secrets is not recorded"],
            id="one of two verbs",
        ),
        pytest.param(
            "ka.target.resource=pods and ka.target.subresource in (exec, attach) and (ka.verb=get or ka.verb=create)",
            READS_LEFT_OUT,
            Coverage.PARTIAL,
            ["get pods/exec is not recorded", "get pods/attach is not recorded"],
            id="one of two ways into a pod",
        ),
        pytest.param(
            "ka.target.resource in (roles, clusterroles) and ka.verb = create and ka.req.role.rules exists",
            policy(of("Request", "clusterroles", group="rbac.authorization.k8s.io"), of("Metadata")),
            Coverage.PARTIAL,
            ["create roles.rbac.authorization.k8s.io is recorded with level Metadata, and the rule needs Request"],
            id="one of two resources",
        ),
        pytest.param(
            f"{CREATES} and ka.req.pod.host_network = true",
            ALL,
            Coverage.BLIND,
            ["create pods is recorded with level Metadata, and the rule needs Request"],
            id="without the body",
        ),
        pytest.param(f"{CREATES} and ka.req.pod.host_network = true", BODIES, Coverage.OK, [], id="with the body"),
        pytest.param(
            f"{CREATES} and ka.resp.name = web",
            BODIES,
            Coverage.BLIND,
            ["create pods is recorded with level Request, and the rule needs RequestResponse"],
            id="without the answer",
        ),
        pytest.param(
            f"{CREATES} and jevt.value[/requestObject/spec/x] = 1",
            ALL,
            Coverage.BLIND,
            ["create pods is recorded with level Metadata, and the rule needs Request"],
            id="a pointer into the body",
        ),
        pytest.param(
            f"{CREATES} and not ka.req.pod.containers.image.repository in (nginx)",
            ALL,
            Coverage.FALSE_POSITIVE,
            ["create pods is recorded with level Metadata, so that the rule sees nothing of the body"],
            id="a negation without the body",
        ),
        pytest.param(
            f"{CREATES} and not ka.req.pod.containers.image.repository in (nginx)",
            BODIES,
            Coverage.OK,
            [],
            id="a negation with the body",
        ),
        pytest.param(
            f"{CREATES} and ka.req.pod.host_pid = true and not ka.req.pod.containers.image.repository in (nginx)",
            ALL,
            Coverage.BLIND,
            ["create pods is recorded with level Metadata, and the rule needs Request"],
            id="a negation beside what is not seen",
        ),
        pytest.param(
            "ka.stage=ResponseStarted and ka.target.subresource=exec and ka.target.resource=pods and ka.verb=get",
            policy(of("Metadata"), omitStages=["ResponseStarted"]),
            Coverage.BLIND,
            ["get pods/exec is not recorded at ResponseStarted"],
            id="a stage that is left out",
        ),
        pytest.param(
            f"{COMPLETE} and {CREATES}",
            policy(of("Metadata"), omitStages=["RequestReceived", "ResponseStarted"]),
            Coverage.OK,
            [],
            id="a stage that is not left out",
        ),
        pytest.param(
            f"{CREATES} and ka.target.namespace in (kube-system, shop)",
            policy(of("None", "pods", namespaces=["kube-system"]), of("Metadata")),
            Coverage.PARTIAL,
            ["create pods in namespace kube-system is not recorded"],
            id="one of two namespaces",
        ),
        pytest.param(
            CREATES,
            policy(of("None", "pods", namespaces=["kube-system"]), of("Metadata")),
            Coverage.OK,
            [],
            id="a namespace that does not matter",
        ),
        pytest.param(
            "ka.user.name = 'system:anonymous'",
            policy(of("None", userGroups=["system:unauthenticated"]), of("Metadata")),
            Coverage.BLIND,
            ["get pods is not recorded"],
            id="a user",
        ),
        pytest.param(
            "ka.user.groups intersects ('system:masters') and ka.verb = delete",
            policy(of("None", userGroups=["system:masters"]), of("Metadata")),
            Coverage.BLIND,
            ["delete pods is not recorded"],
            id="a group",
        ),
        pytest.param(
            "not ka.user.name startswith 'system:' and ka.target.resource = nodes",
            policy(of("None", users=["system:kube-proxy"]), of("Metadata")),
            Coverage.OK,
            [],
            id="a user that is not meant",
        ),
        pytest.param(
            "ka.target.resource = namespaces and ka.verb = delete and ka.target.name = shop",
            policy(of("None", namespaces=["shop"]), of("Metadata")),
            Coverage.BLIND,
            ["delete namespaces named shop in namespace shop is not recorded"],
            id="a Namespace, which is in itself",
        ),
        pytest.param("ka.target.resource = widgets and ka.verb = create", ALL, Coverage.OK, [], id="a custom resource"),
        pytest.param(
            "ka.uri = /healthz and ka.verb = get",
            policy(of("None", nonResourceURLs=["/healthz*"]), of("Metadata")),
            Coverage.BLIND,
            ["get /healthz is not recorded"],
            id="a URL",
        ),
        pytest.param("jevt.value[/level] = RequestResponse and ka.verb = get", ALL, Coverage.OFF, [], id="a level"),
        pytest.param(f"{CREATES} and ka.verb = get", ALL, Coverage.OFF, [], id="what contradicts itself"),
        pytest.param("ka.target.resource = pods and ka.verb = connect", ALL, Coverage.OFF, [], id="a verb of nothing"),
        pytest.param(f"{CREATES} and jevt.rawtime = 0", ALL, Coverage.OFF, [], id="what never holds"),
        pytest.param("tolower(ka.verb) = get", ALL, Coverage.UNKNOWN, [], id="a function"),
        pytest.param(
            f"{CREATES} and ka.auth.decision = allow and not ka.response.code = 403", ALL, Coverage.OK, [], id="answers"
        ),
    ],
)
def test_coverage(condition: str, under: AuditPolicy, coverage: Coverage, gaps: list[str]) -> None:
    found = covered(condition, under)
    assert (found.coverage, [f"{gap.title} {gap.reason}" for gap in found.gaps]) == (coverage, gaps)


def test_a_rule_that_is_not_enabled_is_off() -> None:
    found = covered(CREATES, policy(of("None")), more="enabled: false")
    assert (found.coverage, found.reason) == (Coverage.OFF, "it is not enabled")


def test_macros_are_looked_into() -> None:
    macros = "- macro: allowed\n  condition: ka.req.pod.containers.image.repository in (nginx)\n"
    assert covered(f"{CREATES} and not allowed", ALL, macros).coverage is Coverage.FALSE_POSITIVE


def test_the_rule_of_the_policy_is_named() -> None:
    (gap,) = covered("ka.target.resource = secrets and ka.verb = get", READS_LEFT_OUT).gaps
    assert gap.rule == 0
    (gap,) = covered(CREATES, policy(of("Metadata", "secrets"))).gaps
    assert gap.rule is None


def test_alternatives_are_bounded() -> None:
    many = " and ".join(f"(ka.verb = a{index} or ka.uri = b{index})" for index in range(MAX_CLAUSES.bit_length()))
    assert covered(many, ALL).reason == "its condition has too many alternatives"


def test_requests_are_bounded() -> None:
    words = ", ".join(f"a{index}" for index in range(150))
    many = f"ka.verb in ({words}) and ka.target.name in ({words}) and ka.target.namespace in ({words})"
    assert covered(many, ALL).reason == "its condition is about too many requests"


@pytest.mark.parametrize(
    ("condition", "coverage"),
    [
        ('ka.verb regex "get|list" and ka.target.resource = pods', Coverage.OK),
        ("ka.verb glob g*t and ka.target.resource = pods", Coverage.OK),
        ('ka.target.name regex "a+b" and ka.target.resource = pods', Coverage.UNKNOWN),
    ],
)
def test_patterns_are_no_words(condition: str, coverage: Coverage) -> None:
    assert covered(condition, ALL).coverage is coverage
