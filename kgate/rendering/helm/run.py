"""Runs ``helm template`` on a prepared copy of a chart, and takes its dump of raw template output apart."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kgate.rendering import gotemplate, process
from kgate.rendering.helm.archive import ArchiveError, pack
from kgate.rendering.helm.chart import ChartCopy, ChartNode, Template
from kgate.rendering.helm.marks import Alphabet, Cloner, Origin
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.jsontext import json_text
from kgate.rendering.requests import RenderOptions, advice
from kgate.rendering.tools import Tool
from kgate.rendering.workspace import Workspace
from kgate.yamltree import streams

_NOT_YAML = "kgate: [\n"
_PROOF = "zz-raw.yaml"
_HEADER = re.compile(r"\n---\n# Source: ([^\n]+)(?=\n)")


@dataclass(slots=True)
class Clones:
    """The marked clones in the copy of a chart. All lie one folder deeper than their originals, so that templates
    of one name win over each other as the originals do."""

    alphabet: Alphabet
    folder: str = field(default_factory=lambda: f"zz-kgate-{secrets.token_hex(8)}")
    origins: list[Origin] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    def write(self, templates: Mapping[str, Template]) -> None:
        """Writes the clones of all templates that can be read."""
        readable = {key: tokens for key, item in templates.items() if (tokens := _cut(item.text)) is not None}
        defined = [gotemplate.defined_names(tokens) for tokens in readable.values()]
        cloner = Cloner(self.alphabet, set().union(*defined))
        for key, tokens in readable.items():
            template = templates[key]
            if not cloner.has_room(template.text):
                continue
            text = cloner.clone(key, template.text, tokens)
            path = self._place(template)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            self.files[key] = path
        self.origins = cloner.origins

    def _place(self, template: Template) -> Path:
        parts = Path(template.key).parts
        depth = _templates_depth(parts)
        return template.path.parents[len(parts) - depth - 2] / self.folder / Path(*parts[depth + 1 :])

    def remove_named(self, text: str) -> bool:
        """Removes the clones that a message of Helm names; whether there are any."""
        named = [key for key, path in self.files.items() if f"/{self.folder}/{path.name}:" in text]
        for key in named:
            self.files.pop(key).unlink()
        return bool(named)

    def remove(self) -> None:
        """Removes all clones."""
        for path in self.files.values():
            path.unlink(missing_ok=True)
        self.files.clear()


def _cut(text: str) -> Sequence[gotemplate.Token] | None:
    """The text in pieces, or None if it is no template."""
    try:
        return gotemplate.cut(text)
    except gotemplate.TemplateError:
        return None


def _templates_depth(parts: Sequence[str]) -> int:
    """Where ``templates`` stands in the path of a template: behind the folders of sub-charts."""
    depth = 0
    while parts[depth] == "charts":
        depth += 2
    return depth


@dataclass(frozen=True, slots=True)
class Dump:
    """What each template printed, or its clone: by the name that Helm has for the template. Texts are joined where a
    name came several times, since one of them is a template's own text that begins like Helm's. ``charts`` names the
    charts that were rendered: all but libraries and those that are switched off."""

    texts: Mapping[str, str]
    charts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Failure:
    """A rendering without a dump: what Helm said, or the bound that stopped it."""

    text: str
    exceeded: str = ""
    advice: str = ""


Names = Mapping[str, tuple[ChartNode, str]]
"""The names that Helm has for templates: the chart and the key of each."""


def template_names(copy: ChartCopy, nodes: Sequence[ChartNode], templates: Collection[str]) -> Names:
    """What Helm calls the templates; those of a sub-chart with several aliases have several names."""
    below: dict[Path, list[str]] = {}
    for key in templates:
        parts = Path(key).parts
        below.setdefault(copy.folder / Path(*parts[: _templates_depth(parts)]), []).append(key)
    return {
        f"{node.name}/{(copy.folder / key).relative_to(node.folder).as_posix()}": (node, key)
        for node in nodes
        for key in below.get(node.folder, ())
    }


@dataclass(frozen=True, slots=True)
class Runner:
    """Renders one copy of a chart for its releases."""

    helm: Tool
    options: RenderOptions
    workspace: Workspace
    copy: ChartCopy
    nodes: Sequence[ChartNode]
    names: Names

    @property
    def folder(self) -> Path:
        """All that helm may read: the copy of the chart, and what lies beside it."""
        return self.copy.folder.parent

    def arguments(self, release: Release) -> list[str]:
        """The arguments of ``helm template``; values files are copied. Raises CopyError."""
        folder = Path(tempfile.mkdtemp(prefix="values-", dir=self.folder))
        found = ["--namespace=" + release.namespace]
        for index, values in enumerate(release.values):
            path = folder / f"{index}.yaml"
            if isinstance(values, ValuesFile):
                self.workspace.copy(values.path, path)
            else:
                path.write_text(json_text(values.body), encoding="utf-8")
            found.append(f"--values={path}")
        found += [f"--set={text}" for text in release.sets]
        found += [f"--set-string={text}" for text in release.string_sets]
        version = release.kubernetes_version or self.options.kubernetes_version
        found += [f"--kube-version={version}"] if version else []
        found += [f"--api-versions={name}" for name in release.api_versions]
        return [*found, "--", release.name, os.fspath(self._packed)]

    @property
    def _packed(self) -> Path:
        """Where the chart is packed for Helm."""
        return self.copy.folder.with_suffix(".tgz")

    def dump(self, arguments: Sequence[str], clones: Clones) -> Dump | Failure:
        """What the templates print. No clone is there: a template can change ``.Values`` for those after it, and
        would see its clone do it."""
        return self._dump(arguments, clones, clones.files.values(), "/templates/")

    def dump_clones(self, arguments: Sequence[str], clones: Clones) -> Dump | Failure:
        """What the clones print, in a rendering of both."""
        return self._dump(arguments, clones, (), f"/templates/{clones.folder}/")

    def _dump(self, arguments: Sequence[str], clones: Clones, without: Collection[Path], wanted: str) -> Dump | Failure:
        """What is printed by templates in the folder ``wanted``. A file that is no YAML makes Helm print what each
        template printed instead of parsing it; that this file is in the output is the proof that all templates were
        rendered. Every chart gets one, which tells whether it is switched on. No template can print text in its name,
        which is not known to any."""
        for folder in {node.folder for node in self.nodes}:
            proof = folder / "templates" / clones.folder / _PROOF
            proof.parent.mkdir(parents=True, exist_ok=True)
            proof.write_text(_NOT_YAML, encoding="utf-8")
        try:
            pack(self.copy.folder, self._packed, frozenset(without))
        except (ArchiveError, OSError) as error:
            return Failure(f"it cannot be packed: {error}")
        command = [os.fspath(self.helm.path), "template", "--debug", *arguments]
        outcome = process.run(command, self.folder, self.options.limits())
        if outcome.exceeded:
            return Failure(outcome.error_text, outcome.exceeded, advice(outcome.bound))
        text = "\n" + outcome.stdout.decode("utf-8", "surrogateescape")
        stranger = self._stranger(text)
        if stranger:
            return Failure(f"it renders {stranger}, a sub-chart that is not found in the chart")
        found = self._split(text, clones, wanted)
        return found if found is not None else Failure(outcome.error_text)

    def _stranger(self, text: str) -> str:
        """A sub-chart that Helm names and that is none of ours, whose text nothing could be said of; or nothing."""
        known = {node.name for node in self.nodes}
        charts = dict.fromkeys(head[1].partition("/templates/")[0] for head in _HEADER.finditer(text))
        return next(
            (chart for chart in charts if chart not in known and chart.startswith(f"{self.nodes[0].name}/charts/")), ""
        )

    def _split(self, text: str, clones: Clones, wanted: str) -> Dump | None:
        """The dump by names. Only names of templates in the copy begin a text; None if the top chart's proof is not
        there."""
        part = f"/templates/{clones.folder}/"
        proofs = {f"{node.name}{part}{_PROOF}": node.name for node in self.nodes}
        known = {
            name.replace("/templates/", folder, 1): name for name in self.names for folder in {wanted, "/templates/"}
        }
        heads = [head for head in _HEADER.finditer(text) if head[1] in proofs or head[1] in known]
        texts: dict[str, list[str]] = {}
        ends = [head.start() for head in heads[1:]] + [len(text)] * bool(heads)
        for head, end in zip(heads, ends, strict=True):
            texts.setdefault(head[1], []).append(text[head.end() + 1 : end + 1])
        charts = frozenset(proofs[name] for name in texts if name in proofs)
        if self.nodes[0].name not in charts:
            return None
        own = {name: parts for name, parts in texts.items() if name in known and wanted in name}
        return Dump({known[name]: _joined(parts) for name, parts in own.items()}, charts)


def _joined(parts: Sequence[str]) -> str:
    """All that came under one name. Helm prints the hooks that it has already parsed once more: a text of which every
    document is there already adds nothing."""
    if len(parts) == 1:
        return parts[0]
    kept: list[str] = []
    documents: set[str] = set()
    for part in sorted(parts, key=lambda text: (-len(text), text)):
        own = {part[start:end] for start, end in streams.helm_pieces(part)}
        if not kept or not own <= documents:
            kept.append(part)
            documents |= own
    return "\n---\n".join(kept)


# ----------------------------------------------------------------------------------- what Helm says

_PLACE = re.compile(r"(?<![^\s:()\"'<])([^\s:()\"'<]++):([0-9]{1,9})(?![0-9])")


def failing_templates(text: str, names: Names) -> Iterator[tuple[str, int]]:
    """The templates that a message of Helm names, with the line; helper templates last, since the template that
    called them comes before them."""
    found = [(names[name][1], int(line)) for name, line in _PLACE.findall(text[:_LONGEST_READ]) if name in names]
    is_partial = [Path(key).name.startswith("_") for key, _ in found]
    yield from (place for place, partial in zip(found, is_partial, strict=True) if not partial)
    yield from (place for place, partial in zip(found, is_partial, strict=True) if partial)


_LONGEST_READ = 20_000
_LONGEST_MESSAGE = 600


def message(failure: Failure, replacements: Mapping[str, str]) -> str:
    """What Helm said, in one line and without names of private files."""
    lines = failure.text.splitlines()
    first = next((index for index, line in enumerate(lines) if line.startswith("Error:")), 0)
    kept = [line.strip() for line in lines[first:] if line.strip() and not _NOISE.match(line)]
    text = " ".join(kept).removeprefix("Error: ")
    for private, shown in replacements.items():
        text = text.replace(private, shown)
    text = _VALUES.sub("a values file of the release", text)
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " …"


_VALUES = re.compile(r"(?<!\S)\S*/kgate-run-\w+/\d+/values-\w+/\d+\.yaml")
_NOISE = re.compile(
    r"\s*(Use --debug flag|helm\.go:\d+|\S+\.go:\d+|runtime\.|main\.|github\.com/|helm\.sh/|\[debug\]|level=|time=)"
)
