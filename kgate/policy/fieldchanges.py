"""Compares two configurations field by field: what the second one lets pass that the first one does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeAlias

from kgate.config.file import ConfigFile
from kgate.config.selection import chosen_ids
from kgate.config.settings import DEFAULT_MIN_SCORE
from kgate.kubernetes import pss
from kgate.model import Persona, Rule, Severity
from kgate.policy.gatechanges import gate_changes
from kgate.policy.rulechanges import weakened
from kgate.rules.tuning import tuned
from kgate.urls import shown_text

Names: TypeAlias = tuple[str | int, ...]
"""The path of a field of a configuration."""

Changes: TypeAlias = Iterator[tuple[Names, str]]
"""Fields of the second configuration that make it weaker, and how, in a sentence."""

_FEW = 3


def _min_score(before: ConfigFile, after: ConfigFile) -> Changes:
    old, new = (DEFAULT_MIN_SCORE if one.min_score is None else one.min_score for one in (before, after))
    if new < old:
        yield ("min-score",), f"The score that every workload must reach falls from {old} to {new}."


def _level(before: ConfigFile, after: ConfigFile) -> Changes:
    old, new = (one.level or pss.LEVELS[0] for one in (before, after))
    if pss.LEVELS.index(new) < pss.LEVELS.index(old):
        yield ("level",), f"The Pod Security level that every workload must reach falls from {old} to {new}."


def _fail_on(before: ConfigFile, after: ConfigFile) -> Changes:
    if before.fail_on is None:
        return
    if after.fail_on is None:
        yield ("fail-on",), f"Findings of severity {before.fail_on} no longer fail by themselves."
    elif Severity.parse(after.fail_on) > Severity.parse(before.fail_on):
        yield ("fail-on",), f"The severity that fails by itself rises from {before.fail_on} to {after.fail_on}."


def _kubernetes_version(before: ConfigFile, after: ConfigFile) -> Changes:
    old, new = (pss.parse_version(one.kubernetes_version or "latest") for one in (before, after))
    if new < old:
        yield ("kubernetes-version",), f"The Kubernetes version that is judged for falls from 1.{old} to 1.{new}."


def _allow_empty(before: ConfigFile, after: ConfigFile) -> Changes:
    if after.allow_empty and not before.allow_empty:
        yield ("allow-empty",), "A scan that finds no Kubernetes object passes."


def _unjudged(before: ConfigFile, after: ConfigFile) -> Changes:
    if after.unjudged == "note" and before.unjudged != "note":
        yield ("unjudged",), "A scan passes though not everything that is deployed was judged."


def _helm_degraded(before: ConfigFile, after: ConfigFile) -> Changes:
    if after.helm_degraded and not before.helm_degraded:
        yield ("helm-degraded",), "Charts that do not render whole are judged in part."


def _repositories(before: ConfigFile, after: ConfigFile) -> Changes:
    for index, url in enumerate(after.repositories):
        if url not in before.repositories:
            yield ("repositories", index), "A further URL is taken for that of this repository."
    if set(before.repositories) - set(after.repositories):
        yield ("repositories",), "A URL is no longer taken for that of this repository."


def _flux(before: ConfigFile, after: ConfigFile) -> Changes:
    old, new = before.environment.variables, after.environment.variables
    for name in _changed(old, new):
        yield ("flux", "variables", name), f"The variable {name} of Flux is stated differently."


def _argocd(before: ConfigFile, after: ConfigFile) -> Changes:
    if before.environment.clusters != after.environment.clusters:
        yield ("argocd", "clusters"), "The clusters of Argo CD are stated differently."
    for name in _changed(before.environment.plugins, after.environment.plugins):
        yield ("argocd", "plugins", name), f"The plugin {name} of Argo CD is taken for another tool."


def _clusters(before: ConfigFile, after: ConfigFile) -> Changes:
    if before.clusters != after.clusters:  # a file is of the first one that holds it
        yield ("clusters",), "The folders of clusters are stated differently, so other objects are joined."


def _floor(before: ConfigFile, after: ConfigFile) -> Changes:
    old, new = before.floor, after.floor
    if old.joined(new) == new:
        return
    yield ("floor",), "The floor below which no configuration can go is lower."


def _pull_from(before: ConfigFile, after: ConfigFile) -> Changes:
    for index, host in enumerate(after.pull_from):
        if host not in before.pull_from:
            yield ("pull-from", index), f"A further host, {shown_text(host)}, may be asked for what is deployed."


def _waivers(before: ConfigFile, after: ConfigFile) -> Changes:
    """What entries may say; the entries themselves are compared in waiverchanges.py."""
    old, new = before.waivers.policy, after.waivers.policy
    for name in old.require:
        if name not in new.require:
            yield ("waivers", "require"), f"Waivers no longer need to say {_REQUIRED[name]}."
    if old.max_days is not None and (new.max_days is None or new.max_days > old.max_days):
        asked = "without end" if new.max_days is None else f"{new.max_days:,}"
        yield ("waivers", "max-days"), f"The days that a waiver may last rise from {old.max_days:,} to {asked}."
    if new.inline and not old.inline:
        yield ("waivers", "inline"), "Comments and annotations in manifests may waive findings."
    lost = sorted({rule.id for rule in old.never} - {rule.id for rule in new.never})
    if lost:
        yield ("waivers", "never"), f"Findings of {', '.join(lost)} may be waived."


_REQUIRED = {"owner": "who takes the risk", "until": "when they end"}


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


COMPARED: Mapping[str, Callable[[ConfigFile, ConfigFile], Changes]] = {
    "min-score": _min_score,
    "level": _level,
    "gates": gate_changes,
    "fail-on": _fail_on,
    "kubernetes-version": _kubernetes_version,
    "allow-empty": _allow_empty,
    "unjudged": _unjudged,
    "helm-degraded": _helm_degraded,
    "repositories": _repositories,
    "flux": _flux,
    "argocd": _argocd,
    "clusters": _clusters,
    "floor": _floor,
    "pull-from": _pull_from,
    "waivers": _waivers,
}
"""The comparison of each field that can be compared by itself, by its key."""


def retuned(before: ConfigFile, after: ConfigFile, known: Collection[Rule]) -> Changes:
    """The settings of these rules by which they count less, or judge by other parameters."""
    ids = {rule.id for rule in known}
    settings = [[one for one in config.rule_settings if one.rule in ids] for config in (before, after)]
    pairs = zip(tuned(known, settings[0]), tuned(known, settings[1]), strict=True)
    for old, new in pairs:
        stated = {key for one in after.rule_settings if one.rule == new.id for key in one.lines}
        for key, message in weakened(old, new) if old != new else ():
            yield ("rule-settings", new.id, key) if key in stated else ("rule-settings",), message


def unselected(before: ConfigFile, after: ConfigFile, known: Collection[Rule]) -> Changes:
    """The rules, of these, that ``persona``, ``select`` and ``ignore`` no longer let find anything."""
    lost = _selected(before, known) - _selected(after, known)
    for index, name in enumerate(after.ignore):
        if name in lost:
            yield ("ignore", index), f"The rule {name} is ignored."
    rest = sorted(lost - {*after.ignore})
    if rest:
        names = ", ".join(rest[:_FEW])
        more = f" and {len(rest) - _FEW} more" if len(rest) > _FEW else ""
        noun, verb = ("rule", "is") if len(rest) == 1 else ("rules", "are")
        key = "select" if after.select else "persona"
        yield (key,), f"The {noun} {names}{more} {verb} no longer selected."


def _selected(config: ConfigFile, known: Collection[Rule]) -> set[str]:
    persona = Persona.parse(config.persona) if config.persona else Persona.GATE
    return chosen_ids(known, persona, config.select, config.ignore)
