"""commands/fix.py: what the real command prints, writes, and leaves alone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kgate.commands.fix import _write
from kgate.fix.manifests import FileFix
from kgate.fixing import ChangedFile
from tests.command import kgate
from tests.policy.clone import Clone
from tests.real_tools import tools_env

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  hostNetwork: true  # metrics
  containers:
  - name: app
    image: x
"""
SECURITY = """\
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        drop:
        - ALL
      seccompProfile:
        type: RuntimeDefault
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "kgate.yaml").write_text("", encoding="utf-8")
    (tmp_path / "web.yaml").write_text(POD, encoding="utf-8")
    return tmp_path


def test_it_says_what_it_fixed_and_what_it_left_alone(shop: Path) -> None:
    (shop / "web.yaml").chmod(0o640)
    result = kgate("fix", cwd=shop)
    assert result.out == (
        "web.yaml\n"
        "      7  Pod/web, container app: capabilities-not-dropped, privilege-escalation-allowed, seccomp-not-set\n"
        "left alone\n"
        "  somebody wrote hostNetwork: true (--unsafe fixes it)\n"
        "    web.yaml:5  host-network: Pod/web\n"
        "  the manifest does not say as which user the container runs; if that is root, it would not start "
        "(--unsafe fixes it)\n"
        "    web.yaml:9  run-as-root-allowed: Pod/web, container app\n"
        "3 fixed in 1 file, 2 left alone\n"
    )
    assert (result.code, result.err) == (0, "")
    assert (shop / "web.yaml").read_text(encoding="utf-8") == POD + SECURITY
    assert stat.S_IMODE((shop / "web.yaml").stat().st_mode) == 0o640
    assert sorted(os.listdir(shop)) == ["kgate.yaml", "web.yaml"]


def test_a_second_run_has_nothing_to_do(shop: Path) -> None:
    kgate("fix", "--unsafe", cwd=shop)
    before = (shop / "web.yaml").read_bytes()
    assert kgate("fix", "--unsafe", "--diff", cwd=shop) == kgate("fix", "--unsafe", "--diff", cwd=shop)
    result = kgate("fix", "--unsafe", cwd=shop)
    assert (result.code, result.out) == (0, "nothing to fix\n")
    assert (shop / "web.yaml").read_bytes() == before
    assert b"hostNetwork" not in before


def test_a_diff_writes_nothing_and_git_applies_it(shop: Path) -> None:
    os.mkdir(shop / "sub")
    (shop / "sub/bare.yaml").write_text(POD.rstrip("\n"), encoding="utf-8")
    (shop / "sub/dos.yaml").write_bytes(POD.replace("\n", "\r\n").encode())
    result = kgate("fix", "--diff", cwd=shop)
    assert result.code == 1
    assert (shop / "web.yaml").read_text(encoding="utf-8") == POD
    assert result.out.startswith("--- a/sub/bare.yaml\n+++ b/sub/bare.yaml\n@@ -5,4 +5,11 @@\n")
    subprocess.run(["git", "apply", "-"], cwd=shop, input=result.out.encode(), check=True)
    applied = {path: path.read_bytes() for path in shop.rglob("*.yaml")}
    assert applied[shop / "web.yaml"] == (POD + SECURITY).encode()
    assert applied[shop / "sub/dos.yaml"] == (POD + SECURITY).replace("\n", "\r\n").encode()
    result = kgate("fix", "--diff", cwd=shop)
    assert (result.code, result.out) == (0, "")
    assert {path: path.read_bytes() for path in shop.rglob("*.yaml")} == applied


@pytest.mark.parametrize(
    ("arguments", "rules"),
    [
        pytest.param(("--select", "host-network", "--unsafe"), {"host-network"}, id="selected"),
        pytest.param(("--ignore", "seccomp-not-set,host-network"), {"capab", "privilege-esc"}, id="ignored"),
        pytest.param(("--kubernetes-version", "1.18"), {"privilege-esc"}, id="an old Kubernetes"),
    ],
)
def test_only_what_is_asked_for_is_fixed(shop: Path, arguments: tuple[str, ...], rules: set[str]) -> None:
    line = kgate("fix", *arguments, cwd=shop).out.splitlines()[1]
    assert all(rule in line for rule in rules)
    assert line.count(",") <= len(rules)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_the_encoding_stays(shop: Path, encoding: str) -> None:
    (shop / "web.yaml").write_bytes(POD.encode(encoding))
    assert kgate("fix", cwd=shop).code == 0
    assert (shop / "web.yaml").read_bytes() == (POD + SECURITY).encode(encoding)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("-",), "'-' is standard input, which cannot be edited; name a file or a folder", id="stdin"),
        pytest.param(("--select", "host-netwrk"), "did you mean 'host-network'", id="a misspelt rule"),
    ],
)
def test_a_wrong_use_is_said(shop: Path, arguments: tuple[str, ...], message: str) -> None:
    result = kgate("fix", *arguments, cwd=shop)
    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize("arguments", [(), ("--diff",)], ids=["fix", "a diff"])
def test_a_folder_without_manifests_is_no_success(shop: Path, arguments: tuple[str, ...]) -> None:
    (shop / "empty").mkdir()
    result = kgate("fix", "empty", *arguments, cwd=shop)
    message = "kgate: no Kubernetes object was found, so there is nothing to fix; name other paths\n"
    assert (result.code, result.out, result.err) == (3, "", message)
    (shop / "kgate.yaml").write_text("allow-empty: true\n", encoding="utf-8")
    assert kgate("fix", "empty", *arguments, cwd=shop).code == 0


def test_a_trusted_revision_decides_what_is_fixed(tmp_path: Path) -> None:
    """Neither an ignored rule nor an ignored file of the change keeps a finding from being fixed; in a base, too."""
    base = {"base/web.yaml": POD, "base/kustomization.yaml": "resources: [web.yaml]\n", "kgate.yaml": "min-score: 90\n"}
    clone = Clone.of(tmp_path / "shop", {**base, "plain.yaml": POD.replace("web", "plain")})
    hidden = {"kgate.yaml": "ignore: [seccomp-not-set]\n", ".kgateignore": "plain.yaml\n"}
    clone.changed(hidden)
    own = kgate("fix", "--diff", cwd=clone.folder, env=tools_env()).out
    trusted = kgate("fix", "--diff", "--policy-from", "main", cwd=clone.folder, env=tools_env())
    assert trusted.code == 1, trusted
    for path in ("base/web.yaml", "plain.yaml"):
        assert f"+++ b/{path}\n" in trusted.out
    assert (own.count("seccompProfile"), trusted.out.count("seccompProfile")) == (0, 2)
    assert "plain.yaml" not in own


def test_a_waiver_stays_beside_what_it_waives(shop: Path) -> None:
    text = POD.replace("  - name: app", "  # kgate: allow[seccomp-not-set] owner=me because it is old\n  - name: app")
    (shop / "web.yaml").write_text(text, encoding="utf-8")
    result = kgate("fix", "--unsafe", "--ignore", "host-network", cwd=shop)
    assert "a waiver in the file would no longer be about what it waives\n" in result.out
    assert (shop / "web.yaml").read_text(encoding="utf-8") == text


def test_lines_that_are_added_part_no_waiver_below(shop: Path) -> None:
    waived = "  - name: two\n    securityContext:  # kgate: allow[seccomp-not-set] owner=me because it is old\n"
    waived += "      allowPrivilegeEscalation: false\n"
    (shop / "web.yaml").write_text(POD + waived, encoding="utf-8")
    result = kgate("fix", "--ignore", "host-network,run-as-root-allowed", cwd=shop)
    assert result.out.endswith("4 fixed in 1 file\n")
    after = (shop / "web.yaml").read_text(encoding="utf-8")
    assert after == POD + SECURITY + waived + "      capabilities:\n        drop:\n        - ALL\n"


def test_a_link_out_of_the_repository_is_not_followed(shop: Path) -> None:
    outside = shop / "outside.yaml"
    inside = shop / "inside"
    inside.mkdir()
    (inside / "kgate.yaml").write_text("", encoding="utf-8")
    (inside / "link.yaml").symlink_to(outside)
    outside.write_text(POD, encoding="utf-8")
    result = kgate("fix", "--unsafe", cwd=inside)
    assert result.out == "nothing to fix\nnot everything could be read, for 1 problem that kgate scan shows\n"
    assert outside.read_text(encoding="utf-8") == POD


def test_a_link_inside_of_the_repository_stays_one(shop: Path) -> None:
    (shop / "link.yaml").symlink_to("web.yaml")
    assert kgate("fix", "link.yaml", cwd=shop).code == 0
    assert (shop / "link.yaml").is_symlink()
    assert (shop / "web.yaml").read_text(encoding="utf-8") == POD + SECURITY


def test_a_file_that_changed_meanwhile_is_left_as_it_is(shop: Path) -> None:
    file = ChangedFile(shop / "web.yaml", b"kind: Pod\n", FileFix("web.yaml", "kind: Pod\n", "kind: Job\n"))
    assert _write(file) == "web.yaml: has changed meanwhile, so it is left as it is; run kgate fix again"
    assert (shop / "web.yaml").read_text(encoding="utf-8") == POD


def applied(text: str, results: Iterable[Any]) -> str:
    """A text with every replacement of the fixes in a SARIF log, made once: a program that knows nothing of kgate."""
    starts = [0, *(index + 1 for index, letter in enumerate(text) if letter == "\n")]
    found = set()
    for result in results:
        for change in result.get("fixes", [{"artifactChanges": []}])[0]["artifactChanges"]:
            for one in change["replacements"]:
                region = one["deletedRegion"]
                begin = starts[region["startLine"] - 1] + region["startColumn"] - 1
                end = starts[region["endLine"] - 1] + region["endColumn"] - 1
                found.add((begin, end, one["insertedContent"]["text"]))
    for begin, end, new in sorted(found, reverse=True):
        text = text[:begin] + new + text[end:]
    return text


OTHERS = {
    "flow.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: flow}, spec: {containers: [{name: a, image: x}]}}",
    "pod.json": '{\n  "apiVersion": "v1", "kind": "Pod",\n  "metadata": {"name": "json"},\n'
    '  "spec": {\n    "containers": [\n'
    '      {\n        "name": "a",\n        "securityContext": {}\n      }\n    ]\n  }\n}\n',
    "two.yaml": POD
    + "---\n"
    + POD.replace("name: web", "name: second").replace("    image: x\n", "    securityContext:\n"),
    "root.yaml": POD + "    securityContext: {runAsUser: 1000}\n  - name: other\n",
}


def test_the_fixes_of_a_sarif_report_give_the_same_files(shop: Path) -> None:
    for name, text in OTHERS.items():
        (shop / name).write_text(text, encoding="utf-8")
    before = {path: path.read_text(encoding="utf-8") for path in shop.glob("*.*") if path.name != "kgate.yaml"}
    results = json.loads(kgate("scan", "-f", "sarif", cwd=shop).out)["runs"][0]["results"]
    of = {
        path: [
            one for one in results if one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == path.name
        ]
        for path in before
    }
    assert kgate("fix", cwd=shop).code == 0
    for path, text in before.items():
        assert path.read_text(encoding="utf-8") == applied(text, of[path]) != text


def test_the_long_report_shows_what_would_be_written(shop: Path) -> None:
    out = kgate("scan", "-v", cwd=shop).out
    added = [line.partition(" + ")[2] for line in out.splitlines() if " + " in line]
    assert [f"{line}\n" for line in added] == SECURITY.splitlines(keepends=True)


def test_what_a_manifest_says_commands_nobody(shop: Path) -> None:
    evil = POD.replace("# metrics", "# \x85").replace("  containers:", "  # x\n  ##[error]x\n  containers:")
    (shop / "web.yaml").write_text(evil.replace("  ##[error]x\n", "  #\t##[error]x\n"), encoding="utf-8")
    out = kgate("fix", "--diff", "--unsafe", cwd=shop).out
    assert out
    assert "\x85" not in out
    assert "##[" not in out
