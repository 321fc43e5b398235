"""sources/tracked.py, gitindex.py: a .gitignore hides nothing that git tracks, whichever index git wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from kgate import gitindex
from kgate.repository import Repository
from kgate.sources.files import Listing, list_files
from kgate.sources.hidden import HiddenFiles
from tests.command import ROOT, kgate

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: evil}\nspec: {hostPID: true, containers: [{name: c, image: x}]}\n"
SLIP = ROOT / "tests/data/slips/tracked-but-gitignored"
OPTIONS = ("-c", "user.name=k", "-c", "user.email=k@example.com", "-c", "protocol.file.allow=always")


def git(folder: Path, *arguments: str) -> str:
    """Runs git without the configuration of this machine."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.fspath(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ("git", *OPTIONS, *arguments)
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def walk(folder: Path) -> tuple[list[str], Listing]:
    """The plain manifests that a scan of a folder finds, and all that it found."""
    repository = Repository.at(folder)
    listing = list_files([repository.root], repository)
    return sorted(file.shown for file in listing.files.values()), listing


def test_what_is_tracked_is_judged_though_a_gitignore_names_it(tmp_path: Path) -> None:
    files = {path.relative_to(SLIP).as_posix(): path.read_text("utf-8") for path in SLIP.rglob("*") if path.is_file()}
    write(tmp_path, files)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-f", ".")
    result = kgate("scan", ".", cwd=tmp_path)
    assert result.code == 1, result
    assert "Pod/evil" in result.out


VERSIONS = {
    "version 2": ((), ("update-index", "--index-version", "2")),
    "version 3": ((), ("update-index", "--skip-worktree", "c/tracked.yaml")),
    "version 4": ((), ("update-index", "--index-version", "4")),
    "SHA-256": (("--object-format=sha256",), ("update-index", "--index-version", "4")),
}


@pytest.mark.parametrize(("init", "change"), VERSIONS.values(), ids=VERSIONS.keys())
def test_every_index_of_git_is_read(tmp_path: Path, init: Sequence[str], change: Sequence[str]) -> None:
    """Also with a name in another script, and paths of up to 4,200 letters, more than an entry can count."""
    names = ("a.yaml", "b/b.yaml", "c/tracked.yaml", "é.yaml", f"{'l' * 200}/{'l' * 200}/x.yaml")
    write(tmp_path, {**dict.fromkeys((*names, "c/untracked.yaml", "out/x.yaml"), POD), ".gitignore": "*\n"})
    git(tmp_path, "init", "-q", *init)
    git(tmp_path, "add", "-f", *names)
    long = "d/" * 2100
    blob = git(tmp_path, "rev-parse", ":a.yaml").strip()
    for path in (f"{long}y.yaml", "zz.yaml"):
        git(tmp_path, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    git(tmp_path, *change)
    found, listing = walk(tmp_path)
    assert found == sorted(names)
    index = gitindex.parse((tmp_path / ".git/index").read_bytes(), 32 if init else 20)
    assert index.files == {path.encode() for path in (*names, f"{long}y.yaml", "zz.yaml")}
    assert not listing.notes
    version = (tmp_path / ".git/index").read_bytes()[7]
    assert version == (3 if "skip-worktree" in change[1] else int(change[-1]))


def test_lines_of_kgateignore_hold_for_tracked_files(tmp_path: Path) -> None:
    """Whichever of the two is nearer, and though the .gitignore says the same."""
    write(
        tmp_path,
        {
            **dict.fromkeys(("a/x.yaml", "a/y.yaml", "b/x.yaml", "c/d/x.yaml"), POD),
            ".kgateignore": "a/x.yaml\n/b\n",
            "a/.gitignore": "*\n",
            ".gitignore": "c/\nb/\n",
            "c/.kgateignore": "!d\n",
        },
    )
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-f", ".")
    found, listing = walk(tmp_path)
    assert found == ["a/y.yaml", "c/d/x.yaml"]
    notes = list(HiddenFiles(Repository.at(tmp_path)).notes(listing))
    assert [(note.path, note.line, note.message) for note in notes] == [
        (".kgateignore", 1, "this line hides 1 manifest, which is not judged: a/x.yaml"),
        (".kgateignore", 2, "this line hides 1 manifest, which is not judged: b/x.yaml"),
    ]


def test_submodules_and_worktrees_have_their_own_index(tmp_path: Path) -> None:
    for name in ("inner", "outer"):
        write(tmp_path / name, {"x.yaml": POD, "y.yaml": POD, ".gitignore": "*.yaml\n"})
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "add", "-f", ".gitignore", "x.yaml")
        git(tmp_path / name, "commit", "-q", "-m", "all")
    git(tmp_path / "outer", "submodule", "add", "-q", "../inner", "sub")
    git(tmp_path / "outer", "commit", "-q", "-m", "sub")
    write(tmp_path / "outer", {"sub/y.yaml": POD})
    assert walk(tmp_path / "outer")[0] == ["sub/x.yaml", "x.yaml"]
    git(tmp_path / "outer", "worktree", "add", "-q", "../tree")
    write(tmp_path / "tree", {"y.yaml": POD})
    assert walk(tmp_path / "tree")[0] == ["x.yaml"]


def test_without_git_and_with_an_index_that_cannot_be_read_a_gitignore_holds_and_a_note_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"x.yaml": POD, ".gitignore": "x.yaml\n"})
    found, listing = walk(tmp_path)
    told = "this is not a clone of git, so a .gitignore also leaves out what git tracks"
    assert (found, [str(note) for note in listing.notes]) == ([], [f".: {told}"])
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-f", ".")
    git(tmp_path, "update-index", "--split-index")
    found, listing = walk(tmp_path)
    assert (found, [note.message.split(";")[0] for note in listing.notes]) == (
        [],
        ["the index of git cannot be read: it is split"],
    )
    (tmp_path / ".git/index").write_bytes(b"DIRC\0\0\0\2\0\0\0\1")
    assert "it ends too soon" in next(iter(walk(tmp_path)[1].notes)).message


@pytest.mark.parametrize("version", [2, 4])
def test_a_broken_index_is_an_error_and_no_crash(tmp_path: Path, version: int) -> None:
    write(tmp_path, dict.fromkeys(("a.yaml", "b/c.yaml"), POD))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "update-index", "--index-version", str(version))
    data = (tmp_path / ".git/index").read_bytes()
    assert gitindex.parse(data, 20).files == {b"a.yaml", b"b/c.yaml"}
    endings = 12 + 2 * 63  # of the entries; what follows are extensions and the hash
    for end in range(endings):
        with pytest.raises(gitindex.GitIndexError):
            gitindex.parse(data[:end], 20)
    for at in range(len(data)):
        for byte in (0, 0x7F, 0xFF):
            try:
                gitindex.parse(data[:at] + bytes([byte]) + data[at + 1 :], 20)
            except gitindex.GitIndexError:
                continue


@pytest.mark.parametrize("path", [b"/etc/a", b"../a", b"a/../../b"])
def test_an_index_that_leads_out_of_the_checkout_is_an_error(path: bytes) -> None:
    entry = bytes(24) + (0o100644).to_bytes(4, "big") + bytes(32) + len(path).to_bytes(2, "big") + path
    data = b"DIRC" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + entry + bytes(8) + bytes(20)
    with pytest.raises(gitindex.GitIndexError, match="outside of the checkout"):
        gitindex.parse(data, 20)
