"""Charts, kustomizations and GitOps objects through the real command: judged as deployed, located where edited."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from tests.command import Result, kgate
from tests.real_tools import helm_tool, helms, kustomize_tool, tools_env

CONTAINER = """\
        - name: app
          image: registry.example.com/app:1.0@sha256:{digest}
""".format(digest="a" * 64)
WEAK_DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      hostPID: true
      containers:
{CONTAINER}"""
HARDENING = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      hostPID: false
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: app
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""
CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/values.yaml": "# privilege\nsecurity:\n  hostPID: true\n",
    "web/templates/deployment.yaml": WEAK_DEPLOYMENT.replace(
        "hostPID: true", "hostPID: {{ .Values.security.hostPID }}"
    ),
}
KUSTOMIZATION = {
    "base/kustomization.yaml": "resources: [deployment.yaml]\n",
    "base/deployment.yaml": WEAK_DEPLOYMENT,
}
OVERLAY = {
    **KUSTOMIZATION,
    "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: harden.yaml}]\n",
    "prod/harden.yaml": HARDENING,
}


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / ".git").mkdir(exist_ok=True)
    return root


def scan(root: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    return kgate("scan", *(arguments or (".",)), cwd=root, env={**tools_env(), **(env or {})})


def report(root: Path, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The report with the findings of all rules."""
    result = scan(root, "-f", "json", "--persona", "pedantic", *(arguments or (".",)), env=env)
    assert result.err == "", result
    found: dict[str, Any] = json.loads(result.out)
    return found


def findings(found: Mapping[str, Any], rule: str) -> list[Any]:
    return [finding for finding in found["findings"] if finding["rule"] == rule]


def fingerprints(found: Mapping[str, Any]) -> list[str]:
    return [finding["fingerprint"] for finding in found["findings"]]


def place(finding: Mapping[str, Any]) -> str:
    location = finding["location"]
    assert not location["approximate"]
    return f"{location['path']}:{location['line']}:{location['column']}"


# ------------------------------------------------------------------------------------------ Kustomize


def test_a_weak_base_alone_is_red(tmp_path: Path) -> None:
    tree(tmp_path, KUSTOMIZATION)
    assert scan(tmp_path).code == 1
    (finding,) = findings(report(tmp_path), "host-pid")
    assert place(finding) == "base/deployment.yaml:10:7"
    assert finding["rendered_by"] == [
        {"tool": "kustomize", "path": "base", "variants": [{"name": None, "requested_by": None}]}
    ]


def test_an_overlay_that_hardens_it_is_green(tmp_path: Path) -> None:
    tree(tmp_path, OVERLAY)
    assert scan(tmp_path, "--min-score", "90").code == 0
    found = report(tmp_path)
    assert [workload["rendered_by"]["path"] for workload in found["workloads"]] == ["prod"]
    assert scan(tmp_path, "base").code == 1


@pytest.mark.parametrize(
    "name", ["base/deployment.yaml", "prod/harden.yaml", "base/kustomization.yaml", "prod/kustomization.yaml"]
)
def test_a_named_file_stands_for_the_overlays_that_use_it(tmp_path: Path, name: str) -> None:
    tree(tmp_path, OVERLAY)
    found = report(tmp_path, name)
    assert [workload["rendered_by"]["path"] for workload in found["workloads"]] == ["prod"]
    assert found["verdict"]["passed"]


def test_the_same_finding_of_two_overlays_is_one(tmp_path: Path) -> None:
    overlay = "resources: [../base]\nnamePrefix: {}-\n"
    names = ("staging", "production")
    tree(tmp_path, {**KUSTOMIZATION, **{f"{name}/kustomization.yaml": overlay.format(name) for name in names}})
    found = report(tmp_path)
    (finding,) = findings(found, "host-pid")
    assert place(finding) == "base/deployment.yaml:10:7"
    assert [entry["path"] for entry in finding["rendered_by"]] == ["production", "staging"]
    assert [who["name"] for who in (finding["resource"], *finding["also"])] == ["production-web", "staging-web"]
    assert {workload["name"] for workload in found["workloads"]} == {"production-web", "staging-web"}
    shown = scan(tmp_path).out
    assert "rendered by kustomize production; kustomize staging" in shown
    assert "also Deployment/staging-web" in shown
    assert shown.count("included here") == 2, "by the overlay and by the base, said once of the object"


def test_a_new_overlay_changes_no_fingerprint(tmp_path: Path) -> None:
    overlay = "resources: [../base]\nnamespace: {0}\nnamePrefix: {0}-\n"
    tree(tmp_path, {**KUSTOMIZATION, "production/kustomization.yaml": overlay.format("production")})
    before = report(tmp_path)
    tree(tmp_path, {"canary/kustomization.yaml": overlay.format("canary")})
    after = report(tmp_path)
    assert findings(after, "host-pid")[0]["resource"]["namespace"] == "canary"
    assert fingerprints(after) == fingerprints(before)


def test_equal_patches_of_two_overlays_have_two_fingerprints(tmp_path: Path) -> None:
    overlay = "resources: [../base]\npatches: [{path: weaken.yaml}]\n"
    patch = HARDENING.replace("hostPID: false", "hostIPC: true")
    overlays = {f"{name}/kustomization.yaml": overlay for name in "ab"}
    tree(tmp_path, {**KUSTOMIZATION, **overlays, "a/weaken.yaml": patch, "b/weaken.yaml": patch})
    first, second = findings(report(tmp_path), "host-ipc")
    assert first["fingerprint"] != second["fingerprint"]


# ----------------------------------------------------------------------------------------------- Helm


def test_a_renamed_release_changes_no_fingerprint(tmp_path: Path) -> None:
    template = CHART["web/templates/deployment.yaml"].replace("name: web", "name: {{ .Release.Name }}-web")
    config = "charts: [{{path: web, releases: [{{name: {}, namespace: {}}}]}}]\n"
    tree(tmp_path, {**CHART, "web/templates/deployment.yaml": template, "kgate.yaml": config.format("a", "b")})
    before = report(tmp_path)
    tree(tmp_path, {"kgate.yaml": config.format("c", "d")})
    after = report(tmp_path)
    assert findings(after, "host-pid")[0]["resource"]["name"] == "c-web"
    assert fingerprints(after) == fingerprints(before)


def test_a_weakness_of_values_names_the_template_and_the_key(tmp_path: Path) -> None:
    tree(tmp_path, CHART)
    (finding,) = findings(report(tmp_path), "host-pid")
    assert place(finding) == "web/templates/deployment.yaml:10:7"
    first = finding["related"][0]
    assert (first["path"], first["line"], first["message"]) == ("web/values.yaml", 3, "value security.hostPID")
    assert "← web/values.yaml:3:3 value security.hostPID" in scan(tmp_path).out
    values = tmp_path / first["path"]
    lines = values.read_text(encoding="utf-8").splitlines()
    lines[first["line"] - 1] = lines[first["line"] - 1].replace("true", "false")
    values.write_text("\n".join(lines), encoding="utf-8")
    assert findings(report(tmp_path), "host-pid") == []
    assert scan(tmp_path).code == 0


@pytest.mark.parametrize("version", helms("4.3", "3.17", "4.1"))
def test_every_supported_helm(tmp_path: Path, version: str) -> None:
    tree(tmp_path, {**CHART, "web/ci/safe-values.yaml": "security: {hostPID: false}\n"})
    found = report(tmp_path, env=tools_env(version))
    (finding,) = findings(found, "host-pid")
    assert place(finding) == "web/templates/deployment.yaml:10:7"
    assert finding["rendered_by"][0]["variants"] == [{"name": None, "requested_by": None}]
    assert len(found["workloads"]) == 2
    assert found["problems"] == []


def test_releases_of_the_configuration(tmp_path: Path) -> None:
    config = "charts: [{path: web, releases: [{name: shop, values: [prod.yaml]}]}]\n"
    tree(tmp_path, {**CHART, "kgate.yaml": config, "prod.yaml": "security: {hostPID: false}\n"})
    found = report(tmp_path)
    assert findings(found, "host-pid") == []
    assert len(found["workloads"]) == 1


@pytest.mark.parametrize(
    ("entry", "folder"),
    [
        pytest.param("{name: web, releaseName: web}", "charts/web", id="by its name"),
        pytest.param("{name: web, version: 1.0.0}", "charts/web", id="by its name, with a version"),
        pytest.param(
            "{name: web, repo: 'https://example.org', version: 1.0.0}", "charts/web-1.0.0/web", id="by its version"
        ),
    ],
)
def test_a_chart_of_a_kustomization_is_judged_with_its_values_alone(tmp_path: Path, entry: str, folder: str) -> None:
    charts = {f"app/{folder}/{path[4:]}": text for path, text in CHART.items()}
    inline = entry.replace("}", ", valuesInline: {security: {hostPID: false}}}")
    tree(tmp_path, {**charts, "app/kustomization.yaml": f"helmCharts:\n- {inline}\n"})
    found = report(tmp_path)
    assert not found["problems"]
    assert [workload["rendered_by"]["tool"] for workload in found["workloads"]] == ["kustomize"]
    assert findings(found, "host-pid") == []


def test_a_missing_file_is_one_problem_for_all_that_include_it(tmp_path: Path) -> None:
    base = {"base/kustomization.yaml": "resources:\n- deployment.yaml\n"}
    overlays = {f"{name}/kustomization.yaml": "resources: [../base]\n" for name in ("one", "two", "three")}
    found = report(tree(tmp_path, {**base, **overlays}))
    (problem,) = found["problems"]
    assert (problem["path"], problem["line"]) == ("base/kustomization.yaml", 2)
    assert problem["message"].startswith("resources: there is no base/deployment.yaml, so what it builds is not judged")


def test_a_problem_of_several_renderings_counts_once(tmp_path: Path) -> None:
    broken = {"base/kustomization.yaml": "resources: [none.yaml]\n"}
    overlays = {f"{name}/kustomization.yaml": "resources: [../base]\n" for name in ("one", "two", "three")}
    found = report(tmp_path) if tree(tmp_path, {**broken, **overlays}) else {}
    assert len(found["problems"]) == 1
    assert found["verdict"]["reasons"][0].startswith("1 problem")


def test_each_overlay_of_a_remote_base_is_named(tmp_path: Path) -> None:
    remote = {"base/kustomization.yaml": "resources: ['https://example.org/x?ref=1']\n"}
    overlays = {f"{name}/kustomization.yaml": "resources: [../base]\n" for name in ("one", "two", "three")}
    found = report(tree(tmp_path, {**remote, **overlays}))
    assert sorted((one["path"], one["line"], one["what"]) for one in found["unjudged"]) == [
        ("base/kustomization.yaml", 1, name) for name in ("one", "three", "two")
    ]
    reason = found["verdict"]["reasons"][0]
    assert reason.startswith("3 parts of what is deployed were not judged; run kgate pull, or accept")


def test_a_pattern_of_the_configuration_finds_the_charts_of_the_scan(tmp_path: Path) -> None:
    config = "charts: [{path: '**', releases: [{values: [values-prod.yaml]}]}]\n"
    charts = {f"{name}/{path[4:]}": text for name in ("a", "b", "c") for path, text in CHART.items()}
    prod = {"a/values-prod.yaml": "security: {hostPID: false}\n", "c/values-prod.yaml": ""}
    tree(tmp_path, {**charts, **prod, "kgate.yaml": config, ".kgateignore": "c/\n"})
    found = report(tmp_path)
    assert [place(finding) for finding in findings(found, "host-pid")] == ["b/templates/deployment.yaml:10:7"]
    assert len(found["workloads"]) == 2
    assert len(report(tmp_path, "a")["workloads"]) == 1


def test_without_helm_a_chart_is_a_problem_and_the_rest_is_judged(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {**CHART, "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n"},
    )
    result = kgate("scan", "-f", "json", ".", cwd=tmp_path, env={"PATH": os.fspath(tmp_path / "empty")})
    found = json.loads(result.out)
    assert result.code == 3
    (problem,) = found["problems"]
    assert problem["path"] == "web/Chart.yaml"
    assert "install Helm" in problem["message"]
    assert [workload["name"] for workload in found["workloads"]] == ["a"]


def test_a_program_of_the_repository_is_not_run(tmp_path: Path) -> None:
    tree(tmp_path, {**CHART, "helm": "#!/bin/sh\ntouch ran\n", "kgate.yaml": f"helm-bin: {tmp_path}/helm\n"})
    (tmp_path / "helm").chmod(0o755)
    result = kgate("scan", ".", cwd=tmp_path)
    assert result.code == 2
    assert "helm-bin" in result.err
    (tmp_path / "kgate.yaml").unlink()
    kgate("scan", ".", cwd=tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert not (tmp_path / "ran").exists()


# ----------------------------------------------------------------------------------- GitOps objects

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  source:
    repoURL: https://git.example.com/us/here
    path: web
    helm: {valuesObject: {security: {hostPID: false}}}
  destination: {namespace: shop}
"""
FLUX = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  sourceRef: {kind: GitRepository, name: flux-system}
  path: ./base
  targetNamespace: shop
"""


def test_an_application_brings_its_values(tmp_path: Path) -> None:
    tree(
        tmp_path, {**CHART, "app.yaml": APPLICATION, "kgate.yaml": "repositories: [https://git.example.com/us/here]\n"}
    )
    found = report(tmp_path)
    assert findings(found, "host-pid") == []
    (workload,) = found["workloads"]
    assert "Application/argocd/shop" in workload["rendered_by"]["variants"][0]["requested_by"]


def test_an_application_of_another_repository_is_not_judged(tmp_path: Path) -> None:
    elsewhere = APPLICATION.replace("path: web", "path: no-such-folder")
    tree(tmp_path, {"app.yaml": elsewhere, "kgate.yaml": "repositories: [https://git.example.com/us/other]\n"})
    found = report(tmp_path)
    assert found["problems"] == []
    (unjudged,) = found["unjudged"]
    assert "is not in this repository" in unjudged["why"]
    assert scan(tmp_path).code == 3
    assert scan(tmp_path, ".", "--unjudged", "note").code == 0
    (tmp_path / "kgate.yaml").write_text("repositories: [https://git.example.com/us/other]\nunjudged: note\n")
    assert scan(tmp_path).code == 0


@pytest.mark.parametrize("start", ["clusters", "clusters/app.yaml", "."])
def test_an_application_brings_its_plain_folder_into_the_scan(tmp_path: Path, start: str) -> None:
    application = APPLICATION.replace("path: web", "path: manifests").partition("    helm:")[0]
    files = {"clusters/app.yaml": application, "manifests/web.yaml": WEAK_DEPLOYMENT, "manifests/deep/x.yaml": "a: b\n"}
    tree(tmp_path, {**files, "kgate.yaml": "repositories: [https://git.example.com/us/here]\n"})
    (finding,) = findings(report(tmp_path, start), "host-pid")
    assert place(finding) == "manifests/web.yaml:10:7"


def test_an_application_on_standard_input_is_not_judged(tmp_path: Path) -> None:
    result = kgate("scan", "-f", "json", "-", cwd=tmp_path, stdin=APPLICATION.encode())
    (unjudged,) = json.loads(result.out)["unjudged"]
    assert (unjudged["path"], unjudged["line"], unjudged["what"]) == ("<stdin>", 1, "Application/argocd/shop")
    assert result.code == 3


def test_a_flux_kustomization_claims_what_it_deploys(tmp_path: Path) -> None:
    tree(tmp_path, {**KUSTOMIZATION, "clusters/apps.yaml": FLUX})
    found = report(tmp_path)
    (workload,) = found["workloads"]
    assert workload["namespace"] == "shop"
    (finding,) = findings(found, "host-pid")
    assert place(finding) == "base/deployment.yaml:10:7"


def test_an_app_of_apps(tmp_path: Path) -> None:
    apps = {
        "apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
        "apps/values.yaml": "repository: https://git.example.com/us/here\n",
        "apps/templates/web.yaml": APPLICATION.replace("https://git.example.com/us/here", "{{ .Values.repository }}"),
    }
    tree(tmp_path, {**CHART, **apps, "kgate.yaml": "repositories: [https://git.example.com/us/here]\n"})
    found = report(tmp_path)
    assert found["problems"] == []
    assert findings(found, "host-pid") == []
    assert [workload["namespace"] for workload in found["workloads"]] == [None]
    assert "apps/templates/web.yaml:1" in found["workloads"][0]["rendered_by"]["variants"][0]["requested_by"]


def test_kinds_that_rules_ask_about_are_read_in_renderings_too(tmp_path: Path) -> None:
    definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: {}\n"
    files = {
        "web/Chart.yaml": CHART["web/Chart.yaml"],
        "web/crds/a.yaml": definition.format("a"),
        "web/templates/b.yaml": definition.format("b"),
        "base/kustomization.yaml": "resources: [c.yaml]\n",
        "base/c.yaml": definition.format("c"),
    }
    programs = {"helm": os.fspath(helm_tool().path), "kubectl": os.fspath(kustomize_tool().path)}
    root = tree(tmp_path, files)
    intake = batches_of(["CustomResourceDefinition"])
    everything = collect([root], Repository.at(root), RenderSettings(programs=programs), intake)
    with closing(everything):
        found = {str(resource.id.name) for contents in everything for resource in contents.resources}
    assert found == {"a", "b", "c"}


def test_same_bytes(tmp_path: Path) -> None:
    formats = ("text", "json", "sarif", "junit", "markdown")
    root = tree(tmp_path / "repository", {**CHART, **OVERLAY, "app.yaml": APPLICATION})
    texts = []
    for seed in "12":
        outputs = [word for name in formats for word in ("-o", f"{name}={tmp_path / name}")]
        printed = scan(root, ".", *outputs, env={"PYTHONHASHSEED": seed}).out
        texts.append([printed, *((tmp_path / name).read_text(encoding="utf-8") for name in formats)])
    assert texts[0] == texts[1]
    assert all(len(text) > 50 for text in texts[0])
    for text in texts[0]:
        assert os.fspath(tmp_path) not in text
        assert "kgate-" not in text.replace("kgate-report", "").replace("kgate-action", ""), "a temporary folder"


# -------------------------------------------------------------------------- nothing passes in silence

_OFF = {"web/values.yaml": "security: {hostPID: false}\n"}
_ON = APPLICATION.replace("false", "true")
_HARDENED = (
    FLUX
    + """\
  patches:
    - target: {kind: Deployment}
      patch: "- {op: remove, path: /spec/template/spec/hostPID}"
"""
)
_AS_IT_IS = FLUX.replace("  targetNamespace: shop\n", "").replace("name: apps", "name: raw")
_HERE = "repositories: [https://git.example.com/us/here]\n"
_RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: shop}
spec:
  chart: {spec: {chart: ./web, sourceRef: {kind: GitRepository, name: flux-system}}}
  values: {security: {hostPID: false}}
"""
_SWITCH = "[{target: {kind: HelmRelease}, patch: '- {op: replace, path: /spec/values/security/hostPID, value: true}'}]"
_FOUND_LATER = {
    **CHART,
    **_OFF,
    "web/templates/more.yaml": "# an Application of argoproj.io\n",
    ".kgateignore": "production\n",
    "base/kustomization.yaml": "resources: [release.yaml]\n",
    "base/release.yaml": _RELEASE,
    "staging/kustomization.yaml": "resources: [../base]\n",
    "production/kustomization.yaml": f"resources: [../base]\npatches: {_SWITCH}\n",
    "apps/kustomization.yaml": "resources: [app.yaml]\n",
    "apps/app.yaml": _ON.partition("    helm:")[0].replace("path: web", "path: production"),
    "kgate.yaml": _HERE,
}


def _applied(path: str, source: str = "{}", more: str = "") -> str:
    """An Application that deploys a folder of the repository, with fields of its source and of its spec."""
    name = path.replace("/", "-")
    fields = json.dumps({"repoURL": "https://git.example.com/us/here", "path": path})
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\nspec:\n"
        f"  destination: {{namespace: shop}}\n  project: default\n  source: {fields[:-1]}, {source[1:]}\n{more}"
    )


_CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
_HARDENED_BASE = {
    "base/kustomization.yaml": "resources: [deployment.yaml]\npatches: [{path: harden.yaml}]\n",
    "base/deployment.yaml": WEAK_DEPLOYMENT,
    "base/harden.yaml": HARDENING,
    "kgate.yaml": _HERE,
}
LOUD: list[tuple[str, dict[str, str], list[str]]] = [
    ("a manifest beside the values of a chart's tests", {**CHART, **_OFF, "web/ci/weak.yaml": WEAK_DEPLOYMENT}, ["."]),
    (
        "a release of the configuration, of a chart that an Application deploys too",
        {
            **CHART,
            "kgate.yaml": _HERE + "charts: [{path: web, releases: [{name: shop}]}]\n",
            "app.yaml": APPLICATION,
        },
        ["."],
    ),
    (
        "a folder that one object deploys changed and another one as it is",
        {"base/deployment.yaml": WEAK_DEPLOYMENT, "a.yaml": _HARDENED, "b.yaml": _AS_IT_IS},
        ["."],
    ),
    ("a release that an overlay changes, which is found when the chart is rendered already", _FOUND_LATER, ["."]),
    (
        "a manifest that Flux does not list, in a folder that it changes",
        {
            "base/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            "base/b.YAML": WEAK_DEPLOYMENT,
            "a.yaml": FLUX,
        },
        ["."],
    ),
    ("a named file of an ignored kustomization", {**KUSTOMIZATION, ".kgateignore": "base\n"}, ["base/deployment.yaml"]),
    (
        "a named template of a chart below another one",
        {"Chart.yaml": "apiVersion: v2\nname: all\nversion: 1.0.0\n", **CHART},
        ["web/templates/deployment.yaml"],
    ),
    (
        "an Application whose group is spelled with an escape",
        {
            **CHART,
            **_OFF,
            "kgate.yaml": _HERE,
            "app.yaml": _ON.replace("argoproj.io/v1alpha1", r'"argoproj\x2eio/v1alpha1"'),
        },
        ["."],
    ),
    (
        "a manifest that an Application applies without the kustomization that hardens it",
        {**_HARDENED_BASE, "app.yaml": _applied("base", "{directory: {include: deployment.*}}")},
        ["."],
    ),
    (
        "the same where only the kustomization is excluded",
        {**_HARDENED_BASE, "app.yaml": _applied("base", "{directory: {exclude: '{kustom*,harden.yaml}'}}")},
        ["."],
    ),
    (
        "a manifest below a folder that an Application applies, left out by an ignore file",
        {
            "all/apps/weak.yaml": WEAK_DEPLOYMENT,
            "all/.gitignore": "apps/\n",
            "kgate.yaml": _HERE,
            "app.yaml": _applied("all", "{directory: {recurse: true}}"),
        },
        ["."],
    ),
    (
        "an Application in what another one applies, left out by an ignore file",
        {
            "all/app.yaml": _applied("apps"),
            "apps/weak.yaml": WEAK_DEPLOYMENT,
            ".kgateignore": "/all\n/apps\n",
            "kgate.yaml": _HERE,
            "app.yaml": _applied("all"),
        },
        ["."],
    ),
    (
        "a manifest that Flux applies, left out by an ignore file",
        {"base/weak.yaml": WEAK_DEPLOYMENT, ".kgateignore": "weak.yaml\n", "flux.yaml": _AS_IT_IS},
        ["."],
    ),
    (
        "a kustomization that Flux applies, left out by an ignore file",
        {
            "base/a.yaml": _CONFIG_MAP,
            "base/more/kustomization.yaml": "resources: [weak.yaml]\n",
            "base/more/weak.yaml": WEAK_DEPLOYMENT,
            ".kgateignore": "more\n",
            "flux.yaml": _AS_IT_IS,
        },
        ["."],
    ),
    (
        "a kustomization beside a chart, which Argo CD takes first",
        {
            **CHART,
            **_OFF,
            "web/kustomization.yaml": "resources: [weak.yaml]\n",
            "web/weak.yaml": WEAK_DEPLOYMENT,
            "kgate.yaml": _HERE,
            "app.yaml": _applied("web"),
        },
        ["."],
    ),
    (
        "a dry source, which Argo CD takes before the source",
        {
            **_HARDENED_BASE,
            "weak/weak.yaml": WEAK_DEPLOYMENT,
            ".kgateignore": "weak\n",
            "app.yaml": _applied(
                "base",
                more="  sourceHydrator: {drySource: {repoURL: https://git.example.com/us/here, path: weak}}\n",
            ),
        },
        ["."],
    ),
    (
        "a chart in the folder of a kustomization that Flux applies",
        {
            "web/Chart.yaml": CHART["web/Chart.yaml"],
            "web/templates/deployment.yaml": WEAK_DEPLOYMENT,
            "web/kustomization.yaml": "resources: [map.yaml]\n",
            "web/map.yaml": _CONFIG_MAP,
            "flux.yaml": FLUX.replace("./base", "./web"),
        },
        ["."],
    ),
    (
        "a kustomization in the folder of a chart that Argo CD renders",
        {
            **CHART,
            "web/kustomization.yaml": "resources: [weak.yaml]\n",
            "web/weak.yaml": WEAK_DEPLOYMENT,
            "app.yaml": APPLICATION,
            "kgate.yaml": _HERE,
        },
        ["."],
    ),
    (
        "an Application in a large file",
        {**CHART, **_OFF, "kgate.yaml": _HERE, "app.yaml": f"# {'x' * (5 << 20)}\n{_ON}"},
        ["."],
    ),
]


def weak_deployments(found: Mapping[str, Any]) -> int:
    return sum(finding["resource"]["kind"] == "Deployment" for finding in findings(found, "host-pid"))


@pytest.mark.parametrize(("files", "paths"), [row[1:] for row in LOUD], ids=[row[0] for row in LOUD])
def test_privilege_is_found(tmp_path: Path, files: dict[str, str], paths: list[str]) -> None:
    tree(tmp_path, files)
    found = report(tmp_path, *paths)
    assert weak_deployments(found) == 1
    assert found["problems"] == []


def test_a_link_to_a_manifest_beyond_the_scanned_paths(tmp_path: Path) -> None:
    tree(tmp_path, {"apps/app.yaml": _applied("all"), "other/weak.yaml": WEAK_DEPLOYMENT, "kgate.yaml": _HERE})
    (tmp_path / "all").mkdir()
    (tmp_path / "all/weak.yaml").symlink_to("../other/weak.yaml")
    assert weak_deployments(report(tmp_path, "apps")) == 1


def test_an_application_in_utf_16(tmp_path: Path) -> None:
    tree(tmp_path, {**CHART, **_OFF, "kgate.yaml": _HERE})
    (tmp_path / "app.yaml").write_text(_ON, encoding="utf-16")
    assert weak_deployments(report(tmp_path)) == 1


def test_a_manifest_below_crds_is_judged_once(tmp_path: Path) -> None:
    tree(tmp_path, {**CHART, **_OFF, "web/crds/weak.yaml": WEAK_DEPLOYMENT.replace("name: web", "name: weak", 1)})
    assert weak_deployments(report(tmp_path)) == 1
    assert weak_deployments(report(tmp_path, "web/crds/weak.yaml")) == 1
    assert weak_deployments(report(tmp_path, "web/templates/deployment.yaml")) == 0
