"""HTML: one inert file, looked at in a real browser."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import html as parser

from kgate.model import Report
from kgate.reports.formats import html
from kgate.reports.presentation import Change
from tests.browser import launched
from tests.command import kgate
from tests.reports import samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RENDERED = samples.Texts(html)
every_sample = pytest.mark.parametrize("name", sorted(RENDERED))


def root_of(text: str) -> Any:
    return parser.fromstring(text)


def data_of(text: str) -> Any:
    (script,) = root_of(text).xpath("//script[@id='data']")
    return json.loads(script.text)


def test_there_are_samples() -> None:
    assert len(RENDERED) == 12
    assert len(data_of(RENDERED["with findings"])["findings"]) == 5


@every_sample
def test_all_that_was_found_is_in_the_page(name: str) -> None:
    report, data = samples.SAMPLES[name], data_of(RENDERED[name])
    assert len(data["workloads"]) == len(report.assessments)
    assert len(data["findings"]) == len(report.findings)
    root = root_of(RENDERED[name])
    assert len(root.xpath("//ul[@class='remarks']/li")) == len(report.problems) + len(report.unjudged) + len(
        report.notes
    )
    drawn = [int(count.text) for count in root.xpath("//table[@id='plot']//td[last()]/b")]
    assert sum(drawn) == sum(report.scores.values())


@every_sample
def test_every_element_is_ours_and_loads_nothing(name: str) -> None:
    root = root_of(RENDERED[name])
    assert root.xpath("count(//script)") == 2
    assert not root.xpath("//img | //link | //iframe | //object | //embed | //form | //base | //*[@src]")
    assert not root.xpath("//@*[starts-with(name(), 'on')] | //@style")
    assert root.xpath("//a/@href") == ["https://github.com/kgate/kgate"]


@every_sample
def test_the_policy_names_the_only_style_and_script(name: str) -> None:
    root = root_of(RENDERED[name])
    (policy,) = root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; ")
    for element in (root.xpath("//style")[0], root.xpath("//script")[-1]):
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


@every_sample
def test_no_markup_and_no_command_from_a_manifest(name: str) -> None:
    text = RENDERED[name]
    block = text[text.index('id="data">') : text.index("</script>")]
    assert not re.search("[<&]", block.removeprefix('id="data">'))
    assert not re.search(r"^\s*::\w|##\[|##vso\[|section_start", text, re.MULTILINE)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert samples.written(html, samples.with_findings()) == RENDERED["with findings"]


LINES = [
    "spec:",
    "  containers:",
    "    - name: app",
    "      privileged: true",
    "      tty: true",
    "---",
    "kind: Secret",
]


def around(lines: list[str], snippet: str = LINES[3], line: int = 4) -> tuple[list[str], list[str]]:
    """The lines that the page shows before and after a finding."""
    finding = replace(samples.finding(), location=samples.location("k8s/web.yaml", line, "/spec", snippet))
    text = samples.written(html, samples.report((finding,)), source=lambda _: "\n".join(lines))
    (found,) = data_of(text)["findings"]
    return found["before"], found["after"]


def test_the_lines_around_a_finding() -> None:
    """Of its own document, and only if the file still shows what was judged and nothing in it is concealed."""
    assert around(LINES) == (LINES[:3], LINES[4:5])
    assert around(["a: b", "---", *LINES[2:]], line=4) == (LINES[2:3], LINES[4:5])
    assert around([f"{line}\r" for line in LINES]) == (LINES[:3], LINES[4:5])
    assert around(LINES[3:5], line=1) == ([], LINES[4:5])
    assert (
        around(LINES, "      privileged: ***") == around(LINES, "") == around([]) == around(LINES, line=5) == ([], [])
    )
    before, after = around(["x" * 9_000, "\x1b[31m</script>", "", *LINES[3:]])
    assert [len(before[0]), before[1:]] == [500, ["\\x1b[31m</script>", ""]]
    assert after == LINES[4:5]


def test_lines_around_a_finding_come_from_the_repository_alone(tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]"
    (tmp_path / "a").mkdir()
    (tmp_path / "a/pod.yaml").write_text(pod, encoding="utf-8")
    done = kgate("scan", "a/pod.yaml", "-f", "html", cwd=tmp_path)
    found = [(one["before"], one["after"]) for one in data_of(done.out)["findings"] if one["rule"] == "host-pid"]
    lines = pod.split("\n")
    assert found == [(lines[1:4], lines[5:])]


# ------------------------------------------------------------------------------------- a browser

in_browser = pytest.mark.needs_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@contextmanager
def opened(browser: Browser, folder: Path, text: str, scheme: Any = "light") -> Iterator[Page]:
    """The page in a new tab; fails if it asks for anything, reports an error or breaks its policy."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1200, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: complaints.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    yield page
    assert complaints == []
    page.close()


