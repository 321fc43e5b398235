"""``kgate falco``: rule files of Falco, without Falco."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kgate.commands import console
from kgate.commands.groups import Group, OneOf, format_option

if TYPE_CHECKING:
    from kgate.falco.compiling import FalcoRule
    from kgate.falco.evaluating import Explanation
    from kgate.falco.events import Recorded
    from kgate.falco.faults import LoadFault
    from kgate.falco.loading import LoadedRules
    from kgate.falco.replay import Alert, Replay
    from kgate.model import Json

EXIT_FAILED = 1
EXIT_INCOMPLETE = 3
_LONGEST_TEXT = 160
"""Letters that are shown of a comparison."""

_OF_FILES = """\
FILE… are rule files, or folders of them, in the order in which Falco gets them: a later one may redefine, replace and
append to what an earlier one says."""


@click.group(cls=Group)
def falco() -> None:
    """Check and try rule files of Falco, without Falco."""


@falco.command(
    epilog="""\b
Examples:
  kgate falco lint rules.d/
  kgate falco lint k8s_audit_rules.yaml our_overrides.yaml --strict

\b
Exit codes:
  0  Falco loads the files
  1  it refuses them; with --strict, or warns
  2  usage is wrong
  4  a bug in kgate
""",
    help=f"""Say what Falco says when it loads rule files, each fault with its line and column.

    {_OF_FILES} Falco stops at the first error of a file; all of them are listed here. Fields are checked for source
    k8s_audit.""",
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@format_option(("text", "json"), "Format of the answer.")
def lint(**flags: Any) -> int:
    """Print the faults of rule files."""
    loaded = _loaded(flags["files"])
    if flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        console.print_pieces((*json_pieces(_as_json(loaded), 2), "\n"))
    else:
        console.print_pieces(f"{console.inert(line)}\n" for line in _lines(loaded))
    return EXIT_FAILED if loaded.is_refused or (flags["strict"] and loaded.faults) else 0


_rules_option = click.option(
    "-r",
    "--rules",
    "rule_files",
    metavar="FILE",
    multiple=True,
    required=True,
    help="A rule file, or a folder of them; may be repeated, in the order in which Falco gets them.",
)


@falco.command(
    epilog="""\b
Examples:
  kgate falco test -r rules.yaml audit.log
  kgate falco test -r rules.d/ attack.json --expect "Attach/Exec Pod"
  kgate falco test -r rules.d/ a-quiet-day.log --expect-nothing

\b
Exit codes:
  0  evaluated, and as --expect or --expect-nothing says
  1  not as they say
  2  usage is wrong, or Falco refuses the rules
  3  a rule cannot be evaluated, or a line is not an event
  4  a bug in kgate
"""
)
@click.argument("events", metavar="EVENTS…", nargs=-1, required=True)
@_rules_option
@click.option("--expect", "expected", metavar="RULE", multiple=True, help="A rule that must fire; may be repeated.")
@click.option("--expect-nothing", is_flag=True, help="No rule may fire.")
@click.option(
    "--rule-matching",
    type=OneOf(("first", "all")),
    default="first",
    show_default=True,
    help="Per event, the first rule that fires or all, as in falco.yaml.",
)
@format_option(("text", "json"), "Format of the answer.")
def test(**flags: Any) -> int:
    """Evaluate rules of source k8s_audit over audit events, without Falco.

    EVENTS… are files with an event, an EventList or a list of events in each line, as the API server writes them.
    Fields have the values that the plugins k8saudit and json give them; a rule with anything that kgate does not model
    is named and not evaluated.
    """
    from kgate.falco.replay import Replay

    loaded = sound(flags["rule_files"])
    _check_names(flags["expected"], [rule.name for rule in loaded.ruleset.rules])
    if flags["expected"] and flags["expect_nothing"]:
        raise click.UsageError("--expect and --expect-nothing cannot both hold; write one of them")
    replay = Replay(loaded.ruleset.rules, is_first=flags["rule_matching"] == "first")
    alerts = list(_alerts(replay, flags["events"]))
    missing = [name for name in flags["expected"] if name not in {alert.rule.name for alert in alerts}]
    if flags["format_name"] == "json":
        from kgate.reports.jsontext import json_pieces

        console.print_pieces((*json_pieces(_replay_json(replay, alerts, missing), 2), "\n"))
    else:
        console.print_pieces(f"{console.inert(line)}\n" for line in _replay_lines(replay, alerts, missing))
    if missing or (flags["expect_nothing"] and alerts):
        return EXIT_FAILED
    return EXIT_INCOMPLETE if replay.unevaluated or replay.dropped else 0


@falco.command(
    epilog="""\b
Examples:
  kgate falco explain "Attach/Exec Pod" -r rules.yaml exec.json
  kgate falco explain "Attach/Exec Pod" -r rules.yaml audit.log --audit-id 9c8d…

\b
Exit codes:
  0  explained
  2  usage is wrong, or Falco refuses the rules
  3  the rule cannot be evaluated, a line is not an event, or there is no such event
  4  a bug in kgate
