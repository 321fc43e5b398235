"""nested.py and encryptionkeys.py: configuration in other objects is read at its own place, and shows no keys."""

from __future__ import annotations

import textwrap

import pytest

from kgate.kubernetes import manifest
from kgate.model import Batch


def read(text: str) -> Batch:
    return manifest.read("files.yaml", textwrap.dedent(text).encode())


ADMISSION = """\
    apiVersion: apiserver.config.k8s.io/v1
    kind: AdmissionConfiguration
    plugins:
      - name: PodSecurity
        configuration:
          apiVersion: pod-security.admission.config.k8s.io/v1
          kind: PodSecurityConfiguration
          defaults: {enforce: baseline}
      - name: ImagePolicyWebhook
        configuration: {imagePolicy: {defaultAllow: true}}
      - name: Other
        configuration: nothing
"""
CONFIG_MAP = """\
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: kubelet-config, namespace: kube-system}
    data:
      note: nothing of the kind
      kubelet: |
        # a comment
        apiVersion: kubelet.config.k8s.io/v1beta1
        kind: KubeletConfiguration
        readOnlyPort: 10255
        ---
        apiVersion: kubeproxy.config.k8s.io/v1alpha1
        kind: KubeProxyConfiguration
        bindAddress: 0.0.0.0
"""


SECRET = CONFIG_MAP.replace("ConfigMap", "Secret").replace("data:", "stringData:")
IN_A_LINE = """\
    apiVersion: v1
    kind: ConfigMap
    data:
      admission: "{apiVersion: apiserver.config.k8s.io/v1, kind: AdmissionConfiguration,\\
        plugins: [{name: PodSecurity, configuration: {kind: PodSecurityConfiguration,\\
        apiVersion: pod-security.admission.config.k8s.io/v1}}]}"
"""
LIST = "apiVersion: v1\nkind: List\nitems:\n- " + textwrap.dedent(ADMISSION).replace("\n", "\n  ")
ADMISSION_KINDS = ["AdmissionConfiguration", "PodSecurityConfiguration"]
TEXT_KINDS = ["KubeletConfiguration", "KubeProxyConfiguration"]


@pytest.mark.parametrize(
    ("text", "pointer", "kinds", "line"),
    [
        pytest.param(ADMISSION, "/defaults/enforce", ADMISSION_KINDS, 8, id="as a field"),
        pytest.param(CONFIG_MAP, "/bindAddress", ["ConfigMap", *TEXT_KINDS], 14, id="as text of several documents"),
        pytest.param(SECRET, "/bindAddress", ["Secret", *TEXT_KINDS], 14, id="in a Secret"),
        pytest.param(IN_A_LINE, "/defaults", ["ConfigMap", *ADMISSION_KINDS], 4, id="as a field of a text"),
        pytest.param(LIST, "/defaults/enforce", ADMISSION_KINDS, 11, id="in a member of a list"),
    ],
)
def test_where_it_is_found(text: str, pointer: str, kinds: list[str], line: int) -> None:
    batch = read(text)
    assert [one.id.kind for one in batch.resources] == kinds
    assert batch.resources[-1].locate(pointer).start.line == line
    assert (batch.problems, batch.unjudged) == ((), ())


SCRIPT = """\
    apiVersion: v1
    kind: ConfigMap
    data:
      install.sh: |
        #!/bin/sh
        cat >a <<EOF
        apiVersion: kubelet.config.k8s.io/v1beta1
        kind: [
        EOF
"""
POD_SECURITY = "apiVersion: pod-security.admission.config.k8s.io/v1"


