"""Argo CD Applications: what they ask to render, and what they leave to tell."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kgate.environment import Environment
from kgate.model import Json
from kgate.rendering.helm.release import InlineValues, ValuesFile
from kgate.rendering.helm.requests import ChartRequest
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.requests import Place
from tests.gitops.objects import URL, Shop, build, make_shop, release, told


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def application(source: str, more: str = "") -> str:
    """An Application with the fields of its source; the source begins in line 8."""
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\nspec:\n"
        f"  destination: {{namespace: shop}}\n  project: default\n  source:\n    repoURL: {URL}\n"
        + textwrap.indent(textwrap.dedent(source), "    ")
        + textwrap.indent(textwrap.dedent(more), "  ")
    )


def test_a_chart(shop: Shop) -> None:
    planned = shop.plan(application("path: charts/web\n"))
    found = release(planned)
    assert (found.name, found.namespace, found.values, found.variant) == ("web", "shop", (), "release web")
    assert found.requested_by == "Application/argocd/web apps.yaml:1"
    assert found.with_crds
    assert planned.claimed == {Place("chart", shop.root / "charts/web")}
    assert told(planned) == []


def test_everything_of_helm(shop: Shop) -> None:
    found = release(
        shop.plan(
            application(
                """\
                path: charts/web
                targetRevision: v1
                helm:
                  releaseName: frontend
                  namespace: other
                  valueFiles: [values-eu.yaml, ../../charts/web/values-prod.yaml, /common/values.yaml, missing.yaml]
                  ignoreMissingValueFiles: true
                  parameters:
                  - {name: image.tag, value: "1.2"}
                  - {name: port, value: "80", forceString: true}
                  - {name: args, value: "a,b"}
                  - {name: list, value: "{a,b}"}
                  - {name: app, value: $ARGOCD_APP_NAME-$$x-$NOTHING}
                  fileParameters: [{name: notes, path: notes.txt}]
                  kubeVersion: 1.30.1
                  apiVersions: [monitoring.coreos.com/v1/PodMonitor]
                  skipCrds: true
                """
            )
        )
    )
    chart = shop.root / "charts/web"
    assert (found.name, found.namespace, found.variant) == ("frontend", "other", "release frontend of web")
    assert found.values == tuple(
        ValuesFile(path)
        for path in (chart / "values-eu.yaml", chart / "values-prod.yaml", shop.root / "common/values.yaml")
    )
    assert found.sets == ("image.tag=1.2", r"args=a\,b", "list={a,b}", "app=web-$x-")
    assert found.string_sets == ("port=80", "notes=a\\,b \\{c\\}\n")
    assert (found.kubernetes_version, found.api_versions) == ("1.30.1", ("monitoring.coreos.com/v1/PodMonitor",))
    assert not found.with_crds


def test_patterns_of_values_files(shop: Shop) -> None:
    text = "path: charts/web\nhelm: {valueFiles: ['values-*.yaml', values-eu.yaml, '/**/values.yaml']}\n"
    names = [
        shop.path(file.path) for file in release(shop.plan(application(text))).values if isinstance(file, ValuesFile)
    ]
    assert names == [
        "charts/web/values-prod.yaml",
        "charts/web/values-eu.yaml",
        "charts/web/values.yaml",
        "common/values.yaml",
    ]


VALUES = {
    "an object": ("valuesObject:\n  image: {tag: two}\n  x:\n  - z: 1\n", 11, 12, 14),
    "a block": ("values: |\n  image: {tag: two}\n  x:\n  - z: 1\n", 11, 12, 14),
    "an indented block": ("values: |2-\n\n     image: {tag: two}\n     x:\n\n     - z: 1\n", 11, 13, 16),
    "a line": ('values: "{image: {tag: two}, x: [{z: 1}]}"\n', 11, 11, 11),
    "quoted lines": ('values: "image: {tag: two}\\n\\\n  x: [{z: 1}]"\n', 11, 11, 11),
    "folded": ("values: >\n  {image: {tag: two},\n  x: [{z: 1}]}\n", 11, 11, 11),
    "an object wins": ("values: 'a: 1'\nvaluesObject:\n  image: {tag: two}\n  x: [{z: 1}]\n", 11, 13, 14),
}


@pytest.mark.parametrize(("text", "field", "image", "inner"), VALUES.values(), ids=VALUES)
def test_values_know_their_places(shop: Shop, text: str, field: int, image: int, inner: int) -> None:
    source = f"path: charts/web\nhelm:\n{textwrap.indent(text, '  ')}"
    whole = application(source)
    (values,) = release(shop.plan(whole)).values
    assert isinstance(values, InlineValues)
    assert values.body == {"image": {"tag": "two"}, "x": [{"z": 1}]}
    assert whole.splitlines()[field - 1].strip().startswith("values")
    for pointer, line in (("/image", image), ("/image/tag", image), ("/x/0/z", inner)):
        place = values.locate(pointer)
        assert (place.path, place.start.line) == ("apps.yaml", line), pointer
        shown = whole.splitlines()[line - 1]
        assert place.snippet == shown.rstrip()
        if line not in (field,):
            assert shown[place.start.column - 1 :].startswith(pointer.rpartition("/")[2])


def test_values_that_are_filled_in_stand_at_their_field(shop: Shop) -> None:
    text = application("path: charts/web\nhelm:\n  values: |\n    a: 1\n")
    resources = shop.resources(text)
    (shop.root / "apps.yaml").write_text("something else\n" * 20, encoding="utf-8")
    from kgate.gitops.plan import plan
    from kgate.repository import Repository

    (values,) = release(plan(resources, Repository(shop.root, shop.urls))).values
    assert isinstance(values, InlineValues)
    assert values.locate("/a").start.line == 11


NOT_JUDGED, ELSEWHERE = "is not judged:", "is not in this repository; run: kgate pull"


def test_values_files_of_another_source(shop: Shop) -> None:
    text = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web}}
spec:
  sources:
  - repoURL: {URL}
    path: charts/web
    helm: {{valueFiles: [$values/common/values.yaml]}}
  - repoURL: {URL}
    ref: values
  - repoURL: https://charts.example.org
    chart: redis
    helm: {{valueFiles: [$values/nothing.yaml]}}
  source: {{repoURL: ignored, path: ignored}}
"""
    planned = shop.plan(text)
    assert release(planned).values == (ValuesFile(shop.root / "common/values.yaml"),)
    assert release(planned).namespace == "default"
    assert told(planned) == [
        f"unjudged apps.yaml:12: Application/web {NOT_JUDGED} chart redis of https://charts.example.org {ELSEWHERE}"
    ]


