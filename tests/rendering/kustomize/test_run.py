"""run.py: what kustomize and kubectl say, as a report shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.run import message
from kgate.repository import Repository

ROOT = Path("/repository")
PRIVATE = Path("/tmp/kgate-run-1/0")
COPY = Copy(Repository(ROOT), PRIVATE / "clean", PRIVATE / "marked", [], ROOT, has_charts=False)
LOG = 'E1130 05:31:25.483256   13911 run.go:72] "command failed" err="no \\"web\\" in tree"'

MESSAGES = [
    pytest.param("error: no such field\n", "no such field", id="an error"),
    pytest.param("# Warning: x is deprecated\nWarning: y\nError: z\n", "z", id="warnings before it"),
    pytest.param(f"{LOG}\n", 'no "web" in tree', id="a log line, without its time and process"),
    pytest.param(f"error: at {PRIVATE}/clean/tree/base: no\n", "at base: no", id="a path of the repository"),
    pytest.param("error: at /tmp/kgate-run-1/0/x: no\n", "at …: no", id="a private path"),
    pytest.param("error: " + "a" * 1000, "… " + "a" * 800, id="a long one"),
]


@pytest.mark.parametrize(("text", "shown"), MESSAGES)
def test_messages_of_the_tool(text: str, shown: str) -> None:
    assert message(text, COPY) == shown
