"""Rule files -> Rule: found in folders, read, validated. Their format: CONTRIBUTING.md."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgate.errors import RuleError
from kgate.model import Example, Json, PssCheck, Reference, Rule, Severity, Versions
from kgate.repository import Repository, UntrustedFolders
from kgate.rules import cel, fieldpath
from kgate.textfile import read_bytes
from kgate.yamltree.nodes import ManifestError, Node, compose

TARGETS = ("container", "pod", "resource")
PSS_LEVELS = ("baseline", "restricted")
_REQUIRED = (
    "id",
    "title",
    "severity",
    "points",
    "target",
    "expression",
    "message",
    "rationale",
    "remediation",
    "examples",
)
_OPTIONAL = ("pss", "kubernetes", "each", "kinds", "fields", "includes", "references", "tags", "equivalents")
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VERSION_BOUND = re.compile(r"(>=|<)1\.(\d+)")
_PATH = re.compile(r"[A-Za-z_][\w-]*(\[\*\]|\.\*)?(\.[A-Za-z_][\w-]*(\[\*\]|\.\*)?)*")


def builtin_folder() -> Path:
    """The folder of kgate's own rules: in the wheel inside the package, in a clone beside it."""
    package = Path(__file__).parent.parent
    packaged = package / "builtin_rules"
    return packaged if packaged.is_dir() else package.parent / "rules"


@dataclass(frozen=True, slots=True)
class RuleFolder:
    """A folder with rules of the user, the name to show for it, and what holds all files that are read."""

    path: Path
    shown: str
    repository: Repository

    @classmethod
    def named(cls, name: str, untrusted: UntrustedFolders) -> RuleFolder:
        """A folder that a flag names. Raises RuleError if a symbolic link of the repository leads out of it."""
        try:
            path = untrusted.resolve(Path(name))
        except OSError as error:
            raise RuleError(f"{name}: {error.strerror}") from None
        return cls(path, name, Repository(path))


def load(folders: Iterable[RuleFolder] = (), *, builtin: bool = True) -> tuple[Rule, ...]:
    """All rules, sorted by id: kgate's own and those of the given folders.

    Raises RuleError with file and line for the first thing wrong.
    """
    rules: dict[str, Rule] = {}
    found = [*(_own() if builtin else ()), *(rule for folder in folders for rule in _of_user(folder))]
    for rule in found:
        if rule.id in rules:
            raise RuleError(f"{rule.path}: the id '{rule.id}' is taken by {rules[rule.id].path}; rename this rule")
        rules[rule.id] = rule
    for rule in rules.values():
        _check_includes(rule, rules)
    return tuple(rules[name] for name in sorted(rules))


def _own() -> Iterator[Rule]:
    """kgate's own rules, which were checked when they were written."""
    for path in _files(builtin_folder(), "rules"):
        yield read_rule(read_bytes(path), path.stem, f"rules/{path.name}", compiled=True)


def _of_user(folder: RuleFolder) -> Iterator[Rule]:
    for path in _files(folder.path, folder.shown):
        shown = f"{folder.shown}/{path.name}"
        try:
            data = folder.repository.read_bytes(path)
        except OSError as error:
            raise RuleError(f"{shown}: cannot be read: {error.strerror}") from None
        yield read_rule(data, path.stem, shown)


def find(rules: Iterable[Rule], wanted: str) -> Rule:
    """The rule with an id. Raises RuleError, with the nearest id, if there is none."""
    by_id = {rule.id: rule for rule in rules}
    if wanted in by_id:
        return by_id[wanted]
    raise RuleError(f"no rule has the id '{wanted}'{_suggestion(wanted, by_id)}; `kgate rules list` shows all")


def _files(folder: Path, shown: str) -> list[Path]:
    if not os.path.isdir(folder):  # unlike Path.is_dir, False for a name that is too long
        raise RuleError(f"{shown}: no such folder of rules")
    files = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if not files:
        raise RuleError(f"{shown}: no rule file (*.yaml) in this folder")
    return files


