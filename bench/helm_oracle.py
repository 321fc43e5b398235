"""Checks the places that kgate claims in Helm charts by editing the charts.

    python -m bench.helm_oracle FOLDER... --helm BIN [--sample 2000] [--siblings]

A FOLDER holds charts. (1) Coverage: counts the fields of pod specs that have a place, and an exact one. (2) Mutation:
edits the text at a claimed place in a copy of the chart and renders it again; exactly the fields that claim that place
must have changed. Exits with 1 if an edit missed its target.

Left out of the comparison: fields that differ between two renderings of the unchanged chart, and digests of other
fields. ``--siblings`` lets a chart use any version of its sibling charts.
"""

from __future__ import annotations

import argparse
import bisect
import json
import multiprocessing
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kgate.kubernetes.workload import find_workload
from kgate.model import Batch, Json, Location, Pointer, Resource, child_pointer, pointer_tokens
from kgate.rendering import gotemplate
from kgate.rendering.helm.release import Release
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.requests import RenderContext
from kgate.rendering.tools import FoundTools, Tool, Toolbox
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from kgate.yamltree.nodes import compose
from kgate.yamltree.text import SourceText

Key = tuple[int, Pointer]
"""A field: the index of its resource, and its pointer."""

_EDITABLE = re.compile(r"[\w./:@-]+|\"[^\"\\\n{}]*\"|'[^'\n{}]*'", re.ASCII)
_LITERAL = re.compile(r"(?:.*?:[ ]+|)(" + _EDITABLE.pattern + r")", re.ASCII)
_ACTION_ALONE = re.compile(r"(?:[^{}\n]*?:[ ]+)?[\"']?\{\{.*\}\}[\"']?", re.DOTALL)
_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a template: the text to replace at an offset of a file, and the fields that should change."""

    kind: str
    chart: str
    path: str
    offset: int
    old: str
    new: str
    target: Key
    expected: frozenset[Key]


@dataclass(slots=True)
class Survey:
    """The findings about one chart before anything is edited."""

    chart: str
    counts: Counter[str] = field(default_factory=Counter)
    edits: list[Edit] = field(default_factory=list)


# ------------------------------------------------------------------------------- one chart


class Subject:
    """A chart in a private copy of its repository."""

    def __init__(self, chart: Path, tool: Tool) -> None:
        self.chart = chart
        self.root = chart.parent
        self._tool = tool

    def render(self) -> Batch:
        """Returns what kgate reads from the chart as it is now."""
        with Workspace(Repository.at(self.root)) as workspace:
            request = ChartRequest(self.chart, (Release("rel", "ns"),))
            return request.render(RenderContext(workspace, FoundTools(self._tool)))

    def survey(self, most_edits: int, seed: int) -> Survey:
        """Returns the chart's coverage, and edits to try."""
        contents = self.render()
        found = Survey(self.chart.name)
        if not contents.resources:
            found.counts["not rendered" if contents.problems else "nothing to render"] += 1
            return found
        found.counts["rendered"] += 1
        values = fields(contents.resources)
        again = fields(self.render().resources)
        volatile = {key for key in values if values[key] != again.get(key)}
        places = {key: contents.resources[key[0]].locate(key[1]) for key in values}
        for number, resource in enumerate(contents.resources):
            for pointer in pod_pointers(resource):
                if (number, pointer) in places:
                    found.counts[verdict(places[number, pointer])] += 1
        edits = list(Edits(self, values, volatile, places).all())
        found.edits = random.Random(seed).sample(edits, min(most_edits, len(edits)))
        return found

    def judge(self, edit: Edit, base: dict[Key, Json], volatile: set[Key]) -> str:
        """Makes an edit, renders, compares, and reverts the edit."""
        path = self.root / edit.path
        text = path.read_bytes().decode()
        if not text.startswith(edit.old, edit.offset):
            return "WRONG: other text at the place"
        path.write_bytes((text[: edit.offset] + edit.new + text[edit.offset + len(edit.old) :]).encode())
        try:
            contents = self.render()
        finally:
            path.write_bytes(text.encode())
        if contents.problems:
            return "no longer renders"
        return compare(edit, base, fields(contents.resources), volatile)


