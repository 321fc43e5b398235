"""Runs ``helm template`` on the copy of a chart: a release goes in, and what each template printed comes out."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from kgate.rendering import gotemplate, process
from kgate.rendering.archive import ArchiveError, pack
from kgate.rendering.helm import chance, inventions
from kgate.rendering.helm.chart import Chart, NamedTemplate, Template
from kgate.rendering.helm.marks import ALPHABETS, Alphabet, Clones, Mark, MarkedText
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.jsontext import json_text
from kgate.rendering.requests import RenderContext, advice
from kgate.rendering.sandbox import NOTHING, Reach
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import Workspace
from kgate.values import dataclass
from kgate.yamltree import streams

_NOT_YAML = "kgate: [\n"
_PROOF = "zz-raw.yaml"
_HEADER = re.compile(r"\n---\n# Source: ([^\n]+)(?=\n)")
_MOST_DROPPED = 20
_MOST_ATTEMPTS = 4


class ArgumentError(ValueError):
    """A release that holds characters which no argument of a program may hold."""


@dataclass(frozen=True, slots=True)
class Dump:
    """What each template printed, or its clone, by the name that Helm has for the template. Texts are joined if a
    name came several times, since one of them is a template's own text that begins like Helm's. ``charts`` holds the
    names of the charts that were rendered: all but libraries and those that are switched off. ``output`` is all that
    Helm printed."""

    texts: Mapping[str, str]
    charts: frozenset[str]
    output: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no dump: ``reason`` is what Helm says, in one line, and ``places`` are the templates that it names,
    with their lines. ``exceeded`` is set instead if a limit stopped Helm, and ``advice`` is what to do then."""

    text: str = field(repr=False)
    reason: str = ""
    places: tuple[tuple[Template, int], ...] = ()
    exceeded: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Printed:
    """What a release comes to: a dump, the same with marks for the templates that can have them, and the failures of
    the templates that were left out to get it. ``others`` are the texts of another rendering, in which all that chance
    decides comes out differently; empty if it decides nothing."""

    dump: Dump | Failure
    marked: Mapping[str, MarkedText] = field(default_factory=dict)
    dropped: tuple[Failure, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)


