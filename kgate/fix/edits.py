"""Changes of a document -> edits of its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from kgate.fix.edit import Edit, RefusalError
from kgate.fix.layout import Layout, Member
from kgate.fix.spelling import Indentation, flow, scalar
from kgate.model import Json, list_index
from kgate.values import dataclass
from kgate.yamltree.nodes import Node, Tokens

Wanted = dict[str, Json]
"""Changes below a node as a tree by tokens: mappings lead to leaves; those are values, None for what goes away."""

_IN_TEXT = "it is written in a text inside of the file"
_OTHER_LINE = "removing it changes another line as well"


@dataclass(frozen=True, slots=True)
class Made:
    """An edit, and the fields of one mapping that it changes, by their tokens from the root."""

    edit: Edit
    fields: tuple[Tokens, ...]

    def has_part_in(self, field: Tokens) -> bool:
        """True if a field, or one below it, is changed by this edit."""
        return any(field[: len(own)] == own for own in self.fields)


def edits(layout: Layout, wanted: Wanted) -> Iterator[Made]:
    """Yields the edits of a document's text that make the wanted changes. Raises RefusalError.

    Fields that are absent from one mapping come in one edit. Offsets start at the document.
    """
    pending: list[tuple[Tokens, Node, Wanted]] = [((), layout.root, wanted)]
    while pending:
        way, node, below = pending.pop()
        if node.items is not None:
            pending += [((*way, token), _item(node, token), one) for token, one in below.items()]
            continue
        mapping = _Mapping(layout, node)
        for edit, tokens in mapping.edits(below):
            yield Made(edit, tuple((*way, token) for token in tokens))
        pending += [((*way, token), member, one) for token, member, one in mapping.inner(below)]


def _item(node: Node, token: str) -> Node:
    index = list_index(token)
    if index is None or node.items is None or index >= len(node.items):
        raise RefusalError("it has no such member")
    return node.items[index]


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A mapping whose fields are changed."""

    layout: Layout
    node: Node

    def inner(self, wanted: Wanted) -> list[tuple[str, Node, Wanted]]:
        """Returns the collections below it in which something changes, each with what."""
        found = []
        for token, one in wanted.items():
            member = self.node.get(token)
            if isinstance(one, dict) and member is not None and (member.fields or member.items):
                found.append((token, member, one))
        return found

    def edits(self, wanted: Wanted) -> Iterator[tuple[Edit, tuple[str, ...]]]:
        """Yields the edits of its own fields, each with the tokens of those."""
        if self.node.fields is None:
            raise RefusalError("a parent of the field is not a mapping")
        own = self.layout.entries(self.node)
        missing: Wanted = {}
        for token, one in wanted.items():
            member = self.node.get(token)
            if member is None:
                missing |= {token: _whole(one)} if one is not None else {}
            else:
                yield from ((edit, (token,)) for edit in self._changed(own, token, member, one))
        if missing:
            yield self._inserted(own, dict(sorted(missing.items()))), tuple(missing)

    def _changed(self, own: Mapping[str, Member], token: str, member: Node, wanted: Json) -> Iterator[Edit]:
        """Yields the edits of a field that is there."""
        if wanted is None:
            yield self._removal(own, token)
        elif isinstance(wanted, dict):
            if _is_empty(member):
                yield from self._filled(own.get(token), member, _whole(wanted))
            elif not (member.fields or member.items):
                is_text = isinstance(member.value, str)
                raise RefusalError(_IN_TEXT if is_text else "a parent of the field is not a mapping")
        elif isinstance(wanted, list):
            yield from self._with_members(own.get(token), member, wanted)
        else:
            yield self._replaced(own.get(token), member, wanted)

    # ------------------------------------------------------------------------------ fields that are absent

    def _inserted(self, own: Mapping[str, Member], fields: Wanted) -> Edit:
        layout, node = self.layout, self.node
        if not own or layout.is_flow(node):
            return _into_flow(layout, node, fields, list(own.values()))
        first, last = next(iter(own.values())), max(own.values(), key=lambda entry: entry.begin)
        return _new_lines(layout, last.end, self._block().lines(fields, layout.column(first.begin)))

    def _block(self) -> Indentation:
        return Indentation(self.layout.indent(self.node), self.layout.list_indent)

    def _filled(self, entry: Member | None, member: Node, value: Json) -> Iterator[Edit]:
        """Yields the edits that put a value in the place of none, or of an empty mapping."""
        layout = self.layout
        if entry is None:
            raise RefusalError("its value comes from another mapping, through <<")
        colon = layout.text.index(":", entry.key_end) + 1
        begin = layout.content(member)
        end = layout.line_end(entry.end)
        is_plain = not entry.is_alias and not layout.text[colon:begin].strip()
        if not layout.is_flow(self.node) and is_plain and end is not None and layout.column(begin) > 0:
            if layout.text[begin : entry.end].strip():
                yield Edit(colon, entry.end, "")
            block = self._block()
            indent = layout.column(entry.begin) + (block.list_step if isinstance(value, list) else block.step)
            yield _new_lines(layout, entry.end, block.lines(value, indent))
        elif member.fields is not None and not entry.is_alias:
            yield _into_flow(layout, member, value, [])
        elif is_plain:
            space = "" if layout.text[colon:begin] else " "
            yield Edit(
                begin, entry.end, space + flow(value, _quote_of(layout, list(layout.entries(self.node).values())))
            )
        else:
            raise RefusalError("its value is that of an anchor")

    # ------------------------------------------------------------------------------ fields that are there

    def _replaced(self, entry: Member | None, member: Node, value: Json) -> Edit:
        """Returns the edit that gives a field another scalar."""
        layout = self.layout
        if member.fields or member.items:
            raise RefusalError("its value is a list or a mapping")
        if entry is None:
            raise RefusalError("its value comes from another mapping, through <<")
        if entry.is_alias:
            return Edit(layout.text.index("*", entry.key_end), entry.end, scalar(value))
        begin = member.start.index
        old = layout.text[begin : entry.end]
        if old[:1] in ("&", "!", "|", ">"):
            raise RefusalError("its value has an anchor or a tag, or spans lines")
        quote = old[0] if isinstance(value, str) and old[:1] in ("'", '"') else ""
        return Edit(
            begin, entry.end, ("" if old or layout.text[begin - 1 : begin].isspace() else " ") + scalar(value, quote)
        )

    def _with_members(self, entry: Member | None, member: Node, values: list[Json]) -> Iterator[Edit]:
        """Yields the edits that add to a list what it lacks."""
        if _is_empty(member):
            yield from self._filled(entry, member, values)
            return
        if member.items is None:
            raise RefusalError("its value is not a list")
        layout, lacking = self.layout, [value for value in values if value not in member.value]
        if layout.is_flow(member):
            yield _into_flow(layout, member, lacking, [])
            return
        if entry is None or entry.is_alias:
            raise RefusalError("its value is that of an anchor")
        dash = layout.content(member)
        if layout.text[dash : dash + 1] != "-":
            raise RefusalError("the list is laid out in a way that kgate does not know")
        quote = _quote_at(layout, member.items[-1].start.index)
        start = " " * layout.column(dash) + "- "
        yield _new_lines(layout, entry.end, (start + scalar(value, quote) for value in lacking))

    def _removal(self, own: Mapping[str, Member], token: str) -> Edit:
        """Returns the edit that removes a field, with its lines if it has them for itself."""
        layout, entries = self.layout, list(own.values())
        if token not in own or len(entries) < 2:
            raise RefusalError(
                "nothing would be left of its mapping" if token in own else "it comes from another mapping"
            )
        number = list(own).index(token)
        entry, after = entries[number], entries[number + 1] if number + 1 < len(entries) else None
        if layout.is_flow(self.node):
            return _removal_from_flow(layout, entries, number)
        end = layout.line_end(entry.end)
        if end is None:
            raise RefusalError(_OTHER_LINE)
        if layout.begins_line(entry.begin):
            return Edit(entry.begin - layout.column(entry.begin), end, "")
        if after is None or layout.text[end : after.begin].strip():
            raise RefusalError(_OTHER_LINE)
        return Edit(entry.begin, after.begin, "")


