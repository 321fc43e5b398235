"""Flux Kustomizations and HelmReleases: what they ask to render, and what they leave to tell."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from kgate.gitops.plan import GITOPS_KINDS, deploys, is_relevant, plan
from kgate.model import Json
from kgate.rendering.helm.release import InlineValues, ValuesFile
from kgate.rendering.kustomize.requests import KustomizationRequest
from kgate.rendering.kustomize.substitution import Variables
from kgate.rendering.requests import Place
from kgate.repository import Repository
from tests.gitops.objects import URL, Shop, build, make_shop, release, told

NOT_HERE = "is not in this repository"
ELSEWHERE = f"{NOT_HERE}; run: kgate pull"
UNJUDGED_PATH = "unjudged apps.yaml:6: Kustomization/flux-system/web is not judged:"
UNJUDGED_FOLDER = "unjudged apps.yaml:5: Kustomization/flux-system/web is not judged:"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def source(url: str = URL, kind: str = "GitRepository", name: str = "deploy") -> str:
    return f"""\
apiVersion: source.toolkit.fluxcd.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: flux-system}}
spec: {{url: "{url}"}}
"""


def kustomization(spec: str, reference: str = "{kind: GitRepository, name: deploy}", version: str = "v1") -> str:
    """A Kustomization; the fields of its spec begin in line 6."""
    return (
        f"apiVersion: kustomize.toolkit.fluxcd.io/{version}\nkind: Kustomization\n"
        f"metadata: {{name: web, namespace: flux-system}}\nspec:\n  sourceRef: {reference}\n"
        + textwrap.indent(textwrap.dedent(spec), "  ")
    )


REFERENCE = "{kind: GitRepository, name: deploy, namespace: flux-system}"
CHART = f"chart:\n  spec:\n    chart: ./charts/web\n    sourceRef: {REFERENCE}\n"


def helm_release(spec: str = "", chart: str = CHART) -> str:
    """A HelmRelease; its chart begins in line 5, and what follows it in line 9."""
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: shop}\nspec:\n"
        + textwrap.indent(chart, "  ")
        + textwrap.indent(textwrap.dedent(spec), "  ")
    )


def config_map(name: str, data: str, namespace: str = "shop") -> str:
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata:\n"
        + textwrap.indent(data, "  ")
    )


# ---------------------------------------------------------------------------------- Kustomization


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1beta2"])
def test_a_kustomization(shop: Shop, version: str) -> None:
    planned = shop.plan(kustomization("path: ./overlay\n", version=version), source())
    found = build(planned)
    assert found == KustomizationRequest(
        shop.root / "overlay",
        {},
        found.locate,
        variant="kustomization web",
        requested_by="Kustomization/flux-system/web apps.yaml:1",
    )
    assert planned.claimed == {Place("kustomization", shop.root / "overlay")}
    assert not planned.covered
    assert told(planned) == []


def test_everything_on_top(shop: Shop) -> None:
    spec = """\
    path: /overlay
    targetNamespace: other
    namePrefix: a-
    nameSuffix: -b
    images:
    - {name: web, newTag: "1"}
    patches:
    - target: {kind: Deployment}
      patch: "- op: add"
    components: [../component, ../gone]
    ignoreMissingComponents: true
    commonMetadata:
      labels: {team: shop}
      annotations: {note: x}
    suspend: true
    """
    found = build(shop.plan(kustomization(spec), source()))
    metadata = {"name": "any", "labels": {"team": "shop"}, "annotations": {"note": "x"}}
    common: Json = {"apiVersion": "any/v1", "kind": "Any", "metadata": metadata}
    assert found.additions == {
        "namespace": "other",
        "namePrefix": "a-",
        "nameSuffix": "-b",
        "images": [{"name": "web", "newTag": "1"}],
        "patches": [
            {"target": {"kind": "Deployment"}, "patch": "- op: add"},
        ],
        "commonMetadata": {"target": {"kind": ".*"}, "patch": common},
        "components": ["../component"],
    }
    assert found.locate
    places = {"/namespace": 7, "/images/0/newTag": 11, "/patches/0/patch": 14, "/commonMetadata/patch": 17, "/x": 1}
    assert {pointer: found.locate(pointer).start.line for pointer in places} == places


def test_fields_that_the_api_server_drops_are_not_put_on_top(shop: Shop) -> None:
    spec = """\
    path: overlay
    images: [{name: web, newTag: "1", NewName: evil}]
    patches:
    - {patch: x, path: web.yaml, options: {allowKindChange: true}, target: {kind: A, Kind: B, Name: c}}
    commonMetadata: {labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}}
    """
    assert build(shop.plan(kustomization(spec), source())).additions == {
        "images": [{"name": "web", "newTag": "1"}],
        "patches": [{"patch": "x", "target": {"kind": "A"}}],
    }


OLD_PATCHES = {
    "v1": ("so it is not applied", [{}]),
    "v1beta2": ("so it is judged with and without it", [{}, {"patchesStrategicMerge": [{"a": "b"}]}]),
}


@pytest.mark.parametrize("version", OLD_PATCHES)
def test_patches_of_old_may_be_dropped_by_the_api_server(shop: Shop, version: str) -> None:
    message, additions = OLD_PATCHES[version]
    spec = "path: overlay\npatchesStrategicMerge: [{a: b}]\n"
    planned = shop.plan(kustomization(spec, version=version), source())
    assert [one.additions for one in planned.requests if isinstance(one, KustomizationRequest)] == additions
    field = "spec.patchesStrategicMerge is not in v1 of Flux' Kustomization"
    assert told(planned) == [f"note apps.yaml:7: {field}, {message}; write it as patches"]


ABSENT = "Secret 'x', which is not among the manifests"
SUBSTITUTES = {
    "none": ("{}", None),
    "none, always": ("{substituteStrategy: Always}", Variables()),
    "none, with variables": ("{substituteStrategy: WithVariables, substitute: {}}", None),
    "an empty list": ("{substituteFrom: []}", None),
    "one": ("{substitute: {a: b}}", Variables({"a": "b"})),
    "one that is not here": ("{substituteFrom: [{kind: Secret, name: x}]}", Variables(sources=(ABSENT,))),
}


@pytest.mark.parametrize(("post_build", "expected"), SUBSTITUTES.values(), ids=SUBSTITUTES)
def test_without_variables_nothing_is_substituted(shop: Shop, post_build: str, expected: Variables | None) -> None:
    planned = shop.plan(kustomization(f"path: overlay\npostBuild: {post_build}\n"), source())
    assert build(planned).variables == expected


def test_substitutions(shop: Shop) -> None:
    spec = """\
    path: overlay
    postBuild:
      substitute: {a: inline}
      substituteFrom:
      - {kind: ConfigMap, name: first}
      - {kind: ConfigMap, name: second}
      - {kind: Secret, name: third, optional: true}
    """
    maps = config_map("first", "a: x\nb: x\nc: x\n", "flux-system") + "---\n" + config_map("second", "b: 'y y'\n", "''")
    planned = shop.plan(kustomization(spec), source(), maps)
    absent = "Secret 'third', which is not among the manifests"
    assert build(planned).variables == Variables({"a": "inline", "b": "y y", "c": "x"}, (absent,))
    assert told(planned) == []


SECRETS = {
    "data in base64": ('data: {a: "aHVudGVyMg=="}', {"a": "hunter2"}),
    "text": ("stringData: {a: hunter2}", {"a": "hunter2"}),
    "text over data": ('data: {a: "eA==", b: "eQ=="}\nstringData: {a: z}', {"a": "z", "b": "y"}),
    "encrypted by SOPS": ("stringData: {a: x}\nsops: {version: 3}", None),
    "encrypted without a mark": ("stringData: {a: 'ENC[AES256_GCM,data:x]'}", None),
    "not base64": ("data: {a: '?'}", None),
    "not a mapping": ("data: [a]", {}),
}


@pytest.mark.parametrize(("fields", "expected"), SECRETS.values(), ids=SECRETS)
def test_variables_of_a_secret_of_the_repository(shop: Shop, fields: str, expected: dict[str, str] | None) -> None:
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: third, namespace: flux-system}}\n{fields}\n"
    text = kustomization("path: overlay\npostBuild: {substituteFrom: [{kind: Secret, name: third}]}\n")
    planned = shop.plan(text, source(), secret)
    assert told(planned) == []
    if expected is None:
        why = "which cannot be read" if "'?'" in fields else "which SOPS encrypts"
        assert build(planned).variables == Variables(sources=(f"Secret 'third', {why}",))
    else:
        assert build(planned).variables == (Variables(expected, secret=frozenset(expected)) if expected else None)


PLAIN = {
    "nothing on top": ("path: plain\n", False),
    "no variables": ("path: plain\npostBuild: {}\n", False),
    "variables": ("path: plain\npostBuild: {substitute: {a: b}}\n", True),
    "a namespace": ("path: plain\ntargetNamespace: x\n", True),
    "a patch": ("path: plain\npatches: [{patch: x}]\n", True),
}


@pytest.mark.parametrize(("spec", "is_built"), PLAIN.values(), ids=PLAIN)
def test_plain_folders_are_built_only_if_something_changes(shop: Shop, spec: str, is_built: bool) -> None:
    planned = shop.plan(kustomization(spec), source())
    assert told(planned) == []
    assert len(planned.requests) == is_built
    assert planned.covered == ({shop.root / "plain"} if is_built else set())
    assert not planned.claimed


def test_the_map_of_the_same_cluster_is_taken(shop: Shop) -> None:
    text = kustomization("path: overlay\npostBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}\n")
    resources = [
        resource
        for cluster in ("dev", "prod")
        for resource in (
            *shop.resources(text, f"clusters/{cluster}/web.yaml"),
            *shop.resources(
                config_map("vars", f"cluster: {cluster}\n", "flux-system"), f"clusters/{cluster}/vars.yaml"
            ),
        )
    ]
    planned = plan(resources, Repository(shop.root, shop.urls))
    found = [one.variables for one in planned.requests if isinstance(one, KustomizationRequest)]
    assert found == [Variables({"cluster": "dev"}), Variables({"cluster": "prod"})]


HERE = "{kind: GitRepository, name: flux-system}"
TOLD: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "another repository": (
        (kustomization("path: overlay\n"), source("https://user:word@git.example.org/a/other")),
        [f"{UNJUDGED_PATH} overlay of https://git.example.org/a/other {NOT_HERE}; run: kgate pull"],
    ),
    "no such source, path is not here": (
        (kustomization("path: gone\n"),),
        [f"{UNJUDGED_FOLDER} gone of GitRepository/deploy {NOT_HERE}"],
    ),
    "no such source, no path": (
        (kustomization("prune: true\n"),),
        [f"{UNJUDGED_FOLDER} ./ of GitRepository/deploy {NOT_HERE}"],
    ),
    "bootstrap's source, path is not here": (
        (kustomization("path: gone\n", HERE),),
        ["problem apps.yaml:6: spec.path: there is no './gone' in this repository; fix the path"],
    ),
    "path leads out": (
        (kustomization("path: ../x\n", HERE),),
        ["problem apps.yaml:6: spec.path: './../x' leads out of the repository, and is not followed"],
    ),
    "path is a file": (
        (kustomization("path: overlay/patch.yaml\n", HERE),),
        ["problem apps.yaml:6: spec.path: 'overlay/patch.yaml' is not a folder; name the folder"],
    ),
    "no source": (
        (kustomization("path: overlay\n", "{kind: GitRepository}"),),
        ["problem apps.yaml:5: spec.sourceRef.name is missing, so what it deploys cannot be judged"],
    ),
    "the source is text": (
        (kustomization("path: overlay\n", "deploy"),),
        [
            "problem apps.yaml:5: spec.sourceRef must be a mapping",
            "problem apps.yaml:5: spec.sourceRef.kind is missing, so what it deploys cannot be judged",
        ],
    ),
    "a name that is no variable": (
        (kustomization("path: overlay\npostBuild: {substitute: {a-b: x}}\n", HERE),),
        ["problem apps.yaml:7: 'a-b' is not the name of a variable, so Flux applies nothing; use letters and digits"],
    ),
    "a variable that is a number": (
        (kustomization("path: overlay\npostBuild: {substitute: {a: 1}}\n", HERE),),
        ["problem apps.yaml:7: spec.postBuild.substitute.a must be a string; put it in quotes"],
    ),
    "a missing component": (
        (kustomization("path: overlay\ncomponents: [../gone]\n", HERE),),
        ["problem apps.yaml:7: spec.components[0]: there is no '../gone' in this repository; fix the path"],
    ),
    "a component that is no path": (
        (kustomization('path: overlay\ncomponents: ["a\\0b"]\n', HERE),),
        ["problem apps.yaml:7: spec.components[0]: there is no 'a\0b' in this repository; fix the path"],
    ),
}


@pytest.mark.parametrize(("texts", "messages"), TOLD.values(), ids=TOLD)
def test_what_is_told_of_kustomizations(shop: Shop, texts: tuple[str, ...], messages: list[str]) -> None:
    assert told(shop.plan(*texts)) == messages


LEFT_OUT = {
    "nothing": ("", "", False),
    "the file": ("overlay/kustomization.yaml\n", "", True),
    "its folder": ("/overlay\n", "", True),
    "all but its folder": ("/*\n!/overlay\n", "", False),
    "all but all below its folder": ("", "*\n!/overlay/**\n", False),
    "another folder": ("/other\n", "/base\n", False),
    "by the source": ("", "kustomization.yaml\n", True),
    "taken back by the source": ("/overlay\n", "!/overlay/kustomization.yaml\n", False),
    "more than is followed": ("x" * (65 << 10), "", True),
}


@pytest.mark.parametrize(("file", "rules", "is_left_out"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_kustomization_that_the_source_leaves_out(shop: Shop, file: str, rules: str, is_left_out: bool) -> None:
    (shop.root / ".sourceignore").write_text(file, encoding="utf-8")
    git = source().replace("spec: {", f"spec: {{ignore: {json.dumps(rules)}, ")
    messages = told(shop.plan(kustomization("path: overlay\n"), git))
    assert bool(messages) == is_left_out, messages


ASSUMED = {
    "a fork": (source("https://git.example.org/fork/deploy"), "https://git.example.org/fork/deploy of GitRepository"),
    "no such source": ("", "GitRepository 'deploy' is not among the manifests, and taken for this repository"),
    "a tag": (source().replace("spec: {", "spec: {ref: {tag: v1}, "), "tag 'v1' of GitRepository 'deploy' is taken"),
    "a branch": (source().replace("spec: {", "spec: {ref: {branch: old}, "), "branch 'old' of GitRepository 'deploy'"),
    "one layer of an artifact": (
        source().replace("spec: {", "spec: {layerSelector: {mediaType: a}, "),
        "layerSelector of GitRepository 'deploy' is not followed",
    ),
}


@pytest.mark.parametrize(("other", "message"), ASSUMED.values(), ids=ASSUMED)
def test_what_is_taken_for_this_checkout_is_told(shop: Shop, other: str, message: str) -> None:
    planned = shop.plan(kustomization("path: overlay\n"), *([other] if other else []))
    (line,) = told(planned)
    assert line.startswith(f"note apps.yaml:5: {message}")
    assert build(planned).folder == shop.root / "overlay"


def test_the_usual_branch_is_not_told(shop: Shop) -> None:
    git = source().replace("spec: {", "spec: {ref: {branch: main}, ")
    assert told(shop.plan(kustomization("path: overlay\n"), git)) == []


GENERATOR = """\
apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata: {name: deploy, namespace: flux-system}
spec:
  sources: [{alias: all, kind: GitRepository, name: flux-system}]
  artifacts:
  - name: web
    copy:
    - {from: "@all/charts/**", to: "@artifact/c/"}
    - {from: "@all/**", to: "@artifact/all/"}
    - {from: "@all/overlay/*.yaml", to: "@artifact/some/"}
  - name: other
    copy: [{from: "@nobody/**", to: "@artifact/"}]
