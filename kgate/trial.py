"""Tries edits of what is rendered in a private copy of the repository: rendering it again shows what they do."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.fix.chartvalues import moved
from kgate.fix.edit import edited
from kgate.fix.plan import Fixed, LeftAlone, objection, plan
from kgate.lifetime import Lifetime
from kgate.model import FieldChange, Finding, Report
from kgate.repository import Repository, SearchError, git_folders
from kgate.scan import scan
from kgate.values import dataclass
from kgate.yamltree.text import decode, encoded_like

if TYPE_CHECKING:
    from kgate.config.settings import Settings

MAX_BYTES = 512 << 20
"""The largest repository that is copied."""

_MOST_ROUNDS = 3
_MOST_TRIES = 5
_LEAST_SECONDS = 1
"""Time for a scan once the time for the whole run is up: it ends with a Problem."""


class TooLargeError(Exception):
    """A repository that is not copied."""


def copy(repository: Repository, target: Path) -> None:
    """Copies a repository into a folder that does not exist, with as much of what git keeps as a scan reads. Raises
    TooLargeError and OSError."""
    try:
        size = sum(os.lstat(path).st_size for path in repository.files_below(repository.root))
    except SearchError:
        raise TooLargeError from None
    if size > MAX_BYTES:
        raise TooLargeError
    shutil.copytree(repository.root, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    folders = git_folders(repository.root)
    if folders is None:
        return
    (target / ".git").mkdir()
    for source in (folders.own / "index", folders.own / "HEAD", folders.common / "config"):
        if source.is_file():
            shutil.copyfile(source, target / ".git" / source.name)
    if (folders.common / "info").is_dir():
        shutil.copytree(folders.common / "info", target / ".git/info", symlinks=True)


@dataclass(frozen=True, slots=True)
class Tried:
    """What becomes of files, by their paths: their texts before and after, what is fixed in each; and what is left
    alone."""

    texts: Mapping[str, tuple[bytes, str, str]]
    fixed: Mapping[str, tuple[Fixed, ...]]
    left_alone: tuple[LeftAlone, ...]


class Trial:
    """A copy of a repository in which edits are tried, as long as a lifetime lasts. ``settings`` are those of a scan of
    the copy."""

    def __init__(self, settings: Settings, lifetime: Lifetime, *, with_unsafe: bool) -> None:
        self._settings = settings
        self._lifetime = lifetime
        self._with_unsafe = with_unsafe

    def run(self, report: Report, keeps: Callable[[Finding], bool]) -> Tried:
        """Fixes what is rendered, as far as nothing else changes, and goes on until nothing is left to fix. ``report``
        is that of the repository without any edit."""
        before: dict[str, tuple[bytes, str]] = {}
        fixed: dict[str, list[Fixed]] = defaultdict(list)
        left: list[LeftAlone] = []
        for _ in range(_MOST_ROUNDS):
            findings = [one for one in report.findings if one.renderings and one.remedy and not keeps(one)]
            some = _Round(self._settings, self._lifetime, report, with_unsafe=self._with_unsafe)
            after = some.run(findings)
            left = list(some.left)
            for path, ones in some.fixed.items():
                before.setdefault(path, some.read[path])
                fixed[path] += [_told(one, path, report) for one in ones]
            if after is None:
                break
            report = after
        texts = {path: (*found, decode(self._data(path))) for path, found in before.items()}
        return Tried(texts, {path: tuple(ones) for path, ones in fixed.items()}, tuple(left))

    def _data(self, path: str) -> bytes:
        return (self._settings.repository.root / path).read_bytes()


def _told(fixed: Fixed, path: str, report: Report) -> Fixed:
    """Returns a finding with the place in the file that is edited, which may be one of values, and with what else the
    edit changes: all renderings of the file, if there are several, and what an anchor does."""
    finding = fixed.finding
    places = [change.place for change in finding.remedy.changes] if finding.remedy is not None else []
    at = finding.location if finding.location.path == path else next(iter(places), finding.location)
    return replace(fixed, finding=replace(finding, location=at), also=_touched(fixed, path, report))


def _touched(fixed: Fixed, path: str, report: Report) -> str:
    found = {rendering for one in report.assessments if one.location.path == path for rendering in one.renderings}
    names = sorted(map(str, found | {*fixed.finding.renderings}))
    listed = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" if names[_MOST_NAMED:] else "")
    several = f"changes {len(names)} renderings: {listed}" if len(names) > 1 else ""
    return ", ".join(part for part in (several, fixed.also) if part)


_MOST_NAMED = 5


class _Round:
    """One round of edits: all that are planned from one report, without those that turn out not to help."""

    def __init__(self, settings: Settings, lifetime: Lifetime, report: Report, *, with_unsafe: bool) -> None:
        self._settings = settings
        self._lifetime = lifetime
        self._report = report
        self._with_unsafe = with_unsafe
        self.read: dict[str, tuple[bytes, str]] = {}
        self.fixed: dict[str, list[Fixed]] = {}
        self.left: list[LeftAlone] = []

    def run(self, findings: Sequence[Finding]) -> Report | None:
        """Edits the files, and returns what a scan finds then; None if no edit is left."""
        plans = self._planned(findings)
        for _ in range(_MOST_TRIES):
            self.fixed = {path: ones for path, ones in plans.items() if ones}
            if not self.fixed:
                return None
            self._write()
            after = scan(replace(self._settings, timeout=max(self._lifetime.left, _LEAST_SECONDS)))
            wrong = dict(_wrong(self._report, after, [one for ones in plans.values() for one in ones]))
            if not wrong:
                return after
            self._restore()
            self._drop(plans, wrong)
        self._drop(plans, {id(one.finding): _UNCLEAR for ones in plans.values() for one in ones})
        self.fixed = {}
        return None

    def _planned(self, findings: Sequence[Finding]) -> dict[str, list[Fixed]]:
        by_path: dict[str, list[Finding]] = defaultdict(list)
        for finding in map(self._at_values, findings):
            paths = {change.place.path for change in finding.remedy.changes} if finding.remedy else set()
            if reason := objection(finding, with_unsafe=self._with_unsafe):
                self.left.append(reason)
            elif len(paths) > 1:
                self.left.append(LeftAlone(finding, "its fields are in several files"))
            else:
                by_path[next(iter(paths), finding.location.path)].append(finding)
        plans = {}
        for path, here in sorted(by_path.items()):
            try:
                data = self._settings.repository.read_bytes(self._settings.repository.root / path)
                self.read[path] = data, decode(data)
            except (OSError, UnicodeDecodeError):
                self.left += [LeftAlone(one, "its source is not a file that can be edited") for one in here]
                continue
            made = plan(self.read[path][1], here, with_unsafe=self._with_unsafe)
            self.left += made.left_alone
            plans[path] = list(made.fixed)
        return plans

    def _at_values(self, finding: Finding) -> Finding:
        """Returns a finding whose changes stand where a values file has what a template fills in, as far as that can be
        told."""
        if finding.remedy is None:
            return finding
        changes = tuple(self._in_chart(_at_value(change), finding) for change in finding.remedy.changes)
        return replace(finding, remedy=replace(finding.remedy, changes=changes))

    def _in_chart(self, change: FieldChange, finding: Finding) -> FieldChange:
        """Returns a change with its place in the values of the chart whose template it is about, if it may be there."""
        repository, path = self._settings.repository, change.place.path
        for rendering in finding.renderings:
            if rendering.tool == "helm" and path.startswith(f"{rendering.path}/templates/".removeprefix("./")):
                name = f"{rendering.path}/values.yaml".removeprefix("./")
                template, values = (repository.bytes_if_any(repository.root / one) for one in (path, name))
                return moved(change, template.decode(errors="replace"), values.decode(errors="replace"), name)
        return change

    def _drop(self, plans: dict[str, list[Fixed]], wrong: Mapping[int, str]) -> None:
        """Leaves findings alone, and all that an edit of theirs fixes."""
        for path, ones in plans.items():
            bad = {edit for one in ones if id(one.finding) in wrong for edit in one.edits}
            plans[path] = [one for one in ones if bad.isdisjoint(one.edits)]
            self.left += [
                LeftAlone(one.finding, wrong.get(id(one.finding), _UNCLEAR))
                for one in ones
                if not bad.isdisjoint(one.edits)
            ]

    def _write(self) -> None:
        for path, ones in self.fixed.items():
            data, text = self.read[path]
            new = edited(text, (edit for one in ones for edit in one.edits))
            self._place(path).write_bytes(encoded_like(new, data))

    def _restore(self) -> None:
        for path in self.fixed:
            self._place(path).write_bytes(self.read[path][0])

    def _place(self, path: str) -> Path:
        return Path(os.path.realpath(self._settings.repository.root / path))


def _at_value(change: FieldChange) -> FieldChange:
    """Returns a change at the place where a values file has what a template fills in, if that is known and one."""
    values = {one.location for one in change.place.related if one.message.startswith(_VALUE) and not one.is_context}
    if len(values) != 1:
        return change
    return replace(change, place=values.pop().at(change.place.pointer))


_VALUE = "value "
"""What the message of a place in a values file begins with."""

_UNCLEAR = "once rendered, its edit does something else as well"


def _wrong(before: Report, after: Report, fixed: Sequence[Fixed]) -> Iterator[tuple[int, str]]:
    """Yields the findings, by their identity, whose edits do not what they should, and why."""
    if len(after.problems) > len(before.problems) or after.counts.resources != before.counts.resources:
        yield from ((id(one.finding), "once edited, not everything can be rendered or judged") for one in fixed)
        return
    left = {_offence(finding) for finding in after.findings}
    yield from (
        (id(one.finding), "the rule still finds it once it is rendered")
        for one in fixed
        if _offence(one.finding) in left
    )
    waived = {_offence(finding) for finding in after.findings if finding.waiver is not None}
    lost = {one.resource for one in before.findings if one.waiver is not None and _offence(one) not in waived}
    worse = {*lost, *_lowered(before, after), *_new(before, after, [one.finding for one in fixed])}
    blamed = [one for one in fixed if not worse.isdisjoint(one.finding.resources)]
    if worse:
        yield from ((id(one.finding), "once rendered, something else is worse") for one in blamed or fixed)


def _offence(finding: Finding) -> Hashable:
    return finding.rule.id, finding.resource, finding.container, finding.anchor


def _lowered(before: Report, after: Report) -> Iterator[Hashable]:
    """Yields the workloads with a score that fell, or that are gone."""
    now = dict(_scores(after))
    for key, score in _scores(before):
        if now.get(key, -1) < score:
            yield key[0]


def _scores(report: Report) -> Iterator[tuple[tuple[Hashable, Hashable], int]]:
    for one in report.assessments:
        for rendering in one.renderings or (None,):
            yield (one.workload, rendering), one.score.value


def _new(before: Report, after: Report, fixed: Collection[Finding]) -> Iterator[Hashable]:
    """Yields the objects with a finding that was not there, not even behind a more specific one that is fixed."""
    known = {_offence(finding) for finding in before.findings}
    behind = {(rule.id, who) for finding in fixed for rule in finding.includes for who in finding.resources}
    for finding in after.findings:
        if _offence(finding) not in known and (finding.rule.id, finding.resource) not in behind:
            yield finding.resource


def paths_in(copied: Path, paths: Iterable[str], root: Path) -> list[str]:
    """Returns the paths of a command line as they are in a copy of the repository."""
    return [os.fspath(copied / os.path.relpath(os.path.realpath(path), root)) for path in paths or (".",)]
