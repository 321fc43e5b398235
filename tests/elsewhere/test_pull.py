"""kgate pull with the real helm: what is fetched, from whom, what the lock says of it, and scans that use it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from kgate import config
from kgate.config import Settings
from kgate.elsewhere.hosts import Hosts
from kgate.elsewhere.transfer import Patience
from kgate.model import Report
from kgate.pull import Pull, Terms, pull
from kgate.rendering import archive
from kgate.repository import Repository, UntrustedFolders
from kgate.scan import scan
from tests.command import kgate
from tests.elsewhere import servers
from tests.elsewhere.servers import Server, content, packed, redirect, serving, status
from tests.hostile import write
from tests.real_tools import helm_tool, helms, kustomize_tool, tools_env

QUICK = Patience(silent=1, whole=1, pause=0.01)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def flux(name: str, url: str, version: str = "1.x", more: str = "", chart: str = "web") -> str:
    """A HelmRelease and its HelmRepository."""
    return f"""\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: {name}, namespace: apps}}
spec: {{url: "{url}"}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: {name}, namespace: apps}}
spec:
  chart:
    spec:
      chart: "{chart}"
      version: "{version}"
      sourceRef: {{kind: HelmRepository, name: {name}}}
{more}"""


def settings(root: Path, helm: str = "4.3", cache: str = "cache") -> Settings:
    """Those of a scan of a repository, whose cache lies beside it."""
    write(root, {".git/config": ""})
    options = config.Options(
        paths=(str(root),),
        helm_bin=str(helm_tool(helm).path),
        kubectl_bin=str(kustomize_tool().path),
        cache_dir=root.parent / cache,
        select=("privileged-container", "host-network"),
    )
    return config.settle(options, None, Repository.at(root), UntrustedFolders(()))


def terms(*hosts: str) -> Terms:
    return Terms(Hosts.parse(hosts), patience=QUICK)


def pulled(root: Path, terms: Terms, helm: str = "4.3", cache: str = "cache") -> Pull:
    return pull(settings(root, helm, cache), terms, lambda _done, _total: None)


def told(found: Pull) -> list[str]:
    """What became of each thing, with the version or the reason."""
    rows = [
        (one, one.locked.version if one.locked and one.what != "failed" else one.reason) for one, _ in found.results
    ]
    return [f"{one.what} {one.wanted.name} {one.wanted.requested}: {text}" for one, text in rows]


def scanned(root: Path, cache: str = "cache") -> Report:
    return scan(settings(root, cache=cache))


def judged(report: Report) -> list[str]:
    """The workloads and findings with their places."""
    rows = [
        f"{one.workload.kind}/{one.workload.name} {one.location.path}:{one.location.start.line}"
        for one in report.assessments
    ]
    return rows + [f"{one.rule.id} {one.location.path}:{one.location.start.line}" for one in report.findings]


# ---------------------------------------------------------------------------------- what is fetched

ARGO = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: three}
spec:
  destination: {namespace: shop}
  sources:
  - repoURL: HOST/charts
    chart: web
    targetRevision: 2.0.0
    helm:
      valueFiles: [values.yaml, $own/argo-values.yaml]
      parameters:
      - {name: hostNetwork, value: "true"}
  - {repoURL: "https://git.example.com/own.git", ref: own}
"""

UMBRELLA = """\
apiVersion: v2
name: umbrella
version: 0.1.0
dependencies:
- {name: web, version: ^1.0.0, repository: "HOST/charts"}
"""


