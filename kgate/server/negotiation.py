"""The ``Accept`` of a request -> the format of the report."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request

from kgate import reports

MEDIA_TYPES = {
    "json": "application/json",
    "sarif": "application/sarif+json",
    "html": "text/html; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "junit": "application/xml",
    "badge": "image/svg+xml",
    "github": "text/vnd.kgate.github; charset=utf-8",
    "gitlab-codequality": "application/vnd.kgate.gitlab-codequality+json",
    "gitlab-sast": "application/vnd.kgate.gitlab-sast+json",
}
"""The media types of the formats; where ``Accept`` fits several, the first of them is chosen. A format that has none is
text."""


def media_type(name: str) -> str:
    """Returns the media type of a format."""
    return MEDIA_TYPES.get(name, MEDIA_TYPES["text"])


def chosen(request: Request) -> str:
    """Returns the format that ``?format=`` names, else the one that ``Accept`` likes best (RFC 9110, 12.5.1). Raises
    HTTPException with 400 for a name that is none, and with 406 if no format is acceptable."""
    name = request.query_params.get("format")
    if name is not None:
        if name not in reports.names():
            raise HTTPException(400, f"'{name}' is not a format; formats are {', '.join(reports.names())}")
        return name
    wanted = list(_ranges(request.headers.get("accept") or "*/*"))
    quality = {name: _quality(one.partition(";")[0], wanted) for name, one in MEDIA_TYPES.items()}
    best = max(quality, key=lambda name: quality[name])
    if not quality[best]:
        raise HTTPException(406, f"there is no report of this type; types are {', '.join(MEDIA_TYPES.values())}")
    return best


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yields the media ranges of an ``Accept`` with their weights. Raises HTTPException for a weight that is none."""
    for part in accept.split(","):
        media_range, *parameters = (word.strip().lower() for word in part.split(";"))
        weights = [word[2:].strip() for word in parameters if word.startswith("q=")]
        try:
            yield media_range, min(1.0, max(0.0, float(weights[0]))) if weights else 1.0
        except ValueError:
            raise HTTPException(400, f"Accept: '{weights[0]}' is not a weight such as 0.5") from None


def _quality(kind: str, wanted: list[tuple[str, float]]) -> float:
    """Returns the weight that the most specific range gives to a media type; 0 if none fits."""
    for media_range in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        weights = [weight for one, weight in wanted if one == media_range]
        if weights:
            return max(weights)
    return 0.0
