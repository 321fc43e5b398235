"""Which hosts are asked, what kgate.lock may hold, and what charts from the cache may do: nothing but render."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kgate.elsewhere import credentials, index, lock
from kgate.elsewhere.fetched import digest_of, trusted_hosts
from kgate.elsewhere.gateway import Gateway
from kgate.elsewhere.hosts import Hosts, RefusedError
from kgate.elsewhere.transfer import Client, TransferError
from kgate.elsewhere.upstream import ChartRepository
from kgate.elsewhere.wanted import ABSENT, Locked, Wanted
from kgate.errors import ConfigError
from kgate.model import Report
from kgate.repository import Repository
from kgate.scan import scan
from tests.elsewhere.servers import certificate, content, packed, serving
from tests.elsewhere.test_pull import QUICK, flux, settings
from tests.hostile import SECRET, outside, write
from tests.loopback import loopback
from tests.waiting import HANG

ALLOWED = ("ghcr.io", "charts.example.com:8443", "http://localhost:5000", "https://charts.corp.example")


@pytest.mark.parametrize(
    ("url", "address", "refusal"),
    [
        pytest.param("https://ghcr.io/a", "140.82.121.34", "", id="a name"),
        pytest.param("https://GHCR.IO./a", "140.82.121.34", "", id="the same name"),
        pytest.param("https://charts.example.com:8443/", "93.184.215.14", "", id="a name with a port"),
        pytest.param("https://charts.example.com/", "93.184.215.14", "charts.example.com is not", id="another port"),
        pytest.param("https://eu.ghcr.io/", "140.82.121.34", "eu.ghcr.io is not among", id="a name below"),
        pytest.param("http://ghcr.io/", "140.82.121.34", "http://ghcr.io is not encrypted", id="without encryption"),
        pytest.param("http://localhost:5000/", "127.0.0.1", "", id="a server with its scheme"),
        pytest.param("https://localhost:5000/", "127.0.0.1", "localhost:5000 is not among", id="another scheme"),
        pytest.param("https://charts.corp.example/", "10.0.0.7", "", id="a private address that is meant"),
        pytest.param("https://ghcr.io/", "10.0.0.7", "is at 10.0.0.7, which is not a public", id="a private address"),
        pytest.param("https://ghcr.io/", "127.0.0.1", "is at 127.0.0.1", id="loopback"),
        pytest.param("https://ghcr.io/", "169.254.169.254", "is at 169.254.169.254", id="link-local"),
        pytest.param("https://ghcr.io/", "100.64.0.1", "is at 100.64.0.1", id="shared address space"),
        pytest.param("https://ghcr.io/", "0.0.0.0", "is at 0.0.0.0", id="no address"),
        pytest.param("https://ghcr.io/", "::1", "is at ::1", id="loopback of version 6"),
        pytest.param("https://ghcr.io/", "::ffff:10.0.0.7", "is at ::ffff:10.0.0.7", id="mapped"),
        pytest.param("https://ghcr.io/", "64:ff9b::a00:7", "is at 64:ff9b::a00:7", id="NAT64"),
        pytest.param("https://ghcr.io/", "fe80::1%eth0", "is at fe80::1%eth0", id="link-local of version 6"),
        pytest.param("https://ghcr.io@evil.example/", "1.1.1.1", "holds a user or password", id="a user"),
        pytest.param("https://2130706433/", "127.0.0.1", "2130706433 is not among", id="a number"),
        pytest.param("https://ghcr.io\\@evil.example/", "1.1.1.1", "holds a user", id="a backslash"),
        pytest.param("https://ghcr.\u0131o/", "1.1.1.1", "names no host", id="a letter that looks like another"),
        pytest.param("https://[::1/", "::1", "is not a URL", id="not a URL"),
        pytest.param("file:///etc/passwd", "", "is neither https nor oci", id="a file"),
    ],
)
def test_hosts(url: str, address: str, refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(host: str, port: int, **_: object) -> Sequence[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    hosts = Hosts.parse(ALLOWED)
    if not refusal:
        assert hosts.server(url).addresses == (address,)
        return
    with pytest.raises(RefusedError, match=refusal.replace("[", r"\[")) as error:
        hosts.server(url)
    allow = error.value.allow
    while allow:  # the advice helps, at last with the scheme
        hosts, last = hosts.allowing(allow), allow
        try:
            assert hosts.server(url).addresses == (address,)
            allow = ""
        except RefusedError as again:
            allow = again.allow
            assert allow not in ("", last)


@pytest.mark.parametrize(
    "text", ["", "*", "*.example.com", "ghcr.io/org", "https://u:p@ghcr.io", "ftp://x", "a b", "-x"]
)
def test_what_is_not_a_host(text: str) -> None:
    with pytest.raises(ConfigError, match="--pull-from"):
        Hosts.parse([text])


def test_an_answer_has_bounds() -> None:
    with serving() as server:
        server.replies["/large"] = content(b"#" * 2_000_000)
        client = Client(Hosts.parse([server.url]), patience=QUICK, most=1 << 20)
        with pytest.raises(TransferError, match="is larger than 1 MiB"):
            client.get(f"{server.url}/large")


def test_a_certificate_is_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    with serving(context) as server:
        server.replies["/"] = content(b"ok")
        named, numbered = f"https://localhost:{server.port}", f"https://127.0.0.1:{server.port}"

        def ask(url: str) -> bytes:
            return Client(Hosts.parse([named, numbered]), patience=QUICK).get(url).body

        with pytest.raises(TransferError, match="self-signed certificate"):
            ask(named)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert ask(named) == b"ok"
        with pytest.raises(TransferError, match="doesn't match 'localhost'"):
            ask(numbered)


# --------------------------------------------------------------------------------------- the lock

ENTRY: dict[str, object] = {
    "kind": "helm",
    "repository": "https://charts.example.com",
    "name": "web",
    "requested": "1.x",
    "version": "1.2.3",
    "digest": f"sha256:{'a' * 64}",
    "origin": "https://charts.example.com/web-1.2.3.tgz",
}


def lock_with(**changes: object) -> bytes:
    entry = {name: value for name, value in {**ENTRY, **changes}.items() if value is not None}
    return json.dumps({"schema": lock.SCHEMA, "fetched": [entry]}, indent=1).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"fetched: [", "kgate.lock:2: not valid YAML", id="not YAML"),
        pytest.param(b"[]", "kgate.lock: must hold one mapping", id="a list"),
        pytest.param(b"schema: kgate-lock/9\n", "kgate.lock:1: schema must be kgate-lock/1", id="another schema"),
        pytest.param(
            b"schema: kgate-lock/1\nfetchd: []\n", "kgate.lock:2: unknown field 'fetchd'", id="a misspelled field"
        ),
        pytest.param(lock_with(kind="ftp"), "kgate.lock:5: fetched[0].kind must be one of", id="another kind"),
        pytest.param(lock_with(kind=None), "fetched[0].kind is missing", id="no kind"),
        pytest.param(lock_with(name="../../x"), "kgate.lock:7: fetched[0].name: '../../x' is not a name", id="a path"),
        pytest.param(lock_with(version="1/../../x"), "kgate.lock:9: fetched[0].version: '1/../../x'", id="a version"),
        pytest.param(lock_with(digest="sha256:1"), "kgate.lock:10: fetched[0].digest must be sha256:", id="a digest"),
        pytest.param(lock_with(digest=None), "fetched[0].digest is missing", id="no digest"),
        pytest.param(lock_with(requested=1), "fetched[0].requested must be a string", id="a number"),
        pytest.param(
            json.dumps({"schema": lock.SCHEMA, "fetched": [ENTRY, ENTRY]}).encode(),
            "a second time",
            id="the same twice",
        ),
    ],
)
def test_faults_of_a_lock(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        lock.parse(data)
    assert message in str(error.value)


def test_a_lock_comes_back_as_it_was() -> None:
    entries = lock.parse(lock_with(requested='a: "b" #\u2028ü'))
    text = lock.text_of(entries)
    assert lock.parse(text.encode()) == entries
    assert lock.text_of(dict(reversed(entries.items()))) == text
    assert lock.parse(lock.text_of({}).encode()) == {}


def test_a_program_that_hangs_up_or_asks_for_nothing_sensible_is_not_told(capfd: pytest.CaptureFixture[str]) -> None:
    upstream = ChartRepository(Client(Hosts()), Wanted.chart("https://charts.example.com", "web", "1.x"))
    with Gateway() as gateway, gateway.passage(upstream, "0" * 32) as passage:
        chunked = f"POST /{passage.token}/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        for request in (b"\xff\r\n\r\n", b"GET / HT", chunked.encode()):
            with socket.create_connection(("127.0.0.1", passage.port), timeout=HANG) as connection:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1 << 16)
    assert capfd.readouterr() == ("", "")


def test_a_lock_cannot_name_the_file_of_another_chart(tmp_path: Path) -> None:
    found = settings(tmp_path / "shop").rendering.fetched
    data = packed("web", "1.0.0")
    assert found.keep(data)

    def read(name: str, requested: str, version: str) -> bytes | None:
        return found.read(Locked(Wanted.chart("https://a.example", name, requested), version, digest_of(data), ""))

    assert read("web", "1.x", "1.0.0") == read("web", "v1.0.0", "1.0.0") == read("web", "*", "1.0.0") == data
    assert read("db", "1.x", "1.0.0") is None
    assert read("web", "1.x", "1.1.0") is None
    assert read("web", "2.0.0", "1.0.0") is None


def test_the_hosts_of_a_trusted_lock_are_allowed(tmp_path: Path) -> None:
    class Tree:
        name = title = "main"

        def find(self, path: Path) -> Path | None:
            return path

        def names(self, folder: Path) -> list[str]:
            return ["kgate.lock"]

        def paths(self, names: object) -> list[Path]:
            return [tmp_path / "kgate.lock"]

        def changed_lines(self) -> dict[str, tuple[tuple[int, int], ...]]:
            return {}

        def read_bytes(self, path: Path) -> bytes:
            assert path == tmp_path / "kgate.lock"
            return lock_with(repository="https://charts.example.com:8443/stable")

    assert trusted_hosts(Repository(tmp_path)) == ()
    assert trusted_hosts(Repository(tmp_path, trusted=Tree())) == ("charts.example.com:8443",)


# ----------------------------------------------------------------------------------- other files

INDEX = """\
apiVersion: v1
entries:
  before:
  - {name: before, version: 9.0.0, urls: [x]}
  web:
  - name: web
    version: 1.0.0
    digest: DIGEST
    urls:
    - https://charts.example.com/web-1.0.0.tgz
  - {name: web, version: 2, urls: [a]}
  - {name: web, version: 3.0.0}
  zoo:
  - {name: zoo, version: 9.0.0, urls: [x]}
