"""Reads YAML and JSON as the API server would (sigs.k8s.io/yaml), with the position of every field."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import TypeAlias

from kgate.kubernetes import auditpolicy, encryption
from kgate.kubernetes.nearest import nearest
from kgate.kubernetes.neighbours import ENCRYPTION_KINDS, Neighbours
from kgate.kubernetes.workload import POD_KINDS, would_run_pods
from kgate.model import (
    AppliedValues,
    Batch,
    Json,
    Location,
    Locator,
    Note,
    Pointer,
    Position,
    Problem,
    Resource,
    ResourceId,
    Unjudged,
    child_pointer,
    json_text,
    value_at,
)
from kgate.values import dataclass
from kgate.yamltree import spelling, streams
from kgate.yamltree.nodes import (
    MAX_DEPTH,
    MAX_EXPANDED_NODES,
    TOO_DEEP,
    TOO_MANY,
    DuplicateKeyError,
    ManifestError,
    compose,
)
from kgate.yamltree.text import SURROGATE, SourceText, source_text

MAX_FILE_BYTES = 32 * 1024 * 1024

SKIPPABLE_KINDS = {"CustomResourceDefinition": ("apiextensions.k8s.io/v1",)}
"""Kinds whose schema has no room for a pod, in the versions that clusters serve: left unparsed if the text alone proves
the kind (_proven_kind)."""

_TEMPLATE_LOOK = re.compile(r"\{\{|\{%|<%|@[A-Za-z]\w*@")
_COMMENT_LINE = re.compile(r"^[ \t]*(//|/\*)", re.MULTILINE)


def read(path: str, data: bytes, asked_kinds: Collection[str] = ()) -> Batch:
    """Reads a whole file at once; otherwise like ``stream``."""
    return gathered(stream(path, data, asked_kinds))


def stream(path: str, data: bytes, asked_kinds: Collection[str] = ()) -> Iterator[Batch]:
    """Reads a file one object at a time; the first batch counts the file.

    Never raises because of the content: faults become Problems. Documents of SKIPPABLE_KINDS are left unparsed,
    unless rules target their kind.
    """
    yield Batch(files=1)
    if (encrypted := encryption.whole_file(path, data, "what it deploys")) is not None:
        yield Batch(unjudged=(encrypted,))
        return
    try:
        source = _bounded_text(path, data)
    except ManifestError as error:
        yield _failed(path, None, str(error))
    else:
        for part in stream_text(source, asked_kinds):
            yield replace(part, path=path)


def read_object(path: str, body: Json) -> Batch:
    """Reads an object that stands in no text, such as one that an API server sends; ``path`` is what its fields have
    for a file. Faults become Problems."""
    try:
        values = _count(body)
    except ManifestError as error:
        return _failed(path, None, str(error))
    parts = _expand(_Unwritten(path, body), _without_nulls(body), "", ("", ""))
    return replace(gathered([Batch(files=1, values=values), *parts]), path=path)


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """What knows the fields of an object that stands in no text (model.Locator): they have no lines."""

    path: str
    body: Json

    def locate(self, pointer: Pointer) -> Location:
        """See Locator."""
        return Location(self.path, _NOWHERE, _NOWHERE, pointer)

    def line(self, path: str, number: int) -> str:  # noqa: ARG002 - of Locator
        """See Locator."""
        return ""

    def with_nulls(self, pointer: Pointer) -> Json:
        """See Locator."""
        return value_at(self.body, pointer)


_NOWHERE = Position(1, 1)


def _bounded_text(path: str, data: bytes) -> SourceText:
    """Returns the text of a file. Raises ManifestError if it is too large or not text."""
    if len(data) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 1024 // 1024
        raise ManifestError(f"larger than {limit} MiB, not read; split the file, or list it in .kgateignore", 1)
    if is_lfs_pointer(data):
        raise ManifestError(LFS_PROBLEM, 1)
    try:
        source = source_text(path, data)
    except UnicodeDecodeError:
        advice = "re-encode it, or list it in .kgateignore if it is not a manifest"
        raise ManifestError(f"is not UTF-8 or UTF-16 text; {advice}", 1) from None
    if "\0" in source.text:
        raise ManifestError("is a binary file; list it in .kgateignore if it is not a manifest", 1)
    return source


LFS_PROBLEM = "is a Git LFS pointer, so the file it points to is not judged; check out with LFS"

_LFS_POINTER = re.compile(
    rb"\s*version (https://git-lfs\.github\.com/spec/v1|https://hawser\.github\.com/spec/v1|http://git-media\.io/v/2)\s"
)
_LONGEST_POINTER = 1024


def is_lfs_pointer(data: bytes) -> bool:
    """True if git-lfs would replace this file with another one (git-lfs, lfs/pointer.go)."""
    return len(data) < _LONGEST_POINTER and _LFS_POINTER.match(data) is not None


def read_text(source: SourceText, asked_kinds: Collection[str] = (), most: int = MAX_EXPANDED_NODES) -> Batch:
    """Reads a whole text at once, like ``read``; the caller has applied the bounds on files.

    Reading stops after ``most`` values, with a Problem.
    """
    return gathered(itertools.chain([Batch(files=1)], _up_to(most, stream_text(source, asked_kinds), source)))


def _up_to(most: int, parts: Iterable[Batch], source: SourceText) -> Iterator[Batch]:
    for part in parts:
        most -= part.values
        if most < 0:
            yield _faulty(Problem(source.path, None, f"{TOO_MANY_IN_ALL}, so not all of it is judged"))
            return
        yield part


TOO_MANY_IN_ALL = f"holds more than {MAX_EXPANDED_NODES:,} values in all"


def stream_text(source: SourceText, asked_kinds: Collection[str] = ()) -> Iterator[Batch]:
    """Reads a text one object at a time, without counting a file.

    Documents that cannot be read as an object and contain no word of Kubernetes are decided at the end: they count as
    other YAML and are ignored, unless the text also holds objects, since kubectl refuses such a file, too.
    """
    objects = unreadable = documents = 0
    doubts: list[Problem] = []
    templates = _Templates()
    has_encrypted = bool(encryption.tokens(source.text))
    is_of_kubeadm, is_of_audit = _KUBEADM in source.text, auditpolicy.GROUP in source.text
    for part in _parts(source, _Kinds.of(asked_kinds)):
        documents += isinstance(part, _Unreadable) or part.values > 0
        if isinstance(part, Batch):
            objects += len(part.resources) + part.skipped + len(part.problems)
            whole = _completed(part) if is_of_kubeadm else part
            whole = _following(whole) if is_of_audit and documents > 1 else whole
            yield encryption.with_unknown(whole) if has_encrypted else whole
        elif part.is_template:
            templates.add(part)
        elif part.is_hinted:
            yield _faulty(part.problem)
        else:
            unreadable += 1
            doubts += [part.problem] if len(doubts) < _MAX_DOUBTS else ()
    if objects or templates.are_hinted:
        yield templates.together()
    else:
        unreadable += templates.count
    yield Batch(problems=tuple(doubts)) if objects else Batch(ignored=unreadable)


def _following(batch: Batch) -> Batch:
    """A part of a file behind its first document, where no API server looks for an audit policy."""
    resources = (
        replace(one, is_first=bool(one.pointer) or not auditpolicy.is_policy(one.id)) for one in batch.resources
    )
    return replace(batch, resources=tuple(resources))


_KUBEADM = "kubeadm.k8s.io/"


def _completed(batch: Batch) -> Batch:
    """A part of a file of kubeadm, which completes the configuration of the kubelet and of kube-proxy there."""
    return batch if any(one.pointer for one in batch.resources) else _installed(batch, "kubeadm")


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What kinds decide while a text is read: ``skippable`` ones are left unparsed; ``words`` finds the words of
    Kubernetes, which are the fields that every object has and the kinds that are judged."""

    skippable: frozenset[str]
    words: re.Pattern[str]

    @classmethod
    def of(cls, asked: Collection[str]) -> _Kinds:
        """What holds if rules target these kinds."""
        return cls(frozenset(SKIPPABLE_KINDS.keys() - set(asked)), _words(frozenset(asked)))


