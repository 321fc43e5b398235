"""What rules are asked about a program of a cluster: its settings, under the names of its flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from kgate.model import Container, Gap, Json, Pod, Pointer
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    """A program of the control plane or of a node, as a resource starts or configures it.

    ``minor`` is its version: 1.x of Kubernetes, 3.x of etcd. ``settings`` holds what its flags hold, or what stands for
    them in a configuration, and the defaults of that version; ``places`` the pointers of those that are written.
    ``pointer`` is where a missing one would be added. ``unknown`` names settings whose value is not known. Without
    ``is_whole``, what is not written comes from elsewhere, and is not the resource's fault. ``facts`` is what else is
    known, as rules see it: ``mounts``, by flag what the file that it names stands for (mounts.facts), and
    ``defaultPolicy``, the level of the audit policy that a tool writes.
    """

    name: str
    minor: int
    settings: Mapping[str, Json]
    places: Mapping[str, Pointer]
    pointer: Pointer
    unknown: frozenset[str] = frozenset()
    is_whole: bool = True
    pod: Pod | None = None
    container: Container | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hint:
    """What a reader should know of a part of a resource, in words."""

    pointer: Pointer
    message: str


@dataclass(frozen=True, slots=True)
class Components:
    """The components of a resource. ``gaps`` are settings that no such program accepts, ``unread`` the parts of which
    nobody knows what they set, and ``hints`` say what has no effect, or what is taken for granted."""

    components: tuple[Component, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unread: tuple[Hint, ...] = ()
    hints: tuple[Hint, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable[Components]) -> Components:
        """Returns all parts as one."""
        every = tuple(parts)
        return cls(
            tuple(one for part in every for one in part.components),
            tuple(one for part in every for one in part.gaps),
            tuple(one for part in every for one in part.unread),
            tuple(one for part in every for one in part.hints),
        )


@dataclass(frozen=True, slots=True)
class WrittenSetting:
    """A setting as somebody wrote it, under the name of the flag: the text of the flag, or a value of a configuration.
    ``is_known`` is False if only the cluster knows the value."""

    name: str
    value: Json
    pointer: Pointer
    is_known: bool = True


_LONGEST_SHOWN = 60


def shortened(text: str) -> str:
    """Returns a text as messages quote it."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
