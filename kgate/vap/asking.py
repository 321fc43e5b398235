"""Rules -> CEL over what an API server knows: ``object``, and variables of the policy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from kgate.model import Parameter, Rule, parameter_json
from kgate.rules import fieldpath, variables
from kgate.rules.reads import reads
from kgate.values import dataclass
from kgate.vap.operands import bound, scoped

POD, METADATA, CONTAINERS, OFFENDING = "pod", "metadata", "containers", "offending"
"""Variables of a policy: the pod spec, the metadata of its template, all containers, and those that a rule refuses."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule asks about a kind of target: a condition in the names that kgate gives to its parts."""

    target: str
    condition: str
    names: frozenset[str]


def questions(rule: Rule, minor: int) -> Iterator[Question]:
    """Yields the expression of a rule for each of its targets, with its variables, its parameters and the Kubernetes
    version in it."""
    whole = variables.plain(rule.expression)
    for variable in reversed(rule.variables):
        whole = bound(whole, variables.plain_name(variable.name), variables.plain(variable.expression))
    for target in rule.targets:
        condition = " && ".join(_asked(whole, target, path) for path in rule.each) or whole
        names = {path[0] for path in reads((condition,)).paths}
        own = {"item": target} if "item" in names and not rule.each else {}
        constants = _constants(rule.parameters, condition, names, minor)
        yield Question(target, scoped(condition, {**constants, **own}), frozenset(names))


def _asked(expression: str, target: str, path: str) -> str:
    """Returns what is asked about the values that a path reaches. The API server writes null for some lists of objects
    that are not there, as ``rules`` of a ClusterRole."""
    condition = fieldpath.quantified(expression, target, (path,))
    first = re.split(r"[.\[]", path, maxsplit=1)[0]
    return f"(resource.?{first}.orValue(null) == null || {condition})" if target == "resource" else condition


def _constants(parameters: Iterable[Parameter], condition: str, names: Iterable[str], minor: int) -> Mapping[str, str]:
    """Returns the names of values that are the same for all objects."""
    known = {variables.parameter_name(one.name): one for one in parameters}
    used = {name: _literal(one) for name, one in known.items() if name in condition}
    return ({"minor": str(minor)} if "minor" in names else {}) | used


def _literal(parameter: Parameter) -> str:
    """Returns a value as CEL writes it, which JSON does alike; of an empty list the type is not known."""
    return json.dumps(parameter_json(parameter.value), ensure_ascii=False)


def about_object(question: Question) -> str:
    """Returns a condition on ``object`` and the variables of the policy, which may also use ``container``."""
    values = {POD: f"variables.{POD}", METADATA: f"variables.{METADATA}", "resource": "object"}
    return scoped(question.condition, {name: value for name, value in values.items() if name in question.names})
