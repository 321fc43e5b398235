"""Nothing outside of the repository is read for it, and no credential is shown: the real command on hostile trees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.command import ROOT, Result, kgate
from tests.real_tools import helm_tool, kustomize_tool

pytestmark = pytest.mark.slow

GOOD = (ROOT / "examples/shop/catalogue.yaml").read_text(encoding="utf-8")
SECRET = "SESAME"
OUTSIDE = f"""\
SESAMEKEY: 1
resources: ["https://bot:{SECRET}1@git.example.org/a/b?ref=main&access_token={SECRET}2"]
helmCharts: [{{name: {SECRET}3, version: 1.0.0}}]
dependencies: [{{name: a, version: 1.0.0, repository: "https://bot:{SECRET}4@charts.example.org"}}]
min-scor{SECRET}: 1
"""
PLUGIN = f"""\
apiVersion: builtin
kind: ConfigMapGenerator
metadata: {{name: a}}
files: ["https://bot:{SECRET}5@git.example.org/file?token={SECRET}6"]
"""
GENERATOR = {
    "kustomization.yaml": "resources: [generator.yaml]\n",
    "generator.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nname: a\nliterals: [a=b]\n",
}
POD = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {SECRET}}}\nspec: {{containers: [{{name: a, image: b}}]}}\n"
CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n"


def application(helm: str) -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web, namespace: argocd}}
spec:
  destination: {{namespace: web}}
  source:
    repoURL: https://git.example.org/octo/shop
    path: charts/web
    helm: {helm}
"""


