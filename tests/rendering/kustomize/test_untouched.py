"""untouched.py: what needs no marked build has the place that a marked build shows; what is in doubt needs one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kgate.lifetime import CancelledError, Lifetime
from kgate.model import Note, Resource, pointer_tokens
from kgate.rendering.kustomize.locate import BuiltDocument
from kgate.rendering.kustomize.nodes import descend
from kgate.rendering.kustomize.render import Kustomizer
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import RenderOptions
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from tests.real_tools import kustomize_tool
from tests.rendering.kustomize.test_kustomize import BASE, OPERATIONS, ROWS, STRATEGIC, based, pointers, write

POD = "/spec/template/spec"
APP = f"{POD}/containers/0"


def request(root: Path, folder: str, files: Mapping[str, str], **more: Any) -> KustomizationRequest:
    write(root, files)
    return KustomizationRequest(root / folder, **more)


def places(resources: tuple[Resource, ...]) -> Iterator[tuple[str, str | None, str]]:
    """Each field, its place without marks if there is one, and the place that marks show."""
    for resource in resources:
        document = resource.locator
        assert isinstance(document, BuiltDocument)
        for pointer in pointers(resource.body):
            tokens = pointer_tokens(resource.pointer + pointer)
            node = descend(document._root, tokens)
            assert node is not None
            plain = document.without_marks(tokens, pointer)
            marked = document.with_marks(tokens, node, pointer).location
            shown = f"{marked}{'?' if marked.is_approximate else ''}"
            yield f"{resource.id} {pointer}", None if plain is None else str(plain.location), shown


SHIFT = '[{"op": "remove", "path": "/spec/template/spec/containers/0/args/0"}]'
DELETE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: app, $patch: delete}]}}}
"""
TWO = BASE.replace("      volumes:", "        - {name: other, image: b:1}\n      volumes:")
ARGUMENTS = BASE.replace("          ports:", "          args: [a, a, b]\n          ports:")
REPEATED = STRATEGIC.replace("privileged: false", "privileged: true")
TREES = [pytest.param(row.folder, row.files, id=name) for name, row in ROWS.items()]
TREES += [
    pytest.param(
        "overlay",
        {
            **based(f"patches: [{{target: {{kind: Deployment}}, patch: '{SHIFT}'}}]\n"),
            "base/web.yaml": ARGUMENTS,
        },
        id="a JSON patch that moves items",
    ),
    pytest.param(
        "overlay",
        {**based("patches: [{path: patch.yaml}]\n", patch=DELETE), "base/web.yaml": TWO},
        id="a directive that deletes an item",
    ),
    pytest.param(
        "base",
        {**based(""), "base/web.yaml": BASE.replace("replicas: 1", "replicas: &n 1\n  minReadySeconds: *n")},
        id="an alias",
    ),
    pytest.param(
        "overlay", based("patches: [{path: patch.yaml}]\n", patch=REPEATED), id="a patch that repeats what is there"
    ),
    pytest.param(
        "overlay",
        {**based(""), "base/web.yaml": f"{BASE}---\n{BASE.replace('apps/v1', 'example.org/v1')}"},
        id="objects of one name and two groups",
    ),
    pytest.param(
        "overlay",
        based("patches: [{path: patch.yaml, target: {kind: Deployment}}]\n", patch=OPERATIONS),
        id="a JSON patch",
    ),
]