def _whole(wanted: Json) -> Json:
    """Returns the values of a tree, sorted, without what is to be absent, which it is already."""
    if not isinstance(wanted, dict):
        return wanted
    return {key: _whole(one) for key, one in sorted(wanted.items()) if one is not None}


def _is_empty(node: Node) -> bool:
    """True if a value is null or an empty collection."""
    return node.value is None or (node.value in ({}, []) and not (node.fields or node.items))


def _new_lines(layout: Layout, offset: int, lines: Iterator[str]) -> Edit:
    """Returns the edit that inserts lines after the one that ends at an offset."""
    end = layout.line_end(offset)
    if end is None:
        raise RefusalError("its line holds more than it")
    text = layout.newline.join(lines)
    is_last = layout.text[end - 1 : end] != "\n"
    return Edit(end, end, layout.newline + text if is_last else text + layout.newline)


# ---------------------------------------------------------------------------------- flow collections


def _into_flow(layout: Layout, node: Node, values: Json, entries: list[Member]) -> Edit:
    """Returns the edit that adds to a collection in brackets: in a line of its own if its last member has one."""
    opening = layout.content(node)
    if not layout.is_flow(node):
        raise RefusalError("the mapping is laid out in a way that kgate does not know")
    begins = [entry.begin for entry in entries] or [item.start.index for item in node.items or ()]
    quote = _quote_at(layout, begins[-1]) if begins else _quote_of(layout, [])
    last = begins[-1] if begins else opening
    if begins and opening < last and layout.begins_line(last):
        margin = layout.text[last - layout.column(last) : last]
        return Edit(last, last, f"{_own_lines(layout, values, quote, margin)},{layout.newline}{margin}")
    content = layout.text[: node.end.index - 1].rstrip()
    comma = "" if content[-1:] in ("{", "[", ",") else ", "
    return Edit(len(content), len(content), comma + flow(values, quote)[1:-1])


