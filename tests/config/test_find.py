"""find.py: the forms of a configuration, the folder that it is found in, and what must not lie beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kgate.config import find_config, read_config
from kgate.errors import ConfigError
from kgate.repository import Repository, find_root

PROJECT = '[project]\nname = "shop"\n\n[tool.kgate]\nmin-score = 90\n'


def made(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def found(folder: Path, path: str) -> str | None:
    repository = Repository.at(find_root([folder / path]))
    place = find_config([str(folder / path)], repository)
    return str(place.relative_to(folder)) if place else None


@pytest.mark.parametrize(
    ("files", "path", "wanted"),
    [
        pytest.param({"kgate.yaml": ""}, ".", "kgate.yaml", id="a file"),
        pytest.param({".kgate.yml": ""}, ".", ".kgate.yml", id="a hidden file"),
        pytest.param({"pyproject.toml": PROJECT}, ".", "pyproject.toml", id="a table of a project"),
        pytest.param({"pyproject.toml": PROJECT}, "k8s", "pyproject.toml", id="a project above, without git"),
        pytest.param({".git/HEAD": "", "pyproject.toml": PROJECT}, "k8s", "pyproject.toml", id="a project above"),
        pytest.param({"pyproject.toml": "[tool]\nkgate.min-score = 1"}, ".", "pyproject.toml", id="dotted keys"),
        pytest.param({"pyproject.toml": "[tool.kgate.floor]"}, ".", "pyproject.toml", id="a table inside of it"),
        pytest.param({"pyproject.toml": "[project]\nname = 'kgate'\n"}, ".", None, id="a project of that name"),
        pytest.param({"pyproject.toml": "[tool.kgates]\n"}, ".", None, id="a table of another program"),
        pytest.param({"pyproject.toml": "[tool.kgate\n"}, ".", None, id="a table that is none"),
        pytest.param({"pyproject.toml": "[tool.kgate]\n[tool.kgate]\n"}, ".", "pyproject.toml", id="a broken file"),
        pytest.param({"pyproject.toml": "a = kgate"}, ".", None, id="a broken file that only mentions it"),
        pytest.param(
            {"pyproject.toml": f"# {'x' * (1 << 20)}\n{PROJECT}"}, ".", "pyproject.toml", id="a file beyond the limit"
        ),
        pytest.param({"pyproject.toml": "[project]\n", "kgate.yaml": ""}, ".", "kgate.yaml", id="both, one of them"),
        pytest.param(
            {"kgate.yaml": "", "k8s/pyproject.toml": PROJECT}, "k8s", "k8s/pyproject.toml", id="a nearer project"
        ),
        pytest.param(
            {"pyproject.toml": PROJECT, "k8s/kgate.yaml": "", ".git/HEAD": ""}, "k8s", "k8s/kgate.yaml", id="nearer"
        ),
    ],
)
def test_the_nearest_configuration_is_found(
    tmp_path: Path, files: Mapping[str, str], path: str, wanted: str | None
) -> None:
    (tmp_path / "k8s").mkdir()
    assert found(made(tmp_path, files), path) == wanted


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            {"kgate.yaml": "", ".kgate.yaml": ""},
            ".kgate.yaml: lies beside kgate.yaml, and one alone may; move all to kgate.yaml",
            id="two files",
        ),
        pytest.param(
            {"kgate.yaml": "", "pyproject.toml": PROJECT},
            "pyproject.toml: [tool.kgate] lies beside kgate.yaml, and one alone may; move all to kgate.yaml",
            id="a file and a table",
        ),
        pytest.param(
            {"kgate.toml": ""},
            "kgate.toml: is not read; write its settings to kgate.yaml, or below [tool.kgate] of pyproject.toml",
            id="a form that is not read",
        ),
        pytest.param(
            {"pyproject.toml": PROJECT, ".kgaterc": ""},
            ".kgaterc: is not read; write its settings to kgate.yaml, or below [tool.kgate] of pyproject.toml",
            id="one beside a form that is",
        ),
    ],
)
def test_one_form_alone_may_lie_in_a_folder(tmp_path: Path, files: Mapping[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        found(made(tmp_path, files), ".")
    assert str(caught.value) == f"{tmp_path}/{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"{PROJECT}min-scor = 1\n", ":6: unknown field 'min-scor'; did you mean 'min-score'?", id="a key"),
        pytest.param(f"{PROJECT}floor.x = 1\n", ":6: unknown field 'x' in floor; known are", id="a dotted key"),
        pytest.param(f"{PROJECT}ignore = [\n  'a',\n  7,\n]", ":8: ignore[1] must be a string", id="an item"),
        pytest.param(f"{PROJECT}fail-on = 2027-01-31\n", ":6: fail-on must be one of critical, high", id="a date"),
        pytest.param(
            f"{PROJECT}[[tool.kgate.charts]]\npath = 'a'\n[[tool.kgate.charts]]\n",
            ":8: charts[1].path is missing",
            id="a table",
        ),
        pytest.param(f"{PROJECT}min-score = 1\n", ":6: is not valid TOML: cannot overwrite a value", id="a key twice"),
        pytest.param(f"{PROJECT}timeout = nan\n", ":6: nan cannot be written in JSON", id="not a number"),
        pytest.param("[project]\n", ": has no table [tool.kgate]", id="no table"),
        pytest.param("[tool]\nkgate = 1\n", ": has no table [tool.kgate]", id="no table but a value"),
    ],
)
def test_a_fault_of_a_project_is_reported_at_its_line(tmp_path: Path, text: str, message: str) -> None:
    made(tmp_path, {"pyproject.toml": text, "a/Chart.yaml": ""})
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "pyproject.toml", Repository(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path}/pyproject.toml{message}")


@pytest.mark.parametrize(
    ("files", "name", "min_score", "place"),
    [
        pytest.param({"pyproject.toml": PROJECT}, "pyproject.toml", 90, "pyproject.toml:5", id="it says so itself"),
        pytest.param(
            {"pyproject.toml": PROJECT, "k8s/kgate.yaml": "extends: ../pyproject.toml\n"},
            "k8s/kgate.yaml",
            90,
            "pyproject.toml:5",
            id="a file extends it",
        ),
        pytest.param(
            {"base.yaml": "min-score: 70\n", "pyproject.toml": "[tool.kgate]\nextends = 'base.yaml'\n"},
            "pyproject.toml",
            70,
            "base.yaml:1",
            id="it extends a file",
        ),
        pytest.param({"x.toml": PROJECT}, "x.toml", 90, "x.toml:5", id="a file of another name"),
    ],
)
def test_a_project_counts_like_a_file(
    tmp_path: Path, files: Mapping[str, str], name: str, min_score: int, place: str
) -> None:
    file = read_config(made(tmp_path, files) / name, Repository(tmp_path))
    assert (file.min_score, file.places["min-score"]) == (min_score, place)
