"""Bindings and workloads of several renderings that are surely deployed to the same cluster count together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kgate.access import read_access
from kgate.config import Settings
from kgate.gitops.plan import plan
from kgate.kubernetes import manifest
from kgate.model import Persona, Report
from kgate.rbac.reach import reaches
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.sources.clusters import ClusterFolders
from tests.hostile import write
from tests.judgement.test_reach import ACCOUNT, ADMIN, KUSTOMIZATION, SECRETS, deployment, reached, scanned
from tests.rbac.objects import binding, role
from tests.real_tools import helm_tool, kustomize_tool

PROD = ClusterFolders.of("prod", ("clusters/prod/",))
STAGING = ClusterFolders.of("staging", ("clusters/staging/",))


def application(name: str, path: str, destination: str) -> str:
    return (
        f"---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n"
        f"  source: {{repoURL: https://example.org/shop, path: {path}}}\n"
        f"  destination: {{{destination}, namespace: apps}}\n"
    )


def flux(name: str, path: str, more: str = "") -> str:
    return (
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec: {{path: {path}, prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}{more}}}\n"
    )


def folder(path: str, text: str) -> dict[str, str]:
    """A kustomization with one file."""
    return {f"{path}/kustomization.yaml": KUSTOMIZATION.format("all.yaml"), f"{path}/all.yaml": text}


APPS = folder("apps", deployment())
RBAC = folder("rbac", ADMIN)
REMOTE, LOCAL = "server: https://10.0.0.1", "server: https://kubernetes.default.svc"
JOINED = ["apps/all.yaml:2 < rbac/all.yaml:5"]
NOTED = "is deployed by other means, so it is judged without this binding"
ENVIRONMENTS = {
    **folder("staging/apps", deployment()),
    **folder("staging/rbac", ADMIN.replace("cluster-admin", "view")),
    **folder("prod/apps", deployment()),
    **folder("prod/rbac", ADMIN),
}
SETS = """\
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: {name}}}
spec:
  generators: [{{{generator}}}]
  template:
    metadata: {{name: '{name}-{{{{name}}}}'}}
    spec:
      source: {{repoURL: https://example.org/shop, path: '{path}'}}
      destination: {{server: '{server}', namespace: apps}}
"""
EACH = "list: {elements: [{name: staging, server: https://10.0.0.1}, {name: prod, server: https://10.0.0.2}]}"


def per_cluster(name: str, path: str, generator: str = EACH, server: str = "{{server}}") -> str:
    return SETS.format(name=name, path=path, generator=generator, server=server)


def ways(report: Report) -> list[str]:
    """Where workloads are, and where something is bound to them that leads to the cluster."""
    found = []
    for one in reached(report):
        bound = (place.location for place in one.location.related if place.message.startswith("bound here"))
        found += [f"{one.location.path}:{one.location.start.line} < {place.path}:{place.start.line}" for place in bound]
    return found


def followed(root: Path, clusters: Sequence[ClusterFolders] = ()) -> set[str]:
    """Where kgate reach finds a workload, and where something is bound to it."""
    programs = {"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)}
    rendering = RenderSettings(programs=programs)
    settings = Settings(Repository.at(root), (str(root),), rendering=rendering, clusters=tuple(clusters))
    access = read_access(settings, lambda _done, _total: None)
    found = set()
    for workload in access.workloads:
        for one in reaches(workload, access.workloads, access.objects, access.places):
            place = one.resource.locate("/spec/template/spec/serviceAccountName")
            places = (grant.binding.resource.locate("/roleRef") for grant in one.grants if grant.binding.resource)
            found |= {f"{place.path}:{place.start.line} < {bound.path}:{bound.start.line}" for bound in places}
    return found


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param(
            {"a.yaml": application("a", "apps", REMOTE) + application("b", "rbac", REMOTE)}, True, id="one server"
        ),
        pytest.param(
            {"a.yaml": application("a", "apps", REMOTE), "c/b.yaml": application("b", "rbac", f"{REMOTE}/")},
            True,
            id="one server, in two folders",
        ),
        pytest.param(
            {"a.yaml": application("a", "apps", "name: east") + application("b", "rbac", "name: west")},
            False,
            id="two clusters",
        ),
        pytest.param(
            {"a.yaml": application("a", "apps", REMOTE) + application("b", "rbac", LOCAL)},
            None,
            id="another cluster and that of Argo CD",
        ),
        pytest.param(
            {"a.yaml": application("a", "apps", LOCAL) + application("b", "rbac", "name: in-cluster")},
            True,
            id="the cluster of Argo CD, in one folder",
        ),
        pytest.param(
            {"a/a.yaml": application("a", "apps", LOCAL), "b/b.yaml": application("b", "rbac", LOCAL)},
            None,
            id="the cluster of Argo CD, in two folders",
        ),
        *(
            pytest.param(
                {"a/a.yaml": application("a", "apps", one), "b/b.yaml": application("b", "rbac", other)},
                None,
                id=name,
            )
            for name, one, other in [
                ("the cluster of Argo CD, with its port", f"{LOCAL}:443", f"{LOCAL}:443"),
                ("the cluster of Argo CD, by its whole name", f"{LOCAL}.cluster.local", f"{LOCAL}.cluster.local"),
                (
                    "a cluster inside that of Argo CD",
                    "server: https://v.team.svc:8443",
                    "server: https://v.team.svc:8443",
                ),
                ("two variables in URLs", "server: 'https://${STAGING}'", "server: 'https://${PROD}'"),
                ("one variable as the name", "name: '${CLUSTER}'", "name: '${CLUSTER}'"),
                (
                    "URLs that differ in what is not shown",
                    "server: https://x.example?a=1",
                    "server: https://x.example?a=2",
                ),
                ("a name like that of the cluster of a folder", "name: the cluster of b", LOCAL),
            ]
        ),
        *(
            pytest.param(
                {"a.yaml": application("a", "apps", REMOTE), "c/b.yaml": application("b", "rbac", other)},
                True,
                id=other,
            )
            for other in ("server: https://10.0.0.1:443/", "server: HTTPS://10.0.0.1")
        ),
        pytest.param(
            {"a.yaml": application("a", "apps", "name: prod") + application("b", "rbac", "name: Prod")},
            False,
            id="two names that differ in case",
        ),
        pytest.param(
            {
                "a.yaml": application("a", "apps", "server: https://v.team.svc")
                + application("b", "rbac", "server: https://v.team.svc")
            },
            True,
            id="a cluster inside that of Argo CD, in one folder",
        ),
        pytest.param(
            {
                "root.yaml": application("root", "argo", LOCAL),
                **folder("argo/a", application("a", "apps", LOCAL)),
                **folder("argo/b", application("b", "rbac", LOCAL)),
                "argo/kustomization.yaml": "resources: [a, b]\n",
            },
            True,
            id="the cluster of Argo CD, by an application of applications",
        ),
        pytest.param(
            {
                "root.yaml": application("root", "argo", "name: prod") + application("b", "rbac", "name: prod"),
                **folder("argo", application("a", "apps", LOCAL)),
            },
            True,
            id="the cluster to which the application goes itself",
        ),
        pytest.param(
            {"a.yaml": application("a", "apps", "name: 5") + application("b", "rbac", "namespace: x")},
            None,
            id="nothing that is known",
        ),
        pytest.param({"a.yaml": per_cluster("a", "apps") + per_cluster("b", "rbac")}, True, id="the same clusters"),
        pytest.param(
            {"a.yaml": per_cluster("a", "apps") + application("b", "rbac", "server: https://10.0.0.2")},
            True,
            id="one of several clusters",
        ),
        pytest.param(
            {"a.yaml": per_cluster("a", "apps") + application("b", "rbac", "server: https://10.0.0.3")},
            False,
            id="none of several clusters",
        ),
        pytest.param(
            {"a.yaml": per_cluster("a", "apps", "clusters: {}") + per_cluster("b", "rbac", "clusters: {}")},
            None,
            id="clusters that nobody states",
        ),
        pytest.param(
            {"clusters/prod/a.yaml": flux("a", "./apps"), "clusters/prod/b.yaml": flux("b", "./rbac")},
            True,
            id="two Kustomizations of Flux in one folder",
        ),
        pytest.param(
            {"clusters/prod/a.yaml": flux("a", "./apps"), "clusters/staging/b.yaml": flux("b", "./rbac")},
            None,
            id="two Kustomizations of Flux in the folders of two clusters",
        ),
        pytest.param(
            {
                "clusters/prod/flux-system/sync.yaml": flux("flux-system", "./clusters/prod"),
                "clusters/prod/a/a.yaml": flux("a", "./apps"),
                "clusters/prod/b/b.yaml": flux("b", "./rbac"),
            },
            True,
            id="what one root of Flux leads to",
        ),
        pytest.param(
            {
                "c/a.yaml": flux("a", "./apps", ", kubeConfig: {secretRef: {name: prod}}"),
                "c/b.yaml": flux("b", "./rbac", ", kubeConfig: {secretRef: {name: prod}}"),
            },
            True,
            id="one kubeconfig",
        ),
        pytest.param(
            {
                "c/a.yaml": flux("a", "./apps", ", kubeConfig: {secretRef: {name: prod}}"),
                "c/b.yaml": flux("b", "./rbac"),
            },
            None,
            id="a kubeconfig and none",
        ),
        pytest.param(
            {
                "a/a.yaml": flux("a", "./apps", ", kubeConfig: {secretRef: {name: prod}}"),
                "b/b.yaml": flux("b", "./rbac", ", kubeConfig: {secretRef: {name: prod}}"),
            },
            None,
            id="the kubeconfigs of two clusters, which may lead to the same one",
        ),
        pytest.param(
            {
                "c/a.yaml": flux("a", "./apps", ", kubeConfig: {secretRef: {name: prod}}"),
                "c/b.yaml": application("b", "rbac", "name: prod"),
            },
            None,
            id="a kubeconfig and a name",
        ),
    ],
)
def test_renderings_with_destinations(tmp_path: Path, files: dict[str, str], wanted: bool | None) -> None:
    """A workload in one kustomization, and what is bound to it in another one: in the same cluster, in another one, or
    None where nobody knows."""
    report = scanned(tmp_path, {**APPS, **RBAC, **files})
    assert ways(report) == (JOINED if wanted else [])
    assert any(NOTED in note.message for note in report.notes) is (wanted is None)
    assert followed(tmp_path) == (set() if wanted is False else set(JOINED))


PLAIN_APPS, PLAIN_RBAC = {"apps/all.yaml": deployment()}, {"rbac/all.yaml": ADMIN}


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param({**PLAIN_APPS, **RBAC}, JOINED, id="a plain workload"),
        pytest.param({**APPS, **PLAIN_RBAC}, JOINED, id="a plain binding"),
        pytest.param({**PLAIN_APPS, **PLAIN_RBAC}, JOINED, id="both"),
    ],
)
@pytest.mark.parametrize(
    ("apps", "rbac", "are_together"),
    [
        pytest.param(application("a", "apps", REMOTE), application("b", "rbac", REMOTE), True, id="one server"),
        pytest.param(
            application("a", "apps", REMOTE), application("b", "rbac", "server: https://x"), False, id="two servers"
        ),
        pytest.param(flux("a", "./apps"), flux("b", "./rbac"), True, id="Flux"),
    ],
)
def test_plain_folders(
    tmp_path: Path, files: dict[str, str], wanted: list[str], apps: str, rbac: str, are_together: bool
) -> None:
    """The same where GitOps objects apply folders as they are written."""
    report = scanned(tmp_path, {**files, "c/a.yaml": apps, "c/b.yaml": rbac})
    assert ways(report) == (wanted if are_together else [])
    assert not any(NOTED in note.message for note in report.notes)
    assert followed(tmp_path) == (set(wanted) if are_together else set())


STAGES = {
    **folder("clusters/staging/apps", deployment()),
    **folder("clusters/prod/apps", deployment()),
    **folder("clusters/prod/rbac", ADMIN),
}
BOUND = "clusters/prod/apps/all.yaml:2 < clusters/prod/rbac/all.yaml:5"
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "values.yaml": "web: true\nadmin: false\n",
    "ci/admin-values.yaml": "web: false\nadmin: true\n",
    "templates/web.yaml": "{{ if .Values.web }}" + deployment() + "{{ end }}",
    "templates/admin.yaml": "{{ if .Values.admin }}\n" + ADMIN + "{{ end }}",
}


def chart(path: str) -> dict[str, str]:
    return {f"{path}/{name}": text for name, text in CHART.items()}


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param(STAGES, [BOUND], id="overlays of staging and production"),
        pytest.param(
            {
                **APPS,
                **RBAC,
                "clusters/prod/a.yaml": application("a", "apps", REMOTE),
                "clusters/prod/b.yaml": application("b", "rbac", REMOTE),
            },
            JOINED,
            id="applications in the folder of a cluster",
        ),
        pytest.param(
            {**APPS, **folder("clusters/prod/rbac", ADMIN), "clusters/prod/a.yaml": application("a", "apps", REMOTE)},
            ["apps/all.yaml:2 < clusters/prod/rbac/all.yaml:5"],
            id="an application in a folder and an overlay in it",
        ),
        pytest.param(
            {
                **APPS,
                **RBAC,
                "clusters/prod/a.yaml": application("a", "apps", "name: east"),
                "clusters/prod/b.yaml": application("b", "rbac", "name: west"),
            },
            [],
            id="applications in one folder that name several clusters",
        ),
        pytest.param(
            {**APPS, **folder("clusters/prod/rbac", ADMIN), "a.yaml": application("a", "apps", "name: prod")},
            ["apps/all.yaml:2 < clusters/prod/rbac/all.yaml:5"],
            id="a destination with the name of a cluster",
        ),
        pytest.param(
            {
                **APPS,
                **folder("clusters/prod/rbac", ADMIN),
                "clusters/prod/a.yaml": application("a", "apps", "name: staging"),
            },
            [],
            id="a destination with the name of another cluster",
        ),
        pytest.param(
            {**STAGES, "a.yaml": application("a", "clusters/prod/apps", "name: staging")},
            [],
            id="a destination and a folder that contradict each other",
        ),
        pytest.param(
            {"clusters/prod/a.yaml": deployment(), **folder("clusters/prod/rbac", ADMIN)},
            ["clusters/prod/a.yaml:2 < clusters/prod/rbac/all.yaml:5"],
            id="a plain workload and an overlay",
        ),
        pytest.param(
            {"clusters/staging/a.yaml": deployment(), **folder("clusters/prod/rbac", ADMIN)},
            [],
            id="a plain workload and an overlay of another cluster",
        ),
        pytest.param(chart("clusters/prod/web"), [], id="two variants of a chart"),
        pytest.param(
            {**chart("clusters/prod/web"), **folder("clusters/prod/apps", deployment())},
            [],
            id="a variant of a chart beside an overlay",
        ),
        pytest.param(
            {**chart("clusters/prod/web"), **folder("clusters/prod/rbac", ADMIN)},
            ["clusters/prod/web/templates/web.yaml:2 < clusters/prod/rbac/all.yaml:5"],
            id="an overlay beside variants of a chart",
        ),
    ],
)
def test_renderings_in_folders_of_clusters(tmp_path: Path, files: dict[str, str], wanted: list[str]) -> None:
    assert ways(scanned(tmp_path, files, clusters=(PROD, STAGING))) == wanted
    assert followed(tmp_path, (PROD, STAGING)) >= set(wanted)


def test_what_one_folder_deploys_twice_is_for_several_clusters(tmp_path: Path) -> None:
    """Nobody says so, but staging and production have the same workload."""
    places = [f"{stage}/{what}" for stage in ("staging", "prod") for what in ("apps", "rbac")]
    asking = "".join(application(place.replace("/", "-"), place, LOCAL) for place in places)
    assert not ways(scanned(tmp_path, {**ENVIRONMENTS, "argo/all.yaml": asking}))
    named = asking.replace(LOCAL, "name: staging", 2).replace(LOCAL, "name: prod")
    assert ways(scanned(tmp_path, {"argo/all.yaml": named})) == ["prod/apps/all.yaml:2 < prod/rbac/all.yaml:5"]


def rules(report: Report) -> set[str]:
    return {finding.rule.id for finding in report.findings if str(finding.resource).startswith("Deployment/")}


NAMED = "metadata: {name: web, namespace: apps}"
WORKLOAD = deployment('"serviceAccountName": "web", "volumes": [VOLUME], "hostPID": true').replace(
    '"template": {', '"template": {"metadata": {"labels": {"app": "web"}}, '
)
WORKLOAD = WORKLOAD.replace("VOLUME", '{"name": "data", "persistentVolumeClaim": {"claimName": "web"}}')
SERVICE = f"---\napiVersion: v1\nkind: Service\n{NAMED}\nspec: {{type: LoadBalancer, selector: {{app: web}}}}\n"
CLAIM = (
    f"---\napiVersion: v1\nkind: PersistentVolumeClaim\n{NAMED}\nspec: {{storageClassName: '', volumeName: web}}\n"
    "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: web}\nspec: {hostPath: {path: /}}\n"
)
POLICY = (
    f"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n{NAMED}\n"
    "spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n"
)
CILIUM = (
    "---\napiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: all}\n"
    "spec: {endpointSelector: {}, ingress: [{}]}\n"
)
CALICO = f"---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\n{NAMED}\nspec: {{selector: all()}}\n"
NAMESPACE = (
    "---\napiVersion: v1\nkind: Namespace\n"
    "metadata: {name: apps, labels: {pod-security.kubernetes.io/enforce: restricted}}\n"
)
REFUSES = f"---\napiVersion: v1\nkind: ServiceAccount\n{NAMED}\nautomountServiceAccountToken: false\n"


@pytest.mark.parametrize(
    ("text", "added", "gone"),
    [
        pytest.param(SERVICE, {"exposed-privileged-pod"}, set(), id="a Service"),
        pytest.param(SERVICE.replace("namespace: apps", "namespace: other"), set(), set(), id="of another namespace"),
        pytest.param(CLAIM, {"host-path-claim"}, set(), id="a claim and its volume"),
        pytest.param(POLICY, set(), {"no-network-policy"}, id="a policy in the network"),
        pytest.param(CILIUM, set(), {"no-network-policy"}, id="a policy of Cilium for the whole cluster"),
        pytest.param(CALICO, set(), {"no-network-policy"}, id="a policy of Calico in the namespace"),
        pytest.param(NAMESPACE, {"refused-by-pod-security"}, set(), id="what the namespace enforces"),
        pytest.param(REFUSES, set(), {"service-account-token-mounted"}, id="an account that mounts no token"),
    ],
)
def test_what_counts_besides(tmp_path: Path, text: str, added: set[str], gone: set[str]) -> None:
    """A workload in a kustomization, and in a chart what is around it: for one cluster, and for two."""
    workload = WORKLOAD.replace('"automountServiceAccountToken": true, ', "")
    chart = {"more/Chart.yaml": CHART["Chart.yaml"], "more/templates/all.yaml": text}
    files = {**folder("apps", workload), **chart}
    here, there = ("name: prod", "name: staging")
    asking = {"a.yaml": application("a", "apps", here) + application("b", "more", here)}
    apart = {"a.yaml": application("a", "apps", here) + application("b", "more", there)}
    one, two = (rules(scanned(tmp_path, {**files, **objects}, persona=Persona.PEDANTIC)) for objects in (asking, apart))
    assert (one - two, two - one) == (added, gone)


def test_what_is_said_in_one_of_several_clusters_excuses_nothing(tmp_path: Path) -> None:
    """The roots of two clusters have the workload in common, and what is around it only one of them, or both."""
    workload = WORKLOAD.replace('"automountServiceAccountToken": true, ', "")
    files = {
        **folder("apps", workload),
        **folder("more", REFUSES + NAMESPACE + ADMIN),
        "common/apps.yaml": flux("apps", "./apps"),
        "staging/root.yaml": flux("flux-system", "./common"),
        "prod/root.yaml": flux("flux-system", "./common"),
    }
    for place, is_mounted in (("common", False), ("prod", True)):
        asking = {f"{place}/more.yaml": flux("more", "./more")}
        report = scanned(tmp_path / place, {**files, **asking}, persona=Persona.PEDANTIC)
        found = rules(report)
        assert ("service-account-token-mounted" in found) is is_mounted
        assert ("refused-by-pod-security" in found) is not is_mounted
        assert ("service-account-takes-cluster" in found) is is_mounted


@pytest.mark.parametrize(
    ("bound", "roles"),
    [
        pytest.param("apps", "rbac", id="a role in another rendering"),
        pytest.param("rbac", "roles", id="workload, binding and role in three"),
    ],
)
def test_a_role_of_another_rendering(tmp_path: Path, bound: str, roles: str) -> None:
    texts = {"apps": deployment(), "rbac": "", "roles": ""}
    texts[bound] += binding("b", "ClusterRole/r", ACCOUNT)
    texts[roles] += role("r", SECRETS)
    used = {name: text for name, text in texts.items() if text}
    files = {key: value for name, text in used.items() for key, value in folder(name, text).items()}
    report = scanned(tmp_path, {**files, "a.yaml": "".join(application(name, name, REMOTE) for name in used)})
    (finding,) = reached(report)
    assert finding.location.related[-1].message == "ClusterRole/r: get secrets everywhere"
    assert finding.location.related[-1].location.path == f"{roles}/all.yaml"
    assert not report.unjudged


def test_a_base_of_two_clusters(tmp_path: Path) -> None:
    """Each overlay lets the same object deploy another folder, and one of these has a binding."""
    patch = "patches: [{patch: '[{op: replace, path: /spec/path, value: ./NAME}]', target: {kind: Kustomization}}]\n"
    release = (
        "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: apps}\n"
        "spec: {chart: {spec: {chart: ./PATH, sourceRef: {kind: GitRepository, name: flux-system}}}}\n"
    )
    charts = {
        f"{name}-chart/{path}": content
        for name, text in (("web", deployment()), ("rbac", ADMIN))
        for path, content in (("Chart.yaml", CHART["Chart.yaml"]), ("templates/all.yaml", text))
    }
    files = {
        **charts,
        **folder("base", flux("apps", "./none")),
        **folder("staging", release.replace("PATH", "web-chart")),
        **folder("prod", release.replace("PATH", "rbac-chart")),
        **{f"{name}/root.yaml": flux("flux-system", f"./clusters/{name}") for name in ("s", "p")},
        "clusters/s/kustomization.yaml": f"resources: [../../base]\n{patch}".replace("NAME", "staging"),
        "clusters/p/kustomization.yaml": f"resources: [../../base]\n{patch}".replace("NAME", "prod"),
    }
    assert not ways(scanned(tmp_path / "apart", files))
    files |= folder(
        "staging",
        (release + release.replace("name: web", "name: rbac").replace("PATH", "rbac-chart")).replace(
            "PATH", "web-chart"
        ),
    )
    assert ways(scanned(tmp_path / "together", files)) == [
        "web-chart/templates/all.yaml:2 < rbac-chart/templates/all.yaml:5"
    ]


@pytest.mark.parametrize("has_clusters", [True, False], ids=["folders of a cluster", "a destination"])
def test_a_role_that_is_rendered_for_a_plain_binding(tmp_path: Path, has_clusters: bool) -> None:
    place = "clusters/prod/" if has_clusters else ""
    files = {
        f"{place}apps/all.yaml": deployment() + binding("b", "ClusterRole/r", ACCOUNT),
        **folder(f"{place}roles", role("r", SECRETS)),
    }
    asking = {"a.yaml": application("a", "apps", REMOTE) + application("b", "roles", REMOTE)}
    report = scanned(
        tmp_path, {**files, **({} if has_clusters else asking)}, clusters=(PROD, STAGING) if has_clusters else ()
    )
    (finding,) = reached(report)
    assert finding.location.related[-1].location.path == f"{place}roles/all.yaml"
    assert not report.unjudged


def test_the_sources_of_one_application(tmp_path: Path) -> None:
    sources = ", ".join(f"{{repoURL: https://example.org/shop, path: {path}}}" for path in ("apps", "rbac"))
    asking = application("a", "apps", LOCAL).replace("  source: {repoURL: https://example.org/shop, path: apps}", "")
    assert ways(scanned(tmp_path, {**APPS, **RBAC, "a.yaml": f"{asking}  sources: [{sources}]\n"})) == JOINED


def test_what_waits_for_others_is_still_found_at_its_line(tmp_path: Path) -> None:
    """The name is made by a build, so its place is found by building once more, while the private copy is there."""
    files = {
        "apps/kustomization.yaml": "namespace: apps\nresources: [all.yaml]\ncomponents: [../part]\n",
        "apps/all.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: _\n  labels: {a: b}\n",
        "part/kustomization.yaml": (
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [all.yaml]\n"
        ),
        "part/all.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        "a.yaml": application("a", "apps", REMOTE),
    }
    (finding,) = scanned(tmp_path, files, persona=Persona.PEDANTIC).findings
    assert str(finding.location) == "apps/all.yaml:5:3"


@pytest.mark.parametrize(
    ("layers", "each", "is_known"),
    [
        pytest.param(15, 1, True, id="a few layers"),
        pytest.param(15, 4, True, id="of several applications each"),
        pytest.param(600, 1, False, id="a chain without an end"),
    ],
)
def test_applications_of_applications(tmp_path: Path, layers: int, each: int, is_known: bool) -> None:
    files = {
        f"f{layer}/a.yaml": "".join(application(f"a{layer}-{n}", f"f{layer + 1}", LOCAL) for n in range(each))
        for layer in range(layers)
    }
    write(tmp_path, files)
    repository = Repository.at(tmp_path)
    resources = [one for name, text in files.items() for one in manifest.read(name, text.encode()).resources]
    planned = plan(resources, repository)
    assert planned.deliveries is not None
    found = {one.name for one in planned.deliveries.of_file(f"f{layers - 1}/a.yaml")}
    assert found == ({"the cluster of f0"} if is_known else set())
