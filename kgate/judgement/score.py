"""Findings -> score per workload -> verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from kgate.kubernetes.pss import LEVELS
from kgate.model import FailOn, Finding, Found, Problem, Rule, Score, Severity, Unlisted, Verdict, Waiver

BANDS = {
    Severity.CRITICAL: (0, 29),
    Severity.HIGH: (30, 59),
    Severity.MEDIUM: (60, 89),
    Severity.LOW: (90, 100),
}
"""The lowest and the highest score of a workload whose most severe finding is of a severity."""


def score(rules: Iterable[Rule], explicit: Collection[str] = ()) -> int:
    """The score, 0 to 100, of a workload in which these rules were offended; each counts once.

    The most severe rule, of those the one with the most points, sets the band; the others take their
    points off inside it, down to its floor. So another rule never raises the score, and no number of
    lesser ones moves it into another band. A rule in ``explicit`` (ids), which absence would offend as well but
    somebody chose to, takes its points off once more.
    """
    distinct = {rule.id: rule for rule in rules}.values()
    ranked = sorted(distinct, key=lambda rule: (rule.severity, rule.points), reverse=True)
    if not ranked:
        return 100
    floor, ceiling = BANDS[ranked[0].severity]
    chosen = sum(rule.points for rule in ranked if rule.id in explicit)
    return max(floor, ceiling - sum(rule.points for rule in ranked[1:]) - chosen)


def decisive_severity(rules: Iterable[Rule], threshold: int, explicit: Collection[str] = ()) -> Severity | None:
    """The least severity of the findings that have to go, with all that are worse, for the threshold to be reached;
    None if it is reached."""
    left = {rule.id: rule for rule in rules}.values()
    decisive = None
    for severity in reversed(Severity):
        if score((rule for rule in left if rule.severity <= severity), explicit) >= threshold:
            return decisive
        decisive = severity
    return decisive


def decisive_for_level(rules: Iterable[Rule], level: str) -> Severity | None:
    """The least severity of the findings that have to go, with all that are worse, for a Pod Security level to be
    reached; None if none of them keeps a workload from it."""
    asked = LEVELS[1 : LEVELS.index(level) + 1]
    return min((rule.severity for rule in rules if any(check.level in asked for check in rule.pss)), default=None)


def open_rules(rules: Sequence[Rule], findings: Iterable[Finding]) -> tuple[Rule, ...]:
    """The offended rules without those of which every finding is waived. Each finding has its rules among ``rules``, as
    often as there are findings; there may be others that nobody listed."""
    waived = Counter(rule.id for finding in findings if finding.waiver is not None for rule in finding.rules)
    left = Counter(rule.id for rule in rules) - waived
    return tuple(rule for rule in rules if left[rule.id])


def with_waivers(
    found: Score, rules: Sequence[Rule], findings: Sequence[Finding], explicit: Collection[str] = ()
) -> Score:
    """A score with the value of what is not waived, and with what it would be without waivers."""
    left = open_rules(rules, findings)
    waived = tuple(sorted({rule.id for rule in rules} - {rule.id for rule in left}))
    return replace(
        found,
        value=score(left, explicit),
        decisive=decisive_severity(left, found.threshold, explicit),
        without_waivers=score(rules, explicit) if waived else None,
        waived=waived,
    )


def decide(
    found: Found, *, resources: int, fail_on: Severity | None, allow_empty: bool, unjudged_passes: bool = False
) -> Verdict:
    """The verdict of the gate, from what was found alone, listed or not. With ``unjudged_passes`` what was not judged
    only counts where it leaves a workload without a score."""
    unlisted, problems = found.unlisted, len(found.problems) + found.unlisted.problems
    below = Counter(a.score for a in found.assessments if not a.passed)
    below += Counter({score: count for score, count in unlisted.scores.items() if not score.passed})
    severe = _severe(found.findings, unlisted, fail_on)
    empty = resources == 0 and not allow_empty
    reasons: list[str] = []
    if weakened := sum(finding.is_about_gate for finding in found.findings):
        reasons.append(f"the change weakens the gate in {_count(weakened, 'place')}; that decides nothing until merged")
    if found.expired:
        reasons.append(_expired(found.expired))
    if below:
        reasons += _below(below)
    for least, number in sorted(severe.items(), key=lambda item: item[0].order):
        assert least.severity is not None
        place = f", as {least.place} asks" if least.place else ""
        every = f"{_count(number, 'finding')} of severity {least.severity.label} or above{place}"
        own = f"{_count(number, f'{least.severity.label} finding')} of objects without a score"
        reasons.append(own if least.has_no_score else every)
    if problems:
        advice = _to_install(found.problems)
        reasons.append(f"{_count(problems, 'problem')}: not everything could be judged{advice}")
    unjudged = len(found.unjudged) + unlisted.unjudged
    if unjudged:
        reasons.append(_unjudged(unjudged, {one.command for one in found.unjudged if one.command}, unjudged_passes))
    if empty:
        advice = "fix the problems" if problems else "name other paths, or pass --allow-empty if that is right"
        reasons.append(f"no Kubernetes object was found; {advice}")
    incomplete = bool(problems) or empty or (unjudged > 0 and not unjudged_passes)
    passed = not (below or severe or weakened or found.expired)
    return Verdict(passed, incomplete, tuple(reasons))


def _severe(findings: Iterable[Finding], unlisted: Unlisted, fail_on: Severity | None) -> Counter[FailOn]:
    """How many findings fail by themselves, by what says so."""
    whole = FailOn(fail_on)
    severe = Counter(one.fail_on or whole for one in findings if one.fails(fail_on))
    others = Counter(unlisted.findings)
    for (severity, own), count in unlisted.gated.items():
        others[severity] -= count
        severe[own] += count if own.severity is not None and severity >= own.severity else 0
    severe[whole] += sum(count for severity, count in others.items() if fail_on is not None and severity >= fail_on)
    return +severe


def _expired(waivers: Sequence[Waiver]) -> str:
    """The reason that waivers have expired, with the first of them."""
    first = min(waivers, key=lambda waiver: (waiver.expires, waiver.place))
    owner = f", by {first.owner}" if first.owner else ""
    which = "" if len(waivers) == 1 else "the first "
    verb = "has" if len(waivers) == 1 else "have"
    place = f"{which}{first.place} on {first.expires}{owner}"
    return f"{_count(len(waivers), 'waiver')} {verb} expired: {place}; renew or remove {'it' if not which else 'them'}"


def _to_install(problems: Iterable[Problem]) -> str:
    """The advice to install what most problems come from, if it is a program that is missing."""
    advice = Counter(problem.message.rpartition("; ")[2] for problem in problems)
    most, count = max(advice.items(), key=lambda item: item[1], default=("", 0))
    return f"; {most}" if most.startswith("install ") and 2 * count > advice.total() else ""


def _below(below: Counter[Score]) -> Iterator[str]:
    """The reasons that scores which do not pass are, with how often each occurs."""
    without = sum(count for score, count in below.items() if not score.is_judged)
    known = [score for score in below if score.is_judged and score.value < score.threshold]
    if known:
        lowest = min(known, key=lambda score: score.order)
        value = f"at most {lowest.value}" if lowest.is_bound else str(lowest.value)
        under = sum(below[score] for score in known)
        places = _asking(score.threshold_place for score in known)
        yield f"{_count(under, 'workload')} under the threshold{places}, the lowest with score {value}"
    for level in LEVELS:
        missed = [score for score in below if score.is_judged and score.misses_level and score.level == level]
        if missed:
            places = _asking(score.level_place for score in missed)
            number = sum(below[score] for score in missed)
            yield f"{_count(number, 'workload')} below the Pod Security level {level}{places}"
    if without:
        yield f"{_count(without, 'workload')} without a score, as not all of it could be judged"


def _asking(places: Iterable[str]) -> str:
    """Who asks for something: lines of a configuration, or the whole scan, which alone goes without saying."""
    known = sorted({*places})
    if known == [""]:
        return ""
    named = [place or "the scan" for place in known]
    more = [f"{len(named) - _FEW_PLACES} more"] if len(named) > _FEW_PLACES else []
    return f" of {' and '.join((*named[:_FEW_PLACES], *more))}"


_FEW_PLACES = 3


def _unjudged(number: int, commands: Collection[str], passes: bool) -> str:
    """The reason that what was not judged is, with what to do."""
    what = f"{_count(number, 'part')} of what is deployed {'was' if number == 1 else 'were'} not judged"
    if passes:
        return f"{what}, which --unjudged note accepts"
    help_ = f"run {' or '.join(sorted(commands))}, or " if commands else ""
    return f"{what}; {help_}accept that with --unjudged note"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
