"""Waivers from the file to the exit code, by the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import Result, kgate
from tests.hostile import write
from tests.real_tools import tools_env

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: logging}
spec:
  hostPID: true
  containers: [{name: app, image: nginx}]
"""
RULES = "[host-pid, privilege-escalation-allowed, run-as-root-allowed, capabilities-not-dropped, seccomp-not-set]"
WAIVERS = f"""\
accept:
- rule: {RULES}
  path: k8s/*
  reason: reads what others run
  owner: team-ops
  until: 2027-01-31
- problem: key 'kind' is set here
  path: k8s/broken.yaml
  reason: a fixture
"""
FILES = {
    ".git/config": "",
    "k8s/agent.yaml": POD,
    "k8s/broken.yaml": f"{POD}kind: Pod\n",
    "kgate-waivers.yaml": WAIVERS,
}
DURING, AFTER = "2026-12-01", "2027-02-01"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path / "shop", FILES)
    return tmp_path / "shop"


def scan(folder: Path, *arguments: str, today: str = DURING, **environment: str) -> Result:
    return kgate("scan", *(arguments or (".",)), "--today", today, cwd=folder, env=environment)


def test_what_is_accepted_passes_and_is_told(repository: Path) -> None:
    passed = scan(repository)
    assert passed.code == 0, passed
    (line,) = (one for one in passed.out.splitlines() if one.startswith("✓ passed"))
    assert "5 waived, 1 accepted" in line
    assert "1 workload passes only by waivers: capabilities-not-dropped, host-pid, privilege-" in line


def test_that_a_waiver_ends_soon_is_told_on_a_pass(repository: Path) -> None:
    told = "1 waiver ends soon (kgate-waivers.yaml:2)"
    assert told in scan(repository, today="2027-01-17").out
    assert told not in scan(repository, today="2027-01-16").out


def test_after_its_last_day_everything_is_back(repository: Path) -> None:
    failed = scan(repository, today=AFTER)
    assert failed.code == 1, failed
    reason = "1 waiver has expired: kgate-waivers.yaml:2 on 2027-01-31, by team-ops; renew or remove it"
    assert reason in failed.out


def test_what_is_waived_is_in_the_json_report(repository: Path) -> None:
    made: dict[str, Any] = json.loads(scan(repository, ".", "-f", "json").out)
    waived = {"reason": "reads what others run", "owner": "team-ops", "expires": "2027-01-31"}
    assert [one["waived"] for one in made["findings"]] == [{**waived, "place": "kgate-waivers.yaml:2"}] * 5
    (accepted,) = made["accepted"]
    assert (accepted["type"], accepted["path"], accepted["waived"]["owner"]) == ("problem", "k8s/broken.yaml", None)
    assert made["problems"] == []
    (workload,) = made["workloads"]
    assert (workload["score"], workload["score_without_waivers"], len(workload["waived"])) == (100, 38, 5)


def test_without_its_waivers_a_repository_fails_and_is_incomplete(repository: Path) -> None:
    (repository / "kgate-waivers.yaml").unlink()
    assert scan(repository).code == 3


def test_only_the_whole_repository_shows_what_fits_nothing(repository: Path) -> None:
    (repository / "k8s/broken.yaml").unlink()
    told = "kgate-waivers.yaml:7: the waiver of the problem 'key 'kind' is set here' fits nothing; remove it"
    assert told in scan(repository, "-v", ".").out
    assert told in scan(repository / "k8s", "-v", "..").out
    assert "fits nothing" not in scan(repository, "-v", "k8s").out


def test_the_day_is_that_of_the_environment(repository: Path) -> None:
    day = {"2027-01-31": "1801439999", "2027-02-01": "1801440000"}
    codes = [kgate("scan", ".", cwd=repository, env={"SOURCE_DATE_EPOCH": seconds}).code for seconds in day.values()]
    assert codes == [0, 1]
    wrong = kgate("scan", ".", cwd=repository, env={"SOURCE_DATE_EPOCH": "today"})
    assert (wrong.code, "SOURCE_DATE_EPOCH is not a number of seconds: 'today'" in wrong.err) == (2, True)


@pytest.mark.parametrize("day", ["2027-02-30", "tomorrow", "31.01.2027", ""])
def test_a_day_that_is_none_is_refused(repository: Path, day: str) -> None:
    wrong = scan(repository, today=day)
    assert wrong.code == 2
    assert f"'{day}' is not a day such as 2027-01-31" in wrong.err


def test_kept_reports_are_those_of_the_day(repository: Path, tmp_path: Path) -> None:
    caches = {"XDG_CACHE_HOME": str(tmp_path / "caches")}
    first, second, later = (scan(repository, ".", "--cache", today=day, **caches) for day in (DURING, DURING, AFTER))
    assert (first.code, second, later.code) == (0, first, 1)


