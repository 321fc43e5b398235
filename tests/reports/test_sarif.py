"""SARIF: the official schema, Microsoft's validator, and the limits that neither of them knows."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.model import Location, Position, Related, Report, Rule, Score, Severity
from kgate.reports.formats import sarif
from kgate.reports.links import DOCUMENTATION
from kgate.yamltree.nodes import compose
from kgate.yamltree.text import SourceText
from tests.reports import samples
from tests.schemachecker import check_texts

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "tests/schemas/sarif-2.1.0.json"
RENDERED = samples.Texts(sarif)
WITH_ALL = samples.Texts(sarif, sarif_all=True)
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}

every_sample = pytest.mark.parametrize("name", sorted(RENDERED))


def run_of(text: str) -> Any:
    (run,) = json.loads(text)["runs"]
    return run


def results_of(text: str) -> list[Any]:
    results: list[Any] = run_of(text)["results"]
    return results


def test_there_are_samples() -> None:
    assert len(RENDERED) == 12
    assert {name for name, text in RENDERED.items() if not results_of(text)} == {
        "accepted",
        "without findings",
        "empty",
        "with unjudged parts",
    }


# ------------------------------------------------------------------------------------ validators


def test_the_official_schema_accepts_every_sample(tmp_path: Path) -> None:
    done = check_texts(SCHEMA, tmp_path, RENDERED)
    assert done.code == 0, done


def test_the_official_schema_rejects_an_unknown_level(tmp_path: Path) -> None:
    broken = RENDERED["with findings"].replace('"level": "warning"', '"level": "high"')
    assert broken != RENDERED["with findings"]
    assert check_texts(SCHEMA, tmp_path, {"broken": broken}).code == 1


def multitool() -> Path:
    package = ROOT / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
    path = Path(os.environ.get("KGATE_SARIF_MULTITOOL") or package)
    if not os.access(path, os.X_OK):
        pytest.fail(
            f"{path} is no executable file; run 'npm install --no-save @microsoft/sarif-multitool', then"
            f" 'chmod u+x {package.relative_to(ROOT)}', or name the binary in KGATE_SARIF_MULTITOOL"
        )
    return path


def multitool_results(folder: Path, texts: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Rule and level of everything that sarif-multitool says about each text, notes included."""
    sources = {folder / f"{name.replace(' ', '-')}.sarif": name for name in texts}
    for source, name in sources.items():
        source.write_text(texts[name], encoding="utf-8")
    answer = folder / "answer.json"
    options = ("--rule-kind", "Sarif;Ghas", "--level", "Error;Warning;Note", "--log", "ForceOverwrite")
    size = ("--max-file-size-in-kb", "100000")
    command = [str(multitool()), "validate", *map(str, sources), *options, *size, "-o", str(answer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(texts)} files scanned" in done.stdout, "one was not analysed (the exit code does not say so)"
    run = json.loads(answer.read_text(encoding="utf-8-sig"))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is True
    assert "toolConfigurationNotifications" not in run["invocations"][0], run["invocations"]
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in texts}
    for result in run["results"]:
        (place,) = result["locations"]
        source = Path(unquote(urlsplit(place["physicalLocation"]["artifactLocation"]["uri"]).path))
        found[sources[source]].append((result["ruleId"], result.get("level", "warning")))
    return found


@pytest.mark.needs_npm
def test_multitool_finds_no_error_and_no_warning(tmp_path: Path) -> None:
    """Takes 10 to 25 seconds: a validator in .NET compiles itself first, and reads reports of a megabyte."""
    answers = multitool_results(tmp_path, RENDERED)
    assert all(answers.values()), "multitool always has some note on a file that it has read"
    worse = {name: [one for one in found if one[1] != "note"] for name, found in answers.items()}
    assert not any(worse.values()), worse


