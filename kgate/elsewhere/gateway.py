"""A server on loopback, the only one that helm and git may ask: it answers what allowed servers answer.

They follow redirects and the URLs of an index wherever these lead, and ignore proxies for addresses of this machine. So
they are given URLs of the gateway, which asks the real servers itself and gives no other URL back.
"""

from __future__ import annotations

import http.server
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kgate.elsewhere.hosts import RefusedError
from kgate.elsewhere.transfer import Answer, TransferError
from kgate.elsewhere.upstream import Asking, Upstream
from kgate.values import dataclass

_MOST_ASKED = 16 << 20
_REQUEST = re.compile(r"/(v2/)?([0-9a-f]{32})/(.*)", re.DOTALL)


@dataclass(slots=True)
class Passage:
    """A way through the gateway for one program: ``fault`` is why an answer could not be had, if so."""

    upstream: Upstream
    token: str
    port: int
    fault: RefusedError | TransferError | None = None

    @property
    def url(self) -> str:
        """The URL that stands for the upstream."""
        return f"http://127.0.0.1:{self.port}/{self.token}"

    @property
    def registry(self) -> str:
        """The same for a registry."""
        return f"oci://127.0.0.1:{self.port}/{self.token}"


class _Server(http.server.ThreadingHTTPServer):
    """A server that says nothing of connections that break off: what their program makes of that is told."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing."""


class Gateway:
    """The server, while the ``with`` block runs. Nobody guesses the token in a URL, so no other user of this machine
    can ask it."""

    def __init__(self) -> None:
        self._passages: dict[str, Passage] = {}
        passages = self._passages

        class Handler(_Handler):
            open_passages = passages

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True)

    def __enter__(self) -> Gateway:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextmanager
    def passage(self, upstream: Upstream, token: str) -> Iterator[Passage]:
        """A way to an upstream, for as long as the block runs."""
        passage = Passage(upstream, token, self._server.server_port)
        self._passages[token] = passage
        try:
            yield passage
        finally:
            del self._passages[token]


def new_token() -> str:
    """The token of a passage."""
    return secrets.token_hex(16)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one program."""

    open_passages: dict[str, Passage]
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answers with what the upstream has."""
        if re.fullmatch("/v2/?", self.path):
            self._send(Answer("", 200, {"docker-distribution-api-version": "registry/2.0"}, b"{}"))
            return
        found = _REQUEST.fullmatch(self.path)
        passage = self.open_passages.get(found[2]) if found else None
        if found is None or passage is None:
            self._send(Answer("", 404, {}, b""))
            return
        headers = {name.lower(): text for name, text in self.headers.items()}
        try:
            asking = Asking(self.command, found[3], headers, self._content())
            answer = passage.upstream.answer(asking, passage.url)
        except (RefusedError, TransferError) as error:
            passage.fault = error
            answer = Answer("", 403, {}, b"")
        self._send(answer)

    do_HEAD = do_POST = do_GET  # noqa: N815 - names of the library

    def _content(self) -> bytes:
        """The body of a request. Raises TransferError."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces, total = [], 0
            while size := int(self.rfile.readline(100).strip() or b"0", 16):
                total += size
                if total > _MOST_ASKED:
                    raise TransferError("a request is too large")
                pieces.append(self.rfile.read(size))
                self.rfile.readline(100)
            self.rfile.readline(100)
            return b"".join(pieces)
        size = int(self.headers.get("Content-Length") or 0)
        if size > _MOST_ASKED:
            raise TransferError("a request is too large")
        return self.rfile.read(size)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        length = len(answer.body)
        if self.command == "HEAD":
            length = int(answer.headers.get("content-length") or 0)
        for name, text in answer.headers.items():
            if name != "content-length":
                self.send_header(name, text)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the library
        """Says nothing."""
