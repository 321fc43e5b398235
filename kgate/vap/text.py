"""Writes policies as YAML: the same bytes for the same rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from kgate.vap.policies import Export, Exported

_WIDTH = 100_000
"""Lines are not folded: an expression stays as the rule has it."""

_OTHERWISE = re.compile(r"[yYnN]|[-+]?(0o[0-7]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+)")
"""Texts that the YAML readers of Kubernetes take for numbers or booleans, though PyYAML does not."""


def document(one: Exported) -> str:
    """Returns a policy with its binding, each as a document of its own; its comments must be inert lines."""
    lines = [f"# Waived: {comment}\n" for comment in one.comments]
    return "".join((*lines, "---\n", _yaml(one.policy), "---\n", _yaml(one.binding)))


def heading(export: Export, version: str) -> Iterator[str]:
    """Yields comments that say what the policies are, and which rules are none."""
    yield f"# ValidatingAdmissionPolicies: {len(export.policies)} rules of kgate {version}, by `kgate export vap`.\n"
    yield "# Do not edit: change the rules or the configuration, and export again.\n"
    yield from (f"# Not exported: {line}\n" for line in left_out(export))


def left_out(export: Export) -> Iterable[str]:
    """Returns a line for each thing that is not exported."""
    return (f"{one.what}: {one.reason}" for one in export.left_out)


def _yaml(body: Any) -> str:
    import yaml  # few commands write YAML

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they are, and repeats values instead of naming them."""

        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        is_block = "\n" in value or len(value) > 80
        style = "|" if is_block else "'" if _OTHERWISE.fullmatch(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    written: str = yaml.dump(body, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return written


def kustomization(names: Iterable[str]) -> Iterator[str]:
    """Yields a kustomization of files."""
    body = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(names)}
    yield _yaml(body)
