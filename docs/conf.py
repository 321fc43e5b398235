"""How Sphinx shows the documentation; docs/website.py gives it the pages."""

from __future__ import annotations

from typing import Any

from pygments.lexers.javascript import JavascriptLexer

from kgate import __version__

project = "kgate"
release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"kgate {release}"
html_static_path = ["site"]
html_css_files = ["widths.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "source_repository": "https://github.com/kgate/kgate",
    "top_of_page_buttons": [],
}


def setup(app: Any) -> None:
    """Shows CEL as the language whose strings, numbers and operators it shares."""
    app.add_lexer("cel", JavascriptLexer)
