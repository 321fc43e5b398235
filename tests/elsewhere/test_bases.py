"""Remote bases and components of kustomizations: what is fetched, with the real git, and scans that use it offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import kgate.pull as pull_module
from kgate.elsewhere import lock
from kgate.elsewhere.fetched import described, digest_of
from kgate.elsewhere.wanted import ABSENT, Locked, Wanted
from kgate.rendering import archive
from kgate.rendering.helm import semver
from kgate.rendering.kustomize import bases, kustomization, repospec
from kgate.repository import Repository
from kgate.scan import scan
from tests import hostile
from tests.elsewhere import servers
from tests.elsewhere.servers import Server, content, serving
from tests.elsewhere.test_pull import git, judged, pulled, scanned, settings, terms, told
from tests.hostile import SECRET, write
from tests.loopback import loopback
from tests.test_hostile import EXPECTED

pytestmark = pytest.mark.slow

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  containers:
  - name: app
    image: example.com/app:1
    securityContext:
      privileged: PRIVILEGED
"""


def pod(name: str, privileged: str = "false") -> str:
    return POD.replace("NAME", name).replace("PRIVILEGED", privileged)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def publish(server: Server, folder: Path, name: str, files: dict[str, str], *more: str) -> Path:
    """A git repository that the server has, with the tag v1, and further arguments of git."""
    place = folder / "git" / f"{name}.git"
    write(place, files)
    for arguments in (("init",), ("add", "."), ("commit", "-mone"), ("tag", "v1"), *(one.split() for one in more)):
        git(place, *arguments)
    for path in ("info/refs", "git-upload-pack"):
        server.replies[f"/{name}.git/{path}"] = servers.git_backend(folder / "git")
    return place


