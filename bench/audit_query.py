"""Measures ``kgate audit query`` beside jq and DuckDB: time and memory for many events.

    python -m bench.audit_query [--events 1000000] [--seed 1] [--folder /dev/shm]

Writes a log at random (the same for the same seed) with the mix of verbs of a small cluster and some commands in pods.
Asks all questions that need no repository, then one of them, with kgate; that one with jq and with DuckDB, if they are
on PATH or installed. Exits with 1 if kgate needs 10 seconds or 100 MB for a million events.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

_MEGA = 1_000_000
MOST_SECONDS = 10.0
MOST_BYTES = 100 * _MEGA

_MIX = (("get", 74), ("update", 8), ("list", 5), ("create", 5), ("watch", 4), ("delete", 2), ("patch", 2))
_WATCHERS = ("system:kube-scheduler", "system:kube-controller-manager", "system:node:worker-1", "system:node:worker-2")
_PEOPLE = ("alice", "bob", "system:serviceaccount:shop:web", "system:serviceaccount:monitoring:prometheus")
_RESOURCES = (
    *(("leases", "coordination.k8s.io"),) * 6,
    *(("endpointslices", "discovery.k8s.io"),) * 2,
    *(("configmaps", ""), ("pods", ""), ("nodes", ""), ("services", ""), ("deployments", "apps"), ("secrets", "")),
)
_START = datetime(2026, 3, 1)
_NAMESPACES = ("kube-system", "shop", "monitoring", "default")


def lines(count: int, seed: int) -> Iterator[bytes]:
    """Yields so many events, the same for the same seed."""
    random_ = random.Random(seed)
    verbs = random_.choices([verb for verb, _ in _MIX], [share for _, share in _MIX], k=10_007)
    for number in range(count):
        verb = verbs[number % len(verbs)]
        resource, group = random_.choice(_RESOURCES)
        who = random_.choice(_PEOPLE if number % 50 == 0 else _WATCHERS)
        is_exec = number % 10_000 == 17
        if is_exec:
            verb, resource, group, who = "get", "pods", "", "alice"
        yield orjson.dumps(
            _event(random_, number, (verb, resource, group, who, is_exec)), option=orjson.OPT_APPEND_NEWLINE
        )


def _event(random_: random.Random, number: int, what: tuple[str, str, str, str, bool]) -> dict[str, Any]:
    verb, resource, group, who, is_exec = what
    namespace, name = random_.choice(_NAMESPACES), f"{resource}-{random_.randrange(500)}"
    base = f"/apis/{group}/v1" if group else "/api/v1"
    query = "/exec?command=sh&stdin=true" if is_exec else "?timeout=10s"
    time = f"{(_START + timedelta(microseconds=number * 5_000)).isoformat(timespec='microseconds')}Z"
    role = f"system:{who.rpartition(':')[2]}"
    reason = f'RBAC: allowed by ClusterRoleBinding "{role}" of ClusterRole "{role}" to User "{who}"'
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"{number:08x}-1111-4222-8333-{random_.getrandbits(48):012x}",
        "stage": "ResponseComplete",
        "requestURI": f"{base}/namespaces/{namespace}/{resource}/{name}{query}",
        "verb": verb,
        "user": {"username": who, "groups": ["system:authenticated"]},
        "sourceIPs": [f"10.0.0.{number % 250}"],
        "userAgent": "kube-controller-manager/v1.37.0 (linux/amd64) kubernetes/0123456/leader-election",
        "objectRef": {
            "resource": resource,
            "namespace": namespace,
            "name": name,
            "uid": "6a0b5f4e-7c55-4c5a-9f0a-2f35a1d0c1b7",
            "apiGroup": group,
            "apiVersion": "v1",
            "resourceVersion": str(number),
            **({"subresource": "exec"} if is_exec else {}),
        },
        "responseStatus": {"metadata": {}, "code": 101 if is_exec else 403 if number % 1_009 == 0 else 200},
        "requestReceivedTimestamp": time,
        "stageTimestamp": time,
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason},
    }


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=_MEGA)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    with tempfile.NamedTemporaryFile(suffix=".log", dir=arguments.folder) as log:
        log.writelines(lines(arguments.events, arguments.seed))
        log.flush()
        print(f"{arguments.events} events, {os.path.getsize(log.name) / _MEGA:.0f} MB")
        found = {name: measured(name, command) for name, command in _commands(log.name)}
    seconds, most = found["kgate, all questions"]
    scale = arguments.events / _MEGA
    return 0 if seconds <= MOST_SECONDS * scale and most <= MOST_BYTES else 1


def _commands(log: str) -> Iterator[tuple[str, Sequence[str]]]:
    kgate = (sys.executable, "-m", "kgate", "audit", "query")
    yield "kgate, all questions", (*kgate, "all", log, "-f", "json")
    yield "kgate, one question", (*kgate, "commands-in-pods", log, "-f", "json")
    if jq := shutil.which("jq"):
        yield "jq, one question", (jq, "-c", 'select(.objectRef.subresource == "exec") | [.user.username]', log)
    if _has_duckdb():
        table = f"read_json('{log}', format='newline_delimited')"
        sql = f"select user.username from {table} where objectRef.subresource = 'exec'"
        yield "DuckDB, one question", (sys.executable, "-c", f"import duckdb; duckdb.sql({sql!r}).fetchall()")


def _has_duckdb() -> bool:
    return subprocess.run((sys.executable, "-c", "import duckdb"), capture_output=True, check=False).returncode == 0


def measured(name: str, command: Sequence[str]) -> tuple[float, int]:
    """Runs a command; returns and prints its seconds and the most memory that it held, in bytes."""
    start = perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - start
    most = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    processor = usage.ru_utime + usage.ru_stime
    print(f"{name:24} {seconds:6.1f} s ({processor:.1f} s of processor time) {most / _MEGA:6.0f} MB")
    if process.returncode not in (0, 3):
        raise SystemExit(f"{name} failed with {process.returncode}")
    return seconds, most


if __name__ == "__main__":
    raise SystemExit(main())