@pytest.mark.needs_npm
def test_multitool_rejects_a_rule_without_help_and_a_region_that_ends_before_it_starts(tmp_path: Path) -> None:
    text = RENDERED["with findings"].replace('"help":', '"properties2":').replace('"endLine": 12', '"endLine": 1')
    answers = multitool_results(tmp_path, {"broken": text})["broken"]
    assert {"GH2012", "SARIF1007"} <= {rule for rule, level in answers if level != "note"}


# ----------------------------------------------------------------------------------------- rules


@every_sample
def test_the_rules_are_those_of_the_results(name: str) -> None:
    """So that a new rule changes no report that has no result of it."""
    run = run_of(RENDERED[name])
    rules = [rule["id"] for rule in run["tool"]["driver"].get("rules", ())]
    assert rules == sorted({result["ruleId"] for result in run["results"]})


@pytest.mark.parametrize("rule", samples.RULES, ids=lambda rule: rule.id)
def test_a_rule_has_all_that_code_scanning_shows(rule: Rule) -> None:
    (shown,) = (
        candidate
        for candidate in run_of(WITH_ALL["with findings"])["tool"]["driver"]["rules"]
        if candidate["id"] == rule.id
    )
    properties = shown["properties"]
    assert shown["shortDescription"]["text"] == rule.title
    assert rule.message in shown["fullDescription"]["text"]
    assert rule.rationale.strip() in shown["help"]["markdown"]
    assert rule.remediation.strip() in shown["help"]["markdown"]
    assert all(reference.url in shown["help"]["text"] for reference in rule.references)
    own_page = f"{DOCUMENTATION}/{rule.id}.md" if rule.path.startswith("rules/") else None
    assert shown.get("helpUri") == (own_page or (rule.references[0].url if rule.references else None))
    assert shown["defaultConfiguration"]["level"] == LEVELS[rule.severity.label]
    assert properties["precision"] == "very-high"
    assert properties["tags"][0] == "security"


def test_severities_fall_into_the_bands_of_the_same_name_at_github() -> None:
    rules = run_of(WITH_ALL["with findings"])["tool"]["driver"]["rules"]
    severities = {rule["id"]: rule["properties"]["security-severity"] for rule in rules}
    assert severities == {
        "privileged-container": "9.5",
        "host-path-volume": "8.0",
        "run-as-root-allowed": "5.5",
        "added-capability": "2.0",
    }


def test_a_version_that_is_not_semantic_is_only_a_version() -> None:
    def driver_of(version: str) -> Any:
        return run_of(samples.written(sarif, replace(samples.empty(), version=version)))["tool"]["driver"]

    assert driver_of("1.2.3-rc.1")["semanticVersion"] == "1.2.3-rc.1"
    assert driver_of("1.2.3.dev4")["version"] == "1.2.3.dev4"
    assert "semanticVersion" not in driver_of("1.2.3.dev4")


# ---------------------------------------------------------------------------------------- limits


@every_sample
def test_limits_of_github_and_gitlab(name: str) -> None:
    run = run_of(RENDERED[name])
    rules = run["tool"]["driver"].get("rules", [])
    assert len(RENDERED[name].encode()) < 10_000_000
    assert len(run["results"]) <= 5_000
    for rule in rules:
        assert 1 <= len(rule["shortDescription"]["text"]) <= 1_024
        assert 1 <= len(rule["fullDescription"]["text"]) <= 1_024
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert "security" in rule["properties"]["tags"]
        assert len(rule["properties"]["tags"]) <= 10
        assert isinstance(rule["properties"]["security-severity"], str)
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert rule["properties"]["problem.severity"] in ("error", "warning", "recommendation")
    for result in run["results"]:
        assert 1 <= len(result["message"]["text"]) <= 2_048
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")


def test_the_limits_are_reached_by_the_samples() -> None:
    rules = run_of(WITH_ALL["with findings"])["tool"]["driver"]["rules"]
    assert max(len(rule["properties"]["tags"]) for rule in rules) == 10
    assert max(len(rule["fullDescription"]["text"]) for rule in rules) == 1_024
    assert len(results_of(WITH_ALL["long"])) == 5_000


