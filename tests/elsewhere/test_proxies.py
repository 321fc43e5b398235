"""Servers behind a proxy of the environment: which are asked through it, and that nothing else is allowed for that."""

from __future__ import annotations

import base64
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kgate.elsewhere.hosts import Hosts, RefusedError
from kgate.elsewhere.proxies import Proxies, parts
from kgate.elsewhere.transfer import Client, TransferError
from tests.elsewhere import servers
from tests.elsewhere.servers import certificate, content, redirect, serving
from tests.elsewhere.test_pull import QUICK, flux, pulled, terms, told
from tests.hostile import write
from tests.loopback import Quiet, running


@dataclass
class Proxy:
    """A proxy that leads everywhere to one port of this machine, and what it was asked for, with its credentials."""

    port: int = 0
    target: int = 0
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://me:pw@127.0.0.1:{self.port}"


@contextmanager
def proxying(target: int) -> Iterator[Proxy]:
    found = Proxy(target=target)

    class Own(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - its name in the library
            pair = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
            found.seen.append(f"{self.command} {self.path} {base64.b64decode(pair).decode()}")
            with socket.create_connection(("127.0.0.1", target)) as server:
                if self.command == "CONNECT":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=_copy, args=(server, self.connection))
                    back.start()
                    _copy(self.connection, server)
                    back.join()
                    return
                path = "/" + self.path.partition("://")[2].partition("/")[2]
                server.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                _copy(server, self.connection)
            self.close_connection = True

        do_CONNECT = do_HEAD = do_POST = do_GET  # noqa: N815 - names of the library

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    found.port = server.server_port
    with running(server):
        yield found


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def client(proxies: dict[str, str], *hosts: str) -> Client:
    return Client(Hosts.parse(hosts), patience=QUICK, proxies=Proxies(proxies))


def test_servers_are_asked_through_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = certificate(tmp_path, "git.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    with serving() as plain, serving(context) as tls:
        plain.replies["/a"] = tls.replies["/a"] = content(b"ok")
        with proxying(plain.port) as proxy:
            asked = client({"http": proxy.url}, "http://charts.invalid")
            assert asked.get("http://charts.invalid/a").body == b"ok"
            assert proxy.seen == ["GET http://charts.invalid/a me:pw"]
        with proxying(tls.port) as proxy:
            asked = client({"all": proxy.url}, "git.invalid", "other.invalid")
            assert asked.get("https://git.invalid/a").body == b"ok"
            with pytest.raises(TransferError, match="certificate"):
                asked.get("https://other.invalid/a")
            assert proxy.seen[0] == "CONNECT git.invalid:443 me:pw"
            assert "pw" not in repr(asked)


def test_what_a_proxy_changes_nothing_about(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(host: str, *_: object, **__: object) -> list[object]:
        if host == "known.invalid":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))]
        raise OSError("unknown")

    with serving() as server, proxying(server.port) as proxy:
        server.replies["/away"] = redirect("https://evil.invalid/x")
        server.replies["/own"] = content(b"direct")
        asked = client({"http": proxy.url, "https": proxy.url}, "http://a.invalid", "known.invalid")
        with pytest.raises(RefusedError, match=r"evil\.invalid is not among the hosts"):
            asked.get("http://a.invalid/away")
        direct = client({"http": proxy.url}, server.url, server.other_url)
        assert direct.get(f"{server.url}/own").body == direct.get(f"{server.other_url}/own").body == b"direct"
        assert len(proxy.seen) == 1, "this machine is asked without a proxy"
        monkeypatch.setattr(socket, "getaddrinfo", found)
        with pytest.raises(RefusedError, match=r"is at 10\.0\.0\.7, which is not a public address"):
            asked.get("https://known.invalid/")


@pytest.mark.parametrize(
    ("proxy", "wanted"),
    [
        pytest.param("socks5://127.0.0.1:9", "is neither http nor https", id="socks"),
        pytest.param("http://me:pw@[::1", "is not a URL; write http://HOST:PORT", id="an open bracket"),
        pytest.param("http://me:pw@127.0.0.1:99999", "is not a URL; write http://HOST:PORT", id="no such port"),
        pytest.param("http://", "is not a URL; write http://HOST:PORT", id="no host"),
    ],
)
def test_a_wrong_proxy_is_named_without_its_password(proxy: str, wanted: str) -> None:
    with pytest.raises(TransferError, match=f"the proxy of the environment {wanted}") as caught:
        client({"http": proxy}, "http://a.invalid").get("http://a.invalid/")
    assert "pw" not in str(caught.value)


def test_passwords_of_proxies_may_hold_any_letter() -> None:
    place, headers = parts("http://me:%E2%82%AC%0A@127.0.0.1:9")
    assert place == "http://127.0.0.1:9"
    assert base64.b64decode(headers["proxy-authorization"].removeprefix("Basic ")) == "me:€\n".encode()


@pytest.mark.parametrize(
    ("host", "proxy"),
    [
        ("charts.example.com", "http://p:1"),
        ("near.example.com", ""),
        ("below.near.example.com", ""),
        ("notnear.example.com", "http://p:1"),
        ("localhost", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
    ],
)
def test_which_proxy(host: str, proxy: str) -> None:
    assert Proxies({"https": "p:1", "no": "near.example.com, x"}).find("https", host, 443) == proxy
    assert Proxies({"http": "p:1"}).find("https", host, 443) == ""
    assert Proxies({"https": "p:1", "no": "*"}).find("https", host, 443) == ""


def test_a_pull_uses_the_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server, proxying(server.port) as proxy:
        servers.publish(server, "charts", "web", "1.0.0")
        monkeypatch.setenv("http_proxy", proxy.url)
        root = tmp_path / "shop"
        write(root, {"flux.yaml": flux("one", "http://charts.invalid/charts")})
        assert told(pulled(root, terms("http://charts.invalid"))) == ["added web 1.x: 1.0.0"]
        assert len(proxy.seen) == 2
    assert "pw" not in (root / "kgate.lock").read_text()
