"""engine.py: where a finding points, what it takes in, and what becomes a Problem."""

from __future__ import annotations

from typing import Any

import pytest

from kgate.judgement import engine
from kgate.judgement.engine import Judge, Judgement
from kgate.judgement.ledger import assess
from kgate.kubernetes import pss
from kgate.kubernetes.manifest import read
from kgate.model import Finding
from kgate.rules import load

RULES = load.load()
JUDGE = Judge(RULES, pss.NEWEST_MINOR)

HEAD = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  template:\n    spec:\n"


def judge(spec: str, *selected: str) -> Judgement:
    """A Deployment with this pod spec, indented by six."""
    (resource,) = read("a.yaml", (HEAD + spec).encode()).resources
    return Judge(RULES, pss.NEWEST_MINOR, selected or None).judge(resource)


def only(spec: str, rule: str) -> Finding:
    (finding,) = judge(spec, rule).findings
    return finding


# ------------------------------------------------------------------------------- where it points

POD_LEVEL = """\
      securityContext: {runAsNonRoot: false}
      containers:
      - name: a
      - name: b
        securityContext: {runAsNonRoot: true}
"""


@pytest.mark.parametrize(
    ("spec", "rule", "is_explicit"),
    [
        pytest.param("{allowPrivilegeEscalation: true}", "privilege-escalation-allowed", True, id="the default"),
        pytest.param('{allowPrivilegeEscalation: "x"}', "privilege-escalation-allowed", True, id="of a wrong type"),
        pytest.param("{allowPrivilegeEscalation: null}", "privilege-escalation-allowed", False, id="null"),
        pytest.param("{}", "privilege-escalation-allowed", False, id="nothing"),
        pytest.param("{runAsNonRoot: false}", "run-as-root-allowed", True, id="another default"),
        pytest.param("{privileged: true}", "privileged-container", False, id="what the default does not grant"),
        pytest.param("{runAsUser: 0}", "run-as-root-user", False, id="a rule about what is written"),
        pytest.param(
            "{capabilities: {drop: [NET_RAW]}}", "capabilities-not-dropped", False, id="half of what is right"
        ),
        pytest.param("{capabilities: {add: [SYS_ADMIN]}}", "node-takeover-capability", False, id="a member of a list"),
    ],
)
def test_what_somebody_chose_although_it_is_the_default(spec: str, rule: str, is_explicit: bool) -> None:
    judgement = judge(f"      containers: [{{name: a, securityContext: {spec}}}]\n", rule)
    (finding,) = judgement.findings
    assert finding.is_explicit is is_explicit
    assert judgement.explicit == ({rule} if is_explicit else set())


def test_a_pod_level_fault_is_one_finding_of_the_pod() -> None:
    finding = only(POD_LEVEL, "run-as-root-allowed")
    assert finding.container is None
    assert finding.location.start.line == 7
    assert finding.location.pointer == "/spec/template/spec/securityContext/runAsNonRoot"


def test_the_field_that_makes_the_difference_is_blamed() -> None:
    spec = POD_LEVEL.replace("{runAsNonRoot: false}", "{runAsNonRoot: true}").replace(
        "  securityContext: {runAsNonRoot: true}\n", "  securityContext: {runAsNonRoot: false}\n"
    )
    spec = spec.replace(
        "      securityContext: {runAsNonRoot: false}\n", "      securityContext: {runAsNonRoot: true}\n", 1
    )
    finding = only(spec, "run-as-root-allowed")
    assert finding.container == "b"
    assert finding.location.start.line == 11


def test_an_absent_field_points_at_its_nearest_parent() -> None:
    finding = only("      containers:\n      - name: a\n        image: x\n", "run-as-root-allowed")
    assert (finding.location.start.line, finding.location.start.column) == (8, 9)
    assert finding.location.pointer.endswith("/containers/0/securityContext/runAsNonRoot")


def test_each_item_has_its_own_finding() -> None:
    spec = """\
      containers:
      - name: a
        securityContext:
          capabilities:
            add: [NET_RAW,
              CHOWN, NET_ADMIN]
"""
    found = judge(spec, "network-capability").findings
    assert [(f.location.start.line, f.location.start.column) for f in found] == [(11, 19), (12, 22)]


def test_fields_that_stand_elsewhere() -> None:
    text = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: a}
spec:
  hostNetwork: true
  volumes:
  - {name: v, hostPath: {path: /etc}}
  templates:
  - name: t
    container: {image: x, securityContext: {privileged: true}}
