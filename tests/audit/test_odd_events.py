"""Whatever stands in a field of an event, every question and the flat schema take it, or it is counted as malformed."""

from __future__ import annotations

import copy
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.audit_questions import BACKGROUND
from kgate import auditsql
from kgate.audit.answers import csv, html, json, markdown, text
from kgate.audit.answers.result import AuditResult
from kgate.audit.events.census import Census
from kgate.audit.events.lines import Line
from kgate.audit.events.read import events
from kgate.audit.events.requests import requests
from kgate.audit.queries.catalogue import QUESTIONS
from kgate.audit.queries.question import RowLimits
from kgate.audit.queries.run import answer, ask
from tests.audit.events.test_envelopes import GKE
from tests.audit.test_questions_live import RECORDED

ODD: tuple[Any, ...] = (None, 0, -1, 10**12, 1.5, True, "", "\0", "//[", "a" * 300, [], [None], {}, {"a": []}, [["x"]])
ABOUT = (
    *("found-commands-in-pods", "found-powerful-bindings", "found-powerful-roles", "found-host-path-pods"),
    *("found-accounts-elsewhere", "found-admission-changes", "found-impersonation"),
)


def originals() -> Iterator[Any]:
    """One event of each of some questions, and an entry of Google."""
    seen = set()
    for line in gzip.decompress(RECORDED.read_bytes()).splitlines():
        event = orjson.loads(line)
        if event["stage"] == "ResponseComplete" and event["auditID"] in ABOUT and event["auditID"] not in seen:
            seen.add(event["auditID"])
            yield event
    assert seen == set(ABOUT)
    yield GKE


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys and indexes that lead to each value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*here, key)
        yield from paths(member, (*here, key))


def lines() -> Iterator[Line]:
    """Each event with each odd value in each of its fields."""
    number = 0
    for original in originals():
        for path in paths(original):
            for odd in ODD:
                changed = copy.deepcopy(original)
                *parents, last = path
                place = changed
                for key in parents:
                    place = place[key]
                place[last] = odd
                number += 1
                yield number, orjson.dumps(changed)


def test_every_question_takes_every_event() -> None:
    census = Census()
    asked = ask(QUESTIONS, requests(events(lines(), "log", census), census), lambda _: RowLimits(20), BACKGROUND)
    result = AuditResult([answer(one, census) for one in asked], census, list(census.remarks()))
    assert census.requests > 3_000
    assert census.faults
    for module in (csv, html, json, markdown, text):
        assert "\0" not in "".join(module.render(result))


def test_the_database_takes_every_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditsql, "_CHUNK", 1_000)
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join(line for _, line in lines()))
    found, census = auditsql.query([str(log)], "select count(*), count(distinct username) from events", 10)
    assert found.rows[0][0] == census.events > 3_000
