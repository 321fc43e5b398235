"""Objects for tests: the resource that kgate reads from a body, and bodies of every workload kind."""

from __future__ import annotations

import json

from kgate.kubernetes.manifest import read
from kgate.model import Resource
from kgate.rules.placements import HARDENED_CONTAINER, HARDENED_POD, Body, workloads

__all__ = ["HARDENED_CONTAINER", "HARDENED_POD", "Body", "resource", "workloads"]


def resource(body: Body) -> Resource:
    """The resource that kgate reads from an object written as YAML-compatible JSON, one field a line."""
    contents = read("example.yaml", json.dumps(body, indent=2).encode())
    assert not contents.problems, contents.problems
    return contents.resources[0]
