"""changescan.py: a change fails for what it makes worse, and both sides are judged by the same settings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from kgate import diffing, gitindex
from kgate.commands.main import main
from kgate.config.settings import Settings
from kgate.gitindex import parse
from kgate.judgement.ledger import Ledger, Page
from kgate.kubernetes.facts import Facts
from kgate.model import Batch, Rule
from kgate.plainfiles import PlainFiles
from kgate.policy.basetree import exported
from kgate.policy.gittree import open_tree
from kgate.rendering import scratch
from kgate.rendering.helm import requests as helm
from kgate.rendering.kustomize import requests as kustomize
from kgate.rendering.requests import RenderContext
from kgate.rendering.shared import Difference, Regions, difference_between
from kgate.repository import Repository
from kgate.session import Session
from kgate.sources.files import SourceFile
from tests.command import ROOT, Result, kgate
from tests.commands.test_baseline import OLD, deployment
from tests.hostile import write
from tests.policy.clone import Clone, git
from tests.real_tools import tools_env

SCHEMA = json.loads((ROOT / "kgate/schemas/report-2.json").read_text(encoding="utf-8"))
FILES = {name: text for name, text in OLD.items() if name != ".git/config"}
CLEAN_BASE = {"base/db.yaml": deployment("db", privileged=False)}


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of(tmp_path_factory.mktemp("clones") / "shop", {**FILES, **CLEAN_BASE})


@pytest.fixture
def clone(cloned: Clone, tmp_path: Path) -> Clone:
    return cloned.copy(tmp_path / "shop")


def run(clone: Clone, *arguments: str) -> Result:
    return kgate("scan", *(arguments or (".",)), "--diff-base", "main", cwd=clone.folder, env=tools_env())


def judged(clone: Clone, *arguments: str) -> tuple[int, Any]:
    result = run(clone, *(arguments or (".",)), "-f", "json")
    assert result.code in (0, 1, 3), result
    report = json.loads(result.out)
    jsonschema.validate(report, SCHEMA)
    return result.code, report["compared"]


def changed(compared: Any) -> list[str]:
    """The workloads that are not as they were: state, name, score before and after, new and gone findings, and where
    they were."""
    return [
        f"{one['state']} {one['workload']} {one['before']}→{one['after']} +{one['new']} -{one['gone']}"
        + (f" from {one['moved_from']}" if "moved_from" in one else "")
        for one in compared["workloads"]
    ]


ONE_MORE = deployment("plain").replace("containers", "hostPID: true\n      containers")


@pytest.mark.parametrize(
    ("change", "code", "wanted"),
    [
        pytest.param({}, 0, [], id="nothing"),
        pytest.param({"README.md": "text\n"}, 0, [], id="what is not judged"),
        pytest.param({"k8s/new.yaml": deployment("new")}, 1, ["new Deployment/new None→8 +5 -0"], id="a new workload"),
        pytest.param(
            {"k8s/new.yaml": deployment("new", privileged=False)},
            0,
            ["new Deployment/new None→74 +4 -0"],
            id="a new workload that passes",
        ),
        pytest.param({"k8s/plain.yaml": ONE_MORE}, 1, ["changed Deployment/plain 8→0 +1 -0"], id="a new finding"),
        pytest.param(
            {"k8s/plain.yaml": deployment("plain", privileged=False)},
            0,
            ["changed Deployment/plain 8→74 +0 -1"],
            id="a finding is gone",
        ),
        pytest.param({"k8s/plain.yaml": None}, 0, ["gone Deployment/plain 8→None +0 -5"], id="a workload is gone"),
        pytest.param(
            {"k8s/plain.yaml": None, "apps/other.yaml": "# moved\n" + deployment("plain")},
            0,
            ["changed Deployment/plain 8→8 +0 -0 from k8s/plain.yaml"],
            id="a file moved",
        ),
        pytest.param(
            {"k8s/plain.yaml": deployment("renamed")},
            1,
            ["gone Deployment/plain 8→None +0 -5", "new Deployment/renamed None→8 +5 -0"],
            id="an object was renamed",
        ),
        pytest.param(
            {"charts/web/values.yaml": "privileged: false\n"},
            0,
            ["changed Deployment/web-web 8→74 +0 -1"],
            id="a value of a chart",
        ),
        pytest.param(
            {"base/db.yaml": deployment("db")},
            1,
            ["changed Deployment/dev/db 74→8 +1 -0", "changed Deployment/prod/db 74→8 +1 -0"],
            id="the base of two overlays",
        ),
        pytest.param(
            {
                "overlays/prod/kustomization.yaml": None,
                "envs/prod/kustomization.yaml": "resources: [../../base]\nnamespace: prod\n",
            },
            0,
            ["changed Deployment/prod/db 74→74 +0 -0 from kustomize overlays/prod"],
            id="an overlay moved",
        ),
    ],
)
def test_a_change_is_judged_workload_by_workload(
    clone: Clone, change: dict[str, str | None], code: int, wanted: list[str]
) -> None:
    clone.changed(change)
    found, compared = judged(clone)
    assert (found, changed(compared)) == (code, wanted)
    assert compared["with"].startswith("main (")


def test_every_report_for_people_shows_it(clone: Clone) -> None:
    clone.changed({"charts/web/values.yaml": "privileged: false\n", "k8s/plain.yaml": ONE_MORE})
    text, markdown = run(clone, ".").out, run(clone, ".", "-f", "markdown").out
    assert "  Deployment/plain  k8s/plain.yaml  8 F → 0 F, 1 new finding\n" in text
    assert "  Deployment/web-web  charts/web/templates/web.yaml  helm charts/web  8 F → 74 C, 1 gone\n" in text
    assert "1 new finding" in markdown
    assert "### What changed" in markdown


def test_what_is_rendered_alike_is_rendered_once(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    for kind in (helm.ChartRequest, kustomize.KustomizationRequest):
        real = kind.render

        def render(request: Any, context: RenderContext, real: Any = real) -> Batch:
            rendered.append(request.place.path.name)
            return real(request, context)  # type: ignore[no-any-return]

        monkeypatch.setattr(kind, "render", render)
    for name, value in tools_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(clone.folder)
    clone.changed({"k8s/plain.yaml": ONE_MORE, "overlays/dev/note.txt": "of no kustomization\n"})
    assert CliRunner().invoke(main, ["scan", ".", "--diff-base", "main"], standalone_mode=False).return_value == 1
    assert sorted(rendered) == ["dev", "prod", "web"]
    rendered.clear()
    clone.changed({"base/db.yaml": deployment("db")})
    CliRunner().invoke(main, ["scan", ".", "--diff-base", "main"], standalone_mode=False)
    assert sorted(rendered) == ["dev", "dev", "prod", "prod", "web"]


class Forgetful(Session):
    """A session in which nothing of one scan is known in the next one."""

    def ledger(self, settings: Settings, rules: tuple[Rule, ...], make: Any) -> Ledger:
        return make(settings, rules)  # type: ignore[no-any-return]

    def opened(self, repository: Repository) -> Repository:
        return repository.reopened()

    def read(self, plain: PlainFiles, listed: Sequence[SourceFile], facts: Facts) -> Iterator[Page]:
        return plain.read(listed, facts)


ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: db, namespace: prod}\n"
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: db, namespace: prod}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ROLE, name: NAME}
subjects: [{kind: ServiceAccount, name: db, namespace: prod}]
"""
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: db, namespace: prod}
rules: [{apiGroups: [""], resources: [RESOURCE], verbs: [get, list]}]
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec: {podSelector: {matchLabels: {app: a}}}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  source:
    repoURL: https://example.org/shop
    path: charts/web
    helm: {parameters: [{name: privileged, value: "false"}]}
  destination: {namespace: web}
