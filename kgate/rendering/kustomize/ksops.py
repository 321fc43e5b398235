"""Builds without KSOPS, which decrypts Secrets as a plugin of kustomize: a Secret runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kgate.model import Json, Note
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.job import Job
from kgate.rendering.kustomize.kustomization import Kustomization
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import decode

_EMPTY = b"# KSOPS does not run here\n"


def leave_out(job: Job, copy: Copy, nodes: Sequence[Kustomization]) -> Iterator[Note]:
    """Empties the generators of KSOPS in the clean copy, with a note for each. Workloads in the files that it decrypts
    are in no output, so they are judged as written (sources.unrendered)."""
    for node in nodes:
        for link in node.links:
            if link.key != "generators" or link.is_folder:
                continue
            place = copy.place(copy.clean, link.real)
            generators = _generators(place.read_bytes())
            if not generators:
                continue
            place.write_bytes(_EMPTY)
            names = [name for one in generators for name in _files(one)]
            message = f"KSOPS does not run: the Secrets that it decrypts{_of(names)} are left out"
            yield Note(job.shown(link.real), None, message)


def _generators(data: bytes) -> list[Mapping[str, Json]]:
    """The generators of KSOPS in a file; none if it holds anything else."""
    try:
        values = [root.value for root in compose(decode(data)) if root.value is not None]
    except (ManifestError, UnicodeDecodeError):
        return []
    return values if values and all(map(_is_ksops, values)) else []


def _is_ksops(value: Json) -> bool:
    group = str(value.get("apiVersion")).partition("/")[0] if isinstance(value, dict) else ""
    return group == "viaduct.ai" and value.get("kind") == "ksops"


def _files(generator: Mapping[str, Json]) -> list[str]:
    files = generator.get("files")
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _of(names: Sequence[str]) -> str:
    return f" from {', '.join(names)}" if names else ""
