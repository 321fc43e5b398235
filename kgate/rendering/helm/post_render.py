"""Puts the kustomize patches of a release on top of what its chart rendered to, as Flux's helm-controller does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import eq

from kgate.kubernetes import manifest
from kgate.model import (
    Batch,
    Json,
    Location,
    Locator,
    Pointer,
    Problem,
    Resource,
    child_pointer,
    pointer_tokens,
    value_at,
)
from kgate.rendering import process
from kgate.rendering.helm.release import PostRenderer, Release
from kgate.rendering.jsontext import json_text
from kgate.rendering.requests import RenderContext
from kgate.rendering.tools import INSTALL_KUSTOMIZE
from kgate.values import dataclass
from kgate.yamltree.nodes import ManifestError, compose

_LONGEST_MESSAGE = 600
_Key = tuple[str, str, str, str]


def post_render(batch: Batch, releases: Sequence[Release], context: RenderContext) -> Batch:
    """The batch with the objects of each release as its post-renderers leave them. What cannot be changed stays as it
    is, with a Problem. Raises CancelledError and DeadlineError."""
    for release in releases:
        for renderer in release.post_renderers:
            own = [one for one in batch.resources if _is_of(one, release)]
            others = tuple(one for one in batch.resources if not _is_of(one, release))
            found = _changed(own, renderer, context) if own else Batch()
            problems = (*batch.problems, *found.problems)
            batch = replace(batch, resources=(*others, *found.resources), problems=problems)
    return batch


def _is_of(resource: Resource, release: Release) -> bool:
    made = resource.rendering
    return made is not None and (made.variant, made.requested_by) == (release.variant, release.requested_by)


def _changed(resources: Sequence[Resource], renderer: PostRenderer, context: RenderContext) -> Batch:
    """The objects with the patches and images of a post-renderer, in their order; those that got another kind, name or
    namespace at the end."""
    place = renderer.place("", "", "")
    tool = context.tools.kustomize
    try:
        text = _built(resources, renderer, context)
        roots = [root.value for root in compose(text)]
    except (_BuildError, ManifestError, OSError) as error:
        name = tool.name if tool is not None else "kustomize"
        message = f"{name} cannot put it on what the chart renders to, so what is judged is not what is installed"
        problem = Problem(place.path, place.start.line, f"{message}: {error}")
        return Batch(resources=tuple(resources), problems=(problem,))
    bodies = {_key(body): body for body in roots if isinstance(body, dict)}
    kept = [_with_body(one, bodies[_key(one.body)], renderer) for one in resources if _key(one.body) in bodies]
    known = {_key(one.body) for one in resources}
    before = [one for one in resources if _key(one.body) not in bodies] or resources
    others = [_renamed(before, body, renderer) for key, body in bodies.items() if key not in known]
    return manifest.gathered([Batch(resources=tuple(kept)), *others])


def _renamed(before: Sequence[Resource], body: Mapping[str, Json], renderer: PostRenderer) -> Batch:
    """What an object holds that has the kind, the name or the namespace of none before: it was made of one of these."""
    key = _key(body)
    nearest = max(before, key=lambda one: sum(map(eq, _key(one.body), key)))
    place = renderer.place(key[1], key[3], "")
    found = manifest.read(place.path, json_text(body).encode())
    locator = _Patched(nearest, body, renderer)
    resources = (
        replace(nearest, id=one.id, body=one.body, pointer=one.pointer, locator=locator) for one in found.resources
    )
    problems = (replace(one, line=place.start.line) for one in found.problems)
    return replace(found, resources=tuple(resources), problems=tuple(problems))


class _BuildError(Exception):
    """What kustomize said, in one line."""


def _built(resources: Sequence[Resource], renderer: PostRenderer, context: RenderContext) -> str:
    """What kustomize prints. Raises _BuildError, OSError, CancelledError and DeadlineError."""
    tool = context.tools.kustomize
    if tool is None:
        raise _BuildError(f"there is neither kustomize nor kubectl; {INSTALL_KUSTOMIZE}")
    folder = context.workspace.folder()
    rendered = "\n---\n".join(json_text(one.body) for one in resources)
    (folder / "rendered.yaml").write_text(rendered, encoding="utf-8")
    content = {"resources": ["rendered.yaml"], **renderer.body}
    (folder / "kustomization.yaml").write_text(json_text(content), encoding="utf-8")
    verb = "kustomize" if tool.name == "kubectl" else "build"
    outcome = process.run([os.fspath(tool.path), verb, folder], folder, context.options.limits())
    if outcome.exceeded:
        raise _BuildError(f"it {outcome.exceeded}")
    if outcome.code:
        lines = outcome.error_text.replace(f"{folder}/", "").replace(os.fspath(folder), ".").splitlines()
        raise _BuildError(" ".join(lines[-1:]).removeprefix("error: ")[:_LONGEST_MESSAGE])
    return outcome.stdout.decode("utf-8", "replace")


def _key(body: Mapping[str, Json]) -> _Key:
    metadata = body.get("metadata")
    own = metadata if isinstance(metadata, Mapping) else {}
    parts = (body.get("apiVersion"), body.get("kind"), own.get("namespace"), own.get("name"))
    version, kind, namespace, name = (str(part or "") for part in parts)
    return version, kind, namespace, name


def _with_body(resource: Resource, body: Mapping[str, Json], renderer: PostRenderer) -> Resource:
    if body == resource.body:
        return resource
    return replace(resource, body=body, pointer="", locator=_Patched(resource, body, renderer))


@dataclass(frozen=True, slots=True)
class _Patched(Locator):
    """Locates a field in the chart if that has the same, else in the post-renderer."""

    before: Resource
    body: Mapping[str, Json]
    renderer: PostRenderer

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field, or of its nearest parent where it is absent."""
        tokens = pointer_tokens(pointer)
        while _at(self.body, tokens) is _ABSENT:
            tokens = tokens[:-1]
        if not tokens or _at(self.before.body, tokens) == _at(self.body, tokens):
            return self.before.locate(child_pointer("", *tokens)).at(pointer)
        place = self.renderer.place(str(self.body.get("kind")), _key(self.body)[3], tokens[-1])
        return replace(place, pointer=pointer, is_approximate=True)

    def line(self, path: str, number: int) -> str:
        """A line of the chart."""
        return self.before.locator.line(path, number)

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field; that of the chart with its null fields, if that is the same without."""
        before = self.before
        is_same = value_at(before.body, pointer) == value_at(self.body, pointer)
        return before.locator.with_nulls(before.pointer + pointer) if is_same else value_at(self.body, pointer)


_ABSENT = object()


def _at(body: Json, tokens: Sequence[str]) -> object:
    for token in tokens:
        if isinstance(body, Mapping) and token in body:
            body = body[token]
        elif isinstance(body, list) and token.isdigit() and int(token) < len(body):
            body = body[int(token)]
        else:
            return _ABSENT
    return body
