"""Reads and writes kgate-baseline.json: the findings and the low scores that a repository had when it was recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from kgate.errors import ConfigError
from kgate.judgement.baseline import Baseline, KnownFinding, KnownWorkload
from kgate.limits import HIGHEST_SCORE
from kgate.model import Json
from kgate.repository import OutsideError, Repository, UntrustedFolders
from kgate.values import dataclass

SCHEMA = "kgate-baseline/1"
ANEW = "restore it with git, or delete it and run: kgate baseline write"
MAX_ENTRIES = 200_000
_MOST_COUNT = 1_000_000
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_CONFLICT = re.compile(rb"^(?:<{7}|>{7}|\|{7}|={7})(?: |\r?$)", re.MULTILINE)

_TEXTS = ("path", "rule", "fingerprint")
_OPTIONAL = ("container", "field", "written")
FINDING_FIELDS = ("workload", "resource", "rule", "container", "field", "path", "written", "fingerprint", "count")
WORKLOAD_FIELDS = ("workload", "path", "renderings", "score")


@dataclass(frozen=True, slots=True)
class BaselineFile:
    """Where a baseline is: its real path, how messages name it, and the repository that it is read from."""

    path: Path
    shown: str
    repository: Repository

    def read(self) -> Baseline:
        """The baseline in the file. Raises ConfigError with file and line."""
        try:
            data = self.repository.policy_bytes(self.path)
        except OSError as error:
            advice = "write one with: kgate baseline write, or name another one with --baseline"
            raise ConfigError(f"{self.shown}: cannot be read: {error.strerror}; {advice}") from None
        return parse(data, self.shown)


def named(name: str, base: Path, owner: Repository, scanned: Repository) -> BaselineFile:
    """The file that a configuration in a folder names; it need not exist. Raises OutsideError."""
    path = owner.policy_place(name, base) or base / name.replace("\0", "")
    if not owner.reaches(path):
        raise OutsideError(name)
    return BaselineFile(path, scanned.shown(path) if owner is scanned else path.as_posix(), owner)


def flagged(path: Path, repository: Repository, untrusted: UntrustedFolders) -> BaselineFile:
    """The file that a flag names, which need not exist. Raises ConfigError if a link of the repository leads astray."""
    try:
        real = untrusted.resolve(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    place = repository.as_written(path)
    if place.is_relative_to(repository.root):
        return BaselineFile(place, repository.shown(place), repository)
    return BaselineFile(real, str(path), Repository(real.parent))


# ---------------------------------------------------------------------------------------- reading


class _FaultError(Exception):
    """A fault, and the names of the field that has it."""

    def __init__(self, message: str, *names: str | int) -> None:
        super().__init__(message)
        self.names = names


def parse(data: bytes, shown: str) -> Baseline:
    """The baseline in the bytes of a file. Raises ConfigError with file and line."""
    if found := _CONFLICT.search(data):
        line = data.count(b"\n", 0, found.start()) + 1
        raise ConfigError(f"{shown}:{line}: has a conflict of a merge; resolve it, or {ANEW.partition(', or ')[2]}")
    try:
        return _baseline(json.loads(data.decode("utf-8"), object_pairs_hook=_mapping), shown)
    except UnicodeDecodeError:
        raise ConfigError(f"{shown}: is not UTF-8 text; {ANEW}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{shown}:{error.lineno}: is not JSON: {error.msg}; {ANEW}") from None
    except RecursionError:
        raise ConfigError(f"{shown}: is nested too deep; {ANEW}") from None
    except _FaultError as fault:
        _raise_at(data, shown, fault)


def _raise_at(data: bytes, shown: str, fault: _FaultError) -> NoReturn:
    """Raises ConfigError for a fault at its line: JSON is YAML, whose reader knows lines and is slower."""
    from kgate.yamltree.fields import UserFile

    fields = UserFile.parse(data, shown, ConfigError).fields()
    fields.fault(f"{fault}; {ANEW}", *fault.names)


def _mapping(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _FaultError("a key stands twice in one mapping")
    return found


def _baseline(body: Json, shown: str) -> Baseline:
    if not isinstance(body, dict):
        raise _FaultError("must hold one mapping")
    if body.get("schema") != SCHEMA:
        raise _FaultError(f"schema must be {SCHEMA}: another version of kgate wrote this file", "schema")
    _only(body, ("schema", "findings", "workloads"))
    findings: dict[KnownFinding, int] = {}
    for number, entry in enumerate(_entries(body, "findings")):
        one = _Entry(entry, ("findings", number))
        known, count = one.finding()
        if known in findings:
            one.fault("stands here a second time")
        findings[known] = count
    workloads: dict[KnownWorkload, None] = {}
    for number, entry in enumerate(_entries(body, "workloads")):
        workloads[_Entry(entry, ("workloads", number)).workload()] = None
    return Baseline(findings, tuple(workloads), shown)


def _entries(body: Mapping[str, Json], name: str) -> list[Json]:
    found = body.get(name)
    if not isinstance(found, list):
        raise _FaultError(f"{name} must be a list", name)
    if len(found) > MAX_ENTRIES:
        raise _FaultError(f"{name} holds more than {MAX_ENTRIES:,} entries", name)
    return found


def _only(body: Mapping[str, Json], known: Iterable[str], *names: str | int) -> None:
    for key in body:
        if key not in known:
            raise _FaultError(f"unknown field '{key:.40}'", *names, key)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a list, and the names that lead to it."""

    body: Any
    names: tuple[str | int, ...]

    def fault(self, message: str, *names: str) -> NoReturn:
        """Raises the fault that the entry, or a field of it, has."""
        where = f"{self.names[0]}[{self.names[1]}]"
        raise _FaultError(f"{'.'.join((where, *names))} {message}", *self.names, *names)

    def finding(self) -> tuple[KnownFinding, int]:
        """The known finding, and how often it is known."""
        self._check(FINDING_FIELDS)
        runs_pods = "workload" in self.body
        if runs_pods == ("resource" in self.body):
            self.fault("must name a workload or another resource")
        path, rule, fingerprint = (self._text(name) for name in _TEXTS)
        if not _FINGERPRINT.fullmatch(fingerprint):
            self.fault("must be 32 hexadecimal digits", "fingerprint")
        container, field, written = (self._text(name) if name in self.body else "" for name in _OPTIONAL)
        resource = self._text("workload" if runs_pods else "resource")
        known = KnownFinding(path, resource, rule, container, field, written, fingerprint, runs_pods)
        return known, self._number("count", 1, _MOST_COUNT) if "count" in self.body else 1

    def workload(self) -> KnownWorkload:
        """The known workload."""
        self._check(WORKLOAD_FIELDS)
        renderings = self.body.get("renderings", [])
        if not isinstance(renderings, list) or not all(isinstance(one, str) for one in renderings):
            self.fault("must be a list of strings", "renderings")
        is_judged = "score" not in self.body or self.body["score"] is not None
        score = self._number("score", 0, HIGHEST_SCORE) if is_judged else None
        return KnownWorkload(self._text("path"), self._text("workload"), tuple(renderings), score)

    def _check(self, known: Iterable[str]) -> None:
        if not isinstance(self.body, dict):
            self.fault("must be a mapping")
        _only(self.body, known, *self.names)

    def _text(self, name: str) -> str:
        value = self.body.get(name)
        if not isinstance(value, str):
            self.fault("must be a string" if name in self.body else "is missing", name)
        return value

    def _number(self, name: str, least: int, most: int) -> int:
        value = self.body.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fault(
                f"must be a whole number from {least:,} to {most:,}" if name in self.body else "is missing", name
            )
        return value


