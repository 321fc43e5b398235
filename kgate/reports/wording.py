"""The words that several report formats share: raw text, except for what ``shown`` returns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kgate.model import (
    UNKNOWN,
    Assessment,
    EndingWaiver,
    Finding,
    Location,
    Related,
    Remark,
    Rendering,
    Report,
    Rule,
    Score,
    Setting,
    Uncovered,
    Verdict,
    Waiver,
    WorkloadChange,
    field_path,
)
from kgate.reports.presentation import Folder
from kgate.reports.safety import one_line

_ROOT = Folder()
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[^a-z])")


def first_sentence(text: str) -> str:
    """Returns the first sentence, on one line; a full stop before a lower-case letter ("e.g. this") ends none."""
    return _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)[0]


def cut(text: str, limit: int) -> str:
    """Returns the text in at most ``limit`` code points; an ellipsis shows that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(text: str, limit: int) -> str:
    """Returns the text as one inert line of at most ``limit`` code points that XML and Markdown can hold."""
    return cut(one_line(text), limit)


def subject(finding: Finding) -> str:
    """Returns what the finding is about: ``container app of Deployment/shop/web``."""
    resource = cut(str(finding.resource), 600)
    return resource if finding.container is None else f"container {cut(finding.container, 300)} of {resource}"


def summary(finding: Finding) -> str:
    """Returns a complete sentence: what is wrong, with which object and container, in which field."""
    return f"{cut(finding.message.rstrip('.'), 400)} ({place_of(finding)})."


def offence(finding: Finding) -> str:
    """Returns the offending text of a line as one inert line, or the message of what weakens the gate."""
    if finding.is_about_gate:
        return one_line(finding.message)
    location = finding.location
    region = location.snippet[location.start.column - 1 : location.end.column - 1]
    return one_line((region or location.snippet).strip())


def place_of(finding: Finding) -> str:
    """Returns the object, the container and the field: ``container app of Deployment/shop/web, spec.hostPID``."""
    field = cut(field_path(finding.location.pointer), 400)
    return f"{subject(finding)}, {field}" if field else subject(finding)


def diagnosis(finding: Finding) -> str:
    """Returns what is wrong and what to write, in two sentences."""
    return f"{cut(finding.message.rstrip('.'), 400)}. {correction(finding.rule)}".rstrip()


def correction(rule: Rule) -> str:
    """Returns what to write in a sentence: ``Fix: privileged: false.``"""
    fix = rule.instead or first_sentence(rule.remediation)
    return f"Fix: {fix.rstrip('.')}." if fix else ""


def fingerprints(findings: Iterable[Finding]) -> Iterator[str]:
    """Yields a fingerprint for each finding, no two of them equal."""
    return numbered(finding.fingerprint for finding in findings)


def numbered(names: Iterable[str]) -> Iterator[str]:
    """Yields each name; the second of equal ones with ``:2``, and so on."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}:{seen[name]}"


def answer(verdict: Verdict) -> str:
    """Returns the verdict in a few words."""
    if verdict.incomplete:
        return "incomplete" if verdict.passed else "incomplete, and failed as far as judged"
    return "passed" if verdict.passed else "failed"


def shown_score(score: Score) -> str:
    """Returns the score, or what stands for one that is not known."""
    return UNKNOWN if score.is_bound else str(score.value)


def graded(score: Score) -> str:
    """Returns the score with its grade, and with what it would be if no rule were ignored, and nothing waived:
    ``80 B (29 F without ignore: privileged-container)``."""
    known = UNKNOWN if score.is_bound else f"{score.value} {score.grade}"
    other = without(score)
    return f"{known} ({other})" if other else known


def needs(score: Score) -> str:
    """Returns what a score that does not pass has to reach, with the lines of ``gates`` that ask for it:
    ``90 (kgate.yaml:12) and PSS restricted``."""
    parts = [f"{score.threshold}{_by(score.threshold_place)}"]
    if score.misses_level:
        parts = parts[: score.value < score.threshold]
        parts.append(f"PSS {score.level}{_by(score.level_place)}")
    return " and ".join(parts)


def _by(place: str) -> str:
    return f" ({one_line(place)})" if place else ""


def refused_by(findings: Iterable[Finding]) -> str:
    """Returns which entries of ``gates`` some findings fail by, whatever the score is: ``fails on high
    (kgate.yaml:12)``; empty if none does."""
    own = {one.fail_on for one in findings if one.fail_on is not None and one.fail_on.place and one.fails(None)}
    ranked = sorted(own, key=lambda one: one.order)
    named = [f"{one.severity.label}{_by(one.place)}" for one in ranked if one.severity is not None]
    return f"fails on {' and '.join(named)}" if named else ""


def without(score: Score) -> str:
    """Returns what a score would be if no rule were ignored, and what if nothing were waived: ``29 F without ignore:
    privileged-container; 12 F without waivers: host-pid``; empty if neither makes a difference."""
    others = (
        (score.without_ignoring, "ignore", score.ignored),
        (score.without_waivers, "waivers", score.waived),
    )
    known = ((_other(score, value), what, ids) for value, what, ids in others if value is not None)
    return "; ".join(f"{value} without {what}: {', '.join(ids)}" for value, what, ids in known)


def _other(score: Score, value: int) -> str:
    """Returns another value of a score, with its grade."""
    other = replace(score, value=value, is_bound=False)
    return f"at most {value}" if score.is_bound else f"{value} {other.grade}"


BAR_CELLS = 10


def filled_cells(score: Score) -> int:
    """Returns how many of BAR_CELLS the bar of a score fills: one for every ten whole points of a known score, so that
    only 100 fills all."""
    return (score.known or 0) * BAR_CELLS // 100


def bar(score: Score) -> str:
    """Returns the bar of a score in text."""
    filled = filled_cells(score)
    return "█" * filled + "░" * (BAR_CELLS - filled)


def settings(report: Report, folder: Folder = _ROOT) -> list[str]:
    """Returns what makes the report another one than the defaults would: each setting that somebody set with its
    source, the configuration's file and revision, and what ignore files hide. Paths start at the folder."""
    found = [f"{one.name} {one.text} ({_source(one, folder)})" for one in report.settings if not one.is_default]
    if report.configuration.path:
        shown_path = folder.path(report.configuration.path)
        found.append(f"configuration: {replace(report.configuration, path=shown_path)}")
    return found + _hidden(report, folder)


