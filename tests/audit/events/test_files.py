"""audit/events/files.py: what is read of paths, merged by time."""

from __future__ import annotations

import gzip
import os
import resource
import threading
from pathlib import Path
from typing import IO

import pytest

from kgate.audit.events import files, lines
from kgate.audit.events.census import Census
from kgate.audit.events.files import files_of, followed, merged
from kgate.errors import ConfigError
from tests.audit.events_made import body, written


def log(*moments: int, node: str = "a") -> bytes:
    return written(*(body(name=node, at=at) for at in moments))


def names(paths: list[str]) -> tuple[list[str], Census]:
    """The events of files, as second and name."""
    census = Census()
    found = list(merged(files_of(paths, census), census))
    return [f"{event.time[17:19]}{event.name}" for event in found], census


def test_rotated_files_of_several_nodes_are_merged(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "audit-2026-03-01T12-00-03.000.log.gz").write_bytes(gzip.compress(log(0, 2)))
    (tmp_path / "a" / "audit.log").write_bytes(log(4, 6))
    (tmp_path / "b" / "audit.log").write_bytes(log(1, 3, 5, node="b"))
    (tmp_path / "a" / "README").write_text("not a log")
    found, census = names([str(tmp_path)])
    assert found == ["00a", "01b", "02a", "03b", "04a", "05b", "06a"]
    assert census.files == 3
    (remark,) = census.remarks()
    assert remark.startswith(f"{tmp_path}: 1 files are not read, as their names")


def test_what_stands_in_two_files_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(log(0, 1))
    (tmp_path / "b.log").write_bytes(log(1, 2))
    (tmp_path / "c.log").write_bytes(log(1, 1, node="b"))
    found, census = names([str(tmp_path)])
    assert found == ["00a", "01a", "01b", "01b", "02a"]
    assert census.duplicates == 1


def test_a_named_file_may_have_any_name_and_counts_once(tmp_path: Path) -> None:
    (tmp_path / "events").write_bytes(log(0))
    assert names([str(tmp_path / "events"), str(tmp_path / "events")])[0] == ["00a"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("absent", "there is no such file or folder", id="nothing"),
        pytest.param("empty", "no file is named like a log", id="a folder without logs"),
    ],
)
def test_nothing_to_read_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=message):
        files_of([str(tmp_path / name)], Census())


def test_files_are_opened_one_after_the_other(tmp_path: Path) -> None:
    """A hundred rotated files need no hundred descriptors."""
    for number in range(60):
        (tmp_path / f"{number}.log").write_bytes(log(number))
    here = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 20
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (here + 10, hard))
    try:
        found, _ = names([str(tmp_path)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(found) == 60


def _write(stream: IO[bytes], data: bytes) -> None:
    stream.write(data)
    stream.flush()


def test_a_file_that_grows_and_is_rotated_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_POLL_SECONDS", 0.01)
    file = tmp_path / "audit.log"
    file.write_bytes(log(0))
    found = followed(str(file), Census())
    assert next(found).time[17:19] == "00"
    with file.open("ab") as stream:
        _write(stream, log(1)[:50])
        rest = threading.Timer(0.05, _write, (stream, log(1)[50:]))
        rest.start()
        assert next(found).time[17:19] == "01"
        rest.join()
    file.rename(tmp_path / "audit-2026.log")
    file.write_bytes(log(2))
    assert next(found).time[17:19] == "02"
    file.write_bytes(b"")
    truncated = threading.Timer(0.05, lambda: file.write_bytes(log(3)))
    truncated.start()
    assert next(found).time[17:19] == "03"
    truncated.join()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"x" * (1 << 19) + b"\n", "1: is longer than", id="a line that is too long"),
        pytest.param(b"\xff\n", "1: is not UTF-8 text", id="another encoding"),
        pytest.param(b"\n{\n", "2: is not JSON", id="half a line"),
    ],
)
def test_a_fault_is_told_while_a_log_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, said: str
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 2_000)
    file = tmp_path / "audit.log"
    file.write_bytes(data + log(0) + data + log(1))
    told: list[str] = []
    found = followed(str(file), Census(on_fault=told.append))
    assert [next(found).time[17:19], next(found).time[17:19]] == ["00", "01"]
    assert [one.startswith(f"{file}:{said}") for one in told] == [True]


def test_half_a_line_before_a_rotation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_POLL_SECONDS", 0.01)
    file = tmp_path / "audit.log"
    file.write_bytes(log(0) + log(1)[:50])
    census = Census()
    found = followed(str(file), census)
    next(found)
    file.rename(tmp_path / "audit-2026.log")
    file.write_bytes(log(2))
    assert next(found).time[17:19] == "02"
    assert [one.startswith(f"{file}:2: is not JSON") for one in census.remarks()] == [True]
