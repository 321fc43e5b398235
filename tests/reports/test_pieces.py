"""Every format writes a report as it is made, and never holds it as a whole."""

from __future__ import annotations

import tracemalloc

import pytest

from kgate import reports
from kgate.reports.presentation import Detail, Presentation
from tests.reports import samples

FINDINGS = 10_000
HELD = 250
"""Bytes that a format may hold for each finding: references, keys and a fingerprint. Its text has 200 to 1,300."""


@pytest.mark.parametrize("name", reports.names())
def test_what_is_held_does_not_grow_with_the_text(name: str) -> None:
    render = reports.renderer(name)
    presentation = Presentation(detail=Detail.VERBOSE, max_chars=65_536)
    report = samples.long(FINDINGS, objects=FINDINGS // 20)
    assert sum(map(len, render(samples.with_findings(), presentation))) > 500  # imports what the format needs
    tracemalloc.start()
    try:
        assert sum(map(len, render(report, presentation))) > 500
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < HELD * FINDINGS
