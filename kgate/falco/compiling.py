"""Compiles the items of rule files to rules (userspace/engine/rule_loader_compiler.cpp): lists are expanded in the text
of conditions, exceptions are appended to it, macros are put in their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from kgate.falco.checking import UnknownFieldError, check_fields, check_output, output_warnings, warnings
from kgate.falco.conditions import (
    MAX_DEPTH,
    Check,
    ConditionError,
    Expression,
    Macro,
    Not,
    bounded,
    combination,
    negation,
    walk,
)
from kgate.falco.eventtypes import is_of_most_types
from kgate.falco.exceptions import quoted, with_exceptions
from kgate.falco.faults import Code, LoadError, LoadFault
from kgate.falco.fields import AUDIT_SOURCE, SOURCES, SYSCALL_SOURCE
from kgate.falco.items import Items, ListItem, MacroItem, RuleItem
from kgate.falco.parsing import parse
from kgate.falco.traced import DELIMITERS, MAX_LENGTH, Traced
from kgate.model import Location
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class FalcoRule:
    """A rule that Falco would run. ``text`` is its condition with lists and exceptions, in which the offsets of its
    expression count; those of a macro count in the text of the macro."""

    name: str
    source: str
    condition: Expression
    text: Traced
    output: Traced
    description: str
    priority: str
    is_enabled: bool
    tags: tuple[str, ...]
    place: Location


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The rules of some files, in the order in which they were first defined; ``macros`` holds the texts of macros by
    name."""

    rules: tuple[FalcoRule, ...]
    macros: Mapping[str, Traced]


@dataclass(slots=True)
class _Compiled:
    """A macro on its way: its expression is whole once the macros in it are expanded, and None if it is refused."""

    item: MacroItem
    text: Traced
    expression: Expression | None
    is_whole: bool = False


MAX_LETTERS = 1 << 22
MAX_COMPARISONS = 200_000


