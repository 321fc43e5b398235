"""sources/ignores.py: ignore files leave out what git would, line by line, and what is hostile ends soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.harness import Ground, ground
from fuzz.ignores import Case, check
from kgate.repository import Repository
from kgate.sources.ignores import Ignores

LINES = [
    pytest.param("*.yaml", ["a.yaml", "b/c.yaml"], ["a.yml"], id="a name anywhere"),
    pytest.param("/a.yaml", ["a.yaml"], ["b/a.yaml"], id="a name at the top"),
    pytest.param("b/*.yaml", ["b/c.yaml"], ["c/b/c.yaml", "b/d/c.yaml"], id="a path starts at the file"),
    pytest.param("b/**/c.yaml", ["b/c.yaml", "b/d/e/c.yaml"], ["c.yaml"], id="any number of folders"),
    pytest.param("b/**", ["b/c.yaml"], ["a.yaml"], id="all below"),
    pytest.param("b**/c.yaml", ["bx/c.yaml", "bx/y/c.yaml"], ["a/bx/c.yaml"], id="stars behind a literal start"),
    pytest.param("**/b/c.yaml", ["b/c.yaml", "a/b/c.yaml"], ["xb/c.yaml"], id="stars in front"),
    pytest.param("b[!a]c", ["bxc"], ["bac", "b/c"], id="a class takes no slash"),
    pytest.param("/b[+-z]c", ["bxc"], ["b/c"], id="nor does a range"),
    pytest.param("[[:digit:]].yaml", ["1.yaml"], ["a.yaml"], id="a class with a name"),
    pytest.param("[]a].yaml", ["].yaml", "a.yaml"], ["b.yaml"], id="a bracket first in a class"),
    pytest.param(r"[\]a].yaml", ["].yaml", "a.yaml"], ["\\.yaml"], id="an escape in a class"),
    pytest.param("a.yaml\t", [], ["a.yaml"], id="a tab at the end is part of the name"),
    pytest.param("a.yaml  ", ["a.yaml"], ["a.yaml "], id="blanks at the end are not"),
    pytest.param("a\\ ", ["a "], ["a"], id="unless escaped"),
    pytest.param("\\!a", ["!a"], ["a"], id="an escaped exclamation mark"),
    pytest.param("*.yaml\n!b.yaml", ["a.yaml"], ["b.yaml", "c/b.yaml"], id="taken back"),
    pytest.param("*.yaml\n!b.yaml\nc/*.yaml", ["a.yaml", "c/b.yaml"], ["b.yaml"], id="and left out again"),
    pytest.param("b/\n!b/c.yaml", ["b/c.yaml"], ["a.yaml"], id="nothing comes back from an ignored folder"),
    pytest.param("c.yaml/", [], ["c.yaml"], id="only a folder"),
    pytest.param("\ufeffa.yaml", ["a.yaml"], ["b.yaml"], id="a byte order mark"),
    pytest.param("?.yaml", ["a.yaml"], ["é.yaml"], id="a question mark is a byte"),
    pytest.param("a\nb", ["a", "b"], ["a\nb"], id="a name of two lines"),
    pytest.param("/a*a*a*a*a*a*a*b", ["a1a2a3a4a5a6a7b"], ["aaaaaaab2"], id="more than six stars count"),
    pytest.param("*-*-*-*-*-*-*-*", ["a-b-c-d-e-f-g-h"], ["a-b"], id="in a name, too"),
    pytest.param("p/*.yaml\n!p/*-*-*-*-*-*-*.yaml", ["p/a.yaml"], ["p/a-b-c-d-e-f-g.yaml"], id="also taken back"),
]


def left_out(place: Ground, paths: list[str]) -> list[str]:
    ignores = Ignores(Repository(place.repository))

    def is_out(path: Path) -> bool:
        above = path.parent
        return ignores.covers(path, path.is_dir()) or (above != place.repository and is_out(above))

    return [path for path in paths if is_out(place.repository / path)]


@pytest.mark.parametrize(("text", "out", "kept"), LINES)
def test_lines_mean_what_they_mean_to_git(text: str, out: list[str], kept: list[str]) -> None:
    with ground() as place:
        check(Case((*out, *kept), {".gitignore": text}), place)
    with ground() as place:
        place.write({**dict.fromkeys((*out, *kept), ""), ".gitignore": text})
        assert left_out(place, [*out, *kept]) == out


@pytest.mark.parametrize("line", ["*a" * 60 + "*c", "**/" * 60 + "c", "/" + "a*" * 60 + "c", "[ab]*" * 60 + "c"])
def test_many_stars_end(line: str) -> None:
    with ground() as place:
        place.write({".gitignore": line + "\n"})
        assert not Ignores(Repository(place.repository)).covers(place.repository / ("a" * 250), False)
