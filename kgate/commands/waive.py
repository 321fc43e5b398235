"""``kgate waive``: accepts findings, problems and unjudged parts of a scan in kgate-waivers.yaml."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.groups import OneOf
from kgate.commands.network import cache_dir_option, config_option
from kgate.commands.today import parse_day
from kgate.errors import ConfigError, OutputError
from kgate.model import Persona, Problem, Unjudged

if TYPE_CHECKING:
    from kgate.config.settings import Settings


def _day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    """Returns the last day. Raises click.BadParameter."""
    return None if value is None else parse_day(value)


def scan_options(command: Any) -> Any:
    """Adds the options of a scan that decide what is found."""
    for option in reversed(
        (
            click.option(
                "--persona", type=OneOf([one.label for one in Persona]), help="Rules to use, as in kgate scan."
            ),
            click.option("--rules", multiple=True, metavar="FOLDER", help="Use the rules of this folder, too."),
            config_option,
            cache_dir_option,
            click.option("--helm-bin", metavar="PROGRAM", envvar="KGATE_SCAN_HELM_BIN", help="The helm to use."),
            click.option(
                "--kubectl-bin",
                metavar="PROGRAM",
                envvar="KGATE_SCAN_KUBECTL_BIN",
                help="The kubectl to use; it contains kustomize.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  kgate waive 1a2b3c4d --owner team-ops --until 2027-01-31 --reason "reads the log files of the node"
  kgate waive --problem "charts/old: helm template failed" --reason "is removed in spring"
  kgate waive --all-unjudged --owner team-platform --until 2027-01-31 --reason "lie in other repositories"

\b
Exit codes:
  0  what was named is accepted
  2  something that was named is not in the scan, or the file could not be written; nothing was
"""
)
@click.argument("fingerprints", nargs=-1, metavar="[FINGERPRINT…]")
@click.option("--reason", required=True, metavar="WHY", help="Why the risk is accepted.")
@click.option("--owner", default="", metavar="WHO", help="Who accepts it.")
@click.option("--until", metavar="DATE", callback=_day, help="The last day, such as 2027-01-31.")
@click.option("--problem", "problems", multiple=True, metavar="LINE", help="Accept this problem: PATH: MESSAGE.")
@click.option("--unjudged", multiple=True, metavar="LINE", help="Accept that this is not judged: PATH: MESSAGE.")
@click.option("--all-problems", is_flag=True, help="Accept all problems of the scan.")
@click.option("--all-unjudged", is_flag=True, help="Accept all that the scan does not judge.")
@click.option("--path", "paths", multiple=True, metavar="PATH", help="What to scan.  [default: the current folder]")
@scan_options
def waive(**flags: Any) -> None:
    """Accept what a scan finds: append an entry for each to kgate-waivers.yaml, beside the configuration.

    FINGERPRINT is that of a finding in a report, or at least its first 8 digits. Comments and layout of the file stay.
    """
    from kgate import waive as waiving
    from kgate.commands.scan import settings_of
    from kgate.repository import UntrustedFolders
    from kgate.scan import scan

    if not any(flags[name] for name in ("fingerprints", "problems", "unjudged", "all_problems", "all_unjudged")):
        raise click.UsageError("nothing is named; write the FINGERPRINT of a finding, or --problem or --unjudged LINE")
    console.install_signal_handlers()
    paths = flags["paths"] or (".",)
    settings = settings_of({**flags, "paths": paths, "unjudged": None}, UntrustedFolders.around(map(Path, paths)))
    with console.progress() as progress:
        report = scan(settings, progress)
    asked = [waiving.AskedRemark.parse(Problem, line) for line in flags["problems"]]
    asked += [waiving.AskedRemark.parse(Unjudged, line) for line in flags["unjudged"]]
    remarks = waiving.of_remarks(report, asked)
    remarks += [one for one in report.problems if flags["all_problems"] and one not in remarks]
    remarks += [one for one in report.unjudged if flags["all_unjudged"] and one not in remarks]
    terms = waiving.Acceptance(flags["reason"], flags["owner"], flags["until"])
    new = waiving.entries(waiving.of_findings(report, flags["fingerprints"]), remarks, terms)
    place = _place(paths, flags["config_path"], settings)
    if new:
        text = waiving.appended(_text(place), new, settings.waivers.file.policy, settings.waivers.today)
        _write(place, text)
    noun = "entry" if len(new) == 1 else "entries"
    console.print_text(console.inert(f"{place}: {len(new)} {noun} added" if new else "all of that is accepted already"))


def _place(paths: tuple[str, ...], config: Path | None, settings: Settings) -> Path:
    """Returns the file of the waivers, which need not exist: the one that a scan reads, else beside the configuration,
    or at the root of the repository."""
    from kgate.config.find import find_config, find_waivers
    from kgate.waiverfile import NAME

    named = Path(os.path.realpath(config)) if config is not None else find_config(paths, settings.repository)
    found = find_waivers(paths, named, settings.repository)
    return found or (named.parent if named is not None else settings.repository.root) / NAME


def _text(place: Path) -> str:
    try:
        return place.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigError(f"{place}: is not UTF-8 text") from None


def _write(place: Path, text: str) -> None:
    """Writes the file whole, or leaves the old one. Raises OutputError."""
    from kgate import wholefile
    from kgate.commands.outputs import new_mode

    def fill(handle: int) -> None:
        with open(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)

    try:
        if place.is_symlink():
            raise OutputError(f"{place}: is a link; write to the file that it leads to")
        wholefile.replace(place, fill, place.stat().st_mode & 0o777 if place.exists() else new_mode())
    except OSError as error:
        raise OutputError(f"{place}: cannot be written: {error.strerror}; the file is as it was") from None
