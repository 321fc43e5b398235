"""Compares `kgate test vap` with what others expect of their policies, and with a real API server.

    python -m bench.vap_others --kubescape FOLDER --kyverno FOLDER [--record tests/data/vap_others.json.gz]

The folders are clones of kubescape/cel-admission-library, whose tests are objects with an expected answer, and of
kyverno/policies, whose ValidatingPolicies have the fields of a ValidatingAdmissionPolicy and some of their own, and
tests of chainsaw and of kyverno. Asks the server of ``upstream/apiserver`` about each object, prints every difference,
and exits with 1 if there is one. ``--record`` writes policies, objects and answers for the quick tests.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import importlib.util
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from kgate.kubernetes import manifest
from kgate.kubernetes.plurals import plural
from kgate.model import Resource
from kgate.values import dataclass
from kgate.vap.deciding import Decider, PolicyOutcome
from kgate.vap.reading import Circumstances, admissions, is_cluster_wide, read
from upstream.apiserver import PATIENCE, Server, ServerError, running

Body = dict[str, Any]

API = "admissionregistration.k8s.io/v1"
OF_KYVERNO = ("autogen", "evaluation", "validationActions", "webhookConfiguration")
"""Fields that a ValidatingAdmissionPolicy does not have."""

REFUSED, ADMITTED, INVALID, OPEN = "d", "a", "i", "o"


@dataclass(frozen=True, slots=True)
class Suite:
    """A policy with its parameters, and objects with what their authors expect: refused or admitted."""

    name: str
    policy: Body
    params: tuple[Body, ...]
    cases: tuple[tuple[Body, str], ...]


# ----------------------------------------------------------------------------------------- kubescape


def of_kubescape(folder: Path) -> Iterator[Suite]:
    """Yields the controls of kubescape/cel-admission-library, each with its tests."""
    change = _script(folder / "scripts/change-yaml-field.py")
    for control in sorted(folder.glob("controls/C-*")):
        policy = yaml.safe_load((control / "policy.yaml").read_text(encoding="utf-8"))
        tests = json.loads((control / "tests.json").read_text(encoding="utf-8"))
        by_params: dict[str, list[Body]] = {}
        for test in tests:
            by_params.setdefault(test.get("param_template", "default-control-configuration.yaml"), []).append(test)
        for template, several in by_params.items():
            params = yaml.safe_load((folder / "test-resources" / template).read_text(encoding="utf-8"))
            params["metadata"]["name"] = "params"
            cases = [
                (_changed(folder, test, change), REFUSED if test["expected"] != "pass" else ADMITTED)
                for test in several
            ]
            yield Suite(f"{control.name} {template}", policy, (params,), tuple(cases))


def _script(path: Path) -> Any:
    """Imports the script that changes fields of an object."""
    spec = importlib.util.spec_from_file_location("change_yaml_field", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _changed(folder: Path, test: Body, change: Any) -> Body:
    body: Body = yaml.safe_load((folder / "test-resources" / test["template"]).read_text(encoding="utf-8"))
    for one in test.get("field_change_list", ()):
        field, _, value = one.partition("=")
        change.apply_field(body, field, value)
    return body


# ------------------------------------------------------------------------------------------- kyverno


def of_kyverno(folder: Path) -> Iterator[Suite]:
    """Yields the ValidatingPolicies of kyverno/policies that have tests."""
    for path in sorted(folder.glob("*-vpol/**/*.yaml")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        for policy in _objects(path):
            cases = tuple(_cases(path.parent, policy)) if policy.get("kind") == "ValidatingPolicy" else ()
            if cases:
                yield Suite(path.relative_to(folder).as_posix(), _as_admission_policy(policy), (), cases)


def _as_admission_policy(policy: Body) -> Body:
    spec = {key: value for key, value in policy["spec"].items() if key not in OF_KYVERNO}
    name = policy["metadata"]["name"]
    return {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}


class _Loader(yaml.SafeLoader):
    """Leaves times as they are written, as Kubernetes does."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - of yaml
        first: [(tag, pattern) for tag, pattern in several if tag != "tag:yaml.org,2002:timestamp"]
        for first, several in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _objects(path: Path) -> list[Body]:
    try:
        found = list(yaml.load_all(path.read_text(encoding="utf-8"), _Loader))
    except (OSError, yaml.YAMLError):
        return []
    return [one for one in found if isinstance(one, dict)]


def _cases(folder: Path, policy: Body) -> Iterator[tuple[Body, str]]:
    """Yields objects of the kinds that the policy itself names: kyverno derives policies for others from it."""
    wanted = {
        name.partition("/")[0]
        for rule in policy["spec"].get("matchConstraints", {}).get("resourceRules", ())
        for name in rule["resources"]
    }
    for body, expected in (*_of_chainsaw(folder), *_of_kyverno_test(folder, policy)):
        if wanted & {"*", plural(body.get("kind", ""))} and isinstance(body.get("metadata"), dict):
            yield body, expected