class Runner:
    """Renders the releases of one chart: first its templates, then the clones of these with marks."""

    def __init__(self, chart: Chart, helm: Tool, context: RenderContext) -> None:
        self._chart = chart
        self._workspace = context.workspace
        self._may_drop = context.options.helm_degraded
        self._clones = Clones(Alphabet(ALPHABETS[0]))
        self._chances = _Chances(chart.templates.values())
        self._chances.write(0)
        self._clones.write(chart.templates, settles=True)
        self._helm = _Helm(chart, helm, context, self._clones)

    @property
    def marks(self) -> Sequence[Mark]:
        """What the numbers in the marks of the last release stand for."""
        return self._clones.marks

    def run(self, release: Release) -> Printed:
        """Renders a release. Raises CopyError for its values files, ArgumentError, CancelledError, DeadlineError."""
        arguments = self._helm.arguments(release)
        with contextlib.ExitStack() as parked:
            dump, dropped = self._dump(arguments, parked)
            if isinstance(dump, Failure) and not dump.exceeded and self._chances.remove():
                self._clones.remove()
                self._clones.write(self._chart.templates, settles=False)
                dump, dropped = self._dump(arguments, parked)
            if isinstance(dump, Failure):
                return Printed(dump, dropped=dropped)
            marked = self._marked(arguments, dump)
            return Printed(self._attributed(dump, marked, arguments), marked, dropped, self._others(arguments))

    def _attributed(self, dump: Dump, marked: Mapping[str, MarkedText], arguments: Sequence[str]) -> Dump:
        """The dump, in which no line that a template prints begins the text of another one: the texts of the clones
        show where a text ends and, if they do not prove each text, the files that Helm writes."""
        whole = {name: text.clean for name, text in marked.items() if _HEADER.search(f"\n{text.clean}")}
        dump = (self._helm.split(dump.output, "/templates/", whole) or dump) if whole else dump
        if all(name in marked and marked[name].proves(text) for name, text in dump.texts.items()):
            return dump
        written = self._helm.written(arguments)
        return (self._helm.split(dump.output, "/templates/", whole, written) or dump) if written else dump

    def _others(self, arguments: Sequence[str]) -> Mapping[str, str]:
        """The texts of another rendering, if chance has a part in them."""
        if not self._chances.decide and not self._helm.values_may_call_chance(arguments):
            return {}
        self._chances.write(1)
        found = self._helm.dump(arguments)
        self._chances.write(0)
        return found.texts if isinstance(found, Dump) else {}

    def printed_places(self, printed: Printed) -> Mapping[str, Sequence[int]]:
        """Where the literal texts begin that a rendering printed, by the keys of templates and in order."""
        numbers = {number for text in printed.marked.values() for number in text.texts}
        found: dict[str, list[int]] = {}
        for mark in sorted(self.marks[number] for number in numbers):
            if not mark.end:
                found.setdefault(mark.file, []).append(mark.start)
        return found

    def dump_with(self, release: Release, texts: Mapping[str, str]) -> Dump | Failure:
        """What a release prints with other texts in place of some templates, which are given by key. Raises as
        ``run``."""
        paths = {key: self._chart.templates[key].path for key in texts}
        own = {key: path.read_bytes() for key, path in paths.items()}
        try:
            for key, text in texts.items():
                settled = chance.settled_text(text, tuple(gotemplate.tokens(text)), 0)
                paths[key].write_text(settled, "utf-8", "surrogateescape", newline="")
            return self._helm.dump(self._helm.arguments(release))
        finally:
            for key, data in own.items():
                paths[key].write_bytes(data)

    def refusal(self, release: Release) -> Failure | None:
        """What Helm says if it does not render a release, as it would not install it either. Raises as ``run``."""
        return self._helm.refusal(self._helm.arguments(release))

    def _dump(
        self, arguments: Sequence[str], parked: contextlib.ExitStack
    ) -> tuple[Dump | Failure, tuple[Failure, ...]]:
        """Renders, and if the user allows that, once more without each template that fails."""
        dropped: list[Failure] = []
        for _ in range(_MOST_DROPPED + 1):
            found = self._helm.dump(arguments)
            template = self._to_drop(found) if isinstance(found, Failure) else None
            if isinstance(found, Dump) or template is None:
                break
            dropped.append(found)
            clone = self._clones.files.get(template.key)
            parked.enter_context(_parked([template.path, *([clone] if clone else [])], self._workspace))
        return found, tuple(dropped)

    def _to_drop(self, failure: Failure) -> Template | None:
        """The template that fails; None if the user does not allow to leave it out, or if Helm names none."""
        if not self._may_drop or failure.exceeded:
            return None
        return next((template for template, _ in failure.places if template.path.exists()), None)

    def _marked(self, arguments: Sequence[str], dump: Dump) -> Mapping[str, MarkedText]:
        """What the clones print. Clones that Helm cannot render are left out, all of them if it does not say which."""
        if any(self._clones.alphabet.occurs_in(text) for text in dump.texts.values()):
            self._change_alphabet(dump)
        for _ in range(_MOST_ATTEMPTS if self._clones.files else 0):
            found = self._helm.dump_clones(arguments)
            if isinstance(found, Dump):
                alphabet, count = self._clones.alphabet, len(self._clones.marks)
                return {name: MarkedText(text, alphabet, count) for name, text in found.texts.items()}
            if found.exceeded or not self._clones.remove_named(found.text):
                break
        return {}

    def _change_alphabet(self, dump: Dump) -> None:
        """Marks the chart again with code points that it does not print."""
        self._clones.remove()
        alphabets = (Alphabet(first) for first in ALPHABETS)
        free = (a for a in alphabets if not any(a.occurs_in(text) for text in dump.texts.values()))
        alphabet = next(free, None)
        if alphabet is not None:
            self._clones.alphabet = alphabet
            self._clones.write(self._chart.templates, settles=self._chances.is_settled)


class _Chances:
    """The templates of a copy in which chance has a part, with stand-ins in its place."""

    def __init__(self, templates: Iterable[Template]) -> None:
        self._texts: dict[Path, tuple[str, ...]] = {}
        for template in templates:
            texts = [chance.settled_text(template.text, template.tokens or (), index) for index in (0, 1)]
            if template.tokens is not None and texts[0] != template.text:
                self._texts[template.path] = (*texts, template.text)
        self.is_settled = True
        self.decide = any(low != high for low, high, _ in self._texts.values())

    def write(self, index: int) -> None:
        """Writes the templates with the stand-ins of one draw, unless these were removed."""
        for path, texts in self._texts.items():
            if path.exists():
                path.write_text(texts[index if self.is_settled else -1], "utf-8", "surrogateescape", newline="")

    def remove(self) -> bool:
        """Writes the templates as they were, since Helm fails with the stand-ins. True if there were any."""
        was_settled, self.is_settled = self.is_settled and bool(self._texts), False
        self.write(0)
        return was_settled


