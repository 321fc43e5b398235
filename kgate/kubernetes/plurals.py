"""Names the resource of a kind, as paths of the API server, roles and policies do."""

from __future__ import annotations

_IRREGULAR = {
    "Endpoints": "endpoints",
    "SecurityContextConstraints": "securitycontextconstraints",
}


def plural(kind: str) -> str:
    """Returns the resource of a kind: ``networkpolicies``. Of kinds that are not known it is a guess, the one of
    Kubernetes itself (apimachinery, pkg/api/meta, UnsafeGuessKindToResource)."""
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
