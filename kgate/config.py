"""kgate.yaml + environment + flags -> Settings."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgate.elsewhere.fetched import open_fetched
from kgate.environment import Environment, read_dotenv, with_secrets
from kgate.environment import parse as parse_environment
from kgate.errors import ConfigError
from kgate.kubernetes import pss
from kgate.limits import LIMITS, RENDER_MEMORY, RENDER_TIMEOUT, TIMEOUT, Limit
from kgate.model import DEFAULT, Json, Note, Persona, Problem, Provenance, Rule, Setting, Severity
from kgate.policy.floor import Floor, threshold
from kgate.policy.floor import parse as parse_floor
from kgate.rendering.requests import RenderOptions, RenderSettings
from kgate.repository import CONFIG_NAMES, OutsideError, Repository, UntrustedFolders, open_repository
from kgate.rules.load import RuleFolder, find
from kgate.textfile import read_bytes
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.rendering.helm.requests import ChartRequest
    from kgate.yamltree.fields import FileFields

DEFAULT_MIN_SCORE = 60
UNJUDGED = ("incomplete", "note")
"""What becomes of a scan that did not judge everything that would reach a cluster; the first is the default."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a scan needs to know: the repository that is scanned, and the paths in it, as given.

    ``lists_files`` asks what became of every file, ``unjudged_passes`` says that a scan is not incomplete for what was
    not judged. ``timeout`` is the wall time of the whole run in seconds, ``jobs`` how many processes judge (None: one
    for each processor); ``notes`` say what the configuration asks for and does not get. ``origin`` says where the
    configuration comes from, ``stated`` where each setting does, ``change`` what the scanned change makes of one that a
    trusted revision has, and ``never_ignore`` holds the rules that a policy wants used. ``pull_from`` are the hosts
    that a configuration allows which no change can have altered; ``ignores_hosts`` says that another one allows some
    as well.
    """

    repository: Repository
    paths: tuple[str, ...] = (".",)
    stdin_filename: str = "<stdin>"
    min_score: int = DEFAULT_MIN_SCORE
    fail_on: Severity | None = None
    minor: int = pss.NEWEST_MINOR
    persona: Persona = Persona.GATE
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    never_ignore: tuple[str, ...] = ()
    pull_from: tuple[str, ...] = ()
    ignores_hosts: bool = False
    rule_folders: tuple[RuleFolder, ...] = ()
    allow_empty: bool = False
    unjudged_passes: bool = False
    lists_files: bool = False
    timeout: float = TIMEOUT.default
    jobs: int | None = None
    notes: tuple[Note, ...] = ()
    rendering: RenderSettings = field(default_factory=RenderSettings)
    origin: Provenance = field(default_factory=Provenance)
    stated: tuple[Setting, ...] = ()
    change: ConfigChange | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that flags and environment give; None or empty where they give none. ``sources`` names the flag or
    variable of each."""

    paths: tuple[str, ...] = ()
    stdin_filename: str | None = None
    min_score: int | None = None
    fail_on: str | None = None
    kubernetes_version: str | None = None
    persona: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    allow_empty: bool | None = None
    unjudged: str | None = None
    files: bool = False
    helm_bin: str | None = None
    kubectl_bin: str | None = None
    kustomize_bin: str | None = None
    helm_dependency_build: bool = False
    variants: str | None = None
    helm_degraded: bool | None = None
    allow_remote: bool = False
    pull: bool = False
    flux_variables: Path | None = None
    cache_dir: Path | None = None
    timeout: int | None = None
    jobs: int | None = None
    render_timeout: int | None = None
    render_memory: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskedLimit:
    """A limit that a kgate.yaml sets, and the line where it does."""

    value: int
    line: int


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a kgate.yaml says, checked, each field as Options has it; ``shown`` is its name in reports, and ``fields``
    gives the places of its fields. ``places`` names the file and line of each key, also of one that is inherited from
    a file that it extends. One that is not there has no fields."""

    shown: str = ""
    fields: FileFields | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, str] = field(default_factory=dict, compare=False)
    min_score: int | None = None
    fail_on: str | None = None
    kubernetes_version: str | None = None
    persona: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rule_folders: tuple[RuleFolder, ...] = ()
    allow_empty: bool = False
    unjudged: str | None = None
    charts: tuple[ChartRequest, ...] = ()
    repositories: tuple[str, ...] = ()
    helm_degraded: bool = False
    environment: Environment = field(default_factory=Environment)
    limits: Mapping[Limit, AskedLimit] = field(default_factory=dict)
    floor: Floor = field(default_factory=Floor)
    pull_from: tuple[str, ...] = ()
    ignores_hosts: bool = False


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """The configuration of a trusted revision, which decides, and ``own``, that of the checkout, which does not. The
    latter is None if it cannot be read, which ``problem`` tells."""

    trusted: ConfigFile
    own: ConfigFile | None
    problem: Problem | None = None


def find_config(paths: Sequence[str], repository: Repository) -> Path | None:
    """The configuration nearest to the first path: in its folder or one above, up to the root. Raises ConfigError if
    there are two in one folder, or one that is not read.

    In a trusted revision the path is taken as it is written, as the change may have made a link of it.
    """
    for folder in _searched(paths, repository):
        found = _configs(folder, repository)
        if len(found) > 1:
            raise ConfigError(
                f"{found[1]}: lies beside {found[0].name}, and one alone may; move all to {found[0].name}"
            )
        _refuse_other_forms(folder, repository)
        if found:
            return found[0]
    return None


def _searched(paths: Sequence[str], repository: Repository) -> Iterator[Path]:
    """The folders in which a configuration is looked for, the nearest first."""
    given = Path(paths[0] if paths and paths[0] != "-" else ".")
    first = repository.as_written(given) if repository.trusted else Path(os.path.realpath(given))
    for folder in (first, *first.parents):
        yield folder
        if folder == repository.root:
            return


def _configs(folder: Path, repository: Repository) -> list[Path]:
    return [folder / name for name in CONFIG_NAMES if repository.policy_has(folder / name)]


def _nearest(paths: Sequence[str], repository: Repository) -> Path | None:
    """The first of the nearest configurations, be it the only one or not."""
    return next((path for folder in _searched(paths, repository) for path in _configs(folder, repository)), None)


_NOT_READ = ("kgate.toml", ".kgate.toml", ".kgaterc")  # kgate.json is a name for reports
_MOST_PYPROJECT = 1 << 18


def _refuse_other_forms(folder: Path, repository: Repository) -> None:
    """Raises ConfigError for a configuration of kgate in a form that is not read."""
    for name in _NOT_READ:
        if repository.policy_has(folder / name):
            raise ConfigError(f"{folder / name}: is not read; write its settings to kgate.yaml, as YAML")
    project = folder / "pyproject.toml"
    if repository.policy_has(project) and _has_table(project, repository):
        raise ConfigError(f"{project}: [tool.kgate] is not read; write its settings to kgate.yaml, as YAML")


def _has_table(project: Path, repository: Repository) -> bool:
    """True if a pyproject.toml has settings for kgate; what cannot be read is left to the programs that need it."""
    try:
        data = repository.policy_bytes(project)
    except OSError:
        return False
    if b"kgate" not in data or len(data) > _MOST_PYPROJECT:
        return False
    import tomllib

    try:
        tool = tomllib.loads(data.decode()).get("tool")
    except (ValueError, RecursionError):
        return False
    return isinstance(tool, dict) and "kgate" in tool


def named_config(path: Path, untrusted: UntrustedFolders) -> Path:
    """The real path of the configuration that the user names. Raises ConfigError if a link leads it astray."""
    try:
        return untrusted.resolve(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def read_trusted(
    paths: Sequence[str], named: Path | None, repository: Repository
) -> tuple[ConfigFile | None, ConfigChange | None]:
    """The configuration that decides, if there is one: the file that the user names, else the nearest one. If a trusted
    revision has it, also what the checkout makes of it. Raises ConfigError."""
    if named is not None and not named.is_relative_to(repository.root):
        return _read_nearest(paths, named, repository), None
    if repository.trusted is None:  # whoever wrote the change may have written the file
        found = _read_nearest(paths, named, repository)
        return (replace(found, pull_from=(), ignores_hosts=bool(found.pull_from)) if found else None), None
    try:
        trusted = _read_nearest(paths, named, repository)
    except ConfigError as error:
        raise ConfigError(f"as of {repository.trusted.name}: {error}") from None
    changed = repository.as_changed()
    decides = trusted or ConfigFile()
    try:
        has_none = named is not None and not changed.policy_has(named)
        own = None if has_none else _read_nearest(paths, named, changed)
    except ConfigError as error:
        place = named or _nearest(paths, changed) or repository.root / CONFIG_NAMES[0]
        return trusted, ConfigChange(decides, None, _broken(place, error, repository))
    return trusted, ConfigChange(decides, own or ConfigFile())


def _read_nearest(paths: Sequence[str], named: Path | None, repository: Repository) -> ConfigFile | None:
    """The file that the user names, else the nearest one, if there is one. Raises ConfigError."""
    path = named or find_config(paths, repository)
    return read_config(path, repository) if path else None


def _broken(path: Path, error: ConfigError, repository: Repository) -> Problem:
    """The Problem that a file of the change cannot be read, at the line that the error names."""
    told = str(error).replace(f"{repository.root}{os.sep}", "").removeprefix(f"{repository.shown(path)}:").strip()
    line, _, message = told.partition(": ")
    number = int(line) if line.isdecimal() else None
    text = f"this change breaks the configuration, so what it weakens is not known: {message if number else told}"
    return Problem(repository.shown(path), number, text)


def read_config(path: Path, repository: Repository) -> ConfigFile:
    """The checked fields of a configuration file, found in the scanned repository or named by the user.

    What it names must lie in the repository, unless the file lies elsewhere, where no pull request changes it. What it
    does not say is taken from the file that it extends. Raises ConfigError with file and line.
    """
    file, owner = _read_alone(path, repository)
    chain = [file]
    while (base := _extended_path(chain[-1], owner)) is not None:
        if len(chain) >= _MOST_EXTENDED:
            assert file.fields is not None
            file.fields.fault(f"more than {_MOST_EXTENDED} files extend each other, or one extends itself", "extends")
        chain.append(_read_alone(base, repository)[0])
    return functools.reduce(lambda over, own: extended(own, over), reversed(chain))


_MOST_EXTENDED = 5


def _extended_path(file: ConfigFile, owner: Repository) -> Path | None:
    """The file that another one extends, which must lie in the same repository."""
    fields = file.fields
    if fields is None or not fields.text("extends"):
        return None
    name = fields.text("extends")
    try:
        place = owner.policy_place(name, Path(fields.faults.path).parent)
    except OutsideError as error:
        fields.fault(str(error), "extends")
    if place is None:
        fields.fault(f"extends: there is no file '{name}'", "extends")
    return place


_INHERITED = {
    "min-score": "min_score",
    "fail-on": "fail_on",
    "kubernetes-version": "kubernetes_version",
    "persona": "persona",
    "select": "select",
    "ignore": "ignore",
    "rules": "rule_folders",
    "allow-empty": "allow_empty",
    "unjudged": "unjudged",
    "charts": "charts",
    "repositories": "repositories",
    "helm-degraded": "helm_degraded",
}
"""The keys that a file takes from the one that it extends, each with its field. ``flux`` and ``argocd`` say what is so
in one repository, and limits may only be lowered, so neither is."""


def extended(file: ConfigFile, base: ConfigFile) -> ConfigFile:
    """A configuration with what another one says where it says nothing, and with the stricter floor of both."""
    has = file.fields.has if file.fields is not None else lambda _key: False
    taken: dict[str, Any] = {name: getattr(base, name) for key, name in _INHERITED.items() if not has(key)}
    hosts = tuple(dict.fromkeys((*file.pull_from, *base.pull_from)))
    shown, floor = file.shown or base.shown, file.floor.joined(base.floor)
    places = {**base.places, **file.places}
    return replace(file, **taken, places=places, shown=shown, floor=floor, pull_from=hosts)


def under_policy(
    file: ConfigFile | None, change: ConfigChange | None, path: Path, repository: Repository
) -> tuple[ConfigFile, ConfigChange | None]:
    """A configuration, and what the checkout makes of it, with the policy that the user names, which the checkout may
    have changed as well. Raises ConfigError, also for a policy that the scanned change may have altered."""
    is_inside = path.is_relative_to(repository.root)
    if is_inside and repository.trusted is None:
        advice = "name one outside of it, or a revision with --policy-from"
        raise ConfigError(f"--policy {path}: lies in the scanned repository, whose changes it is to hold; {advice}")
    policy = read_config(path, repository)
    whole = extended(file or ConfigFile(), policy)
    if change is None or change.own is None or not is_inside:
        return whole, change
    trusted = extended(change.trusted, policy)
    try:
        return whole, ConfigChange(trusted, extended(change.own, read_config(path, repository.as_changed())))
    except ConfigError as error:
        return whole, ConfigChange(trusted, None, _broken(path, error, repository))


def _read_alone(path: Path, repository: Repository) -> tuple[ConfigFile, Repository]:
    """What a file itself says, and the repository that what it names must lie in."""
    from kgate.yamltree.fields import UserFile

    is_inside = path.is_relative_to(repository.root)
    owner = repository if is_inside else Repository(Path(path.anchor))
    try:
        data = owner.policy_bytes(path)
    except OSError as error:
        advice = "name another file with --config, or write one with: kgate init"
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; {advice}") from None
    fields = UserFile.parse(data, str(path), ConfigError).fields()
    _refuse_programs(fields)
    fields.only(KNOWN, _OTHER_KEYS)
    severities = [severity.label for severity in reversed(Severity)]
    shown = repository.shown(path) if is_inside else path.as_posix()
    file = ConfigFile(
        shown=shown,
        fields=fields,
        min_score=threshold(fields, "min-score"),
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
        floor=parse_floor(fields, severities),
        pull_from=_pull_from(fields),
    )
    return file, owner


_PROGRAMS = ("helm-bin", "kubectl-bin", "kustomize-bin")
_OTHER_KEYS = {
    "addAllBuiltIn": "all rules are used; `select` lists the only ones to use",
    "baseline": "baselines are not supported yet; min-score sets the threshold",
    "check": "write select: [RULE, …]",
    "checks": "write select: [RULE, …], or ignore: [RULE, …]",
    "customChecks": "write rules of your own to a folder, and name it with rules: [FOLDER]",
    "exclude": "write what to leave out into .kgateignore, one pattern a line; `ignore` leaves out rules",
    "exclude-rules": "write ignore: [RULE, …]",
    "exemptions": "exemptions are not supported yet; `ignore` leaves out a rule everywhere, .kgateignore a file",
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
    "waivers": "waivers are not supported yet; `ignore` leaves out a rule everywhere, .kgateignore a file",
}
"""What keys in configurations of similar programs are in kgate."""

KNOWN = (
    "min-score",
    "fail-on",
    "kubernetes-version",
    "persona",
    "select",
    "ignore",
    "rules",
    "allow-empty",
    "unjudged",
    "charts",
    "repositories",
    "helm-degraded",
    "flux",
    "argocd",
    "extends",
    "floor",
    "pull-from",
    *(limit.key for limit in LIMITS),
)


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


def _charts(fields: FileFields, folder: Path, repository: Repository) -> tuple[ChartRequest, ...]:
    if not fields.has("charts"):
        return ()
    from kgate.rendering.helm.releases import parse_charts

    return tuple(parse_charts(fields, folder, repository))


def _limits(fields: FileFields) -> Iterator[tuple[Limit, AskedLimit]]:
    for limit in LIMITS:
        value = fields.number(limit.key, limit.least, limit.most, limit.unit)
        if value is not None:
            yield limit, AskedLimit(value, fields.line(limit.key))


def settle(
    options: Options, config: ConfigFile | None, repository: Repository, untrusted: UntrustedFolders
) -> Settings:
    """Flags and environment win over the file, the file over the defaults; but it may only lower limits.

    Raises ConfigError.
    """
    file = config or ConfigFile()
    min_scores = (options.min_score, file.min_score, DEFAULT_MIN_SCORE)
    fail_on = options.fail_on or file.fail_on
    own_folders = tuple(_named_folder(name, repository, untrusted) for name in options.rules)
    settings = Settings(
        repository=replace(open_repository(repository.root, file.repositories), trusted=repository.trusted),
        paths=options.paths or (".",),
        stdin_filename=options.stdin_filename or "<stdin>",
        min_score=file.floor.score(next(score for score in min_scores if score is not None)),
        fail_on=file.floor.severity(Severity.parse(fail_on) if fail_on else None),
        minor=file.floor.version(pss.parse_version(_version(options, file) or "latest")),
        persona=Persona.parse(options.persona or file.persona or Persona.GATE.label),
        select=options.select or file.select,
        ignore=options.ignore or file.ignore,
        never_ignore=file.floor.never_ignore,
        pull_from=file.pull_from,
        ignores_hosts=file.ignores_hosts,
        rule_folders=own_folders or file.rule_folders,
        allow_empty=_either(options.allow_empty, file.allow_empty),
        unjudged_passes=(options.unjudged or file.unjudged or UNJUDGED[0]) == "note",
        lists_files=options.files,
        jobs=options.jobs,
        timeout=_lower(TIMEOUT, options.timeout, file),
        notes=(*_notes(options, file), *_floor_notes(options, file)),
        rendering=replace(
            _render_settings(options, file, untrusted),
            fetched=open_fetched(repository, options.cache_dir, untrusted, is_filled=options.pull),
        ),
        origin=Provenance(file.shown, repository.trusted.title if repository.trusted else ""),
    )
    return replace(settings, stated=tuple(_stated(settings, options, file)))


def _stated(settings: Settings, options: Options, file: ConfigFile) -> Iterator[Setting]:
    """What decides about findings and the verdict, each with what set it: a flag or variable, else a file."""
    values: dict[str, Json] = {
        "min-score": settings.min_score,
        "fail-on": settings.fail_on.label if settings.fail_on else None,
        "kubernetes-version": f"1.{settings.minor}",
        "persona": settings.persona.label,
        "select": list(settings.select),
        "ignore": list(settings.ignore),
        "rules": [folder.shown for folder in settings.rule_folders],
        "allow-empty": settings.allow_empty,
        "unjudged": UNJUDGED[settings.unjudged_passes],
    }
    for key, value in values.items():
        name = key.replace("-", "_")
        given = getattr(options, name) not in (None, ())
        source = options.sources.get(name, f"--{key}") if given else file.places.get(key, DEFAULT)
        yield Setting(key, value, _raised(key, source, options, file))


def _raised(key: str, source: str, options: Options, file: ConfigFile) -> str:
    """The source of a setting, or that the floor of a policy raised it."""
    floor = file.floor
    min_score = file.min_score if options.min_score is None else options.min_score
    asked = min_score if min_score is not None else DEFAULT_MIN_SCORE
    fail_on = options.fail_on or file.fail_on
    severity = Severity.parse(fail_on) if fail_on else None
    minor = pss.parse_version(_version(options, file) or "latest")
    is_raised = {
        "min-score": floor.score(asked) != asked,
        "fail-on": floor.severity(severity) != severity,
        "kubernetes-version": floor.version(minor) != minor,
    }
    return "floor of the policy" if is_raised.get(key) else source


def _named_folder(name: str, repository: Repository, untrusted: UntrustedFolders) -> RuleFolder:
    """A folder of rules that a flag names; one in the repository is taken from the trusted revision. Raises
    RuleError."""
    place = repository.as_written(Path(name))
    if repository.trusted is None or not place.is_relative_to(repository.root):
        return RuleFolder.named(name, untrusted)
    return RuleFolder(repository.trusted.find(place) or place, name, repository)


def _either(given: bool | None, in_file: bool) -> bool:
    return in_file if given is None else given


def _version(options: Options, file: ConfigFile) -> str | None:
    return file.kubernetes_version if options.kubernetes_version is None else options.kubernetes_version


def _render_version(options: Options, file: ConfigFile) -> str | None:
    """The version that charts are rendered for; None if they may choose, as nobody names one."""
    version = _version(options, file)
    if version is None or version == "latest":
        return None
    asked = pss.parse_version(version)
    return version if file.floor.version(asked) == asked else f"1.{file.floor.minor}"


def _lower(limit: Limit, given: int | None, file: ConfigFile) -> int:
    """The limit that a flag or the environment sets, or its default, and less if the file says so."""
    most = limit.default if given is None else given
    asked = file.limits.get(limit)
    return min(most, asked.value) if asked else most


def _notes(options: Options, file: ConfigFile) -> Iterator[Note]:
    """What the file asks for and does not get."""
    given = {TIMEOUT: options.timeout, RENDER_TIMEOUT: options.render_timeout, RENDER_MEMORY: options.render_memory}
    for limit, asked in file.limits.items():
        got = _lower(limit, given[limit], file)
        if asked.value > got:
            message = f"{limit.key} stays at {got} {limit.unit}: a file may only lower it; --{limit.key} raises it"
            yield Note(file.shown, asked.line, message)


def _floor_notes(options: Options, file: ConfigFile) -> Iterator[Note]:
    """What is asked for and lies below the floor of a policy."""
    floor = file.floor

    def told(message: str, *names: str | int) -> Note:
        is_in_file = file.fields is not None and file.fields.has(str(names[0]))
        line = file.fields.line(*names) if file.fields is not None and is_in_file else None
        return Note(file.shown or ".", line, f"{message}, as the policy wants")

    score = file.min_score if options.min_score is None else options.min_score
    if score is not None and floor.score(score) != score:
        yield told(f"min-score stays at {floor.score(score)}", "min-score")
    fail_on = options.fail_on or file.fail_on
    severity = floor.severity(Severity.parse(fail_on)) if fail_on else None
    if severity is not None and severity.label != fail_on:
        yield told(f"fail-on stays at {severity.label}", "fail-on")
    version = _version(options, file)
    if version is not None and floor.version(pss.parse_version(version)) != pss.parse_version(version):
        yield told(f"kubernetes-version stays at 1.{floor.minor}", "kubernetes-version")
    for index, name in enumerate(options.ignore or file.ignore):
        if name in floor.never_ignore:
            yield told(f"{name} is not ignored", "ignore", index)
    select = options.select or file.select
    for name in floor.never_ignore if select else ():
        if name not in select:
            yield told(f"{name} is used, too", "select")


def _render_settings(options: Options, file: ConfigFile, untrusted: UntrustedFolders) -> RenderSettings:
    """What steers rendering. Programs, and what opens the network, are taken from flags and environment alone: a pull
    request may change the file."""
    programs = {"helm": options.helm_bin, "kubectl": options.kubectl_bin, "kustomize": options.kustomize_bin}
    render_options = RenderOptions(
        helm_dependency_build=options.helm_dependency_build,
        value_variants=options.variants == "values",
        helm_degraded=_either(options.helm_degraded, file.helm_degraded),
        allow_remote=options.allow_remote,
        seconds=_lower(RENDER_TIMEOUT, options.render_timeout, file),
        memory=_lower(RENDER_MEMORY, options.render_memory, file) << 20,
        kubernetes_version=_render_version(options, file),
    )
    environment = with_secrets(file.environment, _flux_variables(options.flux_variables, untrusted))
    named = tuple(chart for chart in file.charts if chart.is_named)
    matched = tuple(chart for chart in file.charts if not chart.is_named)
    return RenderSettings(render_options, programs, named, matched, environment)


def _flux_variables(path: Path | None, untrusted: UntrustedFolders) -> dict[str, str]:
    """The variables of the dotenv file that the user names. Raises ConfigError, which shows nothing of it."""
    if path is None:
        return {}
    try:
        return read_dotenv(read_bytes(untrusted.resolve(path)).decode())
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def selected_ids(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The ids of the rules that findings come from. Raises RuleError for an id that no rule has."""
    known = tuple(rules)
    for name in (*settings.select, *settings.ignore, *settings.never_ignore):
        find(known, name)
    return frozenset(chosen_ids(known, settings.persona, settings.select, settings.ignore) | {*settings.never_ignore})


def ignored_ids(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The ids of the rules that were used but for ``ignore``."""
    known = tuple(rules)
    return frozenset(chosen_ids(known, settings.persona, settings.select, ())) - selected_ids(known, settings)


def chosen_ids(rules: Iterable[Rule], persona: Persona, select: Iterable[str], ignore: Iterable[str]) -> set[str]:
    """The ids of the rules that a persona uses, or of those that are selected by name, without those to ignore."""
    named = {*select}
    chosen = {rule.id for rule in rules if (rule.id in named if named else rule.persona <= persona)}
    return chosen - {*ignore}
