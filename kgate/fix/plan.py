"""Findings of one file -> the edits that fix them, and why the others are left alone."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from kgate.fix.edit import Edit, RefusalError, edited
from kgate.fix.edits import Made, Wanted, edits
from kgate.fix.layout import Layout
from kgate.fix.spelling import scalar
from kgate.model import FieldChange, Finding, Json, Position, field_path, list_index, pointer_tokens
from kgate.values import dataclass
from kgate.yamltree import streams
from kgate.yamltree.nodes import ManifestError, Node, Tokens, compose
from kgate.yamltree.text import yaml_of_json

Check = Callable[[str, Sequence[Finding]], str]
"""Says what is wrong with a text in which findings are fixed; an empty text if nothing is."""


_NO_DOCUMENT = -1
"""The number of the document for fields in a template, which has none."""

_LITERAL = re.compile(
    r"""(?P<key>["']?[\w-]+["']?):[ ]+(?P<value>[^\s"'{}\[\]#&*!|>,][^\s"'{}\[\],]*|"[^"{}\\\n]*"|'[^'{}\n]*')"""
    r"""[ ]*(?:(?<=[ ])#[^{}\n]*)?(?:\r?\n|\Z)"""
)
"""A field of a template that is written without any action, up to the end of its line."""


def no_check(_text: str, _fixed: Sequence[Finding]) -> str:
    """Finds nothing wrong."""
    return ""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A finding that is fixed, the edits that do it, which may fix others as well, and what else they change."""

    finding: Finding
    edits: tuple[Edit, ...]
    also: str = ""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A finding that is not fixed, and why, as a clause. ``is_doubt`` says that an unsafe fix would do it."""

    finding: Finding
    reason: str
    is_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a text: what is fixed in it, what is left alone, and the text with all edits."""

    text: str
    fixed: tuple[Fixed, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()

    @property
    def edits(self) -> frozenset[Edit]:
        """All edits."""
        return frozenset(edit for one in self.fixed for edit in one.edits)


def plan(text: str, findings: Iterable[Finding], *, with_unsafe: bool = False, check: Check = no_check) -> Plan:
    """Returns the edits that fix findings of one file. A fix that ``check`` objects to, or that changes more of the
    parsed objects than its fields, is left out."""
    able, left = [], []
    for finding in findings:
        reason = objection(finding, with_unsafe=with_unsafe)
        if reason is not None:
            left.append(reason)
        elif finding.remedy is not None and finding.waiver is None:
            able.append(finding)
    source = FixableText(text)
    chosen = _Chosen(source, check)
    chosen.add(able)
    fixed = chosen.fixed
    return Plan(edited(text, (e for one in fixed for e in one.edits)), tuple(fixed), (*left, *chosen.left))


def objection(finding: Finding, *, with_unsafe: bool = False) -> LeftAlone | None:
    """Returns why a finding is not to be fixed; None if it is, and if nobody would: its rule has no fix, or it is
    waived."""
    remedy = finding.remedy
    if remedy is None or finding.waiver is not None:
        return None
    if remedy.obstacle:
        return LeftAlone(finding, remedy.obstacle)
    if remedy.doubt and not with_unsafe:
        return LeftAlone(finding, remedy.doubt, is_doubt=True)
    return None


class _Chosen:
    """The findings of a text that can be fixed together, and those that cannot."""

    def __init__(self, source: FixableText, check: Check) -> None:
        self._source = source
        self._check = check
        self.fixed: list[Fixed] = []
        self.left: list[LeftAlone] = []

    def add(self, findings: Sequence[Finding]) -> None:
        """Adds those findings that can be fixed together with those that are here."""
        pending = [findings] if findings else []
        while pending:
            some = pending.pop()
            try:
                self.fixed = self._tried([*(one.finding for one in self.fixed), *some])
            except RefusalError as error:
                if len(some) == 1:
                    self.left.append(LeftAlone(some[0], str(error)))
                else:
                    middle = len(some) // 2
                    pending += [some[middle:], some[:middle]]

    def _tried(self, findings: Sequence[Finding]) -> list[Fixed]:
        """Returns the findings with their edits. Raises RefusalError if they cannot be fixed together."""
        source = self._source
        wishes = [(finding, [source.wish(finding, change) for change in _changes(finding)]) for finding in findings]
        all_wishes = [wish for _, own in wishes for wish in own]
        made = source.made(all_wishes)
        text = edited(source.text, (one.edit for _, one in made))
        source.compare(text, all_wishes)
        if fault := self._check(text, findings):
            raise RefusalError(fault)
        return [Fixed(finding, _own(made, own), source.also(own)) for finding, own in wishes]


def _changes(finding: Finding) -> tuple[FieldChange, ...]:
    return finding.remedy.changes if finding.remedy is not None else ()


@dataclass(frozen=True, slots=True)
class Wish:
    """A field of a document, by the number of that and its tokens from the root, and the value that it is to have. For
    a field that is written in a template, the edit itself."""

    document: int
    tokens: Tokens
    value: Json
    literal: Edit | None = None


def _own(made: Sequence[tuple[int, Made]], wishes: Sequence[Wish]) -> tuple[Edit, ...]:
    """Returns the edits that have a part in wishes."""
    found = (
        one.edit
        for number, one in made
        if any(wish.document == number and one.has_part_in(wish.tokens) for wish in wishes)
    )
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class _Document:
    """A document of a text: where it begins, and its tree and layout, whose offsets start there."""

    begin: int
    layout: Layout

    @property
    def root(self) -> Node:
        """The root of its tree."""
        return self.layout.root


class FixableText:
    """A text that findings are fixed in. What of it is no YAML is left alone."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _documents(self) -> tuple[_Document, ...]:
        return tuple(_documents(self.text))

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins."""
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def wish(self, finding: Finding, change: FieldChange) -> Wish:
        """Returns the field of this text that a change is about. Raises RefusalError."""
        if finding.renderings and change.place.is_approximate:
            raise RefusalError("its place in the source is not known for sure")
        number = self._document_at(change.place.start)
        if number is None:
            return Wish(_NO_DOCUMENT, pointer_tokens(change.pointer), change.value, self._literal(change))
        if not finding.renderings:
            return Wish(number, pointer_tokens(change.pointer), change.value)
        parent = self._tokens_at(number, change.place.start, pointer_tokens(change.place.pointer))
        rest = pointer_tokens(change.pointer)[len(pointer_tokens(change.place.pointer)) :]
        return Wish(number, (*parent, *rest), change.value)

    def _offset(self, position: Position) -> int:
        if not 0 < position.line <= len(self._lines):
            raise RefusalError("its file has changed meanwhile")
        return self._lines[position.line - 1] + position.column - 1

    def _document_at(self, position: Position) -> int | None:
        """Returns the number of the document at a position; None if what is there cannot be parsed."""
        offset = self._offset(position)
        number = bisect.bisect_right([document.begin for document in self._documents], offset) - 1
        if number < 0 or offset >= self._documents[number].begin + len(self._documents[number].layout.text):
            return None
        return number

    def _literal(self, change: FieldChange) -> Edit:
        """Returns the edit of a field that a template has in a line of its own, with a value and no action."""
        begin = self._offset(change.place.start)
        match = _LITERAL.match(self.text, begin)
        line_start = self.text.rfind("\n", 0, begin) + 1
        is_whole = change.place.pointer == change.pointer and not isinstance(change.value, list)
        if match is None or not is_whole or match["key"].strip("'\"") != pointer_tokens(change.pointer)[-1]:
            raise RefusalError("its file is a template, of which only fields that are there with a value can be edited")
        if change.value is not None:
            return Edit(match.start("value"), match.end("value"), scalar(change.value))
        if self.text[line_start:begin].strip(" ") or self.text[match.end() - 1 : match.end()] != "\n":
            raise RefusalError("removing it changes another line as well")
        return Edit(line_start, match.end(), "")

    def _tokens_at(self, number: int, position: Position, tokens: Tokens) -> Tokens:
        """Returns the tokens of the field that begins at a position: the one that is called as it is in what was
        rendered; else, as in a values file, the one that is a field with any name."""
        document = self._documents[number]
        offset = self._offset(position) - document.begin
        last = tokens[-1] if tokens else ""
        other: Tokens | None = None
        for way, node in document.root.walk():
            for token, member in node.children():
                key = node.fields[token][0].index if node.fields is not None else member.start.index
                if key != offset:
                    continue
                if token == last or (node.items is not None and list_index(last) is not None):
                    return (*way, token)
                other = (*way, token) if node.fields is not None else other
        if other is None or list_index(last) is not None:
            raise RefusalError("its place in the source is not one that kgate can edit")
        return other

    def made(self, wishes: Iterable[Wish]) -> list[tuple[int, Made]]:
        """Returns the edits that fulfil wishes, each with the number of its document. Raises RefusalError."""
        trees: dict[int, Wanted] = {}
        literals: dict[Edit, list[Tokens]] = {}
        for wish in wishes:
            if wish.literal is None:
                _plant(trees.setdefault(wish.document, {}), wish)
            else:
                literals.setdefault(wish.literal, []).append(wish.tokens)
        made = [(number, one) for number, tree in trees.items() for one in self._made_in(number, tree)]
        return made + [(_NO_DOCUMENT, Made(edit, tuple(fields))) for edit, fields in literals.items()]

    def _made_in(self, number: int, tree: Wanted) -> Iterator[Made]:
        document = self._documents[number]
        for one in edits(document.layout, tree):
            edit = one.edit
            shifted = Edit(edit.start + document.begin, edit.end + document.begin, edit.text)
            yield Made(shifted, one.fields)

    def compare(self, text: str, wishes: Iterable[Wish]) -> None:
        """Raises RefusalError if another text does not hold the same objects but for the wishes."""
        expected = [document.root.with_nulls() for document in self._documents]
        for wish in wishes:
            if wish.literal is None:
                _apply(expected, wish)
        found = [document.root.with_nulls() for document in _documents(text)]
        if json.dumps(expected, sort_keys=True) != json.dumps(found, sort_keys=True):
            raise RefusalError("changing it would change other fields as well")

    def also(self, wishes: Iterable[Wish]) -> str:
        """Returns what else the edits for some wishes change, through anchors; empty if nothing."""
        others: dict[str, None] = {}
        for wish in wishes:
            if wish.literal is not None:
                continue
            root = self._documents[wish.document].root
            node = root
            for token in wish.tokens[:-1]:
                node = node.child(token) or node
            if "*" in self._documents[wish.document].layout.text:
                ways = [way for way, one in root.walk() if one is node]
                others |= {field_path("/" + "/".join(way)): None for way in ways if way != wish.tokens[: len(way)]}
        return f"also changes {', '.join(others)}, through an anchor" if others else ""


def _documents(text: str) -> Iterator[_Document]:
    """Yields the documents of a text as kubectl splits it; those that cannot be read are left out."""
    if text.lstrip()[:1] == "{" and '"' in text:
        regions, readable = [(0, len(text))], yaml_of_json(text)
    else:
        regions, readable = list(streams.pieces(text, 0)), text
    for begin, end in regions:
        piece = readable[begin:end]
        try:
            roots = list(compose(piece if piece.endswith("\n") else f"{piece}\n"))
        except ManifestError:
            continue
        if len(roots) == 1:
            yield _Document(begin, Layout(roots[0], text[begin:end]))


def _plant(tree: Wanted, wish: Wish) -> None:
    """Adds a wish to a tree. Raises RefusalError if another one there contradicts it."""
    *above, last = wish.tokens
    for token in above:
        tree = tree.setdefault(token, {})
        if not isinstance(tree, dict):
            raise RefusalError("another fix changes a parent of the field")
    if tree.get(last, wish.value) != wish.value or (last in tree and isinstance(tree[last], dict)):
        raise RefusalError("another fix gives the field another value")
    tree[last] = wish.value


def _apply(bodies: list[Json], wish: Wish) -> None:
    """Fulfils a wish in parsed documents."""
    body = bodies[wish.document]
    *above, last = wish.tokens
    for token in above:
        if isinstance(body, list):
            body = body[list_index(token) or 0]
        else:
            if body.get(token) is None:
                body[token] = {}
            body = body[token]
    if wish.value is None:
        body.pop(last, None)
    elif isinstance(wish.value, list):
        members = body.get(last) or []
        body[last] = [*members, *(value for value in wish.value if value not in members)]
    else:
        body[last] = wish.value
