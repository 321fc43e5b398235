"""beside.py: files in the folder of a chart that are none of the chart's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kgate.repository import Repository
from kgate.sources import files
from tests.hostile import write

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: app, image: web}]}\n"
ROLE = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n"
TEMPLATE = "{{ if .Values.x }}\n" + POD + "{{ end }}\n"
VALUES = "image: web\nreplicas: 2\n"


def walk(root: Path, tree: Mapping[str, str], *starts: str) -> tuple[list[str], list[str], list[str]]:
    """Shown paths of the plain manifests, of the charts, and of the notes."""
    write(root, {".git/config": "", "web/Chart.yaml": CHART, "web/values.yaml": VALUES, **tree})
    listing = files.list_files([root / start for start in starts or (".",)], Repository.at(root.resolve()))
    assert not listing.problems
    charts = sorted(chart.relative_to(root.resolve()).as_posix() for chart in listing.charts)
    shown = sorted(file.shown for file in listing.files.values())
    return shown, charts, sorted(note.path for note in listing.notes)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param('{{ .Files.Get "files/pod.yaml" | indent 2 }}', id="by its path"),
        pytest.param("{{ $.Files.Get `files/pod.yaml` }}", id="in back quotes"),
        pytest.param('{{ (.Files.Glob "files/*.yaml").AsConfig }}', id="by a glob"),
        pytest.param('{{ (.Files.Glob "files/**").AsSecrets }}', id="by a glob of all below"),
        pytest.param('{{ (.Files.Glob "{files,more}/p*").AsConfig }}', id="by a glob with a choice"),
        pytest.param('{{ .Files.Get (printf "files/%s.yaml" .Values.kind) }}', id="by a format"),
        pytest.param('{{ range .Files.Lines "files/pod.yaml" }}{{ . }}{{ end }}', id="line by line"),
        pytest.param('{{ $path := "files/pod.yaml" }}{{ .Files.Get $path }}', id="by a variable"),
        pytest.param("{{ .Files.Get .Values.path }}", id="by a value"),
        pytest.param("{{ range $path, $_ := .Files }}{{ $path }}{{ end }}", id="all of them"),
        pytest.param("{{ (.Files.AsConfig) | indent 2 }}", id="all of them, as data"),
        pytest.param('{{ include "lib.files" . }}', id="by a library"),
    ],
)
@pytest.mark.parametrize("text", [POD, TEMPLATE], ids=["a manifest", "a template"])
def test_files_that_templates_read_are_no_manifests(tmp_path: Path, template: str, text: str) -> None:
    tree = {
        "web/templates/a.yaml": template,
        "web/files/pod.yaml": text,
        "web/values.yaml": "path: files/pod.yaml\n",
        "web/charts/lib/Chart.yaml": CHART,
        "web/charts/lib/templates/_h.tpl": '{{ define "lib.files" }}{{ .Files.Get "files/pod.yaml" }}{{ end }}',
    }
    if "lib" not in template:
        del tree["web/charts/lib/templates/_h.tpl"]
    assert walk(tmp_path, tree) == ([], ["web"], [])


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("a: 1", id="no use at all"),
        pytest.param('{{ .Files.Get "files/other.yaml" }}', id="another file"),
        pytest.param('{{ .Files.Get "more/files/pod.yaml" }}', id="a file in another folder"),
        pytest.param('{{/* .Files.Get "files/pod.yaml" */}}', id="a comment"),
        pytest.param('{{ (.Files.Glob "files/*.json").AsConfig }}', id="a glob of others"),
        pytest.param("{{ .Values.Files }}", id="a value of that name"),
        pytest.param('{{ $own := dict "Files" $.Files "Chart" .Chart }}', id="handed on"),
    ],
)
def test_manifests_that_no_template_reads_are_judged(tmp_path: Path, template: str) -> None:
    tree = {"web/templates/a.yaml": template, "web/files/pod.yaml": POD, "web/files/inject.yaml": TEMPLATE}
    assert walk(tmp_path, tree) == (["web/files/pod.yaml"], ["web"], ["web/files/inject.yaml"])


@pytest.mark.parametrize(
    "name",
    [
        *(
            "values.yaml",
            "values-pod.yaml",
            "values.pod.yml",
            "charts/pod.yaml",
            "charts/more/pod.yaml",
            "ci/pod-values.yaml",
        ),
        *("charts/sub/examples/pod.yaml", "charts/sub/values-pod.yaml", "charts/sub/charts/pod.yaml"),
    ],
)
@pytest.mark.parametrize("kind", ["application", "library"])
def test_workloads_with_the_name_of_a_part_of_the_chart_are_judged(tmp_path: Path, name: str, kind: str) -> None:
    tree = {"web/Chart.yaml": f"{CHART}type: {kind}\n", "web/charts/sub/Chart.yaml": CHART, f"web/{name}": POD}
    assert walk(tmp_path, tree) == ([f"web/{name}"], ["web"], [f"web/{name}"])


def test_beside_a_library_chart(tmp_path: Path) -> None:
    """kubectl takes both files with the rest of the folder; no rendering has them."""
    tree = {"web/Chart.yaml": f"{CHART}type: library\n", "web/charts/pod.yaml": POD, "web/values-pod.yaml": POD}
    written = ["web/charts/pod.yaml", "web/values-pod.yaml"]
    assert walk(tmp_path, tree) == (written, ["web"], written)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("values-prod.yaml", VALUES, id="values"),
        pytest.param("values-prod.yaml", f"pod:\n  {POD}".replace("\n", "\n  "), id="a pod in values"),
        pytest.param("templates/pod.yaml", POD, id="a template"),
        pytest.param("charts/sub/templates/pod.yaml", POD, id="a template of a sub-chart"),
        pytest.param("charts/sub/values.yaml", VALUES, id="values of a sub-chart"),
        pytest.param("charts/sub/crds/pod.yaml", POD, id="a definition of a sub-chart"),
        pytest.param("charts/sub/examples/account.yaml", ROLE, id="no workload"),
        pytest.param("charts/sub/base/kustomization.yaml", "resources: []\n", id="a kustomization"),
        pytest.param("ci/a-values.yaml", VALUES, id="values of ci"),
        pytest.param("values-prod.yaml", TEMPLATE, id="a template with the name of values"),
    ],
)
def test_parts_of_the_chart_are_no_manifests(tmp_path: Path, name: str, text: str) -> None:
    tree = {"web/templates/a.yaml": "a: 1", "web/charts/sub/Chart.yaml": CHART, f"web/{name}": text}
    assert walk(tmp_path, tree) == ([], ["web"], [])


def test_what_is_beside_as_before(tmp_path: Path) -> None:
    tree = {"web/crds/a.yaml": ROLE, "web/examples/pod.yaml": POD, "web/other/Chart.yaml": CHART, "a.yaml": ROLE}
    assert walk(tmp_path, tree) == (["a.yaml", "web/crds/a.yaml", "web/examples/pod.yaml"], ["web", "web/other"], [])


@pytest.mark.parametrize("start", ["web/files", "web/files/pod.yaml"])
def test_a_named_file_that_a_template_reads_is_the_chart(tmp_path: Path, start: str) -> None:
    tree = {"web/templates/a.yaml": '{{ .Files.Get "files/pod.yaml" }}', "web/files/pod.yaml": POD}
    assert walk(tmp_path, tree, start) == ([], ["web"], [])


@pytest.mark.parametrize("start", ["web/files", "web/files/pod.yaml"])
def test_a_named_file_that_no_template_reads_is_a_manifest(tmp_path: Path, start: str) -> None:
    tree = {"web/templates/a.yaml": "a: 1", "web/files/pod.yaml": POD}
    assert walk(tmp_path, tree, start) == (["web/files/pod.yaml"], [], [])


@pytest.mark.parametrize("name", ["values-pod.yaml", "charts/pod.yaml", "files/pod.yaml"])
def test_ignore_files_hold_in_charts(tmp_path: Path, name: str) -> None:
    assert walk(tmp_path, {f"web/{name}": POD, ".kgateignore": f"web/{name}\n"}) == ([], ["web"], [])


def test_a_kustomization_takes_a_file_of_a_chart(tmp_path: Path) -> None:
    tree = {"web/values-pod.yaml": POD, "k/kustomization.yaml": "resources: [../web/values-pod.yaml]\n"}
    assert walk(tmp_path, tree) == ([], ["web"], [])
    listing = files.list_files([tmp_path], Repository.at(tmp_path.resolve()))
    assert "web/values-pod.yaml" in [claim.file.shown for claim in listing.claims.values()]
