"""Selects the rules that findings come from."""

from __future__ import annotations

from collections.abc import Iterable

from kgate.config.settings import Settings
from kgate.model import Persona, Rule
from kgate.rules.load import find


def selected_ids(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The ids of the rules that findings come from. Raises RuleError for an id that no rule has."""
    known = tuple(rules)
    for name in (*settings.select, *settings.ignore, *settings.never_ignore):
        find(known, name)
    return frozenset(chosen_ids(known, settings.persona, settings.select, settings.ignore) | {*settings.never_ignore})


def ignored_ids(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The ids of the rules that were used but for ``ignore``."""
    known = tuple(rules)
    return frozenset(chosen_ids(known, settings.persona, settings.select, ())) - selected_ids(known, settings)


def chosen_ids(rules: Iterable[Rule], persona: Persona, select: Iterable[str], ignore: Iterable[str]) -> set[str]:
    """The ids of the rules that a persona uses, or of those that are selected by name, without those to ignore."""
    named = {*select}
    chosen = {rule.id for rule in rules if (rule.id in named if named else rule.persona <= persona)}
    return chosen - {*ignore}
