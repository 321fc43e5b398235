"""Renders Helm charts, and locates every field of what they render to in their templates and values files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from kgate.kubernetes import encryption, manifest
from kgate.kubernetes.workload import find_workload
from kgate.model import (
    Batch,
    Json,
    Note,
    Problem,
    Remark,
    Rendering,
    Resource,
    Unjudged,
    field_path,
    problems_of,
    unjudged_of,
)
from kgate.rendering.helm import dependencies, inventions, schema
from kgate.rendering.helm.branches import REACHED, Branch, asking_branches, asking_pattern, forced, in_rounds
from kgate.rendering.helm.chart import Chart, ChartNode, Metadata, NamedTemplate
from kgate.rendering.helm.copy import ChartCopy, ChartError, Mount, PulledChart, copy_chart, unpack_pulled
from kgate.rendering.helm.dependencies import Missing, StandIns, Switches
from kgate.rendering.helm.locate import ArchivedText, ChartMap, RenderedText
from kgate.rendering.helm.lookups import LookedUp, looked_up_fields
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.helm.run import ArgumentError, Dump, Failure, Printed, Runner
from kgate.rendering.helm.switches import ChartValues, Switched, switched_parts
from kgate.rendering.helm.values import ValuesReader
from kgate.rendering.helm.variants import other_clusters
from kgate.rendering.requests import RenderContext
from kgate.rendering.tools import INSTALL_HELM, OLDEST_HELM, Tool
from kgate.rendering.workspace import CopyError
from kgate.values import dataclass
from kgate.yamltree.nodes import MAX_EXPANDED_NODES, ManifestError, compose
from kgate.yamltree.text import SourceText, decode

_MOST_TRIALS = 100
"""Renderings that find out which branches of a chart its values switch off; the rest is taken for switched on."""

_MOST_VARIANTS = 50
"""Renderings of a chart with other values, if the user asks for them."""

_VALUES_ADVICE = "; if it needs values, name them in kgate.yaml, under charts"


def render(path: Path, releases: Sequence[Release], context: RenderContext) -> Batch:
    """What a chart renders to for each of its releases. Faults become Problems, at the chart's own files."""
    shown = context.workspace.repository.shown(path)
    file = shown if path.is_file() else f"{shown}/Chart.yaml".removeprefix("./")
    return _rendered(lambda: copy_chart(path, context.workspace), shown, file, releases, context)


def render_pulled(chart: PulledChart, releases: Sequence[Release], context: RenderContext) -> Batch:
    """The same for a chart from elsewhere, whose faults are Problems at the place that asks for it."""
    path, line = chart.asked.path, chart.asked.start.line
    context = replace(context, options=replace(context.options, value_variants=False))
    batch = _rendered(lambda: unpack_pulled(chart, context.workspace), chart.file, path, releases, context)
    own = f"chart {chart.file}: "
    named = (one if one.path != path or one.line else Problem(path, line, own + one.message) for one in batch.problems)
    return replace(batch, problems=tuple(named))


def _rendered(
    copy: Callable[[], ChartCopy], shown: str, file: str, releases: Sequence[Release], context: RenderContext
) -> Batch:
    helm = context.tools.helm
    if helm is None:
        return _failed(file, f"the chart could not be rendered, so it was not judged; {INSTALL_HELM}")
    if helm.minor < OLDEST_HELM:
        found = f"the chart could not be rendered by Helm {helm.version}, so it was not judged; {INSTALL_HELM}"
        return _failed(file, found)
    try:
        return _render(_Job(shown, file, helm, context), copy(), releases)
    except ChartError as error:
        return Batch(problems=(error.problem,), files=1)
    except OSError as error:
        return _failed(file, f"the chart could not be rendered: {error.strerror}; look at --helm-bin")


def _failed(path: str, text: str) -> Batch:
    return Batch(problems=(Problem(path, None, text),), files=1)


@dataclass(frozen=True, slots=True)
class _Job:
    """One chart with everything that it is rendered with. ``file`` is where problems of the whole are reported."""

    shown: str
    file: str
    helm: Tool
    context: RenderContext

    def problem(self, message: str) -> Problem:
        """A problem of the whole."""
        return Problem(self.file, None, message)

    def rendering(self, release: Release) -> Rendering:
        """What the resources of a release were rendered by."""
        return Rendering("helm", self.shown, release.variant, release.requested_by)


