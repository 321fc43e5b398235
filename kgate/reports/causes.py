"""Groups what is said about files by its cause, so that a report says each cause once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from kgate.model import Remark, Unjudged
from kgate.values import dataclass

Said = TypeVar("Said", bound=Remark)

_MOST_DIFFERENT = 3
"""Words in which two messages of one cause may differ: names, versions, URLs."""

_MOST_ALIKE = 50
"""Causes of one length that a message is compared with."""

_GAP = "…"


@dataclass(frozen=True, slots=True)
class Cause(Generic[Said]):
    """Remarks that say the same about several files. ``text`` is what all of them say, with an ellipsis where they
    name something else."""

    text: str
    remarks: Sequence[Said]


def causes(remarks: Iterable[Said]) -> list[Cause[Said]]:
    """Returns the causes of remarks, in the order of their first remarks."""
    found: dict[tuple[str, int], list[_Group[Said]]] = {}
    groups: list[_Group[Said]] = []
    for remark in remarks:
        words = tuple(remark.message.split())
        command = remark.command if isinstance(remark, Unjudged) else ""
        alike = found.setdefault((command, len(words)), [])
        group = next((one for one in alike[:_MOST_ALIKE] if one.takes(words)), None)
        if group is None:
            group = _Group(words, [])
            alike.append(group)
            groups.append(group)
        group.add(remark, words)
    return [Cause(" ".join(group.words), tuple(group.remarks)) for group in groups]


@dataclass(slots=True)
class _Group(Generic[Said]):
    words: tuple[str, ...]
    remarks: list[Said]

    def takes(self, words: tuple[str, ...]) -> bool:
        """True if a message of as many words differs in a few of them only."""
        different = sum(own != other for own, other in zip(self.words, words, strict=True))
        return different <= min(_MOST_DIFFERENT, len(words) // 2)

    def add(self, remark: Said, words: tuple[str, ...]) -> None:
        """Adds a remark; words in which it differs become gaps."""
        pairs = zip(self.words, words, strict=True)
        self.words = tuple(own if own == other else _GAP for own, other in pairs)
        self.remarks.append(remark)
