"""A volume of a pod lies on the node if the PersistentVolume does that its claim surely gets."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kgate.config import Settings
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.workload import find_workload
from kgate.model import Finding
from kgate.repository import Repository
from kgate.scan import scan
from tests.hostile import write

RULE = "host-path-claim"


def pod(volume: str = "persistentVolumeClaim: {claimName: data}", namespace: str = "shop", kind: str = "Pod") -> str:
    return (
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n"
        f"  containers: [{{name: app, image: x}}]\n  volumes:\n  - name: data\n    {volume}\n"
    )


def stateful_set(more: str = "replicas: 2", spec: str = "accessModes: [ReadWriteOnce]") -> str:
    return (
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web, namespace: shop}\n"
        f"spec:\n  {more}\n  template: {{spec: {{containers: [{{name: app, image: x}}]}}}}\n"
        f"  volumeClaimTemplates:\n  - metadata: {{name: data}}\n    spec: {{{spec}}}\n"
    )


SIZE = "resources: {requests: {storage: 1Gi}}"
MANUAL = f"storageClassName: manual, accessModes: [ReadWriteOnce], {SIZE}"


def claim(spec: str = MANUAL, namespace: str = "shop", metadata: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data, namespace: {namespace}{metadata}}}\n"
        f"spec: {{{spec}}}\n"
    )


def volume(spec: str = "storageClassName: manual", source: str = "hostPath: {path: /data}", **given: str) -> str:
    more = {"size": "1Gi", "modes": "ReadWriteOnce", "name": "node", "metadata": "", **given}
    return (
        f"apiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {more['name']}{more['metadata']}}}\nspec:\n"
        f"  capacity: {{storage: {more['size']}}}\n  accessModes: [{more['modes']}]\n  {source}\n  {spec}\n"
    )


def found(root: Path, files: dict[str, str]) -> list[Finding]:
    write(root, {".git/config": "", **files})
    report = scan(Settings(Repository.at(root), (str(root),)))
    assert report.assessments
    assert not report.problems
    return [finding for finding in report.findings if finding.rule.id == RULE]


NFS = "nfs: {server: nfs.example.org, path: /data}"
NAMED = f"volumeName: node, accessModes: [ReadWriteOnce], {SIZE}"
FOR_CLAIM = "claimRef: {namespace: shop, name: data}"
SELECTED = "selector: {matchLabels: {disk: ssd}}"
OLD_CLASS = ", annotations: {volume.beta.kubernetes.io/storage-class: manual}"
EPHEMERAL = f"ephemeral: {{volumeClaimTemplate: {{spec: {{{MANUAL}}}}}}}"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([pod(), claim(), volume()], True, id="a class without a driver"),
        pytest.param([pod(), claim(), volume(source="local: {path: /mnt/a}")], True, id="a local disk"),
        pytest.param([pod(), claim(), volume(source=NFS)], False, id="NFS"),
        pytest.param([pod(), claim()], False, id="no volume"),
        pytest.param([pod(), volume()], False, id="no claim"),
        pytest.param([pod(), claim(namespace="other"), volume()], False, id="a claim of another namespace"),
        pytest.param([pod(), claim(), volume("storageClassName: other")], False, id="another class"),
        pytest.param([pod(), claim(), volume(size="10G")], True, id="a larger volume"),
        pytest.param([pod(), claim(), volume(size="1000M")], False, id="one that is too small"),
        pytest.param([pod(), claim(), volume(size="many")], False, id="one of no size"),
        pytest.param([pod(), claim(), volume(modes="ReadOnlyMany")], False, id="one for reading only"),
        pytest.param([pod(), claim(), volume("storageClassName: manual\n  volumeMode: Block")], False, id="a device"),
        pytest.param([pod(), claim(f"{MANUAL}, {SELECTED}"), volume()], False, id="without the label"),
        pytest.param([pod(), claim(f"{MANUAL}, {SELECTED}"), volume(metadata=", labels: {disk: ssd}")], True,
                     id="with the label"),
        pytest.param([pod(), claim(), volume(), volume(source=NFS, name="nfs", size="900Mi")], True, id="one fits"),
        pytest.param([pod(), claim(), volume(size="2Gi"), volume(source=NFS, name="nfs")], False, id="a smaller one"),
        pytest.param([pod(), claim(), volume(), volume(source=NFS, name="nfs")], False, id="either one"),
        pytest.param([pod(), claim(NAMED), volume("persistentVolumeReclaimPolicy: Retain")], True, id="named"),
        pytest.param([pod(), claim(NAMED.replace("node", "other")), volume()], False, id="another one is named"),
        pytest.param([pod(), claim(f"accessModes: [ReadWriteOnce], {SIZE}"), volume()], False, id="the default class"),
        pytest.param([pod(), claim(f"storageClassName: '', accessModes: [ReadWriteOnce], {SIZE}"),
                      volume("persistentVolumeReclaimPolicy: Retain")], True, id="no class"),
        pytest.param([pod(), claim(MANUAL.replace("storageClassName: manual, ", ""), metadata=OLD_CLASS), volume()],
                     True, id="a class in the old place"),
        pytest.param([pod(), claim("accessModes: [ReadWriteOnce]"), volume(FOR_CLAIM)], True, id="kept for the claim"),
        pytest.param([pod(), claim(), volume(FOR_CLAIM.replace("shop", "other"))], False, id="kept for another claim"),
        pytest.param([pod(EPHEMERAL), volume()], True, id="an ephemeral volume"),
        pytest.param([pod("emptyDir: {}"), claim(), volume()], False, id="a volume without a claim"),
        pytest.param([stateful_set(), volume(FOR_CLAIM.replace("data", "data-web-1"))], True, id="a replica"),
        pytest.param([stateful_set(), volume(FOR_CLAIM.replace("data", "data-web-2"))], False, id="no replica"),
        pytest.param([stateful_set("ordinals: {start: 2}"), volume(FOR_CLAIM.replace("data", "data-web-2"))], True,
                     id="a replica that starts later"),
        pytest.param([stateful_set(spec=MANUAL), volume()], True, id="a class of a template"),
    ],
)  # fmt: skip
def test_what_a_claim_gets(tmp_path: Path, texts: list[str], *, expected: bool) -> None:
    assert bool(found(tmp_path, {f"{number}.yaml": text for number, text in enumerate(texts)})) is expected


def test_the_finding_shows_the_way(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, {"pod.yaml": pod(), "storage/claim.yaml": claim(), "storage/volume.yaml": volume()})
    assert str(finding.location) == "pod.yaml:8:5"
    assert [(str(one.location), one.message) for one in finding.location.related] == [
        ("storage/claim.yaml:4:1", "PersistentVolumeClaim/shop/data is the claim"),
        ("storage/volume.yaml:7:14", "PersistentVolume/node is /data of the node"),
    ]


def test_the_finding_of_a_stateful_set_is_at_its_template(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, {"web.yaml": stateful_set(spec=MANUAL), "volume.yaml": volume()})
    assert finding.location.pointer.startswith("/spec/volumeClaimTemplates/0")
    assert finding.location.start.line == 8


def test_folders_of_clusters_are_not_mixed(tmp_path: Path) -> None:
    files = {
        "prod/pod.yaml": pod(),
        "prod/claim.yaml": claim(NAMED),
        "prod/volume.yaml": volume(source=NFS),
        "staging/pod.yaml": pod(),
        "staging/claim.yaml": claim(NAMED),
        "staging/volume.yaml": volume(),
    }
    assert [finding.location.path for finding in found(tmp_path, files)] == ["staging/pod.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(claim("storageClassName: [manual], resources: {requests: [1]}"), id="a claim"),
        pytest.param(claim(f"{MANUAL}, selector: [1]"), id="a selector"),
        pytest.param(volume("storageClassName: {a: b}\n  claimRef: [1]"), id="a volume"),
        pytest.param(volume(source="hostPath: [/data]"), id="a source"),
        pytest.param("apiVersion: v1\nkind: PersistentVolume\nmetadata: 1\nspec: [1]\n", id="nothing right"),
        pytest.param(stateful_set("ordinals: 1\n  replicas: '2'", "accessModes: 1"), id="a StatefulSet"),
        pytest.param(stateful_set().replace("- metadata: {name: data}", "- metadata: [1]"), id="a template"),
    ],
)
def test_wrong_types_lead_nowhere(text: str) -> None:
    others = [] if "StatefulSet" in text else [pod()]
    batch = manifest.read("a.yaml", "---\n".join([text, *others, volume("claimRef: {name: x}")]).encode())
    facts = Facts.of(batch.resources)
    workloads = [workload for one in batch.resources if (workload := find_workload(one)) is not None]
    assert workloads
    for workload in workloads:
        assert "onNode" not in facts.of_workload(workload).about(workload.resource, workload.pods[0])


@pytest.mark.slow
def test_many_volumes_and_claims_take_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgate.kubernetes.storage._MOST_TRIED", 10)

    def seconds(number: int, storage_class: str) -> float:
        texts = []
        for index in range(number):
            own = storage_class.replace("N", str(index))
            texts += [volume(f"storageClassName: {own}"), claim(MANUAL.replace("manual", own)), pod()]
            texts[-2:] = [text.replace("data", f"data{index}") for text in texts[-2:]]
        resources = manifest.read("a.yaml", "---\n".join(texts).encode()).resources

        def once() -> float:
            start = time.process_time()
            facts = Facts.of(resources)
            for resource in resources:
                facts.of_workload(find_workload(resource))
            return time.process_time() - start

        return min(once() for _ in range(3))

    for storage_class in ("classN", "manual"):
        assert seconds(400, storage_class) < 64 * seconds(25, storage_class)
