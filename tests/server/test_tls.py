"""The server speaks TLS, with the certificate that its files hold when a connection begins."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import kgate
from tests.serving import Served, serving
from tests.waiting import wait_for


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of its own authority for this machine, and its key."""
    file, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    subprocess.run([*command, *names, "-out", file, "-keyout", key], check=True, capture_output=True)
    return file, key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for name in ("old", "new", "client"):
        certificate(folder, name)
    return folder


def install(folder: Path, name: str, suffixes: tuple[str, ...] = (".crt", ".key")) -> None:
    """Replaces the server's files, as a mounted secret does."""
    for suffix in suffixes:
        (folder / "next").write_bytes((folder / f"{name}{suffix}").read_bytes())
        os.replace(folder / "next", folder / f"tls{suffix}")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    install(folder, "old")
    files = (str(folder / f"tls{suffix}") for suffix in (".crt", ".key"))
    options = [word for pair in zip(("--tls-cert", "--tls-key"), files, strict=True) for word in pair]
    with serving("--workers", "1", *options, "--tls-client-ca", str(folder / "client.crt")) as served:
        yield served


def trusting(folder: Path, name: str, client: str = "client") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=folder / f"{name}.crt")
    if client:
        context.load_cert_chain(folder / f"{client}.crt", folder / f"{client}.key")
    return context


def answers(server: Served, context: ssl.SSLContext) -> bool:
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        return server.ask("GET", "/livez", context=context).status == 200
    return False


def test_a_new_certificate_counts_once_it_is_whole(server: Served, folder: Path) -> None:
    assert answers(server, trusting(folder, "old"))
    install(folder, "new", (".crt",))
    assert answers(server, trusting(folder, "old")), "the key is still that of the old one"
    install(folder, "new", (".key",))
    assert answers(server, trusting(folder, "new"))
    assert not answers(server, trusting(folder, "old"))
    install(folder, "old")
    assert wait_for(lambda: answers(server, trusting(folder, "old")))


@pytest.mark.parametrize("client", ["", "new"])
def test_clients_need_a_certificate_of_the_authority(server: Served, folder: Path, client: str) -> None:
    assert not answers(server, trusting(folder, "old", client))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(("old.crt", "new.key"), "not a certificate with its key", id="the key of another"),
        pytest.param(("old.key", "old.key"), "not a certificate with its key", id="no certificate"),
    ],
)
def test_files_that_do_not_fit(folder: Path, names: tuple[str, str], message: str) -> None:
    result = kgate("serve", "--port", "0", "--tls-cert", names[0], "--tls-key", names[1], cwd=folder)
    assert result.code == 2
    assert message in result.err


def test_a_key_with_a_pass_phrase_is_refused_and_nobody_is_asked_for_it(folder: Path) -> None:
    command = ["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", "old.key", "-out", "encrypted.key"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    result = kgate("serve", "--port", "0", "--tls-cert", "old.crt", "--tls-key", "encrypted.key", cwd=folder)
    assert result.code == 2
    assert result.err.startswith("kgate: encrypted.key: is encrypted with a pass phrase")
    assert len(result.err.splitlines()) == 1