def test_a_dry_source(shop: Shop) -> None:
    text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n  sourceHydrator:\n"
    assert release(shop.plan(f"{text}    drySource: {{repoURL: {URL}, path: charts/web}}\n")).name == "web"


def test_an_operation_that_starts_with_the_application(shop: Shop) -> None:
    text = application("path: charts/web\n")
    sync = f"operation: {{sync: {{source: {{repoURL: {URL}, path: overlay}}}}}}\n"
    places = [request.place for request in shop.plan(text + sync).requests]
    assert places == [Place("chart", shop.root / "charts/web"), Place("kustomization", shop.root / "overlay")]
    planned = shop.plan(text + "operation: {sync: {manifests: ['{}']}}\n")
    why = "operation.sync.manifests are applied in place of what its source holds"
    assert told(planned) == [f"unjudged apps.yaml:10: Application/argocd/web when it is created {NOT_JUDGED} {why}"]


IMAGES: dict[str, tuple[str, Json]] = {
    "tag": ("web:1", {"name": "web", "newTag": "1"}),
    "digest": ("web@sha256:0", {"name": "web", "digest": "sha256:0"}),
    "both": ("web:1@sha256:0", {"name": "web", "newTag": "1", "digest": "sha256:0"}),
    "new name": ("web=new/web", {"name": "web", "newName": "new/web"}),
    "new name and tag": ("a/web=r:5000/web:1", {"name": "a/web", "newName": "r:5000/web", "newTag": "1"}),
    "port": ("r:5000/web:1", {"name": "r:5000/web", "newTag": "1"}),
    "same name": ("web=web:1", {"name": "web", "newTag": "1"}),
}


