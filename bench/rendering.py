"""Compares rendering and mapping with plain rendering: ``python -m bench.rendering FOLDER --helm PROGRAM``."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.measure import KGATE, measure
from kgate.model import Batch
from kgate.rendering.helm.releases import default_releases
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.kustomize.graph import Kustomizations
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import RenderContext
from kgate.rendering.tools import Toolbox
from kgate.rendering.workspace import Workspace
from kgate.repository import Repository
from kgate.sources import files

TIMES = 3
"""How often each is rendered, both ways in turn; the quickest counts."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the times of plain rendering and of kgate's, for all charts and kustomizations below a folder that
    render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--helm")
    parser.add_argument("--kubectl")
    options = parser.parse_args(arguments)
    root = options.folder.resolve()
    tools = Toolbox(root, {"helm": options.helm, "kubectl": options.kubectl})
    listing = files.list_files([root], Repository.at(root))
    with Workspace(Repository.at(root)) as workspace:
        context = RenderContext(workspace, tools)
        _show("helm template", list(_charts(sorted(listing.charts), context)))
        roots = Kustomizations(Repository(root)).roots(listing.kustomizations)
        _show("kustomize", list(_kustomizations(roots, context)))
    _whole(root, options)


def _charts(charts: Iterable[Path], context: RenderContext) -> Iterator[tuple[float, float]]:
    """Yields the seconds of plain rendering and of kgate's, for one release of each chart."""
    tool = context.tools.helm
    if tool is None:
        return
    for chart in charts:
        request = ChartRequest(chart, default_releases(chart, context.workspace.repository)[:1])
        command = (tool.path, "template", "release", chart)
        yield from _pair(command, partial(request.render, context))


def _kustomizations(roots: Iterable[Path], context: RenderContext) -> Iterator[tuple[float, float]]:
    tool = context.tools.kustomize
    if tool is None:
        return
    for folder in roots:
        request = KustomizationRequest(folder)
        command = (tool.path, "build" if tool.name == "kustomize" else "kustomize", folder)
        yield from _pair(command, partial(request.render, context))


def _pair(command: Sequence[str | Path], render: Callable[[], Batch]) -> Iterator[tuple[float, float]]:
    """Yields both times if both ways render, else nothing."""
    plain = mapped = float("inf")
    for _ in range(TIMES):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(command, capture_output=True, env={"HOME": home, "PATH": home}, check=False)
        middle = time.perf_counter()
        contents = render()
        if done.returncode or not contents.resources:
            return
        plain, mapped = min(plain, middle - start), min(mapped, time.perf_counter() - middle)
    yield plain, mapped


def _show(name: str, rows: Sequence[tuple[float, float]]) -> None:
    if not rows:
        print(f"{name}: nothing rendered")
        return
    plain, mapped = (sum(column) for column in zip(*rows, strict=True))
    median = statistics.median(mapped / plain for plain, mapped in rows)
    print(f"{name}: {len(rows)} rendered, plain {plain:.2f} s, with mapping {mapped:.2f} s")
    print(f"  ratio of the sums {mapped / plain:.2f}, median ratio {median:.2f} (limit 2)")


def _whole(root: Path, options: argparse.Namespace) -> None:
    """Measures a whole scan; processor seconds over wall seconds show how many cores it used."""
    given = [f"--{name}-bin={value}" for name in ("helm", "kubectl") if (value := getattr(options, name))]
    run = measure((*KGATE, "scan", str(root), "--quiet", *given))
    cores = run.cpu / run.wall
    print(
        f"kgate scan: {run.wall:.1f} s, {cores:.2f} of {os.cpu_count()} cores, {run.megabytes:.0f} MB, exit {run.code}"
    )


if __name__ == "__main__":
    main()
