"""``kgate config show``: every setting of a scan, and what set it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.groups import Group, OneOf
from kgate.commands.scan import resolved, scan_options
from kgate.model import Json, json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgate.config.settings import Settings
    from kgate.model import Setting

_OF_FILES = ("config_path", "policy_from", "policy")


def _options_of_settings() -> frozenset[str]:
    """Returns the names of the options of a scan that set something."""
    from kgate.config.settings import Options

    return frozenset({*(one.name for one in fields(Options)), *_OF_FILES} - {"files", "stdin_filename"})


@click.group(cls=Group)
def config() -> None:
    """Show the settings."""


@config.command(
    epilog="""\b
Examples:
  kgate config show
  kgate config show k8s --min-score 90
  kgate config show -f json | jq '.settings["min-score"].source'
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@click.option("-f", "--format", "format_name", type=OneOf(["text", "json"]), default="text", show_default=True)
@scan_options(_options_of_settings())
def show(format_name: str, **flags: Any) -> None:
    """Show every setting that a scan of PATH (default: the current folder) has, and what sets it: a flag, a variable,
    the line of a file, the floor of a policy, or the default.

    The options are those of kgate scan, which counts the variables KGATE_SCAN_… as well. Wrong settings are an error.
    """
    from pathlib import Path

    from kgate.config.file import ConfigFile
    from kgate.config.show import every_setting
    from kgate.repository import UntrustedFolders

    untrusted = UntrustedFolders.around(Path(path) for path in flags["paths"] if path != "-")
    options, file, settings = resolved(flags, untrusted)
    _check_rules(settings)
    found = every_setting(settings, options, file or ConfigFile())
    console.print_pieces(_as_json(found, settings) if format_name == "json" else _lines(found, settings))


def _check_rules(settings: Settings) -> None:
    """Raises KgateError for a rule that there is not, as a scan does."""
    from kgate.config.selection import selected_ids
    from kgate.rules import load
    from kgate.rules.tuning import tuned

    selected_ids(tuned(load.load(settings.rule_folders), settings.rule_settings), settings)


def _lines(found: tuple[Setting, ...], settings: Settings) -> Iterator[str]:
    """Yields a table, then where the settings come from and what is not as asked."""
    rows = [(one.name, _value(one), one.source) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        line = f"{name:<{widths[0]}}  {value:<{min(widths[1], _VALUE_WIDTH)}}  {source}"
        yield f"{console.inert(line)}\n"
    yield f"{console.inert(f'configuration: {settings.origin}')}\n"
    yield from (f"{console.inert(str(note))}\n" for note in settings.notes)


_VALUE_WIDTH = 30


def _value(setting: Setting) -> str:
    """Returns the whole value, a list of texts without quotes."""
    if setting.value in (None, [], {}):
        return "–"
    is_nested = isinstance(setting.value, dict) or any(isinstance(one, dict) for one in _members(setting.value))
    return json_text(setting.value) if is_nested else setting.text


def _members(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _as_json(found: tuple[Setting, ...], settings: Settings) -> Iterator[str]:
    import json

    document = {
        "configuration": {"path": settings.origin.path or None, "revision": settings.origin.revision or None},
        "settings": {one.name: {"value": one.value, "source": one.source} for one in found},
        "notes": [{"path": note.path, "line": note.line, "message": note.message} for note in settings.notes],
    }
    yield json.dumps(document, indent=2) + "\n"
