"""Builds the documentation as a site: ``python docs/website.py FOLDER``; a warning or a broken link fails.

The site has the pages of this folder and of its folder of rules, and the documents beside it.
"""

from __future__ import annotations

import posixpath
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
SOURCE = "https://github.com/kgate/kgate"
BESIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Documents of the repository's root, and their pages."""
NAVIGATION = {
    "Judgement": ("rules/index", "score", "personas", "own-rules", "coverage"),
    "What is read": ("reading", "rendering"),
    "Use": (
        "configuration",
        "adoption",
        "waivers",
        "baseline",
        "reports",
        "fix",
        "access",
        "policies",
        "control-plane",
        "audit",
        "audit-queries",
        "falco",
        "neighbours",
        "gate",
        "pre-commit",
        "github",
        "gitlab",
        "ci",
        "server",
        "admission",
        "webhook",
        "kubesec",
    ),
    "Project": ("changelog", "security", "contributing"),
}

_FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*?$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")


class SiteError(Exception):
    """What is wrong with the site, and where."""


def pages() -> dict[str, str]:
    """Returns the Markdown of every page, by its path in the site."""
    sources = {path: BESIDE[path] for path in BESIDE}
    sources |= {f"docs/{path.name}": path.name for path in sorted((ROOT / "docs").glob("*.md"))}
    rules = [path.name for path in sorted((ROOT / "docs" / "rules").glob("*.md")) if path.name != "README.md"]
    sources |= {f"docs/rules/{name}": f"rules/{name}" for name in rules} | {"docs/rules/README.md": "rules/index.md"}
    texts = {page: linked((ROOT / path).read_text(encoding="utf-8"), path, sources) for path, page in sources.items()}
    texts["rules/index.md"] += _contents("", [name.removesuffix(".md") for name in rules])
    texts["index.md"] += "".join(_contents(caption, names) for caption, names in NAVIGATION.items())
    return texts


def linked(text: str, path: str, sources: Mapping[str, str]) -> str:
    """Returns a document with links from page to page of the site, and to the repository for all other files."""
    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(lambda match: _target(match[1], path, sources), text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join((*parts, _LINK.sub(lambda match: _target(match[1], path, sources), text[end:])))


def _target(link: str, path: str, sources: Mapping[str, str]) -> str:
    if urlsplit(link).scheme or link.startswith("#"):
        return link
    name, sign, anchor = link.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    here = posixpath.dirname(sources[path])
    if there in sources:
        return posixpath.relpath(sources[there], here or ".") + sign + anchor
    if not (ROOT / there).exists():
        raise SiteError(f"{path}: the link {link} leads nowhere")
    return f"{SOURCE}/{'tree' if (ROOT / there).is_dir() else 'blob'}/main/{there}{sign}{anchor}"


def _contents(caption: str, names: tuple[str, ...] | list[str]) -> str:
    """Returns a table of contents that only the navigation shows."""
    options = (":hidden:", *((f":caption: {caption}",) if caption else ()))
    return "\n".join(("", "```{toctree}", *options, "", *names, "```", ""))


def build(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes a site of pages in Markdown. Raises SiteError with all warnings, or with the links that lead nowhere."""
    with tempfile.TemporaryDirectory() as temporary:
        staged = Path(temporary, "pages")
        for page, text in texts.items():
            file = staged / page
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        command = (sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-E", "-b", "html", "-j", "2")
        options = ("-c", str(ROOT / "docs"), "-d", f"{temporary}/doctrees", str(staged), str(folder))
        done = subprocess.run((*command, *options), stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SiteError(done.stderr)
    broken = sorted(broken_links(folder))
    if broken:
        raise SiteError("\n".join(broken))


class _Page(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.anchors = set[str](), {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers what leads somewhere and what can be led to."""
        for name, value in attrs:
            if name in ("href", "src") and tag != "base":
                self.links.add(value or "")
            if name in ("id", "name"):
                self.anchors.add(value or "")


def broken_links(folder: Path) -> Iterator[str]:
    """Yields the links between the files of a site that lead to no file, or to no place in it."""
    files = {path.resolve(): _Page(path) for path in folder.rglob("*.html")}
    for path, page in files.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = files[there].anchors if there in files else {parts.fragment} if there.is_file() else set()
            if unquote(parts.fragment) not in known:
                yield f"{path.relative_to(folder.resolve())}: the link {link} leads nowhere"


def main(arguments: list[str]) -> int:
    """Builds the site in the folder named. Returns the exit code."""
    if len(arguments) != 1:
        print("usage: python docs/website.py FOLDER", file=sys.stderr)
        return 2
    try:
        build(Path(arguments[0]), pages())
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments[0]}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
