"""inventions.py and chance.py: what nobody says of a release, or chance decides, decides no finding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kgate.rendering import gotemplate
from kgate.rendering.helm import chance
from kgate.rendering.helm.inventions import kubernetes_version
from tests.command import kgate
from tests.real_tools import helm_tool, helms

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
VERSIONS = helms("4.3", "4.1", "3.17")
SPEC = "spec:\n  containers: [{name: app, image: web}]\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"


def scan(root: Path, files: Mapping[str, str], *arguments: str, tool: str = "4.3") -> dict[str, Any]:
    """The report of a repository; names without a folder of their own are below charts/web."""
    for name, text in {".git/config": "", "charts/web/Chart.yaml": CHART, **files}.items():
        path = root / (name if "/" in name else f"charts/web/templates/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    options = ("-f", "json", "--persona", "pedantic", "--helm-bin", str(helm_tool(tool).path))
    found = kgate("scan", *options, *arguments, cwd=root)
    report: dict[str, Any] = json.loads(found.out)
    return report


def rules(report: Mapping[str, Any]) -> set[str]:
    return {finding["rule"] for finding in report["findings"]}


OWN_RULE = """\
id: {id}
title: A rule about names
severity: high
points: 5
target: resource
kinds: [Pod]
expression: "{expression}"
{fields}message: It has a wrong name.
rationale: None.
remediation: None.
examples:
  good: [{{apiVersion: v1, kind: Pod, metadata: {{name: team-a, namespace: shop}}}}]
  bad: [{{apiVersion: v1, kind: Pod, metadata: {{name: app, namespace: app}}}}]
"""

NAMED = """\
apiVersion: v1
kind: Pod
metadata:
  name: {}
  namespace: {}
spec:
  containers:
  - name: app
    image: web
