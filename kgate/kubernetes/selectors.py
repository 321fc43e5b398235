"""Matches labels against a label selector (apimachinery, pkg/apis/meta/v1, LabelSelector)."""

from __future__ import annotations

from collections.abc import Mapping

from kgate.yamltree.fields import Fields


def matches(selector: Fields, labels: Mapping[str, str]) -> bool:
    """True if labels match ``matchLabels`` and ``matchExpressions``; reports errors in the selector as faults."""
    wanted = selector.strings("matchLabels")
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_fulfils(expression, labels) for expression in selector.sections("matchExpressions"))


def _fulfils(expression: Fields, labels: Mapping[str, str]) -> bool:
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
