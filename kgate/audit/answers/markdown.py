"""Answers as Markdown, for an issue or a step summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kgate.audit.answers.result import AuditResult, counted, left_out, read_in_words
from kgate.audit.queries.question import AuditAnswer, State
from kgate.reports.formats.markdown import inert


def render(result: AuditResult) -> Iterator[str]:
    """Yields a section with a table for each question."""
    for answer in result.answers:
        yield from _section(answer)
    yield f"Read {inert(read_in_words(result.census))}.\n"
    if result.problems:
        yield "\n"
        yield from (f"- {inert(problem)}\n" for problem in result.problems)


def _section(answer: AuditAnswer) -> Iterator[str]:
    yield f"## {answer.question.title}\n\n"
    if answer.state is State.REFUSED:
        yield f"Cannot be answered: {inert(answer.reason)}.\n\n"
        return
    yield f"{inert(counted(answer))}\n\n"
    if answer.reason:
        yield f"{'Only partly answered: ' if answer.state is State.PARTLY else ''}{inert(answer.reason)}\n\n"
    if answer.rows:
        yield _line(answer.columns)
        yield _line("---" for _ in answer.columns)
        yield from (_line(inert(str(value)) for value in row) for row in answer.rows)
        yield "\n"
    if left_out(answer):
        yield f"{left_out(answer)} more rows.\n\n"


def _line(values: Iterable[str]) -> str:
    return f"| {' | '.join(values)} |\n"