@contextlib.contextmanager
def _parked(paths: Iterable[Path], workspace: Workspace) -> Iterator[None]:
    """Keeps files out of the copy as long as the block runs."""
    away = workspace.folder()
    moved = [(path, away / str(index)) for index, path in enumerate(paths)]
    for path, place in moved:
        shutil.move(path, place)
    try:
        yield
    finally:
        for path, place in moved:
            shutil.move(place, path)


# ------------------------------------------------------------------------------------------ one run


@dataclass(frozen=True, slots=True)
class _Helm:
    """Runs Helm on the copy of one chart, with or without its clones."""

    chart: Chart
    tool: Tool
    context: RenderContext
    clones: Clones

    @property
    def _packed(self) -> Path:
        """The archive that Helm gets. What lies next to it is all that Helm may read."""
        return self.chart.copy.folder.with_suffix(".tgz")

    def arguments(self, release: Release) -> list[str]:
        """The arguments of ``helm template``; values files are copied. Raises CopyError and ArgumentError."""
        folder = Path(tempfile.mkdtemp(prefix="values-", dir=self._packed.parent))
        found = ["--namespace=" + (release.namespace or inventions.NAMESPACE)]
        for index, values in enumerate(release.values):
            path = folder / f"{index}.yaml"
            if isinstance(values, ValuesFile):
                self.context.workspace.copy(values.path, path)
            else:
                path.write_text(json_text(values.body), encoding="utf-8")
            found.append(f"--values={path}")
        found += [f"--set={text}" for text in release.sets]
        found += [f"--set-string={text}" for text in release.string_sets]
        version = release.kubernetes_version or self.context.options.kubernetes_version
        found.append(f"--kube-version={version or inventions.kubernetes_version(self.chart.kubernetes_range)}")
        found += [f"--api-versions={name}" for name in release.api_versions]
        found += ["--is-upgrade"] if release.is_upgrade else []
        found += ["--", release.name, os.fspath(self._packed)]
        if any("\0" in text or _SURROGATE.search(text) for text in found):
            raise ArgumentError
        return found

    def dump(self, arguments: Sequence[str]) -> Dump | Failure:
        """What the templates print. The clones are left out: a template can change ``.Values`` for those after it, and
        would see its clone do it."""
        return self._run(arguments, self.clones.files.values(), "/templates/")

    def dump_clones(self, arguments: Sequence[str]) -> Dump | Failure:
        """What the clones print, in a rendering of both."""
        return self._run(arguments, (), f"/templates/{self.clones.folder}/")

    def values_may_call_chance(self, arguments: Sequence[str]) -> bool:
        """True if values hold templates that call functions of chance, which ``tpl`` may render."""
        if not any("tpl" in template.text for template in self.chart.templates.values()):
            return False
        files = [Path(text.removeprefix("--values=")) for text in arguments if text.startswith("--values=")]
        files += [path for node in self.chart.nodes if (path := node.folder / "values.yaml").is_file()]
        texts = (path.read_text("utf-8", "replace") for path in files)
        return any(map(chance.may_call, (*texts, *arguments)))

    def refusal(self, arguments: Sequence[str]) -> Failure | None:
        """What Helm says if it refuses to render, be it that a template prints what is not YAML."""
        hidden = [path for path in self._proofs() if path.exists()]
        outcome = self._template(arguments, (*self.clones.files.values(), *hidden))
        if isinstance(outcome, Failure):
            return outcome
        return self._failure(outcome.error_text) if outcome.code else None

    def _proofs(self) -> list[Path]:
        """Where the file goes that is not YAML, in each chart."""
        folders = {node.folder for node in self.chart.nodes}
        return [folder / "templates" / self.clones.folder / _PROOF for folder in folders]

    def _run(self, arguments: Sequence[str], without: Collection[Path], wanted: str) -> Dump | Failure:
        """What is printed by templates in the folder ``wanted``. A file that is not YAML makes Helm print what each
        template printed instead of parsing it; that this file is in the output is the proof that all templates were
        rendered. Every chart gets one, which shows whether it is switched on. No template can print text in its name,
        which none of them knows."""
        for proof in self._proofs():
            proof.parent.mkdir(parents=True, exist_ok=True)
            proof.write_text(_NOT_YAML, encoding="utf-8")
        outcome = self._template(arguments, without)
        if isinstance(outcome, Failure):
            return outcome
        text = "\n" + outcome.stdout.decode("utf-8", "surrogateescape")
        unknown = self._unknown_subchart(text)
        if unknown:
            return self._failure(f"it renders {unknown}, a sub-chart that is not found in the chart")
        found = self.split(text, wanted)
        return found if found is not None else self._failure(outcome.error_text)

    def written(self, arguments: Sequence[str]) -> Mapping[str, Collection[str]]:
        """The documents of each template, by its name, in the files that Helm writes: no text of a template can pass
        for the name of a file. Empty if Helm does not render the release."""
        folder = Path(tempfile.mkdtemp(prefix="written-", dir=self._packed.parent))
        without = (*self.clones.files.values(), *(path for path in self._proofs() if path.exists()))
        outcome = self._template([f"--output-dir={folder}", *arguments], without, Reach(writes=(folder,)))
        if isinstance(outcome, Failure) or outcome.code:
            return {}
        files = {name: folder / name for name in self.chart.names}
        return {name: _documents(path) for name, path in files.items() if path.is_file()}

    def _template(
        self, arguments: Sequence[str], without: Collection[Path], reach: Reach = NOTHING
    ) -> process.Outcome | Failure:
        """Packs the copy without some of its files, and runs Helm on it."""
        try:
            pack(self.chart.copy.folder, self._packed, frozenset(without))
        except (ArchiveError, OSError) as error:
            return self._failure(f"it cannot be packed: {error}")
        command = [os.fspath(self.tool.path), "template", "--debug", *arguments]
        outcome = process.run(command, self._packed.parent, self.context.options.limits(), reach)
        if outcome.exceeded:
            return Failure(outcome.error_text, exceeded=outcome.exceeded, advice=advice(outcome.bound))
        return outcome

    def _failure(self, text: str) -> Failure:
        shown = self.chart.copy.mount(self.chart.copy.folder).shown
        private = {os.fspath(self.chart.copy.folder): shown, f"/{self.clones.folder}/": "/"}
        return Failure(text, one_line(text, private), tuple(failing_templates(text, self.chart.names)))

    def _unknown_subchart(self, text: str) -> str:
        """A sub-chart that Helm names and kgate does not know, so that its text has no source; empty if there is
        none."""
        known = {node.name for node in self.chart.nodes}
        charts = dict.fromkeys(head[1].partition("/templates/")[0] for head in _HEADER.finditer(text))
        below = f"{self.chart.nodes[0].name}/charts/"
        return next((chart for chart in charts if chart not in known and chart.startswith(below)), "")

    def split(
        self,
        text: str,
        wanted: str,
        whole: Mapping[str, str] | None = None,
        written: Mapping[str, Collection[str]] | None = None,
    ) -> Dump | None:
        """The dump by names. Only names of templates in the copy begin a text. None if the proof of the top chart is
        missing. A clone prints its own end, and ``whole`` are texts of templates as their clones print them: in these
        no name begins another text, since a template may print the line that Helm does. ``written`` are the documents
        that show of the other texts where they belong."""
        part = f"/templates/{self.clones.folder}/"
        proofs = {f"{node.name}{part}{_PROOF}": node.name for node in self.chart.nodes}
        folders = {wanted, "/templates/"}
        known = {name.replace("/templates/", folder, 1): name for name in self.chart.names for folder in folders}
        heads: list[re.Match[str]] = []
        position = 0
        for head in _HEADER.finditer(text):
            if head.start() >= position and (head[1] in proofs or head[1] in known):
                heads.append(head)
                position = self._end(text, head, (whole or {}).get(known.get(head[1], ""), ""))
        if written:
            heads = _without_forged(text, heads, {head[1]: written.get(known.get(head[1], ""), ()) for head in heads})
        texts: dict[str, list[str]] = {}
        for head, end in _regions(text, heads):
            texts.setdefault(head[1], []).append(text[head.end() + 1 : end + 1])
        charts = frozenset(proofs[name] for name in texts if name in proofs)
        if self.chart.nodes[0].name not in charts:
            return None
        own = {name: parts for name, parts in texts.items() if name in known and wanted in name}
        return Dump({known[name]: _joined(parts) for name, parts in own.items()}, charts, text)

    def _end(self, text: str, head: re.Match[str], whole: str) -> int:
        """Where the text of a template certainly does not end before, if that is known."""
        start = head.end() + 1
        if f"/{self.clones.folder}/" in head[1] and not head[1].endswith(_PROOF):
            return max(0, text.find(self.clones.alphabet.end, start))
        whole = whole.rstrip()
        return start + len(whole) if whole and text.startswith(whole, start) else 0


