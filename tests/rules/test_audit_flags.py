"""Rules about the flags of the audit log: what each tool makes of them, in whatever file they are written."""

from __future__ import annotations

import textwrap

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.rules.load import load

RULES = tuple(rule for rule in load() if "audit" in rule.id and rule.components)
JUDGES = {minor: Judge(RULES, minor) for minor in (35, 36, 37)}

KIND = """\
    # kind, site/content/docs/user/auditing.md
    kind: Cluster
    apiVersion: kind.x-k8s.io/v1alpha4
    nodes:
    - role: control-plane
      kubeadmConfigPatches:
      - |
        kind: ClusterConfiguration
        apiServer:
          extraArgs:
            audit-log-path: /var/log/kubernetes/kube-apiserver-audit.log
            audit-policy-file: /etc/kubernetes/policies/audit-policy.yaml
          extraVolumes:
          - name: audit-policies
            hostPath: /etc/kubernetes/policies
            mountPath: /etc/kubernetes/policies
            readOnly: true
            pathType: "DirectoryOrCreate"
          - name: "audit-logs"
            hostPath: "/var/log/kubernetes"
            mountPath: "/var/log/kubernetes"
            readOnly: false
            pathType: DirectoryOrCreate
      extraMounts:
      - hostPath: ./audit-policy.yaml
        containerPath: /etc/kubernetes/policies/audit-policy.yaml
        readOnly: true
"""
KIND_WITHOUT_VOLUMES = KIND[: KIND.index("          extraVolumes")] + KIND[KIND.index("      extraMounts") :]

RKE2 = "profile: cis\nwrite-kubeconfig-mode: '0600'\n"
RKE1 = "services:\n  kube-api:\n    audit_log:\n      enabled: true\n"
RKE1_SETTINGS = (
    f"{RKE1}      configuration: {{max_age: 6, max_backup: 6, max_size: 110, path: /var/log/a.log, format: json}}\n"
)

TALOS = """\
    version: v1alpha1
    machine: {type: controlplane}
    cluster:
      apiServer:
        image: registry.k8s.io/kube-apiserver:v1.36.0
        extraArgs: {audit-policy-file: /etc/audit/policy.yaml}
"""
TALOS_MOUNTED = f"{TALOS}        extraVolumes: [{{hostPath: /var/audit, mountPath: /etc/audit, readonly: true}}]\n"

KOPS = """\
    apiVersion: kops.k8s.io/v1alpha2
    kind: Cluster
    metadata: {name: a.example.org}
    spec:
      kubernetesVersion: 1.35.2
      kubeAPIServer: {auditLogPath: /var/log/audit.log, auditLogMaxSize: 0}
"""

CLUSTER_API = """\
    apiVersion: controlplane.cluster.x-k8s.io/v1beta1
    kind: KubeadmControlPlane
    metadata: {name: a}
    spec:
      version: v1.35.2
      kubeadmConfigSpec:
        clusterConfiguration:
          apiServer:
            extraArgs:
              audit-policy-file: /etc/kubernetes/audit-policy.yaml
              audit-log-path: /var/log/audit/audit.log
              audit-log-maxage: "30"
              audit-log-maxbackup: "90"
            extraVolumes:
            - {name: policy, hostPath: /etc/kubernetes/audit-policy.yaml, mountPath: /etc/kubernetes/audit-policy.yaml}
            - {name: log, hostPath: /var/log/audit, mountPath: /var/log/audit, pathType: DirectoryOrCreate}
"""


