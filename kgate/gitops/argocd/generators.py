"""The parameters that the generators of an ApplicationSet produce, where the repository is enough to know them.

Follows argo-cd, applicationset/generators.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from kgate.environment import Environment
from kgate.gitops.argocd import clusters
from kgate.gitops.argocd.names import normalise_name
from kgate.gitops.argocd.templating import Filler, FillError, Parameters
from kgate.gitops.assumptions import note_repository, note_revision
from kgate.gitops.deployed import SoughtPlaces
from kgate.gitops.fields import ObjectFields
from kgate.kubernetes.selectors import matches
from kgate.model import Json
from kgate.regexp import PatternError
from kgate.rendering import goglob
from kgate.repository import Repository, SearchError
from kgate.urls import shown_url
from kgate.values import dataclass
from kgate.yamltree.merge import deep_merge
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import decode

MAX_PARAMETERS = 10_000
"""Sets of parameters that one ApplicationSet may have."""

MAX_MADE = 100_000
"""Sets of parameters that all its generators may make, also those that a selector or another generator drops."""


class TooManyError(Exception):
    """An ApplicationSet whose generators make too many sets of parameters."""


NAMES = (
    "list",
    "git",
    "matrix",
    "merge",
    "clusters",
    "scmProvider",
    "clusterDecisionResource",
    "pullRequest",
    "plugin",
)
_ADVICE = {"clusters": "list the clusters in kgate.yaml, under argocd.clusters"}
_WITHOUT = "write what the Applications deploy without its parameters"


@dataclass(frozen=True, slots=True)
class Generators:
    """What resolves the generators of one ApplicationSet."""

    repository: Repository
    filler: Filler
    environment: Environment = field(default_factory=Environment)
    _made: Counter[str] = field(default_factory=Counter)

    def resolve(self, generator: ObjectFields, outer: Parameters | None = None) -> Sequence[Parameters]:
        """The parameters of each Application. ``outer`` are those of the generator before it in a matrix.

        A generator that needs more than the repository gives one set without its parameters, and a note.
        Raises TooManyError.
        """
        names = [name for name in NAMES if generator.body.get(name) is not None]
        if len(names) != 1:
            generator.fault(f"{generator.name()} must have one generator, such as list, git or matrix")
            return ()
        section: ObjectFields | None = generator.section(names[0])
        if section is not None and names[0] not in ("matrix", "merge") and outer is not None:
            section = self._interpolated(section, outer)
        resolvers: Mapping[str, Callable[[ObjectFields], Sequence[Parameters]]] = {
            "list": self._list,
            "git": self._git,
            "matrix": lambda inner: self._matrix(inner, outer),
            "merge": lambda inner: self._merge(inner, outer),
        }
        if self.environment.clusters is not None:
            resolvers = {**resolvers, "clusters": self._clusters}
        if section is None:
            return _unknown(f"generator '{names[0]}' needs parameters that are not known; {_WITHOUT}")
        if names[0] in resolvers:
            found = resolvers[names[0]](section)
        else:
            why = f"generator '{names[0]}' cannot be resolved from the repository"
            generator.note(f"{why}; {_ADVICE[names[0]]}" if names[0] in _ADVICE else why, names[0])
            found = _unknown(f"{why}; {_ADVICE.get(names[0], _WITHOUT)}")
        self._made["sets"] += len(found) + 1
        if self._made["sets"] > MAX_MADE:
            raise TooManyError(f"makes more than {MAX_MADE:,} sets of parameters, so it is not judged")
        return self._selected(generator, found)

    def _interpolated(self, section: ObjectFields, outer: Parameters) -> ObjectFields | None:
        """A generator with the parameters of the one before it; None, and a note, if they do not suffice."""
        kept = {name: section.body[name] for name in ("values", "template") if name in section.body}
        try:
            filled = self.filler.fill({k: v for k, v in section.body.items() if k not in kept}, outer)
            return replace(section, body=filled | self._values_now(kept, outer))
        except FillError as error:
            section.note(f"{error} in {section.name()} cannot be resolved from the repository")
            return None

    def _values_now(self, kept: dict[str, Json], outer: Parameters) -> dict[str, Json]:
        """``values`` may refer to the generator's own parameters: those of the outer one go in where they can."""
        values = kept.get("values")
        if isinstance(values, dict):
            kept = {**kept, "values": {key: self._now_or_later(value, outer) for key, value in values.items()}}
        return kept

    def _now_or_later(self, value: Json, outer: Parameters) -> Json:
        try:
            return self.filler.fill(value, outer)
        except FillError:
            return value

    def _selected(self, generator: ObjectFields, found: Sequence[Parameters]) -> Sequence[Parameters]:
        if generator.body.get("selector") is None:
            return found
        selector = generator.section("selector")
        return [one for one in found if one.is_partial or matches(selector, flatten(one.values))]

    # --------------------------------------------------------------------------------------------- list

    def _list(self, section: ObjectFields) -> Sequence[Parameters]:
        elements = [(dict(element.body), element) for element in section.sections("elements")]
        elements += [(element, section) for element in _yaml_list(section, "elementsYaml")]
        if self.filler.is_go:
            return [Parameters(element) for element, _ in elements]
        return [Parameters(self._flat_element(element, where)) for element, where in elements]

    @staticmethod
    def _flat_element(element: Mapping[str, Json], where: ObjectFields) -> dict[str, Json]:
        """Without Go templates every parameter is a string, and ``values`` a mapping of strings."""
        flat: dict[str, Json] = {}
        for key, value in element.items():
            if key == "values" and isinstance(value, dict):
                flat |= {f"values.{name}": member for name, member in value.items()}
            else:
                flat[key] = value
        for key, value in flat.items():
            if not isinstance(value, str):
                where.fault(f"{where.name()}: '{key}' must be a string, as spec.goTemplate is not true", key)
        return {key: value for key, value in flat.items() if isinstance(value, str)}

    def _clusters(self, section: ObjectFields) -> Sequence[Parameters]:
        found = clusters.parameters(section, self.environment.clusters or (), is_go=self.filler.is_go)
        each = [self._with_values(section, Parameters(one)) for one in found]
        if not section.flag("flatList"):
            return each
        return [
            Parameters(
                {"clusters": [dict(one.values) for one in each]},
                next((one.unknown for one in each if one.is_partial), ""),
            )
        ]

    # ---------------------------------------------------------------------------------------------- git

    def _git(self, section: ObjectFields) -> Sequence[Parameters]:
        url = section.needed("repoURL")
        kind = "directories" if section.items("directories") else "files"
        entries = [(entry.text("path"), entry.flag("exclude"), entry) for entry in section.sections(kind)]
        if not entries:
            section.fault(f"{section.name()} must have directories or files")
            return ()
        prefixes = [_literal_prefix(path) for path, is_excluded, _ in entries if not is_excluded]
        if not url or not any(self.repository.is_meant(url, prefix) for prefix in prefixes):
            why = f"{kind} of {shown_url(url)} cannot be resolved: it is not this repository"
            section.note(why, "repoURL")
            return _unknown(f"{why}; {_WITHOUT}")
        note_repository(section, "repoURL", self.repository)
        note_revision(section, "revision")
        paths = self._matching(section, entries, kind)
        if not paths:
            is_rooted = any(path.startswith("/") for path, is_excluded, _ in entries if not is_excluded)
            advice = "; begin paths without a slash, at the root of the repository" if is_rooted else ""
            section.note(
                f"{section.name(kind)} match nothing in this repository, so there is no Application{advice}", kind
            )
        found = self._of_folders(paths) if kind == "directories" else self._of_files(section, paths)
        prefix = section.text("pathParamPrefix")
        return [self._git_parameters(section, prefix, *one) for one in found]

    def _matching(
        self, section: ObjectFields, entries: Sequence[tuple[str, bool, ObjectFields]], kind: str
    ) -> list[str]:
        """The folders or files that a pattern takes and none leaves out, sorted."""
        compile_pattern = goglob.path_match if kind == "directories" else goglob.pathspec
        patterns = []
        for path, is_excluded, entry in entries:
            try:
                patterns.append((compile_pattern(path), is_excluded))
            except PatternError as error:
                entry.fault(f"{entry.name('path')}: '{path:.100}' is not a pattern: {error}", "path")
                continue
            if not is_excluded:
                section.log.folders.append(SoughtPlaces(self.repository.root, path, is_for_files=kind == "files"))
        wants_folders = kind == "directories"
        try:
            listed = self.repository.walk(hidden=not wants_folders, patterns=len(patterns))
        except SearchError as error:
            section.fault(f"{section.name(kind)}: {error}", kind)
            return []
        paths = (path for path, is_folder in listed if is_folder == wants_folders)
        found = []
        for path in paths:
            hits = {is_excluded for pattern, is_excluded in patterns if pattern.matches(path)}
            if hits == {False}:
                found.append(path)
        return sorted(found)

    @staticmethod
    def _of_folders(paths: Sequence[str]) -> Iterator[tuple[str, str, Json]]:
        yield from ((path, "", {}) for path in paths)

    def _of_files(self, section: ObjectFields, paths: Sequence[str]) -> Iterator[tuple[str, str, Json]]:
        """Folder and name of each file, and its object, or each of its objects."""
        for path in paths:
            for value in _objects(section, self.repository, path):
                yield posixpath.dirname(path) or ".", posixpath.basename(path), value

    def _git_parameters(self, section: ObjectFields, prefix: str, folder: str, file: str, value: Json) -> Parameters:
        words = {
            "path": folder,
            "basename": posixpath.basename(folder),
            "basenameNormalized": normalise_name(posixpath.basename(folder)),
        }
        words |= {"filename": file, "filenameNormalized": normalise_name(file)} if file else {}
        segments = folder.split("/")
        if self.filler.is_go:
            own: Json = {"path": {**words, "segments": segments}}
            values = {**value, **({prefix: own} if prefix else own)}
        else:
            name = f"{prefix}.path" if prefix else "path"
            values = {**flatten(value), name: folder}
            values |= {f"{name}.{key}": word for key, word in words.items() if key != "path"}
            values |= {f"{name}[{index}]": segment for index, segment in enumerate(segments)}
        return self._with_values(section, Parameters(values))

    def _with_values(self, section: ObjectFields, parameters: Parameters) -> Parameters:
        """The parameters and those that ``values`` makes of them."""
        try:
            own = {key: self.filler.fill_text(value, parameters) for key, value in section.strings("values").items()}
        except FillError as error:
            section.fault(f"{section.name('values')}: {error} is not filled in by kgate", "values")
            return replace(parameters, unknown=str(error))
        if not own:
            return parameters
        added = {"values": own} if self.filler.is_go else {f"values.{key}": value for key, value in own.items()}
        return replace(parameters, values={**parameters.values, **added})

    # ------------------------------------------------------------------------------------ matrix, merge

    def _children(self, section: ObjectFields) -> list[ObjectFields]:
        return list(section.sections("generators"))

    def _matrix(self, section: ObjectFields, outer: Parameters | None) -> Sequence[Parameters]:
        """Every pair of the two generators; the second one may refer to the parameters of the first."""
        children = self._children(section)
        if len(children) != 2:
            section.fault(f"{section.name('generators')} must have two members", "generators")
            return ()
        found: list[Parameters] = []
        for first in self.resolve(children[0], outer):
            for second in self.resolve(children[1], first):
                merged = deep_merge(second.values, first.values)
                found.append(Parameters(merged, first.unknown or second.unknown))
                if len(found) > MAX_PARAMETERS:
                    section.fault(f"{section.name()} gives more than {MAX_PARAMETERS:,} Applications")
                    return ()
        return found

    def _merge(self, section: ObjectFields, outer: Parameters | None) -> Sequence[Parameters]:
        """The sets of the first generator, with those of the others that agree in the merge keys put on top."""
        keys = [key for _, key in section.texts("mergeKeys")]
        base, *others = [self.resolve(child, outer) for child in self._children(section)] or [()]
        if not keys or not others:
            section.fault(f"{section.name()} must have two generators and mergeKeys")
            return ()
        unknown = next((one.unknown for found in others for one in found if one.is_partial), "")
        if unknown:
            section.unjudged(f"{unknown}; it may replace parameters", "generators", part="with them", command="")
            base = [replace(one, unknown=unknown) for one in base]
        for found in others:
            by_key = {_merge_key(one, keys): one for one in found}
            base = [
                replace(one, values=deep_merge(one.values, by_key[key].values)) if key in by_key else one
                for one in base
                for key in [_merge_key(one, keys)]
            ]
        return base


