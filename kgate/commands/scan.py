"""``kgate scan``: judges the manifests of a folder and writes reports."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy as copied
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from kgate import reports
from kgate.commands import console, screen
from kgate.commands.completion import complete_rule
from kgate.commands.groups import MinScore, OneOf, not_one_of
from kgate.commands.network import (
    cache_dir_option,
    config_option,
    network_options,
    policy_from_option,
    policy_option,
    refuse_without,
)
from kgate.commands.today import today, today_option
from kgate.commands.variables import variable_of
from kgate.errors import ConfigError, OutputError
from kgate.kubernetes.pss import LEVELS
from kgate.limits import RENDER_MEMORY, RENDER_TIMEOUT, TIMEOUT, Limit
from kgate.model import Persona, Report, Severity
from kgate.reports.presentation import Change, Presentation, Show, Suggest
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.commands.kept import Kept
    from kgate.config.file import ConfigFile
    from kgate.config.settings import Options, Settings
    from kgate.repository import Repository, UntrustedFolders
    from kgate.session import Session
    from kgate.sources.progress import Progress

_SEVERITIES = tuple(severity.label for severity in reversed(Severity))
_PROFILES = ("kubesec",)
"""The folders of kgate/profiles; each is also the name of the only format that shows what a profile says."""

_REPORTING_SECONDS = 120
"""Time after the timeout of a scan in which it has to end its processes and write its reports."""


# ----------------------------------------------------------------------------------------- options


def _names(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the values of an option that may be repeated or hold several names separated by commas."""
    return tuple(name for part in value for name in part.replace(",", " ").split())


def _outputs(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, Path], ...]:
    """Returns NAME=FILE pairs. Raises click.BadParameter."""
    pairs = []
    for pair in value:
        name, separator, file = pair.partition("=")
        if not separator or not file:
            raise click.BadParameter(f"'{pair}' is not NAME=FILE, such as sarif=kgate.sarif")
        if name not in reports.names():
            raise click.BadParameter(not_one_of(name, reports.names()))
        if file == "-":
            raise click.BadParameter(f"'{pair}' is not a file; for standard output write -f {name}")
        pairs.append((name, Path(file)))
    files = {os.path.realpath(file) for _, file in pairs}
    if len(files) < len(pairs):
        raise click.BadParameter("two reports cannot be written to one file; name another file for one of them")
    return tuple(pairs)