@pytest.mark.parametrize(("text", "entry"), IMAGES.values(), ids=IMAGES)
def test_images(shop: Shop, text: str, entry: Json) -> None:
    found = build(shop.plan(application(f"path: overlay\nkustomize:\n  images:\n  - {text}\n")))
    assert found.additions == {"images": [entry]}
    assert found.locate
    assert found.locate("/images/0/newTag").start.line == 12


def test_everything_of_kustomize(shop: Shop) -> None:
    planned = shop.plan(
        application(
            """\
            path: overlay
            kustomize:
              namePrefix: a-
              nameSuffix: -b
              namespace: other
              commonLabels: {app: $ARGOCD_APP_NAME}
              commonAnnotations: {note: $ARGOCD_APP_NAME}
              replicas:
              - {name: web, count: 2}
              - {name: two, count: "3"}
              patches:
              - path: patch.yaml
              - target: {kind: Deployment}
                patch: "- op: add"
              components: [../component, ../missing]
              ignoreMissingComponents: true
            """
        )
    )
    found = build(planned)
    assert found == KustomizationRequest(
        shop.root / "overlay",
        {
            "namePrefix": "a-",
            "nameSuffix": "-b",
            "namespace": "other",
            "replicas": [{"name": "web", "count": 2}, {"name": "two", "count": 3}],
            "commonLabels": {"app": "web"},
            "commonAnnotations": {"note": "$ARGOCD_APP_NAME"},
            "patches": [{"path": "patch.yaml"}, {"target": {"kind": "Deployment"}, "patch": "- op: add"}],
            "components": ["../component"],
        },
        found.locate,
        variant="application web",
        requested_by="Application/argocd/web apps.yaml:1",
    )
    assert found.locate
    places = {"/namePrefix": 11, "/replicas/1/count": 18, "/commonLabels/app": 14, "/patches/1/patch": 22}
    assert {pointer: found.locate(pointer).start.line for pointer in places} == places
    assert planned.claimed == {Place("kustomization", shop.root / name) for name in ("overlay", "component")}
    assert not planned.covered


def test_labels_without_selectors(shop: Shop) -> None:
    text = "path: overlay\nkustomize:\n  labelWithoutSelector: true\n  commonLabels: {app: web}\n"
    found = build(shop.plan(application(text)))
    assert found.additions == {
        "labels": [{"pairs": {"app": "web"}, "includeSelectors": False, "includeTemplates": False}]
    }
    assert found.locate
    assert found.locate("/labels/0/pairs/app").start.line == 12


ASSUMED = {
    "a fork": (
        "",
        "note apps.yaml:8: https://git.example.org/fork/deploy is taken for this repository, as its name or",
    ),
    "a tag": ("targetRevision: v1\n", "note apps.yaml:10: spec.source.targetRevision 'v1' is taken for this checkout"),
    "the usual branch": ("targetRevision: main\n", None),
}


@pytest.mark.parametrize(("more", "message"), ASSUMED.values(), ids=ASSUMED)
def test_what_is_taken_for_this_checkout_is_told(shop: Shop, more: str, message: str | None) -> None:
    text = application(f"path: overlay\n{more}")
    planned = shop.plan(text if more else text.replace(URL, "https://git.example.org/fork/deploy"))
    assert [line.startswith(str(message)) for line in told(planned)] == ([True] if message else [])
    assert build(planned).folder == shop.root / "overlay"


TOOLS = {
    "a chart": (["Chart.yaml"], "charts"),
    "a kustomization": (["kustomization.yml"], "folders"),
    "both, of which the last by name counts": (["Chart.yaml", "Kustomization"], "folders"),
    "what ends like a chart, after it": (["Chart.yaml", "kustomization.yaml", "zChart.yaml"], "charts"),
    "folders do not count": (["Chart.yaml", "Kustomization", "zChart.yaml/x", "kustomization.yml/x"], "folders"),
}


