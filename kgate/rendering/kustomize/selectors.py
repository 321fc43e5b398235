"""The selectors of patches: regular expressions of Go that must match a whole value (kustomize, api/types)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kgate.model import Json, json_text
from kgate.regexp import Pattern, PatternError, compile_go
from kgate.rendering.kustomize.nodes import get
from kgate.values import dataclass
from kgate.yamltree.nodes import Node

_FIELDS = ("group", "version", "kind", "name", "namespace")


def faults(target: Node) -> Iterator[tuple[int, str]]:
    """The line of each field that is not a regular expression, and what is wrong with it."""
    for name in _FIELDS:
        field = get(target, name)
        if field is None or not field.value:
            continue
        try:
            _anchored(str(field.value))
        except PatternError as error:
            text = f"target {name} '{json_text(field.value):.100}' is not a regular expression of Go: {error}"
            yield field.start.line + 1, f"{text}; so what it patches is not judged"


@dataclass(frozen=True, slots=True)
class Selector:
    """The parts of a selector that are looked at; None where it says nothing."""

    kind: Pattern | None
    name: Pattern | None
    own_name: str

    @classmethod
    def of(cls, target: Mapping[str, Json]) -> Selector:
        """The selector of a patch. Raises PatternError for one with faults."""
        kind, name = str(target.get("kind") or ""), str(target.get("name") or "")
        return cls(_anchored(kind) if kind else None, _anchored(name) if name else None, name)

    def takes(self, kind: str, names: Sequence[str]) -> bool:
        """True if it takes an object of that kind and one of those names, or may take it; other fields, labels and
        annotations are not looked at."""
        if self.kind is not None and not self.kind.search(kind):
            return False
        return self.name is None or any(
            self.name.search(name) or (len(self.own_name) > 1 and self.own_name in name) for name in names
        )


def _anchored(pattern: str) -> Pattern:
    return compile_go(f"^(?:{pattern})$")
