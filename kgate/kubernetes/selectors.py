"""Matches labels against a label selector (apimachinery, pkg/apis/meta/v1, LabelSelector)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from kgate.model import Json, Pointer
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.yamltree.fields import Fields

_Value = TypeVar("_Value")


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


def selects(selector: Mapping[str, Json], labels: Mapping[str, str]) -> bool:
    """True if a selector is right and labels match it."""
    from kgate.yamltree.fields import Fields  # few scans of a manifest need it

    faults = NoticedFaults()
    return matches(Fields(selector, "", faults), labels) and not faults.found


@dataclass(slots=True)
class NoticedFaults:
    """Notices that something is wrong (yamltree.fields.Faults)."""

    found: bool = False

    def add(self, pointer: Pointer, message: str) -> None:  # noqa: ARG002 - of the protocol
        """Notices a fault."""
        self.found = True


class LabelIndex(Generic[_Value]):
    """Finds what may select an object without trying everything: each value is kept under the rarest of the labels that
    it needs."""

    def __init__(self, values: Iterable[tuple[Mapping[str, str], _Value]]) -> None:
        """Each value comes with the labels that it needs, which may be none."""
        known = list(values)
        counts = Counter(label for needed, _ in known for label in needed.items())
        self._by_label: dict[tuple[str, str], list[_Value]] = defaultdict(list)
        self.undemanding: list[_Value] = []
        for needed, value in known:
            if needed:
                self._by_label[min(needed.items(), key=lambda label: (counts[label], label))].append(value)
            else:
                self.undemanding.append(value)

    def candidates(self, labels: Mapping[str, str]) -> Iterator[_Value]:
        """Yields the values that need one of the labels, and may need more, then those that need none."""
        for label in labels.items():
            yield from self._by_label.get(label, ())
        yield from self.undemanding
