"""``kgate scan --profile``: what another program would say of a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kgate.commands import console
from kgate.errors import ConfigError, KgateError
from kgate.kubernetes import manifest, pss

_ALSO = frozenset({"profile", "format_name", "paths", "kubernetes_version", "select", "verbose"})
"""The options of a scan that count with a profile."""

_LOW_SCORE = 2
_FAILED = 1


def profile_scan(flags: Mapping[str, Any]) -> int:
    """Prints the report of kubesec about one file and returns its exit code: 0 if every score is above 0, 2 if not, and
    1 if the file cannot be scored. Raises click.UsageError, and ConfigError for a version that is not known."""
    from kgate.profiles.kubesec.report import render
    from kgate.profiles.kubesec.scoring import scores

    _refuse(flags)
    minor = pss.parse_version(flags["kubernetes_version"] or "latest")
    if not flags["paths"]:
        click.echo("Error: file path is required", err=True)
        return _FAILED
    try:
        name, data = _input(flags["paths"][0])
        found = scores(data, minor, flags["select"])
    except OSError as error:
        return _failed(f"open {os.path.abspath(flags['paths'][0])}: {(error.strerror or str(error)).lower()}")
    except KgateError as error:
        return _failed(str(error))
    console.print_pieces((render(found, name),))
    return 0 if all(one.score > 0 for one in found) else _LOW_SCORE


def _failed(message: str) -> int:
    """Prints an error where kubesec does, on standard output, and returns the exit code."""
    console.print_text(console.inert(message[:1].upper() + message[1:]))
    return _FAILED


def _refuse(flags: Mapping[str, Any]) -> None:
    """Raises click.UsageError unless exactly one file is to be scored, as kubesec does it."""
    if flags["profile"] is None or flags["format_name"] != flags["profile"]:
        name = flags["profile"] or flags["format_name"]
        raise click.UsageError(f"a profile and its format belong together; write: --profile {name} -f {name}")
    if len(flags["paths"]) > 1:
        raise click.UsageError("a profile scores one file; name one, or '-' for standard input")
    context = click.get_current_context()
    for parameter in context.command.params:
        is_given = context.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT
        if is_given and parameter.name not in _ALSO:
            name = max(parameter.opts, key=len)
            raise click.UsageError(f"{name} has no meaning with --profile; leave it out", context)


def _input(path: str) -> tuple[str, bytes]:
    """Returns the name and the bytes of what is to be scored. Raises ConfigError if it is too large."""
    if path in ("-", "/dev/stdin"):
        name, data = "STDIN", sys.stdin.buffer.read(manifest.MAX_FILE_BYTES + 1)
    else:
        with Path(path).open("rb") as stream:
            name, data = path, stream.read(manifest.MAX_FILE_BYTES + 1)
    if len(data) > manifest.MAX_FILE_BYTES:
        raise ConfigError(f"{name}: larger than {manifest.MAX_FILE_BYTES >> 20} MiB; split it")
    return name, data
