"""sources/kustomize/transformers.py: which names agree but for what kustomize puts before and behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate.rendering.kustomize.kustomization import parse
from kgate.rendering.kustomize.transformers import Field, names_agree
from kgate.repository import Repository

NAMES = [
    pytest.param("web", True, id="the same"),
    pytest.param("a-web", True, id="a prefix"),
    pytest.param("aa-a-web", True, id="two prefixes"),
    pytest.param("b-web", False, id="something else before it"),
    pytest.param("a-web-m4tk5tk7cd", True, id="a hash behind it"),
    pytest.param("a" * 5000 + "b-web", False, id="many ways to split it"),
    pytest.param("a" * 5000 + "-web", True, id="many prefixes"),
]


@pytest.mark.parametrize(("name", "agree"), NAMES)
def test_names_agree(name: str, agree: bool) -> None:
    texts = [f"namePrefix: {prefix}\n" for prefix in ("a-", "aa-", "a", "aa")]
    nodes = [parse(Path("x"), Path("x/kustomization.yaml"), text, Repository(Path("x"))) for text in texts]
    assert names_agree(nodes, "web", Field(("metadata", "name"), name, "Deployment", name)) is agree
