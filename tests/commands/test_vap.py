"""kgate export vap and kgate test vap: what they print and write, and how they end."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.command import ROOT, kgate
from tests.hostile import write

DOCUMENT = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- ([a-z]+.yaml) -->\n```yaml\n(.*?)```", DOCUMENT, re.DOTALL))
SESSIONS = re.findall(r"```console\n\$ kgate (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)
PRIVILEGED = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: app, image: a, securityContext: {privileged: true}}]}
"""
WAIVERS = """\
accept:
  - rule: privileged-container
    resource: {kind: Pod, name: web}
    reason: reads the log files of the node
  - rule: privileged-container
    path: k8s/**
    reason: all of them
"""


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    write(tmp_path, {".git/config": "", **FILES})
    return tmp_path


def test_what_people_write_into_waivers_stays_in_its_comment(tmp_path: Path) -> None:
    reason = r'"so it is\n---\nkind: Pod \e]0;x\a"'
    write(
        tmp_path, {".git/config": "", "kgate-waivers.yaml": WAIVERS.replace("reads the log files of the node", reason)}
    )
    done = kgate("export", "vap", "--select", "privileged-container", cwd=tmp_path)
    assert r"# Waived: so it is --- kind: Pod \x1b]0;x\x07 (kgate-waivers.yaml:2:5)" in done.out.splitlines()
    assert [one["kind"] for one in yaml.safe_load_all(done.out) if one] == [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]


@pytest.mark.parametrize("name", ["1e3", "0o7", "n"])
def test_names_are_texts_to_every_reader_of_yaml(tmp_path: Path, name: str) -> None:
    write(tmp_path, {".git/config": ""})
    done = kgate("export", "vap", "--select", "privileged-container", "--exempt-namespace", name, cwd=tmp_path)
    assert f"- '{name}'\n" in done.out, done


@pytest.mark.parametrize(("command", "expected"), SESSIONS)
def test_documented_sessions(documented: Path, command: str, expected: str) -> None:
    assert kgate(*command.split(), cwd=documented).out == expected


def test_the_document_has_sessions() -> None:
    assert len(SESSIONS) == 2
    assert set(FILES) == {"policy.yaml", "web.yaml"}


def test_export_writes_policies_and_says_what_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {".git/config": "", "kgate-waivers.yaml": WAIVERS})
    done = kgate("export", "vap", "--persona", "pedantic", cwd=tmp_path)
    objects = list(yaml.safe_load_all(done.out))
    kinds = [one["kind"] for one in objects if one]
    assert kinds[::2] == ["ValidatingAdmissionPolicy"] * (len(kinds) // 2)
    assert len(kinds) > 230
    assert done.code == 0
    left_out = [line.removeprefix("kgate: not exported: ") for line in done.err.splitlines()]
    assert "waiver of privileged-container at kgate-waivers.yaml:5" in "".join(left_out)
    assert [line for line in left_out if f"# Not exported: {line}\n" not in done.out] == []
    assert "# Waived: reads the log files of the node (kgate-waivers.yaml:2" in done.out
    assert kgate("export", "vap", "--persona", "pedantic", cwd=tmp_path).out == done.out


def test_export_to_a_folder_and_test_with_it(tmp_path: Path) -> None:
    write(tmp_path, {".git/config": "", "k8s/pod.yaml": PRIVILEGED})
    done = kgate("export", "vap", "--select", "privileged-container", "-o", "out", cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    listed = yaml.safe_load((tmp_path / "out/kustomization.yaml").read_text(encoding="utf-8"))
    assert listed["resources"] == ["privileged-container.yaml"]
    found = kgate("test", "vap", "out", "-m", "k8s", "-f", "json", cwd=tmp_path)
    (tested,) = json.loads(found.out)["objects"]
    assert (found.code, tested["path"], tested["outcome"]) == (1, "k8s/pod.yaml", "denied")
    assert tested["decisions"][0]["messages"][0].endswith("Containers: app")
    assert kgate("test", "vap", "out", "-m", "k8s", "--expect", "denied", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("export", "vap", "--kubernetes-version", "1.29"), 2, "write --kubernetes-version 1.30", id="old"),
        pytest.param(("export", "vap", "--deny", "hihg"), 2, "high", id="a misspelt severity"),
        pytest.param(("export", "vap", "--select", "hostnetwork"), 2, "host-network", id="a misspelt rule"),
        pytest.param(("export", "vap", "-o", "web.yaml"), 2, "web.yaml", id="a file as folder"),
        pytest.param(("test", "vap", "web.yaml"), 2, "no ValidatingAdmissionPolicy", id="no policy"),
        pytest.param(("test", "vap", "policy.yaml"), 2, "no object to test", id="no object"),
        pytest.param(("test", "vap", "missing.yaml", "-m", "web.yaml"), 3, "missing.yaml", id="no such file"),
        pytest.param(
            ("test", "vap", "missing.yaml", "-m", "missing.yaml"), 3, "0 objects, 0 policies\n", id="no result"
        ),
        pytest.param(("test", "vap", "-", "-m", "web.yaml"), 2, "standard input", id="standard input"),
        pytest.param(("test", "vap", "broken.yaml", "policy.yaml", "-m", "web.yaml"), 3, "broken.yaml:3", id="broken"),
        pytest.param(("test", "vap", "open.yaml", "-m", "web.yaml"), 3, "1 open", id="an open decision"),
    ],
)
def test_ends(documented: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    unknown = FILES["policy.yaml"].replace(
        "object.spec.replicas <= variables.most", "authorizer.path('/').check('get').allowed()"
    )
    write(documented, {"broken.yaml": "apiVersion: v1\nkind: Pod\na: b: c\n", "open.yaml": unknown})
    done = kgate(*arguments, cwd=documented)
    assert message in done.out + done.err
    assert done.code == code
    assert "Traceback" not in done.err


def test_objects_that_are_there_are_changed(documented: Path) -> None:
    change = FILES["policy.yaml"].replace(
        "object.spec.replicas <= variables.most", "request.operation == 'UPDATE' && request.userInfo.username == 'ann'"
    )
    write(documented, {"change.yaml": change})
    asked = ("test", "vap", "change.yaml", "-m", "web.yaml")
    assert kgate(*asked, cwd=documented).code == 1
    assert kgate(*asked, "--old", "web.yaml", cwd=documented).code == 3
    assert kgate(*asked, "--old", "web.yaml", "--as", "ann", cwd=documented).code == 0
    assert kgate(*asked, "--as-group", "ops", cwd=documented).code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
def test_an_expression_that_takes_all_memory_is_stopped(documented: Path) -> None:
    bomb = FILES["policy.yaml"].replace(
        "object.spec.replicas <= variables.most", "object.spec.text.replace('', object.spec.text).size() > 1"
    )
    manifest = FILES["web.yaml"].replace("{replicas: 5}", f"{{replicas: 5, text: {'x' * 60_000}}}")
    write(documented, {"bomb.yaml": bomb, "large.yaml": manifest})
    done = kgate("test", "vap", "bomb.yaml", "-m", "large.yaml", cwd=documented)
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        "kgate: evaluating the policies took more than 1,024 MiB of memory, or the system ended it; "
        "test fewer at once, or simpler ones\n"
    )


def test_hostile_names_and_messages_are_inert(documented: Path) -> None:
    hostile = FILES["policy.yaml"].replace("'at most %d replicas'", r"'::error::\u001b[31m %d'")
    write(documented, {"policy.yaml": hostile})
    printed = kgate("test", "vap", "policy.yaml", "-m", "web.yaml", cwd=documented).out
    assert "\x1b" not in printed
