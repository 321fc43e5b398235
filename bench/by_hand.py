"""Checks kgate's renderings against those of helm and kubectl run by hand, object by object.

    python -m bench.by_hand FOLDER --helm PROGRAM --kubectl PROGRAM [--releases N]

Everything that kgate renders below FOLDER is rendered again by the tool alone, from the original files: charts by
``helm template``, kustomizations by ``kubectl kustomize``. The commands for GitOps objects are written by hand in
bench/by_hand_cases.py. The outputs are read by PyYAML, not by kgate. Fields that differ between two runs by hand are
random and left out. What kgate did not render is tried by hand too; if the tool alone can render it, kgate's Problem
is printed. Exits with 1 if anything differs, or if there is nothing to compare.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.by_hand_cases import CASES, Chart, Folder
from kgate.model import Json, Problem, Rendering, child_pointer
from kgate.rendering.requests import RenderOptions, RenderSettings
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of

Identity = tuple[str, str, str, str]
_MOST_SHOWN = 3
_ABSENT = object()


class ByHandError(Exception):
    """A tool refused the command written by hand."""


# ------------------------------------------------------------------------- reading, independent of kgate


class _Loader(yaml.CSafeLoader):
    """YAML as sigs.k8s.io/yaml reads it: 1.1, except dates, base-60 numbers and ``=`` (which stay strings)."""


def _resolvers() -> Iterator[tuple[str, list[tuple[str, re.Pattern[str]]]]]:
    number = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0)")
    decimal = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
    for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items():
        kept = [(tag, pattern) for tag, pattern in pairs if tag.rpartition(":")[2] in ("bool", "null", "merge")]
        if letter in "-+0123456789.":
            kept += [("tag:yaml.org,2002:int", re.compile(rf"(?:{number.pattern})\Z"))]
            kept += [("tag:yaml.org,2002:float", re.compile(rf"(?:{decimal.pattern})\Z"))]
        yield letter, kept


_Loader.yaml_implicit_resolvers = dict(_resolvers())


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.lstrip("+"))
    is_octal = len(digits) > 1 and digits.startswith("0") and digits[1:].isdigit()
    return sign * (int(digits, 8) if is_octal else int(digits, 0))


def _floating(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _floating)


def objects(text: str) -> Iterator[dict[str, Json]]:
    """Yields the objects in a tool's output; lists are split into their members, as kubectl does."""
    pending: list[Any] = list(yaml.load_all(text, _Loader))
    for value in pending:
        if not isinstance(value, dict) or not value.get("kind"):
            continue
        if str(value["kind"]).endswith("List") and isinstance(value.get("items"), list):
            kind = str(value["kind"])
            default = {} if kind == "List" else {"apiVersion": value.get("apiVersion"), "kind": kind[:-4]}
            pending += [{**default, **item} for item in value["items"]]
        else:
            yield without_nulls(value)


