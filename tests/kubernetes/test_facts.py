"""What a service account says of its token counts for the pods that surely run as this account."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kgate.config import Settings
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.scan import scan
from tests.hostile import write
from tests.real_tools import helm_tool

RULE = "service-account-token-mounted"


def account(says: str = "automountServiceAccountToken: false", name: str = "web", namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}{where}}}\n{says}\n"


TEXT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: |\n    ---\n"
ASKING = "serviceAccountName: web\n  automountServiceAccountToken: true"
SPELLED = r'"Servic\x65Account"'


def pod(rest: str = "serviceAccountName: web", namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web{where}}}\n"
        f"spec:\n  {rest}\n  containers: [{{name: app, image: x}}]\n"
    )


def is_found(root: Path, files: dict[str, str], paths: tuple[str, ...] = ()) -> bool:
    write(root, {".git/config": "", **files})
    rendering = RenderSettings(programs={"helm": str(helm_tool().path)})
    report = scan(Settings(Repository.at(root), paths or (str(root),), select=(RULE,), rendering=rendering))
    assert report.assessments
    return RULE in {finding.rule.id for finding in report.findings}


@pytest.mark.parametrize(
    ("accounts", "subject", "expected"),
    [
        pytest.param([account()], pod(), False, id="the account says false"),
        pytest.param([account()], pod("serviceAccount: web"), False, id="named in the old field"),
        pytest.param([account(name="default")], pod("restartPolicy: Never"), False, id="the default account"),
        pytest.param([account(namespace="shop")], pod(namespace="shop"), False, id="of the same namespace"),
        pytest.param([account(namespace="shop")], pod(), False, id="of a namespace where the pod's is unknown"),
        pytest.param([account(), account(namespace="shop")], pod(), False, id="two that agree"),
        pytest.param([account()], pod(ASKING), True, id="the pod says true"),
        pytest.param([account("")], pod(), True, id="the account says nothing"),
        pytest.param([account("automountServiceAccountToken: true")], pod(), True, id="the account says true"),
        pytest.param([account('automountServiceAccountToken: "false"')], pod(), True, id="a string"),
        pytest.param([account(name="other")], pod(), True, id="another account"),
        pytest.param([account(namespace="other")], pod(namespace="shop"), True, id="of another namespace"),
        pytest.param([account(), account("", namespace="shop")], pod(), True, id="two that do not agree"),
        pytest.param([account().replace("v1", "example.com/v1")], pod(), True, id="another kind of that name"),
        pytest.param([TEXT + textwrap.indent(account(), "    ")], pod(), True, id="a text in another object"),
        pytest.param([account(), account("").replace("ServiceAccount", SPELLED)], pod(), True, id="one spelled oddly"),
    ],
)  # fmt: skip
def test_plain_manifests(tmp_path: Path, accounts: list[str], subject: str, *, expected: bool) -> None:
    """In one file and in several, whichever comes first."""
    together = {"all.yaml": "---\n".join([subject, *accounts])}
    assert is_found(tmp_path / "together", together) is expected
    apart = {f"{number}.yaml": text for number, text in enumerate([subject, *accounts])}
    assert is_found(tmp_path / "apart", apart) is expected
    reversed_ = {f"{number}.yaml": text for number, text in enumerate([*accounts, subject])}
    assert is_found(tmp_path / "reversed", reversed_) is expected


def test_a_chart(tmp_path: Path) -> None:
    """Its account counts for its own pods, not for those of another chart."""
    chart = {"a/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "a/templates/pod.yaml": pod()}
    assert not is_found(tmp_path / "one", {**chart, "a/templates/account.yaml": account()})
    other = {"b/Chart.yaml": "apiVersion: v2\nname: b\nversion: 1.0.0\n", "b/templates/account.yaml": account()}
    assert is_found(tmp_path / "two", chart | other)


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as a file."""
    text = tmp_path / "all.yaml"
    write(tmp_path, {"all.yaml": f"{pod()}---\n{account()}"})
    with text.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert not is_found(tmp_path / "repository", {}, ("-",))
