"""Notes where this checkout is taken for a source that may hold something else: another URL, revision or content."""

from __future__ import annotations

from kgate.gitops.fields import ObjectFields
from kgate.repository import Repository
from kgate.urls import shown_url

_USUAL = frozenset({"", "HEAD", "main", "master", "refs/heads/main", "refs/heads/master"})
"""Revisions that mean the branch that pull requests go to, by convention."""


def note_repository(source: ObjectFields, field: str, repository: Repository) -> None:
    """A note where the URL in a field is taken for this repository, but is none of those that it is known by."""
    url = source.text(field)
    if not repository.is_known_as(url):
        message = f"{shown_url(url)} is taken for this repository, as its name or path fits"
        source.note(f"{message}; list it in repositories of kgate.yaml if it is", field)


def note_revision(source: ObjectFields, field: str) -> None:
    """A note where a revision is named that may not be this checkout."""
    revision = source.text(field)
    if revision not in _USUAL:
        source.note(f"{source.name(field)} '{revision}' is taken for this checkout, which is what is judged", field)


def note_flux_source(source: ObjectFields, url: str, reference: ObjectFields, repository: Repository) -> None:
    """Notes what is taken for this checkout of a Flux source: its URL, its revision, the layers of its artifact.

    The notes are at ``reference``, which names the source.
    """
    title = f"{reference.text('kind')} '{reference.text('name')}'"
    if url and not repository.is_known_as(url):
        message = f"{shown_url(url)} of {title} is taken for this repository, as its name or path fits"
        reference.note(f"{message}; list it in repositories of kgate.yaml if it is", "name")
    named = source.section("ref")
    for key in ("commit", "name", "semver", "tag", "branch", "digest"):
        if named.text(key) not in _USUAL:
            message = f"{key} '{named.text(key)}' of {title} is taken for this checkout, which is what is judged"
            reference.note(message, "name")
    if source.body.get("layerSelector"):
        reference.note(f"layerSelector of {title} is not followed: this checkout is taken for its content", "name")
