"""flux_ignore.py: what Flux leaves out of an artifact; its own code said the same of 17,000 random paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.gitops.flux.ignore import Artifact, SourceIgnoreError
from kgate.repository import Repository

ROWS = [
    pytest.param({}, "", "a/k.yaml", "", id="nothing"),
    pytest.param({".sourceignore": "k.yaml\n"}, "", "a/k.yaml", ".sourceignore:1", id="a name"),
    pytest.param({".sourceignore": "# x\n\na/\r\n"}, "", "a/b/k.yaml", ".sourceignore:3", id="a folder"),
    pytest.param({".sourceignore": "k.yaml/\n"}, "", "a/k.yaml", "", id="a folder of the name of the file"),
    pytest.param({".sourceignore": "/*\n!/a\n"}, "", "a/k.yaml", "", id="all but a folder"),
    pytest.param({".sourceignore": "/*\n!/a\n"}, "", "b/k.yaml", ".sourceignore:1", id="beside that folder"),
    pytest.param({".sourceignore": "**/k.yaml\n"}, "", "a/b/k.yaml", ".sourceignore:1", id="any folder"),
    pytest.param({".sourceignore": "a/**\n"}, "", "a/b/k.yaml", ".sourceignore:1", id="all below a folder"),
    pytest.param({".sourceignore": "**/b/c/k.yaml\n"}, "", "b/b/c/k.yaml", "", id="the first folder that fits counts"),
    pytest.param({".sourceignore": "a**/k.yaml\n"}, "", "a/k.yaml", "", id="two asterisks in a name"),
    pytest.param({"a/.sourceignore": "k.yaml\n"}, "", "a/k.yaml", "a/.sourceignore:1", id="a file below"),
    pytest.param({"a/.sourceignore": "k.yaml\n"}, "", "b/k.yaml", "", id="a file beside"),
    pytest.param({".sourceignore": "k.yaml\n", "a/.sourceignore": "!k.yaml\n"}, "", "a/k.yaml", "", id="brought back"),
    pytest.param(
        {".sourceignore": "!k.yaml"}, "k.yaml", "a/k.yaml", "spec.ignore of its source", id="spec.ignore last"
    ),
    pytest.param({}, "", "a/.sops.yaml", "the defaults of Flux", id="a default"),
    pytest.param({}, "# nothing", "a/.sops.yaml", "the defaults of Flux", id="a comment replaces no default"),
    pytest.param({}, "x", "a/.sops.yaml", "", id="a pattern replaces the defaults"),
    pytest.param({}, "x", "a/.gitignore", "the defaults of Flux", id="but for those of git"),
]


@pytest.mark.parametrize(("files", "ignore", "path", "why"), ROWS)
def test_what_is_hidden(tmp_path: Path, files: dict[str, str], ignore: str, path: str, why: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, newline="")
    assert Artifact(Repository(tmp_path), ignore).hides(tmp_path / path) == why


def test_a_bucket_has_neither_defaults_nor_files_in_folders(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.sourceignore").write_text("*\n")
    (tmp_path / ".sourceignore").write_text("b\n")
    artifact = Artifact(Repository(tmp_path), is_bucket=True)
    assert [artifact.hides(tmp_path / path) for path in ("a/.sops.yaml", "b/x")] == ["", ".sourceignore:1"]


def test_a_link_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "k.yaml").symlink_to("x.yaml")
    assert Artifact(Repository(tmp_path)).hides(tmp_path / "k.yaml") == "being a symbolic link"


UNCLEAR = [
    pytest.param("a\n" * 1001, "more than 1,000 patterns", id="too many"),
    pytest.param("a" * 65536, "cannot be read", id="too large"),
    pytest.param("[a", ".sourceignore:1 is not a pattern", id="not a pattern"),
]


@pytest.mark.parametrize(("text", "message"), UNCLEAR)
def test_what_cannot_be_followed(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / ".sourceignore").write_text(text)
    with pytest.raises(SourceIgnoreError, match=message):
        Artifact(Repository(tmp_path))
