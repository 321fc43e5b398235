"""The clusters of Argo CD: what a generator makes of those that the owner states (argo-cd, applicationset/generators),
and which one an Application deploys to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kgate.environment import Cluster
from kgate.gitops.argocd.names import normalise_name
from kgate.gitops.fields import ObjectFields
from kgate.kubernetes.selectors import matches
from kgate.model import Json
from kgate.urls import shown_url

CLUSTER_FIELDS = ("name", "server")
"""The fields of a destination of which one says which cluster it is."""

_LOCAL = "https://kubernetes.default.svc"
_LOCAL_NAME = "in-cluster"
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


def cluster_of(destination: ObjectFields, clusters: Iterable[Cluster]) -> str | None:
    """The cluster of a destination by its name, or by its URL if nobody states a name: one is enough (argo-cd,
    util/argo/argo.go, ``GetDestinationCluster``). Empty for that of Argo CD itself, None if it is not known."""
    name, server = (destination.text(field).rstrip("/") for field in CLUSTER_FIELDS)
    if not (name or server) or "{{" in name + server:
        return None
    for cluster in clusters:
        if (name and name == cluster.name) or (server and server == cluster.server.rstrip("/")):
            name, server = cluster.name, cluster.server.rstrip("/") or _LOCAL
            break
    is_own = server == _LOCAL or name == _LOCAL_NAME
    return "" if is_own else name or shown_url(server)
