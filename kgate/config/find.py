"""Finds the configuration that holds for a path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kgate.errors import ConfigError
from kgate.repository import BASELINE_NAME, CONFIG_NAMES, PYPROJECT, Repository, UntrustedFolders
from kgate.waiverfile import NAME

_NOT_READ = ("kgate.toml", ".kgate.toml", ".kgaterc")  # kgate.json is a name for reports


def find_config(paths: Sequence[str], repository: Repository) -> Path | None:
    """The configuration nearest to the first path: in its folder or one above, up to the root. Raises ConfigError if
    there are two in one folder, or one that is not read.

    In a trusted revision the path is taken as it is written, as the change may have made a link of it.
    """
    for folder in _searched(paths, repository):
        found = _configs(folder, repository)
        if len(found) > 1:
            what = "[tool.kgate] " if found[1].name == PYPROJECT else ""
            one = f"and one alone may; move all to {found[0].name}"
            raise ConfigError(f"{found[1]}: {what}lies beside {found[0].name}, {one}")
        for name in _NOT_READ:
            if repository.policy_has(folder / name):
                advice = "write its settings to kgate.yaml, or below [tool.kgate] of pyproject.toml"
                raise ConfigError(f"{folder / name}: is not read; {advice}")
        if found:
            return found[0]
    return None


def _searched(paths: Sequence[str], repository: Repository) -> Iterator[Path]:
    """The folders in which a configuration is looked for, the nearest first."""
    given = Path(paths[0] if paths and paths[0] != "-" else ".")
    first = repository.as_written(given) if repository.trusted else Path(os.path.realpath(given))
    for folder in (first, *first.parents):
        yield folder
        if folder == repository.root:
            return


def nearest_baseline(paths: Sequence[str], repository: Repository) -> Path | None:
    """The baseline with the usual name nearest to the first path, which is found as a configuration is."""
    found = (folder / BASELINE_NAME for folder in _searched(paths, repository))
    return next((path for path in found if repository.policy_has(path)), None)


def _configs(folder: Path, repository: Repository) -> list[Path]:
    found = [folder / name for name in CONFIG_NAMES if repository.policy_has(folder / name)]
    project = folder / PYPROJECT
    if repository.policy_has(project) and _has_settings(project, repository):
        found.append(project)
    return found


def _has_settings(project: Path, repository: Repository) -> bool:
    """True if a pyproject.toml has settings of kgate; what cannot be read is left to the programs that need it."""
    from kgate.pyproject import has_settings

    try:
        return has_settings(repository.policy_bytes(project))
    except OSError:
        return False


def nearest(paths: Sequence[str], repository: Repository) -> Path | None:
    """The first of the nearest configurations, be it the only one or not."""
    return next((path for folder in _searched(paths, repository) for path in _configs(folder, repository)), None)


def find_waivers(paths: Sequence[str], config: Path | None, repository: Repository) -> Path | None:
    """The waivers beside a configuration, or without one the nearest to the first path. Raises ConfigError for a file
    with a name that is not read."""
    for folder in (config.parent,) if config else _searched(paths, repository):
        owner = repository if folder.is_relative_to(repository.root) else Repository(Path(folder.anchor))
        for name in _NOT_WAIVERS:
            if owner.policy_has(folder / name):
                raise ConfigError(f"{folder / name}: is not read; rename it to {NAME}")
        if owner.policy_has(folder / NAME):
            return folder / NAME
    return None


_NOT_WAIVERS = ("kgate-waivers.yml", ".kgate-waivers.yaml", ".kgate-waivers.yml", "kgate-waivers.json")


def named_config(path: Path, untrusted: UntrustedFolders) -> Path:
    """The real path of the configuration that the user names. Raises ConfigError if a link leads it astray."""
    try:
        return untrusted.resolve(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
