"""``kgate audit query``: asks an audit log what happened."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.groups import OneOf, format_option, not_one_of
from kgate.commands.network import cache_dir_option, config_option
from kgate.errors import ConfigError

if TYPE_CHECKING:
    from kgate.audit.answers.result import AuditResult
    from kgate.audit.queries.question import AuditQuestion, Row, RowLimits
    from kgate.auditquery import Inquiry, RepositoryView

EXIT_INCOMPLETE = 3
_FORMATS = ("text", "json", "csv", "markdown", "html")
ENGINES = ("athena", "trino", "clickhouse", "bigquery")
_OF_QUESTIONS = ("since", "until", "user", "namespace", "follows", "repository", "deployers")
_AGO = re.compile("([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType):  # type: ignore[type-arg] # generic since 8.5
    """A time: one of RFC 3339, a day, or so long ago (``2h``)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the time as events have it. Raises BadParameter."""
        from kgate.audit.events.event import MalformedEventError, utc

        if ago := _AGO.fullmatch(str(value)):
            return utc((datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat())
        try:
            return utc(str(value))
        except MalformedEventError:
            self.fail(
                f"'{value}' is not a time; write 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago", param, ctx
            )


@click.command(
    epilog="""\b
Examples:
  kgate audit query --list
  kgate audit query commands-in-pods audit.log
  kgate audit query secret-reads,role-writes /var/log/kubernetes --since 24h -f markdown
  kgate audit query all audit.log.gz -f json
  kgate audit query commands-in-pods /var/log/kubernetes/audit.log --follow
  kgate audit query repository-drift audit.log --repository .
  kgate audit query audit.log --sql 'select username, count(*) from events group by 1'

\b
Exit codes:
  0  answered
  2  usage or configuration is wrong
  3  answered, but something could not be read, or the log cannot answer a question
  4  a bug in kgate
