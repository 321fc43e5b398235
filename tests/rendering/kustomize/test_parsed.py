"""parsed.py: each text is parsed once while it is remembered, and what is remembered stays within its bound."""

from __future__ import annotations

from kgate.rendering.kustomize.parsed import Parsed

TEXTS = [f"a: {number}\n" for number in range(4)]


def test_a_text_is_parsed_once() -> None:
    parsed = Parsed()
    assert parsed.documents(TEXTS[0]) is parsed.documents(TEXTS[0])
    assert parsed.points(TEXTS[0]) is parsed.points(TEXTS[0])


def test_the_text_that_was_not_asked_for_the_longest_is_forgotten() -> None:
    parsed = Parsed(most=2 * len(TEXTS[0]))
    first, second = (parsed.documents(text) for text in TEXTS[:2])
    assert parsed.documents(TEXTS[0]) is first
    parsed.documents(TEXTS[2])
    assert parsed.documents(TEXTS[0]) is first
    assert parsed.documents(TEXTS[1]) is not second


def test_a_fault_hides_no_other_document() -> None:
    pieces = Parsed().documents("a: [\n---\nb: 1\n")
    assert [(piece.offset, piece.is_whole) for piece in pieces] == [(0, False), (5, True)]
    assert [root.value for piece in pieces for root in piece.roots] == [{"b": 1}]
