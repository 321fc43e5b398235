"""A review of a pull request: the body of GitHub's ``POST /repos/{owner}/{repo}/pulls/{number}/reviews``.

Each comment holds a suggestion, which somebody commits with a click. GitHub takes it only at lines of the change, and
refuses the whole review for a single other line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from kgate.model import Finding, Json, Position, Replacement, Report
from kgate.reports.formats.markdown import inert
from kgate.reports.jsontext import json_pieces
from kgate.reports.presentation import Change, Presentation
from kgate.reports.wording import answer, counted
from kgate.values import dataclass

_MOST = 50
"""Comments of one review; nobody reads more."""

_FENCE = re.compile("`{3,}")


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields one JSON object in ASCII, with a line end; without comments if no fix lies on lines of the change."""
    found = list(_suggestions(report, presentation)) if presentation.change is not None else []
    fitting = [one for one in found if presentation.change is not None and one.is_within(presentation.change)]
    comments = [_comment(one) for one in islice(fitting, _MOST)]
    document = {"event": "COMMENT", "body": _body(report, presentation, found, comments), "comments": comments}
    yield from json_pieces(document, indent=2)
    yield "\n"


def _body(report: Report, presentation: Presentation, found: Sequence[_Suggestion], comments: Sequence[Json]) -> str:
    said = f"kgate: {answer(report.verdict)}"
    if presentation.change is None:
        return f"{said}. It is not known which lines the change has: scan with --diff-base or --policy-from."
    left = len(found) - len(comments)
    rest = "" if not left else f"; {left:,} more safe {'fix' if left == 1 else 'fixes'} with kgate fix"
    return f"{said}; {counted(len(comments), 'suggestion')}{rest}."


@dataclass(frozen=True, slots=True)
class _Suggestion:
    """Lines of a file, the text that takes their place, and the rules whose findings that fixes."""

    path: str
    first: int
    last: int
    text: str
    rules: Sequence[str]

    def is_within(self, change: Change) -> bool:
        """True if all of the lines are in the change."""
        pieces = change.pieces.get(self.path, ())
        return all(any(start <= line <= end for start, end in pieces) for line in range(self.first, self.last + 1))


def _comment(one: _Suggestion) -> dict[str, Json]:
    """Returns a comment, which begins with a mark that is the same for the same suggestion."""
    longest = max((len(run) for run in _FENCE.findall(one.text)), default=2)
    fence = "`" * (longest + 1)
    mark = hashlib.sha256(f"{one.path}\0{one.text}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    rules = ", ".join(f"<code>{inert(rule)}</code>" for rule in one.rules)
    text = f"{one.text}\n" if one.text else ""
    body = f"<!-- kgate-suggestion:{mark} -->\nkgate: fixes {rules}\n\n{fence}suggestion\n{text}{fence}\n"
    place: dict[str, Json] = {"path": one.path, "line": one.last, "side": "RIGHT"}
    if one.first < one.last:
        place |= {"start_line": one.first, "start_side": "RIGHT"}
    return {**place, "body": body}


def _suggestions(report: Report, presentation: Presentation) -> Iterator[_Suggestion]:
    """Yields what the safe fixes of findings make of the lines of files, in the order of the files."""
    if presentation.suggestions is None or presentation.source is None:
        return
    suggest = presentation.suggestions(report)
    files: dict[str, dict[Replacement, list[Finding]]] = {}
    for finding in report.findings:
        for one in suggest(finding) if finding.waiver is None else ():
            files.setdefault(finding.location.path, {}).setdefault(one, []).append(finding)
    for path, fixes in sorted(files.items()):
        yield from _of_file(path, presentation.source(path), fixes)


def _of_file(path: str, text: str, fixes: Mapping[Replacement, Sequence[Finding]]) -> Iterator[_Suggestion]:
    lines = text.split("\n")
    for first, last, group in _joined(fixes):
        old = "".join(f"{line}\n" for line in lines[first - 1 : last])
        new = _replaced(old, first, lines, group).removesuffix("\n")
        rules = sorted({finding.rule.id for one in group for finding in fixes[one]})
        plain = [line.removesuffix("\r") for line in new.split("\n")]
        if all(line.replace("\t", "").isprintable() for line in plain):
            yield _Suggestion(path, first, last, "\n".join(plain), rules)


def _joined(fixes: Iterable[Replacement]) -> Iterator[tuple[int, int, list[Replacement]]]:
    """Yields the first and the last line of replacements that have lines in common, with these, in their order."""
    here: list[Replacement] = []
    first = last = 0
    for one in sorted(fixes, key=lambda one: (_lines(one), one.start, one.end)):
        start, end = _lines(one)
        if here and start > last:
            yield first, last, here
            here = []
        first, last = (min(first, start), max(last, end)) if here else (start, end)
        here.append(one)
    if here:
        yield first, last, here


def _lines(one: Replacement) -> tuple[int, int]:
    """Returns the first and the last line that a replacement changes; for lines that are inserted, that before them."""
    start, end = one.start, one.end
    if start == end and start.column == 1 and start.line > 1:
        return start.line - 1, start.line - 1
    return start.line, end.line - 1 if end.column == 1 and end.line > start.line else end.line


def _replaced(old: str, first: int, lines: Sequence[str], group: Sequence[Replacement]) -> str:
    """Returns the text of some lines with its replacements, none of which overlap."""

    def offset(place: Position) -> int:
        return sum(len(line) + 1 for line in lines[first - 1 : place.line - 1]) + place.column - 1

    for one in sorted(group, key=lambda one: (one.start, one.end), reverse=True):
        old = old[: offset(one.start)] + one.text + old[offset(one.end) :]
    return old
