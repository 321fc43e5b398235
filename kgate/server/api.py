"""kgate's own API: ``POST /v1/scan``, ``GET /v1/rules`` and ``GET /openapi.json``."""

from __future__ import annotations

import pkgutil
from functools import partial
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kgate import __version__, reports
from kgate.exports import documentation
from kgate.lifetime import Lifetime
from kgate.model import Report
from kgate.reports.presentation import Presentation
from kgate.server.judging import Judging
from kgate.server.negotiation import chosen, media_type

FIELD = "manifest"
"""The field of the form that the page sends."""

_FILE_NAME = "<request>"
_FORM = "application/x-www-form-urlencoded"
_SAFE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What keeps a browser from doing anything with a report but show it."""


async def scan(request: Request) -> Response:
    """Judges the manifests in the body and answers with a report. Raises HTTPException."""
    name = chosen(request)
    body = _manifest(request.headers.get("content-type", ""), await request.body())
    work = partial(_answer, request.app.state.judging, body, name)
    report, text = await request.app.state.work.do(request, work)
    request.app.state.metrics.add_report("/v1/scan", report)
    verdict = "incomplete" if report.verdict.incomplete else "passed" if report.verdict.passed else "failed"
    return Response(text, headers={**_SAFE, "Content-Type": media_type(name), "Kgate-Verdict": verdict})


def _manifest(content_type: str, body: bytes) -> bytes:
    """Returns the manifest in a body. Raises HTTPException with 400 if there is none, and with 415 for a form with
    files."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise HTTPException(415, "send the manifest as the body itself: curl --data-binary @web.yaml URL")
    if kind == _FORM and body.startswith(f"{FIELD}=".encode()):
        body = _field(body)
    if not body.strip():
        raise HTTPException(400, "the body is empty; send one or more manifests as YAML or JSON")
    return body


def _field(body: bytes) -> bytes:
    """Returns what the page's form holds. Raises HTTPException."""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=1)
    except ValueError:
        raise HTTPException(400, f"the form must have one field, '{FIELD}'") from None
    return fields[FIELD][0].encode()


def _answer(judging: Judging, body: bytes, name: str, lifetime: Lifetime) -> tuple[Report, str]:
    """Returns the report and its text. Raises HTTPException with 422 if the body holds no object."""
    report = judging.report(_FILE_NAME, body, lifetime)
    if not report.counts.resources:
        problems = "; ".join(f"line {one.line or 1}: {one.text}" for one in report.problems[:5])
        raise HTTPException(
            422, problems or "no Kubernetes object was found in the body; send manifests as YAML or JSON"
        )
    presentation = Presentation(source=lambda path: body.decode("utf-8", "replace") if path == _FILE_NAME else "")
    return report, "".join(reports.renderer(name)(report, presentation))


async def rules(request: Request) -> Response:
    """Answers with all rules, as ``kgate rules list -f json`` does."""
    judging: Judging = request.app.state.judging
    text = documentation.rule_list(judging.gate.rules, "json")
    return Response(f"{text}\n", headers={"Content-Type": "application/json"})


async def openapi(_request: Request) -> Response:
    """Answers with the description of all paths."""
    text = (pkgutil.get_data("kgate.server", "openapi.json") or b"").decode().replace('"0"', f'"{__version__}"', 1)
    return Response(text, headers={"Content-Type": "application/json"})
