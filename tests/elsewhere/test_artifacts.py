"""What flux push artifact has packed into a real registry: chosen, fetched, and built offline as Flux does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.elsewhere import servers
from tests.elsewhere.test_bases import pod
from tests.elsewhere.test_pull import judged, pulled, scanned, terms, told
from tests.hostile import write

pytestmark = pytest.mark.needs_registry

FLUX = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: NAME, namespace: flux}
spec: {url: "oci://HOST/manifests/NAME", ref: {REF}MORE}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: NAME, namespace: flux}
spec:
  sourceRef: {kind: OCIRepository, name: NAME}
  path: ./deploy
"""
REFS = {"range": "semver: 1.x", "tag": "tag: stable", "none": "tag: gone", "leaving": "tag: v1", "selected": "tag: v1"}


def test_artifacts_of_flux(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    built = {"deploy/kustomization.yaml": "resources: [pod.yaml, ../base]\nnamePrefix: p-\n"}
    base = {"base/kustomization.yaml": "resources: [pod.yaml]\n", "base/pod.yaml": pod("base")}
    with servers.registry(tmp_path) as host:
        for tag, name in (("1.0.0", "old"), ("1.4.0", "new"), ("2.0.0", "newest")):
            files = {**built, **base, "deploy/pod.yaml": pod(name, "true")}
            servers.upload(host, "manifests/range", tag, servers.flat(files))
        servers.upload(host, "manifests/tag", "stable", servers.flat({"./deploy/pod.yaml": pod("plain")}))
        servers.upload(host, "manifests/leaving", "v1", servers.flat({"../pod.yaml": pod("x")}))
        for name, ref in REFS.items():
            more = ", layerSelector: {mediaType: a/b}" if name == "selected" else ""
            text = FLUX.replace("NAME", name).replace("REF", ref).replace("MORE", more)
            write(root, {f"{name}.yaml": text.replace("HOST", host)})
        found = pulled(root, terms(f"http://{host}"))
    rows = [one if one.startswith("failed") else one.rpartition(": ")[0] for one in told(found)]
    assert rows == [
        "failed leaving v1: its member '../pod.yaml' has no plain name",
        f"failed none gone: oci://{host}/manifests/none: there is no tag gone",
        "added range semver:1.x",
        "added tag stable",
    ]
    report = scanned(root)
    assert [(one.path, one.line, one.command) for one in report.unjudged] == [
        ("leaving.yaml", 11, "kgate pull"),
        ("none.yaml", 11, "kgate pull"),
        ("selected.yaml", 10, ""),
    ]
    assert judged(report) == [
        "Pod/p-base range.yaml:11",
        "Pod/p-new range.yaml:11",
        "Pod/plain tag.yaml:11",
        "privileged-container range.yaml:11",
    ]
    (finding,) = report.findings
    where = f"deploy/pod.yaml:9 of oci://{host}/manifests/range at 1.x"
    assert where in {one.message for one in finding.location.related}
