"""audit/events: bad input is counted with its first line, and the rest is read."""

from __future__ import annotations

import gzip
import io

import orjson
import pytest

from fuzz.harness import cpu_bound
from kgate.audit.events import lines as limits
from kgate.audit.events import requests as stages
from kgate.audit.events.census import Census
from kgate.audit.events.lines import numbered_lines
from kgate.audit.events.read import events
from tests.audit.events_made import body, read, written

GOOD = written(body())


def read_file(data: bytes) -> tuple[int, list[str]]:
    """How many events the bytes of a file hold, and what is said of the rest."""
    census = Census()
    found = list(events(numbered_lines(io.BytesIO(data), "a.log", census), "a.log", census))
    return len(found), list(census.remarks())


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param(b'{"kind":"Event","level":"Met\n', "is not JSON; a half line", id="a half line"),
        pytest.param(b"\xff\xfe\xfa\n", "is not UTF-8 text", id="bytes that are no text"),
        pytest.param(b'{"a": "\xe9"}\n', "is not UTF-8 text", id="Latin-1"),
        pytest.param(b"7\n", "is neither a mapping nor a list", id="a number"),
        pytest.param(b'{"hello": 1}\n', "is neither an audit event nor an envelope", id="something else"),
        pytest.param(
            b'{"message": "started"}\n', "an envelope around something that is not JSON", id="another log line"
        ),
        pytest.param(
            b'{"items":[' * 30 + b"{}" + b"]}" * 30 + b"\n", "an envelope in too many others", id="many envelopes"
        ),
        pytest.param(b'{"protoPayload": {}}\n', "a protoPayload without methodName", id="Google without a method"),
        pytest.param(written({"kind": "Event", "type": "Normal"}), "has no field 'verb'", id="a core/v1 Event"),
        pytest.param(written({**body(), "user": 7}), "that is not a mapping", id="a user that is a number"),
        pytest.param(written({**body(), "verb": None}), "that is not a text", id="a verb that is null"),
        pytest.param(written({**body(), "stage": "Later"}), "stage or level that does not exist", id="a new stage"),
        pytest.param(written({**body(), "level": []}), "stage or level that is not a text", id="a list as level"),
        pytest.param(
            written({**body(), "responseStatus": {"code": "x"}}), "a code that does not", id="a code that is a text"
        ),
        pytest.param(written({**body(), "stageTimestamp": "today"}), "not one of RFC 3339", id="no time"),
        pytest.param(
            written({**body(), "stageTimestamp": "2026-13-41T25:61:00.000000Z"}),
            "not one of RFC 3339",
            id="no day",
        ),
        pytest.param(
            written({k: v for k, v in body().items() if "Timestamp" not in k}), "has no time", id="without a time"
        ),
    ],
)
def test_a_bad_line_is_counted(bad: bytes, said: str) -> None:
    count, remarks = read_file(GOOD + bad + bad + GOOD)
    assert count == 2
    assert len(remarks) == 1
    assert remarks[0].startswith("a.log:2: ")
    assert remarks[0].endswith(" (the first of 2 lines or events)")
    assert said in remarks[0]


@pytest.mark.parametrize(
    ("data", "count", "said"),
    [
        pytest.param(b"", 0, None, id="an empty file"),
        pytest.param(b"\n\n" + GOOD + b"\n", 1, None, id="empty lines"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, 1, None, id="a byte order mark"),
        pytest.param(GOOD.rstrip(), 1, None, id="no line end"),
        pytest.param(GOOD.replace(b"\n", b"\r\n") * 2, 2, None, id="line ends of Windows"),
        pytest.param(gzip.compress(GOOD * 3), 3, None, id="gzip"),
        pytest.param(gzip.compress(GOOD) + gzip.compress(GOOD), 2, None, id="gzip files joined"),
        pytest.param(GOOD.decode().encode("utf-16"), 0, "is UTF-16", id="UTF-16"),
        pytest.param(b"\x28\xb5\x2f\xfd" + GOOD, 0, "is zstd", id="zstd"),
        pytest.param(orjson.dumps({"items": [body(), body()]}, option=orjson.OPT_INDENT_2), 2, None, id="pretty"),
        pytest.param(b"[\n" + GOOD.rstrip() + b",\n" + GOOD + b"]\n", 2, None, id="a list over lines"),
        pytest.param(b'{"a": {\n' + GOOD, 1, "not JSON", id="a half pretty object before events"),
    ],
)
def test_files(data: bytes, count: int, said: str | None) -> None:
    found, remarks = read_file(data)
    assert found == count
    assert len(remarks) == (said is not None)
    assert said is None or said in remarks[0]


