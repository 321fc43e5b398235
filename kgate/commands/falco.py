"""``kgate falco``: rule files of Falco, without Falco."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.groups import Group, format_option

if TYPE_CHECKING:
    from kgate.falco.faults import LoadFault
    from kgate.falco.loading import Loaded
    from kgate.model import Json

EXIT_FAILED = 1
_OF_FILES = """\
FILE… are rule files, or folders of them, in the order in which Falco gets them: a later one may redefine, replace and
append to what an earlier one says."""


@click.group(cls=Group)
def falco() -> None:
    """Check rule files of Falco, without Falco."""


@falco.command(
    epilog="""\b
Examples:
  kgate falco lint rules.d/
  kgate falco lint k8s_audit_rules.yaml our_overrides.yaml --strict

\b
Exit codes:
  0  Falco loads the files
  1  it refuses them; with --strict, or warns
  2  usage is wrong
  4  a bug in kgate
""",
    help=f"""Say what Falco says when it loads rule files, each fault with its line and column.

    {_OF_FILES} Falco stops at the first error of a file; all of them are listed here. Fields are checked for source
    k8s_audit.""",
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@format_option(("text", "json"), "Format of the answer.")
def lint(**flags: Any) -> int:
    """Print the faults of rule files."""
    loaded = _loaded(flags["files"])
    if flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        console.print_pieces((*json_pieces(_as_json(loaded), 2), "\n"))
    else:
        console.print_pieces(f"{console.inert(line)}\n" for line in _lines(loaded))
    return EXIT_FAILED if loaded.is_refused or (flags["strict"] and loaded.faults) else 0


def _loaded(names: Sequence[str]) -> Loaded:
    from kgate.falco.loading import load
    from kgate.falco.rulefiles import read

    return load(read(names))


def _lines(loaded: Loaded) -> Iterator[str]:
    from kgate.reports.wording import counted

    yield from map(str, loaded.faults)
    errors = sum(fault.code.is_error for fault in loaded.faults)
    faults = f"{counted(errors, 'error')}, {counted(len(loaded.faults) - errors, 'warning')}"
    yield f"{counted(len(loaded.ruleset.rules), 'rule')}: {faults}"


def _as_json(loaded: Loaded) -> dict[str, Json]:
    return {
        "schema": "kgate-falco-lint/1",
        "refused": loaded.is_refused,
        "rules": len(loaded.ruleset.rules),
        "faults": [_fault_json(fault) for fault in loaded.faults],
    }


def _fault_json(fault: LoadFault) -> dict[str, Json]:
    return {
        "code": str(fault.code),
        "severity": "error" if fault.code.is_error else "warning",
        "subject": fault.subject,
        "message": fault.message,
        "path": fault.place.path,
        "line": fault.place.start.line,
        "column": fault.place.start.column,
        "end_column": fault.place.end.column,
    }
