"""Compares kgate's answers about who may do what with those of a real API server.

    python -m bench.rbac_oracle [--seed 1] [--questions 4000] [--record tests/data/rbac_answers.json.gz]

Makes roles, bindings and questions at random, gives the objects to the server of ``upstream/apiserver`` and asks it
each question as a SubjectAccessReview. Prints every difference and exits with 1 if there is one. ``--record`` writes
objects, questions and answers, from which the quick tests compare without a server.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kgate.kubernetes import manifest
from kgate.rbac.authorizer import Authorizer, Identity
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import FaultLog, read
from kgate.rbac.permissions import Action
from upstream.apiserver import PATIENCE, Server, ServerError, running
from upstream.rbac import API, LISTS

Body = dict[str, Any]
Question = dict[str, Any]

NAMESPACES = ("one", "two")
VERBS = ("get", "list", "create", "delete", "bind", "impersonate", "*")
GROUPS = ("", "apps", "rbac.authorization.k8s.io", "a.example", "*")
RESOURCES = (
    *("pods", "secrets", "deployments", "roles", "things", "*"),
    *("pods/exec", "pods/log", "deployments/scale", "pods/*", "*/exec", "*/scale", "*/*", "*/", "exec", "/exec"),
)
ASKED = ("pods", "secrets", "deployments", "roles", "things", "*", "nodes", "pods/exec")
SUBRESOURCES = ("", "", "", "exec", "log", "scale", "xexec", "*")
NAMES = ("a", "b", "*", "")
PATHS = ("/healthz", "/healthz/*", "/api*", "/apis/**", "/metrics", "/a/*/b", "*", "/*", "")
ASKED_PATHS = (
    "/",
    "/healthz",
    "/healthz/",
    "/healthz/ready",
    "/api",
    "/apis/x",
    "/metrics",
    "/a/c/b",
    "/a/*/b",
    "*",
    "/version",
)
USERS = ("ann", "bob", "*", "system:anonymous", "system:serviceaccount:one:web", "system:serviceaccount:two:job")
TEAMS = (
    *("devs", "system:authenticated", "system:unauthenticated", "system:masters"),
    *("system:serviceaccounts", "system:serviceaccounts:one", "system:serviceaccounts:two"),
)
ACCOUNTS = ("web", "job", "default")
BUILT_IN = ("view", "edit", "system:node", "system:discovery", "nowhere")
RARE = (*BUILT_IN, "admin", "cluster-admin", "everything")
LABELS = ("red", "green", "blue")


class Generator:
    """Objects and questions at random, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def objects(self) -> Iterator[Body]:
        """Yields roles, aggregated roles and bindings."""
        for number in range(24):
            yield self._role("Role", f"r{number % 12}", NAMESPACES[number // 12])
            yield self._role("ClusterRole", f"c{number}", "")
        for number in range(10):
            yield self._aggregated(f"g{number}")
        yield {**self._role("ClusterRole", "everything", ""), "aggregationRule": {"clusterRoleSelectors": [{}]}} | {
            "metadata": {"name": "everything", "labels": {"alone": "true"}}
        }
        for number in range(30):
            yield self._binding("ClusterRoleBinding", f"b{number}", "")
            yield self._binding("RoleBinding", f"b{number}", self._random.choice(NAMESPACES))

    def _some(self, words: Sequence[str], most: int) -> list[str]:
        """Some of these words; the one that stands for all is rare, or nearly everything would be allowed."""
        usual = [word for word in words if word != "*" or self._random.random() < 0.15]
        return self._random.sample(usual, self._random.randint(1, most))

    def _rule(self, kind: str) -> Body:
        if kind == "ClusterRole" and self._random.random() < 0.25:
            return {"verbs": self._some(VERBS, 2), "nonResourceURLs": self._some(PATHS, 2)}
        rule = {
            "verbs": self._some(VERBS, 3),
            "apiGroups": self._some(GROUPS, 2),
            "resources": self._some(RESOURCES, 3),
        }
        return rule | ({"resourceNames": self._some(NAMES, 2)} if self._random.random() < 0.3 else {})

    def _role(self, kind: str, name: str, namespace: str) -> Body:
        rules = [self._rule(kind) for _ in range(self._random.randint(0, 3))]
        return _object(kind, name, namespace, self._labels() if kind == "ClusterRole" else {}) | {"rules": rules}

    def _labels(self) -> dict[str, str]:
        labels = {label: self._random.choice(("1", "2")) for label in LABELS if self._random.random() < 0.4}
        if self._random.random() < 0.1:
            labels[f"rbac.authorization.k8s.io/aggregate-to-{self._random.choice(('view', 'edit', 'admin'))}"] = "true"
        return labels

    def _aggregated(self, name: str) -> Body:
        """A role of which nothing is written itself: such roles may select each other."""
        selectors = [self._selector() for _ in range(self._random.randint(1, 2))]
        return _object("ClusterRole", name, "", self._labels()) | {
            "aggregationRule": {"clusterRoleSelectors": selectors}
        }

    def _selector(self) -> Body:
        """A selector that takes neither ``everything``, which has rules of its own, nor what Kubernetes brings."""
        key = self._random.choice(LABELS)
        operator = self._random.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        values = {"values": self._some(("1", "2"), 2)} if operator.endswith("In") else {}
        wanted = {self._random.choice(LABELS): self._random.choice(("1", "2"))} if self._random.random() < 0.7 else {}
        without = [{"key": name, "operator": "DoesNotExist"} for name in ("alone", "kubernetes.io/bootstrapping")]
        expressions = [{"key": key, "operator": operator, **values}] if self._random.random() < 0.5 else []
        return {"matchLabels": wanted, "matchExpressions": [*without, *expressions]}

    def _binding(self, kind: str, name: str, namespace: str) -> Body:
        own = [f"Role/r{self._random.randrange(14)}"] if namespace else []
        wide = [f"ClusterRole/c{self._random.randrange(26)}", f"ClusterRole/g{self._random.randrange(10)}"]
        rare = [f"ClusterRole/{self._random.choice(RARE if namespace else BUILT_IN)}"]
        role_kind, _, role = self._random.choice([*own * 2, *wide * 3, *rare]).partition("/")
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role}
        subjects = [self._subject(bool(namespace)) for _ in range(self._random.randint(0, 2))]
        return _object(kind, name, namespace, {}) | {"roleRef": reference, "subjects": subjects}

    def _subject(self, may_omit_namespace: bool) -> Body:
        kind = self._random.choice(("User", "Group", "ServiceAccount"))
        if kind != "ServiceAccount":
            name = self._random.choice(USERS if kind == "User" else TEAMS[:1] * 8 + TEAMS)
            return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        namespace = self._random.choice((*NAMESPACES, "") if may_omit_namespace else NAMESPACES)
        return {"kind": kind, "name": self._random.choice(ACCOUNTS)} | ({"namespace": namespace} if namespace else {})

    def questions(self, count: int) -> Iterator[Question]:
        """Yields questions: who, and what."""
        for _ in range(count):
            if self._random.random() < 0.2:
                what: Body = {"verb": self._random.choice(VERBS), "path": self._random.choice(ASKED_PATHS)}
            else:
                choices = {
                    "verb": VERBS,
                    "group": GROUPS,
                    "resource": ASKED,
                    "subresource": SUBRESOURCES,
                    "name": (*NAMES, ""),
                    "namespace": (*NAMESPACES, ""),
                }
                what = {key: self._random.choice(values) for key, values in choices.items()}
            yield {**self._who(), **what}

    def _who(self) -> Body:
        if self._random.random() < 0.5:
            account = Identity.of_account(self._random.choice(NAMESPACES), self._random.choice(ACCOUNTS))
            return {"user": account.user, "groups": sorted(account.groups)}
        groups = self._some(TEAMS, 2) if self._random.random() < 0.6 else []
        if "system:masters" in groups and self._random.random() < 0.8:
            groups.remove("system:masters")
        return {"user": self._random.choice(USERS), "groups": groups}


def _object(kind: str, name: str, namespace: str, labels: Mapping[str, str]) -> Body:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {}) | ({"labels": labels} if labels else {})
    return {"apiVersion": API.removeprefix("/apis/"), "kind": kind, "metadata": metadata}


