"""plainfiles.py: the same report, byte for byte, from one and from several processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from kgate import plainfiles, reports
from kgate.config import Settings
from kgate.judgement import ledger
from kgate.judgement.ledger import Page
from kgate.processes import Codec, spread
from kgate.reports.presentation import Presentation
from kgate.repository import Repository
from kgate.scan import scan
from kgate.sources.files import SourceFile

Part = Sequence[SourceFile]

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: web-{number}, namespace: team-{number}}}
spec:
  hostPID: {host}
  containers:
  - {{name: app, image: "registry.example.org/app:{number}"}}
---
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Manifests with findings, problems and more than a report lists, and a kustomization."""
    (tmp_path / ".git").mkdir()
    for file in range(12):
        text = "".join(POD.format(number=n, host=["true", "false", "5"][(file + n) % 3]) for n in range(file + 3))
        (tmp_path / f"{file:02}.yaml").write_text(text + ("a: [" if file == 7 else ""), encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources: [11.yaml]\n", encoding="utf-8")
    return tmp_path


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes were asked for, in each scan from now on."""
    asked: list[int] = []

    def counting(
        work: Callable[[Sequence[SourceFile]], Page],
        parts: Sequence[Sequence[SourceFile]],
        jobs: int,
        codec: Codec[Page],
    ) -> Iterator[Page]:
        asked.append(jobs)
        return spread(work, parts, jobs, codec)

    monkeypatch.setattr(plainfiles, "spread", counting)
    return asked


def texts(settings: Settings) -> dict[str, str]:
    """What one scan looks like in every format."""
    report = scan(settings)
    return {name: "".join(reports.renderer(name)(report, Presentation())) for name in reports.names()}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process does all")
def test_every_report_is_the_same(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plainfiles, "_WORTH_BYTES", 1)
    monkeypatch.setattr(ledger, "MAX_LISTED", 5)
    used = counted(monkeypatch)
    one, two, five = (texts(Settings(Repository.at(repository), (str(repository),), jobs=jobs)) for jobs in (1, 2, 5))
    assert used == [1, 2, 5]
    assert [name for name in reports.names() if not one[name] == two[name] == five[name]] == []
    reviews = {"github-review"}  # of the lines of a change, and there is none
    assert min(len(text) for name, text in one.items() if name not in reviews) > 300


@pytest.mark.parametrize(
    ("jobs", "size", "used"),
    [
        pytest.param(4, 1 << 21, 4, id="large files"),
        pytest.param(4, 1 << 10, 1, id="small files"),
        pytest.param(1, 1 << 21, 1, id="one process is wanted"),
    ],
)
def test_processes_are_started_where_they_are_worth_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, size: int, used: int
) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("# " + "x" * (size // 2) + "\n", encoding="utf-8")
    asked = counted(monkeypatch)
    scan(Settings(Repository.at(tmp_path), (str(tmp_path),), jobs=jobs))
    assert asked == [used]
