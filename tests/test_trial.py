"""trial.py: what is rendered is fixed where it is written, and only if rendering it again shows nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Result, kgate
from tests.real_tools import tools_env

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: app  # the only one
        image: x
"""
SECURITY = """\
        securityContext:
          allowPrivilegeEscalation: false
          capabilities:
            drop:
            - ALL
          seccompProfile:
            type: RuntimeDefault
"""
CHART = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
TEMPLATE = """\
{{- if .Values.image }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: app
        image: {{ .Values.image }}
        securityContext: {{- toYaml .Values.security | nindent 10 }}
{{- end }}
"""
VALUES = """\
# the image
image: x
security:
  runAsUser: 1000  # mine
  # capabilities: {}
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in {"kgate.yaml": "", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def fix(folder: Path, *arguments: str) -> Result:
    return kgate("fix", "-v", *arguments, cwd=folder, env=tools_env())


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rules(folder: Path) -> set[str]:
    report = json.loads(kgate("scan", "-f", "json", cwd=folder, env=tools_env()).out)
    return {finding["rule"] for finding in report["findings"]}


def test_a_base_is_fixed_for_all_its_overlays(tmp_path: Path) -> None:
    files = {
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "base/web.yaml": DEPLOYMENT,
        "one/kustomization.yaml": "resources: [../base]\nnamePrefix: one-\n",
        "two/kustomization.yaml": "resources: [../base]\nnamePrefix: two-\n",
    }
    write(tmp_path, files)
    result = fix(tmp_path)
    assert (result.code, result.err) == (0, "")
    fixed = "capabilities-not-dropped, privilege-escalation-allowed, seccomp-not-set"
    changes = "changes 2 renderings: kustomize one, kustomize two"
    assert f"  8  Deployment/one-web, container app: {fixed}; {changes}\n" in result.out
    assert texts(tmp_path) == {"kgate.yaml": "", **files, "base/web.yaml": DEPLOYMENT + SECURITY}
    assert rules(tmp_path) == {"run-as-root-allowed"}
    assert fix(tmp_path, "--diff").code == 0


def test_a_patch_is_fixed_where_it_decides(tmp_path: Path) -> None:
    patch = DEPLOYMENT.replace("        image: x\n", "        securityContext: {runAsUser: 1000}\n")
    files = {
        "kustomization.yaml": "resources: [web.yaml]\npatches: [{path: patch.yaml}]\n",
        "web.yaml": DEPLOYMENT,
        "patch.yaml": patch,
    }
    write(tmp_path, files)
    assert fix(tmp_path).code == 0
    context = (
        "{runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true, "
        "seccompProfile: {type: RuntimeDefault}}"
    )
    patched = patch.replace("{runAsUser: 1000}", context)
    assert texts(tmp_path) == {"kgate.yaml": "", **files, "patch.yaml": patched}
    assert rules(tmp_path) == set()


def test_values_and_literal_fields_of_a_chart_are_fixed(tmp_path: Path) -> None:
    write(tmp_path, {"Chart.yaml": CHART, "values.yaml": VALUES, "templates/web.yaml": TEMPLATE})
    result = fix(tmp_path, "--unsafe")
    assert result.code == 0
    after = texts(tmp_path)
    assert after["templates/web.yaml"] == TEMPLATE.replace("      hostNetwork: true\n", "")
    assert after["values.yaml"] == VALUES.replace(
        "# mine\n",
        "# mine\n  allowPrivilegeEscalation: false\n  capabilities:\n    drop:\n    - ALL\n  runAsNonRoot: true\n"
        "  seccompProfile:\n    type: RuntimeDefault\n",
    )
    assert rules(tmp_path) == set()


def test_an_empty_context_in_the_values_is_filled(tmp_path: Path) -> None:
    template = TEMPLATE.replace("        securityContext: {{- toYaml .Values.security | nindent 10 }}\n", "").replace(
        "{{- end }}\n",
        "        {{- with .Values.securityContext }}\n        securityContext:\n"
        "          {{- toYaml . | nindent 10 }}\n"
        "        {{- end }}\n{{- end }}\n",
    )
    values = "image: x\nsecurityContext: {}  # of the container\nother: 1\n"
    write(tmp_path, {"Chart.yaml": CHART, "values.yaml": values, "templates/web.yaml": template})
    assert "\n      2  Deployment/web, container app: " in fix(tmp_path).out
    after = texts(tmp_path)
    assert after["templates/web.yaml"] == template
    assert after["values.yaml"] == (
        "image: x\nsecurityContext:  # of the container\n  allowPrivilegeEscalation: false\n  capabilities:\n"
        "    drop:\n    - ALL\n  seccompProfile:\n    type: RuntimeDefault\nother: 1\n"
    )


def test_what_a_template_lacks_is_left_alone(tmp_path: Path) -> None:
    template = TEMPLATE.partition("        securityContext")[0] + "{{- end }}\n"
    write(tmp_path, {"Chart.yaml": CHART, "values.yaml": VALUES, "templates/web.yaml": template})
    before = texts(tmp_path)
    result = fix(tmp_path)
    assert "its file is a template, of which only fields that are there with a value can be edited\n" in result.out
    assert texts(tmp_path) == before


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param(
            {"values.schema.json": '{"properties": {"security": {"additionalProperties": {"type": "integer"}}}}'},
            "once edited, not everything can be rendered or judged",
            id="a schema that forbids it",
        ),
        pytest.param(
            {"templates/two.yaml": TEMPLATE.replace("{name: web}", '{name: "web-{{ len .Values.security }}"}')},
            "once rendered, something else is worse",
            id="a name that depends on it",
        ),
    ],
)
def test_an_edit_that_does_something_else_is_left_out(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    write(tmp_path, {"Chart.yaml": CHART, "values.yaml": VALUES, "templates/web.yaml": TEMPLATE, **files})
    before = texts(tmp_path)
    result = fix(tmp_path)
    assert f"  {reason}\n" in result.out
    assert texts(tmp_path) == before