def _suggestion(word: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _check_includes(rule: Rule, rules: Mapping[str, Rule]) -> None:
    """An included rule must exist and weigh no more, or folding it in would hide harm."""
    for name in rule.includes:
        included = rules.get(name)
        if included is None:
            raise RuleError(f"{rule.path}: includes '{name}', which no rule has as id{_suggestion(name, rules)}")
        if included.severity > rule.severity or included.points > rule.points:
            raise RuleError(f"{rule.path}: includes '{name}', which weighs more than '{rule.id}' itself")


# ------------------------------------------------------------------------------------- one file


class _Fields:
    """The fields of one rule file, with errors that name file and line."""

    def __init__(self, root: Node, text: str, path: str) -> None:
        self.root = root
        self.text = text
        self.path = path

    def fail(self, message: str, key: str | None = None) -> RuleError:
        """The error to raise about a field."""
        fields = self.root.fields or {}
        mark = fields[key][0] if key in fields else self.root.start
        return RuleError(f"{self.path}:{mark.line + 1}: {message}")

    def get(self, key: str, kind: type, default: Json = None) -> Any:
        """A field of a type, or the default where it is absent."""
        value = self.root.value.get(key, default)
        if key in self.root.value and (not isinstance(value, kind) or isinstance(value, bool)):
            raise self.fail(f"'{key}' must be {_TYPE_NAMES[kind]}", key)
        return value

    def text_of(self, key: str) -> str:
        """A string field without white space around it."""
        return str(self.get(key, str, "")).strip()

    def strings(self, key: str) -> tuple[str, ...]:
        """A string or list of strings."""
        value = self.root.value.get(key, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self.fail(f"'{key}' must be a string or a list of strings", key)
        return tuple(items)


_TYPE_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "a mapping"}


def read_rule(data: bytes, stem: str, path: str, *, compiled: bool = False) -> Rule:
    """One rule from the bytes of its file. ``compiled`` skips the check of the expression.

    Raises RuleError with file and line.
    """
    text = _decode(data, path)
    try:
        roots = list(compose(text))
    except ManifestError as error:
        raise RuleError(f"{path}:{error.line}: {error}") from None
    if len(roots) != 1 or roots[0].fields is None:
        raise RuleError(f"{path}: a rule file holds one mapping")
    fields = _Fields(roots[0], text, path)
    _check_keys(fields, stem)
    rule = _rule(fields)
    if not compiled:
        _check_expression(fields, rule)
    return rule


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise RuleError(f"{path}: is not UTF-8 text") from None


def _check_keys(fields: _Fields, stem: str) -> None:
    known = (*_REQUIRED, *_OPTIONAL)
    for key in fields.root.fields or {}:
        if key not in known:
            raise fields.fail(f"unknown field '{key}'{_suggestion(key, known)}", key)
    for key in _REQUIRED:
        if key not in fields.root.value:
            raise fields.fail(f"the field '{key}' is missing")
    if fields.text_of("id") != stem:
        raise fields.fail(f"the id must be the file's name, '{stem}'", "id")
    if not _ID.fullmatch(stem):
        raise fields.fail("the id must be kebab-case, such as 'host-network'", "id")


def _rule(fields: _Fields) -> Rule:
    targets = fields.strings("target")
    if not targets or any(target not in TARGETS for target in targets):
        raise fields.fail(f"'target' must be one or more of {', '.join(TARGETS)}", "target")
    kinds = fields.strings("kinds")
    if ("resource" in targets) != bool(kinds):
        raise fields.fail("'kinds' goes with target 'resource': it lists the kinds that the rule is about", "kinds")
    points = fields.get("points", int)
    if not 1 <= points <= 10:
        raise fields.fail("'points' must be from 1 to 10", "points")
    good, bad = _examples(fields)
    return Rule(
        id=fields.text_of("id"),
        title=fields.text_of("title"),
        severity=_severity(fields),
        points=points,
        targets=targets,
        expression=fields.text_of("expression"),
        message=fields.text_of("message"),
        each=_paths(fields, "each"),
        kinds=kinds,
        fields=_paths(fields, "fields"),
        pss=_pss(fields),
        versions=_versions(fields),
        includes=fields.strings("includes"),
        rationale=fields.text_of("rationale"),
        remediation=fields.text_of("remediation"),
        references=tuple(_references(fields)),
        tags=fields.strings("tags"),
        equivalents=tuple(_equivalents(fields)),
        good=good,
        bad=bad,
        path=fields.path,
    )


def _severity(fields: _Fields) -> Severity:
    try:
        return Severity.parse(fields.text_of("severity"))
    except ValueError as error:
        labels = ", ".join(s.label for s in reversed(Severity))
        raise fields.fail(f"{error}; write one of {labels}", "severity") from None


def _paths(fields: _Fields, key: str) -> tuple[str, ...]:
    paths = fields.strings(key)
    for path in paths:
        if not _PATH.fullmatch(path):
            raise fields.fail(f"'{path}' is no field path such as securityContext.capabilities.add[*]", key)
    return paths


def _pss(fields: _Fields) -> tuple[PssCheck, ...]:
    value = fields.root.value.get("pss", [])
    checks = []
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, dict) or not set(entry) <= {"level", "check", "replaces"} or "check" not in entry:
            raise fields.fail("'pss' must be {level, check} or a list of them", "pss")
        if entry.get("level") not in PSS_LEVELS:
            raise fields.fail("pss.level must be baseline or restricted", "pss")
        checks.append(PssCheck(entry["level"], str(entry["check"]), entry.get("replaces")))
    return tuple(checks)


