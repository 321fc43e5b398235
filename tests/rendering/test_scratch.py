"""scratch.py: private folders, and what is left of a run that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kgate.rendering import scratch
from tests.command import ROOT
from tests.loopback import ends
from tests.real_tools import helm_tool, kustomize_tool
from tests.waiting import wait_for

HOLD = """
import sys, time
from kgate.rendering import scratch
with scratch.private_folder() as folder:
    (folder / "closed").mkdir()
    (folder / "closed").chmod(0)
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def holder(top: Path) -> subprocess.Popen[str]:
    """A process with a private folder, whose path is the line that it prints."""
    variables = {**os.environ, "TMPDIR": str(top), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", HOLD], env=variables, stdout=subprocess.PIPE, text=True)


def test_private_and_gone(top: Path) -> None:
    with scratch.private_folder() as folder:
        assert folder.parent == top
        assert folder.stat().st_mode & 0o777 == 0o700
        assert os.listdir(top) == [folder.name]
    assert os.listdir(top) == []


def test_a_folder_in_use_stays_and_one_of_a_killed_run_goes(top: Path) -> None:
    with holder(top) as running:
        assert running.stdout is not None
        folder = Path(running.stdout.readline().strip())
        scratch.remove_stale()
        assert folder.exists()
        running.kill()
    assert folder.exists()
    scratch.remove_stale()
    assert not folder.exists()


def test_what_a_killed_run_left_in_memory_goes_too(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = top / "memory"
    left = memory / "kgate-run-0123456789ab"
    left.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(scratch, "_MEMORY", os.fspath(memory))
    scratch.remove_stale()
    assert list(memory.iterdir()) == []


def a_link(path: Path) -> None:
    path.symlink_to(path.parent)


def a_file(path: Path) -> None:
    path.write_text("")


def open_to_others(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


STRANGE: dict[str, Callable[[Path], None]] = {"a link": a_link, "a file": a_file, "open to others": open_to_others}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE.keys())
def test_what_others_may_have_put_there_stays(top: Path, make: Callable[[Path], None]) -> None:
    make(top / "kgate-run-0123456789ab")
    scratch.remove_stale()
    assert os.path.lexists(top / "kgate-run-0123456789ab")


def test_a_new_folder_stays_for_an_hour(top: Path) -> None:
    """It has no lock yet."""
    new = top / "kgate-new-abc"
    new.mkdir(mode=0o700)
    scratch.remove_stale()
    assert new.exists()
    os.utime(new, (time.time() - 7200, time.time() - 7200))
    scratch.remove_stale()
    assert not new.exists()


ENDLESS = "x: {{ range until 99999 }}{{ range until 99999 }}{{ end }}{{ end }}\n"
CHART = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "values.yaml": "", "templates/a.yaml": ENDLESS}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills orphans")
@pytest.mark.parametrize("through_kustomize", [False, True], ids=["helm", "helm of kustomize"])
def test_a_killed_scan_leaves_no_program_and_the_next_one_no_folder(tmp_path: Path, through_kustomize: bool) -> None:
    repository, temporary = tmp_path / "repository", tmp_path / "temporary"
    temporary.mkdir()
    chart = repository / ("kustomization/charts/web" if through_kustomize else "web")
    for name, text in CHART.items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text(text)
    if through_kustomize:
        (repository / ".kgateignore").write_text("charts/\n")
        (repository / "kustomization/kustomization.yaml").write_text("helmCharts: [{name: web, releaseName: web}]\n")
    tools = ("--helm-bin", str(helm_tool().path), "--kubectl-bin", str(kustomize_tool().path))
    command = (sys.executable, "-m", "kgate", "scan", ".", *tools, "--render-timeout", "60")
    variables = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=repository, env=variables, stdout=subprocess.DEVNULL) as running:
        helms = wait_for(lambda: processes(os.fspath(helm_tool().path) + " template", temporary))
        running.send_signal(signal.SIGKILL)
    assert all(map(ends, helms))
    assert os.listdir(temporary)
    subprocess.run((*command[:-1], "1"), cwd=repository, env=variables, capture_output=True, check=False)
    assert os.listdir(temporary) == []


def processes(command: str, folder: Path) -> list[int]:
    """The processes that run this command on something below a folder."""
    listing = subprocess.run(["/bin/ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return [int(pid) for pid, arguments in lines if command in arguments and os.fspath(folder) in arguments]
