"""outputs.py: reports are written whole, all that can be, and never through a link of the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Result, installed, kgate
from tests.waiting import HANG

BAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  hostPID: true\n  containers: [{name: a, image: x}]\n"
MARKERS = {"no repository": "", "a repository": ".git/HEAD", "a configuration": "kgate.yaml"}


@pytest.fixture(params=list(MARKERS.values()), ids=list(MARKERS))
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A checkout beside a folder ``outside`` that holds a file ``victim``."""
    folder = tmp_path / "shop"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.yaml").write_text(BAD, encoding="utf-8")
    if request.param:
        (folder / request.param).parent.mkdir(exist_ok=True)
        (folder / request.param).write_text("", encoding="utf-8")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/victim").write_text("kept", encoding="utf-8")
    return folder


# --------------------------------------------------------------------------- links of the repository


def to_a_file(shop: Path) -> str:
    (shop / "kgate.json").symlink_to("../outside/victim")
    return "kgate.json"


def to_a_file_absolutely(shop: Path) -> str:
    (shop / "kgate.json").symlink_to(shop.parent / "outside/victim")
    return "kgate.json"


def to_a_file_that_is_not_there(shop: Path) -> str:
    (shop / "kgate.json").symlink_to("../outside/new")
    return "kgate.json"


def to_a_folder(shop: Path) -> str:
    (shop / "kgate-reports").symlink_to("../outside")
    return "kgate-reports/victim"


def to_a_folder_above(shop: Path) -> str:
    (shop / "up").symlink_to("..")
    return "up/outside/victim"


def by_two_links(shop: Path) -> str:
    (shop / "one").symlink_to("sub/two")
    (shop / "sub/two").symlink_to("../../outside")
    return "one/victim"


def back_into_the_folder_and_out(shop: Path) -> str:
    (shop / "sub/link").symlink_to("../../outside")
    return "sub/../sub/link/victim"


def after_a_link_of_the_user(shop: Path) -> str:
    (shop / "kgate.json").symlink_to("../outside/victim")
    (shop.parent / "mine").symlink_to(shop)
    return f"{shop.parent}/mine/kgate.json"


def behind_a_link_of_the_user(shop: Path) -> str:
    (shop / "kgate.json").symlink_to("../outside/victim")
    (shop.parent / "mine").symlink_to(shop / "kgate.json")
    return f"{shop.parent}/mine"


def to_what_git_keeps(shop: Path) -> str:
    (shop / ".git").mkdir(exist_ok=True)
    (shop / ".git/config").write_text("kept", encoding="utf-8")
    (shop / "kgate.json").symlink_to(".git/config")
    return "kgate.json"


def in_a_circle(shop: Path) -> str:
    (shop / "kgate.json").symlink_to("kgate.json")
    return "kgate.json"


LEAVING: list[Callable[[Path], str]] = [
    to_a_file,
    to_a_file_absolutely,
    to_a_file_that_is_not_there,
    to_a_folder,
    to_a_folder_above,
    by_two_links,
    back_into_the_folder_and_out,
    after_a_link_of_the_user,
    behind_a_link_of_the_user,
    to_what_git_keeps,
]


def state(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("make", LEAVING, ids=lambda make: str(make.__name__).replace("_", " "))
def test_a_report_does_not_leave_through_a_link_of_the_repository(shop: Path, make: Callable[[Path], str]) -> None:
    target = make(shop)
    before = state(shop.parent)
    result = kgate("scan", ".", "-o", f"json={target}", "-o", "csv=other.csv", cwd=shop)
    assert result.code == 2, result
    assert "the report cannot be written: leads out of the repository" in result.err
    (shop / "other.csv").unlink()
    assert state(shop.parent) == before


def test_a_link_in_a_circle_is_told(shop: Path) -> None:
    result = kgate("scan", ".", "-o", f"json={in_a_circle(shop)}", cwd=shop)
    assert (result.code, "the report cannot be written" in result.err) == (2, True), result


def test_a_link_of_a_scanned_folder_that_is_not_the_working_folder(shop: Path) -> None:
    target = f"{shop}/{to_a_file(shop)}"
    elsewhere = shop.parent / "elsewhere"
    elsewhere.mkdir()
    assert kgate("scan", str(shop), "-o", f"json={target}", cwd=elsewhere).code == 2
    assert (shop.parent / "outside/victim").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("export", "vap", "--select", "host-network"), id="policies"),
        pytest.param(("export", "admission", "-f", "helm"), id="a chart"),
    ],
)
def test_an_export_makes_nothing_behind_a_link_of_the_repository(tmp_path: Path, command: tuple[str, ...]) -> None:
    shop, outside = tmp_path / "shop", tmp_path / "outside"
    (shop / ".git").mkdir(parents=True)
    outside.mkdir()
    (shop / "exports").symlink_to(outside)
    (shop / "own").mkdir()
    (shop / "own/kustomization.yaml").symlink_to(outside / "new")
    (shop / "own/templates").symlink_to(outside)
    for folder in ("exports/kgate", "own"):
        done = kgate(*command, "-o", folder, cwd=shop)
        assert done.code == 2, done
        assert "leads out of the repository" in done.err
    assert list(outside.iterdir()) == []
    assert {path.name for path in (shop / "own").iterdir()} == {"kustomization.yaml", "templates"}


