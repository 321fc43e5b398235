"""Answers as kubesec's server does: ``POST /``, ``POST /scan`` and any other path that is not kgate's own."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match

from kgate.errors import KgateError
from kgate.lifetime import Lifetime
from kgate.model import Json
from kgate.profiles.kubesec.report import render
from kgate.profiles.kubesec.scoring import ObjectScore, scores
from kgate.reports.formats import json as json_report
from kgate.reports.presentation import Presentation
from kgate.server.judging import Judging

_PREFIX = b"file="
"""What a form field puts before a manifest, and kubesec takes away."""

_FILE_NAME = "API"
_OF_REPORT = ("workloads", "findings", "problems", "unjudged", "verdict")
_OWN = ("/v1/", "/admit")
"""How the paths begin that are kgate's own, below which a misspelt one is not a manifest for kubesec."""


def _refuse_own(request: Request) -> None:
    """Raises HTTPException for a path of kgate's own that does not exist, or not for this method."""
    path = request.url.path
    if path != "/" and any(route.matches(request.scope)[0] is Match.PARTIAL for route in request.app.routes):
        raise HTTPException(405, f"{path} does not answer {request.method}; /openapi.json lists what it answers")
    if path.startswith(_OWN):
        raise HTTPException(404, f"there is no {path}; /openapi.json lists the paths")


async def scan(request: Request) -> Response:
    """Scores the manifests in the body. With ``?kgate=1`` each report has a field ``kgate`` with what kgate's own rules
    say; with ``?rule=ID`` only some of kubesec's rules count."""
    _refuse_own(request)
    if request.method == "GET":
        return _elsewhere(request)
    if request.query_params.get("in-toto"):
        return Response(status_code=500)  # as kubesec without a key
    body = (await request.body()).removeprefix(_PREFIX)
    wants_own = request.query_params.get("kgate", "") not in ("", "0", "false")
    judging: Judging = request.app.state.judging
    work = partial(_answer, judging, body, tuple(request.query_params.getlist("rule")), wants_own)
    status, text = await request.app.state.work.do(request, work)
    if status != 200:
        return PlainTextResponse(text, status)
    return Response(text, headers={"Content-Type": "application/json"})


def _elsewhere(request: Request) -> Response:
    """Leads a browser to the page of this server; kubesec leads it to its web site."""
    if request.url.path != "/scan":
        raise HTTPException(404, f"there is no {request.url.path}; /openapi.json lists the paths")
    return RedirectResponse("/", 303)


def _answer(
    judging: Judging, body: bytes, ids: tuple[str, ...], wants_own: bool, lifetime: Lifetime
) -> tuple[int, str]:
    """Returns the status and the text for a body."""
    try:
        found = scores(body, judging.settings.minor, ids, lifetime)
        beside = partial(_beside, judging, lifetime) if wants_own else None
        return 200, render(found, _FILE_NAME, beside)
    except KgateError as error:
        return 400, f"{error}\n"


def _beside(judging: Judging, lifetime: Lifetime, one: ObjectScore) -> Json:
    """Returns what kgate's report says of the same object, whose fields it names; lines are not those of the body."""
    report = judging.report(_FILE_NAME, json.dumps(one.value).encode(), lifetime)
    whole = orjson.loads("".join(json_report.render(replace(report, notes=()), Presentation())))
    return {name: whole[name] for name in _OF_REPORT}


async def healthz(_request: Request) -> Response:
    """Answers as kubesec does, whatever the method."""
    return PlainTextResponse("OK\n")
