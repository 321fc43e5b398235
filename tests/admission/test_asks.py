"""admission/asks.py: what the path of a webhook asks for."""

from __future__ import annotations

import re

import pytest

from kgate.admission.asks import Asks, AsksError, Mode, parse
from kgate.model import Severity

_SEGMENT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""What an API server allows in the path of a webhook (apimachinery, IsDNS1123Subdomain)."""


@pytest.mark.parametrize(
    ("path", "mode", "expected"),
    [
        pytest.param("", Mode.DENY, Asks(), id="nothing"),
        pytest.param("warn", Mode.WARN, Asks(), id="a mode"),
        pytest.param("audit/", Mode.AUDIT, Asks(), id="a slash at the end"),
        pytest.param("deny/min-score-0", Mode.DENY, Asks(min_score=0), id="the lowest score"),
        pytest.param("deny/min-score-100", Mode.DENY, Asks(min_score=100), id="the highest score"),
        pytest.param("deny/level-restricted", Mode.DENY, Asks(level="restricted"), id="a level"),
        pytest.param("deny/level-privileged", Mode.DENY, Asks(level=""), id="no level, whatever the settings ask for"),
        pytest.param("warn/fail-on-low", Mode.WARN, Asks(fail_on=Severity.LOW), id="a severity"),
        pytest.param(
            "deny/fail-on-high/level-baseline/min-score-60",
            Mode.DENY,
            Asks(60, "baseline", Severity.HIGH),
            id="all of them, in any order",
        ),
    ],
)
def test_paths(path: str, mode: Mode, expected: Asks) -> None:
    assert parse(path) == (mode, expected)
    assert all(_SEGMENT.fullmatch(part) for part in path.split("/") if part)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("refuse", "'refuse' is not a mode; write /admit/audit, /admit/warn, /admit/deny", id="a mode"),
        pytest.param("min-score-60", "'min-score-60' is not a mode", id="no mode"),
        pytest.param("deny/min-score-101", "'min-score-101' asks for nothing that is known", id="too high a score"),
        pytest.param("deny/min-score-060", "'min-score-060' asks for nothing that is known", id="an octal number"),
        pytest.param("deny/level-strict", "write min-score-60, level-baseline or fail-on-high", id="a level"),
        pytest.param("deny/fail-on-", "'fail-on-' asks for nothing that is known", id="no severity"),
        pytest.param("deny/min-score-1/min-score-2", "'min-score-2' asks again", id="two scores"),
    ],
)
def test_paths_that_are_wrong(path: str, text: str) -> None:
    with pytest.raises(AsksError, match=re.escape(text)):
        parse(path)