def test_a_damaged_gzip_file_is_read_as_far_as_it_goes() -> None:
    whole = b"".join(written(body(name=f"{number * 7919 % 100_003}")) for number in range(5_000))
    packed = bytearray(gzip.compress(whole))
    for data in (bytes(packed[: len(packed) // 2]), bytes(packed[:-4]) + b"\0\0\0\0"):
        count, remarks = read_file(data)
        assert count > 100
        assert "is a damaged gzip file" in remarks[0]


def test_a_line_that_is_too_long_is_stepped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LINE", 2_000)
    long = b'{"a": "' + b"x" * (1 << 20) + b'"}\n'
    count, remarks = read_file(GOOD + long + GOOD + long)
    assert count == 2
    assert remarks == ["a.log:2: is longer than 16 MiB (the first of 2 lines or events)"]


def test_a_long_line_is_read_in_linear_time() -> None:
    """A slow writer gives it in small pieces."""
    with cpu_bound(2):
        (found,) = numbered_lines(_Trickle(GOOD.rstrip() + b" " * (12 << 20)), "a.log", Census())
    assert found == (1, GOOD.rstrip() + b" " * (12 << 20))


class _Trickle(io.BytesIO):
    """A stream that has little at a time."""

    def read1(self, size: int | None = -1, /) -> bytes:
        """Returns a few bytes."""
        return super().read1(min(size or 0, 512))


def test_a_clock_that_was_set_back_is_counted() -> None:
    found, census = read([written(body(at=at)).strip() for at in (60, 58, 61, 10, 11, 12)])
    assert len(found) == 6
    ((place, fault),) = census.faults.items()
    assert "older than what stands before" in place[1]
    assert (fault.count, fault.line) == (1, 4)


def test_stages_of_one_request_count_once() -> None:
    """A watch has two answers, a failed authentication the first one alone; what is only received has none."""
    watch = body("watch", "secrets")
    stages = [
        {**watch, "stage": "RequestReceived"},
        {**watch, "stage": "ResponseStarted"},
        {**watch, "stage": "ResponseComplete"},
        {**body(user="", code=401, at=1), "stage": "ResponseStarted"},
        {**body(at=2), "stage": "RequestReceived"},
        {**body(at=2), "stage": "ResponseComplete"},
        {**body(at=3), "stage": "Panic"},
    ]
    found, census = read([written(one).strip() for one in stages])
    assert [event.stage for event in found] == ["ResponseStarted", "ResponseStarted", "ResponseComplete", "Panic"]
    assert (census.events, census.requests, census.unanswered, census.repeated) == (7, 4, 2, 1)


def test_an_id_that_a_client_chose_hides_nothing() -> None:
    """Audit-ID is a header; the server alone writes when it received a request."""
    first = {**body("watch", "secrets"), "stage": "ResponseStarted", "auditID": "mine"}
    other = {**body("get", "secrets", at=5), "auditID": "mine"}
    found, _ = read([written(first).strip(), written(other).strip()])
    assert len(found) == 2


def test_requests_that_never_end_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory has a bound; the oldest counts again if it ends after all."""
    monkeypatch.setattr(stages, "_MOST_OPEN", 2)
    started = [{**body("watch", at=number), "stage": "ResponseStarted"} for number in range(3)]
    ended = [body("watch", at=number) for number in range(3)]
    found, census = read([written(one).strip() for one in (*started, *ended)])
    assert [(event.stage, event.audit_id) for event in found[3:]] == [("ResponseComplete", "id-0-alice-")]
    assert census.repeated == 2