def _source(setting: Setting, folder: Folder) -> str:
    """Returns what set a setting; a line of a file with its path."""
    return folder.path(setting.source) if ":" in setting.source else setting.source


def _hidden(report: Report, folder: Folder) -> list[str]:
    """Returns how many manifests ignore files hide, and the first of their lines; empty if they hide none."""
    notes = report.hidden
    if not notes:
        return []
    places = [folder.path(note.path if note.line is None else f"{note.path}:{note.line}") for note in notes]
    more = f" and {len(places) - _FEW_LINES} more lines" if len(places) > _FEW_LINES else ""
    count = counted(sum(note.manifests for note in notes), "manifest")
    return [f"{count} hidden by {', '.join(places[:_FEW_LINES])}{more}"]


_FEW_LINES = 3


def ignoring(report: Report) -> list[str]:
    """Returns how many workloads pass only because rules are ignored, and how many because findings are waived, with
    these rules; and how many waivers end soon. Empty if none does."""
    counts = Counter(one.score for one in report.assessments) + Counter(report.unlisted.scores)
    by_ignoring = [(one, one.without_ignoring or 0, one.ignored) for one in counts if one.rests_on_ignoring]
    by_waivers = [(one, one.without_waivers or 0, one.waived) for one in counts if one.rests_on_waivers]
    passing = (*_passing_only_by("ignore", by_ignoring, counts), *_passing_only_by("waivers", by_waivers, counts))
    return [*passing, *_ending(report)]


def _ending(report: Report) -> Iterator[str]:
    """Yields how many waivers end soon, and the place of the first; nothing if none does."""
    ending = [note for note in report.notes if isinstance(note, EndingWaiver)]
    if ending:
        first = f"{ending[0].path}:{ending[0].line}"
        yield (
            f"1 waiver ends soon ({first})" if len(ending) == 1 else f"{len(ending):,} waivers end soon (first {first})"
        )


def _passing_only_by(
    what: str, scores: Sequence[tuple[Score, int, Sequence[str]]], counts: Mapping[Score, int]
) -> Iterator[str]:
    """Yields how many workloads with these scores pass, each given with what it would be otherwise and the rules that
    it owes that to; nothing if there are none."""
    if not scores:
        return
    number = sum(counts[score] for score, _, _ in scores)
    names = sorted({name for _, _, ids in scores for name in ids})
    lowest = Score(min(value for _, value, _ in scores), 0)
    passes, which = ("passes", "") if number == 1 else ("pass", "the lowest ")
    only = f"{counted(number, 'workload')} {passes} only by {what}: {', '.join(names)}"
    yield f"{only} ({which}{lowest.value} {lowest.grade} without)"


def allowances(report: Report) -> list[str]:
    """Returns what passes only because somebody accepts it: known findings, and what ignored rules hide."""
    return [*known(report), *ignoring(report)]


def known(report: Report) -> list[str]:
    """Returns how many findings a baseline accepts, and how many it need not any more; empty if there are none."""
    compared = report.compared
    if compared is None:
        return []
    if compared.changes is not None:
        gone = f", {compared.gone:,} gone" if compared.gone is not None else ""
        return [f"since {compared.title}: {counted(compared.new, 'new finding')}, {compared.known:,} known{gone}"]
    found = [f"{counted(compared.known, 'known finding')} accepted by {compared.title}"] if compared.known else []
    found += [f"{counted(compared.gone, 'known finding')} gone: kgate baseline shrink"] if compared.gone else []
    return found


