"""sources/globs.py: each tool's patterns as the tool matches them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kgate.regexp import PatternError
from kgate.rendering import goglob

Compile = Callable[[str], goglob.Glob]
GO = [
    pytest.param("a/*", ("a/b",), ("a", "a/b/c", "b/b"), id="a star stays in its folder"),
    pytest.param("a?", ("ab", "aä"), ("a", "a/", "abc"), id="a question mark is a letter"),
    pytest.param("[a-c]x[^d]", ("axe",), ("dxe", "axd"), id="classes"),
    pytest.param("a[^b]c", ("a/c",), ("abc",), id="a class takes a slash"),
    pytest.param("[!a]", ("!", "a"), ("b",), id="an exclamation mark is a letter"),
    pytest.param("[z-a]x", (), ("zx", "ax"), id="a range in the wrong order is empty"),
    pytest.param("[^z-a]", ("a", "/"), ("",), id="and so is nothing to leave out"),
    pytest.param(r"[\]\-a]", ("]", "-", "a"), ("\\",), id="escapes in a class"),
    pytest.param(r"a\*", ("a*",), ("ab",), id="escape"),
    pytest.param("./a", ("./a",), ("a",), id="nothing is cleaned"),
    pytest.param("a/**", ("a/b",), ("a/b/c",), id="two stars are one"),
    pytest.param("{a,b}", ("{a,b}",), ("a",), id="braces are letters"),
    pytest.param("a b#&~+.$", ("a b#&~+.$",), ("a b#&~+x$",), id="nothing else is special"),
]
DOUBLESTAR = [
    pytest.param("a/**/*.json", ("a/c.json", "a/b/d/c.json"), ("b/a/c.json", "a/c"), id="any number of folders"),
    pytest.param("a/**", ("a/b", "a/b/c"), ("b/a",), id="all below"),
    pytest.param("a**/b", ("ax/b",), ("a/x/b",), id="two stars in a name are one"),
    pytest.param("v-{a,b/c,d*}.yaml", ("v-a.yaml", "v-b/c.yaml", "v-dx.yaml"), ("v-c.yaml",), id="alternatives"),
    pytest.param("{**/,x}a", ("b/c/a", "a", "xa"), ("ba",), id="stars in alternatives"),
    pytest.param("[^a][!b]", ("bc",), ("ac", "bb", "/c"), id="both signs negate, and a class takes no slash"),
    pytest.param(r"\{a\}", ("{a}",), ("a",), id="escaped braces"),
]
PATHSPEC = [
    pytest.param("a/*.json", ("a/b.json", "a/b/c.json"), ("b/a/c.json",), id="a star crosses folders"),
    pytest.param("a", ("a", "a/b"), ("ab", "b/a"), id="a folder means all below it"),
    pytest.param("./a/", ("a/b",), ("b",), id="cleaned"),
    pytest.param("a?c", ("a/c", "abc"), ("abc/d",), id="a pattern is no folder"),
    pytest.param("a[b]", ("ab", "a[b]", "a[b]/c"), ("ac",), id="or the name itself"),
    pytest.param("??", ("ä",), ("ää",), id="a question mark is a byte"),
    pytest.param("[a", ("[a",), ("a",), id="a class without an end is only the name itself"),
]


def check(compiled: goglob.Glob, hits: tuple[str, ...], misses: tuple[str, ...]) -> None:
    assert [path for path in (*hits, *misses) if compiled.matches(path)] == [*hits]


@pytest.mark.parametrize(("pattern", "hits", "misses"), GO)
def test_path_match(pattern: str, hits: tuple[str, ...], misses: tuple[str, ...]) -> None:
    check(goglob.path_match(pattern), hits, misses)


@pytest.mark.parametrize(("pattern", "hits", "misses"), DOUBLESTAR)
def test_doublestar(pattern: str, hits: tuple[str, ...], misses: tuple[str, ...]) -> None:
    check(goglob.doublestar(pattern), hits, misses)


@pytest.mark.parametrize(("pattern", "hits", "misses"), PATHSPEC)
def test_pathspec(pattern: str, hits: tuple[str, ...], misses: tuple[str, ...]) -> None:
    check(goglob.pathspec(pattern), hits, misses)


REFUSED = [
    pytest.param(goglob.path_match, "[a", id="a class without an end"),
    pytest.param(goglob.path_match, "[]a]", id="a class that begins with its end"),
    pytest.param(goglob.path_match, "[a-]", id="a range without an end"),
    pytest.param(goglob.path_match, "a\\", id="an escape of nothing"),
    pytest.param(goglob.path_match, "a*[^x]*b", id="a class between stars that may be a slash"),
    pytest.param(goglob.path_match, "a*[+-9]*b", id="a range between stars that holds the slash"),
    pytest.param(goglob.doublestar, "{a", id="a brace that is not closed"),
    pytest.param(goglob.pathspec, ":(exclude)a", id="a pathspec that leaves out"),
    pytest.param(goglob.pathspec, ":!a", id="the same in short"),
    pytest.param(goglob.path_match, "x" * 5000, id="longer than a path"),
    pytest.param(goglob.doublestar, "x" * 5000, id="longer than a path, with alternatives"),
    pytest.param(goglob.pathspec, "x" * 5000, id="longer than a path, for git"),
]


@pytest.mark.parametrize(("compiled", "pattern"), REFUSED)
def test_what_is_no_pattern(compiled: Compile, pattern: str) -> None:
    with pytest.raises(PatternError):
        compiled(pattern)


@pytest.mark.parametrize("compiled", [goglob.path_match, goglob.doublestar, goglob.pathspec])
@pytest.mark.parametrize("piece", ["*a", "a*a*", "?*", "[ab]*", "**/"])
def test_many_stars_end(compiled: Compile, piece: str) -> None:
    assert not compiled(piece * 60 + "c").matches("a" * 4000 + "b")
