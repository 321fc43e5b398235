"""kgate.yaml + environment + flags -> Settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgate import manifest, pss
from kgate.errors import ConfigError
from kgate.model import Json, Rule, Severity
from kgate.rules import find
from kgate.sources.files import CONFIG_NAMES
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


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The fields of a kgate.yaml, checked, and the folder that its paths start from."""

    folder: Path
    values: Mapping[str, Json]


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
    for key, (mark, _, node) in root.fields.items():
        problem = _complaint(key, node.value)
        if problem:
            raise ConfigError(f"{path}:{mark.line + 1}: {problem}")
    return ConfigFile(path.parent, root.value)


def _is_strings(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_score(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100


_FIELDS: dict[str, tuple[Callable[[Json], bool], str]] = {
    "min-score": (_is_score, "a whole number from 0 to 100"),
    "fail-on": (lambda v: v in [s.label for s in Severity], "one of critical, high, medium, low"),
    "kubernetes-version": (lambda v: isinstance(v, str), "a version in quotes, such as '1.30'"),
    "select": (_is_strings, "a list of rule ids"),
    "ignore": (_is_strings, "a list of rule ids"),
    "rules": (_is_strings, "a list of folders with rule files"),
    "allow-empty": (lambda v: isinstance(v, bool), "true or false"),
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
    )


def selected_ids(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The ids of the rules that findings come from. Raises RuleError for an id that no rule has."""
    known = tuple(rules)
    chosen = {find(known, name).id for name in settings.select} or {rule.id for rule in known}
    return frozenset(chosen - {find(known, name).id for name in settings.ignore})
