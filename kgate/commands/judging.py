"""The options by which ``kgate scan`` judges, for other commands that have to judge as it does."""

from __future__ import annotations

import copy
from collections.abc import Collection

import click

from kgate.commands.scan import scan

OF_SCAN_ALONE = frozenset(
    {
        *("paths", "baseline", "no_baseline", "diff_base", "watch", "cache", "files", "stdin_filename"),
        "profile",
        *("format_name", "outputs", "category", "sarif_all", "show", "min_severity", "quiet", "verbose"),
        *("pull", "locked", "pull_from", "registry_config", "keyring"),
    }
)
"""Options of ``kgate scan`` that are about what is scanned, about its reports or about fetching."""


def take_over_options(command: click.Command, others: Collection[str] = ()) -> None:
    """Gives a command the options by which a scan judges, so that both judge alike; but for those in OF_SCAN_ALONE, and
    for some others."""
    left_out = OF_SCAN_ALONE.union(others)
    take_over(command, [option.name for option in scan.params if option.name and option.name not in left_out])


def take_over(command: click.Command, names: Collection[str]) -> None:
    """Gives a command these options of a scan, with their variables."""
    for parameter in scan.params:
        if parameter.name in names:
            option = copy.copy(parameter)
            option.envvar = f"KGATE_SCAN_{parameter.name.removesuffix('_path').upper()}"
            command.params.append(option)
