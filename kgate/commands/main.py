"""The command ``kgate``: finds its subcommands, runs one, and turns whatever happens into an exit code."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from kgate import __version__
from kgate.commands import console
from kgate.commands.groups import Group
from kgate.commands.variables import name_variables, unread
from kgate.errors import KgateError

EXIT_INCOMPLETE = 3
EXIT_BUG = 4
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141

MODULES = {
    "audit": "audit",
    "baseline": "baseline",
    "completion": "completion",
    "config": "config",
    "diff": "diff",
    "doctor": "doctor",
    "explain": "rules",
    "export": "export",
    "falco": "falco",
    "fix": "fix",
    "init": "init",
    "pull": "pull",
    "reach": "reach",
    "rules": "rules",
    "scan": "scan",
    "schema": "schema",
    "serve": "serve",
    "test": "test",
    "waive": "waive",
    "waivers": "waivers",
    "who-can": "who_can",
}
"""The module of each command in this folder, which holds the command under its own name, with underscores."""


class Commands(Group):
    """A group that imports a command when it is needed, so that the others cost nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of all commands, sorted."""
        return sorted({*MODULES, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; None if there is no such command."""
        if cmd_name not in MODULES:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(
            importlib.import_module(f"kgate.commands.{MODULES[cmd_name]}"), cmd_name.replace("-", "_")
        )
        name_variables(command, cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="kgate %(version)s")
def main() -> None:
    """The privilege gate for GitOps repositories.

    Judges every workload of a repository by the privilege it asks for, says at which line each
    privilege was granted, and fails below a score.
    """


@main.command("version")
def show_version() -> None:
    """Print the version."""
    console.print_text(f"kgate {__version__}")


@main.command("help", epilog="\b\nExample:\n  kgate help scan")
@click.argument("words", nargs=-1, metavar="[COMMAND]")
@click.pass_context
def show_help(context: click.Context, words: tuple[str, ...]) -> None:
    """Print the help of a command."""
    here = context.find_root()
    for word in words:
        if not isinstance(here.command, Group):
            raise click.UsageError(f"'{here.command_path}' has no commands; write: {here.command_path} --help", here)
        name, command, _ = here.command.resolve_command(here, [word])
        assert command is not None
        here = click.Context(command, info_name=name, parent=here)
    console.print_text(here.get_help())


def run() -> NoReturn:
    """Runs the command line of this process, and ends it."""
    console.end_process(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:  # noqa: PLR0911 - the one place that catches everything
    """Runs a command and returns its exit code; prints an error if there is one."""
    try:
        console.prepare_streams()
        _refuse_files_named_like_options(arguments)
        _warn_of_unread()
        code: Any = main.main(arguments, prog_name="kgate", standalone_mode=False)
    except click.ClickException as error:
        console.print_usage_error(error)
        return error.exit_code
    except KgateError as error:
        console.print_error(str(error))
        return error.exit_code
    except OSError as error:
        console.print_error(f"{error.strerror or error}: {error.filename or 'the system'}; fix it and run kgate again")
        return KgateError.exit_code
    except SystemExit as error:  # click ends completion so, and everything if nobody reads its help
        return int(error.code or 0) if "_KGATE_COMPLETE" in os.environ else EXIT_CLOSED_PIPE
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except console.TerminatedError as error:
        return 128 + error.signal
    except console.OverdueError:
        message = "did not end at its --timeout and was stopped without a report"
        console.print_error(f"{message}; please report it with the command and the manifest at {console.BUG_TRACKER}")
        return EXIT_INCOMPLETE
    except console.ClosedPipeError:
        return EXIT_CLOSED_PIPE
    except Exception as error:  # noqa: BLE001 - a bug becomes an exit code
        console.print_bug(error, with_traceback="--verbose" in arguments or "-v" in arguments)
        return EXIT_BUG
    return code if isinstance(code, int) else 0


def _warn_of_unread() -> None:
    """Prints a warning for each variable that looks like one of kgate's. Raises ConfigError for a misspelt one."""
    for warning in unread(os.environ, main):
        console.print_error(warning)


def _refuse_files_named_like_options(arguments: Sequence[str]) -> None:
    """Raises UsageError for a file that a hook passes and that would be taken for an option."""
    for argument in itertools.takewhile(lambda argument: argument != "--", arguments):
        if argument.startswith("-") and len(argument) > 1 and os.path.lexists(argument):
            raise click.UsageError(f"'{argument}' is an option and also the name of a file: write ./{argument}")
