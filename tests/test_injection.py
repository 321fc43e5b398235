"""Repositories that try to hand options to helm: no program runs, nothing outside is read, written or asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.command import Result, kgate
from tests.hostile import ENVIRONMENT_NAME, SECRET, executable, witness_script, write
from tests.lesser_kernel import LACKS
from tests.loopback import loopback
from tests.real_tools import kustomize_tool, tools_env

CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "stolen: none\n",
    "charts/web/templates/pod.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Values.stolen | trunc 250 | quote }}}\n"
        "spec: {containers: [{name: a, image: b}]}\n"
    ),
}
"""A chart that would show what it could read: as the name of a Pod, which every report has."""


def attack(repository: Path, files: Mapping[str, str], url: str) -> None:
    """Writes the repository; PROGRAM, FILE, FOLDER and ADDRESS in it are what must not be run, read, written, asked."""
    (repository / ".git").mkdir(parents=True)
    outside = repository.parent
    executable(repository / "evil.sh", witness_script(repository))
    write(outside, {"outside/file": SECRET, "outside/values.yaml": f"stolen: {SECRET}\n"})
    words = {
        "PROGRAM": os.fspath(repository / "evil.sh"),
        "FILE": os.fspath(outside / "outside/file"),
        "VALUES": os.fspath(outside / "outside/values.yaml"),
        "FOLDER": os.fspath(outside / "written"),
        "ADDRESS": url,
    }
    for name, text in files.items():
        for word, meaning in words.items():
            text = text.replace(word, meaning)  # noqa: PLW2901 - one word after the other
        write(repository, {name: text})


def scan(folder: Path, files: Mapping[str, str], version: str = "4.3", lacks: str = "nothing") -> Result:
    """Scans such a repository, and asserts that it did no harm."""
    repository = folder / "repository"
    env = {**tools_env(version), ENVIRONMENT_NAME: SECRET}
    with loopback() as server:
        attack(repository, files, server.url)
        before = sorted(os.listdir(folder))
        result = kgate("scan", "-f", "json", ".", cwd=repository, env=env, lacks=lacks)
        assert server.seen == []
    assert sorted(os.listdir(folder)) == before
    assert SECRET not in result.out + result.err
    assert result.err == ""
    return result


def report(result: Result) -> Any:
    return json.loads(result.out)


def problems_of_rows(
    folder: Path, rows: Mapping[str, Mapping[str, str]], version: str = "4.3", lacks: str = "nothing"
) -> dict[str, list[Any]]:
    """The problems of each row, all in one scan: its repository holds a folder for each."""
    files = {f"{row}/{name}": text for row, own in rows.items() for name, text in own.items()}
    result = scan(folder, files, version, lacks)
    assert result.code == 3, result
    found: dict[str, list[Any]] = {row: [] for row in rows}
    for problem in report(result)["problems"]:
        found[problem["path"].partition("/")[0]].append(problem)
    return found


def charts(**fields: str) -> dict[str, str]:
    """A kustomization with the chart and these fields of its entry."""
    entry = json.dumps({"name": "web", **fields})
    return {**CHART, "kustomization.yaml": f"helmCharts:\n- {entry}\n"}


OPTIONS = {
    "a program": "--post-renderer=PROGRAM",
    "a file": "--set-file=stolen=FILE",
    "the environment": "--set-file=stolen=/proc/self/environ",
    "the environment of kgate": "--set-file=stolen=/proc/PPID/environ",
    "values": "--values=VALUES",
    "values, short": "-fVALUES",
    "values from the network": "--values=ADDRESS/values.yaml",
    "a repository of charts": "--repo=ADDRESS",
    "a folder": "--output-dir=FOLDER",
    "a kubeconfig": "--kubeconfig=FILE",
    "plugins": "--post-renderer=PROGRAM --debug",
    "a dash": "-",
    "two dashes": "--",
}

FIELDS: dict[str, dict[str, str]] = {
    **{f"releaseName, {name}": charts(releaseName=text) for name, text in OPTIONS.items()},
    "name": charts(name="--post-renderer=PROGRAM"),
    "namespace": charts(namespace="--post-renderer=PROGRAM"),
    "version": charts(version="--post-renderer=PROGRAM"),
    "kubeVersion": charts(kubeVersion="--post-renderer=PROGRAM"),
    "nameTemplate": charts(nameTemplate="--post-renderer=PROGRAM"),
    "valuesFile": charts(valuesFile="--post-renderer=PROGRAM"),
    "apiVersions": {
        **CHART,
        "kustomization.yaml": 'helmCharts: [{name: web, apiVersions: ["--set-file=stolen=FILE"]}]',
    },
    "additionalValuesFiles": {
        **CHART,
        "kustomization.yaml": 'helmCharts: [{name: web, additionalValuesFiles: ["-fVALUES"]}]',
    },
    "chartHome": {**CHART, "kustomization.yaml": "helmCharts: [{name: web}]\nhelmGlobals: {chartHome: --repo=ADDRESS}"},
    "the old spelling": {
        **CHART,
        "kustomization.yaml": 'helmChartInflationGenerator: [{chartName: web, releaseName: "--post-renderer=PROGRAM"}]',
    },
    "extraArgs of the old spelling": {
        **CHART,
        "kustomization.yaml": 'helmChartInflationGenerator: [{chartName: web, extraArgs: ["--post-renderer=PROGRAM"]}]',
    },
    "an alias": {
        **CHART,
        "kustomization.yaml": 'x: &x "--post-renderer=PROGRAM"\nhelmCharts: [{name: web, releaseName: *x}]',
    },
    "an escape": {
        **CHART,
        "kustomization.yaml": 'helmCharts: [{name: web, releaseName: "\\x2d-post-renderer=PROGRAM"}]',
    },
    "!!binary": {
        **CHART,
        "kustomization.yaml": "helmCharts: [{name: web, releaseName: !!binary LS1zZXQtZmlsZT1hPS9ldGMvaG9zdG5hbWU=}]",
    },
    "a component": {
        **CHART,
        "kustomization.yaml": "helmCharts: [{name: web}]\ncomponents: [component]",
        "component/kustomization.yaml": (
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            'helmGlobals: {chartHome: ../charts}\nhelmCharts: [{name: web, releaseName: "--post-renderer=PROGRAM"}]'
        ),
    },
}


def test_an_option_in_a_kustomization(tmp_path: Path) -> None:
    assert len(FIELDS) > 20
    for row, problems in problems_of_rows(tmp_path, FIELDS).items():
        messages = {problem["message"]: problem for problem in problems}
        assert len(messages) == 1, (row, problems)
        (problem,) = messages.values()
        assert "starts with '-', which helm takes for an option" in problem["message"], (row, problem)
        assert problem["path"].endswith("kustomization.yaml"), row
        assert problem["line"], row


GENERATOR = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: web}\nname: web\n"
HIDDEN: dict[str, dict[str, str]] = {
    "a generator": {
        **CHART,
        "kustomization.yaml": "helmCharts: [{name: web}]\ngenerators: [generator.yaml]",
        "generator.yaml": f'{GENERATOR}releaseName: "OPTION"\n',
    },
    "a generator in the kustomization": {
        **CHART,
        "kustomization.yaml": (
            "helmCharts: [{name: web}]\ngenerators:\n- |\n  "
            + GENERATOR.replace("\n", "\n  ")
            + 'releaseName: "OPTION"\n'
        ),
    },
    "a generator in a folder": {
        **CHART,
        "kustomization.yaml": "helmCharts: [{name: web}]\ngenerators: [generators]",
        "generators/kustomization.yaml": "resources: [generator.yaml]",
        "generators/generator.yaml": f'{GENERATOR}releaseName: "OPTION"\nchartHome: ../charts\n',
    },
    "a generator that a transformer changes": {
        **CHART,
        "kustomization.yaml": "helmCharts: [{name: web}]\ngenerators: [generators]",
        "generators/kustomization.yaml": (
            "resources: [generator.yaml]\npatches:\n- target: {kind: HelmChartInflationGenerator}\n"
            '  patch: |\n    - {op: add, path: /releaseName, value: "OPTION"}\n'
        ),
        "generators/generator.yaml": GENERATOR,
    },
    "a name template that reads the environment": {
        **CHART,
        "kustomization.yaml": f"helmCharts: [{{name: web, nameTemplate: '{{{{ env \"{ENVIRONMENT_NAME}\" }}}}'}}]",
        "charts/web/templates/pod.yaml": CHART["charts/web/templates/pod.yaml"].replace(
            ".Values.stolen", ".Release.Name"
        ),
    },
}
"""What no look at the kustomization finds: the program that stands in for helm refuses it."""

MACHINES = [("4.3", lacks) for lacks in LACKS]
MACHINES += [("4.1", "namespaces"), ("3.17", "nothing"), ("3.17", "namespaces and Landlock")]
HARMFUL = ("--post-renderer=PROGRAM", "--set-file=stolen=FILE", "--output-dir=FOLDER")


@pytest.mark.slow
@pytest.mark.parametrize(("version", "lacks"), MACHINES, ids=map(", lacks ".join, MACHINES))
def test_a_hidden_option(version: str, lacks: str, tmp_path: Path) -> None:
    """Each of the harmful options is tried with Helm 3 or 4, with and without the kernel's help."""
    option = HARMFUL[(len(version) + LACKS.index(lacks)) % len(HARMFUL)]
    rows = {row: {name: text.replace("OPTION", option) for name, text in own.items()} for row, own in HIDDEN.items()}
    found = problems_of_rows(tmp_path, rows, version, lacks)
    assert len(found) > 4
    assert [row for row, problems in found.items() if not problems] == []