def _own_lines(layout: Layout, values: Json, quote: str, margin: str) -> str:
    """Returns members for lines of their own in a collection with brackets; JSON is indented further."""
    if quote != '"' or isinstance(values, list):
        return flow(values, quote)[1:-1]
    indented = _INDENTED.search(layout.text)
    lines = json.dumps(values, indent=indented[0] if indented is not None else 2, ensure_ascii=False).split("\n")[1:-1]
    step = len(lines[0]) - len(lines[0].lstrip())
    return (layout.newline + margin).join(line[step:] for line in lines)


_INDENTED = re.compile(r"^[ \t]+(?=\S)", re.MULTILINE)
"""The blanks before the first line that is indented."""


def _quote_of(layout: Layout, entries: list[Member]) -> str:
    """Returns the quotes of keys in flow: those of the last one, else those of JSON if the text is that."""
    if entries and (quote := _quote_at(layout, entries[-1].begin)):
        return quote
    return '"' if re.match(r"\s*\{\s*\"", layout.text) else ""


def _quote_at(layout: Layout, offset: int) -> str:
    letter = layout.text[offset : offset + 1]
    return letter if letter in ("'", '"') else ""


def _removal_from_flow(layout: Layout, entries: list[Member], number: int) -> Edit:
    """Returns the edit that removes a field from brackets, with its comma and, if it has one, its line."""
    entry, text = entries[number], layout.text
    comma = re.compile(r"[ \t]*,").match(text, entry.end)
    if comma is not None and layout.begins_line(entry.begin):
        end = layout.line_end(comma.end())
        if end is not None:
            return Edit(entry.begin - layout.column(entry.begin), end, "")
    after = entries[number + 1] if number + 1 < len(entries) else None
    if after is not None and "\n" not in text[entry.begin : after.begin]:
        return Edit(entry.begin, after.begin, "")
    before = entries[number - 1]
    if after is None and "\n" not in text[before.begin : entry.end]:
        return Edit(before.end, entry.end, "")
    raise RefusalError(_OTHER_LINE)
