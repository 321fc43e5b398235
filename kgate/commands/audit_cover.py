"""``kgate audit cover``: which rules of Falco and Sigma can fire under an audit policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.falco import sound
from kgate.commands.groups import format_option
from kgate.commands.policyfile import policy_file
from kgate.errors import ConfigError

if TYPE_CHECKING:
    from kgate.audit.policy.file import PolicyFile
    from kgate.falco.compiling import FalcoRule
    from kgate.falco.coverage import CoverageGap, RuleCoverage
    from kgate.falco.sigma import SigmaRule
    from kgate.model import Json

EXIT_FAILED = 1
EXIT_INCOMPLETE = 3


@click.command(
    epilog="""\b
Examples:
  kgate audit cover policy.yaml --rules k8s_audit_rules.yaml
  kgate audit cover policy.yaml -r rules.d/ --sigma sigma/kubernetes/audit/ -f json

\b
Exit codes:
  0  every rule that is enabled can fire, and none fires by mistake
  1  one cannot, or does
  2  usage is wrong, no API server starts with the policy, or a rule file cannot be read
  3  of one it is not known
  4  a bug in kgate
"""
)
@click.argument("policy", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "-r",
    "--rules",
    "rule_files",
    metavar="FILE",
    multiple=True,
    help="A rule file of Falco, or a folder of them; may be repeated, in the order in which Falco gets them.",
)
@click.option(
    "--sigma", "sigma_files", metavar="FILE", multiple=True, help="A Sigma rule, or a folder of them; may be repeated."
)
@click.option(
    "--kubernetes-version",
    metavar="VERSION",
    help="Kubernetes version of the API server, such as 1.35.  [default: latest]",
)
@click.option("-v", "--verbose", is_flag=True, help="Also list the rules that are covered.")
@format_option(("text", "json"), "Format of the answer.")
def cover(**flags: Any) -> int:
    """Say which rules of Falco and Sigma can fire under the audit policy in POLICY, and which must fire by mistake.

    A rule sees only what the policy records. BLIND: nothing that the rule is about is recorded, or not at the stage or
    with the body that it asks for. PARTIAL: some of it. FALSE-POSITIVE: the rule says that a body lacks something, and
    there is no body. OFF: the rule is not enabled, or no request fits it.
    """
    from kgate.falco.coverage import Coverage
    from kgate.falco.coverage import cover as cover_rule

    if not (flags["rule_files"] or flags["sigma_files"]):
        raise click.UsageError("name rules: --rules for those of Falco, --sigma for those of Sigma")
    found = _policy(flags["policy"], flags["kubernetes_version"])
    rules: list[FalcoRule | SigmaRule] = [*_falco_rules(flags["rule_files"]), *_sigma_rules(flags["sigma_files"])]
    covered = [cover_rule(found.loaded.policy, rule) for rule in rules]
    if flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        console.print_pieces((*json_pieces(_as_json(covered, found), 2), "\n"))
    else:
        lines = _lines(covered, found, is_verbose=flags["verbose"])
        console.print_pieces(f"{console.inert(line)}\n" for line in lines)
    kinds = {one.coverage for one in covered}
    if kinds & {Coverage.BLIND, Coverage.PARTIAL, Coverage.FALSE_POSITIVE}:
        return EXIT_FAILED
    return EXIT_INCOMPLETE if Coverage.UNKNOWN in kinds else 0


def _falco_rules(names: Sequence[str]) -> Sequence[FalcoRule]:
    """Reads the rules about audit events. Raises ConfigError."""
    from kgate.falco.fields import AUDIT_SOURCE

    rules = [rule for rule in sound(names).ruleset.rules if rule.source == AUDIT_SOURCE]
    if names and not rules:
        raise ConfigError(f"the files of --rules have no rule of source {AUDIT_SOURCE}; name one that has some")
    return rules


def _sigma_rules(names: Sequence[str]) -> Sequence[SigmaRule]:
    """Reads the rules about audit events. Raises ConfigError."""
    from kgate.falco.rulefiles import read
    from kgate.falco.sigma import SigmaError, rules_of

    try:
        rules = list(rules_of(read(names)))
    except SigmaError as error:
        raise ConfigError(str(error)) from None
    if names and not rules:
        raise ConfigError(
            "the files of --sigma have no rule for product kubernetes, service audit; name one that has some"
        )
    return rules


def _policy(path: str, version: str | None) -> PolicyFile:
    """Reads a policy. Raises ConfigError for one with which no API server starts."""
    found = policy_file(path, version)
    for fault in found.loaded.faults:
        raise ConfigError(f"{found.locate(fault.pointer)}: {fault.message}; no API server starts with this policy")
    return found


def _lines(covered: Sequence[RuleCoverage], found: PolicyFile, *, is_verbose: bool) -> Iterator[str]:
    from kgate.falco.coverage import Coverage
    from kgate.reports.wording import counted

    for one in covered:
        if is_verbose or one.coverage not in (Coverage.OK, Coverage.OFF):
            yield f"{one.coverage}  {one.rule.name}{f': {one.reason}' if one.reason else ''}"
            yield from (f"  {gap.title} {gap.reason}{_place(gap, found)}" for gap in one.gaps)
    kinds = [one.coverage for one in covered]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in Coverage if kind in kinds)
    yield f"{counted(len(covered), 'rule')}: {counts}"


def _place(gap: CoverageGap, found: PolicyFile) -> str:
    if gap.rule is None:
        return ": no rule matches"
    place = found.locate(f"/rules/{gap.rule}")
    return f": {place.path}:{place.start.line}"


def _as_json(covered: Sequence[RuleCoverage], found: PolicyFile) -> dict[str, Json]:
    return {
        "schema": "kgate-audit-cover/1",
        "rules": [
            {
                "rule": one.rule.name,
                "path": one.rule.place.path,
                "line": one.rule.place.start.line,
                "coverage": str(one.coverage),
                "reason": one.reason,
                "gaps": [_gap_json(gap, found) for gap in one.gaps],
            }
            for one in covered
        ],
    }


def _gap_json(gap: CoverageGap, found: PolicyFile) -> dict[str, Json]:
    place = None if gap.rule is None else found.locate(f"/rules/{gap.rule}")
    return {
        "request": gap.title,
        "reason": gap.reason,
        "decided_by": None if place is None else {"path": place.path, "line": place.start.line},
    }
