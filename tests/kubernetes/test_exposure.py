"""A pod with privileges that something leads to from outside is a finding with the way."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from kgate.config import Settings
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.workload import find_workload
from kgate.model import Finding
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.scan import scan
from tests.command import ROOT, kgate
from tests.hostile import write
from tests.real_tools import helm_tool, kustomize_tool

RULE = "exposed-privileged-pod"
GATEWAY = "gateway.networking.k8s.io/v1"


def pod(labels: str = "app: web", spec: str = "hostPID: true", namespace: str = "shop", name: str = "web") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  labels: {{{labels}}}\n"
        f"spec:\n  {spec}\n  containers: [{{name: app, image: x}}]\n"
    )


def thing(kind: str, spec: str, api: str = "v1", namespace: str = "shop", name: str = "web") -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  {spec}\n"


def service(spec: str = "type: NodePort", namespace: str = "shop", selector: str = "app: web") -> str:
    return thing("Service", f"{spec}\n  selector: {{{selector}}}", namespace=namespace)


INSIDE = service("ports: [{port: 80}]")


def ingress(backend: str = "{service: {name: web}}", api: str = "networking.k8s.io/v1", namespace: str = "shop") -> str:
    return thing("Ingress", f"rules: [{{http: {{paths: [{{backend: {backend}}}]}}}}]", api, namespace)


def route(backend: str = "{name: web}", parent: str = "{name: public}", kind: str = "HTTPRoute") -> str:
    return thing(kind, f"parentRefs: [{parent}]\n  rules: [{{backendRefs: [{backend}]}}]", GATEWAY)


DEFAULT = thing("Ingress", "defaultBackend: {service: {name: web}}", "networking.k8s.io/v1")


DOCUMENT = (ROOT / "docs/neighbours.md").read_text(encoding="utf-8")
MANIFESTS = re.search(r"<!-- shop.yaml -->\n```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
SESSIONS = re.findall(r"```console\n\$ kgate (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)


def test_the_document_shows_real_output(tmp_path: Path) -> None:
    assert MANIFESTS is not None
    assert SESSIONS
    write(tmp_path, {".git/config": "", "shop.yaml": MANIFESTS[1]})
    for command, shown in SESSIONS:
        result = kgate(*command.split(), cwd=tmp_path)
        assert (result.code, result.err, result.out) == (1, "", shown)


def found(root: Path, files: dict[str, str], **options: object) -> list[Finding]:
    write(root, {".git/config": "", **files})
    rendering = RenderSettings(programs={"helm": str(helm_tool().path), "kubectl": str(kustomize_tool().path)})
    settings = Settings(Repository.at(root), (str(root),), rendering=rendering, **options)  # type: ignore[arg-type]
    report = scan(settings)
    assert report.assessments
    return [finding for finding in report.findings if finding.rule.id == RULE]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([pod(), service()], True, id="a NodePort"),
        pytest.param([pod(), service("type: LoadBalancer")], True, id="a load balancer"),
        pytest.param([pod(), service("externalIPs: [203.0.113.7]")], True, id="external addresses"),
        pytest.param([pod(), INSIDE], False, id="a Service inside the cluster"),
        pytest.param([pod(), INSIDE, ingress()], True, id="an Ingress"),
        pytest.param([pod(), INSIDE, ingress("{serviceName: web}", "extensions/v1beta1")], True, id="an old Ingress"),
        pytest.param([pod(), INSIDE, DEFAULT], True, id="a default backend"),
        pytest.param([pod(), INSIDE, ingress("{service: {name: other}}")], False, id="an Ingress to another Service"),
        pytest.param([pod(), INSIDE, ingress(namespace="other")], False, id="an Ingress of another namespace"),
        pytest.param([pod(), INSIDE, ingress(api="config.openshift.io/v1")], False, id="another kind of that name"),
        pytest.param([pod(), INSIDE, route()], True, id="a route"),
        pytest.param([pod(), INSIDE, route(kind="TCPRoute")], True, id="a route for TCP"),
        pytest.param([pod(), INSIDE, route(parent="{kind: Service, group: '', name: web}")], False, id="a mesh"),
        pytest.param([pod(), INSIDE, route("{name: web, kind: Bucket}")], False, id="a route to something else"),
        pytest.param([pod(), INSIDE, route("{name: web, namespace: other}")], False, id="a route to another namespace"),
        pytest.param([pod("app: web, tier: front"), service()], True, id="more labels than the Service needs"),
        pytest.param([pod(), service(selector="app: web, tier: front")], False, id="fewer labels"),
        pytest.param([pod(), service(selector="")], False, id="a Service without a selector"),
        pytest.param([pod(), service(selector="app: 1")], False, id="a selector that the API server refuses"),
        pytest.param([pod(), service("type: ExternalName")], False, id="a name outside"),
        pytest.param([pod(), service().replace("v1", "serving.knative.dev/v1")], False, id="a Service of Knative"),
        pytest.param([pod(), service(namespace="other")], False, id="a Service of another namespace"),
        pytest.param([pod(namespace="''"), service(namespace="''")], True, id="without namespaces"),
        pytest.param([pod(spec="restartPolicy: Never"), service()], False, id="a pod without privileges"),
        pytest.param([pod(spec="hostNetwork: true"), service()], True, id="the network of the node"),
    ],
)  # fmt: skip
def test_what_leads_to_a_pod(tmp_path: Path, texts: list[str], *, expected: bool) -> None:
    assert bool(found(tmp_path, {f"{number}.yaml": text for number, text in enumerate(texts)})) is expected


def test_the_finding_shows_the_way(tmp_path: Path) -> None:
    gateway = thing("Gateway", "gatewayClassName: x\n  listeners: [{port: 443}]", GATEWAY, name="public")
    files = {"pod.yaml": pod(), "net/service.yaml": INSIDE, "net/route.yaml": route(), "net/gateway.yaml": gateway}
    (finding,) = found(tmp_path, files)
    assert str(finding.location) == "pod.yaml:6:3"
    assert [(str(one.location), one.message) for one in finding.location.related] == [
        ("net/gateway.yaml:6:3", "Gateway/shop/public takes requests for HTTPRoute/shop/web"),
        ("net/route.yaml:6:27", "HTTPRoute/shop/web leads to the Service web"),
        ("net/service.yaml:6:3", "Service/shop/web selects the pod"),
    ]


@pytest.mark.parametrize(
    ("folder", "namespace", "expected"),
    [
        pytest.param("web", "", True, id="the same folder"),
        pytest.param("", "", True, id="a folder around"),
        pytest.param("other", "", False, id="another folder, of which nobody knows the namespace"),
        pytest.param("other", "shop", True, id="another folder, with the same namespace"),
    ],
)
def test_folders(tmp_path: Path, folder: str, namespace: str, *, expected: bool) -> None:
    where = f"{namespace or repr('')}"
    place = f"{folder}/service.yaml".lstrip("/")
    assert bool(found(tmp_path, {"web/pod.yaml": pod(namespace=where), place: service(namespace=where)})) is expected


def test_folders_of_clusters_are_not_mixed(tmp_path: Path) -> None:
    """A Service that is open in one cluster opens nothing in another one that has it, too."""
    prod = {"prod/pod.yaml": pod(), "prod/net/service.yaml": INSIDE}
    staging = {"staging/pod.yaml": pod(), "staging/net/service.yaml": service()}
    assert [finding.location.path for finding in found(tmp_path, prod | staging)] == ["staging/pod.yaml"]


def test_the_nearest_service_of_a_name_counts(tmp_path: Path) -> None:
    """Even if it selects other pods."""
    outer, inner = service(namespace="''"), service(namespace="''", selector="app: web, role: client")
    files = {"service.yaml": outer, "web/pod.yaml": pod(namespace="''")}
    assert found(tmp_path / "one", files)
    assert not found(tmp_path / "two", {**files, "web/service.yaml": inner})


def test_a_rule_that_is_left_out_does_not_count(tmp_path: Path) -> None:
    files = {"pod.yaml": pod(), "service.yaml": service()}
    assert found(tmp_path, files, select=(RULE,))
    assert not found(tmp_path, files, ignore=("host-pid",))


CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "web/templates/pod.yaml": pod("app: '{{ .Release.Name }}'", namespace="'{{ .Release.Namespace }}'"),
    "web/templates/service.yaml": service(
        namespace="'{{ .Release.Namespace }}'", selector="app: '{{ .Release.Name }}'"
    ),
}
OVERLAYS = {
    "base/kustomization.yaml": "resources: [pod.yaml, service.yaml]\n",
    "base/pod.yaml": pod(),
    "base/service.yaml": INSIDE,
    "prod/kustomization.yaml": "resources: [../base]\n",
    "public/kustomization.yaml": "resources: [../base, ingress.yaml]\n",
    "public/ingress.yaml": ingress(),
}


def test_a_chart_whose_labels_are_those_of_the_release(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, CHART)
    assert [one.location.path for one in finding.location.related if "selects" in one.message] == [
        "web/templates/service.yaml"
    ]


def test_overlays_are_not_mixed(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, OVERLAYS)
    assert [rendering.path for rendering in finding.renderings] == ["public"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(thing("Service", "type: [NodePort]\n  selector: app"), id="a Service"),
        pytest.param(
            thing("Ingress", "rules: {http: 1}\n  defaultBackend: [1]", "networking.k8s.io/v1"), id="an Ingress"
        ),
        pytest.param(thing("HTTPRoute", "parentRefs: [1]\n  rules: [[], {backendRefs: x}]", GATEWAY), id="a route"),
        pytest.param(route("{name: [1]}", "{name: {a: b}}"), id="names that are none"),
        pytest.param("apiVersion: v1\nkind: Service\nmetadata: [1]\nspec: 1\n", id="nothing right"),
    ],
)
def test_wrong_types_lead_nowhere(text: str) -> None:
    batch = manifest.read("a.yaml", f"{pod()}---\n{INSIDE}---\n{text}".encode())
    facts, resource = Facts.of(batch.resources), batch.resources[0]
    workload = find_workload(resource)
    assert workload is not None
    assert "exposure" not in facts.of_workload(workload).about(resource, workload.pods[0])


@pytest.mark.slow
def test_many_services_and_pods_take_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgate.kubernetes.exposure._MOST_TRIED", 10)

    def seconds(number: int, selector: str) -> float:
        texts = [service(selector=selector.replace("N", str(index))) for index in range(number)]
        texts += [pod(f"app: web{index}, all: yes", name=f"web{index}") for index in range(number)]
        resources = manifest.read("a.yaml", "---\n".join(texts).replace("yes", "'yes'").encode()).resources

        def once() -> float:
            start = time.process_time()
            facts = Facts.of(resources)
            for resource in resources:
                facts.of_workload(find_workload(resource))
            return time.process_time() - start

        return min(once() for _ in range(3))

    for selector in ("app: webN", "all: yes, id: idN", "all: yes"):
        assert seconds(640, selector) < 64 * seconds(40, selector)


def test_the_services_of_many_clusters_take_quadratic_time() -> None:
    """Each folder has the same objects, and each pod must get the Service of its own folder."""

    def seconds(number: int) -> float:
        texts = (f"{service()}---\n{pod()}".encode() for _ in range(number))
        parts = [manifest.read(f"c{index}/a.yaml", text) for index, text in enumerate(texts)]
        facts = Facts.of([resource for part in parts for resource in part.resources])
        pods = [part.resources[1] for part in parts]
        start = time.process_time()
        for one in pods:
            (way,) = facts.exposure.ways(one, find_workload(one).pods[0])  # type: ignore[union-attr]
            assert way[0].place.startswith(one.locate("").path)
        return time.process_time() - start

    assert min(seconds(120) for _ in range(3)) < 128 * min(seconds(15) for _ in range(3))