"""
RULE = """\
id: too-short
title: Too short
severity: high
points: 5
target: container
expression: size(container.name) > LEAST
fields: [name]
message: The name of the container is too short.
rationale: It cannot be told from others.
instead: a longer name
remediation: Write a longer one.
references: [{title: Names, url: "https://example.org"}]
examples: {good: [{name: longer}], bad: [{name: x}]}
"""
JOINED = {
    "account.yaml": ACCOUNT,
    "binding.yaml": BINDING.replace("ROLE", "Role").replace("NAME", "db"),
    "role.yaml": ROLE.replace("RESOURCE", "pods"),
    "base/db.yaml": deployment("db", privileged=False).replace(
        "    spec:\n      c", "    spec:\n      serviceAccountName: db\n      c"
    ),
    "base/binding.yaml": BINDING.replace("ROLE", "Role").replace("NAME", "other"),
    "base/kustomization.yaml": "resources: [db.yaml, binding.yaml]\n",
    "other.yaml": ROLE.replace("name: db", "name: other").replace("RESOURCE", "pods"),
    "charts/web/files/pid.txt": "false\n",
    "charts/web/templates/web.yaml": FILES["charts/web/templates/web.yaml"].replace(
        "containers", 'hostPID: {{ .Files.Get "files/pid.txt" | trim }}\n      containers'
    ),
    "kgate.yaml": "rules: [rules]\n",
    "rules/too-short.yaml": RULE.replace("LEAST", "2"),
}


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of(tmp_path_factory.mktemp("clones") / "shop", {**FILES, **JOINED})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "differs"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"charts/web/values.yaml": "privileged: false\n"}, True, id="a value of a chart"),
        pytest.param({"charts/web/files/pid.txt": "true\n"}, True, id="a file that a chart includes"),
        pytest.param({"base/db.yaml": deployment("db")}, True, id="the base of overlays"),
        pytest.param({"kgate.yaml": "min-score: 90\n"}, False, id="the configuration"),
        pytest.param({"rules/too-short.yaml": RULE.replace("LEAST", "4")}, False, id="a rule"),
        pytest.param({"k8s/plain.yaml": None}, True, id="a deleted file"),
        pytest.param({"role.yaml": None, "moved.yaml": JOINED["role.yaml"]}, False, id="the same text in another file"),
        pytest.param(
            {"other.yaml": JOINED["other.yaml"].replace("pods", "secrets")},
            True,
            id="a role that only what is rendered binds",
        ),
        pytest.param({"role.yaml": ROLE.replace("RESOURCE", "secrets")}, True, id="what a rendered pod may do"),
        pytest.param(
            {"binding.yaml": BINDING.replace("ROLE", "ClusterRole").replace("NAME", "cluster-admin")},
            True,
            id="what is bound to the account of a rendered pod",
        ),
        pytest.param({"role.yaml": "# longer\n" + JOINED["role.yaml"]}, False, id="the line of a role"),
        pytest.param({"account.yaml": "# longer\n" + ACCOUNT}, False, id="the line of an account"),
        pytest.param({"policy.yaml": POLICY}, False, id="a policy that selects rendered pods"),
        pytest.param({"k8s/application.yaml": APPLICATION}, True, id="how a chart is deployed"),
        pytest.param({"overlays/dev/.gitattributes": "*.yaml working-tree-encoding=UTF-16\n"}, False, id="an encoding"),
    ],
)
def test_what_two_scans_share_changes_no_result(
    joined: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None], differs: bool
) -> None:
    clone = joined.copy(tmp_path / "shop").changed(change)
    for name, value in tools_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(clone.folder)
    shared = in_process()
    monkeypatch.setattr(diffing, "Session", Forgetful)
    monkeypatch.setattr(diffing, "_shared", lambda *_: None)
    assert in_process() == shared
    assert bool(changed(shared["compared"])) == differs


def in_process() -> Any:
    """The report of a change in JSON."""
    arguments = ["scan", ".", "--persona", "audit", "--diff-base", "main", "-f", "json"]
    result = CliRunner().invoke(main, arguments, standalone_mode=False)
    assert result.return_value in (0, 1, 3), result.exception
    return json.loads(result.stdout)


def test_the_same_settings_judge_both_sides(clone: Clone) -> None:
    """A configuration that the change brings along makes nothing new, whether it asks for more or hides something."""
    clone.changed({"kgate.yaml": "min-score: 90\npersona: pedantic\n", ".kgateignore": "charts/\n"})
    code, compared = judged(clone)
    assert (code, changed(compared)) == (0, [])
    assert compared["known"] > 16


COMMENT = "        # kgate: allow[privileged-container] it drives the disks\n        - {"
WAIVED = deployment("plain").replace("        - {", COMMENT)


@pytest.mark.parametrize(
    ("before", "after", "code", "wanted"),
    [
        pytest.param(WAIVED, WAIVED, 0, [], id="it stays"),
        pytest.param(WAIVED, deployment("plain"), 1, ["changed Deployment/plain 74→8 +1 -0"], id="it was taken away"),
        pytest.param(deployment("plain"), WAIVED, 0, ["changed Deployment/plain 8→74 +0 -1"], id="it is new"),
    ],
)
def test_each_side_has_the_comments_of_its_own_files(
    clone: Clone, before: str, after: str, code: int, wanted: list[str]
) -> None:
    clone.changed({"k8s/plain.yaml": before}).merged()
    clone.changed({"k8s/plain.yaml": after})
    found, compared = judged(clone, "k8s")
    assert (found, changed(compared)) == (code, wanted)


def test_a_baseline_makes_no_difference(clone: Clone) -> None:
    clone.changed({"kgate-baseline.json": "damaged"})
    assert judged(clone)[0] == 0


def test_a_part_of_the_repository(clone: Clone) -> None:
    clone.changed({"apps/new.yaml": deployment("new"), "k8s/plain.yaml": ONE_MORE})
    assert changed(judged(clone, "k8s")[1]) == ["changed Deployment/plain 8→0 +1 -0"]
    assert changed(judged(clone, "apps")[1]) == ["new Deployment/new None→8 +5 -0"]


def test_a_revision_that_cannot_be_judged_excuses_nothing(clone: Clone) -> None:
    clone.changed({"k8s/plain.yaml": "kind: [\n"}).merged()
    clone.changed({"k8s/plain.yaml": deployment("plain")})
    result = run(clone, ".")
    assert result.code == 1
    assert "could be judged; what is found only now counts as new" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((".", "--diff-base", "nope"), "--diff-base nope: this clone does not have such a commit", id="no"),
        pytest.param((".", "--diff-base", "--output=x"), "--output=x: this clone does not have such", id="an option"),
        pytest.param((".", "--diff-base", "main", "--baseline", "x"), "exclude each other", id="a baseline"),
        pytest.param(("-", "--diff-base", "main"), "name paths instead of '-'", id="standard input"),
        pytest.param((".", "--diff-base", "main", "--watch"), "leave out --watch", id="a watch"),
    ],
)
def test_wrong_uses(clone: Clone, arguments: tuple[str, ...], message: str) -> None:
    result = kgate("scan", *arguments, cwd=clone.folder)
    assert (result.code, message in result.err) == (2, True), result


def test_a_shallow_clone_says_what_to_do(clone: Clone, tmp_path: Path) -> None:
    clone.merged()
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{clone.folder}", "shallow")
    result = kgate("scan", ".", "--diff-base", "main~1", cwd=tmp_path / "shallow")
    assert result.code == 2
    assert "as it is shallow" in result.err
    assert "fetch-depth: 0" in result.err


# -------------------------------------------------------------------------------- the other revision


def test_files_are_written_as_git_keeps_them(clone: Clone, tmp_path: Path) -> None:
    clone.changed(
        {".gitattributes": "*.yaml text eol=crlf\n", "link.yaml": "-> k8s/plain.yaml", "a b/ü.yaml": "x: 1\n"}
    )
    clone.merged()
    tree = open_tree(Repository.at(clone.folder), "main", "--diff-base")
    tree.export(tmp_path)
    assert os.readlink(tmp_path / "link.yaml") == "k8s/plain.yaml"
    assert (tmp_path / "a b/ü.yaml").read_bytes() == b"x: 1\n"
    assert b"\r" not in (tmp_path / "k8s/plain.yaml").read_bytes()
    tracked = git(clone.folder, "ls-files", "-z").rstrip("\0").split("\0")
    assert {os.fsdecode(path) for path in tree.files} == set(tracked)


@pytest.mark.parametrize("name", ["../out.yaml", "a/../../out.yaml", ".git/config", "x/.GIT/config"])
def test_no_path_leads_elsewhere(clone: Clone, tmp_path: Path, name: str) -> None:
    (clone.folder / "odd.yaml").write_text("x: 1\n")
    tree = open_tree(Repository.at(clone.folder), "main", "--diff-base")
    entries = {**tree._entries, name: next(iter(tree._entries.values()))}
    object.__setattr__(tree, "_entries", entries)
    with pytest.raises(Exception, match="has a path that no checkout can have"):
        tree.export(tmp_path)


@pytest.mark.parametrize("paths", [[], [b"a"], [b"a/b.yaml", b"a", b"\xff", b"x" * 5000]])
def test_an_index_names_the_tracked_files(paths: list[bytes]) -> None:
    assert parse(gitindex.written(paths), 20).files == set(paths)


def test_where_two_folders_differ(tmp_path: Path) -> None:
    write(tmp_path / "a", {"same": "1", "other": "1", "gone": "1", "d/same": "2", "kind": "t"})
    write(tmp_path / "b", {"same": "1", "other": "2", "new": "1", "d/same": "2"})
    (tmp_path / "b/kind").symlink_to("same")
    change = difference_between(Repository.at(tmp_path / "a"), Repository.at(tmp_path / "b"))
    assert change.paths == {"other", "gone", "new", "kind"}


@pytest.mark.parametrize(
    ("paths", "regions", "touches"),
    [
        pytest.param({"a/b/c"}, {"a/b"}, True, id="below"),
        pytest.param({"a/b"}, {"a/b"}, True, id="the place itself"),
        pytest.param({"a/bc"}, {"a/b"}, False, id="a name that begins alike"),
        pytest.param({"a"}, {"a/b"}, True, id="above: a link or a file that leads there"),
        pytest.param({"b"}, {"a/b"}, False, id="elsewhere"),
        pytest.param({"x"}, {""}, True, id="all of the repository"),
        pytest.param(set(), {""}, False, id="nothing changed"),
    ],
)
def test_what_a_change_touches(paths: set[str], regions: set[str], touches: bool) -> None:
    assert Difference(frozenset(paths)).touches(Regions(frozenset(regions))) == touches


def test_a_place_is_touched_by_itself_and_what_leads_there() -> None:
    regions = Regions(frozenset(), frozenset({"a/b.yaml"}))
    found = {
        path: Difference(frozenset({path})).touches(regions) for path in ("a/b.yaml", "a", "a/c.yaml", "a/b.yaml/c")
    }
    assert found == {"a/b.yaml": True, "a": True, "a/c.yaml": False, "a/b.yaml/c": False}


def test_a_link_on_the_way_to_what_a_kustomization_names_counts(clone: Clone) -> None:
    start = {
        "deploy/kustomization.yaml": "resources: [../link]\n",
        "link": "-> base",
        "base/db.yaml": deployment("db", privileged=False),
        "other/db.yaml": deployment("db"),
        "other/kustomization.yaml": "resources: [db.yaml]\n",
    }
    clone.changed(start).merged()
    clone.changed({"link": "-> other"})
    assert changed(judged(clone, "deploy")[1]) == ["changed Deployment/db 74→8 +1 -0 from base/db.yaml"]


def test_files_of_the_checkout_are_copied_where_they_are_equal(clone: Clone, tmp_path: Path) -> None:
    """Also if the objects are missing, as in a partial clone; never through a link of the checkout."""
    clone.changed({"k8s/new.yaml": "a: 1\n", "k8s/plain.yaml": "changed: 1\n"})
    (clone.folder / "base").rename(clone.folder.parent / "outside")
    (clone.folder / "base").symlink_to("../outside")
    repository = Repository.at(clone.folder)
    tree = open_tree(repository, "main", "--diff-base")
    target = tmp_path / "copy"
    target.mkdir()
    beside = {path.relative_to(clone.folder).as_posix() for path in repository.files_below(clone.folder)}
    same = tree.export(target, beside)
    tracked = {os.fsdecode(path) for path in tree.files}
    assert same == tracked - {"k8s/plain.yaml", "base/db.yaml", "base/kustomization.yaml"}
    assert (target / "k8s/plain.yaml").read_text(encoding="utf-8") == deployment("plain")
    assert {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()} == tracked


@pytest.mark.parametrize(
    ("most", "in_memory"),
    [
        pytest.param(scratch.MOST_IN_MEMORY, True, id="a small revision"),
        pytest.param(5000, False, id="a large file that is gone"),
        pytest.param(100, False, id="large files that both have"),
        pytest.param(100_000, False, id="many small files"),
        pytest.param(300_000, True, id="room for each of them"),
    ],
)
def test_where_a_revision_is_written(clone: Clone, monkeypatch: pytest.MonkeyPatch, most: int, in_memory: bool) -> None:
    clone.changed(
        {"large.yaml": "x: 1\n" * 2000, **{f"small/{number}.yaml": "a: 1\n" for number in range(20)}}
    ).merged()
    clone.changed({"large.yaml": None})
    monkeypatch.setattr(scratch, "MOST_IN_MEMORY", most)
    repository = Repository.at(clone.folder)
    tree = open_tree(repository, "main", "--diff-base")
    with exported(tree, repository) as base:
        top, tracked = base.repository.root.parents[1], {path.decode() for path in tree.files}
        assert {path for path in tracked if (base.repository.root / path).is_file()} == tracked
    assert (os.fspath(top) == "/dev/shm") == (in_memory and scratch.has_memory())
    assert not base.repository.root.parent.exists()


def test_a_file_that_steers_much_is_far_reaching() -> None:
    assert Difference(frozenset({"a/.sourceignore"})).is_far_reaching
    assert not Difference(frozenset({"a/b.yaml"})).is_far_reaching
