"""The flat schema: SQL over it, Parquet files of it, and tables of them in other engines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from kgate.audit.events.ddl import DIALECTS, ddl
from kgate.audit.events.event import Event
from kgate.audit.events.flat import COLUMNS, VERSION, flat
from kgate.commands.audit_query import ENGINES
from kgate.commands.main import exit_code
from tests.audit.events_made import ACCOUNT, body, written
from tests.command import ROOT

DOCUMENT = (ROOT / "docs" / "audit-queries.md").read_text(encoding="utf-8")
STATEMENTS = re.findall(r"```sql\n(select.*?)```", DOCUMENT, re.DOTALL)
FULL = {
    **body("create", "pods/exec", ACCOUNT, 403, name="web", groups=["devs"]),
    "level": "RequestResponse",
    "impersonatedUser": {"username": "bob", "groups": ["ops"]},
    "sourceIPs": ["9.9.9.9", "10.0.0.1"],
    "responseStatus": {"code": 403, "reason": "Forbidden", "message": "no"},
    "requestObject": {"kind": "PodExecOptions"},
    "responseObject": [1],
}
FULL["user"]["extra"] = {"authentication.kubernetes.io/pod-name": ["web-0"]}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process in a folder with a log; returns its exit code and what it prints."""
    monkeypatch.chdir(tmp_path)
    later = {**body(at=1), "stageTimestamp": "2026-03-02T00:30:00.000001Z", "requestReceivedTimestamp": "then"}
    (tmp_path / "audit.log").write_bytes(written(FULL, body("get", "/readyz", "", 401), later))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = exit_code(["audit", "query", *arguments])
        return code, *capsys.readouterr()

    return run


def test_every_column_of_an_event() -> None:
    assert flat(Event(FULL)) == {
        "stage_time": "2026-03-01T12:00:00.000000Z",
        "received_time": "2026-03-01T12:00:00.000000Z",
        "audit_id": f"id-0-{ACCOUNT}-web",
        "stage": "ResponseComplete",
        "audit_level": "RequestResponse",
        "verb": "create",
        "username": ACCOUNT,
        "user_groups": ["devs", "system:authenticated"],
        "impersonated_user": "bob",
        "impersonated_groups": ["ops"],
        "source_ips": ["9.9.9.9", "10.0.0.1"],
        "user_agent": "client/v1",
        "request_uri": "/api/v1/pods/exec",
        "api_group": "",
        "api_version": "",
        "resource_type": "pods",
        "subresource": "exec",
        "namespace": "shop",
        "object_name": "web",
        "response_code": 403,
        "response_reason": "Forbidden",
        "response_message": "no",
        "decision": "forbid",
        "decision_reason": "",
        "pod_name": "web-0",
        "node_name": "",
        "credential_id": "",
        "annotations": '{"authorization.k8s.io/decision":"forbid"}',
        "request_object": '{"kind":"PodExecOptions"}',
        "response_object": "[1]",
    }


def test_sql(run: Run) -> None:
    sql = "select username, response_code, source_ips[-1] as ip, stage_time from events order by stage_time, username"
    code, out, err = run("audit.log", "--sql", sql, "-f", "json", "--limit", "2")
    (answer,) = json.loads(out)["answers"]
    assert (code, err) == (0, "")
    assert (answer["title"], answer["count"], answer["more_rows"]) == (sql, 3, 1)
    assert [(row["username"], row["response_code"], row["ip"]) for row in answer["rows"]] == [
        ("", 401, "10.0.0.1"),
        (ACCOUNT, 403, "10.0.0.1"),
    ]
    assert answer["rows"][0]["stage_time"] == "2026-03-01 12:00:00"


def test_a_deep_body_is_in_the_table(run: Run, tmp_path: Path) -> None:
    """orjson reads more levels than it writes."""
    deep = '{"a\\n":[1.5,"é",{},[],' * 200 + "null" + "]}" * 200
    (tmp_path / "deep.log").write_text(json.dumps(body())[:-1] + f', "requestObject": {deep}}}\n', encoding="utf-8")
    code, out, _ = run("deep.log", "--sql", "select request_object from events", "-f", "json")
    (answer,) = json.loads(out)["answers"]
    assert (code, [row["request_object"] for row in answer["rows"]]) == (0, [deep])


