"""schema.py and faults.py: which fields Kubernetes does not know or refuses, and in which words that is said."""

from __future__ import annotations

import json
import pkgutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgate.kubernetes import faults, pss, schema
from kgate.kubernetes.manifest import read
from kgate.kubernetes.schema import Mismatch, Schema, UnknownField
from kgate.rules import load

NEWEST = Schema(pss.NEWEST_MINOR)
HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"
CONTAINER = HEAD + "  containers:\n  - name: app\n"


def messages(text: str, minor: int = pss.NEWEST_MINOR) -> list[str]:
    """The line and message of each fault of an object."""
    (resource,) = read("a.yaml", text.encode()).resources
    known = Schema(minor)
    name = known.type_of(resource.id.api_version, resource.id.kind)
    assert name is not None
    found = []
    for fault in known.faults(resource.body, name):
        place = resource.locate(fault.pointer)
        said = faults.unknown_field(fault, known) if isinstance(fault, UnknownField) else faults.mismatch(fault, place)
        found.append(f"{place.start.line}: {said}")
    return found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            HEAD + "  securityContext: {runAsNonroot: true}\n",
            "5: `runAsNonroot` is not a field of a pod's securityContext, so it has no effect; did you mean `runAsNonRoot`?",
            id="another case",
        ),
        pytest.param(
            CONTAINER + "    securityContext: {allowPriviledgeEscalation: false}\n",
            "7: `allowPriviledgeEscalation` is not a field of a container's securityContext, so it has no effect; "
            "did you mean `allowPrivilegeEscalation`?",
            id="a letter too much",
        ),
        pytest.param(
            HEAD + "  automountServiceAcountToken: false\n",
            "5: `automountServiceAcountToken` is not a field of a pod spec, so it has no effect; "
            "did you mean `automountServiceAccountToken`?",
            id="a letter too few",
        ),
        pytest.param(
            CONTAINER + "    imagePullPoilcy: Always\n",
            "7: `imagePullPoilcy` is not a field of a container, so it has no effect; did you mean `imagePullPolicy`?",
            id="two letters swapped",
        ),
        pytest.param(
            HEAD + "  securityContext: {readOnlyRootFilesystem: true}\n",
            "5: `readOnlyRootFilesystem` is not a field of a pod's securityContext, so it has no effect; "
            "it is a field of a container's securityContext",
            id="a field of the container's context",
        ),
        pytest.param(
            CONTAINER + "    runAsNonRoot: true\n",
            "7: `runAsNonRoot` is not a field of a container, so it has no effect; "
            "it is a field of a container's securityContext",
            id="a field of the context in the container",
        ),
        pytest.param(
            CONTAINER + "    securityContext:\n      hostPID: true\n",
            "8: `hostPID` is not a field of a container's securityContext, so it has no effect; it is a field of a pod spec",
            id="a field of the pod in a context",
        ),
        pytest.param(
            CONTAINER + "    livenessProbe: {httpGet: {port: 80, url: /}}\n",
            "7: `url` is not a field of `httpGet`, so it has no effect",
            id="a field that nobody knows",
        ),
        pytest.param(
            HEAD + "  volumes: [{name: data, emptydir: {}}]\n",
            "5: `emptydir` is not a field of `volumes[0]`, so it has no effect; did you mean `emptyDir`?",
            id="in an item",
        ),
        pytest.param(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web, lables: {}}\n",
            "3: `lables` is not a field of metadata, so it has no effect; did you mean `labels`?",
            id="in metadata",
        ),
        pytest.param(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {}\nreplicas: 3\n",
            "5: `replicas` is not a field of a Deployment, so it has no effect",
            id="beside the spec",
        ),
        pytest.param(
            "apiVersion: v1\nkind: Service\nspec:\n  externalIP: [1.2.3.4]\n",
            "4: `externalIP` is not a field of `spec`, so it has no effect; did you mean `externalIPs`?",
            id="in an object without pods",
        ),
    ],
)
def test_unknown_fields(text: str, message: str) -> None:
    assert messages(text) == [message]


