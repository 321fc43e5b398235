"""What holds for every format, those of tomorrow included: it is inert, repeatable, and written as it is made."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace

import pytest

from kgate import reports
from kgate.model import Report
from kgate.reports import Renderer
from kgate.reports.presentation import Detail, Presentation
from tests.reports import samples

FINDINGS = 3_000
HELD = 250
"""Bytes that a format may hold for each finding: references, keys and a fingerprint. Its text has 200 to 1,300."""

INJECTED = re.compile(r"^\s*::error::owned|##vso\[task|##\[error\]owned", re.MULTILINE)
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")

every_format = pytest.mark.parametrize("name", reports.names())


def written(name: str, sample: str) -> str:
    return "".join(reports.renderer(name)(samples.SAMPLES[sample], samples.LINKED))


@every_format
@pytest.mark.parametrize("sample", samples.SAMPLES)
def test_a_report_is_never_empty_and_always_the_same(name: str, sample: str) -> None:
    text = written(name, sample)
    assert text
    assert written(name, sample) == text


@every_format
def test_text_of_a_manifest_is_inert(name: str) -> None:
    text = written(name, "hostile")
    assert not INJECTED.search(text)
    assert not UNSEEN.search(text)


def test_what_weakens_the_gate_is_shown_last_on_a_terminal() -> None:
    """After all other findings, where a terminal stands still."""
    text = "".join(reports.renderer("text")(samples.weakened(), samples.LINKED))
    places = [text.index(place) for place in ("z/kgate.yaml", "z/.kgateignore")]
    assert min(places) > max(match.start() for match in re.finditer(r"privileged-container|shop/web", text))
    assert "falls from 60 to 0" in text


@pytest.mark.parametrize("name", [*sorted({*reports.names()} - {"badge", "github-review", "text"}), "text, whole"])
def test_what_weakens_the_gate_is_shown_first_at_its_line(name: str) -> None:
    """Before all other findings. A badge shows the verdict alone, and a review what can be fixed."""
    name, _, whole = name.partition(", ")
    presentation = replace(samples.LINKED, detail=Detail.VERBOSE if whole else Detail.NORMAL)
    text = "".join(reports.renderer(name)(samples.weakened(), presentation))
    start = {"sarif": '"results":', "json": '"findings":', "html": '"findings":', "markdown": "### What fails"}
    found = text[text.index(start.get(name, "")) :]
    places = [found.index(place) for place in ("z/kgate.yaml", "z/.kgateignore")]
    assert max(places) < min(match.start() for match in re.finditer(r"privileged-container|shop/web", found))
    assert "falls from 60 to 0" in text


@pytest.mark.parametrize("name", ["html", "markdown", "text"])
def test_objects_that_no_rule_is_about_are_counted(name: str) -> None:
    """So that no findings never reads as if RBAC were judged."""
    phrase = "1,200 objects that no rule is about, 3 of them RBAC"
    assert phrase in written(name, "bounded")
    assert "no rule is about" not in written(name, "without findings")


NOTES_SHOWN = (
    "csv",
    "github",
    "gitlab-codequality",
    "gitlab-sast",
    "html",
    "json",
    "junit",
    "markdown",
    "sarif",
    "text",
)


@pytest.mark.parametrize("name", [*NOTES_SHOWN, "sarif", "text"])
def test_a_line_that_hides_manifests_is_shown(name: str) -> None:
    text = "".join(reports.renderer(name)(samples.weakened(), samples.LINKED))
    assert "x/.kgateignore" in text
    assert "this line hides 2 manifests" in text


@pytest.mark.slow
@every_format
def test_what_is_held_does_not_grow_with_the_text(name: str) -> None:
    render = reports.renderer(name)
    presentation = Presentation(detail=Detail.VERBOSE, max_chars=65_536)
    report = samples.long(FINDINGS, objects=FINDINGS // 20)
    assert sum(map(len, render(samples.with_findings(), presentation)))  # imports what the format needs
    few, many = (_most_held(render, one, presentation) for one in (samples.with_findings(), report))
    assert many - few < HELD * FINDINGS, "beside what a format needs anyway, such as its compiled template"


def _most_held(render: Renderer, report: Report, presentation: Presentation) -> int:
    """The bytes that a format holds at the most while it makes its text."""
    tracemalloc.start()
    try:
        assert sum(map(len, render(report, presentation)))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
