"""kgate audit query: what it reads, how it answers, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kgate.audit.queries.catalogue import QUESTIONS
from kgate.commands import audit_query
from kgate.commands.main import exit_code
from tests.audit.events_made import body, written
from tests.browser import launched
from tests.command import kgate
from tests.hostile import write
from tests.waiting import HANG

EXEC = body("get", "pods/exec", code=101, name="web", requestURI="/api/v1/pods/web/exec?command=sh")
HOSTILE = body("get", "pods/exec", "=cmd\x1b[31m|<b>", code=101, name="::error::x", at=1)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process in a folder with a log; returns its exit code and what it prints."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.log").write_bytes(written(EXEC, HOSTILE, body("get", "pods")))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = exit_code(["audit", "query", *arguments])
        return code, *capsys.readouterr()

    return run


def test_the_list_names_every_question_and_its_level(run: Run) -> None:
    code, out, _ = run("--list")
    assert code == 0
    for one in QUESTIONS:
        assert f"{one.number:>2}  {one.id} " in out
        assert one.finds in out
    assert out.count("needs Request") == sum(one.level == "Request" for one in QUESTIONS) > 0


def test_a_table(run: Run) -> None:
    code, out, err = run("commands-in-pods", "audit.log")
    assert (code, err) == (0, "")
    assert "  2 rows: =cmd\\x1b[31m|<b> 1, alice 1\n" in out
    assert "2026-03-01T12:00:00.000000Z  alice  " in out
    assert out.endswith("from 2026-03-01T12:00:00.000000Z to 2026-03-01T12:00:01.000000Z\n")
    assert "\x1b" not in out


def test_json(run: Run) -> None:
    code, out, _ = run("1,masters", "audit.log", "-f", "json", "--limit", "1")
    found = json.loads(out)
    first, second = found["answers"]
    assert (code, found["version"], found["problems"]) == (0, 1, [])
    assert found["log"]["events"] == 3
    assert (first["question"], first["state"], first["count"], first["more_rows"]) == (
        *("commands-in-pods", "answered", 2, 1),
    )
    assert first["rows"][0] | {"audit_id": ""} == {
        "time": "2026-03-01T12:00:00.000000Z",
        "user": "alice",
        "verb": "get",
        "resource": "pods/exec",
        "namespace": "shop",
        "name": "web",
        "code": 101,
        "detail": "sh",
        "source_ip": "10.0.0.1",
        "audit_id": "",
    }
    assert (second["count"], second["users"]) == (0, {})


def test_csv(run: Run) -> None:
    code, out, _ = run("commands-in-pods,noise", "audit.log", "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["type"] for row in rows] == ["answer", "row", "row", "answer", "row", "row", "row"]
    assert rows[2]["user"] == "'=cmd\\x1b[31m|<b>"
    assert {row["percent"] for row in rows[4:]} == {"33.3"}


def test_markdown(run: Run) -> None:
    code, out, _ = run("commands-in-pods", "audit.log", "-f", "markdown")
    assert code == 0
    assert "## Who ran commands in pods, or attached to them?" in out
    assert "| time | user | verb |" in out
    assert "<b>" not in out
    assert "\x1b" not in out


def test_html(run: Run) -> None:
    code, out, _ = run("all", "audit.log", "-f", "html")
    assert code == 0
    assert "style-src &#39;sha256-" in out
    assert "default-src &#39;none&#39;" in out
    assert "<script" not in out
    assert "<b>|" not in out
    assert 'aria-label="Who ran commands in pods, or attached to them?, by time"' in out
    assert "<title>2026-03-01 12:00:00: 1</title>" in out


@pytest.mark.needs_browser
def test_the_page_in_a_browser(run: Run, tmp_path: Path) -> None:
    """A bar leads the eye, a link to its table, and nothing is wider than a small screen."""
    page = tmp_path / "page.html"
    page.write_text(run("commands-in-pods,masters", "audit.log", "-f", "html")[1], encoding="utf-8")
    with launched() as browser:
        window = browser.new_page(viewport={"width": 390, "height": 800})
        faults: list[str] = []
        window.on("console", lambda message: faults.append(message.text))
        window.goto(page.as_uri())
        bar = window.locator("#times rect").first.bounding_box()
        assert bar is not None
        assert bar["height"] > 10
        window.click("#times a")
        assert window.url.endswith("#commands-in-pods")
        assert window.locator("#commands-in-pods tbody tr").count() == 2
        assert window.locator("#commands-in-pods td").first.is_visible()
        assert window.evaluate("document.documentElement.scrollWidth") <= 390
        assert faults == []


def test_times_and_filters(run: Run) -> None:
    counts = []
    for options in (("--since", "2026-03-01T12:00:01Z"), ("--until", "2026-03-01"), ("--user", "alice"), ("-n", "x")):
        _, out, _ = run("commands-in-pods", "audit.log", "-f", "json", *options)
        counts.append(json.loads(out)["answers"][0]["count"])
    assert counts == [1, 0, 1, 0]
    assert json.loads(run("1", "audit.log", "-f", "json", "--since", "1d")[1])["answers"][0]["count"] == 0


def test_what_cannot_be_read_or_answered_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.log").write_bytes(b'{"kind":"Event"\n' + written(body("create", "pods")))
    code, out, _ = run("privileged-pods,secret-reads", "bad.log")
    assert code == 3
    assert "cannot be answered: none of 1 events that it is about has what the answer needs (level Request" in out
    assert "cannot be answered: no get, list or watch is in this log" in out
    assert "! bad.log:1: is not JSON; a half line" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "name a question and a log", id="nothing"),
        pytest.param(("exec", "audit.log"), "'exec' is not one of", id="an unknown question"),
        pytest.param(("commands-in-pod", "audit.log"), "did you mean", id="a misspelt question"),
        pytest.param(("27", "audit.log"), "name it with --repository FOLDER", id="no repository"),
        pytest.param(("1", "no.log"), "no.log: there is no such file or folder", id="no file"),
        pytest.param(("1", ""), "a path is empty", id="an empty path"),
        pytest.param(("1", "audit.log", "--since", "soon"), "'soon' is not a time", id="no time"),
        pytest.param(("1", "a.log", "b.log", "--follow"), "--follow reads one file", id="two files"),
        pytest.param(("1", "audit.log", "--follow", "-f", "csv"), "--follow prints lines", id="a table"),
        pytest.param(("noise", "audit.log", "--follow"), "noise counts a whole log", id="a count"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err


REPOSITORY = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: a, image: b}]}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
  - {apiGroups: [""], resources: [pods, secrets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
"""


