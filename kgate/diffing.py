"""Compares two states of a repository, each a folder, a revision or a report: judged alike, workload by workload."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kgate.judgement.baseline import record
from kgate.lifetime import Lifetime
from kgate.limits import TIMEOUT
from kgate.model import Assessment, Diff, Finding, Location, Rendering, Report
from kgate.rendering.shared import SharedRenderings, difference_between
from kgate.reportfile import ReadReport
from kgate.scan import compared_scan, has_all, state_scan
from kgate.session import Session
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.policy.basetree import ExportedTree
    from kgate.rendering.shared import Difference
    from kgate.repository import Repository
    from kgate.sources.progress import Progress


@dataclass(frozen=True, slots=True)
class Side:
    """One of two states: what it is called, and either its report or where it lies: the settings of a scan of it, and
    the ``place`` in its repository that is compared, which stands for that of the other one; ``revision`` is what
    lies there, if it is one."""

    title: str
    source: ReadReport | Settings
    place: str | None = None
    revision: ExportedTree | None = None

    @property
    def there(self) -> Settings | None:
        """Where it lies; None for a report."""
        return None if isinstance(self.source, ReadReport) else self.source


def diff(before: Side, after: Side, settings: Settings | None, progress: Progress) -> Diff:
    """Returns two states; what has to be scanned is judged as the settings say, which are those of ``after`` if that is
    where they come from. What both have in common is read and rendered once. Raises KgateError, SearchError and
    OSError."""
    with ExitStack() as stack:
        lifetime = Lifetime(settings.timeout if settings is not None else TIMEOUT.default)
        session = Session(_shared(before, after, stack), lifetime)
        first = _report_of(before, settings, session)
        if before.place and after.place and before.place != after.place:
            first = _moved(first, before.place, after.place)
        baseline = replace(record(first.findings, first.assessments, before.title), is_whole=True)
        if isinstance(after.source, ReadReport):
            second = after.source.report(baseline)
        elif after.source is settings:
            second = compared_scan(settings, baseline, progress, session)
        else:
            assert settings is not None
            second = state_scan(after.source, settings, session, baseline, progress)
    return Diff(first, second, (before.title, after.title), tuple(_doubts(before, after, first)))


def _report_of(side: Side, settings: Settings | None, session: Session) -> Report:
    if isinstance(side.source, ReadReport):
        return side.source.report()
    assert settings is not None
    return state_scan(side.source, settings, session)


def _shared(before: Side, after: Side, stack: ExitStack) -> SharedRenderings | None:
    """What renderings of two states have in common, if both are scanned, and the same place of two repositories."""
    one, other = before.there, after.there
    if one is None or other is None or before.place != after.place or one.repository.root == other.repository.root:
        return None
    shared = SharedRenderings(_difference(before, one.repository, after, other.repository))
    stack.callback(shared.close)
    return shared


def _difference(before: Side, one: Repository, after: Side, other: Repository) -> Difference:
    if before.revision is not None and (after.revision is not None or other.root == before.revision.tree.root):
        return before.revision.difference_from(after.revision)
    if after.revision is not None and one.root == after.revision.tree.root:
        return after.revision.difference_from(None)
    return difference_between(one, other)


def _doubts(before: Side, after: Side, first: Report) -> Iterator[str]:
    """Yields what keeps two states from being quite comparable."""
    if not has_all(first):
        yield f"not all of {before.title} could be judged; what is found only now counts as new"
    elif not first.counts.resources:
        yield f"there is no Kubernetes object in {before.title}, so all that is found counts as new"
    one, other = before.source, after.source
    if not (isinstance(one, ReadReport) and isinstance(other, ReadReport)):
        return
    if one.version != other.version:
        yield f"two versions of kgate judged this, {one.version} and {other.version}, whose rules may differ"
    then = {setting.name: setting for setting in one.settings}
    for setting in other.settings:
        known = then.get(setting.name)
        if known is not None and known.value != setting.value:
            yield f"{setting.name} is {setting.text or 'unset'}, and was {known.text or 'unset'}"


# ----------------------------------------------------------------------------------------- places


def _moved(report: Report, old: str, new: str) -> Report:
    """Returns a report in which everything below one path of the repository lies below another one."""
    return replace(
        report,
        findings=tuple(_moved_finding(one, old, new) for one in report.findings),
        assessments=tuple(_moved_assessment(one, old, new) for one in report.assessments),
    )


def _moved_finding(one: Finding, old: str, new: str) -> Finding:
    source, location = _moved_path(one.source, old, new), _moved_location(one.location, old, new)
    return replace(one, source=source, location=location, renderings=_moved_renderings(one.renderings, old, new))


def _moved_assessment(one: Assessment, old: str, new: str) -> Assessment:
    location = _moved_location(one.location, old, new)
    return replace(one, location=location, renderings=_moved_renderings(one.renderings, old, new))


def _moved_renderings(renderings: tuple[Rendering, ...], old: str, new: str) -> tuple[Rendering, ...]:
    return tuple(replace(one, path=_moved_path(one.path, old, new)) for one in renderings)


def _moved_location(location: Location, old: str, new: str) -> Location:
    return replace(location, path=_moved_path(location.path, old, new))


def _moved_path(path: str, old: str, new: str) -> str:
    here = PurePosixPath(path)
    return (PurePosixPath(new) / here.relative_to(old)).as_posix() if here.is_relative_to(old) else path
