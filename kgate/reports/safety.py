"""Makes text that a manifest's author chose inert in logs and terminals."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, characters that reorder or hide text, noncharacters and lone surrogates: none is printable."""

_COMMAND = re.compile(r"##(?=\[|vso\[)|^\s*::(?=\w)|section_(?=start|end)")
"""What GitHub, Azure Pipelines and GitLab take for a command, the first two anywhere in a line."""


def one_line(text: str) -> str:
    """Returns text for a terminal or log: unseen characters as escapes, CI commands broken up."""
    shown = text if text.isprintable() else _UNSEEN.sub(lambda match: _escape(match[0]), text)
    if not ("##" in shown or "::" in shown or "section_" in shown):
        return shown
    return _COMMAND.sub(lambda match: f"{match[0][:-1]}\N{ZERO WIDTH NON-JOINER}{match[0][-1]}", shown)


def _escape(character: str) -> str:
    if character == "\t":
        return "    "
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
