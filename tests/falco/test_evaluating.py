"""Rules over audit events: what fields hold, what operators compare, and what decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kgate.falco.compiling import FalcoRule
from kgate.falco.conditions import EventField
from kgate.falco.evaluating import Explainer, Explanation, Happening, unmodelled
from kgate.falco.extraction import extract
from kgate.falco.fields import AUDIT_FIELDS
from tests.falco.rulefiles import loaded, rule

EVENT: dict[str, Any] = {
    "kind": "Event",
    "auditID": "1-2",
    "stage": "ResponseComplete",
    "stageTimestamp": "2026-01-02T03:04:05.000006Z",
    "verb": "create",
    "requestURI": "/api/v1/namespaces/shop/pods?command=sh&command=-c&container=",
    "user": {"username": "ann", "groups": ["dev", "system:authenticated"]},
    "sourceIPs": ["10.0.0.1"],
    "objectRef": {"resource": "pods", "namespace": "shop", "name": "web"},
    "responseStatus": {"code": 201, "metadata": {}},
    "annotations": {"authorization.k8s.io/decision": "allow", "a/b~c": "x"},
    "responseObject": {"metadata": {"name": "web-1"}},
    "requestObject": {
        "spec": {
            "hostNetwork": True,
            "securityContext": {"runAsUser": 7, "supplementalGroups": [1, 2]},
            "containers": [
                {
                    "name": "app",
                    "image": "nginx:1.2@sha256:0",
                    "command": ["sh", "-c"],
                    "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}],
                    "securityContext": {"privileged": True, "capabilities": {"add": ["NET_ADMIN"]}},
                },
                {"name": "side", "image": "localhost:5000/side"},
            ],
            "volumes": [{"name": "a", "hostPath": {"path": "/etc"}}, {"name": "b", "emptyDir": {}}],
        },
    },
}
ROLE: dict[str, Any] = {
    "auditID": "3",
    "requestObject": {
        "rules": [
            {"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": ["get"]},
            {"nonResourceURLs": ["/metrics"], "verbs": ["get", "put"]},
        ],
        "roleRef": {"name": "admin"},
        "subjects": [
            {"kind": "User", "name": "ann"},
            {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"},
            {"kind": "Group"},
        ],
    },
}


@pytest.mark.parametrize(
    ("name", "argument", "event", "values"),
    [
        pytest.param("ka.verb", None, EVENT, ("create",), id="a text"),
        pytest.param("ka.response.code", None, EVENT, ("201",), id="a number"),
        pytest.param("ka.req.pod.host_network", None, EVENT, ("true",), id="a truth value"),
        pytest.param("ka.req.pod.host_pid", None, EVENT, None, id="what is absent"),
        pytest.param("ka.user.groups", None, EVENT, ("dev", "system:authenticated"), id="a list"),
        pytest.param("ka.req.pod.supplemental_groups", None, EVENT, ("1", "2"), id="a list of numbers"),
        pytest.param("ka.verb", None, {"verb": "get"}, None, id="no audit event"),
        pytest.param("ka.user.groups", None, {"auditID": "", "user": {"groups": "dev"}}, None, id="no list"),
        pytest.param("ka.impuser.name", None, {"auditID": "", "impersonatedUser": None}, None, id="null"),
        pytest.param("ka.uri.param", "command", EVENT, ("sh",), id="the first value of a parameter"),
        pytest.param("ka.uri.param", "container", EVENT, ("",), id="an empty parameter"),
        pytest.param("ka.uri.param", "stdin", EVENT, None, id="no such parameter"),
        pytest.param("ka.target.pod.name", None, EVENT, ("web-1",), id="the name of a new pod"),
        pytest.param(
            "ka.req.pod.containers.image", None, EVENT, ("nginx:1.2@sha256:0", "localhost:5000/side"), id="all"
        ),
        pytest.param("ka.req.pod.containers.image", "1", EVENT, ("localhost:5000/side",), id="one"),
        pytest.param("ka.req.pod.containers.image", "2", EVENT, None, id="one too many"),
        pytest.param("ka.req.pod.containers.image.repository", None, EVENT, ("nginx", "localhost"), id="repositories"),
        pytest.param("ka.req.container.image.repository", None, EVENT, ("nginx",), id="the first repository"),
        pytest.param("ka.req.pod.containers.privileged", None, EVENT, ("true",), id="of those that say so"),
        pytest.param("ka.req.pod.containers.add_capabilities", None, EVENT, ('["NET_ADMIN"]',), id="lists as JSON"),
        pytest.param("ka.req.pod.containers.command", None, EVENT, ("sh -c",), id="a command"),
        pytest.param("ka.req.pod.containers.args", None, EVENT, None, id="no arguments"),
        pytest.param("ka.req.pod.containers.host_port", None, EVENT, ("80", "8081"), id="ports"),
        pytest.param("ka.req.pod.containers.eff_run_as_user", None, EVENT, ("0", "0"), id="the plugin's own user"),
        pytest.param("ka.req.pod.initContainers.image", None, EVENT, None, id="no such containers"),
        pytest.param("ka.req.container.privileged", None, EVENT, ("true",), id="any container"),
        pytest.param("ka.req.container.privileged", None, ROLE, None, id="any container of none"),
        pytest.param("ka.req.pod.volumes.hostpath", None, EVENT, ("/etc",), id="paths of the node"),
        pytest.param("ka.req.volume.hostpath", "/et*", EVENT, ("true",), id="a path that begins so"),
        pytest.param("ka.req.volume.hostpath", "/et", EVENT, ("false",), id="another path"),
        pytest.param("ka.req.pod.volumes.volume_type", None, EVENT, ("hostPath", "emptyDir"), id="types of volumes"),
        pytest.param("ka.req.pod.volumes.volume_type", "1", EVENT, ("emptyDir",), id="the type of one volume"),
        pytest.param("ka.sourceips", None, EVENT, None, id="addresses, which the plugin seeks elsewhere"),
        pytest.param("ka.req.role.rules.verbs", None, ROLE, ("get", "get", "put"), id="verbs of all rules"),
        pytest.param("ka.req.role.rules.resources", "0", ROLE, ("pods", "pods/exec"), id="resources of one rule"),
        pytest.param("ka.req.binding.role", None, ROLE, ("admin",), id="a role"),
        pytest.param("ka.req.binding.subjects.user_names", None, ROLE, ("ann",), id="users"),
        pytest.param("ka.req.binding.subjects.group_names", None, ROLE, None, id="no groups"),
        pytest.param(
            "ka.req.binding.subjects.serviceaccount_ns_names", None, ROLE, ("shop:robot",), id="accounts with namespace"
        ),
        pytest.param("ka.req.binding.subject.has_name", "x", ROLE, ("true",), id="what is always true"),
        pytest.param("jevt.value", "/annotations/a~1b~0c", EVENT, ("x",), id="a JSON pointer"),
        pytest.param("jevt.value", "/sourceIPs/0", EVENT, ("10.0.0.1",), id="a JSON pointer into a list"),
        pytest.param("jevt.value", f"/sourceIPs/{'9' * 5000}", EVENT, None, id="an index with many digits"),
        pytest.param("json.value", "/sourceIPs", EVENT, ('["10.0.0.1"]',), id="a list as JSON"),
        pytest.param("jevt.value", "/no", EVENT, None, id="a JSON pointer to nothing"),
        pytest.param("jevt.rawtime", None, EVENT, ("1767323045000006000",), id="the time"),
        pytest.param("evt.source", None, EVENT, ("k8s_audit",), id="the source"),
    ],
)
def test_fields(name: str, argument: str | None, event: Any, values: tuple[str, ...] | None) -> None:
    assert extract(EventField(name, argument, 0), event) == values


def test_every_field_has_a_way() -> None:
    for name in (one for one in AUDIT_FIELDS if not one.startswith("evt.")):
        argument = "a" if name in ("ka.uri.param", "ka.req.volume.hostpath", "jevt.value", "json.value") else None
        for event in (EVENT, ROLE, {"auditID": "0"}, {"auditID": "0", "requestObject": [1]}, {}):
            found = extract(EventField(name, argument, 0), event)
            assert found is None or all(isinstance(one, str) for one in found)


def made(condition: str, macros: str = "") -> tuple[FalcoRule, Explainer, Happening]:
    found = loaded(macros + rule(condition=condition))
    assert not found.is_refused, found.faults
    happening = Happening(EVENT)
    return found.ruleset.rules[0], Explainer(happening, found.ruleset.macros), happening


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param("ka.verb = create", True, id="equal"),
        pytest.param("ka.verb != create", False, id="not equal"),
        pytest.param("ka.impuser.name = x", False, id="nothing is equal"),
        pytest.param("ka.impuser.name != x", False, id="nothing is not unequal"),
        pytest.param("not ka.impuser.name = x", True, id="the negation of nothing"),
        pytest.param("ka.impuser.name exists", False, id="nothing does not exist"),
        pytest.param("ka.verb in (get, create)", True, id="one of several"),
        pytest.param("ka.user.groups in (dev)", False, id="a list in less"),
        pytest.param("ka.user.groups in (dev, 'system:authenticated', ops)", True, id="a list in more"),
        pytest.param("ka.user.groups intersects (ops, dev)", True, id="a list that has one"),
        pytest.param("ka.user.groups intersects (ops)", False, id="a list that has none"),
        pytest.param("ka.response.code >= 200", True, id="numbers compare as text"),
        pytest.param("ka.response.code < 9", True, id="so that 201 is less than 9"),
        pytest.param("ka.uri contains command and not ka.uri contains COMMAND", True, id="contains"),
        pytest.param("ka.uri icontains COMMAND", True, id="icontains"),
        pytest.param("ka.uri startswith /api and ka.uri endswith 'container='", True, id="ends"),
        pytest.param("ka.verb glob 'c?ea*' and not ka.verb glob 'C*' and ka.verb iglob 'C*'", True, id="globs"),
        pytest.param("ka.verb regex 'cre.*' and not ka.verb regex 'cre'", True, id="a regex is about all"),
        pytest.param("jevt.value[/requestURI] pmatch (/api/v1)", True, id="a path below"),
        pytest.param("jevt.value[/requestURI] pmatch (/api/v)", False, id="half a name"),
        pytest.param("ka.verb startswith oneof (c, cr)", False, id="oneof is exactly one"),
        pytest.param("ka.verb startswith anyof (c, cr)", True, id="anyof"),
        pytest.param("ka.verb startswith allof (c, cr)", True, id="allof"),
        pytest.param("ka.verb != allof (get, list)", True, id="none of several"),
        pytest.param("ka.req.configmap.name = val(ka.target.name)", True, id="another field"),
        pytest.param("ka.verb = val(ka.impuser.name)", False, id="another field without a value"),
    ],
)
def test_operators(condition: str, holds: bool) -> None:
    found, _, happening = made(condition)
    assert unmodelled(found) is None
    assert happening.holds(found.condition) is holds


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        pytest.param("tolower(ka.verb) = create", "the function tolower()", id="a function"),
        pytest.param("ka.verb = toupper(ka.uri)", "the function toupper()", id="a function on the right"),
        pytest.param("evt.num > 1", "the field evt.num, which the running Falco sets", id="a field of the engine"),
        pytest.param("ka.verb glob '[a-c]*'", "brackets and backslashes in a glob", id="brackets"),
        pytest.param("ka.uri pmatch ('/a*')", "patterns in the paths of pmatch", id="patterns"),
        pytest.param("inner", "the function len()", id="in a macro"),
    ],
)
def test_what_is_not_modelled_is_named(condition: str, reason: str) -> None:
    found, _, _ = made(condition, "- macro: inner\n  condition: not len(ka.uri) = 1\n")
    assert unmodelled(found) == reason


def test_other_sources_are_not_modelled() -> None:
    (found,) = loaded(rule(condition="evt.type = open").replace("k8s_audit", "syscall")).ruleset.rules
    assert unmodelled(found) == "events of source syscall"


def leaves(step: Explanation, depth: int = 0) -> Iterator[str]:
    values = "" if step.parts else f" {step.values}"
    yield f"{'  ' * depth}{'+' if step.holds else '-'} {step.text}{values} {step.place.start.line}"
    for part in step.parts:
        yield from leaves(part, depth + 1)


MACROS = "- macro: writes\n  condition: ka.verb in (create, update)\n"


def test_what_decides_is_explained() -> None:
    found, explainer, _ = made("writes and ka.user.name = bob and (ka.uri exists or ka.verb = get)", MACROS)
    assert list(leaves(explainer.explain(found))) == ["- all of 5", "  - ka.user.name = bob ('ann',) 5"]
    assert list(leaves(explainer.explain(found, is_whole=True))) == [
        "- all of 5",
        "  + macro writes 5",
        "    + ka.verb in (create, update) ('create',) 2",
        "  - ka.user.name = bob ('ann',) 5",
        "  + one of 5",
        f"    + ka.uri exists ('{EVENT['requestURI']}',) 5",
        "    - ka.verb = get ('create',) 5",
    ]


def test_what_holds_is_explained() -> None:
    found, explainer, _ = made("not (ka.impuser.name exists or ka.verb = get)")
    assert list(leaves(explainer.explain(found))) == [
        "+ not 3",
        "  - one of 3",
        "    - ka.impuser.name exists None 3",
        "    - ka.verb = get ('create',) 3",
    ]


def test_outputs() -> None:
    output = "'%ka.user.name in %ka.user.groups: %jevt.value[/stage], %ka.impuser.name.%evt.time'"
    (found,) = loaded(rule(output=output)).ruleset.rules
    assert Happening(EVENT).output(found) == "ann in (dev,system:authenticated): ResponseComplete, <NA>.<NA>"
