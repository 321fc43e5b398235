"""The JUnit XML report: what the test tab of Jenkins, GitLab and Azure Pipelines shows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from kgate.model import Assessment, Finding, Note, Problem, Report, ResourceId
from kgate.reports.wording import acceptance, chain, first_sentence, origin, shown, summary

if TYPE_CHECKING:
    from junitparser import TestCase, TestSuite
    from junitparser.junitparser import FinalResult


_LINE_LIMIT = 2_000
_FEW = 8


def render(report: Report) -> str:
    """The report as one ``testsuites`` element, a suite for each file, with a line end."""
    from junitparser import JUnitXml

    root = JUnitXml("kgate")
    suites = [_suite(path, cases) for path, cases in _cases_by_path(report).items()]
    root.extend(suites)  # type: ignore[no-untyped-call]
    # Not update_statistics(): it adds "skipped", which junit-10.xsd does not allow here.
    root.tests = sum(suite.tests for suite in suites)
    root.failures = sum(suite.failures for suite in suites)
    root.errors = sum(suite.errors for suite in suites)
    return _normal_form(root)


def _normal_form(root: object) -> str:
    """XML whose bytes do not depend on whether junitparser found lxml."""
    from junitparser.junitparser import write_xml

    written = io.BytesIO()
    write_xml(root, written)
    tree = ElementTree.fromstring(written.getvalue())  # noqa: S314  what was written just now
    ElementTree.indent(tree)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(tree, encoding="unicode")}\n'


def _line(text: str) -> str:
    return shown(text, _LINE_LIMIT)


# ---------------------------------------------------------------------------------------- suites


def _suite(path: str, cases: Iterable[TestCase]) -> TestSuite:
    from junitparser import TestSuite

    suite = TestSuite(_line(path))
    suite._elem.set("file", _line(path))
    suite.add_testcases(_numbered(cases))
    return suite


def _numbered(cases: Iterable[TestCase]) -> list[TestCase]:
    """The cases, with `` #2`` and so on where GitLab would drop a second case of the same name."""
    taken: set[str] = set()
    following: dict[str, Iterator[int]] = {}
    numbered = []
    for case in cases:
        base = name = case.name
        while name in taken:
            name = f"{base} #{next(following.setdefault(base, count(2)))}"
        taken.add(name)
        case.name = name
        numbered.append(case)
    return numbered


def _cases_by_path(report: Report) -> dict[str, list[TestCase]]:
    """The test cases of each file, files sorted."""
    cases: dict[str, list[TestCase]] = {}
    for path, case in _cases(report):
        cases.setdefault(path, []).append(case)
    return dict(sorted(cases.items()))


def _cases(report: Report) -> Iterator[tuple[str, TestCase]]:
    """Every test case with the file that it belongs to."""
    yield from ((problem.path, _problem_case(problem)) for problem in report.problems)
    if report.verdict.incomplete and not report.problems:
        yield ".", _incomplete_case(report.verdict.reasons)
    yield from ((note.path, _note_case(note)) for note in report.unlisted.notes)
    for assessment in report.assessments:
        if not assessment.score.passed:
            yield assessment.location.path, _score_case(assessment)
        elif assessment.is_judged:
            yield assessment.location.path, _passing_case(assessment)
    failed = {(a.location.path, a.workload) for a in report.assessments if not a.score.passed}
    for findings in _groups(report.findings):
        severe = report.fail_on is not None and findings[0].rule.severity >= report.fail_on
        fails = severe or any((f.source, resource) in failed for f in findings for resource in f.resources)
        yield findings[0].location.path, _rule_case(findings, fails)


def _groups(findings: Iterable[Finding]) -> list[list[Finding]]:
    """The findings of one rule in one object and file: one test, whose name stays when lines move."""
    groups: dict[tuple[str, str, ResourceId, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.location.path, finding.source, finding.resource, finding.rule.id)
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


# ----------------------------------------------------------------------------------------- cases


def _case(name: str, path: str, result: FinalResult | None = None, text: Sequence[str] = ()) -> TestCase:
    from junitparser import TestCase

    case = TestCase(_line(name), _line(path))
    if result is not None:
        result.text = "\n".join(_line(line) for line in text)
        case.result = result
    return case


def _note_case(note: Note) -> TestCase:
    """What of a file is not listed: a passing case, since that alone fails nothing."""
    case = _case("not listed", note.path)
    case.system_out = _line(note.message)
    return case


def _rule_case(findings: Sequence[Finding], fails: bool) -> TestCase:
    """A rule in an object: a failure if the gate fails by it, else a passing case that tells it as its output.

    It is skipped if every finding is waived; one that is not makes it fail with all of them.
    """
    from junitparser import Failure, Skipped

    first = findings[0]
    name, path, text = f"{first.rule.id}: {first.resource}", first.location.path, tuple(_text(findings))
    waivers = [finding.waiver for finding in findings if finding.waiver is not None]
    if len(waivers) == len(findings):
        reasons = dict.fromkeys(acceptance(waiver) for waiver in waivers)
        return _case(name, path, Skipped(_line("; ".join(reasons)), "waived"), text)
    if fails:
        worst = next(finding for finding in findings if finding.waiver is None)
        more = f" And {len(findings) - 1} more." if len(findings) > 1 else ""
        return _case(name, path, Failure(_line(summary(worst)) + more, first.rule.id), text)
    case = _case(name, path)
    case.system_out = "\n".join(_line(line) for line in text)
    return case


def _text(findings: Sequence[Finding]) -> Iterator[str]:
    """Every place with its line, then why it matters and what to write."""
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
    yield from chain(location)
    if finding.renderings:
        yield f"rendered by {origin(finding.renderings)}"
    if finding.also:
        yield f"also {', '.join(map(str, finding.also[:_FEW]))}"


def _passing_case(assessment: Assessment) -> TestCase:
    return _case(f"{_subject(assessment)}: score {assessment.score.value}", assessment.location.path)


def _subject(assessment: Assessment) -> str:
    """The workload, and what it is rendered by, which tells its assessments apart."""
    source = f" ({origin(assessment.renderings)})" if assessment.renderings else ""
    return f"{assessment.workload}{source}"


def _score_case(assessment: Assessment) -> TestCase:
    from junitparser import Failure

    score, location = assessment.score, assessment.location
    message = f"Score {score.value} is under the threshold {score.threshold} ({assessment.workload})."
    text = (str(location), f"grade {score.grade}, Pod Security Standards level {assessment.pss_level}")
    return _case(f"score: {_subject(assessment)}", location.path, Failure(_line(message), "score"), text)


def _problem_case(problem: Problem) -> TestCase:
    from junitparser import Error

    name = "problem" if problem.line is None else f"problem (line {problem.line})"
    error = Error(_line(first_sentence(problem.message)), "problem")
    return _case(name, problem.path, error, (str(problem),))


def _incomplete_case(reasons: Sequence[str]) -> TestCase:
    from junitparser import Error

    return _case("incomplete", ".", Error(_line("; ".join(reasons)), "incomplete"), reasons)
