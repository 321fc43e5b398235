"""Compares the waivers of a trusted revision with those of the change: what it waives besides, or for longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from kgate.judgement.waivers import FindingPattern, RemarkPattern, WaiverEntry
from kgate.model import Location
from kgate.waiverfile import WaiverFile


def waiver_changes(before: WaiverFile, after: WaiverFile) -> Iterator[tuple[Location, str]]:
    """The entries of the second one that no entry of the first one covers until the same day, each with a sentence."""
    known = [written.entry for written in before.entries]
    for written in after.entries:
        entry = written.entry
        covering = [one for one in known if _covers(one.pattern, entry.pattern)]
        if not covering:
            yield entry.location, f"The change waives {entry.pattern.title}: {entry.waiver.reason.rstrip('.')}."
        elif all(_end(one) < _end(entry) for one in covering):
            last = f"until {entry.waiver.expires}" if entry.until else "without end"
            yield entry.location, f"The change waives {entry.pattern.title} for longer, {last}."


def _end(entry: WaiverEntry) -> date:
    return entry.until or date.max


def _covers(wide: FindingPattern | RemarkPattern, narrow: FindingPattern | RemarkPattern) -> bool:
    """True if whatever fits the second pattern is sure to fit the first one."""
    if isinstance(wide, RemarkPattern) or isinstance(narrow, RemarkPattern):
        return isinstance(wide, RemarkPattern) and isinstance(narrow, RemarkPattern) and _covers_remarks(wide, narrow)
    parts = (
        (wide.paths, narrow.paths),
        (wide.resources, narrow.resources),
        (wide.containers, narrow.containers),
        (wide.fields, narrow.fields),
        (wide.images, narrow.images),
        (wide.fingerprints, narrow.fingerprints),
    )
    return {*narrow.rules} <= {*wide.rules} and all(not has or (of and {*of} <= {*has}) for has, of in parts)


def _covers_remarks(wide: RemarkPattern, narrow: RemarkPattern) -> bool:
    is_same = wide.kind is narrow.kind
    return is_same and {*narrow.causes} <= {*wide.causes} and {*narrow.paths} <= {*wide.paths}
