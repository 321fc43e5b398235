"""The parameters of a cluster generator, for clusters that the owner states (argo-cd, applicationset/generators)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kgate.environment import Cluster
from kgate.gitops.argocd.names import normalise_name
from kgate.gitops.fields import ObjectFields
from kgate.kubernetes.selectors import matches
from kgate.model import Json

_LOCAL = "https://kubernetes.default.svc"
_SECRET_TYPE = {"argocd.argoproj.io/secret-type": "cluster"}


def parameters(section: ObjectFields, clusters: Iterable[Cluster], *, is_go: bool) -> Iterator[dict[str, Json]]:
    """The parameters of each cluster that the generator selects, in the form for Go templates or for the older ones."""
    selector = section.section("selector")
    has_selector = bool(selector.section("matchLabels").body or selector.items("matchExpressions"))
    for cluster in clusters:
        has_secret = cluster.server not in ("", _LOCAL) or bool(cluster.labels or cluster.annotations)
        if has_selector and not (has_secret and matches(selector, {**cluster.labels, **_SECRET_TYPE})):
            continue  # the cluster of Argo CD itself has no labels, unless it has a Secret like any other
        words: dict[str, Json] = {
            "name": cluster.name,
            "nameNormalized": normalise_name(cluster.name),
            "server": cluster.server or _LOCAL,
        }
        labels = {**cluster.labels, **(_SECRET_TYPE if has_secret else {})}
        if is_go:
            yield {**words, "metadata": {"labels": labels, "annotations": dict(cluster.annotations)}}
        else:
            flat = {f"metadata.annotations.{key}": value for key, value in cluster.annotations.items()}
            yield {**words, **flat, **{f"metadata.labels.{key}": value for key, value in labels.items()}}