def findings(text: str, minor: int = 37) -> list[str]:
    """The rules that find something in a file, each with the line."""
    batch = manifest.read("config.yaml", textwrap.dedent(text).encode())
    assert batch.resources
    judgements = [JUDGES[minor].judge(resource) for resource in batch.resources]
    assert not [*batch.problems, *(problem for one in judgements for problem in one.problems)]
    found = [finding for judgement in judgements for finding in judgement.findings]
    return sorted(f"{finding.rule.id} {finding.location.start.line}" for finding in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(KIND, [], id="kind, as it is documented"),
        pytest.param(
            KIND_WITHOUT_VOLUMES, ["audit-file-not-mounted 12", "audit-log-in-container 11"], id="kind, without volumes"
        ),
        pytest.param(RKE2, ["audit-policy-default-none 1"], id="RKE2 with a profile: its default policy"),
        pytest.param(f"{RKE2}audit-policy-file: /etc/a.yaml\n", [], id="RKE2 with a profile and a policy"),
        pytest.param("audit-policy-file: /etc/a.yaml\n", [], id="RKE2 with a policy"),
        pytest.param(
            f"{RKE2}kube-apiserver-arg: [audit-policy-file=/etc/a.yaml, audit-log-maxage=7]\n",
            ["audit-log-short-retention 3"],
            id="RKE2, overruled by arguments",
        ),
        pytest.param(
            "kube-apiserver-arg:\n- audit-log-path=/var/log/a.log\n",
            ["audit-log-without-policy 2"],
            id="k3s, no policy",
        ),
        pytest.param(
            "kube-apiserver-arg:\n- audit-log-path=/a.log\n- audit-policy-file=/a.yaml\n", [], id="k3s, in no container"
        ),
        pytest.param(RKE1, [], id="RKE, with its defaults"),
        pytest.param(RKE1_SETTINGS, ["audit-log-short-retention 5"], id="RKE, with settings"),
        pytest.param(RKE1.replace("true", "false"), ["api-server-without-audit 4"], id="RKE, switched off"),
        pytest.param(TALOS, ["audit-file-not-mounted 6"], id="Talos, another policy than its own"),
        pytest.param(TALOS.rpartition("        extra")[0], [], id="Talos, with its defaults"),
        pytest.param(TALOS_MOUNTED, [], id="Talos, another policy that is mounted"),
        pytest.param("kubernetes_audit: false\n", ["api-server-without-audit 1"], id="Kubespray, as it is by default"),
        pytest.param("kubernetes_audit: true\n", [], id="Kubespray, with its defaults"),
        pytest.param(
            "kubernetes_audit: true\naudit_log_maxbackups: 1\n",
            ["audit-log-short-retention 2"],
            id="Kubespray, one file",
        ),
        pytest.param(
            "kubernetes_audit: false\nkubernetes_audit_webhook: true\naudit_webhook_batch_max_size: 1\n",
            ["audit-events-throttled 3", "audit-webhook-alone 2"],
            id="Kubespray, a webhook",
        ),
        pytest.param(KOPS, ["audit-log-unbounded 6", "audit-log-without-policy 6"], id="kOps"),
        pytest.param(CLUSTER_API, ["audit-policy-writable 15"], id="Cluster API"),
    ],
)
def test_a_file_of_each_tool(text: str, expected: list[str]) -> None:
    assert findings(text) == expected


@pytest.mark.parametrize(
    ("policy", "log", "line"),
    [
        pytest.param("File", "", 11, id="that of the policy"),
        pytest.param("", "File", 12, id="that of the log"),
        pytest.param("File", "File", 11, id="both"),
    ],
)
def test_a_finding_about_a_volume_points_at_the_one_that_is_wrong(policy: str, log: str, line: int) -> None:
    text = f"""\
        apiVersion: v1
        kind: Pod
        metadata: {{name: a, namespace: kube-system}}
        spec:
          containers:
          - name: a
            image: registry.k8s.io/kube-apiserver:v1.36.0
            command: [kube-apiserver, --audit-policy-file=/a/a.yaml, --audit-log-path=/b/b.log]
            volumeMounts: [{{name: a, mountPath: /a, readOnly: true}}, {{name: b, mountPath: /b}}]
          volumes:
          - {{name: a, hostPath: {{path: /a, type: "{policy}"}}}}
          - {{name: b, hostPath: {{path: /b, type: "{log}"}}}}
    """
    assert findings(text) == [f"audit-mount-type {line}"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("profile: cis\naudit-policy-file: [a]\n", 2, id="RKE2"),
        pytest.param(f"{RKE1}      configuration:\n        max_age: {{a: b}}\n", 6, id="RKE"),
        pytest.param("kubernetes_audit: true\naudit_log_maxage: [30]\n", 2, id="Kubespray"),
        pytest.param("kubernetes_audit: true\naudit_log_maxage: thirty\n", 2, id="Kubespray, a text"),
    ],
)
def test_a_value_of_another_type_is_a_problem(text: str, line: int) -> None:
    (resource,) = manifest.read("config.yaml", text.encode()).resources
    assert {problem.line for problem in JUDGES[37].judge(resource).problems} == {line}


