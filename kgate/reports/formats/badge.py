"""The badge: an SVG with the lowest score, for a README or a page of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.model import Report
from kgate.reports.presentation import Presentation

_LABEL = "kgate"
_COLOURS = {"A": "#1a7f37", "B": "#4d7c0f", "C": "#9a6700", "D": "#bc4c00", "F": "#b91c1c"}
_FAILED, _UNKNOWN = "#b91c1c", "#57606a"
_LABEL_COLOUR = "#24292f"
_NARROW, _WIDE = "fijlt.,: 1", "mwMW%"
_PADDING = 6

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {message}">
  <title>{label}: {message}</title>
  <clipPath id="kgate-badge"><rect width="{width}" height="20" rx="3"/></clipPath>
  <g clip-path="url(#kgate-badge)">
    <rect width="{left}" height="20" fill="{label_colour}"/>
    <rect x="{left}" width="{right}" height="20" fill="{colour}"/>
  </g>
  <g fill="#ffffff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">
    <text x="{label_at}" y="14" textLength="{label_length}">{label}</text>
    <text x="{message_at}" y="14" textLength="{message_length}">{message}</text>
  </g>
</svg>
"""


def render(report: Report, _presentation: Presentation) -> Iterator[str]:
    """Yields the badge, which holds no text of a manifest: the lowest score and its grade, or why there is none."""
    message, colour = _answer(report)
    label_length, message_length = _length(_LABEL), _length(message)
    left, right = label_length + 2 * _PADDING, message_length + 2 * _PADDING
    yield _SVG.format(
        width=left + right,
        left=left,
        right=right,
        label=_LABEL,
        message=message,
        colour=colour,
        label_colour=_LABEL_COLOUR,
        label_length=label_length,
        message_length=message_length,
        label_at=_PADDING + label_length / 2,
        message_at=left + _PADDING + message_length / 2,
    )


def _answer(report: Report) -> tuple[str, str]:
    """Returns the badge's text and colour, which is green only if the gate passed."""
    if report.verdict.incomplete:
        return "incomplete", _UNKNOWN
    if not report.assessments:
        return ("no workloads", _UNKNOWN) if report.verdict.passed else ("failed", _FAILED)
    known = [assessment.score for assessment in report.assessments if not assessment.score.is_bound]
    if not known:
        return ("no score", _UNKNOWN) if report.verdict.passed else ("failed", _FAILED)
    lowest = min(known, key=lambda score: score.order)
    text = f"{lowest.grade} {lowest.value}"
    return (text, _COLOURS[lowest.grade]) if report.verdict.passed else (f"failed, {text}", _FAILED)


def _length(text: str) -> int:
    """Returns the width of a text in Verdana of 11 pixels, close enough for ``textLength`` to correct the rest."""
    return round(sum(4.2 if letter in _NARROW else 10 if letter in _WIDE else 7.1 for letter in text))
