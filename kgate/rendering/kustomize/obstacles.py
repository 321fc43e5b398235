"""Names what keeps a kustomization from being built offline, or from being built at all, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kgate.model import Problem
from kgate.rendering.kustomize import overlay, selectors
from kgate.rendering.kustomize.graph import Graph
from kgate.rendering.kustomize.job import Job
from kgate.rendering.kustomize.kustomization import HelmChart, Kustomization, OptionLike
from kgate.rendering.kustomize.nodes import get
from kgate.rendering.tools import INSTALL_HELM, INSTALL_KUSTOMIZE
from kgate.urls import shown_url

_LONGEST_OPTION = 60
_COPYING = ("replacements", "vars")
"""Fields that copy data of one object into another one."""


def find(job: Job, reached: Graph) -> Iterator[Problem]:
    """A Problem for each remote base, each option that helm would take, each missing chart, and a missing tool."""
    found = list(_obstacles(job, reached))
    yield from found
    if job.tool is None and not found and not reached.problems:
        yield job.problem(f"is not built, as there is neither kustomize nor kubectl; {INSTALL_KUSTOMIZE}")


def _obstacles(job: Job, reached: Graph) -> Iterator[Problem]:
    has_copies = any(get(node.root, field) is not None for node in reached.nodes for field in _COPYING)
    for node in reached.nodes:
        for remote in () if job.options.allow_remote else node.remotes:
            yield Problem(job.shown(node.path), remote.line, _remote_message(remote.text, job.shown(job.folder)))
        for data in node.remote_data if has_copies and not job.options.allow_remote else ():
            yield Problem(job.shown(node.path), data.line, _data_message(data.text, job.shown(job.folder)))
        for option in node.option_likes:
            yield Problem(job.shown(node.path), option.line, _option_message(option))
        for chart in node.charts if not node.option_likes else ():
            message = _chart_message(job, chart)
            if message:
                yield Problem(job.shown(node.path), chart.line, message)
    for text in overlay.remote_components(job.request) if not job.options.allow_remote else ():
        yield job.problem(_remote_message(text, job.shown(job.folder)))


def _remote_message(text: str, shown: str) -> str:
    return f"remote base {shown_url(text)} is not fetched, so {shown} is not judged; pass --allow-remote, or vendor it"


def _data_message(text: str, shown: str) -> str:
    what = f"{shown_url(text)} is not fetched, and replacements may copy it into a workload, so {shown} is not judged"
    return f"{what}; pass --allow-remote, or vendor it"


def _option_message(option: OptionLike) -> str:
    text = option.text if len(option.text) <= _LONGEST_OPTION else f"{option.text[:_LONGEST_OPTION]}…"
    return f"{option.field}: '{text}' starts with '-', which helm takes for an option, so what it builds is not judged"


def _chart_message(job: Job, chart: HelmChart) -> str:
    if chart.folder is None:
        advice = f": {chart.pull}" if chart.pull else ""
        place = job.shown(chart.place)
        return f"chart {chart.name} is not in {place}, and not fetched, so it is not judged; put it there{advice}"
    if not Path(os.path.realpath(chart.folder)).is_relative_to(job.workspace.root):
        return f"chart {chart.name} leads out of the repository, so it is not judged"
    if job.helm is None:
        return f"chart {chart.name} is not rendered, as there is no helm; {INSTALL_HELM}"
    return ""


def selector_faults(job: Job, nodes: tuple[Kustomization, ...], own: tuple[Kustomization, ...]) -> Iterator[Problem]:
    """A Problem for each selector of a patch that is not a regular expression. ``nodes`` are read from files of the
    repository; ``own`` are those that kgate wrote for the additions of the request."""
    for node in (*nodes, *own):
        for patch in node.patches:
            for line, fault in selectors.faults(patch.target) if patch.target is not None else ():
                yield Problem(job.shown(node.path), line, fault) if node in nodes else job.problem(fault)
