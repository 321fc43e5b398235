"""kgate's own API: what is judged, in which format, and what is refused."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator, MutableMapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from kgate import reports
from kgate.config.settings import Settings
from kgate.repository import Repository
from kgate.server.app import application
from kgate.server.negotiation import MEDIA_TYPES, media_type
from kgate.server.settings import ServerSettings
from tests.command import ROOT
from tests.serving import Answer, Served, serving

POD = b"""\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  hostPID: true
  containers:
    - name: app
      image: registry.example.com/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
"""
TWO = POD + b"---\n" + POD.replace(b"web", b"api").replace(b"  hostPID: true\n", b"")


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving("--workers", "1", "--max-body", "1") as served:
        yield served


def post(server: Served, body: bytes, accept: str = "", content_type: str = "", query: str = "") -> Answer:
    headers = {name: value for name, value in (("Accept", accept), ("Content-Type", content_type)) if value}
    return server.ask("POST", f"/v1/scan{query}", body, headers)


def test_a_report_is_that_of_a_scan(server: Served) -> None:
    answer = post(server, TWO)
    report = json.loads(answer.body)
    jsonschema.validate(report, json.loads((ROOT / "kgate" / "schemas" / "report-2.json").read_text()))
    assert answer.status == 200
    assert answer.headers["kgate-verdict"] == "failed"
    assert [one["name"] for one in report["workloads"]] == ["web", "api"]
    assert {("host-pid", "<request>", 5)} <= {
        (one["rule"], one["location"]["path"], one["location"]["line"]) for one in report["findings"]
    }


def test_json_is_judged_as_yaml_is(server: Served) -> None:
    body = json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostPID": True}}
    ).encode()
    report = json.loads(post(server, body, content_type="application/json").body)
    assert "host-pid" in {one["rule"] for one in report["findings"]}


def test_media_types_are_those_of_formats() -> None:
    assert set(MEDIA_TYPES) <= set(reports.names())
    assert len(set(MEDIA_TYPES.values())) == len(MEDIA_TYPES)


@pytest.mark.parametrize("name", reports.names())
def test_every_format_is_answered_by_its_type_and_by_its_name(server: Served, name: str) -> None:
    kind = media_type(name)
    by_name = post(server, POD, query=f"?format={name}")
    assert (by_name.status, by_name.headers["content-type"]) == (200, kind)
    if name in MEDIA_TYPES:
        by_type = post(server, POD, accept=kind.partition(";")[0])
        assert (by_type.headers["content-type"], by_type.body) == (kind, by_name.body)
    text = by_name.body
    assert text
    if "json" in kind:
        json.loads(text)
    elif "xml" in kind:
        etree.fromstring(text)
    elif name == "csv":
        assert len(list(csv.reader(io.StringIO(text.decode())))) > 2


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", "application/json", id="nothing"),
        pytest.param("*/*", "application/json", id="anything"),
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html", id="a browser"),
        pytest.param("text/*", "text/html", id="any text"),
        pytest.param("application/json;q=0.1, text/plain", "text/plain", id="by weight"),
        pytest.param("application/json;q=0, */*;q=0.5", "application/sarif+json", id="anything but"),
        pytest.param("APPLICATION/SARIF+JSON", "application/sarif+json", id="capitals"),
    ],
)
def test_what_is_accepted(server: Served, accept: str, expected: str) -> None:
    assert post(server, POD, accept).headers["content-type"].partition(";")[0] == expected


@pytest.mark.parametrize(
    ("body", "headers", "query", "status", "detail"),
    [
        pytest.param(b"", {}, "", 400, "the body is empty", id="nothing"),
        pytest.param(b" \n", {}, "", 400, "the body is empty", id="blanks"),
        pytest.param(b"a: b: c\n", {}, "", 422, "no Kubernetes object", id="no YAML and no manifest"),
        pytest.param(b"kind: Pod\napiVersion: [\n", {}, "", 422, "line ", id="a manifest that cannot be read"),
        pytest.param(b"hello", {}, "", 422, "no Kubernetes object", id="a word"),
        pytest.param(b"\xff\xfe\x00", {}, "", 422, "line 1", id="no text"),
        pytest.param(b"\0", {}, "", 422, "binary", id="a binary file"),
        pytest.param(POD, {"Accept": "image/png"}, "", 406, "application/json", id="a type that no report has"),
        pytest.param(POD, {"Accept": "text/html;q=x"}, "", 400, "not a weight", id="a weight that is none"),
        pytest.param(POD, {}, "?format=yaml", 400, "'yaml' is not a format", id="a format that is none"),
        pytest.param(POD, {"Content-Type": "multipart/form-data; boundary=x"}, "", 415, "--data-binary", id="a file"),
        pytest.param(
            b"manifest=a&b=c",
            {"Content-Type": "application/x-www-form-urlencoded"},
            "",
            400,
            "one field",
            id="two fields",
        ),
        pytest.param(b"- " * 999 + b"kind: Pod", {}, "", 422, "nested deeper", id="a deep text"),
    ],
)
def test_what_is_refused(
    server: Served, body: bytes, headers: dict[str, str], query: str, status: int, detail: str
) -> None:
    answer = server.ask("POST", f"/v1/scan{query}", body, headers)
    problem = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status == status
    assert detail in problem["detail"]


def test_what_is_judged_in_part_is_incomplete(server: Served) -> None:
    answer = post(server, POD + b"---\nkind: Pod\napiVersion: [\n")
    assert (answer.status, answer.headers["kgate-verdict"]) == (200, "incomplete")


def test_a_form_of_the_page_is_judged(server: Served) -> None:
    body = urlencode({"manifest": POD.decode().replace("\n", "\r\n")}).encode()
    answer = post(server, body, "text/html", "application/x-www-form-urlencoded")
    assert answer.status == 200
    assert "host-pid" in answer.body.decode()


def test_rules_are_listed(server: Served) -> None:
    rules = json.loads(server.ask("GET", "/v1/rules").body)
    assert "privileged-container" in {rule["id"] for rule in rules}


def app_of_this_process() -> Starlette:
    return application(ServerSettings(lambda: Settings(Repository.at(ROOT)), lambda: date(2026, 12, 1)))


def test_a_fault_is_no_verdict() -> None:
    app, sent = app_of_this_process(), list[MutableMapping[str, Any]]()
    app.state.judging = None

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": POD}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/scan", "headers": [], "query_string": b""}
    with pytest.raises(AttributeError):
        asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["detail"].startswith("this is a bug in kgate")
    numbers = asyncio.run(app.state.metrics.show(Request({"type": "http", "headers": []}))).body.decode()
    assert 'kgate_requests_total{method="POST",path="/v1/scan",status="500"} 1.0' in numbers


def test_the_description_names_every_path(server: Served) -> None:
    described = json.loads(server.ask("GET", "/openapi.json").body)
    app = app_of_this_process()
    paths = {route.path for route in app.routes if isinstance(route, Route)}
    assert set(described["paths"]) == {path.replace(":path}", "}") for path in paths - {"/{path:path}"}}
    assert described["info"]["version"] != "0"


def test_the_page_lets_nothing_run(server: Served) -> None:
    answer = server.ask("GET", "/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "form-action 'self'" in policy
    assert b"<script" not in answer.body
