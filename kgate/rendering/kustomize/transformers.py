"""Names the key of a kustomization that changed a field which no source file holds as it was built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from kgate.model import Json
from kgate.rendering.kustomize import marks
from kgate.rendering.kustomize.kustomization import Kustomization
from kgate.rendering.kustomize.nodes import Tokens, get, items
from kgate.values import dataclass
from kgate.yamltree.nodes import Node

HASH = re.compile(r"-[bcdfghkmt24-9]{10}$")
"""What a generator appends to a name (kustomize, api/hasher)."""

_NAMES = frozenset(("name", "serviceAccountName", "serviceAccount", "secretName", "claimName", "serviceName"))


@dataclass(frozen=True, slots=True)
class Field:
    """A field as it was built: the way to it, its value, and of its object the kind and the name without a hash.

    ``original`` is what the file that the object was read from holds there, None if nothing.
    """

    tokens: Tokens
    value: Json
    kind: str
    name: str
    original: Json = None


@dataclass(frozen=True, slots=True)
class Key:
    """The way to a key of a kustomization."""

    kustomization: Kustomization
    tokens: Tokens


def find(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    """The key that made a field, or None; ``nodes`` are in the order in which they apply."""
    for search in (_image, _label, _replicas, _namespace, _name, _annotation, _replacement):
        found = search(nodes, built)
        if found is not None:
            return found
    return None


def overwriting(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    """The key that sets a field whatever the sources have there: a label, or the namespace of an object."""
    own_name = ("metadata", "name") if built.kind == "Namespace" else None
    if built.tokens in (("metadata", "namespace"), own_name):
        return _namespace(nodes, built)
    return _label(nodes, built)


def _label(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    if not built.tokens or marks.LABELS.isdisjoint(built.tokens):
        return None
    key = built.tokens[-1]
    for node in reversed(nodes):
        if _value(node.field("commonLabels"), key) == built.value:
            return Key(node, ("commonLabels", key))
        for index, item in enumerate(node.items("labels")):
            if _value(get(item, "pairs"), key) == built.value:
                return Key(node, ("labels", str(index), "pairs", key))
    return None


def names_agree(nodes: Sequence[Kustomization], source: Json, built: Field) -> bool:
    """True if a name of a source is the built one without prefixes, suffixes and a generator's hash."""
    if built.tokens[-1:] == () or built.tokens[-1] not in _NAMES:
        return False
    if not isinstance(source, str) or not isinstance(built.value, str) or not source:
        return False
    name = built.value
    for candidate in (name, HASH.sub("", name)):
        before, found, after = candidate.partition(source)
        is_made = _is_made_of(before, _affixes(nodes, "namePrefix")) and _is_made_of(
            after, _affixes(nodes, "nameSuffix")
        )
        if found and is_made:
            return True
    return False


def _affixes(nodes: Sequence[Kustomization], name: str) -> list[str]:
    found = (node.field(name) for node in nodes)
    return [str(node.value) for node in found if node is not None and node.value]


def _is_made_of(text: str, parts: Sequence[str]) -> bool:
    """True if a text is parts in a row, each as often as it likes; every offset is looked at once."""
    reached = {0}
    for offset in range(len(text)):
        if offset in reached:
            reached |= {offset + len(part) for part in set(parts) if text.startswith(part, offset)}
    return len(text) in reached


def _value(mapping: Node | None, key: str) -> Json:
    return mapping.value.get(key) if mapping is not None and isinstance(mapping.value, dict) else None