class Compiler:
    """Compiles the items of all files that were read so far. ``parsed`` holds what earlier compilers of the same files
    made of the texts of conditions."""

    def __init__(
        self, items: Items, report: Callable[[LoadFault], None], parsed: dict[str, Expression | ConditionError]
    ) -> None:
        self._items = items
        self._report = report
        self._parsed = parsed
        self._letters = 0
        self._comparisons = 0
        self._lists = {name: self._members(one) for name, one in items.lists.items()}
        self._odd_names = {name for name in items.lists if _words(name) != {name}}
        self._used_macros: set[str] = set()
        self._used_lists: set[str] = set()
        self._macros: dict[str, _Compiled] = {}

    def compile(self) -> Ruleset:
        """Returns the rules without errors."""
        for item in self._items.macros.values():
            self._macros[item.name] = macro = _Compiled(item, item.condition, None)
            try:
                macro.text = self._expanded(item.condition)
                macro.expression = self._parse(macro.text)
            except LoadError as error:
                self._refuse(error, f"macro {item.name}")
        for macro in self._macros.values():
            self._complete(macro)
        rules = tuple(rule for item in self._items.rules.values() if (rule := self._rule(item)) is not None)
        return Ruleset(rules, {name: one.text for name, one in self._macros.items()})

    def _complete(self, macro: _Compiled) -> None:
        """Puts the macros that a macro uses in their places."""
        if macro.expression is not None:
            try:
                macro.expression = self._resolved(macro.expression, macro.text, macro.item.visibility)
                macro.is_whole = True
            except LoadError as error:
                macro.expression = None
                self._refuse(error, f"macro {macro.item.name}")
            except _BrokenMacroError:
                macro.expression = None

    def report_unused(self) -> None:
        """Reports the macros and lists that no rule and no other macro or list uses."""
        for macro in self._items.macros.values():
            if macro.name not in self._used_macros:
                message = f"macro {macro.name} is not used"
                self._report(LoadFault(Code.UNUSED_MACRO, message, macro.place))
        inner = {one.text for item in self._items.lists.values() for one in item.items}
        for item in self._items.lists.values():
            if item.name not in self._used_lists and item.name not in inner:
                self._report(LoadFault(Code.UNUSED_LIST, f"list {item.name} is not used", item.place))

    def _refuse(self, error: LoadError, subject: str) -> None:
        self._report(LoadFault(error.code, str(error), error.place, subject))

    def _members(self, item: ListItem) -> list[str]:
        """Returns the members of a list; those of lists in it count, if they were defined before it was changed."""
        found: list[str] = []
        for one in item.items:
            inner = self._items.lists.get(one.text)
            if inner is not None and inner.index < item.visibility:
                found += [member.text for member in inner.items]
            else:
                found.append(one.text)
        return found

    def _rule(self, item: RuleItem) -> FalcoRule | None:
        """Returns a rule; None if its source is unknown, or if something in it is wrong."""
        if item.source not in SOURCES or item.condition is None or item.output is None:
            return None
        is_sound = True
        try:
            if item.source == AUDIT_SOURCE:
                check_output(item)
        except LoadError as error:
            is_sound = self._refuse_rule(error, item)
        for fault in output_warnings(item):
            self._report(fault)
        try:
            text = self._expanded(with_exceptions(item.condition, item.exceptions or ()))
            expression = self._resolved(self._parse(text), text, None)
            self._check(expression, text, item)
        except LoadError as error:
            is_sound = self._refuse_rule(error, item)
        except _BrokenMacroError:
            is_sound = False
        if not is_sound:
            return None
        is_enabled = item.is_enabled is not False
        details = item.description or "", item.priority or "", is_enabled, item.tags or (), item.place
        return FalcoRule(item.name, item.source, expression, text, item.output, *details)

    def _refuse_rule(self, error: LoadError, item: RuleItem) -> bool:
        """Reports why there is no such rule; returns False."""
        is_forgiven = item.skips_unknown and isinstance(error, UnknownFieldError)
        code = Code.UNKNOWN_FILTER if is_forgiven else error.code
        self._refuse(LoadError(code, str(error), error.place), item.subject)
        return False

    def _expanded(self, text: Traced) -> Traced:
        """Returns a condition in which each name of a list is replaced by its members; a name may hold blanks. Raises
        LoadError."""
        if self._letters > MAX_LETTERS:
            message = f"the conditions together have more than {MAX_LETTERS:,} letters once their lists are expanded"
            raise LoadError(Code.COMPILE_CONDITION, message, text.place(0))
        words = _words(text.text)
        for name, members in self._lists.items():
            if name in words or (name in self._odd_names and name in text.text):
                text = text.with_list(name, ", ".join(map(quoted, members)))
                words |= _words(" ".join(members))
                self._used_lists.add(name)
            if len(text.text) > MAX_LENGTH:
                message = f"the condition has more than {MAX_LENGTH:,} letters once its lists are expanded"
                raise LoadError(Code.COMPILE_CONDITION, message, text.place(0))
        self._letters += len(text.text)
        return text

    def _parse(self, text: Traced) -> Expression:
        """Parses a condition, unless that is done already. Raises LoadError."""
        found = self._parsed.get(text.text)
        if found is None:
            try:
                found = parse(text.text)
            except ConditionError as error:
                found = error
            self._parsed[text.text] = found
        if isinstance(found, ConditionError):
            raise LoadError(Code.COMPILE_CONDITION, str(found), text.place(found.offset))
        return found

    def _resolved(self, expression: Expression, text: Traced, visibility: int | None) -> Expression:
        """Returns an expression whose macros are known; those defined at ``visibility`` or later are not. Raises
        LoadError and
        _BrokenMacroError."""
        resolver = _Resolver(self._macros, visibility)
        try:
            return resolver.resolved(expression)
        except ConditionError as error:
            raise LoadError(Code.VALIDATE, str(error), text.place(error.offset)) from None
        finally:
            self._used_macros |= resolver.used

    def _check(self, expression: Expression, text: Traced, item: RuleItem) -> None:
        """Checks the comparisons of a rule, also those in macros. Raises LoadError."""
        warned: set[tuple[Code, str]] = set()
        for check, where in self._checks(expression, text):
            self._comparisons += 1
            if self._comparisons > MAX_COMPARISONS:
                message = f"the rules together have more than {MAX_COMPARISONS:,} comparisons, those of macros included"
                raise LoadError(Code.COMPILE_CONDITION, message, text.place(0))
            for code, message, offset in warnings(check, item.source):
                if (code, message) not in warned:
                    warned.add((code, message))
                    self._report(LoadFault(code, message, where.place(offset, len(str(check.left))), item.subject))
            if item.source == AUDIT_SOURCE:
                check_fields(check, where)
        if item.source == SYSCALL_SOURCE and item.warns_of_types is not False and is_of_most_types(expression):
            message = "the condition names no evt.type, so that it is asked about every event, which is slow"
            self._report(LoadFault(Code.NO_EVTTYPE, message, text.place(0), item.subject))

    def _checks(self, expression: Expression, text: Traced) -> Iterable[tuple[Check, Traced]]:
        """Yields each comparison once, with the text that it stands in."""
        pending, seen = [(expression, text)], set()
        while pending:
            here, where = pending.pop()
            for one in walk(here):
                if isinstance(one, Check):
                    yield one, where
                elif one.body is not None and one.name not in seen:
                    seen.add(one.name)
                    pending.append((one.body, self._macros[one.name].text))


