"""switches.py: which values lead to the parts of a template that a chart's own values switch off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kgate.rendering import gotemplate
from kgate.rendering.helm import render
from kgate.rendering.helm.release import Release
from kgate.rendering.helm.switches import ChartValues, switched_parts
from kgate.rendering.requests import RenderContext, RenderOptions
from kgate.rendering.tools import FoundTools
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from tests.real_tools import helm_tool
from tests.test_rendering import findings, report, tree

VALUES = {
    "off": False,
    "on": True,
    "word": "web",
    "empty": "",
    "none": 0,
    "map": {},
    "list": [],
    "agent": {"enabled": False, "mode": "web"},
}


def titles(text: str, *keys: str) -> list[str]:
    return [part.title for part in switched_parts("a.yaml", tuple(gotemplate.tokens(text)), ChartValues(keys, VALUES))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("{{ if .Values.off }}a{{ end }}", ["off=true"], id="a truth value"),
        pytest.param("{{- if $.Values.agent.enabled -}}a{{- end -}}", ["agent.enabled=true"], id="from the root"),
        pytest.param("{{ if .Values.absent }}a{{ end }}", ["absent=true"], id="absent"),
        pytest.param("{{ if .Values.empty }}a{{ end }}", ["empty=kgate"], id="a text"),
        pytest.param("{{ if .Values.none }}a{{ end }}", ["none=1"], id="a number"),
        pytest.param("{{ if .Values.on }}a{{ end }}", [], id="on already"),
        pytest.param("{{ if .Values.on }}a{{ else }}b{{ end }}", ["on=false"], id="an else"),
        pytest.param("{{ if not .Values.on }}a{{ end }}", ["on=false"], id="not"),
        pytest.param("{{ if (and .Values.on (not (.Values.word))) }}a{{ end }}", ["word="], id="and, in parentheses"),
        pytest.param("{{ if and .Values.off .Values.empty }}a{{ end }}", ["empty=kgate and off=true"], id="and of two"),
        pytest.param("{{ if or .Values.map .Values.off }}a{{ end }}", ["off=true"], id="or, as far as it is known"),
        pytest.param('{{ if eq .Values.agent.mode "host" }}a{{ end }}', ["agent.mode=host"], id="a comparison"),
        pytest.param('{{ if ne "web" .Values.agent.mode }}a{{ end }}', [], id="what differs is not known"),
        pytest.param('{{ if eq .Values.word "web" }}a{{ end }}', [], id="a comparison that is true"),
        pytest.param(
            '{{ if eq .Values.word "a" }}a{{ else if eq .Values.word "b" }}b{{ end }}',
            ["word=a", "word=b"],
            id="an else if",
        ),
        pytest.param(
            "{{ if .Values.off }}{{ if .Values.none }}a{{ end }}{{ end }}",
            ["none=1 and off=true", "off=true"],
            id="nested",
        ),
        pytest.param(
            "{{ if .Values.off }}{{ if not .Values.off }}a{{ end }}{{ end }}", ["off=true"] * 2, id="a contradiction"
        ),
        pytest.param("{{ with .Values.empty }}{{ . }}{{ end }}", ["empty=kgate"], id="with"),
        pytest.param("{{ with .Values.map }}a{{ end }}", [], id="with a mapping"),
        pytest.param("{{ range .Values.list }}a{{ end }}", [], id="a loop"),
        pytest.param("{{ range .Values.absent }}a{{ end }}", [], id="a loop over what is absent"),
        pytest.param("{{ if .Capabilities.APIVersions }}a{{ end }}", [], id="the cluster"),
        pytest.param("{{ if $x := .Values.off }}a{{ end }}", [], id="an assignment"),
        pytest.param("{{ if .Values.off | default true }}a{{ end }}", [], id="a pipeline"),
        pytest.param("{{ if .Values.off }}a", [], id="without an end"),
        pytest.param("{{/* if .Values.off */}}a{{ end }}", [], id="a comment"),
        pytest.param('{{ define "x" }}{{ if .Values.off }}a{{ end }}{{ end }}', ["off=true"], id="in a named template"),
        pytest.param(f"{{{{ if {'(' * 9_999}.Values.off{')' * 9_999} }}}}a{{{{ end }}}}", [], id="very many groups"),
        pytest.param(
            "{{ if .Values.none }}a" + "{{ else if .Values.empty }}b" * 9_999 + "{{ end }}",
            ["none=1", *["empty=kgate"] * 50],
            id="very many alternatives",
        ),
        pytest.param("{{ if .Values.off }}" * 100 + "a" + "{{ end }}" * 100, ["off=true"] * 50, id="very deep"),
    ],
)
def test_values_that_lead_to_a_part(text: str, wanted: list[str]) -> None:
    """Those of a sub-chart stand below its name, but for globals."""
    assert titles(text) == wanted


def test_the_values_of_a_subchart_stand_below_its_name() -> None:
    assert titles("{{ if .Values.off }}a{{ end }}", "db") == ["db.off=true"]
    assert titles("{{ if .Values.global.debug }}a{{ end }}", "db") == ["global.debug=true"]


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: agent}\nspec:\n  containers: [{name: app, image: b}]\n"
CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/values.yaml": "agent: false\nmode: 'a,b'\nbroken: false\ndeep: false\n",
    "web/templates/agent.yaml": "{{ if .Values.agent }}\n"
    + POD
    + '  {{- if eq .Values.mode "x,y=z" }}\n  hostPID: true\n  {{- end }}\n{{ end }}\n',
    "web/templates/broken.yaml": '{{ if .Values.broken }}{{ fail "never" }}{{ end }}\n',
    "web/templates/idle.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
}


def rendered(found: dict[str, Any]) -> list[str]:
    return [one["rendered_by"]["variants"][0]["name"] or "" for one in found["workloads"]]


def test_what_values_switch_off_is_judged_for_those_who_ask(tmp_path: Path) -> None:
    """Each finding says with which values it appears. Without the flag, nothing is said but by --files."""
    tree(tmp_path, CHART)
    plain = report(tmp_path, ".", "--files")
    assert [plain[key] for key in ("workloads", "findings", "unjudged", "problems")] == [[]] * 4
    (fate,) = [one for one in plain["files"] if one["path"] == "web/templates/agent.yaml"]
    assert fate["reasons"] == ["helm web, where it puts out nothing with these values"]
    found = report(tmp_path, ".", "--variants", "values")
    assert rendered(found) == ["with agent=true", "with agent=true and mode=x,y=z"]
    (pid,) = findings(found, "host-pid")
    assert [one["name"] for one in pid["rendered_by"][0]["variants"]] == ["with agent=true and mode=x,y=z"]
    assert pid["location"]["path"] == "web/templates/agent.yaml"
    assert [found[key] for key in ("unjudged", "problems")] == [[]] * 2
    (note,) = [one for one in found["notes"] if "never" in one["message"]]
    assert note["message"].startswith("with broken=true, Helm does not render it, so that is not judged")
    assert found == report(tmp_path, ".", "--variants", "values")


def test_there_is_a_limit_to_what_is_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "_MOST_VARIANTS", 1)
    tree(tmp_path, CHART)
    options = RenderOptions(value_variants=True)
    with Workspace(Repository.at(tmp_path)) as workspace:
        context = RenderContext(workspace, FoundTools(helm_tool()), options)
        batch = render.render(tmp_path / "web", (Release("web"),), context)
    assert [note.message for note in batch.notes] == ["2 more parts that values switch off are not rendered"]
