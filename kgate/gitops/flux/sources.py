"""Finds where in this repository the source of a Flux object is."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kgate.facts import Facts
from kgate.gitops.assumptions import note_flux_source
from kgate.gitops.catalogue import Catalogue
from kgate.gitops.fields import ObjectFields
from kgate.gitops.flux.ignore import Artifact
from kgate.model import Resource
from kgate.repository import Repository
from kgate.urls import shown_url

GROUP = "source.toolkit.fluxcd.io"
GENERATOR = ("source.extensions.fluxcd.io", "ArtifactGenerator")
BOOTSTRAP_NAME = "flux-system"
"""What ``flux bootstrap`` calls the source that it makes of the repository itself."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the references of Flux objects lead: to this repository, and to other objects of the scan."""

    repository: Repository
    catalogue: Catalogue
    facts: Facts = field(default_factory=Facts)
    _artifacts: dict[tuple[str, bool], Artifact] = field(default_factory=dict, compare=False, repr=False)

    def find(self, reference: ObjectFields, kind: tuple[str, str]) -> Resource | None:
        """The object that a reference with ``name`` and ``namespace`` means."""
        return self.catalogue.find(kind, _namespace(reference), reference.text("name"), reference.resource)

    def path_here(self, reference: ObjectFields, path: str) -> str | None:
        """The path in this repository of a path in a source. None if the source is another one; empty, and a
        Problem, if it is put together in a way that leaves the path unclear.

        A source that is not among the objects is this repository if bootstrap made it, or if the path exists here.
        """
        if reference.text("kind") == "ExternalArtifact":
            return self._path_of_artifact(reference, path)
        source = self.find(reference, (GROUP, reference.text("kind")))
        if source is None:
            is_bootstrap = reference.text("name") == BOOTSTRAP_NAME
            is_here = is_bootstrap or self.repository.has("./" + path)
            if is_here and not is_bootstrap:
                message = "is not among the manifests, and taken for this repository, as the path exists here"
                reference.note(f"{reference.text('kind')} '{reference.text('name')}' {message}", "name")
        else:
            url = self._url(source, reference)
            is_here = self.repository.is_meant(url, "./" + path)
            if is_here:
                note_flux_source(_spec(source, reference), url, reference, self.repository)
        return "./" + path.removeprefix("./").lstrip("/") if is_here else None

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
        keys = [(one.text("ignore"), one.resource.id.kind == "Bucket") for one in self.sources(reference)]
        for text, is_bucket in (keys := keys or [("", False)]):
            if (text, is_bucket) not in self._artifacts:
                self._artifacts[text, is_bucket] = Artifact(self.repository, text, is_bucket=is_bucket)
        return [self._artifacts[key] for key in keys]

    def shown(self, reference: ObjectFields) -> str:
        """The source in words: its URL, or its kind and name if that is not known."""
        source = self.find(reference, (GROUP, reference.text("kind")))
        url = self._url(source, reference) if source is not None else ""
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


def _spec(source: Resource, reference: ObjectFields) -> ObjectFields:
    return ObjectFields.of(source, reference.log).section("spec")


def _namespace(reference: ObjectFields) -> str:
    return reference.text("namespace") or reference.resource.id.namespace


def _folder(path: str) -> str:
    """A path of an artifact without what leads to its root."""
    return posixpath.normpath("/" + path).strip("/")
