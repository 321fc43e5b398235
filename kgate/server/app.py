"""The application: which function answers which path."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from kgate.lifetime import Lifetime
from kgate.profiles.kubesec.scoring import scores
from kgate.server import admit, api, health, kubesec, page
from kgate.server.bounds import Bounds
from kgate.server.judging import Judging
from kgate.server.metrics import Measured, Metrics
from kgate.server.problem import fault, refusal
from kgate.server.settings import ServerSettings
from kgate.server.work import Work

_ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(settings: ServerSettings) -> Starlette:
    """Returns what one worker runs. Its ``state`` holds the ``settings``, what judges (``judging``), the thread in
    which it does (``work``) and the ``metrics``. Raises KgateError."""
    metrics = Metrics()
    routes = [
        Route("/livez", health.livez),
        Route("/readyz", health.readyz),
        Route("/metrics", metrics.show),
        Route("/openapi.json", api.openapi),
        Route("/v1/rules", api.rules),
        Route("/v1/scan", api.scan, methods=["POST"]),
        Route(admit.PATH, admit.admit, methods=["POST"]),
        Route(f"{admit.PATH}/{{asks:path}}", admit.admit, methods=["POST"]),
        Route("/", page.page, methods=["GET"]),
        Route("/healthz", kubesec.healthz, methods=_ALL),
        Route("/scan", kubesec.scan, methods=_ALL),
    ]
    known = [route.path for route in routes]
    app = Starlette(
        routes=[*routes, Route("/{path:path}", kubesec.scan, methods=_ALL)],
        middleware=[Middleware(Measured, metrics, known), Middleware(Bounds, settings)],
        exception_handlers={HTTPException: refusal, Exception: fault},
    )
    app.state.settings = settings
    app.state.judging = _warmed_up(Judging(settings.settle, settings.today))
    app.state.work = Work(settings.queue)
    app.state.metrics = metrics
    return app


_POD = b'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a"}]}}'


def _warmed_up(judging: Judging) -> Judging:
    """Judges a pod, so that no request waits for rules to be compiled, and no worker takes requests that cannot."""
    judging.report("<start>", _POD, Lifetime())
    scores(_POD, judging.settings.minor)
    return judging
