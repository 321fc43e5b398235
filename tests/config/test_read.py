"""read.py and settle.py: what a file may set, which a pull request may change, and what flags alone may."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from kgate.config import KNOWN, Options, Settings, read_config, settle
from kgate.errors import ConfigError, KgateError
from kgate.limits import LIMITS
from kgate.repository import Repository, UntrustedFolders
from kgate.scan import scan
from tests.command import ROOT, kgate
from tests.rendering.test_tools import HELM, script

GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")


def repository(folder: Path, config: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "a.yaml").write_text(GOOD, encoding="utf-8")
    (folder / "kgate.yaml").write_text(config, encoding="utf-8")
    return folder


def settings(folder: Path, config: str, options: Options) -> Settings:
    repository(folder, config)
    file = read_config(folder / "kgate.yaml", Repository(folder))
    return settle(options, file, Repository(folder), UntrustedFolders.around([folder]))


# ------------------------------------------------------------------------------------------- programs


@pytest.mark.parametrize("name", ["helm", "kubectl", "kustomize"])
@pytest.mark.parametrize("value", ["helm", "/abs/helm.sh", "bin/helm", "null"])
def test_no_program_is_taken_from_a_file(tmp_path: Path, name: str, value: str) -> None:
    result = kgate("scan", ".", cwd=repository(tmp_path, f"min-score: 0\n{name}-bin: {value}\n"))
    assert result.code == 2, result
    variable = f"KGATE_SCAN_{name.upper()}_BIN"
    assert f"kgate.yaml:2: {name}-bin is not taken from a file" in result.err
    assert f"name the program with --{name}-bin, or with {variable}" in result.err


MARKERS = {
    "no .git": (),
    ".git": (".git/HEAD",),
    "a nested .git": (".git/HEAD", "k8s/.git/HEAD"),
    "a nested .git file": ("k8s/.git",),
    "a nested configuration": (".git/HEAD", "k8s/kgate.yml"),
}


@pytest.mark.parametrize("markers", MARKERS.values(), ids=MARKERS.keys())
@pytest.mark.parametrize("start", [".", "k8s"])
def test_a_program_of_the_checkout_on_path_does_not_run(tmp_path: Path, markers: tuple[str, ...], start: str) -> None:
    """PATH holds bin/ of the checkout; a chart needs helm; the scan starts at its root or below, from either folder."""
    shop = tmp_path / "shop"
    witness = tmp_path / "witness"
    script(shop / "bin/helm", HELM, witness=witness)
    for name, text in {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "templates/a.yaml": GOOD}.items():
        (shop / "k8s" / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / "k8s" / name).write_text(text, encoding="utf-8")
    for marker in markers:
        (shop / marker).parent.mkdir(parents=True, exist_ok=True)
        (shop / marker).write_text("min-score: 1\n" if marker.endswith("yml") else "gitdir: ../x\n", encoding="utf-8")
    path = os.pathsep.join((str(shop / "bin"), "/usr/bin", "/bin"))
    result = kgate("scan", start, "-f", "json", cwd=shop, env={"PATH": path})
    assert result.code == 3, result
    assert not witness.exists()
    told = [note for note in json.loads(result.out).get("notes", []) if "helm" in note["path"]]
    assert "and is not run; name its path with --helm-bin if you trust it" in told[0]["message"]


# --------------------------------------------------------------------------------------------- limits

CHOSEN: dict[str, tuple[str, dict[str, int], dict[str, float]]] = {
    "nothing": ("{}", {}, {"timeout": 900, "render-timeout": 60, "render-memory": 1024}),
    "a file lowers": ("{timeout: 10, render-timeout: 5, render-memory: 64}", {}, {"timeout": 10, "render-timeout": 5}),
    "a file raises no default": (
        "{timeout: 901, render-timeout: 61, render-memory: 8000}",
        {},
        {"render-memory": 1024},
    ),
    "a file raises no flag": ("{render-memory: 900}", {"render_memory": 512}, {"render-memory": 512}),
    "a file lowers a flag": ("{render-memory: 900}", {"render_memory": 4096}, {"render-memory": 900}),
    "a flag raises": ("{}", {"render_memory": 4096, "timeout": 86400}, {"render-memory": 4096, "timeout": 86400}),
}


@pytest.mark.parametrize(("config", "flags", "wanted"), CHOSEN.values(), ids=CHOSEN.keys())
def test_a_file_may_only_lower_limits(
    tmp_path: Path, config: str, flags: dict[str, int], wanted: dict[str, float]
) -> None:
    chosen = settings(tmp_path, config, Options(**flags))  # type: ignore[arg-type]
    options = chosen.rendering.options
    limits = {
        "timeout": chosen.timeout,
        "render-timeout": options.seconds,
        "render-memory": options.memory >> 20,
    }
    assert {name: limits[name] for name in wanted} == wanted


def test_what_a_file_asks_for_and_does_not_get_is_told(tmp_path: Path) -> None:
    folder = repository(tmp_path, "timeout: 900\nrender-memory: 8000\n")
    result = kgate("scan", ".", "-f", "json", cwd=folder)
    assert result.code == 0, result
    (note,) = json.loads(result.out)["notes"]
    message = "render-memory stays at 1024 MiB: a file may only lower it; --render-memory raises it"
    assert (note["path"], note["line"], note["message"]) == ("kgate.yaml", 2, message)


LIMIT_VALUES = ["0", "-1", "99999999999999", "9223372036854775807", "1" * 5000, "1.5", "1e400", "true", "'60'", "[60]"]


@pytest.mark.parametrize("value", LIMIT_VALUES, ids=lambda value: value[:20])
@pytest.mark.parametrize("key", [limit.key for limit in LIMITS])
def test_a_limit_out_of_its_range_is_refused_in_a_file(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"kgate\.yaml:2: {key} must be a whole number of "):
        settings(tmp_path, f"# first\n{key}: {value}\n", Options())


def test_a_fault_of_a_file_ends_the_command(tmp_path: Path) -> None:
    result = kgate("scan", ".", cwd=repository(tmp_path, "# first\ntimeout: 0\n"))
    assert result.code == 2, result
    assert "kgate.yaml:2: timeout must be a whole number of " in result.err


@pytest.mark.parametrize("value", ["0", "99999999999999", "9223372036854775807", "1" * 5000, "much", "nan"])
@pytest.mark.parametrize("key", [limit.key for limit in LIMITS])
@pytest.mark.parametrize("way", ["flag", "environment"])
def test_a_limit_out_of_its_range_is_refused(tmp_path: Path, key: str, value: str, way: str) -> None:
    folder = repository(tmp_path, "{}")
    flags = [f"--{key}={value}"] if way == "flag" else []
    env = {f"KGATE_SCAN_{key.upper().replace('-', '_')}": value} if way == "environment" else {}
    result = kgate("scan", ".", *flags, cwd=folder, env=env)
    assert (result.code, f"--{key}" in result.err) == (2, True), result


# -------------------------------------------------------------------------------- the line of a fault


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            "min-score: 1\ncharts:\n- path: web\n- path: web\n  releases:\n  - namespace: shop\n    name: 7\n",
            7,
            "charts[1].releases[0].name must be a string; put it in quotes",
            id="a field of a release",
        ),
        pytest.param(
            "rules:\n- own\n- ../own\n", 3, "'../own' leads out of the repository, and is not followed", id="a folder"
        ),
        pytest.param("ignore:\n- host-pid\n-\n  - a\n", 4, "ignore[1] must be a string; put it in quotes", id="an id"),
        pytest.param("# nothing\nhelm-degraded: maybe\n", 2, "helm-degraded must be true or false", id="a flag"),
    ],
)
def test_a_fault_is_reported_at_its_own_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    for name in ("own/a.yaml", "web/Chart.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    result = kgate("scan", ".", cwd=repository(tmp_path, text))
    assert result.code == 2, result
    assert f"kgate.yaml:{line}: {message}" in result.err


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "---\n", "null"])
def test_a_file_that_says_nothing_changes_nothing(tmp_path: Path, text: str) -> None:
    assert settings(tmp_path, text, Options()) == settings(tmp_path, "{}", Options())


# ----------------------------------------------------------------------------------- every other key

ODD = {
    "a list": "[x]",
    "a mapping": "{a: b}",
    "a deep list": "[" * 90 + "]" * 90,
    "a list too deep": "[" * 5000 + "]" * 5000,
    "a huge integer": "1" * 4500,
    "a huge float": "1e999",
    "infinity": ".inf",
    "not a number": ".nan",
    "a negative": "-1",
    "NUL in a string": r'"a\0b"',
    "NUL in a list": r'["a\0b"]',
    "a lone surrogate": r'["\ud800"]',
    "an emoji": '["\\U0001F600"]',
    "a long name": f"[{'x' * 5000}]",
    "an empty name": '[""]',
    "a path above": "[../../../../../../../../etc]",
    "a binary": "!!binary gIGC",
    "a tag": "!!python/object:os.system ls",
    "an alias of itself": "&a [*a]",
    "an unknown alias": "*nope",
    "many aliases": "[&a [x,x,x,x,x,x,x,x,x], &b [*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b], &d [*c,*c,*c,*c], [*d,*d]]",
    "a date": "2026-11-29",
    "a chart without end": r'[{path: "a\0b", releases: [{name: "\0", values: ["\0"]}]}]',
    "a chart above": "[{path: ../../etc, releases: [{values: [../../passwd]}]}]",
    "a chart of a long name": f"[{{path: {'x' * 5000}}}]",
    "a chart of a surrogate": r'[{path: "\ud800"}]',
    "a gate of odd patterns": r'[{match: {paths: ["\ud800", "\\"], names: "\ud800"}, min-score: 1}]',
    "a gate of a long pattern": f"[{{match: {{names: {'*a' * 2500}}}, min-score: 1}}]",
    "a gate of many stars": f"[{{match: {{names: '{'*' * 900}b'}}, min-score: 1}}]",
    "a setting of an odd parameter": r'{host-path-volume: {parameters: {allowedPaths: ["\ud800\0\x7f"]}}}',
    "a setting of a long parameter": f"{{host-path-volume: {{parameters: {{allowedPaths: [{'x' * 5000}]}}}}}}",
    "a setting of a large number": "{low-user-id: {parameters: {least: 9223372036854775808}}}",
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD.keys())
def test_an_odd_value_is_no_bug(tmp_path: Path, value: str) -> None:
    """Each key in a process of its own would take minutes: one scans with all, the command with one."""
    for key in KNOWN:
        with contextlib.suppress(KgateError):
            report = scan(settings(tmp_path, f"{key}: {value}\n", Options(paths=(os.fspath(tmp_path),))))
            assert report.verdict.exit_code in (0, 1, 3), key
    result = kgate("scan", ".", cwd=repository(tmp_path, f"charts: {value}\n"))
    assert result.code in (0, 1, 2, 3), result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("min-score: 1\nmin-score: 2\n", "key 'min-score' is set here and in line 1", id="a key twice"),
        pytest.param("<<: {min-score: 101}\n", "min-score must be a whole number", id="a merged key"),
        pytest.param("? [a]\n: b\n", "a mapping key must be a string", id="a key that is a list"),
        pytest.param("null: b\n", "a mapping key must be a string", id="a key that is null"),
        pytest.param("--- {}\n--- {}\n", "must hold one mapping", id="two documents"),
        pytest.param("---\n---\nmin-score: 1\n", "must hold one mapping", id="an empty document first"),
        pytest.param("1: 2\n", "unknown field '1'", id="a key that is a number"),
    ],
)
def test_odd_files(tmp_path: Path, text: str, words: str) -> None:
    result = kgate("scan", ".", cwd=repository(tmp_path, text))
    assert (result.code, words in result.err) == (2, True), result
