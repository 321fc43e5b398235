"""Reads Sigma rules about audit events (SigmaHQ/sigma-specification, version 2) into conditions: which requests they
are about, and how much of them must be recorded."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from kgate.falco.checking import fault_of_pattern
from kgate.falco.conditions import And, Check, ConditionError, EventField, Expression, Or, Value, combination, negation
from kgate.model import Json, Location
from kgate.values import dataclass
from kgate.yamltree.fields import suggestion
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import SourceText, find_span

PARTS = (
    *("level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser", "sourceIPs", "userAgent"),
    *("objectRef", "responseStatus", "requestObject", "responseObject", "requestReceivedTimestamp", "stageTimestamp"),
    "annotations",
)
"""The parts of an audit event."""

_OTHER_NAMES = {
    "apiGroup": EventField("jevt.value", "/objectRef/apiGroup", 0),
    "hostPath": EventField("ka.req.pod.volumes.hostpath", None, 0),
    "capabilities": EventField("ka.req.pod.containers.add_capabilities", None, 0),
}
"""Fields that public rules name and that are no paths of an audit event."""

_OPERATORS = {"": "=", "contains": "icontains", "startswith": "startswith", "endswith": "endswith", "re": "regex"}
_TOKEN = re.compile(r"\(|\)|[\w*?-]+")
_MAX_DEPTH = 20


class SigmaError(Exception):
    """A rule that cannot be read, or that holds something that is not modelled."""


@dataclass(frozen=True, slots=True)
class SigmaRule:
    """A Sigma rule about audit events. ``condition`` is None if ``fault`` says why it is not known."""

    name: str
    place: Location
    condition: Expression | None
    fault: str = ""
    is_enabled: bool = True


def read(path: str, text: str) -> Iterator[SigmaRule]:
    """Yields the rules of a file that are about audit events of Kubernetes. Raises SigmaError."""
    source = SourceText(path, text)
    try:
        for root in compose(text):
            body, detection = root.value, root.get("detection")
            if detection is None:
                raise SigmaError(f"{path}:{root.start.line + 1}: is not a Sigma rule: detection is missing")
            place = source.place(find_span(root, "/detection"), "/detection")
            logs = body.get("logsource")
            if isinstance(logs, dict) and (logs.get("product"), logs.get("service")) == ("kubernetes", "audit"):
                yield _rule(str(body.get("title", path)), place, detection.with_nulls())
    except ManifestError as error:
        raise SigmaError(f"{path}:{error.line}: {error}") from None


def _rule(name: str, place: Location, detection: Json) -> SigmaRule:
    try:
        return SigmaRule(name, place, _condition(detection))
    except (SigmaError, ConditionError) as error:
        return SigmaRule(name, place, None, str(error))


def _condition(detection: Json) -> Expression:
    if not isinstance(detection, dict) or not isinstance(detection.get("condition"), str):
        raise SigmaError("its detection has no condition")
    return _Parser(detection).parse(detection["condition"])


class _Parser:
    """Parses the condition of one rule, which combines its searches."""

    def __init__(self, detection: Mapping[str, Json]) -> None:
        self._searches = {name: body for name, body in detection.items() if name not in ("condition", "timeframe")}
        self._found: dict[str, Expression] = {}
        self._tokens: deque[str] = deque()

    def parse(self, text: str) -> Expression:
        """Returns the expression. Raises SigmaError and ConditionError."""
        if _TOKEN.sub("", text).strip():
            raise SigmaError("its condition counts or correlates events, which is not modelled")
        self._tokens = deque(_TOKEN.findall(text))
        found = self._any(0)
        if self._tokens:
            raise SigmaError(f"its condition goes on with '{self._tokens[0]}' where it should end")
        return found

    def _any(self, depth: int) -> Expression:
        parts = [self._all(depth)]
        while self._takes("or"):
            parts.append(self._all(depth))
        return _combined(Or, parts)

    def _all(self, depth: int) -> Expression:
        parts = [self._one(depth)]
        while self._takes("and"):
            parts.append(self._one(depth))
        return _combined(And, parts)

    def _one(self, depth: int) -> Expression:
        if depth > _MAX_DEPTH:
            raise SigmaError(f"its condition is nested deeper than {_MAX_DEPTH} levels")
        if self._takes("not"):
            return negation(self._one(depth + 1), 0)
        if self._takes("("):
            found = self._any(depth + 1)
            if not self._takes(")"):
                raise SigmaError("its condition lacks a ')'")
            return found
        word = self._tokens.popleft() if self._tokens else ""
        if word in ("1", "all") and self._takes("of"):
            return self._several(Or if word == "1" else And, self._tokens.popleft() if self._tokens else "")
        if word not in self._searches:
            raise SigmaError(f"its condition names '{word}', which is no search{suggestion(word, self._searches)}")
        return self._search(word)

    def _several(self, kind: type[And | Or], pattern: str) -> Expression:
        wanted = "*" if pattern == "them" else pattern
        names = [name for name in self._searches if fnmatchcase(name, wanted) and not name.startswith("_")]
        if not names:
            raise SigmaError(f"its condition names '{pattern}', which is no search")
        return _combined(kind, [self._search(name) for name in names])

    def _search(self, name: str) -> Expression:
        if name not in self._found:
            self._found[name] = _search(self._searches[name])
        return self._found[name]

    def _takes(self, word: str) -> bool:
        is_next = bool(self._tokens) and self._tokens[0].lower() == word
        if is_next:
            self._tokens.popleft()
        return is_next


def _combined(kind: type[And | Or], parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else combination(kind, tuple(parts), 0)


def _search(body: Json) -> Expression:
    """Returns the condition of a search: all fields of a mapping, any mapping of a list."""
    if isinstance(body, dict) and body:
        return _combined(And, [_field(name, value) for name, value in body.items()])
    if isinstance(body, list) and body and all(isinstance(one, dict) and one for one in body):
        return _combined(Or, [_search(one) for one in body])
    raise SigmaError("a search for words in the whole event is not modelled")


def _field(name: str, value: Json) -> Expression:
    """Returns the condition that a field has one of some values, or with the modifier ``all`` each of them."""
    name, *modifiers = name.split("|")
    field = _OTHER_NAMES.get(name)
    if field is None:
        if name.partition(".")[0] not in PARTS:
            raise SigmaError(f"an audit event has no field {name}{suggestion(name, (*PARTS, *_OTHER_NAMES))}")
        field = EventField("jevt.value", f"/{name.replace('.', '/')}", 0)
    kind = And if "all" in modifiers else Or
    operators = [one for one in modifiers if one != "all"] or [""]
    if len(operators) != 1 or operators[0] not in (*_OPERATORS, "exists"):
        raise SigmaError(f"the modifier {'|'.join(operators)} is not modelled")
    values = value if isinstance(value, list) else [value]
    if not values:
        raise SigmaError(f"field {name} has no values")
    return _combined(kind, [_comparison(field, operators[0], one) for one in values])


def _comparison(field: EventField, operator: str, value: Json) -> Expression:
    exists = Check(field, "exists", (), 0)
    if value is None or (operator == "exists" and value is False):
        return negation(exists, 0)
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    if text == "*" or operator == "exists":
        return exists
    if isinstance(value, (dict, list)):
        raise SigmaError("a value that is a list or a mapping is not modelled")
    if not operator and any(sign in text for sign in "*?"):
        if any(sign in text for sign in "[\\"):
            raise SigmaError("brackets and backslashes in a pattern are not modelled")
        return Check(field, "iglob", (Value(text, 0),), 0)
    if field.name != "jevt.value":
        return Check(field, "intersects", (Value(text, 0),), 0, is_list=True)
    return _pattern_checked(Check(field, _OPERATORS[operator], (Value(text, 0),), 0))


def _pattern_checked(check: Check) -> Check:
    """Returns a comparison whose regular expressions can be compiled. Raises SigmaError."""
    fault = fault_of_pattern(check)
    if fault is not None:
        raise SigmaError(fault)
    return check


def rules_of(files: Iterable[tuple[str, bytes | str]]) -> Iterator[SigmaRule]:
    """Yields the rules of files, each with its bytes, or with why it cannot be read. Raises SigmaError."""
    from kgate.yamltree.text import decode

    for path, data in files:
        if isinstance(data, str):
            raise SigmaError(f"{path}: {data}")
        try:
            yield from read(path, decode(data))
        except UnicodeDecodeError:
            raise SigmaError(f"{path}: is not UTF-8 text") from None