def test_a_changed_file_of_waivers_has_everything_judged(repository: Path) -> None:
    assert scan(repository, "kgate-waivers.yaml", "k8s/agent.yaml").code == 0
    (repository / "kgate-waivers.yaml").write_text("accept: []\n", encoding="utf-8")
    assert scan(repository, "kgate-waivers.yaml", "k8s/agent.yaml").code == 1


# --------------------------------------------------------------------------------------- in manifests

INLINE = "allow[host-pid,run-as-root-allowed] until=2027-01-31 owner=team-ops reads what others run"
CHART = {
    ".git/config": "",
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/values.yaml": "pid: true\n",
    "web/templates/agent.yaml": f"{{{{/* kgate: {INLINE} */}}}}\n{POD.replace('true', '{{ .Values.pid }}')}",
}
OVERLAY = {
    ".git/config": "",
    "base/kustomization.yaml": "resources: [agent.yaml]\n",
    "base/agent.yaml": POD.replace("  hostPID", f"  # kgate: {INLINE}\n  hostPID"),
    "prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
}


def waived(folder: Path) -> list[tuple[str, str]]:
    made = json.loads(kgate("scan", ".", "-f", "json", "--today", DURING, cwd=folder, env=tools_env()).out)
    return sorted((one["rule"], one["waived"]["place"]) for one in made["findings"] if one["waived"])


def test_a_comment_above_an_object_of_a_template_is_about_what_is_rendered(tmp_path: Path) -> None:
    write(tmp_path, CHART)
    place = "web/templates/agent.yaml:1"
    assert waived(tmp_path) == [("host-pid", place), ("run-as-root-allowed", place)]


def test_a_comment_in_a_base_is_about_what_its_overlays_render(tmp_path: Path) -> None:
    write(tmp_path, OVERLAY)
    assert waived(tmp_path) == [("host-pid", "base/agent.yaml:5")]


def test_one_in_a_manifest_that_fits_nothing_is_told(tmp_path: Path) -> None:
    """Wherever it stands: in a template, in a base, in a plain manifest; but not in what is left out."""
    useless = "# kgate: allow[host-ipc] nothing does so here\n"
    files = {**CHART, **OVERLAY, "k8s/safe.yaml": useless + POD.replace("true", "false"), ".kgateignore": "old/\n"}
    files["old/a.yaml"] = useless + POD
    files["base/agent.yaml"] = useless + files["base/agent.yaml"]
    files["web/templates/agent.yaml"] += f"  {useless}"
    write(tmp_path, files)
    made = json.loads(kgate("scan", ".", "-f", "json", "--today", DURING, cwd=tmp_path, env=tools_env()).out)
    told = [(one["path"], one["line"]) for one in made["notes"] if one["message"].endswith("fits nothing; remove it")]
    assert told == [("base/agent.yaml", 1), ("k8s/safe.yaml", 1), ("web/templates/agent.yaml", 8)]


def test_a_configuration_may_want_none_in_manifests(tmp_path: Path) -> None:
    write(tmp_path, {**OVERLAY, "kgate.yaml": "waivers: {inline: false}\n"})
    assert waived(tmp_path) == []


# ------------------------------------------------------------------------------------------- commands


def prints(folder: Path) -> list[str]:
    return [one["fingerprint"] for one in json.loads(scan(folder, ".", "-f", "json").out)["findings"]]


def test_what_is_waived_by_the_command_passes(repository: Path) -> None:
    (repository / "kgate-waivers.yaml").write_text("# ours\n", encoding="utf-8")
    names = [name[:8] for name in prints(repository)]
    said = ("--owner", "team-ops", "--until", "2099-01-31", "--reason", "reads what others run")
    done = kgate("waive", *names, "--all-problems", *said, cwd=repository)
    assert (done.code, done.out) == (0, f"{repository}/kgate-waivers.yaml: 6 entries added\n"), done
    text = (repository / "kgate-waivers.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ours\naccept:\n# Pod/logging/agent")
    assert scan(repository).code == 0
    again = kgate("waive", *names, *said, cwd=repository)
    assert (again.code, again.out) == (0, "all of that is accepted already\n")
    assert (repository / "kgate-waivers.yaml").read_text(encoding="utf-8") == text


def test_the_long_report_says_the_command(repository: Path) -> None:
    (repository / "kgate-waivers.yaml").unlink()
    (name,) = {one[:8] for one in prints(repository)[:1]}
    assert f"or   kgate waive {name} --reason WHY" in scan(repository, ".", "-v").out
    assert "kgate waive" not in scan(repository).out


