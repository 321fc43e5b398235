"""The commands for GitOps objects of public repositories, written by hand: nothing here comes from kgate.

Each row was made by reading the object in the repository, and the documentation of Argo CD and Flux.
A row is found by the folder name of the repository, the GitOps object with its file, and the folder that it renders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Chart:
    """``helm template NAME FOLDER --namespace NAMESPACE`` with further arguments."""

    name: str
    namespace: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """``kubectl kustomize FOLDER``, in a copy of the repository to which ``files`` are added first."""

    files: Mapping[str, str] = field(default_factory=dict, hash=False)


def _issuers(server: str) -> Folder:
    """Returns the kustomization as kustomize-controller rewrites it, with the patches of the object at its end."""
    text = f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - cluster-issuers.yaml
  - gateway.yaml
patches:
  - patch: |
      - op: replace
        path: /spec/acme/server
        value: {server}
    target:
      kind: ClusterIssuer
      name: letsencrypt
"""
    return Folder({"infrastructure/configs/kustomization.yaml": text})


_FLUX = "Kustomization/flux-system/"
_ARGO = "Application/argocd/example."
_APPS = "apps/templates/applications.yaml"

Case = Chart | Folder

CASES: Mapping[str, Mapping[tuple[str, str], Case]] = {
    "fluxcd-flux2-kustomize-helm-example": {
        (f"{_FLUX}apps clusters/production/apps.yaml", "apps/production"): Folder(),
        (f"{_FLUX}apps clusters/staging/apps.yaml", "apps/staging"): Folder(),
        (
            f"{_FLUX}infra-controllers clusters/production/infrastructure.yaml",
            "infrastructure/controllers",
        ): Folder(),
        (f"{_FLUX}infra-controllers clusters/staging/infrastructure.yaml", "infrastructure/controllers"): Folder(),
        (f"{_FLUX}infra-configs clusters/production/infrastructure.yaml", "infrastructure/configs"): _issuers(
            "https://acme-v02.api.letsencrypt.org/directory"
        ),
        (f"{_FLUX}infra-configs clusters/staging/infrastructure.yaml", "infrastructure/configs"): _issuers(
            "https://acme-staging-v02.api.letsencrypt.org/directory"
        ),
    },
    "fluxcd-flux2-multi-tenancy": {
        (f"{_FLUX}kyverno clusters/production/infrastructure.yaml", "infrastructure/kyverno"): Folder(),
        (f"{_FLUX}kyverno clusters/staging/infrastructure.yaml", "infrastructure/kyverno"): Folder(),
        (
            f"{_FLUX}kyverno-policies clusters/production/infrastructure.yaml",
            "infrastructure/kyverno-policies",
        ): Folder(),
        (f"{_FLUX}kyverno-policies clusters/staging/infrastructure.yaml", "infrastructure/kyverno-policies"): Folder(),
        (f"{_FLUX}tenants clusters/production/tenants.yaml", "tenants/production"): Folder(),
        (f"{_FLUX}tenants clusters/staging/tenants.yaml", "tenants/staging"): Folder(),
    },
    # spec.destination.namespace is the application's name without "example."; the folder too, and three of them
    # set spec.source.helm.releaseName, without which the release has the name of the Application.
    "argoproj-argocd-example-apps": {
        (f"{_ARGO}blue-green {_APPS}", "blue-green"): Chart("blue-green", "blue-green"),
        (f"{_ARGO}helm-guestbook {_APPS}", "helm-guestbook"): Chart("helm-guestbook", "helm-guestbook"),
        (f"{_ARGO}helm-dependency {_APPS}", "helm-dependency"): Chart("helm-dependency", "helm-dependency"),
        (f"{_ARGO}kustomize-guestbook {_APPS}", "kustomize-guestbook"): Folder(),
        (f"{_ARGO}pre-post-sync {_APPS}", "pre-post-sync"): Folder(),
        (f"{_ARGO}sock-shop {_APPS}", "sock-shop"): Folder(),
    },
}
