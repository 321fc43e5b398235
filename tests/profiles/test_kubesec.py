"""The profile of kubesec answers as kubesec does: its recorded answers, its own test suite, and its engine."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kgate.errors import KgateError
from kgate.lifetime import DeadlineError, Lifetime
from kgate.profiles.kubesec.documents import InputError, documents
from kgate.profiles.kubesec.report import render
from kgate.profiles.kubesec.rules import profile, program
from kgate.profiles.kubesec.scoring import scores
from kgate.rules import cel
from tests.command import kgate
from tests.profiles.kubesec_data import DEVIATIONS, MINOR, asset, comparable, rows

CASES = rows("kubesec_cases")


def tier(name: str) -> list[Any]:
    found = [pytest.param(row, id=row["id"]) for row in CASES if row["tier"] == name]
    assert len(found) > 80
    return found


def answer(body: bytes, ids: tuple[str, ...] = (), minor: int | None = MINOR) -> tuple[int, str]:
    try:
        return 200, render(scores(body, minor, ids), "API")
    except KgateError as error:
        return 400, f"{error}\n"


POSTED = [
    pytest.param(row, id=f"{row['file']} {row['path']} {row['request_headers'].get('Content-Type', '')}")
    for row in rows("kubesec_http")
    if row["request_body"]
    and row["status"] in (200, 400)
    and row["path"] != "/healthz"
    and row["file"] not in DEVIATIONS
]


@pytest.mark.parametrize("row", POSTED)
def test_the_answer_is_that_of_the_real_server(row: dict[str, Any]) -> None:
    body = row["request_body"].removeprefix("file=").encode()
    ids = tuple(parse_qs(urlsplit(row["path"]).query, keep_blank_values=True).get("rule", ()))
    status, text = answer(body, ids)
    assert (status, comparable(text)) == (row["status"], comparable(row["response_body"]))


def test_most_rows_are_compared() -> None:
    assert len(POSTED) >= 130


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("@multi-sep-blank", ["Pod/g.default", "Pod/a.shop"], id="a separator with a blank"),
        pytest.param("@multi-sep-comment", ["Pod/g.default", "Pod/a.shop"], id="a separator with a comment"),
        pytest.param("@crlf", ["Pod/g.default", "Pod/a.shop"], id="line ends of Windows"),
        pytest.param("@json-concat", ["Pod/a.default", "Pod/b.default"], id="JSON behind JSON"),
    ],
)
def test_documents_that_kubesec_drops_are_scored(name: str, expected: list[str]) -> None:
    row = next(row for row in rows("kubesec_http") if row["file"] == name)
    reports = json.loads(answer(row["request_body"].encode())[1])
    assert [one["object"] for one in reports] == expected
    assert reports[:1] == json.loads(row["response_body"])
    assert reports[1]["score"] < 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"kind: Pod\nspec:\n  hostPID: true\n  hostPID: false\n", id="YAML"),
        pytest.param(b'{"kind": "Pod", "spec": {"hostPID": true, "hostPID": false}}', id="JSON"),
    ],
)
def test_equal_keys_are_refused(body: bytes) -> None:
    assert answer(body)[0] == 400
    assert "keep one of them" in answer(body)[1]


@pytest.mark.parametrize("row", tier("unit"))
def test_a_rule_matches_where_that_of_kubesec_does(row: dict[str, Any]) -> None:
    body = next(documents(row["yaml"].encode()))
    variables = {"resource": body, "pod": profile().pod_of(body.get("kind", ""), body)}
    answers = dict(zip((rule.id for rule in profile().rules), program().evaluate(variables), strict=True))
    assert answers[row["rule"]] is (row["expected"] > 0)


@pytest.mark.parametrize("row", [*tier("oracle_schema_on"), *tier("oracle_schema_off")])
def test_an_asset_scores_as_in_the_engine_of_kubesec(row: dict[str, Any]) -> None:
    minor = MINOR if row["tier"] == "oracle_schema_on" else None
    status, text = answer(asset(row["asset"]), minor=minor)
    if row["assertion"] == "crash":  # of kubesec's process, at a value of a wrong type
        assert status == 200
        return
    if row["error"]:
        assert status == 400
        return
    found = [
        {
            key: [rule["id"] for rule in one["scoring"].get(key, ())]
            if key in ("critical", "passed", "advise")
            else one[key]
            for key in expected
            if key != "message_class"
        }
        for one, expected in zip(json.loads(text), row["expected"], strict=True)
    ]
    assert _by_name(found) == _by_name(row["expected"])


def _by_name(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reports whose lists are sorted: their order is that of the recorded answers."""
    return [
        {
            key: sorted(value) if isinstance(value, list) else value
            for key, value in one.items()
            if key != "message_class"
        }
        for one in reports
    ]


