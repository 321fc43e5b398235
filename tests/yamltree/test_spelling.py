"""spelling.py: no spelling of a word gets past the filters that look at a text before it is parsed."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.sources.files import Listing, SourceFile
from kgate.sources.survey import survey
from kgate.sources.texts import Texts
from kgate.yamltree.nodes import compose
from kgate.yamltree.spelling import may_hold

WORD = re.compile(r"argoproj\.io")
BASE64 = base64.b64encode(b"argoproj.io/v1alpha1").decode()

SPELLINGS = [
    pytest.param("argoproj.io/v1alpha1", id="as it is"),
    pytest.param('"\\x61rgoproj.io/v1alpha1"', id="an escape"),
    pytest.param('"argoproj\\u002Eio\\/v1alpha1"', id="an escaped dot and slash"),
    pytest.param('"argoproj.\\U00000069o/v1alpha1"', id="an escape of eight digits"),
    pytest.param('"argo\\\n    proj.io/v1alpha1"', id="a line that goes on"),
    pytest.param('"argo\\\r\n \t proj.io/v1alpha1"', id="a line that goes on, CRLF and a tab"),
    pytest.param('"argo\\\u2028proj.io/v1alpha1"', id="a line that goes on after a line separator"),
    pytest.param(f"!!binary {BASE64}", id="base64"),
    pytest.param(f"!!binary |\n  {BASE64[:7]}\n  {BASE64[7:]}", id="base64 in two lines"),
    pytest.param(f"!!bin%61ry {BASE64}", id="base64 by a tag with an escape"),
    pytest.param(f"!<tag:yaml.org,2002:binary> {BASE64}", id="base64 by a verbatim tag"),
    pytest.param(f"!<tag:yaml.org,2002:%62inary> {BASE64}", id="base64 by a verbatim tag with an escape"),
    pytest.param(f"&a !!binary {BASE64}", id="base64 with an anchor"),
]
"""Ways to write the apiVersion of an Application."""


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_is_seen_and_means_the_word(spelling: str) -> None:
    text = f"apiVersion: {spelling}\n"
    assert next(compose(text)).value == {"apiVersion": "argoproj.io/v1alpha1"}
    assert may_hold(text, WORD)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_application_is_found_however_it_is_spelled(spelling: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    text = f"apiVersion: {spelling}\nkind: Application\nmetadata: {{name: web}}\n"
    path.write_bytes(text.encode(encoding))
    ((found,),) = survey(Listing(files={path: SourceFile(path, "app.yaml")}), Texts()).objects.values()
    assert found.id.kind == "Application"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("kind: !!binary QXBwbGljYXRpb24=", id="its value"),
        pytest.param("!!binary a2luZA==: Application", id="its key"),
        pytest.param("kind: ApplicationList\nitems: [{metadata: {name: a}}]", id="by the list that it is in"),
        pytest.param('? "ki\\\n  nd"\n: "\\u0041pplication"', id="both"),
    ],
)
def test_an_application_is_found_however_its_kind_is_spelled(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text(f"apiVersion: argoproj.io/v1alpha1\n{kind}\nmetadata: {{name: web}}\n", encoding="utf-8")
    ((found,),) = survey(Listing(files={path: SourceFile(path, "app.yaml")}), Texts()).objects.values()
    assert found.id.kind == "Application"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_a_named_tag_is_seen(line_break: str, tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    text = f"# c\n%TAG !b! tag:yaml.org,2002:bin\n---\napiVersion: !b!ary {BASE64}\nkind: Application\n"
    path.write_bytes(text.replace("\n", line_break).encode())
    ((found,),) = survey(Listing(files={path: SourceFile(path, "app.yaml")}), Texts()).objects.values()
    assert found.id.kind == "Application"


def test_values_of_flux_are_found_however_a_config_map_is_spelled(tmp_path: Path) -> None:
    release, values = tmp_path / "release.yaml", tmp_path / "values.yaml"
    release.write_text("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\n")
    values.write_text("apiVersion: v1\nkind: !!binary Q29uZmlnTWFw\nmetadata: {name: b}\n")
    found = survey(
        Listing(files={release: SourceFile(release, "release.yaml"), values: SourceFile(values, "values.yaml")}),
        Texts(),
    ).objects
    assert [[one.id.kind for one in members] for members in found.values()] == [["HelmRelease"], ["ConfigMap"]]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("apiVersion: v1\nkind: Pod\n", id="another word"),
        pytest.param('x: "C:\\\\new\\\\x64"\n', id="backslashes of others"),
        pytest.param("x: !Ref binary\n", id="a tag of others and the word binary"),
        pytest.param("x: 100% of !important binary%20data\n", id="percent signs"),
    ],
)
def test_texts_of_others_are_left_out(text: str) -> None:
    assert not may_hold(text, WORD)


@given(st.lists(st.sampled_from(["{}", "\\x{:02x}", "\\u{:04X}", "\\U{:08x}", "\\\n  {}"]), min_size=11, max_size=11))
def test_any_mixture_of_escapes_is_seen(forms: list[str]) -> None:
    letters = [
        form.format(sign if "{}" in form else ord(sign)) for form, sign in zip(forms, "argoproj.io", strict=True)
    ]
    text = f'x: "{"".join(letters)}"\n'
    assert next(compose(text)).value == {"x": "argoproj.io"}
    assert may_hold(text, WORD)