def compare(edit: Edit, base: dict[Key, Json], after: dict[Key, Json], volatile: set[Key]) -> str:
    """Returns what an edit did, in words."""
    changed = {key for key in base.keys() | after.keys() if base.get(key) != after.get(key)} - volatile
    derived = {key for key in changed if _DIGEST.fullmatch(str(base.get(key))) or "checksum" in key[1]}
    changed -= derived - edit.expected
    if edit.target not in changed:
        return "WRONG: the field did not change"
    if changed - edit.expected:
        return "right, and more changed"
    return "exact" if changed >= edit.expected - volatile else "right, and less changed"


def fields(resources: Iterable[Resource]) -> dict[Key, Json]:
    """Returns every scalar and every empty collection."""
    return {
        (number, pointer): value
        for number, resource in enumerate(resources)
        for pointer, value in leaves(resource.body, "")
    }


def leaves(value: Json, pointer: Pointer) -> Iterator[tuple[Pointer, Json]]:
    """Yields the scalars and empty collections below a pointer."""
    pending = [(pointer, value)]
    while pending:
        pointer, value = pending.pop()
        members: Iterable[tuple[str | int, Json]] = ()
        if isinstance(value, dict):
            members = value.items()
        elif isinstance(value, list):
            members = enumerate(value)
        below = [(child_pointer(pointer, name), member) for name, member in members]
        pending += below
        if not below:
            yield pointer, value


def pod_pointers(resource: Resource) -> Iterator[Pointer]:
    """Yields the leaves of the pod specs of a workload."""
    workload = find_workload(resource)
    for pod in workload.pods if workload else ():
        yield from (pointer for pointer, _ in leaves(pod.spec, pod.pointer))


def verdict(place: Location) -> str:
    """Returns how good a place is: exact, approximate or unmapped."""
    if not place.is_approximate:
        return "exact"
    return "unmapped" if place.start.line == 1 and place.start.column == 1 else "approximate"


