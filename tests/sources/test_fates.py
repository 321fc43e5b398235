"""sources/fates: the listing of every file, and what became of it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from kgate.lifetime import FOREVER
from kgate.model import Fate
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.fates import Fates, ScannedFiles
from kgate.sources.files import batches_of
from kgate.sources.unrendered import Outputs
from tests.command import ROOT, kgate
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {containers: [{name: c, image: x}]}\n"
CHART = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
DELETION = "$patch: delete\napiVersion: v1\nkind: Pod\nmetadata: {name: gone}\n"
BASE = """\
resources: [kept.yaml, gone.yaml]
configMapGenerator: [{name: a, files: [data.txt, data.yaml]}]
patches:
- path: patch.yaml
"""


def pod(name: str) -> str:
    return POD.replace("NAME", name)


TREE = {
    ".git/config": '[remote "origin"]\nurl = https://git.example.com/deploy.git\n',
    ".gitignore": "# built\n*.tmp.yaml\n\nout/\n!kept.tmp.yaml\n",
    ".kgateignore": "shared/\n",
    "README.md": "",
    "a.tmp.yaml": pod("a"),
    "app/kept.yaml": pod("kept"),
    "app/gone.yaml": pod("gone"),
    "app/data.txt": "",
    "app/data.yaml": "a: 1\n",
    "app/patch.yaml": DELETION,
    "app/kustomization.yaml": BASE,
    "broken/kustomization.yaml": "resources: [pod.yaml, missing.yaml]\n",
    "broken/pod.yaml": pod("broken"),
    "kept.tmp.yaml": pod("kept") + "---\n" + pod("other"),
    "live/kustomization.yaml": "resources: [../app, ../shared/pod]\n",
    "notes.yaml": "a: 1\n",
    "out/deep/x.yaml": pod("x"),
    "shared/other.yaml": pod("other"),
    "shared/pod/kustomization.yaml": "resources: [pod.yaml]\n",
    "shared/pod/pod.yaml": pod("shared"),
    "unreadable.yaml": "kind: Pod\napiVersion: v1\na: [\n",
    "web/Chart.yaml": CHART,
    "web/README.md": "",
    "web/files/data.yaml": pod("data"),
    "web/templates/a.yaml": pod("web"),
    "web/templates/b.yaml": '# {{ .Files.Get "files/data.yaml" | quote }}\n',
    "web/values.yaml": "",
    "web/values-pod.yaml": pod("beside"),
}
APP = ("kustomize live",)
WRITTEN = "is judged as it is written"


def fates(root: Path, files: dict[str, str], *starts: str) -> dict[str, tuple[Fate, tuple[str, ...]]]:
    write(root, files)
    settings = RenderSettings(programs={"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)})
    intake = replace(batches_of(()), lists_files=True)
    paths = [root / start for start in starts or (".",)]
    with closing(collect(paths, Repository.at(root), settings, intake)) as batches:
        listed = [fate for batch in batches for fate in batch.fates]
    assert [fate.path for fate in listed] == sorted(fate.path for fate in listed)
    return {fate.path: (fate.fate, fate.reasons) for fate in listed}


def test_every_file_has_its_fate(tmp_path: Path) -> None:
    assert fates(tmp_path, TREE) == {
        ".gitignore": (Fate.OTHER, ("its name does not end in .yaml, .yml, .json",)),
        ".kgateignore": (Fate.OTHER, ("its name does not end in .yaml, .yml, .json",)),
        "README.md": (Fate.OTHER, ("its name does not end in .yaml, .yml, .json",)),
        "a.tmp.yaml": (Fate.IGNORED, (".gitignore:2",)),
        "app/data.txt": (Fate.RENDERED, APP),
        "app/data.yaml": (Fate.DATA, ("app/kustomization.yaml:2", *APP)),
        "app/gone.yaml": (
            Fate.WRITTEN,
            (f"Pod/gone {WRITTEN}: nothing that is built with app/kustomization.yaml:1 contains it",),
        ),
        "app/kept.yaml": (Fate.RENDERED, APP),
        "app/kustomization.yaml": (Fate.RENDERED, APP),
        "app/patch.yaml": (Fate.PATCH, ("app/kustomization.yaml:4", *APP)),
        "broken/kustomization.yaml": (Fate.UNJUDGED, ("kustomize broken, which is not judged",)),
        "broken/pod.yaml": (Fate.UNJUDGED, ("kustomize broken, which is not judged",)),
        "kept.tmp.yaml": (Fate.WRITTEN, ("2 objects",)),
        "live/kustomization.yaml": (Fate.RENDERED, APP),
        "notes.yaml": (Fate.OTHER, ("holds no Kubernetes object",)),
        "out/": (Fate.IGNORED, (".gitignore:4",)),
        "shared/other.yaml": (Fate.IGNORED, (".kgateignore:1",)),
        "shared/pod/kustomization.yaml": (Fate.RENDERED, APP),
        "shared/pod/pod.yaml": (Fate.RENDERED, APP),
        "unreadable.yaml": (Fate.UNJUDGED, ("not valid YAML: did not find expected node content",)),
        "web/Chart.yaml": (Fate.RENDERED, ("helm web",)),
        "web/README.md": (Fate.RENDERED, ("helm web",)),
        "web/files/data.yaml": (Fate.WRITTEN, (f"Pod/data {WRITTEN}: the chart web only reads the file",)),
        "web/templates/a.yaml": (Fate.RENDERED, ("helm web",)),
        "web/templates/b.yaml": (Fate.RENDERED, ("helm web",)),
        "web/values-pod.yaml": (Fate.WRITTEN, ("1 object",)),
        "web/values.yaml": (Fate.RENDERED, ("helm web",)),
    }


def test_what_a_deployer_leaves_out_and_what_only_links(tmp_path: Path) -> None:
    application = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n"
        "  destination: {namespace: shop}\n  source:\n    repoURL: https://git.example.com/deploy.git\n"
        "    path: app\n    directory: {exclude: b.yaml}\n"
    )
    files = {"web.yaml": application, "app/a.yaml": pod("a"), "app/b.yaml": "a: 1\n"}
    write(tmp_path, {".git/config": TREE[".git/config"], **files})
    (tmp_path / "link.yaml").symlink_to("app/a.yaml")
    (tmp_path / "out.yaml").symlink_to("/dev/null")
    assert fates(tmp_path, {}) == {
        "app/a.yaml": (Fate.WRITTEN, ("1 object",)),
        "app/b.yaml": (Fate.LEFT_OUT, ("left out by spec.source.directory of Application/web",)),
        "link.yaml": (Fate.OTHER, ("a symbolic link to app/a.yaml",)),
        "out.yaml": (Fate.OTHER, ("a symbolic link to a place outside of the repository",)),
        "web.yaml": (Fate.WRITTEN, ("1 object",)),
    }


@pytest.mark.parametrize(
    ("starts", "paths"),
    [
        pytest.param(("b",), ["b/x.yaml", "b/y.yaml"], id="a folder"),
        pytest.param(("b", "b/x.yaml", "a.yaml"), ["a.yaml", "b/x.yaml", "b/y.yaml"], id="a folder, and files"),
        pytest.param(("nowhere",), [], id="nothing"),
    ],
)
def test_only_what_is_scanned_is_listed(tmp_path: Path, starts: tuple[str, ...], paths: list[str]) -> None:
    files = {".git/config": "", "a.yaml": "", "b/x.yaml": "", "b/y.yaml": "", "c.yaml": ""}
    assert list(fates(tmp_path, files, *starts)) == paths


def test_the_listing_is_bounded(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}.txt": "" for name in "abcde"})
    repository = Repository.at(tmp_path)
    scanned = ScannedFiles((), Outputs({}, repository, FOREVER))
    batches = list(Fates([repository.root], scanned, repository, FOREVER).list(2))
    assert [fate.path for batch in batches for fate in batch.fates] == ["a.txt", "b.txt"]
    assert [note.message for batch in batches for note in batch.notes] == ["3 more files are not listed"]


def test_reports_list_files_on_request(tmp_path: Path) -> None:
    write(tmp_path, {".git/config": "", "b\x1b.yaml": pod("web"), "c.txt": ""})
    assert "files" not in json.loads(kgate("scan", ".", "-f", "json", cwd=tmp_path).out)
    report = json.loads(kgate("scan", ".", "-f", "json", "--files", cwd=tmp_path).out)
    jsonschema.validate(report, json.loads((ROOT / "kgate/schemas/report-2.json").read_text(encoding="utf-8")))
    assert report["files"] == [
        {"path": "b\x1b.yaml", "fate": "judged as written", "reasons": ["1 object"]},
        {"path": "c.txt", "fate": "no manifest", "reasons": ["its name does not end in .yaml, .yml, .json"]},
    ]
    listed = kgate("scan", ".", "-q", "--files", cwd=tmp_path).out
    assert "Files\n  judged as written  b\\x1b.yaml  1 object\n  no manifest        c.txt  its name" in listed
