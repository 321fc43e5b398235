"""A real HTTP server of this machine that remembers what it was asked, and a look at which processes live."""

from __future__ import annotations

import contextlib
import http.server
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.waiting import wait_for


@dataclass
class Loopback:
    """The server's address, and the requests that it has seen."""

    url: str
    seen: list[str] = field(default_factory=list)


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers without a log."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the library
        """Says nothing."""


@contextlib.contextmanager
def running(server: http.server.HTTPServer) -> Iterator[None]:
    """A server that answers in a thread of its own while the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server:
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def loopback(answer: bytes = b"{}") -> Iterator[Loopback]:
    """A server that gives this answer to every request."""
    found = Loopback("")

    class Handler(Quiet):
        def do_GET(self) -> None:
            found.seen.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_HEAD = do_CONNECT = do_GET  # noqa: N815 - names of the library

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield found


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    done = subprocess.run(["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.strip().startswith("Z")


def ends(pid: int) -> bool:
    """Whether a process is gone: one that was killed may take some milliseconds to go."""
    return wait_for(lambda: not lives(pid))