PLUGIN = "name: template\nversion: 0.1.0\nusage: a\ndescription: a\ncommand: PROGRAM\n"
PLUGIN += "hooks: {install: PROGRAM}\ndownloaders: [{command: PROGRAM, protocols: [http, file]}]\n"


@pytest.mark.slow
@pytest.mark.parametrize(("version", "lacks"), MACHINES, ids=map(", lacks ".join, MACHINES))
def test_homes_of_helm_that_the_repository_names(version: str, lacks: str, tmp_path: Path) -> None:
    files = {
        **CHART,
        "kustomization.yaml": "helmCharts: [{name: web, releaseName: web}]\nhelmGlobals: {configHome: home}",
        "home/.data/plugins/template/plugin.yaml": PLUGIN,
        "home/plugins/template/plugin.yaml": PLUGIN,
    }
    assert scan(tmp_path, files, version, lacks).code == 0


ARGO = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: NAME}\nspec:\n  destination: DESTINATION\n"
)
ARGO += "  source: {repoURL: https://example.com/team/repository.git, path: charts/web, helm: HELM}\n"
FLUX = (
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: repository, namespace: flux}\n"
    "spec: {url: https://example.com/team/repository.git, interval: 1m}\n---\n"
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: NAME, namespace: flux}\nspec:\n"
    "  chart: {spec: {chart: charts/web, sourceRef: {kind: GitRepository, name: repository}}}\n  MORE\n"
)
OPTION = "--set-file=stolen=FILE"