def config_map(data: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\ndata: {data}\n"


def admission(plugins: str) -> str:
    return f"apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: {plugins}\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(config_map("{a: see kubelet.config.k8s.io/v1beta1}"), id="a text that mentions it"),
        pytest.param(SCRIPT, id="a script that writes one"),
        pytest.param(config_map("[kubelet.config.k8s.io/]"), id="data of a wrong type"),
        pytest.param(config_map("{a: {apiVersion: kubelet.config.k8s.io/v1beta1}}"), id="a file of a wrong type"),
        pytest.param(
            config_map("{a: '{apiVersion: apps/v1, kind: Deployment, a: kubelet.config.k8s.io/}'}"), id="another"
        ),
        pytest.param(admission("{name: PodSecurity}"), id="plugins of a wrong type"),
        pytest.param(admission("[a, null, [b]]"), id="members of a wrong type"),
        pytest.param(admission(f"[{{configuration: {{kind: [], {POD_SECURITY}}}}}]"), id="a kind of a wrong type"),
        pytest.param(
            admission(f"[{{configuration: {{kind: AdmissionConfiguration, {POD_SECURITY}}}}}]"), id="of the same kind"
        ),
    ],
)
def test_what_holds_none(text: str) -> None:
    batch = read(text)
    assert (len(batch.resources), batch.problems, batch.unjudged) == (1, (), ())


def test_a_text_that_cannot_be_read_is_not_judged() -> None:
    (entry,) = read(CONFIG_MAP.replace("readOnlyPort: 10255", "readOnlyPort: [")).unjudged
    assert (entry.line, entry.what) == (6, "ConfigMap/kube-system/kubelet-config: data.kubelet")
    assert entry.message.startswith("it cannot be read: ")


def test_texts_in_texts_are_read_to_a_depth() -> None:
    text = textwrap.dedent(CONFIG_MAP)
    listed = (
        "apiVersion: v1.config.k8s.io/v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n   a: |\n"
    )
    for _ in range(70):
        text = listed + textwrap.indent(text, "    ")
    batch = read(text.replace("v1.config.k8s.io/v1", "v1", 1))
    assert {one.id.kind for one in batch.resources} == {"ConfigMap"}
    assert [one.message for one in batch.unjudged] == ["it cannot be read: nested deeper than 256 levels"]


KEY = "c2VjcmV0IGlzIHNlY3VyZQ=="


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        pytest.param(f"[{{name: key1, secret: {KEY}}}]", "[{name: key1, secret: ***}]", id="in brackets"),
        pytest.param(f"\n          - secret: {KEY} # old", "- secret: *** # old", id="in a line of its own"),
        pytest.param(f"[{{secret: {KEY}, name: {'x' * 300}}}]", "", id="in a line that is cut"),
        pytest.param("[{secret: 1234567890123456}]", "[{secret: ***}]", id="as a number"),
        pytest.param(f"[{{secret: {KEY}}}, {'{secret: a}, ' * 100}]", "", id="very many"),
        pytest.param(f'[{{secret: "\\x63{KEY[1:]}"}}]', "", id="with an escape"),
        pytest.param(f'[{{secret: "{KEY[:20]}\\\n    {KEY[20:]}"}}]', "", id="in two lines"),
    ],
)
@pytest.mark.parametrize("provider", ["aescbc", "aesgcm", "secretbox"])
def test_no_line_shows_a_key(provider: str, keys: str, wanted: str) -> None:
    text = f"""\
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - {provider}:
      keys: {keys}
"""
    (resource,) = read(text).resources
    place = resource.locate(f"/resources/0/providers/0/{provider}/keys/0/secret")
    assert place.snippet.strip().removeprefix("keys: ") == wanted
    for number in range(place.start.line, place.end.line + 1):
        assert KEY[1:20] not in resource.locator.line(place.path, number)
    assert resource.shown("1234567890123456" if "1234567890123456" in keys else KEY) == "***"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("resources: {a: b}", id="resources of a wrong type"),
        pytest.param("resources: [null, a, {providers: {}}]", id="members of a wrong type"),
        pytest.param("resources: [{providers: [a, {aescbc: []}, {aesgcm: {keys: {}}}]}]", id="keys of a wrong type"),
        pytest.param("resources: [{providers: [{secretbox: {keys: [a, {}]}}]}]", id="no key in one"),
    ],
)
def test_a_configuration_without_keys(text: str) -> None:
    batch = read(f"apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n{text}")
    assert [one.concealed for one in batch.resources] == [()]
