"""Reports where Flux renders other files than those of this repository, since the artifact of a source lacks some."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from kgate.gitops.fields import ObjectFields
from kgate.gitops.flux.ignore import FILE as IGNORE_FILE
from kgate.gitops.flux.ignore import SourceIgnoreError
from kgate.gitops.flux.sources import Surroundings
from kgate.rendering import detect
from kgate.rendering.helm.contents import decisive_files
from kgate.rendering.kustomize import overlay
from kgate.repository import Repository, SearchError

_MANIFESTS = (".yaml", ".yml")
_LOCAL = re.compile(r"file://([^\s\"',}#]+)")


def check_build(spec: ObjectFields, reference: ObjectFields, folder: Path, surroundings: Surroundings) -> None:
    """A Problem if a file of a kustomization is hidden from Flux, which then lists the manifests below its folder; a
    missing file of another kind ends the build."""
    _report_first(
        spec,
        "path",
        chain(_mixed_sources(reference, folder, surroundings), _of_build(spec, reference, folder, surroundings)),
    )


def _of_build(spec: ObjectFields, reference: ObjectFields, folder: Path, surroundings: Surroundings) -> Iterator[str]:
    repository = surroundings.repository
    own = list(_kustomizations(folder, repository))
    components = (folder / path for _, path in spec.texts("components"))
    decisive = [*own, *(file for component in components for file in _kustomizations(component, repository))]
    yield from _hidden(reference, decisive, surroundings)
    if own:
        return
    below = (folder / name for name in overlay.autodetect(folder))
    files = [file for member in below if member.is_dir() for file in _kustomizations(member, repository)]
    shown = (file for file in files if _shows_any(file.parent, reference, surroundings))
    yield from _hidden(reference, shown, surroundings)
    for file in _beyond_defaults(folder, reference, surroundings):
        message = "is not ignored by Flux, as the patterns of the repository take the place of its own, but by kgate"
        yield f"{repository.shown(file)} {message}: add it to {IGNORE_FILE}, or rename it"


def unseen(reference: ObjectFields, folder: Path, surroundings: Surroundings) -> dict[Path, str]:
    """What Flux would list for a folder without a kustomization, manifests and folders, if nothing hid it; each with
    what does."""
    if any(_kustomizations(folder, surroundings.repository)):
        return {}
    members = [folder / name for name in overlay.autodetect(folder)]
    try:
        found = {one: surroundings.hidden(reference, one) for one in members if one.is_file()}
        folders = {one: "" for one in members if one.is_dir() and not _shows_any(one, reference, surroundings)}
    except (SourceIgnoreError, SearchError):  # which check_build reports
        return {}
    return {one: f"hidden from Flux by {why}" for one, why in found.items() if why} | folders


def check_chart(template: ObjectFields, chart: Path, surroundings: Surroundings) -> None:
    """A Problem if files of a chart are hidden from Flux."""
    reference = template.section("sourceRef")
    _report_first(
        template,
        "chart",
        chain(_mixed_sources(reference, chart, surroundings), _of_chart(reference, chart, surroundings)),
    )


def _of_chart(reference: ObjectFields, chart: Path, surroundings: Surroundings) -> Iterator[str]:
    repository = surroundings.repository
    pending, seen = [chart], set[Path]()
    while pending:
        here = pending.pop()
        if here in seen or not repository.holds(here) or not os.path.isdir(here):
            continue
        seen.add(here)
        yield from _hidden(reference, decisive_files(here, repository), surroundings)
        texts = (repository.bytes_if_any(here / name).decode("latin-1") for name in ("Chart.yaml", "requirements.yaml"))
        pending += [Path(os.path.normpath(here / path)) for text in texts for path in _LOCAL.findall(text)]


def check_files(
    fields: ObjectFields, reference: ObjectFields, files: Iterable[Path], surroundings: Surroundings
) -> None:
    """A Problem if one of these values files is hidden from Flux."""
    _report_first(fields, "chart", _hidden(reference, files, surroundings))


def _report_first(fields: ObjectFields, name: str, faults: Iterable[str]) -> None:
    """Reports the first fault as a Problem."""
    try:
        fault = next(iter(faults), None)
    except (SourceIgnoreError, SearchError) as error:
        fault = f"what Flux sees of this repository is not clear: {error}"
    if fault is not None:
        fields.fault(fault, name)


def _hidden(reference: ObjectFields, files: Iterable[Path], surroundings: Surroundings) -> Iterator[str]:
    """A message for each file that the artifact of a source does not hold."""
    for file in files:
        if why := surroundings.hidden(reference, file):
            message = f"{surroundings.repository.shown(file)} is hidden from Flux by {why}"
            yield f"{message}, so that it renders something else than is judged: let Flux see it"


def _mixed_sources(reference: ObjectFields, folder: Path, surroundings: Surroundings) -> Iterator[str]:
    """A message for each source that includes files of another one, or not the whole folder."""
    here = surroundings.repository.inner(folder)
    for source in surroundings.sources(reference):
        sparse = [path for _, path in source.texts("sparseCheckout")]
        if sparse and not any(_is_at_or_above(path, here) for path in sparse):
            message = f"{source.name('sparseCheckout')} of the source does not hold all of '{here}'"
            yield f"{message}, so that Flux renders something else than is judged: add it there"
        for include in source.sections("include"):
            path = include.text("toPath") or include.section("repository").text("name")
            if _is_at_or_above(path, here) or _is_at_or_above(here, path):
                message = f"{include.name()} of the source puts files of another one into '{path}'"
                yield f"{message}, so that Flux renders something else than is judged: name a folder of its own"


def _is_at_or_above(path: str, other: str) -> bool:
    upper, lower = (posixpath.normpath("/" + one).rstrip("/") + "/" for one in (path, other))
    return lower.startswith(upper)


def _kustomizations(folder: Path, repository: Repository) -> Iterator[Path]:
    """The files that may be the kustomization of a folder."""
    names = set(repository.names(folder)).intersection(detect.KUSTOMIZATION_NAMES)
    real = Path(os.path.realpath(folder)) if names else folder
    yield from (real / name for name in sorted(names) if not _is_folder(real / name))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _shows_any(folder: Path, reference: ObjectFields, surroundings: Surroundings) -> bool:
    """True if Flux sees any manifest below a folder."""
    manifests = (file for file in surroundings.repository.files_below(folder) if file.name.endswith(_MANIFESTS))
    return any(not surroundings.hidden(reference, file) for file in manifests)


def _beyond_defaults(folder: Path, reference: ObjectFields, surroundings: Surroundings) -> Iterator[Path]:
    """The manifests below a folder that Flux ignores by default, but not in this repository."""
    if surroundings.has_defaults(reference):
        return
    for file in surroundings.repository.files_below(folder):
        parts = file.relative_to(folder).parts
        is_ignored = not overlay.FLUX_IGNORES.isdisjoint(parts)
        if is_ignored and file.name.endswith(_MANIFESTS) and not surroundings.hidden(reference, file):
            yield file
