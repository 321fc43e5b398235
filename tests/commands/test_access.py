"""kgate reach and kgate who-can: the answers, their formats, and what is missing in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import ROOT, kgate
from tests.hostile import write
from tests.rbac.objects import binding, role
from tests.real_tools import tools_env

DOCUMENT = (ROOT / "docs/access.md").read_text(encoding="utf-8")
MANIFESTS = re.search(r"<!-- rbac.yaml -->\n```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
SESSIONS = re.findall(r"```console\n\$ kgate (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)
PODS = "verbs: [get], apiGroups: [''], resources: [pods]"


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    assert MANIFESTS is not None
    write(tmp_path, {".git/config": "", "rbac.yaml": MANIFESTS[1]})
    return tmp_path


def deployment(name: str = "web", more: str = "") -> str:
    return f"""\
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec: {{template: {{spec: {{serviceAccountName: web, containers: [{{name: a, image: b}}]{more}}}}}}}
"""


@pytest.mark.parametrize(("command", "shown"), SESSIONS, ids=[command for command, _ in SESSIONS])
def test_the_document_shows_real_output(documented: Path, command: str, shown: str) -> None:
    result = kgate(*command.split(), cwd=documented)
    assert (result.code, result.err, result.out) == (0, "", shown)


def test_the_document_has_examples() -> None:
    assert [command.split()[0] for command, _ in SESSIONS] == ["reach", "who-can"]


def test_reach_as_json(documented: Path) -> None:
    result = kgate("reach", "deployment/shop/web", "-f", "json", cwd=documented)
    found = json.loads(result.out)
    (reach,) = found["reach"]
    assert (found["undefined_roles"], found["problems"]) == ([], [])
    assert reach["service_account"] == {"namespace": "shop", "name": "web", "namespace_is_assumed": False}
    assert reach["token"] == {"mounted": True, "reason": "it is mounted by default"}
    first, second = reach["grants"]
    assert (first["severity"], first["rules"]) == ("critical", ["cluster-role-creates-workloads"])
    assert (second["severity"], second["rules"]) == (None, [])
    assert [(step["kind"], step["name"], step["line"]) for step in first["way"]] == [
        ("ClusterRoleBinding", "web-deploys", 24),
        ("ClusterRole", "deployer", 18),
    ]


def test_reach_as_a_graph(documented: Path) -> None:
    assert kgate("reach", "web", "-f", "mermaid", cwd=documented).out == (
        "flowchart LR\n"
        '  n0["Deployment/shop/web"]\n'
        '  n1["ServiceAccount/shop/web"]\n'
        '  n2["ClusterRoleBinding/web-deploys"]\n'
        '  n3["ClusterRole/deployer"]\n'
        '  n4["get, patch deployments.apps everywhere"]\n'
        '  n5["get configmaps named web everywhere"]\n'
        "  n0 --> n1\n  n1 --> n2\n  n2 --> n3\n  n3 --> n4\n  n3 --> n5\n"
    )
    dot = shutil.which("dot")
    text = kgate("reach", "web", "-f", "dot", cwd=documented).out
    assert text.startswith("digraph reach {\n")
    if dot:
        subprocess.run([dot, "-Tsvg"], input=text.encode(), check=True, capture_output=True)


def test_who_can_as_json(documented: Path) -> None:
    found = json.loads(kgate("who-can", "get", "configmap", "--name", "web", "-f", "json", cwd=documented).out)
    (grant,) = found["grants"]
    assert found["action"] == "get configmaps web"
    assert grant["subject"]["namespace"] == "shop"
    assert grant["permission"] == "get configmaps named web everywhere"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        pytest.param(("get", "secrets"), "nobody may get secrets", id="nobody"),
        pytest.param(("get", "secrets", "--all"), "may get secrets", id="the controllers of Kubernetes"),
        pytest.param(("get", "configmaps", "--name", "other"), "nobody may get configmaps other", id="another object"),
        pytest.param(("get", "/metrics"), "nobody may get /metrics", id="a path"),
        pytest.param(("patch", "deployments", "-n", "shop"), "1 may patch deployments.apps", id="in a namespace"),
    ],
)
def test_who_can(documented: Path, arguments: tuple[str, ...], wanted: str) -> None:
    result = kgate("who-can", *arguments, cwd=documented)
    assert result.code == 0
    last = result.out.splitlines()[-1]
    assert last.endswith(wanted)
    assert last.startswith("nobody") == (wanted.startswith("nobody"))


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        pytest.param(("who-can", "get", "secrest"), "no resource 'secrest'; did you mean 'secrets'?", id="misspelt"),
        pytest.param(("who-can", "get", "things"), "as things.example.org", id="a custom resource"),
        pytest.param(("who-can", "get"), "Missing argument 'RESOURCE'", id="no resource"),
        pytest.param(("reach", "wbe"), "there is no workload 'wbe'; did you mean 'web'?", id="a misspelt workload"),
        pytest.param(("reach", "Job/web"), "there is no workload 'Job/web'", id="of another kind"),
        pytest.param(("reach", "web", "-"), "'-' is standard input", id="standard input"),
    ],
)
def test_wrong_questions(documented: Path, arguments: tuple[str, ...], wanted: str) -> None:
    result = kgate(*arguments, cwd=documented)
    assert result.code == 2
    assert wanted in result.err


def test_a_name_of_several_workloads(tmp_path: Path) -> None:
    write(tmp_path, {".git/config": "", "a.yaml": deployment() + deployment().replace("Deployment", "StatefulSet")})
    result = kgate("reach", "web", cwd=tmp_path)
    assert result.code == 2
    assert "'web' names several workloads; write one of Deployment/web, StatefulSet/web" in result.err


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    account = "kind: ServiceAccount, name: web, namespace: apps"
    text = deployment() + binding("b", "ClusterRole/nowhere", account) + binding("c", "ClusterRole/view", account)
    write(tmp_path, {".git/config": "", "a.yaml": text, "b.yaml": "apiVersion: v1\nkind: [\n"})
    result = kgate("reach", "web", "-v", cwd=tmp_path)
    assert result.code == 3
    lines = result.out.splitlines()
    assert "  runs as ServiceAccount/apps/web  nowhere defined" in lines
    assert (
        "! ClusterRoleBinding b  a.yaml:10: ClusterRole nowhere is nowhere defined, so what it gives is not known"
        in lines
    )
    assert [line for line in lines if line.startswith("! b.yaml:")]
    assert [line for line in lines if line.endswith("ClusterRole/system:aggregate-to-view  part of Kubernetes")]


def test_overlays_of_several_clusters_are_not_mixed(tmp_path: Path) -> None:
    """Each has a workload of the same name; what is bound in one of them is nothing to the other."""
    base = deployment().replace("name: web}", "name: web, namespace: apps}") + role("r", PODS)
    bound = binding("b", "ClusterRole/r", "kind: ServiceAccount, name: web, namespace: apps")
    files = {
        ".git/config": "",
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": base,
        "staging/kustomization.yaml": "resources: [../base, b.yaml]\n",
        "staging/b.yaml": bound,
        "prod/kustomization.yaml": "resources: [../base]\n",
    }
    write(tmp_path, files)
    result = kgate("reach", "web", "-f", "json", cwd=tmp_path, env=tools_env())
    grants = {one["rendering"]: len(one["grants"]) for one in json.loads(result.out)["reach"]}
    assert grants == {"kustomize prod": 0, "kustomize staging": 1}


def test_a_plain_workload_has_what_a_kustomization_beside_it_binds(tmp_path: Path) -> None:
    """As in deploy/examples of Rook, whose kustomization holds the same workload for another platform."""
    plain = deployment().replace("name: web}", "name: web, namespace: apps}")
    bound = role("r", PODS) + binding("b", "ClusterRole/r", "kind: ServiceAccount, name: web, namespace: apps")
    files = {
        ".git/config": "",
        "app/kustomization.yaml": "resources: [other.yaml, rbac.yaml]\n",
        "app/other.yaml": plain,
        "app/rbac.yaml": bound,
        "app/web.yaml": plain,
        "elsewhere/web.yaml": plain,
    }
    write(tmp_path, files)
    result = kgate("reach", "web", "-f", "json", cwd=tmp_path, env=tools_env())
    grants = {one["path"]: len(one["grants"]) for one in json.loads(result.out)["reach"]}
    assert grants == {"app/other.yaml": 1, "app/web.yaml": 1, "elsewhere/web.yaml": 0}


def test_several_clusters_are_named(tmp_path: Path) -> None:
    """Each has the same binding, and another role of that name; a third one is bound to nobody knows where."""
    bound = binding("b", "ClusterRole/r", "kind: ServiceAccount, name: web, namespace: apps")
    secrets = PODS.replace("pods", "secrets")
    files = {
        ".git/config": "",
        "kgate.yaml": "clusters: [{name: prod, paths: [prod/]}, {name: staging, paths: [staging/]}]\n",
        "prod/a.yaml": deployment().replace("name: web}", "name: web, namespace: apps}") + bound,
        "prod/r.yaml": role("r", secrets),
        "staging/a.yaml": bound,
        "staging/r.yaml": role("r", PODS),
        "other/a.yaml": role("s", secrets) + binding("c", "ClusterRole/s", "kind: User, name: ann"),
    }
    write(tmp_path, files)
    result = kgate("who-can", "get", "secrets", cwd=tmp_path)
    assert result.out == (
        "User/ann  other/a.yaml:13\n"
        "    ClusterRoleBinding/c  other/a.yaml:11\n"
        "    ClusterRole/s  other/a.yaml:6\n"
        "      get secrets everywhere\n"
        "ServiceAccount/apps/web  prod/a.yaml:12\n"
        "    in prod\n"
        "    ClusterRoleBinding/b  prod/a.yaml:10\n"
        "    ClusterRole/r  prod/r.yaml:6\n"
        "      get secrets everywhere\n"
        "2 may get secrets\n"
    )
    found = json.loads(kgate("who-can", "get", "pods", "-f", "json", cwd=tmp_path).out)["grants"]
    assert [(one["clusters"], one["subject"]["path"]) for one in found] == [(["staging"], "staging/a.yaml")]
    assert kgate("reach", "web", cwd=tmp_path).out.splitlines()[1] == "  deployed to prod"
    assert json.loads(kgate("reach", "web", "-f", "json", cwd=tmp_path).out)["reach"][0]["clusters"] == ["prod"]


def test_a_role_that_only_another_cluster_has_is_missing(tmp_path: Path) -> None:
    bound = binding("b", "ClusterRole/r", "kind: User, name: ann")
    files = {
        ".git/config": "",
        "kgate.yaml": "clusters: [{name: prod, paths: [prod/]}, {name: staging, paths: [staging/]}]\n",
        "prod/a.yaml": bound,
        "staging/r.yaml": role("r", PODS),
    }
    write(tmp_path, files)
    result = kgate("who-can", "get", "pods", cwd=tmp_path)
    assert (result.code, result.out.splitlines()[0]) == (3, "nobody may get pods")
    assert "ClusterRole r is nowhere defined" in result.out


def test_text_of_manifests_is_inert(tmp_path: Path) -> None:
    hostile = 'x]"-->y##[error]::error::z'
    text = deployment(f"'{hostile}'") + binding(
        "b", "ClusterRole/view", "kind: ServiceAccount, name: web, namespace: a"
    )
    write(tmp_path, {".git/config": "", "a.yaml": text})
    for name in ("text", "json", "mermaid", "dot"):
        out = kgate("reach", hostile, "-f", name, cwd=tmp_path).out
        assert "##[" not in out
        assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]
    assert '  n0["Deployment/x#93;#34;--#62;y#35;' in kgate("reach", hostile, "-f", "mermaid", cwd=tmp_path).out
