"""Builds kustomizations in a private copy, and keeps track of where every field comes from."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.model import Batch, Location, Note, Pointer, Problem, Rendering
from kgate.rendering import process
from kgate.rendering.detect import KUSTOMIZATION_NAMES
from kgate.rendering.kustomize import (
    graph,
    helm_wrapper,
    kustomization,
    locate,
    marks,
    overlay,
    selectors,
    substitution,
)
from kgate.rendering.kustomize.build_input import BuildInput
from kgate.rendering.kustomize.candidates import Mark, SourceTree
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.kustomization import HelmChart, Kustomization, KustomizationError, OptionLike
from kgate.rendering.requests import RenderOptions, advice
from kgate.rendering.sandbox import Reach
from kgate.rendering.tools import INSTALL_HELM, INSTALL_KUSTOMIZE, Tool
from kgate.rendering.workspace import CopyError, Workspace
from kgate.repository import UntrustedFolders
from kgate.urls import shown_url
from kgate.yamltree.text import SourceText, decode

_LONGEST_MESSAGE = 800
_LONGEST_OPTION = 60
_GIT_PROTOCOLS = "https:http:ssh:git"
_GARBAGE_PERCENT = "800"
"""How much the heap of a build may grow before Go looks for garbage. Most builds end before it does, which saves a
third of their processor time; the memory limit below keeps large ones from growing more than they used to."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One request with everything that it is built with."""

    request: BuildInput
    workspace: Workspace
    options: RenderOptions
    folder: Path
    helm: Tool | None

    def shown(self, path: Path) -> str:
        """A path as reports show it; the repository itself is a dot."""
        return self.workspace.repository.shown(path)

    @property
    def title(self) -> Path:
        """The file at which problems of the whole are told: the kustomization file, or the folder without one."""
        return kustomization.find(self.folder) or self.folder

    def problem(self, message: str, line: int | None = None) -> Problem:
        """A problem of the whole."""
        return Problem(self.shown(self.title), line, message)


def render(
    request: BuildInput,
    workspace: Workspace,
    tool: Tool | None,
    options: RenderOptions,
    helm: Tool | None = None,
) -> Batch:
    """What a kustomization builds to, with the places of all fields in its sources.

    What cannot be built is a Problem. Nothing is fetched unless ``options.allow_remote`` says so, and nothing
    outside of the repository is read. Raises process.CancelledError.
    """
    folder = Path(os.path.realpath(request.folder))
    job = _Job(request, workspace, options, folder, helm)
    try:
        given = _generated(job)
        starts = (*_components(job), folder)  # in the order in which they apply
        reached = graph.follow(starts, workspace.repository, given)
    except KustomizationError as error:
        return _failed([Problem(job.shown(error.path), error.line, str(error))])
    problems = [*reached.problems, *_obstacles(job, reached)]
    if tool is None and not problems:
        problems.append(job.problem(f"is not built, as there is neither kustomize nor kubectl; {INSTALL_KUSTOMIZE}"))
    if problems or tool is None:
        return _failed(problems, len(reached.files))
    try:
        return _build(job, tool, reached)
    except KustomizationError as error:  # what a GitOps object puts on top of it
        return _failed([job.problem(str(error))])
    except CopyError as error:
        return _failed([Problem(job.shown(error.path), None, f"{error}; so what uses it is not judged")])
    except OSError as error:
        return _failed([job.problem(f"cannot be built: {error.strerror or error}")])


def _failed(problems: Iterable[Problem], files: int = 1) -> Batch:
    return Batch(problems=tuple(sorted(set(problems))), files=files)


def _generated(job: _Job) -> dict[Path, Kustomization]:
    """The kustomization that a folder without one gets, as Flux makes it."""
    if not os.path.isdir(job.folder):
        raise KustomizationError(job.folder, None, "no such folder; check the path that names it")
    if not job.folder.is_relative_to(job.workspace.root):
        raise KustomizationError(job.folder, None, "lies outside of the repository, so it is not built")
    if kustomization.find(job.folder) is not None:
        return {}
    members = overlay.autodetect(job.folder)
    if not members:
        raise KustomizationError(job.folder, None, "holds neither a kustomization nor manifests to build")
    text = overlay.dump({"resources": members})
    path = job.folder / KUSTOMIZATION_NAMES[0]
    return {job.folder: kustomization.parse(job.folder, path, text, job.workspace.repository)}


