"""Variables of Flux that the repository does not hold: what they decide is a Problem where they stand, no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import kgate
from tests.hostile import write

KUSTOMIZATION = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec:
  sourceRef: {kind: GitRepository, name: flux-system}
  path: ./app
  postBuild:
"""
SECRET = "    substituteFrom: [{kind: Secret, name: cluster}]\n"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
"""
PLAIN = "  containers: [{name: app, image: web}]\n"


def scan(root: Path, post_build: str, files: dict[str, str], *arguments: str) -> tuple[int | None, list[str], str]:
    """Exit code, what could not be judged, and the whole report."""
    base = {".git/config": "", "flux/web.yaml": KUSTOMIZATION + post_build}
    write(root, {**base, "app/kustomization.yaml": "resources: [web.yaml]\n", **files})
    result = kgate("scan", ".", "-f", "json", "--min-score", "0", *arguments, cwd=root)
    report = json.loads(result.out)
    return result.code, remarks(report), result.out


def remarks(report: dict[str, Any]) -> list[str]:
    """What could not be judged, as ``path:line message``."""
    found = [(one, f"{one['what']} is not judged: {one['why']}") for one in report["unjudged"]]
    found += [(one, one["message"]) for one in report["problems"]]
    return [f"{one['path']}:{one['line']} {message}" for one, message in found]


HARMLESS = {
    "nothing uses it": PLAIN,
    "a label": PLAIN.replace("spec", "spec") + "  nodeSelector: {zone: '${ZONE}'}\n",
    "text in an environment": "  containers: [{name: app, image: web, env: [{name: A, value: 'x.${DOMAIN}'}]}]\n",
    "an argument": "  containers: [{name: app, image: web, args: ['--host=${DOMAIN}']}]\n",
    "a server of NFS": PLAIN + "  volumes: [{name: a, nfs: {server: '${NAS}', path: /}}]\n",
    "an escape": PLAIN + "  hostNetwork: false # $${HOSTNET}\n",
    "a default": PLAIN + "  hostNetwork: ${HOSTNET:=false}\n",
    "a limit, whatever it is": "  containers: [{name: app, image: web, resources: {limits: {cpu: '${CPU}'}}}]\n",
}


@pytest.mark.parametrize("spec", HARMLESS.values(), ids=HARMLESS)
def test_a_variable_that_decides_nothing_is_no_problem(tmp_path: Path, spec: str) -> None:
    code, problems, _ = scan(tmp_path, SECRET, {"app/web.yaml": POD + spec})
    assert (code, problems) == (0, [])


def test_an_object_that_is_not_judged_may_hold_any(tmp_path: Path) -> None:
    route = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec: {hostnames: ['${A}']}\n"
    )
    code, problems, _ = scan(tmp_path, SECRET, {"app/web.yaml": POD + PLAIN + "---\n" + route})
    assert (code, problems) == (0, [])


DECIDING = {
    "a field of the pod": (PLAIN + "  hostNetwork: ${A}\n", 6, "spec.hostNetwork"),
    "quoted, which the build undoes": (PLAIN + '  hostPID: "${A}"\n', 6, "spec.hostPID"),
    "a field of the container": (
        "  containers:\n  - name: app\n    image: web\n    securityContext:\n      privileged: ${A}\n",
        9,
        "spec.containers[0].securityContext.privileged",
    ),
    "a part of a tag": ("  containers:\n  - name: app\n    image: web:${A}\n", 7, "spec.containers[0].image"),
    "a capability": (
        "  containers:\n  - name: app\n    image: web\n    securityContext: {capabilities: {add: ['${A}']}}\n",
        8,
        "spec.containers[0].securityContext.capabilities.add[0]",
    ),
    "a path of the node": (
        PLAIN + "  volumes:\n  - name: a\n    hostPath: {path: '/var/${A}'}\n",
        8,
        "spec.volumes[0].hostPath.path",
    ),
}


@pytest.mark.parametrize(("spec", "line", "field"), DECIDING.values(), ids=DECIDING)
@pytest.mark.parametrize(
    ("post_build", "why"),
    [
        pytest.param(SECRET, "may come from Secret 'cluster', which is not among the manifests", id="not here"),
        pytest.param("    substitute: {B: c}\n", "is set nowhere, so Flux does not apply", id="set nowhere"),
    ],
)
def test_a_variable_that_decides_is_named_where_it_stands(
    tmp_path: Path, post_build: str, why: str, spec: str, line: int, field: str
) -> None:
    code, (problem,), out = scan(tmp_path, post_build, {"app/web.yaml": POD + spec})
    assert code == 3
    assert problem.startswith(f"app/web.yaml:{line} Pod/shop/web: {field} is not judged: ${{A}} ")
    assert why in problem
    assert not [one for one in json.loads(out)["findings"] if one["severity"] == "critical"]


def test_findings_that_hold_whatever_the_value_is_stay(tmp_path: Path) -> None:
    spec = "  hostPID: true\n  hostNetwork: ${A}\n  volumes: [{name: a, hostPath: {path: '/${B}'}}]\n" + PLAIN
    code, problems, out = scan(tmp_path, SECRET, {"app/web.yaml": POD + spec})
    rules = {one["rule"] for one in json.loads(out)["findings"]}
    assert code == 3
    assert [problem.split(" is not")[0].rpartition(" ")[2] for problem in problems] == [
        "spec.hostNetwork",
        "spec.volumes[0].hostPath.path",
    ]
    assert {"host-pid", "host-path-volume"} <= rules
    assert "host-network" not in rules


GIVEN = {
    "in kgate.yaml": ({"kgate.yaml": "flux: {variables: {A: 'false'}}\n"}, ()),
    "in a dotenv file": ({"given.env": "# known\nexport A=false # no\n\n"}, ("--flux-variables", "given.env")),
    "in a quoted dotenv file": ({"given.env": 'A="false"\n'}, ("--flux-variables", "given.env")),
    "in both, the file of the flag counts": (
        {"kgate.yaml": "flux: {variables: {A: 'true'}}\n", "given.env": "A=false\n"},
        ("--flux-variables", "given.env"),
    ),
    "by a plain Secret": (
        {"flux/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: cluster}\nstringData: {A: 'false'}\n"},
        (),
    ),
}


@pytest.mark.parametrize(("files", "arguments"), GIVEN.values(), ids=GIVEN)
def test_values_can_be_given(tmp_path: Path, files: dict[str, str], arguments: tuple[str, ...]) -> None:
    code, problems, _ = scan(
        tmp_path, SECRET, {"app/web.yaml": POD + PLAIN + "  hostNetwork: ${A}\n", **files}, *arguments
    )
    assert (code, problems) == (0, [])


@pytest.mark.parametrize(
    ("files", "arguments", "words"),
    [
        pytest.param({"a.env": "A=1\nsecret word\n"}, ("a.env",), "a.env: line 2 is not NAME=value", id="a line"),
        pytest.param({}, ("a.env",), "a.env: cannot be read", id="no file"),
        pytest.param({"kgate.yaml": "flux: {variables: {a-b: x}}\n"}, (), "'a-b' is not the name of a", id="a name"),
        pytest.param({"kgate.yaml": "flux: {variables: {A: 1}}\n"}, (), "flux.variables.A must be a str", id="a type"),
        pytest.param({"kgate.yaml": "flux: {values: {}}\n"}, (), "unknown field 'values' in flux", id="a field"),
        pytest.param(
            {"kgate.yaml": "argocd: {clusters: [{}]}\n"}, (), "argocd.clusters[0].name is missing", id="no name"
        ),
        pytest.param({"kgate.yaml": "argocd: {clusters: {a: b}}\n"}, (), "clusters must be a list of", id="no list"),
        pytest.param({"kgate.yaml": "argocd: {plugins: {a: cue}}\n"}, (), "argocd.plugins.a must be one", id="a tool"),
    ],
)
def test_what_is_given_wrongly(tmp_path: Path, files: dict[str, str], arguments: tuple[str, ...], words: str) -> None:
    write(tmp_path, {".git/config": "", "pod.yaml": POD + PLAIN, **files})
    flags = [flag for file in arguments for flag in ("--flux-variables", file)]
    result = kgate("scan", ".", *flags, cwd=tmp_path)
    assert result.code == 2
    assert words in result.err
    assert "secret word" not in result.err


HIDDEN = {
    "a name": POD.replace("name: web", "name: ${A}") + PLAIN,
    "a namespace": POD.replace("namespace: shop", "namespace: x-${A}") + PLAIN,
    "the name of a container": POD + PLAIN.replace("app", "${A}"),
    "an image": POD + PLAIN.replace("image: web", "image: '${A}'"),
    "a wrong type": POD + PLAIN + "  securityContext: {runAsUser: x${A}}\n",
    "a number of a wrong type": POD + PLAIN + "  priority: ${A}\n",
    "an unknown field": POD + PLAIN + "  ${A}s: true\n",
    "what is no longer YAML": POD + PLAIN + "  subdomain: ${A} {\n",
    "a key twice": POD + PLAIN + "  nodeSelector: {${A}: a, hunter-hunter: b}\n",
}


@pytest.mark.parametrize("pod", HIDDEN.values(), ids=HIDDEN)
def test_no_report_shows_the_value_of_a_secret(tmp_path: Path, pod: str) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: cluster}\nstringData: {A: hunter-hunter}\n"
    write(tmp_path, {".git/config": "", "flux/web.yaml": KUSTOMIZATION + SECRET, "secrets.yaml": secret})
    write(tmp_path, {"app/kustomization.yaml": "resources: [web.yaml]\n", "app/web.yaml": pod})
    others = ("json", "sarif", "html")
    result = kgate("scan", ".", "-v", *(f"-o{name}=report.{name}" for name in others), cwd=tmp_path)
    assert result.code in (0, 1, 3)
    for text in (result.out, *((tmp_path / f"report.{name}").read_text(encoding="utf-8") for name in others)):
        shown = text.replace("nodeSelector: {${A}: a, hunter-hunter: b}", "")  # the line of the source itself
        assert len(shown) > 100
        assert "hunter-hunter" not in shown


def test_functions_on_strings_decide(tmp_path: Path) -> None:
    given = "    substitute: {A: 'x/false.y', B: web}\n"
    spec = PLAIN + "  hostNetwork: ${A:2:5}\n  hostPID: ${B/web/false}\n  hostIPC: ${NONE:=${B//web/false}}\n"
    other = POD.replace("name: web", "name: other") + PLAIN + "  hostNetwork: ${B##*}true\n"
    code, problems, out = scan(tmp_path, given, {"app/web.yaml": f"{POD}{spec}---\n{other}"})
    assert (code, problems) == (0, [])
    report = json.loads(out)
    assert [one["resource"]["name"] for one in report["findings"] if one["rule"] == "host-network"] == ["other"]


def test_what_flux_cannot_read_is_told(tmp_path: Path) -> None:
    for text, shown in (("${A#}", "${A#}"), ("${A/b}", "${A/b}"), ("${A-b}", "${A-b}")):
        pod = POD + PLAIN + f'  hostname: "{text}"\n'
        code, problems, out = scan(tmp_path, "    substitute: {A: web}\n", {"app/web.yaml": pod})
        assert (code, problems) == (0, [])
        notes = [one["message"] for one in json.loads(out)["notes"]]
        assert any(f"{shown}" in note and "not an expression that Flux can read" in note for note in notes), notes


def test_no_report_shows_a_part_of_a_secret(tmp_path: Path) -> None:
    spec = "  containers: [{name: app, image: 'web:${A:1}', securityContext: {runAsUser: '${A#h}'}}]\n"
    files = {"app/web.yaml": POD + spec, "given.env": "A=hunter-hunter\n"}
    code, problems, out = scan(tmp_path, "    substitute: {B: web}\n", files, "--flux-variables", "given.env")
    assert (code, "unter-hunter" in out) == (3, False)
    assert all("takes a part of a secret value, which no report may show" in one for one in problems), problems
    assert len(problems) == 2
