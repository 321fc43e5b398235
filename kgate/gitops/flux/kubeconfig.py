"""Which cluster a Flux object deploys to: its own, or one that ``spec.kubeConfig`` leads to."""

from __future__ import annotations

from kgate.gitops.destinations import Delivery
from kgate.gitops.fields import ObjectFields


def delivery(fields: ObjectFields) -> Delivery:
    """Where what a Kustomization or HelmRelease deploys goes. What leads to another cluster is called after the Secret
    with the kubeconfig, which is in the namespace of the object; nothing is known of one with variables in its name."""
    spec, resource = fields.section("spec"), fields.resource
    if spec.body.get("kubeConfig") is None:
        return Delivery(resource)
    secret = spec.section("kubeConfig").section("secretRef")
    name = secret.text("name")
    if not name or "$" in name:
        return Delivery(resource, None)
    key = f" ({secret.text('key')})" if secret.text("key") else ""
    return Delivery(resource, access=f"Secret {resource.id.namespace}/{name}{key}")