def settle(page: Page) -> None:
    """Waits for what the page does in its next frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def column(page: Page, number: int) -> list[str]:
    return page.locator(f"#workloads tbody tr td:nth-child({number})").all_inner_texts()


@in_browser
def test_scores_are_sorted(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, RENDERED["with findings"]) as page:
        assert [int(text) for text in column(page, 1)] == [25, 88, 97]
        page.click("button[data-key=score]")
        assert [int(text) for text in column(page, 1)] == [97, 88, 25]
        page.click("button[data-key=name]")
        assert column(page, 5) == ["log", "tidy", "web"]
        page.click("button[data-key=pss]")
        assert column(page, 6) == ["privileged", "baseline", "restricted"]
        assert page.get_attribute("th:has(button[data-key=pss])", "aria-sort") == "ascending"
        assert page.get_attribute("th:has(button[data-key=score])", "aria-sort") == "none"


@in_browser
def test_scores_are_filtered(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, RENDERED["with findings"]) as page:
        page.fill("#workload-text", "DAEMONSET log")
        settle(page)
        assert column(page, 5) == ["log"]
        assert page.inner_text("#workload-count") == "1 of 3"
        page.fill("#workload-text", "")
        page.select_option("#workload-gate", "failed")
        settle(page)
        assert column(page, 5) == ["web"]
        page.select_option("#workload-gate", "")
        page.select_option("#workload-level", "restricted")
        settle(page)
        assert column(page, 5) == ["tidy"]


@in_browser
def test_findings_are_filtered_and_belong_to_their_workload(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, RENDERED["with findings"]) as page:
        assert page.locator(".finding .chip").all_text_contents() == ["critical", "critical", "high"]
        page.select_option("#finding-show", "")
        settle(page)
        assert page.locator(".finding .chip").all_text_contents() == ["critical", "critical", "high", "medium", "low"]
        page.select_option("#finding-severity", "high")
        settle(page)
        assert page.locator(".finding .chip").all_text_contents() == ["high"]
        page.select_option("#finding-severity", "")
        page.click("#workloads button.link:text-is('web')")
        settle(page)
        assert page.inner_text("#finding-count") == "4 of 5"
        page.click("#one-workload")
        page.fill("#finding-text", "clusterrole")
        settle(page)
        assert page.inner_text(".finding h4") == "lowAdded capability"


@in_browser
def test_a_finding_shows_its_source_lines(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, RENDERED["rendered"]) as page:
        card = page.locator(".finding").first
        assert card.locator(".source").all_inner_texts() == ["12privileged: true", "3privileged: true"]
        assert card.locator("mark").first.inner_text() == "privileged: true"
        assert card.locator(".place a").get_attribute("href") == f"{samples.LINK_BASE}/{samples.TEMPLATE}#L12"
        text = card.inner_text()
        for part in ("value privileged", "rendered by helm charts/web", "also DaemonSet/shop/log", "why", "fix"):
            assert part in text
        assert "(approximate)" in "".join(page.locator(".finding").all_inner_texts())


def brightness(page: Page, selector: str, style: str) -> float:
    colour = page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{style}")
    return sum(int(number) for number in re.findall(r"\d+", colour)[:3]) / 3


@in_browser
@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_both_colour_schemes(browser: Browser, tmp_path: Path, scheme: str, is_dark: bool) -> None:
    with opened(browser, tmp_path, RENDERED["with findings"], scheme) as page:
        for expected in (is_dark, not is_dark):
            back, text = brightness(page, "body", "backgroundColor"), brightness(page, "body", "color")
            assert (back < 64, text > 192) == (expected, expected)
            assert abs(back - text) > 150
            page.click("#scheme")


@in_browser
@pytest.mark.parametrize("name", ["hostile", "with problems", "waived", "empty", "without findings"])
def test_nothing_comes_alive(browser: Browser, tmp_path: Path, name: str) -> None:
    with opened(browser, tmp_path, RENDERED[name]) as page:
        page.select_option("#finding-show", "")
        settle(page)
        assert page.locator(".finding").count() == len(samples.SAMPLES[name].findings)
        assert page.locator("img, iframe, main script").count() == 0
        hosts = page.eval_on_selector_all("a:not([href^='#'])", "links => links.map(link => new URL(link.href).host)")
        assert set(hosts) <= {"github.com", "git.example", "kubernetes.io", "cwe.mitre.org", "www.cisecurity.org"}


@in_browser
def test_a_narrow_screen_does_not_scroll_sideways(browser: Browser, tmp_path: Path) -> None:
    """And shows name and place of each workload."""
    for name in ("hostile", "with findings"):
        with opened(browser, tmp_path, RENDERED[name]) as page:
            page.set_viewport_size({"width": 390, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            for column_ in (5, 8):
                cell = page.locator(f"#workloads tbody tr:first-child td:nth-child({column_})").bounding_box()
                assert cell is not None
                assert cell["width"] > 20
                assert cell["x"] + cell["width"] <= 390


@in_browser
def test_what_fails_stands_first_by_workload_or_by_rule(browser: Browser, tmp_path: Path) -> None:
    """The switch needs no network; one explanation for all findings of a rule either way."""
    report = samples.long(200, 20)
    text = samples.written(html, report, change=Change({"k8s/web-00000.yaml": ((1, 200),)}))
    with opened(browser, tmp_path, text) as page:
        titles = page.locator("h2").all_inner_texts()
        assert [title.partition(" ")[0] for title in titles] == ["Findings", "Workloads", "Distribution"]
        assert page.locator(".group h3").first.inner_text() == "Deployment/shop/web-00000 5 findings"
        assert "score 25 F, needs 60, PSS privileged" in page.locator(".group").first.inner_text()
        assert page.locator(".finding .new").count() == 5
        assert page.locator(".explanation").count() == 2
        assert page.locator(".finding").nth(7).locator("a[href^='#rule-']").text_content() == "why and how to fix it"
        page.select_option("#finding-group", "rule")
        settle(page)
        assert page.locator(".group h3").first.inner_text() == "criticalPrivileged container 50 findings"
        assert page.locator(".group .explanation").count() == page.locator(".explanation").count() == 1
        assert page.locator(".finding h4").first.inner_text().startswith("criticalDeployment/shop/web-000")


@in_browser
def test_the_bars_and_their_labels_do_not_overlap(browser: Browser, tmp_path: Path) -> None:
    """However close thresholds are."""
    report = samples.with_findings()
    scores = [replace(one.score, threshold=60 + number) for number, one in enumerate(report.assessments)]
    pairs = zip(report.assessments, scores, strict=True)
    report = replace(report, assessments=tuple(replace(one, score=score) for one, score in pairs))
    with opened(browser, tmp_path, samples.written(html, report)) as page:
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            row = page.locator("#plot tr", has_text="threshold 60")
            assert row.inner_text().split() == ["60–69", "0", "threshold", "60", "threshold", "61", "threshold", "62"]
            boxes = [box for part in row.locator("th, svg, b, span").all() if (box := part.bounding_box())]
            assert len(boxes) == 6
            for one, other in itertools.pairwise(boxes):
                is_beside = one["x"] + one["width"] <= other["x"] + 1
                assert is_beside or one["y"] + one["height"] <= other["y"] + 1


def five_thousand() -> Report:
    return samples.long(5_000, 5_000)


@in_browser
def test_five_thousand_findings_do_not_stall(browser: Browser, tmp_path: Path) -> None:
    """Bounds are a multiple of what was measured (0.4 s to open, 30 ms a filter), for machines that are busy."""
    text = samples.written(html, five_thousand())
    began = time.monotonic()
    with opened(browser, tmp_path, text) as page:
        assert page.inner_text("#finding-count") == "2,500 of 5,000"
        page.select_option("#finding-show", "")
        settle(page)
        assert page.inner_text("#finding-count") == "5,000 of 5,000"
        assert time.monotonic() - began < 10
        assert page.locator(".finding").count() <= 200
        page.evaluate(TIMED)
        took = page.evaluate(
            "timed(() => { const box = document.getElementById('finding-text'); box.value = 'web-0123';"
            " box.dispatchEvent(new Event('input')); })"
        )
        assert page.inner_text("#finding-count") == "10 of 5,000"
        assert took < 1_500
        took = page.evaluate("timed(() => document.querySelector('button[data-key=name]').click())")
        assert took < 1_500
        page.fill("#finding-text", "")
        settle(page)
        before = page.locator(".finding").count()
        page.evaluate("document.getElementById('finding-more').scrollIntoView()")
        page.locator(".finding").nth(before).wait_for(state="attached")


TIMED = """() => {
  window.timed = async (act) => {
    const began = performance.now();
    act();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - began;
  };
}"""
