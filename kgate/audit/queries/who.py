"""Tells the programs of a cluster from everybody else, by the names that they authenticate with."""

from __future__ import annotations

from kgate.audit.events.event import ACCOUNT

ANONYMOUS = "system:anonymous"
_PROGRAMS = frozenset(
    {
        "aksService",
        "system:apiserver",
        "system:cloud-controller-manager",
        "system:kube-controller-manager",
        "system:kube-proxy",
        "system:kube-scheduler",
    }
)
_SYSTEM = (f"{ACCOUNT}kube-system:", "system:node:", "system:kube-", "eks:", "system:gcp-", "system:gke-")
"""How the names of kubelets, of accounts of kube-system and of what EKS and GKE run themselves begin."""


def is_system(user: str) -> bool:
    """True for a program of the control plane, a kubelet, or a service account of kube-system."""
    return user in _PROGRAMS or user.startswith(_SYSTEM)


def by_hand(user: str) -> bool:
    """True for everybody but the programs of a cluster."""
    return not is_system(user)


def is_other_account(user: str) -> bool:
    """True for a service account that is not one of kube-system."""
    return is_account(user) and not is_system(user)


def is_account(user: str) -> bool:
    """True for a service account."""
    return user.startswith(ACCOUNT)


def account_of(user: str) -> tuple[str, str]:
    """Returns namespace and name of a service account; two empty texts for anybody else."""
    namespace, _, name = user.removeprefix(ACCOUNT).partition(":") if is_account(user) else ("", "", "")
    return namespace, name
