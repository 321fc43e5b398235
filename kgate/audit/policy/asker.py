"""Decides many requests by one policy, within bounds."""

from __future__ import annotations

import itertools

from kgate.audit.policy.evaluate import decide
from kgate.audit.policy.policy import ApiRequest, AuditDecision, AuditPolicy

MAX_COMPARISONS = 1_500_000
"""How often requests are compared with rules, each as often as it costs, which takes some seconds. Of public policies
none takes a tenth."""


class TooManyRulesError(Exception):
    """A policy with too many rules for all that is asked about it."""


class PolicyAsker:
    """A policy that is asked about requests, at most MAX_COMPARISONS times the number of rules that are tried."""

    def __init__(self, policy: AuditPolicy) -> None:
        self.policy = policy
        self._left = MAX_COMPARISONS
        self._costs = (0, *itertools.accumulate(rule.cost for rule in policy.rules))

    def decide(self, request: ApiRequest) -> AuditDecision:
        """Returns what the policy says of a request. Raises TooManyRulesError."""
        found = decide(self.policy, request)
        self.spend(self.cost(0, len(self.policy.rules) if found.rule is None else found.rule + 1))
        return found

    def cost(self, begin: int, end: int) -> int:
        """Returns what it costs to compare a request with some rules, the last one left out."""
        return self._costs[end] - self._costs[begin]

    def spend(self, comparisons: int) -> None:
        """Counts comparisons that are made elsewhere. Raises TooManyRulesError."""
        self._left -= comparisons
        if self._left < 0:
            raise TooManyRulesError
