"""The items of rule files, as Falco keeps them until it compiles: redefined, appended to, partly replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from kgate.falco.faults import Code, LoadError, LoadFault
from kgate.falco.fields import AUDIT_SOURCE, SOURCES, fault_of_field
from kgate.model import Location
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.falco.traced import Scalar, Traced

ENGINE = (0, 63, 0)
"""The version of Falco's engine whose loader this is."""

Entry: TypeAlias = "Scalar | tuple[Entry, ...]"
"""What an exception holds in fields, comps and values: text or a list, of texts or lists again."""

_OPERATORS = (
    *("exists", "<=", "<", ">=", ">", "==", "=", "!=", "glob", "iglob", "contains", "icontains", "bcontains"),
    *("startswith", "bstartswith", "endswith", "regex", "intersects", "in", "pmatch"),
)
LIST_OPERATORS = ("intersects", "in", "pmatch")
_MODIFIED = tuple(name for name in _OPERATORS if name not in (*LIST_OPERATORS, "exists", "<", "<=", ">", ">="))


@dataclass(slots=True)
class ListItem:
    """A list. ``index`` says when it was first defined, ``visibility`` when it was last changed: it may name the lists
    that were defined before."""

    name: str
    items: list[Scalar]
    place: Location
    index: int = 0
    visibility: int = 0


@dataclass(slots=True)
class MacroItem:
    """A macro; it may use the macros that were defined before it was last changed."""

    name: str
    condition: Traced
    place: Location
    index: int = 0
    visibility: int = 0


@dataclass(slots=True)
class ExceptionItem:
    """An exception of a rule: for each of its values the rule does not fire where all fields compare so."""

    name: str
    fields: Entry | None
    comparisons: Entry | None
    values: list[Entry]
    place: Location


@dataclass(slots=True)
class RuleItem:
    """A rule; what is None was not written (in a change of an earlier rule, it stays as it is)."""

    name: str
    place: Location
    source: str = ""
    condition: Traced | None = None
    output: Traced | None = None
    description: str | None = None
    priority: str | None = None
    is_enabled: bool | None = None
    tags: tuple[str, ...] | None = None
    exceptions: list[ExceptionItem] | None = None
    skips_unknown: bool | None = None
    warns_of_types: bool | None = None
    capture: bool | None = None
    index: int = 0

    @property
    def subject(self) -> str:
        """How a message names it."""
        return f"rule {self.name}"


_FIELDS = ("condition", "output", "description", "priority", "is_enabled", "tags", "exceptions")
_SWITCHES = ("skips_unknown", "warns_of_types", "capture")


class Items:
    """The lists, macros and rules of some files, in the order in which they were first defined."""

    def __init__(self, report: Callable[[LoadFault], None]) -> None:
        self.lists: dict[str, ListItem] = {}
        self.macros: dict[str, MacroItem] = {}
        self.rules: dict[str, RuleItem] = {}
        self._report = report
        self._count = 0

    def define(self, item: ListItem | MacroItem) -> None:
        """Adds a list or macro, or puts it in the place of an earlier one."""
        known: dict[str, ListItem] | dict[str, MacroItem]
        known = self.lists if isinstance(item, ListItem) else self.macros
        item.visibility = self._next()
        item.index = known[item.name].index if item.name in known else item.visibility
        known[item.name] = item  # type: ignore[assignment] # of the same type as the others

    def append_list(self, item: ListItem) -> None:
        """Adds members to a list. Raises LoadError."""
        known = self.lists.get(item.name)
        if known is None:
            raise LoadError(Code.VALIDATE, f"appends to list {item.name}, which is not defined before", item.place)
        known.items += item.items
        known.visibility = self._next()

    def append_macro(self, item: MacroItem) -> None:
        """Adds a condition to the end of a macro. Raises LoadError."""
        known = self.macros.get(item.name)
        if known is None:
            raise LoadError(Code.VALIDATE, f"appends to macro {item.name}, which is not defined before", item.place)
        _append(known.condition, item.condition, item.place)
        known.visibility = self._next()

    def define_rule(self, item: RuleItem) -> None:
        """Adds a rule, or puts it in the place of an earlier one. Raises LoadError."""
        self._check_source(item)
        if item.source not in SOURCES:
            message = f"source {item.source} is not one of Falco's plugins: the rule is left out unless one brings it"
            self._report(LoadFault(Code.UNKNOWN_SOURCE, message, item.place, item.subject))
        for one in item.exceptions or ():
            if one.fields is None:
                raise LoadError(Code.VALIDATE, f"exception {one.name} needs fields", one.place)
            validate(one, item.source)
        item.index = self.rules[item.name].index if item.name in self.rules else self._next()
        self.rules[item.name] = item

    def append_rule(self, item: RuleItem) -> None:
        """Adds to what an earlier rule has. Raises LoadError."""
        self._check_source(item)
        known = self._earlier(item, "appends to")
        if all(getattr(item, name) is None for name in _FIELDS):
            raise LoadError(Code.VALIDATE, "appends nothing: write condition or exceptions", item.place)
        if item.condition is not None and known.condition is not None:
            _append(known.condition, item.condition, item.place)
        if item.output is not None and known.output is not None:
            _append(known.output, item.output, item.place)
        if item.description:
            known.description = f"{known.description} {item.description}"
        known.tags = tuple(dict.fromkeys((*(known.tags or ()), *(item.tags or ()))))
        for one in item.exceptions or ():
            self._append_exception(known, one)

    def replace_rule(self, item: RuleItem) -> None:
        """Replaces some of what an earlier rule has. Raises LoadError."""
        self._check_source(item)
        known = self._earlier(item, "replaces a part of")
        for one in item.exceptions or ():
            validate(one, known.source)
        for name in (*_FIELDS, *_SWITCHES):
            value = getattr(item, name)
            if value is not None:
                setattr(known, name, value)

    def enable(self, item: RuleItem) -> None:
        """Switches an earlier rule on or off. Raises LoadError."""
        self._earlier(item, "has only enabled, which switches").is_enabled = item.is_enabled

    def _append_exception(self, rule: RuleItem, one: ExceptionItem) -> None:
        rule.exceptions = rule.exceptions or []
        known = next((other for other in rule.exceptions if other.name == one.name), None)
        if known is None:
            if one.fields is None:
                raise LoadError(Code.VALIDATE, f"exception {one.name} is new, and needs fields", one.place)
            if not one.values:
                raise LoadError(Code.VALIDATE, f"exception {one.name} is new, and needs values", one.place)
            validate(one, rule.source)
            rule.exceptions.append(one)
            return
        for entry, key in ((one.fields, "fields"), (one.comparisons, "comps")):
            if entry is not None:
                message = f"exception {one.name} is there already, and only its values can be appended to; remove {key}"
                raise LoadError(Code.VALIDATE, message, one.place)
        known.values += one.values

    def _earlier(self, item: RuleItem, what: str) -> RuleItem:
        known = self.rules.get(item.name)
        if known is None:
            raise LoadError(Code.VALIDATE, f"{what} rule {item.name}, which is not defined before", item.place)
        return known

    def _check_source(self, item: RuleItem) -> None:
        known = self.rules.get(item.name)
        if known is not None and known.source and item.source and known.source != item.source:
            message = f"is redefined with source {item.source}; it has source {known.source}"
            raise LoadError(Code.VALIDATE, message, item.place)

    def _next(self) -> int:
        self._count += 1
        return self._count