def _versions(fields: _Fields) -> Versions:
    """A range such as '>=1.8', '<1.25' or '>=1.8 <1.25'."""
    bounds = {}
    for word in fields.text_of("kubernetes").split():
        match = _VERSION_BOUND.fullmatch(word)
        if not match:
            raise fields.fail("'kubernetes' must be a range such as '>=1.8' or '>=1.8 <1.25'", "kubernetes")
        bounds[match[1]] = int(match[2])
    return Versions(bounds.get(">=", 0), bounds.get("<"))


def _references(fields: _Fields) -> Iterator[Reference]:
    for entry in fields.get("references", list, []):
        if not isinstance(entry, dict) or set(entry) != {"title", "url"}:
            raise fields.fail("each of 'references' must be {title, url}", "references")
        yield Reference(str(entry["title"]), str(entry["url"]))


def _equivalents(fields: _Fields) -> Iterator[tuple[str, str]]:
    """Pairs of (peer, id), in the order of the file."""
    for peer, ids in fields.get("equivalents", dict, {}).items():
        for name in ids if isinstance(ids, list) else [ids]:
            if not isinstance(name, str):
                raise fields.fail("'equivalents' maps a tool to an id or a list of ids", "equivalents")
            yield peer, name


def _examples(fields: _Fields) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    fields.get("examples", dict)
    node = (fields.root.fields or {})["examples"][2]
    lists = node.fields or {}
    if set(lists) != {"good", "bad"} or any(not entry[2].items for entry in lists.values()):
        raise fields.fail("'examples' must hold a list 'good' and a list 'bad', neither of them empty", "examples")
    good, bad = (tuple(_example(fields, item) for item in lists[key][2].items or ()) for key in ("good", "bad"))
    return good, bad


def _example(fields: _Fields, node: Node) -> Example:
    """An example; its own key ``kubernetes: 1.N`` tells the version that it is about."""
    if not isinstance(node.value, dict):
        raise fields.fail(
            "an example must be a mapping: a container, a pod spec, a pod template or an object", "examples"
        )
    body = dict(node.value)
    version = str(body.pop("kubernetes", ""))
    minor = re.fullmatch(r"1\.(\d+)", version)
    if version and not minor:
        raise fields.fail("an example's 'kubernetes' must be a version in quotes, such as '1.24'", "examples")
    text = textwrap.dedent(" " * node.start.column + fields.text[node.start.index : node.end.index]).rstrip()
    return Example(body, text, int(minor[1]) if minor else None)


def _check_expression(fields: _Fields, rule: Rule) -> None:
    try:
        cel.check(rule.expression)
        for target in rule.targets:
            cel.check(fieldpath.quantified(rule.expression, target, rule.each))
    except cel.CelError as error:
        raise fields.fail(f"the expression is not valid CEL: {error}", "expression") from None
