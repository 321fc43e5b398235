"""Matches the label selector of a generator against its parameters (Kubernetes, LabelSelector)."""

from __future__ import annotations

from collections.abc import Mapping

from kgate.gitops.fields import ObjectFields


def matches(selector: ObjectFields, labels: Mapping[str, str]) -> bool:
    """True if the parameters fulfil ``matchLabels`` and ``matchExpressions``; what is not a selector is a Problem."""
    wanted = selector.strings("matchLabels")
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_fulfils(expression, labels) for expression in selector.sections("matchExpressions"))


def _fulfils(expression: ObjectFields, labels: Mapping[str, str]) -> bool:
    key, operator = expression.needed("key"), expression.needed("operator")
    values = {value for _, value in expression.texts("values")}
    outcomes = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    if operator not in outcomes:
        expression.fault(f"{expression.name('operator')} must be In, NotIn, Exists or DoesNotExist", "operator")
    return outcomes.get(operator, True)
