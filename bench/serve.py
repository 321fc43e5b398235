"""Measures kgate serve, beside kubesec's server if there is one, on the same objects in the same run.

``python -m bench.serve [--kubesec PROGRAM --schemas TEMPLATE] [--seconds N] [--rate N] [--requests N]``

First requests come at a rate, however long the answers take, as those of an API server do; then as fast as a few
connections get answers. ``--requests`` sends so many more to kgate, and prints the memory of its processes on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML

DEPLOYMENT = b"""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
        - name: app
          image: registry.example.org/shop/web:1.27.3
          ports: [{containerPort: 8080}]
          env: [{name: MODE, value: production}, {name: KEY, valueFrom: {secretKeyRef: {name: web, key: key}}}]
          resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
          securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: data, mountPath: /data}, {name: settings, mountPath: /etc/web}]
        - name: sidecar
          image: registry.example.org/shop/proxy:2.1.0
          securityContext: {privileged: true}
      volumes:
        - {name: data, hostPath: {path: /var/lib/web}}
        - {name: settings, configMap: {name: web}}
"""
_CONNECTIONS = 4
_MOST_DROPPED = 10_000


def review() -> bytes:
    """Returns the AdmissionReview with which an API server asks whether the object may be created."""
    asked = {"group": "apps", "version": "v1", "kind": "Deployment"}
    request: dict[str, Any] = {"uid": "1", "operation": "CREATE", "kind": asked, "namespace": "shop", "name": "web"}
    request["object"] = YAML(typ="safe", pure=True).load(DEPLOYMENT.decode())
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


@dataclass
class Target:
    """A server, how long its answers took, in seconds, and how many requests it refused for want of room, or dropped
    without an answer, so that they were sent again."""

    name: str
    port: int
    path: str
    pid: int
    body: bytes = DEPLOYMENT
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    dropped: int = 0

    @property
    def request(self) -> bytes:
        """What is sent."""
        head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(self.body)}\r\n\r\n"
        return head.encode() + self.body


class Connection:
    """A connection that is kept."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        """Sends a request and reads its answer, over a new connection if the server ends this one. Fails unless the
        answer is 200 or 503."""
        while not await self._is_answered():
            self._target.dropped += 1
            assert self._target.dropped < _MOST_DROPPED, self._target.name
            self._streams = None

    async def _is_answered(self) -> bool:
        try:
            await self._ask()
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        return True

    async def _ask(self) -> None:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._target.port)
        reader, writer = self._streams
        writer.write(self._target.request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(maxsplit=2)[1])
        assert status in (200, 503), head
        self._target.refused += status == 503
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if length:
            await reader.readexactly(int(length[1]))
            return
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)


async def at_rate(target: Target, rate: int, seconds: float) -> None:
    """Sends so many requests a second; the time of each counts from when it was due."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    begin = time.perf_counter()

    async def one(due: float) -> None:
        connection = free.get_nowait() if not free.empty() else Connection(target)
        await connection.ask()
        target.seconds.append(time.perf_counter() - due)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))


async def flat_out(target: Target, seconds: float = 0, requests: int = 0) -> tuple[int, float]:
    """Asks over a few connections as fast as it is answered, for a time or so many times; returns requests and time."""
    begin, done = time.perf_counter(), 0

    async def client() -> None:
        nonlocal done
        connection = Connection(target)
        while done < requests if requests else time.perf_counter() - begin < seconds:
            done += 1
            await connection.ask()

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    return done, time.perf_counter() - begin


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """Runs a server until the end of the block, once it accepts connections; gives its process id."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def free_port() -> int:
    """Returns a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def processes(pid: int) -> list[str]:
    """Returns a process and those that it has started."""
    command = ["/bin/ps", "-o", "pid=", "--ppid", str(pid)]
    return [str(pid), *subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()]


def cpu(pid: int) -> float:
    """Returns the seconds of processors that they have used (Linux)."""
    ticks = 0
    for one in processes(pid):
        with contextlib.suppress(OSError), open(f"/proc/{one}/stat", encoding="ascii") as file:
            ticks += sum(map(int, file.read().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Returns the MiB that they hold, each page once (Linux)."""
    total = 0
    for one in processes(pid):
        with contextlib.suppress(OSError), open(f"/proc/{one}/smaps_rollup", encoding="ascii") as lines:
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def show(target: Target, rate: int, done: int, seconds: float, used: float) -> None:
    """Prints what was measured of a server, which has ``used`` seconds of processors while it was asked flat out."""
    times = sorted(1000 * one for one in target.seconds)
    p50, p99 = statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))]
    line = f"{target.name:<16} at {rate}/s: p50 {p50:6.1f} ms, p99 {p99:6.1f} ms, worst {times[-1]:6.1f} ms;"
    cost = f"{done / seconds:6.0f}/s, {1000 * used / done:6.2f} ms of processors each"
    line += f" {target.refused} refused;" if target.refused else ""
    line += f" {target.dropped} dropped;" if target.dropped else ""
    print(f"{line} flat out: {cost}; {memory(target.pid):5.0f} MiB", flush=True)


async def measure(targets: list[Target], rate: int, seconds: float) -> None:
    """Measures each server, one after the other."""
    for target in targets:
        await flat_out(target, requests=50)  # what is only done once
        await at_rate(target, rate, seconds)
        before = cpu(target.pid)
        done, took = await flat_out(target, seconds=seconds)
        show(target, rate, done, took, cpu(target.pid) - before)


async def soak(target: Target, requests: int) -> None:
    """Sends many requests, and prints the memory at ten times."""
    for part in range(10):
        done, seconds = await flat_out(target, requests=requests // 10)
        rate, held = done / seconds, memory(target.pid)
        print(f"{target.name:<16} {(part + 1) * done:7,} requests: {held:5.0f} MiB, {rate:4.0f}/s", flush=True)


def main() -> None:
    """Starts the servers and measures them."""
    parser = argparse.ArgumentParser(description="Measures kgate serve.")
    parser.add_argument("--kubesec", help="kubesec, to be measured beside it")
    parser.add_argument("--schemas", help="where kubesec finds schemas (--schema-location)")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--requests", type=int, default=0)
    asked = parser.parse_args()
    own, other = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        serve = [sys.executable, "-m", "kgate", "serve", "--port", str(own), "--workers", str(os.cpu_count())]
        pid = stack.enter_context(running(serve, own))
        targets = [Target(f"kgate {path}", own, path, pid) for path in ("/scan", "/v1/scan")]
        targets.insert(0, Target("kgate /admit", own, "/admit", pid, review()))
        if asked.kubesec:
            command = [asked.kubesec, "http", f"127.0.0.1:{other}"]
            command += ["--schema-location", asked.schemas] if asked.schemas else []
            targets.append(Target("kubesec /scan", other, "/scan", stack.enter_context(running(command, other))))
        asyncio.run(measure(targets, asked.rate, asked.seconds))
        if asked.requests:
            asyncio.run(soak(targets[0], asked.requests))


if __name__ == "__main__":
    main()