def without_nulls(value: Any) -> Any:
    """Returns a value as kubectl sends it: keys are strings, and null members are absent."""
    if isinstance(value, dict):
        return {_key(key): without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def identity(body: Mapping[str, Any]) -> Identity:
    """Returns what identifies an object."""
    metadata = body.get("metadata") or {}
    return (
        str(body.get("apiVersion")),
        str(body["kind"]),
        str(metadata.get("namespace") or ""),
        str(metadata.get("name") or metadata.get("generateName") or ""),
    )


# --------------------------------------------------------------------------------------- by hand


@dataclass(frozen=True, slots=True)
class Hand:
    """Runs the tools on a repository with the commands written by hand."""

    root: Path
    helm: str
    kubectl: str

    def render(self, rendering: Rendering) -> str:
        """Returns the tool's output for a rendering of kgate. Raises ByHandError, and KeyError for a missing row."""
        if not rendering.requested_by:
            return self._own(rendering)
        place = rendering.requested_by.rpartition(":")[0]
        case = CASES[self.root.name][place, rendering.path]
        if isinstance(case, Chart):
            return self.chart(rendering.path, case)
        return self.folder(rendering.path, case)

    def _own(self, rendering: Rendering) -> str:
        """Renders a chart with its own values, or with one of its ci files, or a kustomization as it is."""
        if rendering.tool == "kustomize":
            return self.folder(rendering.path, Folder())
        values = rendering.variant.removeprefix("values ") if rendering.variant else ""
        arguments = ("-f", os.fspath(self.root / rendering.path / values)) if values else ()
        return self.chart(rendering.path, Chart(name_of(self.root / rendering.path), "default", arguments))

    def chart(self, path: str, case: Chart) -> str:
        """Runs ``helm template``."""
        try:
            return self._template(self.root / path, case)
        except ByHandError as error:
            if "missing in charts/ directory" not in str(error):
                raise
        with self._copy() as tree:  # dependencies next to it (file://), which are built without network
            self._run((self.helm, "dependency", "build", "--skip-refresh", os.fspath(tree / path)))
            return self._template(tree / path, case)

    def _template(self, chart: Path, case: Chart) -> str:
        wanted = (case.name, os.fspath(chart), "--namespace", case.namespace)
        fixed = ("--include-crds",)
        return self._run((self.helm, "template", *wanted, *fixed, *case.arguments))

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder) / "tree"
            shutil.copytree(self.root, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            yield tree

    def folder(self, path: str, case: Folder) -> str:
        """Runs ``kubectl kustomize``."""
        command = (self.kubectl, "kustomize", "--enable-helm", "--helm-command", self.helm)
        if not case.files:
            return self._run((*command, os.fspath(self.root / path)))
        with self._copy() as tree:
            for name, text in case.files.items():
                (tree / name).write_text(text, encoding="utf-8")
            return self._run((*command, os.fspath(tree / path)))

    def _run(self, command: Sequence[str]) -> str:
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(command, capture_output=True, env={"HOME": home, "PATH": home}, check=False)
        if done.returncode:
            raise ByHandError(done.stderr.decode("utf-8", "replace").strip()[-300:])
        return done.stdout.decode("utf-8")


def name_of(chart: Path) -> str:
    """Returns the release name of a chart without a GitOps object: by kgate's documentation, that of its folder."""
    return re.sub(r"[^a-z0-9.-]+", "-", chart.name.removesuffix(".tgz").lower())[:53].strip("-.")


# ------------------------------------------------------------------------------------- comparing


@dataclass(slots=True)
class Row:
    """The outcome of the comparison of one rendering."""

    title: str
    compared: int = 0
    equal: int = 0
    random: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        line = f"{'DIFFERS' if self.faults else 'ok':8}{self.compared:5} objects {self.equal:5} equal"
        noise = f", {self.random} with random fields" if self.random else ""
        return "\n".join((f"{line}  {self.title}{noise}", *(f"          {fault}" for fault in self.faults)))


def compare(title: str, ours: Iterable[Mapping[str, Any]], runs: Sequence[str]) -> Row:
    """Compares one rendering with two runs by hand."""
    first, second = (_grouped(objects(text)) for text in runs)
    mine = _grouped(ours)
    row = Row(title)
    for name in sorted(mine.keys() | first.keys()):
        own, theirs, again = mine[name], first[name], second[name]
        shown = "/".join(part for part in name if part)
        for count, word in ((len(theirs) - len(own), "missing"), (len(own) - len(theirs), "extra")):
            row.faults += [f"{word}: {shown}"] * max(count, 0)
        for index, (one, other) in enumerate(zip(_by_likeness(own, theirs), theirs, strict=False)):
            noise = set(differences(other, again[index] if index < len(again) else {}))
            found = [path for path in differences(one, other) if path not in noise]
            row.compared += 1
            row.equal += not found
            row.random += bool(noise)
            row.faults += [f"differs: {shown} at {', '.join(found[:_MOST_SHOWN])}"] if found else []
    return row


def _grouped(bodies: Iterable[Mapping[str, Any]]) -> defaultdict[Identity, list[Mapping[str, Any]]]:
    found: defaultdict[Identity, list[Mapping[str, Any]]] = defaultdict(list)
    for body in bodies:
        found[identity(body)].append(body)
    return found


def _by_likeness(own: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Orders objects of one name like those by hand, so that equal ones are paired."""
    left = list(own)
    wanted = theirs[: len(own)]
    return [left.pop(next((n for n, one in enumerate(left) if one == other), 0)) for other in wanted]


def differences(one: Any, other: Any, pointer: str = "") -> Iterator[str]:
    """Yields the pointers of all differences."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key, _ABSENT), other.get(key, _ABSENT), child_pointer(pointer, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, child_pointer(pointer, index))
    elif type(one) is not type(other) or (one != other and one == one):  # noqa: PLR0124 - NaN is not itself
        yield pointer or "/"


# ---------------------------------------------------------------------------------------- the whole


def examine(hand: Hand) -> tuple[list[Row], list[Problem]]:
    """Returns a row for each rendering, and kgate's problems."""
    rendered: defaultdict[Rendering, list[Mapping[str, Any]]] = defaultdict(list)
    problems: set[Problem] = set()
    settings = RenderSettings(RenderOptions(seconds=300), {"helm": hand.helm, "kubectl": hand.kubectl})
    intake = batches_of(["CustomResourceDefinition"])
    everything = collect([hand.root], Repository.at(hand.root), settings, intake)
    with closing(everything):
        for contents in everything:
            problems.update(contents.problems)
            for resource in contents.resources:
                if resource.rendering is not None:
                    rendered[resource.rendering].append(without_nulls(resource.body))
    rows = [_row(hand, rendering, bodies) for rendering, bodies in sorted(rendered.items(), key=_title)]
    return rows, sorted(problems)


def _title(item: tuple[Rendering, object]) -> str:
    return str(item[0])


def _row(hand: Hand, rendering: Rendering, bodies: list[Mapping[str, Any]]) -> Row:
    try:
        return compare(str(rendering), bodies, [hand.render(rendering) for _ in range(2)])
    except ByHandError as error:
        return Row(str(rendering), faults=[f"only kgate renders it; by hand: {error}"])
    except KeyError:
        return Row(str(rendering), faults=["there is no row for it in bench/by_hand_cases.py"])


def refused(hand: Hand, problems: Iterable[Problem]) -> Iterator[str]:
    """Yields what kgate did not render and the tool alone does, by hand."""
    reported = {own: problem for problem in problems if (own := _subject(problem.path)) is not None}
    for own, problem in sorted(reported.items(), key=_title):
        try:
            count = sum(1 for _ in objects(hand.render(own)))
        except ByHandError:
            yield f"refused by both: {own}"
        else:
            yield f"refused by kgate alone ({count} objects by hand): {own}: {problem.message}"


def _subject(path: str) -> Rendering | None:
    """Returns the chart or kustomization that a problem is about, or None, by the path of its file."""
    folder, _, name = path.rpartition("/")
    tool = {"Chart.yaml": "helm", "kustomization.yaml": "kustomize", "kustomization.yml": "kustomize"}.get(name)
    return Rendering(tool, folder or ".") if tool else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a row for each rendering below a folder, and the sums. Returns 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--helm", required=True)
    parser.add_argument("--kubectl", required=True)
    options = parser.parse_args(arguments)
    hand = Hand(options.folder.resolve(), options.helm, options.kubectl)
    rows, problems = examine(hand)
    for row in rows:
        print(row)
    for line in refused(hand, problems):
        print(line)
    sums = Counter(compared=sum(row.compared for row in rows), equal=sum(row.equal for row in rows))
    wrong = sum(bool(row.faults) for row in rows)
    print(
        f"{hand.root.name}: {len(rows)} renderings, {wrong} differ; {sums['compared']} objects, {sums['equal']} equal"
    )
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
