"""commands/watch.py: judges again after each change, until somebody ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kgate.commands.watch import is_of_interest, run
from kgate.errors import ConfigError
from tests.command import installed, kgate

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("-",), "'-' is standard input; name a file or a folder", id="standard input"),
        pytest.param((".", "--cache"), "--watch and --cache exclude each other", id="a cache"),
        pytest.param((".", "--pull"), "--watch and --pull exclude each other", id="a pull"),
    ],
)
def test_what_cannot_be_watched(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = kgate("scan", "--watch", *arguments, cwd=tmp_path)
    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param("a.yaml", True, id="a manifest"),
        pytest.param("charts/web/Chart.lock", True, id="a part of a chart"),
        pytest.param(".kgateignore", True, id="an ignore file"),
        pytest.param(".git/index", False, id="what git keeps"),
        pytest.param("sub/.git", False, id="a submodule's link"),
        pytest.param(".a.yaml.swp", False, id="what vi writes"),
        pytest.param("a.yaml~", False, id="a copy of the last state"),
        pytest.param("sub/.kgate-x1", False, id="a report that is being written"),
    ],
)
def test_which_files_count(path: str, answer: bool) -> None:
    assert is_of_interest(path) is answer


def test_wrong_settings_do_not_end_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = iter((0, ConfigError("kgate.yaml:1: unknown field"), 0))

    def scan() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, ConfigError):
            raise outcome
        return outcome

    run(scan, range(2), tmp_path)
    err = capsys.readouterr().err
    assert err.count("Ctrl-C ends it\n") == 3
    assert "kgate: kgate.yaml:1: unknown field\n" in err
    assert next(outcomes, None) is None


def reports(process: subprocess.Popen[str]) -> Iterator[str]:
    """The reports, each once it is complete."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("watching "):
            yield "".join(lines)
            lines.clear()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_it_judges_again_on_save_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "kgate.yaml").write_text("", encoding="utf-8")
    (tmp_path / "web.yaml").write_text(POD, encoding="utf-8")
    command = (sys.executable, "-P", "-m", "kgate", "scan", "--watch", "-q", "-o", "json=report.json")
    env = {**os.environ, "PYTHONPATH": str(installed())}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        seen = reports(process)
        assert "host-pid" in next(seen)
        for number in range(20):
            (tmp_path / "web.yaml").write_text(f"{POD}# {number}\n", encoding="utf-8")
        (tmp_path / "web.yaml").write_text(POD.replace("  hostPID: true\n", ""), encoding="utf-8")
        while "host-pid" in (report := next(seen)):
            pass
        assert "passed" in report
        (tmp_path / "web.yaml").write_text("kind: [", encoding="utf-8")
        assert "incomplete" in next(seen)
        (tmp_path / "kgate.yaml").write_text("min-scor: 1\n", encoding="utf-8")
        assert "kgate.yaml:1: unknown" in next(seen)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert "Traceback" not in "".join(seen)
