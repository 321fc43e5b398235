"""``kgate rules list``, ``kgate rules show`` and ``kgate explain``: the rules as documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from kgate.commands import console
from kgate.commands.completion import complete_rule
from kgate.commands.groups import Group, OneOf

if TYPE_CHECKING:
    from kgate.model import Rule

Command = Callable[..., None]


def _rule_options(command: Command) -> Command:
    """Adds the options that all commands about rules share."""
    formats = OneOf(["terminal", "json", "markdown"])
    for option in (
        click.option("--rules", "folders", multiple=True, metavar="FOLDER", help="Also the rules of this folder."),
        click.option("-f", "--format", "format_name", type=formats, default="terminal", show_default=True),
    ):
        command = option(command)
    return command


@click.group(cls=Group)
def rules() -> None:
    """Show the rules."""


@rules.command("list", epilog="\b\nExample:\n  kgate rules list -f json")
@_rule_options
def list_rules(format_name: str, folders: tuple[str, ...]) -> None:
    """List all rules with severity, points and title."""
    from kgate.exports import documentation

    console.print_text(documentation.rule_list(_load(folders), format_name))


@rules.command("show", epilog="\b\nExample:\n  kgate rules show host-network")
@click.argument("rule_id", metavar="ID", shell_complete=complete_rule)
@_rule_options
def show_rule(rule_id: str, format_name: str, folders: tuple[str, ...]) -> None:
    """Show all of one rule: expression, fields, examples and equivalents."""
    from kgate.exports import documentation

    console.print_text(documentation.rule_page(_find(rule_id, folders), format_name))


@rules.command(
    "test",
    epilog="""\b
Example:
  kgate rules test policies

\b
Exit codes:
  0  every example was judged as expected
  1  a good example has a finding, or a bad one has none
  2  a rule file is wrong
""",
)
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER…")
def test_rules(folders: tuple[str, ...]) -> int:
    """Test rules of your own by their examples.

    Every example of every rule in the folders is put into each kind of workload and each container list, and judged
    there as in a scan.
    """
    from kgate.commands.rules_test import run

    text, code = run(folders)
    console.print_text(text)
    return code


@click.command(epilog="\b\nExample:\n  kgate explain privileged-container")
@click.argument("rule_id", metavar="ID", shell_complete=complete_rule)
@_rule_options
def explain(rule_id: str, format_name: str, folders: tuple[str, ...]) -> None:
    """Explain a rule: why it matters and what to write instead."""
    from kgate.exports import documentation

    console.print_text(documentation.explanation(_find(rule_id, folders), format_name))


def _load(folders: tuple[str, ...]) -> tuple[Rule, ...]:
    from kgate.repository import UntrustedFolders
    from kgate.rules.gate import GATE_WEAKENED
    from kgate.rules.load import RuleFolder, load

    untrusted = UntrustedFolders.around(())
    return (*load(RuleFolder.named(folder, untrusted) for folder in folders), GATE_WEAKENED)


def _find(rule_id: str, folders: tuple[str, ...]) -> Rule:
    from kgate.rules.load import find

    return find(_load(folders), rule_id)
