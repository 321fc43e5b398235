"""What a server bears: large bodies, slow senders, many connections, bombs, and the end of a worker."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.server.test_api import POD
from tests.serving import Served, serving
from tests.waiting import HANG, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving("--workers", "1", "--max-body", "1", "--request-timeout", "4", "--queue", "4") as served:
        yield served


def connect(server: Served) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=HANG)


def read(connection: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_a_body_of_100_megabytes_is_refused_without_being_kept(server: Served) -> None:
    assert server.ask("POST", "/v1/scan", POD).status == 200  # so that the worker has read its rules
    before = _memory(server)
    answer = server.ask("POST", "/v1/scan", bytes(100 << 20))
    assert answer.status == json.loads(answer.body)["status"] == 413
    assert _memory(server) - before < 64 << 20


def test_a_client_that_asks_first_sends_nothing(server: Served) -> None:
    with connect(server) as connection:
        head = "POST /scan HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        assert read(connection).startswith(b"HTTP/1.1 413 ")


def test_a_slow_sender_is_told_so_and_delays_nobody(server: Served) -> None:
    with connect(server) as connection:
        connection.sendall(b"POST /scan HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nkind:")
        assert server.ask("POST", "/v1/scan", POD).status == 200
        assert read(connection).startswith(b"HTTP/1.1 408 ")


def test_a_request_that_does_not_begin_is_dropped(server: Served) -> None:
    with connect(server) as silent, connect(server) as dripping:
        dripping.sendall(b"POST /scan HTTP/1.1\r\nHost:")
        assert read(silent) == read(dripping) == b""


def test_many_connections_at_once_are_all_answered(server: Served) -> None:
    """Those that find no room are told to come back, and none waits for those that send nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connect(server))
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: server.ask("POST", "/v1/scan", POD), range(100)))
    statuses = {answer.status for answer in answers}
    assert 200 in statuses
    assert statuses <= {200, 503}
    assert all(answer.headers.get("retry-after") == "1" for answer in answers if answer.status == 503)


ALIASES = b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 10)) for level in range(1, 9)
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ALIASES + b"kind: Pod\napiVersion: v1\n", id="aliases"),
        pytest.param(b"kind: Pod\na: " + b"[" * 100_000, id="depth"),
        pytest.param(b'{"kind": "Pod", "a": ' + b'{"a": ' * 100_000, id="depth of JSON"),
        pytest.param(b"kind: Pod\n---\n" * 50_000, id="documents"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/scan", "/scan"])
def test_a_bomb_is_answered_in_time(server: Served, path: str, body: bytes) -> None:
    begin = time.monotonic()
    assert server.ask("POST", path, body).status in (200, 400, 422, 503)
    assert time.monotonic() - begin < HANG
    assert wait_for(lambda: server.ask("POST", "/v1/scan", POD).status == 200)


def test_a_request_that_is_given_up_leaves_the_others_alone(server: Served) -> None:
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(b"POST /v1/scan HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(POD), POD))
    assert wait_for(lambda: server.ask("POST", "/v1/scan", POD).status == 200)


def _workers(server: Served) -> list[int]:
    done = subprocess.run(
        ["/bin/ps", "-ww", "-o", "pid=,args=", "--ppid", str(server.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(line.split()[0]) for line in done.stdout.splitlines() if "spawn_main" in line]


def _memory(server: Served) -> int:
    """Bytes that the workers hold."""
    sizes = [
        subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
        for pid in _workers(server)
    ]
    assert sizes
    return sum(int(size) for size in sizes) << 10


def test_a_worker_that_is_killed_is_replaced() -> None:
    with serving("--workers", "2") as server:
        wait_for(lambda: server.ask("GET", "/readyz").status == 200)
        victim = wait_for(lambda: _workers(server))[0]
        os.kill(victim, signal.SIGKILL)

        def answers() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return server.ask("POST", "/v1/scan", POD).status == 200
            return False

        assert wait_for(answers)
        assert wait_for(lambda: len(_workers(server)) == 2 and victim not in _workers(server))
        text = server.ask("GET", "/metrics").body.decode()
        assert 'kgate_verdicts_total{path="/v1/scan",verdict="failed"}' in text


def test_a_request_that_runs_is_answered_before_the_server_stops() -> None:
    with serving("--workers", "1") as server, connect(server) as connection:
        assert server.ask("GET", "/readyz").status == 200
        connection.sendall(b"POST /v1/scan HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(POD), POD[:9]))
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(POD[9:])
        assert read(connection).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(HANG) == 0


def test_settings_are_read_again_when_asked(tmp_path: Path) -> None:
    config = tmp_path / "kgate.yaml"
    config.write_text("min-score: 0\n")
    with serving("--workers", "1", "--config", str(config)) as server:
        assert server.ask("POST", "/v1/scan", POD).headers["kgate-verdict"] == "passed"
        config.write_text("min-score: 60\n")

        def verdict() -> str:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return server.ask("POST", "/v1/scan", POD).headers["kgate-verdict"]
            return ""

        def is_replaced() -> bool:
            """Asks once more if the machine was too busy for a new worker to start in its time."""
            server.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 30
            while verdict() != "failed" and time.monotonic() < end:
                time.sleep(0.05)
            return verdict() == "failed"

        assert wait_for(is_replaced)
