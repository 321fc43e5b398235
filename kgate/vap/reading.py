"""Objects -> policies, bindings, and what they are asked about (kubernetes/api, admissionregistration/v1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from kgate.kubernetes.plurals import plural
from kgate.model import Json, Pointer, Problem, Resource
from kgate.values import dataclass
from kgate.yamltree.fields import Fields

GROUP = "admissionregistration.k8s.io"
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"

FAILURE_POLICIES = ("Fail", "Ignore")
ACTIONS = ("Deny", "Warn", "Audit")

CLUSTER_WIDE = {
    "": ("ComponentStatus", "Namespace", "Node", "PersistentVolume"),
    "apps": (),
    "batch": (),
    "autoscaling": (),
    "policy": ("PodSecurityPolicy",),
    "networking.k8s.io": ("IPAddress", "IngressClass", "ServiceCIDR"),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "storage.k8s.io": ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"),
    "scheduling.k8s.io": ("PriorityClass",),
    "node.k8s.io": ("RuntimeClass",),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "apiregistration.k8s.io": ("APIService",),
    "certificates.k8s.io": ("CertificateSigningRequest", "ClusterTrustBundle"),
    "flowcontrol.apiserver.k8s.io": ("FlowSchema", "PriorityLevelConfiguration"),
    GROUP: (
        *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration"),
        *(POLICY, BINDING, "ValidatingWebhookConfiguration"),
    ),
}
"""Kinds of Kubernetes that are in no namespace."""


@dataclass(slots=True)
class FaultsOf:
    """Records the faults of an object as Problems."""

    resource: Resource
    problems: list[Problem]

    def add(self, pointer: Pointer, message: str) -> None:
        """Records a fault at a field of the object."""
        place = self.resource.locate(pointer)
        self.problems.append(Problem(place.path, place.start.line, f"{self.resource.id}: {message}"))


@dataclass(frozen=True, slots=True)
class NamedExpression:
    """An expression with its name."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Validation:
    """A condition that must hold, and what is said where it does not."""

    expression: str
    message: str
    message_expression: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A ValidatingAdmissionPolicy."""

    resource: Resource
    constraints: Fields
    conditions: tuple[NamedExpression, ...]
    variables: tuple[NamedExpression, ...]
    validations: tuple[Validation, ...]
    annotations: tuple[NamedExpression, ...]
    param_kind: tuple[str, str] | None = None
    ignores_failures: bool = False

    @property
    def name(self) -> str:
        """The name that bindings use."""
        return self.resource.id.name


@dataclass(frozen=True, slots=True)
class PolicyBinding:
    """A ValidatingAdmissionPolicyBinding."""

    resource: Resource
    policy: str
    actions: tuple[str, ...]
    constraints: Fields
    params: Fields | None = None


@dataclass(frozen=True, slots=True)
class Requester:
    """Who makes a request: a user and groups."""

    user: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What manifests do not say of requests: the namespace of objects that name none, which objects are there already
    and so are changed, and who asks; None if that is not known."""

    namespace: str = "default"
    old: tuple[Resource, ...] = ()
    requester: Requester | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """A request to create an object, or to change the ``old`` one, as a policy sees it: the object, in which namespace
    it will be, and the object of that namespace if anybody has it."""

    resource: Resource
    namespace: str
    namespace_object: Mapping[str, Json] | None = field(default=None, hash=False)
    old: Mapping[str, Json] | None = field(default=None, hash=False)
    requester: Requester | None = None

    @property
    def operation(self) -> str:
        """What the request does."""
        return "CREATE" if self.old is None else "UPDATE"

    @property
    def group(self) -> str:
        """The API group of the object."""
        return self.resource.id.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version of its API."""
        return self.resource.id.api_version.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Material:
    """What was read: policies, bindings, other objects that may be parameters or namespaces, and faults."""

    policies: tuple[Policy, ...]
    bindings: tuple[PolicyBinding, ...]
    others: tuple[Resource, ...]
    problems: tuple[Problem, ...]


def read(resources: Iterable[Resource]) -> Material:
    """Reads policies and bindings; a policy with a fault is a Problem, as the API server refuses it."""
    problems: list[Problem] = []
    policies: list[Policy] = []
    bindings: list[PolicyBinding] = []
    others: list[Resource] = []
    for resource in resources:
        faults: list[Problem] = []
        fields = Fields(resource.body, "", FaultsOf(resource, faults))
        is_ours = resource.id.api_version.startswith(f"{GROUP}/")
        if is_ours and resource.id.kind == POLICY:
            policy = _policy(resource, fields)
            policies += [] if faults else [policy]
        elif is_ours and resource.id.kind == BINDING:
            binding = _binding(resource, fields)
            bindings += [] if faults else [binding]
        else:
            others.append(resource)
        problems += faults
    return Material(tuple(policies), tuple(bindings), tuple(others), tuple(problems))


def _policy(resource: Resource, fields: Fields) -> Policy:
    spec = fields.section("spec")
    constraints = spec.section("matchConstraints")
    if not constraints.items("resourceRules"):
        spec.fault("matchConstraints.resourceRules must say which resources the policy is about", "matchConstraints")
    validations, annotations = tuple(_validations(spec)), tuple(_named(spec, "auditAnnotations"))
    if not validations and not annotations:
        spec.fault("spec has neither validations nor auditAnnotations; write one of them")
    kind = spec.section("paramKind")
    return Policy(
        resource,
        constraints,
        tuple(_named(spec, "matchConditions")),
        tuple(_named(spec, "variables")),
        validations,
        annotations,
        (kind.needed("apiVersion"), kind.needed("kind")) if spec.has("paramKind") else None,
        ignores_failures=spec.has("failurePolicy") and spec.one_of("failurePolicy", FAILURE_POLICIES) == "Ignore",
    )


def _validations(spec: Fields) -> Iterator[Validation]:
    for one in spec.sections("validations"):
        yield Validation(one.needed("expression"), one.text("message"), one.text("messageExpression"))


def _named(spec: Fields, key: str) -> Iterator[NamedExpression]:
    name, expression = ("key", "valueExpression") if key == "auditAnnotations" else ("name", "expression")
    for one in spec.sections(key):
        yield NamedExpression(one.needed(name), one.needed(expression))


def _binding(resource: Resource, fields: Fields) -> PolicyBinding:
    spec = fields.section("spec")
    actions = tuple(text for _, text in spec.texts("validationActions"))
    for index, action in enumerate(actions):
        if action not in ACTIONS:
            spec.fault(f"validationActions: '{action}' is not one of {', '.join(ACTIONS)}", "validationActions", index)
    if not actions:
        spec.fault("validationActions is missing; write [Deny], [Warn] or [Audit]", "validationActions")
    params = spec.section("paramRef") if spec.has("paramRef") else None
    return PolicyBinding(resource, spec.needed("policyName"), actions, spec.section("matchResources"), params)


# -------------------------------------------------------------------------------------------- objects


def admissions(
    resources: Iterable[Resource], others: Iterable[Resource], circumstances: Circumstances
) -> Iterator[Admission]:
    """Yields a request for each object. ``others`` holds the namespaces that are known."""
    known = {one.id.name: one.body for one in others if (one.id.kind, one.id.api_version) == ("Namespace", "v1")}
    old = {_identity(one, circumstances): one.body for one in circumstances.old}
    for resource in resources:
        where = _namespace_of(resource, circumstances)
        there = old.get(_identity(resource, circumstances))
        yield Admission(resource, where, known.get(where), there, circumstances.requester)


def _namespace_of(resource: Resource, circumstances: Circumstances) -> str:
    return "" if is_cluster_wide(resource) else resource.id.namespace or circumstances.namespace


def _identity(resource: Resource, circumstances: Circumstances) -> tuple[str, ...]:
    """Returns what stays the same of an object, whichever version of its API is used."""
    group = resource.id.api_version.rpartition("/")[0]
    return group, resource.id.kind, _namespace_of(resource, circumstances), resource.id.name


def is_cluster_wide(resource: Resource) -> bool:
    """True if an object is in no namespace; of kinds that are not those of Kubernetes, if it names none."""
    kinds = CLUSTER_WIDE.get(resource.id.api_version.rpartition("/")[0])
    return not resource.id.namespace if kinds is None else resource.id.kind in kinds


def resource_name(resource: Resource) -> str:
    """Returns what paths of the API server call the kind of an object."""
    return plural(resource.id.kind)