BASES = {
    "apps/kustomization.yaml": """\
namePrefix: own-
resources:
- HOST/platform.git/base?ref=v1
- git::HOST/platform.git//more?version=v1&timeout=90
- HOST/files/pod.yaml
components:
- HOST/platform.git//hardened?ref=v1
patches:
- target: {kind: Pod, name: based}
  patch: |
    - {op: replace, path: /spec/containers/0/image, value: example.com/other:2}
- target: {kind: Pod, name: shared}
  path: HOST/files/patch.yaml
configMapGenerator:
- {name: settings, behavior: merge, literals: [a=2]}
""",
}
PLATFORM = {
    "base/kustomization.yaml": "resources: [pod.yaml, ../shared]\n"
    "configMapGenerator:\n- {name: settings, literals: [a=1, b=1]}\n",
    "base/pod.yaml": pod("based", "true"),
    "shared/kustomization.yaml": "resources: [pod.yaml]\n",
    "shared/pod.yaml": pod("shared"),
    "more/kustomization.yaml": "resources: [pod.yaml]\n",
    "more/pod.yaml": pod("more"),
    "hardened/kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- target: {kind: Pod, name: more}
  patch: |
    - {op: add, path: /spec/hostNetwork, value: true}
""",
    "unrelated/pod.yaml": pod("unrelated", "true"),
}


def test_bases_are_judged_without_network(tmp_path: Path, server: Server) -> None:
    publish(server, tmp_path, "platform", PLATFORM)
    server.replies["/files/pod.yaml"] = content(pod("filed", "true").encode())
    server.replies["/files/patch.yaml"] = content(b"- {op: add, path: /spec/hostNetwork, value: true}\n")
    root = tmp_path / "shop"
    write(root, {name: text.replace("HOST", server.url) for name, text in BASES.items()})
    before = scanned(root)
    assert [(one.line, one.command) for one in before.unjudged] == [(n, "kgate pull") for n in (3, 4, 5, 7, 13)]
    found = pulled(root, terms(server.url))
    commit = str(found.results[0][0].locked and found.results[0][0].locked.version)
    assert told(found) == [
        f"added hardened v1: {commit}",
        f"added more v1: {commit}",
        "added  HEAD: file",
        "added  HEAD: file",
        f"added  HEAD: {commit}",
    ]
    asked = len(server.seen)
    report = scanned(root)
    assert len(server.seen) == asked
    assert (report.problems, report.unjudged) == ((), ())
    assert judged(report) == [
        "Pod/own-based apps/kustomization.yaml:3",
        "Pod/own-shared apps/kustomization.yaml:3",
        "Pod/own-more apps/kustomization.yaml:4",
        "Pod/own-filed apps/kustomization.yaml:5",
        "privileged-container apps/kustomization.yaml:3",
        "privileged-container apps/kustomization.yaml:5",
        "host-network apps/kustomization.yaml:7",
        "host-network apps/kustomization.yaml:13",
    ]
    first, *_ = report.findings
    assert first.location.snippet == f"- {server.url}/platform.git/base?ref=v1"
    assert [one.message for one in first.location.related if not one.is_context] == [
        f"base/pod.yaml:9 of {server.url}/platform.git/base?ref=v1"
    ]


def test_a_repository_may_use_the_names_of_the_private_copy(tmp_path: Path, server: Server) -> None:
    publish(server, tmp_path, "platform", PLATFORM)
    root = tmp_path / "shop"
    own = "../.kgate-fetched-1"
    listed = f"resources: [{server.url}/platform.git/shared?ref=v1, kgate-0.yaml, {own}]\n"
    write(root, {"apps/kustomization.yaml": listed, "apps/kgate-0.yaml": pod("one"), "apps/kgate-0": "x"})
    write(root, {"apps/.kgate-fetched-1/x": "", ".kgate-fetched-1/kustomization.yaml": "resources: [pod.yaml]\n"})
    write(root, {".kgate-fetched-1/pod.yaml": pod("two")})
    pulled(root, terms(server.url))
    report = scanned(root)
    assert (report.problems, report.unjudged) == ((), ())
    assert judged(report) == [
        "Pod/two .kgate-fetched-1/pod.yaml:1",
        "Pod/one apps/kgate-0.yaml:1",
        "Pod/shared apps/kustomization.yaml:1",
    ]


GITOPS = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: platform, namespace: flux}
spec: {url: "HOST/platform.git", ref: {semver: ">=1.0.0"}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: one, namespace: flux}
spec:
  sourceRef: {kind: GitRepository, name: platform}
  path: ./deploy
  targetNamespace: shop
  patches:
  - target: {kind: Pod, name: plain}
    patch: |
      - {op: add, path: /spec/hostNetwork, value: true}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: two}
spec:
  destination: {namespace: shop}
  source:
    repoURL: HOST/platform.git
    path: overlays/prod
    targetRevision: 1.x
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: three}
spec:
  destination: {namespace: shop}
  source: {repoURL: HOST/platform.git, path: deploy, targetRevision: main, directory: {recurse: true}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: four}
spec:
  destination: {namespace: shop}
  source:
    repoURL: HOST/platform.git
    path: chart
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: five}
spec:
  source: {repoURL: HOST/platform.git, path: gone}
"""
DEPLOY = {
    "deploy/plain.yaml": pod("plain", "true"),
    "deploy/ignored.yaml": pod("ignored", "true"),
    "deploy/more/pod.yaml": pod("deeper"),
    ".sourceignore": "ignored.yaml\n",
    "overlays/prod/kustomization.yaml": "resources: [../../base]\n",
    "base/kustomization.yaml": "resources: [pod.yaml]\n",
    "base/pod.yaml": pod("based", "true"),
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/templates/pod.yaml": servers.WORKLOAD,
    "chart/values.yaml": "privileged: true\nhostNetwork: false\n",
}


def test_folders_of_other_repositories_are_rendered_as_their_controller_does(tmp_path: Path, server: Server) -> None:
    platform = publish(server, tmp_path, "platform", DEPLOY, "tag 1.2.0")
    write(platform, {"base/pod.yaml": pod("newer", "true")})
    for arguments in ("commit -amtwo", "tag 1.10.0", "tag 2.0.0-rc.1", "tag other"):
        git(platform, *arguments.split())
    root = tmp_path / "shop"
    write(root, {"gitops.yaml": GITOPS.replace("HOST", server.url)})
    found = pulled(root, terms(server.url))
    assert [one.rpartition(": ")[0] or one for one in told(found)] == [
        "added chart HEAD",
        "added deploy main",
        "added deploy semver:>=1.0.0",
        "failed gone HEAD",
        "added overlays/prod semver:1.x",
    ]
    report = scanned(root)
    assert [(one.line, one.message, one.command) for one in report.unjudged] == [
        (48, f"gone of {server.url}/platform.git is not in this repository", "kgate pull")
    ]
    assert not report.problems
    assert judged(report) == [
        "Pod/deeper gitops.yaml:11",
        "Pod/plain gitops.yaml:11",
        "Pod/newer gitops.yaml:25",
        "Pod/deeper gitops.yaml:33",
        "Pod/ignored gitops.yaml:33",
        "Pod/plain gitops.yaml:33",
        "Pod/four gitops.yaml:42",
        "privileged-container gitops.yaml:11",
        "host-network gitops.yaml:15",
        "privileged-container gitops.yaml:25",
        "privileged-container gitops.yaml:33",
        "privileged-container gitops.yaml:33",
        "privileged-container gitops.yaml:42",
    ]
    where = {one.location.related[0].message for one in report.findings if one.location.related}
    assert f"base/pod.yaml:9 of {server.url}/platform.git at 1.x" in where
    assert f"deploy/plain.yaml:9 of {server.url}/platform.git at >=1.0.0" in where
    write(platform, {"deploy/plain.yaml": pod("plain")})
    git(platform, "commit", "-amthree")
    again = [one.what for one, _ in pulled(root, terms(server.url), cache="empty").results]
    assert again == ["fetched", "fetched", "fetched", "failed", "fetched"], "branches stay at the commit of the lock"
    assert scanned(root, cache="empty").findings == report.findings
    locked = pulled(root, replace(terms(), is_locked=True))
    assert [one.reason.partition(":")[0] for one, _ in locked.results if one.what == "failed"] == [
        "is not in kgate.lock, which --locked keeps as it is"
    ]
    updated = pulled(root, replace(terms(server.url), updates=True))
    assert [one.wanted.requested for one, _ in updated.results if one.what == "renewed"] == ["HEAD", "main"]


# ------------------------------------------------------------------------- what is not a plain success

NESTED = {
    "a/kustomization.yaml": "resources: [HOST/two.git//b?ref=v1]\n",
    "circle/kustomization.yaml": "resources: [HOST/two.git//circle?ref=v1]\n",
    "deep/kustomization.yaml": "resources: [HOST/two.git//deep?ref=v1]\n",
}
NESTED_TWO = {
    "b/kustomization.yaml": "resources: [pod.yaml]\nnameSuffix: -b\n",
    "b/pod.yaml": pod("inner", "true"),
    "circle/kustomization.yaml": "resources: [HOST/one.git//circle?ref=v1]\n",
}


def test_bases_of_bases(tmp_path: Path, server: Server) -> None:
    for name, files in (("one", NESTED), ("two", NESTED_TWO)):
        publish(server, tmp_path, name, {path: text.replace("HOST", server.url) for path, text in files.items()})
    root = tmp_path / "shop"
    for name in ("a", "circle", "deep"):
        write(root, {f"{name}/kustomization.yaml": f"resources:\n- {server.url}/one.git//{name}?ref=v1\n"})
    found = pulled(root, terms(server.url))
    rows = [(one.what, one.wanted.repository.partition("/two")[2], asked) for one, asked in found.results]
    inner = [(what, [f"{place.path}:{place.line}" for place in asked]) for what, name, asked in rows if name]
    assert inner == [
        ("added", ["a/kustomization.yaml:2"]),
        ("added", ["circle/kustomization.yaml:2"]),
        ("failed", ["deep/kustomization.yaml:2"]),
    ]
    report = scanned(root)
    assert judged(report) == ["Pod/inner-b a/kustomization.yaml:2", "privileged-container a/kustomization.yaml:2"]
    (finding,) = report.findings
    assert [one.message for one in finding.location.related if not one.is_context] == [
        f"a/kustomization.yaml:1 of {server.url}/one.git//a?ref=v1",
        f"b/pod.yaml:9 of {server.url}/two.git//b?ref=v1",
    ]
    circle = f"circle/kustomization.yaml:1 of {server.url}/two.git//circle?ref=v1"
    again = f"{server.url}/one.git//circle?ref=v1 includes this kustomization again"
    (problem,) = report.problems
    assert str(problem) == f"circle/kustomization.yaml:2: {circle}: {again}: kustomizations must not form a circle"
    assert [(one.path, one.line, one.command) for one in report.unjudged] == [
        ("deep/kustomization.yaml", 2, "kgate pull")
    ]


def test_bases_of_bases_without_end(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_module, "MAX_ROUNDS", 1)
    files = {path: text.replace("HOST", server.url) for path, text in NESTED.items()}
    publish(server, tmp_path, "one", files)
    root = tmp_path / "shop"
    write(root, {"a/kustomization.yaml": f"resources:\n- {server.url}/one.git//a?ref=v1\n"})
    found = pulled(root, terms(server.url))
    assert not found.is_complete
    reason = "is asked for by what was fetched, more than 1 steps deep"
    assert [one.reason for one, _ in found.results] == ["", reason]


# ----------------------------------------------------------------------------- what a reference means

REFERENCES = {
    "github.com/org/repo/path?ref=v1": "base https://github.com/org/repo path v1",
    "https://github.com/org/repo//path/?ref=v1&timeout=90s&submodules=false": "url",
    "git::https://git.example.com/org/repo//a?version=v2": "base https://git.example.com/org/repo a v2",
    "git::https://git.example.com/org/repo?ref=a&version=b": "base https://git.example.com/org/repo  a",
    "https://dev.azure.com/org/project/_git/repo/path?version=v1": "url",
    "git::https://dev.azure.com/o/p/_git/repo/path": "base https://dev.azure.com/o/p/_git/repo path HEAD",
    "git::https://example.com/scm/x/repo.git/a/b": "base https://example.com/scm/x/repo.git a/b HEAD",
    "git@github.com:org/repo.git//a": "it is read over ssh; write its https URL to have it fetched",
    "ssh://git@example.com/org/repo": "it is read over ssh; write its https URL to have it fetched",
    "git::file:///srv/repo": "it is a repository of the machine that builds it",
    "git::https://example.com/org": "it is neither a file nor a repository to kustomize",
    "https://example.com/a/b.yaml": "url",
}


def test_what_a_reference_means(tmp_path: Path) -> None:
    for key, text in (*((("resources", one)) for one in REFERENCES), ("components", "https://github.com/o/r//a")):
        write(tmp_path, {"kustomization.yaml": f"{key}: ['{text}']\n"})
        (remote,) = kustomization.read(tmp_path, Repository(tmp_path)).remotes
        found = bases.wanted(remote)
        expected = REFERENCES.get(text, "base https://github.com/o/r a HEAD")
        if isinstance(found, Wanted) and expected != "url":
            assert f"{found.kind} {found.repository} {found.name} {found.requested}" == expected
        else:
            assert (found if isinstance(found, str) else found.kind) == expected, text
    write(tmp_path, {"kustomization.yaml": "patches: [{path: https://example.com/o/r.yaml}]\n"})
    (remote,) = kustomization.read(tmp_path, Repository(tmp_path)).remotes
    assert bases.wanted(remote) == Wanted.at("file", "https://example.com/o/r.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gitHub.com/someOrg/someRepo/foo/krusty.txt?ref=group/version", "https://github.com/|someOrg/someRepo"),
        ("github.com:kubernetes/website", "https://github.com/|kubernetes/website"),
        ("http://github.com/someorg/somerepo/somedir", "https://github.com/|someorg/somerepo"),
        ("hTTps://github.com/a/b", "https://github.com/|a/b"),
        ("org-12345@github.com/a/b", "org-12345@github.com:|a/b"),
        ("git::git@github.com:a/b", "git@github.com:|a/b"),
        ("git@bitbucket.org/company/project.git//path?ref=branch", "git@bitbucket.org/|company/project.git"),
        ("ssh://git.example.com:7999/a/b", "ssh://git.example.com:7999/|a/b"),
        ("file:///a/b/c/someRepo?ref=someBranch", "file://|/a/b/c/someRepo"),
        ("file://a/b/c/someRepo.git/somepath", "file://|a/b/c/someRepo.git"),
        ("/tmp", ""),
        ("../../tmp", ""),
        ("src/github.com/org/repo/path", ""),
        ("htxxxtp://github.com/", ""),
        ("ssh://git.example.com", ""),
        ("git::___", ""),
        ("https://host?ref=group/version/minor_version", ""),
        ("https://github.com/org/repo.git//path/../../exits/repo", ""),
        ("github.com!org/repo.git//path", ""),
        ("gh:org/repo", ""),
        ("https://github.com/thisisa404.yaml", ""),
        ("file:////tmp//path/to/whatever", ""),
        ("git@scp://github.com/org/repo.git//path", ""),
    ],
)
def test_repositories_as_kustomize_parses_them(text: str, expected: str) -> None:
    """Rows of kustomize's own test (api/internal/git/repospec_test.go)."""
    spec = repospec.parse(text)
    assert (spec.clone if spec is not None else "") == expected.replace("|", "")