@every_sample
def test_a_place_is_relative_and_exact(name: str) -> None:
    for result in results_of(RENDERED[name]):
        (location,) = result["locations"]
        artifact = location["physicalLocation"]["artifactLocation"]
        assert artifact["uriBaseId"] == "%SRCROOT%"
        assert re.fullmatch(r"(?!/)([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", artifact["uri"]), artifact["uri"]
        assert ".." not in unquote(artifact["uri"], errors="replace").split("/")
        region = location["physicalLocation"]["region"]
        assert {"startLine", "startColumn", "endLine", "endColumn"} <= region.keys()
        assert location["logicalLocations"][0]["fullyQualifiedName"]


@pytest.mark.parametrize("category", ["apps", "apps/"])
def test_a_category_tells_scans_apart(category: str) -> None:
    run = run_of(samples.written(sarif, samples.SAMPLES["empty"], category=category))
    assert run["automationDetails"] == {"id": "apps/"}


@every_sample
def test_one_run_with_one_invocation_that_fails_where_something_was_not_judged(name: str) -> None:
    run = run_of(RENDERED[name])
    report = samples.SAMPLES[name]
    (invocation,) = run["invocations"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["automationDetails"]["id"] == "kgate/"
    assert list(run["originalUriBaseIds"]["%SRCROOT%"]) == ["description"]
    assert invocation["executionSuccessful"] is not report.verdict.incomplete
    errors = [n for n in invocation["toolExecutionNotifications"] if n["level"] == "error"]
    assert len(errors) == (len(report.problems) or int(report.verdict.incomplete and not report.unjudged))
    warnings = [n["message"]["text"] for n in invocation["toolExecutionNotifications"] if n["level"] == "warning"]
    assert len([text for text in warnings if not text.startswith("Only the ")]) == len(report.unjudged)


@every_sample
def test_fingerprints_are_unique_in_the_run(name: str) -> None:
    fingerprints = [result["partialFingerprints"]["kgate/v1"] for result in results_of(RENDERED[name])]
    assert len(set(fingerprints)) == len(fingerprints)


def test_the_second_of_two_equal_fingerprints_is_numbered() -> None:
    first, second = (
        result["partialFingerprints"]["kgate/v1"]
        for result in results_of(RENDERED["with findings"])
        if result["ruleId"] == "privileged-container"
    )
    assert first == samples.finding().fingerprint
    assert second == f"{first}:2"


# --------------------------------------------------------------------------------------- results


@pytest.mark.parametrize("name", ["with findings", "waived", "hostile", "with problems"])
def test_no_level_is_lost(name: str) -> None:
    expected = Counter(LEVELS[finding.rule.severity.label] for finding in samples.SAMPLES[name].findings)
    text = samples.written(sarif, samples.SAMPLES[name], sarif_all=True)
    assert Counter(result["level"] for result in results_of(text)) == expected
    assert expected


@pytest.mark.parametrize(
    ("instead", "fix"),
    [
        pytest.param("privileged: false", "privileged: false", id="a field"),
        pytest.param("remove the volume.", "remove the volume", id="a sentence"),
        pytest.param("", "Remove the field, e.g. set `privileged` to false", id="nothing: the remediation"),
    ],
)
def test_a_message_starts_with_what_is_wrong_and_what_to_write(instead: str, fix: str) -> None:
    finding = samples.finding(replace(samples.PRIVILEGED, instead=instead))
    (result,) = results_of(samples.written(sarif, samples.report((finding,))))
    assert result["message"]["text"] == (
        f"The container runs privileged, which is root on the node. Fix: {fix}."
        " In container app of Deployment/shop/web, spec.template.spec.containers[0].securityContext.privileged."
    )


def test_the_snippet_is_the_region_and_its_context_the_line() -> None:
    place = results_of(RENDERED["with findings"])[0]["locations"][0]["physicalLocation"]
    assert place["region"] == {
        "startLine": 12,
        "startColumn": 7,
        "endLine": 12,
        "endColumn": 23,
        "snippet": {"text": "privileged: true"},
    }
    assert place["contextRegion"] == {"startLine": 12, "snippet": {"text": "      privileged: true"}}


@pytest.mark.parametrize(
    ("start", "end", "line", "has_snippet", "has_context"),
    [
        pytest.param((1, 1), (1, 4), "a: b", True, True, id="part of a line"),
        pytest.param((1, 1), (1, 5), "a: b", True, False, id="a whole line is no context of itself"),
        pytest.param((1, 300), (1, 304), "x" * 200, False, True, id="a long line is cut, columns do not count in it"),
        pytest.param((1, 50), (1, 54), "x" * 200, False, True, id="a long line may be cut in front"),
        pytest.param((1, 2), (3, 1), "a: b", False, True, id="several lines"),
        pytest.param((1, 1), (3, 1), "a: b", False, False, id="whole lines"),
    ],
)
def test_a_snippet_is_left_out_where_it_would_be_wrong(
    start: tuple[int, int], end: tuple[int, int], line: str, has_snippet: bool, has_context: bool
) -> None:
    location = Location("a.yaml", Position(*start), Position(*end), "/a", line)
    text = samples.written(sarif, samples.report((replace(samples.finding(), location=location),)))
    place = results_of(text)[0]["locations"][0]["physicalLocation"]
    assert ("snippet" in place["region"], "contextRegion" in place) == (has_snippet, has_context)


def test_too_many_results_are_cut_worst_first_and_it_is_said() -> None:
    run = run_of(WITH_ALL["long"])
    report = samples.SAMPLES["long"]
    ranked = sorted((f.rule.severity for f in report.findings), reverse=True)[:5_000]
    assert Counter(result["ruleId"] for result in run["results"]) == Counter(
        next(rule.id for rule in samples.RULES if rule.severity == severity) for severity in ranked
    )
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("Only the worst 5,000 of 6,000 findings are listed here")


def test_a_waiver_that_stands_in_a_manifest_is_a_suppression_in_the_source() -> None:
    waivers = (samples.WAIVER, replace(samples.WAIVER, is_inline=True))
    findings = tuple(replace(samples.finding(), waiver=waiver) for waiver in waivers)
    results = results_of(samples.written(sarif, samples.report(findings)))
    assert [one["suppressions"][0]["kind"] for one in results] == ["external", "inSource"]


def test_a_waived_finding_goes_before_an_open_one_when_results_are_cut() -> None:
    report = samples.long(5_001)
    worst = max(range(5_001), key=lambda index: report.findings[index].rule.severity)
    findings = list(report.findings)
    findings[worst] = replace(findings[worst], waiver=samples.WAIVER)
    results = results_of(samples.written(sarif, replace(report, findings=tuple(findings)), sarif_all=True))
    assert len(results) == 5_000
    assert all("suppressions" not in result for result in results)


def test_suppressions_are_all_or_none() -> None:
    accepted, open_finding = results_of(RENDERED["waived"])
    assert accepted["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "reads the node's log files (team-ops, until 2027-01-31)",
        }
    ]
    assert open_finding["suppressions"] == []
    assert all("suppressions" not in result for result in results_of(RENDERED["with findings"]))


