"""JSON as the formats write it: ASCII, without CI commands, and in pieces, so that no report is held as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain

import orjson

from kgate.model import Json

_ORJSON_INDENT = 2
_MARGIN = re.compile("\n( +)")
_NOT_ASCII = re.compile("[^\x00-\x7e]")
"""What ``json.dumps`` writes as an escape and orjson does not; DEL is one of them."""


def inert_json(value: Json, indent: int = 0, margin: str = "") -> str:
    """Returns a value without floats as ``json.dumps`` writes it, but for one character of each text that a CI system
    may take for a command, which is written as an escape.

    An indent of 0 means one line without spaces. Lines after the first begin with the margin.
    """
    text = _dumped(value, indent)
    text = text.replace("##", "#\\u0023").replace("::", ":\\u003a").replace("section_", "section\\u005f")
    return text.replace("\n", f"\n{margin}") if margin else text


def json_pieces(value: Json, indent: int = 0, margin: str = "") -> Iterator[str]:
    """Yields the text of ``inert_json`` in pieces, where a value may hold iterators, each written as a list. A member
    of an iterator is one piece and holds no iterator itself.

    As Python values, all findings of 10,000 workloads take 600 MB; one at a time they take nothing.
    """
    inner = margin + " " * indent
    if isinstance(value, Iterator):
        yield from _enclosed("[]", ((inert_json(member, indent, inner),) for member in value), indent, margin)
    elif isinstance(value, list):
        yield from _enclosed("[]", (json_pieces(member, indent, inner) for member in value), indent, margin)
    elif isinstance(value, dict):
        colon = ": " if indent else ":"
        members = (chain((inert_json(key), colon), json_pieces(member, indent, inner)) for key, member in value.items())
        yield from _enclosed("{}", members, indent, margin)
    else:
        yield inert_json(value)


def _enclosed(brackets: str, members: Iterable[Iterable[str]], indent: int, margin: str) -> Iterator[str]:
    """Yields members between brackets, each on a line of its own if there is an indent."""
    opening, closing = brackets[0], brackets[1]
    line, last_line = (f"\n{margin}{' ' * indent}", f"\n{margin}") if indent else ("", "")
    separator = opening
    for member in members:
        yield separator + line
        yield from member
        separator = ","
    yield brackets if separator == opening else last_line + closing


def _dumped(value: Json, indent: int) -> str:
    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None).decode()
    except TypeError:  # a lone surrogate, an integer over 64 bits, or very deep nesting
        return json.dumps(value, indent=indent or None, separators=None if indent else (",", ":"))
    if indent not in (0, _ORJSON_INDENT):
        text = _MARGIN.sub(lambda match: "\n" + " " * (len(match[1]) // _ORJSON_INDENT * indent), text)
    return _NOT_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)