@pytest.mark.parametrize(("names", "wanted"), TOOLS.values(), ids=TOOLS)
def test_what_a_folder_is_rendered_with(shop: Shop, names: list[str], wanted: str) -> None:
    shop.touch(*(f"both/{name}" for name in names))
    (request,) = shop.plan(application("path: both\n")).requests
    assert isinstance(request, ChartRequest if wanted == "charts" else KustomizationRequest)


@pytest.mark.parametrize("name", [".argocd-source.yaml", ".argocd-source-web.yaml", ".argocd-source-team_web.yaml"])
def test_files_that_override_a_source(shop: Shop, name: str) -> None:
    shop.touch(f"overlay/{name}", "overlay/.argocd-source-other.yaml")
    (message,) = told(shop.plan(application("path: overlay\n")))
    assert message == f"problem apps.yaml:9: {name} in 'overlay' overrides this source, which kgate does not do"


def test_plain_manifests_are_judged_as_they_are(shop: Shop) -> None:
    planned = shop.plan(application("path: plain\ndirectory: {recurse: true}\n"))
    assert (planned.requests, planned.claimed, told(planned)) == ((), frozenset(), [])


TOLD = {
    "a chart of a repository of charts": (
        "chart: redis\n",
        f"unjudged apps.yaml:9: Application/argocd/web {NOT_JUDGED} chart redis of {URL} {ELSEWHERE}",
    ),
    "nothing": ("", "problem apps.yaml:7: spec.source.path is missing, so what it deploys cannot be judged"),
    "missing path": (
        "path: gone\n",
        "problem apps.yaml:9: spec.source.path: there is no 'gone' in this repository; fix the path",
    ),
    "path leads out": (
        "path: ../x\n",
        "problem apps.yaml:9: spec.source.path: '../x' leads out of the repository, and is not followed",
    ),
    "path is a file": (
        "path: charts/web/Chart.yaml\n",
        "problem apps.yaml:9: spec.source.path: 'charts/web/Chart.yaml' is not a folder; name the folder",
    ),
    "path is a number": ("path: 1\n", "problem apps.yaml:9: spec.source.path must be a string; put it in quotes"),
    "helm is text": ("path: charts/web\nhelm: x\n", "problem apps.yaml:10: spec.source.helm must be a mapping"),
    "a tool that does not fit": (
        "path: plain\nhelm: {releaseName: x}\n",
        "problem apps.yaml:10: there is no Chart.yaml in 'plain', although spec.source.helm is set",
    ),
    "kustomize without a kustomization": (
        "path: plain\nkustomize: {namePrefix: x}\n",
        "problem apps.yaml:10: there is no kustomization file in 'plain', although spec.source.kustomize is set",
    ),
    "two tools": (
        "path: plain\nkustomize: {namePrefix: x}\nhelm: {releaseName: x}\n",
        "problem apps.yaml:10: several tools are set (helm, kustomize), which Argo CD refuses: keep one",
    ),
    "a plugin": (
        "path: plain\nplugin: {name: x}\n",
        (
            "unjudged apps.yaml:10: Application/argocd/web is not judged: a config management plugin makes the "
            "manifests; if all it runs is kustomize or helm, name it in kgate.yaml, under argocd.plugins"
        ),
    ),
    "an empty plugin": (
        "path: plain\nplugin: {}\n",
        "unjudged apps.yaml:10: Application/argocd/web is not judged: a config management plugin makes the manifests",
    ),
    "a tool that Argo CD may not see": (
        "path: both\nhelm: {releasename: x}\n",
        (
            "problem apps.yaml:10: spec.source.helm may be empty to Argo CD, which then takes kustomize for "
            "'both': remove it, or set releaseName"
        ),
    ),
    "empty values, which are some": (
        "path: plain\nhelm: {valuesObject: {}}\n",
        (
            "problem apps.yaml:10: spec.source.helm may be empty to Argo CD, which then takes directory for "
            "'plain': remove it, or set releaseName"
        ),
    ),
    "Jsonnet": (
        "path: jsonnet\n",
        "problem apps.yaml:9: a.jsonnet in 'jsonnet' is Jsonnet, which is not judged; commit what it evaluates to",
    ),
    "overrides in a file": (
        "path: overridden\n",
        "problem apps.yaml:9: .argocd-source-web.yaml in 'overridden' overrides this source, which kgate does not do",
    ),
    "missing values file": (
        "path: charts/web\nhelm:\n  valueFiles:\n  - no.yaml\n",
        "problem apps.yaml:12: spec.source.helm.valueFiles[0]: there is no 'no.yaml' in this repository; fix the path",
    ),
    "values file leads out": (
        "path: charts/web\nhelm:\n  ignoreMissingValueFiles: true\n  valueFiles: [../../../x]\n",
        (
            "problem apps.yaml:12: spec.source.helm.valueFiles[0]: '../../../x' leads out of the repository, "
            "and is not followed"
        ),
    ),
    "remote values file": (
        "path: charts/web\nhelm: {valueFiles: ['https://a:b@example.org/v.yaml']}\n",
        (
            "problem apps.yaml:10: spec.source.helm.valueFiles[0]: https://example.org/v.yaml is a remote file, "
            "whose values are unknown"
        ),
    ),
    "unmatched pattern": (
        "path: charts/web\nhelm: {valueFiles: ['x*.yaml']}\n",
        "problem apps.yaml:10: spec.source.helm.valueFiles[0]: no file matches 'x*.yaml'; fix the pattern",
    ),
    "a class that is not closed": (
        "path: charts/web\nhelm: {valueFiles: ['[a*.yaml']}\n",
        ("problem apps.yaml:10: spec.source.helm.valueFiles[0]: '[a*.yaml' is not a pattern: syntax error in pattern"),
    ),
    "replicas that are more digits than a number has": (
        f"path: overlay\nkustomize: {{replicas: [{{name: web, count: '{'9' * 5000}'}}]}}\n",
        "problem apps.yaml:10: spec.source.kustomize.replicas[0].count must be a whole number",
    ),
    "values are no YAML": (
        "path: charts/web\nhelm: {values: 'a: ['}\n",
        (
            "problem apps.yaml:10: spec.source.helm.values: line 2 of the values: not valid YAML: "
            "did not find expected node content"
        ),
    ),
    "values are a list": (
        "path: charts/web\nhelm: {values: '[a]'}\n",
        "problem apps.yaml:10: spec.source.helm.values: values must be one mapping",
    ),
    "valuesObject is a list": (
        "path: charts/web\nhelm: {valuesObject: [a]}\n",
        "problem apps.yaml:10: spec.source.helm.valuesObject must be a mapping",
    ),
    "parameter is no mapping": (
        "path: charts/web\nhelm: {parameters: [a]}\n",
        "problem apps.yaml:10: spec.source.helm.parameters[0] must be a mapping",
    ),
    "parameter is a number": (
        "path: charts/web\nhelm: {parameters: [{name: a, value: 1}]}\n",
        "problem apps.yaml:10: spec.source.helm.parameters[0].value must be a string; put it in quotes",
    ),
    "count of replicas": (
        "path: overlay\nkustomize: {replicas: [{name: a, count: x}]}\n",
        "problem apps.yaml:10: spec.source.kustomize.replicas[0].count must be a whole number",
    ),
    "a chart taken for plain manifests": (
        "path: charts/web\ndirectory: {recurse: true}\n",
        (
            "problem apps.yaml:10: Chart.yaml in 'charts/web' is not rendered by Argo CD, which applies its files as "
            "they are: remove spec.source.directory"
        ),
    ),
    "missing component": (
        "path: overlay\nkustomize: {components: [../no]}\n",
        (
            "problem apps.yaml:10: spec.source.kustomize.components[0]: there is no '../no' in this repository; "
            "fix the path"
        ),
    ),
}


