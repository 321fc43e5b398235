"""Finds which entry of ``helmCharts`` rendered an object, and the values that it gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kgate.model import Json
from kgate.rendering.kustomize.candidates import Fragment, SourceTree
from kgate.rendering.kustomize.kustomization import Kustomization
from kgate.rendering.kustomize.nodes import Tokens, get, items
from kgate.yamltree.nodes import Node


def index_of(entries: Sequence[Node], body: Json) -> int:
    """The index of the entry that rendered an object, by the labels that charts set and by the names in its name; the
    first of those that fit as well."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    metadata = metadata if isinstance(metadata, dict) else {}
    fits = [_fit(entry.value, metadata) for entry in entries]
    return fits.index(max(fits))


def _fit(entry: Json, metadata: dict[str, Json]) -> int:
    if not isinstance(entry, dict):
        return 0
    labels = metadata.get("labels")
    labels = labels if isinstance(labels, dict) else {}
    chart, own = str(entry.get("name") or "\0"), str(metadata.get("name") or "")
    release = str(entry.get("releaseName") or "\0")
    is_own = labels.get("app.kubernetes.io/instance") == release
    is_chart = str(labels.get("helm.sh/chart") or "").startswith(f"{chart}-")
    return 8 * is_own + 4 * is_chart + 2 * (release in own) + (chart in own)


def values(node: Kustomization, whole: Fragment, way: Tokens, tree: SourceTree) -> Iterator[tuple[Fragment, Tokens]]:
    """The documents that hold values of an entry, with the way to them; the first of them wins."""
    entry = items(node.root, "helmCharts")[int(way[1])]
    files = [str(item.value) for item in items(entry, "additionalValuesFiles")]
    for text in reversed(files):
        yield from _file(node, text, tree)
    if get(entry, "valuesInline") is not None:
        yield whole, (*way, "valuesInline")
    values_file = get(entry, "valuesFile")
    if values_file is not None:
        yield from _file(node, str(values_file.value), tree)


def _file(node: Kustomization, text: str, tree: SourceTree) -> Iterator[tuple[Fragment, Tokens]]:
    for link in node.links:
        if link.text == text and link.key == "valuesFile":
            yield from ((fragment, ()) for fragment in tree.documents(link.real))
