"""Finds where in this repository the source of a Flux object is."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path

from kgate.elsewhere.fetched import Fetched
from kgate.elsewhere.wanted import FILTER, RANGE, Wanted
from kgate.environment import Environment
from kgate.gitops.assumptions import note_flux_source
from kgate.gitops.catalogue import Catalogue
from kgate.gitops.fields import Log, ObjectFields
from kgate.gitops.flux.ignore import Artifact
from kgate.gitops.flux.secrets import EXTERNAL, SEALED, whereabouts
from kgate.model import Json, Resource
from kgate.repository import Repository, SearchError
from kgate.urls import shown_url
from kgate.values import dataclass

GROUP = "source.toolkit.fluxcd.io"
GENERATOR = ("source.extensions.fluxcd.io", "ArtifactGenerator")
BOOTSTRAP_NAME = "flux-system"
"""What ``flux bootstrap`` calls the source that it makes of the repository itself."""


_CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
"""The media type of the layer of an artifact that holds a chart (Helm, pkg/registry)."""

_PACKED = ("OCIRepository", "Bucket")
_USERS = (
    (("kustomize.toolkit.fluxcd.io", "Kustomization"), ("spec",), "path"),
    (("helm.toolkit.fluxcd.io", "HelmRelease"), ("spec", "chart", "spec"), "chart"),
    ((GROUP, "HelmChart"), ("spec",), "chart"),
)
"""What takes paths from a source: group and kind, where its ``sourceRef`` is, and the field beside it with the path."""


_DATA = (("", "ConfigMap"), ("", "Secret"))


@dataclass(frozen=True, slots=True)
class _Taken:
    """The object that a reference is taken to mean, and others that it may mean."""

    reference: ObjectFields
    resource: Resource
    others: list[Resource]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the references of Flux objects lead: to this repository, and to other objects of the scan."""

    repository: Repository
    catalogue: Catalogue
    environment: Environment = field(default_factory=Environment)
    fetched: Fetched = field(default_factory=Fetched)
    _artifacts: dict[tuple[str, bool, str], Artifact] = field(default_factory=dict, compare=False, repr=False)
    _roots: dict[tuple[str, str, str], str | None] = field(default_factory=dict, compare=False, repr=False)
    _taken: list[_Taken] = field(default_factory=list, compare=False, repr=False)

    def find(self, reference: ObjectFields, kind: tuple[str, str]) -> Resource | None:
        """The object that a reference with ``name`` and ``namespace`` means."""
        found = self._find_all(reference, kind)
        if found and kind in _DATA:
            self._taken.append(_Taken(reference, found[0], found[1:]))
        return found[0] if found else None

    def _find_all(self, reference: ObjectFields, kind: tuple[str, str]) -> list[Resource]:
        return self.catalogue.find_all(kind, _namespace(reference), reference.text("name"), reference.resource)

    def report_other_data(self) -> None:
        """Records, once all objects are planned, where a reference may also mean a ConfigMap or Secret with other data
        that none takes: the nearest one is taken, as there may be one for each cluster."""
        known = {id(one.resource) for one in self._taken}
        for one in self._taken:
            for other in one.others:
                if id(other) not in known and _data(other) != _data(one.resource):
                    place = other.locate("")
                    where = f"{place.path}:{place.start.line}"
                    message = f"{other.id.kind} '{other.id.name}' is also in {where}, with other data, and may be that"
                    one.reference.unjudged(message, "name", part="with all its values", command="")

    def whereabouts(self, reference: ObjectFields, kind: str) -> str:
        """Where the data of the ConfigMap or Secret that a reference names come from, if they are not known."""
        found = self.find(reference, ("", kind)) if kind in ("ConfigMap", "Secret") else None
        makers = (self.find(reference, maker) for maker in (SEALED, EXTERNAL))
        return whereabouts(kind, found, (one for one in makers if one is not None))

    def path_here(self, reference: ObjectFields, path: str) -> str | None:
        """The path in this repository of a path in a source. None if the source is another one; empty, with a Problem
        or an entry of what is not judged, if the path is unclear.

        A source that is not among the objects is this repository if bootstrap made it, or if the path exists here.
        """
        if reference.text("kind") == "ExternalArtifact":
            return self._path_of_artifact(reference, path)
        root = self.root_of(reference)
        here = posixpath.join(root or ".", path.removeprefix("./").lstrip("/"))
        here = f"./{posixpath.normpath(here)}" if root else "./" + path.removeprefix("./").lstrip("/")
        sources = self._find_all(reference, (GROUP, reference.text("kind")))
        here_first = (one for one in sources if self.repository.is_meant(self._url(one, reference), here))
        source = next(here_first, sources[0] if sources else None)
        if source is None:
            is_bootstrap = reference.text("name") == BOOTSTRAP_NAME
            is_here = is_bootstrap or self.repository.has(here)
            if is_here and not is_bootstrap:
                message = "is not among the manifests, and taken for this repository, as the path exists here"
                reference.note(f"{reference.text('kind')} '{reference.text('name')}' {message}", "name")
        else:
            url = self._url(source, reference)
            is_here = self.repository.is_meant(url, here)
            if is_here:
                note_flux_source(_spec(source, reference), url, reference, self.repository)
        if is_here and root is None:
            title = f"{reference.text('kind')} '{reference.text('name')}'"
            message = f"{title} is packed from a folder that is not clear: none holds all paths that are taken from it"
            reference.unjudged(f"{message}, '{path}' among them", "name", command="")
            reference.may_deploy(self.repository, "", "name")
            return ""
        return here if is_here else None

    def root_of(self, reference: ObjectFields) -> str | None:
        """The folder that the content of a source lies in; empty for the root of the repository, None if unclear.

        Git gives whole repositories. Artifacts and buckets are filled from some folder: the root if it holds all paths
        that objects take from the source, else the one folder that does.
        """
        kind = reference.text("kind")
        if kind not in _PACKED:
            return ""
        key = (kind, _namespace(reference), reference.text("name"))
        if key not in self._roots:
            self._roots[key] = self._packed_from(key)
        return self._roots[key]

    def _packed_from(self, key: tuple[str, str, str]) -> str | None:
        paths = {posixpath.normpath("/" + path).strip("/") for own, path in self._users() if own == key} - {""}
        try:
            folders = {path for path, is_folder in self.repository.walk(hidden=True, patterns=0) if is_folder}
        except SearchError:
            return None
        found = [{_above(folder, path) for folder in folders if f"/{folder}".endswith(f"/{path}")} for path in paths]
        roots: set[str] = set.intersection(*found) if found else {""}
        if "" in roots:
            return ""
        return roots.pop() if len(roots) == 1 else None

    def _users(self) -> Iterator[tuple[tuple[str, str, str], str]]:
        """Kind, namespace and name of the sources that objects of the scan take paths from, with these paths."""
        for user, names, field_name in _USERS:
            for one in self.catalogue.all_of(user):
                spec = ObjectFields.of(one, Log())
                for name in names:
                    spec = spec.section(name)
                reference = spec.section("sourceRef")
                key = (reference.text("kind"), _namespace(reference), reference.text("name"))
                yield key, spec.text(field_name)

    def sources(self, reference: ObjectFields) -> list[ObjectFields]:
        """The ``spec`` of the source that a reference means, or of those that its artifact is put together of."""
        references = [reference]
        if reference.text("kind") == "ExternalArtifact":
            specs = [spec for spec, _ in self._generators(reference)]
            references = [source for spec in specs for source in spec.sections("sources")]
        found = [self.find(one, (GROUP, one.text("kind"))) for one in references]
        return [ObjectFields.of(one, reference.log).section("spec") for one in found if one is not None]

    def hidden(self, reference: ObjectFields, path: Path) -> str:
        """What keeps a file out of the artifact of a source; empty if nothing does. Raises IgnoreError."""
        return next((why for artifact in self._artifacts_of(reference) if (why := artifact.hides(path))), "")

    def has_defaults(self, reference: ObjectFields) -> bool:
        """True if Flux leaves out what it ignores by default. Raises IgnoreError."""
        return all(artifact.has_defaults for artifact in self._artifacts_of(reference))

    def _artifacts_of(self, reference: ObjectFields) -> list[Artifact]:
        root = self.root_of(reference) or ""
        keys = [(one.text("ignore"), one.resource.id.kind == "Bucket", root) for one in self.sources(reference)]
        for key in (keys := keys or [("", False, root)]):
            if key not in self._artifacts:
                self._artifacts[key] = Artifact(self.repository, key[0], is_bucket=key[1], root=root)
        return [self._artifacts[key] for key in keys]

    def url_of(self, reference: ObjectFields) -> str:
        """The URL of the source that a reference means; empty if it is not known."""
        source = self.find(reference, (GROUP, reference.text("kind")))
        return self._url(source, reference) if source is not None else ""

    def chart_of_registry(self, reference: ObjectFields) -> Wanted | None:
        """The chart that an OCIRepository is, in the version that it names; None for anything else, as for another
        layer of its artifact."""
        source = self.find(reference, (GROUP, "OCIRepository")) if reference.text("kind") == "OCIRepository" else None
        if source is None:
            return None
        spec = _spec(source, reference)
        ref = spec.section("ref")
        digest = f"@{ref.text('digest')}" if ref.text("digest") else ""
        above, _, name = spec.text("url").rstrip("/").rpartition("/")
        if not above.startswith("oci://") or spec.section("layerSelector").text("mediaType") not in ("", _CHART_LAYER):
            return None
        ranges = ref.text("semver")
        if ranges and ref.text("semverFilter"):
            ranges = f"{RANGE}{ranges}{FILTER}{ref.text('semverFilter')}"
        return Wanted.chart(above, name, digest or ranges or ref.text("tag") or "latest")

    def at(self, repository: Repository) -> Surroundings:
        """The same objects, with the files of another repository."""
        return Surroundings(repository, self.catalogue, self.environment, self.fetched)

    def folder_elsewhere(self, reference: ObjectFields, path: str) -> Wanted | None:
        """The folder at a path of a GitRepository, at the revision that it names, or what an OCIRepository holds; None
        for anything else."""
        if reference.text("kind") == "OCIRepository":
            return self._artifact(reference)
        found = self.chart_of_git(reference, path)
        return Wanted.files("tree", found.repository, found.name, found.requested) if found is not None else None

    def _artifact(self, reference: ObjectFields) -> Wanted | None:
        """What an OCIRepository holds, unless it says which layer of an artifact is meant."""
        found, source = self.chart_of_registry(reference), self.find(reference, (GROUP, "OCIRepository"))
        if found is None or source is None or _spec(source, reference).body.get("layerSelector"):
            return None
        ref = _spec(source, reference).section("ref")
        is_range = ref.text("semver") and not ref.text("digest") and not found.requested.startswith(RANGE)
        return replace(found, kind="artifact", requested=f"{RANGE if is_range else ''}{found.requested}")

    def chart_of_git(self, reference: ObjectFields, path: str) -> Wanted | None:
        """The chart at a path of a GitRepository, at the revision that it names; None for anything else."""
        source = self.find(reference, (GROUP, "GitRepository")) if reference.text("kind") == "GitRepository" else None
        if source is None:
            return None
        spec = _spec(source, reference)
        ref, url = spec.section("ref"), spec.text("url")
        if not url or spec.body.get("include"):
            return None
        ranges = f"{RANGE}{ref.text('semver')}" if ref.text("semver") else ""
        named = ref.text("tag") and f"refs/tags/{ref.text('tag')}"
        branch = f"refs/heads/{ref.text('branch') or 'master'}"
        return Wanted.git(url, path, ref.text("commit") or ref.text("name") or ranges or named or branch)

    def may_be_here(self, reference: ObjectFields) -> bool:
        """True if a source may be this repository, as far as is known: by its URL, or as it has none."""
        url = self.url_of(reference)
        return (not url and reference.text("kind") != "ExternalArtifact") or self.repository.may_be_meant(url)

    def shown(self, reference: ObjectFields) -> str:
        """The source in words: its URL, or its kind and name if that is not known."""
        url = self.url_of(reference)
        return shown_url(url) or f"{reference.text('kind')}/{reference.text('name')}"

    def _url(self, source: Resource, reference: ObjectFields) -> str:
        """The URL of a source; of a bucket, its endpoint and name."""
        spec = _spec(source, reference)
        bucket = f"s3://{spec.text('endpoint')}/{spec.text('bucketName')}" if spec.text("bucketName") else ""
        return spec.text("url") or bucket

    def _path_of_artifact(self, reference: ObjectFields, path: str) -> str | None:
        """Where the folder of an artifact comes from: whole folders that its generator copies."""
        name, copies = reference.text("name"), list(self._copies(reference))
        wanted = _folder(path)
        fitting = [(to, copied) for to, copied in copies if copied and (not to or f"{wanted}/".startswith(f"{to}/"))]
        if not copies:
            return None
        if not fitting:
            message = f"what ExternalArtifact '{name}' holds at '{path}' is not clear from its ArtifactGenerator"
            reference.fault(f"{message}: copy the whole folder in one step", "name")
            return ""
        to, copied = max(fitting)
        return posixpath.join("./" + copied, wanted[len(to) :].lstrip("/"))

    def _copies(self, reference: ObjectFields) -> Iterator[tuple[str, str]]:
        """Folders of an artifact, each with the folder of this repository that is copied there; empty if unclear."""
        for spec, artifacts in self._generators(reference):
            sources = {source.text("alias"): source for source in spec.sections("sources")}
            for copy in (copy for artifact in artifacts for copy in artifact.sections("copy")):
                alias, _, path = copy.text("from").removeprefix("@").partition("/")
                is_whole = path.endswith("/**") or path == "**"
                folder = path.removesuffix("**").strip("/")
                if alias in sources and self.path_here(sources[alias], folder or ".") is not None:
                    yield _folder(copy.text("to").removeprefix("@artifact")), folder or "." if is_whole else ""

    def _generators(self, reference: ObjectFields) -> Iterator[tuple[ObjectFields, list[ObjectFields]]]:
        """The ``spec`` of the generator that makes an artifact, with its entries for that."""
        for generator in self.catalogue.of_kind(GENERATOR, _namespace(reference), reference.resource):
            spec = ObjectFields.of(generator, reference.log).section("spec")
            artifacts = [one for one in spec.sections("artifacts") if one.text("name") == reference.text("name")]
            if artifacts:
                yield spec, artifacts
                return


def _data(resource: Resource) -> list[Json]:
    return [resource.body.get(name) for name in ("data", "stringData", "binaryData")]


def _above(folder: str, path: str) -> str:
    """The folder that a path leads to another one from; empty for the root."""
    return folder[: -len(path)].rstrip("/")


def _spec(source: Resource, reference: ObjectFields) -> ObjectFields:
    return ObjectFields.of(source, reference.log).section("spec")


def _namespace(reference: ObjectFields) -> str:
    return reference.text("namespace") or reference.resource.id.namespace


def _folder(path: str) -> str:
    """A path of an artifact without what leads to its root."""
    return posixpath.normpath("/" + path).strip("/")
