"""Keeps one comment on the pull request up to date; a token without the permission is logged and is not an error."""

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
"""The most characters that a comment may have; GitHub refuses a longer one as a whole."""

PAGES = 30
TIMEOUT = 30


def main() -> None:
    """Updates the comment that carries the marker, or writes the first one."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = (event.get("pull_request") or {}).get("number")
    if not isinstance(number, int):
        print("::notice::kgate: no comment, because this run does not belong to a pull request")
        return
    try:
        _keep(f"repos/{os.environ['GITHUB_REPOSITORY']}", number, _marker(os.environ["INPUT_CATEGORY"]))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            print("::notice::kgate: the token may not comment here (as from a fork); the job summary has the report")
        else:
            print(f"::warning::kgate: the comment could not be written: HTTP status {error.code}")
    except OSError as error:
        print(f"::warning::kgate: the comment could not be written: {type(error).__name__}")


def _marker(category: str) -> str:
    """Returns the first line of the comment: an HTML comment that names one use of the action."""
    return f"<!-- kgate-comment:{re.sub(r'[^A-Za-z0-9._/]+', '-', category)} -->"


def _keep(repository: str, number: int, marker: str) -> None:
    body = {"body": _body(marker, Path(os.environ["MARKDOWN_FILE"]).read_text(encoding="utf-8"))}
    own = _find(f"{repository}/issues/{number}/comments", marker)
    if own is None:
        _ask("POST", f"{repository}/issues/{number}/comments", body)
    else:
        _ask("PATCH", f"{repository}/issues/comments/{own}", body)


def _body(marker: str, report: str) -> str:
    """Returns the marker and the report; if that is too long, only the part of the report before its first details."""
    whole = f"{marker}\n{report}"
    if len(whole) <= LIMIT:
        return whole
    head = report.partition("<details>")[0][: LIMIT - 1000].rpartition("\n")[0]
    return f"{marker}\n{head}\n\nThe rest is too long for a comment; it is in the job summary.\n"


def _find(comments: str, marker: str) -> int | None:
    """Returns the id of our own comment: anybody can write the marker, and a comment of others is never changed."""
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
    """Returns the token's user, or None for the token of a workflow, which belongs to an app and may not ask."""
    try:
        return str(_ask("GET", "user")["login"])
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            return None
        raise


def _ask(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """Returns the API's answer as JSON. Raises OSError (HTTPError is one), also if a proxy answers something else."""
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
        raise OSError("not an answer of the API") from error


if __name__ == "__main__":
    main()
