"""Plugins of the API server whose configuration lies elsewhere."""

from __future__ import annotations

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.rules.load import load

JUDGE = Judge(load(), NEWEST_MINOR)
PLUGINS = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n"
UNREAD = (
    "a.yaml:5: AdmissionConfiguration: plugins[0].path is not judged: the API server reads the plugin's "
    "configuration from this file; write it as `configuration`"
)


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        pytest.param("- name: ImagePolicyWebhook\n  path: image.yaml\n", [UNREAD], id="a file without a kind"),
        pytest.param("- name: ImagePolicyWebhook\n  configuration: {imagePolicy: {}}\n", [], id="written in place"),
        pytest.param("- name: PodSecurity\n  path: levels.yaml\n", [], id="a file that is found by its kind"),
        pytest.param("- name: ImagePolicyWebhook\n  path: ''\n", [], id="no file"),
        pytest.param("- ImagePolicyWebhook\n", [], id="no mapping"),
        pytest.param("  name: ImagePolicyWebhook\n  path: image.yaml\n", [], id="no list"),
    ],
)
def test_the_file_of_a_plugin(plugin: str, said: list[str]) -> None:
    (resource,) = manifest.read("a.yaml", (PLUGINS + plugin).encode()).resources
    assert [f"{one.path}:{one.line}: {one.text}" for one in JUDGE.judge(resource).unjudged] == said
