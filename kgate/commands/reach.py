"""``kgate reach``: what the pods of a workload may ask of the API server, and by which way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import access, console
from kgate.commands.groups import format_option

if TYPE_CHECKING:
    from kgate.model import Json, ResourceId, Workload
    from kgate.rbac.reach import AccountReach

_FORMATS = ("text", "json", "mermaid", "dot")
_MOST_CHOICES = 10
_MOST_RULES = 3


@click.command(
    epilog=f"""\b
Examples:
  kgate reach web                           the workload of that name in the current folder
  kgate reach Deployment/shop/web ./k8s     its kind, namespace and name
  kgate reach web ./k8s -f mermaid

{access.EPILOG}"""
)
@click.argument("workload")
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@format_option(_FORMATS, "Format of the answer.")
@click.option("--all", "with_built_in", is_flag=True, help="Also list what Kubernetes gives to every service account.")
@access.reading_options
def reach(**flags: Any) -> int:
    """Print what the pods of WORKLOAD may do: NAME, KIND/NAME or KIND/NAMESPACE/NAME.

    Follows the workload to its service account, its bindings, their roles and the rules of these, each with its line,
    in the manifests at or below PATH (default: the current folder) and in what charts and kustomizations render to.
    Where several clusters are known, nothing of another one counts, and that of the workload is named.
    """
    from dataclasses import replace

    from kgate.rbac.reach import reaches

    found = access.read(flags)
    chosen = _chosen(flags["workload"], found.workloads)
    results = [one for who in chosen for one in reaches(who, found.workloads, found.objects, found.places)]
    if not flags["with_built_in"]:
        results = [_without_built_in(one) for one in results]
    if len(found.places.known) < 2:
        results = [replace(one, clusters=()) for one in results]
    if flags["format_name"] == "text":
        blocks = dict.fromkeys("\n".join(map(console.inert, _lines(one))) for one in results)
        lines = map(console.inert, access.missing(found, is_verbose=flags["verbose"]))
        console.print_text("\n".join((*blocks, *lines)))
    elif flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        value = {"reach": [_as_json(one) for one in results], **access.missing_json(found)}
        console.print_pieces((*json_pieces(value, 2), "\n"))
    else:
        from kgate.reports.graphs import graphviz, mermaid

        draw = mermaid if flags["format_name"] == "mermaid" else graphviz
        console.print_text("\n".join(draw(chain for one in results for chain in _chains(one))))
    return access.exit_code(found)


def _chosen(word: str, workloads: Sequence[Workload]) -> list[Workload]:
    """Returns the workloads that a word names, which have one identity. Raises UsageError if there is none, or if it
    names several."""
    chosen = [one for one in workloads if _is_named(one.resource.id, word)]
    names = sorted({str(one.resource.id) for one in chosen})
    if not names:
        from kgate.yamltree.fields import suggestion

        known = sorted({one.resource.id.name for one in workloads})
        raise click.UsageError(f"there is no workload '{word}'{suggestion(word, known)}")
    if len(names) > 1:
        more = " …" if len(names) > _MOST_CHOICES else ""
        raise click.UsageError(
            f"'{word}' names several workloads; write one of {', '.join(names[:_MOST_CHOICES])}{more}"
        )
    return chosen


def _is_named(who: ResourceId, word: str) -> bool:
    kind, _, rest = word.rpartition("/")
    kind, _, namespace = kind.partition("/")
    if rest != who.name or (namespace and namespace != who.namespace):
        return False
    return not kind or kind.lower() == who.kind.lower()


def _without_built_in(one: AccountReach) -> AccountReach:
    from dataclasses import replace

    grants = (grant for grant in one.grants if grant.binding.resource is not None)
    return replace(one, grants=tuple(grants))


def _account(one: AccountReach) -> str:
    return f"ServiceAccount/{one.namespace}/{one.account_name}"


def _lines(one: AccountReach) -> Iterator[str]:
    """Yields the workload, its account, and each way with what it leads to."""
    from kgate.access import powers
    from kgate.rbac.ways import permitted, steps

    rendering = f"  ({one.resource.rendering})" if one.resource.rendering is not None else ""
    yield f"{one.resource.id}  {access.place(one.resource.locate(''))}{rendering}"
    yield from (f"  deployed to {name}" for name in one.clusters)
    defined = one.accounts[0].resource if one.accounts else None
    where = access.place(defined.locate("")) if defined is not None else "nowhere defined"
    yield f"  runs as {_account(one)}  {where}"
    if one.is_assumed:
        yield "    the manifest names no namespace; this is the one that is assumed"
    yield f"  {'has its token' if one.has_token else 'does not have its token'}, since {one.token}"
    before: list[str] = []
    for power in powers(one.grants):
        way = list(access.way(steps(power.grant)[:-1], "    "))
        if way != before:
            yield from way
        before = way
        last = steps(power.grant)[-1]
        yield f"      {permitted(power.grant)}  {last}  {access.place(last.location)}"
        if power.severity is not None:
            yield f"        {power.severity.label}: {', '.join(rule.id for rule in power.rules[:_MOST_RULES])}"
    if not one.grants:
        yield "  no binding of these manifests gives it anything"


def _chains(one: AccountReach) -> Iterator[tuple[str, ...]]:
    """Yields the labels of each way, from the workload to what is permitted."""
    from kgate.rbac.ways import permitted, steps

    start = (str(one.resource.id), _account(one))
    if not one.grants:
        yield start
    for grant in one.grants:
        yield (*start, *map(str, steps(grant)), permitted(grant))


def _as_json(one: AccountReach) -> dict[str, Json]:
    from kgate.access import powers
    from kgate.rbac.ways import permitted, steps

    where = one.resource.locate("")
    return {
        "workload": str(one.resource.id),
        "path": where.path,
        "line": where.start.line,
        "rendering": str(one.resource.rendering) if one.resource.rendering is not None else "",
        "clusters": list(one.clusters),
        "service_account": {
            "namespace": one.namespace,
            "name": one.account_name,
            "namespace_is_assumed": one.is_assumed,
        },
        "token": {"mounted": one.has_token, "reason": one.token},
        "grants": [
            {
                "permission": permitted(power.grant),
                "namespace": power.grant.namespace,
                "severity": power.severity.label if power.severity is not None else None,
                "rules": [rule.id for rule in power.rules],
                "way": [access.step_json(step) for step in steps(power.grant)],
            }
            for power in powers(one.grants)
        ],
    }
