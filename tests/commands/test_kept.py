"""kept.py: a second scan gives the same bytes without scanning, and never those of something else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kgate import reports
from tests.command import installed
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {hostPID: true, containers: [{name: a, image: b}]}\n"
FILES = {
    ".git/config": "",
    "plain.yaml": POD.replace("NAME", "plain"),
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/templates/pod.yaml": POD.replace("NAME", "{{ .Release.Name }}"),
    "base/kustomization.yaml": "resources: [pod.yaml]\n",
    "base/pod.yaml": POD.replace("NAME", "built"),
    "prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
}

RUN = """
import sys
from kgate.commands import main
code = main.exit_code(sys.argv[1:])
with open("../scanned", "w") as file:
    file.write(str("kgate.scan" in sys.modules))
sys.exit(code)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path / "repository", FILES)
    return tmp_path / "repository"


class Scan:
    """Scans a repository with a cache of its own, in a process of its own."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.caches = repository.parent / "caches"
        self.scanned = True

    def __call__(self, *arguments: str, cache: str = "--cache", caches: Path | None = None) -> tuple[int, str]:
        """Exit code and standard output; ``scanned`` says whether anything was scanned."""
        tools = ("--helm-bin", os.fspath(helm_tool().path), "--kubectl-bin", os.fspath(kustomize_tool().path))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.fspath(installed()),
            "XDG_CACHE_HOME": os.fspath(caches or self.caches),
            "HOME": os.fspath(self.repository.parent),
        }
        command = [sys.executable, "-c", RUN, "scan", ".", cache, *tools, *arguments]
        done = subprocess.run(
            command, cwd=self.repository, env=environment, capture_output=True, text=True, check=False
        )
        assert "bug" not in done.stderr, done.stderr
        self.scanned = (self.repository.parent / "scanned").read_text(encoding="utf-8") == "True"
        return done.returncode, done.stdout


@pytest.fixture
def scan(repository: Path) -> Scan:
    return Scan(repository)


@pytest.fixture
def plain(tmp_path: Path) -> Scan:
    """A scan of a repository in which nothing is rendered, for what the cache does whatever it holds."""
    write(tmp_path / "repository", {name: FILES[name] for name in (".git/config", "plain.yaml")})
    return Scan(tmp_path / "repository")


def test_the_second_scan_scans_nothing_and_gives_the_same(scan: Scan) -> None:
    outputs = [f"-o{name}=../{{}}.{name}" for name in reports.names()]
    cold = scan("-f", "json", *(output.format("cold") for output in outputs))
    was_scanned = scan.scanned
    warm = scan("-f", "json", *(output.format("warm") for output in outputs))
    assert (was_scanned, scan.scanned) == (True, False)
    assert warm == cold
    assert cold[0] == 1
    for name in reports.names():
        first, second = ((scan.repository.parent / f"{state}.{name}").read_bytes() for state in ("cold", "warm"))
        assert first == second, name
        assert len(first) > 100, name
    assert scan("-f", "json", cache="--no-cache") == cold
    assert scan.scanned


CHANGES = {
    "a plain manifest": {"plain.yaml": POD.replace("NAME", "other")},
    "a template": {"web/templates/pod.yaml": POD.replace("NAME", "other")},
    "a base": {"base/pod.yaml": POD.replace("NAME", "other")},
    "an ignore file": {".kgateignore": "plain.yaml\n"},
    "the configuration": {"kgate.yaml": "min-score: 0\n"},
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_scanned(scan: Scan, change: dict[str, str]) -> None:
    before = scan("-f", "json")
    write(scan.repository, change)
    after = scan("-f", "json")
    assert scan.scanned
    assert after != before
    assert after == scan("-f", "json", cache="--no-cache")


@pytest.mark.parametrize(
    "option",
    [
        pytest.param(("-f", "csv"), id="another format"),
        pytest.param(("-f", "text", "-q"), id="less detail"),
        pytest.param(("--min-score", "0"), id="another score"),
    ],
)
def test_another_report_is_made(plain: Scan, option: tuple[str, ...]) -> None:
    plain("-f", "text")
    assert plain(*option) == plain(*option, cache="--no-cache")
    plain("-f", "text")
    assert not plain.scanned


def test_a_damaged_entry_is_made_anew(plain: Scan) -> None:
    first = plain("-f", "json")
    (entry,) = plain.caches.rglob("*.entry")
    entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    assert plain("-f", "json") == first
    assert plain.scanned
    assert plain("-f", "json") == first
    assert not plain.scanned


def test_what_has_problems_is_not_kept(plain: Scan) -> None:
    write(plain.repository, {"broken.yaml": "kind: Pod\napiVersion: ["})
    assert plain()[0] == 3
    assert plain()[0] == 3
    assert plain.scanned
    assert not list(plain.caches.rglob("*.entry"))


def test_a_cache_in_the_repository_is_not_used(plain: Scan) -> None:
    inside = plain.repository / "caches"
    first = plain(caches=inside)
    assert plain(caches=inside) == first
    assert plain.scanned
    assert not list(inside.rglob("*.entry"))


def test_several_may_scan_at_once(scan: Scan) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        found = {task.result() for task in [threads.submit(scan, "-f", "json") for _ in range(4)]}
    assert len(found) == 1
    assert scan("-f", "json") in found
    assert not scan.scanned
