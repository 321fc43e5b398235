"""Decides which files hold: what one extends, what a trusted revision has, and what a policy adds."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kgate.config.file import ConfigChange, ConfigFile
from kgate.config.find import find_config, find_waivers, nearest
from kgate.errors import ConfigError
from kgate.model import Problem
from kgate.repository import CONFIG_NAMES, OutsideError, Repository

_MOST_EXTENDED = 5


_INHERITED = {
    "min-score": "min_score",
    "level": "level",
    "gates": "gates",
    "fail-on": "fail_on",
    "kubernetes-version": "kubernetes_version",
    "persona": "persona",
    "select": "select",
    "ignore": "ignore",
    "rules": "rule_folders",
    "allow-empty": "allow_empty",
    "unjudged": "unjudged",
    "charts": "charts",
    "repositories": "repositories",
    "helm-degraded": "helm_degraded",
    "baseline": "baseline",
}
"""The keys that a file takes from the one that it extends, each with its field. ``flux``,
``argocd`` and ``clusters`` say what is so in one repository, and limits may only be lowered, so none of them is."""


def read_trusted(
    paths: Sequence[str], named: Path | None, repository: Repository
) -> tuple[ConfigFile | None, ConfigChange | None]:
    """The configuration that decides, if there is one: the file that the user names, else the nearest one. If a trusted
    revision has it, also what the checkout makes of it. Raises ConfigError."""
    if named is not None and not named.is_relative_to(repository.root):
        return _read_nearest(paths, named, repository), None
    if repository.trusted is None:  # whoever wrote the change may have written the file
        found = _read_nearest(paths, named, repository)
        return (replace(found, pull_from=(), ignores_hosts=bool(found.pull_from)) if found else None), None
    try:
        trusted = _read_nearest(paths, named, repository)
    except ConfigError as error:
        raise ConfigError(f"as of {repository.trusted.name}: {error}") from None
    changed = repository.as_changed()
    decides = trusted or ConfigFile()
    try:
        has_none = named is not None and not changed.policy_has(named)
        own = None if has_none else _read_nearest(paths, named, changed)
    except ConfigError as error:
        place = named or nearest(paths, changed) or repository.root / CONFIG_NAMES[0]
        return trusted, ConfigChange(decides, None, broken(place, error, repository))
    return trusted, ConfigChange(decides, own or ConfigFile())


def _read_nearest(paths: Sequence[str], named: Path | None, repository: Repository) -> ConfigFile | None:
    """The file that the user names, else the nearest one, with the waivers beside it; None if there is neither. Raises
    ConfigError."""
    path = named or find_config(paths, repository)
    file = read_config(path, repository) if path else None
    beside = find_waivers(paths, path, repository)
    if beside is None:
        return file
    from kgate.config.read import read_waivers

    file = file or ConfigFile()
    return replace(file, waivers=file.waivers.joined(read_waivers(beside, repository)))


def broken(path: Path, error: ConfigError, repository: Repository) -> Problem:
    """The Problem that a file of the change cannot be read, at the line that the error names."""
    told = str(error).replace(f"{repository.root}{os.sep}", "").removeprefix(f"{repository.shown(path)}: ")
    said = _SAID_AT_A_LINE.fullmatch(told)
    where, line, message = (said[1], int(said[2]), said[3]) if said else (repository.shown(path), None, told)
    text = f"this change breaks the configuration, so what it weakens is not known: {message}"
    return Problem(where, line, text)


_SAID_AT_A_LINE = re.compile(r"([^:]+):([0-9]{1,9}): (.*)", re.DOTALL)


def read_config(path: Path, repository: Repository) -> ConfigFile:
    """The checked fields of a configuration file, found in the scanned repository or named by the user.

    What it names must lie in the repository, unless the file lies elsewhere, where no pull request changes it. What it
    does not say is taken from the file that it extends. Raises ConfigError with file and line.
    """
    from kgate.config.read import read_alone

    file, owner = read_alone(path, repository)
    chain = [file]
    while (base := _extended_path(chain[-1], owner)) is not None:
        if len(chain) >= _MOST_EXTENDED:
            assert file.fields is not None
            file.fields.fault(f"more than {_MOST_EXTENDED} files extend each other, or one extends itself", "extends")
        chain.append(read_alone(base, repository)[0])
    return functools.reduce(lambda over, own: extended(own, over), reversed(chain))


def _extended_path(file: ConfigFile, owner: Repository) -> Path | None:
    """The file that another one extends, which must lie in the same repository."""
    fields = file.fields
    if fields is None or not fields.text("extends"):
        return None
    name = fields.text("extends")
    try:
        place = owner.policy_place(name, Path(fields.faults.path).parent)
    except OutsideError as error:
        fields.fault(str(error), "extends")
    if place is None:
        fields.fault(f"extends: there is no file '{name}'", "extends")
    return place


def extended(file: ConfigFile, base: ConfigFile) -> ConfigFile:
    """A configuration with what another one says where it says nothing, and with the stricter floor of both."""
    has = file.fields.has if file.fields is not None else lambda _key: False
    taken: dict[str, Any] = {name: getattr(base, name) for key, name in _INHERITED.items() if not has(key)}
    hosts = tuple(dict.fromkeys((*file.pull_from, *base.pull_from)))
    held = {*base.floor.never_ignore}
    own = (replace(one, only_raises=True) if one.rule in held else one for one in file.rule_settings)
    taken["rule_settings"] = (*base.rule_settings, *own)
    shown, floor = file.shown or base.shown, file.floor.joined(base.floor)
    places = {**base.places, **file.places}
    waivers = file.waivers.joined(base.waivers)
    return replace(file, **taken, places=places, shown=shown, floor=floor, pull_from=hosts, waivers=waivers)


def under_policy(
    file: ConfigFile | None, change: ConfigChange | None, path: Path, repository: Repository
) -> tuple[ConfigFile, ConfigChange | None]:
    """A configuration, and what the checkout makes of it, with the policy that the user names, which the checkout may
    have changed as well. Raises ConfigError, also for a policy that the scanned change may have altered."""
    is_inside = path.is_relative_to(repository.root)
    if is_inside and repository.trusted is None:
        advice = "name one outside of it, or a revision with --policy-from"
        raise ConfigError(f"--policy {path}: lies in the scanned repository, whose changes it is to hold; {advice}")
    policy = read_config(path, repository)
    whole = extended(file or ConfigFile(), policy)
    if change is None or change.own is None or not is_inside:
        return whole, change
    trusted = extended(change.trusted, policy)
    try:
        return whole, ConfigChange(trusted, extended(change.own, read_config(path, repository.as_changed())))
    except ConfigError as error:
        return whole, ConfigChange(trusted, None, broken(path, error, repository))
