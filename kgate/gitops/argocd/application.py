"""Translates Argo CD Applications into render requests (argo-cd, reposerver/repository/repository.go)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.wanted import RANGE, Wanted
from kgate.environment import Environment
from kgate.gitops.argocd import clusters
from kgate.gitops.argocd.build_environment import Deployment
from kgate.gitops.argocd.directory import plan_directory
from kgate.gitops.argocd.helm import helm_release
from kgate.gitops.argocd.kustomize import kustomization
from kgate.gitops.assumptions import note_repository, note_revision
from kgate.gitops.destinations import Delivery
from kgate.gitops.elsewhere import find
from kgate.gitops.fields import ObjectFields
from kgate.gitops.pulledtree import PulledTreeRequest
from kgate.model import Json
from kgate.rendering import detect
from kgate.rendering.helm import semver
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.requests import Request
from kgate.repository import Repository
from kgate.urls import shown_url
from kgate.values import dataclass

_TOOLS = ("helm", "kustomize", "directory", "plugin")
_SURE = {
    "helm": ("releaseName", "valueFiles", "parameters", "fileParameters", "values", "valuesObject", "skipCrds"),
    "kustomize": ("namePrefix", "nameSuffix", "images", "replicas", "commonLabels", "commonAnnotations", "patches"),
    "directory": ("recurse", "include", "exclude"),
}
"""Fields that make every version of Argo CD take a tool. It drops a mapping that holds none of the fields that it asks
about, which are not all, and which the API server leaves of it."""


@dataclass(frozen=True, slots=True)
class ApplicationScope:
    """What Applications are planned with: this repository, the environment, and what was fetched from elsewhere."""

    repository: Repository
    environment: Environment
    fetched: Fetched


def plan_application(application: ObjectFields, scope: ApplicationScope, requested_by: str) -> Iterator[Request]:
    """What an Application deploys, also by an operation that it starts when it is created; what it deploys from
    elsewhere and was not fetched is unjudged."""
    spec = application.section("spec")
    sources = sources_of(spec)
    if not sources:
        spec.fault("the Application has neither spec.source nor spec.sources, so what it deploys cannot be judged")
    deployment = Deployment(
        repository=scope.repository,
        fetched=scope.fetched,
        name=application.section("metadata").argument("name"),
        namespace=spec.section("destination").argument("namespace") or "default",
        project=spec.text("project"),
        requested_by=requested_by,
        references={f"${source.text('ref')}": source for source in sources if source.text("ref")},
        plugins=scope.environment.plugins,
    )
    operation = application.section("operation").section("sync")
    if operation.body.get("manifests"):
        message = f"{operation.name('manifests')} are applied in place of what its source holds"
        operation.unjudged(message, "manifests", part="when it is created", command="")
    for source in (*sources, *sources_of(operation)):
        yield from _plan_source(source, deployment)


def delivery(application: ObjectFields, scope: ApplicationScope) -> Delivery:
    """Where what an Application deploys goes."""
    destination = application.section("spec").section("destination")
    return clusters.delivery(application.resource, destination, scope.environment.clusters or ())


def sources_of(spec: ObjectFields) -> list[ObjectFields]:
    """The sources of an Application: the dry source before ``sources`` before ``source``, as Argo CD has it."""
    hydrator = spec.section("sourceHydrator")
    if hydrator.body.get("drySource") is not None:
        return [hydrator.section("drySource")]
    several = list(spec.sections("sources"))
    if several or spec.body.get("source") is None:
        return several
    return [spec.section("source")]


def _plan_source(source: ObjectFields, deployment: Deployment) -> Iterator[Request]:
    url, chart, path = source.needed("repoURL"), source.text("chart"), source.text("path")
    if not url or (not path and not chart and source.text("ref")):
        return
    if chart:
        wanted = Wanted.chart(url, chart, source.text("targetRevision"))
        what = f"chart {chart} of {shown_url(url)}"
        pulled = find(wanted, what, source, "chart", deployment.fetched)
        if pulled is not None:
            yield pulled.request(helm_release(source, pulled, deployment))
    elif not source.needed("path"):
        return
    elif not deployment.repository.is_meant(url, path):
        yield from _plan_elsewhere(source, deployment)
    else:
        note_repository(source, "repoURL", deployment.repository)
        note_revision(source, "targetRevision")
        yield from _plan_path(source, deployment)


def _plan_elsewhere(source: ObjectFields, deployment: Deployment) -> Iterator[Request]:
    """What a path of another repository holds: a chart if it is said to be one, else what its files make of it."""
    url, path, revision = (source.text(name) for name in ("repoURL", "path", "targetRevision"))
    what, revision = f"{path} of {shown_url(url)}", revision_of(revision)
    if deployment.repository.may_be_meant(url):
        source.may_deploy(deployment.repository, path, "path")
    if _is_set("helm", source.body.get("helm")):
        chart = find(Wanted.git(url, path, revision), what, source, "path", deployment.fetched)
        if chart is not None:
            yield chart.request(helm_release(source, chart, deployment))
        return
    folder = find(Wanted.files("tree", url, path, revision), what, source, "path", deployment.fetched)
    if folder is not None:

        def plan(own: ObjectFields, repository: Repository) -> Iterator[Request]:
            return _plan_path(own, replace(deployment, repository=repository))

        yield PulledTreeRequest(folder.locked, source, folder.asked, plan, deployment.requested_by)


def revision_of(text: str) -> str:
    """A revision as it is fetched: Argo CD takes a range of versions for the newest tag in it (util/git/client.go,
    ``resolveSemverRevision``)."""
    return f"{RANGE}{text}" if semver.is_range(text) else text


def _plan_path(source: ObjectFields, deployment: Deployment) -> Iterator[Request]:
    """What the path of a source holds in the repository of the deployment."""
    path = source.text("path")
    folder = source.find(deployment.repository, path, "path")
    if folder is not None and not folder.is_dir():
        source.fault(f"{source.name('path')}: '{path}' is not a folder; name the folder", "path")
    elif folder is not None:
        yield from _plan_folder(source, folder, deployment)


def _plan_folder(source: ObjectFields, folder: Path, deployment: Deployment) -> Iterator[Request]:
    names = deployment.repository.names(folder)
    for name in filter(partial(_overrides, deployment.name), names):
        source.fault(f"{name} in '{source.text('path')}' overrides this source, which kgate does not do", "path")
    tool = _tool(source, folder, names)
    if tool == "plugin":
        tool = _tool_of_plugin(source, folder, deployment)
    if tool == "helm" and "Chart.yaml" in names:
        yield ChartRequest(folder, (helm_release(source, folder, deployment),))
    elif tool == "kustomize" and detect.kustomization_name(names):
        yield kustomization(source, folder, deployment)
    elif tool in ("helm", "kustomize"):
        wanted = {"helm": "Chart.yaml", "kustomize": "kustomization file"}[tool]
        field = tool if source.body.get("plugin") is None else "plugin"
        message = f"there is no {wanted} in '{source.text('path')}', although {source.name(field)} is set"
        source.fault(message, field)
    elif tool == "directory":
        source.log.raw.extend(plan_directory(source, folder, deployment.repository))


def _tool_of_plugin(source: ObjectFields, folder: Path, deployment: Deployment) -> str:
    """The tool that does the same as a config management plugin, as the owner states; empty if that is not known, and
    so not judged what the plugin makes."""
    plugin = source.section("plugin")
    tool = deployment.plugins.get(plugin.text("name"), "")
    if not tool:
        source.log.by_plugins.append(folder)
        message = "a config management plugin makes the manifests"
        advice = "; if all it runs is kustomize or helm, name it in kgate.yaml, under argocd.plugins"
        source.unjudged(message + (advice if plugin.text("name") else ""), "plugin", command="")
        source.may_deploy(deployment.repository, deployment.repository.inner(folder), "plugin")
    elif plugin.body.get("env") or plugin.body.get("parameters"):
        source.note(f"what {plugin.name()} passes on is not used: {tool} is run without it", "plugin")
    return tool


def _overrides(application: str, name: str) -> bool:
    """True if a file changes the source of an Application; its name may also hold the namespace of the Application."""
    prefix, suffix = ".argocd-source", f"{application}.yaml"
    return name in (f"{prefix}.yaml", f"{prefix}-{suffix}") or (
        name.startswith(f"{prefix}-") and name.endswith(f"_{suffix}")
    )


def _tool(source: ObjectFields, folder: Path, names: list[str]) -> str:
    """The tool that Argo CD renders a folder with: as the source sets, else by its files; empty if unclear."""
    chosen = [tool for tool in _TOOLS if _is_set(tool, source.body.get(tool))]
    if len(chosen) > 1:
        source.fault(f"several tools are set ({', '.join(chosen)}), which Argo CD refuses: keep one", chosen[1])
        return ""
    found = _discovered(folder, names)
    if not chosen or chosen[0] in (found, "plugin"):
        return chosen[0] if chosen else found
    section = source.section(chosen[0])
    if not any(section.body.get(name) for name in _SURE[chosen[0]]):
        message = f"{section.name()} may be empty to Argo CD, which then takes {found} for '{source.text('path')}'"
        source.fault(f"{message}: remove it, or set {_SURE[chosen[0]][0]}", chosen[0])
        return ""
    return chosen[0]


def _discovered(folder: Path, names: list[str]) -> str:
    """What the files of a folder make of it, the last of which counts (util/app/discovery/discovery.go)."""
    found = "directory"
    for name in sorted(names):
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            continue
        if name.endswith("Chart.yaml"):
            found = "helm"
        elif name in detect.KUSTOMIZATION_NAMES:
            found = "kustomize"
    return found


def _is_set(tool: str, value: Json) -> bool:
    """True if a mapping sets anything; an empty one does not (ApplicationSource*.IsZero, argo.NormalizeSource), but
    for that of a plugin, and empty values are values."""
    if tool == "plugin":
        return value is not None
    if not isinstance(value, dict):
        return False
    return any(member not in (None, "", [], {}, False) or name == "valuesObject" for name, member in value.items())