@pytest.mark.parametrize(("source", "message"), TOLD.values(), ids=TOLD)
def test_what_is_told(shop: Shop, source: str, message: str) -> None:
    shop.touch("both/Chart.yaml", "both/kustomization.yaml", "jsonnet/a.jsonnet", "overridden/.argocd-source-web.yaml")
    assert told(shop.plan(application(source))) == [message]


ODD = {
    "no spec": "",
    "spec is text": "spec: x\n",
    "spec is a list": "spec: [1]\n",
    "source is text": "spec: {source: x}\n",
    "sources is a mapping": "spec: {sources: {a: 1}}\n",
    "sources hold text": "spec: {sources: [a, null]}\n",
    "URL is a list": "spec: {source: {repoURL: [a], path: b}}\n",
    "destination is a list": f"spec: {{destination: [], source: {{repoURL: {URL}}}}}\n",
}


@pytest.mark.parametrize("spec", ODD.values(), ids=ODD)
def test_odd_objects_are_problems(shop: Shop, spec: str) -> None:
    planned = shop.plan(f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a}}\n{spec}")
    assert planned.problems
    assert not planned.requests


def test_an_application_of_another_api_group_is_none(shop: Shop) -> None:
    planned = shop.plan("apiVersion: app.k8s.io/v1beta1\nkind: Application\nmetadata: {name: a}\n")
    assert (planned.requests, told(planned)) == ((), [])