SIGNS = {"positive": 1, "zero": 0, "negative": -1}


@pytest.mark.parametrize("row", [param for param in tier("suite") if param.values[0]["assertion"] == "score_sign"])
def test_the_sign_of_a_score_is_that_of_the_suite(row: dict[str, Any]) -> None:
    body = asset(row["asset"])
    reports = json.loads(answer(body.removeprefix(b"file="))[1])
    assert {(one["score"] > 0) - (one["score"] < 0) for one in reports} == {SIGNS[row["expected"]]}


def _points(row: dict[str, Any], key: str) -> list[list[int]]:
    reports = json.loads(answer(asset(row["asset"]))[1])
    return [[rule["points"] for rule in one["scoring"].get(key, ())] for one in reports]


def _is_as_the_suite_says(row: dict[str, Any]) -> bool:
    kind, body = row["assertion"], asset(row["asset"]) if row["asset"] else b""
    status, text = answer(body)
    if kind in ("message_contains", "message_matches", "http_body_equals"):
        return row["expected"].replace("[mM]issing", "missing") in text
    if kind == "kind_supported":
        return row["expected"] is ("not supported" not in text and "could not find schema" not in text)
    if kind == "invalid_input":
        return text == "Invalid input\n" if status == 400 else '"score": 0' in text
    if kind == "byte_identical_over_n_runs":
        return {answer(body) for _ in range(row["expected"])} == {(status, text)}
    if kind == "critical_points_non_decreasing_and_advise_non_increasing":
        critical, advise = _points(row, "critical"), _points(row, "advise")
        return critical == [sorted(one) for one in critical] and advise == [sorted(one)[::-1] for one in advise]
    points = _points(row, kind.partition("_")[0])
    return bool(points) and all(one == sorted(one)[::-1] and min(one) >= 0 for one in points)


ON_THE_COMMAND_LINE = ("score_sign", "cli_error", "cli_output_line", "http_content_type")


@pytest.mark.parametrize(
    "row", [param for param in tier("suite") if param.values[0]["assertion"] not in ON_THE_COMMAND_LINE]
)
def test_the_assertions_of_the_suite_hold(row: dict[str, Any]) -> None:
    assert _is_as_the_suite_says(row)


