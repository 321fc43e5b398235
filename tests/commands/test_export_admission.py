"""kgate export admission: what it writes, which passes kgate, helm and kubectl, and what it refuses."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import ROOT, Result, kgate
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool, tools_env
from tests.serving import serving
from tests.test_ci_files import BIN
from tests.waiting import HANG

CERTIFICATES = ("cert-manager", "job", "secret")
FORMATS = {"yaml": "out.yaml", "kustomize": "kustomized", "helm": "chart"}
"""The formats, and where the tests write each."""
CONFIGURATION = "# ours: {{ nothing }}\nmin-score: 75\n"
WAIVERS = """\
accept:
  - rule: privileged-container
    resource: {kind: Pod, name: web}
    reason: "it reads\\tlogs — \\u001b[31m"
"""


NAMED = re.compile(r"\b(?:namespace|image): ([^\s,}]+)")
"""What the fields with names hold, as it is written."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of a server of the user."""
    folder = tmp_path_factory.mktemp("tls")
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    name = ("-subj", "/CN=a", "-addext", "subjectAltName=IP:127.0.0.1,DNS:kgate.kgate.svc")
    subprocess.run((*new, *name, "-keyout", "tls.key", "-out", "tls.crt"), cwd=folder, check=True, capture_output=True)
    return folder / "tls.crt"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path, {".git/config": "", "kgate.yaml": CONFIGURATION, "kgate-waivers.yaml": WAIVERS})
    return tmp_path


def export(repository: Path, form: str, certificate: str, authority: Path, *more: str) -> Result:
    brought = ("--ca-bundle", str(authority)) if certificate == "secret" else ()
    asked = ("--certificate", certificate, *brought, "-f", form, "-o", FORMATS[form], *more)
    return kgate("export", "admission", *asked, cwd=repository)


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_all_formats_say_the_same_and_pass_the_gate(repository: Path, authority: Path, certificate: str) -> None:
    more = ("--min-score", "80", "--fail-on", "high", "--replicas", "3", "--exempt-namespace", "on")
    for form in FORMATS:
        done = export(repository, form, certificate, authority, *more)
        assert (done.code, done.out, done.err) == (0, "", "")
    scanned = kgate("scan", *FORMATS.values(), "--min-score", "90", cwd=repository, env=tools_env())
    assert f"passed: {9 if certificate == 'job' else 3} workloads, lowest 100 " in scanned.out, scanned
    assert "no findings" in scanned.out
    assert scanned.code == 0
    plain = objects((repository / "out.yaml").read_text(encoding="utf-8"))
    from_chart = objects(rendered(repository / "chart"))
    from_kustomization = objects(ran(str(kustomize_tool().path), "kustomize", str(repository / "kustomized")))
    assert len(plain) == {"cert-manager": 12, "job": 18, "secret": 8}[certificate]
    assert from_kustomization == plain
    assert from_chart == {key: one for key, one in plain.items() if key != ("Namespace", "kgate")}


def rendered(chart: Path, *options: str) -> str:
    """What the chart is to helm, as release kgate in namespace kgate."""
    return ran(str(helm_tool().path), "template", "kgate", str(chart), "-n", "kgate", *options)


