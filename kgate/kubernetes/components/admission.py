"""Reads which plugins of the API server have their configuration in a file of its host."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.kubernetes.components.component import Components, Hint
from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Resource, child_pointer

KINDS = frozenset({"AdmissionConfiguration"})

_WITHOUT_KIND = "ImagePolicyWebhook"
"""The plugin whose file does not say what it is, so that nothing finds it in a repository."""


def components(resource: Resource, minor: int) -> Iterator[Components]:  # noqa: ARG001 - as all readers
    """Yields what is not read, whatever the version: a file of another plugin is judged where it lies, by its kind."""
    for index, plugin in enumerate(list_of(resource.body.get("plugins"))):
        path = mapping(plugin).get("path")
        if mapping(plugin).get("name") == _WITHOUT_KIND and isinstance(path, str) and path:
            why = "the API server reads the plugin's configuration from this file; write it as `configuration`"
            yield Components(unread=(Hint(child_pointer("/plugins", index, "path"), why),))
