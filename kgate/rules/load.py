"""Folders of rule files -> the rules of a scan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from kgate.errors import RuleError
from kgate.model import Rule
from kgate.repository import Repository, UntrustedFolders
from kgate.rules.gate import GATE_WEAKENED
from kgate.rules.packaged import package
from kgate.textfile import read_bytes
from kgate.values import dataclass


def builtin_folder() -> Path:
    """The folder of kgate's own rules: in a wheel inside the package, in a clone next to it."""
    package = Path(__file__).parent.parent
    packaged = package / "builtin_rules"
    return packaged if packaged.is_dir() else package.parent / "rules"


@dataclass(frozen=True, slots=True)
class RuleFolder:
    """A folder with rules of the user, the name to show for it, and what holds all files that are read: those of a
    trusted revision, if there is one."""

    path: Path
    shown: str
    repository: Repository

    @classmethod
    def named(cls, name: str, untrusted: UntrustedFolders) -> RuleFolder:
        """A folder that a flag names. Raises RuleError if a symbolic link of the repository leads out of it."""
        try:
            path = untrusted.resolve(Path(name))
        except OSError as error:
            raise RuleError(f"{name}: {error.strerror}") from None
        return cls(path, name, Repository(path))

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The names and contents of the rule files, sorted. Raises RuleError."""
        names = [name for name in self.repository.policy_names(self.path) if name.endswith((".yaml", ".yml"))]
        if not names:
            is_there = self.repository.policy_has(self.path)
            what = (
                "no rule file (*.yaml) in this folder"
                if is_there
                else "no such folder of rules; name one with --rules, or in `rules` of kgate.yaml"
            )
            raise RuleError(f"{self.shown}: {what}")
        for name in names:
            try:
                yield name, self.repository.policy_bytes(self.path / name)
            except OSError as error:
                raise RuleError(f"{self.shown}/{name}: cannot be read: {error.strerror}") from None


def load(folders: Iterable[RuleFolder] = (), *, builtin: bool = True) -> tuple[Rule, ...]:
    """All rules, sorted by id: kgate's own and those of the given folders.

    Raises RuleError with file and line for the first thing wrong.
    """
    return joined(_own(tuple(own_files())) if builtin else (), folders)


def joined(known: Iterable[Rule], folders: Iterable[RuleFolder]) -> tuple[Rule, ...]:
    """These rules and those of the given folders, sorted by id. Raises RuleError, as ``load`` does."""
    rules: dict[str, Rule] = {}
    for rule in (*known, *(rule for folder in folders for rule in _of_user(folder))):
        if rule.id == GATE_WEAKENED.id:
            raise RuleError(f"{rule.path}: the id '{rule.id}' is that of changes to the gate itself; rename this rule")
        if rule.id in rules:
            raise RuleError(f"{rule.path}: the id '{rule.id}' is taken by {rules[rule.id].path}; rename this rule")
        rules[rule.id] = rule
    for rule in rules.values():
        _check_includes(rule, rules)
    return tuple(rules[name] for name in sorted(rules))


@lru_cache(maxsize=1)
def _own(files: tuple[tuple[str, bytes], ...]) -> tuple[Rule, ...]:
    """kgate's own rules, as they were packaged, else parsed from their files, once for all scans of a process."""
    packaged = package().rules_from(files)
    if packaged is not None:
        return packaged
    from kgate.rules import rulefile

    return tuple(rulefile.read_trusted(data, name.removesuffix(".yaml"), f"rules/{name}") for name, data in files)


def own_files() -> list[tuple[str, bytes]]:
    """The names and contents of kgate's own rule files, sorted."""
    folder = builtin_folder()
    names = sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))
    return [(name, read_bytes(folder / name)) for name in names]


def _of_user(folder: RuleFolder) -> Iterator[Rule]:
    from kgate.rules import rulefile

    for name, data in folder.files():
        yield rulefile.read(data, name.rpartition(".")[0], f"{folder.shown}/{name}")


def find(rules: Iterable[Rule], wanted: str) -> Rule:
    """The rule with an id. Raises RuleError, with the nearest id, if there is none."""
    by_id = {rule.id: rule for rule in rules}
    if wanted in by_id:
        return by_id[wanted]
    raise RuleError(f"no rule has the id '{wanted}'{_suggestion(wanted, by_id)}; `kgate rules list` shows all")


def _suggestion(word: str, known: Iterable[str]) -> str:
    from kgate.yamltree.fields import suggestion

    return suggestion(word, known)


def _check_includes(rule: Rule, rules: Mapping[str, Rule]) -> None:
    """An included rule must exist and weigh no more, or folding it in would hide harm."""
    for name in rule.includes:
        included = rules.get(name)
        if included is None:
            raise RuleError(f"{rule.path}: includes '{name}', which no rule has as id{_suggestion(name, rules)}")
        if included.severity > rule.severity or included.points > rule.points:
            raise RuleError(f"{rule.path}: includes '{name}', which weighs more than '{rule.id}' itself")