# ---------------------------------------------------------------------------------------- writing


def text_of(baseline: Baseline) -> str:
    """The file of a baseline, sorted, an entry a line: the same text for the same findings and scores."""
    findings = _listed(_finding(one, count) for one, count in sorted(baseline.findings.items()))
    workloads = _listed(_workload(one) for one in baseline.workloads)
    return f'{{"schema": "{SCHEMA}",\n"findings": [{findings}],\n"workloads": [{workloads}]}}\n'


def _listed(entries: Iterable[Mapping[str, Json]]) -> str:
    lines = ",\n".join(map(json.dumps, entries))
    return f"\n{lines}\n" if lines else ""


def _finding(one: KnownFinding, count: int) -> dict[str, Json]:
    values = {
        "workload" if one.runs_pods else "resource": one.resource,
        "rule": one.rule,
        "container": one.container,
        "field": one.field,
        "path": one.path,
        "written": one.written,
        "fingerprint": one.fingerprint,
        "count": count if count > 1 else None,
    }
    return dict(_present(values.items()))


def _workload(one: KnownWorkload) -> dict[str, Json]:
    values = {"workload": one.resource, "path": one.path, "renderings": [*one.renderings]}
    return {**dict(_present(values.items())), "score": one.score}


def _present(values: Iterable[tuple[str, Json]]) -> Iterator[tuple[str, Json]]:
    return ((key, value) for key, value in values if value)
