"""``GET /``: a page into which manifests can be pasted. It runs no script, and its policy lets none run."""

from __future__ import annotations

import base64
import hashlib
import pkgutil
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_STYLE = re.compile("<style>([^<]*)</style>")


async def page(_request: Request) -> Response:
    """Answers with the page."""
    text = (pkgutil.get_data("kgate.server", "page.html") or b"").decode()
    style = _STYLE.search(text)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        text,
        headers={
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
