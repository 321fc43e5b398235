"""Markdown as GitHub renders it: tables hold, blocks close, and nothing from a manifest comes alive."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from kgate.model import Problem, Report, Verdict
from kgate.reports import markdown
from kgate.reports.wording import shown
from tests.reports import samples

RENDERED = {name: markdown.render(report) for name, report in samples.SAMPLES.items()}
OURS = frozenset(
    {"h2", "h3", "p", "br", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code", "details", "summary"}
)

every_sample = pytest.mark.parametrize("name", sorted(RENDERED))


class Page(HTMLParser):
    """What a browser would make of the page: elements, table rows, and the text outside of code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.open: list[str] = []
        self.tables: list[list[int]] = []
        self.text = ""
        self.plain = ""
        self.unbalanced: list[str] = []
        self.attributes: set[str] = set()
        self.feed(github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append(0)
        elif tag in ("td", "th"):
            self.tables[-1][-1] += 1

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data
        if "code" not in self.open:
            self.plain += data


def test_there_are_samples() -> None:
    assert len(RENDERED) == 8
    assert sum(Page(text).elements["details"] for text in RENDERED.values()) > 30


@every_sample
def test_tables_have_as_many_cells_in_each_row(name: str) -> None:
    tables = Page(RENDERED[name]).tables
    assert tables
    for rows in tables:
        assert len(rows) > 1
        assert len(set(rows)) == 1


@every_sample
def test_every_element_is_ours_and_closed(name: str) -> None:
    page = Page(RENDERED[name])
    assert set(page.elements) <= OURS
    assert page.attributes <= {"align"}
    assert page.open == []
    assert page.unbalanced == []
    assert page.elements["details"] == page.elements["summary"]


@every_sample
def test_nobody_is_mentioned(name: str) -> None:
    assert not re.search(r"@|#\d|://|www\.", Page(RENDERED[name]).plain)


def test_the_page_reader_sees_what_it_must_not_see() -> None:
    page = Page("| a |\n|---|\n| <img src=x> @org https://a.b |\n\n<details>\n")
    assert {"img", "a"} <= set(page.elements)
    assert "src" in page.attributes
    assert "@org" in page.plain
    assert "details" in page.open


@pytest.mark.parametrize("name", sorted(RENDERED.keys() - {"long"}))
def test_a_block_for_each_object_with_findings(name: str) -> None:
    objects = {(finding.source, finding.resource) for finding in samples.SAMPLES[name].findings}
    assert Page(RENDERED[name]).elements["details"] == len(objects)


@pytest.mark.parametrize(
    ("verdict", "headline"),
    [
        pytest.param(Verdict(True, False, ()), "## kgate: passed\n", id="passed"),
        pytest.param(Verdict(False, False, ()), "## kgate: failed\n", id="failed"),
        pytest.param(Verdict(True, True, ()), "## kgate: incomplete\n", id="incomplete"),
        pytest.param(Verdict(False, True, ()), "## kgate: incomplete, and failed as far as judged\n", id="both"),
    ],
)
def test_the_headline_is_the_verdict(verdict: Verdict, headline: str) -> None:
    assert markdown.render(samples.report(verdict=verdict)).startswith(headline)


def test_workloads_stand_lowest_score_first() -> None:
    rows = re.findall(r"^\| (\d+) \| (\S+) \| (\w) \| .* \| (\w+) \| 60 \|$", RENDERED["with findings"], re.MULTILINE)
    assert rows == [
        ("25", "██░░░░░░░░", "F", "privileged"),
        ("88", "████████░░", "B", "baseline"),
        ("97", "█████████░", "A", "restricted"),
    ]


def test_waived_findings_are_counted_and_explained() -> None:
    assert "| critical | 1 | 0 |\n| high | 0 | 1 |\n" in RENDERED["waived"]
    assert "Waived: <code>reads the node's log files (team-ops, until 2027-01-31)</code>." in RENDERED["waived"]


def test_a_finding_reads_well() -> None:
    assert (
        "| critical | <code>k8s/web.yaml:12</code> | Privileged container | The container runs privileged,"
        " which is root on the node. Container <code>app</code>. |"
        " Remove the field, e.g. set <code>privileged</code> to false. |"
    ) in RENDERED["with findings"].split("\n")


def test_problems_are_listed() -> None:
    assert "- <code>charts/web</code>: <code>helm template failed: missing value" in RENDERED["with problems"]
    assert Page(RENDERED["with problems"]).elements["li"] == 2 + 3


def huge() -> Report:
    """More of everything than fits, of the longest texts."""
    report = samples.long(6_000, 3_000)
    name = "@" * 250
    findings = tuple(replace(finding, container=name) for finding in report.findings)
    problems = tuple(Problem(f"{name}{index}", 1, name) for index in range(5_000))
    return replace(report, findings=findings, problems=problems)


def test_a_report_that_is_too_long_is_cut_between_blocks_and_says_so() -> None:
    text = markdown.render(huge())
    page = Page(text)
    assert 700_000 < len(text.encode()) <= 1_000_000
    assert page.open == page.unbalanced == []
    assert all(len(set(rows)) == 1 for rows in page.tables)
    rows, blocks = len(page.tables[0]) - 1, page.elements["details"]
    assert 0 < rows < 3_000
    assert f"{3_000 - rows} more workloads, none of them with a lower score, were cut." in text
    assert 0 < page.elements["li"] < 5_000
    assert "more problems were cut." in text
    assert 0 < blocks < 3_000
    assert f"The findings of {3_000 - blocks} more objects were cut; the JSON report has all." in text


def test_many_findings_of_one_object_are_cut_within_its_block() -> None:
    text = markdown.render(samples.long(6_000, 1))
    page = Page(text)
    rows = len(page.tables[-1]) - 1
    assert page.elements["details"] == 1
    assert 0 < rows < 6_000
    assert f"{6_000 - rows} more findings of this object, none of them worse, were cut." in text
    assert "| critical |" in text.split("<details>")[1].split("\n")[5]


def test_the_same_report_gives_the_same_bytes() -> None:
    assert markdown.render(samples.with_findings()) == RENDERED["with findings"]


@pytest.mark.parametrize("text", samples.HOSTILE_TEXTS, ids=range(len(samples.HOSTILE_TEXTS)))
@pytest.mark.parametrize("frame", ["| a | b |\n|---|---|\n| <code>{}</code> | x |\n", "- {}\n", "x {} y"])
def test_inert_text_stays_text(text: str, frame: str) -> None:
    assert_inert(text, frame)


@given(st.text(st.one_of(st.characters(), st.sampled_from("@|`<>&*_[]()#:/.w\\\n~!$")), max_size=80))
def test_any_text_stays_text(text: str) -> None:
    assert_inert(text, "| a | b |\n|---|---|\n| <code>{}</code> | x |\n")
    assert_inert(text, "x {} y")


def assert_inert(text: str, frame: str) -> None:
    """The text changes no element of the page that a harmless text would stand in, and can be read there."""
    hostile, harmless = Page(frame.format(markdown.inert(text))), Page(frame.format("harmless"))
    assert hostile.elements == harmless.elements
    assert hostile.tables == harmless.tables
    assert hostile.unbalanced == harmless.unbalanced == []
    assert hostile.text.split() == harmless.text.replace("harmless", shown(text, 500)).split()
