"""Knows the kinds of objects that put workloads on a cluster, or change them, and whose content is not followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from kgate.model import Json, Pointer, Resource, Unjudged, child_pointer, field_path, pointer_tokens, value_at
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class Deployer:
    """What a kind deploys that is not followed: ``fields`` are the pointers to it (``*`` is any item of a list),
    without which an object deploys nothing; ``why`` follows the name of such a field, ``command`` is what helps."""

    fields: tuple[Pointer, ...]
    why: str
    command: str = ""


_ADMISSION = "changes objects as they are admitted, after they were judged"
_COMPOSED = "decides what is composed when it runs"
_INSTALLED = "names a package that is installed and not read"


def _of(groups: str, kinds: str, *deployers: Deployer) -> dict[tuple[str, str], tuple[Deployer, ...]]:
    """Returns the entries for each of these kinds in each of these groups."""
    return dict.fromkeys(product(groups.split(), kinds.split()), deployers)


DEPLOYERS: Mapping[tuple[str, str], tuple[Deployer, ...]] = {
    # charts and manifests from elsewhere
    **_of(
        "helm.cattle.io",
        "HelmChart",
        Deployer(("/spec/chartContent",), "holds a chart, in an archive that is not read"),
    ),
    **_of(
        "helm.cattle.io",
        "HelmChartConfig",
        Deployer(("/spec/valuesContent",), "changes the values of a chart that comes with the cluster"),
    ),
    **_of(
        "fleet.cattle.io", "GitRepo", Deployer(("/spec/repo",), "names a repository from which Fleet deploys charts")
    ),
    **_of("fleet.cattle.io", "HelmOp", Deployer(("/spec/helm",), "names a chart that Fleet installs")),
    **_of("fleet.cattle.io", "Bundle", Deployer(("/spec/helm",), "makes Fleet render the resources as a chart")),
    **_of(
        "configsync.gke.io",
        "RootSync RepoSync",
        Deployer(("/spec/git", "/spec/oci", "/spec/helm"), "names the source from which Config Sync applies manifests"),
    ),
    **_of(
        "configmanagement.gke.io",
        "ConfigManagement",
        Deployer(("/spec/git",), "names the repository from which Config Sync applies manifests"),
    ),
    **_of(
        "kappctrl.k14s.io",
        "App",
        Deployer(("/spec/fetch", "/spec/template"), "says what kapp-controller fetches and renders"),
    ),
    **_of("packaging.carvel.dev", "PackageInstall", Deployer(("/spec/packageRef",), _INSTALLED)),
    **_of("packaging.carvel.dev", "PackageRepository", Deployer(("/spec/fetch",), "names packages that are not read")),
    **_of(
        "data.packaging.carvel.dev",
        "Package",
        Deployer(("/spec/template/spec/fetch",), "says what kapp-controller fetches and renders"),
    ),
    **_of("helm.fluxcd.io", "HelmRelease", Deployer(("/spec/chart",), "names a chart for the old Helm Operator")),
    **_of(
        "core.oam.dev",
        "Application",
        Deployer(("/spec/components",), "is turned into objects by KubeVela in the cluster"),
    ),
    **_of(
        "k0s.k0sproject.io",
        "ClusterConfig",
        Deployer(("/spec/extensions/helm/charts/*/chartname",), "names a chart that k0s installs"),
    ),
    **_of("helm.k0sproject.io", "Chart", Deployer(("/spec/chartName",), "names a chart that k0s installs")),
    **_of("gitops.kluctl.io", "KluctlDeployment", Deployer(("/spec/source",), "names a project that Kluctl renders")),
    **_of("packages.glasskube.dev", "ClusterPackage Package", Deployer(("/spec/packageInfo",), _INSTALLED)),
    **_of(
        "argoproj.io",
        "Sensor",
        Deployer(
            tuple(
                f"/spec/triggers/*/template/{kind}/source/{field}"
                for kind, field in product(("k8s", "argoWorkflow"), ("url", "git", "s3", "configmap"))
            ),
            "names the objects that a trigger makes, which are not read",
        ),
    ),
    # several clusters
    **_of(
        "addons.cluster.x-k8s.io",
        "ClusterResourceSet",
        Deployer(("/spec/resources",), "names ConfigMaps and Secrets whose text Cluster API applies as manifests"),
    ),
    **_of(
        "addons.cluster.x-k8s.io",
        "HelmChartProxy",
        Deployer(("/spec/chartName",), "names a chart that Cluster API installs"),
    ),
    **_of(
        "config.projectsveltos.io",
        "ClusterProfile Profile",
        Deployer(
            ("/spec/helmCharts", "/spec/policyRefs", "/spec/kustomizationRefs"),
            "names what Sveltos deploys to clusters",
        ),
    ),
    **_of(
        "operator.cluster.x-k8s.io",
        "CoreProvider BootstrapProvider ControlPlaneProvider InfrastructureProvider AddonProvider IPAMProvider",
        Deployer(("/spec",), "names a release of a provider that is installed and not read"),
    ),
    **_of(
        "apps.open-cluster-management.io",
        "Subscription",
        Deployer(("/spec/channel",), "names a channel whose charts and manifests are deployed"),
    ),
    **_of(
        "policy.open-cluster-management.io",
        "ConfigurationPolicy",
        Deployer(("/spec/object-templates-raw",), "is a template of objects that is rendered in the cluster"),
    ),
    **_of(
        "policy.karmada.io",
        "OverridePolicy ClusterOverridePolicy",
        Deployer(("/spec/overrideRules", "/spec/overriders"), "changes objects on their way to a cluster"),
    ),
    **_of(
        "fluxcd.controlplane.io",
        "FluxInstance",
        Deployer(("/spec/sync",), "names what Flux applies to the cluster, which is not followed"),
        Deployer(("/spec/kustomize",), "changes the controllers of Flux, which are not read"),
    ),
    # what changes or makes objects in the cluster
    **_of(
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        Deployer(
            ("/webhooks/*/clientConfig/url",),
            "is outside of the cluster, and may change objects after they were judged",
        ),
    ),
    **_of(
        "kyverno.io",
        "ClusterPolicy Policy",
        Deployer(("/spec/rules/*/mutate",), _ADMISSION),
        Deployer(
            tuple(
                f"/spec/rules/*/generate{each}/{field}"
                for each, field in product(("", "/foreach/*"), ("clone", "cloneList"))
            ),
            "copies objects that are in the cluster",
        ),
    ),
    **_of("policies.kyverno.io", "MutatingPolicy NamespacedMutatingPolicy", Deployer(("/spec/mutations",), _ADMISSION)),
    **_of(
        "policies.kyverno.io",
        "GeneratingPolicy NamespacedGeneratingPolicy",
        Deployer(("/spec/generate",), "makes objects by an expression"),
    ),
    **_of(
        "mutations.gatekeeper.sh",
        "Assign AssignImage AssignMetadata ModifySet",
        Deployer(("/spec",), _ADMISSION),
    ),
    **_of("admissionregistration.k8s.io", "MutatingAdmissionPolicy", Deployer(("/spec/mutations",), _ADMISSION)),
    **_of(
        "apiextensions.crossplane.io",
        "Composition",
        Deployer(("/spec/pipeline",), _COMPOSED),
        Deployer(("/spec/resources/*/patches", "/spec/patchSets"), "changes what is composed when it is used"),
    ),
    **_of(
        "ops.crossplane.io",
        "Operation CronOperation WatchOperation",
        Deployer(("/spec/pipeline", "/spec/operationTemplate"), _COMPOSED),
    ),
    **_of("pkg.crossplane.io", "Provider Function Configuration", Deployer(("/spec/package",), _INSTALLED)),
    **_of(
        "helm.crossplane.io helm.m.crossplane.io",
        "Release",
        Deployer(("/spec/forProvider/chart",), "names a chart that Crossplane installs"),
    ),
    **_of(
        "operators.coreos.com",
        "Subscription",
        Deployer(("/spec/name",), "names an operator that the Operator Lifecycle Manager installs"),
    ),
    **_of(
        "operators.coreos.com", "CatalogSource", Deployer(("/spec/image",), "names a catalogue, which runs as a pod")
    ),
    **_of("olm.operatorframework.io", "ClusterExtension", Deployer(("/spec/source",), _INSTALLED)),
    # programs that run elsewhere or with code from elsewhere
    **_of("app.terraform.io", "Workspace Module", Deployer(("/spec",), "makes Terraform run what is not read")),
    **_of("infra.contrib.fluxcd.io", "Terraform", Deployer(("/spec",), "makes Terraform run what is not read")),
    **_of(
        "tf.galleybytes.com tf.isaaguilar.com",
        "Terraform",
        Deployer(("/spec/terraformModule",), "names a module that Terraform runs"),
    ),
    **_of(
        "tf.upbound.io tf.m.upbound.io opentofu.upbound.io opentofu.m.upbound.io",
        "Workspace",
        Deployer(("/spec/forProvider/module",), "names a module that Terraform runs"),
    ),
    **_of(
        "tower.ansible.com",
        "AnsibleJob AnsibleWorkflow JobTemplate WorkflowTemplate AnsibleProject",
        Deployer(("/spec",), "makes Ansible run what is not read"),
    ),
    **_of("pulumi.com", "Stack Program", Deployer(("/spec",), "makes Pulumi run what is not read")),
}
"""By API group and kind. What such an object holds itself is judged by its shape, as that of any other kind."""

_INSIDE = Deployer(("/spec",), "is inside another object, where it is not followed")

_GITOPS = {
    **_of("argoproj.io", "Application ApplicationSet", _INSIDE),
    **_of("kustomize.toolkit.fluxcd.io", "Kustomization", _INSIDE),
    **_of("helm.toolkit.fluxcd.io", "HelmRelease", _INSIDE),
}
"""Kinds that are followed where they are objects of their own."""


def is_one(resource: Resource) -> bool:
    """True if an object is of a kind that deploys others, whether these are followed or not."""
    kind = _group(resource.id.api_version), resource.id.kind
    return kind in DEPLOYERS or kind in _GITOPS


def unfollowed(resource: Resource) -> Iterator[Unjudged]:
    """Yields what an object, or one inside of it, deploys and nobody judges."""
    group = _group(resource.id.api_version)
    yield from _deployed(resource, "", DEPLOYERS.get((group, resource.id.kind), ()))
    if "." in group and not group.endswith(".k8s.io") and (group, resource.id.kind) not in _GITOPS:
        for pointer, inner in _objects(resource.body, ""):
            kind = _group(inner["apiVersion"]), inner["kind"]
            yield from _deployed(resource, pointer, (*DEPLOYERS.get(kind, ()), *_GITOPS.get(kind, ())))


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _deployed(resource: Resource, base: Pointer, deployers: tuple[Deployer, ...]) -> Iterator[Unjudged]:
    """Yields an entry, at the first of its fields that is there, for each of the deployers of an object at ``base``."""
    for deployer in deployers:
        found = (place for field in deployer.fields for place in _places(resource.body, base, pointer_tokens(field)))
        pointer = next(found, None)
        if pointer is not None:
            place = resource.locate(pointer)
            why = f"{field_path(pointer)} {deployer.why}"
            yield Unjudged(place.path, place.start.line, why, _title(resource, base), deployer.command)


def _title(resource: Resource, base: Pointer) -> str:
    if not base:
        return str(resource.id)
    name = value_at(resource.body, f"{base}/metadata/name")
    kind = value_at(resource.body, f"{base}/kind")
    return f"{kind}/{name} in {resource.id}" if isinstance(name, str) else f"{kind} in {resource.id}"


def _places(body: Json, base: Pointer, tokens: tuple[str, ...]) -> Iterator[Pointer]:
    """Yields the pointers of the fields below ``base`` that a path names and that hold something."""
    value = value_at(body, base)
    if not tokens:
        if value not in (None, "", [], {}):
            yield base
    elif tokens[0] != "*":
        yield from _places(body, child_pointer(base, tokens[0]), tokens[1:])
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _places(body, child_pointer(base, index), tokens[1:])


def _objects(value: Json, pointer: Pointer) -> Iterator[tuple[Pointer, Mapping[str, Json]]]:
    """Yields the objects inside of a value, with their pointers."""
    if isinstance(value, Mapping):
        if pointer and isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str):
            yield pointer, value
        for key, member in value.items():
            yield from _objects(member, child_pointer(pointer, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _objects(member, child_pointer(pointer, index))
