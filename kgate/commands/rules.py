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
@click.argument("words", metavar="NAME", nargs=-1, required=True, shell_complete=complete_rule)
@_rule_options
def show_rule(words: tuple[str, ...], format_name: str, folders: tuple[str, ...]) -> None:
    """Show all of one rule: expression, fields, examples and equivalents.

    NAME is an id, such as host-network, a part of one, or the id of a rule of another scanner, such as KSV-0009.
    """
    from kgate.exports import documentation

    _show(documentation.rule_page, " ".join(words), format_name, folders)


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


@click.command(epilog="\b\nExample:\n  kgate explain privileged-container\n  kgate explain CKV_K8S_16")
@click.argument("words", metavar="NAME", nargs=-1, required=True, shell_complete=complete_rule)
@_rule_options
def explain(words: tuple[str, ...], format_name: str, folders: tuple[str, ...]) -> None:
    """Explain a rule: why it matters and what to write instead.

    NAME is an id, such as host-network, a part of one, or the id of a rule of another scanner, such as KSV-0009.
    """
    from kgate.exports import documentation

    _show(documentation.explanation, " ".join(words), format_name, folders)


def _load(folders: tuple[str, ...]) -> tuple[Rule, ...]:
    from kgate.repository import UntrustedFolders
    from kgate.rules.gate import GATE_WEAKENED
    from kgate.rules.load import RuleFolder, load

    untrusted = UntrustedFolders.around(())
    return (*load(RuleFolder.named(folder, untrusted) for folder in folders), GATE_WEAKENED)


def _show(page: Callable[[Rule, str], str], name: str, format_name: str, folders: tuple[str, ...]) -> None:
    """Prints a page about the rule that is meant, or a list if several may be."""
    from kgate.exports import documentation
    from kgate.rules.lookup import look_up

    found = look_up(_load(folders), name)
    if len(found) > 1 and format_name == "terminal":
        console.print_text(f"'{console.inert(name)}' fits {len(found)} rules; name one of them:\n")
    console.print_text(page(found[0], format_name) if len(found) == 1 else documentation.rule_list(found, format_name))
