"""Judges a change: what a scan finds now, compared with what is found in another revision by the same settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from kgate.diffing import Side, diff
from kgate.errors import ConfigError
from kgate.model import Note, Report
from kgate.policy.basetree import exported
from kgate.policy.gittree import GitTree
from kgate.repository import Repository, SearchError

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
    try:
        with exported(tree, settings.repository) as base:
            before = Side(tree.title, settings_of(base.repository), revision=base)
            found = diff(before, Side("", settings), settings, progress)
    except (OSError, SearchError) as error:
        raise ConfigError(f"{tree.title} cannot be put beside the scanned files: {error}") from None
    notes = (Note(".", None, f"{text}: scan that revision to see why") for text in found.notes)
    return replace(found.after, notes=(*notes, *found.after.notes))