def test_a_query_that_go_refuses_names_no_revision() -> None:
    refs = [repospec.parse(f"github.com/a/b?{query}") for query in ("ref=a;b", "ref=%zz", "ref=%76", "ref=", "x")]
    assert [one and one.ref for one in refs] == ["", "", "v", "", ""]


@pytest.mark.parametrize("path", ["", "a", ".config/_a b/ü", "./deploy/", "/x//y"])
def test_the_lock_holds_every_path(path: str) -> None:
    wanted = Wanted.files("tree", "https://git.example.com/a", path, "semver:1.x")
    entries = {wanted: Locked(wanted, "a" * 40, f"sha256:{'b' * 64}", "")}
    assert lock.parse(lock.text_of(entries).encode()) == entries


@pytest.mark.parametrize(
    ("ranges", "tag"),
    [
        ("1.x", "v1.10.0"),
        (">=1.0.0 <1.5", "1.2.0"),
        (">=2.0.0-0", "2.0.0-rc.10"),
        ("*", "v1.10.0"),
        ("3.x", None),
        ("main", None),
    ],
)
def test_the_newest_tag_in_a_range(ranges: str, tag: str | None) -> None:
    tags = ["v1", "1.2.0", "v1.10.0", "1.9.0", "2.0.0-rc.2", "2.0.0-rc.10", "other", "1.2.0.1"]
    assert semver.newest(tags, ranges) == tag


