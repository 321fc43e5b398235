"""The server answers as that of kubesec does: every recorded request, but for what differs on purpose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.profiles.kubesec_data import DEVIATIONS, MINOR, asset, comparable, rows
from tests.serving import Served, serving

OTHERWISE = {
    **DEVIATIONS,
    "GET /scan": "kubesec leads a browser to its web site; kgate to its own page",
    "GET /scan?x=1": "likewise",
    "GET /metrics": "kubesec shows the numbers of Go; kgate its own",
}
"""The recorded requests that are answered in another way on purpose, and why."""


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving("--workers", "1", "--kubernetes-version", f"1.{MINOR}") as served:
        yield served


def key(row: dict[str, Any]) -> str:
    name = row["file"]
    return name if name in DEVIATIONS else f"{row['method']} {row['path']}"


ROWS = rows("kubesec_http")


def test_all_recorded_requests_are_answered_alike(server: Served) -> None:
    compared = 0
    for row in ROWS:
        if key(row) in OTHERWISE:
            continue
        answer = server.ask(row["method"], row["path"], (row["request_body"] or "").encode(), row["request_headers"])
        text = answer.body.decode() if row["method"] != "HEAD" else ""
        type_ = answer.headers.get("content-type")
        expected = (row["status"], row.get("content_type"), comparable(row["response_body"] or ""))
        assert (answer.status, type_, comparable(text)) == expected, row["file"]
        compared += 1
    assert compared >= 140


def test_browsers_are_led_to_the_page(server: Served) -> None:
    answer = server.ask("GET", "/scan?x=1")
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_what_kgate_says_comes_beside_it_on_request(server: Served) -> None:
    body = asset("score-0-cap-sys-admin.yml")
    plain, beside = (server.ask("POST", path, body).body for path in ("/scan", "/scan?kgate=1"))
    reports = json.loads(beside)
    own = [one.pop("kgate") for one in reports]
    assert reports == json.loads(plain)
    assert [one["verdict"]["passed"] for one in own] == [False]
    assert "added-capabilities" in json.dumps(own) or own[0]["findings"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(
            b'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"activeDeadlineSeconds": 1%s}}'
            % (b"0" * 30),
            "a",
            id="a number of more than 64 bits",
        ),
        pytest.param(
            rb'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a\ud800"}}',
            "a\ufffd",
            id="half a surrogate pair",
        ),
    ],
)
def test_what_only_some_readers_of_json_bear_is_judged_beside(server: Served, body: bytes, name: str) -> None:
    answer = server.ask("POST", "/scan?kgate=1", body)
    assert answer.status == 200
    assert [one["name"] for one in json.loads(answer.body)[0]["kgate"]["workloads"]] == [name]


@pytest.mark.parametrize("path", ["/v1/scna", "/admit/x"])
def test_a_misspelt_path_of_kgate_is_not_a_manifest_for_kubesec(server: Served, path: str) -> None:
    assert server.ask("POST", path, asset("score-1-cap-drop-all.yml")).status == 404


def test_numbers(server: Served) -> None:
    server.ask("POST", "/scan", asset("score-1-cap-drop-all.yml"))
    text = server.ask("GET", "/metrics").body.decode()
    assert 'kgate_requests_total{method="POST",path="/scan",status="200"}' in text
    assert 'kgate_request_seconds_bucket{le="0.05",path="/scan"}' in text


def test_numbers_in_a_version_that_is_none_are_refused(server: Served) -> None:
    answer = server.ask("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=x"})
    assert (answer.status, "version is not a number" in answer.body.decode()) == (400, True)
