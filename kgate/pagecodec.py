"""Turns judged pages into bytes and back, to pass them between processes; a rule is written as its id."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping

from kgate.judgement.ledger import Page
from kgate.model import Rule


def encode(page: Page) -> bytes:
    """Returns a page as bytes."""
    stream = io.BytesIO()
    _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(page)
    return stream.getvalue()


def decode(data: bytes, rules: Mapping[str, Rule]) -> Page:
    """Returns a page from its bytes, with these rules by their ids."""
    page: Page = _Unpickler(io.BytesIO(data), rules).load()
    return page


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> str | None:
        return value.id if type(value) is Rule else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, rules: Mapping[str, Rule]) -> None:
        super().__init__(stream)
        self._rules = rules

    def persistent_load(self, pid: str) -> Rule:
        return self._rules[pid]