def test_what_is_a_range() -> None:
    texts = [
        "1.x",
        "v1.*",
        ">=1",
        "^1.2",
        "1 - 2",
        "1.x || 2.x",
        "*",
        "1.2.3",
        "v1",
        "1234567",
        "main",
        "HEAD",
        "a-1.x",
    ]
    assert [text for text in texts if semver.is_range(text)] == texts[:7]


# --------------------------------------------------------------------------- hostile, from the cache

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: APP}
spec:
  source: {repoURL: "https://git.example.com/APP", path: app}
---
"""


def cached(root: Path, entries: dict[Wanted, Path], folder: str = "app") -> None:
    """Puts the plain files of folders into the cache and the lock, whatever they hold."""
    known: dict[Wanted, Locked] = {}
    for wanted, source in entries.items():
        target = root.parent / "packed" / str(len(known))
        for path in source.rglob("*"):
            if path.is_file() and not path.is_symlink():
                place = target / "tree" / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())
        write(target, {"about.json": json.dumps({**described(wanted, "a" * 40), "folder": folder})})
        archive.pack(target, target.with_suffix(".tgz"))
        data = target.with_suffix(".tgz").read_bytes()
        assert settings(root).rendering.fetched.keep(data)
        known[wanted] = Locked(wanted, "a" * 40, digest_of(data), "")
    write(root, {"kgate.lock": lock.text_of(known)})


HARMLESS = [name for name in hostile.CASES if EXPECTED.get(name) != "bound" and "explodes" not in name]


def test_the_hostile_suite_through_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hostile.ENVIRONMENT_NAME, SECRET)
    root, entries = tmp_path / "shop", {}
    assert len(HARMLESS) > 35
    with loopback() as listener:
        for number, name in enumerate(HARMLESS):
            source = tmp_path / f"host{number}/repository"
            source.mkdir(parents=True)
            hostile.CASES[name](source, listener.url)
            url = f"https://git.example.com/a{number}"
            entries[Wanted.files("tree", url, "app", "HEAD")] = source
            text = APPLICATION.replace("APP", f"a{number}")
            if not hostile.is_chart(name):
                entries[Wanted.files("base", url, "app", "HEAD")] = source
                write(root, {f"k{number}/kustomization.yaml": f"resources:\n- git::{url}//app\n"})
            write(root, {f"apps/a{number}.yaml": text})
        write(tmp_path / "control", {"app/pod.yaml": pod("control")})
        entries[Wanted.files("tree", "https://git.example.com/control", "app", "HEAD")] = tmp_path / "control"
        write(root, {"apps/control.yaml": APPLICATION.replace("APP", "control")})
        cached(root, entries)
        report = scan(settings(root))
    assert not listener.seen
    assert judged(report) == ["Pod/control apps/control.yaml:5"], "what does no harm is judged in the same way"
    assert SECRET not in repr(report)
    private = [one for one in (*report.problems, *report.unjudged, *report.notes) if "kgate-" in one.message]
    assert not private
    assert not list(tmp_path.rglob(hostile.WITNESS))
    places = {one.path for one in (*report.problems, *report.unjudged)}
    assert places <= {f"apps/a{n}.yaml" for n in range(99)} | {f"k{n}/kustomization.yaml" for n in range(99)}
    assert len(places) > 30


FLUX_ROOT = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: all, namespace: flux-system}
spec:
  sourceRef: {kind: GitRepository, name: flux-system}
  path: ./
  patches:
  - target: {kind: Pod, name: based}
    patch: |
      - {op: add, path: /spec/hostNetwork, value: true}
"""
ARGO_PATCH = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: patched}
spec:
  source:
    repoURL: https://git.example.com/own/shop
    path: patched
    kustomize:
      patches: [{path: patch.yaml, target: {kind: Pod}}]
