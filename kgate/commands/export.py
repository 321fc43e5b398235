"""``kgate export``: what rules become outside of kgate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate import __version__
from kgate.commands import console
from kgate.commands.export_admission import SYSTEM, admission
from kgate.commands.groups import Group, OneOf
from kgate.commands.network import config_option, policy_from_option, policy_option
from kgate.commands.scan import RULE_IDS
from kgate.commands.today import today_option
from kgate.model import Persona, Severity

if TYPE_CHECKING:
    from kgate.vap.policies import Enforcement, Export

_SEVERITIES = [severity.label for severity in reversed(Severity)]
_BARS = (*_SEVERITIES, "baseline", "restricted", "none")


@click.group(cls=Group)
def export() -> None:
    """Export the rules for other programs, and the gate into a cluster."""


export.add_command(admission)


@export.command(
    epilog="""\b
Examples:
  kgate export vap | kubectl apply --server-side -f -     deny what is critical or high, warn of what is medium
  kgate export vap --deny none --warn none                write everything to the audit log, as a start
  kgate export vap --deny baseline -o policies            as files for a GitOps repository

\b
Exit codes:
  0  exported; what could not be is listed on standard error
  2  usage, configuration or a rule file is wrong
  4  a bug in kgate
""",
)
@click.argument("path", metavar="[PATH]", default=".")
@click.option(
    "--deny",
    type=OneOf(_BARS),
    default="high",
    show_default=True,
    help="Deny what offends rules from this severity on, or of this Pod Security level.",
)
@click.option(
    "--warn", type=OneOf(_BARS), default="medium", show_default=True, help="Likewise, warn. All others are audited."
)
@click.option(
    "--exempt-namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help=f"Judge nothing in this namespace; may be repeated.  [default: {', '.join(SYSTEM)}]",
)
@click.option("--list", "lists", is_flag=True, help="List which rules are exported, and why others are not.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write a file for each rule, and a kustomization.yaml, into this folder.",
)
@click.option("--kubernetes-version", metavar="V", help="Version to judge for, such as 1.30.  [default: latest]")
@click.option(
    "--persona", type=OneOf([one.label for one in Persona]), help="Rules to export, as in kgate scan.  [default: gate]"
)
@click.option("--select", **RULE_IDS, help="Export only these rules; may be repeated.")
@click.option("--ignore", **RULE_IDS, help="Leave out these rules; may be repeated.")
@click.option("--rules", multiple=True, metavar="FOLDER", help="Export the rules of this folder, too.")
@config_option
@policy_from_option
@policy_option
@today_option
def vap(path: str, **flags: Any) -> None:
    """Export rules as ValidatingAdmissionPolicies, which an API server decides by itself.

    Uses the rules, settings and waivers of the repository at PATH (default: the current folder) as a scan does.
    """
    from kgate.commands.scan import settings_of
    from kgate.repository import UntrustedFolders
    from kgate.vap import text
    from kgate.vap.policies import SYSTEM_NAMESPACES
    from kgate.vapexport import export as exported

    untrusted = UntrustedFolders.around([Path(path)])
    settings = settings_of({**flags, "paths": (path,)}, untrusted)
    found = exported(settings, _enforcement(flags), flags["namespaces"] or SYSTEM_NAMESPACES)
    if flags["lists"]:
        console.print_pieces(_listed(found))
        return
    for line in text.left_out(found):
        console.print_error(f"not exported: {line}")
    if flags["folder"] is None:
        console.print_pieces((*text.heading(found, __version__), *map(text.document, found.policies)))
    else:
        _write(flags["folder"], found, untrusted)


def _enforcement(flags: Mapping[str, Any]) -> Enforcement:
    from kgate.vap.policies import Enforcement

    bars = (Severity.parse(flags[name]) if flags[name] in _SEVERITIES else flags[name] for name in ("deny", "warn"))
    return Enforcement(*(None if bar == "none" else bar for bar in bars))


def _listed(found: Export) -> Iterator[str]:
    """Yields a line for each rule: what its binding does, or why there is none."""
    from kgate.vap import text

    for one in found.policies:
        yield f"{'+'.join(one.binding['spec']['validationActions']):<11}  {one.rule.severity.label:<8}  {one.rule.id}\n"
    yield from (f"not exported: {line}\n" for line in text.left_out(found))


def _write(folder: Path, found: Export, untrusted: Any) -> None:
    """Writes the files of a folder. Raises OutputError."""
    from kgate.commands import outputs
    from kgate.vap import text

    documents = {f"{one.rule.id}.yaml": (text.document(one),) for one in found.policies}
    listed = (*text.heading(found, __version__), *text.kustomization(documents))
    files = {**documents, "kustomization.yaml": listed}
    outputs.write_all({folder / name: pieces for name, pieces in files.items()}, untrusted)
