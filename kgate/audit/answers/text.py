"""Answers as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kgate.audit.answers.result import AuditResult, counted, left_out, read_in_words
from kgate.audit.queries.question import EVENT_COLUMNS, AuditAnswer, Row, State
from kgate.reports.lines import cells
from kgate.reports.wording import shown

_WIDEST = 60
_NARROWER = 2
"""Columns of events that a table leaves out: the last ones."""


def render(result: AuditResult) -> Iterator[str]:
    """Yields a table for each question, then what was read and what could not be."""
    for answer in result.answers:
        yield from _answer(answer)
    yield f"read {read_in_words(result.census)}\n"
    yield from (f"! {shown(problem, 500)}\n" for problem in result.problems)


def _answer(answer: AuditAnswer) -> Iterator[str]:
    question = answer.question
    yield f"{question.id}: {question.title}\n"
    if answer.state is State.REFUSED:
        yield f"  cannot be answered: {answer.reason}\n\n"
        return
    yield f"  {shown(counted(answer), 500)}\n"
    if answer.reason:
        yield f"  {'only partly answered: ' if answer.state is State.PARTLY else ''}{answer.reason}\n"
    if answer.rows:
        yield from _table(answer.columns, answer.rows)
    if left_out(answer):
        yield f"  {left_out(answer)} more rows; --limit raises how many are listed\n"
    yield "\n"


def _table(columns: tuple[str, ...], rows: Sequence[Row]) -> Iterator[str]:
    count = len(columns) - (_NARROWER if columns == EVENT_COLUMNS else 0)
    written = [columns[:count], *(tuple(shown(str(value), _WIDEST) for value in row[:count]) for row in rows)]
    widths = [max(cells(row[column]) for row in written) for column in range(count)]
    for row in written:
        padded = (text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(padded).rstrip()}\n"


def line(question: str, row: Row) -> str:
    """Returns a row of events as a line, for whoever follows a log."""
    return f"{question}  {'  '.join(shown(str(value), _WIDEST) for value in row[:-_NARROWER] if value != '')}"
