"""policy/gittree.py: a revision is read from git's objects alone, and nothing in the clone runs or stands in for it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kgate.errors import ConfigError
from kgate.policy.gittree import GitTree, open_tree
from kgate.rendering import sandbox
from kgate.repository import OutsideError, Repository
from tests.command import kgate
from tests.policy.clone import Clone, git

FILES = {
    "kgate.yaml": "min-score: 70\n",
    "a/kgate.yaml": "-> ../kgate.yaml",
    "rules": "-> own/rules",
    "own/rules/x.yaml": "x",
    "own/rules/y.yaml": "-> ../../a/../own/rules/x.yaml",
    "out": "-> ../outside",
    "etc": "-> /etc",
    "loop": "-> loop",
    "é ü\n.yaml": "odd",
}


def opened(clone: Clone, revision: str = "main") -> GitTree:
    return open_tree(Repository.at(clone.folder), revision)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone.of(tmp_path / "shop", FILES)


def test_files_folders_and_links(clone: Clone) -> None:
    """As the revision has them, whatever the checkout holds."""
    clone.changed({**dict.fromkeys(FILES), "rules/z.yaml": "z", "kgate.yaml": "-> /etc/passwd"})
    tree, root = opened(clone), clone.folder
    assert tree.read_bytes(root / "kgate.yaml") == b"min-score: 70\n"
    assert tree.read_bytes(root / "a/kgate.yaml") == b"min-score: 70\n"
    assert tree.names(root / "rules") == ["x.yaml", "y.yaml"]
    assert tree.read_bytes(root / "rules/y.yaml") == b"x"
    assert tree.read_bytes(root / "é ü\n.yaml") == b"odd"
    assert tree.find(root / "rules") == root / "own/rules"
    assert tree.find(root) == root
    assert tree.names(root / "own") == ["rules"]
    assert tree.paths(["kgate.yaml"]) == [root / "a/kgate.yaml", root / "kgate.yaml"]
    for name in ("nothing", "own/x.yaml", "rules/z.yaml", "loop", "out", "etc/passwd"):
        assert (tree.find(root / name), tree.names(root / name)) == (None, []), name
    for name, error in {
        "nothing": FileNotFoundError,
        "loop": OSError,
        "out/x": OutsideError,
        "etc/x": OutsideError,
    }.items():
        with pytest.raises(error):
            tree.read_bytes(root / name)


REVISIONS = ["main", "HEAD", "refs/heads/main", "main~0", "v1", "release/1.0"]


def test_every_way_to_name_a_revision(clone: Clone) -> None:
    git(clone.folder, "tag", "-a", "v1", "-m", "annotated")
    git(clone.folder, "branch", "release/1.0")
    commit = git(clone.folder, "rev-parse", "HEAD").strip()
    git(clone.folder, "pack-refs", "--all")
    git(clone.folder, "gc", "-q")
    for revision in (*REVISIONS, commit, commit[:9]):
        tree = opened(clone, revision)
        assert (tree.commit, tree.title) == (commit, tree.title)
        assert tree.title == (revision if commit.startswith(revision) else f"{revision} ({commit[:12]})")


WRONG = [
    "nope",
    "-h",
    "--help",
    "main:kgate.yaml",
    "HEAD^{tree}",
    "main..HEAD",
    "0" * 40,
    "a\nb",
    "@{upstream}",
    "",
    " ",
]


@pytest.mark.parametrize("revision", WRONG)
def test_what_is_no_commit_is_an_error_that_says_what_to_do(clone: Clone, revision: str) -> None:
    with pytest.raises(ConfigError, match=r"does not have such a commit.*; check the spelling, or fetch it"):
        opened(clone, revision)


def test_nul_in_a_revision_is_an_error(clone: Clone) -> None:
    with pytest.raises(ConfigError, match="cannot be run"):
        opened(clone, "a\0b")


def test_a_shallow_clone_without_it_says_what_to_fetch(clone: Clone, tmp_path: Path) -> None:
    old = git(clone.folder, "rev-parse", "HEAD").strip()
    clone.changed({"x": "1"}).merged()
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{clone.folder}", "shallow")
    with pytest.raises(ConfigError, match=f"as it is shallow.*; run: git fetch --depth=1 origin {old}"):
        opened(Clone(tmp_path / "shallow"), old)
    git(tmp_path / "shallow", "fetch", "-q", "--depth=1", "origin", old)
    assert opened(Clone(tmp_path / "shallow"), old).commit == old


def test_worktrees_and_submodules(clone: Clone, tmp_path: Path) -> None:
    git(clone.folder, "worktree", "add", "-q", "-b", "other", "../tree")
    assert opened(Clone(tmp_path / "tree")).read_bytes(tmp_path / "tree/kgate.yaml") == b"min-score: 70\n"
    git(tmp_path, "init", "-q", "outer")
    git(tmp_path / "outer", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(clone.folder), "sub")
    assert opened(Clone(tmp_path / "outer/sub"), "HEAD").names(tmp_path / "outer/sub/own") == ["rules"]


def configured(key: str, value: str) -> Callable[[Clone, Path], None]:
    def change(clone: Clone, witness: Path) -> None:
        program = witness.with_name("program")
        program.write_text(f"#!/bin/sh\n: > '{witness}'\nexit 1\n", encoding="utf-8")
        program.chmod(0o755)
        git(clone.folder, "config", key, value.format(program=program))

    return change


def hooked(clone: Clone, witness: Path) -> None:
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
        path = clone.folder / ".git/hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n: > '{witness}'\n", encoding="utf-8")
        path.chmod(0o755)


HOSTILE: Mapping[str, Callable[[Clone, Path], None]] = {
    "hooks": hooked,
    "a file system monitor": configured("core.fsmonitor", "{program}"),
    "a pager": configured("core.pager", "{program}"),
    "an alias": configured("alias.cat-file", "!{program}"),
    "a program for alternates": configured("core.alternateRefsCommand", "{program}"),
    "a program for ssh": configured("core.sshCommand", "{program}"),
    "a credential helper": configured("credential.helper", "!{program}"),
}


def mine(clone: Clone, witness: Path, blob: str) -> None:
    """The clone takes missing objects from a remote that is a program, in each way that git knows."""
    configured("remote.origin.uploadpack", "{program}")(clone, witness)
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
    }.items():
        git(clone.folder, "config", key, value)
    path = clone.folder / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.unlink()


@pytest.mark.parametrize("confined", [True, False], ids=["confined", "on a system that confines nothing"])
def test_nothing_of_the_clone_runs(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, confined: bool
) -> None:
    if not confined:
        monkeypatch.setattr(sandbox, "confine_thread", lambda *_arguments, **_named: None)
    witness = tmp_path / "witness"
    for name, change in HOSTILE.items():
        change(clone, witness)
        assert opened(clone).read_bytes(clone.folder / "kgate.yaml") == b"min-score: 70\n", name
        assert not witness.exists(), name
    blob = git(clone.folder, "rev-parse", "main:own/rules/x.yaml").strip()
    mine(clone, witness, blob)
    for url in (f"file://{clone.folder}", str(clone.folder), f"ext::{tmp_path / 'program'} x", "ssh://localhost/x"):
        git(clone.folder, "config", "remote.origin.url", url)
        with pytest.raises(ConfigError, match=r"is not in this clone.*; fetch the revision whole, without --filter"):
            opened(clone).read_bytes(clone.folder / "rules/x.yaml")
        assert not witness.exists(), url


def test_no_object_stands_in_for_another(clone: Clone, tmp_path: Path) -> None:
    """``git replace`` and grafts are the clone's own, and may come with it; those of the environment do not count."""
    blob = git(clone.folder, "rev-parse", "main:kgate.yaml").strip()
    (tmp_path / "mild").write_text("min-score: 0\n", encoding="utf-8")
    other = git(clone.folder, "hash-object", "-w", str(tmp_path / "mild")).strip()
    git(clone.folder, "replace", blob, other)
    assert git(clone.folder, "show", "main:kgate.yaml") == "min-score: 0\n"
    assert opened(clone).read_bytes(clone.folder / "kgate.yaml") == b"min-score: 70\n"