def _render(job: _Job, copy: ChartCopy, releases: Sequence[Release]) -> Batch:
    metadata = Metadata.of(copy)
    metadata.refuse_unclear()
    if not metadata.name:
        raise ChartError(job.problem("cannot be read, so the chart is not judged: it names no chart"))
    if metadata.is_library:
        note = Note(job.file, None, "library chart, judged through the charts that use it")
        return Batch(notes=(note,), files=1)
    values = ValuesReader(copy, job.file)
    missing, problems = _vendor(job, copy, releases, Switches(values))
    notes = (*copy.notes, *schema.remove_foreign(copy))
    chart = Chart.read(copy, job.file)
    rendered = _Releases(job, chart, values, missing)
    parts = [Batch(problems=problems), *rendered.render(releases)]
    return Batch(
        resources=tuple(resource for part in parts for resource in part.resources),
        problems=tuple(dict.fromkeys(problem for part in parts for problem in part.problems)),
        ignored=sum(part.ignored for part in parts),
        skipped=sum(part.skipped for part in parts),
        files=max(1, len(chart.templates)),
        notes=(*notes, *(note for part in parts for note in part.notes)),
        unjudged=unjudged_of(one for part in parts for one in part.unjudged),
        applied=tuple(values for part in parts for values in part.applied),
        silent=rendered.silent,
    )


# ---------------------------------------------------------------------------------------- dependencies


def _vendor(
    job: _Job, copy: ChartCopy, releases: Sequence[Release], switches: Switches
) -> tuple[list[Missing], tuple[Problem, ...]]:
    """Puts dependencies into the copy. Returns those that are still missing, and what kept Helm from fetching them if
    the user asks for that."""
    missing = dependencies.vendor(copy, job.context.fetched)
    if not missing or not job.context.options.helm_dependency_build:
        return missing, ()
    top = ChartNode.top(copy)
    wanted = [item for item in missing if not all(switches.is_off(top, release, [item.entry]) for release in releases)]
    error = dependencies.build(copy, wanted, job.helm, job.context.options.limits()) if wanted else ""
    missing = dependencies.find_missing(Metadata.of(copy))
    if not error:
        return missing, ()
    place = wanted[0].location
    return missing, (Problem(place.path, place.start.line, f"helm dependency build failed: {error}"),)


# -------------------------------------------------------------------------------------------- releases