_SURROGATE = re.compile("[\ud800-\udfff]")


def _regions(text: str, heads: Sequence[re.Match[str]]) -> Iterator[tuple[re.Match[str], int]]:
    """Yields each head of an output, and where its text ends."""
    ends = [head.start() for head in heads[1:]] + [len(text)] * bool(heads)
    yield from zip(heads, ends, strict=True)


def _without_forged(
    text: str, heads: Sequence[re.Match[str]], written: Mapping[str, Collection[str]]
) -> list[re.Match[str]]:
    """The heads without those that stand inside the text of another template: not all documents that follow are of the
    template that the head names, and one is of that before, or of one whose text begins with such a head."""
    kept: list[re.Match[str]] = []
    empty = 0  # how many of the last ones no document follows
    for head, end in _regions(text, heads):
        own = _pieces(text[head.end() : end])
        printed = _pieces(text[head.start() + len("\n---\n") : end])
        if not all(one in written[head[1]] for one in own):
            places = range(len(kept) - 1, max(-1, len(kept) - 2 - empty), -1)
            place = next((n for n in places if any(one in written[kept[n][1]] for one in printed)), None)
            if place is not None:
                del kept[place + 1 :]
                empty = 0
                continue
        kept.append(head)
        empty = 0 if own else empty + 1
    return kept


