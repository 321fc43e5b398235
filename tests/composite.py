"""A small runner for composite actions: evaluates what action.yml uses, runs ``run`` steps, records ``uses`` steps.

What it does not know (a function, a context, an id that no step has) is an error and never an empty string,
except for an output that a step did not write, which is empty on GitHub too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.command import ROOT
from tests.waiting import HANG

BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
"""How GitHub runs a step with ``shell: bash``."""

_INSERT = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TERM = re.compile(r"^(?:'(?P<text>[^']*)'|(?P<name>[a-z]+(?:\.[A-Za-z0-9_-]+)+))$")
KEYS = {"id", "if", "uses", "with", "shell", "env", "run", "continue-on-error"}


class UnknownExpressionError(Exception):
    """Something that this runner does not understand."""


@dataclass(frozen=True)
class Used:
    """A step with ``uses``, and what it was given."""

    action: str
    inputs: Mapping[str, str]


@dataclass
class Done:
    """What came of one use of the action."""

    code: int = 0
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    used: list[Used] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


@dataclass
class Runner:
    """A runner in a workspace; ``denied`` names actions whose step fails."""

    workspace: Path
    temp: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    action: Path = ROOT

    def use(self, **inputs: str) -> Done:
        """Runs all steps of the action as GitHub does: after a failure none that has no condition of its own."""
        definition = YAML(typ="safe").load((self.action / "action.yml").read_text(encoding="utf-8"))
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        unknown = given.keys() - definition["inputs"].keys()
        assert not unknown, f"the action has no inputs {unknown}"
        defaults = {name: spec.get("default", "") for name, spec in definition["inputs"].items()}
        contexts: dict[str, Any] = {"steps": {}, "github": {"token": "workflow-token"}}
        contexts["inputs"] = {name: fill(value, contexts) for name, value in defaults.items()} | given
        done = Done()
        for step in definition["runs"]["steps"]:
            assert step.keys() <= KEYS, step
            self._step(step, contexts, done)
        done.outputs = {name: fill(spec["value"], contexts) for name, spec in definition["outputs"].items()}
        return done

    def _step(self, step: Mapping[str, Any], contexts: dict[str, Any], done: Done) -> None:
        ran = not done.code and truth(evaluate(step["if"], contexts) if "if" in step else "true")
        outputs: dict[str, str] = {}
        outcome = "skipped"
        if ran and "uses" in step:
            given = {key: fill(value, contexts) for key, value in step.get("with", {}).items()}
            done.used.append(Used(step["uses"], given))
            outcome = "failure" if step["uses"].startswith(self.denied or ("-",)) else "success"
            code = int(outcome == "failure")
        elif ran:
            code, outputs = self._run(step, contexts, done)
            outcome = "failure" if code else "success"
        if outcome == "failure" and not step.get("continue-on-error"):
            done.code = code
        done.outcomes.append(outcome)
        if "id" in step:
            contexts["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome}

    def _run(self, step: Mapping[str, Any], contexts: dict[str, Any], done: Done) -> tuple[int, dict[str, str]]:
        assert step["shell"] == "bash"
        assert not _INSERT.search(step["run"]), "an expression in the text of a script"
        files = {
            name: self.temp / f"{name}-{len(done.outcomes)}-{os.getpid()}" for name in ("output", "summary", "run")
        }
        for file in files.values():
            file.write_text("", encoding="utf-8")
        files["run"].write_text(step["run"], encoding="utf-8")
        process = subprocess.run(
            (*BASH, os.fspath(files["run"])),
            cwd=self.workspace,
            env=self._environment(files) | {key: fill(value, contexts) for key, value in step.get("env", {}).items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=HANG,
            check=False,
        )
        done.log += process.stdout.decode("utf-8")
        done.summary += files["summary"].read_text(encoding="utf-8")
        return process.returncode, parse_outputs(files["output"].read_text(encoding="utf-8"))

    def _environment(self, files: Mapping[str, Path]) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_") or key in ("HOME", "LANG")}
        return {
            **kept,
            "PATH": os.pathsep.join((os.fspath(Path(sys.executable).parent), os.environ["PATH"])),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": os.fspath(self.action),
            "GITHUB_WORKSPACE": os.fspath(self.workspace),
            "GITHUB_REPOSITORY": "octo/shop",
            "GITHUB_OUTPUT": os.fspath(files["output"]),
            "GITHUB_STEP_SUMMARY": os.fspath(files["summary"]),
            "RUNNER_TEMP": os.fspath(self.temp),
            "XDG_CACHE_HOME": os.fspath(self.workspace.parent / "cache"),
            **self.variables,
        }


def fill(template: object, contexts: Mapping[str, Any]) -> str:
    """A value of the file with its expressions replaced."""
    return _INSERT.sub(lambda match: evaluate(match[1], contexts), str(template))


def evaluate(expression: str, contexts: Mapping[str, Any]) -> str:
    """``a && b`` of terms and comparisons, with or without the signs around an expression; the last value, or false."""
    inner = _INSERT.fullmatch(expression.strip())
    value = "true"
    for part in (inner[1] if inner else expression).split("&&"):
        value = _compare(part.strip(), contexts)
        if not truth(value):
            return value
    return value


def _compare(expression: str, contexts: Mapping[str, Any]) -> str:
    for sign in ("==", "!="):
        left, found, right = expression.partition(sign)
        if found:
            equal = _term(left, contexts) == _term(right, contexts)
            return "true" if equal == (sign == "==") else "false"
    return _term(expression, contexts)


def _term(expression: str, contexts: Mapping[str, Any]) -> str:
    match = _TERM.match(expression.strip())
    if not match:
        raise UnknownExpressionError(expression)
    if match["name"] is None:
        return match["text"]
    value: Any = contexts
    path = match["name"].split(".")
    for depth, part in enumerate(path):
        if part not in value:
            if path[0] == "steps" and path[2] == "outputs" and depth == 3:
                return ""
            raise UnknownExpressionError(expression)
        value = value[part]
    return str(value)


def truth(value: str) -> bool:
    """What GitHub takes for true; a comparison that is false gives the word here."""
    return value not in ("", "false")


def parse_outputs(text: str) -> dict[str, str]:
    """The file behind GITHUB_OUTPUT: ``name=value`` and ``name<<END`` … ``END``."""
    outputs: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, rest = re.split(r"(=|<<)", line, maxsplit=1)
        if sign == "<<":
            values = []
            while (value := next(lines)) != rest:
                values.append(value)
            rest = "\n".join(values)
        outputs[name] = rest
    return outputs
