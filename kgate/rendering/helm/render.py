"""Renders Helm charts, and locates every field of what they render to in their templates and values files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from kgate.kubernetes import manifest
from kgate.model import Batch, Note, Problem, Rendering
from kgate.rendering.helm import dependencies, schema
from kgate.rendering.helm.chart import (
    ChartError,
    ChartNode,
    Metadata,
    Mount,
    Template,
    chart_nodes,
    copy_chart,
    read_templates,
    whole_file,
)
from kgate.rendering.helm.dependencies import Missing
from kgate.rendering.helm.locate import ArchivedText, ChartMap, RenderedText
from kgate.rendering.helm.marks import ALPHABETS, Alphabet, MarkedText
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.helm.run import Clones, Dump, Failure, Names, Runner, failing_templates, message, template_names
from kgate.rendering.helm.values import Layer, ReleaseValues, SetLayer, ValuesText
from kgate.rendering.requests import RenderContext
from kgate.rendering.tools import INSTALL_HELM, OLDEST_HELM, Tool
from kgate.rendering.workspace import CopyError, Workspace
from kgate.repository import Repository
from kgate.yamltree.nodes import MAX_EXPANDED_NODES
from kgate.yamltree.text import SourceText, decode

_VALUES_ADVICE = "; if it needs values, name them in kgate.yaml, under charts"
_MOST_DROPPED = 20
_MOST_ATTEMPTS = 4


def render(path: Path, releases: Sequence[Release], context: RenderContext) -> Batch:
    """What a chart renders to for each of its releases. Faults become Problems, at the chart's own files."""
    shown, helm = context.workspace.repository.shown(path), context.tools.helm
    chart_file = shown if path.is_file() else f"{shown}/Chart.yaml".removeprefix("./")
    if helm is None:
        return _failed(chart_file, f"the chart could not be rendered, so it was not judged; {INSTALL_HELM}")
    if helm.minor < OLDEST_HELM:
        found = f"the chart could not be rendered by Helm {helm.version}, so it was not judged; {INSTALL_HELM}"
        return _failed(chart_file, found)
    try:
        return _Chart(path, releases, context, helm, chart_file).render()
    except ChartError as error:
        return Batch(problems=(error.problem,), files=1)
    except OSError as error:
        return _failed(chart_file, f"the chart could not be rendered: {error.strerror}; look at --helm-bin")


def _failed(path: str, text: str) -> Batch:
    return Batch(problems=(Problem(path, None, text),), files=1)


