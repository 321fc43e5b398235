"""A scan is a value: what else a process scans, and how that ends, does not show in its report."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kgate as package
from kgate import reports
from kgate.config import Settings
from kgate.lifetime import CancelledError, Lifetime
from kgate.rendering.requests import RenderOptions, RenderSettings
from kgate.reports.presentation import Presentation
from kgate.repository import Repository
from kgate.scan import scan
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from kgate.sources.progress import Progress
from tests.command import kgate
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool
from tests.waiting import HANG

PROGRAMS = {"helm": os.fspath(helm_tool().path), "kubectl": os.fspath(kustomize_tool().path)}

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {hostPID: HOST, containers: [{name: a, image: b}]}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  destination: {namespace: shop}
  source:
    repoURL: https://git.example.com/shop.git
    path: deployed
    helm: {parameters: [{name: host, value: "HOST"}]}
"""
PLAIN = {"pod.yaml": POD.replace("NAME", "plain")}
CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/values.yaml": "host: HOST\n",
    "web/templates/_name.tpl": '{{ define "name" }}HOST-chart{{ end }}\n',
    "web/templates/pod.yaml": POD.replace("NAME", '{{ include "name" . }}').replace("HOST", "{{ .Values.host }}"),
}
GITOPS = {
    "apps.yaml": APPLICATION,
    **{name.replace("web/", "deployed/"): text.replace("HOST-chart", "deployed") for name, text in CHART.items()},
}
KUSTOMIZATION = {
    "base/kustomization.yaml": "resources: [pod.yaml]\n",
    "base/pod.yaml": POD.replace("NAME", "built"),
    "prod/kustomization.yaml": "resources: [../base]\nnamePrefix: HOST-\npatches: [{path: patch.yaml}]\n",
    "prod/patch.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: built}\nspec: {hostNetwork: HOST}\n",
}
SOURCES = {
    "plain files": PLAIN,
    "a chart": CHART,
    "a chart that is deployed": GITOPS,
    "a kustomization": KUSTOMIZATION,
}
ALL = {**PLAIN, **CHART, **GITOPS, **KUSTOMIZATION}


def repository(root: Path, files: dict[str, str], host: str) -> Path:
    """All have the same paths, and each has a content of its own."""
    write(
        root, {".git/config": "", **{name: f"{text.replace('HOST', host)}# {root}\n" for name, text in files.items()}}
    )
    return root


def settings(root: Path) -> Settings:
    return Settings(Repository.at(root), (os.fspath(root),), rendering=RenderSettings(programs=PROGRAMS))


def report(root: Path, progress: Progress = lambda done, total: None) -> Any:
    return without_settings("".join(reports.renderer("json")(scan(settings(root), progress), Presentation())))


def report_of_its_own_process(root: Path) -> Any:
    tools = ("--helm-bin", PROGRAMS["helm"], "--kubectl-bin", PROGRAMS["kubectl"])
    return without_settings(kgate("scan", os.fspath(root), "-f", "json", *tools).out)


def without_settings(text: str) -> Any:
    """A report but for its settings, which only the command states."""
    return {key: value for key, value in json.loads(text).items() if key != "settings"}


def raising(error: BaseException) -> Progress:
    """Ends a scan after its first rendering: the others still run."""

    def progress(done: int, total: int) -> None:
        if done > len(PLAIN) + 1:  # these and the Application
            raise error

    return progress


def collect_cancelled(root: Path) -> None:
    """A scan that another thread gives up."""
    lifetime = Lifetime()
    given = RenderSettings(RenderOptions(lifetime=lifetime), PROGRAMS)
    intake = replace(batches_of(()), progress=lambda done, total: lifetime.cancel())
    with closing(collect([root], Repository.at(root), given, intake)) as everything:
        for _ in everything:
            pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [pytest.param(RuntimeError("a bug"), id="by a bug"), pytest.param(KeyboardInterrupt(), id="by Ctrl-C")]
)
def test_scans_of_one_process_do_not_notice_each_other(error: BaseException, tmp_path: Path) -> None:
    """Two run at once and keep pace; another is aborted meanwhile, and one more is cancelled. Then one runs again."""
    weak, strong = repository(tmp_path / "weak", ALL, "true"), repository(tmp_path / "strong", ALL, "false")
    both = threading.Barrier(2)

    def keep_pace(done: int, total: int) -> None:
        if done <= 4:
            both.wait(HANG)

    with ThreadPoolExecutor(4) as threads:
        scans = [threads.submit(report, root, keep_pace) for root in (weak, strong)]
        aborted = threads.submit(scan, settings(weak), raising(error))
        cancelled = threads.submit(collect_cancelled, strong)
        assert aborted.exception() is error
        assert isinstance(cancelled.exception(), CancelledError)
        found = [one.result() for one in scans]
    assert [*found, report(weak)] == [report_of_its_own_process(root) for root in (weak, strong, weak)]
    assert found[0]["findings"] != found[1]["findings"]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("render")]


# -------------------------------------------------------------------------------- what modules hold


def modules() -> Iterator[Any]:
    names = (found.name for found in pkgutil.walk_packages(package.__path__, "kgate."))
    yield from (importlib.import_module(name) for name in names if name != "kgate.__main__")


def state(value: Any, depth: int = 3) -> Any:
    """What may change in an object while its name stays: the size of a cache, members of collections, attributes."""
    if depth == 0:
        return id(value)
    if callable(getattr(value, "cache_info", None)):
        return value.cache_info().currsize
    if isinstance(value, type):
        return {name: state(member, depth - 1) for name, member in vars(value).items() if not name.startswith("__")}
    if type(value).__module__.startswith("kgate.") and hasattr(value, "__dict__"):
        return {name: state(member, depth - 1) for name, member in vars(value).items()}
    return repr(value) if isinstance(value, (dict, list, set, bytearray, bool, int, str)) else id(value)


def states() -> dict[str, Any]:
    return {
        f"{module.__name__}.{name}": state(value)
        for module in modules()
        for name, value in vars(module).items()
        if not name.startswith("__") and value is not sys.modules.get(f"{module.__name__}.{name}")
    }


@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in SOURCES.items()])
def test_a_scan_leaves_nothing_in_modules(files: dict[str, str], tmp_path: Path) -> None:
    """What they hold of the machine and of the rules is there after a first scan; a second one adds nothing."""
    report(repository(tmp_path / "first", ALL, "true"))
    before = states()
    assert len(before) > 1000
    report(repository(tmp_path / "second", files, "false"))
    assert states() == before
