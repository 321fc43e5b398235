"""Says what is wrong with a field, in the words of the field and as its author wrote it."""

from __future__ import annotations

import re

from kgate.kubernetes.nearest import nearest
from kgate.kubernetes.schema import Mismatch, Schema, UnknownField, lifetime
from kgate.model import Json, Location, Pointer, child_pointer, field_path, json_text, list_index, pointer_tokens
from kgate.yamltree.nodes import resolve

_HOLDERS = {
    "PodSpec": "a pod spec",
    "PodTemplateSpec": "a pod template",
    "Container": "a container",
    "EphemeralContainer": "an ephemeral container",
    "SecurityContext": "a container's securityContext",
    "PodSecurityContext": "a pod's securityContext",
    "ObjectMeta": "metadata",
}
"""What messages call the types that most fields of a pod belong to; of another one they name the field."""

_SIBLINGS = ("Container", "SecurityContext", "PodSecurityContext", "PodSpec")
"""The types whose fields are often written into one another."""

_WANTED = {
    "string": "text",
    "boolean": "true or false",
    "int32": "a whole number of at most 32 bits",
    "int64": "a whole number of at most 64 bits",
    "int-or-string": "a whole number or text",
    "quantity": "a quantity, such as 100m",
    "list": "a list",
    "mapping": "a mapping",
}

_PLACEHOLDER = re.compile(r"\$\{|\$\(|\{\{|<%|@\w+@")
_LONGEST_TEXT = 60


def unknown_field(fault: UnknownField, schema: Schema) -> str:
    """Says that Kubernetes has no such field, and which one is meant."""
    holder = _holder(fault)
    found = lifetime(fault.holder, fault.name)
    if found is None:
        return f"`{fault.name}` is not a field of {holder}, so it has no effect{_hint(fault, schema)}"
    since, until = found
    when = f"since Kubernetes 1.{since}" if schema.minor < since else f"before Kubernetes 1.{until}"
    return f"`{fault.name}` is a field of {holder} only {when}, so it has no effect in 1.{schema.minor}"


def _holder(fault: UnknownField) -> str:
    above = fault.pointer.rpartition("/")[0]
    if above and fault.holder not in _HOLDERS:
        return f"`{_field(above)}`"
    article = "an" if fault.holder[0] in "AEIOU" else "a"
    return _HOLDERS.get(fault.holder, f"{article} {fault.holder}")


def _hint(fault: UnknownField, schema: Schema) -> str:
    near = nearest(fault.name, schema.fields(fault.holder))
    if near:
        return f"; did you mean `{near}`?"
    if fault.holder in _SIBLINGS:
        others = [_HOLDERS[other] for other in _SIBLINGS if fault.name in schema.fields(other)]
        return f"; it is a field of {others[0]}" if others else ""
    return ""


def mismatch(fault: Mismatch, location: Location) -> str:
    """Says that a field has a value of a wrong type, and what to write; ``location`` is the place of the field."""
    field, value = _field(fault.pointer), fault.value
    if isinstance(value, str) and fault.wanted not in ("list", "mapping"):
        return f"`{field}` is {_as_text(value, fault.wanted)}"
    if fault.wanted == "string" and not isinstance(value, list | dict):
        return f"`{field}` is {_as_scalar(value, location)}"
    return f"`{field}` is {_described(value)}; it must be {_WANTED[fault.wanted]}"


def is_placeholder(fault: Mismatch) -> bool:
    """True if something else writes the value before Kubernetes sees it."""
    return isinstance(fault.value, str) and _PLACEHOLDER.search(fault.value) is not None


def _as_text(text: str, wanted: str) -> str:
    """Describes text where a number, or true or false, belongs."""
    if _PLACEHOLDER.search(text):
        return f"a placeholder, {_described(text)}, whose value is not known here; it is not judged"
    types = (bool,) if wanted == "boolean" else (int,)
    if type(_resolved(text)) in types:
        return f"{_described(text)}; remove the quotes"
    return f"{_described(text)}; it must be {_WANTED[wanted]}"


def _as_scalar(value: Json, location: Location) -> str:
    """Describes a number, or true or false, where text belongs, and which spelling YAML 1.1 reads as that."""
    written = _written(location)
    if "{{" in written:
        return f"{_described(value)} once it is rendered; put it in quotes, with `| quote`"
    if (
        written in ("", json_text(value))
        or _resolved(written) != value
        or not isinstance(_resolved(written), type(value))
    ):
        return f"{_described(value)}; put it in quotes"
    kind = json_text(value) if isinstance(value, bool) else "a number"
    return f"{_described(value)}, since YAML 1.1 reads `{written}` as {kind}; put it in quotes"


def _written(location: Location) -> str:
    """Returns the value of a field as its line has it; empty if the line does not show it."""
    text = location.snippet[location.start.column - 1 : location.end.column - 1]
    is_item = list_index(location.pointer.rpartition("/")[2]) is not None
    return (text if is_item else text.partition(":")[2]).strip()


def _resolved(text: str) -> Json:
    try:
        return resolve(text)
    except ValueError:
        return None


def _described(value: Json) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, str):
        return f'the text "{value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"}"'
    return json_text(value) if isinstance(value, bool) or value is None else f"the number {json_text(value)}"


def _field(pointer: Pointer) -> str:
    """Returns the name of a field; of an item with that of its list, and of an entry of labels and the like too."""
    tokens = pointer_tokens(pointer)
    is_entry = len(tokens) > 1 and (list_index(tokens[-1]) is not None or tokens[-2] in _MAPPINGS)
    return field_path(child_pointer("", *tokens[-2 if is_entry else -1 :]))


_MAPPINGS = ("labels", "annotations", "matchLabels", "nodeSelector", "data", "limits", "requests", "hard", "selector")
