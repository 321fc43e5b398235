"""``kgate init``: writes the files with which a repository starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from kgate.commands import console
from kgate.commands.groups import MinScore, OneOf
from kgate.limits import LEVEL_SCORES

if TYPE_CHECKING:
    from kgate.starter import Ci, Step

_SYSTEMS = ("github", "gitlab", "none")
_DONE = {"new": "wrote ", "extended": "extended ", "kept": "kept as it is: ", "to extend": "to do: add this to "}


@click.command(
    epilog="""\b
Examples:
  kgate init                                ask what to write, on a terminal
  kgate init --yes                          write what fits the repository, and ask nothing
  kgate init --ci github --hook --min-score restricted
"""
)
@click.option(
    "--min-score", type=MinScore(), metavar="SCORE", help="Score that every workload must reach.  [default: 60]"
)
@click.option("--ci", type=OneOf(_SYSTEMS), help="The CI system that runs the gate.  [default: the one that is found]")
@click.option("--hook/--no-hook", default=None, help="The hook of pre-commit.  [default: if pre-commit is used]")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
def init(min_score: int | None, ci: str | None, hook: bool | None, yes: bool) -> None:
    """Write a commented kgate.yaml, the hook of pre-commit and the job of the CI system.

    Files that exist are not overwritten: a hook is appended, and what else to add is printed.
    """
    from kgate import starter
    from kgate.repository import Repository, find_root

    repository = Repository.at(find_root([]))
    asks = not yes and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    if min_score is None:
        question = "Score that every workload must reach (baseline is 60, restricted 90)"
        min_score = (
            click.prompt(question, LEVEL_SCORES["baseline"], type=MinScore()) if asks else LEVEL_SCORES["baseline"]
        )
    if ci is None:
        found = starter.find_ci(repository.root)
        ci = click.prompt("CI system that runs the gate", found, type=OneOf(_SYSTEMS)) if asks else found
    if hook is None:
        found_hook = (repository.root / starter.HOOKS).is_file()
        hook = (
            click.confirm("Judge the changed manifests at each commit, with pre-commit?", found_hook)
            if asks
            else found_hook
        )
    start = starter.Start(min_score, cast("Ci", ci), hook)
    for step in tuple(starter.steps(start, repository)):
        if step.text:
            starter.carry_out(step, repository)
        console.print_text(_told(step, repository.root))
    console.print_text("next: kgate scan")


def _told(step: Step, root: Path) -> str:
    """Returns what was done with a file, and what is left to do."""
    place = console.inert(str(root / step.path))
    addition = f":\n\n{step.addition}" if step.addition else ""
    return f"{_DONE[step.what]}{place}{addition}"
