"""``kgate test``: what policies of a cluster decide, without a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import access, console
from kgate.commands.groups import Group, OneOf
from kgate.errors import ConfigError

if TYPE_CHECKING:
    from kgate.model import Json
    from kgate.vap.deciding import Decision
    from kgate.vaptest import Results, Tested

_WRITING_SECONDS = 120
EXIT_FAILED = 1
EXIT_INCOMPLETE = 3


@click.group(cls=Group)
def test() -> None:
    """Test policies without a cluster."""


@test.command(
    epilog="""\b
Examples:
  kgate test vap policies/ -m ./k8s                 what would be denied?
  kgate test vap policy.yaml -m bad/ --expect denied   is everything in bad/ denied?

\b
Exit codes:
  0  every object is admitted, or as --expect says
  1  one is not
  2  usage or configuration is wrong
  3  an object could not be decided, or something could not be read
  4  a bug in kgate
""",
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option(
    "-m",
    "--manifests",
    multiple=True,
    metavar="PATH",
    help="Objects to test: a file or folder, also with charts; may be repeated.  [default: those in FILE…]",
)
@click.option(
    "--old",
    multiple=True,
    metavar="PATH",
    help="The objects as they are now: those with the same kind and name are changed, not created; may be repeated.",
)
@click.option("--as", "user", metavar="USER", help="Who makes the requests.  [default: not known]")
@click.option("--as-group", "groups", multiple=True, metavar="GROUP", help="A group of the user; may be repeated.")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of objects that name none.")
@click.option(
    "--expect",
    type=OneOf(("admitted", "denied")),
    default="admitted",
    show_default=True,
    help="What must become of every object.",
)
@click.option("-f", "--format", "format_name", type=OneOf(("text", "json")), default="text", show_default=True)
@access.reading_options
def vap(**flags: Any) -> int:
    """Decide by ValidatingAdmissionPolicies as the API server would if the objects were created, or changed.

    FILE… are files or folders with policies, their bindings, their parameters and namespaces. A policy that no binding
    names is asked as if one denied what it refuses. Who may do what is not known, nor are other objects in the
    cluster: a decision that hangs on them stays open.
    """
    results = _results(flags)
    is_whole = not (results.problems or results.unjudged)
    if not results.policies and is_whole:
        raise ConfigError("there is no ValidatingAdmissionPolicy in the files; name one that has some")
    if not results.tested and is_whole:
        raise ConfigError("there is no object to test; name some with --manifests")
    if flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        console.print_pieces((*json_pieces(_as_json(results), 2), "\n"))
    else:
        console.print_pieces(f"{console.inert(line)}\n" for line in _lines(results, is_verbose=flags["verbose"]))
    return _exit_code(results, flags["expect"])


def _results(flags: Mapping[str, Any]) -> Results:
    """Reads and decides. Raises ConfigError if the time is up."""
    from kgate.commands.scan import settings_of
    from kgate.lifetime import DeadlineError
    from kgate.repository import UntrustedFolders
    from kgate.vap.reading import Requester
    from kgate.vaptest import PolicyTest, decide, prepare

    if flags["groups"] and not flags["user"]:
        raise click.UsageError("--as-group says more about a user: name one with --as")
    requester = Requester(flags["user"], flags["groups"]) if flags["user"] else None
    paths = (*flags["files"], *flags["manifests"], *flags["old"])
    if "-" in paths:
        raise click.UsageError("'-' is standard input, which holds no folder of policies; name files")
    console.install_signal_handlers()
    asked = flags["manifests"] or flags["files"]
    settings = settings_of({**flags, "paths": asked}, UntrustedFolders.around(map(Path, paths)))
    console.end_after(2 * settings.timeout + _WRITING_SECONDS)
    try:
        with console.progress() as progress:
            wanted = PolicyTest(flags["files"], flags["old"], flags["namespace"], requester)
            prepared = prepare(settings, wanted, progress)
    except DeadlineError:
        message = f"was stopped after {settings.timeout:g} seconds and decides nothing"
        raise ConfigError(f"{message}: name fewer paths, or allow more with --timeout") from None
    return decide(prepared, settings.timeout)


def _exit_code(results: Results, expected: str) -> int:
    from kgate.vap.deciding import PolicyOutcome

    outcomes = [one.outcome for one in results.tested]
    if results.problems or results.unjudged or PolicyOutcome.OPEN in outcomes:
        return EXIT_INCOMPLETE
    is_right = [(outcome is PolicyOutcome.DENIED) == (expected == "denied") for outcome in outcomes]
    return 0 if all(is_right) else EXIT_FAILED


def _lines(results: Results, *, is_verbose: bool) -> Iterator[str]:
    """Yields the objects of which a policy says something, what could not be read, and the counts."""
    for one in results.tested:
        told = [said for said in one.decisions if said.messages or is_verbose]
        if told:
            yield _title(one)
            yield from (line for said in told for line in _decision(said))
    yield from (f"! {remark}" for remark in (*results.problems, *results.unjudged))
    yield _summary(results)


def _title(one: Tested) -> str:
    place = one.resource.locate("")
    return f"{place.path}:{place.start.line}  {one.resource.id}: {one.outcome.value}"


def _decision(said: Decision) -> Iterator[str]:
    by = f" by {said.binding}" if said.binding not in ("", said.policy) else ""
    yield from (f"  {said.outcome.value:<8}  {said.policy}{by}: {message}" for message in said.messages or ("",))
    yield from (f"            audit annotation {key}: {value}" for key, value in said.annotations)


def _summary(results: Results) -> str:
    from kgate.reports.wording import counted
    from kgate.vap.deciding import PolicyOutcome

    outcomes = [one.outcome for one in results.tested]
    parts = ", ".join(f"{outcomes.count(one):,} {one.value}" for one in PolicyOutcome if outcomes.count(one))
    policies = f"{results.policies:,} {'policy' if results.policies == 1 else 'policies'}"
    return f"{counted(len(results.tested), 'object')}, {policies}{': ' if parts else ''}{parts}"


def _as_json(results: Results) -> dict[str, Json]:
    return {
        "schema": "kgate-vap-test/1",
        "objects": [_object_json(one) for one in results.tested],
        "problems": [str(one) for one in (*results.problems, *results.unjudged)],
    }


def _object_json(one: Tested) -> dict[str, Json]:
    place, who = one.resource.locate(""), one.resource.id
    return {
        "apiVersion": who.api_version,
        "kind": who.kind,
        "namespace": who.namespace,
        "name": who.name,
        "path": place.path,
        "line": place.start.line,
        "outcome": one.outcome.value,
        "decisions": [
            {
                "policy": said.policy,
                "binding": said.binding,
                "outcome": said.outcome.value,
                "messages": list(said.messages),
                "auditAnnotations": dict(said.annotations),
            }
            for said in one.decisions
        ],
    }
