"""Which files an Argo CD source of plain manifests applies (argo-cd, reposerver/repository/repository.go)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from kgate.gitops.deployed import Deployed
from kgate.gitops.fields import ObjectFields
from kgate.rendering import detect
from kgate.repository import Repository, SearchError

_EXTENSIONS = (".yaml", ".yml", ".json", ".jsonnet")
_ALTERNATIVES = re.compile(r"\{([^{}]*)\}")
_MOST_ALTERNATIVES = 64
_LONGEST_PATTERN = 1024


def plan_directory(source: ObjectFields, folder: Path, repository: Repository) -> Iterator[Path]:
    """The files that a source applies as they are written, whatever ignores or uses them (real paths).

    What Argo CD would make something else of than kgate is a Problem.
    """
    directory = source.section("directory")
    source.log.folders.append(Deployed(folder, is_deep=directory.flag("recurse")))
    if directory.flag("disableExtensionFilter"):
        message = "takes files of any name for manifests, which kgate does not; name them .yaml"
        directory.fault(f"{directory.name('disableExtensionFilter')} {message}", "disableExtensionFilter")
    names = _names_below(source, folder, repository)
    taken = [name for name in names if _is_taken(directory, name)]
    who = f"{directory.name()} of {source.resource.id}"
    source.log.left_out.update((folder / name, f"left out by {who}") for name in names if name not in set(taken))
    jsonnet = next((name for name in taken if name.endswith(".jsonnet")), None)
    if jsonnet is not None:
        message = f"{jsonnet} in '{source.text('path')}' is Jsonnet, which is not judged"
        source.fault(f"{message}; commit what it evaluates to", "path")
    rendered = _rendered_elsewhere([name for name in taken if _is_surely_taken(directory, name)])
    if rendered is not None:
        message = f"{rendered} in '{source.text('path')}' is not rendered by Argo CD"
        source.fault(f"{message}, which applies its files as they are: remove {directory.name()}", "directory")
        return
    for name in taken:
        real = Path(os.path.realpath(folder / name))
        if name.endswith(_EXTENSIONS[:3]) and real.is_file() and repository.holds(real):
            yield real


def _rendered_elsewhere(names: Sequence[str]) -> str | None:
    """The file of a chart or of a kustomization among those that are applied as they are."""
    wanted = ("Chart.yaml", *detect.KUSTOMIZATION_NAMES)
    return next((name for one in wanted for name in names if name.rpartition("/")[2] == one), None)


def _names_below(source: ObjectFields, folder: Path, repository: Repository) -> list[str]:
    """The files of a folder that may be manifests, sorted, and with ``recurse`` all below it, as paths from there."""
    if not source.section("directory").flag("recurse"):
        return [
            name for name in repository.names(folder) if name.endswith(_EXTENSIONS) and not (folder / name).is_dir()
        ]
    prefix = "" if folder == repository.root else repository.inner(folder) + "/"
    try:
        listed = repository.walk(hidden=True)
    except SearchError as error:
        source.fault(f"{source.name('path')}: {error}", "path")
        return []
    inside = (path.removeprefix(prefix) for path, is_folder in listed if not is_folder and path.startswith(prefix))
    return sorted(name for name in inside if name.endswith(_EXTENSIONS))


def _is_taken(directory: ObjectFields, name: str) -> bool:
    """True if Argo CD may apply a file: unless it is surely excluded, or surely not included."""
    include, exclude = directory.text("include"), directory.text("exclude")
    return not (exclude and _surely(exclude, name)) and (not include or _maybe(include, name))


def _is_surely_taken(directory: ObjectFields, name: str) -> bool:
    include, exclude = directory.text("include"), directory.text("exclude")
    return not (exclude and _maybe(exclude, name)) and (not include or _surely(include, name))


# gobwas/glob has faults of its own (`a*a` matches `a`, `{a*,b}b` does not match `aa/b`), so a pattern is asked in two
# ways, compared with it on random patterns.


def _surely(pattern: str, name: str) -> bool:
    """True if a pattern of gobwas/glob certainly matches a path."""
    is_list = pattern.startswith("{") and pattern.find("}") == len(pattern) - 1 and pattern.rfind("{") == 0
    alternatives = _expanded(pattern) if is_list or "{" not in pattern else None
    if alternatives is None or not (len(alternatives) == 1 or _is_simple(alternatives)):
        return False
    return any(_in_order(one.split("*"), name) for one in alternatives)


def _is_simple(patterns: Sequence[str]) -> bool:
    """True if no pattern begins or ends another one, or has two asterisks: gobwas factors out what patterns share."""
    pairs = ((one, other) for one in patterns for other in patterns if one is not other)
    is_shared = any(other.startswith(one) or other.endswith(one) for one, other in pairs)
    return not is_shared and all(one.count("*") < 2 for one in patterns)


def _maybe(pattern: str, name: str) -> bool:
    """True if a pattern of gobwas/glob may match a path."""
    alternatives = _expanded(pattern)
    return alternatives is None or any(_with_overlaps(one.split("*"), name) for one in alternatives)


def _expanded(pattern: str) -> list[str] | None:
    """The alternatives of a pattern, each of letters and asterisks alone; None for a pattern with anything else."""
    if len(pattern) > _LONGEST_PATTERN or set("?[]\\") & set(pattern):
        return None
    found = [pattern]
    while any(_ALTERNATIVES.search(one) for one in found):
        if len(found) > _MOST_ALTERNATIVES:
            return None
        found = [other for one in found for other in _without_first_braces(one)]
    return None if any(set("{}") & set(one) for one in found) else found


def _without_first_braces(pattern: str) -> list[str]:
    match = _ALTERNATIVES.search(pattern)
    if match is None:
        return [pattern]
    return [pattern[: match.start()] + one + pattern[match.end() :] for one in match[1].split(",")]


def _in_order(pieces: Sequence[str], name: str) -> bool:
    """True if a name consists of these pieces with anything between them."""
    if len(pieces) == 1:
        return name == pieces[0]
    first, *middle, last = pieces
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    position, end = len(first), len(name) - len(last)
    for piece in middle:
        position = name.find(piece, position, end)
        if position < 0:
            return False
        position += len(piece)
    return True


def _with_overlaps(pieces: Sequence[str], name: str) -> bool:
    """True if a name consists of these pieces, which may overlap, with anything between them."""
    if len(pieces) == 1:
        return name == pieces[0]
    return name.startswith(pieces[0]) and name.endswith(pieces[-1]) and all(piece in name for piece in pieces)
