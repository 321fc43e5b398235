"""Fixes what a scan finds: Settings -> the files with their edits, and suggestions for reports. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kgate.fix.manifests import FileFix, ManifestFixer
from kgate.fix.plan import LeftAlone, objection
from kgate.fix.suggest import Suggestions
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.manifest import MAX_FILE_BYTES
from kgate.lifetime import Lifetime
from kgate.model import Finding, Report, Rule
from kgate.rendering import scratch
from kgate.scan import ledger_of, scan
from kgate.sources.files import list_files
from kgate.sources.survey import survey
from kgate.sources.texts import Texts
from kgate.trial import TooLargeError, Trial, Tried, copy
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


SettingsAt: TypeAlias = Callable[[Path], "Settings"]
"""Returns the settings of the same scan for a copy of the repository."""


def find_fixes(settings: Settings, at: SettingsAt, progress: Progress, *, with_unsafe: bool = False) -> Fixes:
    """Scans, and returns what fixes the findings; what is rendered is tried out in a copy of the repository, for which
    ``at`` returns the settings. Raises KgateError for wrong settings."""
    settings, lifetime = replace(settings, with_remedies=True), Lifetime(settings.timeout)
    report = scan(settings, progress)
    waived = {finding.fingerprint for finding in report.findings if finding.waiver is not None}

    def keeps(finding: Finding) -> bool:
        return finding.fingerprint in waived

    def run(copied: Settings) -> Tried:
        return Trial(copied, lifetime, with_unsafe=with_unsafe).run(report, keeps)

    ledger = ledger_of(settings, _asked(report))
    fixer = ManifestFixer(ledger.assess, ledger.kinds, ledger.known(_facts(settings, lifetime)), with_unsafe)
    plain = (one for one in report.findings if not (one.renderings or one.is_about_gate))
    files, left = _written(settings, fixer, plain, keeps)
    rendered = [one for one in report.findings if one.renderings and one.remedy is not None and not keeps(one)]
    tried: Tried | None = Tried({}, {}, tuple(filter(None, map(objection, rendered))))
    if any(objection(one, with_unsafe=with_unsafe) is None for one in rendered):
        tried = _tried(settings, at, run)
    if tried is None:
        tried = Tried({}, {}, tuple(LeftAlone(one, _NO_COPY) for one in rendered))
    joined, others = _joined(settings, files, tried)
    return Fixes(report, joined, (*left, *others, *tried.left_alone))


def _written(
    settings: Settings, fixer: ManifestFixer, findings: Iterable[Finding], keeps: Callable[[Finding], bool]
) -> tuple[list[ChangedFile], list[LeftAlone]]:
    """Returns what becomes of the files that are judged as they are written, and findings in those that cannot be
    edited."""
    files: list[ChangedFile] = []
    left: list[LeftAlone] = []
    for path, here in sorted(_by_path(findings).items()):
        place = _place(settings, path)
        try:
            data = settings.repository.read_bytes(place, MAX_FILE_BYTES)
            text = decode(data)
        except (OSError, UnicodeDecodeError) as error:
            left += [LeftAlone(one, f"its file cannot be edited: {error}") for one in here if one.remedy is not None]
            continue
        files.append(ChangedFile(place, data, fixer.fix(path, text, {one.resource for one in here}, keeps)))
    return files, left


def _tried(settings: Settings, at: SettingsAt, run: Callable[[Settings], Tried]) -> Tried | None:
    """Returns what ``run`` makes of a copy of the repository; None if there is no room for one."""
    scratch.remove_stale()
    with scratch.private_folder() as folder:
        place = folder / settings.repository.root.name
        try:
            copy(settings.repository, place)
        except (TooLargeError, OSError):
            return None
        return run(replace(at(place), with_remedies=True))


_NO_COPY = (
    "it is rendered, and the repository cannot be copied to try its fix: it is too large, or not all of it can be read"
)


def _joined(
    settings: Settings, files: Iterable[ChangedFile], tried: Tried
) -> tuple[tuple[ChangedFile, ...], tuple[LeftAlone, ...]]:
    """Returns all files. One that is also judged as it is written gets the edits of that, and of the others none."""
    found = {file.fix.path: file for file in files}
    left: list[LeftAlone] = []
    for path, (data, before, after) in tried.texts.items():
        if path in found and found[path].fix.after != found[path].fix.before:
            left += [
                LeftAlone(one.finding, "its file is edited for another finding; run kgate fix again")
                for one in tried.fixed[path]
            ]
            continue
        others = found[path].fix.left_alone if path in found else ()
        found[path] = ChangedFile(_place(settings, path), data, FileFix(path, before, after, tried.fixed[path], others))
    return tuple(found[path] for path in sorted(found)), tuple(left)


def suggestions(settings: Settings, report: Report) -> Suggest:
    """Returns what knows the safe fixes of the findings of a report."""
    ledger = ledger_of(settings, _asked(report))
    fixer = ManifestFixer(ledger.assess, ledger.kinds)

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
        found[finding.location.path].append(finding)
    return found


def _facts(settings: Settings, lifetime: Lifetime) -> Facts:
    """Returns the facts that the scan had for plain manifests."""
    repository = settings.repository.reopened()
    listing = list_files([Path(path) for path in settings.paths], repository, lifetime)
    return survey(listing, Texts.of(repository), lifetime, settings.clusters).facts
