"""Says of an object what kubeconform says in kubesec, by kgate's own knowledge of Kubernetes' types.

Kinds whose fields kgate does not know (kubernetes/types.json) are valid if Kubernetes serves them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from kgate.kubernetes.schema import Schema, Shape, UnknownField
from kgate.kubernetes.served import is_served
from kgate.model import Json, Pointer, child_pointer, pointer_tokens
from kgate.profiles.kubesec.rules import profile
from kgate.values import dataclass

_UNMARSHAL = "error unmarshalling resource: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal"
_MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is wrong with the value that a pointer leads to."""

    pointer: Pointer
    message: str


def complaint(value: Json, minor: int) -> str:
    """Returns what is wrong with a document for a Kubernetes 1.x version; empty if nothing is."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return f"{_UNMARSHAL} {_go_type(value)} into Go value of type map[string]interface {{}}"
    if value.get("kind") == "List" and isinstance(value.get("items"), list):
        return "".join(complaint(one, minor) for one in value["items"])
    for key in ("kind", "apiVersion"):
        if key not in value:
            return f"error while parsing: missing '{key}' key"
        if not isinstance(value[key], str):
            return f"error while parsing: key '{key}' is not a string"
    return _complaint_about(value, value["kind"], value["apiVersion"], minor)


def _complaint_about(value: Json, kind: str, api_version: str, minor: int) -> str:
    schema = _schema(minor)
    if not is_served(api_version, kind, minor):
        return f"could not find schema for {kind}"
    name = schema.type_of(api_version, kind)
    wrong = list(_wrong(schema, name, value)) if name is not None else []
    return _shown(wrong, api_version, kind, minor) if wrong else ""


@cache
def _schema(minor: int) -> Schema:
    return Schema(minor)


def _go_type(value: Json) -> str:
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "number"


# ---------------------------------------------------------------------------------------------- faults


def _wrong(schema: Schema, name: str, value: Json) -> Iterator[_Wrong]:
    """Yields what is wrong: unknown fields of an object as one, fields that are missing, then values of a wrong
    type."""
    unknown: dict[Pointer, list[str]] = {}
    for fault in schema.faults(value, name):
        if isinstance(fault, UnknownField):
            unknown.setdefault(fault.pointer.rpartition("/")[0], []).append(fault.name)
        else:
            yield _Wrong(fault.pointer, f"got {_json_type(fault.value)}, want {_WANTED[fault.wanted]}")
    for pointer, names in unknown.items():
        yield _Wrong(pointer, f"additional properties {_quoted(names)} not allowed")
    for pointer, names in _missing(schema, Shape("struct", name=name), value, ""):
        yield _Wrong(pointer, f"missing {'property' if len(names) == 1 else 'properties'} {_quoted(names)}")


def _missing(schema: Schema, shape: Shape, value: Json, pointer: Pointer) -> Iterator[tuple[Pointer, list[str]]]:
    """Yields the objects that lack fields, with the names of these."""
    if shape.word == "struct" and isinstance(value, dict):
        wanted = profile().required.get(shape.name, ())
        lacking = [one.name for one in wanted if one.holds(schema.minor) and one.name not in value]
        if lacking:
            yield pointer, lacking
        fields = schema.fields(shape.name)
        for key, member in value.items():
            if key in fields:
                yield from _missing(schema, fields[key], member, child_pointer(pointer, key))
    elif shape.members is not None and isinstance(value, (list, dict)):
        members = enumerate(value) if isinstance(value, list) else value.items()
        for token, member in members:
            yield from _missing(schema, shape.members, member, child_pointer(pointer, token))


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_WANTED = {
    "string": "null or string",
    "boolean": "null or boolean",
    "int32": "null or integer",
    "int64": "null or integer",
    "int-or-string": "null or string or integer",
    "quantity": "null or string or number",
    "list": "null or array",
    "mapping": "null or object",
}


def _json_type(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


# --------------------------------------------------------------------------------------------- message


def _shown(wrong: list[_Wrong], api_version: str, kind: str, minor: int) -> str:
    """Returns the faults as kubeconform prints those of github.com/santhosh-tekuri/jsonschema: a tree, whose branches
    are the places that several faults share, in one line."""
    group, _, version = api_version.rpartition("/")
    short = f"{group.split('.')[0]}-" if group else ""
    file = f"kubernetes:v1.{minor}/{kind.lower()}-{short}{version}.json#"
    ordered = sorted(wrong[:_MOST_FAULTS], key=lambda one: pointer_tokens(one.pointer))
    tree = "".join(f" {line}" for line in _branch(ordered, 0, 0))
    return f"problem validating schema. Check JSON formatting: jsonschema validation failed with '{file}'{tree}\n"


def _branch(wrong: list[_Wrong], start: int, indent: int) -> Iterator[str]:
    """Yields the lines of faults that share ``start`` tokens of their pointers."""
    paths = [tuple(pointer_tokens(one.pointer)) for one in wrong]
    if len(wrong) == 1:
        yield f"{' ' * indent}- at '{wrong[0].pointer}': {wrong[0].message}"
        return
    shared = start
    while all(len(path) > shared and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    place = child_pointer("", *paths[0][:shared])
    yield f"{' ' * indent}- at '{place}': validation failed"
    groups: dict[tuple[str, ...] | int, list[_Wrong]] = {}
    for index, (path, one) in enumerate(zip(paths, wrong, strict=True)):
        groups.setdefault(path[shared : shared + 1] or index, []).append(one)
    for group in groups.values():
        yield from _branch(group, shared, indent + 2)
