"""Short ways to write a question."""

from __future__ import annotations

from collections.abc import Callable

from kgate.audit.queries.question import Background, Judge, RequestScope, RowLimits, Tally, anybody
from kgate.audit.queries.tallies import EventListing

Maker = Callable[[RowLimits, Background], Tally]


def listing(judge: Judge) -> Maker:
    """Returns what makes a list of the events that a judge names."""
    return lambda limits, _background: EventListing(judge, limits)


def about(
    resources: str, verbs: str = "", subresources: str = "", *, by: Callable[[str], bool] = anybody
) -> RequestScope:
    """Returns the scope of words, of what succeeds: ``about("pods", "get create", "exec attach")``; without
    subresources, the objects themselves, and with ``"*"`` both."""
    return RequestScope(
        frozenset(verbs.split()) if verbs else None,
        frozenset(resources.split()) if resources else None,
        is_about=by,
        subresources=None if subresources == "*" else frozenset(subresources.split() or [""]),
    )
