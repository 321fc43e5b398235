"""Servers of charts on this machine: a chart repository that also misbehaves, and a real registry."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import http.server
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.loopback import Quiet, running
from tests.real_tools import helm_tool
from tests.waiting import HANG, wait_for

Handler = http.server.BaseHTTPRequestHandler
Reply = Callable[[Handler], None]


@dataclass
class Server:
    """A server: its port, what it answers by path, and the requests that it has seen with their credentials."""

    port: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """The same server by another name, and so another host."""
        return f"http://localhost:{self.port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server without answers, until some are added."""
    found = Server()

    class Own(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - its name in the library
            found.seen.append((self.path, self.headers.get("Authorization", "")))
            found.replies.get(self.path.partition("?")[0], status(404))(self)

        do_HEAD = do_POST = do_GET  # noqa: N815 - names of the library

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    found.port = server.server_port
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield found


def certificate(folder: Path, host: str = "localhost") -> Path:
    """A file with a certificate for a host that it has signed itself, and its key."""
    subject = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
    out = ("-keyout", "key.pem", "-out", "certificate.pem", "-days", "2")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *out, *subject]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    whole = folder / "whole.pem"
    whole.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return whole


def content(data: bytes, declared: int | None = None, **headers: str) -> Reply:
    """An answer, which may declare another length."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        for name, text in {"Content-Length": str(len(data) if declared is None else declared), **headers}.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)

    return reply


def status(code: int, **headers: str) -> Reply:
    def reply(handler: Handler) -> None:
        handler.send_response(code)
        for name, text in {"Content-Length": "0", **headers}.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()

    return reply


def redirect(url: str) -> Reply:
    return status(302, Location=url)


def slow(handler: Handler) -> None:
    """One byte now and then."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(30):
            handler.wfile.write(b"a")
            time.sleep(0.1)


def guarded(reply: Reply, expected: str, challenge: str = "Basic") -> Reply:
    """The answer for those who send this header Authorization; others are told how to."""

    def guard(handler: Handler) -> None:
        allowed = handler.headers.get("Authorization") == expected
        (reply if allowed else status(401, WWW_Authenticate=challenge))(handler)

    return guard


def once_broken(reply: Reply) -> Reply:
    """The answer, but for the first who asks."""
    asked: list[str] = []

    def guard(handler: Handler) -> None:
        asked.append(handler.path)
        (reply if len(asked) > 1 else status(503))(handler)

    return guard


def git_backend(root: Path) -> Reply:
    """The answers of git's own server for the repositories below a folder."""

    def reply(handler: Handler) -> None:
        path, _, query = handler.path.partition("?")
        size = int(handler.headers.get("Content-Length") or 0)
        variables = {
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": handler.command,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(size),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
            "PATH": os.environ["PATH"],
        }
        run = subprocess.run(
            ["git", "http-backend"], input=handler.rfile.read(size), capture_output=True, check=True, env=variables
        )
        head, _, body = run.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        content(body, Content_Type=fields["Content-Type"])(handler)

    return reply


WORKLOAD = """\
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}}
spec:
  hostNetwork: {{ .Values.hostNetwork }}
  containers:
  - name: app
    image: example.com/app:1
    securityContext: {privileged: {{ .Values.privileged }}}
"""
VALUES = "privileged: false\nhostNetwork: false\n"


def packed(name: str, version: str, files: dict[str, str] | None = None) -> bytes:
    """A packed chart, with one workload by default; the same bytes for the same files."""
    texts = {"templates/pod.yaml": WORKLOAD, "values.yaml": VALUES} if files is None else files
    texts = {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", **texts}
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for path, text in texts.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return target.getvalue()


def index(name: str, urls: dict[str, str]) -> bytes:
    """The index of a chart repository with one chart: the URL of each version."""
    entries = [{"name": name, "version": version, "urls": [url], "apiVersion": "v2"} for version, url in urls.items()]
    return json.dumps({"apiVersion": "v1", "entries": {name: entries}}).encode()


def publish(server: Server, folder: str, name: str, *versions: str) -> None:
    """Adds a chart repository to a server."""
    for version in versions:
        server.replies[f"/{folder}/{name}-{version}.tgz"] = content(packed(name, version))
    urls = {version: f"{name}-{version}.tgz" for version in versions}
    server.replies[f"/{folder}/index.yaml"] = content(index(name, urls))


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """A real registry, by its host and port. Fails if docker-registry is not installed."""
    program = shutil.which("docker-registry")
    assert program, "docker-registry is not installed: apt-get install docker-registry"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    config = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": host},
    }
    (folder / "registry.yml").write_text(json.dumps(config), encoding="utf-8")
    command = [program, "serve", str(folder / "registry.yml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: _answers(f"http://{host}/v2/"))
            yield host
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=HANG).close()
    except OSError:
        return False
    return True


def upload(host: str, name: str, tag: str, layer: bytes) -> None:
    """Puts an artifact with one layer into a registry, as ``flux push artifact`` does."""
    media, blobs = "application/vnd.cncf.flux", [b"{}", layer]
    for blob in blobs:
        with _sent("POST", f"http://{host}/v2/{name}/blobs/uploads/", b"") as answer:
            place = answer.headers["Location"]
        _sent("PUT", f"{place}&digest=sha256:{hashlib.sha256(blob).hexdigest()}", blob).close()
    entries = [
        {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}
        for kind, blob in zip((f"{media}.config.v1+json", f"{media}.content.v1.tar+gzip"), blobs, strict=True)
    ]
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": entries[0], "layers": entries[1:]}
    _sent("PUT", f"http://{host}/v2/{name}/manifests/{tag}", json.dumps(manifest).encode(), kind).close()


def _sent(method: str, url: str, body: bytes, kind: str = "application/octet-stream") -> http.client.HTTPResponse:
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)
    answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=5)
    return answer


def flat(files: dict[str, str]) -> bytes:
    """A packed folder, whose files have the names that they have in it."""
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return target.getvalue()


def push(host: str, folder: Path, name: str, version: str) -> None:
    """Puts a chart into a registry, below ``charts``."""
    file = folder / f"{name}-{version}.tgz"
    file.write_bytes(packed(name, version))
    command = [str(helm_tool().path), "push", str(file), f"oci://{host}/charts", "--plain-http"]
    subprocess.run(command, check=True, capture_output=True, env={"HOME": str(folder), "PATH": ""})
