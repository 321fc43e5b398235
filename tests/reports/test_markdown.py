"""Markdown as GitHub renders it: tables hold, blocks close, and nothing from a manifest comes alive."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from kgate.model import Position, Problem, Replacement, Report, ResourceId, Verdict
from kgate.reports.formats import markdown
from kgate.reports.links import DOCUMENTATION
from kgate.reports.presentation import Change
from kgate.reports.waived import waived_groups
from kgate.reports.wording import shown
from tests.command import ROOT
from tests.reports import samples, screens

RENDERED = samples.Texts(markdown, max_chars=200_000)
OURS = frozenset({"h2", "h3", "p", "br", "a", "ul", "li", "strong", "code", "details", "summary"})
"""No tables: a long path would make one wider than a comment, where a line of a list is broken."""

OF_WAIVERS = frozenset({"table", "thead", "tbody", "tr", "th", "td"})
"""But for what is waived, which an auditor reads by columns."""

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
        self.links: list[str] = []
        self.feed(github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
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


@cache
def page_of(name: str) -> Page:
    """The page of a sample; a long one takes seconds."""
    return Page(RENDERED[name])


def test_there_are_samples() -> None:
    assert len(RENDERED) == 12
    assert sum(page_of(name).elements["details"] for name in RENDERED) > 20


@every_sample
def test_every_element_is_ours_and_closed(name: str) -> None:
    page = page_of(name)
    assert set(page.elements) <= (OURS | OF_WAIVERS if page.elements["table"] == 1 else OURS)
    assert bool(page.elements["table"]) == bool(waived_groups(samples.SAMPLES[name]))
    assert page.attributes <= {"href"}
    assert all(link.startswith((f"{samples.LINK_BASE}/", f"{DOCUMENTATION}/")) for link in page.links)
    assert page.open == []
    assert page.unbalanced == []
    assert page.elements["details"] == page.elements["summary"]


@every_sample
def test_nobody_is_mentioned(name: str) -> None:
    assert not re.search(r"@|#\d|://|www\.", page_of(name).plain)


def test_the_page_reader_sees_what_it_must_not_see() -> None:
    page = Page("| a |\n|---|\n| <img src=x> @org https://a.b |\n\n<details>\n")
    assert {"img", "a"} <= set(page.elements)
    assert "src" in page.attributes
    assert "@org" in page.plain
    assert "details" in page.open


@pytest.mark.parametrize("name", sorted(RENDERED.keys() - {"long"}))
def test_every_object_with_findings_is_there(name: str) -> None:
    text = RENDERED[name]
    found = samples.SAMPLES[name].findings
    for resource in {finding.resource for finding in found}:
        assert f"**<code>{markdown.inert(str(resource))}</code>**" in text
    assert {finding.rule.id for finding in found} <= set(re.findall(r"<code>([a-z-]+)</code>: ", text))


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
    assert samples.written(markdown, samples.report(verdict=verdict)).startswith(f"{markdown.MARKER}\n{headline}")


FAILS, FOLDED = "### What fails", "<details>"


def test_what_fails_stands_first_and_open() -> None:
    """The findings that have to go; the others of the same workload are folded."""
    text = samples.written(markdown, samples.with_findings(), link_base="")
    head, _, rest = text.partition(FAILS)
    assert head.count("\n") < 6
    what, _, folded = rest.partition(FOLDED)
    assert what.strip().split("\n") == [
        "**<code>Deployment/shop/web</code>** <code>k8s/web.yaml:1</code> score 25 F, needs 60, PSS privileged",
        "",
        f"- line 12 **critical** <code>privileged-container</code>: {samples.PRIVILEGED.message} (2 containers)",
        "- line 30 **high** <code>host-path-volume</code>: The pod mounts a path of the node's file system.",
    ]
    assert "**medium**" in folded
    assert "<code>ClusterRole/admin</code>" in folded


def test_what_to_write_stands_beside_what_is_written() -> None:
    rule = replace(samples.PRIVILEGED, instead="set `privileged` to false")
    text = samples.written(markdown, samples.report((samples.finding(rule),), (samples.assessment(),)), link_base="")
    assert (
        "- line 12 **critical** <code>privileged-container</code>: <code>privileged: true</code> → set"
        " <code>privileged</code> to false (container <code>app</code>)\n"
    ) in text


def test_what_is_new_is_marked() -> None:
    report, path = samples.with_findings(), "k8s/web.yaml"
    text = samples.written(markdown, report, change=Change({path: ((30, 30),), "k8s/roles.yaml": ((9, 9),)}))
    assert [line[2:].partition("](")[0] for line in text.split("\n") if line.endswith("**new**")] == ["[line 30"]
    assert "**new**" not in RENDERED["with findings"]


def test_workloads_stand_lowest_score_first() -> None:
    rows = re.findall(r"^- ([█░]+) score (\d+) (\w)(, needs 60)?, PSS (\w+): ", RENDERED["with findings"], re.MULTILINE)
    assert rows == [
        ("██░░░░░░░░", "25", "F", ", needs 60", "privileged"),
        ("████████░░", "88", "B", "", "baseline"),
        ("█████████░", "97", "A", "", "restricted"),
    ]


def test_waived_findings_are_explained() -> None:
    text = RENDERED["waived"]
    assert "Waived: <code>reads the node's log files (team-ops, until 2027-01-31)</code>." in text
    assert text.index("Waived: ") > text.index(FOLDED)
    assert "; 1 critical, 1 waived; " in text


def test_who_took_which_risk_is_a_table() -> None:
    heading = "| what | where | why | who | until | written in |"
    row, *rest = RENDERED["waived"].partition(heading)[2].splitlines()[2:]
    assert row == (
        "| <code>host-path-volume</code> | <code>DaemonSet/shop/log</code> | <code>reads the node's log files</code> "
        "| <code>team-ops</code> | <code>2027-01-31</code> | <code>kgate-waivers.yaml:2</code> |"
    )
    assert rest[0] == ""


def test_what_is_accepted_for_ever_has_dashes() -> None:
    cells = "| <code>chart redis is not judged: it is remote; run: kgate pull</code> | <code>apps/redis.yaml</code> "
    assert f"{cells}| <code>the vendor's chart</code> | – | – | <code>kgate.yaml:9</code> |" in RENDERED["accepted"]


def test_a_rule_is_explained_once() -> None:
    text = samples.written(markdown, samples.long(400, 40), link_base="")
    assert text.count("A privileged container sees every device of the node.<br>Fix: Remove the field, e.g. set") == 2
    assert text.count(f"**[Privileged container]({DOCUMENTATION}/privileged-container.md)**") == 1


def test_a_pass_is_a_line() -> None:
    text = RENDERED["without findings"]
    assert text.startswith(
        f"{markdown.MARKER}\n## kgate: passed\n\n1 workload, lowest 97 Pod/tidy; no findings.\n\n<details>"
    )


def test_problems_are_listed() -> None:
    assert "- <code>charts/web</code>: <code>helm template failed: missing value" in RENDERED["with problems"]
    assert RENDERED["with problems"].index("helm template failed") < RENDERED["with problems"].index(FOLDED)


def test_what_is_not_judged_for_one_cause_is_one_line_with_the_command() -> None:
    """Its places are folded."""
    text = samples.written(markdown, screens.unjudged())
    head, _, folded = text.partition(FOLDED)
    assert (
        "- **24 parts not judged**: <code>chart … of oci:<!-- -->//registry.example.org/charts is not in this"
        " repository</code>; run <code>kgate pull</code><br>in <code>apps/adservice.yaml:3</code>"
        " <code>apps/adservice.yaml:21</code> <code>apps/cartservice.yaml:3</code> and 21 more\n"
        "- **6 parts not judged**: "
    ) in head
    assert len(re.findall(r"is not judged: ", folded)) == 30


def failing(number: int) -> Report:
    """Workloads of which each has four findings that have to go, the worst last."""
    names = [ResourceId("apps/v1", "Deployment", "shop", f"service-{index:03}") for index in range(number)]
    rules = (samples.PRIVILEGED, replace(samples.HOST_PATH, instead="remove the volume; use emptyDir"))
    findings, assessments = [], []
    for index, name in enumerate(names):
        path = f"clusters/production/apps/{name.name}/deployment.yaml"
        assessments.append(samples.assessment(name, path, 50 - index * 50 // number))
        for line, rule in enumerate((*rules, *rules), 20):
            place = samples.location(path, line, "/spec")
            findings.append(replace(samples.finding(rule, name), location=place, source=path))
    return samples.report(tuple(findings), tuple(assessments))


def test_a_hundred_that_fail_fit_into_a_comment() -> None:
    """The worst stand open on the first screen; it is said how many of the others are folded, and how many are cut."""
    text = samples.written(markdown, failing(100), max_chars=65_536, link_base=f"https://github.com/{'o' * 60}")
    assert 40_000 < len(text) <= len(text.encode()) < 65_536
    names = re.findall(r"^\*\*<code>Deployment/shop/service-(\d+)</code>\*\* .* needs 60", text, re.MULTILINE)
    assert names == [f"{number:03}" for number in range(99, 99 - len(names), -1)]
    shown = text.partition(FOLDED)[0].count("needs 60")
    assert 3 <= shown <= 8
    assert len(text.partition(FOLDED)[0].split("\n")) < 50
    assert f"<summary>{len(names) - shown} more objects that fail, the worst first</summary>" in text
    assert (
        f"{100 - len(names)} more objects that fail, none of them worse, did not fit; the JSON report has all." in text
    )
    assert "Why it matters, and how to fix it" in text


def huge() -> Report:
    """More of everything than fits, of the longest texts."""
    report = samples.long(6_000, 3_000)
    name = "@" * 250
    findings = tuple(replace(finding, container=name) for finding in report.findings)
    problems = tuple(Problem(f"{name}{index}", 1, name) for index in range(5_000))
    return replace(report, findings=findings, problems=problems)


def test_a_report_that_is_too_long_is_cut_between_blocks_and_says_so() -> None:
    text = samples.written(markdown, huge())
    page = Page(text)
    assert 600_000 < len(text.encode()) <= 1_000_000
    assert page.open == page.unbalanced == []
    blocks = len(re.findall(r"^\*\*<code>Deployment.*needs 60", text.partition("<summary>Why")[0], re.MULTILINE))
    rows = len(re.findall(r"^- \S+ score 25 F", text, re.MULTILINE))
    assert 0 < blocks < 3_000
    assert 0 < rows < 3_000
    assert (
        f"{3_000 - blocks:,} more objects that fail, none of them worse, did not fit; the JSON report has all." in text
    )
    assert f"{3_000 - rows:,} more workloads did not fit; the JSON report has all." in text
    assert "more places did not fit" in text


def test_many_findings_of_one_object_are_cut_within_its_block() -> None:
    text = samples.written(markdown, samples.long(6_000, 1), max_chars=65_536)
    block = text.partition(FAILS)[2].partition(FOLDED)[0]
    rows = block.count("\n- ") - 1
    assert 0 < rows < 3_000
    assert f"- {3_000 - rows:,} more findings of this object, none of them worse, cut" in block
    assert "**critical**" in block.split("\n")[4]


@pytest.mark.parametrize("limit", [4_096, 65_536])
@pytest.mark.parametrize("name", [*RENDERED, "huge"])
def test_the_page_fits_into_a_comment(name: str, limit: int) -> None:
    text = samples.written(markdown, huge() if name == "huge" else samples.SAMPLES[name], max_chars=limit)
    page = Page(text)
    assert len(text) <= len(text.encode()) <= limit
    assert page.open == page.unbalanced == []
    assert text.startswith(markdown.MARKER)
    if name == "huge" and limit > 4_096:
        assert len(text.encode()) > 0.6 * limit
        assert "did not fit" in text


# ------------------------------------------------------------------------------------------ links


def test_places_link_to_the_lines_of_the_commit() -> None:
    links = Page(RENDERED["rendered"]).links
    assert f"{samples.LINK_BASE}/charts/web/templates/deployment.yaml#L12" in links
    assert samples.LINK_BASE not in samples.written(markdown, samples.rendered(), link_base="")


@pytest.mark.parametrize("base", ["javascript:alert(1)", "https://a.example/x) [y](z", "https://a.example/|", ""])
def test_only_a_plain_url_is_linked_to(base: str) -> None:
    links = Page(samples.written(markdown, samples.with_findings(), link_base=base)).links
    assert links
    assert all(link.startswith(f"{DOCUMENTATION}/") for link in links)


def test_a_rule_of_the_users_has_no_page() -> None:
    own = samples.finding(replace(samples.PRIVILEGED, path="policies/privileged-container.yaml"))
    assert f"]({DOCUMENTATION}" not in samples.written(markdown, samples.report((own,)))


def test_an_object_tells_what_it_is_rendered_by_and_called() -> None:
    text = RENDERED["rendered"]
    assert "<br>rendered by <code>helm charts/web (default values, values ci/a-values.yaml)</code>" in text
    assert "<br>also <code>DaemonSet/shop/log</code>" in text
    assert "(approximate)" in text
    assert "← <code>charts/web/values.yaml:3:7 value privileged</code>" in text


# ----------------------------------------------------------------------------------- markdownlint

LINT = {
    "default": True,
    "MD013": False,  # rows of tables are long
    "MD033": {"allowed_elements": ["details", "summary", "code", "br"]},
    "MD041": {"level": 2},  # a comment or summary stands below a heading of its own
}


def lint(folder: Path, texts: dict[str, str]) -> subprocess.CompletedProcess[str]:
    tool = Path(os.environ.get("KGATE_MARKDOWNLINT") or ROOT / "node_modules/.bin/markdownlint-cli2")
    if not os.access(tool, os.X_OK):
        pytest.fail(f"{tool} is no executable file; run 'npm install --no-save markdownlint-cli2'")
    (folder / ".markdownlint.json").write_text(json.dumps(LINT), encoding="utf-8")
    for name, text in texts.items():
        (folder / f"{name.replace(' ', '-')}.md").write_text(text, encoding="utf-8")
    return subprocess.run([str(tool), "*.md"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.needs_npm
def test_markdownlint_finds_nothing(tmp_path: Path) -> None:
    texts = {name: samples.written(markdown, report, max_chars=65_536) for name, report in samples.SAMPLES.items()}
    done = lint(tmp_path, texts)
    assert f"Linting: {len(texts)} file" in done.stdout
    assert done.returncode == 0, done.stderr


@pytest.mark.needs_npm
def test_markdownlint_finds_a_table_that_touches_a_paragraph_and_an_element_that_is_not_ours(tmp_path: Path) -> None:
    done = lint(tmp_path, {"broken": RENDERED["with findings"].replace("### What fails\n", "### What fails\n<img>\n")})
    assert done.returncode == 1
    assert "MD033" in done.stderr


def test_the_same_report_gives_the_same_bytes() -> None:
    assert samples.written(markdown, samples.with_findings()) == RENDERED["with findings"]


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


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        pytest.param("    securityContext:\n      privileged: false\n", True, id="lines"),
        pytest.param("a: <b> @org [x](y)\n", True, id="what would be alive elsewhere"),
        pytest.param("a: b\n```\n# heading\n", False, id="the end of a block of code"),
        pytest.param("a: \x1b[31m\n", False, id="a control character"),
        pytest.param("\n", False, id="nothing"),
    ],
)
def test_what_a_fix_writes_is_shown_once_and_inert(text: str, is_shown: bool) -> None:
    report = samples.with_findings()
    piece = Replacement(Position(7, 1), Position(7, 1), text)
    page = samples.written(markdown, report, suggestions=lambda _: lambda _: (piece,))
    paths = {finding.location.path for finding in report.findings if finding.waiver is None}
    assert page.count("```diff\n") == (len(paths) if is_shown else 0)
    assert ("What kgate fix writes" in page) is is_shown
    elements = Page(page).elements
    assert elements.keys() <= {*OURS, *OF_WAIVERS, "pre"}
    assert not Page(page).open
