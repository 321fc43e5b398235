"""An answer to SQL, for the formats that know answers to questions."""

from __future__ import annotations

from collections.abc import Sequence

from kgate.audit.queries.question import METADATA, AuditAnswer, AuditQuestion, RequestScope, Row, State
from kgate.audit.queries.tallies import EventListing


def sql_answer(sql: str, columns: tuple[str, ...], rows: Sequence[Row], count: int) -> AuditAnswer:
    """Returns an answer to the question ``sql``, whose title is the statement."""
    question = AuditQuestion(
        *(0, "sql", " ".join(sql.split()), METADATA, RequestScope(), "", ""),
        lambda limits, _background: EventListing(lambda _event: None, limits),
    )
    return AuditAnswer(question, State.ANSWERED, "", columns, rows, count, count, 0)
