"""Which Pod Security level a namespace could enforce, by the workloads that a scan sees in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kgate.kubernetes.podsecurity import EnforcedLevel
from kgate.kubernetes.pss import ENFORCE, LEVELS
from kgate.kubernetes.scopes import closest
from kgate.model import Note


def raisable(enforced: Iterable[EnforcedLevel], reached: Iterable[tuple[str, str, str]], minor: int) -> Iterator[Note]:
    """Yields a note for each label that could ask for more without refusing a workload. ``reached`` has namespaces,
    each with the file of a workload in it and the level that this reaches by the checks of a 1.x version: only labels
    that are about the same checks count."""
    labels: dict[str, list[EnforcedLevel]] = defaultdict(list)
    for one in enforced:
        labels[one.namespace].append(one)
    levels: dict[EnforcedLevel, set[str]] = defaultdict(set)
    for namespace, path, level in reached:
        for one in closest(labels.get(namespace, ()), lambda label: label.path, path):
            levels[one].add(level)
    for one, found in levels.items():
        if one.is_labelled and one.minor == minor:
            yield from _note(one, found)


def _note(enforced: EnforcedLevel, levels: set[str]) -> Iterator[Note]:
    lowest = min(levels, key=LEVELS.index) if levels and levels.issubset(LEVELS) else LEVELS[0]
    if LEVELS.index(lowest) > LEVELS.index(enforced.level):
        place = enforced.place.location
        what = f"Namespace/{enforced.namespace} enforces {enforced.level}"
        message = f"{what}, and every workload that was judged in it would pass {lowest} as it is written"
        yield Note(place.path, place.start.line, f"{message}; write {ENFORCE}: {lowest}")
