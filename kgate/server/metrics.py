"""What Prometheus is told: requests and their time, verdicts, problems, and the rules that were hit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kgate.model import Report

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder in which several workers keep their numbers for all of them."""

_WEBHOOKS = "/admit"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))


class Metrics:
    """The numbers of this worker, or of all of them if they share a folder."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("kgate_requests", "Requests.", ("path", "method", "status"), registry=registry)
        self._seconds = Histogram(
            "kgate_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ("path",),
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self._verdicts = Counter("kgate_verdicts", "Texts that were judged.", ("path", "verdict"), registry=registry)
        self._problems = Counter("kgate_problems", "What could not be read or judged.", ("path",), registry=registry)
        self._findings = Counter("kgate_findings", "Findings that are not waived.", ("rule",), registry=registry)

    def add_request(self, path: str, method: str, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        self._requests.labels(path, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def add_report(self, path: str, report: Report) -> None:
        """Counts what a report says."""
        verdict = "incomplete" if report.verdict.incomplete else "passed" if report.verdict.passed else "failed"
        self.add_verdict(path, verdict, report)

    def add_verdict(self, path: str, verdict: str, report: Report | None) -> None:
        """Counts a verdict, and what the report says on which it rests, if on any."""
        self._verdicts.labels(path, verdict).inc()
        if report is None:
            return
        self._problems.labels(path).inc(len(report.problems))
        for finding in report.findings:
            if finding.waiver is None:
                self._findings.labels(finding.rule.id).inc()

    async def show(self, request: Request) -> Response:
        """Answers ``GET /metrics``. Raises HTTPException with 400 for a version that is none."""
        registry = self._registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except TypeError:  # it compares the parts of a version with numbers
            raise HTTPException(400, "Accept: the version is not a number such as 1.0.0") from None
        return Response(encode(registry), headers={"Content-Type": content_type})


class Measured:
    """Counts and times the requests of an application. Paths that are not among ``known`` count as one."""

    def __init__(self, app: ASGIApp, metrics: Metrics, known: Iterable[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._known = frozenset(known)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, statuses = time.perf_counter(), [499]

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses[0] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception:
            statuses[0] = 500  # as is answered further out
            raise
        finally:
            self._metrics.add_request(
                self._label(scope["path"]), scope["method"], statuses[0], time.perf_counter() - begin
            )

    def _label(self, path: str) -> str:
        """Returns what a path counts as: the paths of webhooks as one."""
        if path.startswith(f"{_WEBHOOKS}/"):
            return _WEBHOOKS
        return path if path in self._known else "other"