@pytest.mark.slow
@pytest.mark.parametrize("helm", helms("4.3", "3.17"))
def test_what_is_pulled_is_judged_without_network(tmp_path: Path, server: Server, helm: str) -> None:
    servers.publish(server, "charts", "web", "1.0.0", "1.2.0", "2.0.0", "2.1.0-rc.1")
    root = tmp_path / "shop"
    files = {
        "flux.yaml": flux("one", f"{server.url}/charts", more="  values:\n    privileged: true\n"),
        "argo.yaml": ARGO.replace("HOST", server.url),
        "argo-values.yaml": "privileged: true\n",
        "charts/umbrella/Chart.yaml": UMBRELLA.replace("HOST", server.url),
        "charts/umbrella/values.yaml": "web:\n  hostNetwork: true\n",
    }
    write(root, files)
    assert "Deployment/one" not in str(judged(scanned(root)))
    found = pulled(root, terms(server.url), helm)
    assert told(found) == ["added web 1.x: 1.2.0", "added web 2.0.0: 2.0.0", "added web ^1.0.0: 1.2.0"]
    first = (root / "kgate.lock").read_bytes()
    asked = len(server.seen)
    assert server.paths().count("/charts/index.yaml") == 1, "one download for all that ask"
    assert [one[:4] for one in told(pulled(root, terms(), helm))] == ["kept"] * 3
    report = scanned(root)
    assert not report.problems, report.problems
    assert len(server.seen) == asked, "neither a second pull nor a scan asks again"
    assert judged(report) == [
        "Pod/three argo.yaml:8",
        "Pod/umbrella charts/umbrella/Chart.yaml:5",
        "Pod/one flux.yaml:12",
        "privileged-container argo-values.yaml:1",
        "host-network argo.yaml:13",
        "host-network charts/umbrella/values.yaml:2",
        "privileged-container flux.yaml:16",
    ]
    (finding,) = (one for one in report.findings if one.location.path == "flux.yaml")
    assert "web-1.2.0.tgz/templates/pod.yaml:9 in the archive" in {one.message for one in finding.location.related}
    assert (root / "kgate.lock").read_bytes() == first
    assert f'origin: "{server.url}/charts/web-1.2.0.tgz"'.encode() in first


@pytest.mark.needs_registry
def test_charts_of_a_real_registry(tmp_path: Path) -> None:
    with servers.registry(tmp_path) as host:
        for version in ("1.0.0", "1.2.0", "2.0.0+build.1"):
            servers.push(host, tmp_path, "web", version)
        oci = f"""\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {{name: KIND, namespace: apps}}
spec: {{url: "oci://{host}/charts/web", ref: {{REF}}}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: KIND, namespace: apps}}
spec: {{chartRef: {{kind: OCIRepository, name: KIND}}, values: {{privileged: true}}}}
"""
        refs = {"range": "semver: 1.x", "tag": "tag: 1.0.0", "none": "tag: nightly", "newest": "semver: '>=2.0.0'"}
        refs["filtered"] = "semver: '*', semverFilter: '^1\\.[01]'"
        root = tmp_path / "shop"
        write(root, {f"{kind}.yaml": oci.replace("KIND", kind).replace("REF", ref) for kind, ref in refs.items()})
        write(root, {"argo.yaml": ARGO.replace("HOST", host).replace("2.0.0", '"*"'), "argo-values.yaml": "{}"})
        found = pulled(root, terms(f"http://{host}"))
    assert told(found) == [
        "added web *: 2.0.0+build.1",
        "added web 1.0.0: 1.0.0",
        "added web 1.x: 1.2.0",
        "added web >=2.0.0: 2.0.0+build.1",
        f"failed web nightly: oci://{host}/charts/web: there is no tag nightly",
        "added web semver:* matching ^1\\.[01]: 1.0.0",
    ]
    report = scanned(root)
    assert not report.problems
    places = ["filtered.yaml:9", "newest.yaml:9", "range.yaml:9", "tag.yaml:9"]
    assert [one for one in judged(report) if one.startswith("priv")] == [f"privileged-container {p}" for p in places]


