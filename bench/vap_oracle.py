"""Asks a real API server what exported policies decide, and compares with a scan and with `kgate test vap`.

    python -m bench.vap_oracle [--record tests/data/vap_answers.json.gz]

Every example of every exported rule is posted, in each kind and container list that Kubernetes allows, to the server of
``upstream/apiserver``, where the policy of that rule denies. Prints every difference and exits with 1 if there is one.
``--record`` writes the answers, from which the quick tests compare without a server.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.kubernetes.plurals import plural
from kgate.kubernetes.podspec import CONTAINER_LISTS
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.kubernetes.workload import template_path
from kgate.model import Resource, Rule
from kgate.rules import load
from kgate.rules.placements import placements
from kgate.values import dataclass
from kgate.vap import policies
from kgate.vap.deciding import Decider, PolicyOutcome
from kgate.vap.reading import Circumstances, Requester, admissions, read
from upstream.apiserver import PATIENCE, Server, ServerError, running

Body = dict[str, Any]

LABEL = "kgate-oracle"
NAMESPACE = "shop"
IMAGE = "registry.example.org/app@sha256:" + "0" * 64
ADMITTED, DENIED, INVALID, OPEN = "a", "d", "i", "o"
"""What is answered: the object is admitted, a policy denies it, or the server refuses it before any policy is asked;
`kgate test vap` may leave a decision open."""

LEVEL = re.compile(r"(baseline|restricted)-1\.[0-9]+")
FIXTURES = Path(__file__).parent.parent / "tests/data/pss_fixtures.jsonl.gz"

CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", "Namespace", "PersistentVolume")


@dataclass(frozen=True, slots=True)
class Case:
    """An object that is asked about, the rule, and what it is in words."""

    rule: str
    label: str
    body: Body
    is_ephemeral: bool = False


def exported() -> policies.Export:
    """Returns the policies of all rules, as `kgate export vap` writes them for the newest Kubernetes."""
    return policies.export(load.load(), policies.ExportOptions(NEWEST_MINOR, date(2026, 1, 1)))


def cases(rule: Rule) -> Iterator[Case]:
    """Yields the examples of a rule in every object that can hold them, completed so that the server takes them."""
    for kind, examples in (("good", rule.good), ("bad", rule.bad)):
        for number, example in enumerate(examples, 1):
            if example.minor is not None or example.params:
                continue
            seen: set[str] = set()
            for one in placements(rule, example):
                label = f"{kind} {number}: {one.label}"
                if label not in seen and _is_served(one.body) and _is_possible(one.body, one.list):
                    seen.add(label)
                    yield Case(rule.id, label, completed(one.body, rule.id), one.list == "ephemeralContainers")


def _is_served(body: Body) -> bool:
    group, _, version = str(body.get("apiVersion")).rpartition("/")
    known = ("", "apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io")
    return group in known and version == "v1" and body["kind"] != "DeploymentConfig"


def _is_possible(body: Body, name: str | None) -> bool:
    """Ephemeral containers are added to Pods that run; no template may have them."""
    return name != "ephemeralContainers" or (body["kind"] == "Pod" and name in body["spec"])


def completed(body: Body, rule: str) -> Body:
    """Returns an object with what the API server wants and rules do not ask about."""
    body = json.loads(json.dumps(body))
    metadata = body.setdefault("metadata", {})
    metadata.setdefault("name", "example")
    if body["kind"] in CLUSTER_WIDE:
        metadata.pop("namespace", None)
    else:
        metadata.setdefault("namespace", NAMESPACE)
    metadata["labels"] = {**(metadata.get("labels") or {}), LABEL: rule}
    _complete_workload(body)
    for name, value in _NEEDED.get(body["kind"], {}).items():
        spec = body.setdefault("spec", {}) if name in _SPECS else body
        if isinstance(spec, dict):
            spec.setdefault(name, value)
    return body


_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nothing"}
_BACKEND = {"service": {"name": "example", "port": {"number": 80}}}
_TERM = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}
_NEEDED: Mapping[str, Body] = {
    "ClusterRoleBinding": {"roleRef": _ROLE},
    "RoleBinding": {"roleRef": _ROLE},
    "Ingress": {"defaultBackend": _BACKEND},
    "Service": {"ports": [{"port": 80}]},
    "PersistentVolume": {"nodeAffinity": {"required": {"nodeSelectorTerms": [_TERM]}}},
}
_SPECS = ("defaultBackend", "ports", "nodeAffinity")
"""Which of these are fields of ``spec``."""


def _complete_workload(body: Body) -> None:
    """Adds what a pod, its template and its controller must have."""
    kind = body["kind"]
    template, above = body, body
    for name in template_path(body["apiVersion"], kind):
        template, above = template.get(name) or {}, template
    pod = template.get("spec")
    if not isinstance(pod, dict) or not (kind == "Pod" or template is not body):
        return
    if kind == "CronJob":
        body["spec"].setdefault("schedule", "@daily")
    if kind in ("Job", "CronJob"):
        pod.setdefault("restartPolicy", "Never")
    elif kind not in ("Pod", "PodTemplate"):
        labels = template.setdefault("metadata", {}).get("labels") or {"app": "example"}
        template["metadata"]["labels"] = labels
        above.setdefault("selector", labels if kind == "ReplicationController" else {"matchLabels": labels})
    _complete_containers(pod)


def _complete_containers(pod: Body) -> None:
    found = [one for name in CONTAINER_LISTS for one in pod.get(name) or () if isinstance(one, dict)]
    for number, container in enumerate(found):
        container.setdefault("name", f"c{number}")
        container.setdefault("image", IMAGE)
    if not pod.get("containers"):
        pod["containers"] = [{"name": "other", "image": IMAGE}]


# -------------------------------------------------------------------------------------------- server


def install(server: Server, export: policies.Export) -> None:
    """Installs the policies; each denies what has the label of its rule. Raises ServerError for one that is refused."""
    base = f"/apis/{policies.API_VERSION}"
    for one in export.policies:
        server.ask("POST", f"{base}/validatingadmissionpolicies", one.policy)
        chosen = {"objectSelector": {"matchLabels": {LABEL: one.rule.id}}}
        spec = {**one.binding["spec"], "validationActions": ["Deny"], "matchResources": chosen}
        server.ask("POST", f"{base}/validatingadmissionpolicybindings", {**one.binding, "spec": spec})


def make_namespaces(server: Server, names: Sequence[str]) -> None:
    """Creates the namespaces that are not there."""
    for name in names:
        try:
            server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        except ServerError as error:
            if "already exists" not in str(error):
                raise


def path_of(body: Body) -> str:
    """Returns the path that objects of a kind are posted to."""
    api_version, metadata = body["apiVersion"], body["metadata"]
    base = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
    where = "" if "namespace" not in metadata else f"/namespaces/{metadata['namespace']}"
    return f"{base}{where}/{plural(body['kind'])}"


def ask(server: Server, case: Case) -> tuple[str, str]:
    """Returns the answer of the server, and its words."""
    try:
        if case.is_ephemeral:
            _add_ephemeral(server, case)
        else:
            server.ask("POST", f"{path_of(case.body)}?dryRun=All&fieldValidation=Strict", case.body)
    except ServerError as error:
        text = str(error)
        return (DENIED if "ValidatingAdmissionPolicy '" in text else INVALID), text
    return ADMITTED, ""


def _add_ephemeral(server: Server, case: Case) -> None:
    """Adds the ephemeral containers of a pod to one that runs, which has everything else of it."""
    spec = {name: value for name, value in case.body["spec"].items() if name != "ephemeralContainers"}
    metadata = {**case.body["metadata"], "namespace": NAMESPACE, "name": "running"}
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    made = server.ask("POST", pods, {**case.body, "metadata": metadata, "spec": spec})
    try:
        made["spec"]["ephemeralContainers"] = case.body["spec"]["ephemeralContainers"]
        server.ask("PUT", f"{pods}/running/ephemeralcontainers?dryRun=All", made)
    finally:
        server.ask("DELETE", f"{pods}/running?gracePeriodSeconds=0")


# ---------------------------------------------------------------------------- Pod Security fixtures


def fixtures() -> Iterator[Case]:
    """Yields upstream's fixtures for versions that have these policies; ``rule`` is level and version."""
    with gzip.open(FIXTURES, "rt", encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            minor = int(one["version"].removeprefix("v1."))
            if minor >= policies.SINCE:
                body = one["pod"]
                metadata = {**body["metadata"], "namespace": NAMESPACE, "labels": {LABEL: f"{one['level']}-1.{minor}"}}
                yield Case(f"{one['level']}-1.{minor}", one["id"], {**body, "metadata": metadata})


def install_standards(server: Server) -> None:
    """Installs the rules of both Pod Security levels for every version that fixtures are about."""
    base = f"/apis/{policies.API_VERSION}"
    for minor in sorted({int(one.rule.rpartition(".")[2]) for one in fixtures()}):
        for one in standards(minor):
            name = f"{one.policy['metadata']['name']}-{minor}"
            levels = {"baseline", "restricted"} if any(c.level == "baseline" for c in one.rule.pss) else {"restricted"}
            labels = [f"{level}-1.{minor}" for level in sorted(levels)]
            chosen = {"matchExpressions": [{"key": LABEL, "operator": "In", "values": labels}]}
            spec = {"policyName": name, "validationActions": ["Deny"], "matchResources": {"objectSelector": chosen}}
            server.ask("POST", f"{base}/validatingadmissionpolicies", {**one.policy, "metadata": {"name": name}})
            binding = {**one.binding, "metadata": {"name": name}, "spec": spec}
            server.ask("POST", f"{base}/validatingadmissionpolicybindings", binding)


@cache
def judge_of(minor: int) -> Judge:
    """Returns what judges as a scan for a Kubernetes 1.x version."""
    return Judge(load.load(), minor)


@cache
def standards(minor: int) -> Sequence[policies.Exported]:
    """Returns the policies that implement the Pod Security Standards of a version."""
    rules = [rule for rule in load.load() if rule.pss]
    return policies.export(rules, policies.ExportOptions(minor, date(2026, 1, 1))).policies


# --------------------------------------------------------------------------------------- comparisons


def judged(judge: Judge, case: Case) -> str:
    """Returns what a scan says: denied if the rule of the case has a finding, or if it cannot judge the object."""
    found = judge.judge(resource_of(case))
    if LEVEL.fullmatch(case.rule):
        levels = {"baseline"} if case.rule.startswith("baseline") else {"baseline", "restricted"}
        ids = {rule.id for rule in judge.level_rules if any(check.level in levels for check in rule.pss)}
        return DENIED if found.problems or not found.offended.isdisjoint(ids) else ADMITTED
    return DENIED if found.problems or case.rule in found.offended else ADMITTED


def tested(decider: Decider, case: Case) -> str:
    """Returns what `kgate test vap` says; an open decision is an answer of its own."""
    found = {
        one.outcome
        for one in decider.decide(
            next(admissions([resource_of(case)], [], Circumstances(NAMESPACE, requester=Requester("admin"))))
        )
    }
    return DENIED if PolicyOutcome.DENIED in found else OPEN if PolicyOutcome.OPEN in found else ADMITTED


def resource_of(case: Case) -> Resource:
    """Returns the object of a case as kgate reads it."""
    (found,) = manifest.read("case.json", json.dumps(case.body).encode(), manifest.SKIPPABLE_KINDS).resources
    return found


def decider_of(exported_: Sequence[policies.Exported]) -> Decider:
    """Returns what decides by policies that no binding names, as `kgate test vap` reads them."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [one.policy for one in exported_]})
    material = read(manifest.read("policies.json", text.encode(), manifest.SKIPPABLE_KINDS).resources)
    assert not material.problems, material.problems
    return Decider(material)


def digest(asked: Sequence[Case]) -> str:
    """Returns what changes with any object that is asked about."""
    return hashlib.sha256(json.dumps([one.body for one in asked], sort_keys=True).encode()).hexdigest()[:16]


def answers(server: Server) -> dict[str, dict[str, str]]:
    """Returns the answers of a server about the examples of each rule, and the fixtures of each level and version:
    a letter for each case, and a digest of them."""
    make_namespaces(server, (NAMESPACE, "default-backend"))
    export = exported()
    install(server, export)
    install_standards(server)
    asked = {one.rule.id: list(cases(one.rule)) for one in export.policies}
    for one in fixtures():
        asked.setdefault(one.rule, []).append(one)
    wait_until_active(server, asked)
    return {
        name: {"digest": digest(several), "answers": "".join(ask(server, one)[0] for one in several)}
        for name, several in asked.items()
    }


def wait_until_active(server: Server, asked: Mapping[str, Sequence[Case]]) -> None:
    """Waits until the policies that were installed last deny what they are made for."""
    last = [one for several in list(asked.values())[-2:] for one in several if "/fail/" in one.label]
    end = time.monotonic() + PATIENCE
    while any(ask(server, one)[0] == ADMITTED for one in last):
        if time.monotonic() > end:
            raise ServerError("the policies do not become active")
        time.sleep(0.5)


def differences(recorded: Mapping[str, Mapping[str, str]], every: int = 1) -> Iterator[str]:
    """Yields where a scan or `kgate test vap` answers otherwise than the server did; objects that the server refuses
    for other reasons are no cases. ``every`` leaves cases out."""
    deciders = {one.rule.id: decider_of([one]) for one in exported().policies}
    for name, cases_, letters in current(recorded):
        minor = int(name.rpartition(".")[2]) if LEVEL.fullmatch(name) else NEWEST_MINOR
        judge = judge_of(minor)
        decider = deciders.get(name) or decider_of(of_level(name))
        for case, theirs in list(zip(cases_, letters, strict=True))[::every]:
            ours = {"a scan": judged(judge, case), "kgate test vap": tested(decider, case)}
            yield from (
                f"{name}, {case.label}: the server says {theirs}, {who} {answer}"
                for who, answer in ours.items()
                if theirs not in (INVALID, answer)
            )


def of_level(name: str) -> Sequence[policies.Exported]:
    """Returns the policies of a level and version: ``baseline-1.30``."""
    level, _, version = name.partition("-1.")
    found = standards(int(version))
    return [one for one in found if level == "restricted" or any(check.level == level for check in one.rule.pss)]


def current(recorded: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, list[Case], str]]:
    """Yields the recorded answers whose cases are what was recorded: rules come and change."""
    asked = {rule.id: list(cases(rule)) for rule in load.load() if rule.id in recorded}
    for one in fixtures():
        asked.setdefault(one.rule, []).append(one)
    for name, found in recorded.items():
        if digest(asked.get(name, [])) == found["digest"]:
            yield name, asked[name], found["answers"]


def main() -> int:
    """Asks, compares, and records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--record", type=Path, metavar="FILE")
    options = parser.parse_args()
    with running() as server:
        found = answers(server)
    letters = "".join(one["answers"] for one in found.values())
    print(
        f"{len(letters):,} objects: "
        + ", ".join(f"{letters.count(one):,} {one}" for one in (ADMITTED, DENIED, INVALID))
    )
    wrong = list(differences(found))
    print("\n".join(wrong))
    if options.record is not None:
        options.record.write_bytes(gzip.compress(json.dumps(found, separators=(",", ":")).encode(), mtime=0))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
