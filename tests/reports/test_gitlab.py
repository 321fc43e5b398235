"""Code Quality and SAST: what GitLab's parsers ask for, and what it knows a finding again by."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from kgate.model import HiddenManifests, Problem, Remark, Unjudged, problems_of, unjudged_of
from kgate.reports.formats import gitlab_codequality, gitlab_sast, junit, sarif
from kgate.reports.presentation import Folder
from tests.command import ROOT
from tests.reports import samples
from tests.schemachecker import check_texts

SCHEMAS = {
    name: json.loads((ROOT / f"tests/schemas/gitlab-{name}.json").read_text(encoding="utf-8"))
    for name in ("codequality", "sast")
}
RENDERED = {
    "codequality": samples.Texts(gitlab_codequality),
    "sast": samples.Texts(gitlab_sast),
}
every_sample = pytest.mark.parametrize("name", sorted(samples.SAMPLES))
every_format = pytest.mark.parametrize("kind", sorted(SCHEMAS))


def quality(name: str) -> list[Any]:
    entries: list[Any] = json.loads(RENDERED["codequality"][name])
    return entries


def vulnerabilities(name: str) -> list[Any]:
    found: list[Any] = json.loads(RENDERED["sast"][name])["vulnerabilities"]
    return found


def test_there_are_samples() -> None:
    assert all(len(texts) == 12 for texts in RENDERED.values())
    assert len(quality("with findings")) == len(vulnerabilities("with findings")) == 5


@every_format
def test_check_jsonschema_accepts_every_sample(kind: str, tmp_path: Path) -> None:
    done = check_texts(ROOT / f"tests/schemas/gitlab-{kind}.json", tmp_path, RENDERED[kind])
    assert done.code == 0, done


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        pytest.param("codequality", '"severity": "blocker"', '"severity": "critical!"', id="a severity"),
        pytest.param("codequality", '"path": "k8s', '"path": "./k8s', id="a path with a dot"),
        pytest.param("codequality", '"begin": 12', '"begin": 0', id="a line"),
        pytest.param("sast", '"severity": "Critical"', '"severity": "critical"', id="a severity in small letters"),
        pytest.param("sast", '"start_time": "1970-01-01T00:00:00"', '"start_time": "1970-01-01"', id="a time"),
        pytest.param("sast", '"identifiers": [', '"identifiers": [], "x": [', id="no identifier"),
    ],
)
def test_the_schemas_reject(kind: str, old: str, new: str) -> None:
    broken = RENDERED[kind]["with findings"].replace(old, new)
    assert broken != RENDERED[kind]["with findings"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(broken), SCHEMAS[kind])


@every_format
@every_sample
def test_it_is_inert_ascii(kind: str, name: str) -> None:
    text = RENDERED[kind][name]
    assert text.isascii()
    assert "##" not in text
    assert "::" not in text


@every_sample
def test_nothing_is_merged_or_lost(name: str) -> None:
    report = samples.SAMPLES[name]
    prints = [entry["fingerprint"] for entry in quality(name)]
    told = len(report.findings) + len(report.problems) + len(report.unjudged) + len(report.unlisted.notes)
    assert len(set(prints)) == len(prints) == told + len(report.accepted)
    ids = [found["id"] for found in vulnerabilities(name)]
    assert len(set(ids)) == len(ids) == len(report.findings)


def test_sarif_tools_make_the_same_of_the_sarif_report(tmp_path: Path) -> None:
    source, answer = tmp_path / "a.sarif", tmp_path / "a.json"
    source.write_text(samples.written(sarif, samples.with_findings(), sarif_all=True), encoding="utf-8")
    command = [sys.executable, "-m", "sarif", "codeclimate", str(source), "-o", str(answer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(answer.read_text(encoding="utf-8"))

    def keys(entries: list[Any]) -> set[tuple[str, int]]:
        return {(entry["location"]["path"], entry["location"]["lines"]["begin"]) for entry in entries}

    assert keys(theirs) == keys(quality("with findings"))
    assert len(keys(theirs)) == 4


def test_severities_keep_their_order() -> None:
    found = {entry["check_name"]: entry["severity"] for entry in quality("with findings")}
    assert found == {
        "privileged-container": "blocker",
        "host-path-volume": "critical",
        "run-as-root-allowed": "major",
        "added-capability": "minor",
    }
    assert Counter(found["severity"] for found in vulnerabilities("with findings")) == {
        "Critical": 2,
        "High": 1,
        "Medium": 1,
        "Low": 1,
    }


def test_a_waived_finding_is_information_with_its_reason() -> None:
    (entry,) = (entry for entry in quality("waived") if entry["severity"] == "info")
    assert entry["description"].startswith("Waived: reads the node's log files (team-ops, until 2027-01-31). The pod")
    (found,) = (found for found in vulnerabilities("waived") if found["severity"] == "Info")
    assert found["description"].startswith("Waived: reads the node's log files")


def test_what_was_not_judged_is_the_worst_entry_and_a_failed_scan() -> None:
    assert [entry["severity"] for entry in quality("with problems")[:3]] == ["blocker"] * 3
    assert quality("with problems")[1]["description"] == "Not judged: the mapping has two keys 'spec'."
    scan = json.loads(RENDERED["sast"]["with problems"])["scan"]
    assert scan["status"] == "failure"
    assert [message["level"] for message in scan["messages"]] == ["fatal"] * 3
    empty = json.loads(RENDERED["sast"]["empty"])["scan"]
    assert (empty["status"], len(empty["messages"])) == ("failure", 1)
    assert json.loads(RENDERED["sast"]["with findings"])["scan"]["status"] == "success"


def test_a_vulnerability_names_its_rule_and_weakness() -> None:
    found = vulnerabilities("rendered")[0]
    assert [(identifier["type"], identifier["value"]) for identifier in found["identifiers"]] == [
        ("kgate_rule", "privileged-container"),
        ("cwe", "250"),
    ]
    assert "Rendered by helm charts/web" in found["description"]
    assert "See charts/web/values.yaml:3:7 value privileged." in found["description"]
    assert "Also DaemonSet/shop/log." in found["description"]


def test_ids_stay_when_lines_move() -> None:
    moved = replace(samples.finding(), location=samples.location("other.yaml", 99, "/spec"))
    documents = [json.loads(samples.written(gitlab_sast, samples.report((f,)))) for f in (samples.finding(), moved)]
    first, second = (document["vulnerabilities"][0] for document in documents)
    assert first["id"] == second["id"]
    assert first["tracking"]["items"][0]["signatures"] == second["tracking"]["items"][0]["signatures"]


# ------------------------------------------------------------------------------------------ paths


ODD = [
    "a b.yaml",
    "50%.yaml",
    "a#1.yaml",
    "größe/wäb.yaml",
    "a::error::b.yaml",
    "##[x].yaml",
    "-f.yaml",
    "x/" * 900 + "a",
]


@pytest.mark.parametrize("path", ODD)
def test_a_path_is_that_of_the_file(path: str) -> None:
    report = replace(
        samples.report((replace(samples.finding(), location=samples.location(path, 3)),)),
        problems=(Problem(path, 1, "the mapping has two keys"),),
    )
    entries = json.loads(samples.written(gitlab_codequality, report))
    assert {entry["location"]["path"] for entry in entries} == {path}
    (found,) = json.loads(samples.written(gitlab_sast, report))["vulnerabilities"]
    assert found["location"]["file"] == found["tracking"]["items"][0]["file"] == path
    root = ElementTree.fromstring(samples.written(junit, samples.report((), (samples.assessment(path=ODD[0]),))))
    assert [suite.get("file") for suite in root] == [ODD[0]]


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        pytest.param(Folder(), "k8s/web.yaml", "k8s/web.yaml", id="the project is the root"),
        pytest.param(Folder("deploy"), "k8s/web.yaml", "deploy/k8s/web.yaml", id="a folder of the project"),
        pytest.param(Folder("deploy"), ".", "deploy", id="the folder itself"),
        pytest.param(Folder("./"), "web.yaml", "web.yaml", id="the same folder"),
        pytest.param(Folder(".."), "web.yaml", "web.yaml", id="above where the user is"),
        pytest.param(Folder("/builds/shop"), "web.yaml", "web.yaml", id="an absolute path"),
        pytest.param(Folder("", "k8s"), "k8s/web.yaml", "web.yaml", id="where the user is, without git"),
        pytest.param(Folder(), "./web.yaml", "web.yaml", id="a dot in front"),
        pytest.param(Folder(), "\x1b[31m\udcff.yaml", "\\x1b[31m\\udcff.yaml", id="what cannot be printed"),
    ],
)
def test_a_path_starts_at_the_project(folder: Folder, path: str, expected: str) -> None:
    report = samples.report((replace(samples.finding(), location=samples.location(path, 3)),))
    (entry,) = json.loads(samples.written(gitlab_codequality, report, project=folder))
    assert entry["location"]["path"] == expected
    (found,) = json.loads(samples.written(gitlab_sast, report, project=folder))["vulnerabilities"]
    assert found["location"]["file"] == expected
    plain = json.loads(samples.written(gitlab_codequality, report))
    assert entry["fingerprint"] == plain[0]["fingerprint"]


HIDDEN = HiddenManifests("x/.kgateignore", 3, "this line hides 2 manifests", 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Problem("a.yaml", 3, "no keys"), Problem("a.yaml", 9, "no keys"), id="a problem that moved"),
        pytest.param(HIDDEN, replace(HIDDEN, line=4, message="this line hides 7 manifests"), id="a note that counts"),
        pytest.param(
            Unjudged("a.yaml", 3, "it is remote", "chart x"),
            Unjudged("a.yaml", 8, "it is remote", "chart x"),
            id="an unjudged part that moved",
        ),
    ],
)
def test_the_fingerprint_of_a_remark_stays(before: Remark, after: Remark) -> None:
    def fingerprints(*remarks: Remark) -> list[str]:
        report = replace(
            samples.report(),
            problems=problems_of(remarks),
            unjudged=unjudged_of(remarks),
            notes=tuple(one for one in remarks if isinstance(one, HiddenManifests)),
        )
        return [entry["fingerprint"] for entry in json.loads(samples.written(gitlab_codequality, report))]

    assert fingerprints(before) == fingerprints(after)
    assert len(set(fingerprints(before, after))) == 2
