"""The roles and bindings that every cluster has: those that the API server of the newest Kubernetes makes at its start.

``builtin.json`` is written by ``python -m upstream.rbac``.
"""

from __future__ import annotations

import pkgutil
from functools import cache

from kgate.rbac.objects import FaultLog, Object, read_body


@cache
def builtin() -> tuple[Object, ...]:
    """Returns the built-in roles and bindings."""
    import orjson

    log = FaultLog()
    bodies = orjson.loads(pkgutil.get_data("kgate.rbac", "builtin.json") or b"[]")
    return tuple(one for body in bodies if (one := read_body(body, None, log)) is not None)
