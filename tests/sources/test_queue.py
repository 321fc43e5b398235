"""A new kind of source needs a folder in kgate/rendering, and no change to what collects and renders."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kgate import rendering
from kgate.kubernetes import manifest
from kgate.model import Batch
from kgate.rendering.requests import Place, RenderContext, RenderSettings, Request
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of, list_files
from tests.hostile import write
from tests.real_tools import helm_tool

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\n"
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  destination: {namespace: shop}
  source: {repoURL: https://git.example.com/shop.git, path: web, helm: {releaseName: live}}
"""
CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/templates/pod.yaml": POD.replace("NAME", "{{ .Release.Name }}"),
}
DETECT = """\
from tests.sources.test_queue import Concatenation

def find(folder, names, repository):
    return [Concatenation(folder, name) for name in names if name.endswith(".all")]
"""


@dataclass(frozen=True)
class Concatenation:
    """A third kind of source: all texts of a folder, one after the other, under a name."""

    folder: Path
    name: str = "all"

    @property
    def place(self) -> Place:
        return Place("concatenation", self.folder / self.name)

    @property
    def key(self) -> Hashable:
        return self

    @property
    def has_changes(self) -> bool:
        return False

    def is_plain(self, repository: Repository) -> bool:
        return False

    def is_deep(self, repository: Repository) -> bool:
        return False

    def files(self, repository: Repository) -> Iterator[Path]:
        return (self.folder / name for name in repository.names(self.folder))

    def parts(self, repository: Repository) -> Iterator[Place]:
        return iter(())

    def templates(self, repository: Repository) -> Iterator[Path]:
        return self.files(repository)

    def render(self, context: RenderContext) -> Batch:
        repository = context.workspace.repository
        text = b"---\n".join(repository.read_bytes(path) for path in self.files(repository))
        return manifest.read(repository.shown(self.place.path), text)


@pytest.fixture
def third_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """kgate/rendering with another folder, and nothing else that knows of it."""
    kinds = tmp_path / "kinds"
    write(kinds, {"concatenation/__init__.py": "", "concatenation/detect.py": DETECT})
    monkeypatch.setattr(rendering, "__path__", [*rendering.__path__, str(kinds)])
    yield
    for name in [name for name in sys.modules if name.startswith("kgate.rendering.concatenation")]:
        del sys.modules[name]


def collected(root: Path, *requests: Request) -> Batch:
    write(root, {".git/config": ""})
    settings = RenderSettings(programs={"helm": str(helm_tool().path)}, charts=requests)
    batch = Batch()
    with closing(collect([root], Repository.at(root), settings, batches_of(()))) as everything:
        for part in everything:
            batch = Batch((*batch.resources, *part.resources), (*batch.problems, *part.problems))
    return batch


def test_it_is_rendered(tmp_path: Path) -> None:
    write(tmp_path, {"texts/a.txt": POD.replace("NAME", "a"), "texts/b.txt": POD.replace("NAME", "b")})
    found = collected(tmp_path, Concatenation(tmp_path / "texts"))
    assert not found.problems
    assert [(one.id.name, str(one.locate("/kind"))) for one in found.resources] == [
        ("a", "texts/all:2:1"),
        ("b", "texts/all:6:1"),
    ]


def test_what_it_deploys_is_rendered_next(tmp_path: Path) -> None:
    """The chart as the Application that it renders to says, and not with its defaults."""
    write(tmp_path, {**CHART, "texts/a.txt": APPLICATION})
    found = collected(tmp_path, Concatenation(tmp_path / "texts"))
    assert not found.problems
    assert [one.id.name for one in found.resources] == ["shop", "live"]


def test_its_files_must_be_there(tmp_path: Path) -> None:
    """A pointer of Git LFS is not the file that is deployed."""
    write(tmp_path, {"texts/a.txt": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"})
    found = collected(tmp_path, Concatenation(tmp_path / "texts"))
    assert [(problem.path, problem.message) for problem in found.problems] == [("texts/a.txt", manifest.LFS_PROBLEM)]
    assert not found.resources


BOTH = ["texts/1.all", "texts/2.all"]


@pytest.mark.parametrize(
    ("start", "ignored", "requested", "plain"),
    [
        pytest.param(".", "", BOTH, ["plain.yaml"], id="the whole repository"),
        pytest.param("texts", "", BOTH, [], id="their folder"),
        pytest.param("texts/a.yaml", "", BOTH, [], id="a file that both use"),
        pytest.param("plain.yaml", "", [], ["plain.yaml"], id="a file that belongs to no source"),
        pytest.param(".", "2.all", ["texts/1.all"], ["plain.yaml"], id="one that is ignored"),
        pytest.param(".", "texts/", [], ["plain.yaml"], id="a folder that is ignored"),
        pytest.param("texts", "texts/", BOTH, [], id="a folder that is ignored and named"),
    ],
)
@pytest.mark.usefixtures("third_kind")
def test_sources_are_found(tmp_path: Path, start: str, ignored: str, requested: list[str], plain: list[str]) -> None:
    repository = Repository.at(tmp_path / "repository")
    pod = {name: POD.replace("NAME", "a") for name in ("texts/a.yaml", "texts/b.yaml", "plain.yaml")}
    write(repository.root, {".kgateignore": ignored, "texts/1.all": "", "texts/2.all": "", **pod})
    listing = list_files([repository.root / start], repository)
    assert [repository.shown(place.path) for place in listing.requests] == requested
    assert [file.shown for file in listing.files.values()] == plain


@pytest.mark.usefixtures("third_kind")
def test_what_is_found_is_rendered_beside_what_is_read(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    write(root, {"texts/1.all": "", "texts/a.yaml": POD.replace("NAME", "a"), "b.yaml": POD.replace("NAME", "b")})
    found = collected(root)
    assert not found.problems
    assert [(one.id.name, one.locate("").path) for one in found.resources] == [("b", "b.yaml"), ("a", "texts/1.all")]
