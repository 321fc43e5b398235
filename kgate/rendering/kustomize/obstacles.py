"""Names what keeps a kustomization from being built offline, or from being built at all, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kgate.elsewhere.wanted import ABSENT
from kgate.kubernetes import encryption
from kgate.model import PULL, Problem, Remark, Unjudged
from kgate.rendering.kustomize import bases, overlay, selectors
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.job import Job
from kgate.rendering.kustomize.kustomization import HelmChart, Kustomization, OptionLike, Remote
from kgate.rendering.kustomize.nodes import get
from kgate.rendering.tools import INSTALL_HELM, INSTALL_KUSTOMIZE
from kgate.urls import shown_url

_LONGEST_OPTION = 60
_COPYING = ("replacements", "vars")
"""Fields that copy data of one object into another one."""


def find(job: Job, reached: Graph) -> Iterator[Remark]:
    """What is not judged for each remote base and each missing chart; a Problem for each option that helm would take,
    and a missing tool."""
    found = list(_obstacles(job, reached))
    yield from found
    if job.tool is None and not found and not reached.problems:
        yield job.problem(f"is not built, as there is neither kustomize nor kubectl; {INSTALL_KUSTOMIZE}")


def _obstacles(job: Job, reached: Graph) -> Iterator[Remark]:
    has_copies = any(get(node.root, field) is not None for node in reached.nodes for field in _COPYING)
    for node in reached.nodes:
        for remote in () if job.options.allow_remote else node.remotes:
            yield _remote(job, remote, job.shown(node.path))
        for data in node.remote_data if has_copies and not job.options.allow_remote else ():
            why = f"{shown_url(data.text)} is not fetched, and replacements may copy it into a workload"
            yield Unjudged(job.shown(node.path), data.line, f"{why}; {_WAY_OUT}", job.shown(job.folder))
        yield from _encrypted(job, node)
        for option in node.option_likes:
            yield Problem(job.shown(node.path), option.line, _option_message(option))
        for chart in node.charts if not node.option_likes else ():
            yield from _chart(job, chart, job.shown(node.path))
    for text in overlay.remote_components(job.request) if not job.options.allow_remote else ():
        why = f"remote base {shown_url(text)} is not fetched; {_WAY_OUT}"
        yield Unjudged(job.shown(job.title), None, why, job.shown(job.folder))


def _encrypted(job: Job, node: Kustomization) -> Iterator[Unjudged]:
    """What a resource that is encrypted as a whole keeps from being built."""
    for link in node.links:
        if link.key == "resources" and not link.is_folder:
            data = job.workspace.repository.bytes_if_any(link.real)
            found = encryption.whole_file(job.shown(link.real), data, job.shown(job.folder))
            if found is not None:
                yield found


_WAY_OUT = "--allow-remote fetches it"


def _remote(job: Job, remote: Remote, path: str) -> Unjudged:
    """What is not judged for a reference to something elsewhere; remembers what would have to be fetched."""
    asked, what = bases.wanted(remote), f"remote base {shown_url(remote.text)}"
    if isinstance(asked, str):
        return Unjudged(path, remote.line, f"{what} is not fetched: {asked}; {_WAY_OUT}", job.shown(job.folder))
    job.ask(asked, path, remote.line)
    locked = job.fetched.find(asked)
    if locked is not None and job.fetched.read(locked) is not None:
        most = f"and no more than {bases.MAX_REFERENCES} in one build"
        why = f"{what} cannot be put in its place; write it in one word, without escapes, {most}"
        return Unjudged(path, remote.line, why, job.shown(job.folder))
    why = f"{what} is not fetched" if locked is None else f"{what}: {ABSENT}"
    return Unjudged(path, remote.line, why, job.shown(job.folder), PULL)


def _option_message(option: OptionLike) -> str:
    text = option.text if len(option.text) <= _LONGEST_OPTION else f"{option.text[:_LONGEST_OPTION]}…"
    return f"{option.field}: '{text}' starts with '-', which helm takes for an option, so what it builds is not judged"


def _chart(job: Job, chart: HelmChart, path: str) -> Iterator[Remark]:
    if chart.folder is None and chart.wanted is not None:
        job.ask(chart.wanted, path, chart.line)
    if chart.folder is None and job.pulled(chart) is None:
        advice = f", where this puts it: {chart.pull}" if chart.pull else ""
        why = f"chart {chart.name} is not in {job.shown(chart.place)}{advice}"
        yield Unjudged(path, chart.line, why, job.shown(job.folder), PULL if chart.wanted is not None else "")
    elif chart.folder is not None and not Path(os.path.realpath(chart.folder)).is_relative_to(job.workspace.root):
        yield Problem(path, chart.line, f"chart {chart.name} leads out of the repository, so it is not judged")
    elif job.helm is None:
        yield Problem(path, chart.line, f"chart {chart.name} is not rendered, as there is no helm; {INSTALL_HELM}")


def selector_faults(job: Job, nodes: tuple[Kustomization, ...], own: tuple[Kustomization, ...]) -> Iterator[Problem]:
    """A Problem for each selector of a patch that is not a regular expression. ``nodes`` are read from files of the
    repository; ``own`` are those that kgate wrote for the additions of the request."""
    for node in (*nodes, *own):
        for patch in node.patches:
            for line, fault in selectors.faults(patch.target) if patch.target is not None else ():
                yield Problem(job.shown(node.path), line, fault) if node in nodes else job.problem(fault)
