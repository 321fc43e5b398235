"""Finds quickly which texts may hold objects of Argo CD or Flux, which say what is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kgate.model import Resource, Unjudged
from kgate.sources.files import HELMFILES, SourceFile
from kgate.sources.texts import peek
from kgate.yamltree import spelling

_ARGO_CD, FLUX = re.compile(r"argoproj\.io"), re.compile(r"fluxcd\.io")
_K3S = re.compile(r"helm\.cattle\.io")
_OTHERS = (
    re.compile(r"fleet\.cattle\.io"),
    re.compile(r"config(?:sync|management)\.gke\.io"),
    re.compile(r"k14s\.(?:io|dev)"),
    re.compile(r"carvel\.(?:io|dev)"),
    re.compile(r"fluxcd\.control"),
    re.compile(r"kluctl\.io"),
)
"""Groups of deployers that are not followed, but say which repository they deploy."""

_APPLICATION = re.compile(r"\bApplication(Set)?(List)?\b")


def unfollowed(resources: Iterable[Resource]) -> tuple[Unjudged, ...]:
    """The objects of standard input that deploy something: there is no repository to follow them into."""
    groups = [resource for resource in resources if _is_gitops_group(resource.id.api_version)]
    if not groups:
        return ()
    from kgate.gitops.plan import deploys

    why = "what it deploys is not known from standard input; scan its repository"
    found = [(resource.locate(""), resource.id) for resource in groups if deploys(resource)]
    return tuple(Unjudged(place.path, place.start.line, why, str(who)) for place, who in found)


_HELMFILE = re.compile(r"^(releases|helmfiles):", re.MULTILINE)
_CHARTS = re.compile(r"\bchart:|^(bases|environments|helmDefaults|repositories|templates):", re.MULTILINE)
_FLEET = re.compile(
    r"""^[ {]*["']?(helm|kustomize|yaml|overlays|targetCustomizations|overrideTargets)["']?[ ]*:""", re.MULTILINE
)


def other_deployers(files: Iterable[SourceFile]) -> Iterator[Unjudged]:
    """The files of deployers that are not followed (Helmfile, Fleet), with the command that renders them."""
    why = "it names charts and values that are not followed"
    for file in files:
        if file.path.name in ("fleet.yaml", "fleet.yml") and _FLEET.search(peek(file.path)):
            yield Unjudged(file.shown, None, f"{why}; scan what they render to", "Fleet bundle")
        elif "helmfile" in file.shown and _is_helmfile(file):
            yield Unjudged(file.shown, None, why, "Helmfile", "helmfile template | kgate scan -")


def _is_helmfile(file: SourceFile) -> bool:
    """True for a file of Helmfile: with a name or in a folder that it finds by itself, or one that a flag or another
    such file names, which then lists charts or says where they come from."""
    text = peek(file.path)
    is_found = file.path.name in HELMFILES or file.path.parent.name == "helmfile.d"
    return _HELMFILE.search(text) is not None and (is_found or _CHARTS.search(text) is not None)


def _is_gitops_group(api_version: str) -> bool:
    return any(group.search(api_version) for group in (FLUX, _ARGO_CD, _K3S))


def holds_deployment(text: str) -> bool:
    """True if a text may hold an object of Argo CD, Flux, k3s or another deployer that deploys something."""
    if spelling.may_hold_any(text, (FLUX, _K3S, *_OTHERS)):
        return True
    return spelling.may_hold(text, _ARGO_CD) and spelling.may_hold(text, _APPLICATION)
