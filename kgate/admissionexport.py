"""Collects what the export of an admission webhook takes from a repository: the files of its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kgate.config.find import find_config, find_waivers
from kgate.errors import ConfigError
from kgate.kubernetes.plurals import plural
from kgate.repository import PYPROJECT, Repository, find_root
from kgate.vap.policies import WORKLOADS
from kgate.waiverfile import NAME

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = "kgate.yaml"
_NONE = "# The defaults of kgate hold.\n"
_MOST_BYTES = 1 << 20
"""What a ConfigMap may hold (kubernetes, pkg/apis/core/validation, MaxSecretSize)."""


_RARE_BREAK = re.compile("[\x85\u2028\u2029]")
"""What ends a line to YAML 1.1, and not to YAML 1.2: no indentation of what follows is right for both."""


def resources() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Returns the API groups whose objects run pods, each with its resources."""
    return tuple(
        (group, tuple(sorted((*map(plural, kinds), *(("pods/ephemeralcontainers",) if not group else ())))))
        for group, kinds in WORKLOADS
    )


def configuration(path: Path, named: Path | None) -> tuple[tuple[str, str], ...]:
    """Returns the files that a scan of a path goes by, by name: none, or a kgate.yaml, which may be ``named``, with the
    waivers beside it. Raises ConfigError."""
    repository = Repository.at(find_root([path]))
    config = named or find_config((str(path),), repository)
    if config is not None and config.name == PYPROJECT:
        raise ConfigError(f"{config}: a server reads no pyproject.toml; move the settings to a kgate.yaml")
    waivers = find_waivers((str(path),), config, repository)
    found = tuple(_texts(config, waivers, repository))
    for name, text in found:
        if match := _RARE_BREAK.search(text):
            what = f"holds U+{ord(match[0]):04X}, which ends a line to some readers of YAML and not to others"
            raise ConfigError(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {what}; remove it")
    if sum(len(text.encode()) for _, text in found) > _MOST_BYTES:
        raise ConfigError(f"{config or waivers}: a ConfigMap holds 1 MiB; name a shorter configuration with --config")
    return found


def _texts(config: Path | None, waivers: Path | None, repository: Repository) -> Iterator[tuple[str, str]]:
    if config is not None:
        yield CONFIGURATION, _text(config, repository)
    if waivers is not None:
        yield from () if config is not None else ((CONFIGURATION, _NONE),)
        yield NAME, _text(waivers, repository)


def _text(path: Path, repository: Repository) -> str:
    owner = repository if path.is_relative_to(repository.root) else Repository(path.parent)  # the user's own
    try:
        return owner.read_bytes(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
