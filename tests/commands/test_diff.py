"""diff: two states compared, whatever each is named by; and reports that cannot be compared."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command import ROOT, Result, kgate
from tests.commands.test_baseline import OLD, deployment
from tests.hostile import write
from tests.policy.clone import Clone
from tests.real_tools import tools_env

SCHEMA = json.loads((ROOT / "kgate/schemas/diff-1.json").read_text(encoding="utf-8"))
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
"""
BEFORE = {
    "k8s/plain.yaml": deployment("plain"),
    "k8s/same.yaml": deployment("same"),
    "k8s/moved.yaml": deployment("moved"),
    "k8s/gone.yaml": deployment("gone"),
    "k8s/old-role.yaml": ROLE.replace("NAME", "old"),
}
AFTER: dict[str, str | None] = {
    "k8s/plain.yaml": deployment("plain", privileged=False),
    "k8s/moved.yaml": None,
    "k8s/apps/moved.yaml": "# here now\n" + deployment("moved"),
    "k8s/gone.yaml": None,
    "k8s/new.yaml": deployment("new"),
    "k8s/old-role.yaml": None,
    "k8s/new-role.yaml": ROLE.replace("NAME", "new"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose commit before the last one is tagged, a folder with it, and a report of each."""
    clone = Clone.of(tmp_path_factory.mktemp("clones") / "shop", BEFORE)
    old = clone.copy(clone.folder.parent / "old")
    clone.changed(AFTER).merged()
    for one, name in ((old, "before.json"), (clone, "after.json")):
        report = kgate("scan", "k8s", "-f", "json", cwd=one.folder)
        (clone.folder.parent / name).write_text(report.out, encoding="utf-8")
    return clone


def compared(folder: Path, *arguments: str) -> tuple[int, Any]:
    result = kgate("diff", *arguments, "-f", "json", cwd=folder, env=tools_env())
    assert result.code in (0, 1, 3), result
    found = json.loads(result.out)
    jsonschema.validate(found, SCHEMA)
    return result.code, found


def workloads(found: Any) -> list[str]:
    return [
        f"{one['state']} {one['workload']} {one['before']}→{one['after']}"
        + (f" from {one['moved_from']}" if "moved_from" in one else "")
        for one in found["workloads"]
    ]


def findings(found: Any) -> set[tuple[str, str, str]]:
    return {(one["state"], one["rule"], one["resource"]["name"]) for one in found["findings"]}


WORKLOADS = [
    "changed Deployment/moved 8→8 from k8s/moved.yaml",
    "gone Deployment/gone 8→None",
    "new Deployment/new None→8",
    "changed Deployment/plain 8→74",
]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("main~1", "k8s", id="a revision and a folder"),
        pytest.param("../old/k8s", "k8s", id="two folders"),
        pytest.param("../before.json", "../after.json", id="two reports"),
        pytest.param("../before.json", "k8s", id="a report and a folder"),
        pytest.param("main~1", "../after.json", id="a revision and a report"),
    ],
)
def test_two_states_differ_alike_whatever_they_are_named_by(shop: Clone, before: str, after: str) -> None:
    folder = shop.folder / "k8s" if before == "main~1" and after != "k8s" else shop.folder
    after = f"../{after}" if folder != shop.folder else after
    code, found = compared(folder, before, after)
    assert (code, workloads(found)) == (1, WORKLOADS)
    assert {one for one in findings(found) if one[0] != "moved" and one[1] == "privileged-container"} == {
        ("new", "privileged-container", "new"),
        ("gone", "privileged-container", "gone"),
        ("gone", "privileged-container", "plain"),
    }
    assert {name for state, _, name in findings(found) if state == "moved"} == {"moved"}
    objects = [(one["object"], one["state"]) for one in found["objects"]]
    assert objects == [("ClusterRole/new", "new"), ("ClusterRole/old", "gone")]
    assert (found["before"]["workloads"], found["after"]["workloads"]) == (4, 4)
    assert found["verdict"]["reasons"][0].startswith("1 workload under the threshold")


def test_two_revisions_are_compared_in_the_current_folder(shop: Clone) -> None:
    assert workloads(compared(shop.folder, "main~1", "main")[1]) == WORKLOADS
    back = "changed Deployment/moved 8→8 from k8s/apps/moved.yaml"
    assert back in workloads(compared(shop.folder, "main", "main~1")[1])
    assert back in workloads(compared(shop.folder, "k8s", "main~1")[1])
    assert workloads(compared(shop.folder / "k8s/apps", "main~1", "main")[1]) == ["new Deployment/moved None→8"]


def test_the_text_fits_and_says_each_change_once(shop: Clone) -> None:
    result = kgate("diff", "main~1", ".", cwd=shop.folder)
    lines = result.out.splitlines()
    assert result.code == 1
    assert max(map(len, lines)) <= 100
    assert "  Deployment/moved  k8s/apps/moved.yaml  8 F, moved from k8s/moved.yaml" in lines
    assert "  Deployment/plain  k8s/plain.yaml  8 F → 74 C, 1 gone" in lines
    assert "  ClusterRole/new  k8s/new-role.yaml  new, 1 new finding" in lines
    assert sum("k8s/moved.yaml:10:" in line for line in lines) > 0
    assert lines[-1] == "✗ failed: 1 workload under the threshold, the lowest with score 8"


def test_markdown_says_the_same_and_what_it_cuts(shop: Clone) -> None:
    result = kgate("diff", "main~1", ".", "-f", "markdown", cwd=shop.folder)
    assert result.out.startswith("<!-- kgate-report -->\n## kgate: failed\n")
    assert "### Findings that moved" in result.out
    assert "<code>k8s/moved.yaml:10</code> → <code>k8s/apps/moved.yaml:11</code>" in result.out
    write(shop.folder.parent / "many", {f"{number}.yaml": deployment(f"a{number}") for number in range(40)})
    write(shop.folder.parent / "none", {"a.yaml": deployment("a", privileged=False)})
    cut = kgate("diff", "../none", "../many", "-f", "markdown", "--max-chars", "4096", cwd=shop.folder).out
    assert len(cut.encode()) <= 4096
    assert "more findings did not fit" in cut


def test_nothing_differs(shop: Clone) -> None:
    code, found = compared(shop.folder, "k8s", "main")
    assert (code, found["workloads"], found["findings"], found["objects"]) == (0, [], [], [])
    assert found["known"] > 10


def test_what_is_better_passes_and_zero_can_be_asked_for(shop: Clone) -> None:
    assert kgate("diff", "main~1", "main", "--min-score", "0", cwd=shop.folder).code == 0
    assert kgate("diff", "main~1", "main", "--exit-zero", cwd=shop.folder).code == 0
    assert kgate("diff", "main~1", "main", "--fail-on", "low", "--min-score", "0", cwd=shop.folder).code == 1


def test_folders_of_one_repository_stand_for_each_other(tmp_path: Path) -> None:
    chart = {name.removeprefix("charts/"): text for name, text in OLD.items() if name.startswith("charts/")}
    write(tmp_path, {".git/config": "", **{f"old/{name}": text for name, text in chart.items()}})
    new = {**chart, "web/values.yaml": "privileged: false\n"}
    write(tmp_path, {f"new/{name}": text for name, text in new.items()})
    code, found = compared(tmp_path, "old", "new")
    assert (code, workloads(found)) == (0, ["changed Deployment/web-web 8→74"])
    assert findings(found) == {("gone", "privileged-container", "web-web")}


def test_what_was_not_judged_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"a/a.yaml": deployment("a"), "b/a.yaml": deployment("a"), "b/b.yaml": "kind: [\n"})
    code, found = compared(tmp_path, "a", "b")
    assert (code, found["problems"][0]["path"], found["notes"]) == (3, "b.yaml", [])
    code, found = compared(tmp_path, "b", "a")
    assert (code, found["notes"]) == (0, ["not all of b could be judged; what is found only now counts as new"])


def test_a_side_without_objects_is_said_to_have_none(tmp_path: Path) -> None:
    """As a JSON file that is no report."""
    write(tmp_path, {"before.json": '{"version": 9}', "b/a.yaml": deployment("a")})
    code, found = compared(tmp_path, "before.json", "b")
    assert found["notes"] == ["there is no Kubernetes object in before.json, so all that is found counts as new"]
    assert code == 1


def test_a_waiver_is_told_apart_from_a_fix(tmp_path: Path) -> None:
    comment = "# kgate: allow[privileged-container] it drives the disks"
    waived = deployment("a").replace("        - {", f"        {comment}\n        - {{")
    write(tmp_path, {"a/a.yaml": deployment("a"), "b/a.yaml": waived})
    assert findings(compared(tmp_path, "a", "b")[1]) == {("waived", "privileged-container", "a")}


def test_reports_by_different_settings_say_so(shop: Clone, tmp_path: Path) -> None:
    report = kgate("scan", "k8s", "-f", "json", "--min-score", "90", cwd=shop.folder).out
    (tmp_path / "other.json").write_text(report.replace('"version": "', '"version": "1', 1), encoding="utf-8")
    _, found = compared(shop.folder, "../after.json", str(tmp_path / "other.json"))
    assert found["notes"][1:] == ["min-score is 90, and was 60"]
    assert found["notes"][0].startswith("two versions of kgate judged this, ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("nope", "."), "'nope' is no file or folder, so it should be a revision: kgate diff nope", id="no"
        ),
        pytest.param((".", "-"), "not '-' or an empty text", id="standard input"),
        pytest.param(("", "."), "not '-' or an empty text", id="an empty word"),
        pytest.param(
            ("main", "."), "'main' is both a path and a revision; write ./main, or refs/heads/main", id="both"
        ),
        pytest.param(("pipe", "."), "'pipe' is neither a file nor a folder", id="a pipe"),
        pytest.param((".",), "Missing argument 'B'", id="one word"),
        pytest.param((".", ".", "--diff-base", "main"), "there is no option --diff-base", id="an option of scan"),
        pytest.param((".", ".", "-f", "sarif"), "'sarif' is not", id="another format"),
    ],
)
def test_wrong_uses(shop: Clone, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    folder = shop.copy(tmp_path / "shop").folder
    (folder / "main").mkdir()
    os.mkfifo(folder / "pipe")
    result = kgate("diff", *arguments, cwd=folder)
    assert (result.code, message in result.err) == (2, True), result


def test_a_folder_without_git_has_no_revisions(tmp_path: Path) -> None:
    result = kgate("diff", "main", ".", cwd=tmp_path)
    assert result.code == 2
    assert "clone the repository" in result.err


def _changed(path: str, value: object) -> Callable[[Any], None]:
    """Sets a field of a report, or removes it if the value is None: ``findings.0.rule``."""

    def change(report: Any) -> None:
        *names, last = (int(name) if name.isdigit() else name for name in path.split("."))
        for name in names:
            report = report[name]
        if value is None:
            del report[last]
        else:
            report[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(("schema", "kgate-report/3"), "schema must be kgate-report/2: another version", id="version"),
        pytest.param(("findings", None), "findings must be a list", id="no findings"),
        pytest.param(("findings", [1]), "findings[0] must be a mapping", id="a finding that is a number"),
        pytest.param(("findings.1.rule", None), "findings[1].rule is missing", id="no rule"),
        pytest.param(("findings.0.rule", 7), "findings[0].rule must be a string", id="a rule that is a number"),
        pytest.param(("findings.0.rule", "\x1b[31mx"), "findings[0].rule must be the id of a rule", id="colours"),
        pytest.param(("findings.0.severity", "bad"), "findings[0].severity must be critical, high", id="a severity"),
        pytest.param(("findings.0.anchor", None), "findings[0].anchor is missing: an older kgate", id="an old report"),
        pytest.param(("findings.0.anchor", "x"), "fingerprint does not fit the fields", id="an edited one"),
        pytest.param(("findings.0.location.line", 0), "location.line must be a whole number from 1", id="line 0"),
        pytest.param(("findings.0.waived", True), "findings[0].waived must be a mapping", id="a waiver"),
        pytest.param(("workloads.0.judged", None), "workloads[0].judged is missing: an older kgate", id="an old score"),
        pytest.param(("workloads.0.judged", "yes"), "judged must be true or false", id="a truth value"),
        pytest.param(("workloads.0.score", 101), "score must be a whole number from 0 to 100", id="a score"),
        pytest.param(("summary.workloads", "x"), "summary.workloads must be a whole number", id="a count"),
        pytest.param(("settings.fail-on", "x"), "settings.fail-on must be a mapping", id="a setting"),
    ],
)
def test_a_damaged_report_is_an_error_at_its_line(
    shop: Clone, tmp_path: Path, change: tuple[str, object], message: str
) -> None:
    report = json.loads((shop.folder.parent / "after.json").read_text(encoding="utf-8"))
    _changed(*change)(report)
    (tmp_path / "r.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    result = _reports(shop, tmp_path / "r.json")
    assert result.code == 2
    assert message in result.err
    assert "r.json:" in result.err
    assert "write the report again with this version: kgate scan -f json" in result.err


def test_a_report_that_is_cut_off_is_an_error(shop: Clone, tmp_path: Path) -> None:
    text = (shop.folder.parent / "after.json").read_text(encoding="utf-8")
    (tmp_path / "r.json").write_text(text[: len(text) // 2], encoding="utf-8")
    assert "is not JSON" in _reports(shop, tmp_path / "r.json").err


def test_a_number_that_is_too_long_is_an_error(shop: Clone, tmp_path: Path) -> None:
    text = (shop.folder.parent / "after.json").read_text(encoding="utf-8")
    (tmp_path / "r.json").write_text(text.replace('"points": ', f'"points": {"9" * 5000}', 1), encoding="utf-8")
    result = _reports(shop, tmp_path / "r.json")
    assert (result.code, "r.json: holds a number of thousands of digits; write" in result.err) == (2, True), result


def test_a_report_may_begin_with_a_byte_order_mark(shop: Clone, tmp_path: Path) -> None:
    data = (shop.folder.parent / "after.json").read_bytes()
    (tmp_path / "r.json").write_bytes(codecs.BOM_UTF8 + data)
    assert _reports(shop, tmp_path / "r.json").code == 0


def test_what_a_report_only_counts_is_not_compared(shop: Clone, tmp_path: Path) -> None:
    report = json.loads((shop.folder.parent / "after.json").read_text(encoding="utf-8"))
    report["summary"]["findings"]["low"] += 3
    (tmp_path / "r.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    result = _reports(shop, tmp_path / "r.json")
    assert result.code == 3
    assert "3 findings and workloads are only counted in this report" in " ".join(result.out.split())


def _reports(shop: Clone, report: Path) -> Result:
    return kgate("diff", str(shop.folder.parent / "after.json"), str(report), cwd=shop.folder)
