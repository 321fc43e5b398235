"""Answers as CSV, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kgate.audit.answers.result import AuditResult
from kgate.audit.queries.question import AuditAnswer
from kgate.reports.formats.csv import cell, writer
from kgate.reports.wording import numbered

_HEAD = ("type", "question", "state", "count")
_MESSAGE = "message"


def render(result: AuditResult) -> Iterator[str]:
    """Yields a table: a line of type ``answer`` for each question, then its rows; at the end the problems."""
    columns = dict.fromkeys(name for answer in result.answers for name in _names(answer))
    table: Any = writer((*_HEAD, *columns, _MESSAGE))
    yield table.writeheader()
    for answer in result.answers:
        names = _names(answer)
        head = {"type": "answer", "question": answer.question.id, "state": answer.state.value, "count": answer.count}
        yield table.writerow({**head, "message": cell(answer.reason)})
        for row in answer.rows:
            values = zip(names, map(cell, row), strict=True)
            yield table.writerow({"type": "row", "question": answer.question.id, **dict(values)})
    for problem in result.problems:
        yield table.writerow({"type": "problem", "message": cell(problem)})


def _names(answer: AuditAnswer) -> tuple[str, ...]:
    """The columns of an answer; one that is named like a column of the table is numbered."""
    return tuple(numbered((*_HEAD, _MESSAGE, *answer.columns)))[len(_HEAD) + 1 :]