def test_included_rules_are_named() -> None:
    named = [result.get("properties") for result in results_of(RENDERED["with findings"])]
    assert {"includes": ["added-capability"]} in named


def test_a_problem_names_its_place() -> None:
    first, second, _ = run_of(RENDERED["with problems"])["invocations"][0]["toolExecutionNotifications"]
    assert "region" not in first["locations"][0]["physicalLocation"]
    place = second["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "k8s/a%20b%3Ac%23d.yaml"
    assert place["region"] == {"startLine": 3}


# ------------------------------------------------------------------------------------------ text


def test_hostile_text_starts_no_command_and_no_link() -> None:
    text = RENDERED["hostile"]
    assert text.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]|##|::", text)
    messages = [result["message"]["text"] for result in results_of(text)]
    assert len(messages) == len(samples.HOSTILE_TEXTS)
    assert not any("\n" in message for message in messages)
    assert all(re.fullmatch(r"(?s)(?:(?!\]\().)*(\]\(\d\)(?:(?!\]\().)*){3}", message) for message in messages)


@given(st.text(st.characters(), max_size=60), st.text(st.characters(), min_size=1, max_size=20))
def test_any_text_is_rendered(text: str, path: str) -> None:
    finding = replace(samples.finding(), container=text, location=samples.location(path, 1, f"/{text}", text))
    rendered = samples.written(sarif, samples.report((finding,)))
    rendered.encode("utf-8")
    json.dumps(json.loads(rendered), ensure_ascii=False).encode("utf-8")
    assert len(results_of(rendered)) == 1