@cache
def _words(asked: frozenset[str]) -> re.Pattern[str]:
    kinds = "|".join(map(re.escape, sorted(POD_KINDS | asked)))
    return re.compile(rf"apiVersion|\b(?:kind|{kinds})\b")


@dataclass(slots=True)
class _Templates:
    """The documents of a file that cannot be read and look like templates: all of them are one Problem."""

    first: Problem | None = None
    count: int = 0
    are_hinted: bool = False

    def add(self, part: _Unreadable) -> None:
        """Adds a document."""
        self.first = self.first or part.problem
        self.count += 1
        self.are_hinted |= part.is_hinted

    def together(self) -> Batch:
        """Returns the Problem, which stands where the first of them does."""
        if self.first is None:
            return Batch()
        more = {1: "", 2: ", as one more of this file does"}.get(
            self.count, f", as {self.count - 1:,} more of this file do"
        )
        hint = f"it looks like a template{more}: scan what it renders to, or list it in .kgateignore"
        return _faulty(replace(self.first, message=f"{self.first.message}; {hint}"))


_MAX_DOUBTS = 100
"""How many unreadable documents without a word of Kubernetes are reported for a file that also holds objects."""


def _failed(path: str, line: int | None, message: str) -> Batch:
    return _faulty(Problem(path, line, message))


