"""The attacks of a pull request on machines that differ: Helm 3 and 4, with and without the kernel's help."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.command import Result, kgate
from tests.hostile import ENVIRONMENT_NAME, SECRET, executable, witness_script, write
from tests.lesser_kernel import LACKS
from tests.loopback import loopback
from tests.real_tools import helm_tool, kustomize_tool

CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/values.yaml": "stolen: none\n",
    "web/templates/pod.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Values.stolen | trunc 250 | quote }}}\n"
        "spec: {containers: [{name: a, image: b}]}\n"
    ),
}
KUSTOMIZED = {f"k/charts/{name}": text for name, text in CHART.items()}


@dataclass(frozen=True)
class Attack:
    """A repository, what a job scans it with, and the exit code. PROGRAM, OUTSIDE and ADDRESS in the files are what
    must not run, be read or be asked."""

    code: int
    files: dict[str, str]
    links: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = (".",)
    path: str = ""
    is_refused: bool = False
    """Nothing is rendered: neither Helm nor the kernel has a part in it."""


ATTACKS = {
    "1: a program as a release name": Attack(
        3,
        {**KUSTOMIZED, "k/kustomization.yaml": 'helmCharts: [{name: web, releaseName: "--post-renderer=PROGRAM"}]\n'},
    ),
    "1: a file as a release name of a generator": Attack(
        3,
        {
            **KUSTOMIZED,
            "k/kustomization.yaml": "helmCharts: [{name: web}]\ngenerators: [generators]\n",
            "k/generators/kustomization.yaml": "resources: [a.yaml]\n",
            "k/generators/a.yaml": (
                "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: web}\nname: web\n"
                'chartHome: ../charts\nreleaseName: "--set-file=stolen=OUTSIDE/secret"\n'
            ),
        },
    ),
    "1: values from the network": Attack(
        3,
        {**KUSTOMIZED, "k/kustomization.yaml": "helmCharts: [{name: web, valuesFile: 'ADDRESS/values.yaml'}]\n"},
    ),
    "2: a program of the configuration": Attack(2, {**CHART, "kgate.yaml": "helm-bin: PROGRAM\n"}, is_refused=True),
    "2: programs of the repository on PATH": Attack(3, {**CHART, **KUSTOMIZED}, path="bin"),
    "4: reports through a linked folder": Attack(
        2,
        CHART,
        {"kgate-reports": "../outside"},
        (".", "-o", "json=kgate-reports/secret", "-o", "sarif=kgate-reports/x"),
    ),
    "4: a report through a linked file": Attack(
        2, CHART, {"kgate.json": "../outside/secret"}, (".", "-o", "json=kgate.json")
    ),
    "5: a kustomization outside": Attack(3, {"k/a.yaml": ""}, {"k/kustomization.yaml": "../../outside/k.yaml"}),
    "5: a generator outside": Attack(
        3, {"k/kustomization.yaml": "generators: [g.yaml]\n"}, {"k/g.yaml": "../../outside/k.yaml"}
    ),
    "5: a configuration outside": Attack(2, CHART, {"kgate.yaml": "../outside/k.yaml"}, is_refused=True),
    "5: rules outside": Attack(2, {**CHART, "kgate.yaml": "rules: [own]\n"}, {"own": "../outside"}, is_refused=True),
    "5: values outside": Attack(
        3, {n: t for n, t in CHART.items() if "values" not in n}, {"web/values.yaml": "../../outside/k.yaml"}
    ),
    "5: a template outside": Attack(3, CHART, {"web/templates/b.yaml": "../../../outside/secret"}),
    "5: a scanned folder outside": Attack(2, CHART, {"k8s": "../outside"}, ("k8s",), is_refused=True),
}

TOGETHER = {
    row: attack for row, attack in ATTACKS.items() if attack == replace(attack, code=3, arguments=(".",), path="")
}
"""Those that one scan meets in one repository, each in a folder of its own, and judges what it can."""

MACHINES = [("4.3", lacks) for lacks in LACKS]
MACHINES += [("4.1", "namespaces"), ("3.17", "namespaces"), ("3.17", "namespaces and Landlock")]


def build(attack: Attack, repository: Path, url: str) -> None:
    outside = repository.parent / "outside"
    write(
        outside,
        {"secret": SECRET, "k.yaml": f"{SECRET}: [\nstolen: {SECRET}\nresources: ['https://u:{SECRET}@x.y/z']\n"},
    )
    for name in ("evil", "bin/helm", "bin/kubectl", "bin/kustomize", "bin/git", "bin/setpriv"):
        executable(repository / name, witness_script(repository))
    (repository / ".git").mkdir()
    words = {"PROGRAM": os.fspath(repository / "evil"), "OUTSIDE": os.fspath(outside), "ADDRESS": url}
    for name, text in attack.files.items():
        for word, meaning in words.items():
            text = text.replace(word, meaning)  # noqa: PLW2901 - one word after the other
        write(repository, {name: text})
    for name, target in attack.links.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).symlink_to(target)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


every_machine = pytest.mark.parametrize(("version", "lacks"), MACHINES, ids=map(", lacks ".join, MACHINES))


def scan(attack: Attack, version: str, lacks: str, folder: Path) -> Result:
    """Scans the repository of an attack, and asserts that it did no harm."""
    repository, temporary = folder / "repository", folder / "temporary"
    temporary.mkdir()
    env = {ENVIRONMENT_NAME: SECRET, "TMPDIR": os.fspath(temporary)}
    env["KGATE_SCAN_KUBECTL_BIN"] = os.fspath(kustomize_tool().path)
    if attack.path:
        env["PATH"] = os.fspath(repository / attack.path)
    else:
        env["KGATE_SCAN_HELM_BIN"] = os.fspath(helm_tool(version).path)
    with loopback() as server:
        build(attack, repository, server.url)
        before = contents(folder / "outside")
        result = kgate("scan", *attack.arguments, cwd=repository, env=env, lacks=lacks)
        assert server.seen == []
    assert result.code == attack.code, result
    assert SECRET not in result.out + result.err
    assert contents(folder / "outside") == before
    assert sorted(os.listdir(folder)) == ["outside", "repository", "temporary"]
    assert os.listdir(temporary) == []
    return result


@pytest.mark.slow
@every_machine
@pytest.mark.parametrize("row", [row for row in ATTACKS if row not in TOGETHER and not ATTACKS[row].is_refused])
def test_nothing_runs_is_read_or_written_outside(row: str, version: str, lacks: str, tmp_path: Path) -> None:
    scan(ATTACKS[row], version, lacks, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ATTACKS if ATTACKS[row].is_refused])
def test_what_is_refused_is_not_even_rendered(row: str, tmp_path: Path) -> None:
    result = scan(ATTACKS[row], *MACHINES[0], tmp_path)
    assert result.out == "", "a scan that rendered anything would have a report"


@pytest.mark.slow
@every_machine
def test_nothing_of_many_attacks_runs_is_read_or_written_outside(version: str, lacks: str, tmp_path: Path) -> None:
    """And every one of them is told."""
    assert len(TOGETHER) > 6
    places = {row.replace(": ", " "): attack for row, attack in TOGETHER.items()}
    files = {f"{place}/{name}": text for place, attack in places.items() for name, text in attack.files.items()}
    links = {f"{place}/{name}": f"../{to}" for place, attack in places.items() for name, to in attack.links.items()}
    result = scan(Attack(3, files, links, (".", "-f", "json")), version, lacks, tmp_path)
    report = json.loads(result.out)
    found = {remark["path"].partition("/")[0] for remark in (*report["problems"], *report["unjudged"])}
    assert found == places.keys()
