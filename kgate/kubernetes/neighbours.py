"""Keeps what Secrets and keys of the encryption at rest hold out of the lines that reports show of other members of a
list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

from kgate.model import Batch, Json, Location, Locator, Pointer, child_pointer
from kgate.values import dataclass

ENCRYPTION_KINDS = ("EncryptionConfiguration", "EncryptionConfig")
"""Kinds that hold keys of the encryption at rest; the second name is an error of old documents that is read, too."""

_SECRETIVE = ("Secret", *ENCRYPTION_KINDS)
_WIDEST = 200
"""Columns up to which a field keeps its place in the line that is shown."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The members of a list of which some are Secrets: the lines that these have a part in, first and last."""

    lines: Sequence[tuple[int, float]]

    @classmethod
    def of(cls, document: Locator, members: Sequence[Json], pointer: Pointer, default: str) -> Neighbours | None:
        """Those of a list at ``pointer``, whose members without a kind have the default one; None without a Secret."""
        kinds = [one.get("kind") or default if isinstance(one, Mapping) else "" for one in members]
        if not any(kind in _SECRETIVE for kind in kinds):
            return None
        starts = [document.locate(child_pointer(pointer, index)).start.line for index in range(len(members))]
        pairs = zip(kinds, starts, (*starts[1:], inf), strict=True)
        return cls([(start, end) for kind, start, end in pairs if kind in _SECRETIVE])

    def shown(self, batch: Batch) -> Batch:
        """Members of the list, with no more than the field in lines that a Secret has a part in."""
        resources = (replace(one, locator=_Alone(one.locator, self)) for one in batch.resources)
        return replace(batch, resources=tuple(resources)) if batch.resources else batch

    def share(self, line: int) -> bool:
        """True if a Secret has a part in a line."""
        return any(start <= line <= end for start, end in self.lines)


@dataclass(frozen=True, slots=True)
class _Alone:
    """Locates fields of a neighbour (model.Locator)."""

    inner: Locator
    neighbours: Neighbours

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field."""
        found = self.inner.locate(pointer)
        start, end = found.start.column - 1, found.end.column - 1
        if not self.neighbours.share(found.start.line):
            return found
        region = self.inner.line(found.path, found.start.line)[start:end]
        return replace(found, snippet=" " * start + region if end <= _WIDEST else region[:_WIDEST])

    def line(self, path: str, number: int) -> str:
        """A line of the file; none that a Secret has a part in."""
        return "" if self.neighbours.share(number) else self.inner.line(path, number)

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field with its null fields; None if it is absent."""
        return self.inner.with_nulls(pointer)
