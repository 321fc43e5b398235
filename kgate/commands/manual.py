"""What a package of kgate brings beside the program: a manual page and the completion scripts of shells."""

from __future__ import annotations

from collections.abc import Iterator

import click

from kgate import __version__
from kgate.commands.completion import SHELLS, script
from kgate.commands.main import main

_COMPLETIONS = {
    "bash": "share/bash-completion/completions/kgate",
    "fish": "share/fish/vendor_completions.d/kgate.fish",
    "zsh": "share/zsh/site-functions/_kgate",
}
"""Where each shell looks for scripts, below the prefix of an installation."""


def shared_files() -> dict[str, str]:
    """Returns the text of each file by its place below the prefix of an installation."""
    scripts = {_COMPLETIONS[shell]: script(shell, main) for shell in SHELLS}
    return {"share/man/man1/kgate.1": manual_page(), **scripts}


def manual_page() -> str:
    """Returns the manual page of kgate and all its commands, for man."""
    context = click.Context(main, info_name="kgate")
    lines = [f'.TH KGATE 1 "" "kgate {__version__}" "User Commands"', *_section("NAME", "kgate \\- " + _summary(main))]
    lines += [*_section("SYNOPSIS", ".B kgate", "COMMAND [OPTIONS] [ARGUMENTS]")]
    lines += [*_section("DESCRIPTION", *_paragraphs(main.help or ""))]
    for inner in _contexts(context):
        lines += _command(inner)
    lines += [*_section("ENVIRONMENT", *_paragraphs(_ENVIRONMENT))]
    return "\n".join([*lines, *_section("SEE ALSO", _plain("https://github.com/kgate/kgate"))]) + "\n"


_ENVIRONMENT = """\
A variable stands for each option of a command: KGATE_SCAN_MIN_SCORE for kgate scan --min-score. An option on the
command line takes precedence over its variable, and the variable over kgate.yaml."""


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """The contexts of all commands below one, in the order of the help; groups have no options of their own."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _contexts(inner)
        else:
            yield inner


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    yield from _section(context.command_path.upper(), f".B {_plain(usage)}", ".PP", *_paragraphs(command.help or ""))
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield from (".TP", f".B {_plain(record[0])}", _plain(" ".join(record[1].split())))
    if command.epilog:
        text = command.epilog.replace("\b\n", "")
        yield from (".PP", ".nf", *map(_plain, text.strip().splitlines()), ".fi")


def _summary(command: click.Command) -> str:
    text = (command.help or "").partition("\n")[0].rstrip(".")
    return _plain(text[:1].lower() + text[1:])


def _section(title: str, *lines: str) -> Iterator[str]:
    yield f'.SH "{title}"'
    yield from lines


def _paragraphs(text: str) -> Iterator[str]:
    for index, paragraph in enumerate(text.strip().split("\n\n")):
        if index:
            yield ".PP"
        yield _plain(" ".join(paragraph.split()))


def _plain(text: str) -> str:
    """Escapes what roff would take for its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
