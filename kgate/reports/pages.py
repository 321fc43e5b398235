"""What the HTML pages share: their style, their policy, and templates in which every value is inert."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from kgate.reports.wording import shown

LIMIT = 500
"""Code points of a value."""


def part(name: str) -> str:
    """Returns the text of a style or script in the folder of the templates."""
    return f"\n{(Path(__file__).parent / 'templates' / name).read_text(encoding='utf-8')}"


def digest(text: str) -> str:
    """Returns what a Content Security Policy names an inline style or script by."""
    found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{found}'"


def markup(text: str) -> Any:
    """Returns a text of our own that a template writes as it is."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  our own files, and JSON without < and &


def environment() -> Any:
    """Returns the environment of a template in which every value is one inert line, escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: object) -> object:
        return value if isinstance(value, Markup) else shown(str(value), LIMIT)

    return Environment(
        loader=PackageLoader("kgate.reports", "templates"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
