"""Who may import whom: data flows one way, between the rooms and inside of them, and there are no circles."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgate

PACKAGE = Path(kgate.__file__).parent
KINDS = tuple(f"rendering.{path.parent.name}" for path in sorted(PACKAGE.glob("rendering/*/requests.py")))
"""The kinds of source, each a room of its own."""

FLOW = (
    ("values",),
    (
        "errors",
        "gitconfig",
        "gitindex",
        "lifetime",
        "limits",
        "model",
        "pyproject",
        "regexp",
        "textfile",
        "urls",
        "wholefile",
    ),
    (
        "cache",
        "processes",
        "repository",
        "yamltree.embedded",
        "yamltree.linehash",
        "yamltree.gofault",
        "yamltree.merge",
        "yamltree.spelling",
        "yamltree.streams",
    ),
    ("yamltree.nodes",),
    ("yamltree.scalars", "yamltree.text", "yamltree.toml"),
    ("yamltree.fields",),
    ("elsewhere.wanted", "jsonfile", "kubernetes.pss"),
    ("elsewhere.lock", "kubernetes.podsecurity"),
    (
        "environment",
        "kubernetes.accounts",
        "kubernetes.auditpolicy",
        "kubernetes.deployers",
        "kubernetes.embedded",
        "kubernetes.nearest",
        "kubernetes.neighbours",
        "kubernetes.podspec",
        "kubernetes.plurals",
        "kubernetes.resources",
        "kubernetes.schema",
        "kubernetes.scopes",
        "kubernetes.selectors",
    ),
    (
        "kubernetes.argo",
        "kubernetes.faults",
        "kubernetes.hops",
        "kubernetes.installers",
        "kubernetes.served",
        "kubernetes.tekton",
        "policy.floor",
    ),
    ("kubernetes.workload",),
    ("kubernetes.clusters", "kubernetes.exposure", "kubernetes.isolation", "kubernetes.storage"),
    ("kubernetes.auditfiles", "kubernetes.exposure", "kubernetes.isolation", "kubernetes.storage"),
    ("kubernetes.facts",),
    (
        *("kubernetes.components", "kubernetes.encryption", "kubernetes.encryptionkeys", "kubernetes.nested"),
        *("kubernetes.templated", "rbac"),
    ),
    ("audit.events", "audit.policy", "kubernetes.manifest"),
    ("audit.queries",),
    (
        *("rules.packaged", "rules.fieldpath", "rules.placements", "rules.variables"),
        *(
            "rendering.archive",
            "rendering.placeholders",
            "rendering.detect",
            "rendering.foreign",
            "rendering.goglob",
            "rendering.gojson",
            "rendering.gotemplate",
            "rendering.jsontext",
        ),
        *("rendering.sandbox", "rendering.scratch", "rendering.structure"),
    ),
    ("elsewhere.fetched", "wildcards", "rules.cel", "rendering.process"),
    ("rules.rulefile", "rules.reads", "rules.tuning"),
    ("rules.gate",),
    ("rules.load", "rules.lookup"),
    ("rendering.tools", "rendering.workspace"),
    ("policy.gittree", "rendering.requests"),
    (*KINDS, "judgement"),
    ("fix", "profiles", "rendering.shared"),
    ("waiverfile", "vap"),
    (
        "baselinefile",
        "pagecodec",
        "rules.examples",
        "rules.packaging",
        "gitops.additions",
        "gitops.catalogue",
        "gitops.deployed",
        "gitops.destinations",
    ),
    ("elsewhere",),
    ("gitops.fields",),
    ("gitops.assumptions", "gitops.embedded", "gitops.unfollowed"),
    ("gitops.elsewhere", "gitops.pulledtree"),
    ("gitops.argocd", "gitops.flux", "gitops.k3s"),
    ("gitops.plan",),
    ("sources",),
    ("gates",),
    ("config", "doctor", "exports", "plainfiles", "reports"),
    ("admission", "audit.answers", "policy"),
    ("session",),
    (
        *("admissionexport", "fileschemas", "inputs", "pull", "access", "scan", "starter", "vapexport", "vaptest"),
        *("waive", "waiverlist"),
    ),
    ("auditquery", "auditsql", "reportfile", "trial"),
    ("diffing", "fixing"),
    ("changescan",),
    ("falco", "server"),
    ("commands",),
    ("__main__",),
)
"""Low to high. A room imports from rows below its own, and within itself without circles."""

ONLY = {
    "audit.answers": ("values", "model", "reports", "audit.events", "audit.queries", "audit.answers"),
    "audit.events": ("values", "errors", "audit.events"),
    "audit.policy": ("values", "model", "errors", "yamltree", "kubernetes", "rbac", "audit.policy"),
    "audit.queries": ("values", "kubernetes.podspec", "rbac", "audit.events", "audit.queries"),
    "fix": ("values", "model", "yamltree", "kubernetes", "judgement", "fix"),
    "admission": ("values", "model", "kubernetes", "judgement", "reports", "admission"),
    "judgement": ("values", "model", "wildcards", "kubernetes", "rbac", "audit.policy", "rules", "judgement"),
    "kubernetes": ("values", "errors", "model", "yamltree", "kubernetes"),
    "rbac": ("values", "model", "yamltree", "kubernetes", "rbac"),
    "yamltree": ("values", "model", "yamltree"),
    "reports": ("values", "model", "errors", "reports"),
    "vap": ("values", "model", "regexp", "wildcards", "yamltree", "kubernetes", "rules", "judgement", "vap"),
    "exports": ("values", "model", "errors", "exports"),
}
"""All that these rooms may import of kgate."""

PURE = (
    *("values", "model", "yamltree", "kubernetes", "rbac", "audit.answers", "audit.policy", "audit.queries"),
    *("judgement", "exports", "fix", "vap"),
)
"""Rooms that touch nothing outside of the process."""

WORLD = ("os", "pathlib", "shutil", "socket", "subprocess", "sys", "tempfile", "time", "urllib.request")

MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}
ROOMS = {name: row for row, names in enumerate(FLOW) for name in names}


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it; ``from package import module`` names the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner.removeprefix("kgate.") in MODULES else node.module


def own_imports(module: str) -> set[str]:
    """The modules of kgate that a module imports."""
    names = (name.removeprefix("kgate.") for name in imports(MODULES[module]) if name.startswith("kgate."))
    return {name for name in names if name in MODULES}


def room(module: str) -> str:
    """The room that a module stands in: the longest name of FLOW that it begins with."""
    fitting = [name for name in ROOMS if module == name or module.startswith(f"{name}.")]
    assert fitting, f"give {module} a place in FLOW"
    return max(fitting, key=len)


def is_in(module: str, name: str) -> bool:
    """True for a room itself, and for what is inside of it."""
    return module == name or module.startswith(f"{name}.")


def is_package(module: str) -> bool:
    return module == "__init__" or module.endswith(".__init__")


CODE = [module for module in MODULES if not is_package(module)]


def test_there_are_modules() -> None:
    assert len(CODE) > 80
    assert {"rendering.helm", "rendering.kustomize"} <= set(KINDS)
    assert {room(module) for module in CODE} == set(ROOMS), "a room of FLOW is empty"


@pytest.mark.parametrize("module", CODE)
def test_imports_go_downwards(module: str) -> None:
    here = room(module)
    for name in own_imports(module):
        if not is_package(name) and room(name) != here:
            assert ROOMS[room(name)] < ROOMS[here], f"{module} imports {name}"


def test_there_are_no_circles() -> None:
    order = graphlib.TopologicalSorter({module: own_imports(module) for module in CODE})
    order.prepare()


@pytest.mark.parametrize("top", ONLY)
def test_some_rooms_see_little(top: str) -> None:
    inside = [module for module in CODE if is_in(module, top)]
    assert inside
    for module in inside:
        assert [name for name in own_imports(module) if not any(is_in(name, one) for one in ONLY[top])] == [], module


@pytest.mark.parametrize("top", PURE)
def test_some_rooms_touch_nothing(top: str) -> None:
    inside = [module for module in CODE if is_in(module, top)]
    assert inside
    for module in inside:
        assert set(imports(MODULES[module])).isdisjoint(WORLD), module


@pytest.mark.parametrize(
    ("library", "module"),
    [("cel_expr_python", "rules.cel"), ("re2", "regexp"), ("subprocess", "rendering.process")],
)
def test_one_module_a_library(library: str, module: str) -> None:
    users = {name for name, path in MODULES.items() if any(one.split(".")[0] == library for one in imports(path))}
    assert users == {module}


def test_only_the_commands_print() -> None:
    for module, path in MODULES.items():
        if not module.startswith(("commands.", "__main__")):
            calls = (
                node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
            )
            assert "print" not in {call.func.id for call in calls if isinstance(call.func, ast.Name)}, path
            assert "click" not in set(imports(path)), path
