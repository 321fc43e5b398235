"""Text -> documents, split where kubesec splits it; but what it drops behind the first one of a part is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from kgate.errors import KgateError
from kgate.model import Json
from kgate.regexp import decodable
from kgate.yamltree import gofault
from kgate.yamltree.nodes import MAX_DEPTH, TOO_DEEP, DuplicateKeyError, ManifestError, compose
from kgate.yamltree.streams import BYTE_ORDER_MARK, GO_SPACES

MOST_DOCUMENTS = 10_000


class InputError(KgateError):
    """What kubesec answers to a text that it does not score."""

    exit_code = 1


def documents(data: bytes) -> Iterator[Json]:
    """Yields the value of each document, in which null fields are absent. Raises InputError before the first one that
    cannot be read, and if there is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InputError("yaml: invalid UTF-8; re-encode the text") from None
    values = _json_values(text)
    if values:
        yield from values
        return
    count = 0
    for part in text.split("\n---\n"):
        stripped = part.strip(GO_SPACES)
        if stripped in ("", "---"):
            continue
        for one in _part(stripped):
            count += 1
            _check_count(count)
            yield one
    if not count:
        raise InputError("Invalid input")


def _check_count(count: int) -> None:
    if count > MOST_DOCUMENTS:
        raise InputError(f"more than {MOST_DOCUMENTS:,} documents; scan fewer at once")


def _object(pairs: list[tuple[str, Json]]) -> Json:
    """Raises InputError for a key that is there twice: what a cluster makes of it is not what a reader sees."""
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise InputError(f"json: key '{key}' is set twice in one object: keep one of them")
        found[key] = value
    return found


def _refuse(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_object)


def _json_values(text: str) -> list[Json]:
    """Returns the values of a text that is nothing but JSON: one, or several one after the other, of which kubesec
    sees the first. Raises InputError if one is nested too deeply, and if there are too many."""
    values, position = [], _after_blanks(text, 0)
    try:
        while position < len(text):
            value, end = _DECODER.raw_decode(text, position)
            values.append(_settled(value, MAX_DEPTH))
            _check_count(len(values))
            position = _after_blanks(text, end)
    except ValueError:
        return []
    except RecursionError:
        raise InputError(TOO_DEEP) from None
    return values


def _after_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position


def _settled(value: Json, depth: int) -> Json:
    """Returns a value without null fields, in whose texts a replacement character stands for half of a surrogate pair,
    as for Go (encoding/json)."""
    if depth < 0:
        raise InputError(TOO_DEEP)
    if isinstance(value, dict):
        return {decodable(key): _settled(one, depth - 1) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_settled(one, depth - 1) for one in value]
    return decodable(value) if isinstance(value, str) else value


def _part(text: str) -> Iterator[Json]:
    """Yields the documents of what kubesec takes for one, which is null if only comments are there."""
    is_empty = True
    try:
        for root in compose(text.removeprefix(BYTE_ORDER_MARK)):
            is_empty = False
            yield root.value
    except DuplicateKeyError as error:
        raise InputError(f"yaml: line {error.line}: {error}") from None
    except ManifestError as error:
        raise InputError(gofault.message(text) if error.is_syntax else f"yaml: line {error.line}: {error}") from None
    if is_empty:
        yield None
