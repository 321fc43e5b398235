"""reports/surroundings: what a Secret holds, or a key of etcd, is in no report, wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.reports import names
from tests.command import kgate
from tests.hostile import write

HUSH = "aHVzaC1odXNo"
KEYS = (
    "{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{resources: [secrets], "
    f"providers: [{{aescbc: {{keys: [{{name: a, secret: {HUSH * 2}}}]}}}}]}}]}}"
)
KEY_LINES = (
    "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n"
    f"  providers:\n  - secretbox:\n      keys:\n      - name: a\n        secret: {HUSH * 2}\n"
)
SECRET = f'{{"apiVersion": "v1", "kind": "Secret", "metadata": {{"name": "s"}}, "data": {{"a": "{HUSH}"}}}}'
POD = (
    '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"hostPID": true, "containers": '
    '[{"name": "c", "image": "x", "securityContext": {"privileged": true}}]}}'
)
SECRET_LINES = f"data: {{a: {HUSH}}}\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n  a: {HUSH}\n"
TALOS_LINES = (
    "cluster:\n  apiServer:\n    extraArgs: {authorization-mode: AlwaysAllow, anonymous-auth: true}\n"
    f"  token: {HUSH}\n  secretboxEncryptionSecret: {HUSH * 2}\nmachine:\n  token: {HUSH}\n"
)
POD_LINES = (
    "spec:\n  hostPID: true\n  containers: [{name: c, image: x}]\n"
    "  initContainers: [{name: d, image: x, securityContext: {privileged: true}}]\n"
)
POD_FIRST = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\n{POD_LINES}"
POD_LAST = f"{POD_LINES}apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\n"


def items(*objects: str, kind: str = "List", field: str = "items") -> str:
    members = ("  - " + text.replace("\n", "\n    ").rstrip() + "\n" for text in objects)
    return f"apiVersion: v1\nkind: {kind}\n{field}:\n{''.join(members)}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(items(SECRET_LINES, POD_LAST), id="before it in a list"),
        pytest.param(items(POD_FIRST, SECRET_LINES), id="after it in a list"),
        pytest.param(items(POD_FIRST, SECRET_LINES, kind="Template", field="objects"), id="in a Template"),
        pytest.param(items(POD_FIRST, SECRET_LINES.replace("kind: Secret", "'kind' : 'Secret'")), id="in quotes"),
        pytest.param(items(POD_FIRST, items(SECRET_LINES)), id="in a list of the list"),
        pytest.param(items(SECRET, POD), id="each in a line"),
        pytest.param(f"apiVersion: v1\nkind: List\nitems: [{SECRET}, {POD}]\n", id="before it in its line"),
        pytest.param(f"apiVersion: v1\nkind: List\nitems: [{POD}, {SECRET}]\n", id="after it in its line"),
        pytest.param(f'{{"apiVersion": "v1", "kind": "List", "items": [{SECRET}, {POD}]}}\n', id="all in one line"),
        pytest.param(
            f'{{"apiVersion": "v1", "kind": "List", "items": [{SECRET},\n{POD}]}}\n'.replace(', "data"', ',\n "data"'),
            id="over lines of which one is shared",
        ),
        pytest.param(f"{SECRET_LINES}---\n{POD_LAST}---\n{SECRET_LINES}", id="in neighbouring documents"),
        pytest.param(f"{KEY_LINES}---\n{POD_LAST}", id="keys of the encryption at rest"),
        pytest.param(f"apiVersion: v1\nkind: List\nitems: [{KEYS}, {POD}]\n", id="such keys in its line"),
        pytest.param(items(POD_FIRST, KEY_LINES), id="such keys after it in a list"),
        pytest.param(f"{TALOS_LINES}---\n{POD_LAST}", id="a token of Talos"),
        pytest.param(
            f"token: {HUSH}\nkubelet-arg: [authorization-mode=AlwaysAllow]\n---\n{POD_LAST}", id="a token of k3s"
        ),
        pytest.param(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: files}\ndata:\n  encryption.yaml: |\n"
            + "".join(f"    {line}\n" for line in KEY_LINES.splitlines())
            + f"---\n{POD_LAST}",
            id="such keys in a ConfigMap",
        ),
    ],
)
def test_no_report_shows_a_secret(tmp_path: Path, text: str) -> None:
    write(tmp_path, {".git/config": "", "a.yaml": text})
    outputs = [argument for name in names() for argument in ("-o", f"{name}=out.{name}")]
    result = kgate("scan", "a.yaml", "--sarif-all", "-v", *outputs, cwd=tmp_path)
    assert result.code == 1, result
    reports = {name: (tmp_path / f"out.{name}").read_text(encoding="utf-8") for name in names()}
    assert "host-pid" in reports["sarif"]
    assert [name for name, report in reports.items() if HUSH in report] == []