"""
    (resource,) = read("a.yaml", text.encode()).resources
    wanted = {"host-network": 5, "sensitive-host-path": 7, "privileged-container": 10}
    found = Judge(RULES, pss.NEWEST_MINOR, set(wanted)).judge(resource).findings
    assert {f.rule.id: f.location.start.line for f in found} == wanted


# ------------------------------------------------------------------------------- what it takes in


def test_the_most_specific_rule_takes_in_the_others() -> None:
    spec = "      containers: [{name: a}]\n      volumes: [{name: v, hostPath: {path: /var/run/docker.sock}}]\n"
    found = [f for f in judge(spec).findings if "hostPath" in f.location.pointer]
    assert [(f.rule.id, [r.id for r in f.includes]) for f in found] == [
        ("container-runtime-socket", ["host-path-volume", "restricted-volume-type"])
    ]
    assert judge(spec).offended >= {"container-runtime-socket", "host-path-volume", "restricted-volume-type"}


def test_other_places_are_not_taken_in() -> None:
    spec = "      containers: [{name: a, securityContext: {capabilities: {add: [SYS_ADMIN, SYSLOG]}}}]\n"
    found = [f for f in judge(spec).findings if "/add/" in f.location.pointer]
    assert [f.rule.id for f in found] == ["node-takeover-capability", "non-default-capability"]


def test_rules_that_are_not_selected_still_count_for_the_level() -> None:
    result = judge("      hostPID: true\n      containers: [{name: a}]\n", "naked-pod")
    assert not result.findings
    assert "host-pid" in result.offended


# ----------------------------------------------------------------------------- what is not judged

WRONG: dict[str, tuple[str, int, str]] = {
    "no containers": ("      hostPID: false\n", 6, "the pod spec lists no containers; add them, or"),
    "container": ("      container: [{name: a}]\n", 7, "the pod spec lists no containers; write `containers`, not `container`"),
    "contianers": ("      hostPID: false\n      contianers: [{name: a}]\n", 8, "write `containers`, not `contianers`"),
    "Containers": ("      Containers:\n      - name: a\n", 7, "write `containers`, not `Containers`"),
    "containers is a mapping": ("      containers: {a: b}\n", 7, "containers must be a list"),
    "initContainers is a string": ("      initContainers: x\n      containers: [{name: a}]\n", 7, "initContainers must be a list"),
    "a container is a string": ("      containers: [a]\n", 7, "a container must be a mapping"),
    "a context is a string": ("      containers: [{name: a, securityContext: x}]\n", 7, '`securityContext` is the text "x"; it must be a mapping'),
    "capabilities is a list": ("      containers:\n      - securityContext: {capabilities: [x]}\n", 8, "`capabilities` is a list; it must be a mapping"),
    "add is a string": ("      containers:\n      - securityContext: {capabilities: {add: ALL}}\n", 8, '`add` is the text "ALL"; it must be a list'),
    "volumes is a mapping": ("      containers: [{name: a}]\n      volumes: {a: b}\n", 8, "`volumes` is a mapping; it must be a list"),
    "a volume is a string": ("      containers: [{name: a}]\n      volumes: [a]\n", 8, '`volumes[0]` is the text "a"; it must be a mapping'),
    "a port is a string": ("      containers: [{name: a, ports: [{containerPort: http}]}]\n", 7, '`containerPort` is the text "http"; it must be a whole number'),
    "a port in quotes": ("      containers: [{name: a, ports: [{containerPort: '80'}]}]\n", 7, '`containerPort` is the text "80"; remove the quotes'),
    "an image that is a number": ("      containers: [{name: a, image: 1.10}]\n", 7, "`image` is the number 1.1, since YAML 1.1 reads `1.10` as a number; put it in quotes"),
    "a user in quotes": ("      securityContext: {runAsUser: '0'}\n      containers: [{name: a}]\n", 7, '`runAsUser` is the text "0"; remove the quotes'),
    "an operator's placeholder": ("      containers: [{name: a, ports: [{containerPort: '${port}'}]}]\n", 7, "`containerPort` is a placeholder, "),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "line", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_types_are_problems(spec: str, line: int, message: str) -> None:
    (problem,) = judge(spec).problems
    assert problem.line == line
    assert message in problem.message


@pytest.mark.parametrize("spec", ["", "      - a\n", "      x\n"])
def test_a_pod_spec_that_is_none(spec: str) -> None:
    assert judge(spec or "      {}\n").problems


@pytest.mark.parametrize("value", ["'true'", "'false'", "1", "[true]", "{a: b}", "yes"])
@pytest.mark.parametrize("field", ["hostPID", "hostNetwork", "hostIPC"])
def test_nothing_but_false_is_false(field: str, value: str) -> None:
    result = judge(f"      {field}: {value}\n      containers: [{{name: a}}]\n")
    rule = {"hostPID": "host-pid", "hostNetwork": "host-network", "hostIPC": "host-ipc"}[field]
    assert rule in result.offended or result.problems


def test_a_wrong_type_is_told_once_and_passes_nothing() -> None:
    result = judge("      containers: [{name: a, securityContext: x}]\n")
    assert len(result.problems) == 1
    text = HEAD + "      containers: [{name: a, securityContext: x}]\n"
    (resource,) = read("a.yaml", text.encode()).resources
    _, assessment, _ = assess(JUDGE, resource, 0)
    assert assessment is not None
    assert not assessment.passed
    assert assessment.pss_level == "privileged"


def test_each_wrong_field_is_told_in_its_own_words() -> None:
    spec = "      containers: [{name: a, image: 1.10, ports: [{containerPort: '80', hostPort: '81'}, {containerPort: x}]}]\n"
    text = HEAD.replace("namespace: shop", "namespace: n") + spec
    (resource,) = read("a.yaml", text.encode()).resources
    assert [str(problem) for problem in JUDGE.judge(resource).problems] == [
        "a.yaml:3: Deployment/false/web: `namespace` is false, since YAML 1.1 reads `n` as false; put it in quotes",
        "a.yaml:7: Deployment/false/web: `image` is the number 1.1, since YAML 1.1 reads `1.10` as a number; put it in quotes",
        'a.yaml:7: Deployment/false/web: `containerPort` is the text "80"; remove the quotes',
        'a.yaml:7: Deployment/false/web: `hostPort` is the text "81"; remove the quotes',
        'a.yaml:7: Deployment/false/web: `containerPort` is the text "x"; it must be a whole number of at most 32 bits',
    ]


def test_a_template_in_another_object_is_judged_by_the_types_of_pods() -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, ports: [{containerPort: '${p}'}]}]}}"
    text = f"apiVersion: templates.example.com/v1\nkind: Template\nspec:\n  resources:\n  - template: {pod}\n"
    (resource,) = read("a.yaml", text.encode()).resources
    (problem,) = JUDGE.judge(resource).problems
    assert str(problem).startswith('a.yaml:5: Template: `containerPort` is a placeholder, the text "${p}"')


def test_a_type_of_no_known_schema_is_told_with_the_rule() -> None:
    text = "apiVersion: security.openshift.io/v1\nkind: SecurityContextConstraints\nmetadata: {name: a}\nallowedCapabilities: [5]\n"
    (resource,) = read("a.yaml", text.encode()).resources
    (problem,) = JUDGE.judge(resource).problems
    assert "cannot be judged by scc-" in problem.message


def test_a_pod_patch_of_argo_is_a_problem() -> None:
    text = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  podSpecPatch: 'hostPID: true'\n  templates: []\n"
    (resource,) = read("a.yaml", text.encode()).resources
    (problem,) = JUDGE.judge(resource).problems
    assert problem.line == 4


def test_a_long_list_is_judged_item_by_item() -> None:
    """The engine gives up after 10,000 steps; two lists of 150 take more."""
    volumes = ", ".join(f"{{name: v{n}, emptyDir: {{}}}}" for n in range(150))
    mounts = ", ".join(f"{{name: v{n}, mountPath: /m{n}}}" for n in range(150))
    result = judge(f"      containers: [{{name: a, volumeMounts: [{mounts}]}}]\n      volumes: [{volumes}]\n")
    assert not result.problems
    assert "writable-host-path" not in result.offended


def test_a_huge_pod_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_POD_VALUES", 100)
    (problem,) = judge(f"      containers: [{{name: a, args: [{', '.join('x' * 200)}]}}]\n").problems
    assert "more than 100 values" in problem.message


# ------------------------------------------------------------------------------------ fingerprints

BASE = """\
      containers:
      - name: a
        securityContext: {capabilities: {add: [NET_RAW]}}
