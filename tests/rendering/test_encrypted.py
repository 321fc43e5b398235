"""Encrypted values files, ConfigMaps, generators and plugins, with real programs: unknown, and said to be encrypted."""

from __future__ import annotations

from pathlib import Path

from tests.test_rendering import CHART, report, scan, tree

TOKEN = "ENC[AES256_GCM,data:cT0x,iv:aa+/=,tag:bb==,type:bool]"
SOPS = f"sops:\n  mac: {TOKEN}\n"
CONTAINERS = "containers: [{name: app, image: b}]"
POD = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: idle}}\nspec: {{{CONTAINERS}}}\n"
SWITCHED = {
    "agent/Chart.yaml": "apiVersion: v2\nname: agent\nversion: 1.0.0\n",
    "agent/templates/a.yaml": "{{ if .Values.agent }}\n" + POD + "{{ end }}\n",
    "agent/templates/b.yaml": "apiVersion: v1\nkind: Secret\ndata: {a: {{ .Values.password | b64enc | quote }}}\n",
}
RELEASES = """\
charts:
  - path: web
    releases: [{values: [web/secrets.yaml]}, {values: [web/vault.yaml]}]
  - path: agent
    releases: [{values: [agent/secrets.yaml]}]
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: agent, namespace: argocd}
spec:
  destination: {namespace: shop}
  source:
    repoURL: https://git.example.org/shop/deploy.git
    path: agent
    helm:
      valueFiles: [secrets://secrets.yaml, "secrets+age-import:///keys/a.txt?plain.yaml", "secrets://https://a.example/b"]
"""
HELM_RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: shop}}
spec:
  chart: {{spec: {{chart: ./web, sourceRef: {{kind: GitRepository, name: flux-system, namespace: flux-system}}}}}}
  valuesFrom: [{{kind: ConfigMap, name: values}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: values, namespace: shop}}
data: {{values.yaml: '{0}'}}
"""


def test_encrypted_values_of_a_chart_are_unknown(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            **CHART,
            **SWITCHED,
            "kgate.yaml": RELEASES,
            "web/secrets.yaml": f"security:\n  hostPID: {TOKEN}\n{SOPS}",
            "web/vault.yaml": "$ANSIBLE_VAULT;1.1;AES256\n66\n",
            "agent/secrets.yaml": f"password: {TOKEN}\nagent: {TOKEN.replace('cT0x', 'dHJ1')}\n{SOPS}",
            "agent/plain.yaml": "{}\n",
            "app.yaml": APPLICATION,
            "flux.yaml": HELM_RELEASE.format(TOKEN),
        },
    )
    found = report(tmp_path)
    told = {(one["path"], one["line"], one["what"].partition(" ")[0], one["why"]) for one in found["unjudged"]}
    decides = "agent, which SOPS encrypts, is in no object, so it may decide what the chart renders"
    assert {one for one in told if "agent" in one[3]} == {("agent/secrets.yaml", 2, "all", decides)}
    assert (
        "web/vault.yaml",
        None,
        "kgate.yaml",
        "it is encrypted by Ansible Vault, so nobody knows what it holds",
    ) in told
    assert any(one[0] == "flux.yaml" and "which SOPS encrypts" in one[3] for one in told)
    (pid,) = [one for one in told if "hostPID" in str(one) or TOKEN in one[3]]
    assert pid[3] == f"{TOKEN} is encrypted by SOPS, so its value is not known"
    (problem,) = found["problems"]
    assert "is a remote file, whose values are unknown" in problem["message"]
    scores = {one["rendered_by"]["variants"][0]["name"]: one["score"] for one in found["workloads"]}
    assert scores["release web, web/secrets.yaml"] is None


GENERATOR = (
    "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: secrets}\nfiles: [./secret.enc.yaml, pod.enc.yaml]\n"
)


def test_what_sops_decrypts_for_kustomize_is_named(tmp_path: Path) -> None:
    """The rest of the kustomization is judged: a resource with encrypted fields, too."""
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{a: '{TOKEN}'}}\n{SOPS}"
    tree(
        tmp_path,
        {
            "prod/kustomization.yaml": "resources: [pod.yaml, secret.yaml]\ngenerators: [secrets.yaml]\n"
            "secretGenerator: [{name: env, envs: [.enc.env]}]\n",
            "prod/pod.yaml": POD.replace("{containers", f"{{hostPID: '{TOKEN}', containers"),
            "prod/secret.yaml": secret.replace("name: s", "name: plain"),
            "prod/secrets.yaml": GENERATOR,
            "prod/secret.enc.yaml": secret,
            "prod/pod.enc.yaml": POD.replace("name: idle", "name: hidden"),
            "prod/.enc.env": f"A={TOKEN}\nsops_version=3.9.0\n",
        },
    )
    found = report(tmp_path)
    assert not found["problems"]
    assert [one["name"] for one in found["workloads"]] == ["hidden", "idle"]  # a file of KSOPS is judged as written
    assert {(one["path"], one["what"]) for one in found["unjudged"]} == {("prod/pod.yaml", "Pod/idle: spec.hostPID")}
    (note,) = [one for one in found["notes"] if one["path"] == "prod/secrets.yaml"]
    assert note["message"].startswith("KSOPS does not run: the Secrets that it decrypts from ./secret.enc.yaml")


def test_an_encrypted_resource_that_is_not_yaml_keeps_its_kustomization_from_passing(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {"a/kustomization.yaml": "resources: [secret.yaml]\n", "a/secret.yaml": "$ANSIBLE_VAULT;1.1;AES256\n6\n"},
    )
    result = scan(tmp_path)
    assert result.code == 3
    assert "encrypted by Ansible Vault" in result.out
