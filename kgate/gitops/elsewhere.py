"""The charts that GitOps objects deploy from elsewhere, as far as kgate.lock names them, and values files in these."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.wanted import Locked, Wanted
from kgate.gitops.embedded import read_values
from kgate.gitops.fields import ObjectFields
from kgate.model import Location
from kgate.rendering import archive
from kgate.rendering.helm.release import InlineValues, Release
from kgate.rendering.helm.requests import PulledChartRequest
from kgate.repository import Repository
from kgate.values import dataclass
from kgate.yamltree.text import decode


@dataclass(frozen=True, slots=True)
class Pulled:
    """A chart from elsewhere: its entry in kgate.lock, and the place that asks for it."""

    locked: Locked
    asked: Location
    fetched: Fetched

    def request(self, release: Release) -> PulledChartRequest:
        """The request to render it."""
        return PulledChartRequest(self.locked, (release,), self.asked)

    def text(self, path: str) -> str | None:
        """The text of a file of the chart; None if it cannot be read, or if the cache lacks the chart."""
        content = self.fetched.read(self.locked)
        try:
            data = archive.read_one(content, posixpath.normpath(path)) if content is not None else None
            return decode(data) if data is not None else None
        except (archive.ArchiveError, UnicodeDecodeError):
            return None

    def values(
        self, fields: ObjectFields, where: tuple[str | int, ...], path: str, repository: Repository
    ) -> Iterator[InlineValues]:
        """The values in a file of the chart, all at the field that names it; a Problem if there are none."""
        text, place = self.text(path), fields.place(*where)
        if text is None:
            if self.fetched.read(self.locked) is not None:
                fields.fault(f"{fields.name(*where)}: {self.locked.file} holds no values file '{path}'", *where)
            return
        try:
            found = read_values(text, place, repository)
        except ValueError as error:
            fields.fault(f"{fields.name(*where)}: {self.locked.file}/{path}: {error}", *where)
        else:
            yield InlineValues(found.body, lambda _: place)


def find(wanted: Wanted, what: str, fields: ObjectFields, name: str, fetched: Fetched) -> Pulled | None:
    """The chart that a field asks for; unjudged, with what it is, if kgate.lock does not name it."""
    fields.ask(wanted, name)
    locked = fetched.find(wanted)
    if locked is None:
        fields.unjudged(f"{what} is not in this repository", name)
        return None
    return Pulled(locked, fields.place(name), fetched)