def test_fields_come_and_go() -> None:
    text = HEAD + "  hostUsers: false\n  resourceClaims: [{name: gpu, source: {resourceClaimName: gpu}}]\n"
    assert messages(text, 30) == []
    assert messages(text, 24) == [
        "5: `hostUsers` is a field of a pod spec only since Kubernetes 1.25, so it has no effect in 1.24",
        "6: `resourceClaims` is a field of a pod spec only since Kubernetes 1.26, so it has no effect in 1.24",
    ]
    assert messages(text, 31) == [
        "6: `source` is a field of `resourceClaims[0]` only before Kubernetes 1.31, so it has no effect in 1.31"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("metadata: {namespace: n}", "`namespace` is false, since YAML 1.1 reads `n` as false; put it in quotes", id="n"),
        pytest.param("metadata: {name: on}", "`name` is true, since YAML 1.1 reads `on` as true; put it in quotes", id="on"),
        pytest.param("metadata: {name: true}", "`name` is true; put it in quotes", id="true itself"),
        pytest.param("spec: {hostname: 1.10}", "`hostname` is the number 1.1, since YAML 1.1 reads `1.10` as a number; put it in quotes", id="1.10"),
        pytest.param("spec: {hostname: 0777}", "`hostname` is the number 511, since YAML 1.1 reads `0777` as a number; put it in quotes", id="octal"),
        pytest.param("spec: {hostname: 1e3}", "`hostname` is the number 1000, since YAML 1.1 reads `1e3` as a number; put it in quotes", id="1e3"),
        pytest.param("spec: {hostname: 8080}", "`hostname` is the number 8080; put it in quotes", id="a number as it is"),
        pytest.param("spec: {hostname: [a]}", "`hostname` is a list; it must be text", id="a list for text"),
        pytest.param("metadata: {labels: {on: yes}}", "`labels.true` is true, since YAML 1.1 reads `yes` as true; put it in quotes", id="a label"),
        pytest.param("metadata: {annotations: {a/b: 1}}", "`annotations[a/b]` is the number 1; put it in quotes", id="an annotation"),
        pytest.param("spec: {hostPID: 'true'}", '`hostPID` is the text "true"; remove the quotes', id="true in quotes"),
        pytest.param("spec: {hostPID: maybe}", '`hostPID` is the text "maybe"; it must be true or false', id="no truth"),
        pytest.param("spec: {hostPID: 1}", "`hostPID` is the number 1; it must be true or false", id="a number for truth"),
        pytest.param("spec: {priority: '80'}", '`priority` is the text "80"; remove the quotes', id="a number in quotes"),
        pytest.param("spec: {priority: high}", '`priority` is the text "high"; it must be a whole number of at most 32 bits', id="no number"),
        pytest.param("spec: {priority: 1.5}", "`priority` is the number 1.5; it must be a whole number of at most 32 bits", id="a fraction"),
        pytest.param("spec: {priority: 3000000000}", "`priority` is the number 3000000000; it must be a whole number of at most 32 bits", id="too large"),
        pytest.param("spec: {priority: '${schema.spec.x}'}", '`priority` is a placeholder, the text "${schema.spec.x}", whose value is not known here; it is not judged', id="kro"),
        pytest.param("spec: {priority: '{{ x }}'}", '`priority` is a placeholder, the text "{{ x }}", whose value is not known here; it is not judged', id="moustaches"),
        pytest.param("spec: {priority: '@PRIORITY@'}", '`priority` is a placeholder, the text "@PRIORITY@", whose value is not known here; it is not judged', id="at signs"),
        pytest.param("spec: {volumes: {a: b}}", "`volumes` is a mapping; it must be a list", id="a mapping for a list"),
        pytest.param("spec: {volumes: data}", '`volumes` is the text "data"; it must be a list', id="text for a list"),
        pytest.param("spec: {volumes: [data]}", '`volumes[0]` is the text "data"; it must be a mapping', id="text for a mapping"),
        pytest.param("spec: {securityContext: [a]}", "`securityContext` is a list; it must be a mapping", id="a list for a mapping"),
        pytest.param("spec: {overhead: {cpu: true}}", "`cpu` is true; it must be a quantity, such as 100m", id="truth for a quantity"),
    ],
)  # fmt: skip
def test_wrong_types(text: str, message: str) -> None:
    assert messages(f"apiVersion: v1\nkind: Pod\n{text}\n") == [f"3: {message}"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("spec: {containers: [{resources: {limits: {cpu: 0.5, memory: 64Mi, pods: 1}}}]}", id="quantities"),
        pytest.param("spec: {containers: [{livenessProbe: {httpGet: {port: http}}}]}", id="a port by name"),
        pytest.param("spec: {containers: [{livenessProbe: {httpGet: {port: 80}}}]}", id="a port by number"),
        pytest.param("spec: {securityContext: {runAsUser: 4000000000}}", id="64 bits"),
        pytest.param("metadata: {creationTimestamp: null}\nspec: {nodeName: ~}", id="null is absent"),
        pytest.param("spec: {containers: [null]}", id="null in a list"),
        pytest.param("status: {phase: Running, whatever: [1]}", id="the status is not compared"),
        pytest.param("metadata: {managedFields: [{fieldsV1: {f:metadata: {}}}]}", id="managed fields"),
        pytest.param("$patch: delete\nspec: {volumes: [{$patch: replace}]}", id="directives of a patch"),
        pytest.param("sops: {version: 3.9.0}", id="metadata of sops, which decryption removes"),
    ],
)
def test_what_kubernetes_takes(text: str) -> None:
    assert messages(f"apiVersion: v1\nkind: Pod\n{text}\n") == []


