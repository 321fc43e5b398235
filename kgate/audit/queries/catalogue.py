"""All questions."""

from __future__ import annotations

from kgate.audit.queries import cluster, identity, permissions, pods, repository, secrets
from kgate.audit.queries.question import AuditQuestion

QUESTIONS: tuple[AuditQuestion, ...] = tuple(
    sorted(
        (
            question
            for module in (pods, secrets, permissions, identity, cluster, repository)
            for question in module.QUESTIONS
        ),
        key=lambda question: question.number,
    )
)
"""In the order of their numbers."""


def find(word: str) -> AuditQuestion | None:
    """Returns the question of an id or a number; None if there is none."""
    return next((one for one in QUESTIONS if word in (one.id, str(one.number))), None)