def ran(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> Mapping[tuple[str, str], Any]:
    """The objects of a stream by kind and name, without what changes in the formats by their nature: the hash of a
    configuration, which replaces the Pods, and the name of a Job, which is another one for each version."""
    return {(one["kind"], one["metadata"]["name"]): one for one in map(_alike, yaml.safe_load_all(text)) if one}


def _alike(one: Any) -> Any:
    if one is None:
        return None
    metadata = one["metadata"]
    for kind, name in (("Job", "kgate-certificate"), ("ConfigMap", "kgate-configuration")):
        if one["kind"] == kind and metadata["name"].startswith(name):
            metadata["name"] = name
    if one["kind"] == "Deployment":
        one["spec"]["template"]["metadata"].pop("annotations", None)
        for volume in one["spec"]["template"]["spec"]["volumes"]:
            if volume["name"] == "configuration":
                volume["configMap"]["name"] = "kgate-configuration"
    return one


@pytest.mark.parametrize("name", ["y", "1e3", "123"])
def test_names_are_texts_to_every_reader_of_yaml(repository: Path, authority: Path, name: str) -> None:
    for form in ("kustomize", "helm"):
        assert export(repository, form, "job", authority, "--namespace", name, "--image", name).code == 0
    chart = ran(str(helm_tool().path), "template", "kgate", str(repository / "chart"), "-n", name)
    kustomized = ran(str(kustomize_tool().path), "kustomize", str(repository / "kustomized"))
    for text in (chart, kustomized):
        assert set(NAMED.findall(text)) == {f'"{name}"'}


def test_the_same_input_gives_the_same_bytes(repository: Path) -> None:
    first, second = (kgate("export", "admission", "--certificate", "job", cwd=repository) for _ in range(2))
    assert first.code == 0
    assert first.out == second.out


def test_a_change_replaces_the_pods(repository: Path) -> None:
    def annotations() -> Any:
        (found,) = (
            one["spec"]["template"]["metadata"]["annotations"]
            for one in yaml.safe_load_all(kgate("export", "admission", cwd=repository).out)
            if one and one["kind"] == "Deployment"
        )
        return found

    before = annotations()
    write(repository, {"kgate.yaml": "min-score: 76\n"})
    assert annotations() != before


def test_the_chart_takes_values_and_refuses_wrong_ones(repository: Path, authority: Path) -> None:
    assert export(repository, "helm", "job", authority).code == 0
    chart = repository / "chart"
    assert "0 chart(s) failed" in ran(str(helm_tool().path), "lint", "--strict", str(chart))
    found = objects(rendered(chart, "--set", "mode=audit,minScore=0,level=restricted,exemptNamespaces={a}"))
    (webhook,) = found["ValidatingWebhookConfiguration", "kgate"]["webhooks"]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["clientConfig"]["service"]["path"] == "/admit/audit"
    assert webhook["namespaceSelector"]["matchExpressions"][0]["values"] == ["a", "kgate"]
    (container,) = found["Deployment", "kgate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][-2:] == ["--min-score=0", "--level=restricted"]
    command = (str(helm_tool().path), "template", "kgate", str(chart), "--set", "mode=deyn")
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert wrong.returncode != 0
    assert "mode" in wrong.stderr


def test_another_image_makes_another_job(repository: Path, authority: Path) -> None:
    """A Job cannot be changed, and what applies rendered charts knows no revisions of a release."""

    def name(*options: str) -> str:
        found = yaml.safe_load_all(rendered(repository / "chart", *options))
        return next(str(one["metadata"]["name"]) for one in found if one and one["kind"] == "Job")

    assert export(repository, "helm", "job", authority).code == 0
    assert name() == name("--is-upgrade", "--set", "mode=warn")
    assert name() != name("--set", "image=registry.example.org/kgate")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("min-score: 75\n", id="plain"),
        pytest.param("# one\n\n  # indented\nmin-score: 75", id="no line end, and a blank line"),
        pytest.param("  # indented\nmin-score: 75 \n\n\n", id="spaces at both ends"),
        pytest.param("min-score: 75\r\n# two\r\n", id="line ends of Windows"),
        pytest.param("# \u00a0 \U0001f600 {{ .Values.a }} << a >> <% b %>\nmin-score: 75\n", id="other signs"),
        pytest.param("---\nmin-score: 75\n...\n", id="a document with marks"),
    ],
)
def test_a_configuration_arrives_as_it_is(repository: Path, authority: Path, text: str) -> None:
    (repository / "kgate.yaml").write_text(text, encoding="utf-8", newline="")
    maps = objects(kgate("export", "admission", cwd=repository).out)
    assert maps["ConfigMap", "kgate-configuration"]["data"] == {"kgate.yaml": text, "kgate-waivers.yaml": WAIVERS}
    assert export(repository, "helm", "job", authority).code == 0
    assert objects(rendered(repository / "chart"))["ConfigMap", "kgate-configuration"]["data"]["kgate.yaml"] == text


def test_waivers_without_a_configuration_arrive(tmp_path: Path) -> None:
    write(tmp_path, {".git/config": "", "kgate-waivers.yaml": WAIVERS})
    data = objects(kgate("export", "admission", cwd=tmp_path).out)["ConfigMap", "kgate-configuration"]["data"]
    assert data == {"kgate.yaml": "# The defaults of kgate hold.\n", "kgate-waivers.yaml": WAIVERS}


def test_a_server_outside_of_the_cluster(repository: Path, authority: Path) -> None:
    asked = ["--url", "https://kgate.example.org/a/", "--ca-bundle", str(authority), "--mode", "warn"]
    asked += ["--min-score", "restricted", "--fail-on", "high"]
    (found,) = objects(kgate("export", "admission", *asked, cwd=repository).out).values()
    (webhook,) = found["webhooks"]
    assert webhook["clientConfig"]["url"] == "https://kgate.example.org/a/admit/warn/min-score-90/fail-on-high"
    assert webhook["failurePolicy"] == "Ignore"
    assert "annotations" not in found["metadata"]


def test_files_are_overwritten_only_if_told_so(repository: Path, authority: Path) -> None:
    for form in FORMATS:
        assert export(repository, form, "job", authority).code == 0
        again = export(repository, form, "job", authority, "--replicas", "5")
        assert again.code == 2
        assert "exists; write --force to overwrite it" in again.err
        assert export(repository, form, "job", authority, "--replicas", "5", "--force").code == 0
    assert "replicas: 5" in (repository / "out.yaml").read_text(encoding="utf-8")


