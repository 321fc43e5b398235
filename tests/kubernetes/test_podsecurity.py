"""What namespaces enforce by their labels: as the API server does it (``bench/pod_security_oracle.py``), in a scan."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from bench import pod_security_oracle
from kgate.config import Settings
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.model import Finding, Report
from kgate.repository import Repository
from kgate.scan import scan
from tests.command import ROOT
from tests.hostile import write
from tests.manifests import HARDENED_CONTAINER, HARDENED_POD
from upstream import apiserver

ANSWERS = ROOT / "tests/data/pod_security_answers.json.gz"
RULE = "refused-by-pod-security"


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(ANSWERS.read_bytes()))
    return found


def yes(letters: str) -> list[bool]:
    return [letter == "y" for letter in letters]


@pytest.mark.slow
def test_recorded_answers() -> None:
    found = recorded()
    valid, refused = yes(found["valid"]), yes(found["refused"])
    assert len(found["pods"]) == 500
    assert 500 < sum(refused) < len(refused) - 500
    assert 20 < sum(valid) < len(valid) - 20
    ours = pod_security_oracle.Answers(found["namespaces"])
    assert not pod_security_oracle.differences(found["namespaces"], ours.valid(), valid)
    said = ours.refused(found["pods"], found["trials"])
    assert not pod_security_oracle.differences(found["trials"], said, refused)


def test_a_difference_is_noticed() -> None:
    (difference,) = pod_security_oracle.differences([[0, "n1"], [1, "n1"]], [True, False], [True, True])
    assert difference == 'kgate says no to [1, "n1"]'


def test_the_recording_can_be_made_again() -> None:
    generator, found = pod_security_oracle.Generator(1), recorded()
    assert list(generator.namespaces()) == found["namespaces"]
    assert list(generator.pods(500)) == found["pods"]


@pytest.mark.needs_apiserver
def test_live_answers() -> None:
    with apiserver.running() as server:
        asked, differences = pod_security_oracle.compared(server, pod_security_oracle.Generator(2), 500)
    assert set(asked["refused"]) == {"n", "y"}
    assert not differences


# --------------------------------------------------------------------------------------------- scans

NODE = "hostPID: true, "


def namespace(labels: str = "pod-security.kubernetes.io/enforce: baseline", name: str = "shop") -> str:
    return f"---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{{labels}}}\n"


def deployment(fields: str = NODE, where: str = ", namespace: shop") -> str:
    return (
        f"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web{where}}}\n"
        f"spec: {{template: {{spec: {{{fields}containers: [{{name: app, image: x}}]}}}}}}\n"
    )


def scanned(root: Path, files: dict[str, str], jobs: int = 1) -> Report:
    write(root, {".git/config": "", **files})
    return scan(Settings(Repository.at(root), (str(root),), jobs=jobs))


def refusals(report: Report) -> list[Finding]:
    assert report.assessments
    return [finding for finding in report.findings if finding.rule.id == RULE]


@pytest.mark.parametrize(
    ("files", "count"),
    [
        pytest.param({"a.yaml": namespace() + deployment()}, 1, id="in one file"),
        pytest.param({"a.yaml": namespace(), "b/c.yaml": deployment()}, 1, id="in another folder"),
        pytest.param({"a.yaml": namespace(), "b.yaml": deployment("")}, 0, id="a pod that it takes"),
        pytest.param({"a.yaml": namespace(), "b.yaml": deployment(where="")}, 0, id="in no namespace"),
        pytest.param({"a.yaml": namespace(), "b.yaml": deployment(where=", namespace: x")}, 0, id="in another one"),
        pytest.param(
            {"a.yaml": namespace('"pod-security.kubernetes.io/enforce": BASELINE'), "b.yaml": deployment()},
            0,
            id="not valid",
        ),
        pytest.param(
            {
                f"{cluster}/{name}.yaml": text
                for cluster in "ab"
                for name, text in (("ns", namespace()), ("web", deployment()))
            }
            | {"b/ns.yaml": namespace("team: shop")},
            1,
            id="that of the nearest folder",
        ),
        pytest.param(
            {"a/ns.yaml": namespace(), "b/ns.yaml": namespace("team: shop"), "web.yaml": deployment()},
            0,
            id="two that are equally near",
        ),
    ],
)
def test_the_namespace_of_a_workload(tmp_path: Path, files: dict[str, str], count: int) -> None:
    assert len(refusals(scanned(tmp_path, files))) == count


def test_the_finding_names_the_label_and_the_checks(tmp_path: Path) -> None:
    labels = "pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/enforce-version: v1.20"
    (finding,) = refusals(scanned(tmp_path, {"a/ns.yaml": namespace(labels), "b.yaml": deployment()}))
    assert str(finding.location) == "b.yaml:5:19"
    (related,) = finding.location.related
    assert str(related.location) == "a/ns.yaml:6:12"
    assert related.message == (
        "Namespace/shop enforces restricted (v1.20) here; not satisfied: "
        "allowPrivilegeEscalation, hostNamespaces, runAsNonRoot, seccompProfile_restricted"
    )


HARDENED = deployment().replace(
    f"{{{NODE}containers: [{{name: app, image: x}}]}}", json.dumps({**HARDENED_POD, "containers": [HARDENED_CONTAINER]})
)
RAISE = (
    "Namespace/shop enforces {0}, and every workload that was judged in it would pass {1} as it is written; "
    "write pod-security.kubernetes.io/enforce: {1}"
)


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param(
            {"a.yaml": namespace(), "b.yaml": HARDENED}, [RAISE.format("baseline", "restricted")], id="restricted"
        ),
        pytest.param(
            {"a.yaml": namespace("pod-security.kubernetes.io/enforce: privileged"), "b.yaml": deployment("")},
            [RAISE.format("privileged", "baseline")],
            id="baseline",
        ),
        pytest.param(
            {"a.yaml": namespace(), "b.yaml": HARDENED, "c.yaml": deployment("")}, [], id="one needs the level"
        ),
        pytest.param({"a.yaml": namespace(), "b.yaml": deployment("")}, [], id="all need the level"),
        pytest.param({"a.yaml": namespace()}, [], id="no workload"),
        pytest.param({"a.yaml": namespace("a: b"), "b.yaml": HARDENED}, [], id="no label, which is a finding"),
        pytest.param(
            {"a.yaml": namespace('"pod-security.kubernetes.io/enforce-version": v1.30'), "b.yaml": HARDENED},
            [],
            id="checks of another version",
        ),
        pytest.param(
            {"a/ns.yaml": namespace(), "a/web.yaml": HARDENED, "b/ns.yaml": namespace(), "b/web.yaml": deployment("")},
            [RAISE.format("baseline", "restricted")],
            id="one of two clusters",
        ),
    ],
)
def test_a_level_that_could_be_raised(tmp_path: Path, files: dict[str, str], wanted: list[str]) -> None:
    assert [note.message for note in scanned(tmp_path, files).notes] == wanted


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    files = {f"{number}.yaml": deployment() + "#" * 20_000 for number in range(70)}
    report = scanned(tmp_path, {"ns.yaml": namespace(), "x.yaml": namespace("a: b", "x"), **files}, jobs=2)
    assert len(refusals(report)) == 70
    assert not report.notes


def test_several_processes_know_all_workloads_of_a_namespace(tmp_path: Path) -> None:
    files = {f"{number}.yaml": HARDENED + "#" * 20_000 for number in range(70)}
    report = scanned(tmp_path, {"ns.yaml": namespace(), **files}, jobs=2)
    assert [note.message for note in report.notes] == [RAISE.format("baseline", "restricted")]


def test_a_namespace_of_many_clusters_takes_linear_time() -> None:
    def seconds(number: int) -> float:
        texts = [f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n# {index}" for index in range(number)]
        parts = [manifest.read(f"c{index}/a.yaml", text.encode()) for index, text in enumerate(texts)]
        facts = Facts.of([resource for part in parts for resource in part.resources])
        pod = manifest.read("c7/b.yaml", b"apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n")

        def once() -> float:
            start = time.process_time()
            found = facts.enforced_on(pod.resources[0])
            assert found is not None
            assert found.path == "c7/a.yaml"
            return time.process_time() - start

        return min(once() for _ in range(5))

    assert seconds(800) < 20 * seconds(100)
