"""Reads one configuration file and checks each of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.config.file import KNOWN, UNJUDGED, AskedLimit, ConfigFile
from kgate.environment import parse as parse_environment
from kgate.errors import ConfigError
from kgate.kubernetes import pss
from kgate.limits import LIMITS, Limit
from kgate.model import Persona, Severity
from kgate.policy.floor import parse as parse_floor
from kgate.policy.floor import threshold
from kgate.pyproject import TABLE
from kgate.repository import OutsideError, Repository
from kgate.rules.load import RuleFolder
from kgate.waiverfile import WaiverFile, parse_file, parse_waivers

if TYPE_CHECKING:
    from kgate.baselinefile import BaselineFile
    from kgate.gates import OwnBar
    from kgate.rendering.helm.requests import ChartRequest
    from kgate.rules.tuning import RuleSetting
    from kgate.sources.clusters import ClusterFolders
    from kgate.yamltree.fields import FileFields

_PROGRAMS = ("helm-bin", "kubectl-bin", "kustomize-bin")


_OTHER_KEYS = {
    "addAllBuiltIn": "all rules are used; `select` lists the only ones to use",
    "check": "write select: [RULE, …]",
    "checks": "write select: [RULE, …], or ignore: [RULE, …]",
    "customChecks": "write rules of your own to a folder, and name it with rules: [FOLDER]",
    "exclude": "write what to leave out into .kgateignore, one pattern a line; `ignore` leaves out rules",
    "exclude-rules": "write ignore: [RULE, …]",
    "exceptions": "write waivers: {accept: […]}, or an entry in kgate-waivers.yaml",
    "exemptions": "write waivers: {accept: […]}, or an entry in kgate-waivers.yaml",
    "include": "name what to scan on the command line: kgate scan PATH…; `select` lists the only rules to use",
    "ignore-paths": "write what to leave out into .kgateignore, one pattern a line",
    "ignorePaths": "write what to leave out into .kgateignore, one pattern a line",
    "output": "reports are asked for by flags: kgate scan -o sarif=FILE",
    "paths": "name what to scan on the command line: kgate scan PATH…",
    "profile": "write min-score: baseline or min-score: restricted",
    "severity": "write fail-on: SEVERITY",
    "skip-check": "write ignore: [RULE, …]",
    "skip-checks": "write ignore: [RULE, …]",
    "skip-dirs": "write what to leave out into .kgateignore, one pattern a line",
    "skip-files": "write what to leave out into .kgateignore, one pattern a line",
    "skip-path": "write what to leave out into .kgateignore, one pattern a line",
    "threshold": "write min-score: N",
}
"""What keys in configurations of similar programs are in kgate."""


def read_alone(path: Path, repository: Repository) -> tuple[ConfigFile, Repository]:
    """What a file itself says, and the repository that what it names must lie in."""
    from kgate.yamltree.fields import UserFile

    is_inside = path.is_relative_to(repository.root)
    owner = repository if is_inside else Repository(Path(path.anchor))
    try:
        data = owner.policy_bytes(path)
    except OSError as error:
        advice = "name another file with --config, or write one with: kgate init"
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; {advice}") from None
    if path.suffix == ".toml":
        fields = UserFile.parse_table(data, str(path), ConfigError, TABLE).fields()
    else:
        fields = UserFile.parse(data, str(path), ConfigError).fields()
    _refuse_programs(fields)
    fields.only(KNOWN, _OTHER_KEYS)
    severities = [severity.label for severity in reversed(Severity)]
    shown = repository.shown(path) if is_inside else path.as_posix()
    file = ConfigFile(
        shown=shown,
        fields=fields,
        min_score=threshold(fields, "min-score"),
        level=fields.one_of("level", pss.LEVELS) or None,
        fail_on=fields.one_of("fail-on", severities) or None,
        kubernetes_version=_kubernetes_version(fields),
        persona=fields.one_of("persona", [persona.label for persona in Persona]) or None,
        select=_texts(fields, "select", "rule ids"),
        ignore=_texts(fields, "ignore", "rule ids"),
        rule_folders=tuple(_rule_folders(fields, path.parent, owner, repository)),
        allow_empty=fields.flag("allow-empty"),
        unjudged=fields.one_of("unjudged", UNJUDGED) or None,
        charts=_charts(fields, path.parent, repository),
        repositories=_texts(fields, "repositories", "URLs under which Argo CD and Flux know this repository"),
        helm_degraded=fields.flag("helm-degraded"),
        places={key: f"{shown}:{fields.line(key)}" for key in KNOWN if fields.has(key)},
        environment=parse_environment(fields),
        limits=dict(_limits(fields)),
        gates=_gates(fields, shown),
        clusters=_clusters(fields, shown),
        rule_settings=_rule_settings(fields, shown),
        floor=parse_floor(fields, severities),
        pull_from=_pull_from(fields),
        waivers=parse_waivers(fields, shown),
        baseline=_baseline(fields, path.parent, owner, repository),
    )
    return file, owner


def read_waivers(path: Path, repository: Repository) -> WaiverFile:
    """What a kgate-waivers.yaml says, which lies in the repository or beside a configuration elsewhere. Raises
    ConfigError."""
    from kgate.yamltree.fields import UserFile

    is_inside = path.is_relative_to(repository.root)
    owner = repository if is_inside else Repository(Path(path.anchor))
    try:
        data = owner.policy_bytes(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; fix or remove it") from None
    fields = UserFile.parse(data, str(path), ConfigError).fields()
    return parse_file(fields, repository.shown(path) if is_inside else path.as_posix())


def _refuse_programs(fields: FileFields) -> None:
    for key in _PROGRAMS:
        if fields.node(key) is not None:
            flag = f"--{key}, or with KGATE_SCAN_{key.upper().replace('-', '_')}"
            message = f"{key} is not taken from a file, which a pull request may change; name the program with {flag}"
            fields.fault(message, key)


def _pull_from(fields: FileFields) -> tuple[str, ...]:
    """The hosts that may be asked."""
    found = _texts(fields, "pull-from", "hosts that kgate pull may ask")
    if not found:
        return ()
    from kgate.elsewhere.hosts import Hosts

    for index, text in enumerate(found):
        try:
            Hosts.parse([text])
        except ConfigError as error:
            fields.fault(str(error).replace("--pull-from", "pull-from:"), "pull-from", index)
    return found


def _kubernetes_version(fields: FileFields) -> str | None:
    text = fields.text("kubernetes-version")
    try:
        pss.parse_version(text or "latest")
    except ConfigError as error:
        fields.fault(str(error), "kubernetes-version")
    return text or None


def _texts(fields: FileFields, name: str, of: str) -> tuple[str, ...]:
    return tuple(text for _, text in fields.texts(name, of))


def _rule_folders(fields: FileFields, base: Path, owner: Repository, scanned: Repository) -> Iterator[RuleFolder]:
    """The folders of ``rules``, none of which may leave the repository of the configuration."""
    for index, name in fields.texts("rules", "folders with rule files"):
        try:
            place = owner.policy_place(name, base) or base / name.replace("\0", "")
        except OutsideError as error:
            fields.fault(str(error), "rules", index)
        else:
            yield RuleFolder(place, name, owner if owner is scanned else Repository(place))


def _baseline(fields: FileFields, base: Path, owner: Repository, scanned: Repository) -> BaselineFile | None:
    """The file that ``baseline`` names, which must not leave the repository of the configuration."""
    name = fields.text("baseline")
    if not name:
        return None
    from kgate import baselinefile

    try:
        return baselinefile.named(name, base, owner, scanned)
    except OutsideError as error:
        fields.fault(str(error), "baseline")


def _charts(fields: FileFields, folder: Path, repository: Repository) -> tuple[ChartRequest, ...]:
    if not fields.has("charts"):
        return ()
    from kgate.rendering.helm.releases import parse_charts

    return tuple(parse_charts(fields, folder, repository))


def _gates(fields: FileFields, shown: str) -> tuple[OwnBar, ...]:
    if not fields.has("gates"):
        return ()
    from kgate.config.gatelist import read_gates

    return tuple(read_gates(fields, shown))


def _clusters(fields: FileFields, shown: str) -> tuple[ClusterFolders, ...]:
    if not fields.has("clusters"):
        return ()
    from kgate.config.clusterlist import read_clusters

    return tuple(read_clusters(fields, shown))


def _rule_settings(fields: FileFields, shown: str) -> tuple[RuleSetting, ...]:
    if not fields.has("rule-settings"):
        return ()
    from kgate.config.rulesettings import read_rule_settings

    return tuple(read_rule_settings(fields, shown))


def _limits(fields: FileFields) -> Iterator[tuple[Limit, AskedLimit]]:
    for limit in LIMITS:
        value = fields.number(limit.key, limit.least, limit.most, limit.unit)
        if value is not None:
            yield limit, AskedLimit(value, fields.line(limit.key))
