"""The section of CHANGELOG.md about a version, which becomes the notes of the release."""

from __future__ import annotations

import re
from pathlib import Path

from release.errors import ReleaseError

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def section(root: Path, tag: str) -> str:
    """Returns the text below ``## 1.2.3 - 2027-01-31``; without a tag below ``## Unreleased``."""
    wanted = tag.removeprefix("v") or "Unreleased"
    title = re.compile(rf"{re.escape(wanted)}( - \d{{4}}-\d\d-\d\d)?" if tag else wanted, re.ASCII)
    _, *parts = _HEADING.split((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    found = [text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True) if title.fullmatch(heading)]
    if len(found) != 1 or not found[0]:
        how = "no text below" if found else "no heading"
        raise ReleaseError(f"CHANGELOG.md has {how} '## {wanted}'" if len(found) < 2 else f"'## {wanted}' occurs twice")
    return found[0]
