"""Keeps one comment on the pull request up to date; what the token may not do is logged, and is not an error."""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

LIMIT = 65_536
"""Characters that a comment takes; one more, and the whole comment is refused."""

PAGES = 30
TIMEOUT = 30


def main() -> None:
    """Updates the comment that carries the marker, or writes the first one."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = (event.get("pull_request") or {}).get("number")
    if not isinstance(number, int):
        print("::notice::kgate: no pull request, so no comment")
        return
    try:
        _keep(f"repos/{os.environ['GITHUB_REPOSITORY']}", number, _marker(os.environ["INPUT_CATEGORY"]))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            print("::notice::kgate: the token may not comment here (as from a fork); the summary holds the report")
        else:
            print(f"::warning::kgate: no comment could be written: HTTP status {error.code}")
    except OSError as error:
        print(f"::warning::kgate: no comment could be written: {type(error).__name__}")


def _marker(category: str) -> str:
    """The first line of the comment: a comment in HTML that names one use of the action."""
    return f"<!-- kgate-comment:{re.sub(r'[^A-Za-z0-9._/]+', '-', category)} -->"


def _keep(repository: str, number: int, marker: str) -> None:
    body = {"body": _body(marker, Path(os.environ["MARKDOWN_FILE"]).read_text(encoding="utf-8"))}
    own = _find(f"{repository}/issues/{number}/comments", marker)
    if own is None:
        _ask("POST", f"{repository}/issues/{number}/comments", body)
    else:
        _ask("PATCH", f"{repository}/issues/comments/{own}", body)


def _body(marker: str, report: str) -> str:
    """The marker and the report, or of a report that is too long what stands before its first details."""
    whole = f"{marker}\n{report}"
    if len(whole) <= LIMIT:
        return whole
    head = report.partition("<details>")[0][: LIMIT - 1000].rpartition("\n")[0]
    return f"{marker}\n{head}\n\nThe rest is too long for a comment; it is in the summary of the run.\n"


def _find(comments: str, marker: str) -> int | None:
    """The comment that the same identity wrote: anybody can write the marker, nobody else's text is touched."""
    login = _login()
    for page in range(1, PAGES + 1):
        found = _ask("GET", f"{comments}?per_page=100&page={page}")
        for comment in found:
            author = comment["user"] or {}
            ours = author.get("login") == login if login else author.get("type") == "Bot"
            if ours and (comment["body"] or "").startswith(marker):
                return int(comment["id"])
        if len(found) < 100:
            break
    return None


def _login() -> str | None:
    """Who the token belongs to; the token of a workflow belongs to an app, which may not ask."""
    try:
        return str(_ask("GET", "user")["login"])
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            return None
        raise


def _ask(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """The answer of the API as JSON. Raises OSError, which an HTTPError is too, also for what a proxy answers."""
    request = urllib.request.Request(
        f"{os.environ['GITHUB_API_URL']}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "User-Agent": "kgate",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)
    except (ValueError, http.client.HTTPException) as error:
        raise OSError("no answer of the API") from error


if __name__ == "__main__":
    main()
