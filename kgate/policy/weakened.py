"""Reports what a change makes weaker in the configuration, rules and ignore files that its gate is steered by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path

from kgate.config.decide import broken
from kgate.config.file import ConfigFile
from kgate.config.settings import Settings
from kgate.errors import ConfigError, RuleError
from kgate.lifetime import FOREVER, Lifetime
from kgate.model import Finding, Location, Note, Position, Problem, Remark, ResourceId, Rule
from kgate.policy.baselinechanges import baseline_changes
from kgate.policy.fieldchanges import COMPARED, Names, retuned, unselected
from kgate.policy.hidden import newly_hidden
from kgate.policy.lockchanges import lock_changes
from kgate.policy.rulechanges import weakened
from kgate.policy.waiverchanges import waiver_changes
from kgate.repository import Repository
from kgate.rules import load
from kgate.rules.gate import GATE_WEAKENED
from kgate.rules.load import RuleFolder
from kgate.values import dataclass
from kgate.yamltree.fields import UserFile

_TOP = Position(1, 1)


@dataclass(slots=True)
class Weakenings:
    """The findings of a change that weakens its gate. ``remarks`` are Problems about what keeps that from being known,
    and notes."""

    findings: list[Finding] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def add(self, kind: str, location: Location, message: str, anchor: str = "") -> None:
        """Adds a finding about a place in a Configuration, RuleFile, IgnoreFile, Lock, Waiver or Baseline. ``anchor``
        tells it from others there; by default its field does."""
        about = ResourceId("", kind, "", location.path)
        where = anchor or location.pointer
        self.findings.append(Finding(GATE_WEAKENED, about, None, location, where, message, source=location.path))


def find_weakenings(settings: Settings, builtin: Sequence[Rule], lifetime: Lifetime = FOREVER) -> Weakenings:
    """What the scanned change makes weaker in what a trusted revision says; nothing if none decides. ``builtin`` are
    kgate's own rules.

    Raises KgateError for faults of the trusted revision, and DeadlineError.
    """
    found = Weakenings()
    if settings.repository.trusted is None:
        return found
    change = settings.change
    if change is not None and change.own is None and change.problem is not None:
        found.remarks.append(change.problem)
    elif change is not None and change.own is not None:
        trusted, own = _with_named_rules(change.trusted, change.own, settings)
        comparison = _Comparison(trusted, own, settings.repository, found)
        comparison.compare_fields()
        comparison.compare_charts()
        comparison.compare_rules(builtin)
        for place, message in waiver_changes(trusted.waivers, own.waivers):
            found.add("Waiver", place, message, message)
    paths = [Path(path) for path in settings.paths if path != "-"]
    for place, message in lock_changes(settings.repository):
        found.add("Lock", place, message)
    _compare_baselines(settings, found)
    for line in newly_hidden(paths, settings.repository, lifetime):
        start, end = Position(line.number, 1), Position(line.number, len(line.text) + 1)
        location = Location(line.shown, start, end, snippet=line.text)
        found.add("IgnoreFile", location, line.message, line.text)
    return found


def _compare_baselines(settings: Settings, found: Weakenings) -> None:
    """Adds what the baseline of the change accepts besides; a Problem if it cannot be read."""
    try:
        for place, message in baseline_changes(settings):
            found.add("Baseline", place, message)
    except (ConfigError, OSError) as error:
        message = f"this change breaks its baseline, so what it weakens is not known: {error}"
        found.remarks.append(Problem(settings.baseline.shown if settings.baseline else ".", None, message))


def _with_named_rules(trusted: ConfigFile, own: ConfigFile, settings: Settings) -> tuple[ConfigFile, ConfigFile]:
    """Both configurations with the folders of rules of the repository that a flag names in place of theirs."""
    if settings.rule_folders == trusted.rule_folders:
        return trusted, own
    named = tuple(folder for folder in settings.rule_folders if folder.repository.trusted is not None)
    changed = tuple(replace(folder, repository=settings.repository.as_changed()) for folder in named)
    return replace(trusted, rule_folders=named), replace(own, rule_folders=changed)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The configuration that decides, that of the change, and what was found by comparing them."""

    trusted: ConfigFile
    own: ConfigFile
    repository: Repository
    found: Weakenings

    def compare_fields(self) -> None:
        """Adds the fields that can be compared by themselves."""
        for compare in COMPARED.values():
            for names, message in compare(self.trusted, self.own):
                self._add(names, message)

    def compare_charts(self) -> None:
        """Adds the releases that charts are no longer judged for; notes those whose chart is gone."""
        if not self.trusted.charts and not self.own.charts and not self._has_charts():
            return
        from kgate.policy.releases import gone_charts, lost_releases

        for names, message in lost_releases(self.trusted, self.own, self.repository):
            self._add(names, message)
        for line, path in gone_charts(self.trusted, self.repository):
            message = f"charts[] of the trusted revision names '{path}', which is gone; nothing is judged for it"
            self.found.remarks.append(Note(self.trusted.shown, line, message))

    def _has_charts(self) -> bool:
        return self.trusted.fields is not None and self.trusted.fields.has("charts")

    def compare_rules(self, builtin: Sequence[Rule]) -> None:
        """Adds the rules that are not selected any more, that are gone, or that say less."""
        before = load.joined(builtin, self.trusted.rule_folders)
        for names, message in unselected(self.trusted, self.own, before):
            self._add(names, message)
        self._compare_settings(before)
        try:
            after = load.joined(builtin, self.own.rule_folders)
        except RuleError as error:
            place = self._place(("rules",))
            message = f"this change breaks its rules, so what it weakens is not known: {error}"
            self.found.remarks.append(Problem(place.path, place.start.line, message))
            return
        kept = {folder.path: folder for folder in self.own.rule_folders}
        for folder in self.trusted.rule_folders:
            if folder.path in kept:
                self._compare_folder(kept[folder.path], _of_folder(folder, before), after)
            else:
                self._add(("rules",), f"The rules in the folder {folder.shown} are no longer used.")

    def _compare_settings(self, rules: Sequence[Rule]) -> None:
        """Adds the settings of rules by which they find or count less."""
        try:
            for names, message in retuned(self.trusted, self.own, rules):
                self._add(names, message)
        except ConfigError as error:
            assert self.own.fields is not None
            self.found.remarks.append(broken(Path(self.own.fields.faults.path), error, self.repository))

    def _compare_folder(self, folder: RuleFolder, before: Iterable[tuple[str, Rule]], after: Iterable[Rule]) -> None:
        rules = {rule.id: rule for rule in after}
        for name, rule in before:
            path = folder.path / name
            shown = self.repository.shown(path)
            if rule.id not in rules:
                self.found.add("RuleFile", Location(shown, _TOP, _TOP), f"The rule {rule.id} is gone.")
                continue
            changes = list(weakened(rule, rules[rule.id]))
            if changes:
                file = UserFile.parse(folder.repository.policy_bytes(path), shown, ConfigError).fields()
                for key, message in changes:
                    self.found.add("RuleFile", file.place(key), message)

    def _add(self, names: Names, message: str) -> None:
        self.found.add("Configuration", self._place(names), message, "/".join(map(str, names)))

    def _place(self, names: Names) -> Location:
        """The place of a field in the file of the change, or of its nearest parent; without a file, where it was."""
        if self.own.fields is None:
            return Location(self.trusted.shown or "kgate.yaml", _TOP, _TOP)
        return replace(self.own.fields.place(*names), path=self.own.shown)


def _of_folder(folder: RuleFolder, rules: Iterable[Rule]) -> Iterator[tuple[str, Rule]]:
    """The names of the files in a folder of rules, each with its rule."""
    by_path = {rule.path: rule for rule in rules}
    for name, _ in folder.files():
        yield name, by_path[f"{folder.shown}/{name}"]