class _Releases:
    """Renders the releases of a chart, and reads what they print."""

    def __init__(self, job: _Job, chart: Chart, values: ValuesReader, missing: Sequence[Missing]) -> None:
        self._job = job
        self._chart = chart
        self._values = values
        self._switches = Switches(values)
        self._stand_ins = StandIns(chart.copy, missing, self._switches)
        self._runner = Runner(chart, job.helm, job.context)
        self._values_left = MAX_EXPANDED_NODES
        self._refused: tuple[Release, Failure] | None = None
        self._rendered: list[Release] = []
        self._trials_left = _MOST_TRIALS
        self._known_branches: dict[tuple[bool, bool], tuple[Branch, ...]] = {}
        self._printing: set[str] = set()

    @property
    def silent(self) -> tuple[str, ...]:
        """The templates in the repository that no release makes print anything, if any was rendered."""
        own = (one for one in self._chart.templates.values() if not (one.is_partial or one.mount.archive))
        silent = sorted(one.mount.shown for one in own if one.key not in self._printing)
        return tuple(silent) if self._rendered else ()

    def render(self, releases: Sequence[Release]) -> Iterator[Batch]:
        """What each release comes to, up to so many values in all: they are held until the chart is judged."""
        for release in releases:
            yield from self._render(release, is_alone=len(releases) == 1)
            if self._values_left < 0:
                break
        if self._refused is not None:
            yield self._refusal(*self._refused)

    def _render(self, release: Release, *, is_alone: bool) -> Iterator[Batch]:
        is_ready, remarks = self._prepare(release)
        yield Batch(problems=problems_of(remarks), unjudged=unjudged_of(remarks))
        if not is_ready:
            return
        try:
            printed = self._runner.run(release)
            failure = self._refused_defaults(printed, release) if release.is_default and not is_alone else None
        except CopyError as error:
            yield Batch(problems=(Problem(self._shown(error.path), None, str(error)),))
        except ArgumentError:
            text = f"release {release.name!r} holds characters that no argument of a program may hold; not judged"
            yield Batch(problems=(self._job.problem(text),))
        else:
            if failure is not None:
                self._refused = release, failure
                return
            self._rendered += [release] if isinstance(printed.dump, Dump) else []
            places = self._runner.printed_places(printed)
            yield from self._read(printed, release)
            yield from self._of_other_clusters(release, printed, places)
            yield Batch(unjudged=tuple(self._unknown_fields(printed, places)))
            yield from self._of_other_values(release, printed, places)

    def _refused_defaults(self, printed: Printed, release: Release) -> Failure | None:
        """Why Helm would not install the chart with its own values; None if it would, or if that is not known."""
        if isinstance(printed.dump, Failure):
            return None if printed.dump.exceeded else printed.dump
        if printed.dropped:
            return printed.dropped[0]
        is_faulty = any(not _is_yaml(text) for text in printed.dump.texts.values())
        return self._runner.refusal(release) if is_faulty else None

    def _refusal(self, release: Release, failure: Failure) -> Batch:
        """What is said of a chart that cannot be installed with its own values: those of ``ci/`` are its releases; but
        if it cannot be installed with these either, it is not judged."""
        if not self._rendered:
            return Batch(problems=(self._problem(failure, release),))
        first, *others = (one.title for one in self._rendered)
        more = f" and {len(others)} more" if others else ""
        text = f"helm template failed with the chart's own values, so it is judged with {first}{more} alone"
        place = self._place_of(failure)
        return Batch(notes=(Note(place.path, place.line, f"{text}: {failure.reason}"),))

    def _prepare(self, release: Release) -> tuple[bool, tuple[Remark, ...]]:
        """Makes the copy fit for a release. Returns whether it can be rendered, and what is wrong or missing."""
        for values in release.values:
            if isinstance(values, ValuesFile) and not values.path.is_file():
                text = f"no such values file, so the chart {self._job.shown} is not judged with it"
                return False, (Problem(self._shown(values.path), None, text),)
            if isinstance(values, ValuesFile) and (encrypted := self._encrypted(values.path, release)) is not None:
                return False, (encrypted,)
        chart, is_degraded = self._chart, self._job.context.options.helm_degraded
        nested = tuple(dependencies.nested(chart.copy, chart.nodes, release, self._switches))
        missing = self._stand_ins.write(release, without_others=is_degraded)
        return is_degraded or not missing, (*nested, *missing)

    def _encrypted(self, path: Path, release: Release) -> Unjudged | None:
        """What is not judged if a values file is encrypted as a whole."""
        data = self._job.context.workspace.repository.bytes_if_any(path)
        what = release.requested_by or release.title or f"chart {self._job.shown}"
        return encryption.whole_file(self._shown(path), data, f"{what} with these values")

    def _shown(self, path: Path) -> str:
        return self._job.context.workspace.repository.shown(path)

    # ------------------------------------------------------------------------------- what was printed

    def _read(self, printed: Printed, release: Release) -> Iterator[Batch]:
        dropped = [self._problem(one, release, "the template is left out, not judged") for one in printed.dropped]
        yield Batch(problems=tuple(dropped))
        if isinstance(printed.dump, Failure):
            yield Batch(problems=(self._problem(printed.dump, release),))
            return
        rendering = self._job.rendering(release)
        yield Batch(applied=release.applied)
        texts = printed.dump.texts.items()
        self._printing.update(self._chart.names[name].template.key for name, text in texts if text.strip())
        for contents in self._contents(printed.dump, printed, release):
            yield replace(contents, resources=tuple(replace(item, rendering=rendering) for item in contents.resources))
            self._values_left -= contents.values
            if self._values_left < 0:
                text = f"what it renders to {manifest.TOO_MANY_IN_ALL}, so not all of it is judged"
                yield Batch(problems=(self._job.problem(text),))
                return

    # ------------------------------------------------------------------------------- other clusters

    def _of_other_clusters(
        self, release: Release, printed: Printed, places: Mapping[str, Sequence[int]]
    ) -> Iterator[Batch]:
        """The workloads that a release prints only in other clusters, and the branches that may print some in clusters
        that kgate does not try. ``places`` are the texts that the release printed."""
        missed = self._missed(release, printed, places)
        if not missed:
            return
        seen = _Seen()
        seen.add(self._workloads(printed, release))
        missed = self._promising(missed, release, seen)
        for other in other_clusters(release, self._chart, self._job.context.options.kubernetes_version):
            if missed:
                again = self._runner.run(other.release)
                places = self._runner.printed_places(again)
                rendering = replace(self._job.rendering(release), given=other.title)
                new = seen.new_of(self._workloads(again, other.release))
                seen.add(new)
                missed = [branch for branch in missed if not branch.is_printed(places)]
                for batch in new:
                    yield replace(batch, resources=tuple(replace(one, rendering=rendering) for one in batch.resources))
        yield Batch(unjudged=tuple(map(self._unknown, self._promising(missed, release, seen))))

    # ------------------------------------------------------------------------------- other values

    def _of_other_values(
        self, release: Release, printed: Printed, places: Mapping[str, Sequence[int]]
    ) -> Iterator[Batch]:
        """What the first release would print besides if its values switched on what they switch off."""
        is_wanted = self._job.context.options.value_variants and len(self._rendered) == 1
        if not is_wanted or release.post_renderers or isinstance(printed.dump, Failure):
            return
        seen = _Seen()
        seen.add(self._contents(printed.dump, printed, release))
        found = {part.title: part for part in self._switched(release) if not part.is_printed(places)}
        for part in list(found.values())[:_MOST_VARIANTS]:
            yield from self._with_values(part, release, seen)
        if len(found) > _MOST_VARIANTS:
            text = f"{len(found) - _MOST_VARIANTS} more parts that values switch off are not rendered"
            yield Batch(notes=(Note(self._job.file, None, text),))

    def _switched(self, release: Release) -> Iterator[Switched]:
        """What values of a release decide, in the templates of the charts that are the repository's own."""
        for node in self._chart.nodes:
            if not node.is_foreign:
                scope = ChartValues(node.scope, self._values.of(release, node).body())
                start = (node.folder / "templates").relative_to(self._chart.copy.folder).as_posix() + "/"
                for key, template in sorted(self._chart.templates.items()):
                    if key.startswith(start) and template.tokens is not None:
                        yield from switched_parts(key, template.tokens, scope)

    def _with_values(self, part: Switched, release: Release, seen: _Seen) -> Iterator[Batch]:
        """What is new with some values; a note if Helm does not render the chart with them."""
        other = part.put_on(release)
        again = self._runner.run(other)
        if isinstance(again.dump, Failure):
            place = self._place_of(again.dump)
            text = f"with {part.title}, Helm does not render it, so that is not judged: {again.dump.reason}"
            yield Batch(notes=(Note(place.path, place.line, text),))
            return
        rendering = replace(self._job.rendering(release), given=f"with {part.title}")
        new = seen.new_of(self._contents(again.dump, again, other))
        seen.add(new)
        for batch in new:
            yield replace(batch, resources=tuple(replace(one, rendering=rendering) for one in batch.resources))

    def _missed(self, release: Release, printed: Printed, places: Mapping[str, Sequence[int]]) -> list[Branch]:
        """The branches, of charts that are switched on, that ask for the cluster and that a release does not print."""
        branches = self._branches(is_named=release.is_named, is_placed=bool(release.namespace))
        if not branches or isinstance(printed.dump, Failure):
            return []
        live = {
            named.template.key
            for named in self._chart.names.values()
            if named.node.name in printed.dump.charts or named.node.metadata().is_library
        }
        return [branch for branch in branches if branch.key in live and not branch.is_printed(places)]

    def _branches(self, *, is_named: bool, is_placed: bool) -> tuple[Branch, ...]:
        key = is_named, is_placed
        if key not in self._known_branches:
            pattern = asking_pattern(is_named=is_named, is_placed=is_placed)
            self._known_branches[key] = asking_branches(self._chart.templates, pattern)
        return self._known_branches[key]

    def _workloads(self, printed: Printed, release: Release) -> Iterator[Batch]:
        """The workloads that were printed, and the Problems of what could not be read."""
        if isinstance(printed.dump, Dump):
            for contents in self._contents(printed.dump, printed, replace(release, with_crds=False)):
                found = (resource for resource in contents.resources if find_workload(resource) is not None)
                yield Batch(tuple(found), contents.problems)

    def _promising(self, branches: Sequence[Branch], release: Release, seen: _Seen) -> list[Branch]:
        """Those of some branches that may print workloads which are not ``seen``, and that no values keep from it."""
        pending, others = in_rounds(branches, _MOST_TRIALS)
        found = [branch for branch in others if not branch.is_idle]
        while pending:
            group = pending.pop()
            self._trials_left -= 1
            has_new = self._prints_new(group, release, seen) if self._trials_left >= 0 else None
            if len(group) > 1 and has_new is not False and self._trials_left >= 0:
                middle = len(group) // 2
                pending += [group[middle:], group[:middle]]
            elif has_new is not False:
                found += (one for one in group if not one.is_idle or (has_new and one.can_be_forced))
        return sorted(found, key=lambda branch: (branch.key, branch.start))

    def _prints_new(self, branches: Sequence[Branch], release: Release, seen: _Seen) -> bool | None:
        """True if a release prints workloads that are not ``seen`` when it is led to some branches, or gets to a branch
        over what only the cluster holds; None if Helm fails, so that nobody knows."""
        keys = {branch.key for branch in branches}
        own = {key: [branch for branch in branches if branch.key == key] for key in keys}
        texts = {key: forced(self._chart.templates[key], some) for key, some in own.items()}
        found = self._runner.dump_with(release, texts)
        if isinstance(found, Failure):
            return None
        if any(REACHED in text for text in found.texts.values()):
            return True
        return bool(seen.new_of(self._workloads(Printed(found), release)))

    def _unknown_fields(self, printed: Printed, places: Mapping[str, Sequence[int]]) -> Iterator[Unjudged]:
        """The fields of pods into which a release printed what it looks up, which here is nothing."""
        for one in self._looked_up if isinstance(printed.dump, Dump) else ():
            if one.is_printed(places):
                path, line, action = self._action_at(one.key, one.line, one.action)
                why = f"it is what the chart looks up in the cluster: {action}"
                yield Unjudged(path, line, why, f"a field of a pod of chart {self._job.shown}")

    @cached_property
    def _looked_up(self) -> tuple[LookedUp, ...]:
        return looked_up_fields(self._chart.templates)

    def _unknown(self, branch: Branch) -> Unjudged:
        path, line, action = self._action_at(branch.key, branch.line, branch.condition)
        why = f"only some clusters print it, none of those that kgate tries: {action}"
        if ".Release.Name" in branch.condition:
            why = f"{why}; list under charts in kgate.yaml what you deploy, with its name and namespace"
        return Unjudged(path, line, why, f"a branch of chart {self._job.shown}")

    def _action_at(self, key: str, line: int, action: str) -> tuple[str, int, str]:
        """The place in the repository of an action of a template, and the action as a message shows it."""
        mount = self._chart.templates[key].mount
        text = f"{{{{ {action:.200} }}}}"
        if mount.archive:
            return mount.file, mount.whole.start.line, f"{text} ({mount.inside}:{line})"
        return mount.file, line, text

    def _problem(self, failure: Failure, release: Release, consequence: str = "") -> Problem:
        """The problem that a failed rendering is, at the template and line that Helm names."""
        named = f" for {release.title}" if release.title else ""
        advice = "" if consequence or not release.is_default else _VALUES_ADVICE
        consequence = consequence or ("this release is not judged" if named else "the chart is not judged")
        if failure.exceeded:
            text = f"helm template{named} {failure.exceeded}, so {consequence}; {failure.advice}{advice}"
            return self._job.problem(text)
        return replace(
            self._place_of(failure), message=f"helm template failed{named}, so {consequence}: {failure.reason}{advice}"
        )

    def _place_of(self, failure: Failure) -> Problem:
        """A problem, without a message, where Helm says that it failed."""
        for template, line in failure.places:
            return Problem(template.mount.file, None if template.mount.archive else line, "")
        return self._job.problem("")

    def _contents(self, dump: Dump, printed: Printed, release: Release) -> Iterator[Batch]:
        foreign = tuple(node.folder for node in self._chart.nodes if node.is_foreign)
        places = ChartMap(self._chart.templates, self._runner.marks, foreign)
        values = {node.name: self._values.of(release, node) for node in self._chart.nodes}
        asked_kinds = self._job.context.options.asked_kinds
        for name, named in sorted(self._chart.names.items(), key=_place):
            text = dump.texts.get(name, "")
            if text.strip():
                own = values[named.node.name]
                rendered = RenderedText(named.template, text, printed.marked.get(name), places, own)
                contents = _read_text(rendered, asked_kinds)
                known = tuple(inventions.identified(item, release) for item in contents.resources)
                contents = replace(contents, resources=known)
                other = printed.others.get(name, "") if printed.others else text
                if other != text:
                    again = _read_text(RenderedText(named.template, other, None, places, own), asked_kinds)
                    contents = _compared(contents, again, rendered.path)
                yield contents
        for path, mount in self._crds(dump) if release.with_crds else ():
            yield _read_file(path, mount, asked_kinds)

    def _crds(self, dump: Dump) -> Iterator[tuple[Path, Mount]]:
        """The files that Helm installs as they are, of all charts that are switched on, but for those that are judged
        anyway."""
        seen: set[Path] = set()
        top = self._chart.copy.folder
        real = self._chart.copy.mount(top).real
        for node in self._chart.nodes:
            if node.folder in seen or not (node.name in dump.charts or node.metadata().is_library):
                continue
            seen.add(node.folder)
            for path in sorted(path for path in (node.folder / "crds").rglob("*") if path.is_file()):
                is_plain = real is not None and real / path.relative_to(top) in self._job.context.plain
                if path.name.casefold().endswith((".yaml", ".yml", ".json")) and not is_plain:
                    yield path, node.mount.child(path.relative_to(node.folder).as_posix())


