"""One answer of one allowed server: addresses are checked and then kept to, redirects are held to the same."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from kgate.elsewhere import proxies
from kgate.elsewhere.hosts import Hosts, Server
from kgate.elsewhere.proxies import Proxies
from kgate.elsewhere.wanted import MAX_BYTES
from kgate.urls import shown_url
from kgate.values import dataclass

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_PASSING = (429, 500, 502, 503, 504)
_ATTEMPTS = 3
_PIECE = 1 << 16
_AUTHORIZATION = "Authorization"


class TransferError(Exception):
    """An answer that cannot be had, and why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, where redirects led in the end, and its headers, whose names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """The seconds that one connection may be silent, that one answer may take, and the pause before a new attempt."""

    silent: float = 20
    whole: float = 120
    pause: float = 1


@dataclass(frozen=True)
class Client:
    """Asks servers. ``credentials`` hold the value of the header ``Authorization`` for each authority that the user
    gives one for; it goes to no other."""

    hosts: Hosts
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    patience: Patience = Patience()
    most: int = MAX_BYTES
    proxies: Proxies = field(default_factory=Proxies)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _guards: dict[str, threading.Lock] = field(default_factory=dict, repr=False)
    _answers: dict[str, Answer] = field(default_factory=dict, repr=False)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Asks for a URL, again if the server has a passing fault. Raises RefusedError and TransferError."""
        return self.ask("GET", url, headers or {})

    def get_once(self, url: str) -> Answer:
        """The same, but one answer for all that ask for this URL, such as the index of a repository."""
        with self._guard:
            guard = self._guards.setdefault(url, threading.Lock())
        with guard:
            if url not in self._answers:
                self._answers[url] = self.get(url)
            return self._answers[url]

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Sends a request, again if the server has a passing fault. Raises RefusedError and TransferError."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self.patience.pause * attempt)
            is_last = attempt == _ATTEMPTS - 1
            try:
                answer = self._followed(method, url, headers, body)
            except _PassingError as error:
                if is_last:
                    raise TransferError(str(error)) from None
                continue
            if is_last or answer.status not in _PASSING:
                return answer
        raise AssertionError

    def _followed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        first = ""
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                server = self.hosts.server(url, self.proxies)
            except OSError as error:
                raise _PassingError(f"{shown_url(url)}: {error.strerror or error}") from None
            first = first or server.origin
            answer = self._one(method, url, self._for(server, headers, is_first=server.origin == first), body, server)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["location"])
            method, body = ("GET", b"") if answer.status == 303 else (method, body)
        raise TransferError(f"{shown_url(url)}: more than {_MOST_REDIRECTS} redirects")

    def _for(self, server: Server, headers: Mapping[str, str], *, is_first: bool) -> dict[str, str]:
        """The headers for a server: a token is for the one that was asked, and not for where that leads."""
        given = self.credentials.get(server.authority)
        kept = {name: text for name, text in headers.items() if is_first or name != _AUTHORIZATION}
        return {**({_AUTHORIZATION: given} if given else {}), **kept}

    def _one(self, method: str, url: str, headers: Mapping[str, str], body: bytes, server: Server) -> Answer:
        from urllib3.exceptions import HTTPError

        end = time.monotonic() + self.patience.whole
        try:
            response = self._connected(method, url, headers, body, server)
            try:
                content = b"".join(self._pieces(response, url, end))
            finally:
                response.close()
        except (HTTPError, OSError) as error:
            raise _PassingError(f"{shown_url(url)}: {_reason(error)}") from None
        found = {name.lower(): text for name, text in response.headers.items()}
        return Answer(url, response.status, found, content)

    def _connected(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, server: Server
    ) -> BaseHTTPResponse:
        """The beginning of an answer, of the first of the checked addresses that takes a connection."""
        import urllib3
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

        if server.proxy:
            return self._through_proxy(method, url, headers, body, server)
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        timeout = urllib3.Timeout(connect=self.patience.silent, read=self.patience.silent)
        sent = {"Host": server.authority, "User-Agent": "kgate", "Accept-Encoding": "identity", **headers}
        for address in server.addresses:
            pool: urllib3.HTTPConnectionPool
            if server.scheme == "https":
                pool = urllib3.HTTPSConnectionPool(
                    address,
                    server.port,
                    timeout=timeout,
                    ssl_context=self._certificates,
                    server_hostname=server.host,
                    assert_hostname=server.host,
                )
            else:
                pool = urllib3.HTTPConnectionPool(address, server.port, timeout=timeout)
            try:
                return pool.urlopen(
                    method,
                    target,
                    body or None,
                    sent,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                )
            except (NewConnectionError, ConnectTimeoutError):
                if address == server.addresses[-1]:
                    raise
        raise TransferError(f"{shown_url(url)}: has no address")

    def _through_proxy(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, server: Server
    ) -> BaseHTTPResponse:
        """The same of a proxy, which is told the name of the server, and connects where that leads it."""
        import urllib3

        try:
            place, own_headers = proxies.parts(server.proxy)
        except ValueError as error:
            raise TransferError(f"{shown_url(url)}: the proxy of the environment {error}") from None
        proxy = urllib3.ProxyManager(
            place,
            timeout=urllib3.Timeout(connect=self.patience.silent, read=self.patience.silent),
            proxy_headers=own_headers,
            ssl_context=self._certificates,
        )
        sent = {"User-Agent": "kgate", "Accept-Encoding": "identity", **headers}
        target = urlunsplit((server.scheme, server.authority, *urlsplit(url)[2:4], ""))
        return proxy.urlopen(
            method,
            target,
            body=body or None,
            headers=sent,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _pieces(self, response: BaseHTTPResponse, url: str, end: float) -> Iterator[bytes]:
        """The body, within the bounds. Raises TransferError."""
        total = 0
        while piece := response.read1(_PIECE):
            total += len(piece)
            if total > self.most:
                raise TransferError(f"{shown_url(url)}: is larger than {self.most >> 20} MiB")
            if time.monotonic() > end:
                raise TransferError(f"{shown_url(url)}: took longer than {self.patience.whole:g} seconds")
            yield piece


class _PassingError(Exception):
    """A fault that may be gone in a moment."""


def _reason(error: Exception) -> str:
    """What went wrong, without the objects that urllib3 shows."""
    text = str(error)
    return text.rpartition(">: ")[2] or type(error).__name__
