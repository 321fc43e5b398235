"""baselinefile.py: what is written is read again, and every fault is told at its line."""

from __future__ import annotations

import json

import jsonschema
import pytest

from kgate.baselinefile import SCHEMA, parse, text_of
from kgate.errors import ConfigError
from kgate.fileschemas import schemas
from kgate.judgement.baseline import Baseline, KnownFinding, KnownWorkload

PRINT = "0123456789abcdef" * 2
ENTRY = f'{{"workload": "Pod/web", "rule": "host-pid", "path": "a.yaml", "fingerprint": "{PRINT}"}}'
WORK = '{"workload": "Pod/web", "path": "a.yaml", "score": 12}'


def text(findings: str = ENTRY, workloads: str = WORK, schema: str = SCHEMA) -> str:
    return f'{{"schema": "{schema}",\n"findings": [\n{findings}\n],\n"workloads": [\n{workloads}\n]}}\n'


WHOLE = Baseline(
    {
        KnownFinding("a.yaml", "Pod/web", "host-pid", "", "spec/hostPID", "", PRINT, True): 1,
        KnownFinding("b\u202e.yaml", "Role/\x1b[31m", "wildcard", "", "rules", "{{ .x }}", PRINT, False): 2,
    },
    (KnownWorkload("a.yaml", "Pod/web", ("helm charts/web",), 12), KnownWorkload("b.yaml", "Pod/x", (), None)),
    "x.json",
)


def test_what_is_written_is_read() -> None:
    written = text_of(WHOLE)
    assert parse(written.encode(), "x.json") == WHOLE
    assert written.isascii()
    assert "\x1b" not in written


def test_its_schema_fits() -> None:
    schema = json.loads(schemas()["baseline-1.json"])
    jsonschema.validate(json.loads(text_of(WHOLE)), schema)
    valid = jsonschema.Draft202012Validator(schema).is_valid
    bodies = {name: json.loads(body) for name, (body, _) in FAULTS.items() if name in _JSON_FAULTS}
    assert [name for name, body in bodies.items() if valid(body)] == []


def test_it_is_sorted_with_an_entry_a_line() -> None:
    turned = Baseline(dict(reversed([*WHOLE.findings.items()])), WHOLE.workloads)
    assert text_of(turned) == text_of(WHOLE)
    lines = text_of(WHOLE).split("\n")
    assert [json.loads(line.rstrip(","))["path"] for line in lines[2:4]] == ["a.yaml", "b\u202e.yaml"]
    assert text_of(Baseline({})) == f'{{"schema": "{SCHEMA}",\n"findings": [],\n"workloads": []}}\n'


def test_a_formatter_may_have_been_at_it() -> None:
    written = json.dumps(json.loads(text_of(WHOLE)), indent=4, sort_keys=True)
    assert parse(written.replace("\n", "\r\n").encode(), "x.json") == WHOLE


FAULTS = {
    "another version": (
        text(schema="kgate-baseline/2"),
        ":1: schema must be kgate-baseline/1: another version of kgate",
    ),
    "no schema": ('{"findings": [], "workloads": []}', ":1: schema must be kgate-baseline/1"),
    "a list": ("[]", ": must hold one mapping"),
    "empty": ("", ":1: is not JSON: Expecting value"),
    "cut off": (text()[:150], ":3: is not JSON: "),
    "a comma too many": (text(findings=ENTRY + ","), ":4: is not JSON: "),
    "a conflict": (text(findings=f"<<<<<<< HEAD\n{ENTRY}\n=======\n>>>>>>> theirs"), ":3: has a conflict of a merge"),
    "a common ancestor": (text(findings=f"||||||| 1234567\n{ENTRY}"), ":3: has a conflict of a merge"),
    "twice the same": (text(findings=f"{ENTRY},\n{ENTRY}"), ":4: findings[1] stands here a second time"),
    "a key twice": (text(findings=ENTRY.replace('"rule"', '"path": "b.yaml", "rule"')), ":3: "),
    "no findings": (f'{{"schema": "{SCHEMA}",\n"workloads": []}}', ":1: findings must be a list"),
    "an unknown key": (text()[:-2] + ',\n"more": 1}\n', ":8: unknown field 'more'"),
    "an unknown field": (text(findings=ENTRY.replace('"rule"', '"rules"')), ":3: unknown field 'rules'"),
    "an entry that is text": (text(findings=f'{ENTRY},\n"x"'), ":4: findings[1] must be a mapping"),
    "no rule": (text(findings=ENTRY.replace('"rule": "host-pid", ', "")), ":3: findings[0].rule is missing"),
    "a number for a path": (text(findings=ENTRY.replace('"a.yaml"', "7")), ":3: findings[0].path must be a string"),
    "no object": (text(findings=ENTRY.replace('"workload": "Pod/web", ', "")), ":3: findings[0] must name a workload"),
    "no fingerprint": (text(findings=ENTRY.replace(PRINT, "x")), ":3: findings[0].fingerprint must be 32 hexadecimal"),
    "a count of none": (text(findings=ENTRY[:-1] + ', "count": 0}'), ":3: findings[0].count must be a whole number"),
    "a score too high": (text(workloads=WORK.replace("12", "101")), ":6: workloads[0].score must be a whole number"),
    "no score": (text(workloads=WORK.replace(', "score": 12', "")), ":6: workloads[0].score is missing"),
    "true for a score": (text(workloads=WORK.replace("12", "true")), ":6: workloads[0].score must be"),
    "renderings of one word": (
        text(workloads=WORK.replace('"score"', '"renderings": "helm", "score"')),
        ":6: workloads[0].renderings must be a list of strings",
    ),
    "too deep": ("[" * 100_000, ": is nested too deep"),
}


_JSON_FAULTS = (
    FAULTS.keys()
    - {"empty", "cut off", "a comma too many", "a conflict", "a common ancestor", "too deep"}
    - {
        "twice the same",
        "a key twice",
    }
)
"""Faults that are JSON, and that a schema can tell."""


@pytest.mark.parametrize(("body", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(body: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(body.encode(), "x.json")
    assert str(error.value).startswith(f"x.json{message}"), error.value


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ConfigError, match="is not UTF-8 text; restore it with git"):
        parse(b"\xff\xfe", "x.json")