@pytest.mark.parametrize(("folder", "files"), TREES)
def test_a_place_without_marks_is_the_one_that_marks_show(folder: str, files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to("base")
    asked = request(tmp_path, folder, files)
    with Workspace(Repository.at(tmp_path)) as workspace:
        contents = Kustomizer(workspace, RenderOptions(), set()).render(asked, kustomize_tool())
        assert not contents.problems
        found = list(places(contents.resources))
    assert found
    assert [row for row in found if row[1] is not None and row[1] != row[2]] == []


def test_a_base_needs_no_marked_build(tmp_path: Path) -> None:
    asked = request(tmp_path, "overlay", based("patches: [{path: patch.yaml}]\n", patch=STRATEGIC))
    notes: set[Note] = set()
    with Workspace(Repository.at(tmp_path)) as workspace:
        kustomizer = Kustomizer(workspace, RenderOptions(), notes)
        (web,) = kustomizer.render(asked, kustomize_tool()).resources
    for pointer, place in {
        "": "base/web.yaml:1:1",
        "/metadata/name": "base/web.yaml:4:3",
        f"{APP}/image": "base/web.yaml:16:11",
        f"{APP}/securityContext/runAsUser": "base/web.yaml:21:13",
        f"{POD}/hostNetwork": "base/web.yaml:12:5",
    }.items():
        found = web.locate(pointer)
        assert (str(found), found.is_approximate) == (place, False)
    assert not notes


def test_a_place_that_needs_marks_is_approximate_once_the_copy_is_gone(tmp_path: Path) -> None:
    asked = request(tmp_path, "overlay", based("patches: [{path: patch.yaml}]\n", patch=STRATEGIC))
    notes: set[Note] = set()
    with Workspace(Repository.at(tmp_path)) as workspace:
        kustomizer = Kustomizer(workspace, RenderOptions(), notes)
        early, late = (kustomizer.render(asked, kustomize_tool()).resources[0] for _ in range(2))
        place = early.locate(f"{APP}/securityContext/privileged")
    assert (str(place), place.is_approximate) == ("overlay/patch.yaml:11:13", False)
    assert early.locate(f"{POD}/containers/1/image").is_approximate is False
    assert late.locate(f"{APP}/securityContext/privileged").is_approximate
    assert [note.message for note in notes] == ["the lines of what it builds are approximate"]


def test_once_the_scan_is_given_up_no_marked_build_starts(tmp_path: Path) -> None:
    asked = request(tmp_path, "overlay", based("patches: [{path: patch.yaml}]\n", patch=STRATEGIC))
    lifetime, notes = Lifetime(), set[Note]()
    with Workspace(Repository.at(tmp_path)) as workspace:
        kustomizer = Kustomizer(workspace, RenderOptions(lifetime=lifetime), notes)
        (web,) = kustomizer.render(asked, kustomize_tool()).resources
        lifetime.cancel()
        assert str(web.locate("/metadata/name")) == "base/web.yaml:4:3"
        for _ in range(2):
            with pytest.raises(CancelledError):
                web.locate(f"{APP}/securityContext/privileged")
    assert not notes


DOUBTS = [
    pytest.param({"namePrefix": "a-"}, id="a prefix"),
    pytest.param({"vars": []}, id="variables"),
    pytest.param({"replacements": []}, id="replacements"),
    pytest.param(
        {"patches": [{"target": {"kind": "X"}, "patch": '[{"op": "replace", "path": "/kind", "value": "Y"}]'}]},
        id="a patch of a kind",
    ),
    pytest.param(
        {"patches": [{"target": {"kind": "X"}, "patch": '[{"op": "copy", "path": "/a", "from": "/b"}]'}]}, id="a copy"
    ),
    pytest.param(
        {"patches": [{"target": {"kind": "X"}, "patch": '[{"op": "remove", "path": "/b"}]', "options": {}}]},
        id="options",
    ),
]


@pytest.mark.parametrize("fields", DOUBTS)
def test_where_objects_may_change_their_names_every_place_needs_marks(fields: dict[str, Any], tmp_path: Path) -> None:
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items())
    asked = request(tmp_path, "overlay", based(lines))
    with Workspace(Repository.at(tmp_path)) as workspace:
        contents = Kustomizer(workspace, RenderOptions(), set()).render(asked, kustomize_tool())
        assert not contents.problems
        assert [row for row in places(contents.resources) if row[1] is not None] == []