def _append(text: Traced, more: Traced, place: Location) -> None:
    """Adds to a condition or an output. Raises LoadError."""
    from kgate.falco.traced import MAX_LENGTH

    if len(text.text) + len(more.text) > MAX_LENGTH:
        message = f"appends to what has more than {MAX_LENGTH:,} letters then"
        raise LoadError(Code.VALIDATE, message, place)
    text.append(more)


def validate(one: ExceptionItem, source: str) -> None:
    """Checks the fields and comparisons of an exception against each other. Raises LoadError."""
    if isinstance(one.fields, tuple):
        count = len(one.fields)
        if one.comparisons is not None and (not isinstance(one.comparisons, tuple) or len(one.comparisons) != count):
            raise LoadError(Code.VALIDATE, f"exception {one.name}: fields and comps must have equal length", one.place)
        for comparison in texts(one.comparisons):
            if not is_comparison(comparison):
                raise LoadError(Code.VALIDATE, f"'{comparison}' is not a comparison operator", one.place)
    elif isinstance(one.comparisons, tuple):
        raise LoadError(Code.VALIDATE, f"exception {one.name}: fields and comps must both be strings", one.place)
    elif one.comparisons is not None and not is_comparison(one.comparisons.text, of_one_field=True):
        words = "in, pmatch, intersects or an operator with a modifier, such as startswith oneof"
        raise LoadError(Code.VALIDATE, f"exception {one.name}: of one field, comps must be {words}", one.place)
    if source == AUDIT_SOURCE:
        _check_fields(one)


def is_comparison(text: str, *, of_one_field: bool = False) -> bool:
    """True if a text is an operator, maybe with a modifier; ``of_one_field`` takes only those that take lists."""
    operator, *modifier = text.split() or [""]
    if modifier:
        return operator in _MODIFIED and len(modifier) == 1 and modifier[0] in ("oneof", "anyof", "allof")
    return operator in (LIST_OPERATORS if of_one_field else _OPERATORS)


def texts(entry: Entry | None) -> Iterable[str]:
    """Returns the texts of an entry; those of lists inside of it are not among them."""
    if entry is None:
        return ()
    return [one.text for one in entry if not isinstance(one, tuple)] if isinstance(entry, tuple) else [entry.text]


def _check_fields(one: ExceptionItem) -> None:
    from kgate.falco.conditions import EventField

    for text in texts(one.fields):
        name, bracket, rest = text.partition("[")
        fault = fault_of_field(EventField(name, rest.removesuffix("]") if bracket else None, 0))
        if fault is not None:
            raise LoadError(Code.VALIDATE, f"exception {one.name}: {fault}", one.place)