OPTIONS = ("scan", "--profile", "kubesec", "-f", "kubesec")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("score-1-cap-drop-all.yml", 0, id="a score above 0"),
        pytest.param("score-0-cap-sys-admin.yml", 2, id="a score below 0"),
        pytest.param("score-0-podsecuritypolicy-permissive.yml", 2, id="a kind without a schema"),
        pytest.param("form-prefix-not-file.json", 1, id="not YAML"),
        pytest.param("empty-file", 1, id="an empty file"),
    ],
)
def test_the_exit_codes_are_those_of_kubesec(tmp_path: Any, path: str, code: int) -> None:
    (tmp_path / path).write_bytes(asset(path))
    result = kgate(*OPTIONS, "--kubernetes-version", "1.31", path, cwd=tmp_path)
    assert result.code == code
    if code != 1:
        status, text = answer(asset(path))
        assert (status, comparable(result.out)) == (200, comparable(text.replace('"API"', f'"{path}"')))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(OPTIONS, 1, "Error: file path is required", id="no file"),
        pytest.param((*OPTIONS, "somefile.yaml"), 1, "somefile.yaml: no such file or directory", id="no such file"),
        pytest.param(
            (*OPTIONS, "kgate.yaml", "--select", "No"), 1, "Invalid rule IDs requested: No", id="no such rule"
        ),
        pytest.param(("scan", "-f", "kubesec", "."), 2, "write: --profile kubesec -f kubesec", id="only the format"),
        pytest.param(("scan", "--profile", "kubesec", "."), 2, "--profile kubesec -f kubesec", id="only the profile"),
        pytest.param((*OPTIONS, "a", "b"), 2, "a profile scores one file", id="two files"),
        pytest.param((*OPTIONS, "a", "--min-score", "9"), 2, "--min-score has no meaning", id="a threshold"),
    ],
)
def test_what_the_command_line_says(tmp_path: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    (tmp_path / "kgate.yaml").write_text("min-score: 60\n")
    result = kgate(*arguments, cwd=tmp_path)
    assert result.code == code
    assert message in result.out + result.err


def test_standard_input_is_named_as_kubesec_names_it() -> None:
    result = kgate(*OPTIONS, "-", stdin=asset("score-1-cap-drop-all.yml"))
    assert result.code == 0
    assert json.loads(result.out)[0]["fileName"] == "STDIN"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"[" * 5000, "nested deeper", id="deep JSON that does not end"),
        pytest.param(b"[" * 5000 + b"]" * 5000, "nested deeper", id="deep JSON"),
        pytest.param(b"- " * 5000 + b"a", "nested deeper", id="deep YAML"),
        pytest.param(b"a: &a [1]\n" + b"b: &b " + str(["*a"] * 9).replace("'", "").encode(), "missing", id="aliases"),
        pytest.param(b"---\n" + b"a: 1\n---\n" * 10_001, "10,000 documents", id="too many documents"),
        pytest.param(b"{}" * 10_001, "10,000 documents", id="too many documents of JSON"),
        pytest.param(b"\xff\xfe", "UTF-8", id="bytes that are no text"),
        pytest.param(b'{"a": NaN}', "missing 'kind' key", id="what is no JSON is YAML"),
    ],
)
def test_hostile_input_is_refused(body: bytes, message: str) -> None:
    assert message in answer(body)[1]


def test_rules_that_are_asked_for_more_often_than_they_are_there_are_refused() -> None:
    most = len(profile().rules)
    assert answer(b"{}", ("HostPID",) * most)[0] == 200
    assert answer(b"{}", ("HostPID",) * (most + 1)) == (
        400,
        f"{most + 1} rule IDs requested, and there are {most}; request each once\n",
    )


def test_half_of_a_surrogate_pair_is_replaced_as_go_does() -> None:
    body = (
        rb'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a\ud800", "labels": {"\udfff": "\ud83d\ude00"}}}'
    )
    (value,) = documents(body)
    assert value["metadata"] == {"name": "a\ufffd", "labels": {"\ufffd": "\U0001f600"}}
    assert json.loads(answer(body)[1].encode())[0]["object"] == "Pod/a\ufffd.default"


def test_a_name_moves_nothing_in_a_terminal() -> None:
    body = b'kind: Pod\napiVersion: v1\nmetadata: {name: "\\x9b31m\\u202e\\x7f"}\n'
    text = answer(body)[1]
    assert r'"object": "Pod/\u009b31m\u202e\u007f.default"' in text
    assert json.loads(text)[0]["object"] == "Pod/\x9b31m\u202e\x7f.default"


def test_the_end_of_its_time_ends_scoring() -> None:
    with pytest.raises(DeadlineError):
        scores(b"{}", MINOR, lifetime=Lifetime(0))


def test_what_cannot_be_asked_is_not_scored() -> None:
    body = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: 3, serviceAccountName: a}\n"
    report = json.loads(answer(body, minor=None)[1])[0]
    assert (report["valid"], report["score"]) == (False, 0)
    assert "could not be asked" in report["message"]


def test_every_rule_compiles() -> None:
    for rule in profile().rules:
        cel.check(rule.matches, ("pod", "resource"))


def test_input_errors_have_the_exit_code_of_kubesec() -> None:
    assert InputError.exit_code == 1
