"""Makes a component of the settings that somebody wrote, whatever they were written in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import field

from kgate.kubernetes.components import flags, mounts
from kgate.kubernetes.components.component import Component, Components, Hint, WrittenSetting, shortened
from kgate.kubernetes.components.flags import Flag
from kgate.kubernetes.components.mounts import FileMount
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Container, Gap, Json, Pod, Pointer, json_text
from kgate.values import dataclass

CONFIG_FILES = {"kubelet": "config", "kube-proxy": "config", "kube-scheduler": "config", "etcd": "config-file"}
"""The flag that names a file with further settings, which are then not those of the program's defaults."""

MAX_HINTS = 20
"""Unknown flags of one component that are listed."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Where the settings of a component stand: ``pointer`` is where a missing one would be added. ``tool`` is what
    installs the program, with defaults of its own (defaults.json). ``mounts`` are what its container sees of the node;
    None if it runs without one, or if nobody knows. ``facts`` is known besides (Component)."""

    pointer: Pointer
    tool: str = ""
    is_whole: bool = True
    pod: Pod | None = None
    container: Container | None = None
    mounts: Sequence[FileMount] | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)


def assemble(name: str, minor: int, written: Iterable[WrittenSetting], owner: Owner) -> Components:
    """Returns a component with what of its settings cannot be read. ``minor`` is its version, as in Component; one that
    is newer than any that is known counts as the newest."""
    minor = min(minor, flags.NEWEST_ETCD if name == "etcd" else NEWEST_MINOR)
    reading = _Reading(name, minor)
    for one in written:
        reading.add(one)
    is_whole = owner.is_whole and CONFIG_FILES.get(name) not in reading.places
    settings = {**flags.defaults(name, minor, owner.tool), **reading.settings} if is_whole else reading.settings
    for setting in reading.unknown:
        settings.pop(setting, None)
    facts, places = dict(owner.facts), reading.places
    if owner.mounts is not None and not settings.keys().isdisjoint(mounts.FLAGS):
        facts["mounts"] = mounts.facts(settings, owner.mounts)
        places = {**places, **mounts.places(settings, owner.mounts)}
    component = Component(
        name,
        minor,
        settings,
        places,
        owner.pointer,
        frozenset(reading.unknown),
        is_whole,
        owner.pod,
        owner.container,
        facts,
    )
    return Components((component,), tuple(reading.gaps), hints=tuple(reading.hints))


class _Reading:
    """The settings of a component that were read so far."""

    def __init__(self, name: str, minor: int) -> None:
        self._name = name
        self._minor = minor
        self._flags = flags.flags(name)
        self.settings: dict[str, Json] = {}
        self.places: dict[str, Pointer] = {}
        self.unknown: set[str] = set()
        self.gaps: list[Gap] = []
        self.hints: list[Hint] = []

    def add(self, one: WrittenSetting) -> None:
        """Adds a setting; a flag that is given twice holds the last value, or both."""
        flag = self._flags.get(one.name)
        if flag is None or self._minor not in flag:
            if len(self.hints) < MAX_HINTS and flags.is_known(self._name, self._minor):
                self.hints.append(Hint(one.pointer, flags.complaint(self._name, one.name, self._minor)))
            return
        self.places[one.name] = one.pointer
        if not one.is_known:
            self.unknown.add(one.name)
            return
        try:
            value = flags.parsed(flag, one.value) if isinstance(one.value, str) else one.value
        except ValueError as error:
            self.unknown.add(one.name)
            self.gaps.append(Gap(one.pointer, _refusal(self._name, one, str(error))))
            return
        self._put(one.name, flag, value)

    def _put(self, name: str, flag: Flag, value: Json) -> None:
        before = self.settings.get(name)
        if flag.grows and isinstance(before, list) and isinstance(value, list):
            before += value
        elif flag.grows and isinstance(before, dict) and isinstance(value, dict):
            before |= value
        else:
            self.settings[name] = copy(value)
        if not flag.grows:
            self.unknown.discard(name)


def _refusal(component: str, one: WrittenSetting, wanted: str) -> str:
    value = shortened(json_text(one.value))
    return f'--{one.name} of {component} is "{value}"; it must be {wanted}, or {component} does not start'
