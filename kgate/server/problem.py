"""Problem documents: what is wrong with a request, as RFC 9457 has it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns a problem document: what is wrong, and what to do."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, MEDIA_TYPE)


async def refusal(_request: Request, error: Exception) -> Response:
    """Returns the problem document of an HTTPException."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, error.headers)


async def fault(_request: Request, _error: Exception) -> Response:
    """Returns the problem document of anything else, which uvicorn logs: nothing is ever judged by accident."""
    return problem(500, "this is a bug in kgate, and the log of the server says more; please report it")