class _BrokenMacroError(Exception):
    """A macro that is refused itself, so that nothing is said about what uses it."""


class _Resolver:
    """Puts the bodies of macros in their places, each only once, so that a tree of macros stays small."""

    def __init__(self, macros: Mapping[str, _Compiled], visibility: int | None) -> None:
        self.used: set[str] = set()
        self._macros = macros
        self._visibility = visibility
        self._bodies: dict[str, Expression] = {}

    def resolved(self, expression: Expression, path: tuple[str, ...] = (), level: int = 0) -> Expression:
        """Returns an expression with all bodies. Raises ConditionError and _BrokenMacroError."""
        if isinstance(expression, Check):
            return expression
        if level > MAX_DEPTH:
            raise ConditionError(f"macros are nested deeper than {MAX_DEPTH} levels", expression.offset)
        if isinstance(expression, Macro):
            return self._macro(expression, path, level)
        if isinstance(expression, Not):
            return negation(self.resolved(expression.child, path, level + 1), expression.offset)
        children = [self.resolved(one, path, level + 1) for one in expression.children]
        return combination(type(expression), tuple(children), expression.offset)

    def _macro(self, one: Macro, path: tuple[str, ...], level: int) -> Expression:
        known = self._macros.get(one.name)
        if known is None or (self._visibility is not None and known.item.index >= self._visibility):
            raise ConditionError(_unknown(one.name, known is not None, self._macros), one.offset)
        if one.name in path:
            raise ConditionError(f"macro {one.name} refers to itself: {' → '.join((*path, one.name))}", one.offset)
        self.used.add(one.name)
        if known.expression is None:
            raise _BrokenMacroError
        if one.name not in self._bodies:
            try:
                whole = known.expression if known.is_whole else None
                self._bodies[one.name] = whole or self.resolved(known.expression, (*path, one.name), level + 1)
            except ConditionError as error:
                raise ConditionError(str(error), one.offset) from None
        return bounded(replace(one, body=self._bodies[one.name]))


def _unknown(name: str, is_later: bool, known: Iterable[str]) -> str:
    from kgate.yamltree.fields import suggestion

    if is_later:
        return f"macro {name} is defined only later, and a macro may only use those before it"
    return f"macro {name} is not defined{suggestion(name, known)}"


def _words(text: str) -> set[str]:
    for sign in DELIMITERS:
        text = text.replace(sign, " ")
    return set(text.split(" "))
