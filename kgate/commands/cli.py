"""The click commands: parse, call, write, exit. The only place that prints."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from kgate import __version__, reports
from kgate.errors import ConfigError, KgateError, OutputError
from kgate.limits import RENDER_MEMORY, RENDER_TIMEOUT, TIMEOUT, Limit
from kgate.reports.presentation import Detail, Presentation

if TYPE_CHECKING:
    from kgate.config import Settings
    from kgate.model import Report, Rule
    from kgate.repository import UntrustedFolders

SEVERITIES = ("critical", "high", "medium", "low")
EXIT_INCOMPLETE = 3
EXIT_BUG = 4
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141
_PIECE = 1 << 14
_REPORTING_SECONDS = 120
"""For what follows on a scan that was stopped: its reports, and the end of what it runs."""
BUG_TRACKER = "https://github.com/kgate/kgate/issues"


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process; the one place that catches everything."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    gc.disable()  # nothing here makes cycles worth finding; with many findings the search takes a third of the time
    code: Any
    try:
        _heed_signals()
        _prepare_streams()
        _refuse_files_like_options(arguments)
        code = main.main(arguments, prog_name="kgate", standalone_mode=False, auto_envvar_prefix="KGATE")
    except click.ClickException as error:
        _show_usage_error(error)
        code = error.exit_code
    except KgateError as error:
        _complain(str(error))
        code = error.exit_code
    except OSError as error:
        _complain(f"{error.strerror or error}: {error.filename or 'the system'}; mend it and run kgate again")
        code = KgateError.exit_code
    except SystemExit as error:  # click's own end: of shell completion, or where nobody reads its help
        code = error.code if "_KGATE_COMPLETE" in os.environ else EXIT_CLOSED_PIPE
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except _TerminatedError as error:
        code = 128 + error.signal
    except _OverdueError:
        _complain("gave up long after --timeout, without a report; please report it with the command and the manifest")
        code = EXIT_INCOMPLETE
    except _ClosedPipeError:
        code = EXIT_CLOSED_PIPE
    except Exception as error:  # noqa: BLE001 - the one place that turns a bug into an exit code
        _show_bug(error, "--verbose" in arguments or "-v" in arguments)
        code = EXIT_BUG
    _abandon_output()
    sys.exit(code if isinstance(code, int) else 0)


class _TerminatedError(BaseException):
    """The process was told to end; like a KeyboardInterrupt, so that what was begun is cleaned up on the way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class _OverdueError(BaseException):
    """A scan that did not end by itself after its timeout."""


def _give_up_after(seconds: float) -> None:
    """Ends kgate should a scan not heed its timeout, where the system has such an alarm."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_REAL, seconds + _REPORTING_SECONDS, 1)


def _give_up(_number: int, _frame: FrameType | None) -> None:
    raise _OverdueError


def _heed_signals() -> None:
    """Lets SIGTERM and SIGHUP, unless they are ignored (nohup), end kgate as Ctrl-C does."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not disturb the cleaning up
    raise _TerminatedError(number)