"""


def test_bases_below_what_gitops_objects_deploy(tmp_path: Path) -> None:
    root, base = tmp_path / "shop", "git::https://git.example.com/platform//app"
    wanted = Wanted.files("base", "https://git.example.com/platform", "app", "HEAD")
    write(tmp_path / "platform", {"app/kustomization.yaml": "resources: [pod.yaml]\n", "app/pod.yaml": pod("based")})
    files = {
        "flux/all.yaml": FLUX_ROOT,
        "flux/argo.yaml": ARGO_PATCH,
        "pods/pod.yaml": pod("plain"),
        "team/kustomization.yaml": f"# {base}\r\nresources:\r\n- ok.yaml\r\n- '{base}'\r\n",
        "team/ok.yaml": pod("team", "true"),
        "patched/kustomization.yaml": f'resources: [&a "{base}"]\nnamePrefix: p-\n',
        "patched/patch.yaml": "- {op: add, path: /spec/hostNetwork, value: true}\n",
    }
    write(root, files)
    cached(root, {wanted: tmp_path / "platform"})
    report = scan(settings(root))
    assert [str(one) for one in (*report.problems, *report.unjudged)] == []
    assert judged(report) == [
        *["Pod/p-based patched/kustomization.yaml:1"] * 2,  # as Flux builds it, and as Argo CD does
        "Pod/plain pods/pod.yaml:1",
        "Pod/based team/kustomization.yaml:4",
        "Pod/team team/ok.yaml:1",
        *["host-network flux/all.yaml:10"] * 2,
        "host-network patched/patch.yaml:1",
        "privileged-container team/ok.yaml:9",
    ]


def test_what_a_folder_asks_for_in_turn_is_asked_for_where_it_is_named(tmp_path: Path) -> None:
    root, url = tmp_path / "shop", "https://git.example.com/APP"
    dependency = "dependencies: [{name: web, version: 1.x, repository: 'https://charts.example.com'}]\n"
    trees = {
        "chart": {"app/Chart.yaml": f"apiVersion: v2\nname: app\nversion: 1.0.0\n{dependency}"},
        "inflated": {
            "app/kustomization.yaml": "helmCharts: [{name: web, repo: 'https://charts.example.com', version: 1.x}]\n"
        },
        "based": {"app/kustomization.yaml": "resources: ['git::https://git.example.com/other//x']\n"},
    }
    entries = {}
    for name, files in trees.items():
        write(tmp_path / name, files)
        entries[Wanted.files("tree", url.replace("APP", name), "app", "HEAD")] = tmp_path / name
        write(root, {f"{name}.yaml": APPLICATION.replace("APP", name)})
    cached(root, entries)
    found = settings(root)
    report = scan(found)
    asked = [one for one in found.rendering.fetched.asked if one.wanted.name != "app"]
    places = {(one.path, one.line) for one in asked}
    assert places == {("chart.yaml", 5), ("inflated.yaml", 5), ("based.yaml", 5)}
    assert {one.wanted.name for one in asked} == {"web", "x"}
    assert {(one.path, one.line) for one in (*report.problems, *report.unjudged)} == places
    assert {one.command for one in report.unjudged} == {"kgate pull"}
    assert "kgate-elsewhere" not in repr(report)


ODD = {
    "folded": "- >-\n  BASE\n",
    "with escapes": '- "BASE\\x3fref=v1"\n',
    "over two lines": '- "git::https://git.example.com/platform//\\\n    app"\n',
}


def test_references_that_cannot_be_put_in_their_place(tmp_path: Path) -> None:
    root, base = tmp_path / "shop", "git::https://git.example.com/platform//app"
    entries = {
        Wanted.files("base", "https://git.example.com/platform", "app", ref): tmp_path / "p" for ref in ("", "v1")
    }
    write(tmp_path / "p", {"app/kustomization.yaml": "resources: [pod.yaml]\n", "app/pod.yaml": pod("based")})
    for number, text in enumerate(ODD.values()):
        write(root, {f"k{number}/kustomization.yaml": f"resources:\n{text.replace('BASE', base)}"})
    cached(root, entries)
    report = scan(settings(root))
    assert [one.path for one in report.unjudged] == [f"k{number}/kustomization.yaml" for number in range(3)]
    assert all("write it in one word, without escapes" in one.message for one in report.unjudged)


def test_references_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases, "MAX_REFERENCES", 2)
    root, url = tmp_path / "shop", "https://git.example.com/platform"
    write(tmp_path / "p", {"app/kustomization.yaml": "resources: [pod.yaml]\n", "app/pod.yaml": pod("based")})
    write(root, {"kustomization.yaml": "resources:\n" + f"- git::{url}//app\n" * 4})
    cached(root, {Wanted.files("base", url, "app", "HEAD"): tmp_path / "p"})
    report = scan(settings(root))
    assert [one.line for one in report.unjudged] == [4, 5]
    assert report.unjudged[0].message.endswith("and no more than 2 in one build")


@pytest.mark.parametrize("folder", ["../../..", "/etc", "a/../..", "./app"])
def test_what_an_archive_says_of_itself_leads_nowhere_else(tmp_path: Path, folder: str) -> None:
    root, wanted = tmp_path / "shop", Wanted.files("base", "https://git.example.com/platform", "app", "HEAD")
    write(tmp_path / "platform", {"app/kustomization.yaml": "resources: [pod.yaml]\n", "app/pod.yaml": pod("based")})
    write(root, {"a/kustomization.yaml": "resources: ['git::https://git.example.com/platform//app']\n"})
    cached(root, {wanted: tmp_path / "platform"}, folder)
    (entry,) = scan(settings(root)).unjudged
    assert entry.message.endswith(ABSENT)


LEAVING = {
    "a file of the host": "resources: [../../secret/pod.yaml]\n",
    "a folder of the host": "resources: [../../secret]\n",
    "data of the host": "resources: [pod.yaml]\nconfigMapGenerator: [{name: x, files: [../../kgate.yaml]}]\n",
    "a patch of the host": "resources: [pod.yaml]\npatches: [{path: ../../secret/pod.yaml}]\n",
    "a chart of the host": "helmGlobals: {chartHome: ../../charts}\nhelmCharts: [{name: web}]\n",
    "itself by another name": "resources: [../../.kgate-fetched-1/app]\n",
    "an absolute path": "resources: [/etc/hosts]\n",
}


def test_what_a_base_must_not_reach(tmp_path: Path) -> None:
    root, entries = tmp_path / "shop", {}
    chart = {"charts/web/Chart.yaml": "name: web\nversion: 1.0.0\n", "charts/web/templates/a.yaml": "a: 1\n"}
    write(root, {"secret/kustomization.yaml": "resources: [pod.yaml]\n", "secret/pod.yaml": pod("s"), **chart})
    for number, text in enumerate(LEAVING.values()):
        source = tmp_path / f"source{number}"
        write(source, {"app/kustomization.yaml": text, "app/pod.yaml": pod("own")})
        entries[Wanted.files("base", f"https://git.example.com/a{number}", "app", "HEAD")] = source
        local = f"resources:\n- ../secret\n- git::https://git.example.com/a{number}//app\n"
        write(root, {f"k{number}/kustomization.yaml": local})
    cached(root, entries)
    report = scan(settings(root))
    found = {one.path: one for one in report.problems}
    assert sorted(found) == [f"k{number}/kustomization.yaml" for number in range(len(LEAVING))]
    assert {one.line for one in found.values()} == {3}
    another_step = "add it, remove this, or list the folder in .kgateignore if another step makes the file"
    leads_out = "leads out of what was fetched, and is not followed"
    where, *messages = zip(*(one.message.split(" at HEAD: ") for one in found.values()), strict=True)
    assert all(one.startswith("app/kustomization.yaml:") for one in where)
    assert messages == [
        (
            f"../../secret/pod.yaml {leads_out}",
            f"../../secret {leads_out}",
            f"files: there is no kgate.yaml, so what it builds is not judged; {another_step}",
            f"../../secret/pod.yaml {leads_out}",
            f"web {leads_out}",
            "../../app includes this kustomization again: kustomizations must not form a circle",
            "/etc/hosts leads out of the repository, so what it builds is not judged",
        )
    ]
