"""The JUnit XML report: what the test tab of Jenkins, GitLab and Azure Pipelines shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import count
from typing import Literal, TypeAlias
from xml.etree import ElementTree

from kgate.model import (
    Accepted,
    Assessment,
    Finding,
    HiddenManifests,
    Note,
    Problem,
    Report,
    ResourceId,
    Unjudged,
    Verdict,
)
from kgate.reports.blocks import decisive, failing
from kgate.reports.links import project_path
from kgate.reports.presentation import Presentation
from kgate.reports.wording import (
    acceptance,
    allowances,
    at_most,
    correction,
    diagnosis,
    first_sentence,
    graded,
    needs,
    origin,
    place_of,
    refused_by,
    related_places,
    settings,
    shown,
    standing,
)
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


def render(report: Report, presentation: Presentation) -> Iterator[str]:
    """Yields one ``testsuites`` element, a suite for each file, with a line end."""
    causes = _Causes.of(report)
    totals = Counter(case.outcome for _, cases in _suites(report, causes) for case in cases)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    head = (
        f'<testsuites name="kgate" tests="{totals.total()}" failures="{totals["failure"]}" errors="{totals["error"]}"'
    )
    if not totals:
        yield f"{head} />\n"
        return
    yield f"{head}>\n"
    properties = _properties(report)
    for path, cases in _suites(report, causes):
        file = project_path(path, presentation.project)
        yield _written(_suite(cases, {"name": _line(path), "file": _line(file)}, properties))
        properties = []
    yield "</testsuites>\n"


def _written(suite: ElementTree.Element) -> str:
    ElementTree.indent(suite, level=1)
    return f"  {ElementTree.tostring(suite, encoding='unicode')}\n"


def _line(text: str) -> str:
    return shown(text, _LINE_LIMIT)


# ---------------------------------------------------------------------------------------- suites


def _properties(report: Report) -> list[tuple[str, str]]:
    """Returns the names and values of what is said about the whole run, in its first suite."""
    own = [("version", report.version), ("kubernetes", report.kubernetes_version)]
    return [
        *own,
        *(("setting", text) for text in settings(report)),
        *(("ignored", text) for text in allowances(report)),
    ]


def _suite(
    cases: Sequence[_Case], names: Mapping[str, str], properties: Sequence[tuple[str, str]]
) -> ElementTree.Element:
    """Returns the suite of a file, with properties of the run if there are any."""
    outcomes = Counter(case.outcome for case in cases)
    attributes = {
        **names,
        "tests": str(len(cases)),
        "errors": str(outcomes["error"]),
        "failures": str(outcomes["failure"]),
        "skipped": str(outcomes["skipped"]),
        "time": "0",
    }
    suite = ElementTree.Element("testsuite", attributes)
    if properties:
        run = ElementTree.SubElement(suite, "properties")
        for name, value in properties:
            ElementTree.SubElement(run, "property", {"name": name, "value": _line(value)})
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


@dataclass(frozen=True, slots=True)
class _Causes:
    """Why the gate fails: the findings that decide it, by identity, and the objects that fail for one of them, each
    with its source."""

    findings: Container[int]
    objects: Mapping[tuple[str, ResourceId], Sequence[str]]

    @classmethod
    def of(cls, report: Report) -> _Causes:
        """The causes in a report."""
        objects: dict[tuple[str, ResourceId], list[str]] = {}
        for block in failing(report):
            rules = list(dict.fromkeys(finding.rule.id for finding in block.findings))
            for assessment in block.assessments:
                objects.setdefault((assessment.location.path, assessment.workload), []).extend(rules)
        return cls({id(finding) for finding in decisive(report)}, objects)


def _suites(report: Report, causes: _Causes) -> Iterator[tuple[str, list[_Case]]]:
    """Yields the files that have test cases, sorted, each with its cases; those that weaken the gate come first."""
    for path, file in sorted(_files(report).items(), key=lambda item: (not item[1].weakens_gate, item[0])):
        of_scores = (_score_case(assessment, causes) for assessment in file.assessments)
        of_rules = (_rule_case(findings, causes) for findings in _groups(file.findings))
        cases = [*file.remarks, *of_scores, *of_rules]
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
    for one in report.accepted:
        files[one.remark.path].remarks.append(_accepted_case(one))
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


def _accepted_case(accepted: Accepted) -> _Case:
    """Returns the case of a problem, or of what was not judged, that somebody accepts: a skipped one."""
    remark = accepted.remark

    def details() -> _Details:
        return _Details([str(remark)], _line(acceptance(accepted.waiver)), "waived")

    what = f"not judged: {remark.what}" if isinstance(remark, Unjudged) else "problem"
    name = what if isinstance(remark, Unjudged) or remark.line is None else f"{what} (line {remark.line})"
    return _Case(name, remark.path, "skipped", details)


def _incomplete_case(reasons: Sequence[str]) -> _Case:
    return _Case("incomplete", ".", "error", lambda: _Details(reasons, _line("; ".join(reasons)), "incomplete"))


def _note_case(note: Note) -> _Case:
    """Returns a passing case: what is not listed of a file, or hidden by it, fails nothing by itself."""
    name = "hidden manifests" if isinstance(note, HiddenManifests) else "not listed"
    return _Case(name, note.path, "passed", lambda: _Details([note.message]))


def _score_case(assessment: Assessment, causes: _Causes) -> _Case:
    """Returns the case of a workload's score. Below the threshold it is a failure only if no rule's case is one for it,
    so that a cause fails once; else it is skipped and names the rules."""
    rules = causes.objects.get((assessment.location.path, assessment.workload), ())
    outcome: Outcome = "passed" if assessment.passed else "skipped" if rules else "failure"
    details = partial(_score_details, assessment, tuple(dict.fromkeys(rules)))
    return _Case(f"score: {_subject(assessment)}", assessment.location.path, outcome, details)


def _subject(assessment: Assessment) -> str:
    """Returns the workload, and the first thing that it is rendered by, by which its assessments differ. No number of
    renderings stands in it, as a test is known by its name."""
    if not assessment.renderings:
        return str(assessment.workload)
    first = assessment.renderings[0]
    owner = first.requested_by.rpartition(" ")[0]
    parts = (f"{first.tool} {first.path}", first.title, owner and f"for {owner}")
    return f"{assessment.workload} ({', '.join(part for part in parts if part)})"


def _score_details(assessment: Assessment, rules: Sequence[str]) -> _Details:
    """Returns the score, what it had to be, and the rules that have to be followed for that."""
    score = assessment.score
    known = f"score {graded(score)}, needs {needs(score)}"
    lines = [known, *filter(None, (at_most(score),)), f"Pod Security Standards level {_level(assessment)}"]
    lines += [str(assessment.location)]
    if assessment.is_known:
        lines.append("known: no worse than what the scan was compared with")
    if assessment.passed:
        return _Details(lines)
    why = f"fails for {', '.join(rules)}" if rules else at_most(score)
    message = f"{why}: {known}" if why else known
    return _Details([message, *lines[1:]], _line(f"{message} ({assessment.workload})"), "score")


def _level(assessment: Assessment) -> str:
    version = assessment.kubernetes_version
    return f"{assessment.pss_level} of Kubernetes {version}" if version else assessment.pss_level


def _rule_case(findings: Sequence[Finding], causes: _Causes) -> _Case:
    """Returns the case of a rule in an object: a failure if the gate fails because of it, else a passing case with the
    findings as its output. It is skipped if every finding is waived; otherwise it shows the waived ones, too."""
    first = findings[0]
    is_waived = all(finding.waiver is not None for finding in findings)
    fails = any(id(finding) in causes.findings for finding in findings)
    outcome: Outcome = "skipped" if is_waived else "failure" if fails else "passed"
    name = f"{first.rule.id}: {first.resource}"
    return _Case(name, first.location.path, outcome, partial(_rule_details, findings, is_waived))


def _rule_details(findings: Sequence[Finding], is_waived: bool) -> _Details:
    """Returns the texts of a rule's case, which begin with the rule, what is wrong and what to write."""
    lines = list(_lines(findings))
    if is_waived:
        reasons = dict.fromkeys(acceptance(finding.waiver) for finding in findings if finding.waiver is not None)
        return _Details(lines, _line("; ".join(reasons)), "waived")
    worst = next(finding for finding in findings if finding.waiver is None)
    more = f" And {len(findings) - 1} more." if len(findings) > 1 else ""
    refused = refused_by(findings)
    message = f"{worst.rule.id}: {diagnosis(worst)} In {place_of(worst)}." + (f" It {refused}." if refused else "")
    return _Details(lines, _line(message) + more, worst.rule.id)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yields the rule and what to write, every place with its line, then why it matters and how to go about it."""
    rule = findings[0].rule
    yield f"{rule.id} ({rule.severity.label}): {findings[0].message}"
    yield correction(rule)
    for finding in findings:
        yield from _place(finding)
    if rule.rationale.strip():
        yield f"why: {first_sentence(rule.rationale)}"
    yield f"how: {' '.join(rule.remediation.split())}"


def _place(finding: Finding) -> Iterator[str]:
    location = finding.location
    container = "" if finding.container is None else f" container {finding.container}"
    approximate = " (approximate)" if location.is_approximate else ""
    waived = "" if finding.waiver is None else f" waived: {acceptance(finding.waiver)}"
    yield f"{location}{approximate}{container}{waived}{f' ({known})' if (known := standing(finding)) else ''}"
    yield f"    | {location.snippet.strip()}"
    yield from related_places(location)
    if finding.renderings:
        yield f"rendered by {origin(finding.renderings)}"
    if finding.also:
        yield f"also {', '.join(map(str, finding.also[:_FEW]))}"