def _compared(contents: Batch, other: Batch, path: str) -> Batch:
    """What a template prints, compared with what it prints in another rendering: what chance decides is not judged."""
    pairs = inventions.paired(contents.resources, other.resources)
    if pairs is None:
        text = "prints other objects each time, since chance decides (randInt, now), so not all are judged"
        return replace(contents, problems=(*contents.problems, Problem(path, None, text)))
    resources: list[Resource] = []
    problems = list(contents.problems)
    for resource, again in pairs:
        own, unclear = inventions.compared(resource, again)
        resources.append(own)
        for pointer in unclear:
            place = resource.locate(pointer)
            text = f"{own.id}: chance decides {field_path(pointer)}, so it cannot be judged; write a fixed value"
            problems.append(Problem(place.path, place.start.line, text))
    return replace(contents, resources=tuple(resources), problems=tuple(problems))


class _Seen:
    """The workloads and Problems of the renderings of a release so far."""

    def __init__(self) -> None:
        self._bodies: list[Mapping[str, Json]] = []
        self._problems: set[Problem] = set()

    def add(self, batches: Iterable[Batch]) -> None:
        """Adds those of a rendering."""
        for batch in batches:
            self._bodies += (one.body for one in batch.resources)
            self._problems.update(batch.problems)

    def new_of(self, batches: Iterable[Batch]) -> list[Batch]:
        """Those of a rendering that were not there before."""
        found = (
            Batch(
                tuple(one for one in batch.resources if one.body not in self._bodies),
                tuple(one for one in batch.problems if one not in self._problems),
            )
            for batch in batches
        )
        return [batch for batch in found if batch.resources or batch.problems]


def _is_yaml(text: str) -> bool:
    try:
        return all(True for _ in compose(text))
    except ManifestError:
        return False


def _place(item: tuple[str, NamedTemplate]) -> tuple[str, str, str]:
    """What a named template is sorted by: its place in the repository."""
    name, named = item
    return named.template.mount.shown, named.template.mount.inside, name


def _read_text(source: SourceText, asked_kinds: Collection[str]) -> Batch:
    """What rendered text holds, within the limits that files have."""
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
        return _read_text(ArchivedText(mount, decode(data)), asked_kinds)
    except UnicodeDecodeError:
        return Batch(problems=(Problem(mount.archive, None, f"{mount.inside} is not text, not judged"),), files=1)
