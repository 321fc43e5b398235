"""session.py: a scan with a memory finds what one without it finds, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from kgate.config.settings import Settings
from kgate.judgement.bar import Bar
from kgate.judgement.engine import Judge
from kgate.judgement.ledger import Ledger, Page
from kgate.kubernetes import pss
from kgate.kubernetes.facts import Facts
from kgate.lifetime import FOREVER
from kgate.plainfiles import PlainFiles
from kgate.repository import Repository
from kgate.rules import load
from kgate.scan import scan
from kgate.session import Session
from kgate.sources.files import SourceFile

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: shop}\nspec:\n  containers: [{name: a, image: x}]\n"
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: shop}\n"
Edit = Callable[[Path], None]


def write(name: str, text: str) -> Edit:
    def edit(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    return edit


def remove(name: str) -> Edit:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([write("a.yaml", POD % "other")], id="a changed file"),
        pytest.param([write("a.yaml", "kind: ["), write("a.yaml", POD % "a")], id="a file broken for a while"),
        pytest.param([remove("a.yaml"), write("a.yaml", POD % "a")], id="a file that comes back"),
        pytest.param([write("new/c.yaml", POD % "c")], id="a new file"),
        pytest.param([write("b.yaml", POD % "a")], id="two files with the same object"),
        pytest.param(
            [write("s.yaml", f"{ACCOUNT}automountServiceAccountToken: false\n"), remove("s.yaml")],
            id="a fact about all files",
        ),
        pytest.param([write("many.yaml", "---\n".join(POD % f"p{n}" for n in range(150)))], id="more than is listed"),
        pytest.param([write(".kgateignore", "a.yaml\n"), remove(".kgateignore")], id="a file that is ignored"),
        pytest.param(
            [
                write("kustomization.yaml", "resources: [a.yaml]\nnamePrefix: x-\n"),
                write("kustomization.yaml", "resources: [a.yaml]\nnamePrefix: y-\n"),
            ],
            id="a file that is rendered",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_it_is_as_if_nothing_was_remembered(tmp_path: Path, edits: list[Edit]) -> None:
    write("a.yaml", POD % "a")(tmp_path)
    write("b.yaml", POD % "b")(tmp_path)
    settings, session = Settings(Repository.at(tmp_path), paths=(str(tmp_path),)), Session()
    for edit in (write("kgate.yaml", ""), *edits, *edits[:1]):
        edit(tmp_path)
        for _ in range(2):
            assert scan(settings, session=session) == scan(settings)


def test_other_settings_give_other_results(tmp_path: Path) -> None:
    write("a.yaml", POD % "a")(tmp_path)
    session = Session()
    for ignore in ((), ("seccomp-not-set",), ()):
        settings = Settings(Repository.at(tmp_path), paths=(str(tmp_path),), ignore=ignore)
        assert scan(settings, session=session) == scan(settings)


class Noting(PlainFiles):
    """Notes which files it reads."""

    read_files: ClassVar[list[str]] = []

    def pages(self, listed: Sequence[SourceFile], facts: Facts) -> Iterator[Page]:
        self.read_files.extend(file.shown for file in listed)
        return super().pages(listed, facts)


def test_only_what_changed_is_read(tmp_path: Path) -> None:
    write("a.yaml", POD % "a")(tmp_path)
    write("b.yaml", POD % "b")(tmp_path)
    ledger, session = Ledger(Judge(load.load(), pss.NEWEST_MINOR), Bar(60)), Session()
    plain, files = (
        Noting(ledger, ledger.kinds, FOREVER, 1),
        [SourceFile(tmp_path / name, name) for name in ("a.yaml", "b.yaml")],
    )
    for text in ("b", "b", "c"):
        write("b.yaml", POD % text)(tmp_path)
        assert len(list(session.read(plain, files, Facts()))) == 2
    assert plain.read_files == ["a.yaml", "b.yaml", "b.yaml"]
