"""The words that several report formats share: raw text, except for what ``shown`` returns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from kgate.model import (
    UNKNOWN,
    Finding,
    Location,
    Related,
    Remark,
    Rendering,
    Score,
    Uncovered,
    Verdict,
    Waiver,
    field_path,
)
from kgate.reports.safety import one_line

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
    field = cut(field_path(finding.location.pointer), 400)
    place = f"{subject(finding)}, {field}" if field else subject(finding)
    return f"{cut(finding.message.rstrip('.'), 400)} ({place})."


def offence(finding: Finding) -> str:
    """Returns the offending text of a line as one inert line, or the message of what weakens the gate."""
    if finding.is_about_gate:
        return one_line(finding.message)
    location = finding.location
    region = location.snippet[location.start.column - 1 : location.end.column - 1]
    return one_line((region or location.snippet).strip())


def fingerprints(findings: Iterable[Finding]) -> Iterator[str]:
    """Yields a fingerprint for each finding; the second finding with an equal one gets ``:2``, and so on."""
    seen: Counter[str] = Counter()
    for finding in findings:
        fingerprint = finding.fingerprint
        seen[fingerprint] += 1
        yield fingerprint if seen[fingerprint] == 1 else f"{fingerprint}:{seen[fingerprint]}"


def answer(verdict: Verdict) -> str:
    """Returns the verdict in a few words."""
    if verdict.incomplete:
        return "incomplete" if verdict.passed else "incomplete, and failed as far as judged"
    return "passed" if verdict.passed else "failed"


def shown_score(score: Score) -> str:
    """Returns the score, or what stands for one that is not known."""
    return UNKNOWN if score.is_bound else str(score.value)


_BAR_CELLS = 10


def bar(score: Score) -> str:
    """Returns ten cells, of which one is filled for every ten points of a known score."""
    filled = (score.known or 0) * _BAR_CELLS // 100
    return "█" * filled + "░" * (_BAR_CELLS - filled)


def counted(number: int, noun: str) -> str:
    """Returns a number of things: ``1 workload``, ``2,000 workloads``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def at_most(score: Score) -> str:
    """Returns what is known of a score that is not known itself; empty for a known score."""
    if not score.is_judged:
        return "not all of it could be judged"
    return f"part of a pod, at most {score.value}" if score.is_bound else ""


def acceptance(waiver: Waiver) -> str:
    """Returns why a risk was accepted, by whom and until when."""
    return f"{waiver.reason} ({waiver.owner}, until {waiver.expires})"


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


def related_places(location: Location) -> list[str]:
    """Returns the other places that have a part in a finding: ``charts/web/values.yaml:4:1 value image.tag``."""
    return [related_place(related) for related in location.related]


def related_place(related: Related) -> str:
    """Returns a related place and its part: ``charts/web/values.yaml:4:1 value image.tag``."""
    return f"{related.location} {related.message}"
