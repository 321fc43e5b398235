"""Makes the file of rules/packaged.py, when kgate is packaged (hatch_build.py)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict

from kgate.judgement.engine import Judge
from kgate.kubernetes import pss
from kgate.rules import cel, load
from kgate.rules.packaged import SAMPLE, Package, rules_hash, text_hash
from kgate.rules.variables import bound, bound_condition


def packaged() -> str:
    """The file for kgate's own rules: the rules, the programs of a judge for the newest Kubernetes, and those of single
    rules, which it needs where a rule is offended."""
    rules = load.load()
    programs = (program.text for program in Judge(rules, pss.NEWEST_MINOR).programs)
    conditions = (bound_condition(rule, one.expression) for rule in rules if rule.fix for one in rule.fix.when)
    texts = sorted({*programs, *map(bound, rules), *conditions, SAMPLE})
    made = Package(
        rules_hash=rules_hash(load.own_files()),
        rules=tuple(asdict(rule) for rule in rules),
        programs={text_hash(text): b64encode(stable(cel.serialized(text))).decode() for text in texts},
    )
    return json.dumps(asdict(made), separators=(",", ":"), ensure_ascii=False)


_TYPE_URL, _VALUE = 1, 2
"""Fields of google.protobuf.Any."""

_SOURCE_INFO = 5
"""A field of cel.expr.CheckedExpr: positions in the text, which nobody asks for when an expression is evaluated."""


def stable(program: bytes) -> bytes:
    """A serialised expression without source information, and with its maps in order: Protocol Buffers write them in a
    random one, and a wheel should have the same bytes whenever it is made."""
    message = {number: (field, value) for number, field, value in _fields(program)}
    checked = b"".join(sorted(field for number, field, _ in _fields(message[_VALUE][1]) if number != _SOURCE_INFO))
    return message[_TYPE_URL][0] + bytes([_VALUE << 3 | 2]) + _varint(len(checked)) + checked


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The fields of a message that has no others than those with a length: number, whole field, and value."""
    position = 0
    while position < len(message):
        start = position
        tag, position = _read_varint(message, position)
        length, position = _read_varint(message, position)
        yield tag >> 3, message[start : position + length], message[position : position + length]
        position += length


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    """A number, and the position behind it."""
    number = shift = 0
    while True:
        byte = message[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position


def _varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