class Edits:
    """The edits that the claimed places of a chart allow."""

    def __init__(
        self, subject: Subject, values: dict[Key, Json], volatile: set[Key], places: dict[Key, Location]
    ) -> None:
        self._subject = subject
        self._values = values
        self._volatile = volatile
        self._places = places
        self._sources: dict[str, SourceText] = {}
        self._actions: dict[str, dict[int, gotemplate.Token]] = {}
        self._offsets: dict[str, list[int]] = {}
        self._lines: dict[str, list[int]] = {}
        self._random = random.Random(7)
        self._by_region: dict[tuple[str, int, int], set[Key]] = defaultdict(set)
        self._by_action: dict[tuple[str, int], set[Key]] = defaultdict(set)
        for key, place in places.items():
            start, end = self._region(place)
            self._by_region[place.path, start, end].add(key)
            callers = [r.location for r in place.related if r.message in ("called here", "printed here")]
            for claimed in (place, *callers):
                begin, stop = self._region(claimed)
                for offset in self._action_offsets(claimed.path, begin, stop):
                    self._by_action[claimed.path, offset].add(key)

    def all(self) -> Iterator[Edit]:
        """Yields one edit for each literal and for each action."""
        for (path, start, end), keys in sorted(self._by_region.items()):
            yield from self._literal(path, start, end, keys)
        for (path, offset), keys in sorted(self._by_action.items()):
            yield from self._action(path, offset, keys)

    def _literal(self, path: str, start: int, end: int, keys: set[Key]) -> Iterator[Edit]:
        text = self._source(path).text[start:end]
        found = _LITERAL.fullmatch(text)
        target = min(keys)
        place = self._places[target]
        if not found or "{{" in text or place.is_approximate or target in self._volatile:
            return
        raw = found[1]
        value = self._values[target]
        spelled = json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)
        if raw.strip("\"'") != spelled or text == f"{pointer_tokens(target[1])[-1]}:":
            return
        quote = raw[0] if raw[0] in "\"'" else ""
        kind = "literal" if "/templates/_" not in path else "literal in a helper"
        new = f"{quote}kgmut{self._random.randrange(10**6)}{quote}"
        yield Edit(kind, self._subject.chart.name, path, start + found.start(1), raw, new, target, frozenset(keys))

    def _action(self, path: str, offset: int, keys: set[Key]) -> Iterator[Edit]:
        token = self._actions[path][offset]
        source = self._source(path).text
        body = (token.body or "").strip()
        for target in sorted(keys - self._volatile):
            old = str(self._values[target])
            start, end = self._region(self._places[target])
            alone = self._places[target].path == path and source[start:end].count("{{") == 1
            in_a_key = any(old in token for key in keys for token in pointer_tokens(key[1]))
            usable = len(old) > 2 and _EDITABLE.fullmatch(old) and not isinstance(self._values[target], (bool, int))
            if not (alone and usable) or in_a_key or body.startswith("template") or self._places[target].is_approximate:
                continue
            if source.find("{{", start, end) != offset or not _ACTION_ALONE.fullmatch(source, start, end):
                continue
            left, right = "{{-" if token.trims_left else "{{", "-}}" if token.trims_right else "}}"
            new = f'{left} ({body}) | toString | replace "{old}" "kgmut{self._random.randrange(10**6)}" {right}'
            expected = frozenset(key for key in keys if old in str(self._values[key]))
            written = source[token.start : token.end]
            kind = "action" if len(self._places[target].related) == 0 else "action, with more places"
            yield Edit(kind, self._subject.chart.name, path, offset, written, new, target, expected)
            return

    def _source(self, path: str) -> SourceText:
        if path not in self._sources:
            text = (self._subject.root / path).read_bytes().decode("utf-8", "replace")
            self._sources[path] = SourceText(path, text)
        return self._sources[path]

    def _action_offsets(self, path: str, start: int, end: int) -> list[int]:
        if path not in self._actions:
            tokens = gotemplate.tokens(self._source(path).text)
            self._actions[path] = {token.start: token for token in tokens if token.body is not None}
            self._offsets[path] = sorted(self._actions[path])
        offsets = self._offsets[path]
        return offsets[bisect.bisect_left(offsets, start) : bisect.bisect_left(offsets, end)]

    def _region(self, place: Location) -> tuple[int, int]:
        if place.path not in self._lines:
            breaks = re.finditer("\n", self._source(place.path).text)
            self._lines[place.path] = [0, *(found.end() for found in breaks)]
        offset = self._lines[place.path][place.start.line - 1]
        return offset + place.start.column - 1, offset + place.end.column - 1


# ------------------------------------------------------------------------------- many charts


@dataclass(frozen=True, slots=True)
class Job:
    """The input of a worker: where to copy the folders, and how to render."""

    folders: tuple[str, ...]
    scratch: str
    tool: Tool
    siblings: bool
    most_edits: int


_job: list[Job] = []


def start_worker(job: Job) -> None:
    """Copies the folders of charts for this process alone."""
    _job[:] = [job]
    for number, folder in enumerate(job.folders):
        target = worker_folder(number)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns(".git"), symlinks=True)
        if job.siblings:
            for chart in sorted(target.glob("*/Chart.yaml")):
                loosen(chart, target)


def worker_folder(number: int) -> Path:
    """Returns where this process keeps a folder of charts."""
    return Path(_job[0].scratch, str(os.getpid()), str(number), "charts")


def loosen(chart: Path, folder: Path) -> None:
    """Lets a chart use any version of its sibling charts."""
    data = next(compose(chart.read_text(encoding="utf-8"))).value
    for entry in data.get("dependencies", ()):
        if (folder / str(entry.get("name")) / "Chart.yaml").is_file():
            entry |= {"version": "*"}
    chart.write_text(json.dumps(data), encoding="utf-8")


