"""Finds the workloads that renderings use and do not put out, which are judged as they are written: whoever applies
the files without that rendering runs them."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.kubernetes import manifest
from kgate.kubernetes.podspec import CONTAINER_LISTS, mapping
from kgate.kubernetes.workload import find_workload
from kgate.lifetime import Lifetime
from kgate.model import Batch, Json, Location, Note, Pointer, Position, Workload, child_pointer, value_at
from kgate.rendering.kustomize.graph import Kustomizations
from kgate.rendering.kustomize.kustomization import KustomizationError
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import Request
from kgate.repository import Repository, SearchError
from kgate.sources.files import ClaimedFile, SourceFile
from kgate.sources.texts import Texts, peek
from kgate.values import dataclass
from kgate.yamltree import spelling

if TYPE_CHECKING:
    from kgate.rendering.kustomize.kustomization import Kustomization, Link

_API_VERSION = re.compile("apiVersion")
_IMAGE = re.compile("image")
_START, _END = Position(1, 1), Position(sys.maxsize, 1)
_IMAGE_FIELD = "/image"
"""The end of pointers whose place is not sure: an image without a tag is found by its text."""

_MOST_NAMED = 5
"""Workloads that one note names."""

RESOURCES = ("resources", "bases")
DATA = ("files", "envs", "env")
PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")
_WITH_LABELS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController")


@dataclass(frozen=True, slots=True)
class Output:
    """What a request rendered to: kinds and names of its workloads. ``is_whole`` is False if something went wrong,
    which is a Problem; what is only not judged may be accepted, and so does not count. ``is_judged`` is False where
    nothing came out and something is not judged. ``silent`` are the templates that put out nothing."""

    request: Request
    workloads: frozenset[tuple[str, str]]
    is_whole: bool
    is_judged: bool
    silent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Outline:
    """Which workload a manifest writes: the file, where the object begins, and where the next one does. ``is_complete``
    is True for what the API server would take as it is."""

    kind: str
    name: str
    path: str
    start: Position
    end: Position
    is_complete: bool

    def holds(self, place: Location) -> bool:
        """True if a place is in the object."""
        return place.path == self.path and self.start <= place.start < self.end


@dataclass(frozen=True, slots=True)
class _Written:
    """A workload as a manifest writes it."""

    workload: Workload
    outline: _Outline


@dataclass(frozen=True, slots=True)
class _PatchFile:
    """The documents of a file of patches that the API server would also take as they are."""

    path: Path
    workloads: tuple[_Written, ...]


class Outputs:
    """The workloads that renderings put out, by the places in the sources where they begin, and by their names."""

    def __init__(self, claims: Mapping[Path, ClaimedFile], repository: Repository, lifetime: Lifetime) -> None:
        self._claims = claims
        self._repository = repository
        self._lifetime = lifetime
        self._places: dict[tuple[str, str], list[Position]] = {}
        self._outputs: list[Output] = []
        self._files: dict[int, frozenset[Path]] = {}

    def add(self, request: Request, batch: Batch) -> None:
        """Adds what a request rendered to. Its places must still be known. Raises DeadlineError."""
        workloads = [one for one in map(find_workload, batch.resources) if one is not None]
        names = frozenset((one.resource.id.kind, one.resource.id.name) for one in workloads)
        is_whole, is_judged = not batch.problems, bool(batch.resources or not batch.unjudged)
        silent = frozenset(batch.silent)
        self._outputs.append(Output(request, names, is_whole=is_whole, is_judged=is_whole and is_judged, silent=silent))
        if request.place.kind == "kustomization":
            for one in workloads:
                for place in _places(one):
                    insort(self._places.setdefault((place.path, one.resource.id.kind), []), place.start)
            self._add_patches(workloads, self._used(len(self._outputs) - 1) if self._patch_files else ())

    def _add_patches(self, workloads: Sequence[Workload], used: Collection[Path]) -> None:
        """Adds the patches, in files that a rendering uses, that gave something to its workloads."""
        patches = (patch for file in self._patch_files if file.path in used for patch in file.workloads)
        for patch in patches:
            self._lifetime.check()
            if any(_gives(patch, workload) for workload in workloads):
                here = patch.outline
                insort(self._places.setdefault((here.path, here.kind), []), here.start)

    @cached_property
    def _patch_files(self) -> Sequence[_PatchFile]:
        """Those with any such document."""
        claims = (claim for claim in self._claims.values() if find_link(claim, PATCHES) is not None)
        texts = Texts.of(self._repository)
        files = (claim.file for claim in claims if texts.ask(claim.file.path, _may_hold_image))
        files = (file for file in files if any(one.is_complete for one in _outlines(file, texts)))
        return [
            _PatchFile(file.path, tuple(one for one in _written(file) if one.outline.is_complete)) for file in files
        ]

    def hold(self, outline: _Outline) -> bool:
        """True if a workload of a manifest is in what was rendered."""
        found = self._places.get((outline.path, outline.kind), ())
        nearest = bisect_left(found, outline.start)
        return nearest < len(found) and found[nearest] < outline.end

    @cached_property
    def by_file(self) -> Mapping[Path, Sequence[Output]]:
        """What was rendered with the help of each file."""
        found: dict[Path, list[Output]] = {}
        for index, output in enumerate(self._outputs):
            for path in self._used(index):
                found.setdefault(path, []).append(output)
        return found

    def of(self, path: Path) -> Iterator[Output]:
        """What was rendered with the help of a file."""
        return (output for index, output in enumerate(self._outputs) if path in self._used(index))

    def of_chart(self, chart: Path) -> Iterator[Output]:
        """What was rendered of a chart, or of one that holds it."""
        places = ((output, output.request.place) for output in self._outputs)
        return (output for output, place in places if place.kind == "chart" and chart.is_relative_to(place.path))

    def _used(self, index: int) -> frozenset[Path]:
        if index not in self._files:
            self._files[index] = frozenset(files_of(self._outputs[index].request, self._repository))
        return self._files[index]


def _written(file: SourceFile) -> Iterator[_Written]:
    """The workloads of a file."""
    return _written_in(peek(file.path), file.shown)


def _outlines(file: SourceFile, texts: Texts) -> tuple[_Outline, ...]:
    """Which workloads a file holds."""
    return texts.ask(file.path, _outlines_in, file.shown) if texts.ask(file.path, _may_hold_object) else ()


def _may_hold_object(text: str) -> bool:
    return spelling.may_hold(text, _API_VERSION)


def _may_hold_image(text: str) -> bool:
    return spelling.may_hold(text, _IMAGE)


def _outlines_in(text: str, path: str) -> tuple[_Outline, ...]:
    return tuple(one.outline for one in _written_in(text, path))


def _written_in(text: str, path: str) -> Iterator[_Written]:
    """The workloads of a manifest."""
    last: tuple[Workload | None, Position] = None, _START
    for resource in (resource for batch in manifest.stream(path, text.encode()) for resource in batch.resources):
        start = resource.locate("").start
        workload, begin = last
        if workload is not None:
            yield _Written(workload, _outline(workload, path, begin, start))
        last = find_workload(resource), start
    workload, begin = last
    if workload is not None:
        yield _Written(workload, _outline(workload, path, begin, _END))


def _outline(workload: Workload, path: str, start: Position, end: Position) -> _Outline:
    who = workload.resource.id
    return _Outline(who.kind, who.name, path, start, end, _is_complete(workload))


def _places(workload: Workload) -> Iterator[Location]:
    """Where a rendered object begins: at its kind, which patches only repeat. Where that is not known for sure (a name
    with variables of Flux), also where its containers are from."""
    resource = workload.resource
    place = resource.locate("/kind")
    yield place
    if place.is_approximate:
        containers = (one for pod in workload.pods for one in pod.containers)
        fields = (field for one in containers for field in _scalars(mapping(one.body), one.pointer))
        found = (resource.locate(field) for field in fields if not field.endswith(_IMAGE_FIELD))
        yield from (place for place in found if not place.is_approximate)


def _gives(patch: _Written, workload: Workload) -> bool:
    """True if a field of a rendered workload, of the same kind as a patch, is surely where the patch is.

    An image says so only of a patch that has nothing else.
    """
    if patch.outline.kind != workload.resource.id.kind:
        return False
    fields = [*_patched_fields(patch.workload, workload)]
    telling = [pointer for pointer in fields if not pointer.endswith(_IMAGE_FIELD)] or fields
    places = map(workload.resource.locate, telling)
    return any(patch.outline.holds(place) and not place.is_approximate for place in places)


def _patched_fields(patch: Workload, workload: Workload) -> Iterator[Pointer]:
    """The fields of a workload that a patch with these pods may have written: those of pods, and of containers with the
    same names."""
    for written, pod in zip(patch.pods, workload.pods, strict=False):
        spec = mapping(written.spec)
        yield from _scalars({key: spec[key] for key in spec.keys() - set(CONTAINER_LISTS)}, pod.pointer)
        own = {(one.list, one.name): one for one in pod.containers}
        for container in written.containers:
            if found := own.get((container.list, container.name)):
                yield from _scalars({**mapping(container.body), "name": {}}, found.pointer)


def _scalars(body: Mapping[str, Json], pointer: Pointer) -> Iterator[Pointer]:
    """The fields below a mapping that hold a scalar, but for those in lists."""
    pending: list[tuple[Json, Pointer]] = [(body, pointer)]
    while pending:
        value, here = pending.pop()
        if isinstance(value, Mapping):
            pending += ((below, child_pointer(here, key)) for key, below in value.items())
        elif not isinstance(value, list):
            yield here


def files_of(request: Request, repository: Repository) -> Iterator[Path]:
    """Every file that decides what a request renders to, those of its further places among them; none where they cannot
    be found, which is reported when it is rendered."""
    kustomizations = Kustomizations.of(repository)
    try:
        yield from request.files(repository)
        places = (request.place, *request.parts(repository))
    except SearchError:
        return
    for folder in kustomizations.reached(place.path for place in places if place.kind == "kustomization"):
        with suppress(KustomizationError):
            kustomization = kustomizations.read(folder)
            yield from (kustomization.path, *kustomization.files)


@dataclass(frozen=True, slots=True)
class Manifests:
    """The manifests that are not judged as they are written: those with a ``claim``, those that a GitOps object changes
    (``covered``), and those that its deployer leaves out, with what leaves them out."""

    claims: Mapping[Path, ClaimedFile]
    covered: Sequence[SourceFile]
    left_out: Mapping[Path, str]
    pending: Sequence[Request]


class Unrendered:
    """The workloads of these manifests that are in no output."""

    def __init__(self, manifests: Manifests, outputs: Outputs, repository: Repository, lifetime: Lifetime) -> None:
        self._manifests = manifests
        self._outputs = outputs
        self._repository = repository
        self._lifetime = lifetime

    def find(self) -> Iterator[tuple[SourceFile, Batch]]:
        """Yields each file that holds some, and these with a note that says why they are judged as they are written.
        Raises DeadlineError."""
        found = {path: claim.file for path, claim in self._manifests.claims.items()}
        found |= {file.path: file for file in self._manifests.covered}
        texts = Texts.of(self._repository)
        for file in sorted(found.values(), key=lambda file: file.shown):
            self._lifetime.check()
            outlines = _outlines(file, texts)
            left = [one for one in outlines if not self._outputs.hold(one) and self._is_left(file, one)]
            if left and not self._is_in_doubt(file.path):
                yield file, self._batch(file, [one.workload for one in _written(file) if one.outline in left])

    def _is_in_doubt(self, path: Path) -> bool:
        """True if something that uses a file was not rendered whole, which is a Problem already."""
        if any(not output.is_whole for output in self._outputs.of(path)):
            return True
        return path in self._pending

    @cached_property
    def _pending(self) -> frozenset[Path]:
        return frozenset(path for request in self._manifests.pending for path in files_of(request, self._repository))

    def _is_left(self, file: SourceFile, outline: _Outline) -> bool:
        """True unless a workload that is in no output means nothing by itself, as most patches do, or is the text of
        what its chart renders."""
        claim = self._manifests.claims.get(file.path)
        if claim is None or find_link(claim, RESOURCES) is not None:
            return True
        charts = self._outputs.of_chart(claim.reader) if claim.reader is not None else ()
        return outline.is_complete and not any((outline.kind, outline.name) in one.workloads for one in charts)

    def _batch(self, file: SourceFile, workloads: Sequence[Workload]) -> Batch:
        resources = tuple(workload.resource for workload in workloads)
        names = list(dict.fromkeys(str(resource.id) for resource in resources))
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        verb = "is judged as it is" if len(names) == 1 else "are judged as they are"
        message = f"{', '.join(names[:_MOST_NAMED])}{more} {verb} written: {self._why(file)}"
        note = Note(file.shown, resources[0].locate("").start.line, message)
        return Batch(resources=resources, notes=(note,), path=file.shown)

    def _why(self, file: SourceFile) -> str:
        """What keeps a file out of all that is rendered."""
        claim = self._manifests.claims.get(file.path)
        if claim is None:
            return self._why_of_deployer(file.path)
        if claim.reader is not None:
            return f"the chart {self._repository.shown(claim.reader)} only reads the file"
        if place := self._place(claim, RESOURCES):
            is_unjudged = any(not output.is_judged for output in self._outputs.of(file.path))
            more = ", as far as that is judged" if is_unjudged else ""
            return f"nothing that is built with {place} contains it{more}"
        if place := self._place(claim, PATCHES):
            return f"{place} names it as a patch, which patches nothing"
        if place := self._place(claim, DATA):
            return f"{place} only makes data of the file"
        return f"{self._place(claim)} only configures kustomize with the file"

    def _why_of_deployer(self, path: Path) -> str:
        if path in self._manifests.left_out:
            return f"it is {self._manifests.left_out[path]}, and others may apply it"
        requests = (output.request for output in self._outputs.of(path))
        users = (one.requested_by for one in requests if isinstance(one, KustomizationRequest))
        return f"what {next(users, 'its deployer')} builds does not contain it"

    def _place(self, claim: ClaimedFile, keys: Collection[str] = ()) -> str:
        return entry_of(claim, keys, self._repository)


def entry_of(claim: ClaimedFile, keys: Collection[str], repository: Repository) -> str:
    """The place of the first entry of a kustomization that names a file under one of these keys, or under any if there
    are none; empty if none does."""
    found = find_link(claim, keys)
    if found is None:
        return ""
    user, link = found
    return f"{repository.shown(user.path)}:{user.source.position(link.offset).line}"


def find_link(claim: ClaimedFile, keys: Collection[str]) -> tuple[Kustomization, Link] | None:
    """The first entry that names a file under one of some keys; under any if there are none."""
    return next((pair for pair in claim.links if not keys or pair[1].key in keys), None)


def _is_complete(workload: Workload) -> bool:
    """True for what the API server would take as it is, unlike most patches: it has a name and what selects its pods,
    and all of its containers have an image."""
    who, containers = workload.resource.id, [one for pod in workload.pods for one in pod.containers]
    if not who.name or not containers or not workload.is_whole:
        return False
    if who.kind in _WITH_LABELS and not all(pod.metadata.get("labels") for pod in workload.pods):
        return False
    if who.api_version == "apps/v1" and not value_at(workload.resource.body, "/spec/selector"):
        return False
    return all(isinstance(one.body, dict) and one.body.get("image") for one in containers)
