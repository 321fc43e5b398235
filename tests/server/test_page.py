"""The page in a real browser: a manifest is pasted, the report comes back, and a hostile manifest does nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import launched
from tests.server.test_api import POD
from tests.serving import Served, serving

pytestmark = pytest.mark.needs_browser

MARKUP = "</script></textarea><img src=x onerror=alert(1)><script>alert(2)</script><a href='javascript:alert(3)'>"
HOSTILE = f"""\
apiVersion: v1
kind: Pod
metadata:
  name: "{MARKUP}"
  annotations: {{a: "{MARKUP}"}}
spec:
  hostPID: true
  containers:
    - name: "{MARKUP}"
      image: "{MARKUP}"
      securityContext: {{privileged: true}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving("--workers", "1") as served:
        served.ask("GET", "/readyz")
        yield served


@pytest.mark.parametrize("text", [pytest.param(POD.decode(), id="a pod"), pytest.param(HOSTILE, id="a hostile one")])
def test_what_is_pasted_is_judged_and_nothing_else_happens(server: Served, text: str) -> None:
    with launched() as browser:
        page = browser.new_page()
        asked: list[str] = []
        unwanted: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: unwanted.append(dialog.message))
        page.on("console", lambda message: unwanted.append(message.text))
        page.on("pageerror", lambda error: unwanted.append(str(error)))
        page.goto(f"http://{server.host}:{server.port}/")
        page.fill("#manifest", text)
        page.click("text=Judge")
        page.wait_for_selector("main code, main .finding")
        assert "failed" in page.inner_text("header")
        assert page.locator("img").count() == 0
        assert page.locator("script[src], iframe, object, embed").count() == 0
        page.wait_for_load_state("networkidle")
    assert not unwanted
    assert all(url.startswith(f"http://{server.host}:{server.port}/") for url in asked)