generated: "2026-01-01"
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(INDEX, id="as Helm writes it"),
        pytest.param(INDEX.replace("\n", "\r\n"), id="of Windows"),
        pytest.param(
            json.dumps(
                {
                    "entries": {
                        "web": [
                            {
                                "version": "1.0.0",
                                "urls": ["https://charts.example.com/web-1.0.0.tgz"],
                                "digest": "d" * 64,
                            }
                        ]
                    }
                }
            ),
            id="JSON",
        ),
        pytest.param(INDEX.replace("  web:", "  'web':"), id="quoted"),
    ],
)
def test_an_index(text: str) -> None:
    (found,) = index.versions(text.replace("DIGEST", "d" * 64).encode(), "web", "index.yaml")
    assert (found.version, found.url, found.digest) == ("1.0.0", "https://charts.example.com/web-1.0.0.tgz", "d" * 64)


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"auths": {"a": {"auth": "%%"}}}', '{"auths": {"a": {}}}', '{"auths": []}', "x"]
)
def test_credentials_are_read_or_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    if text == "{}":
        assert credentials.read(file) == {}
        return
    with pytest.raises(ConfigError, match="--registry-config"):
        credentials.read(file)
    good = {
        "auths": {"https://a.example/v1/": {"auth": "bWU6cHc="}, "b.example:5000": {"username": "me", "password": "pw"}}
    }
    file.write_text(json.dumps(good))
    assert credentials.read(file) == {"a.example": "Basic bWU6cHc=", "b.example:5000": "Basic bWU6cHc="}


