"""One repository that deploys charts of a real registry and of a chart repository: pulled, locked, scanned offline,
tampered with, updated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kgate.model import Report
from kgate.pull import Pull, pull
from kgate.scan import scan
from tests.elsewhere import servers
from tests.elsewhere.servers import Server, content, guarded, packed, redirect, serving, status
from tests.elsewhere.test_pull import basic, flux, judged, settings, told, with_credentials
from tests.hostile import write

pytestmark = pytest.mark.needs_registry

IN_REGISTRY = {"tagged": ("1.0.0",), "ranged": ("1.0.0", "1.3.0", "2.0.0"), "argued": ("1.0.0",), "needed": ("1.1.0",)}
IN_REPOSITORY = ("newest", "exact", "island", "inflated", "wanted", "moved", "guarded", "replaced")
FAULTS = {
    "astray": "http://localhost:OTHER is not encrypted",
    "slow": "took longer than 1 seconds",
    "truncated": "what is there is not a chart",
    "denied": "the server answers 401; give credentials with --registry-config",
    "swapped": "is not the file whose digest is in the index of its repository",
}

OCI = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: NAME, namespace: apps}
spec: {url: "oci://REGISTRY/charts/NAME", ref: {REF}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: NAME, namespace: apps}
spec: {chartRef: {kind: OCIRepository, name: NAME}, values: {privileged: true}}
"""
OTHERS = {
    "argued.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: argued}
spec:
  destination: {namespace: shop}
  source: {repoURL: REGISTRY/charts, chart: argued, targetRevision: 1.0.0}
""",
    "island.yaml": """\
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: island, namespace: kube-system}
spec: {repo: "CLASSIC/island", chart: island, version: 1.0.0}
""",
    "inflated/kustomization.yaml": """\
helmCharts:
- {name: inflated, repo: "CLASSIC/inflated", version: 1.0.0, releaseName: inflated}
""",
    "umbrella/Chart.yaml": """\
