"""Builds without the data that generators would fetch: what a ConfigMap or Secret holds changes no workload."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.model import Note
from kgate.rendering.kustomize.copy import Copy
from kgate.rendering.kustomize.job import Job
from kgate.rendering.kustomize.kustomization import Kustomization
from kgate.urls import shown_url
from kgate.yamltree.text import decode

_STAND_IN = "kgate-has-not-fetched-it"
_LONGEST_NAME = 200


def leave_out(job: Job, copy: Copy, nodes: tuple[Kustomization, ...]) -> Iterator[Note]:
    """Puts an empty file in the place of each, in the clean copy, with a note. Names keep their length, so that all
    else keeps its place in the file."""
    for node in nodes:
        for data in node.remote_data:
            key = data.text.rpartition("/")[2]
            place = copy.place(copy.clean, node.path)
            text = decode(place.read_bytes())
            start = text.find(data.text, data.offset)
            has_key = not data.has_name or text[data.offset : start].endswith("=")
            length = len(data.text) - (0 if has_key else len(key) + 1)
            if start < 0 or not 0 < length <= _LONGEST_NAME:
                continue
            name = (_STAND_IN * (length // len(_STAND_IN) + 1))[:length]
            (place.parent / name).touch()
            entry = name if has_key else f"{key}={name}"
            place.write_bytes((text[:start] + entry + text[start + len(entry) :]).encode())
            message = f"{shown_url(data.text)} is not fetched; the data that it would be are left out"
            yield Note(job.shown(node.path), data.line, message)
