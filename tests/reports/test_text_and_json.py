"""Text and JSON: inert whatever a manifest says, and true to the schema."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import kgate
from kgate import reports
from kgate.reports import safety
from kgate.reports.formats import json as json_report
from kgate.reports.formats import text
from kgate.reports.presentation import Detail
from kgate.reports.safety import one_line
from tests.command import ROOT
from tests.command import kgate as run
from tests.reports import samples

SCHEMA: Any = json.loads((Path(kgate.__file__).parent / "schemas/report-2.json").read_text(encoding="utf-8"))
every_sample = pytest.mark.parametrize("name", sorted(samples.SAMPLES))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@every_sample
def test_json_follows_its_schema(name: str) -> None:
    jsonschema.validate(json.loads(samples.written(json_report, samples.SAMPLES[name])), SCHEMA)


def test_the_schema_rejects_another_severity() -> None:
    report = json.loads(samples.written(json_report, samples.SAMPLES["with findings"]))
    report["findings"][0]["severity"] = "severe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, SCHEMA)


def test_json_has_every_field_of_the_design() -> None:
    report = json.loads(samples.written(json_report, samples.SAMPLES["with findings"]))
    assert list(report) == [
        "schema",
        "version",
        "configuration",
        "settings",
        "workloads",
        "findings",
        "problems",
        "unjudged",
        "notes",
        "compared",
        "summary",
        "verdict",
    ]
    assert {"apiVersion", "kind", "namespace", "name", "source", "rendered_by", "score", "grade"} <= set(
        report["workloads"][0]
    )
    wanted = {"rule", "severity", "points", "resource", "container", "field", "message", "location", "related"}
    assert wanted | {"fingerprint", "waived", "new"} <= set(report["findings"][0])


COMMANDS = re.compile(r"^\s*::\w|##\[|##vso\[|section_start:|section_end:", re.MULTILINE)
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")


@every_sample
@pytest.mark.parametrize("detail", Detail)
def test_text_is_inert(name: str, detail: Detail) -> None:
    shown = samples.written(text, samples.SAMPLES[name], detail=detail)
    assert not COMMANDS.search(shown)
    assert not UNSEEN.search(shown)


def test_coloured_text_has_no_sequence_of_the_manifest() -> None:
    shown = samples.written(text, samples.SAMPLES["hostile"], color=True, linked_folder="/repo", detail=Detail.VERBOSE)
    own = re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", shown)
    assert not UNSEEN.search(own)


@every_sample
def test_json_is_inert(name: str) -> None:
    shown = samples.written(json_report, samples.SAMPLES[name])
    assert shown.isascii()
    assert not COMMANDS.search(shown)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\nb", "a\\x0ab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\tb", "a    b"),
        ("\u202egnp", "\\u202egnp"),
        ("\udc80", "\\udc80"),
        ("ü😀", "ü😀"),
    ],
)
def test_one_line(raw: str, shown: str) -> None:
    assert one_line(raw) == shown


def test_nothing_unseen_is_printable() -> None:
    """Text that is printable is not searched for it."""
    unseen = [character for character in map(chr, range(sys.maxunicode + 1)) if safety._UNSEEN.match(character)]
    assert len(unseen) > 2_000
    assert [character for character in unseen if character.isprintable()] == []


def test_hostile_manifests_and_file_names(tmp_path: Path) -> None:
    hostile = "::error::x\\n##[error]y\\e[31m</details>|`"
    name = "a\n::error file=x::boom\x1b[31m.yaml"
    pod = f'apiVersion: v1\nkind: Pod\nmetadata: {{name: "{hostile}"}}\nspec: {{containers: [{{name: "{hostile}"}}]}}\n'
    (tmp_path / name).write_text(pod, encoding="utf-8")
    (tmp_path / f"broken {name}").write_text(pod + "x: [\n", encoding="utf-8")
    own = re.compile(
        r"::(error|warning|notice) file=(broken )?a\\x0a%3A%3Aerror file=x%3A%3Aboom\\x1b\[31m.yaml,line=\d[^:]*::[^:]"
    )
    for flags in ((), ("-v",), ("-q",), *(("-f", name) for name in reports.names())):
        result = run("scan", str(tmp_path), *flags, cwd=ROOT)
        assert result.code == 3
        for stream in (result.out, result.err):
            assert not COMMANDS.search(own.sub("", stream)), flags
            assert not UNSEEN.search(stream), flags