def application_set(files: str) -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: web, namespace: argocd}}
spec:
  goTemplate: true
  generators:
    - git:
        repoURL: https://git.example.org/octo/shop
        files: [{{path: {files}}}]
  template:
    metadata: {{name: '{{{{.name}}}}'}}
    spec:
      destination: {{namespace: web}}
      source: {{repoURL: https://git.example.org/octo/shop, path: charts/web}}
"""


RELEASE = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: shop, namespace: flux}
spec: {url: https://git.example.org/octo/shop}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: flux}
spec:
  chart:
    spec:
      chart: charts/web
      valuesFiles: [charts/web/values.yaml]
      sourceRef: {kind: GitRepository, name: shop}
"""
WEB = {"charts/web/Chart.yaml": CHART, "charts/web/templates/a.yaml": TEMPLATE}
DECLARED = "repositories: [https://git.example.org/octo/shop]\n"

READS: dict[str, Mapping[str, str]] = {
    "a kustomization": {"k/kustomization.yaml": "-> ../../outside/secret.yaml"},
    "a folder with one": {"k": "-> ../outside/folder"},
    "a kustomization of another name": {"k/Kustomization": "-> ../../outside/secret.yaml"},
    "a base": {"k/kustomization.yaml": "resources: [base]", "k/base": "-> ../../outside/folder"},
    "a base above": {"k/kustomization.yaml": "resources: [../../outside/folder]"},
    "a base through a link to a file": {
        "k/kustomization.yaml": "resources: [base]",
        "k/base/kustomization.yaml": "-> ../../../outside/secret.yaml",
    },
    "a generator": {"k/kustomization.yaml": "generators: [gen.yaml]", "k/gen.yaml": "-> ../../outside/plugin.yaml"},
    "a generator above": {"k/kustomization.yaml": "generators: [../../outside/plugin.yaml]"},
    "a transformer": {"k/kustomization.yaml": "transformers: [t.yaml]", "k/t.yaml": "-> ../../outside/plugin.yaml"},
    "a patch": {
        "k/kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]",
        "k/a.yaml": GOOD,
        "k/p.yaml": "-> ../../outside/secret.yaml",
    },
    "the configuration": {"kgate.yaml": "-> ../outside/secret.yaml"},
    "the configuration below": {"k/kgate.yml": "-> ../../outside/secret.yaml", "k/a.yaml": GOOD},
    "a folder of rules": {"kgate.yaml": "rules: [own]", "own": "-> ../outside/rules"},
    "a folder of rules above": {"kgate.yaml": "rules: [../outside/rules]"},
    "a rule": {"kgate.yaml": "rules: [own]", "own/a.yaml": "-> ../../outside/secret.yaml"},
    "a chart of the configuration": {
        "kgate.yaml": "charts: [{path: ../outside/chart}]",
        "charts/web/x": "",
    },
    "values of the configuration": {
        **WEB,
        "kgate.yaml": "charts: [{path: charts/web, releases: [{values: [v.yaml]}]}]",
        "v.yaml": "-> ../outside/secret.yaml",
    },
    "values of the configuration above": {
        **WEB,
        "kgate.yaml": "charts: [{path: charts/web, releases: [{values: [../outside/secret.yaml]}]}]",
    },
    "a Chart.yaml": {**WEB, "charts/web/Chart.yaml": "-> ../../../outside/secret.yaml"},
    "a chart's values": {**WEB, "charts/web/values.yaml": "-> ../../../outside/secret.yaml"},
    "a chart's ci values": {**WEB, "charts/web/ci/a-values.yaml": "-> ../../../../outside/secret.yaml"},
    "a chart's lock": {**WEB, "charts/web/Chart.lock": "-> ../../../outside/secret.yaml"},
    "a chart's template": {**WEB, "charts/web/templates/b.yaml": "-> ../../../../outside/secret.yaml"},
    "a dependency": {
        "charts/web/Chart.yaml": CHART + "dependencies: [{name: chart, version: 1.0.0, repository: file://../c}]\n",
        "charts/c": "-> ../../outside/chart",
    },
    "Argo CD's values": {
        **WEB,
        "kgate.yaml": DECLARED,
        "app.yaml": application("{valueFiles: [v.yaml]}"),
        "charts/web/v.yaml": "-> ../../../outside/secret.yaml",
    },
    "Argo CD's file parameter": {
        **WEB,
        "kgate.yaml": DECLARED,
        "app.yaml": application("{fileParameters: [{name: a, path: v.yaml}]}"),
        "charts/web/v.yaml": "-> ../../../outside/secret.yaml",
    },
    "a git generator": {
        **WEB,
        "kgate.yaml": DECLARED,
        "app.yaml": application_set("clusters/*.yaml"),
        "clusters/a.yaml": "-> ../../outside/secret.yaml",
    },
    "Flux's values": {
        **WEB,
        "kgate.yaml": DECLARED,
        "app.yaml": RELEASE,
        "charts/web/values.yaml": "-> ../../../outside/secret.yaml",
    },
    "a manifest": {"a.yaml": "-> ../outside/secret.yaml"},
    "what git keeps, a manifest": {"a.yaml": "-> .git/secret.yaml"},
    "what git keeps, a kustomization": {"k/kustomization.yaml": "-> ../.git/secret.yaml"},
    "what git keeps, the configuration": {"kgate.yaml": "-> .git/secret.yaml"},
    "what git keeps, a rule": {"kgate.yaml": "rules: [own]", "own/a.yaml": "-> ../.git/secret.yaml"},
    "what git keeps, by its name": {"k/kustomization.yaml": "generators: [../.git/plugin.yaml]"},
    "what git keeps, rules by its name": {"kgate.yaml": "rules: [.git]"},
    "what git keeps, values": {
        **WEB,
        "kgate.yaml": "charts: [{path: charts/web, releases: [{values: [.git/secret.yaml]}]}]",
    },
}


def tree(folder: Path, files: Mapping[str, str]) -> Path:
    """The repository ``shop`` with these files and links, beside a folder ``outside``; both hold secrets."""
    outside = {f"outside/{name}": OUTSIDE for name in ("secret.yaml", "folder/kustomization.yaml", "rules/a.yaml")}
    outside |= {"outside/plugin.yaml": PLUGIN, "shop/.git/plugin.yaml": PLUGIN, "shop/.git/secret.yaml": OUTSIDE}
    outside |= {"outside/base/kustomization.yaml": "resources: [pod.yaml]\n", "outside/base/pod.yaml": POD}
    outside |= {f"outside/generator/{name}": text for name, text in GENERATOR.items()}
    outside |= {"outside/chart/Chart.yaml": CHART.replace("web", "chart") + OUTSIDE, "shop/.git/HEAD": ""}
    for name, text in {**outside, **{f"shop/{name}": text for name, text in files.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            (folder / name).symlink_to(text.removeprefix("-> "))
        else:
            (folder / name).write_text(text, encoding="utf-8")
    return folder / "shop"


def scanned(shop: Path, *arguments: str, lacks: str = "nothing") -> Result:
    """A scan with real programs that prints the JSON report and writes others; its private copies lie in ``private``
    beside the repository."""
    tools = ("--helm-bin", str(helm_tool("3.17").path), "--kubectl-bin", str(kustomize_tool().path))
    outputs = ("-o", "text=../report.txt", "-o", "sarif=../report.sarif", "-o", "html=../report.html")
    (shop.parent / "private").mkdir(exist_ok=True)
    env = {"TMPDIR": str(shop.parent / "private")}
    return kgate("scan", *(arguments or (".",)), "-f", "json", *outputs, *tools, cwd=shop, env=env, lacks=lacks)


def shown(shop: Path, result: Result) -> str:
    reports = [path.read_text(encoding="utf-8") for path in shop.parent.glob("report.*")]
    return "\n".join((result.out, result.err, *reports))


@pytest.mark.parametrize("files", READS.values(), ids=READS.keys())
def test_nothing_outside_is_read(tmp_path: Path, files: Mapping[str, str]) -> None:
    shop = tree(tmp_path, files)
    result = scanned(shop)
    assert result.code in (2, 3), result
    assert SECRET not in shown(shop, result)
    words = [f"lies outside{of} the repository" for of in ("", " of")] + ["no values file", "not in this repository"]
    words += ["leads out of the repository", "leads nowhere or out of the repository"]
    assert any(word in shown(shop, result) for word in words), result


FROM_THE_COPY = "../../../../../outside/base"
"""From the private copy of one folder it leads outside, from a folder of the repository to nothing."""
ESCAPES: dict[str, Mapping[str, str]] = {
    "a line break": {"k/kustomization.yaml": f'resources: ["x\\ny/{"../" * 20}OUTSIDE/base"]'},
    "a line break where text may stand": {
        "k/a.yaml": GOOD,
        "k/kustomization.yaml": f'resources: [a.yaml]\ngenerators: ["x: y\\nz: /{"../" * 20}OUTSIDE/generator"]',
    },
    "from the copy": {"k/kustomization.yaml": f"resources: [{FROM_THE_COPY}]"},
    "from the copy of a deep folder": {"a/b/c/d/e/kustomization.yaml": f"resources: [{FROM_THE_COPY}]"},
}


@pytest.mark.parametrize("files", ESCAPES.values(), ids=ESCAPES.keys())
def test_a_build_does_not_leave_its_copy(tmp_path: Path, files: Mapping[str, str]) -> None:
    """Neither with the kernel's help nor without."""
    outside = str(tmp_path / "outside").removeprefix("/")
    shop = tree(tmp_path, {name: text.replace("OUTSIDE", outside) for name, text in files.items()})
    for lacks in ("namespaces and Landlock", "nothing"):
        result = scanned(shop, lacks=lacks)
        assert result.code == 3, result
        assert SECRET not in shown(shop, result)


LEAVING = {
    "resources": "resources: [PLACE/secret.yaml]",
    "a base": "resources: [PLACE/folder]",
    "components": "components: [PLACE/folder]",
    "a patch": "patches: [{path: PLACE/secret.yaml}]",
    "a patch of old": "patchesStrategicMerge: [PLACE/secret.yaml]",
    "a file of a generator": "configMapGenerator: [{name: a, files: [a=PLACE/secret.yaml]}]",
    "an environment": "secretGenerator: [{name: a, envs: [PLACE/secret.yaml]}]",
    "a schema": "openapi: {path: PLACE/secret.yaml}",
    "definitions": "crds: [PLACE/secret.yaml]",
    "a generator": "generators: [PLACE/plugin.yaml]",
    "a generator in one line": "generators: ['{kind: ConfigMapGenerator, files: [PLACE/secret.yaml]}']",
    "a home of charts": "helmCharts: [{name: chart}]\nhelmGlobals: {chartHome: PLACE}",
    "a home of charts of a generator": "generators: ['{kind: HelmChartInflationGenerator, chartHome: PLACE/chart}']",
    "the name of a chart": "helmCharts: [{name: ../PLACE/chart}]",
    "values of a chart": "helmCharts: [{name: web, valuesFile: PLACE/secret.yaml}]",
}


def problems_of_leaving(folder: Path, place: str, outside: str) -> dict[str, list[str]]:
    """The problems of each row of LEAVING, all in one scan."""
    files = {
        f"{name}/kustomization.yaml": text.replace("PLACE", place).replace("OUTSIDE", outside)
        for name, text in LEAVING.items()
    }
    files |= {f"{name}/charts/web/Chart.yaml": CHART for name in LEAVING}
    if place == "link":
        files |= {f"{name}/link": f"-> ../../{outside}" for name in LEAVING}
    result = scanned(tree(folder, files))
    assert result.code == 3
    found: dict[str, list[str]] = {}
    for problem in json.loads(result.out)["problems"]:
        found.setdefault(problem["path"], []).append(problem["message"])
    return {name: found.get(f"{name}/kustomization.yaml", []) for name in LEAVING}


@pytest.mark.parametrize("place", ["../../OUTSIDE", "link"])
def test_no_message_tells_what_exists_outside(tmp_path: Path, place: str) -> None:
    there = problems_of_leaving(tmp_path / "there", place, "outside")
    gone = problems_of_leaving(tmp_path / "gone", place, "nothing")
    for name, messages in there.items():
        assert any("leads out of the repository" in message for message in messages), name
        assert [message.replace("outside", "nothing") for message in messages] == gone[name]


NAMED = {
    "--config": {"link.yaml": "-> ../outside/secret.yaml"},
    "--rules": {"link.yaml": "-> ../outside/rules"},
}


@pytest.mark.parametrize("flag", NAMED)
def test_a_flag_does_not_follow_a_link_of_the_repository(tmp_path: Path, flag: str) -> None:
    shop = tree(tmp_path, {**NAMED[flag], "a.yaml": GOOD})
    result = scanned(shop, ".", flag, "link.yaml")
    assert (result.code, SECRET in shown(shop, result)) == (2, False), result
    assert "link.yaml: leads out of the repository" in result.err


@pytest.mark.parametrize("path", ["k8s", "k8s/pod.yaml", "link/k8s", "../repository/k8s"])
def test_a_scanned_path_does_not_follow_a_link_of_the_repository(tmp_path: Path, path: str) -> None:
    """A pull request may turn the folder that a job scans into a link."""
    repository, outside = tmp_path / "repository", tmp_path / "outside"
    (repository / ".git").mkdir(parents=True)
    outside.mkdir()
    (outside / "pod.yaml").write_text(GOOD.replace("catalogue", SECRET))
    (repository / "k8s").symlink_to("../outside")
    (repository / "link").symlink_to(".")
    result = kgate("scan", path, cwd=repository)
    assert (result.code, result.out) == (2, "")
    assert "leads out of the repository, and is not followed" in result.err
    assert SECRET not in result.err


def test_a_rule_of_a_named_folder_that_leads_out_of_it_is_refused(tmp_path: Path) -> None:
    shop = tree(tmp_path, {"own/a.yaml": "-> ../../outside/secret.yaml", "a.yaml": GOOD})
    for folder in ("own", str(shop / "own")):
        result = scanned(shop, ".", "--rules", folder)
        assert (result.code, SECRET in shown(shop, result)) == (2, False), result
        assert f"{folder}/a.yaml: cannot be read: leads out of the repository" in result.err


def test_what_the_user_names_outside_is_trusted(tmp_path: Path) -> None:
    shop = tree(tmp_path, {"a.yaml": GOOD})
    own = tmp_path / "own"
    rule = next(path for path in (ROOT / "rules").glob("*.yaml")).read_text(encoding="utf-8")
    name = "a-rule-of-the-user"
    text = "".join(f"id: {name}\n" if line.startswith("id:") else line for line in rule.splitlines(keepends=True))
    for path, content in {"policies/..data/x.yaml": text, "kgate.yaml": "rules: [policies]\nmin-score: 0\n"}.items():
        (own / path).parent.mkdir(parents=True, exist_ok=True)
        (own / path).write_text(content, encoding="utf-8")
    (own / f"policies/{name}.yaml").symlink_to("..data/x.yaml")
    (tmp_path / "alias").symlink_to(own)
    assert scanned(shop, ".", "--config", "../own/kgate.yaml").code == 0
    assert scanned(shop, ".", "--config", str(tmp_path / "alias/kgate.yaml")).code == 0
    assert scanned(shop, ".", "--rules", "../alias/policies").code == 0


def test_links_within_the_repository_are_followed(tmp_path: Path) -> None:
    files = {
        "k/kustomization.yaml": "-> ../shared/k.yaml",
        "k/a.yaml": GOOD,
        "shared/k.yaml": "resources: [a.yaml]\n",
        "kgate.yaml": "-> shared/kgate.yaml",
        "shared/kgate.yaml": "min-score: 0\n",
    }
    result = scanned(tree(tmp_path, files), "k")
    assert (result.code, '"threshold": 0' in result.out) == (0, True), result


URLS = {
    "a remote base": {"k/kustomization.yaml": f"resources: ['https://bot:{SECRET}@git.example.org/a?ref=x']"},
    "a remote base with a parameter": {
        "k/kustomization.yaml": f"resources: ['https://git.example.org/a?private_token={SECRET}&ref=x']"
    },
    "a remote base by SSH": {"k/kustomization.yaml": f"resources: ['ssh://bot:{SECRET}@git.example.org/a']"},
    "a remote patch": {
        "k/kustomization.yaml": f"resources: [a.yaml]\npatches: [{{path: 'https://x:{SECRET}@a.example.org/p.yaml'}}]",
        "k/a.yaml": GOOD,
    },
    "a remote component of Argo CD": {
        "kgate.yaml": DECLARED,
        "app.yaml": application("{}")
        .replace("charts/web", "k")
        .replace("helm: {}", f"kustomize: {{components: ['https://x:{SECRET}@git.example.org/a']}}"),
        "k/kustomization.yaml": "resources: [a.yaml]",
        "k/a.yaml": GOOD,
    },
    "remote values of Argo CD": {
        **WEB,
        "kgate.yaml": DECLARED,
        "app.yaml": application(f"{{valueFiles: ['https://x:{SECRET}@a.example.org/v.yaml?sig={SECRET}']}}"),
    },
    "an unknown repository of Argo CD": {
        "app.yaml": application("{}")
        .replace("https://git", f"https://x:{SECRET}@git")
        .replace("charts/web", "nowhere"),
    },
    "a chart's dependency": {
        **WEB,
        "charts/web/Chart.yaml": CHART
        + f"dependencies: [{{name: a, version: 1.0.0, repository: 'https://x:{SECRET}@charts.example.org?t={SECRET}'}}]\n",
    },
    "a remote base with a nameless parameter": {
        "k/kustomization.yaml": f"resources: ['https://git.example.org/a?{SECRET}', 'https://git.example.org/b#{SECRET}']"
    },
    "a remote base as scp has it": {
        "k/kustomization.yaml": f"resources: ['bot:{SECRET}@git.example.org:a/b', '{SECRET}@git.example.org:a/b']"
    },
    "a remote base with a slash in the password": {
        "k/kustomization.yaml": f"resources: ['https://bot:a/{SECRET}@git.example.org/a?ref=x']"
    },
    "a chart of a kustomization": {
        "k/kustomization.yaml": "helmCharts: [{name: a, version: 1.0.0, "
        f"repo: 'https://x:{SECRET}@charts.example.org/charts?{SECRET}'}}]"
    },
    "a path of Argo CD": {
        "app.yaml": application("{}").replace("charts/web", f"https:x:{SECRET}@git.example.org/nowhere")
    },
    "a chart of Argo CD": {
        "app.yaml": application("{}").replace("path: charts/web", f"chart: 'oci://x:{SECRET}@git.example.org/a'")
    },
    "a chart of Flux": {
        "app.yaml": RELEASE.replace("charts/web", f"https://x:{SECRET}@git.example.org/nowhere"),
    },
    "values of Argo CD that are not there": {
        **WEB,
        "kgate.yaml": DECLARED,
        "app.yaml": application(f"{{valueFiles: ['x:{SECRET}@git.example.org/nowhere.yaml']}}"),
    },
    "an unknown source of Flux": {
        "app.yaml": RELEASE.replace("https://git", f"https://x:{SECRET}@git").replace("charts/web", "nowhere"),
    },
}


@pytest.mark.parametrize("text", ["rules: [{}]", "select: [{}]", "charts: [{{path: {}}}]"])
def test_an_error_in_the_configuration_shows_no_credentials(tmp_path: Path, text: str) -> None:
    url = f"'https://x:{SECRET}@git.example.org/a'"
    shop = tree(tmp_path, {"a.yaml": GOOD, "kgate.yaml": text.format(url) + "\n"})
    result = scanned(shop)
    assert (result.code, "git.example.org" in result.err, SECRET in shown(shop, result)) == (2, True, False), result


@pytest.mark.parametrize("flags", [(), ("--allow-remote", "--helm-dependency-build")], ids=["offline", "remote"])
@pytest.mark.parametrize("files", URLS.values(), ids=URLS.keys())
def test_no_message_shows_credentials(tmp_path: Path, files: Mapping[str, str], flags: tuple[str, ...]) -> None:
    shop = tree(tmp_path, {**files, "good.yaml": GOOD})
    result = scanned(shop, ".", *flags, "--render-timeout=20")
    assert result.code in (0, 1, 3), result
    assert "example.org" in shown(shop, result) or flags or "nowhere" in shown(shop, result)
    assert SECRET not in result.out + result.err
