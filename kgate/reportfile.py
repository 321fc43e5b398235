"""Reads JSON reports, so that what scans found can be compared without the files that they judged."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from kgate import jsonfile, textfile
from kgate.errors import ConfigError
from kgate.jsonfile import JsonMapping
from kgate.judgement.baseline import Baseline, Scanned
from kgate.limits import HIGHEST_SCORE
from kgate.model import (
    UNKNOWN,
    Assessment,
    Counts,
    FailOn,
    Finding,
    Found,
    Location,
    Note,
    Position,
    Problem,
    Rendering,
    Report,
    ResourceId,
    Rule,
    Score,
    Setting,
    Severity,
    Unjudged,
    Waiver,
)
from kgate.rules.gate import GATE_WEAKENED
from kgate.rules.rulefile import ID
from kgate.scan import Gate, report_of
from kgate.values import dataclass

SCHEMA = "kgate-report/2"
MAX_BYTES = 512 << 20
_FAMILY = b'"kgate-report/'
_HEAD = 200
"""Bytes in which the field stands that says what a file is; it is the first one."""

_MOST = 1_000_000
"""Members of one list."""

_MOST_COUNT = 1 << 53
"""Lines, columns, and whatever a report counts."""

_AGAIN = "write the report again with this version: kgate scan -f json"


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What a JSON report says: what was found, how much was read, what the scan failed for, and its settings."""

    version: str
    found: Found
    counts: Counts
    notes: tuple[Note, ...]
    gate: Gate
    settings: tuple[Setting, ...]

    def report(self, baseline: Baseline | None = None) -> Report:
        """Returns the report again, compared with a baseline."""
        paths = {one.source for one in self.found.findings} | {one.location.path for one in self.found.assessments}
        scanned = Scanned(paths.__contains__, lambda _: True)
        gate = Gate(
            (),
            fail_on=self.gate.fail_on,
            allow_empty=self.gate.allow_empty or baseline is None,
            unjudged_passes=self.gate.unjudged_passes,
            baseline=baseline,
            scanned=scanned,
        )
        return report_of(self.found, gate, self.counts, self.notes)


def is_report(path: Path) -> bool:
    """True if a regular file is a JSON report, of whatever version."""
    if not path.is_file():  # a pipe can be read only once
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False
    return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") and _FAMILY in head


