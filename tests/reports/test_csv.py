"""CSV: one table, as many rows as things, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.model import Problem
from kgate.reports.formats import csv as csv_report
from tests.reports import samples

RENDERED = samples.Texts(csv_report)
every_sample = pytest.mark.parametrize("name", sorted(RENDERED))
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1+1", "=cmd|' /C calc'!A0")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@every_sample
def test_a_row_for_each_thing(name: str) -> None:
    report = samples.SAMPLES[name]
    types = [row["type"] for row in rows_of(RENDERED[name])]
    assert types.count("workload") == len(report.assessments)
    assert types.count("finding") == len(report.findings)
    assert types.count("problem") == len(report.problems)
    assert types.count("accepted") == len(report.accepted)
    assert types.count("note") == len(report.notes)
    assert len(types) == RENDERED[name].count("\n") - 1


def test_what_is_accepted_says_why_by_whom_and_until_when() -> None:
    problem, unjudged = (row for row in rows_of(RENDERED["accepted"]) if row["type"] == "accepted")
    assert problem["waived"] == "reads the node's log files (team-ops, until 2027-01-31)"
    assert (unjudged["path"], unjudged["line"], unjudged["waived"]) == ("apps/redis.yaml", "9", "the vendor's chart")


def test_a_finding_reads_well() -> None:
    row = next(row for row in rows_of(RENDERED["rendered"]) if row["type"] == "finding")
    assert (row["rule"], row["severity"], row["path"], row["line"]) == (
        "privileged-container",
        "critical",
        samples.TEMPLATE,
        "12",
    )
    assert row["also"] == "DaemonSet/shop/log"
    assert row["related"] == "charts/web/values.yaml:3:7 value privileged"
    assert row["rendered_by"] == "helm charts/web (default values, values ci/a-values.yaml)"


@every_sample
def test_no_cell_is_a_formula(name: str) -> None:
    for row in rows_of(RENDERED[name]):
        assert not any(value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")) for value in row.values())


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text: str) -> None:
    (row,) = rows_of(samples.written(csv_report, samples.report(problems=(Problem(text, None, text),))))
    assert row["path"].startswith("'")
    assert row["message"].startswith("'")


def test_what_is_no_formula_is_left_as_it_is() -> None:
    assert csv_report.cell("a=b") == "a=b"
    assert csv_report.cell(12) == "12"


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_one_cell(text: str) -> None:
    finding = replace(samples.finding(container=text), message=text)
    (row,) = rows_of(samples.written(csv_report, samples.report((finding,))))
    assert tuple(row) == csv_report.COLUMNS
    assert row["rule"] == "privileged-container"