def _components(job: _Job) -> tuple[Path, ...]:
    """The folders of the components among the additions. Raises KustomizationError for what must not be built."""
    unknown = sorted(job.request.additions.keys() - overlay.FIELDS)
    if unknown:
        what = f"{', '.join(unknown)} put on top of it by {job.request.requested_by or 'its request'}"
        raise KustomizationError(
            job.title, None, f"is not built with {what}: kgate does not know how; build it yourself"
        )
    return overlay.component_folders(job.request, job.folder, job.workspace.repository)


# -------------------------------------------------------------------------------- before anything runs


def _obstacles(job: _Job, reached: Graph) -> Iterator[Problem]:
    """What keeps a kustomization from being built offline, or from being built at all."""
    for node in reached.nodes:
        for remote in () if job.options.allow_remote else node.remotes:
            yield Problem(job.shown(node.path), remote.line, _remote_message(remote.text, job.shown(job.folder)))
        for option in node.option_likes:
            yield Problem(job.shown(node.path), option.line, _option_message(option))
        for chart in node.charts if not node.option_likes else ():
            message = _chart_message(job, chart)
            if message:
                yield Problem(job.shown(node.path), chart.line, message)
    for text in overlay.remote_components(job.request) if not job.options.allow_remote else ():
        yield job.problem(_remote_message(text, job.shown(job.folder)))


def _selector_faults(job: _Job, nodes: Sequence[Kustomization], top: Sequence[Kustomization]) -> Iterator[Problem]:
    """The selectors of patches that nobody can match; those of ``top`` stand in no file of the repository."""
    for node in (*nodes, *top):
        for patch in node.patches:
            for line, fault in selectors.faults(patch.target) if patch.target is not None else ():
                yield Problem(job.shown(node.path), line, fault) if node in nodes else job.problem(fault)


def _remote_message(text: str, shown: str) -> str:
    return f"remote base {shown_url(text)} is not fetched, so {shown} is not judged; pass --allow-remote, or vendor it"


def _option_message(option: OptionLike) -> str:
    text = option.text if len(option.text) <= _LONGEST_OPTION else f"{option.text[:_LONGEST_OPTION]}…"
    return f"{option.field}: '{text}' starts with '-', which helm takes for an option, so what it builds is not judged"


def _chart_message(job: _Job, chart: HelmChart) -> str:
    if chart.folder is None:
        return f"chart {chart.name} is not in the repository and is not fetched, so it is not judged; vendor it"
    if not Path(os.path.realpath(chart.folder)).is_relative_to(job.workspace.root):
        return f"chart {chart.name} leads out of the repository, so it is not judged"
    if job.helm is None:
        return f"chart {chart.name} is not rendered, as there is no helm; {INSTALL_HELM}"
    return ""


# ------------------------------------------------------------------------------------------ building


def _build(job: _Job, tool: Tool, reached: Graph) -> Batch:
    """Both builds: the clean one is judged, the marked one tells places."""
    copy = Copy.make(job.workspace, job.folder, reached)
    top = overlay.write(job.request, copy, job.workspace, is_component=_is_component(job, reached))
    faults = tuple(_selector_faults(job, reached.nodes, top.nodes))
    if faults:
        return _failed(faults, len(reached.files))
    reached = replace(reached, nodes=(*reached.nodes, *top.nodes))
    command = _command(job, tool, copy)
    with ThreadPoolExecutor(max_workers=1) as pool:
        clean = pool.submit(_run, job, command, top.target, copy.clean)
        written = _mark(copy, reached)
        overlay.edit_marked(copy)
        origins = overlay.ask_for_origins(copy, top.target)
        marked = _run(job, command, origins, copy.marked)
        outcome = clean.result()
    if outcome.code or outcome.exceeded:
        return _failed([_failure(job, tool, outcome, copy, reached)], len(reached.files))
    tree = SourceTree(reached, _reader(job, copy, top.texts), written)
    return _read(job, copy, tree, outcome, marked)


def _is_component(job: _Job, reached: Graph) -> bool:
    return any(node.folder == job.folder and node.is_component for node in reached.nodes)