@dataclass(slots=True)
class _Part:
    """What one release contributes."""

    resources: list[Batch] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class _Chart:
    """One chart, copied and cloned once, rendered for each release."""

    def __init__(
        self, path: Path, wanted: Sequence[Release], context: RenderContext, helm: Tool, chart_file: str
    ) -> None:
        self._path = path
        self._wanted = wanted
        self._plain = context.plain
        self._workspace = context.workspace
        self._helm = helm
        self._options = context.options
        self._chart_file = chart_file
        self._copy = copy_chart(path, context.workspace)
        self._metadata = Metadata(self._copy.folder, self._copy.mount(self._copy.folder))
        self._clones = Clones(Alphabet(ALPHABETS[0]))
        self._values_files: dict[Path, ValuesText] = {}
        self._values_left = MAX_EXPANDED_NODES
        self._stand_ins: list[Path] = []

    def render(self) -> Batch:
        """All releases."""
        self._metadata.refuse_unclear()
        if not self._metadata.name:
            return _failed(self._chart_file, "cannot be read, so the chart is not judged: it names no chart")
        if self._metadata.is_library:
            note = Note(self._chart_file, None, "library chart, judged through the charts that use it")
            return Batch(notes=(note,), files=1)
        self._missing = dependencies.vendor(self._copy)
        problems = self._build_missing() if self._missing and self._options.helm_dependency_build else []
        notes = [*self._copy.notes, *schema.remove_foreign(self._copy)]
        self._clones.write(self._templates)
        found = list(self._releases())
        contents = [part for release in found for part in release.resources]
        problems += [problem for release in found for problem in release.problems]
        return Batch(
            tuple(resource for part in contents for resource in part.resources),
            tuple(dict.fromkeys([*problems, *(p for part in contents for p in part.problems)])),
            sum(part.ignored for part in contents),
            sum(part.skipped for part in contents),
            max(1, len(self._templates)),
            tuple(notes),
        )

    def _releases(self) -> Iterator[_Part]:
        """What each release comes to, up to so many values in all: they are held until the chart is judged."""
        for release in self._wanted:
            yield self._release(release)
            if self._values_left < 0:
                return

    def _build_missing(self) -> list[Problem]:
        wanted = [item for item in self._missing if not self._is_off_for_all(item)]
        error = dependencies.build(self._copy, wanted, self._helm, self._options.limits()) if wanted else ""
        self._metadata = Metadata(self._copy.folder, self._copy.mount(self._copy.folder))
        self._missing = dependencies.find_missing(self._metadata)
        if not error:
            return []
        place = wanted[0].location
        return [Problem(place.path, place.start.line, f"helm dependency build failed: {error}")]

    def _is_off_for_all(self, item: Missing) -> bool:
        return all(self._is_off(item, release, self._top_only) for release in self._wanted)

    def _is_off(self, item: Missing, release: Release, node: ChartNode) -> bool:
        """True if values surely switch off a dependency of a chart."""
        return self._switches_off(node, release, [item.entry])

    def _switches_off(self, node: ChartNode, release: Release, entries: Sequence[dependencies.Dependency]) -> bool:
        values, metadata = self._values(release, _line_of(node)).body(), Metadata(node.folder, node.mount)
        return all(
            dependencies.is_switched_off(metadata, entry, values, is_top=node.parent is None) for entry in entries
        )

    # -------------------------------------------------------------------------------- prepared once

    @cached_property
    def _top_only(self) -> ChartNode:
        return ChartNode(self._copy.folder, self._metadata.name, (), self._copy.mount(self._copy.folder))

    @cached_property
    def _nodes(self) -> list[ChartNode]:
        return chart_nodes(self._copy)

    @cached_property
    def _templates(self) -> dict[str, Template]:
        return read_templates(self._copy, self._nodes)

    @cached_property
    def _runner(self) -> Runner:
        return Runner(self._helm, self._options, self._workspace, self._copy, self._nodes, self._names)

    @cached_property
    def _names(self) -> Names:
        return template_names(self._copy, self._nodes, self._templates)

    # ----------------------------------------------------------------------------------- a release

    def _release(self, release: Release) -> _Part:
        part = _Part()
        problem = self._unusable_values(release)
        if problem is None:
            part.problems += self._nested_missing(release)
            problem = self._drop_missing(release, part)
        if problem is not None:
            part.problems.append(problem)
            return part
        try:
            arguments = self._runner.arguments(release)
        except CopyError as error:
            part.problems.append(Problem(self._workspace.repository.shown(error.path), None, str(error)))
            return part
        if not all(map(_is_argument, arguments)):
            text = f"release {release.name!r} holds characters that no argument of a program may hold; not judged"
            part.problems.append(Problem(self._chart_file, None, text))
            return part
        dump = self._dump_degraded(arguments, part) if self._options.helm_degraded else self._dump(arguments)
        if isinstance(dump, Failure):
            failure = self._failure(dump)
            advice = "" if release.values or release.requested_by else _VALUES_ADVICE
            part.problems.append(replace(failure, message=failure.message + advice))
            return part
        for contents in self._read(dump, self._marked(arguments, dump), release):
            part.resources.append(_rendered(contents, self._rendering(release)))
            self._values_left -= contents.values
            if self._values_left < 0:
                text = f"what it renders to {manifest.TOO_MANY_IN_ALL}, so not all of it is judged"
                part.problems.append(Problem(self._chart_file, None, text))
                break
        return part

    def _rendering(self, release: Release) -> Rendering:
        shown = self._workspace.repository.shown(self._path)
        return Rendering("helm", shown, release.variant, release.requested_by)

    def _unusable_values(self, release: Release) -> Problem | None:
        for values in release.values:
            if isinstance(values, ValuesFile) and not values.path.is_file():
                shown = self._workspace.repository.shown(values.path)
                text = f"no such values file, so the chart {self._rendering(release).path} is not judged with it"
                return Problem(shown, None, text)
        return None

    def _drop_missing(self, release: Release, part: _Part) -> Problem | None:
        """Puts charts in place of missing dependencies that the values switch off. Gives the problem that another one
        is, or takes it from the list of the copy, if the user allows to render without."""
        if not self._missing:
            return None
        for stand_in in self._stand_ins:
            shutil.rmtree(stand_in)
        off = [item for item in self._missing if self._is_off(item, release, self._top_only)]
        self._stand_ins = [path for item in off if (path := dependencies.stand_in(self._copy.folder, item))]
        wanted = [item for item in self._missing if item not in off]
        if wanted and not self._options.helm_degraded:
            part.problems += [dependencies.problem(item, self._metadata) for item in wanted[1:]]
            return dependencies.problem(wanted[0], self._metadata)
        part.problems += [dependencies.dropped_problem(item) for item in wanted]
        if self._options.helm_degraded:
            dependencies.write_without(self._metadata, wanted)
        return None

    def _nested_missing(self, release: Release) -> Iterator[Problem]:
        """What sub-charts lack that were taken from the repository; Helm renders without asking for it."""
        for node in self._nodes if self._copy.incomplete else ():
            if node.folder in self._copy.incomplete and self._is_on(node, release):
                missing = dependencies.find_missing(Metadata(node.folder, node.mount))
                yield from (
                    dependencies.dropped_problem(item) for item in missing if not self._is_off(item, release, node)
                )

    def _dump(self, arguments: Sequence[str]) -> Dump | Failure:
        return self._runner.dump(arguments, self._clones)

    def _marked(self, arguments: Sequence[str], dump: Dump) -> Mapping[str, MarkedText]:
        """What the clones print. Clones that Helm cannot render are left out, all of them if it does not say which."""
        if any(self._clones.alphabet.occurs_in(text) for text in dump.texts.values()):
            self._change_alphabet(dump)
        for _ in range(_MOST_ATTEMPTS if self._clones.files else 0):
            found = self._runner.dump_clones(arguments, self._clones)
            if isinstance(found, Dump):
                alphabet, count = self._clones.alphabet, len(self._clones.origins)
                return {name: MarkedText(text, alphabet, count) for name, text in found.texts.items()}
            if found.exceeded or not self._clones.remove_named(found.text):
                break
        return {}

    def _change_alphabet(self, dump: Dump) -> None:
        """Marks the chart anew with code points that it does not print."""
        self._clones.remove()
        alphabets = (Alphabet(first) for first in ALPHABETS)
        free = (a for a in alphabets if not any(a.occurs_in(text) for text in dump.texts.values()))
        alphabet = next(free, None)
        if alphabet is not None:
            self._clones.alphabet = alphabet
            self._clones.write(self._templates)

    def _dump_degraded(self, arguments: Sequence[str], part: _Part) -> Dump | Failure:
        """Renders without the templates that fail, each of which is a Problem."""
        with contextlib.ExitStack() as parked:
            for _ in range(_MOST_DROPPED + 1):
                found = self._dump(arguments)
                if isinstance(found, Dump) or found.exceeded:
                    break
                failing = (self._templates[key] for key, _ in failing_templates(found.text, self._names))
                template = next((template for template in failing if template.path.exists()), None)
                if template is None:
                    break
                failure = self._failure(found)
                text = failure.message.replace("so the chart is not judged", "so the template is left out, not judged")
                part.problems.append(replace(failure, message=text))
                paths = (template.path, self._clones.files.get(template.key))
                parked.enter_context(_parked([path for path in paths if path], self._workspace))
        return found

    def _failure(self, failure: Failure) -> Problem:
        """The problem that a failed rendering is, at the template and line that Helm names."""
        shown = self._workspace.repository.shown(self._path)
        if failure.exceeded:
            text = f"helm template {failure.exceeded}, so the chart is not judged; {failure.advice}"
            return Problem(self._chart_file, None, text)
        replacements = {os.fspath(self._copy.folder): shown, f"/{self._clones.folder}/": "/"}
        text = f"helm template failed, so the chart is not judged: {message(failure, replacements)}"
        for key, line in failing_templates(failure.text, self._names):
            mount = self._templates[key].mount
            if not mount.archive:
                return Problem(mount.shown, line, text)
            return Problem(mount.archive, None, text)
        return Problem(self._chart_file, None, text)

    # ------------------------------------------------------------------------------ reading what came

    def _read(self, dump: Dump, marked: Mapping[str, MarkedText], release: Release) -> Iterator[Batch]:
        chart = ChartMap(self._templates, self._clones.origins)
        values = {node.name: self._values(release, _line_of(node)) for node in self._nodes}
        for name, (node, key) in sorted(self._names.items(), key=self._sort_key):
            text = dump.texts.get(name, "")
            if text.strip():
                rendered = RenderedText(self._templates[key], text, marked.get(name), chart, values[node.name])
                yield _read_text(rendered, self._options.asked_kinds)
        if release.with_crds:
            yield from self._crds(dump)

    def _sort_key(self, item: tuple[str, tuple[ChartNode, str]]) -> tuple[str, str, str]:
        name, (_, key) = item
        mount = self._templates[key].mount
        return mount.shown, mount.inside, name

    def _crds(self, dump: Dump) -> Iterator[Batch]:
        """The files that Helm installs as they are, of all charts that are switched on."""
        seen: set[Path] = set()
        for node in self._nodes:
            if node.folder in seen or not (node.name in dump.charts or Metadata(node.folder, node.mount).is_library):
                continue
            seen.add(node.folder)
            for path in sorted(path for path in (node.folder / "crds").rglob("*") if path.is_file()):
                if self._path / path.relative_to(self._copy.folder) in self._plain:
                    continue
                if path.name.casefold().endswith((".yaml", ".yml", ".json")):
                    mount = node.mount.child(path.relative_to(node.folder).as_posix())
                    yield _read_file(path, mount, self._options.asked_kinds)

    def _is_on(self, node: ChartNode, release: Release) -> bool:
        """True unless values surely switch off a sub-chart."""
        if node.parent is None:
            return True
        alias = node.scope[-1]
        entries = Metadata(node.parent.folder, node.parent.mount).dependencies
        own = [entry for entry in entries if alias == (entry.get("alias") or entry.get("name"))]
        is_off = bool(own) and self._switches_off(node.parent, release, own)
        return not is_off and self._is_on(node.parent, release)

    def _values(self, release: Release, line: Sequence[ChartNode]) -> ReleaseValues:
        """The values of the last chart of a line that begins at the top chart; files are read now, parsed later."""
        layers: list[Layer | SetLayer] = [SetLayer(release.sets, release.string_sets)]
        for values in reversed(release.values):
            if isinstance(values, ValuesFile):
                file = self._values_file(values.path, Mount(self._workspace.repository.shown(values.path)))
                layers.append(Layer(file.body, file.locate))
            else:
                layers.append(Layer(partial(dict, values.body), values.locate))
        for depth, node in enumerate(line):
            file = self._values_file(node.folder / "values.yaml", node.mount.child("values.yaml"))
            layers.append(Layer(file.body, file.locate, depth))
        return ReleaseValues(line[-1].scope, tuple(layers), whole_file(self._chart_file))

    def _bytes_of(self, path: Path) -> bytes:
        """The bytes of a values file: of the copy, or else of the repository."""
        own = Repository(self._copy.folder)
        return (own if own.holds(path) else self._workspace.repository).read_bytes(path)

    def _values_file(self, path: Path, mount: Mount) -> ValuesText:
        if path not in self._values_files:
            try:
                text = decode(self._bytes_of(path))
            except (OSError, UnicodeDecodeError):
                text = ""
            archive = whole_file(mount.archive, is_approximate=True) if mount.archive else None
            self._values_files[path] = ValuesText(SourceText(mount.shown, text), archive)
        return self._values_files[path]


