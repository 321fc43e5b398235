"""What a finding is known by again: it survives edits that do not touch it, and changes with what it is about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import kgate

POD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: app
          image: registry.example/app@sha256:0000000000000000000000000000000000000000000000000000000000000000
          securityContext:
            privileged: true
"""
AS_JSON = json.dumps(
    {
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "securityContext": {"privileged": True},
                            "image": "registry.example/app@sha256:" + 64 * "0",
                            "name": "app",
                        }
                    ]
                },
                "metadata": {"labels": {"app": "web"}},
            },
            "selector": {"matchLabels": {"app": "web"}},
        },
        "metadata": {"namespace": "shop", "name": "web"},
        "kind": "Deployment",
        "apiVersion": "apps/v1",
    }
)
SIDECAR = "        - name: side\n          securityContext: {privileged: true}\n"
FIRST = POD.index("        - name: app")


def results(folder: Path, text: str, file: str = "web.yaml") -> list[tuple[str, str, str]]:
    """Rule, structural fingerprint and GitHub's hash of the line of every finding, as the SARIF report has them."""
    folder.mkdir()
    (folder / file).write_text(text, encoding="utf-8")
    run = json.loads(kgate("scan", str(folder), "-f", "sarif", "--sarif-all", "--persona", "pedantic").out)["runs"][0]
    prints = ((result["ruleId"], result["partialFingerprints"]) for result in run["results"])
    return [(rule, known["kgate/v1"], known["primaryLocationLineHash"]) for rule, known in prints]


def of_rule(found: list[tuple[str, str, str]], rule: str = "privileged-container") -> list[tuple[str, str]]:
    return [(fingerprint, line_hash) for name, fingerprint, line_hash in found if name == rule]


@pytest.mark.parametrize(
    ("text", "file", "keeps_line_hash"),
    [
        pytest.param("# a\n# b\n---\n" + POD, "web.yaml", True, id="lines inserted above"),
        pytest.param(
            POD.replace("  template:\n", "  replicas: 2\n  template:\n"), "web.yaml", True, id="a field above"
        ),
        pytest.param(POD.replace("\n", "\r\n"), "web.yaml", True, id="other line ends"),
        pytest.param(POD.replace("  name: web\n", "  name:   'web'  # the shop\n"), "web.yaml", True, id="quoted"),
        pytest.param(AS_JSON, "web.json", False, id="reformatted as JSON, fields in another order"),
        pytest.param(POD, "shop/../renamed.yaml", True, id="renamed"),
        pytest.param(POD + SIDECAR.replace("true", "false"), "web.yaml", False, id="a second container after it"),
        pytest.param(POD[:FIRST] + SIDECAR.replace("true", "false") + POD[FIRST:], "web.yaml", True, id="before it"),
    ],
)
def test_it_survives(text: str, file: str, keeps_line_hash: bool, tmp_path: Path) -> None:
    (before,) = of_rule(results(tmp_path / "before", POD))
    (after,) = of_rule(results(tmp_path / "after", text, Path(file).name))
    assert after[0] == before[0]
    assert (after[1] == before[1]) is keeps_line_hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("name: app", "name: other", id="the container"),
        pytest.param("kind: Deployment", "kind: DaemonSet", id="the kind"),
        pytest.param("  name: web", "  name: shop", id="the name"),
        pytest.param("namespace: shop", "namespace: web", id="the namespace"),
    ],
)
def test_it_changes_with_what_it_is_about(old: str, new: str, tmp_path: Path) -> None:
    assert old in POD
    (before,) = of_rule(results(tmp_path / "before", POD))
    (after,) = of_rule(results(tmp_path / "after", POD.replace(old, new, 1)))
    assert after[0] != before[0]


def test_it_changes_with_the_rule(tmp_path: Path) -> None:
    found = results(tmp_path / "before", POD)
    assert len({fingerprint for _, fingerprint, _ in found}) == len(found) > 5


def test_two_containers_have_two(tmp_path: Path) -> None:
    first, second = of_rule(results(tmp_path / "both", POD + SIDECAR))
    assert first[0] != second[0]
    (alone,) = of_rule(results(tmp_path / "alone", POD))
    assert first[0] == alone[0]
