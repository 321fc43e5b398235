"""Compares what kgate says that audit policies record with what a real API server records.

    python -m bench.audit_oracle [--seed 1] [--servers 12] [--requests 400] [--record tests/data/audit_answers.json.gz]

A server reads one policy file, so a file holds many policies: the rules of each are about users of its own, and those
of the last one about everybody. Each request has an audit id of its own, by which its events are found in the log.
Prints every difference and exits with 1 if there is one. ``--record`` writes files, requests and answers, from which
the quick tests compare without a server. ``--loads`` instead tries which policies a server starts with.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kgate.audit.policy.ask import own_groups
from kgate.audit.policy.evaluate import decide
from kgate.audit.policy.load import load
from kgate.audit.policy.policy import LEVELS, STAGES, ApiRequest
from upstream.apiserver import Server, log_of_start, running

Body = dict[str, Any]
Answer = list[Any]
"""The level and the stages of the events of a request, ``["None", []]`` if there are none."""

Event = Mapping[str, Any]

TENANTS = 20
NAMESPACES = ("shop", "default", "")
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
METHODS = {"get": "GET", "head": "HEAD", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE"}
RESOURCES = (
    *(("", word) for word in ("pods", "secrets", "configmaps", "pods/log", "pods/exec", "pods/status", "nodes")),
    *(("", word) for word in ("serviceaccounts/token", "services/proxy", "namespaces", "things")),
    *(("apps", word) for word in ("deployments", "deployments/scale", "deployments/status")),
    *(("rbac.authorization.k8s.io", word) for word in ("roles", "clusterroles")),
    ("a.example", "things"),
)
WORDS = ("*", "pods/*", "*/status", "*/log", "*/*", "deployments/*", "secrets", "pods", "things", "secret", "exec")
NAMES = ("a", "b", "leader")
PATHS = (
    "/healthz",
    "/healthz/ping",
    "/version",
    "/metrics",
    "/api",
    "/api/v1",
    "/apis/apps/v1",
    "/openapi/v2",
    "/nowhere",
)
PATTERNS = ("*", "/healthz*", "/version", "/api*", "/metrics", "/api/v1/nodes*", "/openapi/*", "/apis/apps/v1", "/no*")
OTHERS = {
    "alice": ("devs",),
    "bob": ("devs", "ops", "system:masters"),
    "system:serviceaccount:shop:web": ("system:serviceaccounts", "system:serviceaccounts:shop"),
    "system:node:one": ("system:nodes",),
}
"""Users of nobody's policy, with the groups of their tokens."""