"""


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        pytest.param("web", "{{ .Release.Namespace }}", id="printed"),
        pytest.param("web", "{{ .Release.Namespace | quote }}", id="quoted"),
        pytest.param("web", '{{ include "web.namespace" . }}', id="by a helper"),
        pytest.param("web", "{{ .Values.namespace | default .Release.Namespace }}", id="by default"),
        pytest.param("web", "{{ with $ }}{{ .Release.Namespace }}{{ end }}", id="of a variable"),
    ],
)
def test_a_namespace_that_nobody_gives_decides_nothing(tmp_path: Path, name: str, namespace: str) -> None:
    helper = '{{ define "web.namespace" }}{{ .Release.Namespace }}{{ end }}'
    own = OWN_RULE.format(
        id="wrong-namespace",
        expression="resource.?metadata.?namespace.orValue('') == 'shop'",
        fields="fields: [metadata.namespace]\n",
    )
    files = {"pod.yaml": NAMED.format(name, namespace), "_h.tpl": helper, "own/wrong-namespace.yaml": own}
    report = scan(tmp_path, files, "--rules", str(tmp_path / "own"), "charts")
    assert not rules(report) & {"default-namespace", "system-namespace", "wrong-namespace"}
    assert rules(report)
    assert report["workloads"][0]["namespace"] is None


@pytest.mark.parametrize(
    ("release", "found"),
    [
        pytest.param("{namespace: default}", {"default-namespace"}, id="default"),
        pytest.param("{namespace: kube-system}", {"system-namespace"}, id="kube-system"),
        pytest.param("{namespace: shop}", set(), id="another"),
        pytest.param("{name: shop}", set(), id="none"),
    ],
)
def test_a_namespace_that_is_given_decides(tmp_path: Path, release: str, found: set[str]) -> None:
    config = f"charts: [{{path: charts/web, releases: [{release}]}}]"
    report = scan(tmp_path, {"pod.yaml": NAMED.format("web", "{{ .Release.Namespace }}"), "./kgate.yaml": config})
    assert rules(report) & {"default-namespace", "system-namespace"} == found


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(f"{POD}{SPEC}  hostPID: {{{{ eq .Release.Namespace `default` }}}}\n", id="as a value"),
        pytest.param(
            f"{POD}{SPEC}{{{{ if eq .Release.Namespace `default` }}}}  hostPID: true{{{{ end }}}}\n",
            id="as a condition",
        ),
        pytest.param(
            f"{POD}{SPEC}  hostPID: {{{{ has .Release.Namespace (list `default` `kube-system`) }}}}\n", id="in a list"
        ),
    ],
)
def test_nothing_depends_on_the_namespace_default(tmp_path: Path, template: str) -> None:
    assert "host-pid" not in rules(scan(tmp_path, {"pod.yaml": template}))


def test_a_namespace_of_values_decides(tmp_path: Path) -> None:
    files = {
        "pod.yaml": NAMED.format("web", "{{ .Values.namespace | default .Release.Namespace }}"),
        "charts/web/values.yaml": "namespace: default\n",
    }
    assert "default-namespace" in rules(scan(tmp_path, files))


@pytest.mark.parametrize(
    ("written", "values", "is_found"),
    [
        pytest.param("{{ .Release.Name }}", "", False, id="invented"),
        pytest.param("{{ include `web.name` . }}", "", False, id="invented, by a helper"),
        pytest.param('"{{ .Release.Name }}"', "", False, id="invented, in quotes"),
        pytest.param("default", "", True, id="written"),
        pytest.param("{{ .Values.account }}", "account: default", True, id="in values"),
    ],
)
def test_a_name_that_nobody_gives_decides_nothing(tmp_path: Path, written: str, values: str, is_found: bool) -> None:
    files = {
        "charts/default/Chart.yaml": CHART,
        "charts/default/values.yaml": values,
        "charts/default/templates/_h.tpl": "{{ define `web.name` }}{{ .Release.Name }}{{ end }}",
        "charts/default/templates/pod.yaml": f"{POD}{SPEC}  serviceAccountName: {written}\n",
    }
    found = rules(scan(tmp_path, files, "charts/default"))
    assert ("default-service-account" in found) == is_found
    assert found


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        pytest.param("{{ .Release.Name }}", False, id="the whole name"),
        pytest.param("{{ .Release.Name }}-web", False, id="a part of it"),
        pytest.param("{{ .Chart.Name }}", True, id="the name of the chart"),
        pytest.param("shop", True, id="written"),
    ],
)
@pytest.mark.parametrize("fields", ["", "fields: [metadata.name]\n"], ids=["without fields", "with fields"])
def test_a_rule_of_ones_own_about_names(tmp_path: Path, name: str, fields: str, is_found: bool) -> None:
    own = OWN_RULE.format(id="wrong-name", expression="resource.metadata.name.startsWith('team-')", fields=fields)
    files = {
        "charts/app/Chart.yaml": CHART.replace("web", "shop"),
        "charts/app/templates/pod.yaml": NAMED.format(name, "x"),
        "own/wrong-name.yaml": own,
    }
    found = rules(scan(tmp_path, files, "--rules", str(tmp_path / "own"), "charts/app"))
    assert ("wrong-name" in found) == is_found


@pytest.mark.parametrize(
    ("ranges", "version"),
    [
        pytest.param("", "1.37.0", id="none"),
        pytest.param(">=1.20.0-0", "1.37.0", id="open"),
        pytest.param(">= 1.19-0 < 1.30-0", "1.29.0", id="closed"),
        pytest.param("^1.20.0 || ~1.18.0", "1.37.0", id="one of two"),
        pytest.param("~1.24.0", "1.24.0", id="one minor version"),
        pytest.param("2.x", "1.37.0", id="none that is known"),
    ],
)
def test_the_version_of_kubernetes(ranges: str, version: str) -> None:
    assert kubernetes_version(ranges) == version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("chart", "arguments", "printed"),
    [
        pytest.param("", (), "1.37", id="the newest"),
        pytest.param("kubeVersion: '<1.30.0-0'\n", (), "1.29", id="the newest that the chart takes"),
        pytest.param("", ("--kubernetes-version", "latest"), "1.37", id="the latest"),
        pytest.param("", ("--kubernetes-version", "1.28"), "1.28", id="one that is named"),
    ],
)
def test_charts_are_rendered_for_the_version_that_they_are_judged_for(
    tmp_path: Path, chart: str, arguments: tuple[str, ...], printed: str, version: str
) -> None:
    pod = POD.replace("web", "v{{ .Capabilities.KubeVersion.Major }}.{{ .Capabilities.KubeVersion.Minor }}") + SPEC
    files = {"pod.yaml": pod, "charts/web/Chart.yaml": CHART + chart}
    report = scan(tmp_path, files, *arguments, tool=version)
    assert [workload["name"] for workload in report["workloads"]] == [f"v{printed}"]


CHANCES = [
    *("randAlphaNum 5 | lower", "randAlpha 5 | lower", "randNumeric 5", "(randAscii 8 | sha256sum | trunc 8)"),
    *("uuidv4", "now | date `20060102`", "now.Unix", "date `150405` now", "randInt 0 1000", "5 | randNumeric"),
    *("randBytes 8 | sha1sum", "htpasswd `a` `b` | sha1sum", "bcrypt `a` | sha1sum", "genPrivateKey `rsa` | sha1sum"),
    *("(genCA `ca` 365).Cert | sha1sum", "(genSelfSignedCert `a` nil nil 365).Key | sha1sum", "shuffle `abcdef`"),
    *("encryptAES `0123456789abcdef` `a` | sha1sum", "ago now | sha1sum", "keys (dict `b` 1 `a` 2) | join `-`"),
    *("get (genSignedCert `a` (list) (list `b`) 365 (genCA `ca` 365) | toJson | fromJson) `Cert` | sha1sum",),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, version: str) -> None:
    head = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-"
    files = {f"{number}.yaml": f"{head}{{{{ {call} }}}}\n{SPEC}" for number, call in enumerate(CHANCES)}
    first = scan(tmp_path, files, tool=version)
    assert first == scan(tmp_path, {}, tool=version)
    names = {workload["name"] for workload in first["workloads"]}
    assert names == {"web-a-b" if "keys" in call else f"web-{{{{ {call} }}}}" for call in CHANCES}
    assert not first["problems"]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("template", "values"),
    [
        pytest.param("{{ $name := randAlphaNum 9 | lower }}\n{{ $name }}", "", id="a variable"),
        pytest.param("{{ include `web.name` . }}", "", id="a helper"),
        pytest.param("{{ tpl .Values.name . }}", "name: '{{ randAlphaNum 9 | lower }}'", id="a template in values"),
        pytest.param("{{ with randAlphaNum 9 }}{{ lower . }}{{ end }}", "", id="a block"),
    ],
)
def test_names_by_chance_are_those_that_the_template_writes(
    tmp_path: Path, template: str, values: str, version: str
) -> None:
    before, _, name = template.rpartition("\n")
    files = {
        "pod.yaml": f"{before}\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n{SPEC}",
        "_h.tpl": "{{ define `web.name` }}{{ randAlphaNum 9 | lower }}{{ end }}",
        "charts/web/values.yaml": values,
    }
    first = scan(tmp_path, files, tool=version)
    assert first == scan(tmp_path, {}, tool=version)
    (workload,) = first["workloads"]
    assert workload["name"].startswith("{{")


@pytest.mark.parametrize(
    ("spec", "rule", "found", "unjudged"),
    [
        pytest.param(
            "env: [{name: PASSWORD, value: {{ randAlphaNum 9 }}}]", "hardcoded-secret", False, 0, id="a password"
        ),
        pytest.param(
            "env: [{name: DB, value: 'pg://a:{{ randAlphaNum 9 }}@db/'}]", "hardcoded-secret", False, 0, id="in a URL"
        ),
        pytest.param(
            "env: [{name: DB, value: 'pg://a:{{ now.Unix }}b@db/'}]", "hardcoded-secret", True, 0, id="partly written"
        ),
        pytest.param("image: 'web:{{ now.Unix }}'", "image-without-digest", True, 0, id="a tag by chance"),
        pytest.param("ports: [{hostPort: {{ randInt 1 9 }}}]", "host-port", True, 0, id="any number is wrong"),
        pytest.param("securityContext: {runAsUser: {{ randInt 0 2 }}}", "run-as-root-user", False, 1, id="one number"),
        pytest.param("securityContext: {runAsUser: {{ randInt 0 1 }}}", "run-as-root-user", True, 0, id="no chance"),
        pytest.param(
            "securityContext: {privileged: {{ eq (randInt 0 2) 1 }}}", "privileged-container", False, 1, id="a flag"
        ),
        pytest.param(
            "securityContext: {{ if eq (randInt 0 2) 1 }}{privileged: true}{{ else }}{}{{ end }}",
            "privileged-container",
            False,
            1,
            id="a mapping",
        ),
        pytest.param("terminationMessagePath: '{{ shuffle `/` }}'", "missing-memory-limit", True, 0, id="a slash"),
    ],
)
def test_chance_decides_nothing(tmp_path: Path, spec: str, rule: str, found: bool, unjudged: int) -> None:
    image = "" if "image" in spec else "image: web\n    "
    pod = f"{POD}spec:\n  containers:\n  - name: app\n    {image}{spec}\n"
    report = scan(tmp_path, {"pod.yaml": pod})
    assert (rule in rules(report)) == found
    problems = [problem["message"] for problem in report["problems"]]
    assert len(problems) == unjudged, problems
    assert all("chance decides spec.containers[0].securityContext" in text for text in problems)


def test_objects_by_chance_are_a_problem(tmp_path: Path) -> None:
    pod = f"{{{{ if eq (randInt 0 2) 1 }}}}\n{POD}{SPEC}  hostPID: true\n{{{{ end }}}}\n---\n{POD}{SPEC}"
    (problem,) = scan(tmp_path, {"pod.yaml": pod})["problems"]
    assert problem["message"].startswith("prints other objects each time")


def test_a_chart_that_does_not_take_stand_ins_is_rendered_as_it_is(tmp_path: Path) -> None:
    needs = "{{ $ca := genCA `ca` 365 }}{{ $own := buildCustomCert (b64enc $ca.Cert) (b64enc $ca.Key) }}"
    pod = f"{needs}\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web-{{{{ $own.Cert | sha1sum }}}}\n{SPEC}"
    report = scan(tmp_path, {"pod.yaml": pod})
    assert not report["problems"]
    assert [workload["name"] for workload in report["workloads"]] == ["web-{{ $own.Cert | sha1sum }}"]
    assert report == scan(tmp_path, {})


def test_a_fault_is_told_as_the_template_writes_it(tmp_path: Path) -> None:
    (problem,) = scan(tmp_path, {"pod.yaml": f"{POD}{SPEC}  a: {{{{ randAlphaNum 9 | fail }}}}\n"})["problems"]
    assert "printf" not in problem["message"]


@pytest.mark.parametrize(
    ("body", "settled"),
    [
        pytest.param(" .Values.now ", " .Values.now ", id="a field"),
        pytest.param(' "now" | quote ', ' "now" | quote ', id="a string"),
        pytest.param(" $now ", " $now ", id="a variable"),
        pytest.param(" (randInt 1 9) | add 1 ", " (min 1 9) | add 1 ", id="in parentheses"),
        pytest.param(" $x := keys .a | first ", " $x := keys .a | sortAlpha | first ", id="in a pipeline"),
        pytest.param(" $x:=keys .a ", " $x:=keys .a  | sortAlpha ", id="at the end"),
        pytest.param(" range $v := values .a ", " range $v := .a ", id="values, one by one"),
        pytest.param(" range $i, $v := values .a ", " range $i, $v := values .a ", id="values, counted"),
    ],
)
def test_calls_that_have_stand_ins(body: str, settled: str) -> None:
    (token,) = gotemplate.tokens(f"{{{{{body}}}}}")
    assert " ".join((chance.settled(token, 0).body or "").split()) == " ".join(settled.split())


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        pytest.param("name: '{{ randAlphaNum 5 }}'", True, id="an action"),
        pytest.param("# the values of now\nname: '{{ .Release.Name }}' # default values\n", False, id="comments"),
        pytest.param("name: now", False, id="no action"),
        pytest.param("a: '{{ print \"}}\" (randInt 0 9) }}'", True, id="behind braces in a string"),
        pytest.param("a: '{{ print \"{{\" (randInt 0 9) }}'", True, id="behind others"),
        pytest.param("a: '{{ print \"}}{{ }}\" (randInt 0 9) }}' # values", True, id="behind both"),
        pytest.param("a: '{{ print 1'\nb: 'now }}'", True, id="an action in two values"),
        pytest.param("a: '{{ randInt 0'\nb: '9'", True, id="an action that other text ends"),
        pytest.param("a: '{{ .Values.now }}'", False, id="a field of that name"),
    ],
)
def test_chance_counts_in_actions(text: str, calls: bool) -> None:
    assert chance.may_call(text) is calls