def test_the_command_takes_the_policy_from_a_revision(tmp_path: Path) -> None:
    """And says so; without git or a clone it says what is missing."""
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {hostPID: true, containers: [{name: c, image: x}]}\n"
    clone = Clone.of(tmp_path / "small", {"kgate.yaml": "min-score: 70\n"})
    clone.changed({"x.yaml": pod, "kgate.yaml": "min-score: 10\n"})
    result = kgate("scan", ".", "--policy-from", "main", cwd=clone.folder)
    assert result.code == 1, result
    assert "kgate.yaml, as of main" in result.out
    without = kgate("scan", ".", "--policy-from", "main", cwd=clone.folder, env={"PATH": str(tmp_path)})
    assert (without.code, "--policy-from needs git, which is not on PATH; install it" in without.err) == (2, True), (
        without
    )
    own = tmp_path / "plain"
    own.mkdir()
    outside = kgate("scan", ".", "--policy-from", "main", cwd=own)
    assert (outside.code, "needs a clone of git" in outside.err) == (2, True), outside
    program = clone.folder / "bin/git"
    clone.changed({"bin/git": f"#!/bin/sh\n: > '{tmp_path / 'witness'}'\n"})
    program.chmod(0o755)
    path = os.pathsep.join((str(program.parent), os.environ["PATH"]))
    assert kgate("scan", ".", "--policy-from", "main", cwd=clone.folder, env={"PATH": path}).code == 1
    assert not (tmp_path / "witness").exists()