GROUPS = ("devs", "ops", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:nodes")


class Generator:
    """Policies and requests at random, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def file(self) -> Body:
        """Returns a policy file, with the rules of TENANTS policies and of one about everybody."""
        rules = [rule for number in range(TENANTS) for rule in self._policy(tenant(number))]
        omitted = self._some(STAGES, 2) if self._chance(0.4) else []
        return {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": omitted,
            "omitManagedFields": self._chance(0.5),
            "rules": [*rules, *self._policy(())],
        }

    def _policy(self, users: Sequence[str]) -> Iterator[Body]:
        """Yields one to eight rules, about some of these users alone."""
        for _ in range(self._random.randint(1, 8)):
            rule = self._rule()
            if users:
                rule["users"] = self._some(users, 2) if self._chance(0.3) else list(users)
            yield rule

    def _rule(self) -> Body:
        rule: Body = {"level": self._random.choice(LEVELS)}
        if self._chance(0.4):
            rule["verbs"] = self._some((*VERBS, *METHODS, "*"), 4)
        if self._chance(0.25):
            rule["userGroups"] = self._some(GROUPS, 2)
        if self._chance(0.2):
            rule["users"] = self._some((*OTHERS, "system:*", "system:anonymous"), 2)
        if self._chance(0.25):
            rule["omitStages"] = self._some(STAGES, 2)
        if self._chance(0.2):
            rule["omitManagedFields"] = self._chance(0.5)
        if self._chance(0.25):
            return rule | {"nonResourceURLs": self._some(PATTERNS, 3)}
        if self._chance(0.3):
            rule["namespaces"] = self._some((*NAMESPACES, "*"), 2)
        if self._chance(0.75):
            rule["resources"] = [self._entry() for _ in range(self._random.randint(1, 3))]
        return rule

    def _entry(self) -> Body:
        group, word = self._random.choice(RESOURCES)
        entry: Body = {"group": "*" if self._chance(0.15) else group} if group or self._chance(0.8) else {}
        if self._chance(0.8):
            entry["resources"] = [word, *self._some(WORDS, 2)] if self._chance(0.5) else self._some(WORDS, 2)
            if self._chance(0.3):
                entry["resourceNames"] = self._some(NAMES, 2)
        return entry

    def requests(self, count: int) -> Iterator[ApiRequest]:
        """Yields requests of all users, of the anonymous and of nobody."""
        people = [*(name for number in range(TENANTS) for name in tenant(number)), *OTHERS, "system:anonymous", None]
        for _ in range(count):
            yield self._identified(
                self._what(), self._random.choice([*people, *list(OTHERS) * 4, "system:anonymous", None])
            )

    def _identified(self, request: ApiRequest, user: str | None) -> ApiRequest:
        if user is None:
            return request
        return replace(request, user=user, groups=tuple(dict.fromkeys((*groups_of(user), *own_groups(user)))))

    def _what(self) -> ApiRequest:
        if self._chance(0.2):
            return ApiRequest(self._random.choice((*METHODS, "get")), path=self._random.choice(PATHS))
        group, word = self._random.choice(RESOURCES)
        resource, _, subresource = word.partition("/")
        verb = self._random.choice(("get", "create", "update", "patch") if subresource else VERBS)
        namespace = self._random.choice(NAMESPACES[:2] if subresource or verb != "list" else NAMESPACES)
        name = self._random.choice(NAMES) if subresource or verb not in ("create", "deletecollection") else ""
        if verb in ("list", "watch") and self._chance(0.6):
            name = ""
        if resource in ("nodes", "clusterroles"):
            namespace = ""
        elif resource == "namespaces":
            namespace = name if verb not in ("list", "watch") else ""
        return ApiRequest(verb, None, (), resource, subresource, group, namespace, name)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _some(self, words: Sequence[str], most: int) -> list[str]:
        return self._random.sample(list(words), self._random.randint(1, most))


def tenant(number: int) -> tuple[str, str]:
    """The users of a policy: an administrator, and one who may do nothing."""
    return f"t{number}-admin", f"t{number}-user"


def groups_of(user: str) -> tuple[str, ...]:
    """The groups in the token of a user."""
    if user in OTHERS:
        return OTHERS[user]
    return ("ops", "system:masters") if user.endswith("-admin") else ("devs",) if user.endswith("-user") else ()


def tokens() -> Iterator[tuple[str, ...]]:
    """Yields the lines of the file of tokens."""
    for user in (*(name for number in range(TENANTS) for name in tenant(number)), *OTHERS):
        yield token(user), user, user, ",".join(groups_of(user))


def token(user: str) -> str:
    """The token of a user."""
    return f"token-of-{user.replace(':', '-')}"


def http(request: ApiRequest) -> tuple[str, str, Body | None]:
    """The method, the path and the body by which the API server is asked."""
    if request.path:
        return METHODS[request.verb], request.path, {} if request.verb in ("post", "put", "patch") else None
    base = f"/apis/{request.group}/v1" if request.group else "/api/v1"
    inside = request.namespace and request.resource != "namespaces"
    path = base + (f"/namespaces/{request.namespace}" if inside else "") + f"/{request.resource}"
    is_list = request.verb in ("list", "watch") and not request.subresource
    path += f"/{request.name}" if request.name and not is_list else ""
    path += f"/{request.subresource}" if request.subresource else ""
    query = {"fieldSelector": f"metadata.name={request.name}"} if request.name and is_list else {}
    if request.verb == "watch":
        query |= {"watch": "true", "timeoutSeconds": "1"}
    method = {"create": "POST", "update": "PUT", "patch": "PATCH"}.get(request.verb)
    method = method or ("DELETE" if request.verb.startswith("delete") else "GET")
    return method, path + (f"?{urlencode(query)}" if query else ""), _body(request)


def _body(request: ApiRequest) -> Body | None:
    if request.verb not in ("create", "update", "patch"):
        return None
    kind = {"configmaps": "ConfigMap", "secrets": "Secret", "namespaces": "Namespace"}.get(request.resource, "Thing")
    metadata = {"name": request.name} if request.name else {"generateName": "made-"}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def logged(file: Body, requests: Sequence[ApiRequest]) -> list[list[Event]]:
    """The events that a server with a policy file writes of each request."""
    with tempfile.TemporaryDirectory(prefix="audit") as name:
        policy, log = Path(name) / "policy.yaml", Path(name) / "audit.log"
        policy.write_text(json.dumps(file), encoding="utf-8")
        with running({"audit-policy-file": str(policy), "audit-log-path": str(log)}, tokens()) as server:
            for number, request in enumerate(requests):
                _ask(server, number, request)
            time.sleep(1.5)  # a watch lasts a second
        events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event["auditID"], []).append(event)
    return [found.get(f"request-{number}", []) for number in range(len(requests))]


def truth(events: Sequence[Sequence[Event]]) -> list[Answer]:
    """What a log has of each request, by its events."""
    return [_answer(one) for one in events]


def misplaced(file: Body, requests: Sequence[ApiRequest], events: Sequence[Sequence[Event]]) -> list[str]:
    """The bodies, and the managed fields in them, that are in events where kgate says that there are none."""
    policy = load(file).policy
    found = []
    for request, own in zip(requests, events, strict=True):
        decision = decide(policy, request)
        for event in own:
            bodies = {name for name in ("requestObject", "responseObject") if name in event}
            wrong = bodies - _BODIES[decision.level]
            if decision.omits_managed_fields and any(has_managed_fields(event[name]) for name in bodies):
                wrong = wrong | {"managedFields"}
            found += [f"{request}: {decision.level} with {name}" for name in sorted(wrong)]
    return found


_BODIES: dict[str, set[str]] = {
    "None": set(),
    "Metadata": set(),
    "Request": {"requestObject"},
    "RequestResponse": {"requestObject", "responseObject"},
}


def has_managed_fields(body: Any) -> bool:
    """True if an object, or one in a list, has managed fields."""
    own = [body, *body.get("items", ())] if isinstance(body, dict) else []
    return any("managedFields" in one.get("metadata", {}) for one in own)


def _ask(server: Server, number: int, request: ApiRequest) -> None:
    method, path, body = http(request)
    headers = {"Audit-ID": f"request-{number}"}
    if request.user != "system:anonymous":
        headers["Authorization"] = f"Bearer {token(request.user) if request.user else 'nobodys'}"
    if body is not None:
        headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
    server.send(method, path, body, headers)


def _answer(events: Sequence[Event]) -> Answer:
    levels = {event["level"] for event in events} or {LEVELS[0]}
    assert len(levels) == 1, events
    return [levels.pop(), sorted((event["stage"] for event in events), key=STAGES.index)]


def answers(file: Body, requests: Sequence[ApiRequest]) -> list[Answer]:
    """What kgate says of each request."""
    loaded = load(file)
    assert not loaded.faults, loaded.faults
    decided = [decide(loaded.policy, request) for request in requests]
    stages = [one.stages(request) for one, request in zip(decided, requests, strict=True)]
    return [[one.level if own else LEVELS[0], list(own)] for one, own in zip(decided, stages, strict=True)]


def differences(requests: Sequence[ApiRequest], ours: Sequence[Answer], theirs: Sequence[Answer]) -> list[str]:
    """What kgate says otherwise, in words."""
    rows = zip(requests, ours, theirs, strict=True)
    return [f"{asdict(request)}: kgate {own}, API server {other}" for request, own, other in rows if own != other]


HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
LOADS = {
    "v1beta1": HEAD.replace("v1", "v1beta1") + "rules: [{level: None}]",
    "v1alpha1": HEAD.replace("v1", "v1alpha1") + "rules: [{level: None}]",
    "no apiVersion": "kind: Policy\nrules: [{level: None}]",
    "no rules": HEAD,
    "an empty list of rules": f"{HEAD}rules: []",
    "Rules": f"{HEAD}Rules: [{{level: None}}]",
    "no level": f"{HEAD}rules: [{{verbs: [get]}}]",
    "a null level": f"{HEAD}rules: [{{level: ~}}]",
    "a level in small letters": f"{HEAD}rules: [{{level: metadata}}]",
    "Level": f"{HEAD}rules: [{{Level: Metadata}}]",
    "an unknown stage": f"{HEAD}rules: [{{level: None, omitStages: [Started]}}]",
    "a group with its version": f"{HEAD}rules: [{{level: None, resources: [{{group: apps/v1}}]}}]",
    "a group with capitals": f"{HEAD}rules: [{{level: None, resources: [{{group: Apps}}]}}]",
    "any group": f"{HEAD}rules: [{{level: None, resources: [{{group: '*'}}]}}]",
    "a URL without a slash": f"{HEAD}rules: [{{level: None, nonResourceURLs: [healthz]}}]",
    "an empty URL": f"{HEAD}rules: [{{level: None, nonResourceURLs: ['']}}]",
    "a star inside a URL": f"{HEAD}rules: [{{level: None, nonResourceURLs: ['/a*b']}}]",
    "a URL in a namespace": f"{HEAD}rules: [{{level: None, nonResourceURLs: [/a], namespaces: [b]}}]",
    "a URL beside a resource": f"{HEAD}rules: [{{level: None, nonResourceURLs: [/a], resources: [{{}}]}}]",
    "names without resources": f"{HEAD}rules: [{{level: None, resources: [{{resourceNames: [a]}}]}}]",
    "a word for a list": f"{HEAD}rules: [{{level: None, verbs: get}}]",
    "a list of policies": HEAD.replace("Policy", "PolicyList") + "items: []\nrules: [{level: None}]",
    "y among users": f"{HEAD}rules: [{{level: None, users: [y]}}]",
    "a number among users": f"{HEAD}rules: [{{level: None, users: [1]}}]",
    "a text for a flag": f"{HEAD}omitManagedFields: 'true'\nrules: [{{level: None}}]",
    "a text for metadata": f"{HEAD}metadata: a\nrules: [{{level: None}}]",
    "an empty first document": f"---\n---\n{HEAD}rules: [{{level: None}}]",
    "no YAML": "a: [",
    "an unknown key": f"{HEAD}codes: []\nrules: [{{level: None, verb: [get]}}]",
    "a second document": f"{HEAD}rules: [{{level: None}}]\n---\n: [",
    "words that match nothing": f"{HEAD}rules: [{{level: None, verbs: ['*'], users: ['system:*']}}]",
    "a singular in another group": f"{HEAD}rules: [{{level: None, resources: [{{group: apps, resources: [pod]}}]}}]",
    "nulls": f"{HEAD}rules: [{{level: None, verbs: ~, users: [~]}}]",
    "yes for a flag": f"{HEAD}omitManagedFields: yes\nrules: [{{level: None}}]",
    "JSON": json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None"}]}),
}
"""Policies with which a server starts, or does not, by what is strange about them."""


def refusal(text: str) -> str:
    """What a server says that does not start with a policy; empty if it reads the policy."""
    with tempfile.TemporaryDirectory(prefix="audit") as name:
        policy = Path(name) / "policy.yaml"
        policy.write_text(text, encoding="utf-8")
        log = log_of_start({"audit-policy-file": str(policy), "audit-log-path": "-"}, _LOADED)
    refused = next((line for line in log.splitlines() if "loading audit policy file" in line), "")
    assert refused or _LOADED in log, log
    return refused


_LOADED = "Load audit policy rules success"
"""What a server writes once it has read a policy (apiserver, pkg/audit/policy/reader.go)."""


def refuses(text: str) -> bool:
    """True if kgate says that no server starts with a policy."""
    from kgate.audit.policy.file import read
    from kgate.errors import ConfigError

    try:
        return bool(read("policy.yaml", text.encode(), 37).loaded.faults)
    except ConfigError:
        return True


def _compare_loads() -> int:
    wrong = 0
    for name, text in LOADS.items():
        reason = refusal(text)
        wrong += bool(reason) != refuses(text)
        print(f"{'same' if bool(reason) == refuses(text) else 'DIFFERENT'}: {name}: {reason or 'starts'}"[:220])
    print(f"{len(LOADS)} policies, {wrong} differences")
    return wrong


def main() -> int:
    """Compares, and prints the differences."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", type=int, default=12)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--loads", action="store_true")
    options = parser.parse_args()
    if options.loads:
        return min(_compare_loads(), 1)
    generator, records, wrong, asked = Generator(options.seed), [], 0, 0
    for number in range(options.servers):
        file, requests = generator.file(), list(generator.requests(options.requests))
        start = time.monotonic()
        events = logged(file, requests)
        theirs = truth(events)
        found = differences(requests, answers(file, requests), theirs) + misplaced(file, requests, events)
        wrong, asked = wrong + len(found), asked + len(requests)
        print(*found[:20], sep="\n")
        recorded = sum(bool(stages) for _, stages in theirs)
        seconds = time.monotonic() - start
        counts = f"{recorded} of {len(requests)} recorded, {len(found)} differences"
        print(f"server {number + 1}: {counts}, {seconds:.0f} s", flush=True)
        records.append({"policy": file, "requests": [asdict(one) for one in requests], "answers": theirs})
    print(f"{options.servers * (TENANTS + 1)} policies, {asked} requests, {wrong} differences")
    if options.record:
        text = json.dumps(records, separators=(",", ":"), sort_keys=True)
        options.record.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
