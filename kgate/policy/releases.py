"""Compares for which releases two configurations have charts judged."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path

from kgate.config.file import ConfigFile
from kgate.policy.fieldchanges import Changes, Names
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.helm.releases import default_releases, is_for, is_gone
from kgate.repository import Repository


def lost_releases(before: ConfigFile, after: ConfigFile, repository: Repository) -> Changes:
    """For each chart in ``charts``: the releases of the first configuration that the second one does not list. A chart
    that it does not name has the default ones."""
    old, new = _releases(before), _releases(after)
    for chart in sorted(old.keys() | new.keys()):
        kept = {_key(release) for release in new.get(chart) or default_releases(chart, repository)}
        wanted = old.get(chart) or default_releases(chart, repository)
        lost = [release for release in wanted if _key(release) not in kept]
        if lost:
            told = f"The chart {repository.shown(chart)} is no longer judged {_titles(lost, repository)}."
            yield _place(after, chart, repository), told


def _releases(config: ConfigFile) -> Mapping[Path, tuple[Release, ...]]:
    return {request.chart: request.releases for request in config.charts}


def _key(release: Release) -> Hashable:
    """Equal for releases with the same arguments of helm, whichever file lists them."""
    values = tuple(one.path for one in release.values if isinstance(one, ValuesFile))
    arguments = release.name, release.namespace, values, release.sets, release.string_sets
    return (*arguments, release.kubernetes_version, release.api_versions)


def _titles(releases: Iterable[Release], repository: Repository) -> str:
    found = [_title(release, repository) for release in releases]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return found[0] + more


def _title(release: Release, repository: Repository) -> str:
    files = [repository.shown(one.path) for one in release.values if isinstance(one, ValuesFile)]
    if files:
        return f"as release {release.name} with {', '.join(files)}"
    return f"as release {release.name} with its own values"


def _place(config: ConfigFile, chart: Path, repository: Repository) -> Names:
    """The entry of a configuration that is about a chart."""
    if config.fields is None:
        return ("charts",)
    folder = Path(config.fields.faults.path).parent
    entries: Iterator[Names] = (
        ("charts", index)
        for index, entry in enumerate(config.fields.sections("charts"))
        if is_for(entry, chart, folder, repository)
    )
    return next(entries, ("charts",))


def gone_charts(config: ConfigFile, repository: Repository) -> Iterator[tuple[int, str]]:
    """The entries of ``charts`` whose chart the repository does not have any more: line and path."""
    if config.fields is None:
        return
    folder = Path(config.fields.faults.path).parent
    for index, entry in enumerate(config.fields.sections("charts")):
        if is_gone(entry, folder, repository):
            yield config.fields.line("charts", index), entry.text("path")