"""
)
@click.argument("question", required=False)
@click.argument("paths", nargs=-1, metavar="FILE…")
@click.option("--list", "lists", is_flag=True, help="List the questions, and the audit level that each needs.")
@format_option(_FORMATS, "Format of the answer.")
@click.option("--since", type=Moment(), metavar="TIME", help="Only events from this time on: a time, or 2h.")
@click.option("--until", type=Moment(), metavar="TIME", help="Only events before this time.")
@click.option("--user", default="", metavar="USER", help="Only what this user did, or who acted as that user.")
@click.option("-n", "--namespace", default="", metavar="NAMESPACE", help="Only what is about this namespace.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=1_000,
    show_default=True,
    metavar="N",
    help="Rows of an answer that are listed; all are counted.",
)
@click.option("--follow", "follows", is_flag=True, help="Print rows as the log grows, until Ctrl-C.")
@click.option("--sql", metavar="STATEMENT", help="Ask with SQL instead of a question, in the table events.")
@click.option("--parquet", metavar="FOLDER", help="Write all events as Parquet, by day and hour, instead of answering.")
@click.option("--ddl", type=OneOf(ENGINES), help="Print the statements that make a table of such files.")
@click.option("--repository", metavar="FOLDER", help="The repository, for the questions that need one.")
@click.option("--deployer", "deployers", multiple=True, metavar="USER", help="Who deploys it, beside Argo CD and Flux.")
@cache_dir_option
@config_option
def query(**flags: Any) -> int:
    """Ask audit logs a QUESTION: its id or number, several with commas between them, or all.

    FILE is a log, a folder of logs, or - for standard input, plain or gzip: JSON Lines of the API server, an EventList,
    or what AKS, EKS (CloudWatch), GKE, OpenShift or kube-audit-rest make of it. Several files are merged by time.
    """
    if flags["lists"]:
        console.print_pieces(_listed())
        return 0
    if flags["ddl"]:
        from kgate.audit.events.ddl import ddl

        console.print_text(ddl(flags["ddl"]))
        return 0
    if flags["sql"] is not None or flags["parquet"] is not None:
        return _in_database(flags)
    inquiry = _inquiry(flags)
    console.install_signal_handlers()
    surroundings = _surroundings(flags, inquiry)
    if flags["follows"]:
        return _follow(flags, inquiry, surroundings)
    from kgate.audit.answers.result import AuditResult
    from kgate.auditquery import answers

    gc.disable()  # nothing in the pass makes cycles, and the search takes a tenth of the time
    found, census = answers(inquiry, surroundings.background)
    problems = (*surroundings.problems, *surroundings.unjudged)
    result = AuditResult(found, census, [*census.remarks(), *map(str, problems)])
    _print(result, flags["format_name"])
    return 0 if result.is_complete else EXIT_INCOMPLETE


def _in_database(flags: Mapping[str, Any]) -> int:
    """Answers with DuckDB: SQL, or Parquet files. Raises UsageError and ConfigError."""
    paths = tuple(path for path in (flags["question"], *flags["paths"]) if path is not None)
    given = [name for name in _OF_QUESTIONS if flags[name]]
    if flags["sql"] is not None and flags["parquet"] is not None:
        raise click.UsageError("--sql and --parquet exclude each other; leave one of them out")
    if given:
        raise click.UsageError(f"--{given[0].removesuffix('s')} is about questions; write it in SQL")
    if not paths or "" in paths:
        raise click.UsageError(
            "name a log; for example: kgate audit query --sql 'select count(*) from events' audit.log"
        )
    if importlib.util.find_spec("duckdb") is None:
        raise ConfigError("--sql and --parquet need DuckDB; run: pip install 'kgate[query]'")
    from kgate import auditsql

    console.install_signal_handlers()
    if flags["parquet"] is not None:
        census = auditsql.write_parquet(paths, Path(flags["parquet"]))
        console.print_text(console.inert(f"wrote {census.events} events of {census.files} files to {flags['parquet']}"))
        for remark in census.remarks():
            console.print_error(remark)
        return EXIT_INCOMPLETE if census.faults else 0
    from kgate.audit.answers.result import AuditResult
    from kgate.audit.queries.sql import sql_answer

    found, census = auditsql.query(paths, flags["sql"], flags["limit"])
    result = AuditResult(
        [sql_answer(flags["sql"], found.columns, found.rows, found.count)], census, [*census.remarks()]
    )
    _print(result, flags["format_name"])
    return 0 if result.is_complete else EXIT_INCOMPLETE


def _print(result: AuditResult, name: str) -> None:
    module = importlib.import_module(f"kgate.audit.answers.{name}")
    console.print_pieces(module.render(result))


def _listed() -> Iterator[str]:
    from kgate.audit.queries.catalogue import QUESTIONS

    width = max(len(one.id) for one in QUESTIONS)
    for one in QUESTIONS:
        needs = f"{one.level}, --repository" if one.needs_repository else one.level
        yield f"{one.number:>2}  {one.id:<{width}}  {one.title}\n    {'':<{width}}  needs {needs}\n"
        yield f"    {'':<{width}}  finds {one.finds}\n    {'':<{width}}  leaves out {one.leaves_out}\n"


def _inquiry(flags: Mapping[str, Any]) -> Inquiry:
    from kgate.audit.queries.run import EventSelection
    from kgate.auditquery import Inquiry

    if not flags["question"] or not flags["paths"]:
        raise click.UsageError("name a question and a log; for example: kgate audit query commands-in-pods audit.log")
    if "" in flags["paths"]:
        raise click.UsageError("a path is empty (an unset variable?); write . for the current folder")
    questions = _questions(flags["question"], has_repository=flags["repository"] is not None)
    selection = EventSelection(*(flags[name] or "" for name in ("since", "until", "user", "namespace")))
    return Inquiry(questions, flags["paths"], selection, flags["limit"])


def _questions(words: str, *, has_repository: bool) -> tuple[AuditQuestion, ...]:
    """Returns the questions that words name. Raises UsageError."""
    from kgate.audit.queries.catalogue import QUESTIONS, find

    if words == "all":
        return tuple(one for one in QUESTIONS if has_repository or not one.needs_repository)
    found = []
    for word in words.split(","):
        question = find(word.strip())
        if question is None:
            raise click.UsageError(not_one_of(word, [one.id for one in QUESTIONS]))
        if question.needs_repository and not has_repository:
            raise click.UsageError(
                f"{question.id} compares the log with a repository; name it with --repository FOLDER"
            )
        found.append(question)
    return tuple(dict.fromkeys(found))


def _surroundings(flags: Mapping[str, Any], inquiry: Inquiry) -> RepositoryView:
    """Returns what the repository holds, if a question needs it. Raises ConfigError."""
    from kgate.audit.queries.question import Background
    from kgate.auditquery import DEPLOYERS, RepositoryView, read_repository

    if not any(one.needs_repository for one in inquiry.questions):
        return RepositoryView(Background(), (), ())
    from kgate.commands.scan import settings_of
    from kgate.repository import UntrustedFolders

    paths = (flags["repository"],)
    settings = settings_of({**flags, "paths": paths}, UntrustedFolders.around(map(Path, paths)))
    with console.progress() as progress:
        return read_repository(settings, DEPLOYERS.union(flags["deployers"]), progress)


def _follow(flags: Mapping[str, Any], inquiry: Inquiry, surroundings: RepositoryView) -> int:
    """Prints rows as they come. Raises UsageError."""
    from kgate.auditquery import follow

    if len(inquiry.paths) != 1 or Path(inquiry.paths[0]).is_dir():
        raise click.UsageError("--follow reads one file, or standard input (-); name that of one API server")
    if flags["format_name"] not in ("text", "json"):
        raise click.UsageError("--follow prints lines; leave out -f, or write -f json for JSON Lines")
    if grouped := [one.id for one in inquiry.questions if not one.lists_events]:
        raise click.UsageError(f"{', '.join(grouped)} counts a whole log, so --follow cannot answer it; name others")
    limits = partial(_limits, is_json=flags["format_name"] == "json")
    census = follow(inquiry, surroundings.background, limits, console.print_error)
    for remark in census.remarks(least=2):
        console.print_error(remark)
    return EXIT_INCOMPLETE if census.faults else 0


def _limits(question: AuditQuestion, *, is_json: bool) -> RowLimits:
    from kgate.audit.answers.json import as_mapping
    from kgate.audit.answers.text import line
    from kgate.audit.queries.question import EVENT_COLUMNS, RowLimits
    from kgate.reports.jsontext import inert_json

    def emit(row: Row) -> None:
        if is_json:
            console.print_text(inert_json({"question": question.id, **as_mapping(EVENT_COLUMNS, row)}))
        else:
            console.print_text(line(question.id, row))

    return RowLimits(emit=emit)
