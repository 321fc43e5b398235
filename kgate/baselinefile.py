"""Reads and writes kgate-baseline.json: the findings and the low scores that a repository had when it was recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kgate import jsonfile
from kgate.errors import ConfigError
from kgate.jsonfile import JsonMapping
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


def parse(data: bytes, shown: str) -> Baseline:
    """The baseline in the bytes of a file. Raises ConfigError with file and line."""
    if found := _CONFLICT.search(data):
        line = data.count(b"\n", 0, found.start()) + 1
        raise ConfigError(f"{shown}:{line}: has a conflict of a merge; resolve it, or {ANEW.partition(', or ')[2]}")
    return jsonfile.parse(data, shown, ANEW, lambda body: _baseline(body, shown))


def _baseline(body: JsonMapping, shown: str) -> Baseline:
    if body.body.get("schema") != SCHEMA:
        body.fault(f"must be {SCHEMA}: another version of kgate wrote this file", "schema")
    body.only(("schema", "findings", "workloads"))
    findings: dict[KnownFinding, int] = {}
    for entry in body.entries("findings", MAX_ENTRIES):
        known, count = _known_finding(entry)
        if known in findings:
            entry.fault("stands here a second time")
        findings[known] = count
    workloads = dict.fromkeys(map(_known_workload, body.entries("workloads", MAX_ENTRIES)))
    return Baseline(findings, tuple(workloads), shown)


def _known_finding(entry: JsonMapping) -> tuple[KnownFinding, int]:
    """The known finding, and how often it is known."""
    entry.only(FINDING_FIELDS)
    runs_pods = "workload" in entry.body
    if runs_pods == ("resource" in entry.body):
        entry.fault("must name a workload or another resource")
    path, rule, fingerprint = map(entry.text, _TEXTS)
    if not _FINGERPRINT.fullmatch(fingerprint):
        entry.fault("must be 32 hexadecimal digits", "fingerprint")
    container, field, written = (entry.text(name) if name in entry.body else "" for name in _OPTIONAL)
    resource = entry.text("workload" if runs_pods else "resource")
    known = KnownFinding(path, resource, rule, container, field, written, fingerprint, runs_pods)
    return known, entry.number("count", 1, _MOST_COUNT) if "count" in entry.body else 1


def _known_workload(entry: JsonMapping) -> KnownWorkload:
    entry.only(WORKLOAD_FIELDS)
    is_judged = "score" not in entry.body or entry.body["score"] is not None
    score = entry.number("score", 0, HIGHEST_SCORE) if is_judged else None
    return KnownWorkload(entry.text("path"), entry.text("workload"), entry.texts("renderings"), score)


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