def _prepare_streams() -> None:
    """What the terminal's encoding lacks is shown as escapes. Raises OutputError if standard error is closed.

    For a closed standard output stands one that nobody can write to, so that the reports of -o are still written.
    """
    if sys.stderr is None:
        raise OutputError("standard error is closed; leave it open, or send it to /dev/null")
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _abandon_output() -> None:
    """Drops what standard output does not take, for which Python would end with an exit code of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_files_like_options(arguments: Sequence[str]) -> None:
    """A file that is called like an option (and handed over by a hook) must not be taken for one."""
    for argument in itertools.takewhile(lambda argument: argument != "--", arguments):
        if argument.startswith("-") and len(argument) > 1 and os.path.lexists(argument):
            raise click.UsageError(f"'{argument}' is an option and also the name of a file: write ./{argument}")


def _complain(message: str) -> None:
    if sys.stderr is not None:
        click.echo(f"kgate: {_inert(message)}", err=True)


def _show_usage_error(error: click.ClickException) -> None:
    """The error in one inert line, with the usage before it where there is one."""
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n", err=True)
    click.echo(f"Error: {_inert(error.format_message())}", err=True)


class _ClosedPipeError(Exception):
    """Nobody reads standard output any more (click would take a BrokenPipeError for its own)."""


def _print(text: str, end: str = "\n") -> None:
    """Writes to standard output. Raises _ClosedPipeError."""
    _print_pieces((text, end))


def _print_pieces(pieces: Iterable[str]) -> None:
    """Writes to standard output as the pieces come. Raises _ClosedPipeError."""
    for text in _chunks(pieces):
        _write(text)


def _chunks(pieces: Iterable[str]) -> Iterator[str]:
    """Yields the same text in chunks of about equal length: a write for each small piece would be slow, and one of a
    large piece would notice a closed pipe late."""
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= _PIECE:
            text = "".join(waiting)
            yield from (text[start : start + _PIECE] for start in range(0, length, _PIECE))
            waiting.clear()
            length = 0
    yield "".join(waiting)


def _write(text: str) -> None:
    try:
        click.echo(text, nl=False, color=True)
        sys.stdout.flush()
    except BrokenPipeError:
        raise _ClosedPipeError from None
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def _show_bug(error: Exception, with_traceback: bool) -> None:
    if with_traceback:
        import traceback

        traceback.print_exception(error)
    hint = "" if with_traceback else "; run it with --verbose for the details"
    message = f"kgate: this is a bug in kgate: {type(error).__name__}: {_inert(str(error))}{hint}"
    click.echo(f"{message}\nplease report it at {BUG_TRACKER} with the command and the manifest", err=True)


def _inert(text: str) -> str:
    from kgate.reports.safety import one_line
    from kgate.urls import shown_text

    return one_line(shown_text(text))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="kgate %(version)s")
def main() -> None:
    """The privilege gate for GitOps repositories.

    Judges every workload of a repository by the privilege it asks for, says at which line each
    privilege was granted, and fails below a score.
    """


def _complete_rule(_context: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    """Ids of kgate's own rules for shell completion, from the names of their files."""
    from kgate.rules.load import builtin_folder

    return sorted(path.stem for path in builtin_folder().glob(f"{start}*.yaml"))


# -------------------------------------------------------------------------------------------- scan


