"""texts.py: an answer holds for the bytes that it was given about, and for what was given beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.sources.texts import Texts


def asking(texts: Texts, path: Path, *given: str) -> tuple[str, bool]:
    """What a question says of a file, and whether it had to be asked."""
    _ASKED.clear()
    answer = texts.ask(path, _with_name, *given)
    return answer, bool(_ASKED)


def _with_name(text: str, name: str = "") -> str:
    _ASKED.append(text)
    return name + text


_ASKED: list[str] = []


@pytest.mark.parametrize(
    ("later", "given", "wanted"),
    [
        pytest.param(b"a", (), ("a", False), id="the same file"),
        pytest.param(b"b", (), ("b", True), id="a changed file of the same length"),
        pytest.param(b"a", ("x/",), ("x/a", True), id="another path"),
        pytest.param(b"\xff", (), ("", True), id="what is not text"),
        pytest.param(None, (), ("", True), id="no file"),
    ],
)
def test_what_is_asked_again(
    tmp_path: Path, later: bytes | None, given: tuple[str, ...], wanted: tuple[str, bool]
) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_bytes(b"a")
    texts = Texts()
    assert asking(texts, first) == ("a", True)
    if later is not None:
        second.write_bytes(later)
    assert asking(texts, second, *given) == wanted
    assert asking(Texts(texts), second, *given) == (wanted[0], False)


def test_what_a_scan_does_not_ask_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a")
    first = Texts()
    assert asking(first, path)[1]
    assert asking(Texts(Texts(first)), path)[1]
