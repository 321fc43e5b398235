"""setvalues.py: the values of --set and --set-string are those that Helm's own parser makes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from kgate.model import Json
from kgate.rendering.helm import setvalues
from kgate.rendering.helm.setvalues import SetError, parse
from tests.hostile import write
from tests.real_tools import helm_tool
from tests.waiting import HANG

TEXTS = [
    pytest.param("a.b=1", id="a path"),
    pytest.param("a=x,b=true,c=null", id="several"),
    pytest.param("a.b=1,a.c=2", id="two below one key"),
    pytest.param("a.b=1,a=2", id="a value over a mapping"),
    pytest.param("a=1,a.b=2", id="a mapping over a value"),
    pytest.param("a=null,a.b=2", id="a mapping over a null"),
    pytest.param("a=TRUE,b=False,c=NULL,d=fal\u017fe", id="booleans and null in any case"),
    pytest.param("a=+1,b=-1,c=-0,d=+0,e=-01", id="signs"),
    pytest.param("a=0,b=00,c=007,d=+007", id="leading zeros"),
    pytest.param("a=1e3,b=1_000,c=0x1,d=1.5,e=\u0663,f=-,g=+", id="what is no integer"),
    pytest.param("a=9223372036854775807,b=9223372036854775808", id="the largest integer"),
    pytest.param("a=-9223372036854775808,b=-9223372036854775809", id="the smallest integer"),
    pytest.param(f"a=+{'0' * 5000}1,b={'9' * 5000}", id="very many digits"),
    pytest.param("a=,b=1", id="an empty value"),
    pytest.param("a=", id="an empty value at the end"),
    pytest.param("a= b ,c d=e", id="blanks are kept"),
    pytest.param("a=b=c", id="an equals sign in the value"),
    pytest.param('a="true"', id="quotes are letters"),
    pytest.param(r"a\.b=1\,2,c=3", id="escapes"),
    pytest.param(r"a=\true,b=\1", id="an escape in a boolean"),
    pytest.param("a=x\\", id="a backslash at the end"),
    pytest.param("a={x,1,TRUE,null}", id="a list"),
    pytest.param("a={},b={x,}", id="empty items"),
    pytest.param(r"a={x\,y,z\}}", id="escapes in a list"),
    pytest.param("a={x},b=1", id="a list and more"),
    pytest.param("a={x}b=1", id="no comma after a list"),
    pytest.param("a={x}},b=2", id="a brace too many"),
    pytest.param("a={{x}", id="a brace in a list"),
    pytest.param("a={x", id="a list without an end"),
    pytest.param("a={x\\", id="a list that ends in a backslash"),
    pytest.param("a=x{y,z}", id="a brace inside a value"),
    pytest.param("a=[x]", id="brackets in a value"),
    pytest.param("a[1].b=x", id="an index"),
    pytest.param("a[1]=x,a[0]=y", id="indexes out of order"),
    pytest.param("a[0].b=x,a[0].c=y", id="one item in two parts"),
    pytest.param("a[0]=1,a[0].b=2", id="a mapping over an item"),
    pytest.param("a.b=1,a[0]=2", id="a list over a mapping"),
    pytest.param("a[0].b=1,a[0][0]=2", id="a list over an item"),
    pytest.param("a[0][1]=x,a[0][0]=y", id="a list in a list"),
    pytest.param("a[0]={x,y},b[0]=null", id="items of other types"),
    pytest.param("a[+1]=x,b[001]=y,c[-0]=z", id="strange indexes"),
    pytest.param("a[ 1]=x", id="an index with a blank"),
    pytest.param("a[-1]=x", id="a negative index"),
    pytest.param("a[65537]=x", id="an index beyond the limit"),
    pytest.param("a[0]x=1", id="letters after an index"),
    pytest.param("a[0]", id="an index without a value"),
    pytest.param("a[0].b=", id="an item that ends with an equals sign"),
    pytest.param("a[0]=1,a[0].b=", id="an old item that ends with an equals sign"),
    pytest.param("a[1][1]=x,a[1][0]", id="an old list that ends with an index"),
    pytest.param("a", id="no value"),
    pytest.param("a,b=1", id="no value before another"),
    pytest.param("a.b", id="no value below a key"),
    pytest.param("a=1,", id="a comma at the end"),
    pytest.param("a=1,,b=2", id="two commas"),
    pytest.param(",", id="a comma alone"),
    pytest.param("=1,b=2", id="no name"),
    pytest.param("[0]=1,b=2", id="an index of no name"),
    pytest.param(".a=1", id="a dot first"),
    pytest.param("a..b=1", id="two dots"),
    pytest.param("a.=1,b=2", id="a dot before the value"),
    pytest.param("a[0].=1,b=2", id="an item with no name below"),
    pytest.param(".".join("a" * 31) + "=1", id="as many names as Helm takes"),
    pytest.param(".".join("a" * 32) + "=1", id="one name more"),
]


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chart")
    write(folder, {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    write(folder, {"templates/values.yaml": "{{ .Values | toJson }}\n"})
    return folder


def helm_values(chart: Path, flag: str, text: str, version: str) -> Json:
    """What Helm makes of a text; None if it refuses it."""
    command = (helm_tool(version).path, "template", "web", os.fspath(chart), flag, text)
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    if done.returncode:
        assert f"failed parsing {flag} data" in done.stderr
        return None
    return json.loads(done.stdout.partition("# Source: web/templates/values.yaml\n")[2])


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.17", "4.3"])
@pytest.mark.parametrize("text", TEXTS)
def test_it_reads_what_helm_reads(text: str, version: str, chart: Path) -> None:
    for flag in ("--set", "--set-string"):
        try:
            found: Json = parse(text, as_strings=flag == "--set-string")
        except SetError:
            found = None
        assert found == helm_values(chart, flag, text, version), flag


def test_it_refuses_an_index_without_an_end() -> None:
    """As Helm 3.17; 4.3 takes it for nothing."""
    with pytest.raises(SetError):
        parse("a[0", as_strings=False)


@pytest.mark.parametrize(
    ("below", "text", "values"),
    [
        pytest.param({"a": [1, 2]}, "a[1]=x", {"a": [1, "x"]}, id="an item of a list"),
        pytest.param({"a": {"b": 1}}, "a.c=2", {"a": {"b": 1, "c": 2}}, id="a key of a mapping"),
        pytest.param({"a": {"b": 1}}, "a=2", {"a": 2}, id="a mapping"),
    ],
)
def test_it_changes_given_values(below: dict[str, Json], text: str, values: Json) -> None:
    assert parse(text, as_strings=False, into=below) == values


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" + "[0]" * 101 + "=1", id="nested lists"),
        pytest.param("a" + ("[0]" * 60 + ".b") * 2 + "=1", id="nested lists below a name"),
    ],
)
def test_it_refuses_what_would_nest_too_deep(text: str) -> None:
    parse("a" + "[0]" * 100 + "=1", as_strings=False)
    with pytest.raises(SetError):
        parse(text, as_strings=False)


def test_it_refuses_what_would_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setvalues, "MAX_ITEMS", 5)
    assert parse("a[1]=x,b[2]=y", as_strings=False)
    with pytest.raises(SetError, match="more than 5 items"):
        parse("a[1]=x,b[3]=y", as_strings=False)