def _names(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Values of an option that may be repeated or hold several names separated by commas."""
    return tuple(name for part in value for name in part.replace(",", " ").split())


def _output(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, Path], ...]:
    """NAME=FILE pairs. Raises click.BadParameter."""
    pairs = []
    for pair in value:
        name, separator, file = pair.partition("=")
        if not separator or not file:
            raise click.BadParameter(f"'{pair}' is not NAME=FILE, such as sarif=kgate.sarif")
        if name not in reports.names():
            raise click.BadParameter(f"'{name}' is no format; choose from {', '.join(reports.names())}")
        if file == "-":
            raise click.BadParameter(f"'{pair}': for standard output write -f {name}")
        pairs.append((name, Path(file)))
    files = {os.path.realpath(file) for _, file in pairs}
    if len(files) < len(pairs):
        raise click.BadParameter("two reports cannot go to one file")
    return tuple(pairs)


def _url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """A URL, or the one that the CI job tells. Raises click.BadParameter."""
    if value is None:
        return _job_link_base(os.environ)
    if not value.startswith(("https://", "http://")):
        raise click.BadParameter(f"'{value}' is no URL, such as https://github.com/org/repo/blob/main")
    return value


def _category(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A name. Raises click.BadParameter."""
    if not value.strip("/ "):
        raise click.BadParameter("it needs a name, such as kgate or apps/production")
    return value


def _job_link_base(environment: Mapping[str, str]) -> str:
    """Where GitHub or GitLab shows the files of the commit that this job is about; empty elsewhere."""
    github = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
    if all(github):
        server, repository, commit = github
        return f"{server}/{repository}/blob/{commit}"
    project, commit = environment.get("CI_PROJECT_URL", ""), environment.get("CI_COMMIT_SHA", "")
    return f"{project}/-/blob/{commit}" if project and commit else ""


def _limit_option(limit: Limit, metavar: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that sets a limit, within its range."""
    shown = f"{text}  [default: {limit.default}]"
    return click.option(f"--{limit.key}", type=click.IntRange(limit.least, limit.most), metavar=metavar, help=shown)


_RULE_IDS: dict[str, Any] = {
    "multiple": True,
    "metavar": "RULE",
    "callback": _names,
    "shell_complete": _complete_rule,
}


@main.command(
    epilog="""\b
Examples:
  kgate scan ./k8s                          gate a folder at the default score of 60 (baseline)
  kgate scan --min-score 90 .               gate at restricted
  kgate scan -f json . | jq .verdict        for another program
  kgate scan . -o sarif=kgate.sarif -o junit=kgate.xml
  helm template charts/web | kgate scan - --stdin-filename charts/web

\b
Exit codes:
  0  everything was judged and the gate passed
  1  judged, and the gate failed
  2  usage, configuration or a rule file is wrong, or a report could not be written
  3  incomplete: something could not be read, rendered or judged
  4  a bug in kgate
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH…|-]")
@click.option(
    "-f",
    "--format",
    "format_name",
    type=click.Choice(reports.names()),
    default=reports.DEFAULT,
    show_default=True,
    help="Report on standard output.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="NAME=FILE",
    callback=_output,
    help="Write a report to a file as well; may be repeated.",
)
@click.option(
    "--min-score",
    type=click.IntRange(0, 100),
    help="Score that every workload must reach: 60 is baseline, 90 restricted.  [default: 60]",
)
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Fail for any finding of this severity or above.")
@click.option("--kubernetes-version", metavar="V", help="Version to judge for, such as 1.30.  [default: latest]")
@click.option("--select", **_RULE_IDS, help="Only these rules; may be repeated.")
@click.option("--ignore", **_RULE_IDS, help="Not these rules; may be repeated.")
@click.option("--rules", "rule_folders", multiple=True, metavar="FOLDER", help="Also the rules of this folder.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Configuration; else the nearest kgate.yaml.",
)
@click.option("--helm-bin", metavar="PROGRAM", help="The helm to use.  [default: helm on PATH]")
@click.option("--kubectl-bin", metavar="PROGRAM", help="The kubectl to use, which holds kustomize.")
@click.option(
    "--kustomize-bin", metavar="PROGRAM", help="The kustomize to use.  [default: kustomize or kubectl on PATH]"
)
@click.option("--helm-dependency-build", is_flag=True, help="Let helm fetch missing dependencies, in a copy.")
@click.option("--helm-degraded", is_flag=True, default=None, help="Render what can be; what is dropped is a problem.")
@click.option("--allow-remote", is_flag=True, help="Let kustomize fetch remote bases.")
@_limit_option(TIMEOUT, "SECONDS", "For the whole run.")
@_limit_option(RENDER_TIMEOUT, "SECONDS", "For each process that renders.")
@_limit_option(RENDER_MEMORY, "MIB", "For each process that renders.")
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes that judge.  [default: one a processor]"
)
@click.option("--stdin-filename", metavar="PATH", help="What to call standard input in reports.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 instead of 1; other codes stay.")
@click.option("--allow-empty", is_flag=True, default=None, help="It is no fault to find no Kubernetes object.")
@click.option(
    "--max-chars",
    type=click.IntRange(4096),
    metavar="N",
    help="Markdown report: at most so many characters, such as 65536 for a comment.  [default: 1000000]",
)
@click.option(
    "--category",
    default="kgate",
    show_default=True,
    callback=_category,
    metavar="NAME",
    help="SARIF report: tells several scans of one commit apart.",
)
@click.option(
    "--link-base",
    metavar="URL",
    callback=_url,
    help="Where a server shows the files of this commit.  [default: of the GitHub or GitLab job]",
)
@click.option("-q", "--quiet", is_flag=True, help="Text report: only problems and the summary.")
@click.option("-v", "--verbose", is_flag=True, help="Text report: shorten no list. Errors: show tracebacks.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours and links; auto heeds NO_COLOR and FORCE_COLOR.",
)
def scan(**flags: Any) -> int:
    """Judge the manifests at or below PATH (default: the current folder), or standard input (-)."""
    from kgate.repository import UntrustedFolders

    untrusted = UntrustedFolders.around(Path(path) for path in flags["paths"] if path != "-")
    settings = _settings(flags, untrusted)
    _give_up_after(settings.timeout)
    with _progress() as progress:
        from kgate.scan import scan as run_scan

        report = run_scan(settings, progress)
    if not _deliver(report, settings, flags, untrusted):
        return OutputError.exit_code
    code = report.verdict.exit_code
    return 0 if code == 1 and flags["exit_zero"] else code


