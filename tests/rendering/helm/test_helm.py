"""Charts rendered by real Helm: what is judged, and where each field is said to stand."""

from __future__ import annotations

import http.server
import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from kgate.model import Batch, Location, Position, Related, Remark, Resource
from kgate.rendering.helm import render as render_module
from kgate.rendering.helm.release import InlineValues, Release, ValuesFile
from kgate.rendering.helm.releases import default_releases
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.requests import RenderContext, RenderOptions
from kgate.rendering.tools import FoundTools, Tool
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from tests.real_tools import helm_tool, helms

Files = Mapping[str, str | bytes]

DEFAULTS = RenderOptions()
CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"


def pod(line: str, name: str = "web") -> str:
    return f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n{line}"


def write(root: Path, files: Files) -> Path:
    """A repository with a chart in charts/web; paths without a folder of their own are below it."""
    for name, content in {"Chart.yaml": CHART, **files}.items():
        path = root / (name.removeprefix("/") if name.startswith("/") else f"charts/web/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root / "charts/web"


def render(
    root: Path, *releases: Release, chart: str = "charts/web", tool: str = "4.3", options: RenderOptions = DEFAULTS
) -> Batch:
    with Workspace(Repository.at(root)) as workspace:
        request = ChartRequest(root / chart, releases or (Release("rel", "shop"),))
        contents = request.render(RenderContext(workspace, FoundTools(helm_tool(tool)), options))
        for resource in contents.resources:
            resource.locate("")
        return contents


def only(contents: Batch) -> Resource:
    assert not contents.problems, contents.problems
    assert len(contents.resources) == 1, contents.resources
    return contents.resources[0]


def said(place: Location) -> list[str]:
    """A place and what is related to it, one line each."""
    mark = " (approximate)" if place.is_approximate else ""
    return [f"{place}{mark}", *(f"{item.message} {item.location}" for item in place.related)]


def packed(files: Files, folder: str = "sub") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(f"{folder}/{name}".lstrip("/"))
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


HELPERS = """\
{{- define "web.pod" -}}
hostPID: true
hostNetwork: {{ .Values.net }}
{{- end }}
{{- define "web.flag" -}}
{{ .flag }}
{{- end }}
"""
SUB = "apiVersion: v2\nname: sub\nversion: 1.0.0\n"
NET = "templates/pod.yaml"

PLACES: list[tuple[str, Files, str, list[str]]] = [
    ("literal text", {NET: pod("  hostPID: true\n")}, "/spec/hostPID", ["charts/web/templates/pod.yaml:6:3"]),
    (
        "a value",
        {NET: pod("  hostPID: {{ .Values.pid }}\n"), "values.yaml": "pid: true\n"},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:6:3", "value pid charts/web/values.yaml:1:1"],
    ),
    (
        "a value without a key in any file",
        {NET: pod("  hostPID: {{ .Values.pid | default true }}\n")},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:6:3"],
    ),
    (
        "text of a helper",
        {
            NET: pod('  {{- include "web.pod" . | nindent 2 }}\n'),
            "templates/_h.tpl": HELPERS,
            "values.yaml": "net: true",
        },
        "/spec/hostPID",
        ["charts/web/templates/_h.tpl:2:1", "called here charts/web/templates/pod.yaml:6:3"],
    ),
    (
        "a value in a helper",
        {
            NET: pod('  {{- include "web.pod" . | nindent 2 }}\n'),
            "templates/_h.tpl": HELPERS,
            "values.yaml": "net: true",
        },
        "/spec/hostNetwork",
        [
            "charts/web/templates/pod.yaml:6:3",
            "value net charts/web/values.yaml:1:1",
            "printed here charts/web/templates/_h.tpl:3:14",
        ],
    ),
    (
        "a value that a table passes to a helper",
        {
            NET: pod('  hostPID: {{ include "web.flag" (dict "flag" .Values.pid) }}\n'),
            "templates/_h.tpl": HELPERS,
            "values.yaml": "pid: true",
        },
        "/spec/hostPID",
        [
            "charts/web/templates/pod.yaml:6:3",
            "value pid charts/web/values.yaml:1:1",
            "printed here charts/web/templates/_h.tpl:6:1",
        ],
    ),
    (
        "a field of toYaml",
        {
            NET: pod("  securityContext:\n    {{- toYaml .Values.sc | nindent 4 }}\n"),
            "values.yaml": "a: 1\nsc:\n  runAsUser: 0\n  fsGroup: 1\n",
        },
        "/spec/securityContext/runAsUser",
        ["charts/web/templates/pod.yaml:7:5", "value sc.runAsUser charts/web/values.yaml:3:3"],
    ),
    (
        "a collection of toYaml",
        {
            NET: pod("  securityContext:\n    {{- toYaml .Values.sc | nindent 4 }}\n"),
            "values.yaml": "a: 1\nsc:\n  runAsUser: 0\n  fsGroup: 1\n",
        },
        "/spec/securityContext",
        [
            "charts/web/templates/pod.yaml:6:3",
            "value sc charts/web/values.yaml:2:1",
            "filled in here charts/web/templates/pod.yaml:7:5",
        ],
    ),
    (
        "range over a list",
        {
            NET: pod("  containers:\n  {{- range .Values.c }}\n  - name: x\n    image: {{ .image }}\n  {{- end }}\n"),
            "values.yaml": "c:\n- {name: a, image: x}\n- name: b\n  image: y\n",
        },
        "/spec/containers/1/image",
        ["charts/web/templates/pod.yaml:9:5", "value c[1].image charts/web/values.yaml:4:3"],
    ),
    (
        "with",
        {
            NET: pod("  {{- with .Values.sc }}\n  hostPID: {{ .pid }}\n  {{- end }}\n"),
            "values.yaml": "sc: {pid: true}\n",
        },
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:3", "value sc.pid charts/web/values.yaml:1:6"],
    ),
    (
        "tpl",
        {NET: pod("  {{- tpl .Values.extra . | nindent 2 }}\n"), "values.yaml": 'extra: "hostPID: true"\n'},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:6:3", "value extra charts/web/values.yaml:1:1"],
    ),
    (
        "tpl of a block",
        {
            NET: pod("  securityContext:\n    {{- tpl .Values.sc . | nindent 4 }}\n"),
            "values.yaml": "a: 1\nsc: |\n  runAsUser: 0\n",
        },
        "/spec/securityContext/runAsUser",
        ["charts/web/templates/pod.yaml:7:5", "value sc charts/web/values.yaml:3:3"],
    ),
    (
        "tpl of a block with actions",
        {
            NET: pod("  securityContext:\n    {{- tpl .Values.sc . | nindent 4 }}\n"),
            "values.yaml": "u: 5\nsc: |\n  {{- if 1 }}\n  fsGroup: {{ .Values.u }}\n  {{- end }}\n  runAsUser: 0\n",
        },
        "/spec/securityContext/runAsUser",
        ["charts/web/templates/pod.yaml:7:5", "value sc charts/web/values.yaml:6:3"],
    ),
    (
        "tpl of toYaml",
        {
            NET: pod("  {{- tpl (toYaml .Values.spec) . | nindent 2 }}\n"),
            "values.yaml": "spec:\n  hostIPC: false\n  hostPID: true\n",
        },
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:6:3", "value spec.hostPID charts/web/values.yaml:3:3"],
    ),
    (
        "several actions in a text",
        {
            NET: pod('  containers:\n  - image: "{{ .Values.image.name }}:{{ .Values.image.tag }}"\n'),
            "values.yaml": "image:\n  name: org/app\n  tag: latest\n",
        },
        "/spec/containers/0/image",
        [
            "charts/web/templates/pod.yaml:7:5",
            "value image.name charts/web/values.yaml:2:3",
            "value image.tag charts/web/values.yaml:3:3",
        ],
    ),
    (
        "trims, comments and strings with braces",
        {NET: pod('  {{- /* }} " */ -}}\n  {{- `}}` | trunc 0 }}\n  hostPID: {{ true -}}\n')},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:8:3"],
    ),
    (
        "CRLF",
        {NET: pod("  hostPID: {{ true }}\n  hostIPC: true\n").replace("\n", "\r\n")},
        "/spec/hostIPC",
        ["charts/web/templates/pod.yaml:7:3"],
    ),
    (
        "a byte order mark",
        {NET: "\ufeff" + pod("  hostIPC: true\n")},
        "/kind",
        ["charts/web/templates/pod.yaml:2:1"],
    ),
    (
        "block",
        {NET: pod('  {{- block "web.b" . }}\n  hostPID: true\n  {{- end }}\n')},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:3"],
    ),
    (
        "define in the manifest's own file",
        {
            NET: '{{ define "x" }}{{ .Values.p }}{{ end }}' + pod('  hostPID: {{ template "x" . }}\n'),
            "values.yaml": "p: true",
        },
        "/spec/hostPID",
        [
            "charts/web/templates/pod.yaml:6:3",
            "value p charts/web/values.yaml:1:1",
            "printed here charts/web/templates/pod.yaml:1:17",
        ],
    ),
    (
        "a hook, which is a test too",
        {NET: pod("  hostPID: true\n").replace("spec", "  annotations: {helm.sh/hook: test}\nspec")},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:3"],
    ),
    (
        "values that are random",
        {NET: pod("  hostname: {{ randAlpha 9 }}\n  hostPID: true\n")},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:3"],
    ),
    (
        "a template that knows its name",
        {NET: pod("{{ if contains `kgate` .Template.Name }}  hostname: x\n{{ end }}  hostPID: true\n")},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:12 (approximate)"],
    ),
    (
        "code points of the marks",
        {NET: pod('  hostname: "\ue000\ue001\ue100"\n  hostPID: {{ .Values.x }}\n'), "values.yaml": "x: true"},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:3", "value x charts/web/values.yaml:1:1"],
    ),
    (
        "code points of the marks that a template makes",
        {NET: pod('  hostname: {{ printf "%c" 57344 }}\n  hostPID: true\n')},
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:3"],
    ),
    (
        "an absent field is at its nearest parent",
        {NET: pod("  containers:\n  - name: a\n")},
        "/spec/containers/0/securityContext/privileged",
        ["charts/web/templates/pod.yaml:7:5"],
    ),
    (
        "a sub-chart in a folder",
        {
            "charts/sub/Chart.yaml": SUB,
            f"charts/sub/{NET}": pod("  hostPID: {{ .Values.p }}\n"),
            "charts/sub/values.yaml": "p: true",
        },
        "/spec/hostPID",
        ["charts/web/charts/sub/templates/pod.yaml:6:3", "value p charts/web/charts/sub/values.yaml:1:1"],
    ),
    (
        "a sub-chart's value in the parent's file",
        {
            "charts/sub/Chart.yaml": SUB,
            f"charts/sub/{NET}": pod("  hostPID: {{ .Values.p }}\n"),
            "charts/sub/values.yaml": "p: false",
            "values.yaml": "sub:\n  p: true\n",
        },
        "/spec/hostPID",
        ["charts/web/charts/sub/templates/pod.yaml:6:3", "value sub.p charts/web/values.yaml:2:3"],
    ),
    (
        "a sub-chart with an alias",
        {
            "Chart.yaml": CHART + "dependencies: [{name: sub, version: 1.0.0, alias: other}]\n",
            "charts/sub/Chart.yaml": SUB,
            f"charts/sub/{NET}": pod("  hostPID: {{ .Values.p }}\n"),
            "values.yaml": "other: {p: true}\n",
        },
        "/spec/hostPID",
        ["charts/web/charts/sub/templates/pod.yaml:6:3", "value other.p charts/web/values.yaml:1:9"],
    ),
    (
        "a list",
        {
            NET: "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n"
            "  spec:\n    hostPID: {{ .Values.p }}\n",
            "values.yaml": "p: true\n",
        },
        "/spec/hostPID",
        ["charts/web/templates/pod.yaml:7:5", "value p charts/web/values.yaml:1:1"],
    ),
    (
        "a packed sub-chart",
        {"charts/sub-1.0.0.tgz": packed({"Chart.yaml": SUB, NET: pod("  hostPID: true\n")})},
        "/spec/hostPID",
        [
            "charts/web/charts/sub-1.0.0.tgz:1:1 (approximate)",
            "templates/pod.yaml:6 in the archive charts/web/charts/sub-1.0.0.tgz:1:1",
        ],
    ),
    (
        "a value of a packed sub-chart, set by the parent",
        {
            "charts/sub-1.0.0.tgz": packed({"Chart.yaml": SUB, NET: pod("  hostPID: {{ .Values.p }}\n")}),
            "values.yaml": "sub: {p: true}\n",
        },
        "/spec/hostPID",
        [
            "charts/web/values.yaml:1:7",
            "rendered here charts/web/charts/sub-1.0.0.tgz:1:1",
            "templates/pod.yaml:6 in the archive charts/web/charts/sub-1.0.0.tgz:1:1",
        ],
    ),
]


@pytest.mark.parametrize("version", helms("4.3", "3.17", "4.1"))
@pytest.mark.parametrize(("files", "pointer", "place"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_places(tmp_path: Path, files: Files, pointer: str, place: list[str], version: str) -> None:
    write(tmp_path, files)
    resource = only(render(tmp_path, tool=version))
    assert said(resource.locate(pointer)) == place


REGIONS = [
    ("from the key to the end of the value", "  hostPID: true # why\n", "/spec/hostPID", "hostPID: true"),
    ("to the end of the action", "  hostPID: {{ true }} \n", "/spec/hostPID", "hostPID: {{ true }}"),
    ("of an action alone", "  {{- print `\nhostPID: true` | indent 2 }}\n", "/spec/hostPID", "{{- print `"),
    ("quoted", '  hostname: "{{ 1 }}"\n', "/spec/hostname", 'hostname: "{{ 1 }}"'),
    ("of a block, its key", "  securityContext:\n    runAsUser: 0\n", "/spec/securityContext", "securityContext"),
    ("of an empty value, its key", "  containers:\n  nodeName: a\n", "/spec/containers", "containers:"),
]


@pytest.mark.parametrize(("line", "pointer", "region"), [row[1:] for row in REGIONS], ids=[row[0] for row in REGIONS])
def test_regions(tmp_path: Path, line: str, pointer: str, region: str) -> None:
    write(tmp_path, {NET: pod(line)})
    place = only(render(tmp_path)).locate(pointer)
    assert place.snippet[place.start.column - 1 : place.end.column - 1] == region


FAULTS: list[tuple[str, Files, str, str]] = [
    (
        "a template that does not parse",
        {NET: pod("  hostPID: {{ if }}\n")},
        "charts/web/templates/pod.yaml:6",
        "helm template failed, so the chart is not judged: ",
    ),
    (
        "a required value",
        {NET: pod("  hostPID: {{ required `set x` .Values.x }}\n")},
        "charts/web/templates/pod.yaml:6",
        "set x",
    ),
    (
        "YAML that is none",
        {NET: pod("  hostPID: true\n  {{ `hostIPC` }}: [\n")},
        "charts/web/templates/pod.yaml",
        "not valid YAML: ",
    ),
    (
        "a missing dependency",
        {"Chart.yaml": CHART + "dependencies:\n- name: common\n  version: 2.x.x\n  repository: https://example.org\n"},
        "charts/web/Chart.yaml:5",
        'from https://example.org is not in charts/, where "helm dependency build charts/web" puts it; run: kgate pull',
    ),
    (
        "a missing dependency and a lock file of another time",
        {
            "Chart.yaml": CHART
            + "dependencies:\n- name: common\n  version: 2.x.x\n  repository: https://example.org\n",
            "Chart.lock": "dependencies:\n- name: common\n  version: 1.4.0\n",
        },
        "charts/web/Chart.yaml:5",
        '"helm dependency update charts/web" puts it',
    ),
    (
        "a missing dependency and a lock file of a repository that Helm must know",
        {
            "Chart.yaml": CHART
            + "dependencies:\n- name: common\n  version: 2.x.x\n  repository: https://example.org\n",
            "Chart.lock": "dependencies:\n- {name: common, version: 2.4.0, repository: 'https://example.org'}\n",
        },
        "charts/web/Chart.yaml:5",
        '"helm dependency update charts/web" puts it',
    ),
    (
        "a missing dependency and a lock file of a registry",
        {
            "Chart.yaml": CHART
            + "dependencies:\n- name: common\n  version: 2.x.x\n  repository: oci://example.org/a\n",
            "Chart.lock": "dependencies:\n- {name: common, version: 2.4.0, repository: 'oci://example.org/a'}\n",
        },
        "charts/web/Chart.yaml:5",
        '"helm dependency build charts/web" puts it',
    ),
    ("no Chart.yaml that can be read", {"Chart.yaml": "a: ["}, "charts/web/Chart.yaml", "cannot be read"),
    ("an archive that is none", {"charts/a.tgz": b"no"}, "charts/web/charts/a.tgz", "cannot be unpacked: "),
]


@pytest.mark.parametrize("version", helms("4.3", "3.17"))
@pytest.mark.parametrize(("files", "place", "text"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults_are_told(tmp_path: Path, files: Files, place: str, text: str, version: str) -> None:
    write(tmp_path, files)
    contents = render(tmp_path, tool=version)
    remarks: list[Remark] = [*contents.problems, *contents.unjudged]
    (remark,) = remarks
    assert str(remark).startswith(place)
    assert text in remark.text
    assert "kgate-" not in remark.text
    assert "zz-" not in remark.text


def test_without_helm_nothing_is_judged(tmp_path: Path) -> None:
    write(tmp_path, {})
    request = ChartRequest(tmp_path / "charts/web", (Release("rel"),))
    with Workspace(Repository.at(tmp_path)) as workspace:
        (problem,) = request.render(RenderContext(workspace, FoundTools())).problems
        older_tools = FoundTools(Tool("helm", Path("/h"), "v3.16.0"))
        (older,) = request.render(RenderContext(workspace, older_tools)).problems
    assert problem.path == older.path == "charts/web/Chart.yaml"
    assert "could not be rendered, so it was not judged; install Helm" in problem.message
    assert "by Helm v3.16.0" in older.message


def test_a_missing_dependency_that_is_switched_off(tmp_path: Path) -> None:
    dependency = "dependencies:\n- {name: db, version: 1.x, repository: 'https://example.org', condition: db.enabled}\n"
    write(
        tmp_path, {"Chart.yaml": CHART + dependency, "values.yaml": "db: {enabled: false}", NET: pod("  hostPID: true")}
    )
    on = Release("rel", sets=("db.enabled=true",))
    contents = render(tmp_path, Release("rel"), on, Release("rel"))
    assert len(contents.resources) == 2
    (unjudged,) = contents.unjudged
    assert "db 1.x from https://example.org is not in charts/" in unjudged.message
    assert contents.problems == ()


def test_a_template_that_reads_the_list_of_dependencies(tmp_path: Path) -> None:
    listed = "dependencies:\n- {name: db, version: 1.x, repository: 'https://example.org', condition: db.enabled}\n"
    template = f'{{{{ if hasPrefix "dep" (.Files.Get "requirements.yaml") }}}}{pod("  hostPID: true")}{{{{ end }}}}'
    files = {"requirements.yaml": listed, "values.yaml": "db: {enabled: false}", NET: template}
    write(tmp_path, {"Chart.yaml": CHART.replace("v2", "v1"), **files})
    assert only(render(tmp_path)).body["spec"]["hostPID"] is True


UNSURE: list[tuple[str, str, str]] = [
    ("a path with a blank, which Helm does not remove", "condition: 'a.on, b.on'", "b: {'on': false}"),
    ("a path into values that the dependency may set", "condition: 'db.x,b.on'", "b: {'on': false}"),
    ("a letter that Helm removes", 'condition: "\\u200Ba.on,b.on"', "a: {'on': true}\nb: {'on': false}"),
    ("tags where the dependency may set its condition", "condition: db.x, tags: [t]", "tags: {t: false}"),
    ("a tag with a letter that Helm removes", 'tags: [t, "\\u200Bu"]', "tags: {t: false, u: true}"),
]


@pytest.mark.parametrize(("entry", "values"), [row[1:] for row in UNSURE], ids=[row[0] for row in UNSURE])
def test_a_missing_dependency_that_is_perhaps_on_is_unjudged(tmp_path: Path, entry: str, values: str) -> None:
    dependency = f"dependencies:\n- {{name: db, version: 1.x, repository: 'https://example.org', {entry}}}\n"
    write(tmp_path, {"Chart.yaml": CHART + dependency, "values.yaml": values, NET: pod("  hostPID: true")})
    (unjudged,) = render(tmp_path).unjudged
    assert "db 1.x from https://example.org is not in charts/" in unjudged.message


LEFT_OUT = "dependency db 1.x is not judged: it is not in charts/, and is left out; run: kgate pull"


def test_a_degraded_rendering_names_what_it_leaves_out(tmp_path: Path) -> None:
    dependency = "dependencies:\n- {name: db, version: 1.x, repository: 'https://example.org'}\n"
    files = {
        "Chart.yaml": CHART + dependency,
        NET: pod("  hostPID: true"),
        "templates/x.yaml": '{{ include "db.x" . }}',
    }
    write(tmp_path, files)
    contents = render(tmp_path, options=RenderOptions(helm_degraded=True))
    assert said(only(replace(contents, problems=())).locate("/spec/hostPID")) == [f"charts/web/{NET}:6:3"]
    (unjudged,), (problem,) = contents.unjudged, contents.problems
    assert str(unjudged) == (f"charts/web/Chart.yaml:5: {LEFT_OUT}")
    assert str(problem).startswith("charts/web/templates/x.yaml:1: ")
    assert "so the template is left out, not judged: " in problem.message


DEPENDENCIES = [
    ("beside the chart", "1.x", "https://example.org", "charts/sub", True),
    ("beside the chart, of another version", "2.x", "https://example.org", "charts/sub", False),
    ("by file://", "1.0.0", "file://../../lib/sub", "lib/sub", True),
]


@pytest.mark.parametrize(
    ("version", "repository", "folder", "is_found"),
    [row[1:] for row in DEPENDENCIES],
    ids=[row[0] for row in DEPENDENCIES],
)
def test_dependencies_in_the_repository(
    tmp_path: Path, version: str, repository: str, folder: str, is_found: bool
) -> None:
    dependency = f"dependencies:\n- {{name: sub, version: {version}, repository: '{repository}'}}\n"
    files = {f"/{folder}/Chart.yaml": SUB, f"/{folder}/{NET}": pod("  hostPID: true\n")}
    write(tmp_path, {"Chart.yaml": CHART + dependency, **files})
    contents = render(tmp_path)
    assert len(contents.resources) == is_found
    assert len(contents.unjudged) == (not is_found)
    assert not contents.problems
    for resource in contents.resources:
        assert said(resource.locate("/spec/hostPID")) == [f"{folder}/{NET}:6:3"]
    note = f"dependency sub {version} from {repository} is not in charts/; {folder} is judged in its place"
    is_noted = is_found and not repository.startswith("file://")
    assert [str(note) for note in contents.notes] == [f"charts/web/Chart.yaml:5: {note}"] * is_noted


def test_a_dependency_at_no_path_is_missing(tmp_path: Path) -> None:
    """YAML can write a character that no path may hold."""
    write(tmp_path, {"Chart.yaml": CHART + 'dependencies: [{name: sub, version: 1.x, repository: "file://a\\0b"}]\n'})
    (unjudged,) = render(tmp_path).unjudged
    start = "charts/web/Chart.yaml:4: chart charts/web is not judged: its dependency sub 1.x is not in charts/"
    assert str(unjudged).startswith(start)


def test_a_library_chart_is_a_note(tmp_path: Path) -> None:
    write(tmp_path, {"Chart.yaml": CHART + "type: library\n"})
    contents = render(tmp_path)
    assert not contents.problems
    assert [str(note) for note in contents.notes] == [
        "charts/web/Chart.yaml: library chart, judged through the charts that use it"
    ]


def test_helmignore_hides_templates(tmp_path: Path) -> None:
    hidden = {".helmignore": "# c\n/templates/broken*\ntests/\n", "templates/broken.yaml": "{{ if }}"}
    write(tmp_path, {**hidden, "templates/tests/x.yaml": pod("  hostIPC: true", "x"), NET: pod("  hostPID: true")})
    assert only(render(tmp_path)).id.name == "web"


def test_what_is_no_manifest_is_not_judged(tmp_path: Path) -> None:
    files = {"templates/NOTES.txt": pod("  hostPID: true"), "templates/blank.yaml": "{{ if false }}x{{ end }}\n"}
    write(tmp_path, {**files, NET: pod("  hostPID: true"), "templates/_x.tpl": "{{/* nothing */}}\n"})
    assert only(render(tmp_path)).id.name == "web"


SPOOFS = [
    "web/templates/_h.tpl",
    "web/templates/NOTES.txt",
    "web/templates/b.yaml",
    "web/templates/zz-kgate/b.yaml",
    "x",
]


@pytest.mark.parametrize("name", SPOOFS)
def test_a_template_cannot_hide_text_behind_a_spoofed_source(tmp_path: Path, name: str) -> None:
    spoof = pod("  hostPID: false\n", "a") + f"---\n# Source: {name}\n" + pod("  hostPID: true\n", "hidden")
    files = {"templates/a.yaml": spoof, "templates/b.yaml": pod("  hostIPC: true", "b"), "templates/_h.tpl": HELPERS}
    write(tmp_path, {**files, "templates/NOTES.txt": "hello"})
    contents = render(tmp_path)
    assert not contents.problems
    assert sorted(resource.id.name for resource in contents.resources) == ["a", "b", "hidden"]


DRAFT = '"$schema": "http://json-schema.org/draft-07/schema#"'
SCHEMAS = {
    "none of it": ('{"type": "object"}', True),
    "a definition of its own": (
        f'{{{DRAFT}, "definitions": {{"x": {{}}}}, "properties": {{"size": {{"$ref": "#/definitions/x"}}}}}}',
        True,
    ),
    "an address of its own": ('{"$id": "https://example.com/x", "properties": {"id": {"type": "string"}}}', True),
    "a file": ('{"properties": {"size": {"$ref": "file:///etc/passwd"}}}', False),
    "a file beside it": ('{"properties": {"size": {"$ref": "values.yaml"}}}', False),
    "an address": ('{"allOf": [{"$ref": "http://127.0.0.1/x.json"}]}', False),
    "an address behind another one": ('{"$ref": "http://127.0.0.1/x.json", "$ref": "#"}', False),
    "an address spelled with an escape": ('{"\\u0024ref": "http://127.0.0.1/x.json"}', False),
    "another meta-schema": ('{"$schema": "http://127.0.0.1/x.json"}', False),
    "another base": ('{"properties": {"size": {"$id": "file:///etc/", "$ref": "#x"}}}', False),
    "no JSON": ("{", False),
}


@pytest.mark.parametrize(("schema", "is_used"), SCHEMAS.values(), ids=SCHEMAS.keys())
@pytest.mark.parametrize("version", helms("4.3", "3.17"))
def test_a_schema_is_used_if_it_refers_to_itself_alone(
    tmp_path: Path, schema: str, is_used: bool, version: str
) -> None:
    write(tmp_path, {NET: pod("  hostPID: true\n"), "values.yaml": "size: 1\n", "values.schema.json": schema})
    contents = render(tmp_path, tool=version)
    assert (len(contents.resources), contents.problems) == (1, ())
    assert [note.path for note in contents.notes] == ([] if is_used else ["charts/web/values.schema.json"])


@pytest.mark.parametrize("version", helms("4.3", "3.17"))
def test_values_that_the_schema_refuses_are_a_problem(tmp_path: Path, version: str) -> None:
    schema = f'{{{DRAFT}, "properties": {{"size": {{"type": "string"}}}}}}'
    write(tmp_path, {NET: pod("  hostPID: true\n"), "values.yaml": "size: 1\n", "values.schema.json": schema})
    contents = render(tmp_path, tool=version)
    assert contents.resources == ()
    (problem,) = contents.problems
    assert problem.path == "charts/web/Chart.yaml"
    assert "schema" in problem.message


def test_crds_are_read_as_they_are(tmp_path: Path) -> None:
    files = {"crds/x.yaml": pod("  hostPID: true\n"), f"charts/sub/{NET}": "", "charts/sub/Chart.yaml": SUB}
    write(tmp_path, {**files, "charts/sub/crds/y.yaml": pod("  hostPID: {{ literal }}\n", "y")})
    contents = render(tmp_path)
    assert [said(resource.locate("/spec")) for resource in contents.resources] == [["charts/web/crds/x.yaml:5:1"]]
    assert [problem.path for problem in contents.problems] == ["charts/web/charts/sub/crds/y.yaml"]
    assert not render(tmp_path, Release("rel", with_crds=False)).resources


def test_crds_of_a_chart_that_is_switched_off_are_not_read(tmp_path: Path) -> None:
    dependency = "dependencies: [{name: sub, version: 1.x, condition: sub.enabled}]\n"
    write(tmp_path, {"Chart.yaml": CHART + dependency, "charts/sub/Chart.yaml": SUB, "charts/sub/crds/a.yaml": _WEAK})
    off, on = (Release("rel", sets=(f"sub.enabled={flag}",)) for flag in ("false", "true"))
    assert [len(render(tmp_path, release).resources) for release in (off, on)] == [0, 1]


def test_values_of_releases(tmp_path: Path) -> None:
    write(
        tmp_path, {NET: pod("  hostPID: {{ .Values.p }}\n  hostname: {{ .Release.Name }}\n"), "values.yaml": "p: false"}
    )
    write(tmp_path, {"/env/prod.yaml": "x: 1\np: true\n"})
    place = Location("app.yaml", Position(1, 1), Position(1, 1))
    releases = (
        Release("one", "shop", (ValuesFile(tmp_path / "env/prod.yaml"),), variant="prod", requested_by="me"),
        Release("two", "shop", (InlineValues({"p": True}, lambda pointer: place),)),
        Release("three", "shop", sets=("p=true",)),
        Release("four", "shop", (ValuesFile(tmp_path / "env/absent.yaml"),)),
        Release("--debug", "shop", string_sets=("p=yes",)),
    )
    contents = render(tmp_path, *releases)
    related: list[tuple[Related, ...]] = [item.locate("/spec/hostPID").related for item in contents.resources]
    assert [[f"{item.message} {item.location}" for item in items] for items in related[:3]] == [
        ["value p env/prod.yaml:2:1"],
        ["value p app.yaml:1:1"],
        ["value p, given with --set charts/web/Chart.yaml:1:1"],
    ]
    assert str(contents.resources[0].rendering) == "helm charts/web, prod, for me"
    assert contents.problems[0].path == "env/absent.yaml"
    assert len(contents.problems) == 2


def test_values_with_letters_beyond_the_basic_plane(tmp_path: Path) -> None:
    write(tmp_path, {NET: pod("  hostname: {{ .Values.p }}\n")})
    place = Location("app.yaml", Position(1, 1), Position(1, 1))
    contents = render(tmp_path, Release("one", values=(InlineValues({"p": "\U0001f680"}, lambda _: place),)))
    assert only(contents).body["spec"]["hostname"] == "\U0001f680"


def test_values_that_are_no_yaml_are_told_without_private_names(tmp_path: Path) -> None:
    write(tmp_path, {NET: pod(""), "/env/prod.yaml": "a: [\n"})
    (problem,) = render(tmp_path, Release("one", values=(ValuesFile(tmp_path / "env/prod.yaml"),))).problems
    assert "failed to parse a values file of the release: " in problem.message


def test_changing_the_key_as_told_turns_the_finding_green(tmp_path: Path) -> None:
    chart = write(
        tmp_path,
        {
            NET: pod("  securityContext:\n    {{- toYaml .Values.pod.security | nindent 4 }}\n"),
            "values.yaml": "pod:\n  security:\n    runAsUser: 0\n",
        },
    )
    place = only(render(tmp_path)).locate("/spec/securityContext/runAsUser")
    assert str(place) == "charts/web/templates/pod.yaml:7:5"
    told = place.related[0]
    assert told.message == "value pod.security.runAsUser"
    lines = (tmp_path / told.location.path).read_text().split("\n")
    line = lines[told.location.start.line - 1]
    assert line[told.location.start.column - 1 : told.location.end.column - 1] == "runAsUser: 0"
    (chart / "values.yaml").write_text("\n".join(lines).replace(line, line.replace("0", "1000")))
    assert only(render(tmp_path)).body["spec"]["securityContext"]["runAsUser"] == 1000


def test_a_key_of_the_encryption_at_rest_is_shown_in_no_line_of_the_values(tmp_path: Path) -> None:
    kind = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n"
    template = f"{kind}resources:\n- providers:\n  - aescbc:\n      keys:\n      - secret: {{{{ .Values.key }}}}\n"
    key = "c2VjcmV0IGlzIHNlY3VyZQ=="
    write(tmp_path, {"templates/a.yaml": template, "values.yaml": f"key: {key}\n"})
    place = only(render(tmp_path)).locate("/resources/0/providers/0/aescbc/keys/0/secret")
    assert [one.location.path for one in place.related] == ["charts/web/values.yaml"]
    assert [one.location.snippet for one in place.related] == [""]
    assert place.snippet.strip() == "- secret: {{ .Values.key }}"


def test_keys_that_may_both_have_given_a_value_are_a_guess(tmp_path: Path) -> None:
    template = pod("  hostPID: {{ or .Values.a .Values.b }}\n")
    write(tmp_path, {NET: template, "values.yaml": "a: true\nb: true\n"})
    place = only(render(tmp_path)).locate("/spec/hostPID")
    assert [related.message for related in place.related] == ["perhaps value a", "perhaps value b"]


def test_a_chart_that_is_an_archive(tmp_path: Path) -> None:
    archive = packed({"Chart.yaml": CHART, NET: pod("  hostPID: {{ .Values.p }}\n"), "values.yaml": "p: true"}, "web")
    write(tmp_path, {"/web-1.0.0.tgz": archive})
    assert said(only(render(tmp_path, chart="web-1.0.0.tgz")).locate("/spec/hostPID")) == [
        "web-1.0.0.tgz:1:1 (approximate)",
        "value p web-1.0.0.tgz:1:1",
        "templates/pod.yaml:6 in the archive web-1.0.0.tgz:1:1",
    ]


_SUB = {"charts/sub/Chart.yaml": SUB}
_WEAK = pod("  hostPID: true\n")
_ELSEWHERE = CHART + "dependencies: [{name: sub, version: '>=2', alias: other}]\n"
_TAGGED = SUB + "dependencies: [{name: db, version: 1.0.0, tags: [x]}]\n"
FOUND_BY_HELM: list[tuple[str, Files, str]] = [
    ("a hidden template of a sub-chart", {**_SUB, "charts/sub/templates/.pod.yaml": _WEAK}, "/templates/.pod.yaml:6:3"),
    ("a CRD file in capitals", {**_SUB, "charts/sub/crds/pod.YAML": _WEAK}, "/crds/pod.YAML:6:3"),
    ("a CRD file with no name but its end", {**_SUB, "charts/sub/crds/.yaml": _WEAK}, "/crds/.yaml:6:3"),
    ("a CRD file with a long s", {**_SUB, "charts/sub/crds/a.j\u017fon": _WEAK}, "/crds/a.j\u017fon:6:3"),
    (
        "a CRD file of a library",
        {"charts/sub/Chart.yaml": SUB + "type: library\n", "charts/sub/crds/a.yaml": _WEAK},
        "/crds/a.yaml:6:3",
    ),
    (
        "a CRD file of a sub-chart that tags below its parent do not switch off",
        {
            "values.yaml": "sub: {tags: {x: false}}\n",
            "charts/sub/Chart.yaml": _TAGGED,
            "charts/sub/charts/db/Chart.yaml": SUB.replace("sub", "db"),
            "charts/sub/charts/db/crds/a.yaml": _WEAK,
        },
        "/charts/db/crds/a.yaml:6:3",
    ),
    (
        "a sub-chart of a version that its alias is not for",
        {"Chart.yaml": _ELSEWHERE, **_SUB, f"charts/sub/{NET}": _WEAK},
        "/templates/pod.yaml:6:3",
    ),
]


@pytest.mark.parametrize(("files", "place"), [row[1:] for row in FOUND_BY_HELM], ids=[row[0] for row in FOUND_BY_HELM])
def test_what_helm_finds_is_judged(tmp_path: Path, files: Files, place: str) -> None:
    write(tmp_path, files)
    assert str(only(render(tmp_path)).locate("/spec/hostPID")) == f"charts/web/charts/sub{place}"


PACKED_BY_HAND: list[tuple[str, Files]] = [
    ("two folders, which Helm takes for one", {"web/Chart.yaml": CHART, f"other/{NET}": _WEAK}),
    ("backslashes in names", {"web/Chart.yaml": CHART, "web\\templates\\pod.yaml": _WEAK}),
    (
        "an ignore file, which Helm reads in folders only",
        {"web/Chart.yaml": CHART, f"web/{NET}": _WEAK, "web/.helmignore": "pod.yaml"},
    ),
    ("a hidden template", {"web/Chart.yaml": CHART, "web/templates/.pod.yaml": _WEAK}),
]


@pytest.mark.parametrize("files", [row[1] for row in PACKED_BY_HAND], ids=[row[0] for row in PACKED_BY_HAND])
def test_archives_are_unpacked_as_helm_does(tmp_path: Path, files: Files) -> None:
    write(tmp_path, {"/web.tgz": packed(files, "")})
    assert only(render(tmp_path, chart="web.tgz")).body["spec"]["hostPID"] is True


IGNORED: list[tuple[str, Files]] = [
    ("a letter that only Python takes for a blank", {".helmignore": "pod.yaml\x1c\n", NET: _WEAK}),
    (
        "a template that reads the ignore file",
        {".helmignore": "x\n", NET: f'{{{{ if .Files.Get ".helmignore" }}}}{_WEAK}{{{{ end }}}}'},
    ),
]


@pytest.mark.parametrize("files", [row[1] for row in IGNORED], ids=[row[0] for row in IGNORED])
def test_an_ignore_file_hides_no_more_than_from_helm(tmp_path: Path, files: Files) -> None:
    write(tmp_path, files)
    assert only(render(tmp_path)).body["spec"]["hostPID"] is True


_TWINS = {"charts/a/Chart.yaml": SUB, f"charts/a/{NET}": _WEAK, "charts/b/Chart.yaml": SUB, f"charts/b/{NET}": "#"}
_TWIN = ("charts/b/Chart.yaml:2", "sub-chart 'sub' may have the same name as that of charts/web/charts/a")
UNCERTAIN: list[tuple[str, Files, str, str]] = [
    ("two sub-charts of one name, of which Helm takes either", _TWINS, *_TWIN),
    (
        "two sub-charts that are perhaps for one entry",
        {"Chart.yaml": CHART + "dependencies: [{name: sub, version: '>=1 <3', alias: x}]\n", **_TWINS},
        *_TWIN,
    ),
    (
        "an alias that is the name of another",
        {
            "Chart.yaml": CHART + "dependencies: [{name: db, version: 1.x, alias: sub}]\n",
            **_TWINS,
            "charts/b/Chart.yaml": SUB.replace("sub", "db"),
        },
        "charts/b/Chart.yaml:2",
        "sub-chart 'db' may have the same name as that of charts/web/charts/a",
    ),
    (
        "a name with a letter that Helm removes",
        {"charts/sub/Chart.yaml": SUB.replace("name: sub", 'name: "su\\u200Bb"')},
        "charts/sub/Chart.yaml:2",
        "letters beyond ASCII",
    ),
    (
        "a type that requirements.yaml overwrites",
        {"Chart.yaml": CHART + "type: library\n", "requirements.yaml": "type: application\n", NET: _WEAK},
        "requirements.yaml:1",
        "overwrites 'type' of Chart.yaml",
    ),
    (
        "dependencies that requirements.yaml overwrites",
        {"Chart.yaml": CHART + "dependencies: []\n", "requirements.yaml": "\ndependencies: [{name: a}]\n"},
        "requirements.yaml:2",
        "overwrites 'dependencies'",
    ),
    ("requirements.yaml that cannot be read", {"requirements.yaml": "a: 1\na: 2\n"}, "requirements.yaml", "keep one"),
    (
        "a key in capitals",
        {"Chart.yaml": CHART + "dependencies:\n- {name: sub, Condition: a}\n"},
        "Chart.yaml:5",
        "key 'Condition' is 'condition' for Helm",
    ),
    (
        "a key of a sub-chart with a long s",
        {"charts/sub/Chart.yaml": SUB + "ver\u017fion: 2.0.0\n"},
        "charts/sub/Chart.yaml:4",
        "is 'version' for Helm",
    ),
    (
        "a class between stars, where Go gives up at a slash",
        {".helmignore": "x\n/t*[^x]*d.yaml\n", NET: _WEAK},
        ".helmignore:2",
        "a class between stars",
    ),
    (
        "a pattern that Go refuses without its slash alone",
        {".helmignore": "x\\/\ncharts/sub\n", "charts/sub.tgz": packed({"Chart.yaml": SUB, NET: _WEAK})},
        ".helmignore:1",
        "syntax error",
    ),
    ("stars and letters of several bytes", {".helmignore": "!*[^é]", "templates/xé": _WEAK}, ".helmignore:1", "bytes"),
    ("two slashes", {".helmignore": "!//templates\n", NET: _WEAK}, ".helmignore:1", "Helm 3 and Helm 4"),
    ("an ignore file that is not UTF-8", {".helmignore": b"x\n!*\xff\n", NET: _WEAK}, ".helmignore:2", "not UTF-8"),
    (
        "a provenance file, which Helm takes for a template in an archive alone",
        {"charts/sub.tgz": packed({"Chart.yaml": SUB, "templates/pod.prov": _WEAK})},
        "charts/sub.tgz",
        "Helm would take its member 'templates/pod.prov' for a file of the parent",
    ),
    (
        "two files of one name, both of which Helm installs",
        {"charts/sub.tgz": packed({"sub/Chart.yaml": SUB, "sub/crds/a.yaml": _WEAK, "b/crds/a.yaml": ""}, "")},
        "charts/sub.tgz",
        "it holds 'crds/a.yaml' twice",
    ),
]


@pytest.mark.parametrize(
    ("files", "place", "message"), [row[1:] for row in UNCERTAIN], ids=[row[0] for row in UNCERTAIN]
)
def test_what_helm_may_read_differently_is_a_problem(tmp_path: Path, files: Files, place: str, message: str) -> None:
    write(tmp_path, files)
    (problem,) = render(tmp_path).problems
    assert str(problem).startswith(f"charts/web/{place}: ")
    assert message in problem.message


def test_sub_charts_below_too_many_others_are_refused(tmp_path: Path) -> None:
    folder, files = "", {}
    for _ in range(9):
        folder += "charts/sub/"
        files[f"{folder}Chart.yaml"] = SUB
    write(tmp_path, {**files, f"{folder}{NET}": _WEAK})
    (problem,) = render(tmp_path).problems
    assert "more than 8 layers" in problem.message


def test_a_missing_dependency_that_only_helm_knows_to_be_on_is_a_problem(tmp_path: Path) -> None:
    dependency = "dependencies:\n- {name: db, version: '>1.2', alias: a, condition: a.enabled}\n"
    off, on = "a: {enabled: false}\n", "---\na: {enabled: true}\n"
    write(tmp_path, {"Chart.yaml": CHART + dependency, NET: _WEAK, "values.yaml": off})
    assert only(render(tmp_path))
    write(tmp_path, {"Chart.yaml": CHART + dependency, "values.yaml": off + on})
    (problem,) = render(tmp_path, tool="4.3").problems  # which merges the documents of a values file
    assert "web/charts/a, a sub-chart that is not found" in problem.message


def test_two_versions_of_a_sub_chart_are_judged(tmp_path: Path) -> None:
    entries = "- {name: sub, version: 1.x, alias: old}\n- {name: sub, version: ^2.0, alias: new}\n"
    second = SUB.replace("1.0.0", "2.1.0")
    files = {**_TWINS, "charts/b/Chart.yaml": second, f"charts/b/{NET}": pod("  hostIPC: true", "b")}
    write(tmp_path, {"Chart.yaml": CHART + "dependencies:\n" + entries, **files})
    contents = render(tmp_path)
    assert not contents.problems
    assert {item.id.name for item in contents.resources} == {"web", "b"}


def test_a_line_break_in_the_name_of_a_template_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"templates/a\nb.yaml": _WEAK})
    (problem,) = render(tmp_path).problems
    assert "a line break in its name" in problem.message


BOMBS = [
    pytest.param(20_001, 0, "holds more than 20,000 files", id="too many files"),
    pytest.param(8, 33 << 20, "holds more than 256 MiB", id="too many bytes"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "size", "message"), BOMBS)
def test_archives_have_bounds(tmp_path: Path, number: int, size: int, message: str) -> None:
    write(tmp_path, {"charts/bomb.tgz": packed(dict.fromkeys(map(str, range(number)), bytes(size)))})
    (problem,) = render(tmp_path).problems
    assert message in problem.message


def test_the_same_chart_gives_the_same_answer(tmp_path: Path) -> None:
    files = {f"templates/{name}.yaml": pod("  hostPID: {{ .Values.p }}\n", name) for name in "cab"}
    write(tmp_path, {**files, "values.yaml": "p: true"})
    answers = [[(item.id, said(item.locate("/spec/hostPID"))) for item in render(tmp_path).resources] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert [identity.name for identity, _ in answers[0]] == ["a", "b", "c"]


def test_a_sub_chart_from_the_repository_that_lacks_something_is_named(tmp_path: Path) -> None:
    sub = SUB + "dependencies:\n- {name: db, version: 1.x, repository: 'https://example.org'}\n"
    dependency = "dependencies:\n- {name: sub, version: 1.x, repository: 'https://example.org'}\n"
    files = {"/charts/sub/Chart.yaml": sub, f"/charts/sub/{NET}": pod("  hostPID: true")}
    write(tmp_path, {"Chart.yaml": CHART + dependency, **files})
    contents = render(tmp_path)
    assert len(contents.resources) == 1
    assert not contents.problems
    assert [str(unjudged) for unjudged in contents.unjudged] == [f"charts/sub/Chart.yaml:5: {LEFT_OUT}"]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A chart registry on this machine that holds sub 1.0.0."""
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "sub-1.0.0.tgz").write_bytes(packed({"Chart.yaml": SUB, NET: pod("  hostPID: {{ .Values.p }}\n")}))
    entry = "apiVersion: v1\nentries:\n  sub:\n  - {apiVersion: v2, name: sub, version: 1.0.0, urls: [sub-1.0.0.tgz]}\n"
    (folder / "index.yaml").write_text(entry)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=os.fspath(folder))
    with mock.patch.object(http.server.SimpleHTTPRequestHandler, "log_message", autospec=True):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("version", helms("4.3", "3.17"))
def test_helm_fetches_dependencies_if_told_to(tmp_path: Path, registry: str, version: str) -> None:
    dependency = f"dependencies:\n- {{name: sub, version: 1.x, repository: '{registry}'}}\n"
    chart = write(tmp_path, {"Chart.yaml": CHART + dependency, "values.yaml": "sub: {p: true}\n"})
    before = sorted(chart.rglob("*"))
    resource = only(render(tmp_path, tool=version, options=RenderOptions(helm_dependency_build=True)))
    assert said(resource.locate("/spec/hostPID")) == [
        "charts/web/values.yaml:1:7",
        "rendered here charts/web/Chart.yaml:1:1",
        "sub-1.0.0/templates/pod.yaml:6 in the archive charts/web/Chart.yaml:1:1",
    ]
    assert sorted(chart.rglob("*")) == before


def test_a_failed_fetch_is_a_problem(tmp_path: Path, registry: str) -> None:
    dependency = f"dependencies:\n- {{name: absent, version: 1.x, repository: '{registry}'}}\n"
    write(tmp_path, {"Chart.yaml": CHART + dependency})
    contents = render(tmp_path, options=RenderOptions(helm_dependency_build=True))
    assert not contents.resources
    (problem,), (unjudged,) = contents.problems, contents.unjudged
    assert str(problem).startswith("charts/web/Chart.yaml:5: helm dependency build failed: ")
    assert str(unjudged).startswith("charts/web/Chart.yaml:5: chart charts/web is not judged: its dependency absent")
    assert "kgate-" not in problem.message


def test_a_release_that_no_program_can_be_given(tmp_path: Path) -> None:
    write(tmp_path, {NET: pod("  hostPID: true")})
    contents = render(tmp_path, Release("a\0b"), Release("a", sets=("x=\ud800",)))
    assert len(contents.problems) == 2


def test_an_endless_template_is_stopped(tmp_path: Path) -> None:
    write(tmp_path, {NET: "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"})
    (problem,) = render(tmp_path, options=RenderOptions(seconds=1)).problems
    assert str(problem).startswith("charts/web/Chart.yaml: helm template ran longer than 1 seconds, so")


def test_a_chart_of_too_many_values_is_judged_in_part(tmp_path: Path) -> None:
    write(tmp_path, {NET: "\n---\n".join(pod("  hostPID: true", f"web-{n}") for n in range(4))})
    whole = render(tmp_path, Release("a"), Release("b"))
    assert (len(whole.resources), whole.problems) == (8, ())
    with mock.patch.object(render_module, "MAX_EXPANDED_NODES", 4 * 11):
        contents = render(tmp_path, Release("a"), Release("b"))
    assert 4 <= len(contents.resources) < 8
    (problem,) = contents.problems
    assert str(problem).startswith("charts/web/Chart.yaml: what it renders to holds more than")


def test_too_many_aliases_are_refused(tmp_path: Path) -> None:
    many = "dependencies:\n" + "".join(f"- {{name: sub, version: 1.0.0, alias: a{n}}}\n" for n in range(501))
    write(tmp_path, {"Chart.yaml": CHART + many, "charts/sub/Chart.yaml": SUB})
    (problem,) = render(tmp_path).problems
    assert "more than 500 sub-charts" in problem.message


JSON_POD = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"hostPID":true}}'
ONCE = pod("  hostPID: true\n")

SPLIT_BY_HELM = {
    "JSON behind the mark": f"---{JSON_POD}",
    "a no-break space before it": f"\xa0{JSON_POD}",
    "a no-break space behind the mark": f"--- \xa0{JSON_POD}",
    "an ideographic space, JSON over two lines": "---\u3000" + JSON_POD.replace(",", ",\n "),
    "behind a document that is no object": f"null\n---{JSON_POD}",
    "CRLF": f"a: b\r\n---\xa0{JSON_POD}\r\n",
    "a key behind the mark": f"a: b\n---{ONCE}",
    "printed by an action": f"---{{{{ `{JSON_POD}` }}}}",
    "a hook": "---" + JSON_POD.replace('"name"', '"annotations":{"helm.sh/hook":"pre-install"},"name"'),
    "in the name of another template": f"#\n---\n# Source: web/templates/other.yaml\n#\n---{JSON_POD}",
}


@pytest.mark.parametrize("tool", helms("4.3", "3.17"))
@pytest.mark.parametrize("text", SPLIT_BY_HELM.values(), ids=SPLIT_BY_HELM)
def test_documents_are_those_of_helm(tmp_path: Path, tool: str, text: str) -> None:
    write(tmp_path, {NET: text, "templates/other.yaml": JSON_POD.replace("web", "other")})
    printed = subprocess.run(
        [helm_tool(tool).path, "template", "x", tmp_path / "charts/web"], capture_output=True, text=True, check=True
    ).stdout
    assert printed.count("Pod") == 2
    names = sorted(resource.id.name for resource in render(tmp_path, tool=tool).resources)
    assert names == ["other", "web"]


CHANGING = {
    "printed once": '{{ if not .Values.done }}{{ $_ := set .Values "done" true }}\n' + ONCE + "{{ end }}",
    "printed once for a release": '{{ if not .Release.x }}{{ $_ := set .Release "x" true }}\n' + ONCE + "{{ end }}",
    "counted": pod("  hostPID: {{ not .Values.n }}\n") + '{{ $_ := set .Values "n" 1 }}',
    "sorted in place": pod('  hostPID: {{ eq (first .Chart.Keywords) "b" }}\n')
    + "{{ $_ := sortAlpha .Chart.Keywords }}",
    "the name of a clone": (
        '{{ if contains "zz-" .Template.Name }}{{ $_ := set .Values "leak" .Template.Name }}{{ end }}\n'
        "{{ with .Values.leak }}---\n# Source: {{ . }}\n{{ end }}" + ONCE
    ),
    "the name of a clone, forged by the original": (
        '{{ if contains "zz-" .Template.Name }}{{ $_ := set .Values "leak" .Template.Name }}{{ end }}a: b\n'
        '---\n# Source: {{ .Values.leak | default "web/templates/net.yaml" }}\n' + ONCE
    ),
}


@pytest.mark.parametrize("tool", helms("4.3", "3.17"))
@pytest.mark.parametrize("text", CHANGING.values(), ids=CHANGING)
def test_a_template_is_judged_as_it_prints_without_its_clone(tmp_path: Path, tool: str, text: str) -> None:
    write(tmp_path, {NET: text, "Chart.yaml": f"{CHART}keywords: [b, a]\n"})
    assert only(render(tmp_path, tool=tool)).body["spec"] == {"hostPID": True}


@pytest.mark.parametrize("sign", "\ue000\ue001\ue002")
@pytest.mark.parametrize("number", ["\uf002\uf002", "\ue003\ue003", "\ue003\ue004", ""])
def test_marks_that_only_the_clone_prints_lead_nowhere(tmp_path: Path, sign: str, number: str) -> None:
    forged = f'(ternary "{sign}{number}" "" (contains "zz-" .Template.Name))'
    long = '{{ repeat 20000 "#" }}\n'
    write(tmp_path, {NET: f"{{{{ {forged} }}}}{long}" + pod(f'  hostPID: {{{{ printf "%strue" {forged} }}}}\n')})
    place = only(render(tmp_path)).locate("/spec/hostPID")
    assert place.path == f"charts/web/{NET}"


CI = "ci/a-values.yaml"
NEEDS = pod("  hostPID: {{ required `set x` .Values.x }}\n")


@pytest.mark.parametrize("version", helms("4.3", "3.17"))
@pytest.mark.parametrize(
    ("files", "line"),
    [
        pytest.param({NET: NEEDS}, 6, id="a required value"),
        pytest.param({NET: pod("  hostPID: {{ if not .Values.x }}{{ fail `set x` }}{{ end }}true\n")}, 6, id="fail"),
        pytest.param({NET: pod("  hostPID: {{ .Values.of.x | default .Values.x }}\n")}, 6, id="a mapping of none"),
        pytest.param(
            {NET: pod("  hostPID: {{ .Values.x }}\n"), "values.schema.json": '{"required": ["x"]}'},
            None,
            id="a value that the schema requires",
        ),
        pytest.param({NET: pod("  hostPID: {{ .Values.x | default `]` }}\n")}, None, id="what is not YAML without it"),
    ],
)
def test_values_of_ci_stand_in_for_defaults_that_cannot_be_installed(
    tmp_path: Path, files: Files, line: int | None, version: str
) -> None:
    chart = write(tmp_path, {**files, CI: "x: true\nof: {}\n"})
    found = render(tmp_path, *default_releases(chart, Repository(tmp_path)), tool=version)
    assert only(found).body["spec"] == {"hostPID": True}
    (note,) = found.notes
    said = "helm template failed with the chart's own values, so it is judged with values ci/a-values.yaml alone: "
    assert note.message.startswith(said)
    assert line is None or (note.path, note.line) == ("charts/web/templates/pod.yaml", line)


def test_a_chart_that_no_values_install_is_a_problem_for_each(tmp_path: Path) -> None:
    chart = write(tmp_path, {NET: NEEDS, CI: "y: 1", "ci/b-values.yaml": "z: 1"})
    found = render(tmp_path, *default_releases(chart, Repository(tmp_path)))
    starts = [problem.message.partition(": ")[0] for problem in found.problems]
    assert sorted(starts) == [
        "helm template failed for values ci/a-values.yaml, so this release is not judged",
        "helm template failed for values ci/b-values.yaml, so this release is not judged",
        "helm template failed, so the chart is not judged",
    ]


def test_values_of_ci_that_do_not_install_are_a_problem(tmp_path: Path) -> None:
    chart = write(tmp_path, {NET: NEEDS, CI: "x: true", "ci/b-values.yaml": "z: 1"})
    found = render(tmp_path, *default_releases(chart, Repository(tmp_path)))
    (problem,) = found.problems
    assert problem.message.startswith("helm template failed for values ci/b-values.yaml, so this release is not judged")
    assert len(found.resources) == len(found.notes) == 1


def test_a_failed_release_is_named(tmp_path: Path) -> None:
    write(tmp_path, {NET: NEEDS})
    release = Release("web", variant="release web", requested_by="kgate.yaml")
    (problem,) = render(tmp_path, release).problems
    start = "helm template failed for release web of kgate.yaml, so this release is not judged: "
    assert problem.message.startswith(start)


def test_templates_are_not_left_out_of_a_chart_that_values_of_ci_install(tmp_path: Path) -> None:
    chart = write(tmp_path, {NET: NEEDS, CI: "x: true"})
    releases = default_releases(chart, Repository(tmp_path))
    found = render(tmp_path, *releases, options=RenderOptions(helm_degraded=True))
    assert not found.problems
    assert len(found.resources) == len(found.notes) == 1


SPOOF = "---\n# Source: web/templates/b.yaml\n"


@pytest.mark.parametrize("version", helms("4.3", "4.1", "3.17"))
@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(pod("  hostIPC: true\n", "a") + SPOOF + pod("  hostPID: true\n"), 14, id="after another object"),
        pytest.param(SPOOF + pod("  hostPID: true\n"), 8, id="at the start"),
        pytest.param(f"\n{{{{ print `{SPOOF}` }}}}\n" + pod("  hostPID: true\n"), 10, id="printed by an action"),
        pytest.param("\n{{ .Values.spoof }}\n" + pod("  hostPID: true\n"), 8, id="in values"),
        pytest.param('\n{{ include "spoof" . }}\n' + pod("  hostPID: true\n"), 8, id="in a helper"),
        pytest.param(
            f"a: 1\n{SPOOF}{SPOOF}"
            + pod("  hostPID: true\n").replace("spec:", "  annotations: {helm.sh/hook: test}\nspec:"),
            12,
            id="in a hook, twice",
        ),
        pytest.param((pod("  a: 1\n", "a") + SPOOF + pod("  hostPID: true\n")).replace("\n", "\r\n"), 14, id="CRLF"),
        pytest.param(pod("  hostPID: true\n").replace("spec:", f"{SPOOF[4:]}spec:"), 7, id="inside an object"),
        pytest.param(
            pod("  a: 1\n", "a") + SPOOF.replace("b", "c") + pod("  hostPID: true\n"), 14, id="of no template"
        ),
    ],
)
def test_a_comment_about_the_source_moves_nothing(tmp_path: Path, text: str, line: int, version: str) -> None:
    values = "spoof: |\n  ---\n  # Source: web/templates/b.yaml\n"
    helper = '{{ define "spoof" }}' + SPOOF + "{{ end }}"
    files = {"templates/a.yaml": text, "templates/b.yaml": "b: 1\n", "templates/_h.tpl": helper, "values.yaml": values}
    write(tmp_path, files)
    found = render(tmp_path, tool=version)
    (place,) = {item.locate("/spec/hostPID") for item in found.resources if "hostPID" in item.body["spec"]}
    assert (place.path, place.start.line, place.is_approximate) == ("charts/web/templates/a.yaml", line, False)


HIDDEN = '{{ if not (contains "zz-" .Template.Name) }}'


@pytest.mark.parametrize("version", helms("4.3", "3.17"))
@pytest.mark.parametrize(
    ("text", "other"),
    [
        pytest.param(f"{pod('  a: 1', 'a')}{HIDDEN}\n{SPOOF}{ONCE}{{{{ end }}}}", "b: 1\n", id="behind an object"),
        pytest.param(f"{HIDDEN}\n{SPOOF}{ONCE}{{{{ end }}}}", pod("  a: 1", "b"), id="at the start"),
        pytest.param(f"a: 1\n{HIDDEN}\n{SPOOF}{SPOOF}{ONCE}{{{{ end }}}}", "b: 1\n", id="twice"),
        pytest.param(f"a: 1\n{HIDDEN}\n{SPOOF}{ONCE}{{{{ end }}}}", "", id="of a template that prints nothing"),
        pytest.param(f"a: 1\n{HIDDEN}\n{SPOOF}b: 1\n---\n{ONCE}{{{{ end }}}}", "b: 1\n", id="behind a copy of it"),
        pytest.param(
            f"a: 1\n{HIDDEN}{{{{ else }}}}{{{{ fail `x` }}}}{{{{ end }}}}\n{SPOOF}{ONCE}", "b: 1", id="no clone"
        ),
        pytest.param(f"a: 1\n{HIDDEN}\n{SPOOF}{ONCE}{{{{ end }}}}".replace("\n", "\r\n"), "b: 1\n", id="CRLF"),
    ],
)
def test_nor_does_one_that_the_clone_does_not_print(tmp_path: Path, text: str, other: str, version: str) -> None:
    write(tmp_path, {"templates/a.yaml": text, "templates/b.yaml": other})
    found = render(tmp_path, tool=version)
    assert not found.problems
    (pod,) = (item for item in found.resources if item.body["spec"].get("hostPID"))
    assert pod.locate("/spec/hostPID").path == "charts/web/templates/a.yaml"


@pytest.mark.parametrize("hidden", [pytest.param("", id="as it is"), pytest.param(HIDDEN, id="but not the clone")])
def test_nor_does_one_about_a_sub_chart(tmp_path: Path, hidden: str) -> None:
    """A name of another chart's template: of one above, and of one below."""
    end = "{{ end }}" if hidden else ""
    up = f"a: 1\n{hidden}\n---\n# Source: web/templates/b.yaml\n{ONCE}{end}"
    down = f"a: 1\n{hidden}\n---\n# Source: web/charts/sub/templates/c.yaml\n{pod('  hostPID: true', 'own')}{end}"
    files = {"charts/sub/Chart.yaml": SUB, "charts/sub/templates/c.yaml": up, "templates/b.yaml": down}
    write(tmp_path, files)
    places = {one.id.name: one.locate("/spec").path for one in render(tmp_path).resources}
    assert places == {"web": "charts/web/charts/sub/templates/c.yaml", "own": "charts/web/templates/b.yaml"}
