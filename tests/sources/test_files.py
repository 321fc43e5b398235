"""sources/files.py: what a walk takes, leaves out and complains about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kgate.repository import Repository, find_root
from kgate.sources import files, ignores

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n"


def tree(root: Path, *names: str, **texts: str) -> Path:
    for name in names:
        texts.setdefault(name, POD)
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def walk(root: Path, *starts: str) -> tuple[list[str], dict[str, str]]:
    """Shown paths of the files to read, and the problems by path."""
    listing = files.list_files([root / start for start in starts or (".",)], Repository.at(root.resolve()))
    shown = sorted(file.shown for file in listing.files.values())
    return shown, {problem.path: problem.message for problem in listing.problems}


def test_extensions_and_order(tmp_path: Path) -> None:
    tree(tmp_path, "b.yaml", "a.YML", "c/d.json", "c/.yaml", "e.txt", "f.yaml.tpl", ".git/x.yaml", ".github/w.yml")
    assert walk(tmp_path) == ([".github/w.yml", "a.YML", "b.yaml", "c/.yaml", "c/d.json"], {})


def test_a_named_file_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    tree(tmp_path, "e.txt", "a.yaml")
    assert walk(tmp_path, "e.txt", "a.yaml", "./a.yaml", ".")[0] == ["a.yaml", "e.txt"]


def test_ignore_files(tmp_path: Path) -> None:
    tree(tmp_path, "a.yaml", "b.yaml", "out/c.yaml", "keep/d.yaml", "keep/out/e.yaml", "x/y/z.yaml")
    tree(tmp_path, DOTgitignore="out/\n/b.yaml\nz.yaml\n", keep__DOTgitignore="!out/\n", x__DOTkgateignore="!z.yaml\n")
    assert walk(tmp_path)[0] == ["a.yaml", "keep/d.yaml", "keep/out/e.yaml", "x/y/z.yaml"]
    assert walk(tmp_path, "keep")[0] == ["keep/d.yaml", "keep/out/e.yaml"]
    assert walk(tmp_path, "b.yaml")[0] == ["b.yaml"], "a named file is not ignored"


@pytest.mark.parametrize(
    "line", ["!", "a\\", "\\", "[z-a]", "# c\rb.yaml", "# c\u2028b.yaml", "x\x0bb.yaml", "[a", "[[:bad:]]"]
)
def test_odd_ignore_lines_leave_nothing_out(tmp_path: Path, line: str) -> None:
    tree(tmp_path, "b.yaml", "c.yaml", DOTgitignore=f"{line}\nc.yaml\n")
    assert walk(tmp_path)[0] == ["b.yaml"]


def test_an_ignore_file_that_is_too_large_is_a_problem_and_leaves_nothing_out(tmp_path: Path) -> None:
    tree(tmp_path, "a.yaml", DOTgitignore="a.yaml\n" * 10_000)
    shown, problems = walk(tmp_path)
    assert shown == ["a.yaml"]
    assert problems == {".gitignore": "larger than 64 KiB, so it leaves nothing out; shorten it"}


def test_ignore_files_that_are_too_large_together_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignores, "MAX_TOTAL", 15)
    tree(tmp_path, "a/a.yaml", "b/a.yaml", a__DOTgitignore="a.yaml\n", b__DOTgitignore="/a.yaml #\n")
    shown, problems = walk(tmp_path)
    assert shown == ["b/a.yaml"]
    assert list(problems) == ["b/.gitignore"]


def test_a_named_folder_is_read_though_it_is_ignored(tmp_path: Path) -> None:
    tree(tmp_path, "out/a.yaml", "out/b/c.yaml", DOTgitignore="out/\n")
    assert walk(tmp_path, "out")[0] == ["out/a.yaml", "out/b/c.yaml"]


@pytest.mark.parametrize("name", ["kustomization.yaml", ".gitignore", ".kgateignore"])
def test_odd_steering_files(tmp_path: Path, name: str) -> None:
    tree(tmp_path, "a.yaml", "one/b.yaml", "two/c.yaml")
    (tmp_path / "one" / name).symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "two" / name)
    assert walk(tmp_path)[0] == ["a.yaml", "one/b.yaml", "two/c.yaml"]


def test_the_ignore_files_above_hold_below(tmp_path: Path) -> None:
    tree(tmp_path, "k8s/a.yaml", "k8s/secret/b.yaml", DOTkgateignore="k8s/secret/\n")
    assert walk(tmp_path, "k8s")[0] == ["k8s/a.yaml"]


def test_symbolic_links(tmp_path: Path) -> None:
    root = tree(tmp_path / "repo", "real/a.yaml", "real/deep/b.yaml")
    tree(tmp_path, "outside/c.yaml")
    (root / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "real")
    (root / "a-link.yaml").symlink_to(root / "real/a.yaml")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out.yaml").symlink_to(tmp_path / "outside/c.yaml")
    (root / "gone.yaml").symlink_to(root / "nothing")
    (root / "self").symlink_to(root / "self")
    (root / "self.yaml").symlink_to(root / "self.yaml")
    (root / "not-yaml").symlink_to(tmp_path / "outside/c.yaml")
    shown, problems = walk(root)
    assert shown == ["real/a.yaml", "real/deep/b.yaml"]
    assert sorted(problems) == ["gone.yaml", "out", "out.yaml", "self.yaml"]
    assert all("not followed" in message for message in problems.values())


def test_what_is_no_file(tmp_path: Path) -> None:
    tree(tmp_path, "a.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    shown, problems = walk(tmp_path)
    assert shown == ["a.yaml"]
    assert "neither a file nor a folder" in problems["pipe.yaml"]
    assert "no such file or folder" in walk(tmp_path, "nowhere.yaml")[1]["nowhere.yaml"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    gone = files.SourceFile(tmp_path / "gone.yaml", "gone.yaml")
    (contents,) = files.read_file(gone)
    (problem,) = contents.problems
    assert "cannot be read: No such file" in problem.message


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")).write_text(POD, encoding="utf-8")
    assert walk(tmp_path)[0] == ["\\xff.yaml"]


# ------------------------------------------------------------------------- charts and kustomizations

CHART = (
    "web/Chart.yaml",
    "web/values.yaml",
    "web/values-prod.yaml",
    "web/templates/deploy.yaml",
    "web/charts/sub/Chart.yaml",
    "web/charts/sub/templates/x.yaml",
    "web/ci/test-values.yaml",
)


VALUES = dict.fromkeys(("web/values.yaml", "web/values-prod.yaml", "web/ci/test-values.yaml"), "image: web\n")


def templated(root: Path, *starts: str) -> tuple[list[str], list[str], list[str]]:
    """Shown paths of the charts, the kustomizations, and the kustomizations above that use files of the walk."""
    listing = files.list_files([root / start for start in starts or (".",)], Repository.at(root.resolve()))
    folders = (listing.charts, listing.kustomizations, listing.touched)
    charts, kustomizations, touched = (sorted(Repository.at(root).shown(f) for f in found) for found in folders)
    return charts, kustomizations, touched


def test_a_chart_is_no_folder_of_manifests(tmp_path: Path) -> None:
    tree(tmp_path, *CHART, "web/examples/pod.yaml", "a.yaml", **VALUES)
    assert walk(tmp_path) == (["a.yaml", "web/examples/pod.yaml"], {})
    assert templated(tmp_path) == (["web"], [], [])


@pytest.mark.parametrize("start", ["web", "web/templates", "web/templates/deploy.yaml", "web/values.yaml"])
def test_a_part_of_a_chart_is_the_chart(tmp_path: Path, start: str) -> None:
    tree(tmp_path, *CHART, **VALUES)
    assert walk(tmp_path, start) == ([], {})
    assert templated(tmp_path, start) == (["web"], [], [])


def test_charts_side_by_side(tmp_path: Path) -> None:
    tree(
        tmp_path, "charts/a/Chart.yaml", "charts/a/templates/x.yaml", "charts/b/Chart.yaml", "charts/b/templates/x.yaml"
    )
    assert walk(tmp_path) == ([], {})
    assert templated(tmp_path) == (["charts/a", "charts/b"], [], [])


KUSTOMIZATION = """\
resources: [deploy.yaml, ../base]
patches:
- path: patch.yaml
- patch: |
    - op: add
