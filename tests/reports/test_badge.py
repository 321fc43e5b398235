"""The badge: well-formed, as wide as its text, and green only where the gate passed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from kgate.model import Report, Verdict
from kgate.reports.formats import badge
from tests.reports import samples

SVG = "{http://www.w3.org/2000/svg}"
GREEN = {"#1a7f37", "#4d7c0f"}


def with_score(value: int, passed: bool = True) -> Report:
    return samples.report((), (samples.assessment(value=value),), verdict=Verdict(passed, False, ()))


@pytest.mark.parametrize(
    ("report", "message"),
    [
        pytest.param(with_score(97), "A 97", id="passed"),
        pytest.param(with_score(60), "C 60", id="passed with less"),
        pytest.param(with_score(97, False), "failed, A 97", id="failed for a finding"),
        pytest.param(samples.with_findings(), "failed, F 25", id="the lowest of several"),
        pytest.param(samples.with_problems(), "incomplete", id="something was not judged"),
        pytest.param(samples.empty(), "incomplete", id="nothing was found"),
        pytest.param(replace(samples.empty(), verdict=Verdict(True, False, ())), "no workloads", id="nothing allowed"),
        pytest.param(replace(samples.empty(), verdict=Verdict(False, False, ())), "failed", id="failed without one"),
    ],
)
def test_what_it_says(report: Report, message: str) -> None:
    root = etree.fromstring(samples.written(badge, report).encode())
    assert root.get("aria-label") == f"kgate: {message}"
    assert [text.text for text in root.iter(f"{SVG}text")] == ["kgate", message]
    colours = {rect.get("fill") for rect in root.iter(f"{SVG}rect")}
    assert bool(colours & GREEN) is (message == "A 97")


@pytest.mark.parametrize("name", sorted(samples.SAMPLES))
def test_it_is_well_formed_and_loads_nothing(name: str) -> None:
    text = samples.written(badge, samples.SAMPLES[name])
    root = etree.fromstring(text.encode())
    assert root.tag == f"{SVG}svg"
    assert text.isascii()
    assert text.count("http") == 1
    assert int(root.get("width", "0")) > sum(int(t.get("textLength", "0")) for t in root.iter(f"{SVG}text"))