def _unknown(why: str) -> tuple[Parameters]:
    """One set without the parameters of a generator, and why they are not known."""
    return (Parameters({}, why),)


def _merge_key(parameters: Parameters, keys: Sequence[str]) -> str:
    return json.dumps([parameters.values.get(key) for key in keys], sort_keys=True)


def flatten(value: Mapping[str, Json]) -> dict[str, str]:
    """Nested parameters as ``a.b`` and ``a.0``, each as text (jeremywohl/flatten, DotStyle)."""
    flat: dict[str, str] = {}
    pending: list[tuple[str, Json]] = [(key, member) for key, member in reversed(list(value.items()))]
    while pending:
        name, member = pending.pop()
        if isinstance(member, dict):
            pending += [(f"{name}.{key}", inner) for key, inner in reversed(list(member.items()))]
        elif isinstance(member, list):
            pending += [(f"{name}.{index}", inner) for index, inner in reversed(list(enumerate(member)))]
        else:
            flat[name] = str(member).lower() if isinstance(member, bool) else "<nil>" if member is None else str(member)
    return flat


def _literal_prefix(pattern: str) -> str:
    """The folder of a pattern before its first wildcard."""
    literal = re.split(r"[*?\[\\]", pattern, maxsplit=1)[0]
    return literal if literal == pattern else literal.rpartition("/")[0]


def _objects(section: ObjectFields, repository: Repository, path: str) -> Iterator[dict[str, Json]]:
    """The object of a YAML or JSON file, or the objects of its list; faults are Problems at the generator."""
    try:
        found = repository.find("/" + path)
        roots = list(compose(decode(repository.read_bytes(found)))) if found else []
    except (OSError, UnicodeDecodeError, ManifestError) as error:
        section.fault(f"{section.name('files')}: '{path}' cannot be read: {error}", "files")
        return
    value = roots[0].value if roots else None
    members = value if isinstance(value, list) else [{} if value is None else value]
    for member in members:
        if isinstance(member, dict):
            yield member
        else:
            section.fault(f"{section.name('files')}: '{path}' holds no mapping of parameters", "files")


def _yaml_list(section: ObjectFields, name: str) -> list[dict[str, Json]]:
    text = section.text(name)
    try:
        roots = list(compose(text)) if text else []
    except ManifestError as error:
        section.fault(f"{section.name(name)}: line {error.line}: {error}", name)
        return []
    value = roots[0].value if roots else []
    if not isinstance(value, list) or not all(isinstance(member, dict) for member in value):
        section.fault(f"{section.name(name)} must be a list of mappings", name)
        return []
    return value
