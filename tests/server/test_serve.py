"""kgate serve: listens, answers, and stops when it is told to."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import kgate
from tests.serving import Served, serving
from tests.waiting import HANG


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving("--workers", "1") as served:
        yield served


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_it_is_alive(server: Served, path: str) -> None:
    assert (server.ask("GET", path).status, server.ask("GET", path).body) == (200, b"ok\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/nosuch", 404, id="no such path"),
        pytest.param("PUT", "/livez", 405, id="a method that the path has not"),
        pytest.param("GET", "/v1/scan", 405, id="a path that only takes manifests"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(server: Served, method: str, path: str, status: int) -> None:
    answer = server.ask(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == answer.status == status


def test_it_stops_when_it_is_told_to() -> None:
    with serving("--workers", "1") as served:
        assert served.ask("GET", "/livez").status == 200
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(HANG) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--tls-cert", "kgate.yaml"), "--tls-cert and --tls-key belong together", id="half a certificate"),
        pytest.param(("--select", "host-netwrok"), "host-network", id="a rule that there is not"),
        pytest.param(("--host", ""), "--host is empty", id="no address, which would be all"),
        pytest.param(("--max-body", "33"), "1<=x<=32", id="a limit beyond what a scan reads"),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "kgate.yaml").write_text("min-score: 60\n")
    result = kgate("serve", *arguments, cwd=tmp_path)
    assert result.code == 2
    assert message in result.err


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = kgate("serve", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert result.code == 2
    assert "cannot listen at 127.0.0.1:" in result.err
    assert "--port" in result.err
