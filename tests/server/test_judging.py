"""server/judging.py: settings are read once, and waivers end while the server runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kgate.commands.scan import settings_of
from kgate.lifetime import CancelledError, DeadlineError, Lifetime
from kgate.repository import UntrustedFolders
from kgate.server.judging import Judging
from tests.server.test_api import POD

WAIVERS = """\
accept:
  - rule: host-pid
    resource: Pod/shop/web
    reason: debugging
    until: 2026-12-01
"""


def judging(folder: Path, days: list[date]) -> Judging:
    (folder / "kgate.yaml").write_text("min-score: 0\n")
    (folder / "kgate-waivers.yaml").write_text(WAIVERS)
    flags = {"paths": (), "config_path": folder / "kgate.yaml", "no_baseline": True, "select": ("host-pid",)}
    return Judging(lambda: settings_of(flags, UntrustedFolders.around(())), lambda: days[-1])


def test_a_waiver_ends_while_the_server_runs(tmp_path: Path) -> None:
    days = [date(2026, 12, 1)]
    judge = judging(tmp_path, days)
    waived = [one.waiver is not None for one in judge.report("x", POD, Lifetime()).findings]
    days.append(date(2026, 12, 2))
    ended = [one.waiver is not None for one in judge.report("x", POD, Lifetime()).findings]
    assert (waived, ended) == ([True], [False])


def test_requests_do_not_see_each_other(tmp_path: Path) -> None:
    judge = judging(tmp_path, [date(2026, 12, 1)])
    first = judge.report("x", POD, Lifetime())
    judge.report("y", POD.replace(b"web", b"api"), Lifetime())
    assert judge.report("x", POD, Lifetime()) == first


def test_files_around_the_server_are_no_part_of_a_report(tmp_path: Path) -> None:
    """A scan of the whole repository says which waivers in it fit nothing."""
    (tmp_path / "api.yaml").write_text("a: b  # kgate: allow[host-pid] nobody needs this\n")
    assert judging(tmp_path, [date(2026, 11, 1)]).report("x", POD, Lifetime()).notes == ()


@pytest.mark.parametrize("error", [DeadlineError, CancelledError])
def test_a_part_of_a_report_is_none(tmp_path: Path, error: type[Exception]) -> None:
    lifetime = Lifetime(0)
    if error is CancelledError:
        lifetime.cancel()
    with pytest.raises(error):
        judging(tmp_path, [date(2026, 12, 1)]).report("x", POD, lifetime)
