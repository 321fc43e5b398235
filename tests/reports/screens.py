"""Repositories whose text reports tests look at: manifests as a user has them, scanned in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kgate.config import Settings
from kgate.model import PULL, Report, Unjudged, Verdict
from kgate.reports.formats import text
from kgate.reports.presentation import Presentation
from kgate.repository import Repository
from kgate.scan import scan
from tests.reports import samples

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      {pod}automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
      containers:
        - name: server
          image: registry.example.org/shop/{name}:1.4
          securityContext:
            privileged: {privileged}
            allowPrivilegeEscalation: {privileged}
            capabilities: {{drop: ["ALL"]}}
          resources: {{limits: {{cpu: 500m, memory: 256Mi}}}}
"""
_NAMES = (
    *("adservice", "cartservice", "checkoutservice", "currencyservice", "emailservice", "frontend"),
    *("loadgenerator", "paymentservice", "productcatalogservice", "recommendationservice", "redis", "shippingservice"),
)


def shop(folder: Path, bad: int) -> Report:
    """A report on twelve Deployments, of which so many are privileged and every other one of these on the node's
    network."""
    for number, name in enumerate(_NAMES):
        pod = "hostNetwork: true\n      " if number < bad and number % 2 else ""
        manifest = _DEPLOYMENT.format(name=name, pod=pod, privileged=str(number < bad).lower())
        (folder / f"{name}.yaml").write_text(manifest, encoding="utf-8")
    return scan(Settings(Repository.at(folder), (str(folder),)))


def unjudged() -> Report:
    """A report on thirty parts that are not judged, for two causes."""
    charts = [
        Unjudged(
            f"apps/{name}.yaml",
            number,
            f"chart {name} of oci://registry.example.org/charts is not in this repository",
            f"HelmRelease/{name}/{name}",
            PULL,
        )
        for name in _NAMES
        for number in (3, 21)
    ]
    bases = [
        Unjudged(
            f"overlays/{name}/kustomization.yaml",
            2,
            f"remote base https://git.example.org/{name}?ref=v1 is not fetched; use a local copy",
            f"overlays/{name}",
        )
        for name in _NAMES[:6]
    ]
    reasons = ("30 parts of what is deployed were not judged; run kgate pull, or accept that with --unjudged note",)
    whole = samples.report((), (samples.assessment(samples.TIDY, "k8s/tidy.yaml", 97, "restricted"),))
    return replace(whole, unjudged=(*charts, *bases), verdict=Verdict(True, True, reasons))


def screen(report: Report, width: int = 100, **options: object) -> str:
    """The text report as a terminal of so many columns gets it."""
    return "".join(text.render(report, replace(Presentation(width=width, breaks=True), **options)))  # type: ignore[arg-type]
