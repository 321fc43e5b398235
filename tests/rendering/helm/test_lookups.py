"""rendering/helm/lookups: a field of a pod that holds what a template looks up in the cluster is unjudged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import kgate
from tests.hostile import write
from tests.real_tools import tools_env

FOUND = 'lookup "v1" "ConfigMap" "x" "y"'
HELPERS = f"""\
{{{{- define "found" }}}}{{{{ dig "data" "x" "false" ({FOUND}) }}}}{{{{ end }}}}
{{{{- define "nothing" }}}}false{{{{ end }}}}
"""


def pod(start: str = "", pid: str = "false", context: str = "{}", note: str = "a", other: str = "") -> str:
    return f"""\
{start}
apiVersion: v1
kind: Pod
metadata: {{name: a, annotations: {{note: {note}}}}}
spec:
  hostPID: {pid}
  containers:
  - name: app
    image: x
    securityContext:
      {context}
    env:
    - name: X
      value: a
{other}
"""


TEMPLATES = {
    "a field": (pod(pid=f'{{{{ dig "data" "x" false ({FOUND}) }}}}'), [6]),
    "a variable": (pod(f"{{{{- $s := {FOUND} }}}}", '{{ dig "data" "x" false $s }}'), [6]),
    "a variable of a variable": (
        pod(f"{{{{- $s := {FOUND} }}}}{{{{- $t := $s }}}}", '{{ $t.data | default "false" }}'),
        [6],
    ),
    "a helper": (pod(pid='{{ include "found" . }}'), [6]),
    "a mapping on a line of its own": (pod(context=f"{{{{- toYaml ({FOUND} | default dict) | nindent 6 }}}}"), [11]),
    "a mapping at the edge": (pod(context=f"\n{{{{ toYaml ({FOUND} | default dict) | indent 6 }}}}"), [12]),
    "two fields": (pod(pid='{{ include "found" . }}', context='{privileged: {{ include "found" . }}}'), [6, 11]),
    "an annotation": (pod(note=f"{{{{ ({FOUND}).data | quote }}}}"), []),
    "an environment": (pod().replace("value: a", f"value: {{{{ ({FOUND}).data | quote }}}}"), []),
    "another helper": (pod(pid='{{ include "nothing" . }}'), []),
    "a value of that name": (pod(pid="{{ .Values.lookup | default false }}"), []),
    "what values switch off": (pod(other='{{ if .Values.on }}\n  hostIPC: {{ include "found" . }}\n{{ end }}'), []),
    "a comment": (pod(other=f"{{{{/* hostIPC: {FOUND} */}}}}"), []),
}


@pytest.mark.parametrize(("template", "lines"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_what_is_looked_up_is_not_judged(tmp_path: Path, template: str, lines: list[int]) -> None:
    files = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "templates/_helpers.tpl": HELPERS}
    write(tmp_path / "web", {**files, "templates/pod.yaml": template})
    report = json.loads(kgate("scan", ".", "-f", "json", cwd=tmp_path, env=tools_env()).out)
    assert report["problems"] == []
    entries = [one for one in report["unjudged"] if "looks up in the cluster" in one["why"]]
    assert [(one["path"], one["line"]) for one in entries] == [("web/templates/pod.yaml", line) for line in lines]
    assert len(report["workloads"]) == 1
