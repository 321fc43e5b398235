"""A chart to render, for each of its releases."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import field, replace
from pathlib import Path

from kgate.elsewhere.wanted import ABSENT, Locked
from kgate.model import PULL, Batch, Location, Unjudged
from kgate.rendering.helm.contents import decisive_files
from kgate.rendering.helm.release import Release, ValuesFile
from kgate.rendering.requests import Place, RenderContext
from kgate.repository import Repository
from kgate.values import dataclass


class _OfReleases:
    """What requests for a chart have in common: it is rendered for each of its releases."""

    __slots__ = ()
    releases: tuple[Release, ...]

    @property
    def has_changes(self) -> bool:
        """True: values always go into the templates."""
        return True

    def is_plain(self, repository: Repository) -> bool:  # noqa: ARG002 - of the protocol
        """False: templates are not manifests."""
        return False

    def parts(self, repository: Repository) -> Iterator[Place]:  # noqa: ARG002 - of the protocol
        """None: sub-charts are not rendered by themselves anyway."""
        yield from ()

    def _values_files(self) -> Iterator[Path]:
        for release in self.releases:
            yield from (values.path for values in release.values if isinstance(values, ValuesFile))

    def _finished(self, batch: Batch, context: RenderContext) -> Batch:
        """What Flux makes of what the releases render to, with marks on what is not known of it."""
        from kgate.rendering.helm.post_render import post_render
        from kgate.rendering.helm.unknown import mark, undecided

        marked = mark(post_render(batch, self.releases, context), self.releases)
        encrypted = tuple(undecided(marked, self.releases, context.workspace.repository))
        return replace(marked, unjudged=(*marked.unjudged, *encrypted)) if encrypted else marked


@dataclass(frozen=True, slots=True)
class ChartRequest(_OfReleases):
    """A chart (a folder, or an archive whose name ends in .tgz) and the releases to render it for. ``is_named`` is
    False if the configuration finds it by a pattern: then it is rendered only if the walk finds it, too."""

    chart: Path
    releases: tuple[Release, ...]
    is_named: bool = True

    @property
    def place(self) -> Place:
        """The chart."""
        return Place("chart", self.chart)

    @property
    def key(self) -> Hashable:
        """The chart and the arguments of its releases."""
        return self.chart, tuple(release.key for release in self.releases)

    def is_deep(self, repository: Repository) -> bool:  # noqa: ARG002 - of the protocol
        """True: Helm loads everything below the folder."""
        return True

    def files(self, repository: Repository) -> Iterator[Path]:
        """The files of the chart that matter, and the values files. Raises SearchError."""
        yield from decisive_files(self.chart, repository) if self.chart.is_dir() else (self.chart,)
        yield from self._values_files()

    def templates(self, repository: Repository) -> Iterator[Path]:
        """The templates of the chart and of its sub-charts; none of a packed chart."""
        found = sorted(self.chart.glob("**/templates/**/*")) if self.chart.is_dir() else ()
        return filter(repository.holds, found)

    def render(self, context: RenderContext) -> Batch:
        """Renders every release."""
        from kgate.rendering.helm.render import render

        return self._finished(render(self.chart, self.releases, context), context)


@dataclass(frozen=True, slots=True)
class PulledChartRequest(_OfReleases):
    """A chart from elsewhere that kgate.lock names, the releases to render it for, and the place that asks for it."""

    locked: Locked
    releases: tuple[Release, ...]
    asked: Location = field(compare=False)

    @property
    def place(self) -> Place:
        """The file of the chart, which is not a path of the repository."""
        return Place("pulled chart", Path(self.locked.file))

    @property
    def key(self) -> Hashable:
        """The chart and the arguments of its releases."""
        return self.locked, tuple(release.key for release in self.releases)

    def is_deep(self, repository: Repository) -> bool:  # noqa: ARG002 - of the protocol
        """False: no folder of the repository belongs to it."""
        return False

    def files(self, repository: Repository) -> Iterator[Path]:  # noqa: ARG002 - of the protocol
        """The values files."""
        return self._values_files()

    def templates(self, repository: Repository) -> Iterator[Path]:  # noqa: ARG002 - of the protocol
        """None that lie in the repository."""
        yield from ()

    def render(self, context: RenderContext) -> Batch:
        """Renders every release, if the cache has the chart."""
        from kgate.rendering.helm.copy import PulledChart
        from kgate.rendering.helm.render import render_pulled

        content = context.fetched.read(self.locked)
        if content is None:
            place, what = self.asked, self.locked.wanted.label
            return Batch(unjudged=(Unjudged(place.path, place.start.line, ABSENT, what, PULL),))
        chart = PulledChart(self.locked.file, content, self.asked)
        return self._finished(render_pulled(chart, self.releases, context), context)
