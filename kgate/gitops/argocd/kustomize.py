"""What an Argo CD source puts on top of a kustomization (argo-cd, util/kustomize/kustomize.go)."""

from __future__ import annotations

from pathlib import Path

from kgate.gitops.additions import Additions, image_entry, patch_entry
from kgate.gitops.argocd.build_environment import Deployment
from kgate.gitops.fields import ObjectFields
from kgate.model import child_pointer, list_index
from kgate.rendering.kustomize.requests import KustomizationRequest

_PATCH = ("path", "patch", "target", "options")


def kustomization(source: ObjectFields, folder: Path, deployment: Deployment) -> KustomizationRequest:
    """The build that a source with a kustomization of this repository asks for."""
    fields = source.section("kustomize")
    additions = Additions()
    for name in ("namePrefix", "nameSuffix", "namespace"):
        additions.put(name, fields.text(name), child_pointer(fields.pointer, name))
    for index, image in fields.texts("images"):
        entry = image_entry(deployment.expand(image, source))
        additions.append("images", entry, child_pointer(fields.pointer, "images", index))
    _add_replicas(fields, additions)
    _add_labels(fields, additions, source, deployment)
    _add_patches(fields, additions, folder, deployment)
    _add_components(fields, additions, folder, deployment)
    return KustomizationRequest(
        folder,
        additions.body,
        additions.locator(fields.resource),
        variant=f"application {deployment.name}",
        requested_by=deployment.requested_by,
    )


def _add_replicas(fields: ObjectFields, additions: Additions) -> None:
    for replica in fields.sections("replicas"):
        count = replica.body.get("count")
        if isinstance(count, str):
            count = list_index(count)
        if isinstance(count, bool) or not isinstance(count, int):
            replica.fault(f"{replica.name('count')} must be a whole number", "count")
        elif name := replica.needed("name"):
            additions.append("replicas", {"name": name, "count": count}, replica.pointer)


def _add_labels(fields: ObjectFields, additions: Additions, source: ObjectFields, deployment: Deployment) -> None:
    labels = {key: deployment.expand(value, source) for key, value in fields.strings("commonLabels").items()}
    where = child_pointer(fields.pointer, "commonLabels")
    if labels and fields.flag("labelWithoutSelector"):
        entry = {"pairs": labels, "includeSelectors": False, "includeTemplates": fields.flag("labelIncludeTemplates")}
        additions.append("labels", entry, where)
        additions.places["/labels/0/pairs"] = where
    else:
        additions.put("commonLabels", labels, where)
    annotations = fields.strings("commonAnnotations")
    if fields.flag("commonAnnotationsEnvsubst"):
        annotations = {key: deployment.expand(value, source) for key, value in annotations.items()}
    additions.put("commonAnnotations", annotations, child_pointer(fields.pointer, "commonAnnotations"))


def _add_patches(fields: ObjectFields, additions: Additions, folder: Path, deployment: Deployment) -> None:
    for patch in fields.sections("patches"):
        path = patch.text("path")
        if not path or patch.find(deployment.repository, path, "path", base=folder):
            additions.append("patches", patch_entry(patch.body, _PATCH), patch.pointer)


def _add_components(fields: ObjectFields, additions: Additions, folder: Path, deployment: Deployment) -> None:
    """Adds the components that exist; a URL is left to the build, which reports that it is not fetched."""
    repository = deployment.repository
    for index, path in fields.texts("components"):
        where = child_pointer(fields.pointer, "components", index)
        if "://" in path or path.startswith("git@"):
            additions.append("components", path, where)
        elif fields.flag("ignoreMissingComponents") and not repository.has(f"{repository.inner(folder)}/{path}"):
            continue
        elif fields.find(repository, path, "components", index, base=folder):
            additions.append("components", path, where)
