"""Flags, variables and files -> Settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kgate.config.file import UNJUDGED, ConfigFile
from kgate.config.find import nearest_baseline
from kgate.config.settings import DEFAULT_MIN_SCORE, Options, Settings
from kgate.elsewhere.fetched import open_fetched
from kgate.environment import read_dotenv, with_secrets
from kgate.errors import ConfigError
from kgate.kubernetes import pss
from kgate.limits import RENDER_MEMORY, RENDER_TIMEOUT, TIMEOUT, Limit
from kgate.model import DEFAULT, Json, Note, Persona, Provenance, Setting, Severity
from kgate.policy.floor import Floor
from kgate.rendering.requests import RenderOptions, RenderSettings
from kgate.repository import Repository, UntrustedFolders, open_repository
from kgate.rules.load import RuleFolder
from kgate.textfile import read_bytes
from kgate.waiverfile import WaiverSettings
from kgate.waiverfile import check as check_waivers

if TYPE_CHECKING:
    from kgate.baselinefile import BaselineFile
    from kgate.gates import OwnBar

T = TypeVar("T")


def settle(
    options: Options, config: ConfigFile | None, repository: Repository, untrusted: UntrustedFolders
) -> Settings:
    """Flags and environment win over the file, the file over the defaults; but it may only lower limits.

    Raises ConfigError.
    """
    file = config or ConfigFile()
    check_waivers(file.waivers, options.today)
    min_scores = (options.min_score, file.min_score, DEFAULT_MIN_SCORE)
    fail_on = options.fail_on or file.fail_on
    own_folders = tuple(_named_folder(name, repository, untrusted) for name in options.rules)
    settings = Settings(
        repository=replace(open_repository(repository.root, file.repositories), trusted=repository.trusted),
        paths=options.paths or (".",),
        stdin_filename=options.stdin_filename or "<stdin>",
        min_score=file.floor.score(next(score for score in min_scores if score is not None)),
        level=pss.asked(file.floor.pss_level(options.level or file.level)),
        fail_on=file.floor.severity(Severity.parse(fail_on) if fail_on else None),
        minor=file.floor.version(pss.parse_version(_version(options, file) or "latest")),
        persona=Persona.parse(options.persona or file.persona or Persona.GATE.label),
        select=options.select or file.select,
        ignore=options.ignore or file.ignore,
        never_ignore=file.floor.never_ignore,
        pull_from=file.pull_from,
        ignores_hosts=file.ignores_hosts,
        gates=tuple(_own_bar(entry, options, file.floor) for entry in file.gates),
        clusters=file.clusters,
        baseline=_baseline(options, file, repository, untrusted),
        rule_settings=file.rule_settings,
        rule_folders=own_folders or file.rule_folders,
        allow_empty=_either(options.allow_empty, file.allow_empty),
        unjudged_passes=(options.unjudged or file.unjudged or UNJUDGED[0]) == "note",
        lists_files=options.files,
        jobs=options.jobs,
        timeout=lowered(TIMEOUT, options.timeout, file),
        notes=(*_notes(options, file), *_floor_notes(options, file), *_gate_notes(options, file)),
        rendering=replace(
            _render_settings(options, file, untrusted),
            fetched=open_fetched(repository, options.cache_dir, untrusted, is_filled=options.pull),
        ),
        waivers=WaiverSettings(file.waivers, options.today, file.floor.never_waive),
        origin=Provenance(file.shown, repository.trusted.title if repository.trusted else ""),
    )
    return replace(settings, stated=tuple(_stated(settings, options, file)))


def _own_bar(entry: OwnBar, options: Options, floor: Floor) -> OwnBar:
    """An entry of ``gates`` without what a flag or variable says for all workloads, and not below the floor."""

    def held(value: T | None, given: object, raised: Callable[[T], T | None]) -> T | None:
        return None if value is None or given is not None else raised(value)

    return replace(
        entry,
        min_score=held(entry.min_score, options.min_score, floor.score),
        level=held(entry.level, options.level, floor.pss_level),
        fail_on=held(entry.fail_on, options.fail_on, floor.severity),
        minor=held(entry.minor, options.kubernetes_version, floor.version),
    )


def _gate_notes(options: Options, file: ConfigFile) -> Iterator[Note]:
    """What entries of ``gates`` ask for and do not get."""
    if not file.gates:
        return
    from kgate.gates import GATE_KEYS, gate_json

    for number, entry in enumerate(file.gates):
        own, raised = _own_bar(entry, options, Floor()), _own_bar(entry, options, file.floor)
        for key, name in GATE_KEYS.items():
            flag = options.sources.get(key.replace("-", "_"), f"--{key}")
            place = f"{key} of gates[{number}]"
            if getattr(own, name) != getattr(entry, name):
                yield Note(entry.path, entry.lines[key], f"{place} counts for nothing, as {flag} says it for all")
            elif getattr(raised, name) != getattr(own, name):
                shown = gate_json(raised)[key]
                yield Note(entry.path, entry.lines[key], f"{place} stays at {shown}, as the policy wants")


def _baseline(
    options: Options, file: ConfigFile, repository: Repository, untrusted: UntrustedFolders
) -> BaselineFile | None:
    """The baseline that a flag names, else the configuration, else the nearest one with the usual name. Raises
    ConfigError."""
    if options.no_baseline or (options.baseline is None and file.baseline is not None):
        return None if options.no_baseline else file.baseline
    path = options.baseline or nearest_baseline(options.paths, repository)
    if path is None:
        return None
    from kgate.baselinefile import flagged

    return flagged(path, repository, untrusted)


def _gates_json(settings: Settings) -> Json:
    if not settings.gates:
        return []
    from kgate.gates import gate_json

    return [gate_json(entry) for entry in settings.gates]


def _clusters_json(settings: Settings) -> Json:
    if not settings.clusters:
        return []
    from kgate.sources.clusters import clusters_json

    return clusters_json(settings.clusters)


def _rule_settings_json(settings: Settings) -> Json:
    if not settings.rule_settings:
        return {}
    from kgate.rules.tuning import settings_json

    return settings_json(settings.rule_settings)


def _stated(settings: Settings, options: Options, file: ConfigFile) -> Iterator[Setting]:
    """What decides about findings and the verdict, each with what set it: a flag or variable, else a file."""
    values: dict[str, Json] = {
        "min-score": settings.min_score,
        "level": settings.level or None,
        "fail-on": settings.fail_on.label if settings.fail_on else None,
        "kubernetes-version": f"1.{settings.minor}",
        "persona": settings.persona.label,
        "select": list(settings.select),
        "ignore": list(settings.ignore),
        "rules": [folder.shown for folder in settings.rule_folders],
        "allow-empty": settings.allow_empty,
        "unjudged": UNJUDGED[settings.unjudged_passes],
        "baseline": settings.baseline.shown if settings.baseline else None,
        "gates": _gates_json(settings),
        "clusters": _clusters_json(settings),
        "rule-settings": _rule_settings_json(settings),
    }
    for key, value in values.items():
        name = key.replace("-", "_")
        given = getattr(options, name, None) not in (None, ())
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
        "level": floor.pss_level(options.level or file.level) != (options.level or file.level),
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


def lowered(limit: Limit, given: int | None, file: ConfigFile) -> int:
    """The limit that a flag or the environment sets, or its default, and less if the file says so."""
    most = limit.default if given is None else given
    asked = file.limits.get(limit)
    return min(most, asked.value) if asked else most


def _notes(options: Options, file: ConfigFile) -> Iterator[Note]:
    """What the file asks for and does not get."""
    given = {TIMEOUT: options.timeout, RENDER_TIMEOUT: options.render_timeout, RENDER_MEMORY: options.render_memory}
    for limit, asked in file.limits.items():
        got = lowered(limit, given[limit], file)
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
    level = options.level or file.level
    if level is not None and floor.pss_level(level) != level:
        yield told(f"level stays at {floor.pss_level(level)}", "level")
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
        seconds=lowered(RENDER_TIMEOUT, options.render_timeout, file),
        memory=lowered(RENDER_MEMORY, options.render_memory, file) << 20,
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
