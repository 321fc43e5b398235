"""Compares the ``gates`` of two configurations: whether some resource may have to reach less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kgate.config.file import ConfigFile
from kgate.config.settings import DEFAULT_MIN_SCORE
from kgate.gates import GATE_KEYS, Match, OwnBar
from kgate.kubernetes import pss
from kgate.model import Severity

Names = tuple[str | int, ...]

_MILDEST = Severity.CRITICAL + 1
"""Stands for findings that never fail by themselves."""


def gate_changes(before: ConfigFile, after: ConfigFile) -> Iterator[tuple[Names, str]]:
    """The entries of the second configuration by which something may pass that the first one refuses, each with a
    sentence.

    An entry that is new, or states another key, must ask for as much as the first configuration does anywhere, since
    it is not known what it matches. One that is gone, or states a key no longer, must have asked for no more than all
    of the second one does.
    """
    old, new = _by_match(before.gates), _by_match(after.gates)
    if len(old) < len(before.gates) or len(new) < len(after.gates) or not _same_order(old, new):
        if before.gates != after.gates:
            yield ("gates",), "The gates are in another order, or several match the same."
        return
    for match, (number, entry) in new.items():
        gone = old.get(match)
        for key, name in GATE_KEYS.items():
            own, was = getattr(entry, name), getattr(gone[1], name) if gone else None
            if own is None and was is not None and _level_of(key, was) > _least(after, key):
                yield ("gates", number), f"A gate no longer states its {key}."
            elif own is not None and _level_of(key, own) < (_most(before, key) if was is None else _level_of(key, was)):
                yield ("gates", number, key), _sentence(key, is_new=was is None)
    for match, (_, entry) in old.items():
        if match not in new and any(_value(entry, key) > _least(after, key) for key in _stated(entry)):
            yield ("gates",), "A gate is gone that asks for more than the others."


def _sentence(key: str, *, is_new: bool) -> str:
    if is_new:
        return f"A gate that states its {key} anew asks for less than the trusted revision does somewhere."
    return f"The {key} of a gate asks for less."


def _by_match(entries: Sequence[OwnBar]) -> Mapping[Match, tuple[int, OwnBar]]:
    return {entry.match: (number, entry) for number, entry in enumerate(entries)}


def _same_order(old: Mapping[Match, object], new: Mapping[Match, object]) -> bool:
    """True if the entries that both have come in the same order."""
    return [match for match in old if match in new] == [match for match in new if match in old]


def _stated(entry: OwnBar) -> Iterator[str]:
    return (key for key, name in GATE_KEYS.items() if getattr(entry, name) is not None)


def _value(entry: OwnBar, key: str) -> int:
    return _level_of(key, getattr(entry, GATE_KEYS[key]))


def _level_of(key: str, value: object) -> int:
    """A number that grows with what a key asks for."""
    if key == "fail-on":
        return -(value if isinstance(value, Severity) else _MILDEST)
    if key == "level":
        return pss.LEVELS.index(str(value)) if value else 0
    assert isinstance(value, int)
    return value


def _everywhere(config: ConfigFile, key: str) -> Iterator[int]:
    """What a configuration asks for: of all, and in its entries."""
    top: Mapping[str, object] = {
        "min-score": DEFAULT_MIN_SCORE if config.min_score is None else config.min_score,
        "level": config.level,
        "fail-on": Severity.parse(config.fail_on) if config.fail_on else None,
        "kubernetes-version": pss.parse_version(config.kubernetes_version or "latest"),
    }
    yield _level_of(key, top[key])
    yield from (_value(entry, key) for entry in config.gates if key in _stated(entry))


def _most(config: ConfigFile, key: str) -> int:
    return max(_everywhere(config, key))


def _least(config: ConfigFile, key: str) -> int:
    return min(_everywhere(config, key))