def counted(number: int, noun: str) -> str:
    """Returns a number of things: ``1 workload``, ``2,000 workloads``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def at_most(score: Score) -> str:
    """Returns what is known of a score that is not known itself; empty for a known score."""
    if not score.is_judged:
        return "not all of it could be judged"
    if score.is_accepted:
        return f"not all of it could be judged, which is accepted: at most {score.value}"
    return f"part of a pod, at most {score.value}" if score.is_bound else ""


def acceptance(waiver: Waiver) -> str:
    """Returns why a risk was accepted, by whom and until when, as far as that is said."""
    details = ", ".join((*filter(None, (waiver.owner,)), *((f"until {waiver.expires}",) if waiver.expires else ())))
    return f"{waiver.reason} ({details})" if details else waiver.reason


def remark_sentence(remark: Remark) -> str:
    """Returns what a problem, a note or an entry of what is not judged says as a sentence."""
    return remark.text if remark.text.endswith(".") else f"{remark.text}."


def uncovered(found: Uncovered) -> str:
    """Returns how many objects no rule judges, RBAC apart; empty if there is none."""
    if not found.objects:
        return ""
    rbac = f", {found.rbac:,} of them RBAC" if found.rbac else ""
    return f"{counted(found.objects, 'object')} that no rule is about{rbac}"


def origin(renderings: Iterable[Rendering]) -> str:
    """Returns what something was rendered by: ``helm charts/web (values ci/a.yaml); kustomize overlays/prod``."""
    labels: dict[str, list[str]] = {}
    for rendering in renderings:
        label = f"for {rendering.requested_by}" if rendering.requested_by else rendering.variant
        label = ", ".join(part for part in (label, rendering.given) if part)
        labels.setdefault(f"{rendering.tool} {shown_folder(rendering.path)}", []).append(label)
    return "; ".join(_labelled(source, found) for source, found in labels.items())


def shown_folder(path: str) -> str:
    """Returns a path that nobody takes for the end of a sentence."""
    return "./" if path == "." else path


def short_origin(renderings: Iterable[Rendering]) -> str:
    """Returns the origin for a table: a GitOps object is named without its place."""
    return origin(replace(one, requested_by=one.requested_by.rpartition(" ")[0]) for one in renderings)


def _labelled(source: str, labels: list[str]) -> str:
    if labels == [""]:
        return source
    named = [label or "default values" for label in labels]
    more = f" and {len(named) - _FEW_LABELS} more" if len(named) > _FEW_LABELS else ""
    return f"{source} ({', '.join(named[:_FEW_LABELS])}{more})"


_FEW_LABELS = 4


def change(one: WorkloadChange) -> str:
    """Returns what became of a workload: ``80 B → 12 F, 1 new finding``."""
    before, after = (
        UNKNOWN if value is None else f"{value} {Score(value, 0).grade}" for value in (one.before, one.after)
    )
    if one.is_gone:
        return f"gone (was {before})"
    scores = f"new, {after}" if one.is_new else after if before == after else f"{before} → {after}"
    counts = [counted(one.new, "new finding")] if one.new else []
    counts += [f"{one.gone:,} gone"] if one.gone else []
    counts += [f"moved from {one.moved_from}"] if one.moved_from else []
    return ", ".join((scores, *counts))


def standing(finding: Finding) -> str:
    """Returns ``new`` or ``known`` if the scan was compared with something; empty otherwise."""
    return "" if finding.is_new is None else "new" if finding.is_new else "known"


def was(assessment: Assessment) -> str:
    """Returns the score that a workload had, if that is another one: ``was 45``."""
    before = assessment.before
    return "" if before is None or before == assessment.score.value else f"was {before}"


def related_places(location: Location) -> list[str]:
    """Returns the other places that have a part in a finding: ``charts/web/values.yaml:4:1 value image.tag``."""
    return [related_place(related) for related in location.related]


def decisive_places(location: Location) -> list[str]:
    """Returns the two places that say most of a finding: of a way what comes after the service account."""
    places = related_places(location)
    is_way = len(places) > 2 and location.related[0].step > 0
    return places[1:3] if is_way else places[:2]


def related_branches(location: Location, most: int | None = None) -> list[tuple[str, str]]:
    """Returns the other places that have a part in a finding, each with what stands before it, so that the steps of a
    way are a tree; at most so many that are no steps."""
    plain = [one for one in location.related if not one.step][:most]
    steps = [one for one in location.related if one.step]
    first = min((one.step for one in steps), default=0)
    signs = ["← " if one.step == first else f"{'  ' * (one.step - first)}└ " for one in steps]
    return [*(("← ", related_place(one)) for one in plain), *zip(signs, map(related_place, steps), strict=True)]


def related_place(related: Related) -> str:
    """Returns a related place and its part: ``charts/web/values.yaml:4:1 value image.tag``."""
    return f"{related.location} {related.message}"
