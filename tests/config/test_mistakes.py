"""Mistakes in a kgate.yaml: the whole message, with the line of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.config import read_config
from kgate.errors import ConfigError
from kgate.repository import Repository


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "# first\nmin-scor: 60\n",
            "kgate.yaml:2: unknown field 'min-scor'; did you mean 'min-score'?",
            id="a misspelt key",
        ),
        pytest.param(
            "failOn: high\n", "kgate.yaml:1: unknown field 'failOn'; did you mean 'fail-on'?", id="a key in camel case"
        ),
        pytest.param(
            "threshold: 3\n",
            "kgate.yaml:1: unknown field 'threshold'; write min-score: N",
            id="a threshold of a similar program",
        ),
        pytest.param(
            "severity: HIGH\n",
            "kgate.yaml:1: unknown field 'severity'; write fail-on: SEVERITY",
            id="a severity of a similar program",
        ),
        pytest.param(
            "output: json\n",
            "kgate.yaml:1: unknown field 'output'; reports are asked for by flags: kgate scan -o sarif=FILE",
            id="an output",
        ),
        pytest.param(
            "min-score: 1\nmin-score: 2\n",
            "kgate.yaml:2: key 'min-score' is set here and in line 1: keep one of them",
            id="a key twice",
        ),
        pytest.param(
            "min-score: 101\n",
            "kgate.yaml:1: min-score must be a whole number from 0 to 100, baseline (60) or restricted (90)",
            id="a score out of range",
        ),
        pytest.param(
            "min-score: strict\n",
            "kgate.yaml:1: min-score must be a whole number from 0 to 100, baseline (60) or restricted (90)",
            id="a score in words",
        ),
        pytest.param(
            "level: strict\n", "kgate.yaml:1: level must be one of privileged, baseline, restricted", id="a level"
        ),
        pytest.param(
            "fail-on: severe\n", "kgate.yaml:1: fail-on must be one of critical, high, medium, low", id="a severity"
        ),
        pytest.param(
            "kubernetes-version: 1.30\n",
            "kgate.yaml:1: kubernetes-version must be a string; put it in quotes",
            id="a version as a number",
        ),
        pytest.param(
            "kubernetes-version: '2.0'\n",
            "kgate.yaml:1: kubernetes-version: '2.0' is not a Kubernetes version; write one such as 1.37, or latest",
            id="a version of nothing",
        ),
        pytest.param("persona: hacker\n", "kgate.yaml:1: persona must be one of gate, audit, pedantic", id="a persona"),
        pytest.param("ignore: host-pid\n", "kgate.yaml:1: ignore must be a list of rule ids", id="a text for a list"),
        pytest.param(
            "select:\n- host-pid\n- 7\n",
            "kgate.yaml:3: select[1] must be a string; put it in quotes",
            id="a number in a list",
        ),
        pytest.param(
            "allow-empty: 'yes'\n", "kgate.yaml:1: allow-empty must be true or false", id="a text for a truth value"
        ),
        pytest.param(
            "unjudged: ignore\n",
            "kgate.yaml:1: unjudged must be one of incomplete, note",
            id="what becomes of the rest",
        ),
        pytest.param(
            "rules:\n- ../rules\n",
            "kgate.yaml:2: '../rules' leads out of the repository, and is not followed",
            id="a folder above",
        ),
        pytest.param(
            "timeout: '60'\n",
            "kgate.yaml:1: timeout must be a whole number of seconds from 1 to 86,400",
            id="a limit as text",
        ),
        pytest.param(
            "render-memory: 1\n",
            "kgate.yaml:1: render-memory must be a whole number of MiB from 64 to 1,048,576",
            id="a limit too low",
        ),
        pytest.param(
            "floor:\n  min-scor: 1\n",
            "kgate.yaml:2: unknown field 'min-scor' in floor; did you mean 'min-score'?",
            id="a key of the floor",
        ),
        pytest.param(
            "floor:\n  min-score: -1\n",
            "kgate.yaml:2: floor.min-score must be a whole number from 0 to 100, baseline (60) or restricted (90)",
            id="a score of the floor",
        ),
        pytest.param(
            "floor:\n  level: low\n",
            "kgate.yaml:2: floor.level must be one of privileged, baseline, restricted",
            id="a level of the floor",
        ),
        pytest.param(
            "floor:\n  fail-on: any\n",
            "kgate.yaml:2: floor.fail-on must be one of critical, high, medium, low",
            id="a severity of the floor",
        ),
        pytest.param(
            "floor:\n  kubernetes-version: '2'\n",
            "kgate.yaml:2: kubernetes-version: '2' is not a Kubernetes version; write one such as 1.37, or latest",
            id="a version of the floor",
        ),
        pytest.param(
            "floor:\n  never-ignore: host-pid\n",
            "kgate.yaml:2: floor.never-ignore must be a list of rule ids",
            id="a rule of the floor",
        ),
        pytest.param("floor: 60\n", "kgate.yaml:1: floor must be a mapping", id="a floor that is a number"),
        pytest.param(
            "extends: base.yaml\n", "kgate.yaml:1: extends: there is no file 'base.yaml'", id="a file that is not there"
        ),
        pytest.param(
            "extends: ../base.yaml\n",
            "kgate.yaml:1: '../base.yaml' leads out of the repository, and is not followed",
            id="a file above",
        ),
        pytest.param(
            "extends: kgate.yaml\n",
            "kgate.yaml:1: more than 5 files extend each other, or one extends itself",
            id="itself",
        ),
        pytest.param(
            "pull-from:\n- ghcr.io/org\n",
            "kgate.yaml:2: pull-from: ghcr.io/org: name a host, such as ghcr.io, or https://charts.example.com:8443",
            id="a host with a path",
        ),
        pytest.param(
            "charts:\n- releases: []\n",
            "kgate.yaml:2: charts[0].path is missing: name the folder of the chart, or its .tgz archive",
            id="a chart without path",
        ),
        pytest.param(
            "charts:\n- path: web\n  release: []\n",
            "kgate.yaml:3: unknown field 'release' in charts[0]; did you mean 'releases'?",
            id="a key of a chart",
        ),
        pytest.param(
            "charts:\n- path: nowhere\n",
            "kgate.yaml:2: charts[0].path: 'nowhere' is neither a folder with a Chart.yaml nor a .tgz archive",
            id="a chart that is not there",
        ),
        pytest.param(
            "flux:\n  variables:\n    a-b: c\n",
            "kgate.yaml:3: 'a-b' is not the name of a variable: letters, digits and _",
            id="a variable of Flux",
        ),
        pytest.param(
            "argocd:\n  cluster: []\n",
            "kgate.yaml:2: unknown field 'cluster' in argocd; did you mean 'clusters'?",
            id="a key of Argo CD",
        ),
        pytest.param(
            "argocd:\n  plugins:\n    x: jsonnet\n",
            "kgate.yaml:3: argocd.plugins.x must be one of kustomize, helm, directory",
            id="a plugin of Argo CD",
        ),
        pytest.param(
            "gates:\n- min-score: 90\n",
            "kgate.yaml:2: gates[0].match is missing; what all must reach stands at the top of the file",
            id="a gate without match",
        ),
        pytest.param(
            "gates:\n- match:\n    namespace: a\n  min-score: 90\n",
            "kgate.yaml:3: unknown field 'namespace' in gates[0].match; did you mean 'namespaces'?",
            id="a gate of a misspelt match",
        ),
        pytest.param(
            "clusters: {prod: clusters/prod/}\n",
            "kgate.yaml:1: clusters must be a list of mappings",
            id="clusters that are a mapping",
        ),
        pytest.param(
            "clusters:\n- name: prod\n  path: prod/\n",
            "kgate.yaml:3: unknown field 'path' in clusters[0]; did you mean 'paths'?",
            id="a cluster with a misspelt key",
        ),
        pytest.param(
            "clusters:\n- paths: prod/\n",
            "kgate.yaml:2: clusters[0].name is missing; it is what messages call the cluster",
            id="a cluster without name",
        ),
        pytest.param(
            "clusters:\n- name: prod\n",
            "kgate.yaml:2: clusters[0].paths is missing; name the folders of the cluster, such as clusters/prod/",
            id="a cluster without paths",
        ),
        pytest.param(
            "clusters:\n- name: prod\n  paths: []\n",
            "kgate.yaml:3: clusters[0].paths is empty, so nothing can fit it; remove it, or name something",
            id="a cluster with no path",
        ),
        pytest.param(
            "clusters:\n- name: prod\n  paths:\n  - a/\n  - ../b/\n",
            "kgate.yaml:5: clusters[0].paths[1]: '../b/' leads out of the repository; write a path from its root",
            id="a cluster outside of the repository",
        ),
        pytest.param(
            "clusters:\n- {name: prod, paths: a/}\n- name: prod\n  paths: b/\n",
            "kgate.yaml:3: clusters[1].name is that of clusters[0]; put all paths in one entry",
            id="two clusters of one name",
        ),
        pytest.param(
            "rule-settings:\n  host-pid:\n    score: 1\n",
            "kgate.yaml:3: unknown field 'score' in rule-settings.host-pid; known are severity, points, parameters",
            id="a setting of a rule",
        ),
        pytest.param(
            "rule-settings:\n  host-pid:\n    points: 0\n",
            "kgate.yaml:3: rule-settings.host-pid.points must be a whole number from 1 to 10",
            id="points of a rule",
        ),
        pytest.param("- min-score: 60\n", "kgate.yaml: must hold one mapping", id="a mapping that is a list"),
        pytest.param(
            "min-score: [\n", "kgate.yaml:2: not valid YAML: did not find expected node content", id="no YAML"
        ),
        pytest.param("min-score: 1\n---\nmin-score: 2\n", "kgate.yaml: must hold one mapping", id="two documents"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n", encoding="utf-8")
    (tmp_path / "kgate.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "kgate.yaml", Repository(tmp_path))
    assert str(caught.value) == f"{tmp_path}/{message}"