def _faulty(problem: Problem) -> Batch:
    return Batch(problems=(problem,))


def _failed_at(document: Locator, pointer: Pointer, message: str) -> Batch:
    return _faulty(_problem_at(document, pointer, message))


def _problem_at(document: Locator, pointer: Pointer, message: str) -> Problem:
    place = document.locate(pointer)
    return Problem(place.path, place.start.line, message)


def gathered(parts: Iterable[Batch]) -> Batch:
    """Returns parts, such as those of a file, as one batch."""
    resources: list[Resource] = []
    problems: list[Problem] = []
    notes: list[Note] = []
    applied: list[AppliedValues] = []
    unjudged: list[Unjudged] = []
    ignored = skipped = files = values = 0
    for part in parts:
        resources += part.resources
        problems += part.problems
        notes += part.notes
        applied += part.applied
        unjudged += part.unjudged
        ignored += part.ignored
        skipped += part.skipped
        files += part.files
        values += part.values
    return Batch(
        tuple(resources),
        tuple(problems),
        ignored,
        skipped,
        files,
        notes=tuple(notes),
        values=values,
        applied=tuple(applied),
        unjudged=tuple(unjudged),
    )


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A document that cannot be read as an object; ``is_hinted`` says that it contains a word of Kubernetes,
    ``is_template`` that it contains the marks of a template."""

    problem: Problem
    is_syntax: bool = False
    is_hinted: bool = False
    is_template: bool = False


_Part: TypeAlias = Batch | _Unreadable


def _parts(source: SourceText, kinds: _Kinds) -> Iterator[_Part]:
    """Yields every object of a text, and every document that cannot be read."""
    pieces = source.pieces()
    if pieces is not None:
        yield from _read_pieces(source, pieces, kinds)
        return
    rest = 0
    if source.text.lstrip()[:1] == "{":
        rest = yield from _read_json(source, kinds.words)
    if rest == len(source.text):
        return
    if streams.is_ambiguous(source.text, rest):
        yield from _read_both_ways(source, rest, kinds)
    else:
        yield from _read_pieces(source, streams.pieces(source.text, rest), kinds)


def _read_pieces(source: SourceText, pieces: Iterable[tuple[int, int]], kinds: _Kinds) -> Iterator[_Part]:
    """Reads the documents of these regions, each ended by a line break. A fault in one does not hide the next."""
    for begin, end in pieces:
        text = source.text[begin:end]
        if _proven_kind(text) in kinds.skippable:
            yield Batch(skipped=1)
        else:
            yield from _read_documents(source, begin, text if text.endswith("\n") else f"{text}\n", kinds.words)


def _read_both_ways(source: SourceText, start: int, kinds: _Kinds) -> Iterator[_Part]:
    """Yields the objects that a parser of plain YAML sees, and those that only kubectl sees.

    A text that either of them can read has no syntax error, even if the other one rejects it.
    """
    known: set[bytes | _Unreadable] = set()
    fault: _Unreadable | None = None
    for part in _read_documents(source, start, source.text[start:], kinds.words):
        if isinstance(part, _Unreadable) and part.is_syntax:
            fault = part
        else:
            known |= _digests(part)
            yield part
    is_faulty = False
    for part in _read_pieces(source, streams.pieces(source.text, start), replace(kinds, skippable=frozenset())):
        if isinstance(part, _Unreadable) and part.is_syntax:
            is_faulty = True
            if fault is None:
                continue
        if _digests(part) & known or (isinstance(part, Batch) and part.ignored):
            continue
        yield part
    if fault is not None and is_faulty:
        yield fault


def _digests(part: _Part) -> set[bytes | _Unreadable]:
    """Returns what identifies a part: digests of its objects by their content, or the part itself if it has none."""
    if isinstance(part, _Unreadable):
        return {part}
    texts = (json.dumps(resource.body, sort_keys=True).encode() for resource in part.resources)
    return {hashlib.blake2b(text, digest_size=16).digest() for text in texts}


def _read_documents(source: SourceText, start: int, text: str, words: re.Pattern[str]) -> Iterator[_Part]:
    if _begins_with_comment(text):
        problem = source.problem(source.position(start).line, f"begins with a comment; {_NO_COMMENTS}")
        yield _Unreadable(problem, is_syntax=True, is_hinted=spelling.may_hold(text, words))
        return
    try:
        for root in compose(text):
            yield Batch(values=root.weight)
            yield from _read_document(source.document(start, root), root.value, words)
    except ManifestError as error:
        yield replace(_unreadable(source, start, text, error), is_hinted=spelling.may_hold(text, words))


def _unreadable(source: SourceText, start: int, text: str, error: ManifestError) -> _Unreadable:
    before = source.position(start).line - 1
    message = error.message(source.line_name(before + error.first)) if isinstance(error, DuplicateKeyError) else error
    is_template = _TEMPLATE_LOOK.search(text) is not None
    has_comments = not is_template and text.lstrip()[:1] == "{" and _COMMENT_LINE.search(text) is not None
    problem = source.problem(before + error.line, f"{message}; {_NO_COMMENTS}" if has_comments else str(message))
    return _Unreadable(problem, error.is_syntax, is_template=is_template)


_NO_COMMENTS = "JSON has no comments, so kubectl refuses the file: remove them"


def _begins_with_comment(text: str) -> bool:
    """True if a JSON value is preceded by comments of JavaScript: to YAML, text and value may be one plain scalar."""
    offset = comments = 0
    while True:
        offset = _BLANK.match(text, offset).end()  # type: ignore[union-attr]
        closing = {"//": "\n", "/*": "*/"}.get(text[offset : offset + 2])
        end = text.find(closing, offset + 2) if closing else -1
        if closing is None or end < 0:
            return comments > 0 and text[offset : offset + 1] in ("{", "[")
        offset = end + len(closing)
        comments += 1


# A document is left unparsed only if its text alone proves its kind: each line that starts in the
# first column is a comment, the document marker or one of these keys, `kind` and `apiVersion` occur
# once with a value from SKIPPABLE_KINDS, and nothing precedes the first key. The keys of a block
# mapping that starts in the first column all start there, so no other spelling of `kind` (quotes,
# escapes, merge keys, flow style, line folding) can exist; inside quotes or a flow collection such a
# line could only hide a key, never add one. Line breaks other than LF could start a line unseen: they
# rule it out.
_FIRST_COLUMN = re.compile(r"\n([^ \n][^\n]*)")
_FIRST_KEY = re.compile(r"\n(---[^\n]*\n)?([ ]*(#[^\n]*)?\n)*(apiVersion|kind|metadata|spec):")
_KNOWN_LINE = re.compile(r"(?:metadata|spec|status):[ ]*(?:#.*)?|#.*|---[ ]*(?:#.*)?")
_IDENTITY_LINE = re.compile(r"(apiVersion|kind):[ ]+(?:(['\"])([\w./]+)\2|([\w./]+))[ ]*")
_OTHER_BREAKS = ("\r", "\x85", "\u2028", "\u2029")


def _proven_kind(text: str) -> str | None:
    """Returns the kind of SKIPPABLE_KINDS that the text alone proves its one object to have, or None."""
    if not any(kind in text for kind in SKIPPABLE_KINDS) or any(mark in text for mark in _OTHER_BREAKS):
        return None
    text = "\n" + text
    if not _FIRST_KEY.match(text):
        return None
    identity: dict[str, str] = {}
    for line in _FIRST_COLUMN.findall(text):
        match = _IDENTITY_LINE.fullmatch(line)
        if match and match[1] not in identity:
            identity[match[1]] = match[3] or match[4]
        elif not _KNOWN_LINE.fullmatch(line):
            return None
    kind = identity.get("kind", "")
    return kind if identity.get("apiVersion") in SKIPPABLE_KINDS.get(kind, ()) else None


# -------------------------------------------------------------------------------------------- JSON


def _read_json(source: SourceText, words: re.Pattern[str]) -> Generator[_Part, None, int]:
    """Yields the objects of a JSON text, one or several in a row; returns the offset of text that is not JSON."""
    decoder = json.JSONDecoder(object_pairs_hook=_json_object, parse_constant=_no_constant)
    text = _ESCAPED.sub(_replaced_if_lone, source.text) if SURROGATE.search(source.text) else source.text
    offset = _BLANK.match(text, 0).end()  # type: ignore[union-attr]
    while offset < len(text):
        line = source.position(offset).line
        try:
            value, end = decoder.raw_decode(text, offset)
        except ManifestError as error:
            yield _faulty(source.problem(line, str(error)))
            return len(text)
        except RecursionError:
            yield _faulty(source.problem(line, TOO_DEEP))
            return len(text)
        except ValueError:
            break
        try:
            yield Batch(values=_count(value))
        except ManifestError as error:
            yield _faulty(source.problem(line, str(error)))
        else:
            yield from _read_document(source.document(offset, None, end - offset), value, words)
        offset = _BLANK.match(text, end).end()  # type: ignore[union-attr]
    return offset


_BLANK = re.compile(r"[ \t\r\n]*")
_ESCAPED = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F]..)|.)")


def _replaced_if_lone(escape: re.Match[str]) -> str:
    """Replaces half of a surrogate pair as Go does, without changing the length; keeps any other escape."""
    return "\\ufffd" if escape[1] else escape[0]


def _json_object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ManifestError(f"key '{twice}' is set twice in one object: keep one of them", 1)
    return {key: item for key, item in value.items() if item is not None}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _count(value: Json) -> int:
    """Counts a value and all values in it. Raises ManifestError beyond the bounds on depth and number."""
    level, depth, count = [value], 0, 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH + 1:
            raise ManifestError(TOO_DEEP, 1)
        if count > MAX_EXPANDED_NODES:
            raise ManifestError(TOO_MANY, 1)
        level = [c for v in level for c in (v.values() if isinstance(v, dict) else v if isinstance(v, list) else ())]
    return count


# --------------------------------------------------------------------------------------- resources


def _read_document(document: Locator, value: Json, words: re.Pattern[str]) -> Iterator[_Part]:
    if isinstance(value, dict):
        yield from _expand(document, value, "", ("", ""))
    elif isinstance(value, list):
        are_objects = any(_is_identified(item) for item in value)
        what = "a list of objects; Kubernetes reads only objects: separate them by '---'"
        problem = _problem_at(document, "", what if are_objects else f"a list{_NO_OBJECT}")
        yield _Unreadable(problem, is_hinted=are_objects)
    elif value is not None:
        is_hinted = isinstance(value, str) and words.search(value) is not None
        yield _Unreadable(_problem_at(document, "", f"a single value{_NO_OBJECT}"), is_hinted=is_hinted)


_NO_OBJECT = ", not an object, so kubectl refuses the file: remove it, or write an object"


def _is_identified(value: Json) -> bool:
    return isinstance(value, dict) and "apiVersion" in value and "kind" in value


def _expand(document: Locator, body: dict[str, Json], pointer: Pointer, default: tuple[str, str]) -> Iterator[Batch]:
    """Yields the object itself, or each member of a list or of an OpenShift Template.

    ``default`` is the apiVersion and kind of members without their own (typed lists).
    """
    api_version, kind = body.get("apiVersion") or default[0], body.get("kind") or default[1]
    if not (api_version or kind or pointer) and (tool := _of_installer(body)):
        api_version, kind = tool
    if not api_version or not kind:
        yield from _unidentified(document, body, pointer)
        return
    if not isinstance(api_version, str) or not isinstance(kind, str):
        field = "apiVersion" if not isinstance(api_version, str) else "kind"
        yield _failed_at(document, child_pointer(pointer, field), f"{field} must be a string; put it in quotes")
        return
    fields = _member_fields(api_version, kind, body)
    if not fields or not (kind.endswith("List") or "objects" in fields):
        own = {key: value for key, value in body.items() if key not in fields} if fields else body
        resource = _resource(document, api_version, kind, own, pointer)
        yield Batch((resource,))
        if kind in _HOLDERS:
            yield from _configurations(resource)
    member_default = (api_version, kind.removesuffix("List")) if kind != "List" else ("", "")
    yield from _members(document, body, pointer, fields, member_default)


def _of_installer(body: dict[str, Json]) -> tuple[str, str] | None:
    """What the configuration of a tool that installs clusters counts as; None for all else."""
    from kgate.kubernetes import installers  # hardly anything has neither an apiVersion nor a kind

    return installers.recognised(body)


_HOLDERS = (
    *("AdmissionConfiguration", "Cluster", "ConfigMap", "Secret"),
    *("KubeadmConfig", "KubeadmConfigTemplate", "KubeadmControlPlane", "KubeadmControlPlaneTemplate"),
    *("KubeAdmissionControlConfig", "KubeAuditPolicyConfig", "KubeAuthenticationConfig", "KubeEtcdEncryptionConfig"),
    *("InstanceGroup", "MachineConfig", "RKEConfig"),
)
"""The kinds of objects that may hold configuration objects (kgate.kubernetes.nested)."""


def _configurations(holder: Resource) -> Iterator[Batch]:
    """Yields the configuration objects that an object holds."""
    from kgate.kubernetes import nested  # few objects hold any

    for part in nested.held_by(holder):
        if isinstance(part, nested.NestedObject):
            found = _expand(part.locator, part.body, part.pointer, (part.api_version, ""))
            yield from (_installed(one, part.installer) for one in found) if part.installer else found
        else:
            yield part


def _installed(batch: Batch, tool: str) -> Batch:
    """A batch whose resources say which tool completes them."""
    return replace(batch, resources=tuple(replace(one, installer=tool) for one in batch.resources))


def _members(
    document: Locator,
    body: dict[str, Json],
    pointer: Pointer,
    fields: Iterable[str],
    default: tuple[str, str] = ("", ""),
) -> Iterator[Batch]:
    """Yields the members of a list or Template, which may be lists themselves."""
    kind = body.get("kind")
    for field in fields:
        name = f"{kind}.{field}" if kind and isinstance(kind, str) else field
        members = body.get(field, [])
        if not isinstance(members, list):
            yield _failed_at(document, child_pointer(pointer, field), f"{name} must be a list")
            continue
        neighbours = Neighbours.of(document, members, child_pointer(pointer, field), default[1])
        for index, member in enumerate(members):
            where = child_pointer(pointer, field, index)
            if isinstance(member, dict):
                found = _expand(document, member, where, default)
                yield from found if neighbours is None else map(neighbours.shown, found)
            else:
                yield _failed_at(document, where, f"{name}[{index}] must be an object")


def _member_fields(api_version: str, kind: str, body: dict[str, Json]) -> tuple[str, ...]:
    """Returns the fields that hold other objects: ``items`` of a list, ``objects`` of an OpenShift Template.

    To kubectl, helm, Argo CD and Flux any object with ``items`` is a list, whatever its kind (apimachinery,
    unstructured/helpers.go, ``decode``); they refuse it if no member is an object.
    """
    items = body.get("items")
    is_list = isinstance(items, list) and (kind.endswith("List") or any(isinstance(item, dict) for item in items))
    fields = ("items",) if is_list or kind == "List" else ()
    is_template = kind == "Template" and api_version in ("v1", "template.openshift.io/v1") and "objects" in body
    return (*fields, "objects") if is_template else fields


def _unidentified(document: Locator, body: dict[str, Json], pointer: Pointer) -> Iterator[Batch]:
    """Yields the members of a list that lacks its apiVersion or kind, and a Problem for the list, unless a member lacks
    one, too; or a Problem for an object that does. Ignores a mapping that is neither, as not Kubernetes."""
    has_fault = False
    if _lists_objects(body):
        for part in _members(document, body, pointer, ("items",)):
            has_fault |= bool(part.problems)
            yield part
    elif pointer == "" and not (_has_either(body) and "metadata" in body) and not would_run_pods(body):
        yield Batch(ignored=1)
        return
    if not has_fault:
        yield _failed_at(document, pointer, _lack(body))


def _has_either(body: dict[str, Json]) -> bool:
    """True if a mapping has an apiVersion or a kind."""
    return bool(body.get("apiVersion") or body.get("kind"))


def _lists_objects(body: dict[str, Json]) -> bool:
    """True if a mapping without apiVersion or kind is a list of objects.

    Of a list that has its kind, kubectl (with ``--validate=false``) and kustomize require no apiVersion, and of one
    inside a list not even a kind. To its members they hand on what it has. Kinds such as ``drive#fileList`` are those
    of other APIs.
    """
    items = body.get("items")
    members = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    is_kubernetes = _has_either(body) and "#" not in str(body.get("kind"))
    is_object = _is_member if is_kubernetes else _is_identified
    return any(is_object(member) or _lists_objects(member) for member in members)


def _is_member(value: dict[str, Json]) -> bool:
    """True if a member of a list that has a kind is an object, with an apiVersion and kind of its own or without."""
    return _is_identified(value) or isinstance(value.get("metadata"), dict) or would_run_pods(value)


def _lack(body: dict[str, Json]) -> str:
    """Says which field an object lacks, and whether that is there under a misspelt name."""
    missing = "kind" if body.get("apiVersion") else "apiVersion"
    misspelt = nearest(missing, body.keys() - {missing})
    advice = f"correct `{misspelt}`" if misspelt else "add it, or list the file in .kgateignore if it is a part of one"
    return f"the object has no {missing}, so it cannot be identified; {advice}"


def _resource(document: Locator, api_version: str, kind: str, body: dict[str, Json], pointer: Pointer) -> Resource:
    if body.get("apiVersion") != api_version or body.get("kind") != kind:
        body = {**body, "apiVersion": api_version, "kind": kind}
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = _name(metadata.get("name")) or _name(metadata.get("generateName"))
    identity = ResourceId(api_version, kind, _name(metadata.get("namespace")), name)
    resource = Resource(identity, body, pointer, document)
    if kind not in (*ENCRYPTION_KINDS, "MachineConfig"):
        return resource
    from kgate.kubernetes import encryptionkeys  # hardly any repository has one

    return encryptionkeys.concealed(resource)


def _name(value: Json) -> str:
    return "" if value is None else json_text(value)