def _of_chainsaw(folder: Path) -> Iterator[tuple[Body, str]]:
    for test in _objects(folder / ".chainsaw-test/chainsaw-test.yaml"):
        for step in test["spec"]["steps"]:
            for one in step.get("try", ()):
                applied = one.get("apply") or one.get("create") or {}
                if not str(applied.get("file", "..")).startswith(".."):
                    is_error = "$error != null" in json.dumps(applied.get("expect", ""))
                    for body in _objects(folder / ".chainsaw-test" / applied["file"]):
                        yield body, REFUSED if is_error else ADMITTED


def _of_kyverno_test(folder: Path, policy: Body) -> Iterator[tuple[Body, str]]:
    for test in _objects(folder / ".kyverno-test/kyverno-test.yaml"):
        known = [body for name in test.get("resources", ()) for body in _objects(folder / ".kyverno-test" / name)]
        for result in test.get("results", ()):
            if result.get("policy") != policy["metadata"]["name"] or result.get("result") not in ("pass", "fail"):
                continue
            for name in result.get("resources", ()):
                for body in known:
                    where = body.get("metadata", {})
                    if body.get("kind") == result.get("kind") and where.get("name") == name.rpartition("/")[2]:
                        yield body, REFUSED if result["result"] == "fail" else ADMITTED


# ------------------------------------------------------------------------------------------- answers


def tested(suite: Suite) -> Iterator[str]:
    """Yields what `kgate test vap` says of each object."""
    material = read(resources([suite.policy, *bindings(suite), *suite.params]))
    decider = Decider(material)
    for body, _ in suite.cases:
        found = resources([body])
        outcomes = {one.outcome for each in admissions(found, found, Circumstances()) for one in decider.decide(each)}
        worst = PolicyOutcome.DENIED in outcomes, PolicyOutcome.OPEN in outcomes or bool(material.problems)
        yield REFUSED if worst[0] else OPEN if worst[1] or not found else ADMITTED


def resources(bodies: Sequence[Body]) -> Sequence[Resource]:
    """Returns objects as kgate reads them."""
    text = yaml.safe_dump_all(bodies)
    return manifest.read("objects.yaml", text.encode(), manifest.SKIPPABLE_KINDS).resources


