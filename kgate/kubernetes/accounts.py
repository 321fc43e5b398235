"""Accounts of Kubernetes itself, which the API server alone gives out."""

ROLE_MAKERS = (
    "system:apiserver",
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:clusterrole-aggregation-controller",
)
"""Users that make and aggregate the roles of Kubernetes itself: an API server does not start if it may not."""

MANAGER = "system:kube-controller-manager"
"""The user that acts for all controllers in a cluster without ``--use-service-account-credentials``."""

NODES = "system:nodes"
"""The group of all nodes."""


def controller(name: str) -> str:
    """Returns the user that a controller of Kubernetes is, in a cluster in which each has its own account."""
    return f"system:serviceaccount:kube-system:{name}"
