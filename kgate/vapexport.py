"""Exports the rules of a configuration as ValidatingAdmissionPolicies: Settings -> policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kgate.config.selection import selected_ids
from kgate.errors import ConfigError
from kgate.reports.safety import one_line
from kgate.rules import load
from kgate.rules.tuning import tuned
from kgate.vap import policies
from kgate.vap.exemptions import NotExported
from kgate.waiverfile import in_force

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.judgement.waivers import WaiverEntry
    from kgate.model import Rule


def export(settings: Settings, enforcement: policies.Enforcement, namespaces: Sequence[str]) -> policies.Export:
    """Exports the rules that a scan with these settings would use, with its waivers. Raises KgateError."""
    if settings.minor < policies.SINCE:
        message = f"Kubernetes 1.{settings.minor} does not serve ValidatingAdmissionPolicy"
        raise ConfigError(f"{message}; write --kubernetes-version 1.{policies.SINCE} or later")
    rules = tuned(load.joined(load.load(), settings.rule_folders), settings.rule_settings)
    chosen = selected_ids(rules, settings)
    entries = tuple(_entries(settings, rules))
    options = policies.ExportOptions(settings.minor, settings.waivers.today, enforcement, tuple(namespaces), entries)
    found = policies.export([rule for rule in rules if rule.id in chosen], options)
    return _inert(policies.Export(found.policies, (*found.left_out, *_of_configuration(settings))))


def _inert(found: policies.Export) -> policies.Export:
    """Returns the same with what people wrote as single lines, which a file holds as comments and a terminal shows."""
    exported = (replace(one, comments=tuple(map(_line, one.comments))) for one in found.policies)
    left_out = (NotExported(_line(one.what), _line(one.reason)) for one in found.left_out)
    return policies.Export(tuple(exported), tuple(left_out))


def _line(text: str) -> str:
    return one_line(" ".join(text.split()))


def _entries(settings: Settings, rules: Sequence[Rule]) -> Iterator[WaiverEntry]:
    """Yields the waivers that count: none of rules that nobody may waive. Raises RuleError."""
    waivers = in_force(settings.waivers, rules, is_whole=True)
    for entry in waivers.entries:
        if not any(entry.pattern_names(rule) for rule in waivers.never):
            yield entry


def _of_configuration(settings: Settings) -> Iterator[NotExported]:
    """Yields what a configuration asks of some workloads, and a policy cannot."""
    if settings.gates:
        yield NotExported("gates", "they ask for scores by path; bind policies to namespaces instead")
    if settings.waivers.file.policy.inline:
        reason = "whoever creates an object could waive what it offends; write the waiver into kgate-waivers.yaml"
        yield NotExported("annotations kgate.dev/allow", reason)