def _deliver(report: Report, settings: Settings, flags: dict[str, Any], untrusted: UntrustedFolders) -> bool:
    """Prints the report and writes those of -o, each whatever became of the others; complains of every one that
    cannot be written. Tells whether all went well. Raises _ClosedPipeError, after the rest was written."""
    from kgate.commands import outputs

    failures: list[OutputError] = []
    closed: _ClosedPipeError | None = None
    of_file = Presentation(link_base=flags["link_base"], category=flags["category"], max_chars=flags["max_chars"])
    try:
        _print_pieces(reports.renderer(flags["format_name"])(report, _for_screen(of_file, settings, flags)))
    except OutputError as error:
        failures.append(error)
    except _ClosedPipeError as error:
        closed = error
    for name, file in flags["outputs"]:
        try:
            outputs.write(file, reports.renderer(name)(report, of_file), untrusted)
        except OutputError as error:
            failures.append(error)
    for failure in failures:
        _complain(str(failure))
    if closed is not None and not failures:
        raise closed
    return not failures


_RENDER_FLAGS = (
    "helm_bin",
    "kubectl_bin",
    "kustomize_bin",
    "helm_dependency_build",
    "helm_degraded",
    "allow_remote",
    "jobs",
    "timeout",
    "render_timeout",
    "render_memory",
)


def _settings(flags: dict[str, Any], untrusted: UntrustedFolders) -> Settings:
    """The settings of a scan from flags, environment and configuration file."""
    from kgate import config
    from kgate.repository import Repository, find_root

    paths = flags["paths"]
    if "" in paths:
        raise click.UsageError("a path is empty (an unset variable?); write . for the current folder")
    if "-" in paths and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("'-' reads a manifest from standard input, which is a terminal or closed; pipe one in")
    options = config.Options(
        paths=paths,
        stdin_filename=flags["stdin_filename"],
        min_score=flags["min_score"],
        fail_on=flags["fail_on"],
        kubernetes_version=flags["kubernetes_version"],
        select=flags["select"],
        ignore=flags["ignore"],
        rules=flags["rule_folders"],
        allow_empty=flags["allow_empty"],
        **{name: flags[name] for name in _RENDER_FLAGS},
    )
    for path in paths:
        _refuse_link_out(path)
    repository = Repository.at(find_root([Path(path) for path in paths if path != "-"]))
    named = flags["config_path"]
    file = config.named_config(named, untrusted) if named else config.find_config(paths, repository.root)
    return config.settle(options, config.read_config(file, repository) if file else None, repository, untrusted)


def _refuse_link_out(path: str) -> None:
    """Raises ConfigError for a scanned path that a link of a repository leads out of it; links elsewhere are the
    user's own."""
    from kgate.repository import OutsideError, UntrustedFolders

    try:
        UntrustedFolders(()).resolve(Path(path))
    except OutsideError as error:
        raise ConfigError(str(error)) from None
    except OSError:  # what does not exist is a Problem of the scan
        return


def _for_screen(presentation: Presentation, settings: Settings, flags: dict[str, Any]) -> Presentation:
    """Adds what standard output can show, and how much of it was asked for."""
    color = _wants_color(flags["color"])
    return replace(
        presentation,
        color=color,
        width=_width(),
        detail=Detail.QUIET if flags["quiet"] else Detail.VERBOSE if flags["verbose"] else Detail.NORMAL,
        linked_folder=str(settings.repository.root) if color and _has_links() else None,
    )