def read(path: Path) -> ReadReport:
    """Returns what a JSON report says. Raises ConfigError with file and line."""
    try:
        data = textfile.read_bytes(path, MAX_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; name a report of kgate scan -f json") from None
    return jsonfile.parse(data, str(path), _AGAIN, lambda body: _report(body, str(path)))


def _report(body: JsonMapping, shown: str) -> ReadReport:
    if body.text("schema") != SCHEMA:
        body.fault(f"must be {SCHEMA}: another version of kgate wrote this report", "schema")
    findings = tuple(map(_finding, body.entries("findings", _MOST)))
    assessments = tuple(map(_assessment, body.entries("workloads", _MOST)))
    problems = tuple(Problem(*_remark(one)) for one in body.entries("problems", _MOST))
    unjudged = tuple(map(_unjudged, body.entries("unjudged", _MOST)))
    notes = tuple(Note(*_remark(one)) for one in (body.entries("notes", _MOST) if body.has("notes") else ()))
    settings = tuple(_settings(body.entry("settings"))) if body.has("settings") else ()
    summary = body.entry("summary")
    counts = Counts(*(summary.number(name, 0, _MOST_COUNT) for name in ("files", "resources", "ignored")))
    uncounted = tuple(_uncounted(summary, findings, assessments, shown))
    found = Found(assessments, findings, (*problems, *uncounted), unjudged=unjudged)
    return ReadReport(body.text("version"), found, counts, notes, _gate(settings), settings)


def _uncounted(
    summary: JsonMapping, findings: tuple[Finding, ...], assessments: tuple[Assessment, ...], shown: str
) -> Iterator[Problem]:
    """Yields a problem if the report counts more than it lists: of that nothing is known to compare."""
    severities = summary.entry("findings")
    listed = sum(one.waiver is None for one in findings)
    left = sum(severities.number(one.label, 0, _MOST_COUNT) for one in Severity) - listed
    left += summary.number("workloads", 0, _MOST_COUNT) - len(assessments)
    if left > 0:
        message = f"{left:,} findings and workloads are only counted in this report, so they are not compared"
        yield Problem(shown, None, f"{message}; compare folders or revisions instead")


def _gate(settings: tuple[Setting, ...]) -> Gate:
    """What the scan failed for."""
    values = {one.name: one.value for one in settings}
    label = values.get("fail-on")
    fail_on = next((one for one in Severity if one.label == label), None)
    return Gate(
        (),
        fail_on=fail_on,
        allow_empty=values.get("allow-empty") is True,
        unjudged_passes=values.get("unjudged") == "note",
    )


def _settings(body: JsonMapping) -> Iterator[Setting]:
    for name in body.body:
        entry = body.entry(name)
        yield Setting(name, entry.body.get("value"), entry.text("source"))


# --------------------------------------------------------------------------------------- findings


def _finding(entry: JsonMapping) -> Finding:
    for name in ("anchor", "source"):
        if name not in entry.body:
            entry.fault("is missing: an older kgate wrote this report", name)
    fail_on = entry.entry("fail_on") if entry.has("fail_on") else None
    found = Finding(
        rule=_rule(entry),
        resource=_identity(entry.entry("resource")),
        container=entry.text("container") if entry.has("container") else None,
        location=_location(entry.entry("location")),
        anchor=entry.text("anchor"),
        message=entry.text("message"),
        waiver=_waiver(entry),
        source=entry.text("source"),
        renderings=tuple(_renderings(entry)),
        also=tuple(map(_identity, entry.entries("also", _MOST))) if entry.has("also") else (),
        known_as=entry.text_if_any("known_as"),
        fail_on=FailOn(_severity(fail_on, "severity"), fail_on.text("place")) if fail_on is not None else None,
    )
    if found.fingerprint != entry.text("fingerprint"):
        entry.fault("does not fit the fields that it is made of; the report was edited", "fingerprint")
    return found


def _rule(entry: JsonMapping) -> Rule:
    """The rule of a finding, as far as the report tells it."""
    name = entry.text("rule")
    if name == GATE_WEAKENED.id:
        return GATE_WEAKENED
    if not ID.fullmatch(name):
        entry.fault("must be the id of a rule, such as privileged-container", "rule")
    points = entry.number("points", 1, HIGHEST_SCORE)
    return Rule(name, name, _severity(entry, "severity"), points, ("resource",), "", entry.text("message"))


def _severity(entry: JsonMapping, name: str) -> Severity:
    label = entry.text(name)
    found = next((one for one in Severity if one.label == label), None)
    if found is None:
        entry.fault("must be critical, high, medium or low", name)
    return found


def _identity(entry: JsonMapping) -> ResourceId:
    namespace = entry.text_if_any("namespace")
    return ResourceId(entry.text("apiVersion"), entry.text("kind"), namespace, entry.text("name"))


def _location(entry: JsonMapping) -> Location:
    start = Position(entry.number("line", 1, _MOST_COUNT), entry.number("column", 1, _MOST_COUNT))
    end = Position(entry.number("end_line", 1, _MOST_COUNT), entry.number("end_column", 1, _MOST_COUNT))
    return Location(entry.text("path"), start, end)


def _waiver(entry: JsonMapping) -> Waiver | None:
    if entry.body.get("waived") is False:
        return None
    waived = entry.entry("waived")
    owner, expires, place = (waived.text_if_any(name) for name in ("owner", "expires", "place"))
    return Waiver(waived.text("reason"), owner, expires, place)


def _renderings(entry: JsonMapping) -> Iterator[Rendering]:
    return (one for each in entry.entries("rendered_by", _MOST) for one in _variants(each))


def _variants(entry: JsonMapping) -> Iterator[Rendering]:
    source = entry.text("tool"), entry.text("path")
    for one in entry.entries("variants", _MOST):
        yield Rendering(*source, one.text_if_any("name"), one.text_if_any("requested_by"))


# -------------------------------------------------------------------------------------- workloads


def _assessment(entry: JsonMapping) -> Assessment:
    if "judged" not in entry.body:
        entry.fault("is missing: an older kgate wrote this report", "judged")
    source, level = entry.entry("source"), entry.entry("pss")
    start = Position(source.number("line", 1, _MOST_COUNT), 1)
    renderings = tuple(_variants(entry.entry("rendered_by"))) if entry.has("rendered_by") else ()
    return Assessment(
        _identity(entry),
        Location(source.text("path"), start, start),
        _score(entry),
        level.text("level") if level.has("level") else UNKNOWN,
        renderings,
        level.text("version"),
    )


def _score(entry: JsonMapping) -> Score:
    """The score of a workload; it passes if the report says so for another reason than that it is known."""
    is_bound = not entry.has("score")
    value = entry.number("score_at_most" if is_bound else "score", 0, HIGHEST_SCORE)
    threshold = entry.number("threshold", 0, HIGHEST_SCORE)
    is_judged = entry.flag("judged")
    is_known = entry.has("known") and entry.flag("known")
    passed = entry.flag("passed") and not is_known
    return Score(
        value,
        threshold,
        is_bound,
        is_judged,
        decisive=_severity(entry, "decisive") if entry.has("decisive") else None,
        level=entry.text_if_any("required_level"),
        misses_level=is_judged and value >= threshold and not passed,
    )


# ---------------------------------------------------------------------------------------- remarks


def _remark(entry: JsonMapping) -> tuple[str, int | None, str]:
    return entry.text("path"), _line(entry), entry.text("message")


def _line(entry: JsonMapping) -> int | None:
    return entry.number("line", 0, _MOST_COUNT) if entry.has("line") else None


def _unjudged(entry: JsonMapping) -> Unjudged:
    where = entry.text("path"), _line(entry)
    return Unjudged(*where, entry.text("why"), entry.text("what"), entry.text_if_any("command"))
