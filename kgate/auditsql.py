"""Audit logs in DuckDB: SQL over the flat schema, and Parquet files of it."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from kgate.audit.events.census import Census
from kgate.audit.events.event import Event
from kgate.audit.events.files import files_of, merged
from kgate.audit.events.flat import COLUMNS, JSON, NUMBER, TEXT, TEXTS, TIME, VERSION, flat
from kgate.errors import ConfigError, OutputError
from kgate.reports.wording import numbered
from kgate.values import dataclass

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPES = {TEXT: "VARCHAR", JSON: "VARCHAR", TEXTS: "VARCHAR[]", NUMBER: "INTEGER", TIME: "TIMESTAMP"}
Config: TypeAlias = dict[str, str | bool | int | float | list[str]]
_CHUNK = 50_000
"""Events that go into the database at once, as a file of JSON Lines."""


@dataclass(frozen=True, slots=True)
class SqlRows:
    """What a statement returns: names of columns, the first rows, and how many rows there are."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str | int, ...]]
    count: int


def query(paths: Sequence[str], sql: str, most: int) -> tuple[SqlRows, Census]:
    """Runs a statement over the events of logs, in the table ``events``. Raises ConfigError."""
    import duckdb

    with _database(paths) as (connection, census):
        try:
            if not connection.extract_statements(sql):
                raise ConfigError("--sql holds no statement; write one, such as: select count(*) from events")
            found = connection.execute(sql)
            columns = tuple(numbered(str(column[0]) for column in found.description or ()))
            rows = [tuple(map(_cell, row)) for row in found.fetchmany(most)]
            count = len(rows)
            while more := found.fetchmany(_CHUNK):
                count += len(more)
        except duckdb.Error as error:
            raise ConfigError(f"the SQL does not work: {error}") from None
    return SqlRows(columns, rows, count), census


def write_parquet(paths: Sequence[str], folder: Path) -> Census:
    """Writes the events of logs into files by day and hour (``event_date=2026-03-01/event_hour=12``). Raises
    ConfigError, and OutputError for a folder that holds something or cannot be written."""
    import duckdb

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: exists and is not an empty folder; name another one")
    with _database(paths) as (connection, census):
        parts = "strftime(stage_time, '%Y-%m-%d') AS event_date, strftime(stage_time, '%H') AS event_hour"
        try:
            connection.execute(
                f"COPY (SELECT *, {parts} FROM events ORDER BY stage_time) TO '{_quoted(folder.absolute())}' "  # noqa: S608 - quoted
                "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_date, event_hour), "
                f"KV_METADATA {{kgate_schema: '{VERSION}'}})"
            )
        except duckdb.Error as error:
            raise OutputError(f"{folder}: cannot be written: {error}") from None
    return census


@contextmanager
def _database(paths: Sequence[str]) -> Iterator[tuple[DuckDBPyConnection, Census]]:
    """A database in a temporary folder with the events of logs, which asks nobody for extensions, and knows no variable
    of this program as a table."""
    import duckdb

    census = Census()
    with tempfile.TemporaryDirectory(prefix="kgate-audit-") as name:
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        connection = duckdb.connect(os.path.join(name, "events.duckdb"), config=config)
        try:
            try:
                _load(connection, _counted(merged(files_of(paths, census), census), census), Path(name))
            except duckdb.Error as error:
                message = f"{name}: the temporary database cannot be written: {error}"
                raise OutputError(f"{message}; name a folder with more room in TMPDIR") from None
            yield connection, census
        finally:
            connection.close()


def _counted(events: Iterable[Event], census: Census) -> Iterator[Event]:
    for event in events:
        census.add(event)
        yield event


def _load(connection: DuckDBPyConnection, events: Iterator[Event], place: Path) -> None:
    connection.execute(f"CREATE TABLE events ({', '.join(f'{one.name} {_TYPES[one.type]}' for one in COLUMNS)})")
    types = ", ".join(f"{one.name}: '{_TYPES[one.type]}'" for one in COLUMNS)
    part = place / "part.json"
    source = f"read_json('{_quoted(part)}', format = 'newline_delimited', maximum_object_size = 67108864"
    while chunk := list(itertools.islice(events, _CHUNK)):
        with part.open("wb") as file:
            file.writelines(orjson.dumps(flat(event), option=orjson.OPT_APPEND_NEWLINE) for event in chunk)
        connection.execute(f"INSERT INTO events SELECT * FROM {source}, columns = {{{types}}})")  # noqa: S608 - ours


def _quoted(path: Path) -> str:
    return os.fspath(path).replace("'", "''")


def _cell(value: Any) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
