"""Groups what is waived by waiver: who took which risk, why and until when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kgate.model import Accepted, Finding, Note, Report, Waiver
from kgate.reports.wording import acceptance
from kgate.values import dataclass

_FEW = 3


@dataclass(frozen=True, slots=True)
class WaivedGroup:
    """What one waiver waives: rules, or what is said of files, and the first objects or places that have it."""

    waiver: Waiver
    what: Sequence[str]
    where: Sequence[str]

    @property
    def what_text(self) -> str:
        """What is waived, in a line."""
        return _some(self.what)

    @property
    def where_text(self) -> str:
        """Where it is waived, in a line."""
        return _some(self.where)


def waived_groups(report: Report) -> list[WaivedGroup]:
    """Returns what is waived, by waiver in the order of their places."""
    found: dict[Waiver, tuple[dict[str, None], dict[str, None]]] = {}
    for waiver, what, where in (*_of_findings(report.findings), *_of_remarks(report.accepted)):
        names, places = found.setdefault(waiver, ({}, {}))
        names[what] = None
        places[where] = None
    ordered = sorted(found, key=lambda waiver: (_numbered(waiver.place), waiver.reason, waiver.owner, waiver.expires))
    return [WaivedGroup(waiver, tuple(found[waiver][0]), tuple(found[waiver][1])) for waiver in ordered]


def _of_findings(findings: Iterable[Finding]) -> Iterable[tuple[Waiver, str, str]]:
    return ((one.waiver, one.rule.id, str(one.resource)) for one in findings if one.waiver is not None)


def _of_remarks(accepted: Iterable[Accepted]) -> Iterable[tuple[Waiver, str, str]]:
    return ((one.waiver, one.remark.text, one.remark.path) for one in accepted)


def _numbered(place: str) -> tuple[str, int]:
    """A place with its line as a number, by which places are in the order of the file."""
    path, _, line = place.rpartition(":")
    return (path, int(line)) if line.isdecimal() else (place, 0)


def accepted_notes(report: Report) -> list[Note]:
    """Returns what is accepted of problems and of what is not judged, each with why, by whom and until when."""
    return [
        Note(one.remark.path, one.remark.line, f"accepted: {acceptance(one.waiver)}: {one.remark.text}")
        for one in report.accepted
    ]


def waived_count(report: Report) -> str:
    """Returns how much is waived and accepted: ``2 waived, 1 accepted``; empty if nothing is."""
    found = ((report.waived, "waived"), (len(report.accepted), "accepted"))
    return ", ".join(f"{number:,} {word}" for number, word in found if number)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
