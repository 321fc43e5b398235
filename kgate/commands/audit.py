"""``kgate audit``: what an API server records, by its audit policy, and what its logs say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from kgate.audit.policy.generate import PROFILES
from kgate.commands import console
from kgate.commands.audit_cover import cover
from kgate.commands.audit_query import query
from kgate.commands.groups import Group, OneOf, format_option
from kgate.commands.policyfile import policy_file
from kgate.commands.scan import scan, scan_options
from kgate.errors import ConfigError

if TYPE_CHECKING:
    from kgate.audit.policy.file import PolicyFile
    from kgate.audit.policy.policy import ApiRequest, AuditDecision
    from kgate.model import Json

version_option = click.option(
    "--kubernetes-version",
    metavar="VERSION",
    help="Kubernetes version of the API server, such as 1.35.  [default: latest]",
)


@click.group(cls=Group)
def audit() -> None:
    """Judge audit policies, say what they record, and ask logs what happened."""


audit.add_command(query)
audit.add_command(cover)


@audit.command(
    epilog="""\b
Examples:
  kgate audit lint policy.yaml
  kgate audit lint policies/*.yaml --kubernetes-version 1.35 --fail-on medium
  kgate audit lint policy.yaml -f sarif -o json=audit.json

\b
Exit codes:
  0  no finding fails
  1  a finding is of the severity of --fail-on, or above
  2  usage or configuration is wrong, or a file holds no audit policy
  3  something could not be read or judged
"""
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, dir_okay=False))
@version_option
@scan_options(("format_name", "outputs", "fail_on", "config_path", "verbose", "quiet", "color"))
@click.pass_context
def lint(context: click.Context, /, **flags: Any) -> Any:
    """Judge audit policies: whether an API server starts with them, what they record, and what is never reached.

    Uses the rules of every persona, and fails for findings that are high or above. kgate scan finds policies by
    itself, and uses the rules of its own persona.
    """
    for path in flags["files"]:
        _refuse_others(path, flags["kubernetes_version"])
    given = {name: value for name, value in flags.items() if name != "files"}
    given |= {"fail_on": flags["fail_on"] or "high", "persona": "pedantic", "show": None if flags["quiet"] else "all"}
    return context.invoke(scan, paths=flags["files"], **given)


def _refuse_others(path: str, version: str | None) -> None:
    """Raises ConfigError for a file whose first document is no audit policy; what is wrong with one is a finding."""
    found = policy_file(path, version)
    for fault in found.loaded.faults:
        if fault.pointer in ("/apiVersion", "/kind") and fault.id == "invalid":
            raise ConfigError(f"{found.locate(fault.pointer)}: {fault.message}")


@audit.command(
    epilog="""\b
Examples:
  kgate audit explain policy.yaml --as alice --verb get --resource secrets -n shop
  kgate audit explain policy.yaml --as alice --group devs --verb create --resource pods/exec --name web
  kgate audit explain policy.yaml --as system:anonymous --verb get --url /metrics -f json

\b
Exit codes:
  0  answered
  2  usage is wrong, or no API server starts with the policy
"""
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--as", "user", metavar="USER", help="Who asks, as authenticated: impersonation comes later.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group of USER, beside those it always has.")
@click.option("--failed-authentication", is_flag=True, help="Nobody: the request fails authentication.")
@click.option("--verb", required=True, metavar="VERB", help="A verb, or with --url an HTTP method.")
@click.option("--resource", metavar="RESOURCE", help="Resource as kubectl names it: pods, pods/exec, deployments.apps.")
@click.option("--subresource", default="", metavar="NAME", help="Subresource, such as exec.")
@click.option("--name", default="", metavar="NAME", help="Name of the object.  [default: one that no rule lists]")
@click.option(
    "-n", "--namespace", default="", metavar="NAMESPACE", help="Namespace.  [default: for a list all, else default]"
)
@click.option("--url", metavar="PATH", help="Path of anything but a resource, such as /metrics.")
@version_option
@format_option(("text", "json"), "Format of the answer.")
def explain(**flags: Any) -> None:
    """Print what the audit policy in FILE records of one request: the rule that decides, the level and the stages.

    Decides as the API server does, by the first rule that matches. USER also has the groups that such a user always
    has, as system:authenticated.
    """
    from kgate.audit.policy.evaluate import decide

    request = _request(flags)
    found = _policy(flags["file"], flags["kubernetes_version"])
    decision = decide(found.loaded.policy, request)
    if flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        console.print_pieces((*json_pieces(_as_json(request, decision, found), 2), "\n"))
    else:
        lines = (*_lines(request, decision, found), *(f"! {text}" for text in _dropped(found)))
        console.print_text("\n".join(map(console.inert, lines)))


@audit.command(
    epilog="""\b
Examples:
  kgate audit generate > policy.yaml
  kgate audit generate --profile falco
"""
)
@click.option("--profile", type=OneOf(PROFILES), default="cis", show_default=True, help="What the policy is for.")
def generate(profile: str) -> None:
    """Print an audit policy with comments, in which kgate audit lint finds nothing.

    cis records who does what, and the bodies of what is written but for Secrets, ConfigMaps and tokens. falco records
    all that the rules of Falco's plugin k8saudit look at: what is written into ConfigMaps, too.
    """
    from kgate.audit.policy.generate import policy

    console.print_pieces((policy(profile),))


def _request(flags: dict[str, Any]) -> ApiRequest:
    """Returns the request that the options describe. Raises UsageError."""
    from kgate.audit.policy import ask

    if (flags["user"] is None) is not flags["failed_authentication"]:
        raise click.UsageError("say who asks: write --as USER, or --failed-authentication")
    if (flags["resource"] is None) is (flags["url"] is None):
        raise click.UsageError("say what is asked for: write --resource RESOURCE, or --url PATH")
    names = ("subresource", "name", "namespace")
    if flags["url"] is not None and any(flags[name] for name in names):
        raise click.UsageError("--subresource, --name and --namespace are about a resource; leave them out with --url")
    try:
        if flags["url"] is not None:
            request = ask.url_request(flags["verb"], flags["url"])
        else:
            request = ask.resource_request(
                ask.RequestWords(flags["verb"], flags["resource"], *(flags[one] for one in names))
            )
    except ask.UnknownRequestError as error:
        raise click.UsageError(str(error)) from None
    return request if flags["user"] is None else ask.identified(request, flags["user"], flags["groups"])


def _policy(path: str, version: str | None) -> PolicyFile:
    """Reads a policy. Raises ConfigError for one with which no API server starts."""
    found = policy_file(path, version)
    if found.loaded.faults:
        faults = [f"{found.locate(one.pointer)}: {one.message}" for one in found.loaded.faults]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConfigError(f"{faults[0]}{more}; no API server of this version of Kubernetes starts with it")
    return found


def _dropped(found: PolicyFile) -> Iterator[str]:
    from kgate.audit.policy.file import dropped_message

    for key in found.loaded.dropped:
        yield f"{found.locate(key.pointer)}: {dropped_message(key)}"


def _lines(request: ApiRequest, decision: AuditDecision, found: PolicyFile) -> Iterator[str]:
    stages = decision.stages(request)
    policy = found.loaded.policy
    yield f"request  {_described(request)}"
    if decision.rule is None:
        yield f"rule     none of {len(policy.rules)} matches, so nothing is recorded"
    else:
        place = found.locate(f"/rules/{decision.rule}")
        yield f"rule     {place.path}:{place.start.line}, rule {decision.rule + 1} of {len(policy.rules)}"
    yield f"level    {decision.level}"
    yield f"stages   {', '.join(stages) or 'none'}"
    if decision.omits_managed_fields and decision.level.startswith("Request"):
        yield "         without managedFields in the bodies"


def _described(request: ApiRequest) -> str:
    """A request in words: ``get secrets in namespace shop, by alice (system:authenticated)``."""
    who = "nobody: the authentication fails" if request.user is None else request.user
    groups = f" ({', '.join(request.groups)})" if request.groups else ""
    return f"{request}, by {who}{groups}"


def _as_json(request: ApiRequest, decision: AuditDecision, found: PolicyFile) -> dict[str, Json]:
    from kgate.audit.policy.policy import OTHER_NAME

    rule: Json = None
    if decision.rule is not None:
        place = found.locate(f"/rules/{decision.rule}")
        rule = {"index": decision.rule, "path": place.path, "line": place.start.line}
    return {
        "request": {
            "user": request.user,
            "groups": list(request.groups),
            "verb": request.verb,
            **(
                {"url": request.path}
                if request.path
                else {
                    "api_group": request.group,
                    "resource": request.resource,
                    "subresource": request.subresource,
                    "namespace": request.namespace,
                    "name": None if request.name == OTHER_NAME else request.name,
                }
            ),
        },
        "rule": rule,
        "level": decision.level,
        "stages": list(decision.stages(request)),
        "omitted_stages": list(decision.omitted),
        "omit_managed_fields": decision.omits_managed_fields,
        "dropped_keys": list(_dropped(found)),
    }
