"""Measures how time grows with the number of workloads, and where it goes: ``python -m bench.curve``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench.measure import KGATE, measure
from kgate import reports
from kgate.config import Settings
from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest, pss
from kgate.reports.presentation import Presentation
from kgate.repository import Repository
from kgate.rules import load
from kgate.scan import scan
from kgate.sources import files

SIZES = (10, 100, 1_000, 10_000)
PER_FILE = 50

WORKLOAD = """\
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-{number}
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels: {{app: web-{number}}}
  template:
    metadata:
      labels: {{app: web-{number}}}
    spec:
      serviceAccountName: web
      securityContext:
        runAsNonRoot: true
      containers:
        - name: app
          image: registry.example.org/web:{number}
          ports:
            - containerPort: 8080
          env:
            - {{name: MODE, value: production}}
            - name: PASSWORD
              valueFrom: {{secretKeyRef: {{name: web, key: password}}}}
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {{add: [NET_ADMIN], drop: [ALL]}}
          volumeMounts:
            - {{name: data, mountPath: /data}}
        - name: proxy
          image: registry.example.org/proxy:1
          livenessProbe: {{httpGet: {{path: /, port: 8080}}}}
      volumes:
        - name: data
          hostPath: {{path: /data}}
"""

Result = TypeVar("Result")


def write_workloads(folder: Path, count: int) -> None:
    """Writes files of PER_FILE workloads each."""
    for first in range(0, count, PER_FILE):
        text = "".join(WORKLOAD.format(number=n) for n in range(first, min(first + PER_FILE, count)))
        Path(folder, f"web-{first:06}.yaml").write_text(text, encoding="utf-8")


def timed(action: Callable[[], Result]) -> tuple[Result, float]:
    """Returns the result of an action, and the seconds that it took."""
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


def profile(folder: Path) -> dict[str, float]:
    """Returns the seconds of each stage over a folder, in one process."""
    listing, listed = timed(lambda: files.list_files([folder], Repository.at(folder)))
    contents, read = timed(lambda: list(files.read_all(files.in_order(listing.files.values()))))
    known, loaded = timed(load.load)
    judge = Judge(known, pss.NEWEST_MINOR)
    _, judged = timed(lambda: [judge.judge(r) for c in contents for r in c.resources])
    report = scan(Settings(Repository.at(folder), (str(folder),)))
    stages = {"list": listed, "read": read, "rules": loaded, "judge": judged}
    for name in reports.names():
        pieces = reports.renderer(name)(report, Presentation())
        stages[f"report {name}"] = timed(partial(sum, map(len, pieces)))[1]
    return stages


def main() -> None:
    """Prints the curve, with the growth from one size to the next, and the seconds of each stage."""
    print(f"{'workloads':>10} {'wall s':>8} {'ms each':>8} {'peak MB':>8} {'growth':>7}")
    before = None
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            write_workloads(Path(name), size)
            run = measure((*KGATE, "scan", "-f", "json", name))
        growth = f"{run.wall / before:7.1f}" if before else ""
        print(f"{size:>10,} {run.wall:8.2f} {run.wall / size * 1000:8.2f} {run.megabytes:8.0f} {growth}")
        before = run.wall
    with tempfile.TemporaryDirectory() as name:
        write_workloads(Path(name), 1_000)
        stages = profile(Path(name))
    print(f"\n1,000 workloads by stage, limit of a file {manifest.MAX_FILE_BYTES // 2**20} MiB")
    for stage, seconds in stages.items():
        print(f"{stage:<18} {seconds * 1000:8.0f} ms")


if __name__ == "__main__":
    main()
