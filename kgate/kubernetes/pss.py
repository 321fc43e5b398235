"""The Pod Security Standards level of a workload, from the outcome of the rules that implement the checks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from kgate.errors import ConfigError
from kgate.model import Rule

NEWEST_MINOR = 37
"""Newest policy revision known: v1.37 (kubernetes/pod-security-admission, 2026-07)."""

LEVELS = ("privileged", "baseline", "restricted")
"""The levels, each of which asks for more than the one before."""


def asked(level: str | None) -> str:
    """Returns the level that a setting asks for; an empty one if every workload has it."""
    return "" if level is None or level == LEVELS[0] else level


def parse_version(text: str) -> int:
    """Returns the minor version of ``latest``, ``1.N`` or ``v1.N`` (or ``1.N.P``).

    A version above the newest known one counts as that one, as upstream does. Raises ConfigError.
    """
    if text == "latest":
        return NEWEST_MINOR
    match = re.fullmatch(r"v?1\.(0|[1-9]\d{0,3})(\.\d+)?", text)
    if not match:
        message = (
            f"kubernetes-version: '{text}' is not a Kubernetes version; write one such as 1.{NEWEST_MINOR}, or latest"
        )
        raise ConfigError(message)
    return min(int(match[1]), NEWEST_MINOR)


ENFORCE = "pod-security.kubernetes.io/enforce"
"""The label of a Namespace with the level that it enforces."""

_OVERRIDDEN = {"hostPathVolumes": 0, "seccompProfile_baseline": 19, "capabilities_baseline": 22, "procMount": 35}
"""Checks of baseline that restricted replaces by its own, since which 1.x version (policy/check_*.go)."""


def refused_by(asked: str, minor: int, rules: Iterable[Rule], offended: Collection[str]) -> tuple[str, ...]:
    """Returns the checks that refuse a pod in a namespace that enforces a level: those of that level alone.

    ``rules`` are the ones of the 1.x version that it enforces, ``offended`` the ids of those that the pod violates.
    """
    failed = {check for rule in rules if rule.id in offended for check in rule.pss}
    names = {check.check for check in failed if check.level in LEVELS[1 : LEVELS.index(asked) + 1]}
    if asked == LEVELS[2]:
        names -= {name for name, since in _OVERRIDDEN.items() if minor >= since}
    return tuple(sorted(names))


def level(rules: Iterable[Rule], offended: Collection[str]) -> str:
    """Returns the highest level that a workload passes together with every level below it.

    ``rules`` are the active ones, ``offended`` the ids of those that the workload violates. Upstream evaluates one
    level at a time and skips the baseline checks that a restricted check replaces, so that a pod that claims to run
    on Windows can pass restricted and fail baseline (policy/registry.go, overrides). Such a pod is privileged.
    """
    failed = {check.level for rule in rules if rule.id in offended for check in rule.pss}
    if "baseline" in failed:
        return "privileged"
    return "baseline" if "restricted" in failed else "restricted"
