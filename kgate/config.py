"""kgate.yaml + environment + flags -> Settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgate.errors import ConfigError
from kgate.kubernetes import pss
from kgate.limits import LIMITS, RENDER_MEMORY, RENDER_TIMEOUT, TIMEOUT, Limit
from kgate.model import Json, Note, Rule, Severity
from kgate.rendering.requests import ChartRequest, RenderOptions, RenderSettings
from kgate.repository import CONFIG_NAMES, OutsideError, Repository, UntrustedFolders, open_repository
from kgate.rules.load import RuleFolder, find
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.text import decode

DEFAULT_MIN_SCORE = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """What a scan needs to know: the repository that is scanned, and the paths in it, as given.

    ``timeout`` is the wall time of the whole run in seconds, ``jobs`` how many processes judge (None: one for each
    processor); ``notes`` say what the configuration asks for and does not get.
    """

    repository: Repository
    paths: tuple[str, ...] = (".",)
    stdin_filename: str = "<stdin>"
    min_score: int = DEFAULT_MIN_SCORE
    fail_on: Severity | None = None
    minor: int = pss.NEWEST_MINOR
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rule_folders: tuple[RuleFolder, ...] = ()
    allow_empty: bool = False
    timeout: float = TIMEOUT.default
    jobs: int | None = None
    notes: tuple[Note, ...] = ()
    rendering: RenderSettings = field(default_factory=RenderSettings)


@dataclass(frozen=True, slots=True)
class Options:
    """The same as flags or the environment gave it; None or empty where they are silent."""

    paths: tuple[str, ...] = ()
    stdin_filename: str | None = None
    min_score: int | None = None
    fail_on: str | None = None
    kubernetes_version: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    allow_empty: bool | None = None
    helm_bin: str | None = None
    kubectl_bin: str | None = None
    kustomize_bin: str | None = None
    helm_dependency_build: bool = False
    helm_degraded: bool | None = None
    allow_remote: bool = False
    timeout: int | None = None
    jobs: int | None = None
    render_timeout: int | None = None
    render_memory: int | None = None


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The fields of a kgate.yaml, checked: ``shown`` is its name in reports, ``lines`` has the line of each field."""

    shown: str
    values: Mapping[str, Json]
    lines: Mapping[str, int]
    charts: tuple[ChartRequest, ...] = ()
    rule_folders: tuple[RuleFolder, ...] = ()


def find_config(paths: Sequence[str], root: Path) -> Path | None:
    """The configuration nearest to the first path: in its folder or one above, up to the root."""
    first = Path(os.path.realpath(paths[0] if paths and paths[0] != "-" else "."))
    for folder in (first, *first.parents):
        for name in CONFIG_NAMES:
            if (folder / name).is_file() or (folder / name).is_symlink():
                return folder / name
        if folder == root:
            return None
    return None


