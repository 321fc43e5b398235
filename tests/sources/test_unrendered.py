"""sources/unrendered: a workload that belongs to something rendered and is in no output is judged as it is written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from kgate.model import Batch
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool

GOOD = {"good.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: ok}\nspec: {ports: [{port: 80}]}\n"}


def pod(name: str, rest: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  hostPID: true\n"
        f"  containers: [{{name: c, image: x, securityContext: {{privileged: true}}}}]\n{rest}"
    )


EVIL = {"prod/evil.yaml": pod("evil")}
PROD = EVIL | {"prod/kustomization.yaml": "resources: [evil.yaml]\n"}
DELETION = "$patch: delete\napiVersion: v1\nkind: Pod\nmetadata: {name: evil}\n"


def indented(text: str, by: int = 4) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


DELETING = f"patches:\n- target: {{kind: Pod}}\n  patch: |\n{indented(DELETION)}"
CHART = "apiVersion: v2\nname: x\nversion: 0.1.0\n"
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
FLUX = (
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: decoy}\n"
    "spec:\n  path: ./prod\n  sourceRef: {kind: GitRepository, name: flux-system}\n"
)
FLUX_DELETING = FLUX + indented(DELETING, 2)
ARGO = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: decoy, namespace: argocd}\n"
    "spec:\n  destination: {namespace: shop}\n"
    "  source:\n    repoURL: https://git.example.com/deploy.git\n    path: prod\n"
)
SOURCE = (
    "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system}\n"
    "spec:\n  url: https://git.example.com/deploy.git\n"
)


def collected(root: Path, files: dict[str, str], *urls: str) -> list[Batch]:
    write(root, files)
    settings = RenderSettings(programs={"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)})
    with closing(collect([root], Repository(root, urls), settings, batches_of(()))) as everything:
        return list(everything)


def judged(batches: list[Batch]) -> list[str]:
    """The workloads that are judged as they are written, with their places."""
    found = (one for batch in batches for one in batch.resources if one.rendering is None)
    places = ((one.id, one.locate("")) for one in found if one.id.kind in ("Pod", "Deployment"))
    return sorted(f"{who.name} {place.path}:{place.start.line}" for who, place in places)


def notes(batches: list[Batch]) -> list[str]:
    """The notes that say why."""
    found = sorted({str(note) for batch in batches for note in batch.notes})
    return [note for note in found if " judged as " in note and " written" in note]


WHO = "prod/evil.yaml:1: Pod/evil is judged as it is written:"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        pytest.param(
            EVIL | {"kustomization.yaml": f"resources: [prod/evil.yaml]\n{DELETING}"},
            "nothing that is built with kustomization.yaml:1 contains it",
            id="deleted-by-a-patch",
        ),
        pytest.param(
            EVIL
            | {
                "kustomization.yaml": "resources: [prod/evil.yaml]\npatchesStrategicMerge: [drop.yaml]\n",
                "drop.yaml": DELETION,
            },
            "nothing that is built with kustomization.yaml:1 contains it",
            id="deleted by a strategic merge in a file",
        ),
        pytest.param(
            PROD
            | {
                "live/kustomization.yaml": "resources: [../prod]\ncomponents: [../drop]\n",
                "drop/kustomization.yaml": COMPONENT + DELETING,
            },
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="deleted by a component",
        ),
        pytest.param(
            {
                "prod/evil.yaml": pod("evil") + "---\n" + pod("evil-twin"),
                "kustomization.yaml": "resources: [prod/evil.yaml]\n"
                f"patches:\n- target: {{kind: Pod, name: evil}}\n  patch: |\n{indented(DELETION)}",
            },
            "nothing that is built with kustomization.yaml:1 contains it",
            id="deleted beside another pod of the file",
        ),
        pytest.param(
            PROD | {"zz/kustomization.yaml": f"resources: [../prod]\n{DELETING}"},
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="decoy-overlay",
        ),
        pytest.param(
            PROD
            | {
                "y/kustomization.yaml": "namePrefix: y-\nresources: [../prod]\n",
                "zz/kustomization.yaml": f"resources: [../y]\n{DELETING.replace('name: evil', 'name: y-evil')}",
            },
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="an overlay of an overlay",
        ),
        pytest.param(
            PROD
            | {
                "yy/kustomization.yaml": f"bases: [../prod]\n{DELETING}",
                "zz/kustomization.yaml": f"resources: [../prod]\n{DELETING}",
            },
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="two overlays",
        ),
        pytest.param(
            PROD
            | {
                "zz/evil-2.yaml": pod("evil-2"),
                "zz/kustomization.yaml": "resources: [../prod, evil-2.yaml]\n"
                f"patches:\n- target: {{kind: Pod, name: evil}}\n  patch: |\n{indented(DELETION)}",
            },
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="an overlay that has a pod with a similar name instead",
        ),
        pytest.param(
            PROD | {"zz/kustomization.yaml": "resources: [../prod, https://example.com/x.yaml]\n"},
            "nothing that is built with prod/kustomization.yaml:1 contains it, as far as that is judged",
            id="an overlay that is not judged, as it needs a base from elsewhere",
        ),
        pytest.param(
            EVIL | {"decoy.yaml": FLUX_DELETING},
            "what Kustomization/decoy decoy.yaml:1 builds does not contain it",
            id="decoy-flux-kustomization",
        ),
        pytest.param(
            EVIL | {"decoy.yaml": FLUX_DELETING, "more.yaml": FLUX_DELETING.replace("decoy", "more")},
            "what Kustomization/decoy decoy.yaml:1 builds does not contain it",
            id="two of Flux",
        ),
        pytest.param(
            PROD | {"decoy.yaml": FLUX_DELETING},
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="one of Flux for a kustomization",
        ),
        pytest.param(
            PROD | {"decoy.yaml": FLUX + "  components: [../drop]\n", "drop/kustomization.yaml": COMPONENT + DELETING},
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="a component that Flux adds",
        ),
        pytest.param(
            PROD | {"decoy.yaml": ARGO + "    kustomize:\n" + indented(DELETING, 6)},
            "nothing that is built with prod/kustomization.yaml:1 contains it",
            id="an Application with a patch",
        ),
        pytest.param(
            EVIL | {"decoy.yaml": ARGO + "    directory: {exclude: '*'}\n"},
            "it is left out by spec.source.directory of Application/argocd/decoy, and others may apply it",
            id="an Application that excludes it",
        ),
        pytest.param(
            EVIL | {"decoy.yaml": FLUX + SOURCE + "  ignore: evil.yaml\n", "prod/good.yaml": GOOD["good.yaml"]},
            "it is hidden from Flux by spec.ignore of its source, and others may apply it",
            id="a source of Flux that hides it",
        ),
        pytest.param(
            EVIL | {"kustomization.yaml": "patches: [{path: prod/evil.yaml, target: {kind: Nothing}}]\n"},
            "kustomization.yaml:1 names it as a patch, which patches nothing",
            id="patch-without-a-target",
        ),
        pytest.param(
            EVIL
            | {
                "kustomization.yaml": "resources: [web.yaml]\n"
                "patches:\n- {path: prod/evil.yaml, target: {name: web}}\n",
                "web.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n",
            },
            "kustomization.yaml:3 names it as a patch, which patches nothing",
            id="a patch of another kind",
        ),
        pytest.param(
            EVIL
            | {
                "kustomization.yaml": "resources: [web.yaml]\n"
                "patches:\n- {path: prod/evil.yaml, target: {kind: Pod, labelSelector: a=b}}\n",
                "web.yaml": pod("web"),
            },
            "kustomization.yaml:3 names it as a patch, which patches nothing",
            id="a patch for labels that no pod has",
        ),
        pytest.param(
            EVIL | {"kustomization.yaml": COMPONENT + "patches: [{path: prod/evil.yaml, target: {name: nobody}}]\n"},
            "kustomization.yaml:3 names it as a patch, which patches nothing",
            id="a patch of a component that nothing includes",
        ),
        pytest.param(
            EVIL | {"kustomization.yaml": "configMapGenerator: [{name: x, files: [prod/evil.yaml]}]\n"},
            "kustomization.yaml:1 only makes data of the file",
            id="swallowed-by-a-generator",
        ),
        pytest.param(
            EVIL | {"kustomization.yaml": "secretGenerator: [{name: x, files: [a=prod/evil.yaml]}]\n"},
            "kustomization.yaml:1 only makes data of the file",
            id="swallowed for a Secret, under another key",
        ),
        pytest.param(
            EVIL | {"kustomization.yaml": "resources: [good.yaml]\nopenapi: {path: prod/evil.yaml}\n"},
            "kustomization.yaml:2 only configures kustomize with the file",
            id="named as a schema",
        ),
        pytest.param(
            {
                "prod/evil.yaml": pod("evil"),
                "prod/Chart.yaml": CHART,
                "prod/templates/data.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n"
                '{{ (.Files.Glob "*.yaml").AsConfig | indent 2 }}\n',
            },
            "the chart prod only reads the file",
            id="swallowed by a template that reads all files",
        ),
        pytest.param(
            {
                "prod/evil.yaml": pod("evil"),
                "prod/Chart.yaml": CHART,
                "prod/templates/data.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
                'data: {a: {{ .Files.Get "evil.yaml" | quote }}}\n',
            },
            "the chart prod only reads the file",
            id="swallowed by a template",
        ),
    ],
)
def test_what_no_rendering_puts_out(tmp_path: Path, files: dict[str, str], why: str) -> None:
    batches = collected(tmp_path, GOOD | files)
    assert [problem for batch in batches for problem in batch.problems] == []
    assert judged(batches) == ["evil prod/evil.yaml:1"]
    assert notes(batches) == [f"{WHO} {why}"]


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: x}]}
"""
PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: any}
spec: {template: {spec: {containers: [{name: c, image: y, securityContext: {privileged: true}}]}}}
"""
READING = '{{ .Files.Get "pod.yaml" }}'


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            PROD
            | {
                "with/kustomization.yaml": "resources: [../prod]\nnamePrefix: a-\n",
                "without/kustomization.yaml": f"resources: [../prod]\n{DELETING}",
            },
            id="deleted by one overlay and kept by another, under another name",
        ),
        pytest.param(
            {
                "kustomization.yaml": "resources: [web.yaml]\npatches: [{path: patch.yaml}]\n"
                "images: [{name: new, newTag: b}]\n",
                "web.yaml": pod("web"),
                "patch.yaml": pod("web").replace("image: x", "image: new"),
            },
            id="a patch as whole as what it patches",
        ),
        pytest.param(
            {
                "kustomization.yaml": "resources: [web.yaml]\npatches: [{path: patch.yaml, target: {kind: Pod}}]\n",
                "web.yaml": pod("web"),
                "patch.yaml": pod("any").replace("name: c", "name: sidecar"),
            },
            id="a patch that adds a container",
        ),
        pytest.param(
            {
                "kustomization.yaml": "resources: [good.yaml]\n"
                "patches: [{path: patch.yaml, target: {kind: Deployment}}]\n",
                "patch.yaml": PATCH,
            },
            id="a patch that patches nothing and nobody could apply",
        ),
        pytest.param(
            {
                "kustomization.yaml": "resources: [all.yaml]\nnameSuffix: -z\n",
                "all.yaml": "kind: List\napiVersion: v1\nitems:\n"
                f"-\n{indented(DEPLOYMENT, 2)}-\n{indented(pod('b'), 2)}",
            },
            id="members of a list",
        ),
        pytest.param(
            {
                "live/kustomization.yaml": "resources: [web.yaml]\ncomponents: [../part]\n",
                "live/web.yaml": DEPLOYMENT,
                "part/kustomization.yaml": COMPONENT + "resources: [pod.yaml]\npatches: [{path: patch.yaml}]\n",
                "part/pod.yaml": pod("part"),
                "part/patch.yaml": PATCH.replace("name: any", "name: web"),
            },
            id="what a component adds and patches",
        ),
        pytest.param(
            PROD
            | {
                "decoy.yaml": FLUX + "  components: [../part]\n  postBuild: {substitute: {NAME: a}}\n",
                "prod/evil.yaml": pod("'${NAME}'"),
                "part/kustomization.yaml": COMPONENT + "resources: [pod.yaml]\n",
                "part/pod.yaml": pod("part"),
            },
            id="a component and a name that Flux adds",
        ),
        pytest.param(
            EVIL | {"decoy.yaml": FLUX + "  namePrefix: a-\n", "prod/b.yaml": DEPLOYMENT},
            id="plain manifests that Flux changes",
        ),
        pytest.param(
            {
                "chart/Chart.yaml": CHART,
                "chart/templates/all.yaml": READING,
                "chart/pod.yaml": pod("web"),
            },
            id="a file that a template puts out",
        ),
        pytest.param(
            {
                "kustomization.yaml": "configMapGenerator: [{name: x, files: [a.yaml, b.yaml, c.yaml]}]\n",
                "a.yaml": "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: x}]}\n",
                "b.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: jnlp}]}\n",
                "c.yaml": "spec: {containers: [{name: c, image: x}]}\n",
            },
            id="data that no API server would take",
        ),
    ],
)
def test_what_is_put_out_or_means_nothing_alone(tmp_path: Path, files: dict[str, str]) -> None:
    batches = collected(tmp_path, GOOD | files)
    assert [problem for batch in batches for problem in batch.problems] == []
    assert (judged(batches), notes(batches)) == ([], [])


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"kustomization.yaml": "resources: [prod, nowhere.yaml]\n"}, id="a missing file"),
        pytest.param({"decoy.yaml": FLUX + "  patches: [{patch: 'a: ['}]\n"}, id="an object that cannot be followed"),
    ],
)
def test_what_cannot_be_rendered_is_a_problem_and_no_more(tmp_path: Path, files: dict[str, str]) -> None:
    batches = collected(tmp_path, GOOD | PROD | files)
    assert len({problem for batch in batches for problem in batch.problems}) == 1
    assert (judged(batches), notes(batches)) == ([], [])


HARDENING = """\
patches:
- target: {kind: Pod}
  patch: |
    - {op: replace, path: /spec/hostPID, value: false}
    - {op: remove, path: /spec/containers/0/securityContext}