WRONG = {
    "a misspelt mode": (("--mode", "deyn"), "'deyn' is not one of deny, warn, audit"),
    "a name that cannot be one": (("--namespace", "Kgate"), "cannot be the name of a namespace"),
    "an image with a line end": (("--image", "a\nb"), "cannot be the name of an image"),
    "no encryption": (("--url", "http://a", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "an empty query": (("--url", "https://a/?", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "an empty fragment": (("--url", "https://a#", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "an open bracket": (("--url", "https://[::1", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "brackets around a name": (
        ("--url", "https://[a]", "--ca-bundle", "kgate.yaml"),
        "is not the address of a webhook",
    ),
    "no such port": (("--url", "https://a:65536", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "a port that is none": (("--url", "https://a:b", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "a blank": (("--url", "https://a /", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "a line end": (("--url", "https://a\n/", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "half of an escape": (("--url", "https://a/%2", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "a query": (("--url", "https://a/?b=c", "--ca-bundle", "kgate.yaml"), "is not the address of a webhook"),
    "no authority": (("--certificate", "secret"), "--ca-bundle FILE"),
    "an authority for nothing": (("--ca-bundle", "kgate.yaml"), "add --certificate secret, or --url"),
    "no certificate": (("--certificate", "secret", "--ca-bundle", "kgate.yaml"), "holds no certificates in PEM"),
    "a private key": (("--certificate", "secret", "--ca-bundle", "both.pem"), "holds a private key"),
    "no folder": (("-f", "helm"), "name a folder with -o"),
    "a chart of one object": (("-f", "helm", "--url", "https://a", "--ca-bundle", "kgate.yaml"), "leave -f away"),
    "a configuration for elsewhere": (
        ("--url", "https://a", "--ca-bundle", "kgate.yaml", "--config", "own.yaml"),
        "give it to the kgate serve",
    ),
    "a file as folder": (("-f", "helm", "-o", "kgate.yaml"), "the folder cannot be made"),
    "a folder as file": (("-o", ".git"), "cannot be written"),
    "rules that are elsewhere": (("--config", "own.yaml"), "in the cluster, where there is no other file"),
    "a rule that is none": (("--config", "wrong.yaml"), "no-such-rule"),
    "a table in a project": (("--config", "project/pyproject.toml"), "move the settings to a kgate.yaml"),
    "a line end of YAML 1.1": (("--config", "separated.yaml"), "kgate.yaml:2: holds U+2028, which ends a line"),
    "too much": (("--config", "large.yaml"), "a ConfigMap holds 1 MiB"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input(repository: Path, authority: Path, arguments: tuple[str, ...], message: str) -> None:
    rule = (ROOT / "rules/host-network.yaml").read_text(encoding="utf-8").replace("id: host-network", "id: own")
    files = {"own.yaml": "rules: [own]\n", "own/own.yaml": rule, "wrong.yaml": "select: [no-such-rule]\n"}
    keys = authority.read_text(encoding="utf-8") + authority.with_suffix(".key").read_text(encoding="utf-8")
    write(repository, {**files, "both.pem": keys, "project/pyproject.toml": "[tool.kgate]\nmin-score = 1\n"})
    write(repository, {"separated.yaml": "# one\n# \u2028# two\nmin-score: 1\n"})
    write(repository, {"large.yaml": f"# {'a' * (1 << 20)}\nmin-score: 1\n"})
    done = kgate("export", "admission", *arguments, cwd=repository)
    assert message in done.err, done
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err


# ------------------------------------------------------------------------------- what runs in the cluster


def container(found: Mapping[tuple[str, str], Any], kind: str, name: str) -> Any:
    (one,) = found[kind, name]["spec"]["template"]["spec"]["containers"]
    return one


def test_the_container_starts_with_what_is_mounted(repository: Path, authority: Path) -> None:
    """With the files as a kubelet lays them, which are links to a folder that is replaced as a whole."""
    found = objects(kgate("export", "admission", "--fail-on", "low", cwd=repository).out)
    mounted = {"tls": repository / "run/tls", "etc/kgate": repository / "run/etc/kgate"}
    data = found["ConfigMap", "kgate-configuration"]["data"]
    contents = {
        "tls": {
            name: authority.with_suffix(suffix).read_text()
            for name, suffix in (("tls.crt", ".crt"), ("tls.key", ".key"))
        },
        "etc/kgate": data,
    }
    for name, folder in mounted.items():
        write(folder / "..2027_01_01", contents[name])
        (folder / "..data").symlink_to("..2027_01_01")
        for file in contents[name]:
            (folder / file).symlink_to(f"..data/{file}")
    arguments = list(_here(container(found, "Deployment", "kgate")["args"], repository / "run"))
    assert arguments[0] == "serve"
    with serving(*arguments[1:]) as server:
        context = ssl.create_default_context(cafile=authority)
        assert server.ask("GET", "/readyz", context=context).status == 200


def _here(arguments: list[str], root: Path) -> Iterator[str]:
    for argument in arguments:
        name, _, value = argument.partition("=")
        changed = {"--host": "127.0.0.1", "--port": "0", "--workers": "1"}.get(name, value)
        yield f"{name}={root}{changed}" if changed.startswith("/") else f"{name}={changed}" if value else name


def test_the_script_of_the_job_is_sound(repository: Path) -> None:
    found = objects(kgate("export", "admission", "--certificate", "job", cwd=repository).out)
    script = found["ConfigMap", "kgate-certificate"]["data"]["certificate.sh"]
    (repository / "certificate.sh").write_text(script, encoding="utf-8")
    ran(str(BIN / "shellcheck"), "--shell=sh", str(repository / "certificate.sh"))