@dataclass(frozen=True, slots=True)
class _Command:
    """What is run to build; ``programs`` are those that it may start, ``environment`` what it gets besides."""

    line: tuple[str, ...]
    programs: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def _command(job: _Job, tool: Tool, copy: Copy) -> _Command:
    """The command for both copies; helm in it renders charts of these copies only."""
    memory = {"GOGC": _GARBAGE_PERCENT, "GOMEMLIMIT": str(job.options.memory // 2)}
    verb = "kustomize" if tool.name == "kubectl" else "build"
    command = _Command((os.fspath(tool.path), verb), environment=memory)
    if job.options.allow_remote:
        folders = UntrustedFolders.around((job.workspace.root,)).others_of(os.environ.get("PATH", ""))
        git = {"PATH": os.pathsep.join(map(str, folders)), "GIT_ALLOW_PROTOCOL": _GIT_PROTOCOLS}
        command = replace(command, programs=folders, environment=memory | git)
    if copy.has_charts and job.helm is not None:
        helm = (*process.death_signal(), os.fspath(job.helm.path))
        wrapper = helm_wrapper.write(job.workspace.folder(), copy.clean.parent, helm)
        line = (*command.line, "--enable-helm", "--helm-command", os.fspath(wrapper))
        command = replace(command, line=line, programs=(*command.programs, wrapper, job.helm.path))
    return command


def _run(job: _Job, command: _Command, target: Path, home: Path) -> process.Outcome:
    return process.run(
        [*command.line, target],
        home,
        job.options.limits(),
        Reach(programs=command.programs),
        environment=command.environment,
        with_network=job.options.allow_remote,
    )


def _mark(copy: Copy, reached: Graph) -> list[Mark] | None:
    """Puts marks into the second copy; None if the sources hold the letters of marks."""
    texts = {file: text for file in copy.files if (text := copy.text(file)) is not None}
    if any(not text.isascii() and marks.has_letters(text) for text in texts.values()):
        return None
    names = (item.value.get("name") for node in reached.nodes for item in node.items("images") if item.fields)
    overrides = Counter(str(name) for name in names)
    used_otherwise = {link.real for link in reached.links if link.is_configuration}
    configuring = {node.path for node in reached.nodes if node.folder in reached.configuring}
    written: list[Mark] = []
    nodes = {node.path: node for node in reached.nodes if node.path not in configuring}
    for file in sorted(texts):
        if file in nodes:
            copy.write(file, _marked_kustomization(file, texts[file], nodes[file], overrides, written))
        elif file in _tainted_files(reached) and file not in used_otherwise:
            points = marks.wanted(texts[file], overrides)
            copy.write(file, marks.put(texts[file], points, len(written)))
            written += [Mark(file, point.start) for point in points]
    return written


_TAINTED = ("resources", "bases", "patches", "patchesStrategicMerge", "patchesJson6902")


def _tainted_files(reached: Graph) -> set[Path]:
    """The files that hold resources and patches."""
    nodes = (node for node in reached.nodes if node.folder not in reached.configuring)
    return {link.real for node in nodes for link in node.links if link.key in _TAINTED and not link.is_folder}


def _marked_kustomization(
    file: Path, text: str, node: Kustomization, overrides: Counter[str], written: list[Mark]
) -> str:
    """A kustomization file with marks in its own values and in the patches that it holds."""
    found = [(point, Mark(file, point.start)) for point in _own_points(text, node, overrides)]
    for patch in marks.inline_patches(text, node.root):
        for point in marks.wanted(text[patch.begin : patch.end], overrides):
            moved = marks.Point(point.start + patch.begin, point.end + patch.begin)
            found.append((moved, Mark(file, moved.start, patch)))
    found.sort(key=lambda pair: pair[0].start)
    first = len(written)
    written += [mark for _, mark in found]
    return marks.put(text, [point for point, _ in found], first)


def _own_points(text: str, node: Kustomization, overrides: Counter[str]) -> list[marks.Point]:
    return marks.kustomization_points(text, node.root, lambda name: overrides[name] == 1)


# ------------------------------------------------------------------------------------- what came out


def _read(job: _Job, copy: Copy, tree: SourceTree, clean: process.Outcome, marked: process.Outcome) -> Batch:
    """The objects of the clean build, with the marked one as the witness of their places."""
    problems: list[Problem] = []
    output = clean.stdout.decode("utf-8", "replace")
    documents = locate.documents(output)
    marked_documents: tuple[str, ...] = ()
    if not marked.code and not marked.exceeded:
        marked_documents = locate.documents(marked.stdout.decode("utf-8", "replace"))
    if job.request.substitutions is not None:
        is_kept = [substitution.is_switched_off(document) for document in documents]
        documents, faults = _substituted(documents, is_kept, job.request.substitutions)
        problems += [job.problem(f"{fault}, so it stays as it is") for fault in faults]
        marked_documents, _ = _substituted(marked_documents, is_kept, job.request.substitutions)
    has_marks = len(documents) == len(marked_documents) and tree.marks is not None
    shown = job.shown(job.title)
    build = locate.Build(tree, job.folder, shown, marked_documents if has_marks else (), copy.source_of)
    contents = locate.read("\n---\n".join(documents), build, job.options.asked_kinds)
    rendering = Rendering("kustomize", job.shown(job.folder), job.request.variant, job.request.requested_by)
    resources = tuple(replace(resource, rendering=rendering) for resource in contents.resources)
    notes = () if has_marks else (Note(shown, None, "the lines of what it builds are approximate"),)
    return replace(
        contents,
        resources=resources,
        problems=tuple(sorted({*contents.problems, *problems})),
        notes=notes,
        files=sum(file not in copy.places and file not in copy.given for file in copy.files),
    )


def _substituted(
    documents: Sequence[str], is_kept: Sequence[bool], values: Mapping[str, str]
) -> tuple[tuple[str, ...], list[str]]:
    """The documents with variables replaced, but for those that are kept, and what could not be."""
    found, faults = list(documents), []
    room = substitution.MAX_LENGTH
    for index, document in enumerate(documents):
        if index >= len(is_kept) or is_kept[index]:
            continue
        try:
            found[index] = substitution.substitute(document, values, room)
            room -= len(found[index])
        except substitution.SubstitutionError as error:
            faults.append(str(error))
    return tuple(found), faults


class _GeneratedText(SourceText):
    """A kustomization that kgate made for a folder without one: its places are the folder."""

    def location(self, start: int, end: int, pointer: Pointer) -> Location:  # noqa: ARG002
        """The folder."""
        return replace(super().location(0, 0, pointer), snippet="", is_approximate=True)


def _reader(job: _Job, copy: Copy, texts: Mapping[Path, SourceText]) -> overlay.Reader:
    """What gives the text of a source file with the path that reports show, for as long as the scan lasts."""

    repository = job.workspace.repository

    def read(file: Path) -> SourceText:
        if file in texts:
            return texts[file]
        if file in copy.given:
            return _GeneratedText(job.shown(file.parent), copy.given[file])
        text = ""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = decode(repository.read_bytes(file, manifest.MAX_FILE_BYTES))
        return SourceText(job.shown(file), text)

    return read


def _failure(job: _Job, tool: Tool, outcome: process.Outcome, copy: Copy, reached: Graph) -> Problem:
    """Why there is no build, in the words of the tool, with paths of the repository."""
    shown = job.shown(job.folder)
    if outcome.exceeded:
        return job.problem(f"the build {outcome.exceeded}, so it is not judged; {advice(outcome.bound)}")
    lines = [line for line in outcome.error_text.splitlines() if not line.startswith(("# Warning", "Warning:"))]
    text = _cleaned(" ".join("\n".join(lines[-3:]).split()), copy)
    text = text.removeprefix("error: ").removeprefix("Error: ")
    text = text if len(text) <= _LONGEST_MESSAGE else "… " + text[-_LONGEST_MESSAGE:].lstrip()
    if _is_component(job, reached):
        return job.problem(f"is a component that does not build alone: {text}; scan the overlay that includes it")
    verb = "kubectl kustomize" if tool.name == "kubectl" else "kustomize build"
    return job.problem(f"{tool.name} cannot build it, so it is not judged: {text}; try it with: {verb} {shown}")


def _cleaned(text: str, copy: Copy) -> str:
    """A message without the paths of the private copy."""
    for tree in (copy.clean, copy.marked):
        text = text.replace(f"{tree}/tree/", "").replace(f"{tree}/tree", ".").replace(f"{tree}/", "")
    return _PATH.sub(_without_private_path, text)


_PATH = re.compile(r"[\w./-]+")


def _without_private_path(found: re.Match[str]) -> str:
    """What looks like a path, cut off where it leads into a private folder."""
    before, slash, rest = found[0].partition("/")
    is_private = slash and "kgate-" in rest and before[-1:] in ("", "-")
    return f"{before}…" if is_private else found[0]