# ------------------------------------------------------------------------- hostile, from the cache

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: VALUE\n"
DEPENDENT = """\
apiVersion: v2
name: web
version: 1.0.0
dependencies:
- {name: a, version: 1.x, repository: "REPOSITORY"}
"""
HOSTILE = {
    "a schema that names an address": {"values.schema.json": '{"$ref": "URL/schema.json"}', "values.yaml": "a: 1\n"},
    "a schema that names a file": {
        "values.schema.json": '{"$ref": "file://OUTSIDE/values.yaml"}',
        "values.yaml": "a: 1\n",
    },
    "a lookup of a host": {"templates/b.yaml": CONFIG_MAP.replace("VALUE", '{{ getHostByName "URL" | quote }}')},
    "the environment": {"templates/b.yaml": CONFIG_MAP.replace("VALUE", '{{ env "HOSTILE_SECRET" }}')},
    "a file outside": {
        "templates/b.yaml": CONFIG_MAP.replace("VALUE", '{{ .Files.Get "../../OUTSIDE/values.yaml" | quote }}')
    },
    "a dependency": {"Chart.yaml": DEPENDENT.replace("REPOSITORY", "URL")},
    "a dependency outside": {"Chart.yaml": DEPENDENT.replace("REPOSITORY", "file://OUTSIDE")},
    "a plugin": {"plugin.yaml": "name: template\nversion: 0.1.0\ncommand: touch OUTSIDE/witness\n"},
}