"""
HARDENED = PROD | {"live/kustomization.yaml": f"resources: [../prod]\n{HARDENING}"}
URL = "https://git.example.com/deploy.git"
SET = (
    "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: way}\nspec:\n"
    "  generators: [{pullRequest: {}}]\n  template:\n    metadata: {name: x}\n    spec:\n"
    "      destination: {namespace: shop}\n"
    f"      source: {{repoURL: '{URL}', path: PATH}}\n"
)
BUCKET = FLUX.replace("GitRepository, name: flux-system", "Bucket, name: packed") + (
    "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: Bucket\nmetadata: {name: packed}\n"
    "spec: {endpoint: minio, bucketName: deploy}\n"
)
HARDENING_FLUX = FLUX + indented(HARDENING, 2)


def of(group: str, kind: str, spec: str) -> dict[str, str]:
    return {"way.yaml": f"apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: way}}\nspec: {{{spec}}}\n"}


@pytest.mark.parametrize(
    ("files", "who"),
    [
        pytest.param(
            HARDENED | {"way.yaml": SET.replace("PATH", "'{{branch}}'")},
            "way.yaml:10: ApplicationSet/way may also deploy prod",
            id="an ApplicationSet whose path is not known",
        ),
        pytest.param(
            HARDENED | {"way.yaml": SET.replace("PATH", "'live/../p{{branch}}'")},
            "way.yaml:10: ApplicationSet/way may also deploy prod",
            id="an ApplicationSet whose path begins with another folder, and leaves it",
        ),
        pytest.param(
            HARDENED | {"way.yaml": SET.replace("PATH", "prod").replace(URL, "{{url}}")},
            "way.yaml:10: ApplicationSet/way may also deploy prod",
            id="an ApplicationSet whose URL is not known",
        ),
        pytest.param(
            HARDENED | {"way.yaml": ARGO.replace("decoy", "way") + "    plugin: {name: own}\n"},
            "way.yaml:9: Application/argocd/way may also deploy prod",
            id="an Application with a plugin",
        ),
        pytest.param(
            HARDENED
            | {"way.yaml": f"{BUCKET}---\n{BUCKET.replace('prod', 'base').replace('decoy', 'two')}"}
            | {"a/base/good.yaml": GOOD["good.yaml"]},
            "way.yaml:6: Kustomization/decoy may also deploy prod",
            id="a bucket that is filled from nobody knows where",
        ),
        pytest.param(
            HARDENED | {"way.yaml": FLUX.replace("flux-system", "own").replace("./prod", "./").replace("decoy", "way")},
            "way.yaml:5: Kustomization/way may also deploy prod",
            id="a source of Flux that is not among the manifests, for the root",
        ),
        pytest.param(
            HARDENED | of("fleet.cattle.io", "GitRepo", f"repo: '{URL}', paths: [prod]"),
            "way.yaml:4: GitRepo/way may also deploy prod",
            id="a GitRepo of Fleet",
        ),
        pytest.param(
            HARDENED | of("fluxcd.controlplane.io", "FluxInstance", f"sync: {{url: '{URL}', path: ./prod}}"),
            "way.yaml:4: FluxInstance/way may also deploy prod",
            id="a FluxInstance",
        ),
        pytest.param(
            HARDENED | of("configsync.gke.io", "RootSync", f"git: {{repo: '{URL}', dir: prod}}"),
            "way.yaml:4: RootSync/way may also deploy prod",
            id="a RootSync of Config Sync",
        ),
        pytest.param(
            HARDENED | of("kappctrl.k14s.io", "App", f"fetch: [{{git: {{url: '{URL}'}}}}]"),
            "way.yaml:4: App/way may also deploy prod",
            id="an App of kapp-controller, for the root",
        ),
        pytest.param(
            HARDENED
            | of(
                "kyverno.io",
                "ClusterPolicy",
                "rules: [{name: a, generate: {kind: Kustomization, data: {kind: Kustomization, apiVersion: "
                "kustomize.toolkit.fluxcd.io/v1, spec: {path: ./prod, sourceRef: {kind: GitRepository, name: a}}}}}]",
            ),
            "way.yaml:4: ClusterPolicy/way may also deploy prod",
            id="an object of Flux that a policy makes",
        ),
        pytest.param(
            PROD | {"decoy.yaml": HARDENING_FLUX, "way.yaml": SET.replace("PATH", "'{{branch}}'")},
            "way.yaml:10: ApplicationSet/way may also deploy prod",
            id="a base that one of Flux hardens",
        ),
        pytest.param(
            EVIL | {"decoy.yaml": HARDENING_FLUX, "way.yaml": SET.replace("PATH", "'{{branch}}'")},
            "way.yaml:10: ApplicationSet/way may also deploy prod/evil.yaml",
            id="plain manifests that one of Flux hardens",
        ),
    ],
)
def test_what_an_object_may_deploy_whose_path_is_not_clear(tmp_path: Path, files: dict[str, str], who: str) -> None:
    batches = collected(tmp_path, GOOD | files, URL)
    assert [problem for batch in batches for problem in batch.problems] == []
    pods = [one for batch in batches for one in batch.resources if one.id.kind == "Pod"]
    assert [one.id.name for one in pods if one.body["spec"].get("hostPID")] == ["evil"]
    found = [str(note) for batch in batches for note in batch.notes]
    assert f"{who}, which is judged as it is written, too" in found


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"way.yaml": SET.replace("PATH", "'{{branch}}'").replace("deploy.git", "other.git")},
            id="an object of another repository",
        ),
        pytest.param({"way.yaml": SET.replace("PATH", "'live/{{branch}}'")}, id="an object for another folder"),
        pytest.param(
            of("fleet.cattle.io", "GitRepo", "repo: 'https://git.example.com/other.git', paths: [prod]"),
            id="another repository that Fleet deploys",
        ),
        pytest.param(of("kyverno.io", "ClusterPolicy", "rules: [{mutate: {}}]"), id="a policy"),
    ],
)
def test_what_does_not_lead_to_a_base(tmp_path: Path, files: dict[str, str]) -> None:
    batches = collected(tmp_path, HARDENED | files, URL)
    pods = [one for batch in batches for one in batch.resources if one.id.kind == "Pod"]
    assert [str(one.rendering) for one in pods] == ["kustomize live"]


def test_a_chart_that_an_object_may_deploy_without_the_values_of_another(tmp_path: Path) -> None:
    text = pod("evil").replace("hostPID: true", "hostPID: {{ .Values.hostPID }}")
    chart = {"prod/Chart.yaml": CHART, "prod/values.yaml": "hostPID: true\n", "prod/templates/pod.yaml": text}
    harmless = ARGO + "    helm: {valuesObject: {hostPID: false}}\n"
    batches = collected(
        tmp_path, chart | {"decoy.yaml": harmless, "way.yaml": SET.replace("PATH", "'{{branch}}'")}, URL
    )
    pods = [one for batch in batches for one in batch.resources if one.id.kind == "Pod"]
    assert sorted(one.body["spec"]["hostPID"] for one in pods) == [False, True]
