"""The resources that an API server serves."""

from __future__ import annotations

import pytest

from kgate.kubernetes.resources import Served, catalogue
from upstream import apiserver, resources


def test_what_is_served() -> None:
    assert catalogue()[""]["pods/exec"] == Served(("create", "get"), True)
    assert catalogue()["rbac.authorization.k8s.io"]["clusterroles"].is_namespaced is False
    assert "deployments" not in catalogue()[""]


@pytest.mark.needs_apiserver
def test_the_file_holds_what_a_server_says() -> None:
    with apiserver.running(resources.OPTIONS) as server:
        assert resources.text(resources.resources(server)) == resources.FILE.read_text(encoding="utf-8")
