"""Same input, same bytes: whatever the folder, the hash seed and the way to the path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kgate import reports
from tests.command import ROOT, kgate

WAYS = [
    pytest.param("examples", ROOT, "4711", id="another hash seed"),
    pytest.param(".", ROOT / "examples", "0", id="from the folder itself"),
    pytest.param("../examples", ROOT / "tests", "0", id="from beside it"),
    pytest.param(os.fspath(ROOT / "examples"), ROOT / "tests", "0", id="by an absolute path"),
    pytest.param("link", None, "0", id="through a link"),
]


def written(folder: Path, path: str, cwd: Path, seed: str) -> dict[str, str]:
    """Every report on a path, in one scan: the files' texts and what was printed."""
    folder.mkdir()
    outputs = [f"--output={name}={folder / name}" for name in reports.names()]
    result = kgate("scan", path, *outputs, cwd=cwd, env={"PYTHONHASHSEED": seed})
    assert (result.code, result.err) == (1, "")
    return {"printed": result.out, **{file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    texts = written(tmp_path_factory.mktemp("plain") / "reports", "examples", ROOT, "0")
    assert texts.keys() == {"printed", *reports.names()}
    assert not [name for name, text in texts.items() if str(ROOT) in text]
    return texts


@pytest.mark.parametrize(("path", "cwd", "seed"), WAYS)
def test_same_bytes(expected: dict[str, str], tmp_path: Path, path: str, cwd: Path | None, seed: str) -> None:
    (tmp_path / "link").symlink_to(ROOT / "examples")
    texts = written(tmp_path / "reports", path, cwd or tmp_path, seed)
    assert [name for name in expected if texts.get(name) != expected[name]] == []