patchesStrategicMerge: [merge.yaml, "apiVersion: v1\\nkind: Pod\\n"]
patchesJson6902: [{path: json.yaml, target: {}}]
configMapGenerator: [{name: a, files: [key=config.yaml, other.yaml], envs: [x.env]}]
transformers: [transformer.yaml]
replacements: [{path: replacement.yaml}]
helmCharts: [{name: x, valuesFile: helm-values.yaml}]
"""
USED = ("deploy", "patch", "merge", "json", "config", "other", "transformer", "replacement", "helm-values")


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_what_a_kustomization_uses_is_no_manifest(tmp_path: Path, name: str) -> None:
    tree(tmp_path, "app/other-deploy.yaml", *(f"app/{used}.yaml" for used in USED), **{f"app/{name}": KUSTOMIZATION})
    assert walk(tmp_path) == (["app/other-deploy.yaml"], {})
    assert templated(tmp_path) == ([], ["app"], [])


def test_an_object_of_flux_is_a_manifest_whatever_its_file_is_called(tmp_path: Path) -> None:
    tree(tmp_path, kustomizationDOTyaml="apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n")
    assert walk(tmp_path) == (["kustomization.yaml"], {})
    assert templated(tmp_path) == ([], [], [])


def test_a_patch_of_another_folder(tmp_path: Path) -> None:
    tree(tmp_path, "patches/p.yaml", "z/deploy.yaml", z__kustomizationDOTyaml="patches: [{path: ../patches/p.yaml}]\n")
    assert walk(tmp_path) == (["z/deploy.yaml"], {})
    assert templated(tmp_path) == ([], ["z"], [])
    assert templated(tmp_path, "patches") == ([], [], [])


def test_a_patch_that_is_named_itself_is_its_kustomization(tmp_path: Path) -> None:
    tree(tmp_path, "app/patch.yaml", app__kustomizationDOTyaml="patches: [{path: patch.yaml}]\n")
    assert walk(tmp_path, "app/patch.yaml") == ([], {})
    assert templated(tmp_path, "app/patch.yaml") == ([], [], ["app"])
    assert templated(tmp_path, "app/kustomization.yaml") == ([], [], ["app"])
    assert templated(tmp_path, "app") == ([], ["app"], [])


def test_a_folder_of_patches_is_no_folder_of_manifests(tmp_path: Path) -> None:
    tree(tmp_path, "app/patches/patch.yaml", app__kustomizationDOTyaml="patches: [{path: patches/patch.yaml}]\n")
    (tmp_path / ".git").mkdir()
    assert walk(tmp_path, "app/patches") == ([], {})
    assert templated(tmp_path, "app/patches") == ([], [], ["app"])


def test_a_broken_kustomization_is_a_problem(tmp_path: Path) -> None:
    tree(tmp_path, "deploy.yaml", kustomizationDOTyaml="resources: [\n")
    assert walk(tmp_path)[0] == ["deploy.yaml"]
    assert list(walk(tmp_path)[1]) == ["kustomization.yaml"]


# --------------------------------------------------------------------------------------------- root


def test_root(tmp_path: Path) -> None:
    tree(tmp_path, "repo/a/b/x.yaml", "repo/a/c/y.yaml")
    a = tmp_path / "repo/a"
    assert find_root([a / "b", a / "c"]) == a.resolve()
    assert find_root([a / "b/x.yaml"]) == (a / "b").resolve()
    (tmp_path / "repo/.git").mkdir()
    assert find_root([a / "b", a / "c"]) == (tmp_path / "repo").resolve()


def test_links_into_a_chart_lead_to_the_chart(tmp_path: Path) -> None:
    tree(tmp_path, "b/Chart.yaml", "b/templates/pod.yaml", "a/plain.yaml")
    (tmp_path / "a/folder").symlink_to("../b/templates")
    (tmp_path / "a/file.yaml").symlink_to("../b/templates/pod.yaml")
    assert walk(tmp_path) == (["a/plain.yaml"], {})
    listing = files.list_files([tmp_path / "a"], Repository.at(tmp_path.resolve()))
    assert listing.charts == {tmp_path.resolve() / "b"}
