"""The webhook over HTTP: what it answers, and that nothing that goes wrong ever allows anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from kgate.server.admit import _hurry
from kgate.server.bounds import DEADLINE
from tests.admission.reviews import UID, pod_spec, privileged, review, workload
from tests.server.test_api import POD, app_of_this_process
from tests.server.test_bounds import _workers, connect, read
from tests.serving import Served, serving
from tests.waiting import wait_for

BAD = review(workload("Deployment", pod_spec(privileged())))
GOOD = review(workload("Deployment", pod_spec()))


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving("--workers", "1", "--max-body", "1", "--request-timeout", "4", "--queue", "4") as served:
        yield served


def head(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()


def response(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)["response"]
    return found


@pytest.mark.parametrize(
    ("path", "allowed", "has_warnings"),
    [
        pytest.param("/admit", False, False, id="refused unless told otherwise"),
        pytest.param("/admit?timeout=10s", False, False, id="as an API server asks"),
        pytest.param("/admit/warn", True, True, id="a warning"),
        pytest.param("/admit/audit/min-score-90", True, False, id="the audit log"),
        pytest.param("/admit/deny/min-score-0", True, False, id="nothing is asked"),
    ],
)
def test_answers(server: Served, path: str, allowed: bool, has_warnings: bool) -> None:
    answer = server.ask("POST", path, BAD, {"Content-Type": "application/json"})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found = response(answer.body)
    assert (found["uid"], found["allowed"], "warnings" in found) == (UID, allowed, has_warnings)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        pytest.param("POST", "/admit/refuse", BAD, 404, "'refuse' is not a mode", id="an unknown mode"),
        pytest.param("POST", "/admit/deny/score-60", BAD, 404, "asks for nothing that is known", id="an unknown ask"),
        pytest.param("GET", "/admit", None, 405, "/admit does not answer GET", id="a question without a review"),
        pytest.param("GET", "/admit/deny", None, 405, "/admit/deny does not answer GET", id="the same with a mode"),
        pytest.param("POST", "/admitted", BAD, 404, "there is no /admitted", id="another path"),
        pytest.param("POST", "/admit", POD, 400, "the body is not JSON", id="a manifest"),
        pytest.param("POST", "/admit", b"", 400, "the body is not JSON", id="nothing"),
        pytest.param("POST", "/admit", b'{"a": ' * 150_000, 400, "the body is not JSON", id="nesting without end"),
        pytest.param("POST", "/admit", BAD + b" " * (1 << 20), 413, "larger than 1,048,576 bytes", id="too large"),
    ],
)
def test_what_is_wrong_allows_nothing(
    server: Served, method: str, path: str, body: bytes | None, status: int, text: str
) -> None:
    answer = server.ask(method, path, body)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert text in json.loads(answer.body)["detail"]


def test_a_fault_allows_nothing() -> None:
    app, sent = app_of_this_process(), []
    app.state.judging = None

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": GOOD}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/admit", "headers": [], "query_string": b""}
    with pytest.raises(AttributeError):
        asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
    assert "response" not in json.loads(sent[1]["body"])


@pytest.mark.slow
def test_a_slow_sender_is_not_answered_with_a_verdict(server: Served) -> None:
    with connect(server) as connection:
        connection.sendall(head("/admit", len(GOOD)) + GOOD[:-1])
        assert response(server.ask("POST", "/admit", BAD).body)["allowed"] is False
        assert read(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        pytest.param(b"timeout=5s", 4.5, id="less than the server allows"),
        pytest.param(b"timeout=30s", 8, id="more than the server allows"),
        pytest.param(b"timeout=0s", 0.9, id="nothing"),
        pytest.param(b"timeout=soon", 8, id="no time"),
        pytest.param(b"", 8, id="not said"),
    ],
)
def test_a_request_ends_before_the_api_server_gives_it_up(query: bytes, seconds: float) -> None:
    request = Request({"type": "http", "query_string": query, "app": app_of_this_process(), DEADLINE: 108.0})
    _hurry(request)
    assert request.scope[DEADLINE] == pytest.approx(100 + seconds)


def test_verdicts_are_counted(server: Served) -> None:
    server.ask("POST", "/admit/deny/min-score-60", BAD)
    server.ask("POST", "/admit/refuse", BAD)
    numbers = server.ask("GET", "/metrics").body.decode()
    assert 'kgate_verdicts_total{path="/admit",verdict="failed"}' in numbers
    assert 'kgate_requests_total{method="POST",path="/admit",status="200"}' in numbers
    assert "/admit/" not in numbers, "a label for whatever somebody writes would fill the memory"


def test_nothing_is_written(tmp_path: Path) -> None:
    """Any write to a file would fail, and any new file would be seen."""
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    variables = {**places, "PYTHONDONTWRITEBYTECODE": "1"}
    with serving("--workers", "1", within=("prlimit", "--fsize=0", "--"), variables=variables) as server:
        for path, body in (("/admit", BAD), ("/admit/warn/level-restricted", GOOD), ("/v1/scan", POD), ("/scan", POD)):
            assert server.ask("POST", path, body).status == 200
        assert server.ask("GET", "/metrics").status == 200
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_a_thousand_connections_at_once(server: Served) -> None:
    """Each is answered with a refusal, or told to come back; none is let in."""

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        with contextlib.closing(writer):
            writer.write(head("/admit", len(BAD)) + BAD)
            return await reader.read()

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(ask() for _ in range(1000)))

    with _many_files():
        answers = asyncio.run(all_of_them())
    statuses = {int(answer.split(maxsplit=2)[1]) for answer in answers}
    assert 200 in statuses
    assert statuses <= {200, 503}
    verdicts = [response(answer.partition(b"\r\n\r\n")[2]) for answer in answers if answer.startswith(b"HTTP/1.1 200 ")]
    assert not any(one["allowed"] for one in verdicts)
    assert response(server.ask("POST", "/admit", BAD).body)["allowed"] is False


@contextlib.contextmanager
def _many_files() -> Iterator[None]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if hard > 0 else 4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_a_worker_that_is_killed_in_a_request_allows_nothing() -> None:
    with serving("--workers", "2") as server, contextlib.ExitStack() as stack:
        wait_for(lambda: server.ask("GET", "/readyz").status == 200)
        connections = [stack.enter_context(connect(server)) for _ in range(8)]
        for one in connections:
            one.sendall(head("/admit", len(BAD)) + BAD[:-1])
        wait_for(lambda: sum(_sockets(pid) for pid in _workers(server)) >= len(connections) + 2)
        os.kill(max(_workers(server), key=_sockets), signal.SIGKILL)
        answers = [_rest(one, BAD[-1:]) for one in connections]
        assert b"" in answers, "none was with the worker that was killed"
        assert all(response(one.partition(b"\r\n\r\n")[2])["allowed"] is False for one in answers if one)

        def refuses() -> bool:
            with contextlib.suppress(OSError):
                return response(server.ask("POST", "/admit", BAD).body)["allowed"] is False
            return False

        assert wait_for(refuses)


def _sockets(pid: int) -> int:
    """How many sockets a process has open (Linux)."""
    found = 0
    with contextlib.suppress(OSError):
        for one in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found += os.readlink(f"/proc/{pid}/fd/{one}").startswith("socket:")
    return found


def _rest(connection: socket.socket, data: bytes) -> bytes:
    """Sends the rest of a request and reads the answer; nothing if the connection has ended."""
    with contextlib.suppress(OSError):
        connection.sendall(data)
        return read(connection)
    return b""
