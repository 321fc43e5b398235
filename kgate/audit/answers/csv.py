"""Answers as CSV, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kgate.audit.answers.result import AuditResult
from kgate.reports.formats.csv import cell, writer


def render(result: AuditResult) -> Iterator[str]:
    """Yields a table: a line of type ``answer`` for each question, then its rows; at the end the problems."""
    columns = dict.fromkeys(name for answer in result.answers for name in answer.columns)
    table: Any = writer(("type", "question", "state", "count", *columns, "message"))
    yield table.writeheader()
    for answer in result.answers:
        head = {"type": "answer", "question": answer.question.id, "state": answer.state.value, "count": answer.count}
        yield table.writerow({**head, "message": cell(answer.reason)})
        for row in answer.rows:
            values = zip(answer.columns, map(cell, row), strict=True)
            yield table.writerow({"type": "row", "question": answer.question.id, **dict(values)})
    for problem in result.problems:
        yield table.writerow({"type": "problem", "message": cell(problem)})
