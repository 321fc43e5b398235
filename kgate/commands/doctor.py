"""``kgate doctor``: what this machine has for rendering."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from kgate.commands import console
from kgate.commands.groups import OneOf


def _tool_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that name programs; a variable that is set for scans holds here, too."""
    for name in ("kustomize", "kubectl", "helm"):
        variable = f"KGATE_SCAN_{name.upper()}_BIN"
        text = f"The {name} to use.  [default: the one on PATH]"
        command = click.option(f"--{name}-bin", name, metavar="PROGRAM", envvar=variable, help=text)(command)
    return command


@click.command(
    epilog="""\b
Examples:
  kgate doctor
  kgate doctor -f json | jq .ready

\b
Exit codes:
  0  everything that rendering needs is installed
  1  something is missing, too old or broken
"""
)
@click.option("-f", "--format", "format_name", type=OneOf(["terminal", "json"]), default="terminal", show_default=True)
@_tool_options
def doctor(format_name: str, **programs: str | None) -> int:
    """Show which helm and kustomize kgate uses, and how they are confined."""
    import platform

    from kgate.doctor import Machine, examine, is_ready, render_json, render_lines
    from kgate.rendering import process, sandbox
    from kgate.rendering.tools import Toolbox
    from kgate.repository import find_root

    machine = Machine(
        platform=sys.platform,
        python_version=platform.python_version(),
        python_path=sys.executable,
        cuts_network=sandbox.cuts_network(),
        confines_files=sandbox.confines_files(),
        kills_with_kgate=bool(process.death_signal()),
        memory_guard=process.memory_guard(),
    )
    rows = examine(Toolbox(find_root([]), programs), machine)
    console.print_text(
        render_json(rows) if format_name == "json" else "\n".join(map(console.inert, render_lines(rows)))
    )
    return 0 if is_ready(rows) else 1