def bindings(suite: Suite) -> list[Body]:
    """Returns the binding of a policy that has parameters."""
    params = {"paramRef": {"name": "params", "parameterNotFoundAction": "Deny"}} if suite.params else {}
    name = suite.policy["metadata"]["name"]
    spec = {"policyName": name, "validationActions": ["Deny"], **params}
    return [{"apiVersion": API, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"}, "spec": spec}]


class Oracle:
    """Asks a server: each policy is about the requests of one user, whom the administrator impersonates."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._namespaces = {"default", "kube-node-lease", "kube-public", "kube-system"}

    def prepare(self, definition: Body) -> None:
        """Installs the definition of the parameters."""
        self._server.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        time.sleep(3)

    def install(self, suite: Suite, user: str) -> str:
        """Installs a policy for the requests of a user; returns why the server refuses it, if it does."""
        policy = copy.deepcopy(suite.policy)
        policy["metadata"] = {"name": user}
        only = {"name": "oracle.example.org", "expression": f"request.userInfo.username == '{user}'"}
        policy["spec"]["matchConditions"] = [only, *(policy["spec"].get("matchConditions") or ())]
        (binding,) = bindings(suite)
        binding["metadata"] = {"name": user}
        binding["spec"]["policyName"] = user
        for number, body in enumerate(suite.params):
            own = {**body, "metadata": {"name": f"{user}-{number}"}}
            binding["spec"]["paramRef"]["name"] = f"{user}-{number}"
            self._server.ask("POST", path_of(resources([own])[0], ""), own)
        try:
            self._server.ask("POST", f"/apis/{API}/validatingadmissionpolicies", policy)
            self._server.ask("POST", f"/apis/{API}/validatingadmissionpolicybindings", binding)
        except ServerError as error:
            return str(error)
        return ""

    def answer(self, body: Body, user: str) -> str:
        """Returns what the server says of an object."""
        found = resources([body])
        if not found:
            return INVALID
        where = "" if is_cluster_wide(found[0]) else found[0].id.namespace or "default"
        if where and where not in self._namespaces:
            self._server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": where}})
            self._namespaces.add(where)
        try:
            self._server.ask("POST", f"{path_of(found[0], where)}?dryRun=All", body, user)
        except ServerError as error:
            return REFUSED if "ValidatingAdmissionPolicy '" in str(error) else INVALID
        return ADMITTED


def path_of(resource: Resource, namespace: str) -> str:
    """Returns the path that objects of a kind are posted to."""
    version = resource.id.api_version
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{base}{f'/namespaces/{namespace}' if namespace else ''}/{plural(resource.id.kind)}"


def answers(server: Server, suites: Sequence[Suite], definition: Body) -> list[str]:
    """Returns the answers of a server: a letter for each object of a suite, none for policies that it refuses."""
    oracle = Oracle(server)
    oracle.prepare(definition)
    refused = [oracle.install(suite, f"user-{number}") for number, suite in enumerate(suites)]
    for suite, reason in zip(suites, refused, strict=True):
        if reason:
            print(f"{suite.name}: the server refuses the policy: {reason[:300]}")
    _wait(oracle, suites, refused)
    return [
        "" if refused[number] else "".join(oracle.answer(body, f"user-{number}") for body, _ in suite.cases)
        for number, suite in enumerate(suites)
    ]


def _wait(oracle: Oracle, suites: Sequence[Suite], refused: Sequence[str]) -> None:
    """Waits until the last policy that should refuse something does."""
    last = max(
        number
        for number, suite in enumerate(suites)
        if not refused[number] and any(expected == REFUSED for _, expected in suite.cases)
    )
    body = next(body for body, expected in suites[last].cases if expected == REFUSED)
    end = time.monotonic() + PATIENCE / 10
    while oracle.answer(body, f"user-{last}") == ADMITTED and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(3)


# ------------------------------------------------------------------------------------------ recording


def recording(suites: Sequence[Suite], letters: Sequence[str]) -> bytes:
    """Returns suites and answers as compressed JSON."""
    entries: list[Body] = [
        {
            "name": suite.name,
            "policy": {**suite.policy, "metadata": {"name": suite.policy["metadata"]["name"]}},
            "params": list(suite.params),
            "objects": [body for body, _ in suite.cases],
            "expected": "".join(expected for _, expected in suite.cases),
            "answers": own,
        }
        for suite, own in zip(suites, letters, strict=True)
    ]
    return gzip.compress(json.dumps(entries, separators=(",", ":")).encode(), mtime=0)


def recorded(data: bytes) -> Iterator[tuple[Suite, str]]:
    """Yields suites and answers as they were recorded."""
    for row in json.loads(gzip.decompress(data)):
        cases = tuple(zip(row["objects"], row["expected"], strict=True))
        yield Suite(row["name"], row["policy"], tuple(row["params"]), cases), row["answers"]


@dataclass(frozen=True, slots=True)
class Row:
    """An object of a suite, and what is said of it: by its author, by the server, and by `kgate test vap`."""

    suite: str
    object: str
    expected: str
    theirs: str
    ours: str


def rows(found: Iterable[tuple[Suite, str]]) -> Iterator[Row]:
    """Yields the objects of all policies that the server takes."""
    for suite, letters in found:
        if letters:
            for (body, expected), theirs, ours in zip(suite.cases, letters, tested(suite), strict=True):
                yield Row(suite.name, f"{body['kind']}/{body['metadata'].get('name')}", expected, theirs, ours)


def differences(found: Iterable[Row]) -> list[Row]:
    """Returns where `kgate test vap` answers otherwise than the server did. What it leaves open is no answer."""
    return [row for row in found if row.theirs != INVALID and row.ours not in (row.theirs, OPEN)]


def counts(found: Iterable[Row]) -> dict[str, int]:
    """Returns how many objects there are, and how many are answered as their authors expect, or not at all."""
    several = list(found)
    return {
        "policies": len({row.suite for row in several}),
        "objects": len(several),
        "as expected by the server": sum(row.expected == row.theirs for row in several),
        "as expected by kgate": sum(row.expected == row.ours for row in several),
        "open": sum(row.ours == OPEN for row in several),
        "invalid for the server": sum(row.theirs == INVALID for row in several),
    }


def is_of_kubescape(row: Row) -> bool:
    """True for an object of a control."""
    return row.suite.startswith("C-")


def main() -> int:
    """Asks, compares, and records."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kubescape", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--kyverno", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--record", type=Path, metavar="FILE")
    options = parser.parse_args()
    suites = [*of_kubescape(options.kubescape), *of_kyverno(options.kyverno)]
    (definition,) = _objects(options.kubescape / "configuration/policy-configuration-definition.yaml")
    with running() as server:
        letters = answers(server, suites, definition)
    found = list(rows(zip(suites, letters, strict=True)))
    print("kubescape:", counts(filter(is_of_kubescape, found)))
    print("kyverno:", counts(itertools.filterfalse(is_of_kubescape, found)))
    wrong = differences(found)
    print(*wrong, sep="\n")
    if options.record is not None:
        options.record.write_bytes(recording(suites, letters))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