def _documents(file: Path) -> frozenset[str]:
    """The documents in a file that Helm wrote, without the line before each that names the template."""
    pieces = _pieces(file.read_bytes().decode("utf-8", "surrogateescape"))
    return frozenset(piece.partition("\n")[2].strip(streams.GO_SPACES) for piece in pieces)


def _pieces(text: str) -> list[str]:
    """The documents of a text as Helm splits them."""
    return [text[start:end] for start, end in streams.helm_pieces(text)]


def _joined(parts: Sequence[str]) -> str:
    """All that came under one name. Helm prints the hooks that it has already parsed a second time: a text adds nothing
    if all its documents are there already."""
    if len(parts) == 1:
        return parts[0]
    kept: list[str] = []
    documents: set[str] = set()
    for part in sorted(parts, key=lambda text: (-len(text), text)):
        own = set(_pieces(part))
        if not kept or not own <= documents:
            kept.append(part)
            documents |= own
    return "\n---\n".join(kept)


# ----------------------------------------------------------------------------------- what Helm says

_PLACE = re.compile(r"(?<![^\s:()\"'<])([^\s:()\"'<]++):([0-9]{1,9})(?![0-9])")


def failing_templates(text: str, names: Mapping[str, NamedTemplate]) -> Iterator[tuple[Template, int]]:
    """The templates that a message of Helm names, with the line. Helper templates come last, since the template that
    called them is named before them."""
    places = _PLACE.findall(text[:_LONGEST_READ])
    found = [(names[name].template, int(line)) for name, line in places if name in names]
    yield from sorted(found, key=lambda place: place[0].is_partial)


_LONGEST_READ = 20_000
_LONGEST_MESSAGE = 600


def one_line(text: str, private: Mapping[str, str]) -> str:
    """A message of Helm in one line, with what reports show in place of private names."""
    lines = text.splitlines()
    first = next((index for index, line in enumerate(lines) if line.startswith("Error:")), 0)
    kept = [line.strip() for line in lines[first:] if line.strip() and not _NOISE.match(line)]
    found = " ".join(kept).removeprefix("Error: ")
    for name, shown in private.items():
        found = found.replace(name, shown)
    found = _VALUES.sub("a values file of the release", found)
    return found if len(found) <= _LONGEST_MESSAGE else found[:_LONGEST_MESSAGE] + " …"


_VALUES = re.compile(r"(?<!\S)\S*/kgate-run-\w+/\d+/values-\w+/\d+\.yaml")
_NOISE = re.compile(
    r"\s*(Use --debug flag|helm\.go:\d+|\S+\.go:\d+|runtime\.|main\.|github\.com/|helm\.sh/|\[debug\]|level=|time=)"
)
