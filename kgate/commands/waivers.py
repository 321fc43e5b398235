"""``kgate waivers list``: who took which risk, why and until when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kgate.commands import console
from kgate.commands.groups import Group, OneOf
from kgate.commands.network import policy_from_option, policy_option
from kgate.commands.today import today_option
from kgate.commands.waive import scan_options

_FORMATS = ("table", "csv", "markdown", "html", "json")


@click.group(cls=Group)
def waivers() -> None:
    """Show the waivers of a repository."""


@waivers.command(
    "list",
    epilog="""\b
Examples:
  kgate waivers list                        the entries of kgate-waivers.yaml and of the configuration
  kgate waivers list --check -f csv         after a scan: those that fit nothing, and those in manifests
""",
)
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@click.option("-f", "--format", "format_name", type=OneOf(_FORMATS), default="table", show_default=True)
@click.option(
    "--check", is_flag=True, help="Scan PATH, and show what fits nothing, and what manifests waive themselves."
)
@scan_options
@policy_from_option
@policy_option
@today_option
def list_waivers(paths: tuple[str, ...], format_name: str, check: bool, **flags: Any) -> None:
    """List who took which risk, where, why and until when, and whether that still holds."""
    from kgate import waiverlist
    from kgate.commands.scan import settings_of
    from kgate.repository import UntrustedFolders
    from kgate.scan import scan

    settings = settings_of({**flags, "paths": paths or (".",)}, UntrustedFolders.around(map(Path, paths or (".",))))
    today = settings.waivers.today
    listed = waiverlist.rows((one.entry for one in settings.waivers.file.entries), today)
    if check:
        console.install_signal_handlers()
        with console.progress() as progress:
            listed = waiverlist.checked(listed, scan(settings, progress), today)
    is_empty = format_name == "table" and not listed
    console.print_text("no waivers" if is_empty else waiverlist.written(listed, format_name))