"""

SAME: dict[str, str] = {
    "lines above": "      # a comment\n\n" + BASE,
    "reformatted": '      "containers": [{"name": "a", "securityContext": {"capabilities": {"add": ["NET_RAW"]}}}]\n',
    "another container before": BASE.replace("      - name: a", "      - name: z\n      - name: a"),
    "another item before": BASE.replace("[NET_RAW]", "[NET_BIND_SERVICE, NET_RAW]"),
}
OTHER: dict[str, str] = {
    "another container": BASE.replace("name: a", "name: b"),
    "another value": BASE.replace("NET_RAW", "NET_ADMIN"),
    "another list": BASE.replace("containers:", "initContainers:") + "      containers: [{name: c}]\n",
}


def fingerprint(spec: str, path: str = "a.yaml") -> Any:
    (resource,) = read(path, (HEAD + spec).encode()).resources
    (finding,) = Judge(RULES, pss.NEWEST_MINOR, {"network-capability"}).judge(resource).findings
    return finding.fingerprint


@pytest.mark.parametrize("spec", SAME.values(), ids=SAME.keys())
def test_fingerprints_survive(spec: str) -> None:
    assert fingerprint(spec) == fingerprint(BASE)
    assert fingerprint(BASE, "moved/b.yaml") == fingerprint(BASE)


@pytest.mark.parametrize("spec", OTHER.values(), ids=OTHER.keys())
def test_fingerprints_tell_apart(spec: str) -> None:
    assert fingerprint(spec) != fingerprint(BASE)


def test_many_pods_with_shared_volumes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_WORKLOAD_VALUES", 1_000)
    volumes = ", ".join(f"{{name: v{n}}}" for n in range(100))
    templates = "".join(f"  - {{name: t{n}, container: {{image: x}}}}\n" for n in range(20))
    text = f"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  volumes: [{volumes}]\n  templates:\n{templates}"
    (resource,) = read("a.yaml", text.encode()).resources
    (problem,) = JUDGE.judge(resource).problems
    assert "more than 1,000 values" in problem.message
