"""docs/website.py: the documentation as a site, whose links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import launched
from tests.command import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page


def load() -> Any:
    spec = importlib.util.spec_from_file_location("website", ROOT / "docs/website.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WEBSITE = load()
SOURCES = {
    "README.md": "index.md",
    "docs/score.md": "score.md",
    "docs/rules/README.md": "rules/index.md",
    "docs/rules/host-pid.md": "rules/host-pid.md",
}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("README.md", "[a](docs/score.md)", "[a](score.md)", id="to a page in the folder"),
        pytest.param("README.md", "[a](docs/score.md#b)", "[a](score.md#b)", id="to a place in a page"),
        pytest.param("docs/score.md", "[a](../README.md)", "[a](index.md)", id="to a page beside the folder"),
        pytest.param("docs/score.md", "[a](rules/host-pid.md)", "[a](rules/host-pid.md)", id="to a rule"),
        pytest.param("docs/score.md", "[a](rules/README.md)", "[a](rules/index.md)", id="to the rules"),
        pytest.param("docs/rules/README.md", "[a](../score.md)", "[a](../score.md)", id="out of a folder of the site"),
        pytest.param("docs/score.md", "[a](#b)", "[a](#b)", id="within a page"),
        pytest.param("docs/score.md", "[a](https://b.example/c.md)", "[a](https://b.example/c.md)", id="elsewhere"),
        pytest.param(
            "docs/score.md",
            "[a](ci/job.yaml)",
            "[a](https://github.com/kgate/kgate/blob/main/docs/ci/job.yaml)",
            id="to a file that is not a page",
        ),
        pytest.param(
            "README.md", "[a](bench)", "[a](https://github.com/kgate/kgate/tree/main/bench)", id="to a folder"
        ),
        pytest.param(
            "README.md",
            "[a](docs/score.md)\n```yaml\na: '[a](docs/score.md)'\n```\n[a](docs/score.md)",
            "[a](score.md)\n```yaml\na: '[a](docs/score.md)'\n```\n[a](score.md)",
            id="not in code",
        ),
    ],
)
def test_link(path: str, text: str, expected: str) -> None:
    assert WEBSITE.linked(text, path, SOURCES) == expected


def test_link_to_nowhere() -> None:
    with pytest.raises(WEBSITE.SiteError, match=r"README\.md: the link docs/scores\.md leads nowhere"):
        WEBSITE.linked("[a](docs/scores.md)", "README.md", SOURCES)


def test_every_document_and_rule_has_a_page() -> None:
    pages = WEBSITE.pages()
    rules = {f"rules/{path.stem}.md" for path in (ROOT / "rules").glob("*.yaml")}
    documents = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert len(rules) > 50
    assert len(documents) > 10
    others = {"index.md", "changelog.md", "contributing.md", "security.md", "rules/index.md", "rules/gate-weakened.md"}
    assert pages.keys() == rules | documents | others


def test_github_renders_every_document() -> None:
    """GitHub shows the plain text of a Markdown file of more than 512 KB, in which no link leads to a heading."""
    documents = [path for path in ROOT.rglob("*.md") if not {".venv", "node_modules"} & set(path.parts)]
    assert len(documents) > 200
    assert not [path for path in documents if path.stat().st_size > 400_000]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("# A\n\n[b](index.md#b)\n", "'b'", id="a place that is not there"),
        pytest.param("# A\n\n[b](b.md)\n", "b.md", id="a page that is not there"),
        pytest.param("# A\n\n### B\n", "Non-consecutive header level", id="a heading too deep"),
        pytest.param("# A\n\n<a href='b.html'>b</a>\n", "index.html: the link b.html leads nowhere", id="HTML"),
        pytest.param("# A\n\n```{toctree}\nb\n```\n", "nonexisting document 'b'", id="navigation to nowhere"),
    ],
)
@pytest.mark.needs_dev
def test_fault_of_a_page(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(WEBSITE.SiteError, match=re.escape(expected)):
        WEBSITE.build(tmp_path, {"index.md": text})


@pytest.mark.needs_dev
@pytest.mark.needs_browser
def test_site(tmp_path: Path) -> None:
    """All of it in one test, since Sphinx needs half a minute for the pages of 200 rules."""
    WEBSITE.build(tmp_path, WEBSITE.pages())
    assert_nothing_is_loaded_from_elsewhere(tmp_path)
    with launched() as browser:
        for width in (390, 1280):
            page = browser.new_page(viewport={"width": width, "height": 800})
            assert_no_page_is_wider(page, tmp_path, width)
            page.goto((tmp_path / "search.html").as_uri() + "?q=hostPID")
            page.wait_for_selector("#search-results a[href*='rules/host-pid.html']")
            page.close()


def assert_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    assert len(texts) > 90
    loading = [re.findall(r'<(?:script|img|iframe)\b[^>]*\bsrc="([^"]+)"', text) for text in texts]
    loading += [re.findall(r'<link\b[^>]*rel="stylesheet"[^>]*\bhref="([^"]+)"', text) for text in texts]
    assert all(loading)
    assert not [link for links in loading for link in links if re.match(r"\w+:|//", link)]


def assert_no_page_is_wider(page: Page, site: Path, width: int) -> None:
    """What is wider than the screen scrolls by itself."""
    for name in ("index", "rules/index", "rules/privileged-container", "coverage", "reports", "contributing"):
        page.goto((site / f"{name}.html").as_uri())
        scrolling = "['html', '.main', '.content'].filter(one => { const it = document.querySelector(one);"
        scrolling += " return it.scrollWidth > it.clientWidth })"
        assert page.evaluate(scrolling) == [], f"{name} at {width}"
        wide = "[...document.querySelectorAll('pre, table')].some(one => one.scrollWidth > innerWidth - 40)"
        assert page.evaluate(wide) or width > 390 or "privileged" in name, f"{name} tests nothing"
