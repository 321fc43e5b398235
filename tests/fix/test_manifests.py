"""fix/: what fixing does to judged manifests, whatever they hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kgate.fix.manifests import FileFix, ManifestFixer
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import assess
from kgate.kubernetes import manifest, pss
from kgate.model import Finding, value_at
from kgate.rules import load

JUDGE = Judge(load.load(), pss.NEWEST_MINOR, with_remedies=True)


def nobody(_: Finding) -> bool:
    return False


def fixed(text: str, *, unsafe: bool, keeps: Callable[[Finding], bool] = nobody) -> FileFix:
    about = {resource.id for resource in manifest.read("a.yaml", text.encode()).resources}
    return ManifestFixer.by(JUDGE, with_unsafe=unsafe).fix("a.yaml", text, about, keeps)


def found(text: str) -> list[Finding]:
    resources = manifest.read("a.yaml", text.encode()).resources
    return [finding for resource in resources for finding in assess(JUDGE, resource, 0)[0]]


def scores(text: str) -> list[int]:
    resources = manifest.read("a.yaml", text.encode()).resources
    judged = (assess(JUDGE, resource, 0)[1] for resource in resources)
    return [one.score.value for one in judged if one is not None]


# ----------------------------------------------------------------------------------------- properties

_BOOLEAN = st.sampled_from([True, False, None, "true"])
_NAMES = st.lists(st.sampled_from(["ALL", "NET_RAW", "NET_BIND_SERVICE", "SYS_ADMIN"]), max_size=2)
_PROFILE = st.sampled_from([{"type": "RuntimeDefault"}, {"type": "Unconfined"}, {"type": "Localhost"}, {}, None])
_CONTEXT = st.fixed_dictionaries(
    {},
    optional={
        "allowPrivilegeEscalation": _BOOLEAN,
        "capabilities": st.fixed_dictionaries({}, optional={"add": _NAMES, "drop": _NAMES}) | st.none(),
        "privileged": _BOOLEAN,
        "procMount": st.sampled_from(["Default", "Unmasked"]),
        "readOnlyRootFilesystem": _BOOLEAN,
        "runAsNonRoot": _BOOLEAN,
        "runAsUser": st.sampled_from([0, 1000, 20000]),
        "seccompProfile": _PROFILE,
    },
)
_POD_CONTEXT = st.fixed_dictionaries(
    {}, optional={"runAsNonRoot": _BOOLEAN, "runAsUser": st.sampled_from([0, 1000]), "seccompProfile": _PROFILE}
)
_PORT = st.fixed_dictionaries(
    {"containerPort": st.sampled_from([80, 8080])}, optional={"hostPort": st.sampled_from([0, 80])}
)
_CONTAINER = st.fixed_dictionaries(
    {"name": st.just("a")},
    optional={"ports": st.lists(_PORT, max_size=2), "securityContext": _CONTEXT | st.none()},
)
_POD = st.fixed_dictionaries(
    {"containers": st.lists(_CONTAINER, min_size=1, max_size=2)},
    optional={
        "automountServiceAccountToken": _BOOLEAN,
        "hostNetwork": _BOOLEAN,
        "hostPID": _BOOLEAN,
        "hostUsers": _BOOLEAN,
        "initContainers": st.lists(_CONTAINER, max_size=1),
        "securityContext": _POD_CONTEXT | st.none(),
        "serviceAccountName": st.sampled_from(["default", "web"]),
    },
)


def _yaml(flow: bool | None, indent: int) -> Callable[[Any], str]:
    return lambda body: str(yaml.safe_dump(body, default_flow_style=flow, indent=indent, sort_keys=False))


WRITERS = [
    _yaml(False, 2),
    _yaml(False, 4),
    _yaml(None, 2),
    _yaml(True, 2),
    json.dumps,
    lambda b: json.dumps(b, indent=4),
]


PORTS = [{"containerPort": 80, "hostPort": 80}, {"hostPort": 80, "containerPort": 80}]
"""Equal ones, of which the first cannot lose its host port without a change to the line above."""


@given(_POD, st.sampled_from(WRITERS), st.booleans())
@example({"containers": [{"name": "a", "ports": PORTS}]}, WRITERS[-1], True)
def test_fixing_never_lowers_a_score_and_twice_is_once(spec: Any, write: Callable[[Any], str], unsafe: bool) -> None:
    for index, container in enumerate((*spec["containers"], *spec.get("initContainers", []))):
        container["name"] += str(index)
    text = write({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    result = fixed(text, unsafe=unsafe)
    assert all(now >= then for then, now in zip(scores(text), scores(result.after), strict=True))
    assert fixed(result.after, unsafe=unsafe).after == result.after
    gone = Counter(map(key, (one.finding for one in result.fixed)))
    then, now = Counter(map(key, found(text))), Counter(map(key, found(result.after)))
    assert {one: now[one] for one in gone} == {one: then[one] - gone[one] for one in gone}
    assert without(result.after, result) == without(text, result)


def key(finding: Finding) -> tuple[str, str | None, str]:
    """What a finding is about; several may be about equal items of a list, of which one cannot be fixed."""
    return (finding.rule.id, finding.container, finding.anchor)


def without(text: str, result: FileFix) -> Any:
    """The object of a text without the fields that are fixed, and without what is empty then."""
    (body,) = (resource.body for resource in manifest.read("a.yaml", text.encode()).resources)
    body = json.loads(json.dumps(body))
    for one in result.fixed:
        assert one.finding.remedy is not None
        for change in one.finding.remedy.changes:
            parent, _, name = change.pointer.rpartition("/")
            if isinstance(holder := value_at(body, parent), dict):
                holder.pop(name, None)
    return pruned(body)


def pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: kept for key, one in value.items() if (kept := pruned(one)) not in ({}, None)}
    return [pruned(one) for one in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------------------------- what is safe

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  serviceAccountName: web\n  containers:\n  - name: a\n"
SAFE = {"privilege-escalation-allowed", "capabilities-not-dropped", "seccomp-not-set"}


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("", SAFE, id="nothing is said"),
        pytest.param(
            "    securityContext: {runAsUser: 1000}\n", {*SAFE, "run-as-root-allowed"}, id="the user is known"
        ),
        pytest.param(
            "    securityContext: {runAsUser: 0}\n",
            SAFE - {"capabilities-not-dropped"},
            id="the user is root",
        ),
        pytest.param("    securityContext: {privileged: true}\n", set(), id="a privileged container"),
        pytest.param(
            "    securityContext: {allowPrivilegeEscalation: true}\n",
            SAFE - {"privilege-escalation-allowed"},
            id="somebody wrote another value",
        ),
        pytest.param(
            "    securityContext: {capabilities: {add: [CHOWN]}}\n",
            SAFE - {"capabilities-not-dropped"},
            id="a capability is added",
        ),
        pytest.param(
            "    securityContext: {capabilities: {add: [SYS_ADMIN]}}\n",
            {"seccomp-not-set"},
            id="a capability that excludes it",
        ),
        pytest.param("    ports: [{containerPort: 80}]\n", SAFE - {"capabilities-not-dropped"}, id="a port below 1024"),
        pytest.param(
            "    ports: [{containerPort: 80}]\n    securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}\n",
            SAFE,
            id="a port below 1024, and the capability for it",
        ),
    ],
)
def test_a_safe_fix_overrules_nobody(text: str, rules: set[str]) -> None:
    result = fixed(POD + text, unsafe=False)
    assert {one.finding.rule.id for one in result.fixed} == rules


def test_a_token_is_kept_where_the_pod_has_an_account_of_its_own() -> None:
    assert "automount" not in fixed(POD, unsafe=False).after
    assert "automount" in fixed(POD, unsafe=True).after
    assert "automount" in fixed(POD.replace("  serviceAccountName: web\n", ""), unsafe=False).after


def test_a_fix_that_makes_another_one_possible_is_followed_by_it() -> None:
    result = fixed(f"{POD}    securityContext:\n      privileged: true\n", unsafe=True)
    assert "privileged: false\n      readOnly" in result.after
    lines = {one.finding.rule.id: one.finding.location.start.line for one in result.fixed}
    assert lines["privileged-container"] == 9
    assert lines["privilege-escalation-allowed"] == 8


def test_findings_that_are_to_be_kept_are_kept() -> None:
    result = fixed(POD, unsafe=False, keeps=lambda finding: finding.rule.id == "seccomp-not-set")
    assert {one.finding.rule.id for one in result.fixed} == SAFE - {"seccomp-not-set"}


def test_what_a_shared_anchor_changes_besides_is_said() -> None:
    second = "  - name: b\n    securityContext: *own\n"
    result = fixed(f"{POD}    securityContext: &own\n      runAsUser: 1000\n{second}", unsafe=False)
    assert "also changes spec.containers[1].securityContext, through an anchor" in {one.also for one in result.fixed}
    assert result.after.count("runAsNonRoot") == 1