def survey(task: tuple[int, str]) -> Survey:
    """Surveys one chart, in a worker."""
    number, name = task
    return Subject(worker_folder(number) / name, _job[0].tool).survey(_job[0].most_edits, 7)


def judge(task: tuple[int, str, list[Edit]]) -> list[tuple[Edit, str]]:
    """Tries edits of one chart, in a worker."""
    number, name, edits = task
    subject = Subject(worker_folder(number) / name, _job[0].tool)
    base, again = (fields(subject.render().resources) for _ in range(2))
    volatile = {key for key in base if base[key] != again.get(key)}
    return [(edit, subject.judge(edit, base, volatile)) for edit in edits]


def main() -> int:
    """Runs both parts and prints their tables."""
    parser = argparse.ArgumentParser(description="Check kgate's places in Helm charts by editing the charts there.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--helm", default="helm", help="the helm binary")
    parser.add_argument("--sample", type=int, default=2000, help="how many edits to try")
    parser.add_argument("--siblings", action="store_true", help="let charts use any version of their siblings")
    options = parser.parse_args()
    tool = Toolbox(Path("/nowhere"), {"helm": options.helm}).helm
    if tool is None:
        parser.error("no helm; name one with --helm")
    tasks = [
        (number, chart.parent.name)
        for number, folder in enumerate(options.folders)
        for chart in sorted(folder.glob("*/Chart.yaml"))
    ]
    most = max(4, 4 * options.sample // max(1, len(tasks)))
    with tempfile.TemporaryDirectory() as scratch:
        folders = tuple(os.fspath(folder.absolute()) for folder in options.folders)
        job = Job(folders, scratch, tool, options.siblings, most)
        with multiprocessing.Pool(2, start_worker, (job,)) as pool:
            surveys = pool.map(survey, tasks, chunksize=1)
            print_coverage(surveys)
            chosen = sample(tasks, surveys, options.sample)
            outcomes = [outcome for found in pool.imap_unordered(judge, chosen, chunksize=1) for outcome in found]
    return print_outcomes(outcomes)


def sample(tasks: list[tuple[int, str]], surveys: list[Survey], size: int) -> list[tuple[int, str, list[Edit]]]:
    """Returns the edits to try, by chart."""
    every = [(task, edit) for task, found in zip(tasks, surveys, strict=True) for edit in found.edits]
    by_task: dict[tuple[int, str], list[Edit]] = defaultdict(list)
    for task, edit in random.Random(7).sample(every, min(size, len(every))):
        by_task[task].append(edit)
    return [(*task, edits) for task, edits in sorted(by_task.items())]


def print_coverage(surveys: list[Survey]) -> None:
    """Prints the first table: coverage."""
    counts: Counter[str] = sum((found.counts for found in surveys), Counter())
    print(f"charts: {len(surveys)}; rendered {counts['rendered']}, not rendered {counts['not rendered']}, ", end="")
    print(f"nothing to render {counts['nothing to render']}")
    total = sum(counts[name] for name in ("exact", "approximate", "unmapped"))
    print(f"fields of pod specs: {total}")
    for name in ("exact", "approximate", "unmapped"):
        print(f"  {name:12} {counts[name]:7} {100 * counts[name] / max(1, total):7.2f} %")
    sys.stdout.flush()


def print_outcomes(outcomes: list[tuple[Edit, str]]) -> int:
    """Prints the second table: edits. Returns 1 if an edit missed its target."""
    counts = Counter((edit.kind, outcome) for edit, outcome in outcomes)
    print(f"edits: {len(outcomes)}")
    for (kind, outcome), times in sorted(counts.items()):
        print(f"  {kind:25} {outcome:32} {times:6}")
    wrong = sorted(f"{edit.path} {edit.offset}: {outcome}, {edit}" for edit, outcome in outcomes if "WRONG" in outcome)
    for line in wrong:
        print(line)
    print(f"wrong targets: {len(wrong)}")
    return 1 if wrong or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
