"""Writes which resources an API server serves, from a real one: ``python -m upstream.resources``.

They go to ``kgate/kubernetes/resources.json``, a group a line: each resource and subresource with its verbs, and if it
is in namespaces. The server is that of ``upstream/apiserver/go.mod``, with every version of every API switched on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from upstream.apiserver import Server, running

FILE = Path(__file__).parent.parent / "kgate" / "kubernetes" / "resources.json"
OPTIONS = {"runtime-config": "api/all=true"}
Resources = dict[str, dict[str, Any]]


def resources(server: Server) -> dict[str, Resources]:
    """Returns the resources of each group, in all its versions."""
    found: dict[str, Resources] = {}
    for group, path in _versions(server):
        own = found.setdefault(group, {})
        for one in server.ask("GET", path)["resources"]:
            verbs = own.get(one["name"], {}).get("verbs", ())
            own[one["name"]] = {"namespaced": one["namespaced"], "verbs": sorted({*verbs, *one["verbs"]})}
    return found


def _versions(server: Server) -> Iterator[tuple[str, str]]:
    """Yields the path of each version of each group, with the group."""
    yield "", "/api/v1"
    for group in server.ask("GET", "/apis")["groups"]:
        yield from ((group["name"], f"/apis/{one['groupVersion']}") for one in group["versions"])


def text(found: dict[str, Resources]) -> str:
    """Returns the text of the file."""
    lines = (
        f"{json.dumps(group)}:{json.dumps(found[group], sort_keys=True, separators=(',', ':'))}"
        for group in sorted(found)
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Writes the file."""
    with running(OPTIONS) as server:
        FILE.write_text(text(resources(server)), encoding="utf-8")


if __name__ == "__main__":
    main()
