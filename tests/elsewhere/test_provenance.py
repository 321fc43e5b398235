"""Charts with a provenance file: one that a key of the keyring has signed is taken, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.elsewhere import servers
from tests.elsewhere.servers import content, packed, serving
from tests.elsewhere.test_pull import flux, pulled, terms, told
from tests.hostile import write
from tests.real_tools import helm_tool

pytestmark = pytest.mark.needs_registry


@contextmanager
def keys(folder: Path) -> Iterator[None]:
    """``public.gpg`` and ``secret.gpg`` of a new key without a passphrase, in a folder. Fails if there is no gpg."""
    assert shutil.which("gpg"), "gpg is not installed: apt-get install gnupg"
    with tempfile.TemporaryDirectory() as home:  # its path must be short, as gpg makes a socket in it
        batch = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        for arguments in (
            ["--quick-generate-key", "packager@example.com", "rsa2048", "sign", "never"],
            ["--output", str(folder / "public.gpg"), "--export"],
            ["--output", str(folder / "secret.gpg"), "--export-secret-keys"],
        ):
            subprocess.run([*batch, *arguments], check=True, capture_output=True)
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True, capture_output=True)
        yield


def signed(folder: Path, name: str) -> tuple[bytes, bytes]:
    """A packed chart and its provenance file, as ``helm package --sign`` makes them."""
    chart = folder / name
    about = f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"
    write(chart, {"Chart.yaml": about, "templates/pod.yaml": servers.WORKLOAD, "values.yaml": servers.VALUES})
    sign = ["--sign", "--key", "packager", "--keyring", str(folder / "secret.gpg"), "--destination", str(folder)]
    command = [str(helm_tool("3.17").path), "package", *sign, str(chart)]
    subprocess.run(command, check=True, capture_output=True, env={"HOME": str(folder), "PATH": ""})
    file = folder / f"{name}-1.0.0.tgz"
    return file.read_bytes(), file.with_name(f"{file.name}.prov").read_bytes()


@pytest.mark.parametrize("helm", ["4.3", "3.17"])
def test_only_what_is_signed_is_taken(tmp_path: Path, helm: str) -> None:
    root = tmp_path / "shop"
    with serving() as server, keys(tmp_path):
        for name in ("good", "unsigned", "altered"):
            data, provenance = signed(tmp_path, name)
            servers.publish(server, name, name, "1.0.0")
            path = f"/{name}/{name}-1.0.0.tgz"
            server.replies[path] = content(packed(name, "1.0.0") if name == "altered" else data)
            server.replies[f"{path}.prov"] = content(provenance)
            write(root, {f"{name}.yaml": flux(name, f"{server.url}/{name}", "1.0.0", chart=name)})
        del server.replies["/unsigned/unsigned-1.0.0.tgz.prov"]
        checked = replace(terms(server.url), keyring=tmp_path / "public.gpg")
        altered, good, unsigned = told(pulled(root, checked, helm))
        assert good == "added good 1.0.0: 1.0.0"
        assert altered.startswith("failed altered")
        assert "sha256 sum does not match" in altered
        assert unsigned.startswith("failed unsigned")
        with tempfile.TemporaryDirectory(dir=tmp_path) as other, keys(Path(other)):
            stranger = replace(checked, keyring=Path(other) / "public.gpg")
            (row, *_) = [one for one in told(pulled(root, stranger, helm, cache="empty")) if " good " in one]
        assert row.startswith("failed good")