def answers(objects: Sequence[Body], questions: Sequence[Question]) -> list[bool]:
    """Returns what kgate says to each question."""
    log = FaultLog()
    batch = manifest.read("objects.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode())
    found = [one for resource in batch.resources if (one := read(resource, log)) is not None]
    assert len(found) == len(objects)
    assert not log.problems, log.problems
    authorizer = Authorizer((*found, *builtin()))
    return [authorizer.allows(*_asked(question)) is not None for question in questions]


def _asked(question: Question) -> tuple[Identity, Action]:
    action = {key: value for key, value in question.items() if key not in ("user", "groups")}
    return Identity(question["user"], frozenset(question["groups"])), Action(**action)


def truth(server: Server, objects: Sequence[Body], questions: Sequence[Question]) -> list[bool]:
    """Returns what a server says to each question once it holds the objects and its controllers are at rest."""
    for name in NAMESPACES:
        server.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for body in objects:
        namespace = body["metadata"].get("namespace")
        place = f"{API}/namespaces/{namespace}" if namespace else API
        server.ask("POST", f"{place}/{LISTS[body['kind']]}", body)
    end = time.monotonic() + PATIENCE
    before: list[bool] = []
    while time.monotonic() < end:
        time.sleep(2)
        now = [_is_allowed(server, question) for question in questions]
        if now == before:
            return now
        before = now
    raise ServerError("the answers of the server do not come to rest")


def _is_allowed(server: Server, question: Question) -> bool:
    spec: Body = {"user": question["user"], "groups": question["groups"]}
    what = {key: value for key, value in question.items() if key not in spec}
    spec["nonResourceAttributes" if "path" in what else "resourceAttributes"] = what
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer = server.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def differences(questions: Sequence[Question], ours: Sequence[bool], theirs: Sequence[bool]) -> list[str]:
    """Returns the questions that are answered differently, with kgate's answer."""
    rows = zip(questions, ours, theirs, strict=True)
    return [
        f"kgate says {'yes' if one else 'no'} to {json.dumps(question)}"
        for question, one, other in rows
        if one != other
    ]


def record(file: Path, objects: Sequence[Body], questions: Sequence[Question], theirs: Sequence[bool]) -> None:
    """Writes objects, questions and answers; the same give the same bytes."""
    found = {"objects": objects, "questions": questions, "answers": "".join("ny"[answer] for answer in theirs)}
    file.write_bytes(gzip.compress(json.dumps(found, separators=(",", ":")).encode(), mtime=0))


def main() -> int:
    """Asks both and prints where they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--questions", type=int, default=4000)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    generator = Generator(arguments.seed)
    objects, questions = list(generator.objects()), list(generator.questions(arguments.questions))
    with running() as server:
        theirs = truth(server, objects, questions)
    found = differences(questions, answers(objects, questions), theirs)
    print(*found, f"{len(questions)} questions, {sum(theirs)} allowed, {len(found)} differences", sep="\n")
    if arguments.record:
        record(arguments.record, objects, questions, theirs)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
