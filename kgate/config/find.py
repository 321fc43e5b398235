"""Finds the configuration that holds for a path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kgate.errors import ConfigError
from kgate.repository import CONFIG_NAMES, Repository, UntrustedFolders

_NOT_READ = ("kgate.toml", ".kgate.toml", ".kgaterc")  # kgate.json is a name for reports


_MOST_PYPROJECT = 1 << 18


def find_config(paths: Sequence[str], repository: Repository) -> Path | None:
    """The configuration nearest to the first path: in its folder or one above, up to the root. Raises ConfigError if
    there are two in one folder, or one that is not read.

    In a trusted revision the path is taken as it is written, as the change may have made a link of it.
    """
    for folder in _searched(paths, repository):
        found = _configs(folder, repository)
        if len(found) > 1:
            raise ConfigError(
                f"{found[1]}: lies beside {found[0].name}, and one alone may; move all to {found[0].name}"
            )
        _refuse_other_forms(folder, repository)
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


def _configs(folder: Path, repository: Repository) -> list[Path]:
    return [folder / name for name in CONFIG_NAMES if repository.policy_has(folder / name)]


def nearest(paths: Sequence[str], repository: Repository) -> Path | None:
    """The first of the nearest configurations, be it the only one or not."""
    return next((path for folder in _searched(paths, repository) for path in _configs(folder, repository)), None)


def _refuse_other_forms(folder: Path, repository: Repository) -> None:
    """Raises ConfigError for a configuration of kgate in a form that is not read."""
    for name in _NOT_READ:
        if repository.policy_has(folder / name):
            raise ConfigError(f"{folder / name}: is not read; write its settings to kgate.yaml, as YAML")
    project = folder / "pyproject.toml"
    if repository.policy_has(project) and _has_table(project, repository):
        raise ConfigError(f"{project}: [tool.kgate] is not read; write its settings to kgate.yaml, as YAML")


def _has_table(project: Path, repository: Repository) -> bool:
    """True if a pyproject.toml has settings for kgate; what cannot be read is left to the programs that need it."""
    try:
        data = repository.policy_bytes(project)
    except OSError:
        return False
    if b"kgate" not in data or len(data) > _MOST_PYPROJECT:
        return False
    import tomllib

    try:
        tool = tomllib.loads(data.decode()).get("tool")
    except (ValueError, RecursionError):
        return False
    return isinstance(tool, dict) and "kgate" in tool


def named_config(path: Path, untrusted: UntrustedFolders) -> Path:
    """The real path of the configuration that the user names. Raises ConfigError if a link leads it astray."""
    try:
        return untrusted.resolve(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