"""
ARTIFACTS = {
    "the root of the repository": ("web", "all/overlay", ["overlay"], []),
    "a folder that is unclear": (
        "web",
        "some",
        [],
        [
            (
                "problem apps.yaml:5: what ExternalArtifact 'web' holds at 'some' is not clear from its "
                "ArtifactGenerator: copy the whole folder in one step"
            )
        ],
    ),
    "from elsewhere": (
        "other",
        "overlay",
        [],
        [f"{UNJUDGED_FOLDER} overlay of ExternalArtifact/other {NOT_HERE}"],
    ),
}


@pytest.mark.parametrize(("name", "path", "folders", "messages"), ARTIFACTS.values(), ids=ARTIFACTS)
def test_artifacts(shop: Shop, name: str, path: str, folders: list[str], messages: list[str]) -> None:
    planned = shop.plan(kustomization(f"path: {path}\n", f"{{kind: ExternalArtifact, name: {name}}}"), GENERATOR)
    assert [shop.path(one.folder) for one in planned.requests if isinstance(one, KustomizationRequest)] == folders
    assert told(planned) == messages


def test_an_artifact_at_a_path_of_many_folders_takes_little_memory(shop: Shop) -> None:
    path = "all/" + "a/" * 100_000
    planned = shop.plan(kustomization(f"path: {path}\n", "{kind: ExternalArtifact, name: web}"), GENERATOR)
    (problem,) = planned.problems
    assert "there is no" in problem.message


# ------------------------------------------------------------------------------------ HelmRelease


def test_a_chart_of_this_repository(shop: Shop) -> None:
    text = helm_release("values:\n  image: {tag: two}\nsuspend: true\ninstall: {crds: Skip}\n")
    planned = shop.plan(text, source())
    found = release(planned)
    assert (found.name, found.namespace, found.variant) == ("web", "shop", "release web")
    assert found.requested_by == "HelmRelease/shop/web apps.yaml:1"
    assert not found.with_crds
    (values,) = found.values
    assert isinstance(values, InlineValues)
    assert values.body == {"image": {"tag": "two"}}
    assert values.locate("/image/tag").start.line == 10
    assert planned.claimed == {Place("chart", shop.root / "charts/web")}
    assert told(planned) == []


NAMES = {
    "a name": ("releaseName: x\ntargetNamespace: other\n", "x", "other"),
    "a namespace": ("targetNamespace: other\n", "other-web", "other"),
    "too long": (f"releaseName: {'a' * 60}\n", "a" * 40 + "-11ee391211c6", "shop"),
}


@pytest.mark.parametrize(("spec", "name", "namespace"), NAMES.values(), ids=NAMES)
def test_names(shop: Shop, spec: str, name: str, namespace: str) -> None:
    found = release(shop.plan(helm_release(spec), source()))
    assert (found.name, found.namespace) == (name, namespace)


def test_values_of_maps_come_first(shop: Shop) -> None:
    spec = """\
    valuesFrom:
    - {kind: ConfigMap, name: one}
    - {kind: ConfigMap, name: one, valuesKey: tag, targetPath: image.tag}
    - {kind: ConfigMap, name: one, valuesKey: text, targetPath: image.a\\.b}
    - {kind: ConfigMap, name: one, valuesKey: sign, targetPath: image.tag}
    - {kind: ConfigMap, name: one, valuesKey: capitals, targetPath: image.tag}
    - {kind: Secret, name: two, optional: true}
    values: {a: 1}
    """
    maps = config_map(
        "one", "values.yaml: |\n  image:\n    tag: x\ntag: '2'\ntext: '\"2\"'\nsign: '+1'\ncapitals: 'TRUE'\n"
    )
    planned = shop.plan(helm_release(spec), source(), maps)
    values = [one for one in release(planned).values if isinstance(one, InlineValues)]
    assert [one.body for one in values] == [
        {"image": {"tag": "x"}},
        {"image": {"tag": 2}},
        {"image": {"a.b": "2"}},
        {"image": {"tag": 1}},
        {"image": {"tag": True}},
        {"a": 1},
    ]
    assert [str(one.locate("/image/tag")) for one in values] == [
        "more2.yaml:7:7",
        "more2.yaml:8:3",
        "more2.yaml:9:3",
        "more2.yaml:10:3",
        "more2.yaml:11:3",
        "apps.yaml:16:3",
    ]
    assert told(planned) == [
        (
            "note apps.yaml:15: the values in key 'values.yaml' of Secret 'two', which is not among the manifests, "
            "are not known; they are optional, and taken as absent"
        )
    ]


FILES: dict[str, tuple[str, list[Json]]] = {
    "none": ("", []),
    "beside its own": (
        "    valuesFiles: [charts/web/values.yaml, ./common/values.yaml]\n",
        ["charts/web/values.yaml", "common/values.yaml"],
    ),
    "in place of its own": (
        "    valuesFiles: [common/values.yaml]\n",
        [{"image": {"tag": None, "pull": None}, "replicas": None, "empty": None}, "common/values.yaml"],
    ),
    "missing, and may be": (
        "    valuesFiles: [charts/web/values.yaml, gone.yaml]\n    ignoreMissingValuesFiles: true\n",
        ["charts/web/values.yaml"],
    ),
    "the older field": ("    valuesFile: charts/web/values.yaml\n", ["charts/web/values.yaml"]),
}


@pytest.mark.parametrize(("fields", "wanted"), FILES.values(), ids=FILES)
def test_values_files(shop: Shop, fields: str, wanted: list[Json]) -> None:
    found = release(shop.plan(helm_release(chart=CHART + fields), source()))
    assert [shop.path(one.path) if isinstance(one, ValuesFile) else one.body for one in found.values] == wanted


def test_a_chart_object(shop: Shop) -> None:
    chart = (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\nmetadata: {name: web, namespace: flux-system}\n"
        f"spec: {{chart: charts/web, sourceRef: {REFERENCE}, valuesFiles: [charts/web/values.yaml]}}\n"
    )
    text = helm_release(chart="chartRef: {kind: HelmChart, name: web, namespace: flux-system}\n")
    planned = shop.plan(text, source(), chart)
    assert release(planned).values == (ValuesFile(shop.root / "charts/web/values.yaml"),)


def test_an_archive_and_a_chart_in_an_artifact(shop: Shop) -> None:
    shop.touch("web-1.0.0.tgz")
    planned = shop.plan(helm_release(chart=CHART.replace("charts/web", "web-1.0.0.tgz")), source())
    assert release(planned)
    assert planned.claimed == {Place("chart", shop.root / "web-1.0.0.tgz")}
    generator = GENERATOR.replace("charts/**", "charts/web/**").replace("artifact/c/", "artifact/")
    text = helm_release(chart="chartRef: {kind: ExternalArtifact, name: web, namespace: flux-system}\n")
    assert release(shop.plan(text, generator)).name == "web"


def chart_of(kind: str, chart: str = "redis") -> str:
    return (
        f"chart:\n  spec:\n    chart: {chart}\n    sourceRef: {{kind: {kind}, name: deploy, namespace: flux-system}}\n"
    )


UNJUDGED = "HelmRelease/shop/web is not judged:"
UNKNOWN_VALUES = (
    "unjudged apps.yaml:9: HelmRelease/shop/web with all its values is not judged: "
    "those in key 'values.yaml' of Secret 'x', which is"
)


ONLY_A_PATCH = "Flux takes it only as a patch of another"
FROM_SECRET = "valuesFrom: [{kind: Secret, name: x}]\n"


def made_by(api_version: str, kind: str) -> str:
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\n"


HELM_TOLD: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "a repository of charts": (
        (helm_release(chart=chart_of("HelmRepository")), source("https://charts.example.org", "HelmRepository")),
        [f"unjudged apps.yaml:7: {UNJUDGED} chart redis of https://charts.example.org {ELSEWHERE}"],
    ),
    "a repository of charts that is not there": (
        (helm_release(chart=chart_of("HelmRepository")),),
        [f"unjudged apps.yaml:7: {UNJUDGED} chart redis of HelmRepository/deploy {NOT_HERE}"],
    ),
    "another git repository": (
        (helm_release(), source("https://git.example.org/a/other")),
        [f"unjudged apps.yaml:7: {UNJUDGED} chart ./charts/web of https://git.example.org/a/other {ELSEWHERE}"],
    ),
    "an OCI chart": (
        (
            helm_release(chart="chartRef: {kind: OCIRepository, name: deploy, namespace: flux-system}\n"),
            source("oci://registry.example.org/web", "OCIRepository"),
        ),
        [f"unjudged apps.yaml:5: {UNJUDGED} the chart of oci://registry.example.org/web {ELSEWHERE}"],
    ),
    "another layer of the artifact of a chart": (
        (
            helm_release(chart="chartRef: {kind: OCIRepository, name: deploy, namespace: flux-system}\n"),
            source("oci://registry.example.org/web", "OCIRepository").replace(
                "spec: {", "spec: {layerSelector: {mediaType: application/other}, "
            ),
        ),
        [f"unjudged apps.yaml:5: {UNJUDGED} the chart of oci://registry.example.org/web {NOT_HERE}"],
    ),
    "no chart": (
        (helm_release(chart="interval: 1m\n"),),
        [f"note apps.yaml:4: the HelmRelease has neither spec.chart nor spec.chartRef, so {ONLY_A_PATCH}"],
    ),
    "a chart that is missing": (
        (helm_release(chart=chart_of("GitRepository", "./gone")), source()),
        ["problem apps.yaml:7: spec.chart.spec.chart: there is no './gone' in this repository; fix the path"],
    ),
    "a folder that is no chart": (
        (helm_release(chart=chart_of("GitRepository", "plain")), source()),
        ["problem apps.yaml:7: spec.chart.spec.chart: there is no Chart.yaml in 'plain'; name a chart"],
    ),
    "a secret": (
        (helm_release("valuesFrom: [{kind: Secret, name: x}]\n"), source()),
        [f"{UNKNOWN_VALUES} not among the manifests, are not known"],
    ),
    "a sealed secret": (
        (
            helm_release("valuesFrom: [{kind: Secret, name: x}]\n"),
            source(),
            made_by("bitnami.com/v1alpha1", "SealedSecret"),
        ),
        [f"{UNKNOWN_VALUES} sealed (SealedSecret/shop/x more2.yaml:1), are not known"],
    ),
    "an external secret": (
        (
            helm_release(FROM_SECRET),
            source(),
            made_by("external-secrets.io/v1", "ExternalSecret"),
        ),
        [f"{UNKNOWN_VALUES} fetched in the cluster (ExternalSecret/shop/x more2.yaml:1), are not known"],
    ),
    "an index as path": (
        (
            helm_release("valuesFrom: [{kind: ConfigMap, name: x, valuesKey: k, targetPath: 'a[0]'}]\n"),
            source(),
            config_map("x", "k: v\n"),
        ),
        ["problem apps.yaml:9: spec.valuesFrom[0].targetPath: a list or index in 'a[0]' is not put in"],
    ),
    "a list without an end": (
        (
            helm_release("valuesFrom: [{kind: ConfigMap, name: x, valuesKey: k, targetPath: a}]\n"),
            source(),
            config_map("x", "k: '\"{b\"'\n"),
        ),
        ["problem apps.yaml:9: spec.valuesFrom[0].targetPath: 'a' cannot be set: a list must end with '}'"],
    ),
    "values that are no mapping": (
        (
            helm_release("valuesFrom: [{kind: ConfigMap, name: x}]\n"),
            source(),
            config_map("x", "values.yaml: '[a]'\n"),
        ),
        ["problem apps.yaml:9: key 'values.yaml' of ConfigMap 'x': values must be one mapping"],
    ),
    "renderers after Helm in an old form": (
        (helm_release("postRenderers:\n- kustomize: {}\n- kustomize: {patchesStrategicMerge: [{a: b}]}\n"), source()),
        [
            (
                "problem apps.yaml:11: spec.postRenderers[1].kustomize.patchesStrategicMerge is not in v2 of "
                "HelmRelease, and is not put on what is judged; write it as patches"
            )
        ],
    ),
    "a missing values file": (
        (helm_release(chart=CHART + "    valuesFiles: [charts/web/values.yaml, gone.yaml]\n"), source()),
        [
            (
                "problem apps.yaml:9: spec.chart.spec.valuesFiles[1]: there is no '/gone.yaml' in this repository; "
                "fix the path"
            )
        ],
    ),
    "values are a list": (
        (helm_release("values: [a]\n"), source()),
        ["problem apps.yaml:9: spec.values must be a mapping"],
    ),
}


@pytest.mark.parametrize(("texts", "messages"), HELM_TOLD.values(), ids=HELM_TOLD)
def test_what_is_told_of_releases(shop: Shop, texts: tuple[str, ...], messages: list[str]) -> None:
    assert told(shop.plan(*texts)) == messages


ODD = (
    "",
    "spec: x\n",
    "spec: {chart: []}\n",
    "spec: {chart: {spec: x}}\n",
    "spec: {chartRef: a}\n",
    "spec: {sourceRef: 1}\n",
)


@pytest.mark.parametrize("spec", ODD)
@pytest.mark.parametrize(
    "kind", ["kustomize.toolkit.fluxcd.io/v1 Kustomization", "helm.toolkit.fluxcd.io/v2 HelmRelease"]
)
def test_odd_objects_are_told(shop: Shop, kind: str, spec: str) -> None:
    api_version, name = kind.split()
    planned = shop.plan(f"apiVersion: {api_version}\nkind: {name}\nmetadata: {{name: a}}\n{spec}")
    assert planned.problems or (name == "HelmRelease" and planned.notes)
    assert not planned.requests


def test_relevant_kinds(shop: Shop) -> None:
    assert ("", "ConfigMap") in GITOPS_KINDS
    texts = {source(): (True, False), helm_release(): (True, True), "apiVersion: v1\nkind: Pod\n": (False, False)}
    for text, wanted in texts.items():
        (resource,) = shop.resources(text)
        assert (is_relevant(resource), deploys(resource)) == wanted
    (kustomization_file,) = shop.resources("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")
    assert not is_relevant(kustomization_file)