def test_what_a_chart_holds_is_asked_for_in_turn(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    template = flux("inner", f"{server.url}/charts").replace("{{", "{").replace("}}", "}")
    server.replies["/outer/outer-1.0.0.tgz"] = content(packed("outer", "1.0.0", {"templates/apps.yaml": template}))
    server.replies["/outer/index.yaml"] = content(servers.index("outer", {"1.0.0": "outer-1.0.0.tgz"}))
    root = tmp_path / "shop"
    write(root, {"flux.yaml": flux("outer", f"{server.url}/outer", chart="outer")})
    assert told(pulled(root, terms(server.url))) == ["added web 1.x: 1.0.0", "added outer 1.x: 1.0.0"]
    assert judged(scanned(root)) == ["Pod/inner flux.yaml:12"]


def test_values_files_in_a_chart(tmp_path: Path, server: Server) -> None:
    files = {"templates/pod.yaml": servers.WORKLOAD, "values.yaml": servers.VALUES}
    more = {"ha.yaml": "privileged: true\nhostNetwork: false\n"}
    server.replies["/charts/web-1.0.0.tgz"] = content(packed("web", "1.0.0", {**files, **more}))
    server.replies["/charts/index.yaml"] = content(servers.index("web", {"1.0.0": "web-1.0.0.tgz"}))
    root = tmp_path / "shop"
    named = "      valuesFiles: [NAMES]\n"
    for name, files_of in {"a": "ha.yaml", "b": "values.yaml, ./ha.yaml", "c": "none.yaml", "d": "../../x"}.items():
        text = flux(name, f"{server.url}/charts").replace(
            "      sourceRef", named.replace("NAMES", files_of) + "      sourceRef"
        )
        write(root, {f"{name}.yaml": text})
    pulled(root, terms(server.url))
    report = scanned(root)
    assert [str(one) for one in report.problems] == [
        "c.yaml:14: spec.chart.spec.valuesFiles[0]: web-1.0.0.tgz holds no values file 'none.yaml'",
        "d.yaml:14: spec.chart.spec.valuesFiles[0]: web-1.0.0.tgz holds no values file '../../x'",
    ]
    found = [one for one in judged(report) if one.startswith("priv")]
    assert found == ["privileged-container a.yaml:14", "privileged-container b.yaml:14"]


GIT = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: platform, namespace: apps}
spec: {url: "HOST/platform.git", ref: {branch: stable}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: one, namespace: apps}
spec:
  chart:
    spec:
      chart: ./charts/web
      valuesFiles: [charts/web/values.yaml, charts/web/ha.yaml]
      sourceRef: {kind: GitRepository, name: platform}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: two}