def test_the_lines_that_a_change_adds(clone: Clone) -> None:
    """By the commits, whatever the files look like now. A line that looks like the head of a file is only a line."""
    lines = [f"line {number}\n" for number in range(1, 21)]
    clone.changed({"many.yaml": "".join(lines), "gone.yaml": "a\n", "less.yaml": "a\nb\nc\n", "end": "a"}).merged()
    git(clone.folder, "checkout", "-q", "-b", "work")
    changed = [*lines[:4], "++ b/spoofed.yaml\n", "@@ -1 +1,9 @@\n", *lines[4:9], "other\n", *lines[10:], "last\n"]
    clone.changed(
        {
            "many.yaml": "".join(changed),
            "gone.yaml": None,
            "less.yaml": "a\nc\n",
            "end": "++ b/spoofed.yaml",
            "a b/new é.yaml": "1\n2\n",
            'quoted"\n.yaml': "x\n",
        }
    ).merged()
    clone.changed({"many.yaml": "", ".gitattributes": "*.yaml binary diff=x"})
    git(clone.folder, "config", "diff.x.textconv", "touch witness")
    git(clone.folder, "config", "diff.external", "touch witness")
    assert opened(clone).changed_lines() == {
        "many.yaml": ((5, 6), (12, 12), (23, 23)),
        "end": ((1, 1),),
        "a b/new é.yaml": ((1, 2),),
    }
    assert not list(clone.folder.rglob("witness"))


def test_reports_show_first_what_is_new(tmp_path: Path) -> None:
    """Though what stands on the target branch is worse."""
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {}}}\nspec:\n  {}: true\n  containers: [{{name: a, image: x}}]\n"
    )
    old = pod.format("old", "hostPID").replace("image: x", "image: x, securityContext: {privileged: true}")
    clone = Clone.of(tmp_path / "shop", {"old.yaml": old}).changed({"new.yaml": pod.format("new", "hostNetwork")})
    git(clone.folder, "add", "-A")
    git(clone.folder, "commit", "-q", "-m", "change", "new.yaml")
    places = {}
    for revision in ("HEAD~1", "HEAD"):
        done = kgate("scan", ".", "--policy-from", revision, "-f", "github", cwd=clone.folder)
        assert done.code == 1, done.err
        places[revision] = re.findall(r"^::error file=(\S+),line=(\d)", done.out, re.MULTILINE)
    assert places == {
        "HEAD~1": [("new.yaml", "5"), ("old.yaml", "6"), ("old.yaml", "5")],
        "HEAD": [("old.yaml", "6"), ("old.yaml", "5"), ("new.yaml", "5")],
    }
