"""kubernetes/templated: what only a controller fills in is known to be unknown, and what may be anything is named."""

from __future__ import annotations

import pytest

from kgate.kubernetes import templated
from kgate.kubernetes.manifest import read

POD = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: x}]}}"


def kro(template: str) -> str:
    return (
        "apiVersion: kro.run/v1alpha1\nkind: ResourceGraphDefinition\nmetadata: {name: r}\nspec:\n  resources:\n"
        f"  - template: {template}\n"
    )


def pods(spec: str) -> str:
    return kro(POD.replace("spec: {", f"spec: {{{spec}, "))


def flux(text: str, more: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    start = "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: r}\nspec:\n"
    return f"{start}{more}  resourcesTemplate: |\n{lines}"


DEPLOYMENT = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: SPEC}"
UNDER = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers: [{name: a, image: x}]\n"
RESOURCE, TEMPLATE = "spec.resources[0].template", "spec.resourcesTemplate"


@pytest.mark.parametrize(
    ("text", "unknown", "unjudged"),
    [
        pytest.param(pods("hostPID: '${schema.spec.a}'"), ["/hostPID"], [], id="a field of a pod"),
        pytest.param(pods("volumes: '${schema.spec.a}'"), ["/volumes"], [], id="a list of a pod"),
        pytest.param(pods("hostname: 'a-${schema.spec.a}'"), ["/hostname"], [], id="a part of a text"),
        pytest.param(pods("hostname: '${schema.spec.a'"), [], [], id="a text that is not an expression"),
        pytest.param(
            pods("'${schema.spec.a}': true"),
            ["/${schema.spec.a}"],
            [f"{RESOURCE}.spec[${{schema.spec.a}}]"],
            id="a name of a field",
        ),
        pytest.param(
            pods("nodeSelector: {'${schema.spec.a}': b}"),
            ["/nodeSelector/${schema.spec.a}"],
            [],
            id="a name of a label",
        ),
        pytest.param(kro("'${schema.spec.a}'"), [], [RESOURCE], id="an object"),
        pytest.param(kro(POD.replace("kind: Pod", "kind: '${schema.spec.a}'")), [], [f"{RESOURCE}.kind"], id="a kind"),
        pytest.param(
            kro("{apiVersion: v1, kind: Pod, spec: '${schema.spec.a}'}"), [""], [f"{RESOURCE}.spec"], id="a pod's spec"
        ),
        pytest.param(
            kro(DEPLOYMENT.replace("SPEC", "'${schema.spec.a}'")), [], [f"{RESOURCE}.spec"], id="a Deployment's spec"
        ),
        pytest.param(
            kro(DEPLOYMENT.replace("SPEC", "{template: '${schema.spec.a}'}")),
            [],
            [f"{RESOURCE}.spec.template"],
            id="a pod template",
        ),
        pytest.param(kro("{apiVersion: v1, kind: ConfigMap, data: {a: '${schema.spec.a}'}}"), [], [], id="no pod"),
        pytest.param(flux(UNDER + "  hostPID: << inputs.a >>\n"), ["/hostPID"], [], id="a field in a text"),
        pytest.param(
            flux(UNDER + "  << inputs.a | toYaml | nindent 2 >>\n"), [], [TEMPLATE], id="fields that a text prints"
        ),
        pytest.param(flux("<< range inputs.a >>\n" + UNDER + "<< end >>\n"), [], [], id="a loop"),
        pytest.param(flux("<<- $a := inputs.a >>\n" + UNDER + "<</* words */>>\n"), [], [], id="a variable, a comment"),
        pytest.param(
            flux(UNDER + "  nodeSelector:\n    << inputs.a | toYaml | nindent 4 >>\n"), [], [], id="printed labels"
        ),
        pytest.param(
            flux(UNDER + "  nodeSelector:\n    << inputs.a | toYaml | nindent 2 >>\n"),
            [],
            [TEMPLATE],
            id="labels that are printed beside the field for labels",
        ),
        pytest.param(
            flux(UNDER + "  nodeSelector:\n    << inputs.a >>\n"), [], [TEMPLATE], id="labels without indentation"
        ),
        pytest.param(
            flux(UNDER, '  inputs: [{name: "a\\nb: c"}]\n'), [], ["spec.inputs"], id="an input of several lines"
        ),
        pytest.param(flux(UNDER, "  inputs: [{name: a}]\n"), [], [], id="an input of one line"),
    ],
)
def test_expressions(text: str, unknown: list[str], unjudged: list[str]) -> None:
    (resource,) = read("a.yaml", text.encode()).resources
    found = templated.read(resource)
    places = (
        pointer.partition("/template/spec")[2] or pointer.partition("Template/0/spec")[2]
        for pointer in found.resource.unknown
    )
    assert sorted(places) == unknown
    assert [one.what.partition(": ")[2] for one in found.unjudged] == unjudged


def test_a_resource_without_templates_stays_as_it_is() -> None:
    (resource,) = read("a.yaml", POD.encode()).resources
    assert templated.read(resource).resource is resource
