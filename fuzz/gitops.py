"""Fuzzes objects of Argo CD and Flux: checks what kgate plans for them and passes to helm."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.grammar import Make, document, junk, just, mapping, one_of, pairs, several, sure, text
from fuzz.harness import FuzzError, Ground, Target, main
from kgate.gitops import plan as gitops
from kgate.kubernetes import manifest
from kgate.rendering import process
from kgate.rendering.requests import RenderContext, RenderOptions
from kgate.rendering.tools import FoundTools, Tool
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository

URL = "https://git.example.org/shop/deploy.git"
FILES = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "a: 1\nlist: [x]\n",
    "charts/web/values-prod.yaml": "a: 2\n",
    "charts/web/templates/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n",
    "apps/one/Chart.yaml": "apiVersion: v2\nname: one\nversion: 1.0.0\n",
    "apps/two/kustomization.yaml": "resources: [pod.yaml]\n",
    "apps/two/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n",
    "config/a/config.json": '{"cluster": {"name": "a", "no": 1}, "tags": ["x"]}',
    "config/b/config.yaml": "- {cluster: {name: b}}\n- {cluster: {name: c}}\n",
    f"odd/{'a' * 100}.yaml": "x: 1\n",
}

path = text("charts/web", "apps/one", "apps/two", "config", ".", "apps/{{path.basename}}", "{{.path.path}}")
name = text("web", "one", "{{name}}", "{{.name}}", "{{ index .path.segments 0 }}")
word = text("a", "b", "x")
labels = pairs(word, word)


def _selector() -> Make:
    operator = just("In", "NotIn", "Exists", "DoesNotExist", "?")
    expression = mapping({"key": word, "operator": operator, "values": several(word)}, 0.9)
    return mapping({"matchLabels": labels, "matchExpressions": several(expression)})


def _source() -> Make:
    pattern = text(
        "values.yaml", "values-*.yaml", "../../charts/web/*.yaml", "$ref/charts/web/values.yaml", "{values,x}*.yaml"
    )
    parameter = mapping({"name": word, "value": word, "forceString": just(True, False), "path": pattern}, 0.9)
    helm = mapping(
        {
            "releaseName": name,
            "namespace": name,
            "valueFiles": several(pattern),
            "values": text("a: 1\n", "a: [\n", "a: &a [*a]\n"),
            "valuesObject": junk,
            "parameters": several(parameter),
            "fileParameters": several(parameter),
            "kubeVersion": text("1.30", "v1.30.0"),
            "apiVersions": several(text("apps/v1")),
            "ignoreMissingValueFiles": just(True, False),
            "skipCrds": just(True, False),
        },
        0.3,
    )
    patch = mapping({"path": path, "patch": text("a: 1\n"), "target": mapping({"kind": word, "name": word})})
    kustomize = mapping(
        {
            "namePrefix": name,
            "namespace": name,
            "images": several(text("web=web2:1", "web:1@sha256:a")),
            "replicas": several(mapping({"name": word, "count": one_of(just(1, "2"), text("3"), junk)}, 0.9)),
            "commonLabels": labels,
            "commonAnnotations": labels,
            "patches": several(patch),
            "components": several(path),
        },
        0.3,
    )
    directory = mapping({"recurse": just(True, False), "include": word, "exclude": word})
    return mapping(
        {
            "repoURL": just(URL, URL, "https://example.org/other.git", ""),
            "path": path,
            "chart": word,
            "ref": word,
            "targetRevision": word,
            "helm": helm,
            "kustomize": kustomize,
            "directory": directory,
            "plugin": junk,
        },
        0.5,
    )


def _application_spec() -> Make:
    destination = mapping({"namespace": name, "server": word})
    return mapping({"source": _source(), "sources": several(_source(), 2), "destination": destination, "project": name})


def _generators(depth: int = 2) -> Make:
    entry = mapping(
        {"path": text("apps/*", "config/**/config.json", "config/*/config.*", "*"), "exclude": just(True, False)}, 0.7
    )
    git = sure(
        {
            "repoURL": just(URL),
            "directories": several(entry),
            "files": several(entry),
            "values": labels,
            "pathParamPrefix": word,
        }
    )
    elements = several(one_of(pairs(word, word), pairs(word, junk), junk), 4)
    lists = mapping({"elements": elements, "elementsYaml": text("[{a: b}]", "[", "{}")})
    kinds: list[tuple[str, Make]] = [("git", git), ("list", lists), ("clusters", junk), ("plugin", junk)]
    if depth:
        inner = several(_generators(depth - 1))
        nested = mapping({"generators": inner, "mergeKeys": several(word)}, 0.95)
        kinds += [("matrix", nested), ("merge", nested)]

    def make(numbers: random.Random) -> dict[str, Any]:
        kind, section = numbers.choice(kinds)
        found = {kind: section(numbers)}
        return found | ({"selector": _selector()(numbers)} if numbers.random() < 0.2 else {})

    return make


def _flux() -> dict[str, Make]:
    reference = sure(
        {"kind": just("GitRepository", "ConfigMap", "Secret", "HelmRepository", "Bucket"), "name": just("src", "x")}
    )
    values_from = mapping(
        {"kind": just("ConfigMap", "Secret"), "name": just("src"), "valuesKey": word, "targetPath": word}, 0.8
    )
    chart = mapping(
        {"spec": sure({"chart": path, "sourceRef": reference, "valuesFiles": several(path), "version": word})}, 0.9
    )
    substitute = mapping({"substitute": labels, "substituteFrom": several(reference)})
    return {
        "Kustomization": mapping(
            {
                "path": path,
                "sourceRef": reference,
                "targetNamespace": name,
                "postBuild": substitute,
                "patches": several(junk),
                "components": several(path),
                "commonMetadata": mapping({"labels": labels, "annotations": labels}),
                "images": junk,
            }
        ),
        "HelmRelease": mapping(
            {
                "chart": chart,
                "releaseName": name,
                "targetNamespace": name,
                "valuesFrom": several(values_from),
                "values": junk,
            },
            0.8,
        ),
        "GitRepository": mapping({"url": just(URL, "https://example.org/x"), "ref": junk}, 0.9),
    }


@dataclass(frozen=True, slots=True)
class Case:
    """The texts of manifests."""

    objects: tuple[str, ...]


def make(numbers: random.Random) -> Case:
    """Makes a few objects that deploy something."""
    return Case(tuple(document(_object(numbers)) for _ in range(numbers.randint(1, 3))))


def _object(numbers: random.Random) -> dict[str, Any]:
    kind = numbers.choice(
        ("Application", "ApplicationSet", "Kustomization", "HelmRelease", "GitRepository", "ConfigMap")
    )
    metadata = {
        "name": numbers.choice(("src", "web", "--debug", "²")),
        "namespace": numbers.choice(("argocd", "", "-f")),
    }
    if kind == "ConfigMap":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": pairs(word, text("a: 1"))(numbers)}
    group = {"Kustomization": "kustomize.toolkit.fluxcd.io/v1", "HelmRelease": "helm.toolkit.fluxcd.io/v2"}
    group |= {"GitRepository": "source.toolkit.fluxcd.io/v1"}
    if kind == "Application":
        spec = _application_spec()
    elif kind == "ApplicationSet":
        template = sure({"metadata": mapping({"name": name}), "spec": _application_spec()})
        fields = {"generators": several(_generators()), "template": template, "goTemplate": just(True, False)}
        spec = mapping(fields, 0.9)
    else:
        spec = _flux()[kind]
    version = group.get(kind, "argoproj.io/v1alpha1")
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec(numbers)}


def check(case: Case, ground: Ground) -> None:
    """Makes the plan, and renders each planned chart with a fake helm that records its arguments."""
    ground.write(FILES)
    (ground.repository / "link").symlink_to(ground.outside)
    ground.write({f"apps-{index}.yaml": one for index, one in enumerate(case.objects)})
    contents = [manifest.read(f"apps-{index}.yaml", one.encode()) for index, one in enumerate(case.objects)]
    resources = [resource for found in contents for resource in found.resources]
    repository = Repository(ground.repository, (URL,))
    planned = gitops.plan(resources, repository)
    for request in planned.requests:
        if not request.place.path.is_relative_to(ground.repository):
            raise FuzzError(f"the plan leads out of the repository: {request.place.path}")
    ground.check(planned)
    charts = [request for request in planned.requests if request.place.kind == "chart"]
    tools, options = FoundTools(Tool("helm", Path("/helm"), "v4.1.0")), RenderOptions(seconds=2)
    for request in charts[:3]:
        with Workspace(Repository.at(ground.repository)) as workspace, recorded() as commands:
            rendered = request.render(RenderContext(workspace, tools, options))
        ground.check((rendered, commands))
        for command in commands:
            _check_arguments(command)


_FLAG = re.compile(
    r"--(?:namespace|values|set|set-string|kube-version|api-versions)=.*|--debug|--skip-[a-z-]+|--include-crds",
    re.DOTALL,
)


def _check_arguments(command: Sequence[str]) -> None:
    """Raises FuzzError for an argument that helm would take for a flag and that is not one of kgate's."""
    before = command[1 : command.index("--")] if "--" in command else command[1:]
    unknown = [argument for argument in before if argument.startswith("-") and not _FLAG.fullmatch(argument)]
    if unknown or any("\0" in argument for argument in command):
        raise FuzzError(f"helm would be called as {command}")


@contextmanager
def recorded() -> Iterator[list[list[str]]]:
    """Records the commands that would be started, and starts none."""
    commands: list[list[str]] = []

    def run(arguments: Sequence[object], *_: object, **__: object) -> process.Outcome:
        commands.append([str(argument) for argument in arguments])
        return process.Outcome(1, b"", b"not started")

    real, process.run = process.run, run  # type: ignore[assignment]
    try:
        yield commands
    finally:
        process.run = real


if __name__ == "__main__":
    sys.exit(main(Target("gitops", make, check)))
