"""selectors.py: which labels a selector takes, as Kubernetes decides it."""

from __future__ import annotations

import re

import pytest

from kgate.kubernetes.selectors import matches
from kgate.yamltree.fields import Fields, UserFile

LABELS = {"app": "web", "tier": ""}


def selector(text: str) -> Fields:
    return UserFile.parse(text.encode(), "a.yaml", ValueError).fields()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("{}", True, id="an empty one takes everything"),
        pytest.param("matchLabels: {app: web}", True, id="a label"),
        pytest.param("matchLabels: {app: web, tier: ''}", True, id="two labels"),
        pytest.param("matchLabels: {app: web, tier: x}", False, id="one of two labels"),
        pytest.param("matchLabels: {zone: ''}", False, id="an empty label is not an absent one"),
        pytest.param("matchExpressions: [{key: app, operator: In, values: [db, web]}]", True, id="In"),
        pytest.param("matchExpressions: [{key: zone, operator: In, values: [a]}]", False, id="In, absent"),
        pytest.param("matchExpressions: [{key: app, operator: NotIn, values: [db]}]", True, id="NotIn"),
        pytest.param("matchExpressions: [{key: zone, operator: NotIn, values: [a]}]", True, id="NotIn, absent"),
        pytest.param("matchExpressions: [{key: tier, operator: Exists}]", True, id="Exists"),
        pytest.param("matchExpressions: [{key: app, operator: DoesNotExist}]", False, id="DoesNotExist"),
        pytest.param(
            "matchLabels: {app: web}\nmatchExpressions: [{key: zone, operator: Exists}]", False, id="all must hold"
        ),
    ],
)
def test_matches(text: str, wanted: bool) -> None:
    assert matches(selector(text), LABELS) is wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "matchExpressions:\n- key: app\n  operator: Is",
            "a.yaml:3: matchExpressions[0].operator must be In, NotIn, Exists or DoesNotExist",
            id="an unknown operator",
        ),
        pytest.param("matchLabels: {app: 1}", "a.yaml:1: matchLabels.app must be a string", id="a number"),
        pytest.param("matchExpressions: [{key: app}]", "matchExpressions[0].operator is missing", id="no operator"),
    ],
)
def test_faults(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        matches(selector(text), LABELS)