apiVersion: v2
name: umbrella
version: 0.1.0
dependencies:
- {name: needed, version: 1.x, repository: "oci://REGISTRY/charts"}
- {name: wanted, version: ^1.0.0, repository: "CLASSIC/wanted"}
""",
}


@dataclass(frozen=True)
class Session:
    """The servers: the registry by its host, the chart repository, and another one that is allowed as well."""

    registry: str
    classic: Server
    other: Server

    def pull(self, root: Path, cache: str = "cache", *, updates: bool = False) -> Pull:
        hosts = (f"http://{self.registry}", self.classic.url, self.other.url)
        given = with_credentials({f"127.0.0.1:{self.classic.port}": "me:secret"}, *hosts)
        return pull(settings(root, cache=cache), replace(given, updates=updates), lambda _done, _total: None)


@contextmanager
def session(folder: Path) -> Iterator[Session]:
    with servers.registry(folder) as host, serving() as classic, serving() as other:
        for name, versions in IN_REGISTRY.items():
            for version in versions:
                servers.push(host, folder, name, version)
        for name in (*IN_REPOSITORY, *FAULTS):
            servers.publish(classic, name, name, "1.0.0")
        servers.publish(classic, "newest", "newest", "1.0.0", "1.2.0", "1.10.0-rc.1", "2.0.0")
        other.replies["/moved.tgz"] = content(packed("moved", "1.0.0"))
        other.replies["/guarded.tgz"] = content(packed("guarded", "1.0.0"))
        files = {
            "moved": redirect(f"{other.url}/moved.tgz"),
            "guarded": redirect(f"{other.url}/guarded.tgz"),
            "astray": redirect(f"{other.other_url}/moved.tgz"),
            "slow": servers.slow,
            "truncated": content(packed("truncated", "1.0.0")[:200]),
            "denied": status(401, WWW_Authenticate="Basic"),
        }
        classic.replies |= {f"/{name}/{name}-1.0.0.tgz": reply for name, reply in files.items()}
        listed = servers.index("swapped", {"1.0.0": "swapped-1.0.0.tgz"})
        classic.replies["/swapped/index.yaml"] = content(listed.replace(b'apiVersion": "v2', b'digest": "' + b"0" * 64))
        index = "/guarded/index.yaml"
        classic.replies[index] = guarded(classic.replies[index], basic("me:secret"))
        yield Session(host, classic, other)


def deployed(found: Session) -> dict[str, str]:
    """The files of the repository."""
    files = {name: OCI.replace("NAME", name) for name in ("tagged", "ranged")}
    files = {
        "tagged.yaml": files["tagged"].replace("REF", "tag: 1.0.0"),
        "ranged.yaml": files["ranged"].replace("REF", "semver: 1.x"),
        **OTHERS,
    }
    for name in ("newest", "exact", "moved", "guarded", "replaced", *FAULTS):
        version = "1.x" if name == "newest" else "1.0.0"
        files[f"{name}.yaml"] = flux(name, f"{found.classic.url}/{name}", version, chart=name)
    replaced = {"REGISTRY": found.registry, "CLASSIC": found.classic.url}
    for old, new in replaced.items():
        files = {path: text.replace(old, new) for path, text in files.items()}
    return files


def test_a_session(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    charts = sorted((*IN_REGISTRY, *IN_REPOSITORY))
    versions = {"ranged": "1.3.0", "newest": "1.2.0", "needed": "1.1.0"}
    assert len(charts) == 12
    with session(tmp_path) as found:
        write(root, deployed(found))
        first = found.pull(root)
        had = {one.wanted.name: one.locked.version for one, _ in first.results if one.what == "added" and one.locked}
        assert had == {name: versions.get(name, "1.0.0") for name in charts}
        reasons = {one.wanted.name: one.reason for one, _ in first.results if one.what == "failed"}
        assert reasons.keys() == FAULTS.keys()
        for name, reason in FAULTS.items():
            assert reason.replace("OTHER", str(found.other.port)) in reasons[name]
        assert {header for _, header in found.other.seen} == {""}, "credentials stay with their host"
        assert basic("me:secret") in {header for _, header in found.classic.seen}
        # the server has another file of the same version, and newer versions of others
        evil = packed(
            "replaced", "1.0.0", {"templates/pod.yaml": servers.WORKLOAD, "values.yaml": "privileged: true\n"}
        )
        found.classic.replies["/replaced/replaced-1.0.0.tgz"] = content(evil)
        servers.publish(found.classic, "newest", "newest", "1.2.0", "1.9.0")
        lock = (root / "kgate.lock").read_bytes()
        (refused,) = [one for one in told(found.pull(root, "empty")) if "kgate.lock" in one]
        assert refused.startswith("failed replaced 1.0.0: has the digest sha256:")
        assert (root / "kgate.lock").read_bytes() == lock
        updated = found.pull(root, "updated", updates=True)
        assert {one.wanted.name for one, _ in updated.results if one.what == "renewed"} == {"newest", "replaced"}
        new_lock = (root / "kgate.lock").read_bytes()
    (root / "kgate.lock").write_bytes(lock)
    before = scan(settings(root))  # no server is there any more
    assert _workloads(before) == sorted([*({*charts} - {"needed", "wanted"}), "umbrella", "umbrella"])
    assert not before.problems
    assert {one.path for one in before.unjudged} == {f"{name}.yaml" for name in FAULTS}
    assert {one.command for one in before.unjudged} == {"kgate pull"}
    assert _privileged(before) == ["ranged.yaml:9", "tagged.yaml:9"]
    (root / "kgate.lock").write_bytes(new_lock)
    assert _privileged(scan(settings(root, cache="updated"))) == ["ranged.yaml:9", "replaced.yaml:12", "tagged.yaml:9"]
    assert "replaced.yaml" in {one.path for one in scan(settings(root)).unjudged}, "this cache has the old file only"


def _workloads(report: Report) -> list[str]:
    return sorted(one.workload.name for one in report.assessments)


def _privileged(report: Report) -> list[str]:
    return [one.removeprefix("privileged-container ") for one in judged(report) if one.startswith("privileged")]
