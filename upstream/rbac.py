"""Writes the roles and bindings that every cluster has, from a real API server: ``python -m upstream.rbac``.

They go to ``kgate/rbac/builtin.json``, an object a line. The server is that of ``upstream/apiserver/go.mod``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upstream.apiserver import Server, running

FILE = Path(__file__).parent.parent / "kgate" / "rbac" / "builtin.json"
LISTS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
}
API = "/apis/rbac.authorization.k8s.io/v1"


def bodies(server: Server) -> list[dict[str, Any]]:
    """Returns the roles and bindings that a server holds, without what only a running cluster knows."""
    return [
        _trimmed(kind, body)
        for kind, name in LISTS.items()
        for body in sorted(server.ask("GET", f"{API}/{name}")["items"], key=_order)
    ]


def _order(body: Mapping[str, Any]) -> tuple[str, str]:
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _trimmed(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A body with its name, namespace and labels, and what it grants; the controller writes the rules of a role with
    an aggregationRule."""
    metadata = {key: value for key, value in body["metadata"].items() if key in ("name", "namespace", "labels")}
    kept = ("roleRef", "subjects", "aggregationRule", *(() if "aggregationRule" in body else ("rules",)))
    return {"kind": kind, "metadata": metadata, **{key: body[key] for key in kept if body.get(key)}}


def text(found: list[dict[str, Any]]) -> str:
    """Returns the text of the file."""
    lines = (json.dumps(body, sort_keys=True, separators=(",", ":")) for body in found)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> None:
    """Writes the file."""
    with running() as server:
        FILE.write_text(text(bodies(server)), encoding="utf-8")


if __name__ == "__main__":
    main()