def test_the_same_report_gives_the_same_bytes() -> None:
    def with_findings() -> Report:
        return samples.with_findings()

    assert samples.written(sarif, with_findings()) == RENDERED["with findings"]
    assert str(ROOT) not in RENDERED["with findings"]


def test_every_severity_has_a_level() -> None:
    assert {rule.severity for rule in samples.RULES} == set(Severity)


# ------------------------------------------------------------------------------------ identities


def test_the_hash_of_the_line_is_told_where_the_line_was_read() -> None:
    known = replace(samples.finding(), location=replace(samples.location("a.yaml", 1), line_hash="39fa2ee980eb94b0:1"))
    (result,) = results_of(samples.written(sarif, samples.report((known,))))
    assert result["partialFingerprints"] == {
        "primaryLocationLineHash": "39fa2ee980eb94b0:1",
        "kgate/v1": known.fingerprint,
    }
    (result,) = results_of(samples.written(sarif, samples.report((samples.finding(),))))
    assert list(result["partialFingerprints"]) == ["kgate/v1"]


def test_taxonomies_are_of_the_rules_and_rules_point_into_them() -> None:
    run = run_of(WITH_ALL["with findings"])
    cwe, cis, pss = run["taxonomies"]
    assert (cwe["name"], [taxon["id"] for taxon in cwe["taxa"]]) == ("CWE", ["CWE-250"])
    assert [taxon["id"] for taxon in cis["taxa"]] == ["5.2.2", "5.2.12"]
    assert cis["taxa"][0]["shortDescription"]["text"] == "Minimize the admission of privileged containers"
    assert [taxon["id"] for taxon in pss["taxa"]] == ["baseline/privileged"]
    supported = run["tool"]["driver"]["supportedTaxonomies"]
    assert supported == [{"name": taxonomy["name"], "index": i} for i, taxonomy in enumerate(run["taxonomies"])]
    relationships = [relation for rule in run["tool"]["driver"]["rules"] for relation in rule.get("relationships", ())]
    assert len(relationships) == 6
    for target in (relation["target"] for relation in relationships):
        taxonomy = run["taxonomies"][target["toolComponent"]["index"]]
        assert taxonomy["name"] == target["toolComponent"]["name"]
        assert taxonomy["taxa"][target["index"]]["id"] == target["id"]


def test_related_places_are_linked_in_the_message() -> None:
    result = results_of(RENDERED["rendered"])[0]
    (related,) = result["relatedLocations"]
    assert related["id"] == 1
    assert related["physicalLocation"]["artifactLocation"]["uri"] == samples.VALUES
    assert result["message"]["text"].endswith("See also: [value privileged (charts/web/values.yaml:3)](1).")


