"""Lists waivers for people: who took which risk, where, why and until when, and whether that still holds."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date

from kgate.judgement.waivers import FindingPattern, RemarkPattern, ResourcePattern, WaiverEntry
from kgate.judgement.waiving import WARNING_DAYS
from kgate.model import Report, UnusedWaiver, Waiver
from kgate.reports.wording import cut, shown
from kgate.values import dataclass

FORMATS = ("table", "csv", "markdown", "html", "json")
COLUMNS = ("state", "what", "where", "why", "who", "until", "written in")
_LIMIT = 500
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """A waiver in words; ``state`` is active, ends soon, expired, or fits nothing."""

    state: str
    what: str
    where: str
    waiver: Waiver

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands below COLUMNS."""
        waiver = self.waiver
        texts = (self.state, self.what, self.where, waiver.reason, waiver.owner, waiver.expires, waiver.place)
        return tuple(shown(text, _LIMIT) for text in texts)


def rows(entries: Iterable[WaiverEntry], today: date) -> list[WaiverRow]:
    """The rows of the entries of files, in their order."""
    return [WaiverRow(_state(one, today), one.pattern.title, _where(one.pattern), one.waiver) for one in entries]


def checked(listed: Sequence[WaiverRow], report: Report, today: date) -> list[WaiverRow]:
    """The rows with what a scan shows: those that fit nothing, and the waivers in manifests that waive something."""
    unused = {f"{note.path}:{note.line}" for note in report.notes if isinstance(note, UnusedWaiver)}
    known = {row.waiver.place for row in listed}
    own = [replace(row, state="fits nothing") if row.waiver.place in unused else row for row in listed]
    found: dict[Waiver, list[str]] = {}
    objects: dict[Waiver, str] = {}
    for finding in report.findings:
        waiver = finding.waiver
        if waiver is not None and waiver.place not in known:
            found.setdefault(waiver, []).append(finding.rule.id)
            objects.setdefault(waiver, str(finding.resource))
    inline = sorted(found, key=lambda waiver: waiver.place)
    what = {waiver: ", ".join(dict.fromkeys(found[waiver])) for waiver in inline}
    return own + [WaiverRow(_ends(one, today), what[one], objects[one], one) for one in inline]


def written(listed: Iterable[WaiverRow], format_name: str) -> str:
    """The rows in a format."""
    table = [row.cells for row in listed]
    makers = {"table": _table, "csv": _csv, "markdown": _markdown, "html": _html, "json": _json}
    return makers[format_name](table)


# --------------------------------------------------------------------------------------------- in words


def _state(entry: WaiverEntry, today: date) -> str:
    return _of_end(entry.until, today)


def _ends(waiver: Waiver, today: date) -> str:
    return _of_end(date.fromisoformat(waiver.expires) if waiver.expires else None, today)


def _of_end(until: date | None, today: date) -> str:
    if until is None or (until - today).days > WARNING_DAYS:
        return "active"
    return "expired" if today > until else "ends soon"


def _where(pattern: FindingPattern | RemarkPattern) -> str:
    """What an entry says of where it holds."""
    if isinstance(pattern, RemarkPattern):
        return ", ".join(path.text for path in pattern.paths)
    parts = (
        ("", [one.text for one in pattern.paths]),
        ("", [_object(one) for one in pattern.resources]),
        ("container ", [one.text for one in pattern.containers]),
        ("field ", [one.text for one in pattern.fields]),
        ("image ", [one.text for one in pattern.images]),
        ("fingerprint ", [one[:8] for one in pattern.fingerprints]),
    )
    return "; ".join(f"{what}{', '.join(names)}" for what, names in parts if names)


def _object(pattern: ResourcePattern) -> str:
    parts = (pattern.kind, pattern.namespace, pattern.name)
    return "/".join("*" if one is None else one.text for one in parts)


# ---------------------------------------------------------------------------------------------- formats

Table = Sequence[Sequence[str]]


def _table(table: Table) -> str:
    whole = [COLUMNS, *([cut(cell, _WIDEST) for cell in row] for row in table)]
    widths = [max(len(row[column]) for row in whole) for column in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in whole)
    return "\n".join(lines)


def _csv(table: Table) -> str:
    import csv

    from kgate.reports.formats.csv import cell

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(text) for text in row] for row in table)
    return stream.getvalue().rstrip("\n")


def _markdown(table: Table) -> str:
    from kgate.reports.formats.markdown import inert

    lines = [COLUMNS, ["---"] * len(COLUMNS), *([inert(cell) for cell in row] for row in table)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _html(table: Table) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "\n".join(f"<tr>{_cells(row)}</tr>" for row in table)
    style = "body{font:14px sans-serif}td,th{border:1px solid #999;padding:4px;text-align:left}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>kgate: waivers</title>'
        f"<style>{style}</style></head>\n<body><h1>Waivers</h1>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></body>\n</html>"
    )


def _cells(row: Collection[str]) -> str:
    return "".join(f"<td>{html.escape(cell)}</td>" for cell in row)


def _json(table: Table) -> str:
    keys = [name.replace("written in", "place") for name in COLUMNS]
    return json.dumps([dict(zip(keys, row, strict=True)) for row in table], indent=2)