spec:
  destination: {namespace: shop}
  source:
    repoURL: HOST/platform.git
    path: charts/web
    targetRevision: v1
    helm: {parameters: [{name: hostNetwork, value: "true"}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: three}
spec:
  source: {repoURL: HOST/platform.git, path: charts/leaves, targetRevision: v1, helm: {releaseName: a}}
"""


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, env=env)


def test_charts_of_git_repositories(tmp_path: Path, server: Server) -> None:
    platform = tmp_path / "git/platform.git"
    chart = {
        "Chart.yaml": "name: web\nversion: 1.0.0\n",
        "templates/pod.yaml": servers.WORKLOAD,
        "values.yaml": servers.VALUES,
    }
    write(
        platform / "charts/web",
        {**chart, "ha.yaml": "privileged: true\n", ".helmignore": "secret.txt\n", "secret.txt": "x"},
    )
    write(platform / "charts/leaves", {"Chart.yaml": "name: leaves\nversion: 1.0.0\n"})
    (platform / "charts/leaves/values.yaml").symlink_to("/etc/passwd")
    for arguments in (("init",), ("add", "."), ("commit", "-mone"), ("tag", "v1"), ("branch", "stable")):
        git(platform, *arguments)
    server.replies |= dict.fromkeys(
        ("/platform.git/info/refs", "/platform.git/git-upload-pack"), servers.git_backend(tmp_path / "git")
    )
    root = tmp_path / "shop"
    write(root, {"apps.yaml": GIT.replace("HOST", server.url)})
    found = pulled(root, terms(server.url))
    leaves = f"chart charts/leaves v1 of {server.url}/platform.git: leads out of the repository through a symbolic link"
    assert told(found) == [
        f"failed charts/leaves v1: {leaves}, which is not followed",
        "added charts/web refs/heads/stable: 1.0.0",
        "added charts/web v1: 1.0.0",
    ]
    report = scanned(root)
    assert not report.problems
    assert judged(report) == [
        "Pod/one apps.yaml:12",
        "Pod/two apps.yaml:23",
        "privileged-container apps.yaml:13",
        "host-network apps.yaml:25",
    ]
    (one, two) = (locked for locked in found.fetched.entries.values())
    assert one.digest == two.digest, "the same files, the same bytes"
    write(platform / "charts/web", {"templates/pod.yaml": "{}"})
    git(platform, "commit", "-amtwo")
    git(platform, "branch", "-f", "stable")
    again = told(pulled(root, terms(server.url), cache="empty"))
    assert again[1:] == ["fetched charts/web refs/heads/stable: 1.0.0", "fetched charts/web v1: 1.0.0"], (
        "the same commit"
    )


LOCAL = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: umbrella}
spec:
  source: {repoURL: HOST/platform.git, path: apps/umbrella, helm: {values: "web: {privileged: true}"}}
"""


def test_a_chart_of_git_brings_the_charts_that_it_names_in_its_repository(tmp_path: Path, server: Server) -> None:
    platform = tmp_path / "git/platform.git"
    dependency = (
        "apiVersion: v2\nname: NAME\nversion: 1.0.0\ndependencies:\n- {name: DEP, version: 1.0.0, repository: URL}\n"
    )

    def chart(name: str, of: str, url: str) -> str:
        return dependency.replace("NAME", name).replace("DEP", of).replace("URL", url)

    files = {
        "apps/umbrella/Chart.yaml": chart("umbrella", "web", "file://../../charts/web"),
        "charts/web/Chart.yaml": chart("web", "base", '"file://../base"'),
        "charts/web/templates/pod.yaml": servers.WORKLOAD,
        "charts/web/values.yaml": servers.VALUES,
        "charts/base/Chart.yaml": chart("base", "outside", "file://../../../../outside"),
        "charts/base/templates/pod.yaml": servers.WORKLOAD.replace("name: {{", "name: base-{{"),
        "charts/base/values.yaml": servers.VALUES,
        "large/file": "x",
    }
    write(platform, files)
    write(tmp_path / "outside", {"Chart.yaml": "name: outside\nversion: 1.0.0\n"})
    for arguments in (("init",), ("add", "."), ("commit", "-mone")):
        git(platform, *arguments)
    paths = ("/platform.git/info/refs", "/platform.git/git-upload-pack")
    server.replies |= dict.fromkeys(paths, servers.git_backend(tmp_path / "git"))
    root = tmp_path / "shop"
    write(root, {"apps.yaml": LOCAL.replace("HOST", server.url)})
    found = pulled(root, terms(server.url))
    assert told(found) == ["added apps/umbrella HEAD: 1.0.0"]
    (entry,) = found.fetched.entries.values()
    names = {name for name, _ in archive.read(found.fetched.read(entry) or b"", archive.Room().admit)}
    assert "charts/web/charts/base/templates/pod.yaml" in names
    assert not [name for name in names if "outside" in name or "large" in name]
    assert judged(scanned(root)) == [
        "Pod/base-umbrella apps.yaml:5",
        "Pod/umbrella apps.yaml:5",
        "privileged-container apps.yaml:5",
    ]


K3S = """\
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: one, namespace: kube-system}
spec:
  repo: HOST/charts
  chart: web
  version: 1.0.0
  targetNamespace: shop
  set: {hostNetwork: true}
  valuesContent: |
    privileged: true
---
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: two, namespace: kube-system}
spec: {chart: "https://example.com/two.tgz"}
"""


def test_charts_of_k3s(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    root = tmp_path / "shop"
    write(root, {"k3s.yaml": K3S.replace("HOST", server.url)})
    assert [(one.line, one.command) for one in scanned(root).unjudged] == [(6, "kgate pull"), (16, "")]
    assert told(pulled(root, terms(server.url))) == ["added web 1.0.0: 1.0.0"]
    report = scanned(root)
    assert [(one.line, one.message) for one in report.unjudged] == [
        (16, "chart https://example.com/two.tgz is not in this repository")
    ]
    assert judged(report) == ["Pod/one k3s.yaml:6", "host-network k3s.yaml:9", "privileged-container k3s.yaml:11"]


KUSTOMIZATION = """\
helmCharts:
- name: web
  repo: HOST/charts
  version: 1.2.0
  releaseName: web
  valuesInline:
    privileged: true
"""


def test_charts_of_a_kustomization(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.2.0")
    root = tmp_path / "shop"
    write(root, {"apps/kustomization.yaml": KUSTOMIZATION.replace("HOST", server.url)})
    (entry,) = scanned(root).unjudged
    assert (entry.path, entry.line, entry.command) == ("apps/kustomization.yaml", 2, "kgate pull")
    assert told(pulled(root, terms(server.url))) == ["added web 1.2.0: 1.2.0"]
    report = scanned(root)
    assert not (*report.problems, *report.unjudged)
    assert judged(report) == ["Pod/web apps/kustomization.yaml:2", "privileged-container apps/kustomization.yaml:2"]
    (tmp_path / "cache").rename(tmp_path / "away")
    assert len(scanned(root).unjudged) == 1


# --------------------------------------------------------------------------------------- the lock


@pytest.mark.slow
def test_the_lock_holds_what_was_seen(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    root = tmp_path / "shop"
    write(root, {"flux.yaml": flux("one", f"{server.url}/charts")})
    pulled(root, terms(server.url))
    lock = (root / "kgate.lock").read_bytes()

    servers.publish(server, "charts", "web", "1.0.0", "1.1.0")
    assert told(pulled(root, terms(server.url), cache="empty")) == ["fetched web 1.x: 1.0.0"], "not the newer one"
    server.replies["/charts/web-1.0.0.tgz"] = content(packed("web", "1.0.0", {"templates/evil.yaml": "{}"}))
    (row,) = told(pulled(root, terms(server.url), cache="other"))
    assert row.startswith("failed web 1.x: has the digest sha256:")
    assert row.endswith("somebody has replaced it; --update takes the new one")
    assert (root / "kgate.lock").read_bytes() == lock

    assert told(pulled(root, replace(terms(server.url), updates=True))) == ["renewed web 1.x: 1.1.0"]
    write(root, {"more.yaml": flux("two", f"{server.url}/charts", "1.0.x")})
    lock = (root / "kgate.lock").read_bytes()
    locked = replace(terms(server.url), is_locked=True)
    refused = "failed web 1.0.x: is not in kgate.lock, which --locked keeps as it is"
    assert told(pulled(root, locked)) == [refused, "kept web 1.x: 1.1.0"]
    assert (root / "kgate.lock").read_bytes() == lock

    (root / "flux.yaml").unlink()
    found = pulled(root, terms(server.url))
    assert told(found) == ["added web 1.0.x: 1.0.0"]
    assert found.removed == 1
    assert b"1.1.0" not in (root / "kgate.lock").read_bytes()


def test_what_does_not_match_is_not_judged(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    root = tmp_path / "shop"
    write(root, {"flux.yaml": flux("one", f"{server.url}/charts")})
    pulled(root, terms(server.url))
    (entry,) = (tmp_path / "cache").glob("*/*.entry")
    whole, lock = entry.read_bytes(), (root / "kgate.lock").read_text()
    for damage in (whole[:-1], whole[:-9] + b"x" + whole[-8:], b"", None):
        entry.unlink(missing_ok=True)
        if damage is not None:
            entry.write_bytes(damage)
        _is_refused(scanned(root))
    entry.write_bytes(whole)
    digest = lock.partition("sha256:")[2][:64]
    (root / "kgate.lock").write_text(lock.replace(digest, digest[::-1]))
    _is_refused(scanned(root))
    (root / "kgate.lock").write_text(lock)
    assert judged(scanned(root)) == ["Pod/one flux.yaml:12"]


def _is_refused(report: Report) -> None:
    (entry,) = report.unjudged
    assert (entry.path, entry.line, entry.command) == ("flux.yaml", 12, "kgate pull")
    assert entry.message.endswith("does not hold it with that digest, name and version")
    assert not report.assessments


# ----------------------------------------------------------------------------- what cannot be had

GONE = "http://127.0.0.1:9"
WEB = packed("web", "1.0.0")


def failing(server: Server, other: Server) -> dict[str, str]:
    """Chart repositories that misbehave, below the paths of a server, each with the reason that is given."""
    tgz: dict[str, servers.Reply] = {
        "redirect": redirect(f"{other.other_url}/web.tgz"),
        "scheme": redirect("file:///etc/passwd"),
        "loop": redirect("/loop/web.tgz"),
        "slow": servers.slow,
        "truncated": content(WEB[:100]),
        "short": content(WEB[:100], declared=len(WEB)),
        "text": content(b"<html>not a chart</html>"),
        "denied": status(401, WWW_Authenticate="Basic"),
        "gone": status(404),
        "nameless": content(packed("web", "1.0.0", {"Chart.yaml": "name: web\n"})),
    }
    for name, reply in tgz.items():
        server.replies[f"/{name}/web.tgz"] = reply
        server.replies[f"/{name}/index.yaml"] = content(servers.index("web", {"1.0.0": "web.tgz"}))
    indexes = {
        "absolute": content(servers.index("web", {"1.0.0": f"{other.other_url}/web.tgz"})),
        "private": content(servers.index("web", {"1.0.0": "https://169.254.169.254/web.tgz"})),
        "user": content(servers.index("web", {"1.0.0": "https://me:secret@example.com/web.tgz"})),
        "digest": content(
            servers.index("web", {"1.0.0": "../good/web.tgz"}).replace(b'apiVersion": "v2', b'digest": "' + b"0" * 64)
        ),
        "empty": content(servers.index("other", {"1.0.0": "web.tgz"})),
        "newer": content(servers.index("web", {"2.0.0": "../good/web.tgz"})),
        "page": content(b"<html>"),
        "broken": status(500),
    }
    server.replies["/good/web.tgz"] = content(WEB)
    server.replies |= {f"/{name}/index.yaml": reply for name, reply in indexes.items()}
    elsewhere = f"http://localhost:{other.port} is not encrypted"
    return {
        "redirect": elsewhere,
        "absolute": elsewhere,
        "scheme": "file:///etc/passwd is neither https nor oci",
        "loop": "more than 5 redirects",
        "slow": "took longer than 1 seconds",
        "truncated": "what is there is not a chart",
        "short": "IncompleteRead",
        "text": "what is there is not a chart",
        "denied": "the server answers 401; give credentials with --registry-config",
        "gone": "the server answers 404",
        "nameless": "its Chart.yaml names no version",
        "private": "169.254.169.254 is not among the hosts that are allowed",
        "user": "https://example.com/web.tgz holds a user or password; give them with --registry-config",
        "digest": "is not the file whose digest is in the index of its repository",
        "empty": "lists no chart web",
        "newer": "not found",
        "page": "lists no chart web",
        "broken": "the server answers 500",
    }


def test_what_cannot_be_had_is_said_and_kept_nowhere(tmp_path: Path, server: Server) -> None:
    root = tmp_path / "shop"
    with serving() as other:
        reasons = failing(server, other)
        write(root, {f"{name}.yaml": flux(name, f"{server.url}/{name}") for name in reasons})
        write(root, {"option.yaml": flux("option", f"{server.url}/good", chart="--plugin")})
        write(root, {"ftp.yaml": flux("ftp", "ftp://example.com/charts"), "closed.yaml": flux("closed", GONE)})
        found = pulled(root, terms(server.url, GONE))
        assert not other.seen, "the server that is not allowed"
    by_url = {one.wanted.repository.rpartition("/")[2]: one.reason for one, _ in found.results if one.what == "failed"}
    wrong = {name: by_url.get(name, "") for name, reason in reasons.items() if reason not in by_url.get(name, "")}
    assert wrong == {}
    assert "is not a name and version of a chart" in by_url["good"]
    assert "ftp://example.com/charts/index.yaml is neither https nor oci" in by_url["charts"]
    assert "Connection refused" in by_url["127.0.0.1:9"]
    assert len(found.results) == len(reasons) + 3
    assert not (root / "kgate.lock").exists()
    assert not list((tmp_path / "cache").glob("*/*"))


def test_a_passing_fault_is_tried_again(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    server.replies = {path: servers.once_broken(reply) for path, reply in server.replies.items()}
    root = tmp_path / "shop"
    write(root, {"flux.yaml": flux("one", f"{server.url}/charts")})
    assert told(pulled(root, terms(server.url))) == ["added web 1.x: 1.0.0"]


def test_a_host_is_asked_for_and_remembered(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    server.replies["/charts/web-1.0.0.tgz"] = redirect(f"{server.other_url}/web.tgz")
    server.replies["/web.tgz"] = content(WEB)
    root = tmp_path / "shop"
    write(root, {"flux.yaml": flux("one", f"{server.url}/charts")})
    asked: list[str] = []
    answers = {server.url: True, server.other_url: False}

    def allows(host: str) -> bool:
        asked.append(host)
        return answers[host]

    assert told(pulled(root, replace(terms(), allows=allows)))[0].startswith("failed")
    assert asked == [server.url, server.other_url]
    answers[server.other_url] = True
    assert told(pulled(root, replace(terms(), allows=allows))) == ["added web 1.x: 1.0.0"]


# ------------------------------------------------------------------------------------ credentials


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def with_credentials(given: Mapping[str, str], *hosts: str) -> Terms:
    return replace(terms(*hosts), credentials={host: basic(pair) for host, pair in given.items()})


def test_credentials_go_to_their_host_alone(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    own = basic("me:secret")
    server.replies["/charts/index.yaml"] = servers.guarded(server.replies["/charts/index.yaml"], own)
    with serving() as other:
        other.replies["/web.tgz"] = content(WEB)
        server.replies["/charts/web-1.0.0.tgz"] = redirect(f"{other.url}/web.tgz")
        root = tmp_path / "shop"
        write(root, {"flux.yaml": flux("one", f"{server.url}/charts")})
        given = with_credentials({f"127.0.0.1:{server.port}": "me:secret"}, server.url, other.url)
        assert told(pulled(root, given)) == ["added web 1.x: 1.0.0"]
        assert {header for _, header in server.seen} == {own}
        assert [header for _, header in other.seen] == [""]
    assert "secret" not in (root / "kgate.lock").read_text()


def test_a_token_is_fetched_with_the_credentials_of_its_server(tmp_path: Path, server: Server) -> None:
    root = tmp_path / "shop"
    layer, config_blob = packed("web", "1.0.0"), b"{}"
    with serving() as realm, serving() as blobs:
        challenge = f'Bearer realm="{realm.url}/token",service="registry",scope="repository:charts/web:pull"'
        manifest = _manifest(layer, config_blob)
        replies = {
            "/v2/charts/web/tags/list": content(b'{"name":"charts/web","tags":["1.0.0"]}'),
            "/v2/charts/web/manifests/1.0.0": content(
                manifest,
                Content_Type="application/vnd.oci.image.manifest.v1+json",
                Docker_Content_Digest=_digest(manifest),
            ),
            f"/v2/charts/web/blobs/{_digest(config_blob)}": content(config_blob),
            f"/v2/charts/web/blobs/{_digest(layer)}": redirect(f"{blobs.url}/layer"),
        }
        replies[f"/v2/charts/web/manifests/{_digest(manifest)}"] = replies["/v2/charts/web/manifests/1.0.0"]
        server.replies = {path: servers.guarded(reply, "Bearer t0ken", challenge) for path, reply in replies.items()}
        realm.replies["/token"] = servers.guarded(content(b'{"token": "t0ken"}'), basic("me:secret"))
        blobs.replies["/layer"] = content(layer)
        write(root, {"argo.yaml": ARGO.replace("HOST", f"127.0.0.1:{server.port}").replace("2.0.0", "1.x")})
        hosts = (server.url, realm.url, blobs.url)
        refused = with_credentials({f"127.0.0.1:{server.port}": "me:secret"}, *hosts)
        (row,) = told(pulled(root, refused))
        assert row.endswith("the server answers 401; give credentials with --registry-config"), "not those of another"
        assert {header for _, header in realm.seen} == {""}
        given = with_credentials({f"127.0.0.1:{realm.port}": "me:secret"}, *hosts)
        assert told(pulled(root, given)) == ["added web 1.x: 1.0.0"]
        assert [header for _, header in blobs.seen] == [""], "no token for where the registry leads"
        assert {header for _, header in realm.seen[1:]} == {basic("me:secret")}


def _digest(data: bytes) -> str:
    from kgate.elsewhere.fetched import digest_of

    return digest_of(data)


def _manifest(layer: bytes, config_blob: bytes) -> bytes:
    media = "application/vnd.cncf.helm"
    return json.dumps(
        {
            "schemaVersion": 2,
            "config": {
                "mediaType": f"{media}.config.v1+json",
                "digest": _digest(config_blob),
                "size": len(config_blob),
            },
            "layers": [
                {"mediaType": f"{media}.chart.content.v1.tar+gzip", "digest": _digest(layer), "size": len(layer)}
            ],
        }
    ).encode()


# ------------------------------------------------------------------------------------ the commands


def test_the_commands(tmp_path: Path, server: Server) -> None:
    servers.publish(server, "charts", "web", "1.0.0")
    root = tmp_path / "shop"
    write(root, {".git/config": "", "flux.yaml": flux("one", f"{server.url}/charts")})
    env = {
        **tools_env(),
        "KGATE_PULL_CACHE_DIR": str(tmp_path / "cache"),
        "KGATE_SCAN_CACHE_DIR": str(tmp_path / "cache"),
    }
    refused = kgate("pull", cwd=root, env=env)
    assert refused.code == 3
    assert f"to allow these hosts: --pull-from {server.url}\n" in refused.out
    assert "1 failed" in refused.out
    both = kgate("scan", "--pull", "-q", cwd=root, env=env)
    assert both.code == 3
    assert f"flux.yaml:12: chart web 1.x of {server.url}/charts: {server.url} is not encrypted" in both.err
    both = kgate("scan", "--pull", "--pull-from", server.url, "--min-score", "20", "-q", cwd=root, env=env)
    assert (both.code, both.err) == (0, "")
    again = kgate("pull", "--locked", cwd=root, env=env)
    assert again.code == 0
    assert again.out == f"kept    web-1.0.0.tgz  chart web 1.x of {server.url}/charts\n1 kept\n"
