"""A new kind of source needs a class with the members of Request, and no change to what collects and renders."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.model import Batch
from kgate.rendering.requests import Place, RenderContext, RenderSettings, Request
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
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


@dataclass(frozen=True)
class Concatenation:
    """A third kind of source: all texts of a folder, one after the other."""

    folder: Path

    @property
    def place(self) -> Place:
        return Place("concatenation", self.folder)

    @property
    def key(self) -> Hashable:
        return self.folder

    @property
    def has_changes(self) -> bool:
        return False

    def is_plain(self, repository: Repository) -> bool:
        return False

    def is_deep(self, repository: Repository) -> bool:
        return False

    def files(self, repository: Repository) -> Iterator[Path]:
        return (self.folder / name for name in repository.names(self.folder))

    def templates(self, repository: Repository) -> Iterator[Path]:
        return self.files(repository)

    def render(self, context: RenderContext) -> Batch:
        repository = context.workspace.repository
        text = b"---\n".join(repository.read_bytes(path) for path in self.files(repository))
        return manifest.read(f"{repository.shown(self.folder)}/all", text)


def collected(root: Path) -> Batch:
    write(root, {".git/config": ""})
    request: Request = Concatenation(root / "texts")
    settings = RenderSettings(programs={"helm": str(helm_tool().path)}, charts=(request,))
    batch = Batch()
    with closing(collect([root], Repository.at(root), settings, batches_of(()))) as everything:
        for part in everything:
            batch = Batch((*batch.resources, *part.resources), (*batch.problems, *part.problems))
    return batch


def test_it_is_rendered(tmp_path: Path) -> None:
    write(tmp_path, {"texts/a.txt": POD.replace("NAME", "a"), "texts/b.txt": POD.replace("NAME", "b")})
    found = collected(tmp_path)
    assert not found.problems
    assert [(one.id.name, str(one.locate("/kind"))) for one in found.resources] == [
        ("a", "texts/all:2:1"),
        ("b", "texts/all:6:1"),
    ]


def test_what_it_deploys_is_rendered_next(tmp_path: Path) -> None:
    """The chart as the Application that it renders to says, and not with its defaults."""
    write(tmp_path, {**CHART, "texts/a.txt": APPLICATION})
    found = collected(tmp_path)
    assert not found.problems
    assert [one.id.name for one in found.resources] == ["shop", "live"]


def test_its_files_must_be_there(tmp_path: Path) -> None:
    """A pointer of Git LFS is not the file that is deployed."""
    write(tmp_path, {"texts/a.txt": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"})
    found = collected(tmp_path)
    assert [(problem.path, problem.message) for problem in found.problems] == [("texts/a.txt", manifest.LFS_PROBLEM)]
    assert not found.resources