def test_a_repository(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"repo/.git/config": "", "repo/all.yaml": REPOSITORY})
    account = "system:serviceaccount:shop:web"
    events = [body("patch", "apps/deployments", name="web"), body("get", "pods", account, name="x", at=1)]
    events.append(body("patch", "apps/deployments", "robot", name="web", at=2))
    (tmp_path / "audit.log").write_bytes(written(*events))
    options = ("audit.log", "--repository", "repo", "--deployer", "robot", "-f", "json")
    code, out, _ = run("repository-drift,unused-permissions", *options)
    drift, unused = json.loads(out)["answers"]
    assert code == 0
    assert [(row["user"], row["detail"]) for row in drift["rows"]] == [("alice", "all.yaml:1")]
    assert unused["rows"] == [
        {
            "subject": account,
            "namespace": "all namespaces",
            "permission": "get pods, secrets",
            "used": "get pods",
            "unused": "get secrets",
            "place": "all.yaml:10",
        }
    ]


def test_standard_input(tmp_path: Path) -> None:
    result = kgate("audit", "query", "1", "-", "-f", "json", cwd=tmp_path, stdin=written(EXEC))
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["answers"][0]["count"] == 1


def test_following_a_log(tmp_path: Path) -> None:
    """Rows come as events are written, and Ctrl-C ends it."""
    file = tmp_path / "audit.log"
    file.write_bytes(written(EXEC))
    command = (sys.executable, "-m", "kgate", "audit", "query", "1", str(file), "--follow", "-f", "json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["name"] == "web"
        with file.open("ab") as stream:
            stream.write(written(HOSTILE))
        assert json.loads(process.stdout.readline())["name"] == "::error::x"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG)
        assert process.returncode == 130


def test_the_command_knows_its_formats() -> None:
    folder = Path(audit_query.__file__).parents[1] / "audit" / "answers"
    named = {path.stem for path in folder.glob("*.py")} - {"__init__", "result"}
    assert named == set(audit_query._FORMATS)
