"""Fixes what a scan finds: Settings -> the files with their edits, and suggestions for reports. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.fix.manifests import FileFix, ManifestFixer
from kgate.fix.plan import LeftAlone
from kgate.fix.suggest import Suggestions
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.manifest import MAX_FILE_BYTES
from kgate.lifetime import Lifetime
from kgate.model import Finding, Report, Rule
from kgate.scan import judge_of, scan
from kgate.sources.files import list_files
from kgate.sources.survey import survey
from kgate.values import dataclass
from kgate.yamltree.text import decode, encoded_like

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.reports.presentation import Suggest
    from kgate.sources.progress import Progress


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file and what becomes of it; ``data`` are its bytes as they were read."""

    place: Path
    data: bytes
    fix: FileFix

    @property
    def new_data(self) -> bytes:
        """Its bytes with the edits, in the same encoding."""
        return encoded_like(self.fix.after, self.data)


@dataclass(frozen=True, slots=True)
class Fixes:
    """What becomes of the files that have findings, by path, and of the findings for which no file can be edited."""

    report: Report
    files: tuple[ChangedFile, ...]
    left_alone: tuple[LeftAlone, ...] = ()

    @property
    def changed(self) -> tuple[ChangedFile, ...]:
        """The files that have edits."""
        return tuple(file for file in self.files if file.fix.after != file.fix.before)


def find_fixes(settings: Settings, progress: Progress, *, with_unsafe: bool = False) -> Fixes:
    """Scans, and returns what fixes the findings. Raises KgateError for wrong settings."""
    settings = replace(settings, with_remedies=True)
    report = scan(settings, progress)
    fixer = ManifestFixer(judge_of(settings, _asked(report)), _facts(settings), with_unsafe)
    waived = {finding.fingerprint for finding in report.findings if finding.waiver is not None}
    files, left = [], []
    for path, findings in sorted(_by_path(report.findings).items()):
        plain = [finding for finding in findings if not finding.renderings]
        left += [LeftAlone(one, _RENDERED) for one in findings if one.renderings and one.remedy is not None]
        place = _place(settings, path)
        try:
            data = settings.repository.read_bytes(place, MAX_FILE_BYTES)
            text = decode(data)
        except (OSError, UnicodeDecodeError) as error:
            left += [LeftAlone(one, f"its file cannot be edited: {error}") for one in plain if one.remedy is not None]
            continue
        if plain:
            about = {finding.resource for finding in plain}
            files.append(ChangedFile(place, data, fixer.fix(path, text, about, lambda one: one.fingerprint in waived)))
    return Fixes(report, tuple(files), tuple(left))


_RENDERED = "it comes from what is rendered"


def suggestions(settings: Settings, report: Report) -> Suggest:
    """Returns what knows the safe fixes of the findings of a report."""
    fixer = ManifestFixer(judge_of(settings, _asked(report)))

    def read(path: str) -> str | None:
        try:
            return decode(settings.repository.read_bytes(_place(settings, path), MAX_FILE_BYTES))
        except (OSError, UnicodeDecodeError):
            return None

    return Suggestions(report.findings, fixer, read).of


def _asked(report: Report) -> list[Rule]:
    """Returns the rules of a report that resources were judged by."""
    return [rule for rule in report.rules if rule.targets]


def _place(settings: Settings, path: str) -> Path:
    """Returns where the file of a path in the report is."""
    return settings.repository.root / path.removeprefix(settings.repository.prefix)


def _by_path(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if not finding.is_about_gate:
            found[finding.location.path].append(finding)
    return found


def _facts(settings: Settings) -> Facts:
    """Returns the facts that the scan had for plain manifests."""
    lifetime = Lifetime(settings.timeout)
    listing = list_files([Path(path) for path in settings.paths], settings.repository.reopened(), lifetime)
    return survey(listing.files.values(), lifetime).facts
