"""Reads rule files: YAML -> items, with the faults that Falco finds (userspace/engine/rule_loader_reader.cpp)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kgate.falco.faults import Code, LoadError, LoadFault
from kgate.falco.fields import SYSCALL_SOURCE
from kgate.falco.items import ENGINE, Entry, ExceptionItem, Items, ListItem, MacroItem, RuleItem
from kgate.falco.traced import Scalar, Traced
from kgate.model import Location, Pointer, Position, child_pointer
from kgate.values import dataclass
from kgate.yamltree.fields import suggestion
from kgate.yamltree.nodes import ManifestError, Node, compose
from kgate.yamltree.scalars import written
from kgate.yamltree.text import SourceText, find_span

PRIORITIES = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug")
_IDENTIFIER = re.compile("[a-zA-Z][a-zA-Z0-9_]*")
_LIST_NAME = re.compile("[^()\"' \t\n\r\x0b\x0c=,]+")
_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}([-+].*)?")
_TRUTH = {**dict.fromkeys(("y", "yes", "true", "on"), True), **dict.fromkeys(("n", "no", "false", "off"), False)}

_APPENDABLE = ("condition", "output", "desc", "tags", "exceptions")
_SWITCHES = ("capture", "enabled", "warn_evttypes", "skip-if-unknown-filter")
_REPLACEABLE = (*_APPENDABLE, "priority", "capture_duration", *_SWITCHES)
_OF_RULES = ("rule", "source", *_REPLACEABLE, "override", "append")
_APPEND_TWICE = "override and append cannot be used together; write 'append' below override instead"


@dataclass(frozen=True, slots=True)
class ItemMapping:
    """A mapping of a rule file."""

    source: SourceText
    node: Node
    pointer: Pointer

    def has(self, key: str) -> bool:
        """True if a key is there, also with null."""
        return key in (self.node.fields or {})

    def place(self, key: str = "") -> Location:
        """Returns the place of a field, or of the mapping."""
        root = find_span(self.node, child_pointer("", key) if key else "")
        return self.source.place(root, child_pointer(self.pointer, key) if key else self.pointer)

    def fault(self, message: str, key: str = "") -> LoadError:
        """Returns the error about a field, or about the mapping."""
        return LoadError(Code.YAML_VALIDATE, message, self.place(key))

    def text(self, key: str) -> Scalar:
        """Returns a text that must be there. Raises LoadError."""
        node = self._needed(key)
        text = written(self.source.text, node)
        if node.value is None:
            raise self.fault(f"{key} is empty", key)
        if text is None:
            raise self.fault(f"{key} must be text, not a list or a mapping", key)
        if not text:
            raise self.fault(f"{key} is empty", key)
        return Scalar(self.source, node, text, child_pointer(self.pointer, key))

    def optional(self, key: str) -> str | None:
        """Returns a text; None if it is absent. Raises LoadError."""
        return self.text(key).text if self.has(key) else None

    def flag(self, key: str) -> bool | None:
        """Returns a truth value; None if it is absent. Raises LoadError."""
        text = self.optional(key)
        if text is not None and text.lower() not in _TRUTH:
            raise self.fault(f"{key} must be true or false", key)
        return None if text is None else _TRUTH[text.lower()]

    def texts(self, key: str) -> list[Scalar]:
        """Returns the texts of a list that must be there. Raises LoadError."""
        node = self._needed(key)
        if node.items is None:
            raise self.fault(f"{key} must be a list", key)
        found = []
        for index, item in enumerate(node.items):
            text = written(self.source.text, item)
            if text is None and (item.items is not None or item.fields is not None):
                raise self.fault(f"{key} must hold texts only", key)
            found.append(Scalar(self.source, item, text or "", child_pointer(self.pointer, key, index)))
        return found

    def mappings(self, key: str, what: str) -> Iterator[ItemMapping]:
        """Yields the mappings of a list. Raises LoadError."""
        node = self._needed(key)
        if node.items is None:
            raise self.fault(f"{key} must be a list", key)
        for index, item in enumerate(node.items):
            inner = ItemMapping(self.source, item, child_pointer(self.pointer, key, index))
            if item.fields is None:
                raise inner.fault(f"{what} must be a mapping")
            yield inner

    def entry(self, key: str) -> Entry | None:
        """Returns a text or nested lists of texts; None if it is absent. Raises LoadError."""
        node = self.node.get(key)
        return None if node is None else self._entry(node, child_pointer(self.pointer, key))

    def entries(self, key: str) -> list[Entry]:
        """Returns the members of a list, each a text or a list. Raises LoadError."""
        node = self._needed(key)
        if node.items is None:
            raise self.fault(f"the {key} of an exception must be a list", key)
        pointer = child_pointer(self.pointer, key)
        found = (self._entry(item, child_pointer(pointer, index)) for index, item in enumerate(node.items))
        return [one for one in found if one is not None]

    def _entry(self, node: Node, pointer: Pointer) -> Entry | None:
        if node.items is not None:
            members = (self._entry(item, child_pointer(pointer, index)) for index, item in enumerate(node.items))
            return tuple(one for one in members if one is not None)
        text = written(self.source.text, node)
        if text == "":
            raise LoadError(Code.YAML_VALIDATE, "a value must not be empty", self.place())
        return None if text is None else Scalar(self.source, node, text, pointer)

    def _needed(self, key: str) -> Node:
        node = self.node.get(key)
        if node is None:
            raise self.fault(f"{key} is missing")
        return node


class Reader:
    """Reads files one after the other into the same items."""

    def __init__(self, items: Items, report: Callable[[LoadFault], None]) -> None:
        self._items = items
        self._report = report

    def read(self, source: SourceText) -> None:
        """Reads a file. Faults are reported, and the next item is read although Falco stops at the first error."""
        try:
            for root in compose(source.text):
                if root.value is not None:
                    self._read_document(ItemMapping(source, root, ""))
        except ManifestError as error:
            start = Position(error.line, 1)
            self._report(LoadFault(Code.YAML_PARSE, str(error), Location(source.path, start, start)))

    def _read_document(self, root: ItemMapping) -> None:
        if root.node.items is None:
            message = "a rule file must be a list of items, each with list, macro or rule"
            self._report(LoadFault(Code.YAML_VALIDATE, message, root.place()))
        for index, node in enumerate(root.node.items or ()):
            if node.value is None and node.fields is None and node.items is None:
                continue
            item = ItemMapping(root.source, node, child_pointer("", index))
            try:
                self._read_item(item)
            except LoadError as error:
                self._report(LoadFault(error.code, str(error), error.place, _subject(item)))

    def _read_item(self, item: ItemMapping) -> None:
        if item.node.fields is None:
            raise item.fault("an item must be a mapping with list, macro or rule")
        readers: dict[str, tuple[Callable[[ItemMapping], None], tuple[str, ...]]] = {
            "required_engine_version": (self._read_engine, ("required_engine_version",)),
            "required_plugin_versions": (self._read_plugins, ("required_plugin_versions",)),
            "list": (self._read_list, ("list", "items", "append", "override")),
            "macro": (self._read_macro, ("macro", "condition", "append", "override")),
            "rule": (self._read_rule, _OF_RULES),
        }
        kind = next((name for name in readers if item.has(name)), None)
        if kind is None:
            names = ", ".join(item.node.fields) or "nothing"
            self._warn(Code.UNKNOWN_ITEM, f"an item with {names} is none that Falco knows, and is ignored", item)
            return
        read, known = readers[kind]
        read(item)
        for key in item.node.fields:
            if key not in known:
                message = f"unknown key '{key}', which is ignored{suggestion(key, known)}"
                self._warn(Code.UNKNOWN_KEY, message, item, key)

    def _read_engine(self, item: ItemMapping) -> None:
        text = item.text("required_engine_version").text
        if text.isascii() and text.isdecimal():
            version = (ENGINE[0], int(text[:9]), ENGINE[2])
        elif _VERSION.fullmatch(text):
            first, second, third = re.split("[-+]", text)[0].split(".")
            version = (int(first), int(second), int(third))
        else:
            message = f"engine version '{text}' is neither a number nor three of them: 0.63.0"
            raise item.fault(message, "required_engine_version")
        if version[0] != ENGINE[0] or version > ENGINE:
            needed, known = (".".join(map(str, one)) for one in (version, ENGINE))
            message = f"the rules need engine version {needed}, and the newest known one is {known}"
            raise LoadError(Code.VALIDATE, message, item.place("required_engine_version"))

    def _read_plugins(self, item: ItemMapping) -> None:
        for plugin in item.mappings("required_plugin_versions", "a plugin version"):
            names = []
            alternatives = plugin.mappings("alternatives", "an alternative") if plugin.has("alternatives") else ()
            for one in (plugin, *alternatives):
                name, version = one.text("name").text, one.text("version").text
                if not _VERSION.fullmatch(version):
                    message = f"version '{version}' of plugin {name} is not three numbers: 0.7.0"
                    raise LoadError(Code.VALIDATE, message, one.place("version"))
                if name in names:
                    raise LoadError(Code.VALIDATE, f"plugin {name} has two alternative versions", one.place("name"))
                names.append(name)

    def _read_list(self, item: ItemMapping) -> None:
        name = item.text("list").text
        if not _LIST_NAME.fullmatch(name):
            words = "has blanks, quotes, parentheses, commas or '=' in its name, so that no condition finds it"
            self._warn(Code.INVALID_LIST_NAME, words, item, "list")
        found = ListItem(name, item.texts("items"), item.place("list"))
        if self._appends(item, "items"):
            self._items.append_list(found)
        else:
            self._items.define(found)

    def _read_macro(self, item: ItemMapping) -> None:
        name = item.text("macro").text
        if not _IDENTIFIER.fullmatch(name):
            words = "has a name of other signs than letters, digits and _, so that no condition finds it"
            self._warn(Code.INVALID_MACRO_NAME, words, item, "macro")
        found = MacroItem(name, Traced.of(item.text("condition")), item.place("macro"))
        if self._appends(item, "condition"):
            self._items.append_macro(found)
        else:
            self._items.define(found)

    def _appends(self, item: ItemMapping, key: str) -> bool:
        """True if a list or macro is appended to an earlier one. Raises LoadError."""
        is_appended = self._append_flag(item)
        appended, replaced = _overrides(item, (key,), (key,))
        if is_appended and (appended or replaced):
            raise item.fault(_APPEND_TWICE, "override")
        return is_appended or key in appended

    def _append_flag(self, item: ItemMapping) -> bool:
        is_appended = item.flag("append") is True
        if is_appended:
            self._warn(Code.DEPRECATED_ITEM, "append is deprecated; write override instead", item, "append")
        return is_appended

    def _read_rule(self, item: ItemMapping) -> None:
        rule = RuleItem(item.text("rule").text, item.place("rule"))
        if item.node.get("source") is not None and item.node.fields and item.node.fields["source"][2].value:
            rule.source = item.text("source").text
        is_appended = self._append_flag(item)
        appended, replaced = _overrides(item, _APPENDABLE, _REPLACEABLE)
        if is_appended and (appended or replaced):
            raise item.fault(_APPEND_TWICE, "override")
        if appended or replaced:
            self._read_overrides(item, rule, appended, replaced)
        elif is_appended:
            self._items.append_rule(self._partial(item, rule, ("condition", "exceptions"), is_appended=True))
        elif not any(item.has(key) for key in ("condition", "output", "desc", "priority")):
            if not item.has("enabled"):
                raise item.fault("condition, output, desc and priority are missing")
            rule.is_enabled = item.flag("enabled")
            message = "a rule with only enabled is deprecated; write 'override: {enabled: replace}'"
            self._warn(Code.DEPRECATED_ITEM, message, item, "enabled")
            self._items.enable(rule)
        else:
            for key in ("condition", "output", "desc", "priority"):
                item.text(key)
            rule.source = rule.source or SYSCALL_SOURCE
            self._items.define_rule(self._partial(item, rule, _REPLACEABLE, is_appended=False))

    def _read_overrides(
        self, item: ItemMapping, rule: RuleItem, appended: tuple[str, ...], replaced: tuple[str, ...]
    ) -> None:
        for keys, how in ((appended, "append"), (replaced, "replace")):
            missing = next((key for key in keys if not item.has(key)), None)
            if missing is not None:
                raise item.fault(f"override says {missing}: {how}, and there is no {missing}", "override")
        for key in _REPLACEABLE:
            if item.has(key) and key not in appended and key not in replaced:
                raise item.fault(f"override does not say what to do with {key}: append or replace", key)
        if appended:
            self._items.append_rule(self._partial(item, _copied(rule), appended, is_appended=True))
        if replaced:
            self._items.replace_rule(self._partial(item, _copied(rule), replaced, is_appended=False))

    def _partial(self, item: ItemMapping, rule: RuleItem, keys: tuple[str, ...], *, is_appended: bool) -> RuleItem:
        """Sets what an item says under some keys. Raises LoadError."""
        there = [key for key in keys if item.has(key)]
        if "condition" in there:
            rule.condition = Traced.of(item.text("condition"))
        if "output" in there:
            rule.output = Traced.of(item.text("output"))
        if "desc" in there:
            rule.description = item.text("desc").text
        if "priority" in there:
            rule.priority = _priority(item)
        if "tags" in there:
            rule.tags = tuple(tag.text for tag in item.texts("tags"))
        if "exceptions" in there:
            rule.exceptions = self._exceptions(item, is_appended=is_appended)
        if "capture_duration" in there and not item.text("capture_duration").text.isdecimal():
            raise item.fault("capture_duration must be a number of milliseconds", "capture_duration")
        rule.capture, rule.is_enabled, rule.warns_of_types, rule.skips_unknown = (
            item.flag(key) if key in there else None for key in _SWITCHES
        )
        return rule

    def _exceptions(self, item: ItemMapping, *, is_appended: bool) -> list[ExceptionItem]:
        if item.node.fields and item.node.fields["exceptions"][2].value is None:
            return []
        found: list[ExceptionItem] = []
        for one in item.mappings("exceptions", "an exception"):
            name, place = one.text("name").text, one.place("name")
            subject = _subject(item)
            if any(name == other.name for other in found):
                message = f"there are two exceptions {name}"
                self._report(LoadFault(Code.EXCEPTION_NAME_NOT_UNIQUE, message, place, subject))
            if not is_appended and not one.has("fields"):
                raise one.fault(f"fields of exception {name} are missing")
            values = one.entries("values") if one.has("values") else []
            if is_appended and not one.has("values"):
                message = f"exception {name} has no values to append"
                self._report(LoadFault(Code.APPEND_NO_VALUES, message, place, subject))
            found.append(ExceptionItem(name, one.entry("fields"), one.entry("comps"), values, place))
        return found

    def _warn(self, code: Code, message: str, item: ItemMapping, key: str = "") -> None:
        self._report(LoadFault(code, message, item.place(key), _subject(item)))


def _copied(rule: RuleItem) -> RuleItem:
    return RuleItem(rule.name, rule.place, rule.source)


def _subject(item: ItemMapping) -> str:
    for kind in ("list", "macro", "rule"):
        node = item.node.get(kind)
        name = written(item.source.text, node) if node is not None else None
        if name:
            return f"{kind} {name}"
    return ""


def _overrides(
    item: ItemMapping, appendable: tuple[str, ...], replaceable: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the keys that are appended to and those that are replaced. Raises LoadError."""
    node = item.node.get("override")
    if node is None:
        return (), ()
    inner = ItemMapping(item.source, node, child_pointer(item.pointer, "override"))
    if node.fields is None:
        raise item.fault("override must be a mapping of keys to append or replace", "override")
    operations = {key: written(item.source.text, value) for key, (_, _, value) in node.fields.items()}
    for key, operation in operations.items():
        if operation not in ("append", "replace"):
            raise inner.fault(f"override of {key} must be append or replace, not '{operation}'", key)
        if operation == "append" and key not in appendable:
            hint = "; write replace" if key in replaceable else suggestion(key, replaceable)
            raise inner.fault(f"{key} cannot be appended to{hint}", key)
        if operation == "replace" and key not in replaceable:
            raise inner.fault(f"{key} cannot be replaced{suggestion(key, replaceable)}", key)
    appended = tuple(key for key in operations if operations[key] == "append")
    return appended, tuple(key for key in operations if operations[key] == "replace")


def _priority(item: ItemMapping) -> str:
    """Returns a priority as Falco spells it. Raises LoadError."""
    text = item.text("priority").text
    wanted = "informational" if text.lower() == "info" else text.lower()
    for name in PRIORITIES:
        if name.lower() == wanted:
            return name
    raise item.fault(f"priority '{text}' is not one of {', '.join(PRIORITIES)}", "priority")
