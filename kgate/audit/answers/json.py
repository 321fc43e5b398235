"""Answers as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.audit.answers.result import AuditResult, left_out
from kgate.audit.queries.question import AuditAnswer, Row
from kgate.model import Json
from kgate.reports.jsontext import json_pieces

VERSION = 1


def render(result: AuditResult) -> Iterator[str]:
    """Yields one object: ``log``, ``answers`` with their rows, and ``problems``."""
    census = result.census
    value: dict[str, Json] = {
        "version": VERSION,
        "log": {
            "files": census.files,
            "events": census.events,
            "requests": census.requests,
            "duplicates": census.duplicates,
            "first": census.first,
            "last": census.last,
        },
        "answers": (_answer(one) for one in result.answers),
        "problems": list(result.problems),
    }
    yield from json_pieces(value, 2)
    yield "\n"


def _answer(answer: AuditAnswer) -> dict[str, Json]:
    return {
        "question": answer.question.id,
        "title": answer.question.title,
        "level": answer.question.level,
        "state": answer.state.value,
        "reason": answer.reason,
        "count": answer.count,
        "in_scope": answer.in_scope,
        "undecided": answer.undecided,
        "users": dict(answer.users[:100]),
        "rows": [as_mapping(answer.columns, row) for row in answer.rows],
        "more_rows": left_out(answer),
    }


def as_mapping(columns: tuple[str, ...], row: Row) -> dict[str, Json]:
    """Returns a row by the names of its columns."""
    return dict(zip(columns, row, strict=True))
