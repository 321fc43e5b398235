"""kustomization.py and graph.py: what kustomization files use, what they would fetch, and which are roots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kgate.model import Problem
from kgate.rendering.kustomize import graph, kustomization
from kgate.rendering.kustomize.graph import Kustomizations
from kgate.rendering.kustomize.kustomization import KustomizationError, Remote
from kgate.repository import Repository


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


ROLES = {
    "resources": "resources: [{}]",
    "bases, of old": "bases: [{}]",
    "patches": "patches: [{{path: {}}}]",
    "patches, of old": "patches: [{}]",
    "patchesJson6902": "patchesJson6902: [{{path: {}, target: {{kind: A}}}}]",
    "patchesStrategicMerge": "patchesStrategicMerge: [{}]",
    "replacements": "replacements: [{{path: {}}}]",
    "files of a generator": "configMapGenerator: [{{name: a, files: [{}]}}]",
    "files of a generator, with a key": "secretGenerator: [{{name: a, files: ['key={}']}}]",
    "environments of a generator": "configMapGenerator: [{{name: a, envs: [{}]}}]",
    "environment of a generator, of old": "configMapGenerator: [{{name: a, env: {}}}]",
    "values of a chart": "helmCharts: [{{name: a, valuesFile: {}}}]",
    "more values of a chart": "helmCharts: [{{name: a, additionalValuesFiles: [{}]}}]",
    "definitions": "crds: [{}]",
    "configurations": "configurations: [{}]",
    "a schema": "openapi: {{path: {}}}",
    "transformers": "transformers: [{}]",
    "validators": "validators: [{}]",
    "generators": "generators: [{}]",
    "a patch that a transformer names": "transformers:\n  - |\n    kind: PatchTransformer\n    path: {}",
}


@pytest.mark.parametrize("text", ROLES.values(), ids=ROLES)
def test_every_role_of_a_file(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": text.format("../b/file.yaml"), "b/file.yaml": "kind: A\n"})
    found = kustomization.read(tmp_path / "a", Repository(tmp_path))
    assert (found.files, found.folders, found.remotes) == ((tmp_path / "b" / "file.yaml",), (), ())


@pytest.mark.parametrize("key", ["resources", "bases", "components", "transformers", "generators", "validators"])
def test_every_role_of_a_folder(key: str, tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": f"{key}: [../b]\n", "b/kustomization.yaml": "{}\n"})
    found = kustomization.read(tmp_path / "a", Repository(tmp_path))
    assert (found.files, found.folders, found.remotes) == ((), (tmp_path / "b",), ())


INNER = {
    "the values of a chart": "generators:\n- |\n  kind: HelmChartInflationGenerator\n  valuesInline: {a: {path: /}}",
    "the fields of a transformer": "transformers:\n- |\n  kind: LabelTransformer\n  fieldSpecs: [{path: /metadata}]",
    "the arguments of a patch": "patchesStrategicMerge:\n- |\n  kind: A\n  args: [--config=/etc/a.yaml, /b?ref=c]",
    "a long patch": f"patchesStrategicMerge:\n- |\n  kind: A\n  b: {'c/' * 3000}",
    "the text of a patch": "patches:\n- patch: |\n    - {op: remove, path: /spec}",
    "the path of an unknown transformer": "transformers:\n- |\n  kind: Own\n  path: spec/template\n",
}


@pytest.mark.parametrize("text", INNER.values(), ids=INNER)
def test_what_is_not_a_path_that_leaves(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": text})
    found = kustomization.read(tmp_path / "a", Repository(tmp_path))
    assert (found.faults, found.links, found.remotes) == ((), (), ())


NOT_MISSED = ("transformers", "validators", "generators", "patches, of old", "patchesStrategicMerge")


@pytest.mark.parametrize("role", [role for role in ROLES if role not in NOT_MISSED and "transformer" not in role])
def test_a_missing_file_is_a_fault_in_its_line(role: str, tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": "# a\n" + ROLES[role].format("../b/none.yaml")})
    (fault,) = kustomization.read(tmp_path / "a", Repository(tmp_path)).faults
    assert fault.line == 2
    assert fault.message.count("none.yaml") == 1
    assert "there is no b/none.yaml, so what it builds is not judged" in fault.message


FETCHED = [
    "https://example.org/a/b",
    "HTTPS://example.org/x.yaml",
    "http://example.org/a/b?ref=v1",
    "git::https://example.org/a/b",
    "git::git@example.org:a/b",
    "git@github.com:a/b",
    "org-1234@github.com:a/b.git",
    "github.com/a/b//c?ref=main",
    "GitHub.com/a/b",
    "ssh://git@example.org/a/b",
    "file:///tmp/a",
    "git://example.org/a",
    "gitlab.example.org/a/b?ref=v1",
]
LOCAL = [
    "../b",
    "./b",
    "b/../../b",
    "none",
    "none.yaml",
    pytest.param("n" * 300, id="a name too long to ask for"),
    "github",
    "a@b",
]


@pytest.mark.parametrize("text", FETCHED)
def test_what_is_fetched(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": f"kind: Kustomization\nresources:\n  - {text}\n"})
    assert kustomization.read(tmp_path, Repository(tmp_path)).remotes == (Remote(3, text),)


@pytest.mark.parametrize("text", LOCAL[:-1])
def test_what_is_local(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": f"resources: [{text}]\n", "b/kustomization.yaml": "{}\n"})
    assert not kustomization.read(tmp_path / "a", Repository(tmp_path)).remotes


def test_a_local_folder_that_reads_like_a_repository_is_fetched_all_the_same(tmp_path: Path) -> None:
    write(
        tmp_path, {"kustomization.yaml": "resources: [github.com/a/b]\n", "github.com/a/b/kustomization.yaml": "{}\n"}
    )
    assert kustomization.read(tmp_path, Repository(tmp_path)).remotes == (Remote(1, "github.com/a/b"),)


def test_a_local_file_comes_before_a_repository(tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": "resources: [github.com/a.yaml]\n", "github.com/a.yaml": "kind: A\n"})
    assert not kustomization.read(tmp_path, Repository(tmp_path)).remotes


@pytest.mark.parametrize(
    "text", ["https://example.org/a?b=c", "key=https://example.org/a", "key=http://example.org/a?b=c"]
)
def test_a_file_of_a_generator_that_is_fetched(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": f"configMapGenerator:\n  - name: a\n    files:\n      - {text}\n"})
    found = kustomization.read(tmp_path, Repository(tmp_path))
    texts = [one.text for one in found.remotes] + [one.text for one in found.remote_data]
    assert texts[0] == text.removeprefix("key=")


def test_a_component_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yml": "kind: Component\n", "b/Kustomization": "kind: Kustomization\n"})
    assert [kustomization.read(tmp_path / name, Repository(tmp_path)).is_component for name in "ab"] == [True, False]


UNREADABLE = {
    "broken YAML": ("a: [", 2, "not valid YAML"),
    "a key twice": ("resources: []\nresources: []", 2, "is set here and in line 1"),
    "a list": ("- a", 1, "must be a mapping"),
    "nothing": ("# nothing", None, "is empty"),
}


@pytest.mark.parametrize(("text", "line", "told"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read(text: str, line: int | None, told: str, tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": text})
    with pytest.raises(KustomizationError, match=told) as caught:
        kustomization.read(tmp_path, Repository(tmp_path))
    assert (caught.value.path, caught.value.line) == (tmp_path / "kustomization.yaml", line)


MISSPELT = [  # kubectl builds each of them
    pytest.param("Resources: [pod.yaml]", "Resources", "resources", id="a capital"),
    pytest.param("resources: []\nRESOURCES: [pod.yaml]", "RESOURCES", "resources", id="beside the name"),
    pytest.param("re\u017fources: [pod.yaml]", "re\u017fources", "resources", id="a long s"),
    pytest.param("\u212aind: Component", "\u212aind", "kind", id="a Kelvin sign"),
    pytest.param("helmcharts: [{name: a}]", "helmcharts", "helmCharts", id="a small letter"),
    pytest.param("helmCharts: [{name: a, valuesfile: a}]", "valuesfile", "valuesFile", id="of a chart"),
    pytest.param("patches: [{Path: a}]", "Path", "path", id="of a patch"),
    pytest.param("patches: [{path: a, target: {Kind: A}}]", "Kind", "kind", id="of a target"),
    pytest.param("labels: [{Pairs: {a: b}}]", "Pairs", "pairs", id="of labels"),
    pytest.param("secretGenerator: [{name: a, FILES: [a]}]", "FILES", "files", id="of a generator"),
    pytest.param("a: &a {Path: a}\npatches: [*a, *a]", "Path", "path", id="of an alias"),
]


@pytest.mark.parametrize(("text", "key", "name"), MISSPELT)
def test_what_kustomize_takes_for_a_field(text: str, key: str, name: str, tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": text})
    with pytest.raises(KustomizationError, match=f"kustomize takes '{key}' for {name}, so .*; write {name}$"):
        kustomization.read(tmp_path, Repository(tmp_path))


FREE = [
    "commonLabels: {Name: a, Version: b}",
    "commonAnnotations: {Kind: a}",
    "labels: [{pairs: {Namespace: a}}]",
    "configMapGenerator: [{name: a, options: {labels: {Name: a}, annotations: {Path: b}}}]",
    "generatorOptions: {labels: {Name: a}}",
    "helmCharts: [{name: a, valuesInline: {Image: {Name: a}}}]",
    "metadata: {name: a, labels: {Name: a}, annotations: {Path: a}}",
    "unknown: {Name: a}",
    "vars: [{name: A, objref: {kind: Service, version: v1, name: a}, fieldref: {fieldpath: metadata.namespace}}]",
]


@pytest.mark.parametrize("text", FREE)
def test_keys_of_the_user_may_be_anything(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": text})
    assert kustomization.read(tmp_path, Repository(tmp_path)).root.value


ROOTS = {
    "an overlay over a base": ({"base": [], "overlay": ["../base"]}, ["overlay"]),
    "two overlays over a base": ({"base": [], "one": ["../base"], "two": ["../base"]}, ["one", "two"]),
    "a tower": ({"a": [], "b": ["../a"], "c": ["../b"]}, ["c"]),
    "a circle keeps one": ({"a": ["../b"], "b": ["../a"]}, ["a"]),
    "itself is no other": ({"a": ["../a"]}, ["a"]),
    "a circle below a root": ({"a": ["../b"], "b": ["../c"], "c": ["../b"]}, ["a"]),
}


@pytest.mark.parametrize(("folders", "wanted"), ROOTS.values(), ids=ROOTS)
def test_roots(folders: dict[str, list[str]], wanted: list[str], tmp_path: Path) -> None:
    write(tmp_path, {f"{name}/kustomization.yaml": f"resources: {list(of)}\n" for name, of in folders.items()})
    assert Kustomizations(Repository(tmp_path)).roots(tmp_path / name for name in folders) == tuple(
        tmp_path / name for name in wanted
    )


def test_what_cannot_be_read_is_a_root(tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": "a: [", "b/kustomization.yaml": "resources: [../c]", "c/x": ""})
    assert Kustomizations(Repository(tmp_path)).roots([tmp_path / "a", tmp_path / "b"]) == (
        tmp_path / "a",
        tmp_path / "b",
    )


def test_a_graph_lists_what_is_included_first(tmp_path: Path) -> None:
    files = {
        "a/kustomization.yaml": "components: [../c]\nresources: [../b]\n",
        "b/kustomization.yaml": "resources: [x.yaml]\n",
        "b/x.yaml": "",
        "c/kustomization.yaml": "kind: Component\n",
    }
    write(tmp_path, files)
    found = graph.follow([tmp_path / "a"], Repository.at(tmp_path))
    assert [node.folder.name for node in found.nodes] == ["b", "c", "a"]
    assert [str(file.relative_to(tmp_path)) for file in found.files] == sorted(files)
    assert not found.problems


def test_a_graph_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MAX_KUSTOMIZATIONS", 3)
    write(tmp_path, {f"{n}/kustomization.yaml": f"resources: [../{n + 1}]\n" for n in range(6)})
    found = graph.follow([tmp_path / "0"], Repository.at(tmp_path))
    assert found.problems == (Problem("3", None, "includes more than 3 kustomizations, not built; split it"),)


def test_a_kustomization_is_read_once_for_a_scan(tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: []\n"})
    repository = Repository.at(tmp_path)
    first = Kustomizations.of(repository).read(tmp_path / "a")
    assert first in graph.follow([tmp_path / "a"], repository).nodes
    assert Kustomizations.of(repository).read(tmp_path / "a") is first
    assert Kustomizations.of(Repository.at(tmp_path)).read(tmp_path / "a") is not first
