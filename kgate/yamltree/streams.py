"""Splits streams of YAML documents where kubectl and Helm do, which is not always where YAML does."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKER = re.compile(r"^---([^\n]*)(?:\n|\Z)", re.MULTILINE)
GO_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What Go's unicode.IsSpace accepts and strings.TrimSpace removes; Python's str.strip removes more."""

_PLAIN_MARKER = re.compile(r"(?:[ \t]+#[^\r\x85\u2028\u2029]*|[ \t]*)\r?")
"""What may follow ``---`` for YAML and kubectl alike to see only a document marker."""

_BREAKS = " \t\r\x85\u2028\u2029"
_DIRECTIVE = re.compile(r"(?:\A|[\n\r\x85\u2028\u2029])\ufeff?%")
BYTE_ORDER_MARK = "\ufeff"


def pieces(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yields the regions that kubectl reads as one document each, as offsets.

    The rules are those of YAMLReader in k8s.io/apimachinery/pkg/util/yaml: a line that begins with ``---`` ends a
    document if only blanks or a comment follow, even without a blank before the ``#``, and belongs to no
    document; if there is no document to end, it belongs to the next one. A marker followed by content is an error for
    kubectl and begins a document in YAML; here it begins one. A byte order mark before a document is not part of it.
    """
    for match in _MARKER.finditer(text, start):
        begin, rest = match.start(), match[1]
        is_separator = _separates(rest)
        if begin == start or not (is_separator or rest[:1] in _BREAKS):
            continue
        yield _content(text, start, begin)
        start = match.end() if is_separator else begin
    if start < len(text):
        yield _content(text, start, len(text))


def is_ambiguous(text: str, start: int = 0) -> bool:
    """True if a parser of plain YAML may see other documents than kubectl, because the text has directives, or markers
    that only kubectl knows."""
    if _DIRECTIVE.search(text, start) is not None:
        return True
    rests = (match[1] for match in _MARKER.finditer(text, start))
    return any(_separates(rest) and _PLAIN_MARKER.fullmatch(rest) is None for rest in rests)


_HELM_MARKER = re.compile(r"(?:\A|\n)---[\t\n\f\r ]*")


def helm_pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yields the regions of a template's output that Helm reads as one document each, without the blanks around them.

    The rules are those of SplitManifests in helm.sh/helm/v3/pkg/releaseutil: ``---`` at the beginning of a line
    ends a document, and whatever follows it begins the next one.
    """
    whole = text.strip(GO_SPACES)
    shift = len(text) - len(text.lstrip(GO_SPACES))
    start = 0
    for begin, end in [*(match.span() for match in _HELM_MARKER.finditer(whole)), (len(whole), len(whole))]:
        piece = whole[start:begin]
        if content := piece.strip(GO_SPACES):
            first = shift + start + len(piece) - len(piece.lstrip(GO_SPACES))
            yield _content(text, first, first + len(content))
        start = end


def _separates(rest: str) -> bool:
    """True if kubectl ends a document at ``---`` followed by this text."""
    return rest.lstrip(GO_SPACES)[:1] in ("", "#")


def _content(text: str, start: int, end: int) -> tuple[int, int]:
    return start + text.startswith(BYTE_ORDER_MARK, start, end), end
