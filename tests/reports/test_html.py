"""HTML: one inert file, looked at in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import html as parser

from kgate.model import Report
from kgate.reports.formats import html
from tests.browser import launched
from tests.reports import samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RENDERED = {name: samples.written(html, report) for name, report in samples.SAMPLES.items()}
every_sample = pytest.mark.parametrize("name", sorted(RENDERED))


def root_of(text: str) -> Any:
    return parser.fromstring(text)


def data_of(text: str) -> Any:
    (script,) = root_of(text).xpath("//script[@id='data']")
    return json.loads(script.text)


def test_there_are_samples() -> None:
    assert len(RENDERED) == 10
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
    drawn = [int(text.text or 0) for text in root.xpath("//*[local-name()='g'][starts-with(@class,'bar')]/text[1]")]
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
        assert page.inner_text(".finding h3") == "lowAdded capability"


@in_browser
def test_a_finding_shows_its_source_lines(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, RENDERED["rendered"]) as page:
        card = page.locator(".finding").first
        assert card.locator(".source").all_inner_texts() == ["12      privileged: true", "3privileged: true"]
        assert card.locator("mark").first.inner_text() == "privileged: true"
        assert card.locator("a").nth(1).get_attribute("href") == f"{samples.LINK_BASE}/{samples.TEMPLATE}#L12"
        text = card.inner_text()
        for part in ("value privileged", "rendered by helm charts/web", "also DaemonSet/shop/log", "why", "fix"):
            assert part in text
        assert "(approximate)" in page.locator(".finding").nth(1).inner_text()


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
        assert page.locator(".finding").count() == len(samples.SAMPLES[name].findings)
        assert page.locator("img, iframe, main script").count() == 0
        hosts = page.eval_on_selector_all("a", "links => links.map(link => new URL(link.href).host)")
        assert set(hosts) <= {"github.com", "git.example", "kubernetes.io", "cwe.mitre.org", "www.cisecurity.org"}


@in_browser
def test_a_narrow_screen_does_not_scroll_sideways(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, RENDERED["hostile"]) as page:
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def five_thousand() -> Report:
    return samples.long(5_000, 5_000)


@in_browser
def test_five_thousand_findings_do_not_stall(browser: Browser, tmp_path: Path) -> None:
    """Bounds are a multiple of what was measured (0.4 s to open, 30 ms a filter), for machines that are busy."""
    text = samples.written(html, five_thousand())
    began = time.monotonic()
    with opened(browser, tmp_path, text) as page:
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
