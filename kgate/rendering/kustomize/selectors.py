"""The selectors of patches: regular expressions of Go that must match a whole value (kustomize, api/types)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from kgate.model import Json
from kgate.regexp import Pattern, PatternError, compile_go
from kgate.yamltree.nodes import Node

_FIELDS = ("group", "version", "kind", "name", "namespace")


def faults(target: Node) -> Iterator[tuple[int, str]]:
    """The line of each field that is not a regular expression, and what is wrong with it."""
    for name in _FIELDS:
        entry = (target.fields or {}).get(name)
        if entry is None or not entry[2].value:
            continue
        try:
            _anchored(str(entry[2].value))
        except PatternError as error:
            text = f"target {name} '{entry[2].value!s:.100}' is not a regular expression of Go: {error}"
            yield entry[2].start.line + 1, f"{text}; so what it patches is not judged"


def selects(target: Mapping[str, Json], kind: str, names: Sequence[str]) -> bool:
    """True if a selector without faults takes an object of that kind and one of those names, or may take it; other
    fields, labels and annotations are not looked at."""
    wanted = str(target.get("name") or "")
    if target.get("kind") and not _anchored(str(target["kind"])).search(kind):
        return False
    return not wanted or any(_anchored(wanted).search(name) or (len(wanted) > 1 and wanted in name) for name in names)


@lru_cache(maxsize=512)
def _anchored(pattern: str) -> Pattern:
    return compile_go(f"^(?:{pattern})$")
