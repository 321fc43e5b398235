"""Marks in clones of Helm templates: puts them in, takes them out, and resolves what printed an offset.

A clone prints what its template prints, plus invisible code points: where literal text begins, and where an action
begins and ends to print. Text without its marks that equals what the template printed proves that they changed
nothing.
"""

from __future__ import annotations

import bisect
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import Token
from kgate.rendering.helm import chance
from kgate.rendering.helm.chart import Template, templates_depth
from kgate.values import dataclass

_DIGITS = 4096
_BLOCK = _DIGITS + 3


class Alphabet:
    """The code points that marks are made of: private-use ones, which YAML takes for letters and no function
    of a template changes. A mark is a sign and a number of two digits, or the closing sign alone."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._zero = first + 3
        self.opening, self.closing, self.text = (chr(first + n) for n in range(3))
        last = chr(first + _BLOCK - 1)
        digit = f"[{chr(self._zero)}-{last}]"
        self.mark = re.compile(f"([{self.opening}-{self.text}])({digit}{{2}})?")
        self._any = re.compile(f"[{chr(first)}-{last}]")

    def write(self, number: int) -> str:
        """A number in two digits."""
        return chr(self._zero + number // _DIGITS) + chr(self._zero + number % _DIGITS)

    @property
    def end(self) -> str:
        """The mark at the end of all that a clone prints; it has a number that stands for nothing."""
        return self.closing + self.write(MAX_MARKS - 1)

    def read(self, digits: str) -> int:
        """The number that two digits write."""
        return (ord(digits[0]) - self._zero) * _DIGITS + ord(digits[1]) - self._zero

    def occurs_in(self, text: str) -> bool:
        """True if a text holds one of the code points."""
        return not text.isascii() and self._any.search(text) is not None

    def strip(self, marked: str) -> str:
        """The text without its marks."""
        return self.mark.sub("", marked)


MAX_MARKS = _DIGITS * _DIGITS
ALPHABETS = tuple(0xE000 if not n else 0xF0000 + (n - 1) * _BLOCK for n in range(16))
"""First code points of alphabets, in the order to try: a chart may hold private-use code points of its own."""


class Mark(NamedTuple):
    """What a mark stands for: literal text of a template file from ``start`` on (``end`` is 0), or an action."""

    file: str
    start: int
    end: int


_SUFFIX = ".zzkg"
_LINE = re.compile(r"^(?!---(?:\s|\Z))[ \t\r]*(?=[^ \t\r\n])", re.MULTILINE)
_VISIBLE = re.compile(r"[^ \t\r\n]")
_KEEPS_MARKS = re.compile(r"\s*(?:n?indent\s+[\w$.()]+|trim)\s*\Z")
_BLOCKS = ("if", "range", "with", "define", "block")


class Cloner:
    """Writes clones; ``marks[number]`` is what the mark with that number stands for.

    ``define "name"`` becomes ``define "name.zzkg"``, and calls whose output is printed as it is (or only indented
    or trimmed) call that. All other calls get what they always got, and their output counts as the caller's.
    """

    def __init__(self, alphabet: Alphabet, defined: Collection[str], *, settles: bool = False) -> None:
        self.marks: list[Mark] = []
        self._settles = settles
        self._alphabet = alphabet
        self._defined = frozenset(defined)

    def has_room(self, text: str) -> bool:
        """True if there are numbers left for all marks that a text may need."""
        return len(self.marks) + len(text) < MAX_MARKS

    def clone(self, file: str, text: str, pieces: Iterable[Token]) -> str:
        """Returns a template, of which these are the tokens, with marks."""
        out: list[str] = []
        nesting: list[str] = []
        for token in pieces:
            if token.body is None:
                self._text(out, file, text, token, in_helper="define" in nesting)
            elif token.is_comment:
                out.append(text[token.start : token.end])
            else:
                own = chance.settled(token, 0) if self._settles else token
                word = gotemplate.keyword(token.body)
                if word in _BLOCKS:
                    nesting.append("define" if word == "block" else word)
                elif word == "end" and nesting:
                    nesting.pop()
                out.append(self._action(file, text[token.start : token.end] if own == token else "", own, word))
        return "".join(out)

    def _number(self, mark: Mark) -> str:
        self.marks.append(mark)
        return self._alphabet.write(len(self.marks) - 1)

    def _text(self, out: list[str], file: str, text: str, token: Token, *, in_helper: bool) -> None:
        """Marks literal text before its first visible character, so that trims see what they saw. In a helper
        template it marks each line, since its output may be indented."""
        position = token.start
        piece = text[token.start : token.end]
        if in_helper:
            starts = [token.start + found.end() for found in _LINE.finditer(piece)]
        else:
            found = _VISIBLE.search(piece)
            starts = [token.start + found.start()] if found else []
        for start in starts:
            out += (text[position:start], self._alphabet.text, self._number(Mark(file, start, 0)))
            position = start
        out.append(text[position : token.end])

    def _action(self, file: str, text: str, token: Token, word: str) -> str:
        """The action with marks. ``text`` is how the template writes it; empty if it is changed."""
        body = token.body or ""
        text = text or gotemplate.written(token)
        if word in ("define", "block"):
            return self._renamed(text, token, body)
        silent = not body.strip() or (word and word != "template") or gotemplate.is_assignment(body)
        if silent:
            return text
        number = self._number(Mark(file, token.start, token.end))
        opening, closing = self._alphabet.opening + number, self._alphabet.closing
        left = f'{{{{- "{opening}" }}}}' if token.trims_left else opening
        right = f'{{{{ "{closing}" -}}}}' if token.trims_right else closing
        return f"{left}{{{{{self._call(body, word)}}}}}{right}"

    def _renamed(self, text: str, token: Token, body: str) -> str:
        found = gotemplate.named(body)
        if found is None:
            return text
        left, right = "{{- " if token.trims_left else "{{", " -}}" if token.trims_right else "}}"
        return f'{left}{found.before}"{found.name}{_SUFFIX}"{found.after}{right}'

    def _call(self, body: str, word: str) -> str:
        """The action; it calls a clone if marks survive in the output of that."""
        if word == "template":
            found = gotemplate.named(body)
            return self._to_clone(found) if found and found.name in self._defined else body
        first, *rest = gotemplate.pipeline(body)
        found = gotemplate.included(first)
        if found and found.name in self._defined and all(_KEEPS_MARKS.match(part) for part in rest):
            return "|".join((self._to_clone(found), *rest))
        return body

    @staticmethod
    def _to_clone(found: gotemplate.Named) -> str:
        return f'{found.before}"{found.name}{_SUFFIX}"{found.after}'


@dataclass(slots=True)
class Clones:
    """The marked clones in the copy of a chart. All lie one folder deeper than their originals, so that templates
    of one name win over each other as the originals do."""

    alphabet: Alphabet
    folder: str = field(default_factory=lambda: f"zz-kgate-{secrets.token_hex(8)}")
    marks: list[Mark] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    def write(self, templates: Mapping[str, Template], *, settles: bool) -> None:
        """Writes the clones of all templates that can be read, with stand-ins for functions of chance if so told."""
        tokens = {key: template.tokens for key, template in templates.items() if template.tokens is not None}
        cloner = Cloner(self.alphabet, set().union(*map(gotemplate.defined_names, tokens.values())), settles=settles)
        for key, pieces in tokens.items():
            template = templates[key]
            if cloner.has_room(template.text):
                self.files[key] = path = self._place(template)
                path.parent.mkdir(parents=True, exist_ok=True)
                text = cloner.clone(key, template.text, pieces) + ("" if template.is_partial else self.alphabet.end)
                path.write_bytes(text.encode("utf-8", "surrogateescape"))
        self.marks = cloner.marks

    def _place(self, template: Template) -> Path:
        parts = Path(template.key).parts
        depth = templates_depth(parts)
        return template.path.parents[len(parts) - depth - 2] / self.folder / Path(*parts[depth + 1 :])

    def remove_named(self, text: str) -> bool:
        """Removes the clones that a message of Helm names. True if there are any."""
        named = [key for key, path in self.files.items() if f"/{self.folder}/{path.name}:" in text]
        for key in named:
            self.files.pop(key).unlink()
        return bool(named)

    def remove(self) -> None:
        """Removes all clones."""
        for path in self.files.values():
            path.unlink(missing_ok=True)
        self.files.clear()


_DEEPEST = 64
"""How many open actions are remembered: a helper may call itself any number of times."""


class Trace(NamedTuple):
    """What printed a character: the actions that were open, outermost first, and the number of the literal text
    and the offset in it, or None if an action printed it."""

    frames: tuple[int, ...]
    text: tuple[int, int] | None


class MarkedText:
    """What a clone printed: ``clean`` is the text without marks. The marks are read when they are first needed. A
    template can print some itself, so numbers from ``count`` on are ignored."""

    def __init__(self, marked: str, alphabet: Alphabet, count: int) -> None:
        self._count = count
        self.clean = alphabet.strip(marked)
        self._marked = marked
        self._alphabet = alphabet

    def proves(self, text: str) -> bool:
        """True if the clone printed the same text."""
        return self.clean.rstrip() == text.rstrip()

    @property
    def texts(self) -> frozenset[int]:
        """The numbers of the literal texts of which some is in it."""
        return frozenset(number for number in self._changes[2] if number >= 0)

    def trace(self, offset: int) -> Trace | None:
        """What printed the character at an offset of the clean text; None before the first mark."""
        offsets, frames, texts = self._changes
        index = bisect.bisect_right(offsets, offset) - 1
        if index < 0 or (texts[index] < 0 and not frames[index]):
            return None
        text = (texts[index], offset - offsets[index]) if texts[index] >= 0 else None
        return Trace(frames[index], text)

    def traces(self, start: int, end: int) -> list[Trace]:
        """What printed a region, piece by piece."""
        offsets = self._changes[0]
        inside = offsets[bisect.bisect_right(offsets, start) : bisect.bisect_left(offsets, end)]
        found = (self.trace(offset) for offset in (start, *dict.fromkeys(inside)))
        return [trace for trace in found if trace is not None]

    @cached_property
    def _changes(self) -> tuple[list[int], list[tuple[int, ...]], list[int]]:
        """From each offset of the clean text on: the open actions, and the number of the text or -1."""
        offsets: list[int] = []
        stacks: list[tuple[int, ...]] = []
        texts: list[int] = []
        stack: tuple[int, ...] = ()
        position = length = depth = 0
        opening, closing = self._alphabet.opening, self._alphabet.closing
        for found in self._alphabet.mark.finditer(self._marked):
            length += found.start() - position
            position = found.end()
            number = self._alphabet.read(found[2]) if found[2] else -1
            if number >= self._count or (number < 0 and found[1] != closing):
                continue
            if found[1] == opening:
                depth += 1
                stack = (*stack, number) if depth <= _DEEPEST else stack
                number = -1
            elif found[1] == closing:
                depth -= 1
                stack = stack[:depth] if depth < _DEEPEST else stack
            offsets.append(length)
            stacks.append(stack)
            texts.append(number)
        return offsets, stacks, texts
