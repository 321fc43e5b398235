"""``kgate completion``: the completion script of a shell."""

from __future__ import annotations

import click

from kgate.commands import console
from kgate.commands.groups import OneOf

SHELLS = ("bash", "zsh", "fish")


@click.command(epilog='\b\nExample (bash):\n  eval "$(kgate completion bash)"')
@click.argument("shell", type=OneOf(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    console.print_text(script(shell, context.find_root().command))


def script(shell: str, command: click.Command) -> str:
    """Returns the completion script of one of the shells."""
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None
    return completer(command, {}, "kgate", "_KGATE_COMPLETE").source()


def complete_rule(_context: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    """Returns the ids of kgate's own rules that begin so, from the names of their files."""
    from kgate.rules.load import builtin_folder

    return sorted(path.stem for path in builtin_folder().glob(f"{start}*.yaml"))
