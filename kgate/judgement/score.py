"""Findings -> score per workload -> verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kgate.model import Found, Rule, Severity, Verdict

BANDS = {
    Severity.CRITICAL: (0, 29),
    Severity.HIGH: (30, 59),
    Severity.MEDIUM: (60, 89),
    Severity.LOW: (90, 100),
}
"""The lowest and the highest score of a workload whose most severe finding is of a severity."""


def score(rules: Iterable[Rule]) -> int:
    """The score, 0 to 100, of a workload in which these rules were offended; each counts once.

    The most severe rule, of those the one with the most points, sets the band; the others take their
    points off inside it, down to its floor. So another rule never raises the score, and no number of
    lesser ones moves it into another band.
    """
    distinct = {rule.id: rule for rule in rules}.values()
    ranked = sorted(distinct, key=lambda rule: (rule.severity, rule.points), reverse=True)
    if not ranked:
        return 100
    floor, ceiling = BANDS[ranked[0].severity]
    return max(floor, ceiling - sum(rule.points for rule in ranked[1:]))


def decide(found: Found, *, resources: int, fail_on: Severity | None, allow_empty: bool) -> Verdict:
    """The verdict of the gate, from what was found alone, listed or not."""
    unlisted, problems = found.unlisted, len(found.problems) + found.unlisted.problems
    below = Counter(a.score for a in found.assessments if not a.score.passed)
    below += Counter({score: count for score, count in unlisted.scores.items() if not score.passed})
    open_findings = Counter(f.rule.severity for f in found.findings if f.waiver is None) + Counter(unlisted.findings)
    severe = sum(n for severity, n in open_findings.items() if fail_on is not None and severity >= fail_on)
    empty = resources == 0 and not allow_empty
    reasons = []
    if below:
        lowest = min(below, key=lambda score: (score.value, score.is_bound))
        value = f"at most {lowest.value}" if lowest.is_bound else str(lowest.value)
        reasons.append(f"{_count(below.total(), 'workload')} under the threshold, the lowest with score {value}")
    if severe and fail_on is not None:
        reasons.append(f"{_count(severe, 'finding')} of severity {fail_on.label} or above")
    if problems:
        reasons.append(f"{_count(problems, 'problem')}: not everything could be judged")
    if empty:
        reasons.append("no Kubernetes object was found; name other paths, or pass --allow-empty if that is right")
    return Verdict(not below and not severe, bool(problems) or empty, tuple(reasons))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
