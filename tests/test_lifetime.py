"""The bound on a whole scan: --timeout, and the alarm behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgate.lifetime import DeadlineError, Lifetime
from tests.command import ROOT, kgate
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool
from tests.waiting import HANG

ENDLESS = "x: {{ range until 99999 }}{{ range until 99999 }}{{ end }}{{ end }}\n"
PRIVILEGED = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    "spec: {containers: [{name: a, image: b, securityContext: {privileged: true}}]}\n"
)
TOOLS = ("--helm-bin", os.fspath(helm_tool().path), "--kubectl-bin", os.fspath(kustomize_tool().path))


def test_check() -> None:
    Lifetime().check()
    Lifetime(60).check()
    with pytest.raises(DeadlineError):
        Lifetime(0).check()


def many_values(root: Path) -> None:
    """Each of the values files is rendered on its own, and each takes the whole time of a process."""
    write(root, {"pod.yaml": PRIVILEGED, "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    write(root, {"web/values.yaml": "a: 1\n", "web/templates/a.yaml": ENDLESS})
    write(root, {f"web/ci/{number}-values.yaml": f"a: {number}\n" for number in range(20)})


def many_kustomizations(root: Path) -> None:
    write(root, {"pod.yaml": PRIVILEGED, ".kgateignore": "charts/\n"})
    for number in range(20):
        chart = f"{number}/charts/web"
        write(root, {f"{chart}/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
        write(root, {f"{chart}/values.yaml": "a: 1\n", f"{chart}/templates/a.yaml": ENDLESS})
        write(root, {f"{number}/kustomization.yaml": "helmCharts: [{name: web, releaseName: web}]\n"})


@pytest.mark.slow
@pytest.mark.parametrize("build", [many_values, many_kustomizations])
def test_a_scan_ends_with_its_timeout(build: object, tmp_path: Path) -> None:
    """With what it has judged until then, which is not a pass."""
    assert callable(build)
    (tmp_path / ".git").mkdir()
    build(tmp_path)
    start = time.monotonic()
    result = kgate("scan", ".", "-f", "json", "--timeout", "4", "--render-timeout", "600", *TOOLS, cwd=tmp_path)
    assert time.monotonic() - start < HANG / 2
    report = json.loads(result.out)
    assert (result.code, result.err) == (3, "")
    assert [workload["score"] for workload in report["workloads"]] == [8]
    (problem,) = report["problems"]
    assert problem["message"].startswith("the scan was stopped after 4 seconds, so not everything was judged")
    assert problem["message"].endswith("or allow more with --timeout")
    assert report["verdict"] == {
        "passed": False,
        "incomplete": True,
        "reasons": [
            "1 workload under the threshold, the lowest with score 8",
            "1 problem: not everything could be judged",
        ],
    }


HEEDLESS = """
import sys
import time
from kgate.commands import console
from kgate.commands import main as cli

@cli.main.command()
def hang():
    console.end_after(0.3)
    while True:
        time.sleep(0.01)

sys.exit(cli.exit_code(["hang"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such alarm")
def test_what_does_not_heed_the_timeout_is_ended(tmp_path: Path) -> None:
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HEEDLESS]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=HANG, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("kgate: did not end at its --timeout and was stopped without a report")
