"""The words that several report formats share; raw text, but for what ``shown`` returns."""

from __future__ import annotations

import re

from kgate.model import Finding, Problem, Waiver, field_path
from kgate.reports.safety import one_line

_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[^a-z])")

_NONCHARACTER = re.compile("[\ufffe\uffff]")
"""XML 1.0 forbids them, cmark makes invalid UTF-8 of them."""


def first_sentence(text: str) -> str:
    """The first sentence, on one line; a full stop before a small letter ("e.g. this") ends none."""
    return _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)[0]


def cut(text: str, limit: int) -> str:
    """The text in at most ``limit`` code points; an ellipsis shows that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(text: str, limit: int) -> str:
    """The text as one inert line of at most ``limit`` code points, all of which XML and Markdown can hold."""
    return cut(_NONCHARACTER.sub("\N{REPLACEMENT CHARACTER}", one_line(text)), limit)


def subject(finding: Finding) -> str:
    """What the finding is about: ``container app of Deployment/shop/web``."""
    resource = cut(str(finding.resource), 600)
    return resource if finding.container is None else f"container {cut(finding.container, 300)} of {resource}"


def summary(finding: Finding) -> str:
    """One sentence that stands alone: what is wrong, of which object and container, in which field."""
    field = cut(field_path(finding.location.pointer), 400)
    place = f"{subject(finding)}, {field}" if field else subject(finding)
    return f"{cut(finding.message.rstrip('.'), 400)} ({place})."


def acceptance(waiver: Waiver) -> str:
    """Why a risk was accepted, by whom and until when."""
    return f"{waiver.reason} ({waiver.owner}, until {waiver.expires})"


def problem_sentence(problem: Problem) -> str:
    """The message of a problem, ended as a sentence."""
    return problem.message if problem.message.endswith(".") else f"{problem.message}."
