"""``kgate who-can``: who may do something, by the roles and bindings of a repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import access, console
from kgate.commands.groups import format_option

if TYPE_CHECKING:
    from kgate.access import Holding
    from kgate.model import Json
    from kgate.rbac.permissions import Action


@click.command(
    "who-can",
    epilog=f"""\b
Examples:
  kgate who-can get secrets                 in the manifests of the current folder, in any namespace
  kgate who-can create pods/exec ./k8s -n shop
  kgate who-can impersonate groups --name system:masters
  kgate who-can get /metrics -f json

{access.EPILOG}""",
)
@click.argument("verb")
@click.argument("resource")
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@click.option("-n", "--namespace", metavar="NAMESPACE", help="The namespace to ask about.  [default: any]")
@click.option("--name", default="", metavar="NAME", help="The object to ask about.")
@click.option("--all", "with_built_in", is_flag=True, help="Also list those to whom Kubernetes gives it.")
@format_option(("text", "json"), "Format of the answer.")
@access.reading_options
def who_can(**flags: Any) -> int:
    """Print who may do something: a VERB on a RESOURCE, which is written as kubectl does (pods, pods/exec,
    deployments.apps), or on a path (/metrics).

    Reads the roles and bindings at or below PATH (default: the current folder), renders charts and kustomizations, and
    decides as the API server does; the roles that every cluster has count, too. Where several clusters are known, each
    is decided about by itself, and named. Objects that name no namespace count
    to the one that is asked about.
    """
    from kgate.kubernetes.pss import NEWEST_MINOR
    from kgate.rbac.authorizer import DEFAULT_NAMESPACE
    from kgate.rbac.words import UnknownActionError, action

    try:
        asked = action(flags["verb"], flags["resource"], flags["name"], flags["namespace"], NEWEST_MINOR)
    except UnknownActionError as error:
        raise click.UsageError(str(error)) from None
    found = access.read(flags)
    holders = found.holders(asked, flags["namespace"] or DEFAULT_NAMESPACE)
    holders = [one for one in holders if flags["with_built_in"] or one.grant.binding.resource is not None]
    if flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        console.print_pieces((*json_pieces(_as_json(asked, holders) | access.missing_json(found), 2), "\n"))
    else:
        lines = (*_lines(asked, holders), *access.missing(found, is_verbose=flags["verbose"]))
        console.print_text("\n".join(map(console.inert, lines)))
    return access.exit_code(found)


def _lines(asked: Action, holders: Sequence[Holding]) -> Iterator[str]:
    """Yields each subject, with the clusters if there are several, and the way by which it may do what is asked."""
    from kgate.rbac.ways import permitted, steps, who

    for one in holders:
        subject = who(one.grant)
        yield f"{subject}  {access.place(subject.location)}"
        yield from (f"    in {name}" for name in one.clusters)
        yield from access.way(steps(one.grant), "    ")
        yield f"      {permitted(one.grant)}"
    people = len({str(who(one.grant)) for one in holders})
    yield f"{people or 'nobody'} may {asked}" if people != 1 else f"1 may {asked}"


def _as_json(asked: Action, holders: Sequence[Holding]) -> dict[str, Json]:
    from kgate.rbac.ways import permitted, steps, who

    return {
        "action": str(asked),
        "namespace": asked.namespace,
        "grants": [
            {
                "subject": access.step_json(who(one.grant)),
                "clusters": list(one.clusters),
                "namespace": one.grant.namespace,
                "permission": permitted(one.grant),
                "way": [access.step_json(step) for step in steps(one.grant)],
            }
            for one in holders
        ],
    }
