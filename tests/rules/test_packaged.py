"""packaged.py: a start takes rules and programs from the wheel only if they were made from the files that are there."""

from __future__ import annotations

import copy
import json
import shutil
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import pss
from kgate.rules import cel, load
from kgate.rules.packaged import SAMPLE, Package, text_hash
from kgate.rules.packaging import packaged, stable
from tests.command import ROOT, kgate

RULES = load.load()
FILES = load.own_files()
PRIVILEGED = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - securityContext: {privileged: true}\n"
)


@cache
def contents() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(packaged())
    return made


def test_the_rules_are_those_of_the_files() -> None:
    assert Package(**contents()).rules_from(FILES) == RULES


def test_the_same_rules_make_the_same_file() -> None:
    assert json.loads(packaged()) == contents()


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([(FILES[0][0], FILES[0][1] + b"\n"), *FILES[1:]], id="a changed file"),
        pytest.param([("other.yaml", FILES[0][1]), *FILES[1:]], id="a renamed file"),
        pytest.param(FILES[1:], id="a missing file"),
        pytest.param([*FILES, ("zero.yaml", b"")], id="another file"),
        pytest.param(
            [(FILES[0][0], FILES[0][1][:-1]), (FILES[1][0], b"\n" + FILES[1][1]), *FILES[2:]], id="a moved byte"
        ),
    ],
)
def test_other_files_have_no_packaged_rules(files: list[tuple[str, bytes]]) -> None:
    assert Package(**contents()).rules_from(files) is None


def test_all_programs_of_a_scan_are_there() -> None:
    package = Package(**contents())
    programs = Judge(RULES, pss.NEWEST_MINOR).programs
    assert len(programs) > 20
    assert all(package.program(program.text) is not None for program in programs)
    assert package.program(programs[0].text + " ") is None


@pytest.mark.parametrize("text", [SAMPLE, "[item.all(x, x > 1)]", "'" + "a" * 300 + "' == item"])
def test_a_stable_program_is_the_same_expression(text: str) -> None:
    program = stable(cel.serialized(text))
    assert program == stable(cel.serialized(text))
    assert stable(program) == program


# ------------------------------------------------------------------------------- as it is installed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contents of a wheel, but for the file."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(
        ROOT / "kgate", folder / "kgate", ignore=shutil.ignore_patterns("__pycache__", "builtin_rules.json")
    )
    shutil.copytree(ROOT / "rules", folder / "kgate/builtin_rules")
    (folder / "pod.yaml").write_text(PRIVILEGED, encoding="utf-8")
    return folder


def with_marked_rule(contents: dict[str, Any]) -> None:
    rule = next(rule for rule in contents["rules"] if rule["id"] == "privileged-container")
    rule["message"] = "Read from the package."


def with_marked_program(contents: dict[str, Any]) -> None:
    """Programs of the rules about containers that allow everything."""
    for program in Judge(RULES, pss.NEWEST_MINOR)._panels["container"].programs:
        allowing = stable(cel.serialized(f"[{', '.join(['true'] * program.size)}]"))
        contents["programs"][text_hash(program.text)] = b64encode(allowing).decode()


def with_wrong_sample(contents: dict[str, Any]) -> None:
    with_marked_program(contents)
    contents["programs"][text_hash(SAMPLE)] = b64encode(stable(cel.serialized("false"))).decode()


def with_unreadable_sample(contents: dict[str, Any]) -> None:
    with_marked_program(contents)
    contents["programs"][text_hash(SAMPLE)] = b64encode(b"?").decode()


def with_nothing(contents: dict[str, Any]) -> None:
    contents.clear()


def with_other_fields(contents: dict[str, Any]) -> None:
    contents["more"] = 1


SOURCE = "The container runs privileged"
USED = "Read from the package."
POD = "host-user-namespace"
COMMENT = ("host-pid.yaml", "id: host-pid", "id: host-pid # edited")
EXPRESSION = ("privileged-container.yaml", " == false", " ==  false")


@pytest.mark.parametrize(
    ("change", "edit", "shown", "not_shown"),
    [
        pytest.param(with_marked_rule, None, USED, SOURCE, id="packaged rules"),
        pytest.param(with_marked_rule, COMMENT, SOURCE, USED, id="packaged rules of other files"),
        pytest.param(with_marked_program, None, POD, SOURCE, id="packaged programs"),
        pytest.param(with_marked_program, COMMENT, POD, SOURCE, id="packaged programs of the same expressions"),
        pytest.param(with_marked_program, EXPRESSION, SOURCE, USED, id="packaged programs of other expressions"),
        pytest.param(with_wrong_sample, None, SOURCE, USED, id="an engine that evaluates otherwise"),
        pytest.param(with_unreadable_sample, None, SOURCE, USED, id="an engine that reads otherwise"),
        pytest.param(with_nothing, None, SOURCE, USED, id="an empty file"),
        pytest.param(with_other_fields, None, SOURCE, USED, id="a file of another kgate"),
    ],
)
def test_a_scan(
    wheel: Path,
    change: Callable[[dict[str, Any]], None],
    edit: tuple[str, str, str] | None,
    shown: str,
    not_shown: str,
) -> None:
    changed = copy.deepcopy(contents())
    change(changed)
    (wheel / "kgate/builtin_rules.json").write_text(json.dumps(changed), encoding="utf-8")
    name, old, new = edit or COMMENT
    rule = wheel / "kgate/builtin_rules" / name
    text = (ROOT / "rules" / name).read_text(encoding="utf-8")
    assert old in text
    rule.write_text(text.replace(old, new) if edit else text, encoding="utf-8")
    result = kgate("scan", "pod.yaml", "--verbose", "--persona", "audit", cwd=wheel, env={"PYTHONPATH": str(wheel)})
    rule.write_text(text, encoding="utf-8")
    assert result.code == (0 if shown == POD else 1), result
    assert shown in result.out
    assert not_shown not in result.out
