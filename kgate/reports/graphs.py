"""Draws chains of things, such as the way from a workload to a permission, as a graph: Mermaid and Graphviz."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from kgate.reports.wording import shown

_LONGEST_LABEL = 200


def mermaid(chains: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yields the lines of a flow chart, in which equal labels are one node."""
    yield "flowchart LR"
    names, edges = _graph(chains)
    for label, name in names.items():
        yield f'  {name}["{_mermaid_text(label)}"]'
    yield from (f"  {start} --> {end}" for start, end in edges)


def graphviz(chains: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yields the lines of a directed graph, in which equal labels are one node."""
    yield "digraph reach {"
    yield "  rankdir=LR"
    yield "  node [shape=box]"
    names, edges = _graph(chains)
    for label, name in names.items():
        yield f'  {name} [label="{_graphviz_text(label)}"]'
    yield from (f"  {start} -> {end}" for start, end in edges)
    yield "}"


def _graph(chains: Iterable[Sequence[str]]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The name of the node of each label, and the edges, each once."""
    names: dict[str, str] = {}
    edges: dict[tuple[str, str], None] = {}
    for chain in chains:
        nodes = [names.setdefault(label, f"n{len(names)}") for label in chain]
        edges |= dict.fromkeys(itertools.pairwise(nodes))
    return names, list(edges)


def _mermaid_text(label: str) -> str:
    """A label without what Mermaid reads as markup, each such character as its entity."""
    return "".join(
        one if one.isalnum() or one in " -_/,.:" else f"#{ord(one)};" for one in shown(label, _LONGEST_LABEL)
    )


def _graphviz_text(label: str) -> str:
    return shown(label, _LONGEST_LABEL).replace("\\", "\\\\").replace('"', '\\"')