def _line_of(node: ChartNode) -> list[ChartNode]:
    """The charts from the top one to this."""
    return [*(_line_of(node.parent) if node.parent else ()), node]


def _is_argument(text: str) -> bool:
    """Whether a program can be given a text."""
    return "\0" not in text and not _SURROGATE.search(text)


_SURROGATE = re.compile("[\ud800-\udfff]")


@contextlib.contextmanager
def _parked(paths: Iterable[Path], workspace: Workspace) -> Iterator[None]:
    """Keeps files out of the copy for a while."""
    away = workspace.folder()
    moved = [(path, away / str(index)) for index, path in enumerate(paths)]
    for path, place in moved:
        shutil.move(path, place)
    try:
        yield
    finally:
        for path, place in moved:
            shutil.move(place, path)


def _rendered(contents: Batch, rendering: Rendering) -> Batch:
    return replace(contents, resources=tuple(replace(item, rendering=rendering) for item in contents.resources))


def _read_text(source: SourceText, asked_kinds: Collection[str]) -> Batch:
    """What rendered text holds, within the bounds that files have."""
    if len(source.text) > manifest.MAX_FILE_BYTES:
        limit = manifest.MAX_FILE_BYTES // 1024 // 1024
        return Batch(problems=(Problem(source.path, None, f"renders to more than {limit} MiB, not judged"),), files=1)
    if "\0" in source.text:
        return Batch(problems=(Problem(source.path, None, "renders to binary data, not judged"),), files=1)
    return manifest.read_text(source, asked_kinds)


def _read_file(path: Path, mount: Mount, asked_kinds: Collection[str]) -> Batch:
    """What a file of ``crds/`` holds."""
    data = path.read_bytes()
    if not mount.archive:
        return manifest.read(mount.shown, data, asked_kinds)
    try:
        return _read_text(ArchivedText(mount.archive, decode(data), mount.inside), asked_kinds)
    except UnicodeDecodeError:
        return Batch(problems=(Problem(mount.archive, None, f"{mount.inside} is no text, not judged"),), files=1)
