"""The JUnit XML report: what the test tab of Jenkins, GitLab and Azure Pipelines shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import chain, count
from typing import Literal, TypeAlias
from xml.etree import ElementTree

from kgate.model import Assessment, Finding, HiddenManifests, Note, Problem, Report, ResourceId, Unjudged, Verdict
from kgate.reports.presentation import Presentation
from kgate.reports.wording import acceptance, first_sentence, origin, related_places, shown, shown_score, summary
from kgate.values import dataclass

_LINE_LIMIT = 2_000
_FEW = 8

Outcome: TypeAlias = Literal["passed", "failure", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class _Details:
    """What a test case says: its text, and with an outcome other than passed a message and its type."""

    lines: Sequence[str]
    message: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    """A test case. ``details`` makes its texts when it is written: those of all cases of a large repository would not
    fit into memory."""

    name: str
    path: str
    outcome: Outcome = "passed"
    details: Callable[[], _Details] | None = None


def render(report: Report, _presentation: Presentation) -> Iterator[str]:
    """Yields one ``testsuites`` element, a suite for each file, with a line end."""
    totals = Counter(case.outcome for _, cases in _suites(report) for case in cases)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    head = (
        f'<testsuites name="kgate" tests="{totals.total()}" failures="{totals["failure"]}" errors="{totals["error"]}"'
    )
    if not totals:
        yield f"{head} />\n"
        return
    yield f"{head}>\n"
    for path, cases in _suites(report):
        yield _written(_suite(path, cases))
    yield "</testsuites>\n"


def _written(suite: ElementTree.Element) -> str:
    ElementTree.indent(suite, level=1)
    return f"  {ElementTree.tostring(suite, encoding='unicode')}\n"


def _line(text: str) -> str:
    return shown(text, _LINE_LIMIT)


# ---------------------------------------------------------------------------------------- suites


def _suite(path: str, cases: Sequence[_Case]) -> ElementTree.Element:
    outcomes = Counter(case.outcome for case in cases)
    attributes = {
        "name": _line(path),
        "file": _line(path),
        "tests": str(len(cases)),
        "errors": str(outcomes["error"]),
        "failures": str(outcomes["failure"]),
        "skipped": str(outcomes["skipped"]),
        "time": "0",
    }
    suite = ElementTree.Element("testsuite", attributes)
    suite.extend(_element(case) for case in _numbered(cases))
    return suite


def _element(case: _Case) -> ElementTree.Element:
    element = ElementTree.Element("testcase", {"name": case.name, "classname": _line(case.path)})
    if case.details is not None:
        details = case.details()
        attributes = {"message": details.message, "type": details.type}
        tag, attributes = ("system-out", {}) if case.outcome == "passed" else (case.outcome, attributes)
        ElementTree.SubElement(element, tag, attributes).text = "\n".join(map(_line, details.lines))
    return element


def _numbered(cases: Iterable[_Case]) -> Iterator[_Case]:
    """Yields the cases, with `` #2`` and so on where GitLab would drop a second case of the same name."""
    taken: set[str] = set()
    following: dict[str, Iterator[int]] = {}
    for case in cases:
        base = name = _line(case.name)
        while name in taken:
            name = f"{base} #{next(following.setdefault(base, count(2)))}"
        taken.add(name)
        yield replace(case, name=name)


