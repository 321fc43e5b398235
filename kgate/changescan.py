"""Judges a change: what a scan finds now, compared with what is found in another revision by the same settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from kgate.errors import ConfigError
from kgate.lifetime import Lifetime
from kgate.model import Note, Report
from kgate.policy.basetree import exported
from kgate.policy.gittree import GitTree
from kgate.rendering.shared import SharedRenderings, difference_between
from kgate.repository import Repository, SearchError
from kgate.scan import base_scan, compared_scan
from kgate.session import Session

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.sources.progress import Progress


def change_scan(
    settings: Settings, tree: GitTree, settings_of: Callable[[Repository], Settings], progress: Progress
) -> Report:
    """Returns the report of a scan that is compared with a revision, which is judged by the same rules, gates and
    waivers; what both have in common is read and rendered once. ``settings_of`` returns what a scan of the revision has
    to know. Raises KgateError."""
    settings = replace(settings, baseline=None, lists_all=True)
    lifetime = Lifetime(settings.timeout)
    try:
        with exported(tree, settings.repository) as base:
            difference = difference_between(base, settings.repository)
            with closing(SharedRenderings(difference)) as shared:
                session = Session(shared, lifetime)
                baseline, is_whole = base_scan(settings_of(base), settings, session, tree.title)
                report = compared_scan(settings, baseline, progress, session)
        return report if is_whole else replace(report, notes=(_partial(tree), *report.notes))
    except (OSError, SearchError) as error:
        raise ConfigError(f"{tree.title} cannot be put beside the scanned files: {error}") from None


def _partial(tree: GitTree) -> Note:
    message = f"not all of {tree.title} could be judged; what is found only now counts as new"
    return Note(".", None, f"{message}: scan that revision to see why")