def test_a_link_of_a_scanned_folder_below_the_working_folder(shop: Path) -> None:
    result = kgate("scan", shop.name, "-o", f"json={shop.name}/{to_a_file(shop)}", cwd=shop.parent)
    assert (result.code, "leads out of the repository" in result.err) == (2, True), result
    assert (shop.parent / "outside/victim").read_text(encoding="utf-8") == "kept"


# ------------------------------------------------------------------------------------ what goes on working


def plain(shop: Path) -> str:
    return "kgate.json"


def below(shop: Path) -> str:
    return "sub/kgate.json"


def outside_by_name(shop: Path) -> str:
    return "../outside/kgate.json"


def a_link_within(shop: Path) -> str:
    (shop / "kgate.json").symlink_to("sub/real.json")
    return "kgate.json"


def a_folder_link_within(shop: Path) -> str:
    (shop / "reports").symlink_to("sub")
    return "reports/kgate.json"


def a_link_of_the_user(shop: Path) -> str:
    (shop.parent / "mine").symlink_to("outside")
    return "../mine/kgate.json"


def a_link_of_the_user_above(shop: Path) -> str:
    (shop.parent / "alias").symlink_to(shop)
    return f"{shop.parent}/alias/sub/kgate.json"


WORKING: list[Callable[[Path], str]] = [
    plain,
    below,
    outside_by_name,
    a_link_within,
    a_folder_link_within,
    a_link_of_the_user,
    a_link_of_the_user_above,
]


@pytest.mark.parametrize("make", WORKING, ids=lambda make: str(make.__name__).replace("_", " "))
def test_a_report_is_written(shop: Path, make: Callable[[Path], str]) -> None:
    target = make(shop)
    assert kgate("scan", "a.yaml", "-o", f"json={target}", "--min-score", "0", cwd=shop).code == 0
    assert json.loads((shop / target).read_text(encoding="utf-8"))["findings"]


def shell(command: str, cwd: Path) -> Result:
    command = command.replace("kgate ", f"PYTHONPATH='{installed()}' '{sys.executable}' -m kgate ", 1)
    run = subprocess.run(("bash", "-c", command), cwd=cwd, capture_output=True, timeout=HANG, check=False)
    return Result(run.returncode, run.stdout.decode(), run.stderr.decode())


DEVICES = {
    "standard output, a pipe": "kgate scan . -q -o json=/dev/stdout | cat",
    "another descriptor, a pipe": "kgate scan . -q -o json=/dev/fd/3 3>&1 >/dev/null | cat",
    "a process": "kgate scan . -q -o json=>(cat) | cat",
    "standard error": "kgate scan . -q -o json=/dev/stderr 2>&1 | cat",
}


@pytest.mark.parametrize("command", DEVICES.values(), ids=DEVICES.keys())
def test_devices_and_pipes_are_written_to(shop: Path, command: str) -> None:
    assert '"schema": "kgate-report/2"' in shell(command, shop).out


# ------------------------------------------------------------------------------------- what cannot be written

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")


def test_every_report_is_tried_and_every_failure_told(shop: Path) -> None:
    outputs = ("json=no/such/folder/x", "csv=kgate.csv", "sarif=sub", "junit=kgate.xml", "badge=/dev/null/x")
    result = kgate("scan", ".", *(word for output in outputs for word in ("-o", output)), cwd=shop)
    assert result.code == 2, result
    assert result.err.count("the report cannot be written") == 3
    assert all(f"kgate: {name}: the report" in result.err for name in ("no/such/folder/x", "sub", "/dev/null/x"))
    assert (shop / "kgate.csv").stat().st_size > 100
    assert (shop / "kgate.xml").stat().st_size > 100
    assert not list(shop.rglob(".kgate-*")), "nothing half written is left"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        pytest.param(BAD, (), id="instead of 1"),
        pytest.param(BAD, ("--min-score=0",), id="instead of 0"),
        pytest.param(BAD + "  x: [\n", (), id="instead of 3"),
        pytest.param(BAD, ("--exit-zero",), id="whatever exit-zero says"),
    ],
)
def test_a_report_that_is_not_written_wins_over_the_verdict(shop: Path, text: str, flags: tuple[str, ...]) -> None:
    (shop / "a.yaml").write_text(text, encoding="utf-8")
    assert kgate("scan", ".", "-o", "json=no/such/x", *flags, cwd=shop).code == 2


@FULL
@pytest.mark.parametrize("closed", [">/dev/full", ">&-", ">&- <&-"])
def test_reports_are_written_where_standard_output_cannot_be(shop: Path, closed: str) -> None:
    result = shell(f"kgate scan . -o json=kgate.json -o csv=kgate.csv {closed}", shop)
    assert result.code == 2, result
    assert "standard output cannot be written" in result.err
    assert json.loads((shop / "kgate.json").read_text(encoding="utf-8"))["findings"]
    assert (shop / "kgate.csv").stat().st_size > 100


def test_reports_are_written_where_nobody_reads_standard_output(shop: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        (sys.executable, "-m", "kgate", "scan", ".", "-o", "json=kgate.json"),
        cwd=shop,
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(installed())},
        timeout=HANG,
        check=False,
    )
    os.close(writer)
    assert (run.returncode, run.stderr) == (141, b"")
    assert json.loads((shop / "kgate.json").read_text(encoding="utf-8"))["findings"]


@pytest.mark.parametrize("command", ["kgate rules list >&-", "kgate scan --help >&-"])
def test_other_commands_end_with_2_where_standard_output_is_closed(shop: Path, command: str) -> None:
    result = shell(command, shop)
    assert (result.code, "Traceback" in result.err) == (2, False), result