def cached(root: Path, data: bytes) -> Report:
    """A scan of a repository whose one release is a chart in the cache."""
    wanted = Wanted.chart("https://charts.example.com", "web", "1.x")
    entry = Locked(wanted, "1.0.0", digest_of(data), "https://charts.example.com/web-1.0.0.tgz")
    write(root, {"kgate.lock": lock.text_of({wanted: entry}), "flux.yaml": flux("one", wanted.repository)})
    assert settings(root).rendering.fetched.keep(data)
    return scan(settings(root))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_chart_from_the_cache(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTILE_SECRET", SECRET)
    place = outside(tmp_path / "shop")
    with loopback() as server:
        files = {
            path: text.replace("URL", server.url).replace("OUTSIDE", str(place)) for path, text in HOSTILE[name].items()
        }
        report = cached(tmp_path / "shop", packed("web", "1.0.0", {"templates/a.yaml": CONFIG_MAP, **files}))
    assert not server.seen
    assert SECRET not in repr(report)
    assert not (place / "witness").exists()
    assert all(one.path == "flux.yaml" and one.line == 12 for one in (*report.problems, *report.unjudged))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(packed("web", "1.0.0")[:200], id="cut off"),
        pytest.param(packed("web", "1.0.0", {"../../x": "y"}), id="a path that leaves"),
        pytest.param(packed("web", "1.0.0", {"Chart.yaml": "a: ["}), id="not YAML"),
        pytest.param(packed("db", "1.0.0"), id="another chart"),
    ],
)
def test_what_is_not_the_chart_is_not_judged(tmp_path: Path, data: bytes) -> None:
    (entry,) = cached(tmp_path / "shop", data).unjudged
    assert (entry.path, entry.line, entry.message) == ("flux.yaml", 12, ABSENT)


def test_a_chart_from_the_cache_that_fails(tmp_path: Path) -> None:
    data = packed("web", "1.0.0", {"templates/a.yaml": '{{ fail "no" }}'})
    (problem,) = cached(tmp_path / "shop", data).problems
    assert (problem.path, problem.line) == ("flux.yaml", 12)
    assert problem.message.startswith(
        "chart web-1.0.0.tgz: helm template failed for release one of HelmRelease/apps/one"
    )
    assert "/cache" not in problem.message
