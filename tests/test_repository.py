"""repository.py: whose URL is whose, and that no path leaves the repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kgate.repository import OutsideError, Repository, open_repository
from kgate.urls import normalise_url

SAME = {
    "https": "https://git.example.org/shop/deploy",
    "with .git": "https://git.example.org/shop/deploy.git",
    "slash at the end": "https://git.example.org/shop/deploy/",
    ".git and slash": "https://git.example.org/shop/deploy.git/",
    "case": "https://GIT.example.org/Shop/Deploy",
    "user": "https://bot@git.example.org/shop/deploy.git",
    "credentials": "https://bot:secret@git.example.org/shop/deploy.git",
    "port": "https://git.example.org:8443/shop/deploy.git",
    "ssh": "ssh://git@git.example.org/shop/deploy.git",
    "ssh and port": "ssh://git@git.example.org:2222/shop/deploy.git",
    "git protocol": "git://git.example.org/shop/deploy",
    "like scp": "git@git.example.org:shop/deploy.git",
    "like scp, no user": "git.example.org:shop/deploy.git",
    "white space": " https://git.example.org/shop/deploy\n",
}
OTHER = {
    "another owner": ("https://git.example.org/other/deploy", "git.example.org/other/deploy"),
    "another host": ("https://example.org/shop/deploy", "example.org/shop/deploy"),
    "a path": ("/srv/git/deploy.git", "/srv/git/deploy"),
    "a file URL": ("file:///srv/git/deploy.git", "/srv/git/deploy"),
    "a relative path": ("../deploy", "/../deploy"),
    "nothing": ("", ""),
    "a host alone": ("https://example.org", ""),
    "oci": ("oci://registry.example.org/charts/web", "registry.example.org/charts/web"),
}


@pytest.mark.parametrize("url", SAME.values(), ids=SAME)
def test_spellings_of_one_url(url: str) -> None:
    assert normalise_url(url) == "git.example.org/shop/deploy"


@pytest.mark.parametrize(("url", "wanted"), OTHER.values(), ids=OTHER)
def test_other_urls(url: str, wanted: str) -> None:
    assert normalise_url(url) == wanted


OURS = ("https://git.example.org/shop/deploy.git",)
HELD = {
    "our URL": (OURS, "git@git.example.org:shop/deploy", "nowhere", True),
    "a fork, path is here": (OURS, "https://git.example.org/me/deploy", "apps", True),
    "a fork, path is not here": (OURS, "https://git.example.org/me/deploy", "nowhere", False),
    "called like the folder": (OURS, "https://git.example.org/me/clone", "apps", True),
    "another one, although the path is here": (OURS, "https://git.example.org/me/other", "apps", False),
    "no remote, path is here": ((), "https://git.example.org/me/other", "apps", True),
    "no remote, path is not here": ((), "https://git.example.org/me/other", "nowhere", False),
    "no remote, the root says nothing": ((), "https://git.example.org/me/other", "./", False),
    "only a local remote": (("/srv/deploy.git",), "https://git.example.org/me/other", "apps", True),
    "no remote, path leads out": ((), "https://git.example.org/me/other", "../apps", True),
    "no URL": (OURS, "", "apps", False),
}


@pytest.mark.parametrize(("urls", "url", "path", "held"), HELD.values(), ids=HELD)
def test_holds(tmp_path: Path, urls: tuple[str, ...], url: str, path: str, held: bool) -> None:
    root = tmp_path.resolve() / "clone"
    (root / "apps").mkdir(parents=True)
    assert Repository(root, urls).is_meant(url, path) is held


def test_paths(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "repo"
    (root / "a/b").mkdir(parents=True)
    (root / "link").symlink_to(root / "a")
    repository = Repository(root)
    assert repository.find("a/b") == repository.find("/a/b") == repository.find("./a/../a/b") == root / "a/b"
    assert repository.find("b", base=root / "a") == root / "a/b"
    assert repository.find("../a", base=root / "a") == root / "a"
    assert repository.find("/a", base=root / "a") == root / "a"
    assert repository.find("link/b") == root / "a/b"
    assert repository.find("nowhere") is None
    assert repository.find("a\0b") is None
    assert repository.find("x" * 5000) is None
    assert repository.find("x" * 500) is None
    assert repository.find("\ud800") is None


@pytest.mark.parametrize("path", ["..", "../repo-2", "a/../../x", "out", "out/x", "/../x"])
def test_paths_that_lead_out(tmp_path: Path, path: str) -> None:
    root = tmp_path.resolve() / "repo"
    (root / "a").mkdir(parents=True)
    (tmp_path / "repo-2").mkdir()
    (root / "out").symlink_to(tmp_path / "repo-2")
    with pytest.raises(OutsideError, match="leads out of the repository"):
        Repository(root).find(path)


RESOLVED = [
    pytest.param("a/b", "a/b", id="what is there"),
    pytest.param("a/new", "a/new", id="what is not there"),
    pytest.param("a/../a", "a", id="dots"),
    pytest.param("link/b", "a/b", id="a link inside"),
    pytest.param(".", ".", id="the root"),
    pytest.param("../repo/a", "a", id="out and in again"),
    pytest.param("out", None, id="a link that leads out"),
    pytest.param("..", None, id="the folder above"),
    pytest.param("../repo-2", None, id="a folder with a longer name"),
    pytest.param(".git/config", None, id="what git keeps"),
    pytest.param("a\0b", None, id="no path"),
    pytest.param("x" * 5000, None, id="no path, as it is too long"),
]


@pytest.mark.parametrize(("path", "wanted"), RESOLVED)
def test_what_lies_in_it(tmp_path: Path, path: str, wanted: str | None) -> None:
    root = tmp_path.resolve() / "repo"
    (root / "a/b").mkdir(parents=True)
    (tmp_path / "repo-2").mkdir()
    (root / "link").symlink_to(root / "a")
    (root / "out").symlink_to(tmp_path / "repo-2")
    repository = Repository(root)
    assert repository.resolve(root / path) == (None if wanted is None else root / wanted)
    assert repository.holds(root / path) is (wanted is not None)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("a/file.yaml", id="a file"),
        pytest.param("a/none/b", id="what does not exist"),
        pytest.param("a/none/../../link/x", id="back out of what does not exist, and through a link"),
        pytest.param("a/../b", id="back"),
        pytest.param("link/file.yaml", id="through a link"),
        pytest.param("out", id="a link that leads out"),
        pytest.param("a/file.yaml/x", id="below a file"),
        pytest.param("circle/x", id="a link in a circle"),
        pytest.param(".", id="the root"),
    ],
)
def test_a_path_is_resolved_as_the_system_does(tmp_path: Path, path: str) -> None:
    root = tmp_path.resolve() / "repo"
    (root / "a").mkdir(parents=True)
    (root / "a/file.yaml").touch()
    (root / "link").symlink_to("a")
    (root / "out").symlink_to(tmp_path)
    (root / "circle").symlink_to("circle")
    real = Path(os.path.realpath(root / path))
    assert Repository(root).resolve(root / path) == (real if real.is_relative_to(root) else None)


def test_the_folders_above(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    assert repository.above(tmp_path / "repo/a/b") == [tmp_path / "repo", tmp_path / "repo/a"]
    assert repository.above(tmp_path / "repo") == []


CONFIG = """\
[core]
\tbare = false
\turl = https://example.org/core
[remote "origin"]
\turl = https://git.example.org/shop/deploy.git
\tfetch = +refs/heads/*:refs/remotes/origin/*
\tpushurl = https://example.org/push
; [remote "no"] url = https://example.org/no
[remote "fork"] url = "git@git.example.org:me/deploy.git"
[branch "main"]
\tremote = origin
\turl = https://example.org/branch
[Remote "third"]
  URL=/srv/deploy.git
"""
REMOTES = (
    "https://git.example.org/shop/deploy.git",
    "git@git.example.org:me/deploy.git",
    "/srv/deploy.git",
)


def test_remotes_of_a_checkout(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text(CONFIG, encoding="utf-8")
    found = open_repository(tmp_path, ("https://extra.example.org/a", REMOTES[2]))
    assert found == Repository(tmp_path.resolve(), (*REMOTES, "https://extra.example.org/a"))


def git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=kgate", "-c", "user.email=kgate@example.com", "-c", "protocol.file.allow=always")
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(("git", *names, *arguments), cwd=folder, env=environment, check=True, capture_output=True)


def test_remotes_of_a_worktree_and_a_submodule(tmp_path: Path) -> None:
    for name in ("inner", "main"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "commit", "-q", "--allow-empty", "-m", "first")
    main = tmp_path / "main"
    git(main, "remote", "add", "origin", "https://example.org/main")
    git(main, "submodule", "--quiet", "add", f"{tmp_path}/inner", "three")
    git(main, "-C", "three", "remote", "set-url", "origin", "https://example.org/three")
    git(main, "worktree", "add", "-q", "../two")
    assert open_repository(tmp_path / "two").urls == ("https://example.org/main",)
    assert open_repository(main / "three").urls == ("https://example.org/three",)


@pytest.mark.parametrize("how", ["a file", "a link", "a linked configuration"])
def test_the_remotes_of_another_repository_are_not_taken(tmp_path: Path, how: str) -> None:
    """As an archive may have them: `.git` leads to a repository that does not know of this checkout."""
    (tmp_path / "other/.git").mkdir(parents=True)
    (tmp_path / "other/.git/config").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "shop").mkdir()
    own = tmp_path / "shop/.git"
    if how == "a file":
        own.write_text("gitdir: ../other/.git\n", encoding="utf-8")
    elif how == "a link":
        own.symlink_to("../other/.git")
    else:
        own.mkdir()
        (own / "config").symlink_to("../../other/.git/config")
    assert open_repository(tmp_path / "shop").urls == ()


ODD = {
    "no git": None,
    "not a link": "something else",
    "a link to nothing": "gitdir: nowhere\n",
    "NUL": "gitdir: a\0b\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_git_files(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / ".git").write_text(text, encoding="utf-8")
    assert open_repository(tmp_path).urls == ()


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a" * 300, "a/" * 3000])
def test_what_is_no_path_is_not_there(tmp_path: Path, name: str) -> None:
    repository = Repository(tmp_path.resolve())
    path = repository.root / name
    assert repository.find(name) is None
    assert repository.names(path) == []
    assert repository.bytes_if_any(path) == b""
    assert repository.holds(path) == (len(name) == 300)


def test_a_device_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").symlink_to("/dev/zero")
    assert open_repository(tmp_path).urls == ()
