"""The Pod Security Standards level of a workload, from the outcome of the rules that implement the checks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from kgate.errors import ConfigError
from kgate.model import Rule

NEWEST_MINOR = 37
"""Newest policy revision known: v1.37 (kubernetes/pod-security-admission, 2026-07)."""


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


def level(rules: Iterable[Rule], offended: Collection[str]) -> str:
    """Returns the strictest level whose checks all pass: restricted, baseline or privileged.

    ``rules`` are the active ones, ``offended`` the ids of those that the workload violates. Each level
    is checked independently: restricted drops the baseline checks that a restricted check replaces, so a
    Windows pod can pass it and fail baseline (policy/registry.go, overrides).
    """
    implemented = [(rule.id in offended, check) for rule in rules for check in rule.pss]
    failed = {(check.level, check.check) for is_offended, check in implemented if is_offended}
    replaced = {("baseline", check.replaces) for _, check in implemented if check.replaces}
    if not failed - replaced:
        return "restricted"
    return "privileged" if any(failed_level == "baseline" for failed_level, _ in failed) else "baseline"