def _link_base(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """Returns a URL, by default that of the CI job. Raises click.BadParameter."""
    if value is None:
        return _job_link_base(os.environ)
    if not value.startswith(("https://", "http://")):
        raise click.BadParameter(f"'{value}' is not a URL, such as https://github.com/org/repo/blob/main")
    return value


def _category(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Returns a name. Raises click.BadParameter."""
    if not value.strip("/ "):
        raise click.BadParameter("the name is empty; choose one such as kgate or apps/production")
    return value


def _job_link_base(environment: Mapping[str, str]) -> str:
    """Returns the URL at which GitHub or GitLab shows the files of the commit of a job; empty elsewhere."""
    github = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
    if all(github):
        server, repository, commit = github
        return f"{server}/{repository}/blob/{commit}"
    project, commit = environment.get("CI_PROJECT_URL", ""), environment.get("CI_COMMIT_SHA", "")
    return f"{project}/-/blob/{commit}" if project and commit else ""


def limit_option(limit: Limit, metavar: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns the option that sets a limit within its range."""
    shown = f"{text}  [default: {limit.default}]"
    return click.option(f"--{limit.key}", type=click.IntRange(limit.least, limit.most), metavar=metavar, help=shown)


RULE_IDS: dict[str, Any] = {
    "multiple": True,
    "metavar": "RULE",
    "callback": _names,
    "shell_complete": complete_rule,
}


# ----------------------------------------------------------------------------------------- command


@click.command(
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
  3  incomplete: something was not read, rendered or judged
  4  a bug in kgate
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH…|-]")
@click.option(
    "-f",
    "--format",
    "format_name",
    type=OneOf(sorted((*reports.names(), *_PROFILES))),
    default=reports.DEFAULT,
    show_default=True,
    help="Format of the report on standard output.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="NAME=FILE",
    callback=_outputs,
    help="Write a report to a file as well; may be repeated.",
)
@click.option(
    "--min-score",
    type=MinScore(),
    metavar="SCORE",
    help="Score that every workload must reach: 0 to 100, baseline (60) or restricted (90).  [default: 60]",
)
@click.option(
    "--level", type=OneOf(LEVELS), help="Pod Security level that every workload must reach.  [default: privileged]"
)
@click.option("--fail-on", type=OneOf(_SEVERITIES), help="Fail for any finding of this severity or above.")
@click.option("--kubernetes-version", metavar="V", help="Version to judge for, such as 1.30.  [default: latest]")
@click.option(
    "--persona",
    type=OneOf([persona.label for persona in Persona]),
    help="Rules to use: gate asks what grants privilege or misses Pod Security restricted, audit also what would "
    "harden, pedantic all.  [default: gate]",
)
@click.option(
    "--profile",
    type=OneOf(_PROFILES),
    help="Score one file, or standard input, as this program does, with its exit codes. Needs its format: -f kubesec.",
)
@click.option("--select", **RULE_IDS, help="Use only these rules, whatever the persona; may be repeated.")
@click.option("--ignore", **RULE_IDS, help="Leave out these rules; may be repeated.")
@click.option("--rules", multiple=True, metavar="FOLDER", help="Use the rules of this folder, too.")
@config_option
@policy_from_option
@policy_option
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Fail only for what is not in this file, which kgate baseline write makes.  [default: the nearest "
    "kgate-baseline.json]",
)
@click.option(
    "--diff-base",
    metavar="REF",
    help="Judge the change since this revision, such as the merge base of a pull request: fail only for what it makes "
    "worse.",
)
@click.option("--no-baseline", is_flag=True, help="Judge as if there were no baseline.")
@click.option("--helm-bin", metavar="PROGRAM", help="The helm to use.  [default: helm on PATH]")
@click.option("--kubectl-bin", metavar="PROGRAM", help="The kubectl to use; it contains kustomize.")
@click.option(
    "--kustomize-bin", metavar="PROGRAM", help="The kustomize to use.  [default: kustomize or kubectl on PATH]"
)
@click.option(
    "--helm-dependency-build", is_flag=True, help="Let helm fetch missing dependencies into a copy of the chart."
)
@click.option(
    "--helm-degraded", is_flag=True, default=None, help="Render what can be rendered; report the rest as problems."
)
@click.option(
    "--variants",
    type=click.Choice(["values"]),
    help="Also judge what the values of charts switch off, for their maintainers.",
)
@click.option("--allow-remote", is_flag=True, help="Let kustomize fetch remote bases.")
@click.option(
    "--flux-variables",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="NAME=value lines: variables of Flux that are not in the repository. Reports do not show the values.",
)
@click.option(
    "--pull", is_flag=True, help="Fetch what the repository deploys from elsewhere first, as kgate pull does."
)
@click.option("--locked", is_flag=True, help="With --pull: fetch only what kgate.lock names, and do not change it.")
@network_options
@cache_dir_option
@limit_option(TIMEOUT, "SECONDS", "Time for the whole run.")
@limit_option(RENDER_TIMEOUT, "SECONDS", "Time for each process that renders.")
@limit_option(RENDER_MEMORY, "MIB", "Memory for each process that renders.")
@click.option(
    "--cache/--no-cache", default=False, help="Reuse the last reports if nothing changed that they depend on."
)
@click.option("--watch", is_flag=True, help="Judge again whenever a file is saved, until Ctrl-C.")
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes that judge.  [default: one for each processor]"
)
@today_option
@click.option("--stdin-filename", metavar="PATH", help="Path to show for standard input in reports.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 instead of 1; other codes stay the same.")
@click.option("--allow-empty", is_flag=True, default=None, help="Do not fail if no Kubernetes object is found.")
@click.option(
    "--unjudged",
    type=OneOf(["incomplete", "note"]),
    help="What it makes of a scan if something that is deployed was not judged.  [default: incomplete]",
)
@click.option("--files", is_flag=True, help="Text and JSON report: also list every file and what became of it.")
@click.option(
    "--max-chars",
    type=click.IntRange(4096),
    metavar="N",
    help="Markdown report: maximum number of characters, such as 65536 for a comment.  [default: 1000000]",
)
@click.option(
    "--category",
    default="kgate",
    show_default=True,
    callback=_category,
    metavar="NAME",
    help="SARIF report: name of this scan among several of one commit.",
)
@click.option(
    "--sarif-all",
    is_flag=True,
    help="SARIF report: also findings of severity low that decide nothing.",
)
@click.option(
    "--link-base",
    metavar="URL",
    callback=_link_base,
    help="URL below which a server shows the files of this commit.  [default: from the GitHub or GitLab job]",
)
@click.option(
    "--show",
    type=click.Choice([show.value for show in Show]),
    help="Text report: the objects to list, those that fail or all with a finding.  [default: failed]",
)
@click.option(
    "--min-severity",
    type=click.Choice(_SEVERITIES),
    help="Text report: list findings of this severity or above.  [default: those that make an object fail]",
)
@click.option("-q", "--quiet", is_flag=True, help="Text report: only the verdict, and what fails in a line each.")
@click.option("-v", "--verbose", is_flag=True, help="Text report: everything. Errors: show tracebacks.")
@click.option(
    "--color",
    type=OneOf(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours and links; auto follows NO_COLOR and FORCE_COLOR.",
)
def scan(**flags: Any) -> int:
    """Judge the manifests at or below PATH (default: the current folder), or standard input (-)."""
    from kgate.repository import UntrustedFolders

    if flags["profile"] or flags["format_name"] in _PROFILES:
        from kgate.commands.profile import profile_scan

        return profile_scan(flags)
    refuse_without("pull", flags)
    _refuse_contradictions(flags)
    gc.disable()  # a scan makes no cycles worth finding; with many findings the search takes a third of the time
    console.install_signal_handlers()
    untrusted = UntrustedFolders.around(Path(path) for path in flags["paths"] if path != "-")
    if flags["watch"]:
        from kgate.commands.watch import watch

        return watch(flags, partial(scan_once, flags, untrusted))
    return scan_once(flags, untrusted)


def scan_options(names: Collection[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns what adds options of a scan, by the names of their parameters, with the variables that they have
    there."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(scan.params):
            if isinstance(option, click.Option) and option.name in names:
                shared = copied(option)
                shared.envvar = variable_of(("scan",), option)
                command.__dict__.setdefault("__click_params__", []).append(shared)
        return command

    return add


def _refuse_contradictions(flags: Mapping[str, Any]) -> None:
    """Raises click.UsageError for options of which one makes another one meaningless."""
    if flags["baseline"] is not None and flags["no_baseline"]:
        raise click.UsageError("--baseline and --no-baseline exclude each other; leave one of them out")
    if not flags["diff_base"]:
        return
    if flags["baseline"] is not None:
        raise click.UsageError("--baseline and --diff-base exclude each other; leave one of them out")
    if flags["watch"] or "-" in flags["paths"]:
        raise click.UsageError("--diff-base judges files once; leave out --watch, and name paths instead of '-'")


def scan_once(flags: Mapping[str, Any], untrusted: UntrustedFolders, session: Session | None = None) -> int:
    """Scans and writes the reports; returns the exit code. Raises KgateError and what ends the process."""
    asked = len(flags["outputs"])
    settings = replace(settings_of(flags, untrusted), with_remedies=_wants_suggestions(flags))
    flags = {**flags, "outputs": [pair for pair in flags["outputs"] if _can_be_written(pair[1], untrusted)]}
    console.end_after(settings.timeout + _REPORTING_SECONDS)
    if flags["pull"]:
        settings = _with_pulled(settings, flags)
    copies = tuple(_copies(flags, settings, untrusted))
    kept = _open_kept(settings, untrusted) if flags["cache"] and not flags["diff_base"] else None
    code = _give_again(kept, copies) if kept is not None else None
    if code is None:
        code = _scan(partial(_report, flags, settings, untrusted, session), copies, kept)
    if len(flags["outputs"]) < asked:
        return OutputError.exit_code
    return 0 if code == 1 and flags["exit_zero"] else code


def _can_be_written(file: Path, untrusted: UntrustedFolders) -> bool:
    """Returns True unless it is certain before the scan that a report cannot be written, which it prints. The others
    are written all the same."""
    from kgate.commands import outputs

    try:
        outputs.check(file, untrusted)
    except OutputError as error:
        console.print_error(str(error))
        return False
    return True


def _with_pulled(settings: Settings, flags: Mapping[str, Any]) -> Settings:
    """Returns the settings with what a pull has fetched. What cannot be had is said here, and once more by the scan."""
    from kgate.commands import network

    paths = tuple(path for path in settings.paths if path != "-")
    result = network.run(replace(settings, paths=paths), network.terms_of(flags, settings))
    for line in network.failures(result):
        console.print_error(line)
    return replace(settings, rendering=replace(settings.rendering, fetched=result.fetched))


def _report(
    flags: Mapping[str, Any],
    settings: Settings,
    untrusted: UntrustedFolders,
    session: Session | None,
    progress: Progress,
) -> Report:
    """Scans, and compares what is found with another revision if that is asked for."""
    if not flags["diff_base"]:
        from kgate.scan import scan as run_scan

        return run_scan(settings, progress, session)
    from kgate.changescan import change_scan
    from kgate.policy.gittree import open_tree

    tree = open_tree(settings.repository, flags["diff_base"], "--diff-base")
    return change_scan(settings, tree, partial(settings_there, flags, settings, untrusted), progress)


def settings_there(
    flags: Mapping[str, Any], settings: Settings, untrusted: UntrustedFolders, base: Repository
) -> Settings:
    """Returns the settings for what the scanned paths are in a copy of another revision."""
    here = settings.repository

    def moved(path: str | Path) -> Path:
        place = here.as_written(Path(path))
        return base.root / place.relative_to(here.root) if place.is_relative_to(here.root) else Path(path)

    paths = tuple(os.fspath(moved(path)) for path in settings.paths)
    files = {name: moved(flags[name]) for name in ("config_path", "policy") if flags[name]}
    return settings_in({**flags, **files, "paths": paths}, base, untrusted)


def settings_in(flags: Mapping[str, Any], repository: Repository, untrusted: UntrustedFolders) -> Settings:
    """Returns the settings for those of the paths that a repository has, without a baseline."""
    paths = tuple(path for path in flags["paths"] if os.path.lexists(path))
    return replace(settled({**flags, "baseline": None, "no_baseline": True}, repository, untrusted), paths=paths)


def _scan(judged: Callable[[Progress], Report], copies: Sequence[_Copy], kept: Kept | None) -> int:
    """Scans, writes the reports and keeps them; returns the exit code."""
    with console.progress() as progress:
        report = judged(progress)
    texts = [_pieces(report, copy) for copy in copies]
    if kept is None:
        written = _deliver(copies, texts)
    else:
        written = _deliver_and_keep(kept, report, copies, texts)
    return report.verdict.exit_code if written else OutputError.exit_code


# ---------------------------------------------------------------------------------------- settings


def settings_of(flags: Mapping[str, Any], untrusted: UntrustedFolders) -> Settings:
    """Returns the settings of a scan, or of what reads the repository as a scan does, from flags, environment and
    configuration file."""
    return resolved(flags, untrusted)[2]


def resolved(flags: Mapping[str, Any], untrusted: UntrustedFolders) -> tuple[Options, ConfigFile | None, Settings]:
    """Returns what flags and environment say, what the configuration file says, and the settings that they come to."""
    from kgate.repository import Repository, find_root

    paths = flags["paths"]
    if "" in paths:
        raise click.UsageError("a path is empty (an unset variable?); write . for the current folder")
    if "-" in paths and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("'-' reads a manifest from standard input, which is a terminal or closed; pipe one in")
    for path in paths:
        refuse_link_out(path)
    repository = Repository.at(find_root([Path(path) for path in paths if path != "-"]))
    if flags.get("policy_from"):
        from kgate.policy.gittree import open_trusted

        repository = replace(repository, trusted=open_trusted(repository, flags["policy_from"]))
    return _resolved_for(flags, repository, untrusted)


def settled(flags: Mapping[str, Any], repository: Repository, untrusted: UntrustedFolders) -> Settings:
    """Returns the settings for a repository, from flags, environment and configuration file."""
    return _resolved_for(flags, repository, untrusted)[2]


def _resolved_for(
    flags: Mapping[str, Any], repository: Repository, untrusted: UntrustedFolders
) -> tuple[Options, ConfigFile | None, Settings]:
    from kgate import config

    given = {one.name: flags[one.name] for one in fields(config.Options) if one.name in flags}
    given.setdefault("today", today())
    options = config.Options(**given, sources={name: _source(name) for name in given})
    named, paths = flags["config_path"], flags["paths"]
    file, change = config.read_trusted(paths, config.named_config(named, untrusted) if named else None, repository)
    if flags.get("policy"):
        policy = config.named_config(flags["policy"], untrusted)
        file, change = config.under_policy(file, change, policy, repository)
    return options, file, replace(config.settle(options, file, repository, untrusted), change=change)


def _source(name: str) -> str:
    """Returns the flag or the variable that an option is set by."""
    context = click.get_current_context(silent=True)
    if context is not None and context.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        return f"KGATE_SCAN_{name.upper()}"
    return f"--{name.replace('_', '-')}"


def refuse_link_out(path: str) -> None:
    """Raises ConfigError for a scanned path that a link of a repository leads out of it; other links are the user's
    own."""
    from kgate.repository import OutsideError, UntrustedFolders

    try:
        UntrustedFolders(()).resolve(Path(path))
    except OutsideError as error:
        raise ConfigError(str(error)) from None
    except OSError:  # a path that does not exist is a Problem of the scan
        return


# ----------------------------------------------------------------------------------------- reports


@dataclass(frozen=True, slots=True)
class _Copy:
    """One of the reports to make: its format, how it is shown, and where its pieces go."""

    format_name: str
    presentation: Presentation
    write: Callable[[Iterable[str]], None]


def _copies(flags: Mapping[str, Any], settings: Settings, untrusted: UntrustedFolders) -> Iterator[_Copy]:
    """Yields the report for standard output, then those for files."""
    root = settings.repository.root
    folder = screen.folder_of(flags["paths"], root, os.environ)
    of_file = Presentation(
        link_base=flags["link_base"],
        category=flags["category"],
        sarif_all=flags["sarif_all"],
        max_chars=flags["max_chars"],
        folder=folder,
        project=screen.project_of(root, os.environ, folder),
        change=_change(flags, settings),
        source=partial(_text, settings.repository),
        suggestions=partial(_suggestions, settings) if settings.with_remedies else None,
    )
    of_file = screen.with_details(of_file, flags)
    yield _Copy(flags["format_name"], screen.for_screen(of_file, flags, root), console.print_pieces)
    for name, file in flags["outputs"]:
        from kgate.commands import outputs

        yield _Copy(name, of_file, partial(outputs.write, file, untrusted=untrusted))


def _wants_suggestions(flags: Mapping[str, Any]) -> bool:
    """Returns True if a report says how findings are fixed."""
    formats = _formats(flags)
    return not formats.isdisjoint(("github-review", "markdown", "sarif")) or ("text" in formats and flags["verbose"])


def _formats(flags: Mapping[str, Any]) -> set[str]:
    return {flags["format_name"], *(name for name, _ in flags["outputs"])}


def _suggestions(settings: Settings, report: Report) -> Suggest:
    from kgate.fixing import suggestions

    return suggestions(settings, report)


def _change(flags: Mapping[str, Any], settings: Settings) -> Change | None:
    """Returns the lines of the change that is gated: those since the revision that a review compares with, else since
    the trusted one; None if neither tells them."""
    found = settings.repository.trusted
    if flags["diff_base"] and "github-review" in _formats(flags):
        from kgate.policy.gittree import open_tree

        found = open_tree(settings.repository, flags["diff_base"], "--diff-base")
    lines = found.changed_lines() if found is not None else None
    return None if lines is None else Change(lines)


def _text(repository: Repository, path: str) -> str:
    """Returns the text of a file of the repository; empty if it has no such file."""
    return repository.bytes_if_any(repository.root / path).decode("utf-8", "replace")


def _pieces(report: Report, copy: _Copy) -> Iterator[str]:
    """Yields the pieces of a report, which is begun when the first one is wanted."""
    yield from reports.renderer(copy.format_name)(report, copy.presentation)


def _open_kept(settings: Settings, untrusted: UntrustedFolders) -> Kept | None:
    from kgate.commands.kept import open_kept

    return open_kept(settings, untrusted)


def _give_again(kept: Kept, copies: Sequence[_Copy]) -> int | None:
    """Writes reports that were kept and returns the exit code; None if one of them was not."""
    from kgate.commands.kept import in_pieces

    found = kept.reports((copy.format_name, copy.presentation) for copy in copies)
    if found is None:
        return None
    code, texts = found
    return code if _deliver(copies, map(in_pieces, texts)) else OutputError.exit_code


def _deliver_and_keep(kept: Kept, report: Report, copies: Sequence[_Copy], texts: Iterable[Iterator[str]]) -> bool:
    """Writes every report, and keeps all if all were written."""
    from kgate.commands.kept import Copier

    copiers = [Copier() for _ in copies]
    passing = (copier.passing(pieces) for copier, pieces in zip(copiers, texts, strict=True))
    if not _deliver(copies, passing):
        return False
    made = zip(copies, (copier.text for copier in copiers), strict=True)
    kept.keep(report, [(copy.format_name, copy.presentation, text) for copy, text in made if text is not None])
    return True


def _deliver(copies: Iterable[_Copy], texts: Iterable[Iterator[str]]) -> bool:
    """Writes every report that can be written, and prints an error for each of the others; returns whether all were
    written. Raises ClosedPipeError, after the others were written."""
    failures: list[OutputError] = []
    closed: console.ClosedPipeError | None = None
    for copy, pieces in zip(copies, texts, strict=True):
        try:
            copy.write(pieces)
        except OutputError as error:
            failures.append(error)
        except console.ClosedPipeError as error:
            closed = error
    for failure in failures:
        console.print_error(str(failure))
    if closed is not None and not failures:
        raise closed
    return not failures
