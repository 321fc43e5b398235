"""Lists every setting with what set it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from kgate.config.file import KNOWN, ConfigFile
from kgate.config.settings import Options, Settings
from kgate.config.settle import lowered
from kgate.limits import RENDER_MEMORY, RENDER_TIMEOUT, TIMEOUT
from kgate.model import DEFAULT, Json, Location, Setting

OF_ONE_RUN = ("paths", "stdin_filename", "files", "no_baseline", "today", "sources")
"""Options that are no settings."""


def every_setting(settings: Settings, options: Options, file: ConfigFile) -> tuple[Setting, ...]:
    """All settings: those that a file may have, in the order of its documentation, then those of flags alone."""
    known = {one.name: one for one in settings.stated}
    known |= {one.name: one for one in _others(settings, options, file)}
    own = (one.name.replace("_", "-") for one in fields(options) if one.name not in OF_ONE_RUN)
    flags = [name for name in own if name not in known]
    return (*(known[key] for key in KNOWN), *(_of_flag(name, options) for name in sorted(flags)))


def _others(settings: Settings, options: Options, file: ConfigFile) -> Iterator[Setting]:
    """The settings of files that reports do not tell."""
    repository, rendering = settings.repository, settings.rendering.options
    values: Mapping[str, Json] = {
        "charts": [repository.shown(request.chart) for request in file.charts],
        "repositories": list(file.repositories),
        "helm-degraded": rendering.helm_degraded,
        "flux": _stated({"variables": sorted(file.environment.variables)}),
        "argocd": _stated(
            {
                "clusters": [cluster.name for cluster in file.environment.clusters or ()],
                "plugins": dict(file.environment.plugins),
            }
        ),
        "extends": file.fields.text("extends") or None if file.fields is not None else None,
        "floor": _floor(file),
        "pull-from": list(settings.pull_from),
        "waivers": [_place(written.entry.location) for written in settings.waivers.file.entries],
    }
    stated = {one.name for one in settings.stated}
    for key, value in values.items():
        if key not in stated:
            yield Setting(key, value, _source(key, options, file))
    limits = {TIMEOUT: settings.timeout, RENDER_TIMEOUT: rendering.seconds, RENDER_MEMORY: rendering.memory >> 20}
    for limit, value in limits.items():
        given = getattr(options, limit.key.replace("-", "_"))
        by_file = limit in file.limits and file.limits[limit].value == value != lowered(limit, given, ConfigFile())
        yield Setting(limit.key, value, file.places[limit.key] if by_file else _flag(limit.key, options) or DEFAULT)


def _floor(file: ConfigFile) -> dict[str, Json]:
    floor = file.floor
    values: dict[str, Json] = {
        "min-score": floor.min_score,
        "level": floor.level,
        "fail-on": floor.fail_on.label if floor.fail_on else None,
        "kubernetes-version": f"1.{floor.minor}" if floor.minor is not None else None,
        "never-ignore": list(floor.never_ignore),
        "never-waive": list(floor.never_waive),
    }
    return _stated(values)


def _stated(values: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in values.items() if value not in (None, [], {})}


def _place(location: Location) -> str:
    return f"{location.path}:{location.start.line}"


def _of_flag(name: str, options: Options) -> Setting:
    value = getattr(options, name.replace("-", "_"))
    shown: Json = value if value is None or isinstance(value, (bool, int)) else str(value)
    return Setting(name, shown, _flag(name, options) or DEFAULT)


def _source(key: str, options: Options, file: ConfigFile) -> str:
    return _flag(key, options) or file.places.get(key, DEFAULT)


def _flag(key: str, options: Options) -> str:
    """The flag or variable that sets something; empty if none does."""
    name = key.replace("-", "_")
    given = getattr(options, name, None)
    return "" if given in (None, (), False) else options.sources.get(name, f"--{key}")
