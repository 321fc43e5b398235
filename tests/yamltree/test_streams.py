"""streams.py: the documents of a text are those that Helm takes; what kubectl takes is asked in test_manifest.py."""

from __future__ import annotations

import pytest

from kgate.yamltree import streams

# Printed by SplitManifests of Helm 3.17, but for empty documents.
AS_HELM: dict[str, list[str]] = {
    "a": ["a"],
    " \xa0a\u3000\n": ["a"],
    "a\n---\nb": ["a", "b"],
    "---a\n---b": ["a", "b"],
    "a\n \t\n--- \n\n b": ["a", "b"],
    "a\r\n---\r\nb": ["a", "b"],
    "a\n---\xa0b": ["a", "b"],
    "a\n---#b": ["a", "#b"],
    "a\n----b": ["a", "-b"],
    "a\n---\n---\nb": ["a", "---\nb"],
    "a ---\n --- b": ["a ---\n --- b"],
    "a\x0b---b": ["a\x0b---b"],
    "a\x85---b": ["a\x85---b"],
    "\x1ca\x1c": ["\x1ca\x1c"],
    "": [],
    "---\n---": ["---"],
}


@pytest.mark.parametrize(("text", "wanted"), AS_HELM.items())
def test_documents_of_helm(text: str, wanted: list[str]) -> None:
    assert [text[start:end] for start, end in streams.helm_pieces(text)] == wanted
