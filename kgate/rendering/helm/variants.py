"""The same release in other clusters: upgraded, with other APIs installed, and on an old Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from kgate.rendering.helm import inventions
from kgate.rendering.helm.chart import Chart
from kgate.rendering.helm.release import Release
from kgate.values import dataclass

_HAS = re.compile(r"\.APIVersions\.Has\s++\(?\s*+(?:\"([\w./-]{1,200})\"|`([\w./-]{1,200})`)")
_MOST_APIS = 200
_COMMON_APIS = (
    *("monitoring.coreos.com/v1", "cert-manager.io/v1", "networking.istio.io/v1", "gateway.networking.k8s.io/v1"),
    *("metrics.k8s.io/v1beta1", "route.openshift.io/v1", "security.openshift.io/v1", "keda.sh/v1alpha1"),
    *("argoproj.io/v1alpha1", "external-secrets.io/v1", "traefik.io/v1alpha1", "snapshot.storage.k8s.io/v1"),
)


@dataclass(frozen=True, slots=True)
class OtherCluster:
    """A release as another cluster gets it, and which cluster that is."""

    release: Release
    title: str


def other_clusters(release: Release, chart: Chart, known_version: str | None) -> Iterator[OtherCluster]:
    """Yields a release as other clusters get it. ``known_version`` is the version of Kubernetes that the user names;
    where somebody names it, or the APIs, these stay. None for a release that is changed after it is rendered, for that
    takes all of its objects."""
    if release.post_renderers:
        return
    apis = release.api_versions or tuple(_asked_apis(template.text for template in chart.templates.values()))
    yield OtherCluster(replace(release, is_upgrade=True, api_versions=apis), "upgraded, with more APIs")
    if not (release.kubernetes_version or known_version):
        oldest = inventions.oldest_kubernetes_version(chart.kubernetes_range)
        yield OtherCluster(replace(release, kubernetes_version=oldest), f"on Kubernetes {oldest}")


def _asked_apis(texts: Iterable[str]) -> list[str]:
    """The APIs that templates ask for, and those that many clusters have."""
    asked = (found[1] or found[2] for text in texts for found in _HAS.finditer(text))
    return list(dict.fromkeys((*_COMMON_APIS, *asked)))[:_MOST_APIS]
