"""Commands that hold others: bare ones print their help, and a wrong word is answered with the right one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from kgate.limits import HIGHEST_SCORE, LEVEL_SCORES, SCORE_WORDS

_MANIFESTS = (".yaml", ".yml", ".json", ".tgz")

_OTHER_WORDS = {
    "analyze": "scan",
    "check": "scan",
    "docs": "rules list",
    "fetch": "pull",
    "install": "doctor",
    "new": "init",
    "setup": "init",
    "lint": "scan",
    "list": "rules list",
    "run": "scan",
    "score": "scan",
    "show": "rules show",
    "update": "pull --update",
    "validate": "scan",
}
"""What similar programs call their commands, and what kgate calls them."""


_OTHER_OPTIONS = {
    "--check": "--select names the only rules to use",
    "--exclude": "write what to leave out into .kgateignore, or name rules with --ignore",
    "--exit-code": "--exit-zero, --min-score and --fail-on decide about the exit code",
    "--file": "write paths without an option: kgate scan FILE",
    "--severity": "write --fail-on SEVERITY",
    "--severity-threshold": "write --fail-on SEVERITY",
    "--skip-check": "--ignore names the rules to leave out",
    "--skip-dirs": "write what to leave out into .kgateignore",
    "--threshold": "write --min-score N",
}
"""What the options of similar programs are in kgate."""


class OneOf(click.Choice):  # type: ignore[type-arg] # generic since 8.2
    """A choice that answers a wrong word with the nearest right one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ARG002 - of click
        """Returns what is wrong with a value, and what to write."""
        return not_one_of(str(value), tuple(self.choices))


def format_option(names: Sequence[str], text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns the option that chooses one of some formats, of which the first is the default."""
    choice, default = OneOf(names), names[0]
    return click.option("-f", "--format", "format_name", type=choice, default=default, show_default=True, help=text)


class MinScore(click.ParamType):  # type: ignore[type-arg] # generic since 8.5
    """A score that workloads must reach: a number from 0 to 100, or a Pod Security level, whose band begins at one."""

    name = "score"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns the number. Raises BadParameter."""
        word = str(value).strip()
        if word in LEVEL_SCORES:
            return LEVEL_SCORES[word]
        if not (word.isascii() and word.isdecimal() and len(word) <= 3 and int(word) <= HIGHEST_SCORE):
            self.fail(f"'{word}' is not a score: write {SCORE_WORDS}", param, ctx)
        return int(word)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - of click
        """Returns the levels that begin so."""
        return [CompletionItem(level) for level in LEVEL_SCORES if level.startswith(incomplete)]


def not_one_of(value: str, choices: Sequence[str]) -> str:
    """Returns the message that a value is not one of a few words, with the nearest of them first."""
    from kgate.yamltree.fields import suggestion

    return f"'{value}' is not one of {', '.join(choices)}{suggestion(value, choices)}"


class Group(click.Group):
    """A group of commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Prints the help if nothing is asked for, and fails: a script whose variable is empty has judged nothing."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            name = self._owner(ctx, error.option_name)
            if name is None:
                raise
            message = f"{error.option_name} belongs after a command; write: {ctx.command_path} {name}"
            raise click.UsageError(f"{message} {shlex.join(args)}", ctx) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the command that is asked for. Raises UsageError, which says what to type."""
        if args and not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(self._advice(ctx, args), ctx)
        return super().resolve_command(ctx, args)

    def _owner(self, ctx: click.Context, option: str) -> str | None:
        """Returns the command that has an option, the scan first; None if none has it."""
        names = sorted(self.list_commands(ctx), key=lambda name: name != "scan")
        return next((name for name in names if option in _options(self.get_command(ctx, name))), None)

    def _advice(self, ctx: click.Context, args: list[str]) -> str:
        """Returns what to type instead of a word that is not a command."""
        from kgate.yamltree.fields import suggestion

        word, program = args[0], ctx.command_path
        names = self.list_commands(ctx)
        if "scan" in names and _is_path(word):
            return f"'{word}' is a path, not a command; write: {program} scan {shlex.join(args)}"
        known = "scan" in names and word in _OTHER_WORDS
        near = f"; write: {program} {_OTHER_WORDS[word]}" if known else suggestion(word, names)
        return f"there is no command '{word}'{near or '; commands are ' + ', '.join(names)}"


def usage_message(error: click.ClickException) -> str:
    """Returns what is wrong on a command line, and what to type."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.BadOptionUsage) and error.message.endswith("requires an argument."):
        return f"{error.option_name} needs a value; write: {error.option_name} VALUE"
    if isinstance(error, click.NoSuchOption) and context is not None:
        return _wrong_option(error, context.command)
    if isinstance(error, click.MissingParameter) and context is not None:
        lines = [line.strip() for line in (context.command.epilog or "").splitlines()]
        examples = [line.partition("   ")[0] for line in lines if line.startswith("kgate ")]
        return "; for example: ".join((error.format_message().rstrip("."), *examples[:1]))
    if isinstance(error, click.BadParameter) and context is not None and (variable := _variable_of(error, context)):
        return f"{error.format_message().rstrip('.')}; the environment variable {variable} says so"
    return error.format_message()


def _variable_of(error: click.BadParameter, context: click.Context) -> str | None:
    """Returns the environment variable that a wrong value comes from, if it comes from one."""
    name = error.param.name if error.param else None
    if name is None or context.get_parameter_source(name) is not ParameterSource.ENVIRONMENT:
        return None
    assert error.param is not None
    return next((one for one in error.param.envvar or () if os.environ.get(one)), None)


def _wrong_option(error: click.NoSuchOption, command: click.Command) -> str:
    """Returns the message that a command has no such option, with the one that may be meant."""
    from kgate.yamltree.fields import suggestion

    known = [name for name in _options(command) if name.startswith("--")]
    meant = _OTHER_OPTIONS.get(error.option_name) if "--min-score" in known else None
    near = f"; {meant}" if meant else suggestion(error.option_name, known)
    return f"there is no option {error.option_name}{near}"


def _options(command: click.Command | None) -> list[str]:
    return [name for parameter in command.params for name in parameter.opts] if command else []


def _is_path(word: str) -> bool:
    return word in ("-", ".", "..") or "/" in word or word.lower().endswith(_MANIFESTS) or os.path.lexists(word)
