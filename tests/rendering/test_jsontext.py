"""sources/jsontext.py: JSON that is YAML too, for what Python can hold and Go can not."""

from __future__ import annotations

import pytest

from kgate.rendering.jsontext import json_text

TEXTS = [
    pytest.param("a\U0001f600", '"a\U0001f600"', id="beyond the basic plane"),
    pytest.param("\x7f\ufeff", r'"\u007f\ufeff"', id="not printable"),
    pytest.param("a\udfff", '"a\ufffd"', id="half of a pair of surrogates"),
]


@pytest.mark.parametrize(("value", "written"), TEXTS)
def test_texts(value: str, written: str) -> None:
    assert json_text(value) == written
    assert json_text(value).encode()
