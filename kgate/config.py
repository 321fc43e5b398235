"""kgate.yaml + environment + flags -> Settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgate import manifest, pss
from kgate.errors import ConfigError
from kgate.model import Json, Rule, Severity
from kgate.rules import find
from kgate.sources.files import CONFIG_NAMES, find_root
from kgate.sources.requests import DEFAULT_MEMORY, DEFAULT_SECONDS, ChartRequest, RenderOptions, RenderSettings
from kgate.textfile import read_bytes

DEFAULT_MIN_SCORE = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """What a scan needs to know; paths are as given, rule folders come with the name to show."""

    paths: tuple[str, ...] = (".",)
    stdin_filename: str = "<stdin>"
    min_score: int = DEFAULT_MIN_SCORE
    fail_on: Severity | None = None
    minor: int = pss.NEWEST_MINOR
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rule_folders: tuple[tuple[Path, str], ...] = ()
    allow_empty: bool = False
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
    render_timeout: float | None = None
    render_memory: int | None = None


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The fields of a kgate.yaml, checked, the folder that its paths start from, and its charts with releases."""

    folder: Path
    values: Mapping[str, Json]
    charts: tuple[ChartRequest, ...] = ()


def find_config(paths: Sequence[str], root: Path) -> Path | None:
    """The configuration nearest to the first path: in its folder or one above, up to the root."""
    first = Path(paths[0] if paths and paths[0] != "-" else ".").resolve()
    for folder in (first, *first.parents):
        for name in CONFIG_NAMES:
            if (folder / name).is_file():
                return folder / name
        if folder == root:
            return None
    return None


def read_config(path: Path) -> ConfigFile:
    """The checked fields of a configuration file. Raises ConfigError with file and line."""
    try:
        roots = list(manifest.compose(manifest.decode(read_bytes(path))))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except manifest.ManifestError as error:
        raise ConfigError(f"{path}:{error.line}: {error}") from None
    if not roots or roots[0].value is None:
        return ConfigFile(path.parent, {})
    root = roots[0]
    if root.fields is None or len(roots) > 1:
        raise ConfigError(f"{path}: a configuration holds one mapping, such as 'min-score: 60'")
    charts: tuple[ChartRequest, ...] = ()
    for key, (mark, _, node) in root.fields.items():
        problem = _complaint(key, node.value)
        if not problem and key == "charts" and node.value is not None:
            from kgate.sources.releases import parse_charts

            try:
                charts = parse_charts(node.value, path.parent)
            except ValueError as error:
                problem = str(error)
        if problem:
            raise ConfigError(f"{path}:{mark.line + 1}: {problem}")
    return ConfigFile(path.parent, root.value, charts)


def _is_strings(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_score(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100


def _is_positive(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_program(value: Json) -> bool:
    """A pull request may change the configuration: it must not make kgate run a program of its own."""
    if not isinstance(value, str):
        return False
    return value == os.path.basename(value) or os.path.isabs(value)


_PROGRAM = "the name of a program on PATH, or an absolute path outside the repository"

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
    "helm-bin": (_is_program, _PROGRAM),
    "kubectl-bin": (_is_program, _PROGRAM),
    "kustomize-bin": (_is_program, _PROGRAM),
    "helm-degraded": (lambda v: isinstance(v, bool), "true or false"),
    "render-timeout": (_is_positive, "a number of seconds"),
    "render-memory": (_is_positive, "a number of MiB"),
}


def _complaint(key: str, value: Json) -> str | None:
    if key not in _FIELDS:
        import difflib

        near = difflib.get_close_matches(key, list(_FIELDS), n=1)
        return f"unknown field '{key}'" + (f"; did you mean '{near[0]}'?" if near else "")
    holds, wanted = _FIELDS[key]
    return None if value is None or holds(value) else f"'{key}' must be {wanted}"


def settle(options: Options, config: ConfigFile | None) -> Settings:
    """Flags and environment win over the file, the file over the defaults. Raises ConfigError."""
    values: Mapping[str, Any] = config.values if config else {}
    folder = config.folder if config else Path()

    def pick(given: Any, key: str, default: Any) -> Any:
        return values.get(key, default) if given in (None, ()) else given

    fail_on = pick(options.fail_on, "fail-on", None)
    own_folders = [(Path(name), name) for name in options.rules]
    file_folders = [(folder / name, name) for name in values.get("rules") or ()]
    return Settings(
        paths=options.paths or (".",),
        stdin_filename=options.stdin_filename or "<stdin>",
        min_score=pick(options.min_score, "min-score", DEFAULT_MIN_SCORE),
        fail_on=Severity.parse(fail_on) if fail_on else None,
        minor=pss.parse_version(pick(options.kubernetes_version, "kubernetes-version", "latest")),
        select=tuple(pick(options.select, "select", ())),
        ignore=tuple(pick(options.ignore, "ignore", ())),
        rule_folders=tuple(own_folders or file_folders),
        allow_empty=bool(pick(options.allow_empty, "allow-empty", False)),
        rendering=_render_settings(options, config, pick),
    )


def _render_settings(
    options: Options, config: ConfigFile | None, pick: Callable[[Any, str, Any], Any]
) -> RenderSettings:
    """What steers rendering. What opens the network is taken from flags alone: a pull request may change the file."""
    given = {"helm": options.helm_bin, "kubectl": options.kubectl_bin, "kustomize": options.kustomize_bin}
    programs = {name: value or _own_program(f"{name}-bin", config) for name, value in given.items()}
    render_options = RenderOptions(
        helm_dependency_build=options.helm_dependency_build,
        helm_degraded=bool(pick(options.helm_degraded, "helm-degraded", False)),
        allow_remote=options.allow_remote,
        seconds=pick(options.render_timeout, "render-timeout", DEFAULT_SECONDS),
        memory=pick(options.render_memory, "render-memory", DEFAULT_MEMORY >> 20) << 20,
        kubernetes_version=pick(options.kubernetes_version, "kubernetes-version", None),
    )
    if config is None:
        return RenderSettings(render_options, programs)
    return RenderSettings(render_options, programs, config.charts, tuple(config.values.get("repositories") or ()))


def _own_program(key: str, config: ConfigFile | None) -> str | None:
    """A program that the configuration names. Raises ConfigError if it lies in the repository."""
    value = config.values.get(key) if config else None
    if not isinstance(value, str) or config is None:
        return None
    if os.path.isabs(value) and Path(os.path.realpath(value)).is_relative_to(find_root([config.folder])):
        raise ConfigError(f"{config.folder}: '{key}' must be {_PROGRAM}; name {value} with --{key} if you trust it")
    return value


def selected_ids(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The ids of the rules that findings come from. Raises RuleError for an id that no rule has."""
    known = tuple(rules)
    chosen = {find(known, name).id for name in settings.select} or {rule.id for rule in known}
    return frozenset(chosen - {find(known, name).id for name in settings.ignore})
