"""Runs ``kustomize build`` on a private copy of a kustomization, and says why it failed."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path

from kgate.rendering import process
from kgate.rendering.kustomize import helm_wrapper
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.job import Job
from kgate.rendering.requests import advice
from kgate.rendering.sandbox import Reach
from kgate.rendering.tools import Tool
from kgate.repository import UntrustedFolders
from kgate.values import dataclass

_LONGEST_MESSAGE = 800
_GIT_PROTOCOLS = "https:http:ssh:git"


@dataclass(frozen=True, slots=True)
class Failure:
    """A build without output: what the tool said in one line, or the limit that stopped it and what to do."""

    text: str
    exceeded: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class _Command:
    """What is run to build; ``programs`` are those that it may start, ``environment`` holds variables of its own."""

    line: tuple[str, ...]
    programs: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Runner:
    """Builds folders of the two copies of one kustomization; helm in it renders charts of these copies only."""

    def __init__(self, job: Job, tool: Tool, copy: Copy) -> None:
        self._job = job
        self._copy = copy
        self._command = _command(job, tool, copy)

    def build(self, target: Path, home: Path) -> str | Failure:
        """The output for a folder; ``home`` is its copy, which is all that it may read. Raises OSError, CancelledError
        and DeadlineError."""
        outcome = process.run(
            [*self._command.line, target],
            home,
            self._job.options.limits(),
            Reach(programs=self._command.programs),
            environment=self._command.environment,
            with_network=self._job.options.allow_remote,
        )
        if outcome.exceeded:
            return Failure("", outcome.exceeded, advice(outcome.bound))
        if outcome.code:
            return Failure(message(outcome.error_text, self._copy))
        return outcome.stdout.decode("utf-8", "replace")


def _command(job: Job, tool: Tool, copy: Copy) -> _Command:
    verb = "kustomize" if tool.name == "kubectl" else "build"
    command = _Command((os.fspath(tool.path), verb))
    if job.options.allow_remote:
        folders = UntrustedFolders.around((job.workspace.root,)).others_of(os.environ.get("PATH", ""))
        git = {"PATH": os.pathsep.join(map(str, folders)), "GIT_ALLOW_PROTOCOL": _GIT_PROTOCOLS}
        command = replace(command, programs=folders, environment=git)
    if copy.has_charts and job.helm is not None:
        helm = (*process.death_signal(), os.fspath(job.helm.path))
        wrapper = helm_wrapper.write(job.workspace.folder(), copy.clean.parent, helm)
        line = (*command.line, "--enable-helm", "--helm-command", os.fspath(wrapper))
        command = replace(command, line=line, programs=(*command.programs, wrapper, job.helm.path))
    return command


def message(text: str, copy: Copy) -> str:
    """What the tool said last, in one line and with paths of the repository."""
    lines = [_logged(line) for line in text.splitlines() if not line.startswith(("# Warning", "Warning:"))]
    text = _cleaned(" ".join("\n".join(lines[-3:]).split()), copy)
    text = text.removeprefix("error: ").removeprefix("Error: ")
    return text if len(text) <= _LONGEST_MESSAGE else "… " + text[-_LONGEST_MESSAGE:].lstrip()


_LOG_LINE = re.compile(r'E\d{4} [\d:.]+ +\d+ \S+\] "command failed" err=(".*")')


def _logged(line: str) -> str:
    """A line of the log of kubectl, without its time and the number of its process; any other as it is."""
    found = _LOG_LINE.fullmatch(line)
    with contextlib.suppress(ValueError):
        return str(json.loads(found[1])) if found else line
    return line


def _cleaned(text: str, copy: Copy) -> str:
    """A message without the paths of the private copies."""
    for tree in (copy.clean, copy.marked):
        text = text.replace(f"{tree}/tree/", "").replace(f"{tree}/tree", ".").replace(f"{tree}/", "")
    return _PATH.sub(_without_private_path, text)


_PATH = re.compile(r"[\w./-]+")


def _without_private_path(found: re.Match[str]) -> str:
    """What looks like a path, cut off where it leads into a private folder."""
    before, slash, rest = found[0].partition("/")
    is_private = slash and "kgate-" in rest and before[-1:] in ("", "-")
    return f"{before}…" if is_private else found[0]
