"""``POST /admit`` and the paths below it: the webhook of an API server."""

from __future__ import annotations

import re
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kgate.admission import asks, review, wording
from kgate.admission.asks import Asks, AsksError, Mode
from kgate.admission.review import ReviewError
from kgate.admission.ruling import Ruling, decide
from kgate.lifetime import Lifetime
from kgate.server.bounds import DEADLINE
from kgate.server.judging import Judging

PATH = "/admit"

_TIMEOUT = re.compile(r"([0-9]{1,3})s")
_SHARE = 0.9
"""The part of the time that an API server waits in which it is answered, so that it reads why there is no verdict."""

_LEAST_SECONDS = 1
"""The least that a webhook may set: who says less would only make the worker look stuck."""


async def admit(request: Request) -> Response:
    """Answers an AdmissionReview. What is wrong with it, and what was not judged in time, is never an answer that
    allows something. Raises HTTPException."""
    try:
        mode, asked = asks.parse(request.path_params.get("asks", ""))
    except AsksError as error:
        raise HTTPException(404, str(error)) from None
    _hurry(request)
    work = partial(answer, request.app.state.judging, await request.body(), mode, asked)
    ruling, body = await request.app.state.work.do(request, work)
    request.app.state.metrics.add_verdict(PATH, wording.verdict(ruling), ruling.report)
    return Response(body, headers={"Content-Type": "application/json"})


def _hurry(request: Request) -> None:
    """Lets a request end before the API server gives it up, which says when it does (``?timeout=10s``)."""
    if match := _TIMEOUT.fullmatch(request.query_params.get("timeout", "")):
        begin = request.scope[DEADLINE] - request.app.state.settings.request_timeout
        request.scope[DEADLINE] = min(request.scope[DEADLINE], begin + _SHARE * max(_LEAST_SECONDS, int(match[1])))


def answer(judging: Judging, body: bytes, mode: Mode, asked: Asks, lifetime: Lifetime) -> tuple[Ruling, bytes]:
    """Returns what is decided about a review, and the answer. Raises HTTPException with 400 for what is not one."""
    try:
        request = review.parse(body)
    except ReviewError as error:
        raise HTTPException(400, str(error)) from None
    ruling = decide(request, mode, lambda submitted: judging.report_of(submitted, asked, lifetime))
    return ruling, review.render(wording.response(request.uid, ruling))