def _image(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    """The last ``images`` entry that the image went through, if they lead to what was built."""
    if built.tokens[-1:] != ("image",):
        return None
    image = str(built.original or "")
    found = _last_image(nodes, image, built.value) if image else None
    if found is not None:
        return found
    name = marks.image_name(str(built.value))
    for node in reversed(nodes):
        for index, item in enumerate(node.items("images")):
            entry = item.value if isinstance(item.value, dict) else {}
            if name == entry.get("newName", entry.get("name")) and _is_result(entry, str(built.value)):
                return Key(node, ("images", str(index), _image_key(entry)))
    return None


def _last_image(nodes: Sequence[Kustomization], image: str, wanted: Json) -> Key | None:
    found = None
    for node in nodes:
        for index, item in enumerate(node.items("images")):
            entry = item.value if isinstance(item.value, dict) else {}
            if entry.get("name") == marks.image_name(image):
                image = _replaced(image, entry)
                found = Key(node, ("images", str(index), _image_key(entry)))
    return found if image == wanted else None


def _replaced(image: str, entry: dict[str, Json]) -> str:
    name = marks.image_name(image)
    rest = image[len(name) :]
    tag, digest = entry.get("newTag"), entry.get("digest")
    if tag is not None:
        rest = f":{tag}"
    if digest is not None:
        rest = (f":{tag}" if tag is not None else "") + f"@{digest}"
    return str(entry.get("newName") or name) + rest


def _is_result(entry: dict[str, Json], image: str) -> bool:
    parts = [f":{entry['newTag']}"] if "newTag" in entry else []
    parts += [f"@{entry['digest']}"] if "digest" in entry else []
    return all(part in image for part in parts)


def _image_key(entry: dict[str, Json]) -> str:
    return next((key for key in ("digest", "newTag", "newName") if key in entry), "name")


def _replicas(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    if built.tokens[-1:] != ("replicas",):
        return None
    for node in reversed(nodes):
        for index, item in enumerate(node.items("replicas")):
            if _value(item, "count") == built.value and str(_value(item, "name") or "\0") in built.name:
                return Key(node, ("replicas", str(index), "count"))
    return None


def _namespace(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    if built.tokens[-1:] != ("namespace",) and not (built.kind == "Namespace" and built.tokens[-1:] == ("name",)):
        return None
    return _plain(nodes, "namespace", lambda value: value == built.value)


def _name(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    """The outermost prefix or suffix of a name."""
    if not built.tokens or built.tokens[-1] not in _NAMES or not isinstance(built.value, str):
        return None
    name = HASH.sub("", built.value)
    found = _plain(nodes, "namePrefix", lambda value: bool(value) and name.startswith(str(value)))
    return found or _plain(nodes, "nameSuffix", lambda value: bool(value) and name.endswith(str(value)))


def _plain(nodes: Sequence[Kustomization], name: str, accepts: Callable[[Json], bool]) -> Key | None:
    for node in reversed(nodes):
        found = node.field(name)
        if found is not None and accepts(found.value):
            return Key(node, (name,))
    return None


def _annotation(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    if "annotations" not in built.tokens:
        return None
    for node in reversed(nodes):
        if _value(node.field("commonAnnotations"), built.tokens[-1]) == built.value:
            return Key(node, ("commonAnnotations", built.tokens[-1]))
    return None


def _replacement(nodes: Sequence[Kustomization], built: Field) -> Key | None:
    """The replacement, in the kustomization or in a file that it names, whose target is the field."""
    for node in reversed(nodes):
        for index, item in enumerate(node.items("replacements")):
            if any(_is_path(path, built.tokens) for path in _field_paths(item)):
                return Key(node, ("replacements", str(index)))
    return None


def _field_paths(replacement: Node) -> Iterator[str]:
    for target in items(replacement, "targets"):
        if get(target, "select") is not None:
            yield from (str(path.value) for path in items(target, "fieldPaths"))


_SEGMENT = re.compile(r"\[[^\]]*\]|(?:[^.\\]|\\.)+")


def _is_path(path: str, tokens: Tokens) -> bool:
    """True if a dotted path of a replacement leads to a field; ``*`` and ``[name=x]`` match any item."""
    segments = [segment.replace("\\.", ".") for segment in _SEGMENT.findall(path)]
    if len(segments) != len(tokens):
        return False
    return all(
        segment in (token, "*") or (segment.startswith("[") and (token.isdigit() or segment[1:-1] == token))
        for segment, token in zip(segments, tokens, strict=True)
    )