def test_every_name_of_an_object_is_a_logical_location() -> None:
    (location,) = results_of(RENDERED["rendered"])[0]["locations"]
    names = [logical["fullyQualifiedName"] for logical in location["logicalLocations"]]
    assert names == ["Deployment/shop/web/spec", "DaemonSet/shop/log/spec"]


# -------------------------------------------------------------- limits that no validator looks at


def with_rule(**changes: Any) -> Any:
    """The descriptor of a rule with changes, as it is written."""
    report = samples.report((samples.finding(replace(samples.PRIVILEGED, **changes)),))
    (rule,) = run_of(samples.written(sarif, report))["tool"]["driver"]["rules"]
    return rule


def test_at_most_ten_tags_with_the_security_tag_first() -> None:
    tags = with_rule(tags=tuple(f"tag-{number}" for number in range(30)))["properties"]["tags"]
    assert (len(tags), tags[0]) == (10, "security")


def test_descriptions_of_at_most_1024_characters() -> None:
    rule = with_rule(title="t" * 2_000, message="m" * 2_000)
    assert len(rule["shortDescription"]["text"]) == len(rule["fullDescription"]["text"]) == 1_024


def test_messages_of_at_most_2048_characters_whatever_is_in_them() -> None:
    place = replace(samples.location("a.yaml", 1, "/" + "f" * 3_000))
    related = tuple(Related(replace(place, path="p" * 3_000), "r" * 3_000) for _ in range(50))
    rule = replace(samples.PRIVILEGED, remediation="f" * 5_000)
    finding = replace(
        samples.finding(rule, replace(samples.WEB, name="n" * 3_000), "c" * 3_000),
        location=replace(place, related=related),
        also=(samples.LOG,) * 50,
    )
    (result,) = results_of(samples.written(sarif, samples.report((finding,))))
    assert 1_500 < len(result["message"]["text"]) <= 2_048
    assert len(result["relatedLocations"]) == 10
    assert len(result["locations"][0]["logicalLocations"]) == 2


def test_a_compressed_upload_of_the_most_results_is_under_10_megabytes() -> None:
    assert len(gzip.compress(WITH_ALL["long"].encode())) < 1_000_000


@every_sample
def test_no_result_stands_twice_for_a_reader_who_looks_at_rule_and_fingerprint(name: str) -> None:
    keys = [(result["ruleId"], result["partialFingerprints"]["kgate/v1"]) for result in results_of(RENDERED[name])]
    assert len(set(keys)) == len(keys)


# -------------------------------------------------------------------------- what sarif-tools reads


READER = """
import json, sys
from sarif.loader import load_sarif_file
reports = [load_sarif_file(path).get_report() for path in sys.argv[1:]]
print(json.dumps([{s: r.get_issue_count_for_severity(s) for s in r.get_severities()} for r in reports]))
"""


def test_sarif_tools_counts_what_kgate_counts(tmp_path: Path) -> None:
    paths = []
    for name, text in RENDERED.items():
        paths.append(tmp_path / f"{name.replace(' ', '-')}.sarif")
        paths[-1].write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", READER, *map(str, paths)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = [{level: n for level, n in counts.items() if n} for counts in json.loads(done.stdout)]
    chosen = [
        [f for f in samples.SAMPLES[name].findings if f.waiver or f.rule.severity > Severity.LOW] for name in RENDERED
    ]
    expected = [Counter(LEVELS[finding.rule.severity.label] for finding in findings) for findings in chosen]
    assert read == expected
    assert sum(map(len, read)) > 10


# ------------------------------------------------------------------------------ what becomes an alert


def alerts(report: Report, **options: bool) -> list[str]:
    """The rules of the results."""
    return [result["ruleId"] for result in results_of(samples.written(sarif, report, **options))]


LOW = samples.finding(samples.NO_LIMITS)
REFUSING_LOW = replace(samples.assessment(), score=Score(91, 95, decisive=Severity.LOW))