def test_what_the_line_does_not_show() -> None:
    flow = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace":\nfalse}, "spec": {"hostname": 1.50}}'
    assert messages(flow) == [
        "1: `namespace` is false; put it in quotes",
        "2: `hostname` is the number 1.5, since YAML 1.1 reads `1.50` as a number; put it in quotes",
    ]
    padded = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {'a' * 300}, namespace: n}}\n"
    assert messages(padded) == ["3: `namespace` is false; put it in quotes"]


def test_the_number_of_faults_is_bounded() -> None:
    assert len(NEWEST.faults({str(number): 1 for number in range(1_000)}, "Pod")) == schema.MAX_FAULTS


# ---------------------------------------------------------------------------------------- the data


def _types() -> dict[str, dict[str, Any]]:
    types: dict[str, dict[str, Any]] = json.loads(pkgutil.get_data("kgate.kubernetes", "types.json") or b"")
    return types


def test_the_data_is_whole_and_small() -> None:
    data = _types()
    roots = {kind for kinds in data.pop("").values() for kind in kinds}
    assert 20 < len(roots) < 30
    reached, pending = set(roots), list(roots)
    while pending:
        for shape in NEWEST_AND_OLD[pending.pop()]:
            if shape[0].isupper() and shape not in reached:
                reached.add(shape)
                pending.append(shape)
    assert reached == set(data), "a type is missing, or nothing reaches it"
    assert len(data) > 190
    assert len(pkgutil.get_data("kgate.kubernetes", "types.json") or b"") < 48_000


NEWEST_AND_OLD = {
    name: [
        (shape if isinstance(shape, str) else shape[0]).removeprefix("[]").removeprefix("map ")
        for shape in fields.values()
    ]
    for name, fields in _types().items()
    if name
}
"""The types that the fields of each type hold, in all versions."""


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("ContainerPort", {"name", "hostPort", "containerPort", "protocol", "hostIP"}),
        ("Capabilities", {"add", "drop"}),
        ("SeccompProfile", {"type", "localhostProfile"}),
        ("HostPathVolumeSource", {"path", "type"}),
        ("SELinuxOptions", {"user", "role", "type", "level"}),
    ],
)
def test_types_that_have_not_changed_for_years(name: str, fields: set[str]) -> None:
    assert set(NEWEST.fields(name)) == fields


def test_the_fields_of_every_rule_are_known() -> None:
    """Those that rules about containers and pods point at, which all are fields of Kubernetes."""
    asked = 0
    for rule in load.load():
        for target, name in (("container", "Container"), ("pod", "PodSpec")):
            for field in rule.fields if rule.targets == (target,) and not rule.each else ():
                top = field.removeprefix("pod.").split(".")[0]
                assert top in NEWEST.fields("PodSpec" if field.startswith("pod.") else name) or top == "metadata", (
                    rule.id
                )
                asked += 1
    assert asked > 20


# ---------------------------------------------------------------------------------- quick and slow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["", "a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "env", "value", "ports", "hostPort", "zz", "$patch"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_the_quick_test_agrees_with_the_search(value: Any) -> None:
    search = schema._Search(NEWEST)
    search.compare(schema.Shape("struct", name="Container"), value, "")
    found = NEWEST.faults(value, "Container")
    assert found == tuple(search.found)
    assert not NEWEST._test("Container")(value) or not found
    assert all(isinstance(fault, UnknownField | Mismatch) for fault in found)
