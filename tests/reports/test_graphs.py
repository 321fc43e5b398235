"""graphs.py: chains as graphs, whose labels inject nothing."""

from __future__ import annotations

import pytest

from kgate.reports.graphs import graphviz, mermaid

CHAINS = [("a", "b", "c"), ("a", "b", "d"), ("e",)]


def test_mermaid() -> None:
    edges = ["  n0 --> n1", "  n1 --> n2", "  n1 --> n3"]
    nodes = [f'  n{number}["{label}"]' for number, label in enumerate("abcde")]
    assert list(mermaid(CHAINS)) == ["flowchart LR", *nodes, *edges]


def test_graphviz() -> None:
    edges = ["  n0 -> n1", "  n1 -> n2", "  n1 -> n3"]
    nodes = [f'  n{number} [label="{label}"]' for number, label in enumerate("abcde")]
    head = ["digraph reach {", "  rankdir=LR", "  node [shape=box]"]
    assert list(graphviz(CHAINS)) == [*head, *nodes, *edges, "}"]


@pytest.mark.parametrize(
    ("label", "in_mermaid", "in_graphviz"),
    [
        pytest.param('a"]; click x', "a#34;#93;#59; click x", 'a\\"]; click x', id="quotes"),
        pytest.param("a\\", "a#92;", "a\\\\", id="a backslash"),
        pytest.param("<img>", "#60;img#62;", "<img>", id="markup"),
        pytest.param("a\nb", "a#92;x0ab", "a\\\\x0ab", id="a line break"),
    ],
)
def test_labels_are_inert(label: str, in_mermaid: str, in_graphviz: str) -> None:
    assert f'["{in_mermaid}"]' in "\n".join(mermaid([(label,)]))
    assert f'[label="{in_graphviz}"]' in "\n".join(graphviz([(label,)]))