@pytest.mark.parametrize(
    ("report", "count"),
    [
        pytest.param(samples.report((LOW,), (samples.assessment(value=97),)), 0, id="low on a pass"),
        pytest.param(samples.report((LOW,), (samples.assessment(),)), 0, id="low where others decide"),
        pytest.param(samples.report((LOW,), (REFUSING_LOW,)), 1, id="low that decides"),
        pytest.param(replace(samples.report((LOW,)), fail_on=Severity.LOW), 1, id="low that fail-on refuses"),
        pytest.param(samples.report((replace(LOW, waiver=samples.WAIVER),)), 1, id="low and waived"),
        pytest.param(samples.report((samples.finding(samples.RUN_AS_ROOT),)), 1, id="medium on a pass"),
    ],
)
def test_only_what_fails_or_could_fail_becomes_an_alert(report: Report, count: int) -> None:
    assert len(alerts(report)) == count
    assert len(alerts(report, sarif_all=True)) == 1
    said = "1 finding of severity low that decided nothing: --sarif-all lists them."
    notes = run_of(samples.written(sarif, report))["invocations"][0]["toolExecutionNotifications"]
    assert [note["message"]["text"] for note in notes] == ([] if count else [said])


# ---------------------------------------------------------------------------------------- context


MANIFEST = """\
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {token: s3cr3t}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: app
      securityContext:
        privileged: true
      image: a
"""


@pytest.mark.parametrize(
    ("text", "pointer", "line", "lines"),
    [
        pytest.param(MANIFEST, "/spec/containers/0/securityContext/privileged", 11, 4, id="up to the end"),
        pytest.param(MANIFEST, "/spec/containers", 8, 5, id="in the middle"),
        pytest.param(MANIFEST, "/kind", 6, 4, id="not beyond the document, which may be a Secret"),
        pytest.param("kind: Pod\nspec: {}\n", "/kind", 1, 2, id="a whole line"),
        pytest.param("{kind: Pod}\n", "/kind", 1, 1, id="a file of one line"),
        pytest.param(f"kind: Pod\nspec: {'x' * 9_000}\na: b\n", "/a", 1, 3, id="long lines"),
    ],
)
def test_a_region_comes_with_the_lines_around_it(text: str, pointer: str, line: int, lines: int) -> None:
    *_, root = compose(text)
    place = SourceText("a.yaml", text).document(0, root).locate(pointer)
    finding = replace(samples.finding(), location=place)
    report = samples.report((finding,))
    (result,) = results_of(samples.written(sarif, report, source={"a.yaml": text}.__getitem__))
    context = result["locations"][0]["physicalLocation"]["contextRegion"]
    shown = context["snippet"]["text"].split("\n")
    assert (context["startLine"], len(shown)) == (line, lines)
    assert context.get("endLine", line) == line + lines - 1
    written = text.split("\n")[line - 1 : line - 1 + lines]
    assert shown == [one[:200] for one in written]
    assert "s3cr3t" not in json.dumps(result)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param(MANIFEST, "Secret", id="a Secret"),
        pytest.param(MANIFEST.replace("true", "tru"), "Pod", id="a file that has changed"),
        pytest.param("", "Pod", id="a file that is gone"),
    ],
)
def test_no_line_is_shown_around_what_was_not_judged_or_may_be_secret(text: str, kind: str) -> None:
    *_, root = compose(MANIFEST)
    place = SourceText("a.yaml", MANIFEST).document(0, root).locate("/spec/containers/0/securityContext/privileged")
    finding = replace(samples.finding(resource=replace(samples.WEB, kind=kind)), location=place)
    (result,) = results_of(samples.written(sarif, samples.report((finding,)), source=lambda _: text))
    context = result["locations"][0]["physicalLocation"]["contextRegion"]
    assert context == {"startLine": 13, "snippet": {"text": "        privileged: true"}}
