"""The kustomizations that kgate itself writes into a copy: fields edited, origins asked for, folders listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path

from kgate.model import Json, Location, Pointer, Position, child_pointer
from kgate.regexp import decodable
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.jsontext import json_text
from kgate.rendering.kustomize import edits, kustomization
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.kustomization import Kustomization, KustomizationError
from kgate.rendering.kustomize.nodes import ways
from kgate.rendering.kustomize.parsed import compose_first
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from kgate.values import dataclass
from kgate.yamltree.text import SourceText, decode

Reader = Callable[[Path], SourceText]
"""Gives the text of a source file with the path that reports show."""

_NAME = KUSTOMIZATION_NAMES[0]
_PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")
FIELDS = frozenset((*_PATCHES, "namePrefix", "nameSuffix", "namespace", "commonLabels", "commonAnnotations", "labels"))
_METADATA, _CHANGES = "commonMetadata", "changes"
FIELDS |= {"images", "replicas", "components", _METADATA}
"""What may be put into a kustomization, and the metadata that is set after its build (``patch`` and ``target``)."""

_EXTENSIONS = (".yaml", ".yml", ".json")
FLUX_IGNORES = {".travis.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml", ".gitlab-ci.yml", ".goreleaser.yml"}
FLUX_IGNORES |= {"codeship-services.yml", "codeship-steps.yml", ".sops.yaml", ".flux.yaml"}
FLUX_IGNORES |= {".github", ".circleci", ".git"}


@dataclass(frozen=True, slots=True)
class Top:
    """What is built in the clean copy; ``nodes`` are the kustomizations that kgate wrote for the additions, and
    ``texts`` what gives places in them and in their patches."""

    target: Path
    nodes: tuple[Kustomization, ...] = ()
    texts: Mapping[Path, SourceText] = field(default_factory=dict, hash=False)


def dump(content: Mapping[str, Json]) -> str:
    """A kustomization file with this content."""
    return json_text({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **content}, indent=1)


def autodetect(folder: Path) -> list[str]:
    """The members of a folder that Flux lists in the kustomization that it makes: all manifests below, and the
    folders that have a kustomization, which it does not enter (`kustomize create --autodetect --recursive`)."""
    found: list[str] = []
    for current, folders, files in os.walk(folder):
        here = Path(current)
        relative = here.relative_to(folder)
        if here != folder and kustomization.find(here) is not None:
            found.append(relative.as_posix())
            folders.clear()
            continue
        folders[:] = [name for name in folders if name not in FLUX_IGNORES]
        names = (name for name in files if name.endswith(_EXTENSIONS) and name not in FLUX_IGNORES)
        found += [(relative / name).as_posix() for name in names]
    return sorted(found)


def component_folders(request: BuildInput, folder: Path, repository: Repository) -> tuple[Path, ...]:
    """The local components that the additions name, relative to the folder. Raises KustomizationError."""
    title = kustomization.find(folder) or folder
    texts = [text for text in _components(request) if not _is_remote(text)]
    places = [Path(os.path.normpath(folder / text)) for text in texts]
    if not all(map(kustomization.is_path, texts)):
        raise KustomizationError(title, None, "a component put on top of it is not a path")
    if not all(map(repository.reaches, places)):
        raise KustomizationError(title, None, "a component put on top of it leads out of the repository")
    return tuple(Path(os.path.realpath(place)) for place in places)


def remote_components(request: BuildInput) -> tuple[str, ...]:
    """The components among the additions that kustomize would fetch."""
    return tuple(text for text in _components(request) if _is_remote(text))


def _components(request: BuildInput) -> list[str]:
    found = request.additions.get("components")
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _is_remote(text: str) -> bool:
    return kustomization.is_remote(text, may_be_folder=True, is_file=False, exists=False)


def write(request: BuildInput, copy: Copy, workspace: Workspace, *, is_component: bool) -> Top:
    """Puts the additions into the kustomization of the clean copy; ``edit_marked`` does the same in the marked one.
    A component, and what gets metadata after its build, is built by a kustomization around it."""
    target = copy.place(copy.clean, copy.folder)
    texts: dict[Path, SourceText] = {}
    nodes = []
    if request.additions.keys() - {_METADATA}:
        nodes.append(_changes(request, copy, texts))
        _take_patches(nodes[0], copy, workspace)
        _edit(copy, copy.clean)
    if is_component or _METADATA in request.additions:
        folder = copy.clean / "around"
        nodes.append(_around(request, copy, folder, texts, is_component=is_component))
        target = folder
    return Top(target, tuple(nodes), texts)


def edit_marked(copy: Copy) -> None:
    """Puts the additions, which carry marks by now, into the kustomization of the marked copy."""
    if (copy.marked / _CHANGES).is_dir():
        _edit(copy, copy.marked)


def _changes(request: BuildInput, copy: Copy, texts: dict[Path, SourceText]) -> Kustomization:
    """The additions as a kustomization of their own, which is not built: it is there to be marked and located."""
    folder = copy.clean / _CHANGES
    content = {key: value for key, value in request.additions.items() if key != _METADATA}
    content |= dict(_patches_as_files(request, copy, folder, texts))
    path, text = folder / _NAME, json_text(content, indent=1)
    copy.add(path, text)
    texts[path] = _OverlayText(text, request)
    changes = kustomization.parse(copy.folder, path, text, copy.repository, own=copy.clean)
    for fault in changes.faults:
        raise KustomizationError(path, None, fault.message)
    return changes


def _take_patches(changes: Kustomization, copy: Copy, workspace: Workspace) -> None:
    """Copies the files of the repository that patches name, where kustomize takes them: below the folder."""
    for link in changes.links:
        is_new = link.lexical not in copy.places and link.real not in copy.files
        if not link.is_folder and is_new and link.lexical == link.real and link.real.is_relative_to(copy.folder):
            copy.take(workspace, link.real)


def _edit(copy: Copy, tree: Path) -> None:
    """Puts the additions of a copy into its kustomization."""
    path = kustomization.find(copy.place(tree, copy.folder))
    assert path is not None
    text = decode(path.read_bytes())
    root = compose_first(text)
    changes = compose_first((tree / _CHANGES / _NAME).read_text(encoding="utf-8"))
    assert root is not None
    assert changes is not None
    additions = dict(changes.value)
    for key in _PATCHES:
        if isinstance(additions.get(key), list):
            additions[key] = [_inlined(entry, copy, tree) for entry in additions[key]]
    if tree == copy.clean:
        copy.originals[copy.folder / path.name] = text
    path.write_text(json_text(edits.edited(root.value, additions), indent=1), encoding="utf-8")


def _inlined(entry: Json, copy: Copy, tree: Path) -> Json:
    """The entry of a patch with the text that kgate has written into a file."""
    if not isinstance(entry, str | dict):
        return entry
    path = Path(entry if isinstance(entry, str) else str(entry.get("path") or ""))
    if not path.is_relative_to(copy.clean / _CHANGES):
        return entry
    text = (tree / path.relative_to(copy.clean)).read_text(encoding="utf-8")
    return text if isinstance(entry, str) else {**{k: v for k, v in entry.items() if k != "path"}, "patch": text}


def _around(
    request: BuildInput, copy: Copy, folder: Path, texts: dict[Path, SourceText], *, is_component: bool
) -> Kustomization:
    """The kustomization that includes the one asked for, and sets the metadata that Flux sets after the build."""
    below = os.path.relpath(copy.place(copy.clean, copy.folder), folder)
    content: dict[str, Json] = {"components" if is_component else "resources": [below]}
    metadata = request.additions.get(_METADATA)
    if isinstance(metadata, dict):
        path = folder / "metadata.yaml"
        texts[path] = _OverlayText(json_text(metadata["patch"], indent=1), request, child_pointer("", _METADATA))
        copy.add(path, texts[path].text)
        content["patches"] = [{"target": metadata["target"], "path": path.name}]
    path, text = folder / _NAME, dump(content)
    copy.add(path, text)
    texts[path] = _OverlayText(text, request, child_pointer("", _METADATA))
    return kustomization.parse(folder, path, text, Repository(copy.clean))


def _patches_as_files(
    request: BuildInput, copy: Copy, folder: Path, texts: dict[Path, SourceText]
) -> Iterator[tuple[str, Json]]:
    """The patches among the additions, each in a file of its own so that it can carry marks."""
    for key in _PATCHES:
        entries = request.additions.get(key)
        found: list[Json] = []
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            is_selecting = isinstance(entry, dict) and key != "patchesStrategicMerge"
            patch = entry.get("patch") if is_selecting else entry
            if patch is None:
                found.append(entry)
                continue
            path = folder / f"{key}-{index}.yaml"
            pointer = child_pointer("", key, index, *(("patch",) if is_selecting else ()))
            texts[path] = _patch_text(copy.repository, patch, request, pointer)
            copy.add(path, texts[path].text)
            rest = {name: value for name, value in entry.items() if name != "patch"} if is_selecting else {}
            found.append({**rest, "path": os.fspath(path)} if is_selecting else os.fspath(path))
        if found:
            yield key, found


def _patch_text(repository: Repository, patch: Json, request: BuildInput, addition: Pointer) -> SourceText:
    """A patch among the additions, which is a text or, as Flux has it too, an object."""
    if isinstance(patch, str):
        return _PatchText(repository, decodable(patch), request, addition)
    return _OverlayText(json_text(patch, indent=1), request, addition)


def ask_for_origins(copy: Copy, target: Path) -> Path:
    """Writes the kustomization that has the marked copy built with the origin of each object; gives its folder."""
    folder = copy.marked / "around-marked"
    folder.mkdir()
    below = os.path.relpath(copy.marked / target.relative_to(copy.clean), folder)
    content = {"buildMetadata": ["originAnnotations", "transformerAnnotations"], "resources": [below]}
    (folder / _NAME).write_text(dump(content), encoding="utf-8")
    return folder


class _OverlayText(SourceText):
    """The kustomization of the additions: its places are those of the object that asks for them, where they
    are at ``addition``."""

    def __init__(self, text: str, request: BuildInput, addition: Pointer = "") -> None:
        super().__init__(".", text)
        self._addition = addition
        self._request = request

    def location(self, start: int, end: int, pointer: Pointer) -> Location:
        """The place of the addition at an offset."""
        root = compose_first(self.text)
        tokens = ways(root).get(start) if root is not None else None
        return self.requested(child_pointer(self._addition, *(tokens or ())), start, end, pointer)

    def requested(self, addition: Pointer, start: int, end: int, pointer: Pointer) -> Location:
        """The place of an addition, approximate where nobody knows it."""
        if self._request.locate is None:
            return replace(super().location(start, end, pointer), is_approximate=True)
        return replace(self._request.locate(addition), pointer=pointer)


class _PatchText(_OverlayText):
    """A patch among the additions."""

    def __init__(self, repository: Repository, text: str, request: BuildInput, addition: Pointer) -> None:
        super().__init__(text, request, addition)
        self._repository = repository

    def location(self, start: int, end: int, pointer: Pointer) -> Location:
        """The line of the patch if it is a block below its key; else the key."""
        key = self.requested(self._addition, start, end, pointer)
        inner = SourceText(key.path, self.text).location(start, end, pointer)
        line = key.start.line + inner.start.line
        shift = _indentation(self._repository, key.path, line, inner.snippet)
        if shift is None:
            return replace(key, is_approximate=True)
        begin = Position(line, inner.start.column + shift)
        snippet = " " * shift + inner.snippet
        return replace(inner, start=begin, end=Position(line, inner.end.column + shift), snippet=snippet)


def _indentation(repository: Repository, file: str, line: int, text: str) -> int | None:
    """By how much a line of a file is further in than a text; None if it is not that text."""
    try:
        lines = repository.read_bytes(repository.root / file).decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    found = lines[line - 1].rstrip() if line <= len(lines) else ""
    return len(found) - len(text) if found.endswith(text) and not found[: len(found) - len(text)].strip() else None
