"""Reads the YAML that objects hold as text: values of charts that others render, and templates of objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgate.model import Json, Location, Locator, Pointer, Resource, child_pointer
from kgate.values import dataclass
from kgate.yamltree.embedded import outward
from kgate.yamltree.nodes import MAX_DEPTH, ManifestError, Node, compose
from kgate.yamltree.text import SourceText

VALUES_FIELDS = frozenset(("values", "valuesContent", "valuesTemplate", "valuesYaml", "valuesYAML"))
"""Fields of Argo CD, k3s, Cluster API, Sveltos and others that hold the values of a chart."""

OBJECTS_FIELD = "resourcesTemplate"
"""The field of a Flux ResourceSet that holds a template of objects."""

OBJECTS_FIELDS = (OBJECTS_FIELD, "additionalManifest")
"""This field, and that of Rancher's clusters which holds manifests."""

_ACTIONS = {OBJECTS_FIELD: ("<<", ">>")}
_GO_ACTIONS = ("{{", "}}")
MARKS = ("<<…>>", "{{…}}")
"""What stands for an action in the values of objects that were read from a template."""

_FILLER = "\ue0ff"
"""A letter to YAML; stands where a template puts what is not known."""

_FILLERS = re.compile(f"{_FILLER}+")

_DEEPEST = 4
"""Texts inside of texts that are read; one below MAX_DEPTH levels is not."""


def expanded(resource: Resource) -> Resource:
    """Returns a custom resource with the YAML that it holds as text in place of the text, and with its places."""
    group = resource.id.api_version.rpartition("/")[0]
    if "." not in group or group.endswith(".k8s.io"):
        return resource
    texts: dict[Pointer, _Text] = {}
    body = _expanded(resource.body, resource.pointer, texts, _DEEPEST)
    return replace(resource, body=body, locator=_Inside(resource.locator, texts)) if texts else resource


def _expanded(value: Json, pointer: Pointer, texts: dict[Pointer, _Text], depth: int) -> Json:
    """Returns a value of which every member that is such a text is read; the same value if there is none."""
    members: Iterator[tuple[str | int, Json]]
    if isinstance(value, Mapping):
        members = iter(value.items())
    elif isinstance(value, list):
        members = iter(enumerate(value))
    else:
        return value
    changed = {}
    for key, member in members:
        place = child_pointer(pointer, key)
        found = _read(str(key), member, value) if depth and place.count("/") <= MAX_DEPTH else None
        if found is not None:
            texts[place] = found
            changed[key] = _expanded(found.body, place, texts, depth - 1)
        elif isinstance(member, Mapping | list):
            own = _expanded(member, place, texts, depth)
            changed |= {key: own} if own is not member else {}
    if not changed:
        return value
    if isinstance(value, list):
        return [changed.get(index, member) for index, member in enumerate(value)]
    return {**value, **changed}


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that was read: its documents, and what they hold."""

    text: str
    roots: tuple[Node, ...]
    body: Json

    def locate(self, pointer: Pointer) -> Location:
        """The place in the text of a field of the body."""
        index = 0
        if isinstance(self.body, list):
            head, _, rest = pointer.removeprefix("/").partition("/")
            index, pointer = int(head or 0), f"/{rest}" if rest else ""
        return SourceText("", self.text).document(0, self.roots[index]).locate(pointer)


def _read(key: str, value: Json, holder: Json) -> _Text | None:
    """The text of a field if it holds a mapping, or a list of objects where the field is for those; else None."""
    are_objects = key in OBJECTS_FIELDS or _is_file(key, holder)
    if not isinstance(value, str) or not (key in VALUES_FIELDS or are_objects):
        return None
    opening, closing = _ACTIONS.get(key, _GO_ACTIONS)
    try:
        roots = tuple(
            root for root in compose(without_actions(value, opening, closing)) if isinstance(root.value, Mapping)
        )
    except ManifestError:
        return None
    if not roots or (key in VALUES_FIELDS and len(roots) > 1):
        return None
    if are_objects:
        bodies = [_marked(root.value, f"{opening}…{closing}") for root in roots]
    else:
        bodies = [_known(root.value) for root in roots]
    if key not in (*VALUES_FIELDS, *OBJECTS_FIELDS) and not all(
        "apiVersion" in body and "kind" in body for body in bodies
    ):
        return None
    return _Text(value, roots, bodies if are_objects else bodies[0])


def _is_file(key: str, holder: Json) -> bool:
    """True if a field is the content of a manifest: its key is the name of the file, or its holder has it."""
    names: list[Json] = [key]
    if key == "content" and isinstance(holder, Mapping):
        names = [holder.get("name"), holder.get("path")]
    return any(isinstance(name, str) and name.endswith((".yaml", ".yml")) for name in names)


def without_actions(text: str, opening: str = "{{", closing: str = "}}") -> str:
    """The text with letters instead of the actions of a template, and nothing in lines that hold only actions."""
    parts, end = [], 0
    while (start := text.find(opening, end)) >= 0 and (stop := text.find(closing, start)) >= 0:
        action = text[start : stop + len(closing)]
        parts += [text[end:start], "".join("\n" if letter == "\n" else _FILLER for letter in action)]
        end = stop + len(closing)
    parts.append(text[end:])
    lines = "".join(parts).split("\n")
    return "\n".join(" " * len(line) if _is_filler(line) else line for line in lines)


def _is_filler(text: str) -> bool:
    return _FILLER in text and not text.replace(_FILLER, "").strip()


def _known(value: Json) -> Json:
    """A value without what only a template knows."""
    if isinstance(value, Mapping):
        return {_text(key): _known(member) for key, member in value.items() if not _is_unknown(member)}
    if isinstance(value, list):
        return [None if _is_unknown(member) else _known(member) for member in value]
    return _text(value)


def _marked(value: Json, mark: str) -> Json:
    """A value with a mark in place of what only a template knows."""
    if isinstance(value, Mapping):
        return {_FILLERS.sub(mark, key): _marked(member, mark) for key, member in value.items()}
    if isinstance(value, list):
        return [_marked(member, mark) for member in value]
    return _FILLERS.sub(mark, value) if isinstance(value, str) else value


def _is_unknown(value: Json) -> bool:
    return isinstance(value, str) and _is_filler(value)


def _text(value: Json) -> Json:
    return value.replace(_FILLER, "") if isinstance(value, str) else value


def documents(text: str, pointer: Pointer, locator: Locator) -> Iterator[tuple[Node, Locator]]:
    """Yields the root of each document of a text, with what locates its fields below ``pointer``, the place of the text
    in what ``locator`` knows. Raises ManifestError."""
    for root in compose(text):
        yield root, _Inside(locator, {pointer: _Text(text, (root,), root.value)})


class _Inside:
    """Gives places in texts of an object, too (model.Locator)."""

    def __init__(self, locator: Locator, texts: Mapping[Pointer, _Text]) -> None:
        self._locator = locator
        self._texts = texts

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field; of one in a text, where its line is found in the file, else the field of the text."""
        above = pointer.rpartition("/")[0]
        while above and above not in self._texts:
            above = above.rpartition("/")[0]
        if not above:
            return self._locator.locate(pointer)
        text, field = self._texts[above], self.locate(above)
        inner = text.locate(pointer.removeprefix(above))
        lines = text.text.split("\n")
        return outward(inner, lines, field, lambda number: self.line(field.path, number)).at(pointer)

    def line(self, path: str, number: int) -> str:
        """A line of the file."""
        return self._locator.line(path, number)

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field of the object with its null fields; None if it is absent."""
        return self._locator.with_nulls(pointer)