def test_order_and_several_objects(shop: Shop) -> None:
    one = application("path: charts/web\n")
    planned = shop.plan(one.replace("name: web", "name: b") + "---\n" + application("path: overlay\n"), one)
    assert [type(request) for request in planned.requests] == [ChartRequest, KustomizationRequest, ChartRequest]
    claimed = {Place("chart", shop.root / "charts/web"), Place("kustomization", shop.root / "overlay")}
    assert planned.claimed == claimed


def test_a_pattern_of_many_stars_ends(shop: Shop) -> None:
    shop.touch(f"charts/web/{'a' * 200}.yml")
    source = f"path: charts/web\nhelm: {{valueFiles: ['{'*a' * 40}.yaml']}}\n"
    (problem,) = told(shop.plan(application(source)))
    assert "no file matches" in problem


def test_a_pattern_may_lead_up(shop: Shop) -> None:
    found = release(
        shop.plan(application("path: charts/web\nhelm: {valueFiles: ['../../common/{values,none}*.yaml']}\n"))
    )
    assert [shop.path(one.path) for one in found.values if isinstance(one, ValuesFile)] == ["common/values.yaml"]


NOTHING = "problem apps.yaml:10: there is no {} in '{}', although spec.source.plugin is set"
PLUGINS = {
    "kustomize": ("kustomize", "overlay", ["overlay"], []),
    "helm": ("helm", "charts/web", ["charts/web"], []),
    "a folder": ("directory", "plain", [], []),
    "kustomize without a kustomization": ("kustomize", "plain", [], [NOTHING.format("kustomization file", "plain")]),
    "helm without a chart": ("helm", "plain", [], [NOTHING.format("Chart.yaml", "plain")]),
}


@pytest.mark.parametrize(("tool", "path", "made", "messages"), PLUGINS.values(), ids=PLUGINS)
def test_a_plugin_that_the_owner_states(shop: Shop, tool: str, path: str, made: list[str], messages: list[str]) -> None:
    environment = Environment(plugins={"own": tool})
    planned = shop.plan(application(f"path: {path}\nplugin: {{name: own}}\n"), environment=environment)
    assert [shop.path(request.place.path) for request in planned.requests] == made
    assert told(planned) == messages
    assert bool(planned.raw) == (tool == "directory")


def test_what_a_plugin_gets_is_noted(shop: Shop) -> None:
    text = application("path: overlay\nplugin: {name: own, env: [{name: A, value: b}]}\n")
    (message,) = told(shop.plan(text, environment=Environment(plugins={"own": "kustomize"})))
    assert message.startswith("note apps.yaml:10: what spec.source.plugin passes on is not used")