def argo(name: str = "web", destination: str = "{}", **helm: Any) -> dict[str, str]:
    text = ARGO.replace("NAME", json.dumps(name)).replace("DESTINATION", destination)
    return {**CHART, "app.yaml": text.replace("HELM", json.dumps(helm))}


def flux(name: str = "web", more: str = "interval: 1m") -> dict[str, str]:
    return {**CHART, "release.yaml": FLUX.replace("NAME", json.dumps(name)).replace("MORE", more)}


GITOPS: dict[str, dict[str, str]] = {
    "the name of Argo CD": argo(OPTION),
    "the namespace of Argo CD": argo(destination=f'{{namespace: "{OPTION}"}}'),
    "releaseName of Argo CD": argo(releaseName=OPTION),
    "namespace of helm of Argo CD": argo(namespace=OPTION),
    "kubeVersion of Argo CD": argo(kubeVersion=OPTION),
    "apiVersions of Argo CD": argo(apiVersions=[OPTION]),
    "a parameter of Argo CD": argo(parameters=[{"name": OPTION, "value": "x"}]),
    "a parameter of a file of Argo CD": argo(fileParameters=[{"name": OPTION, "path": "values.yaml"}]),
    "the name of Flux": flux(OPTION),
    "releaseName of Flux": flux(more=f'releaseName: "{OPTION}"'),
    "targetNamespace of Flux": flux(more=f'targetNamespace: "{OPTION}"'),
}


def test_an_option_in_a_gitops_object(tmp_path: Path) -> None:
    assert len(GITOPS) > 10
    rows = {
        row: {name: text.replace("charts/web", f"{row}/charts/web") for name, text in own.items()}
        for row, own in GITOPS.items()
    }
    for row, problems in problems_of_rows(tmp_path, rows).items():
        found = [problem for problem in problems if "starts with '-'" in problem["message"]]
        assert [problem["path"] for problem in found] == [f"{row}/{list(rows[row])[-1]}"], (row, problems)
        assert found[0]["line"], row


def test_values_may_begin_with_a_dash(tmp_path: Path) -> None:
    """They reach helm in a file."""
    entry = '{name: web, releaseName: web, valuesInline: {stolen: "-x", list: ["--log-level=debug"]}}'
    result = scan(tmp_path, {**CHART, "kustomization.yaml": f"helmCharts: [{entry}]"})
    assert "-x" in [found["name"] for found in report(result)["workloads"]], result


def test_git_of_the_repository_does_not_fetch_remote_bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PATH leads into the repository, which --allow-remote hands on."""
    executable(tmp_path / "repository/bin/git", witness_script(tmp_path / "repository"))
    (tmp_path / "repository/.git").mkdir()
    (tmp_path / "repository/kustomization.yaml").write_text("resources: ['git::file:///nowhere/base.git']\n")
    env = {"PATH": os.fspath(tmp_path / "repository/bin"), "KGATE_SCAN_KUBECTL_BIN": os.fspath(kustomize_tool().path)}
    result = kgate("scan", ".", "--allow-remote", cwd=tmp_path / "repository", env=env, lacks="namespaces and Landlock")
    assert result.code == 3
    assert "git" in result.out
    assert os.listdir(tmp_path) == ["repository"]