def test_columns_of_one_name_are_all_there(run: Run) -> None:
    sql = "select 'x' as a, 'y' as a, 3 as count, 'z' as type, 't' as message from events limit 1"
    (row,) = json.loads(run("audit.log", "--sql", sql, "-f", "json")[1])["answers"][0]["rows"]
    assert row == {"a": "x", "a:2": "y", "count": 3, "type": "z", "message": "t"}
    head, _, line = run("audit.log", "--sql", sql, "-f", "csv")[1].splitlines()
    assert head == "type,question,state,count,a,a:2,count:2,type:2,message:2,message"
    assert line == "row,sql,,,x,y,3,z,t,"


def selected(sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def test_parquet(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("--parquet", "out's", "audit.log")
    assert (code, out) == (0, "wrote 3 events of 1 files to out's\n")
    found = sorted(str(file.parent.relative_to(tmp_path / "out's")) for file in (tmp_path / "out's").rglob("*.parquet"))
    assert found == ["event_date=2026-03-01/event_hour=12", "event_date=2026-03-02/event_hour=00"]
    source = "read_parquet('out''s/**/*.parquet', hive_partitioning = false)"
    names = [str(row[0]) for row in selected(f"describe select * from {source}")]
    assert names == [one.name for one in COLUMNS]
    rows = selected(f"select received_time is null, response_code from {source} order by stage_time")
    assert rows[-1] == (True, 200)
    schema = selected("select value from parquet_kv_metadata('out''s/**/*.parquet') where key = 'kgate_schema'")
    assert {row[0] for row in schema} == {str(VERSION).encode()}
    code, _, err = run("--parquet", "out's", "audit.log")
    assert code == 2
    assert "is not an empty folder" in err


def test_the_folder_of_parquet_is_the_one_that_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB takes a tilde for the home folder, and a terminal escapes for what they are."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for folder in ("home", "~"):
        (tmp_path / folder).mkdir()
    code, out, _ = run("--parquet", "~/out\x1b", "audit.log")
    assert (code, out) == (0, "wrote 3 events of 1 files to ~/out\\x1b\n")
    assert list((tmp_path / "~" / "out\x1b").rglob("*.parquet"))
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--sql", "selec 1", "audit.log"), "the SQL does not work: Parser Error", id="no SQL"),
        pytest.param(("--sql", "", "audit.log"), "--sql holds no statement", id="an empty statement"),
        pytest.param(("--sql", "-- x", "audit.log"), "--sql holds no statement", id="a comment"),
        pytest.param(("--sql", "select * from census", "audit.log"), "census does not exist", id="a variable"),
        pytest.param(("--sql", "select 1"), "name a log", id="no log"),
        pytest.param(("--sql", "select 1", "--parquet", "x", "audit.log"), "exclude each other", id="both"),
        pytest.param(("--sql", "select 1", "audit.log", "--user", "x"), "--user is about questions", id="a filter"),
        pytest.param(("--sql", "select 1", "no.log"), "no.log: there is no such file", id="no file"),
        pytest.param(("--ddl", "oracle"), "'oracle' is not one of athena", id="another engine"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_without_duckdb_it_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert "pip install 'kgate[query]'" in run("--sql", "select 1", "audit.log")[2]


@pytest.mark.parametrize("engine", ENGINES)
def test_tables_of_other_engines(run: Run, engine: str) -> None:
    """That a parser of the dialect takes the statements; it does not know the partitions of BigQuery."""
    code, out, _ = run("--ddl", engine)
    assert code == 0
    out = out.replace("WITH PARTITION COLUMNS (event_date STRING, event_hour STRING)\n", "")
    create, *_ = sqlglot.parse(out, dialect=engine, error_level=sqlglot.ErrorLevel.RAISE)
    assert create is not None
    assert isinstance(create, sqlglot.exp.Create)
    names = [one.name for one in create.find_all(sqlglot.exp.ColumnDef)]
    assert names[: len(COLUMNS)] == [one.name for one in COLUMNS]


def test_all_engines_have_all_types() -> None:
    assert tuple(DIALECTS) == ENGINES
    for engine in ENGINES:
        assert set(DIALECTS[engine].types) == {one.type for one in COLUMNS}
        assert ddl(engine).startswith("-- audit events")


def test_the_document_describes_every_column() -> None:
    section = DOCUMENT.split("## The flat schema")[1]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", section, re.MULTILINE)
    assert rows == [(one.name, one.type, one.meaning) for one in COLUMNS]
    assert f"Its version is {VERSION}" in section


@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_statements_of_the_document_work(run: Run, sql: str) -> None:
    code, _, err = run("audit.log", "--sql", sql)
    assert (code, err) == (0, "")


def test_the_document_has_statements() -> None:
    assert len(STATEMENTS) >= 3
