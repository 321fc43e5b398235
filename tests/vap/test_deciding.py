"""Policies decide offline as the API server does (kubernetes/apiserver, pkg/admission/plugin/policy)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from kgate.kubernetes import manifest
from kgate.model import Resource
from kgate.vap.deciding import Decider, Decision, PolicyOutcome
from kgate.vap.reading import Circumstances, Material, Requester, admissions, read

ALL = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "app", "image": "a"}]},
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"tier": "prod"}}}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}


def policy(*expressions: str, name: str = "p", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [ALL]},
            "validations": [{"expression": one} for one in expressions],
            **spec,
        },
    }


def binding(*actions: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "b"},
        "spec": {"policyName": "p", "validationActions": list(actions or ("Deny",)), **spec},
    }


def material(*objects: Mapping[str, Any]) -> Material:
    text = yaml.safe_dump_all(objects)
    return read(manifest.read("policies.yaml", text.encode(), manifest.SKIPPABLE_KINDS).resources)


def decisions(
    *objects: Mapping[str, Any],
    about: Mapping[str, Any] = POD,
    old: Mapping[str, Any] | None = None,
    requester: Requester | None = None,
) -> list[Decision]:
    known = material(*objects)
    assert not known.problems
    (resource,) = resources(about)
    circumstances = Circumstances("default", resources(old) if old is not None else (), requester)
    (admission,) = admissions([resource], known.others, circumstances)
    return list(Decider(known).decide(admission))


def resources(body: Mapping[str, Any]) -> tuple[Resource, ...]:
    text = yaml.safe_dump(body)
    return tuple(manifest.read("o.yaml", text.encode(), manifest.SKIPPABLE_KINDS).resources)


def outcome(*objects: Mapping[str, Any], about: Mapping[str, Any] = POD) -> PolicyOutcome | None:
    found = decisions(*objects, about=about)
    assert len(found) < 2
    return found[0].outcome if found else None


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param({"resources": ["pods"], "apiGroups": [""]}, True, id="by name"),
        pytest.param({"resources": ["pods/ephemeralcontainers"]}, False, id="a part of it"),
        pytest.param({"apiGroups": ["apps"]}, False, id="another group"),
        pytest.param({"apiVersions": ["v2"]}, True, id="an equivalent version"),
        pytest.param({"operations": ["UPDATE", "DELETE"]}, False, id="another operation"),
        pytest.param({"scope": "Cluster"}, False, id="another scope"),
        pytest.param({"scope": "Namespaced", "resourceNames": ["web"]}, True, id="its name"),
        pytest.param({"resourceNames": ["api"]}, False, id="another name"),
    ],
)
def test_resource_rules(rule: dict[str, Any], *, expected: bool) -> None:
    constraints = {"resourceRules": [{**ALL, **rule}]}
    assert (outcome(policy("false", matchConstraints=constraints)) is PolicyOutcome.DENIED) is expected


@pytest.mark.parametrize(
    ("constraints", "about", "expected"),
    [
        pytest.param({"objectSelector": {"matchLabels": {"app": "web"}}}, POD, PolicyOutcome.DENIED, id="its label"),
        pytest.param({"objectSelector": {"matchLabels": {"app": "x"}}}, POD, None, id="another label"),
        pytest.param({"excludeResourceRules": [{**ALL, "resources": ["pods"]}]}, POD, None, id="excluded"),
        pytest.param(
            {"namespaceSelector": {"matchLabels": {"tier": "prod"}}}, POD, PolicyOutcome.DENIED, id="namespace"
        ),
        pytest.param({"namespaceSelector": {"matchLabels": {"tier": "x"}}}, POD, None, id="another namespace"),
        pytest.param({"namespaceSelector": {"matchLabels": {"tier": "x"}}}, NODE, PolicyOutcome.DENIED, id="in none"),
        pytest.param({"namespaceSelector": {"matchLabels": {"tier": "x"}}}, NAMESPACE, None, id="one itself"),
        pytest.param(
            {"matchPolicy": "Exact", "resourceRules": [{**ALL, "apiVersions": ["v2"]}]}, POD, None, id="exact version"
        ),
    ],
)
def test_constraints(constraints: dict[str, Any], about: dict[str, Any], expected: PolicyOutcome | None) -> None:
    """They mean the same in a policy and in a binding, which need not repeat the rules of its policy."""
    whole = {"resourceRules": [ALL], **constraints}
    assert outcome(policy("false", matchConstraints=whole), NAMESPACE, about=about) is expected
    assert outcome(policy("false"), binding(matchResources=constraints), NAMESPACE, about=about) is expected


def test_labels_of_a_namespace_that_nobody_has_leave_it_open() -> None:
    constraints = {"resourceRules": [ALL], "namespaceSelector": {"matchLabels": {"tier": "prod"}}}
    (found,) = decisions(policy("false", matchConstraints=constraints))
    assert found.outcome is PolicyOutcome.OPEN
    assert found.messages == ("the labels of namespace 'shop' are not known; add its manifest",)
    named = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop"]}]}
    assert outcome(policy("false", matchConstraints={**constraints, "namespaceSelector": named})) is None


@pytest.mark.parametrize(
    ("conditions", "failure", "expected"),
    [
        pytest.param(["true", "true"], "Fail", PolicyOutcome.DENIED, id="all hold"),
        pytest.param(["true", "false"], "Fail", PolicyOutcome.ADMITTED, id="one does not"),
        pytest.param(["object.x.y", "false"], "Fail", PolicyOutcome.ADMITTED, id="one does not, whatever the others"),
        pytest.param(["object.x.y", "true"], "Fail", PolicyOutcome.DENIED, id="an error denies"),
        pytest.param(["object.x.y"], "Ignore", PolicyOutcome.ADMITTED, id="an error is ignored"),
        pytest.param(["request.userInfo.username == 'me'"], "Fail", PolicyOutcome.OPEN, id="who it is"),
        pytest.param(
            ["request.userInfo.username == 'me'", "object.x.y"], "Fail", PolicyOutcome.OPEN, id="and an error"
        ),
        pytest.param(
            ["request.userInfo.username == 'me'", "false"], "Fail", PolicyOutcome.ADMITTED, id="whoever it is"
        ),
    ],
)
def test_match_conditions(conditions: list[str], failure: str, expected: PolicyOutcome) -> None:
    named = [{"name": f"c{number}", "expression": one} for number, one in enumerate(conditions)]
    assert outcome(policy("false", matchConditions=named, failurePolicy=failure)) is expected


@pytest.mark.parametrize(
    ("expression", "failure", "expected"),
    [
        pytest.param("object.metadata.name == 'web'", "Fail", PolicyOutcome.ADMITTED, id="object"),
        pytest.param(
            "oldObject == null && request.operation == 'CREATE'", "Fail", PolicyOutcome.ADMITTED, id="request"
        ),
        pytest.param("request.resource.resource == 'pods'", "Fail", PolicyOutcome.ADMITTED, id="resource"),
        pytest.param("request.namespace == 'shop' && !request.dryRun", "Fail", PolicyOutcome.ADMITTED, id="namespace"),
        pytest.param("variables.names == ['app']", "Fail", PolicyOutcome.ADMITTED, id="a variable"),
        pytest.param("variables.count == 1", "Fail", PolicyOutcome.ADMITTED, id="a variable of another"),
        pytest.param("has(variables.names)", "Fail", PolicyOutcome.ADMITTED, id="whether there is a variable"),
        pytest.param("namespaceObject.metadata.name == 'shop'", "Fail", PolicyOutcome.ADMITTED, id="its name"),
        pytest.param(
            "object.spec.containers[0].imagePullPolicy == 'Always'", "Fail", PolicyOutcome.ADMITTED, id="pull"
        ),
        pytest.param("object.spec.restartPolicy == 'Always'", "Fail", PolicyOutcome.ADMITTED, id="a default"),
        pytest.param("true || variables.wrong", "Fail", PolicyOutcome.ADMITTED, id="a variable that is not used"),
        pytest.param("variables.wrong", "Fail", PolicyOutcome.DENIED, id="an error in a variable"),
        pytest.param("variables.wrong", "Ignore", PolicyOutcome.ADMITTED, id="an error in a variable is ignored"),
        pytest.param("object.spec", "Fail", PolicyOutcome.DENIED, id="neither true nor false"),
        pytest.param("namespaceObject.metadata.labels.tier == 'prod'", "Fail", PolicyOutcome.OPEN, id="the namespace"),
        pytest.param("params == null", "Fail", PolicyOutcome.ADMITTED, id="no parameters"),
        pytest.param("authorizer.path('/').check('get').allowed()", "Ignore", PolicyOutcome.OPEN, id="who may do what"),
        pytest.param("cel.bind(x, 1, x == 1)", "Fail", PolicyOutcome.OPEN, id="what Kubernetes lacks"),
        pytest.param("cel . bind (x, 1, x == 1)", "Fail", PolicyOutcome.OPEN, id="the same with blanks"),
        pytest.param("request . userInfo.uid == 'x'", "Fail", PolicyOutcome.OPEN, id="who it is, with blanks"),
        pytest.param(
            "request.?userInfo.?username.orValue('') == ''", "Fail", PolicyOutcome.OPEN, id="who it is, if anybody"
        ),
        pytest.param("request.?options.hasValue()", "Fail", PolicyOutcome.OPEN, id="the options, if there are any"),
        pytest.param("cel //\n.bind(x, 1, x == 1)", "Fail", PolicyOutcome.OPEN, id="the same with a comment"),
        pytest.param("'cel.bind(' != ''", "Fail", PolicyOutcome.ADMITTED, id="its name in a text"),
        pytest.param("nobody.knows()", "Fail", PolicyOutcome.OPEN, id="what this engine lacks"),
    ],
)
def test_expressions(expression: str, failure: str, expected: PolicyOutcome) -> None:
    names = {"names": "object.spec.containers.map(c, c.name)", "count": "variables.names.size()", "wrong": "object.x.y"}
    listed = [{"name": name, "expression": one} for name, one in names.items()]
    assert outcome(policy(expression, variables=listed, failurePolicy=failure)) is expected


def test_a_variable_of_what_kubernetes_lacks() -> None:
    listed = [{"name": "one", "expression": "cel.bind(x, 1, x)"}]
    assert outcome(policy("variables.one == 1", variables=listed)) is PolicyOutcome.OPEN


def test_the_namespace_is_known_if_its_manifest_is_there() -> None:
    assert outcome(policy("namespaceObject.metadata.labels.tier == 'prod'"), NAMESPACE) is PolicyOutcome.ADMITTED
    assert outcome(policy("namespaceObject == null"), about=NODE) is PolicyOutcome.ADMITTED


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        pytest.param({}, "failed expression: 1 > 2", id="none"),
        pytest.param({"message": " no "}, "no", id="a message"),
        pytest.param({"messageExpression": "'no ' + object.kind", "message": "m"}, "no Pod", id="an expression"),
        pytest.param({"messageExpression": "object.x.y", "message": "m"}, "m", id="one with an error"),
        pytest.param({"messageExpression": "'  '", "message": "m"}, "m", id="an empty one"),
        pytest.param({"messageExpression": "'a\\nb'", "message": "m"}, "m", id="one of two lines"),
        pytest.param({"messageExpression": "['a'].map(i, 'x' + i)[0]", "message": "m"}, "xa", id="a macro"),
    ],
)
def test_messages(validation: dict[str, str], expected: str) -> None:
    (found,) = decisions(policy(validations=[{"expression": "1 > 2", **validation}]))
    assert found.messages == (expected,)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["Deny", "Audit"], PolicyOutcome.DENIED),
        (["Warn", "Audit"], PolicyOutcome.WARNED),
        (["Audit"], PolicyOutcome.AUDITED),
    ],
)
def test_actions(actions: list[str], expected: PolicyOutcome) -> None:
    assert outcome(policy("false"), binding(*actions)) is expected
    assert outcome(policy("true"), binding(*actions)) is PolicyOutcome.ADMITTED


def test_audit_annotations() -> None:
    several = {"image": "object.spec.containers[0].image", "none": "null", "empty": "' '"}
    written = [{"key": key, "valueExpression": one} for key, one in several.items()]
    (found,) = decisions(policy(auditAnnotations=written))
    assert (found.outcome, found.annotations) == (PolicyOutcome.ADMITTED, (("image", "a"),))
    wrong = [{"key": "count", "valueExpression": "1"}]
    assert outcome(policy(auditAnnotations=wrong), binding("Audit")) is PolicyOutcome.DENIED
    assert outcome(policy(auditAnnotations=wrong, failurePolicy="Ignore")) is PolicyOutcome.ADMITTED


@pytest.mark.parametrize(
    ("about", "expression"),
    [
        pytest.param(
            {"kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "r"}},
            "object.rules == null",
            id="a role without rules",
        ),
        pytest.param(
            {"kind": "StorageClass", "apiVersion": "storage.k8s.io/v1", "metadata": {"name": "s"}},
            "object.reclaimPolicy == 'Delete'",
            id="a storage class",
        ),
        pytest.param(
            {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}},
            "object.spec.type == 'ClusterIP' && object.spec.ports[0].protocol == 'TCP'",
            id="a service",
        ),
        pytest.param(
            {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}},
            "object.metadata.namespace == 'default' && !has(object.data)",
            id="the namespace",
        ),
        pytest.param(
            {"kind": "Gadget", "apiVersion": "example.org/v1", "metadata": {"name": "g"}, "spec": {"replicas": None}},
            "!has(object.spec.replicas)",
            id="a kind that is not known",
        ),
        pytest.param(
            {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "d"}, "spec": {"template": "wrong"}},
            "object.spec.replicas == 1",
            id="a template that is none",
        ),
    ],
)
def test_defaults(about: dict[str, Any], expression: str) -> None:
    assert outcome(policy(expression), about=about) is PolicyOutcome.ADMITTED


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("host:5000/a", "Always"),
        ("a:1", "IfNotPresent"),
        ("host:5000/a:1@sha256:0", "IfNotPresent"),
        ("a@sha256:0", "IfNotPresent"),
    ],
)
def test_when_an_image_is_pulled(image: str, expected: str) -> None:
    body = {**POD, "spec": {"containers": [{"name": "app", "image": image}]}}
    asked = policy(f"object.spec.containers[0].imagePullPolicy == '{expected}'")
    assert outcome(asked, about=body) is PolicyOutcome.ADMITTED


# ------------------------------------------------------------------------------- changes, and by whom


@pytest.mark.parametrize(
    "expression",
    [
        "request.operation == 'UPDATE'",
        "oldObject.spec.containers[0].image == 'old'",
        "object.spec.containers[0].image == 'a'",
        "oldObject.spec.restartPolicy == object.spec.restartPolicy",
    ],
)
def test_an_object_that_is_there_is_changed(expression: str) -> None:
    old = {**POD, "spec": {"containers": [{"name": "app", "image": "old"}]}}
    assert [one.outcome for one in decisions(policy(expression), old=old)] == [PolicyOutcome.ADMITTED]


def test_only_the_same_object_is_changed() -> None:
    other = {**POD, "metadata": {"name": "api", "namespace": "shop"}}
    (found,) = decisions(policy("request.operation == 'CREATE'"), old=other)
    assert found.outcome is PolicyOutcome.ADMITTED


def test_operations_and_labels_of_changes() -> None:
    only_created = {"resourceRules": [{**ALL, "operations": ["CREATE"]}]}
    assert decisions(policy("false", matchConstraints=only_created), old=POD) == []
    selected = {"resourceRules": [ALL], "objectSelector": {"matchLabels": {"app": "before"}}}
    old = {**POD, "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "before"}}}
    (found,) = decisions(policy("false", matchConstraints=selected), old=old)
    assert found.outcome is PolicyOutcome.DENIED


def test_who_asks_is_known_if_somebody_says_so() -> None:
    asked = policy("request.userInfo.username == 'ann' && 'ops' in request.userInfo.groups")
    (found,) = decisions(asked, requester=Requester("ann", ("ops",)))
    assert found.outcome is PolicyOutcome.ADMITTED
    (found,) = decisions(asked, requester=Requester("bob", ("ops",)))
    assert found.outcome is PolicyOutcome.DENIED
    optional = policy("request.?userInfo.?username.orValue('') == 'ann'")
    (found,) = decisions(optional, requester=Requester("ann"))
    assert found.outcome is PolicyOutcome.ADMITTED


def test_what_a_function_cannot_give_back_is_said_without_an_address() -> None:
    time = "timestamp('2020-01-01T00:00:00Z')"
    (found,) = decisions(policy(f"[{time}].min() == {time}"))
    assert found.outcome is PolicyOutcome.OPEN
    assert found.messages[0].endswith(": a function gives a value that this engine cannot take back, such as a time")


# ---------------------------------------------------------------------------------------- parameters

ASKED = policy(
    "object.metadata.name.startsWith(params.data.prefix)", paramKind={"apiVersion": "v1", "kind": "ConfigMap"}
)


def config(name: str, prefix: str, namespace: str = "shop", **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"prefix": prefix}}


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        pytest.param({"name": "good"}, PolicyOutcome.ADMITTED, id="by name"),
        pytest.param({"name": "bad"}, PolicyOutcome.DENIED, id="another name"),
        pytest.param({"name": "good", "namespace": "other"}, PolicyOutcome.DENIED, id="not in this namespace"),
        pytest.param({"name": "far", "namespace": "other"}, PolicyOutcome.ADMITTED, id="in another namespace"),
        pytest.param({"selector": {"matchLabels": {"set": "a"}}}, PolicyOutcome.ADMITTED, id="by label"),
        pytest.param({"selector": {}}, PolicyOutcome.DENIED, id="all of them, one of which refuses"),
        pytest.param({"name": "none"}, PolicyOutcome.DENIED, id="not there"),
        pytest.param({"name": "none", "parameterNotFoundAction": "Deny"}, PolicyOutcome.DENIED, id="not there: deny"),
        pytest.param(
            {"name": "none", "parameterNotFoundAction": "Allow"}, PolicyOutcome.ADMITTED, id="not there: allow"
        ),
    ],
)
def test_parameters(ref: dict[str, Any], expected: PolicyOutcome) -> None:
    given = (config("good", "w", set="a"), config("bad", "x"), config("far", "w", "other"))
    assert outcome(ASKED, binding(paramRef=ref), *given) is expected


def test_parameters_that_no_binding_names_leave_it_open() -> None:
    assert outcome(ASKED, config("good", "w")) is PolicyOutcome.OPEN


def test_what_is_not_known_does_not_matter_where_the_policy_has_nothing_to_say() -> None:
    conditions = [{"name": "c", "expression": "request.userInfo.username == 'me'"}]
    assert outcome(policy("true", matchConditions=conditions)) is PolicyOutcome.ADMITTED
    (found,) = decisions(policy("false", matchConditions=conditions))
    assert found.messages == (
        "matchConditions: who makes the request is not known; name a user with --as",
        "failed expression: false",
    )


# -------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param(policy(), "spec has neither validations nor auditAnnotations; write one of them", id="nothing"),
        pytest.param(policy("true", matchConstraints={}), "must say which resources", id="no resources"),
        pytest.param(policy("true", failurePolicy="Allow"), "failurePolicy", id="an unknown failure policy"),
        pytest.param(policy(validations=[{"message": "m"}]), "expression", id="no expression"),
        pytest.param(policy(validations="all"), "validations", id="not a list"),
        pytest.param(binding("deny"), "'deny' is not one of Deny, Warn, Audit", id="an unknown action"),
        pytest.param({**binding(), "spec": {"policyName": "p"}}, "validationActions is missing", id="no action"),
    ],
)
def test_faults(written: dict[str, Any], message: str) -> None:
    found = material(written)
    assert not found.policies
    assert not found.bindings
    assert message in found.problems[0].message
    assert found.problems[0].path == "policies.yaml"