@pytest.mark.parametrize(
    ("flags", "before", "since"),
    [
        pytest.param("--audit-log-maxbackup=10", [], [], id="files are limited"),
        pytest.param("--v=2", ["audit-log-unbounded"], [], id="the defaults"),
        pytest.param("--audit-log-maxsize=0, --audit-log-maxage=30", [], ["audit-log-unbounded"], id="a size of zero"),
    ],
)
def test_what_changed_with_1_36(flags: str, before: list[str], since: list[str]) -> None:
    text = f"""\
        apiVersion: v1
        kind: Pod
        metadata: {{name: a, namespace: kube-system}}
        spec:
          containers:
          - name: a
            command: [kube-apiserver, --audit-policy-file=/a/a.yaml, --audit-log-path=/a/a.log, {flags}]
            volumeMounts: [{{name: a, mountPath: /a}}]
          volumes: [{{name: a, hostPath: {{path: /a}}}}]
    """
    expected = {35: before, 36: since, 37: since}
    for minor, rules in expected.items():
        found = {one.split()[0] for one in findings(text, minor)} - {"audit-policy-writable"}
        assert found == set(rules), minor


POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


def indented(text: str, width: int) -> str:
    return textwrap.indent(text, " " * width)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: KubeadmControlPlane\nmetadata: {name: a}\nspec:\n"
            "  kubeadmConfigSpec:\n    files:\n    - path: /etc/kubernetes/audit.yaml\n      content: |\n"
            + indented(POLICY, 8),
            9,
            id="a file of Cluster API",
        ),
        pytest.param(
            "apiVersion: kops.k8s.io/v1alpha2\nkind: Cluster\nmetadata: {name: a}\nspec:\n  fileAssets:\n"
            "  - name: audit\n    path: /srv/kubernetes/audit.yaml\n    content: |\n" + indented(POLICY, 6),
            9,
            id="a file of kOps",
        ),
        pytest.param(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: audit}\ndata:\n  policy: |\n" + indented(POLICY, 4),
            6,
            id="a ConfigMap, as Gardener names one",
        ),
        pytest.param(
            "version: v1alpha1\nmachine: {type: controlplane}\ncluster:\n  apiServer:\n    auditPolicy:\n"
            + indented(POLICY, 6),
            6,
            id="Talos",
        ),
        pytest.param("cluster:\n  apiServer:\n    auditPolicy:\n" + indented(POLICY, 6), 4, id="a patch of Talos"),
        pytest.param(
            "apiVersion: v1alpha1\nkind: KubeAuditPolicyConfig\nconfiguration:\n" + indented(POLICY, 2),
            4,
            id="a document of Talos",
        ),
        pytest.param(
            "services:\n  kube-api:\n    audit_log:\n      configuration:\n        policy:\n" + indented(POLICY, 10),
            6,
            id="RKE",
        ),
    ],
)
def test_an_audit_policy_inside_of_another_file(text: str, line: int) -> None:
    found = [one for one in manifest.read("config.yaml", text.encode()).resources if one.id.kind == "Policy"]
    assert [one.locate("/apiVersion").start.line for one in found] == [line]
    assert [one.body["rules"] for one in found] == [[{"level": "Metadata"}]]
