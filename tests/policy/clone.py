"""A small repository with a trusted commit, and changes on top of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kgate.config import Options, Settings, read_trusted, settle
from kgate.policy.gittree import open_tree
from kgate.repository import Repository, UntrustedFolders

OPTIONS = ("-c", "user.name=k", "-c", "user.email=k@example.com", "-c", "init.defaultBranch=main")


def git(folder: Path, *arguments: str) -> str:
    """Runs git without the configuration of this machine. Returns what it prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.fspath(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ("git", *OPTIONS, *arguments)
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Clone:
    """A checkout, whose trusted commit is ``main``."""

    folder: Path

    @classmethod
    def of(cls, folder: Path, files: Mapping[str, str]) -> Clone:
        """A new repository with one commit."""
        folder.mkdir(parents=True)
        clone = cls(folder).changed(files)
        git(folder, "init", "-q")
        git(folder, "add", "-f", "-A")
        git(folder, "commit", "-q", "-m", "trusted")
        return clone

    def copy(self, folder: Path) -> Clone:
        """The same in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Clone(folder)

    def changed(self, files: Mapping[str, str | None]) -> Clone:
        """The checkout with other files: None removes one, ``-> path`` makes a link."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink() or path.is_file():
                path.unlink()
            elif path.is_dir():
                shutil.rmtree(path)
            if text is not None and text.startswith("-> "):
                path.symlink_to(text.removeprefix("-> "))
            elif text is not None:
                path.write_text(text, encoding="utf-8")
        return self

    def merged(self) -> Clone:
        """The checkout as the trusted commit."""
        git(self.folder, "add", "-f", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", "merged")
        return self

    def settings(self, path: str = ".", config: str | None = None, rules: tuple[str, ...] = ()) -> Settings:
        """The settings of a scan of a path with the policy of ``main``. Raises KgateError."""
        start = os.fspath(self.folder / path)
        repository = Repository.at(self.folder)
        trusted = replace(repository, trusted=open_tree(repository, "main"))
        untrusted = UntrustedFolders((self.folder,))
        file, change = read_trusted((start,), self.folder / config if config else None, trusted)
        return replace(settle(Options(paths=(start,), rules=rules), file, trusted, untrusted), change=change)
