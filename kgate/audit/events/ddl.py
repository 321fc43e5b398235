"""Statements that make a table of the flat schema over Parquet files, for engines that outlive one machine."""

from __future__ import annotations

from collections.abc import Mapping

from kgate.audit.events.flat import COLUMNS, JSON, NUMBER, TEXT, TEXTS, TIME, VERSION
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine names types, and what stands before and behind the columns."""

    types: Mapping[str, str]
    head: str
    tail: str


_WHERE = "s3://BUCKET/audit/"

DIALECTS = {
    "athena": Dialect(
        {TEXT: "string", JSON: "string", TEXTS: "array<string>", NUMBER: "int", TIME: "timestamp"},
        "CREATE EXTERNAL TABLE audit_events (",
        f""")
PARTITIONED BY (event_date string, event_hour string)
STORED AS PARQUET
LOCATION '{_WHERE}'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.event_date.type' = 'date',
  'projection.event_date.format' = 'yyyy-MM-dd',
  'projection.event_date.range' = '2020-01-01,NOW',
  'projection.event_hour.type' = 'integer',
  'projection.event_hour.range' = '0,23',
  'projection.event_hour.digits' = '2'
);""",
    ),
    "trino": Dialect(
        {TEXT: "varchar", JSON: "varchar", TEXTS: "array(varchar)", NUMBER: "integer", TIME: "timestamp(6)"},
        "CREATE TABLE hive.audit.audit_events (",
        f"""  event_date varchar,
  event_hour varchar
)
WITH (
  format = 'PARQUET',
  external_location = '{_WHERE}',
  partitioned_by = ARRAY['event_date', 'event_hour']
);
CALL hive.system.sync_partition_metadata('audit', 'audit_events', 'ADD');""",
    ),
    "clickhouse": Dialect(
        {
            TEXT: "String",
            JSON: "Nullable(String)",
            TEXTS: "Array(String)",
            NUMBER: "Nullable(Int32)",
            TIME: "Nullable(DateTime64(6, 'UTC'))",
        },
        "CREATE TABLE audit_events (",
        """)
ENGINE = MergeTree
ORDER BY (resource_type, verb, assumeNotNull(stage_time));
INSERT INTO audit_events SELECT * EXCEPT (event_date, event_hour)
FROM s3('https://BUCKET.s3.amazonaws.com/audit/**/*.parquet', 'Parquet');""",
    ),
    "bigquery": Dialect(
        {TEXT: "STRING", JSON: "STRING", TEXTS: "ARRAY<STRING>", NUMBER: "INT64", TIME: "TIMESTAMP"},
        "CREATE EXTERNAL TABLE audit.audit_events (",
        """)
WITH PARTITION COLUMNS (event_date STRING, event_hour STRING)
OPTIONS (
  format = 'PARQUET',
  enable_list_inference = true,
  uris = ['gs://BUCKET/audit/*'],
  hive_partition_uri_prefix = 'gs://BUCKET/audit'
);""",
    ),
}


def ddl(name: str) -> str:
    """Returns the statements for an engine of DIALECTS."""
    dialect = DIALECTS[name]
    ends_with_columns = dialect.tail.startswith(")")
    lines = [f"  {column.name} {dialect.types[column.type]}" for column in COLUMNS]
    body = ",\n".join(lines) + ("\n" if ends_with_columns else ",\n")
    comment = f"-- audit events as kgate writes them with --parquet, flat schema {VERSION}"
    return f"{comment}\n{dialect.head}\n{body}{dialect.tail}"