WRONG_USES = [
    pytest.param(
        (), "nothing is named; write the FINGERPRINT of a finding, or --problem or --unjudged LINE", id="nothing"
    ),
    pytest.param(("0" * 8,), "no finding of this scan has a fingerprint that begins with 00000000", id="unknown"),
    pytest.param(("--problem", "a.yaml: x"), "this scan has no such problem in a.yaml", id="no such problem"),
    pytest.param(("--all-problems", "--until", "soon"), "'soon' is not a day such as 2027-01-31", id="no day"),
    pytest.param(("--all-problems", "--reason", " "), "accept[0].reason is blank", id="a blank reason"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG_USES)
def test_a_wrong_use_writes_nothing(repository: Path, arguments: tuple[str, ...], message: str) -> None:
    (repository / "kgate-waivers.yaml").unlink()
    done = kgate("waive", "--reason", "x", *arguments, cwd=repository)
    assert (done.code, message in done.err) == (2, True), done
    assert not (repository / "kgate-waivers.yaml").exists()


def test_a_write_that_fails_midway_leaves_the_old_file(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kgate.commands import main

    (repository / "kgate-waivers.yaml").write_text(
        "accept:\n- {rule: host-ipc, path: a, reason: x}\n", encoding="utf-8"
    )
    monkeypatch.chdir(repository)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert main.exit_code(["waive", "--all-problems", "--reason", "x"]) == 2
    assert "cannot be written: No space left on device; the file is as it was" in capsys.readouterr().err
    assert (repository / "kgate-waivers.yaml").read_text(encoding="utf-8").count("\n") == 2
    assert sorted(path.name for path in repository.iterdir()) == [".git", "k8s", "kgate-waivers.yaml"]


def listed(folder: Path, *arguments: str, today: str = DURING) -> Result:
    return kgate("waivers", "list", *arguments, "--today", today, cwd=folder)


def test_a_folder_without_waivers_is_said_to_have_none(tmp_path: Path) -> None:
    assert listed(tmp_path).out == "no waivers\n"
    assert json.loads(listed(tmp_path, "-f", "json").out) == []


def test_the_list_says_who_took_what_until_when(repository: Path) -> None:
    made = json.loads(listed(repository, "-f", "json").out)
    assert made == [
        {
            "state": "active",
            "what": "host-pid, privilege-escalation-allowed, run-as-root-allowed and 2 more",
            "where": "k8s/*",
            "why": "reads what others run",
            "who": "team-ops",
            "until": "2027-01-31",
            "place": "kgate-waivers.yaml:2",
        },
        {
            "state": "active",
            "what": "the problem 'key 'kind' is set here'",
            "where": "k8s/broken.yaml",
            "why": "a fixture",
            "who": "",
            "until": "",
            "place": "kgate-waivers.yaml:7",
        },
    ]
    states = [json.loads(listed(repository, "-f", "json", today=day).out)[0]["state"] for day in ("2027-01-17", AFTER)]
    assert states == ["ends soon", "expired"]


def test_a_scan_shows_what_fits_nothing_and_what_manifests_waive(repository: Path) -> None:
    write(
        repository,
        {"k8s/broken.yaml": "", "k8s/own.yaml": POD.replace("hostPID: true", f"hostPID: true  # kgate: {INLINE}")},
    )
    (repository / "kgate-waivers.yaml").write_text(WAIVERS.replace("k8s/*", "k8s/agent.yaml"), encoding="utf-8")
    made = json.loads(listed(repository, "--check", "-f", "json").out)
    assert [(one["state"], one["place"]) for one in made] == [
        ("active", "kgate-waivers.yaml:2"),
        ("fits nothing", "kgate-waivers.yaml:7"),
        ("active", "k8s/own.yaml:5"),
    ]


HEADS = [
    pytest.param("table", "state   what  ", id="table"),
    pytest.param("csv", "state,what,where,why,who,until,written in\nactive,", id="csv"),
    pytest.param("markdown", "| state | what | where | why | who | until | written in |\n| --- |", id="markdown"),
    pytest.param("html", "<!DOCTYPE html>\n<html", id="html"),
]


@pytest.mark.parametrize(("format_name", "head"), HEADS)
def test_each_format_is_inert(repository: Path, format_name: str, head: str) -> None:
    hostile = WAIVERS.replace("reads what others run", "'=1+1 <b>| @org https://x'")
    (repository / "kgate-waivers.yaml").write_text(hostile, encoding="utf-8")
    out = listed(repository, "-f", format_name).out
    assert out.startswith(head)
    assert not ("<b>" in out and format_name in ("html", "markdown"))
    assert format_name != "csv" or ",'=1+1 <b>" in out
