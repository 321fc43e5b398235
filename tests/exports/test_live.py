"""An exported webhook in a real API server, which takes all of it; and the job that makes its certificate."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import kgate
from tests.serving import serving
from tests.waiting import HANG
from upstream import apiserver
from upstream.apiserver import TOKEN, Server, ServerError

pytestmark = pytest.mark.needs_apiserver

WEBHOOK = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/kgate"
SECRET = "/api/v1/namespaces/kgate/secrets/kgate-tls"
OF_CERT_MANAGER = ("Issuer", "Certificate")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with apiserver.running() as running:
        kubectl(running, "create", "namespace", "kgate", "--save-config")
        yield running


def kubectl(server: Server, *arguments: str, text: str = "", token: str = TOKEN) -> str:
    """What kubectl prints. It has no settings of its own."""
    access = ("--server", server.url, "--certificate-authority", str(server.certificate), "--token", token)
    command = (str(Path(sys.executable).parent / "kubectl"), *arguments, *access)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("certificate", ["cert-manager", "job"])
def test_kubectl_can_apply_it(server: Server, tmp_path: Path, certificate: str) -> None:
    exported = kgate("export", "admission", "--certificate", certificate, cwd=tmp_path).out
    objects = [one for one in yaml.safe_load_all(exported) if one and one["kind"] not in OF_CERT_MANAGER]
    done = kubectl(server, "apply", "--dry-run=server", "-f", "-", text=yaml.safe_dump_all(objects))
    assert done.count("(server dry run)") == len(objects)
    assert "Warning" not in done


# ---------------------------------------------------------------------------------------- the certificate


@pytest.fixture(scope="module")
def script(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Script:
    """The script of the job, with its account; all that is exported is there, and Pod Security allows it."""
    folder = tmp_path_factory.mktemp("job")
    exported = kgate("export", "admission", "--certificate", "job", cwd=folder).out
    assert "Warning" not in kubectl(server, "apply", "-f", "-", text=exported)
    return Script(server, folder, exported)


class Script:
    """The script of the job, which runs as in its Pod: with the token of its account, in a folder of its own."""

    def __init__(self, server: Server, folder: Path, exported: str) -> None:
        (text,) = (
            one["data"]["certificate.sh"]
            for one in yaml.safe_load_all(exported)
            if one and one["metadata"]["name"] == "kgate-certificate" and one["kind"] == "ConfigMap"
        )
        self._server, self._folder, self._text = server, folder, text
        path = "/api/v1/namespaces/kgate/serviceaccounts/kgate-certificate/token"
        self.token = server.ask(
            "POST", path, {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}}
        )["status"]["token"]

    def run(self, days: int = 60) -> subprocess.CompletedProcess[str]:
        """Runs it, with another number of days for which a certificate must be good."""
        server, cluster = self._server, {"certificate-authority": str(self._server.certificate)}
        config = {
            "clusters": [{"name": "a", "cluster": {"server": server.url, **cluster}}],
            "users": [{"name": "a", "user": {"token": self.token}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a", "namespace": "kgate"}}],
            "current-context": "a",
        }
        (self._folder / "config").write_text(yaml.safe_dump(config), encoding="utf-8")
        text = self._text.replace("cd /tmp\n", f"cd {self._folder}\n")
        text = text.replace("5184000", str(days * 86400))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {"PATH": path, "HOME": str(self._folder), "KUBECONFIG": str(self._folder / "config")}
        return subprocess.run(
            ("sh", "-c", text),
            env={**env, "NAME": "kgate.kgate.svc"},
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )


def trusted(server: Server) -> str:
    """The certificates that the API server trusts, in PEM."""
    (webhook,) = server.ask("GET", WEBHOOK)["webhooks"]
    return base64.b64decode(webhook["clientConfig"].get("caBundle", "")).decode()


def secret(server: Server) -> dict[str, str]:
    data = server.ask("GET", SECRET).get("data", {})
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def test_the_job_makes_a_certificate_and_renews_it_in_time(server: Server, script: Script, tmp_path: Path) -> None:
    assert trusted(server) == ""
    assert script.run().returncode == 0
    first = secret(server)
    assert trusted(server) == first["tls.crt"]
    assert script.run().returncode == 0
    assert secret(server) == first
    assert script.run(days=365).returncode == 0
    second = secret(server)
    assert second["tls.crt"] != first["tls.crt"]
    assert trusted(server) == second["tls.crt"] + first["tls.crt"]
    assert script.run(days=365).returncode == 0
    assert trusted(server).count("BEGIN CERTIFICATE") == 2
    assert_accepted(secret(server), trusted(server), tmp_path)


def assert_accepted(files: dict[str, str], authorities: str, folder: Path) -> None:
    """The server answers with the certificate to whoever trusts the authorities, under its name in the cluster."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    context = ssl.create_default_context(cadata=authorities)
    options = ("--workers", "1", "--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key"))
    with (
        serving(*options) as running,
        socket.create_connection((running.host, running.port), HANG) as plain,
        context.wrap_socket(plain, server_hostname="kgate.kgate.svc") as encrypted,
    ):
        assert encrypted.version() == "TLSv1.3"


def test_a_configuration_that_is_applied_again_keeps_the_certificate(
    server: Server, script: Script, tmp_path: Path
) -> None:
    assert script.run().returncode == 0
    before = secret(server), trusted(server)
    assert all(before)
    exported = kgate("export", "admission", "--certificate", "job", "--mode", "audit", cwd=tmp_path).out
    kubectl(server, "apply", "-f", "-", text=exported)
    assert (secret(server), trusted(server)) == before


def test_the_job_repairs_what_somebody_else_changed(server: Server, script: Script) -> None:
    """Also what two runs at once leave, of which the later one fails."""
    assert script.run().returncode == 0
    change = [{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]
    kubectl(server, "patch", "validatingwebhookconfiguration/kgate", "--type=json", "-p", yaml.safe_dump(change))
    assert trusted(server) == ""
    assert script.run().returncode == 0
    assert secret(server)["tls.crt"] in trusted(server)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/api/v1/namespaces/kgate/secrets", id="other secrets"),
        pytest.param("DELETE", SECRET, id="deletes the secret"),
        pytest.param("DELETE", WEBHOOK, id="deletes the webhook"),
        pytest.param("GET", WEBHOOK.removesuffix("/kgate"), id="other webhooks"),
        pytest.param("GET", "/api/v1/namespaces/kgate/pods", id="pods"),
    ],
)
def test_the_account_of_the_job_may_do_nothing_else(server: Server, script: Script, method: str, path: str) -> None:
    answer: Any = None
    with pytest.raises(ServerError, match="403"):
        answer = server.ask(method, f"{path}?dryRun=All" if method == "DELETE" else path, token=script.token)
    assert answer is None
