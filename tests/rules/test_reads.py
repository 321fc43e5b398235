"""reads.py: what an expression can read, and that nothing else decides its answer."""

from __future__ import annotations

import pytest

from kgate.judgement import memo
from kgate.kubernetes import pss
from kgate.model import Json, Rule
from kgate.rules import cel, fieldpath, load
from kgate.rules.cel import VARIABLES
from kgate.rules.placements import HARDENED_CONTAINER, HARDENED_POD
from kgate.rules.reads import Reads, reads, settings_read
from kgate.rules.variables import bound

ALL = Reads(frozenset((name,) for name in VARIABLES))


def some(*paths: str) -> Reads:
    return Reads(frozenset(tuple(path.split(".")) for path in paths))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("container.image == ''", some("container.image"), id="a field"),
        pytest.param("pod.?hostPID.orValue(false)", some("pod.hostPID"), id="an optional field"),
        pytest.param("pod\n . ? os . name == ''", some("pod.os"), id="blanks around the dot"),
        pytest.param("has(pod.os) && pod.os.name == ''", some("pod.os"), id="a macro around it"),
        pytest.param("minor >= 19", some("minor"), id="a variable without fields"),
        pytest.param("pod.size() > 0", some("pod"), id="a method reads all"),
        pytest.param("pod['os'] == ''", some("pod"), id="an index reads all"),
        pytest.param("[pod].all(x, x.os == '')", some("pod"), id="another name for it"),
        pytest.param("pod.os == '' || pod == {}", some("pod"), id="all of it besides a field"),
        pytest.param("dyn(pod).os == ''", some("pod"), id="in brackets"),
        pytest.param("container.pod.os == ''", some("container.pod"), id="a field of that name"),
        pytest.param("container.?pod.os == ''", some("container.pod"), id="an optional field of it"),
        pytest.param(".pod.os == ''", some("pod.os"), id="an absolute name"),
        pytest.param(
            "container.image == '' ? .pod.os : true", some("container.image", "pod.os"), id="one in the middle"
        ),
        pytest.param("each0.pod.os == ''", some("pod.os"), id="a field of something else counts, to be safe"),
        pytest.param("item.value != 'a pod.os'", some("item.value"), id="inside a string"),
        pytest.param(r"item.value != 'it\'s' + pod.os", some("item.value", "pod.os"), id="an escaped quote"),
        pytest.param('item.value != "\'" + pod.os + "\'"', some("item.value", "pod.os"), id="quotes in quotes"),
        pytest.param(r"item.matches(r'\') || pod.os == ''", some("item", "pod.os"), id="a raw string"),
        pytest.param("item == '''it's''' || pod.os == ''", some("item", "pod.os"), id="a triple-quoted string"),
        pytest.param("item == 'http://pod.x' // pod's\n && pod.os == ''", some("item", "pod.os"), id="a comment"),
        pytest.param("resource.?metadata.?namespace == ''", some("resource.metadata.namespace"), id="two names"),
        pytest.param("resource.metadata.size() == 0", some("resource.metadata"), id="a method of a field"),
        pytest.param(
            "resource.metadata.name == resource.kind", some("resource.metadata.name", "resource.kind"), id="two"
        ),
        pytest.param("pod.`os` == ''", ALL, id="a quoted identifier"),
        pytest.param("item == 'pod || pod.os == ''", ALL, id="what is not understood"),
    ],
)
def test_what_an_expression_reads(expression: str, expected: Reads) -> None:
    assert reads([expression]) == expected


POD: Json = {
    **HARDENED_POD,
    "os": {"name": "linux"},
    "containers": [HARDENED_CONTAINER],
    "volumes": [{"name": "a", "hostPath": {"path": "/"}}],
}
GARBAGE: Json = {"image": 1, "hostPID": "x", "volumes": {}, "securityContext": [], "annotations": 5, "name": None}


def remembered(kind: str) -> list[Rule]:
    rules = [rule for rule in load.load() if kind in rule.targets and pss.NEWEST_MINOR in rule.versions]
    return [rule for rule in rules if memo.is_worth_it(memo.reads_of(rule, kind), kind)]


def test_most_rules_are_remembered() -> None:
    assert len(remembered("container")) > 30
    assert len(remembered("pod")) > 15


@pytest.mark.parametrize("kind", ["container", "pod"])
def test_nothing_else_decides_the_answer(kind: str) -> None:
    """Every other field is replaced by garbage; the answer of every example of the rule must stay."""
    judged = 0
    for rule in remembered(kind):
        what = memo.reads_of(rule, kind)
        expression = fieldpath.quantified(bound(rule), kind, rule.each)
        for example in (*rule.good, *rule.bad):
            for variables in variables_of(kind, example.body):
                spoilt = {name: spoil(name, value, what) for name, value in variables.items()}
                assert str(cel.evaluate(expression, spoilt)) == str(cel.evaluate(expression, variables)), rule.id
                judged += 1
    assert judged > 100


def variables_of(kind: str, body: Json) -> list[dict[str, Json]]:
    """The variables for each target of a kind that an example holds."""
    template = body if "spec" in body else {"spec": body if kind == "pod" or "containers" in body else POD}
    pod, metadata = template["spec"], template.get("metadata", {})
    common = {"pod": pod, "metadata": metadata, "resource": {"kind": "Pod", "spec": pod}, "minor": pss.NEWEST_MINOR}
    if kind == "pod":
        return [{**common, "container": {}, "item": pod}]
    containers = pod.get("containers", []) if "spec" in body or "containers" in body else [body]
    return [{**common, "container": container, "item": container} for container in containers]


def spoil(name: str, value: Json, what: Reads) -> Json:
    """The value of a variable with everything that is not read replaced."""
    if (name,) in what.paths or name in ("item", "minor"):
        return value
    kept = {path[1] for path in what.paths if path[0] == name}
    garbage = {key: found for key, found in GARBAGE.items() if key not in kept}
    return garbage | {key: found for key, found in value.items() if key in kept}


def test_the_settings_that_a_rule_reads() -> None:
    rule = next(rule for rule in load.load() if rule.id == "etcd-without-tls")
    assert settings_read(rule) == {"auto-tls", "cert-file", "key-file"}
