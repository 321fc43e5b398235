"""The clusters of Argo CD: what a generator makes of those that the owner states (argo-cd, applicationset/generators),
and which one an Application deploys to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kgate.environment import Cluster
from kgate.gitops.argocd.names import normalise_name
from kgate.gitops.destinations import Delivery
from kgate.gitops.fields import ObjectFields
from kgate.kubernetes.selectors import matches
from kgate.model import Json, Resource
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


def delivery(resource: Resource, destination: ObjectFields, clusters: Iterable[Cluster]) -> Delivery:
    """Where something goes that has a destination: to a cluster by its name, or by its URL if nobody states a name: one
    is enough (argo-cd, util/argo/argo.go, ``GetDestinationCluster``). A URL for use inside a cluster leads somewhere
    else from each Argo CD; nothing is known of one with parts that no report may show, and of variables."""
    name, server = destination.text("name").rstrip("/"), _plain(destination.text("server"))
    if not (name or server) or _VARIABLE.search(name + server):
        return Delivery(resource, None)
    for cluster in clusters:
        if (name and name == cluster.name) or (server and server == _plain(cluster.server)):
            name, server = cluster.name, _plain(cluster.server) or _LOCAL
            break
    if name == _LOCAL_NAME or _IS_LOCAL.fullmatch(server):
        return Delivery(resource)
    if name:
        return Delivery(resource, name)
    shown = shown_url(server)
    if shown != server:
        return Delivery(resource, None)
    return Delivery(resource, access=shown) if _IS_INNER.match(server) else Delivery(resource, shown)


_VARIABLE = re.compile(r"\{\{|\$")
_IS_LOCAL = re.compile(r"https://kubernetes(?:\.default(?:\.svc(?:\.cluster\.local)?)?)?")
_IS_INNER = re.compile(r"https?://(?:localhost|127\.[0-9.]+|\[::1\]|[^/:]+\.svc(?:\.cluster\.local)?)(?:[/:]|\Z)")
_START = re.compile(r"(?i:https?://)[^/?#]*")


def _plain(server: str) -> str:
    """The URL of a server in one of the spellings that mean the same: of lower case up to the path, without the port
    that the scheme stands for."""
    start = _START.match(server)
    if start is None:
        return server.rstrip("/")
    first = start[0].lower()
    port = ":443" if first.startswith("https:") else ":80"
    return first.removesuffix(port) + server[start.end() :].rstrip("/")
