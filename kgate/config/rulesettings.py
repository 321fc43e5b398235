"""Reads ``rule-settings``: severity, points and parameters of rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kgate.model import Severity
from kgate.rules.rulefile import parameter_value
from kgate.rules.tuning import RuleSetting

if TYPE_CHECKING:
    from kgate.yamltree.fields import FileFields

RULE_SETTING_FIELDS = ("severity", "points", "parameters")


def read_rule_settings(fields: FileFields, shown: str) -> Iterator[RuleSetting]:
    """The entries of ``rule-settings``, of which each rule has one; ``shown`` is the file's name in reports. Raises the
    error of the file."""
    section = fields.section("rule-settings")
    for rule in section.root.fields or ():
        entry = section.section(rule)
        entry.only(RULE_SETTING_FIELDS)
        if not any(entry.has(key) for key in RULE_SETTING_FIELDS):
            section.fault(f"{section.name(rule)} sets nothing; write severity, points or parameters", rule)
        severity = entry.one_of("severity", [one.label for one in reversed(Severity)])
        parameters = entry.section("parameters")
        lines = {key: entry.line(key) for key in RULE_SETTING_FIELDS if entry.has(key)}
        names = {f"parameters/{name}": parameters.line(name) for name in parameters.root.fields or ()}
        yield RuleSetting(
            rule,
            Severity.parse(severity) if severity else None,
            entry.number("points", 1, 10),
            tuple((name, parameter_value(parameters, name)) for name in parameters.root.fields or ()),
            shown,
            fields.faults.path,
            {"": section.line(rule), **lines, **names},
        )