"""
)
@click.argument("rule")
@click.argument("events", metavar="EVENTS…", nargs=-1, required=True)
@_rules_option
@click.option("--audit-id", metavar="ID", help="Explain only the events of one request.")
@click.option("-v", "--verbose", is_flag=True, help="Also show the parts that decide nothing.")
def explain(**flags: Any) -> int:
    """Say why a RULE fires for audit events or does not, down to the comparison.

    Of each condition the parts are shown that decide, with the values of the fields and the line in the rule file.
    """
    from kgate.falco.evaluating import Explainer, Happening, unmodelled

    loaded = sound(flags["rule_files"])
    _check_names((flags["rule"],), [rule.name for rule in loaded.ruleset.rules])
    rule = next(one for one in loaded.ruleset.rules if one.name == flags["rule"])
    reason = unmodelled(rule)
    if reason is not None:
        console.print_error(f"rule {rule.name} cannot be evaluated: {reason}")
        return EXIT_INCOMPLETE
    is_whole, found = True, False
    for recorded in _recorded(flags["events"]):
        if recorded.fault:
            is_whole = False
            console.print_error(f"{recorded.path}:{recorded.line}: {recorded.fault}")
        elif flags["audit_id"] in (None, recorded.event.get("auditID")):
            found = True
            step = Explainer(Happening(recorded.event), loaded.ruleset.macros).explain(rule, is_whole=flags["verbose"])
            console.print_pieces(f"{console.inert(line)}\n" for line in _explained(rule, recorded, step))
    if not found:
        console.print_error("there is no such event in the files")
    return 0 if found and is_whole else EXIT_INCOMPLETE


def sound(names: Sequence[str]) -> LoadedRules:
    """Returns the rules of files that Falco loads. Raises ConfigError."""
    from kgate.errors import ConfigError

    loaded = _loaded(names)
    if loaded.is_refused:
        first = next(fault for fault in loaded.faults if fault.code.is_error)
        raise ConfigError(f"{first}; kgate falco lint lists all faults")
    return loaded


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    from kgate.yamltree.fields import suggestion

    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no rule '{name}' of a known source{suggestion(name, known)}")


def _alerts(replay: Replay, paths: Sequence[str]) -> Iterator[Alert]:
    from kgate.errors import ConfigError

    try:
        yield from replay.alerts(paths)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from None


def _recorded(paths: Sequence[str]) -> Iterator[Recorded]:
    from kgate.errors import ConfigError
    from kgate.falco.events import read

    for path in paths:
        try:
            yield from read(path)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _replay_lines(replay: Replay, alerts: Sequence[Alert], missing: Sequence[str]) -> Iterator[str]:
    from kgate.reports.wording import counted

    for alert in alerts:
        where = f"{alert.recorded.path}:{alert.recorded.line}"
        yield f"{where}: {alert.rule.priority}: {alert.rule.name}: {alert.output}"
    yield from (f"! {one.path}:{one.line}: {one.fault}" for one in replay.dropped)
    yield from (f"! rule {one.rule.name} is not evaluated: {one.reason}" for one in replay.unevaluated)
    yield from (f"! rule {name} did not fire" for name in missing)
    rules = counted(len({alert.rule.name for alert in alerts}), "rule")
    yield f"{counted(replay.events, 'event')}: {counted(len(alerts), 'alert')} of {rules}"


def _replay_json(replay: Replay, alerts: Sequence[Alert], missing: Sequence[str]) -> dict[str, Json]:
    return {
        "schema": "kgate-falco-test/1",
        "events": replay.events,
        "alerts": [
            {
                "path": alert.recorded.path,
                "line": alert.recorded.line,
                "auditID": alert.recorded.event.get("auditID"),
                "rule": alert.rule.name,
                "priority": alert.rule.priority,
                "tags": list(alert.rule.tags),
                "output": alert.output,
            }
            for alert in alerts
        ],
        "missing": list(missing),
        "dropped": [{"path": one.path, "line": one.line, "reason": one.fault} for one in replay.dropped],
        "unevaluated": [{"rule": one.rule.name, "reason": one.reason} for one in replay.unevaluated],
    }


def _explained(rule: FalcoRule, recorded: Recorded, step: Explanation) -> Iterator[str]:
    fires = "fires" if step.holds else "does not fire"
    disabled = "" if rule.is_enabled else ", and is not enabled"
    yield f"{recorded.path}:{recorded.line}: rule {rule.name} {fires}{disabled}"
    yield from _steps(step, "  ")


def _steps(step: Explanation, indent: str) -> Iterator[str]:
    from kgate.reports.wording import shown

    sign, text = "✓" if step.holds else "✗", shown(step.text, _LONGEST_TEXT)
    place = f"{step.place.path}:{step.place.start.line}:{step.place.start.column}"
    if step.parts:
        yield f"{indent}{sign} {text}  {place}"
        for part in step.parts:
            yield from _steps(part, f"{indent}  ")
    else:
        values = "it has no value" if step.values is None else f"it is {', '.join(map(repr, step.values))}"
        yield f"{indent}{sign} {text}: {shown(values, _LONGEST_TEXT)}  {place}"


def _loaded(names: Sequence[str]) -> LoadedRules:
    from kgate.falco.loading import load
    from kgate.falco.rulefiles import read

    return load(read(names))


def _lines(loaded: LoadedRules) -> Iterator[str]:
    from kgate.reports.wording import counted

    yield from map(str, loaded.faults)
    errors = sum(fault.code.is_error for fault in loaded.faults)
    faults = f"{counted(errors, 'error')}, {counted(len(loaded.faults) - errors, 'warning')}"
    yield f"{counted(len(loaded.ruleset.rules), 'rule')}: {faults}"


def _as_json(loaded: LoadedRules) -> dict[str, Json]:
    return {
        "schema": "kgate-falco-lint/1",
        "refused": loaded.is_refused,
        "rules": len(loaded.ruleset.rules),
        "faults": [_fault_json(fault) for fault in loaded.faults],
    }


def _fault_json(fault: LoadFault) -> dict[str, Json]:
    return {
        "code": str(fault.code),
        "severity": "error" if fault.code.is_error else "warning",
        "subject": fault.subject,
        "message": fault.message,
        "path": fault.place.path,
        "line": fault.place.start.line,
        "column": fault.place.start.column,
        "end_column": fault.place.end.column,
    }