def _wants_color(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _has_links() -> bool:
    """Whether standard output is a terminal that can show links, or at least hide what it cannot show."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb", "linux")


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size((100, 24)).columns, 140) if sys.stdout.isatty() else 100


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """A progress bar on standard error, if that is a terminal and not the one that pre-commit records."""
    if not sys.stderr.isatty() or os.environ.get("PRE_COMMIT"):
        yield lambda _done, _total: None
        return
    with click.progressbar(length=1, label="kgate", file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show


# ------------------------------------------------------------------------------------------- rules

Command = Callable[..., None]


def _rule_options(command: Command) -> Command:
    """The options that all commands about rules share."""
    formats = click.Choice(["terminal", "json", "markdown"])
    for option in (
        click.option("--rules", "folders", multiple=True, metavar="FOLDER", help="Also the rules of this folder."),
        click.option("-f", "--format", "format_name", type=formats, default="terminal", show_default=True),
    ):
        command = option(command)
    return command


@main.group()
def rules() -> None:
    """Show the rules."""


@rules.command("list", epilog="\b\nExample:\n  kgate rules list -f json")
@_rule_options
def list_rules(format_name: str, folders: tuple[str, ...]) -> None:
    """List all rules with severity, points and title."""
    from kgate.exports import documentation

    _print(documentation.rule_list(_load(folders), format_name))


@rules.command("show", epilog="\b\nExample:\n  kgate rules show host-network")
@click.argument("rule_id", metavar="ID", shell_complete=_complete_rule)
@_rule_options
def show_rule(rule_id: str, format_name: str, folders: tuple[str, ...]) -> None:
    """Show one rule whole: expression, fields, examples and equivalents."""
    from kgate.exports import documentation

    _print(documentation.rule_page(_find(rule_id, folders), format_name))


@main.command(epilog="\b\nExample:\n  kgate explain privileged-container")
@click.argument("rule_id", metavar="ID", shell_complete=_complete_rule)
@_rule_options
def explain(rule_id: str, format_name: str, folders: tuple[str, ...]) -> None:
    """Explain a rule: why it matters and what to write instead."""
    from kgate.exports import documentation

    _print(documentation.explanation(_find(rule_id, folders), format_name))


def _load(folders: tuple[str, ...]) -> tuple[Rule, ...]:
    from kgate.repository import UntrustedFolders
    from kgate.rules.load import RuleFolder, load

    untrusted = UntrustedFolders.around(())
    return load(RuleFolder.named(folder, untrusted) for folder in folders)


def _find(rule_id: str, folders: tuple[str, ...]) -> Rule:
    from kgate.rules.load import find

    return find(_load(folders), rule_id)


# -------------------------------------------------------------------------------------- completion


@main.command(epilog='\b\nExample (bash):\n  eval "$(kgate completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None
    _print(completer(main, {}, "kgate", "_KGATE_COMPLETE").source())


# ------------------------------------------------------------------------------------------ doctor


def _tool_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Names of the programs that render; what is set for scans holds for all commands."""
    for name in ("kustomize", "kubectl", "helm"):
        variables = [f"KGATE_{of}_{name.upper()}_BIN" for of in ("DOCTOR", "SCAN")]
        text = f"The {name} to use.  [default: the one on PATH]"
        command = click.option(f"--{name}-bin", name, metavar="PROGRAM", envvar=variables, help=text)(command)
    return command


@main.command(
    epilog="""\b
Examples:
  kgate doctor
  kgate doctor -f json | jq .ready

\b
Exit codes:
  0  all that rendering needs is there
  1  something is missing, too old or broken
"""
)
@click.option(
    "-f", "--format", "format_name", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True
)
@_tool_options
def doctor(format_name: str, **given: str | None) -> int:
    """Show which helm and kustomize render here, and what holds them."""
    import platform

    from kgate.doctor import Machine, examine, is_ready, render_json, render_lines
    from kgate.rendering import process, sandbox
    from kgate.rendering.tools import Toolbox
    from kgate.repository import find_root

    machine = Machine(
        platform=sys.platform,
        python_version=platform.python_version(),
        python_path=sys.executable,
        cuts_network=sandbox.cuts_network(),
        confines_files=sandbox.confines_files(),
        kills_with_kgate=bool(process.death_signal()),
        memory_guard=process.memory_guard(),
    )
    rows = examine(Toolbox(find_root([]), given), machine)
    _print(render_json(rows) if format_name == "json" else "\n".join(map(_inert, render_lines(rows))))
    return 0 if is_ready(rows) else 1


@main.command()
def schema() -> None:
    """Print the JSON Schema of the JSON report."""
    from importlib.resources import files

    _print((files("kgate") / "schemas" / "report-1.json").read_text(encoding="utf-8"), end="")
