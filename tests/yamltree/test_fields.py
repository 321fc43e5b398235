"""fields.py: what each kind of field takes, and at which line the rest is reported."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from kgate.model import Pointer
from kgate.yamltree.fields import Fields, FileFields, UserFile

TEXT = """\
# the first line
name: web
size: 7
on: true
empty: ""
nothing:
part:
  deep: {er: x}
  list: [a, 1, {b: c}]
  words: [a, b]
labels: {a: x, b: ""}
"""


def file_fields(text: str = TEXT) -> FileFields:
    return UserFile.parse(text.encode(), "a.yaml", ValueError).fields()


Read = Callable[[Fields], Any]


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        pytest.param(lambda f: f.text("name"), "web", id="a string"),
        pytest.param(lambda f: f.text("nothing"), "", id="a null is absent"),
        pytest.param(lambda f: f.has("nothing"), False, id="a null is not there"),
        pytest.param(lambda f: f.has("empty"), True, id="an empty string is there"),
        pytest.param(lambda f: f.needed("name"), "web", id="a needed string"),
        pytest.param(lambda f: f.one_of("name", ["db", "web"]), "web", id="one of some words"),
        pytest.param(lambda f: f.one_of("absent", ["db", "web"]), "", id="none of them"),
        pytest.param(lambda f: f.flag("true"), True, id="a boolean: YAML 1.1 reads the key `on` as true"),
        pytest.param(lambda f: f.flag("absent"), False, id="no boolean"),
        pytest.param(lambda f: f.number("size", 7, 7), 7, id="a number"),
        pytest.param(lambda f: f.number("absent", 1, 2), None, id="no number"),
        pytest.param(lambda f: f.section("absent").body, {}, id="no mapping"),
        pytest.param(lambda f: f.section("part").section("deep").text("er"), "x", id="a field of a mapping"),
        pytest.param(lambda f: f.section("part").section("deep").name("er"), "part.deep.er", id="its name"),
        pytest.param(lambda f: f.section("part").items("list"), ["a", 1, {"b": "c"}], id="a list of anything"),
        pytest.param(lambda f: list(f.section("part").texts("words")), [(0, "a"), (1, "b")], id="a list of strings"),
        pytest.param(lambda f: f.section("part").text_or_texts("words"), ("a", "b"), id="strings or one"),
        pytest.param(lambda f: f.text_or_texts("name"), ("web",), id="one or strings"),
        pytest.param(lambda f: f.strings("labels"), {"a": "x", "b": ""}, id="a mapping of strings"),
    ],
)
def test_a_field_that_fits(read: Read, wanted: Any) -> None:
    assert read(file_fields()) == wanted


FAULTS = [
    pytest.param(lambda f: f.text("size"), "", 3, "size must be a string; put it in quotes", id="a number"),
    pytest.param(
        lambda f: f.needed("size"), "", 3, "size must be a string; put it in quotes", id="needed, but a number"
    ),
    pytest.param(lambda f: f.needed("nothing", ": add it"), "", 6, "nothing is missing: add it", id="needed, but null"),
    pytest.param(lambda f: f.needed("x"), "", 2, "x is missing", id="needed, but absent: at the mapping"),
    pytest.param(lambda f: f.one_of("name", ["a", "b"]), "", 2, "name must be one of a, b", id="another word"),
    pytest.param(lambda f: f.one_of("part", ["a"]), "", 7, "part must be one of a", id="not a word"),
    pytest.param(lambda f: f.flag("name"), False, 2, "name must be true or false", id="not a boolean"),
    pytest.param(
        lambda f: f.number("size", 1000, 2000, "seconds"),
        None,
        3,
        "size must be a whole number of seconds from 1,000 to 2,000",
        id="too small a number",
    ),
    pytest.param(lambda f: f.number("true", 0, 9), None, 4, "true must be a whole number from 0 to 9", id="a boolean"),
    pytest.param(lambda f: f.section("name").body, {}, 2, "name must be a mapping", id="not a mapping"),
    pytest.param(lambda f: f.items("name", "ids"), [], 2, "name must be a list of ids", id="not a list"),
    pytest.param(
        lambda f: [one.body for one in f.section("part").sections("words")][1:],
        [],
        10,
        "part.words[0] must be a mapping",
        id="not a list of mappings",
    ),
    pytest.param(
        lambda f: list(f.section("part").texts("list"))[:1],
        [(0, "a")],
        9,
        "part.list[1] must be a string; put it in quotes",
        id="not a list of strings",
    ),
    pytest.param(
        lambda f: f.strings("part"), {}, 8, "part.deep must be a string; put it in quotes", id="not all strings"
    ),
]


@pytest.mark.parametrize(("read", "_absent", "line", "message"), FAULTS)
def test_a_file_raises_its_first_fault(read: Read, _absent: Any, line: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'a.yaml:{line}: {message}')}$"):
        read(file_fields())


@dataclass
class Recorded:
    """Faults that are recorded."""

    found: list[tuple[Pointer, str]] = field(default_factory=list)

    def add(self, pointer: Pointer, message: str) -> None:
        self.found.append((pointer, message))


@pytest.mark.parametrize(("read", "absent", "line", "message"), FAULTS)
def test_a_recorded_fault_is_an_absent_field(read: Read, absent: Any, line: int, message: str) -> None:
    file = file_fields()
    faults = Recorded()
    assert read(Fields(file.body, "", faults)) == absent
    pointer, recorded = faults.found[0]
    assert (file.faults.line(pointer), recorded) == (line, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: 1\nb: 2\nnaem: 3", "a.yaml:2: unknown field 'b'; known are a, name", id="like none"),
        pytest.param("a: 1\nnaem: 3", "a.yaml:2: unknown field 'naem'; did you mean 'name'?", id="like one"),
        pytest.param("a: 1\nname: 3\nnull_: ", "a.yaml:3: unknown field 'null_'; known are a, name", id="null"),
    ],
)
def test_unknown_fields(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        file_fields(text).only(["a", "name"])


def test_an_unknown_field_of_a_section() -> None:
    with pytest.raises(ValueError, match=re.escape("a.yaml:8: unknown field 'deep' in part; did you mean 'deeper'?")):
        file_fields().section("part").only(["deeper"])


def test_an_absent_section_has_no_unknown_fields() -> None:
    section = file_fields().section("absent")
    section.only(["a"])
    assert section.node("name") is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"\xe4", "a.yaml: is not UTF-8 text", id="Latin-1"),
        pytest.param(b"a: b\nc: [", "a.yaml:3: not valid YAML", id="broken"),
        pytest.param(b"- a", "a.yaml: must hold one mapping", id="a list"),
        pytest.param(b"a: b\n---\na: b", "a.yaml: must hold one mapping", id="two documents"),
    ],
)
def test_files_that_cannot_be_read(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        UserFile.parse(data, "a.yaml", ValueError)


@pytest.mark.parametrize("text", ["", "# nothing", "---\n", "{}"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert file_fields(text).body == {}


def test_the_places_of_many_items_take_linear_time() -> None:
    def seconds(number: int) -> float:
        fields = file_fields("items:\n" + "".join(f"- name: item{index}\n" for index in range(number)))
        start = time.process_time()
        places = [fields.place("items", index, "name") for index in range(number)]
        assert places[-1].start.line == number + 1
        return time.process_time() - start

    assert min(seconds(1600) for _ in range(3)) < 64 * min(seconds(100) for _ in range(3))