@dataclass(frozen=True, slots=True)
class _File:
    """What a report says about one file; ``remarks`` holds the cases of its problems and notes."""

    remarks: list[_Case] = field(default_factory=list)
    assessments: list[Assessment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def weakens_gate(self) -> bool:
        """True if the scanned change weakens the gate in this file."""
        return any(finding.is_about_gate for finding in self.findings)


def _suites(report: Report) -> Iterator[tuple[str, list[_Case]]]:
    """Yields the files that have test cases, sorted, each with its cases; those that weaken the gate come first."""
    failed = {(a.location.path, a.workload) for a in report.assessments if not a.score.passed}
    for path, file in sorted(_files(report).items(), key=lambda item: (not item[1].weakens_gate, item[0])):
        of_rules = (_rule_case(findings, _fails(findings, report, failed)) for findings in _groups(file.findings))
        cases = [*file.remarks, *chain.from_iterable(map(_assessment_cases, file.assessments)), *of_rules]
        if cases:
            yield path, cases


def _files(report: Report) -> Mapping[str, _File]:
    files: defaultdict[str, _File] = defaultdict(_File)
    for problem in report.problems:
        files[problem.path].remarks.append(_problem_case(problem))
    if report.verdict.incomplete and not (report.problems or report.unjudged):
        files["."].remarks.append(_incomplete_case(report.verdict.reasons))
    for unjudged in report.unjudged:
        files[unjudged.path].remarks.append(_unjudged_case(unjudged, report.verdict))
    for note in (*report.unlisted.notes, *report.hidden):
        files[note.path].remarks.append(_note_case(note))
    for assessment in report.assessments:
        files[assessment.location.path].assessments.append(assessment)
    for finding in report.findings:
        files[finding.location.path].findings.append(finding)
    return files


def _groups(findings: Iterable[Finding]) -> Iterable[Sequence[Finding]]:
    """Returns the findings of one file by object and rule: one test each, whose name stays when lines move."""
    groups: dict[tuple[str, ResourceId, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.source, finding.resource, finding.rule.id), []).append(finding)
    return groups.values()


def _fails(findings: Sequence[Finding], report: Report, failed: Container[tuple[str, ResourceId]]) -> bool:
    """Returns True if the gate fails because of these findings of one rule in one object."""
    is_severe = report.fail_on is not None and findings[0].rule.severity >= report.fail_on
    return (
        is_severe
        or findings[0].is_about_gate
        or any((f.source, resource) in failed for f in findings for resource in f.resources)
    )


# ----------------------------------------------------------------------------------------- cases


def _problem_case(problem: Problem) -> _Case:
    def details() -> _Details:
        return _Details([str(problem)], _line(first_sentence(problem.message)), "problem")

    return _Case(
        "problem" if problem.line is None else f"problem (line {problem.line})", problem.path, "error", details
    )


def _unjudged_case(unjudged: Unjudged, verdict: Verdict) -> _Case:
    """Returns a case for what was not judged: an error, or a skipped one where the user accepts that."""

    def details() -> _Details:
        return _Details([str(unjudged)], _line(unjudged.text), "unjudged")

    return _Case(f"not judged: {unjudged.what}", unjudged.path, "error" if verdict.incomplete else "skipped", details)


def _incomplete_case(reasons: Sequence[str]) -> _Case:
    return _Case("incomplete", ".", "error", lambda: _Details(reasons, _line("; ".join(reasons)), "incomplete"))


def _note_case(note: Note) -> _Case:
    """Returns a passing case: what is not listed of a file, or hidden by it, fails nothing by itself."""
    name = "hidden manifests" if isinstance(note, HiddenManifests) else "not listed"
    return _Case(name, note.path, "passed", lambda: _Details([note.message]))


def _assessment_cases(assessment: Assessment) -> Iterator[_Case]:
    """Yields the case of a workload's score."""
    path, subject = assessment.location.path, _subject(assessment)
    if not assessment.score.passed:
        yield _Case(f"score: {subject}", path, "failure", partial(_score_details, assessment))
    else:
        yield _Case(f"{subject}: score {shown_score(assessment.score)}", path)


def _subject(assessment: Assessment) -> str:
    """Returns the workload and what it is rendered by, by which its assessments differ."""
    source = f" ({origin(assessment.renderings)})" if assessment.renderings else ""
    return f"{assessment.workload}{source}"


def _score_details(assessment: Assessment) -> _Details:
    score = assessment.score
    value = f"at most {score.value}" if score.is_bound else str(score.value)
    message = f"Score {value} is under the threshold {score.threshold} ({assessment.workload})."
    if not score.is_judged:
        message = f"No score, as not all of it could be judged ({assessment.workload})."
    level = f"grade {score.grade}, Pod Security Standards level {assessment.pss_level}"
    return _Details([str(assessment.location), level], _line(message), "score")


def _rule_case(findings: Sequence[Finding], fails: bool) -> _Case:
    """Returns the case of a rule in an object: a failure if the gate fails because of it, else a passing case with the
    findings as its output. It is skipped if every finding is waived; otherwise it shows the waived ones, too."""
    first = findings[0]
    is_waived = all(finding.waiver is not None for finding in findings)
    outcome: Outcome = "skipped" if is_waived else "failure" if fails else "passed"
    name = f"{first.rule.id}: {first.resource}"
    return _Case(name, first.location.path, outcome, partial(_rule_details, findings, is_waived))


def _rule_details(findings: Sequence[Finding], is_waived: bool) -> _Details:
    lines = list(_lines(findings))
    if is_waived:
        reasons = dict.fromkeys(acceptance(finding.waiver) for finding in findings if finding.waiver is not None)
        return _Details(lines, _line("; ".join(reasons)), "waived")
    worst = next(finding for finding in findings if finding.waiver is None)
    more = f" And {len(findings) - 1} more." if len(findings) > 1 else ""
    return _Details(lines, _line(summary(worst)) + more, worst.rule.id)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yields every place with its line, then why it matters and what to write."""
    for finding in findings:
        yield from _place(finding)
    rule = findings[0].rule
    yield f"why: {rule.message} {first_sentence(rule.rationale)}".rstrip()
    yield f"fix: {' '.join(rule.remediation.split())}"


def _place(finding: Finding) -> Iterator[str]:
    location = finding.location
    container = "" if finding.container is None else f" container {finding.container}"
    approximate = " (approximate)" if location.is_approximate else ""
    waived = "" if finding.waiver is None else f" waived: {acceptance(finding.waiver)}"
    yield f"{location}{approximate}{container}{waived}"
    yield f"    | {location.snippet.strip()}"
    yield from related_places(location)
    if finding.renderings:
        yield f"rendered by {origin(finding.renderings)}"
    if finding.also:
        yield f"also {', '.join(map(str, finding.also[:_FEW]))}"