def named_config(path: Path, untrusted: UntrustedFolders) -> Path:
    """The real path of the configuration that the user names. Raises ConfigError if a link leads it astray."""
    try:
        return untrusted.resolve(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def read_config(path: Path, repository: Repository) -> ConfigFile:
    """The checked fields of a configuration file, found in the scanned repository or named by the user.

    What it names must lie in the repository, unless the file lies elsewhere, where no pull request changes it.
    Raises ConfigError with file and line.
    """
    is_inside = path.is_relative_to(repository.root)
    owner = repository if is_inside else Repository(Path(path.anchor))
    shown = repository.shown(path) if is_inside else path.as_posix()
    root = _root(path, owner)
    if root is None:
        return ConfigFile(shown, {}, {})
    lines = {key: mark.line + 1 for key, (mark, _, _) in (root.fields or {}).items()}
    charts: tuple[ChartRequest, ...] = ()
    folders: tuple[RuleFolder, ...] = ()
    for key, line in lines.items():
        value = root.value.get(key)
        try:
            _check(key, value)
            if key == "charts" and value is not None:
                from kgate.rendering.helm.releases import parse_charts

                charts = parse_charts(value, path.parent, repository)
            if key == "rules":
                folders = tuple(_rule_folder(name, path.parent, owner, repository) for name in value or ())
        except (ValueError, OutsideError) as error:
            raise ConfigError(f"{path}:{line}: {error}") from None
    return ConfigFile(shown, root.value, lines, charts, folders)


def _root(path: Path, owner: Repository) -> Node | None:
    """The one mapping of a configuration file; None if it is empty. Raises ConfigError."""
    try:
        roots = list(compose(decode(owner.read_bytes(path))))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except ManifestError as error:
        raise ConfigError(f"{path}:{error.line}: {error}") from None
    if not roots or (len(roots) == 1 and roots[0].value is None):
        return None
    if roots[0].fields is None or len(roots) > 1:
        raise ConfigError(f"{path}: a configuration holds one mapping, such as 'min-score: 60'")
    return roots[0]


def _rule_folder(name: str, base: Path, owner: Repository, scanned: Repository) -> RuleFolder:
    """A folder that a configuration names. Raises OutsideError if it leaves the repository of that configuration."""
    found = owner.find(name, base)
    place = found or base / name.replace("\0", "")
    return RuleFolder(place, name, owner if owner is scanned else Repository(place))


def _is_strings(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_score(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100


def _is_within(limit: Limit) -> Callable[[Json], bool]:
    def holds(value: Json) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and limit.least <= value <= limit.most

    return holds


_FIELDS: dict[str, tuple[Callable[[Json], bool], str]] = {
    "min-score": (_is_score, "a whole number from 0 to 100"),
    "fail-on": (lambda v: v in [s.label for s in Severity], "one of critical, high, medium, low"),
    "kubernetes-version": (lambda v: isinstance(v, str), "a version in quotes, such as '1.30'"),
    "select": (_is_strings, "a list of rule ids"),
    "ignore": (_is_strings, "a list of rule ids"),
    "rules": (_is_strings, "a list of folders with rule files"),
    "allow-empty": (lambda v: isinstance(v, bool), "true or false"),
    "charts": (lambda v: isinstance(v, list), "a list of charts, each with a path and its releases"),
    "repositories": (_is_strings, "a list of URLs by which Argo CD and Flux name this repository"),
    "helm-degraded": (lambda v: isinstance(v, bool), "true or false"),
    **{
        limit.key: (_is_within(limit), f"a whole number of {limit.unit} from {limit.least:,} to {limit.most:,}")
        for limit in LIMITS
    },
}

_PROGRAMS = ("helm-bin", "kubectl-bin", "kustomize-bin")


def _check(key: str, value: Json) -> None:
    """Raises ValueError for an unknown field, for one that no file may set, and for a value that does not fit."""
    if key in _PROGRAMS:
        flag = f"--{key}, or with KGATE_SCAN_{key.upper().replace('-', '_')}"
        raise ValueError(f"'{key}' is not taken from a file, which a pull request may change; name it with {flag}")
    if key not in _FIELDS:
        import difflib

        near = difflib.get_close_matches(key, list(_FIELDS), n=1)
        raise ValueError(f"unknown field '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    holds, wanted = _FIELDS[key]
    if value is not None and not holds(value):
        raise ValueError(f"'{key}' must be {wanted}")


def settle(
    options: Options, config: ConfigFile | None, repository: Repository, untrusted: UntrustedFolders
) -> Settings:
    """Flags and environment win over the file, the file over the defaults; but it may only lower limits.

    Raises ConfigError.
    """
    values: Mapping[str, Any] = config.values if config else {}

    def pick(given: Any, key: str, default: Any) -> Any:
        return values.get(key, default) if given in (None, ()) else given

    fail_on = pick(options.fail_on, "fail-on", None)
    own_folders = tuple(RuleFolder.named(name, untrusted) for name in options.rules)
    return Settings(
        repository=open_repository(repository.root, tuple(values.get("repositories") or ())),
        paths=options.paths or (".",),
        stdin_filename=options.stdin_filename or "<stdin>",
        min_score=pick(options.min_score, "min-score", DEFAULT_MIN_SCORE),
        fail_on=Severity.parse(fail_on) if fail_on else None,
        minor=pss.parse_version(pick(options.kubernetes_version, "kubernetes-version", "latest")),
        select=tuple(pick(options.select, "select", ())),
        ignore=tuple(pick(options.ignore, "ignore", ())),
        rule_folders=own_folders or (config.rule_folders if config else ()),
        allow_empty=bool(pick(options.allow_empty, "allow-empty", False)),
        jobs=options.jobs,
        timeout=_limited(TIMEOUT, options.timeout, values),
        notes=tuple(_notes(options, config)) if config else (),
        rendering=_render_settings(options, config, pick),
    )


def _limited(limit: Limit, given: int | None, values: Mapping[str, Any]) -> int:
    """The limit by flag or environment, or its default, and less if the file says so."""
    most = limit.default if given is None else given
    return int(min(most, values.get(limit.key, most)))


def _notes(options: Options, config: ConfigFile) -> Iterator[Note]:
    """What the file asks for and does not get."""
    given = {TIMEOUT: options.timeout, RENDER_TIMEOUT: options.render_timeout, RENDER_MEMORY: options.render_memory}
    for limit, flag in given.items():
        most = limit.default if flag is None else flag
        asked = config.values.get(limit.key, most)
        if asked > most:
            message = f"'{limit.key}' stays at {most} {limit.unit}: a file may only lower it; --{limit.key} raises it"
            yield Note(config.shown, config.lines[limit.key], message)


def _render_settings(
    options: Options, config: ConfigFile | None, pick: Callable[[Any, str, Any], Any]
) -> RenderSettings:
    """What steers rendering. Programs, and what opens the network, are taken from flags and environment alone: a pull
    request may change the file."""
    values: Mapping[str, Any] = config.values if config else {}
    programs = {"helm": options.helm_bin, "kubectl": options.kubectl_bin, "kustomize": options.kustomize_bin}
    render_options = RenderOptions(
        helm_dependency_build=options.helm_dependency_build,
        helm_degraded=bool(pick(options.helm_degraded, "helm-degraded", False)),
        allow_remote=options.allow_remote,
        seconds=_limited(RENDER_TIMEOUT, options.render_timeout, values),
        memory=_limited(RENDER_MEMORY, options.render_memory, values) << 20,
        kubernetes_version=pick(options.kubernetes_version, "kubernetes-version", None),
    )
    charts = config.charts if config else ()
    return RenderSettings(render_options, programs, charts)


def selected_ids(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The ids of the rules that findings come from. Raises RuleError for an id that no rule has."""
    known = tuple(rules)
    chosen = {find(known, name).id for name in settings.select} or {rule.id for rule in known}
    return frozenset(chosen - {find(known, name).id for name in settings.ignore})
