"""Builds kustomizations in a private copy, and finds where every field comes from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from kgate.elsewhere.fetched import Fetched
from kgate.kubernetes import manifest
from kgate.model import (
    Batch,
    Location,
    Note,
    Pointer,
    Problem,
    Remark,
    Rendering,
    Resource,
    Unknown,
    problems_of,
    unjudged_of,
)
from kgate.rendering import placeholders
from kgate.rendering.archive import ArchiveError
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.kustomize import (
    bases,
    graph,
    ksops,
    kustomization,
    locate,
    marked,
    obstacles,
    overlay,
    remote_data,
    substitution,
)
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.kustomize.candidates import MarkedScalars, SourceTree
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.job import Job
from kgate.rendering.kustomize.kustomization import Kustomization, KustomizationError
from kgate.rendering.kustomize.marked import MarkedBuild, MarkedOutput
from kgate.rendering.kustomize.parsed import Parsed
from kgate.rendering.kustomize.run import Failure, Runner
from kgate.rendering.kustomize.substitution import Variables
from kgate.rendering.kustomize.untouched import Untouched
from kgate.rendering.requests import RenderOptions
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import CopyError, Workspace
from kgate.values import dataclass
from kgate.yamltree.text import SourceText, decode

_APPROXIMATE = "the lines of what it builds are approximate"


class Kustomizer:
    """Builds kustomizations in a workspace. ``late_notes`` gets a note for each whose build with marks was needed and
    failed, which is known only once a place is asked for."""

    def __init__(
        self, workspace: Workspace, options: RenderOptions, late_notes: set[Note], fetched: Fetched | None = None
    ) -> None:
        self._fetched = fetched or Fetched()
        self._workspace = workspace
        self._options = options
        self._late_notes = late_notes

    def render(self, request: BuildInput, tool: Tool | None, helm: Tool | None = None) -> Batch:
        """What a kustomization builds to, with the places of all fields in its sources.

        What cannot be built is a Problem. Nothing is fetched unless the options say so, and nothing outside of the
        repository is read. Places that need a build with marks are there as long as the workspace is, and are
        approximate afterwards; those asked for before stay as they are. Raises CancelledError and DeadlineError, as
        does asking for a place.
        """
        folder = Path(os.path.realpath(request.folder))
        parsed = self._workspace.repository.shared(Parsed, Parsed)
        job = Job(request, folder, self._workspace, self._options, tool, helm, parsed, self._fetched)
        try:
            reached = _follow(job)
            staged = bases.stage(job, reached, _follow)
        except KustomizationError as error:
            return _failed([Problem(job.shown(error.path), error.line, str(error))])
        except (CopyError, ArchiveError, OSError) as error:
            return _failed([job.problem(f"what was fetched for it cannot be put beside it: {error}")])
        if staged is None:
            return self._built(job, reached)
        return staged.foreign.batch(self._built(staged.job, staged.reached))

    def _built(self, job: Job, reached: Graph) -> Batch:
        remarks = [*reached.problems, *obstacles.find(job, reached)]
        if remarks or job.tool is None:
            return _alone(job, reached, _failed(remarks, len(reached.files)))
        try:
            return _alone(job, reached, _Building(job, job.tool, reached, self._late_notes).batch())
        except KustomizationError as error:  # in what a GitOps object adds to it
            return _failed([job.problem(str(error))])
        except CopyError as error:
            return _failed([Problem(job.shown(error.path), None, f"{error}; so what uses it is not judged")])
        except OSError as error:
            return _failed([job.problem(f"cannot be built: {error.strerror or error}")])


def render(
    request: BuildInput,
    workspace: Workspace,
    tool: Tool | None,
    options: RenderOptions,
    helm: Tool | None = None,
) -> Batch:
    """What one kustomization builds to (Kustomizer.render)."""
    return Kustomizer(workspace, options, set()).render(request, tool, helm)


def _failed(remarks: Sequence[Remark], files: int = 1) -> Batch:
    return Batch(problems=problems_of(remarks), unjudged=unjudged_of(remarks), files=files)


def _alone(job: Job, reached: Graph, batch: Batch) -> Batch:
    """A batch, unless it is that of a component which nothing asks for and which does not build alone, as most do not:
    then its resources as they are written. It is judged where it is included."""
    node = next((node for node in reached.nodes if node.folder == job.folder), None)
    why = next((remark.message for remark in (*batch.problems, *batch.unjudged)), None)
    if why is None or node is None or not node.is_component or job.request.requested_by:
        return batch
    repository = job.workspace.repository
    own = sorted({link.real for link in reached.links if link.key == "resources" and not link.is_folder})
    written = [manifest.read(job.shown(file), repository.bytes_if_any(file), job.options.asked_kinds) for file in own]
    note = Note(job.shown(node.path), None, f"is a component, which is judged where it is included; alone, {why}")
    rendering = Rendering("kustomize", job.shown(job.folder))
    return Batch(
        resources=tuple(replace(one, rendering=rendering) for part in written for one in part.resources),
        problems=tuple(problem for part in written for problem in part.problems),
        notes=(note,),
        files=batch.files,
    )


def _follow(job: Job) -> Graph:
    """All that a job reads. Raises KustomizationError."""
    given = _generated(job)
    starts = (*_components(job), job.folder)  # in the order in which they apply
    return graph.follow(starts, job.workspace.repository, given)


def _generated(job: Job) -> dict[Path, Kustomization]:
    """The kustomization that a folder without one gets, as Flux makes it. Raises KustomizationError."""
    if not os.path.isdir(job.folder):
        raise KustomizationError(job.folder, None, "no such folder; check the path that names it")
    if not job.folder.is_relative_to(job.workspace.root):
        raise KustomizationError(job.folder, None, "lies outside of the repository, so it is not built")
    if kustomization.find(job.folder) is not None:
        return {}
    members = [name for name in overlay.autodetect(job.folder) if job.folder / name not in job.request.without]
    if not members:
        raise KustomizationError(job.folder, None, "holds neither a kustomization nor manifests to build")
    text = overlay.dump({"resources": members})
    path = job.folder / KUSTOMIZATION_NAMES[0]
    return {job.folder: kustomization.parse(job.folder, path, text, job.workspace.repository)}


def _components(job: Job) -> tuple[Path, ...]:
    """The folders of the components among the additions. Raises KustomizationError for what must not be built."""
    unknown = sorted(job.request.additions.keys() - overlay.FIELDS)
    if unknown:
        what = f"{', '.join(unknown)} put on top of it by {job.request.requested_by or 'its request'}"
        raise KustomizationError(
            job.title, None, f"is not built with {what}: kgate does not know how; build it yourself"
        )
    return overlay.component_folders(job.request, job.folder, job.workspace.repository)


class _Building:
    """One kustomization that can be built: the clean build is judged, a build with marks shows places."""

    def __init__(self, job: Job, tool: Tool, reached: Graph, notes: set[Note]) -> None:
        self._job = job
        self._tool = tool
        self._notes = notes
        self._reached = reached
        self._is_component = any(node.folder == job.folder and node.is_component for node in reached.nodes)
        charts = {chart.place: chart for node in reached.nodes for chart in node.charts}
        pulled = {place: content for place, chart in charts.items() if (content := job.pulled(chart)) is not None}
        self._copy = Copy.make(job.workspace, job.folder, reached, pulled)
        self._left_out = () if job.options.allow_remote else tuple(self._leave_out_remote_data())
        self._decrypted = tuple(ksops.leave_out(job, self._copy, reached.nodes))
        self._top = overlay.write(job.request, self._copy, job.workspace, is_component=self._is_component)
        self._runner = Runner(job, tool, self._copy)
        self._tree = SourceTree(replace(reached, nodes=(*reached.nodes, *self._top.nodes)), self._source, job.parsed)

    def _leave_out_remote_data(self) -> Iterator[Note]:
        return remote_data.leave_out(self._job, self._copy, self._reached.nodes)

    def batch(self) -> Batch:
        """The objects of the build, or why there are none. Raises OSError."""
        faults = tuple(obstacles.selector_faults(self._job, self._reached.nodes, self._top.nodes))
        if faults:
            return _failed(faults, len(self._reached.files))
        output = self._runner.build(self._top.target, self._copy.clean)
        if isinstance(output, Failure):
            return _failed([self._problem(output)], len(self._reached.files))
        return self._read(locate.documents(output))

    def _problem(self, failure: Failure) -> Problem:
        job = self._job
        if failure.exceeded:
            return job.problem(f"the build {failure.exceeded}, so it is not judged; {failure.advice}")
        if self._is_component:
            return job.problem(f"it does not build: {failure.text}")
        verb = "kubectl kustomize" if self._tool.name == "kubectl" else "kustomize build"
        message = f"{self._tool.name} cannot build it, so it is not judged: {failure.text}"
        return job.problem(f"{message}; try it with: {verb} {job.shown(job.folder)}")

    def _read(self, documents: tuple[str, ...]) -> Batch:
        job = self._job
        substituted = _Substituted.of(documents, job.request.variables)
        build = self._located(substituted)
        contents = locate.read("\n---\n".join(substituted.documents), build, job.options.asked_kinds)
        rendering = Rendering("kustomize", job.shown(job.folder), job.request.variant, job.request.requested_by)
        problems = (job.problem(f"{fault}, so it stays as it is") for fault in substituted.faults)
        files = (file for file in self._copy.files if file not in self._copy.places and file not in self._copy.given)
        resources = tuple(substituted.marked(replace(one, rendering=rendering)) for one in contents.resources)
        refused = (Note(job.shown(job.title), None, text) for text in substituted.refusals)
        return replace(
            contents,
            resources=resources,
            problems=tuple(sorted(map(substituted.concealing, {*contents.problems, *problems}))),
            notes=(
                *(() if build.marked is not None else (self._note,)),
                *self._left_out,
                *self._decrypted,
                *refused,
            ),
            files=sum(1 for _ in files),
        )

    @property
    def _note(self) -> Note:
        return Note(self._job.shown(self._job.title), None, _APPROXIMATE)

    def _located(self, substituted: _Substituted) -> locate.Build:
        job = self._job
        untouched = build = None
        if marked.is_possible(marked.texts(self._copy)):
            untouched = Untouched(self._tree, job.folder, has_variables=job.request.variables is not None)
            build = MarkedBuild(lambda: self._build_marked(substituted))
        shown = job.shown(job.title)
        return locate.Build(self._tree, job.folder, shown, self._copy.source_of, untouched, build)

    def _build_marked(self, substituted: _Substituted) -> MarkedOutput:
        """The build with marks; without output if it fails, as it does when the workspace is gone.

        Raises CancelledError and DeadlineError, also when it is asked for again.
        """
        self._job.options.lifetime.check()
        try:
            folder, written = marked.prepare(self._copy, self._tree.graph, self._top.target, self._job.parsed)
            output = self._runner.build(folder, self._copy.marked)
        except OSError as error:
            output = Failure(str(error))
        documents = substituted.same_for(locate.documents(output)) if isinstance(output, str) else ()
        if len(documents) != len(substituted.documents):
            self._notes.add(self._note)
            return MarkedOutput()
        return MarkedOutput(documents, MarkedScalars(self._tree, written))

    def _source(self, file: Path) -> SourceText:
        """The text of a source file with the path that reports show, for as long as the scan lasts."""
        job = self._job
        if file in self._top.texts:
            return self._top.texts[file]
        if file in self._copy.given:
            return _GeneratedText(job, file.parent, self._copy.given[file])
        if file in job.originals:
            return SourceText(job.shown(file), job.originals[file])
        text = ""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = decode(job.workspace.repository.read_bytes(file, manifest.MAX_FILE_BYTES))
        return SourceText(job.shown(file), text)


@dataclass(frozen=True, slots=True)
class _Substituted:
    """The documents of a build with their variables replaced, as Flux does, and what could not be. ``unknown`` holds
    the variables whose expressions stay, ``missing`` those among them that have no value, and ``unreadable`` what is
    wrong with an expression."""

    documents: tuple[str, ...]
    faults: tuple[str, ...] = ()
    unknown: Mapping[str, Unknown] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    unreadable: tuple[str, ...] = ()
    variables: Variables | None = None
    is_kept: tuple[bool, ...] = ()

    @classmethod
    def of(cls, documents: tuple[str, ...], variables: Variables | None) -> _Substituted:
        """The documents with these variables; as they are if there is no such step."""
        if variables is None:
            return cls(documents)
        is_kept = tuple(substitution.is_switched_off(document) for document in documents)
        found = _replaced(documents, is_kept, variables)
        return replace(found, variables=variables, is_kept=is_kept)

    def same_for(self, documents: tuple[str, ...]) -> tuple[str, ...]:
        """Other documents with the same values in the same of them."""
        return documents if self.variables is None else _replaced(documents, self.is_kept, self.variables).documents

    @property
    def refusals(self) -> Iterator[str]:
        """Why Flux does not apply the build, whatever else is in the cluster, with one message for each reason."""
        yield from self.unreadable
        if self.missing and self.variables is not None and not self.variables.sources:
            first, *others = names = [f"${{{name}}}" for name in sorted(self.missing)]
            reason = self.variables.why_missing("NAME" if others else first[2:-1])
            yield f"{', '.join(names)} {reason}"

    def marked(self, resource: Resource) -> Resource:
        """An object with what is unknown of it, and without what no report may show."""
        if self.variables is None:
            return resource
        body = resource.body
        is_kept = any(self.is_kept) and substitution.is_switched_off_in(body)
        unknown = placeholders.find(body, self.unknown) if self.unknown and not is_kept else {}
        found = replace(resource, unknown={**resource.unknown, **unknown}, concealed=self.variables.concealed)
        shown = replace(found.id, name=found.shown(found.id.name), namespace=found.shown(found.id.namespace))
        return replace(found, id=shown)

    def concealing(self, problem: Problem) -> Problem:
        """A problem without what no report may show."""
        for value, shown in self.variables.concealed if self.variables is not None else ():
            problem = replace(problem, message=problem.message.replace(value, shown))
        return problem


def _replaced(documents: Sequence[str], is_kept: Sequence[bool], variables: Variables) -> _Substituted:
    """The documents with variables replaced except in those that are kept, and what could not be replaced."""
    found, faults, unreadable, room = list(documents), [], [], substitution.MAX_LENGTH
    unknown: dict[str, str] = {}
    missing: set[str] = set()
    for index, document in enumerate(documents):
        if index >= len(is_kept) or is_kept[index]:
            continue
        try:
            replaced = substitution.substitute(document, variables, room)
        except substitution.ExpressionError as error:
            unreadable.append(str(error))
            unknown |= dict.fromkeys(placeholders.names(document), f"is in an object in which {error}")
        except substitution.SubstitutionError as error:
            faults.append(str(error))
        else:
            found[index] = replaced.text
            room -= replaced.letters
            missing |= replaced.missing
            unknown |= replaced.not_evaluated
    unknown |= {name: variables.why_missing(name) for name in missing}
    reasons = {name: Unknown("", reason) for name, reason in unknown.items()}
    return _Substituted(tuple(found), tuple(faults), reasons, frozenset(missing), tuple(dict.fromkeys(unreadable)))


class _GeneratedText(SourceText):
    """A kustomization that kgate made for a folder without one. Its places are the object that has it built, or else
    the first manifest of the folder, since a report shows files."""

    def __init__(self, job: Job, folder: Path, text: str) -> None:
        super().__init__(job.shown(folder), text)
        self._job = job
        self._folder = folder

    def location(self, start: int, end: int, pointer: Pointer) -> Location:  # noqa: ARG002
        """The object or file."""
        locate = self._job.request.locate
        if locate is not None:
            return replace(locate(""), pointer=pointer, is_approximate=True)
        members = [self._folder / name for name in overlay.autodetect(self._folder)]
        files = (kustomization.find(member) if member.is_dir() else member for member in members)
        path = self._job.shown(next((file for file in files if file is not None), self._folder))
        return replace(super().location(0, 0, pointer), path=path, snippet="", is_approximate=True)
