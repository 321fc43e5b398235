"""Gives rules the severity, points and parameters that a configuration sets (``rule-settings``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from kgate.errors import ConfigError
from kgate.model import Json, Note, Parameter, ParameterValue, Rule, Severity, parameter_json
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """What a configuration sets of one rule; None and empty where it says nothing. ``path`` is the file in reports,
    ``file`` as errors name it; ``lines`` are those of the keys, and of parameters. ``only_raises`` says that a policy
    wants the rule used, so that it can only find more and count more."""

    rule: str
    severity: Severity | None = None
    points: int | None = None
    parameters: tuple[tuple[str, ParameterValue], ...] = ()
    path: str = field(default="", compare=False)
    file: str = field(default="", compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    only_raises: bool = False

    def fault(self, key: str, message: str) -> ConfigError:
        """The error about a key."""
        return ConfigError(f"{self.file}:{self.lines[key]}: {message}")


def settings_json(settings: Iterable[RuleSetting]) -> dict[str, Json]:
    """Settings as a configuration has them, each rule with the last that is said of it."""
    found: dict[str, Json] = {}
    for setting in settings:
        entry = found.setdefault(setting.rule, {})
        entry |= {"severity": setting.severity.label} if setting.severity is not None else {}
        entry |= {"points": setting.points} if setting.points is not None else {}
        own = {name: parameter_json(value) for name, value in setting.parameters}
        entry |= {"parameters": {**entry.get("parameters", {}), **own}} if own else {}
    return found


def tuned(rules: Iterable[Rule], settings: Sequence[RuleSetting]) -> tuple[Rule, ...]:
    """The rules with what is set of them; of several settings of one rule the last holds. Raises ConfigError, at the
    line, for what fits no rule."""
    by_id = {rule.id: rule for rule in rules}
    for setting in settings:
        if setting.rule not in by_id:
            from kgate.yamltree.fields import suggestion

            hint = suggestion(setting.rule, by_id) or "; `kgate rules list` shows all"
            raise setting.fault("", f"rule-settings: no rule has the id '{setting.rule}'{hint}")
        by_id[setting.rule] = _tuned(by_id[setting.rule], setting)
    for setting in settings:
        _check_includes(by_id, setting)
    return tuple(by_id.values())


def refused(rules: Iterable[Rule], settings: Sequence[RuleSetting]) -> Iterator[Note]:
    """What settings ask for and do not get."""
    for setting in settings:
        if not setting.only_raises:
            continue
        wanted = {rule.id: rule for rule in tuned(rules, [replace(setting, only_raises=False)])}[setting.rule]
        got = {rule.id: rule for rule in tuned(rules, settings)}[setting.rule]
        for key in ("severity", "points", "parameters"):
            if key in setting.lines and getattr(wanted, key) != getattr(got, key):
                message = f"{key} of {setting.rule} stays as it is, as the policy wants"
                yield Note(setting.path, setting.lines[key], message)


def _tuned(rule: Rule, setting: RuleSetting) -> Rule:
    severity = rule.severity if setting.severity is None else setting.severity
    points = rule.points if setting.points is None else setting.points
    parameters = tuple(_parameters(rule, setting))
    if setting.only_raises:
        severity, points, parameters = max(severity, rule.severity), max(points, rule.points), rule.parameters
    return replace(rule, severity=severity, points=points, parameters=parameters)


def _parameters(rule: Rule, setting: RuleSetting) -> Iterator[Parameter]:
    values = dict(setting.parameters)
    known = {parameter.name: parameter for parameter in rule.parameters}
    for name, value in values.items():
        key = f"parameters/{name}"
        if name not in known:
            from kgate.yamltree.fields import suggestion

            has = suggestion(name, known) or (f"; it has {', '.join(known)}" if known else "; it has none")
            raise setting.fault(key, f"the rule {rule.id} has no parameter '{name}'{has}")
        if not known[name].fits(value):
            raise setting.fault(key, f"{name} of {rule.id} must be {known[name].kind}")
    for parameter in rule.parameters:
        yield replace(parameter, value=values[parameter.name]) if parameter.name in values else parameter


def _check_includes(rules: Mapping[str, Rule], setting: RuleSetting) -> None:
    """Refuses a setting by which a rule would weigh less than one that is folded into it, which would hide harm."""
    outer = [rule for rule in rules.values() if setting.rule in (rule.id, *rule.includes)]
    for rule in outer:
        for name in rule.includes:
            inner = rules[name]
            for key in ("severity", "points"):
                if key in setting.lines and getattr(inner, key) > getattr(rule, key):
                    raise setting.fault(
                        key, f"'{rule.id}' includes '{name}', and so must have at least its {key}; set it for both"
                    )
