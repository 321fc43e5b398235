"""Compares what kgate says of Pod Security labels with what a real API server does.

    python -m bench.pod_security_oracle [--seed 1] [--pods 500] [--record tests/data/pod_security_answers.json.gz]

Makes Namespaces with labels and pods at random, creates the Namespaces in the server of ``upstream/apiserver``, and
applies each pod to some of them in a dry run. Prints every difference and exits with 1 if there is one. ``--record``
writes all of it with the answers, from which the quick tests compare without a server.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.kubernetes.facts import Facts
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Resource
from kgate.rules import load
from upstream.apiserver import Server, ServerError, running

Body = dict[str, Any]
Trial = tuple[int, str]
"""The number of a pod, and the name of the namespace that it is applied to."""

REFUSED, INVALID_LABEL = "refused-by-pod-security", "invalid-pod-security-label"
PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
VERSIONS = tuple(f"v1.{minor}" for minor in (0, 7, 8, 18, 19, 21, 22, 23, 24, 25, 30, 34, 35, 36, 37, 38, 99))
INVALID = ("", "Baseline", "latest", "v1.25.1", "v1.01", "v2.0", "1.25", "v1", "none")
TRIED = 4
"""Namespaces that each pod is applied to."""

HOST = ("hostPID", "hostIPC", "hostNetwork")
TYPES = ("RuntimeDefault", "Unconfined")
CAPABILITIES = ("ALL", "NET_BIND_SERVICE", "CHOWN", "NET_RAW", "SYS_ADMIN", "chown")
SYSCTLS = ("net.ipv4.tcp_syncookies", "net.ipv4.tcp_rmem", "net.ipv4.tcp_keepalive_time", "kernel.msgmax")
VOLUMES: tuple[Body, ...] = (
    *({"emptyDir": {}}, {"configMap": {"name": "a"}}, {"secret": {"secretName": "a"}}, {}),
    *({"hostPath": {"path": "/var/log"}}, {"nfs": {"server": "a", "path": "/"}}),
    {"persistentVolumeClaim": {"claimName": "a"}},
)


class Generator:
    """Namespaces and pods at random, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def namespaces(self) -> Iterator[Body]:
        """Yields Namespaces with every level, with and without a version, and some whose labels are not valid."""
        yield _namespace("n0", {})
        labels = [{"enforce": level} for level in LEVELS]
        labels += [
            {"enforce": level, "enforce-version": version} for level in LEVELS[1:] for version in ("latest", *VERSIONS)
        ]
        labels += [{"warn": "restricted"}, {"audit": "restricted", "audit-version": "v1.25"}]
        labels += [{"enforce-version": version} for version in ("latest", *INVALID)]
        labels += [{mode: level} for mode in ("enforce", "audit", "warn") for level in INVALID]
        for number, one in enumerate(labels, 1):
            yield _namespace(f"n{number}", {f"{PREFIX}{key}": value for key, value in one.items()})

    def pods(self, count: int) -> Iterator[Body]:
        """Yields pods, few of which are far from a level: those tell most."""
        for number in range(count):
            faults = self._random.choice((0, 0, 1, 1, 1, 2, 4))
            yield self._pod(f"p{number}", {self._random.choice(FAULTS) for _ in range(faults)})

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pod(self, name: str, faults: set[str]) -> Body:
        spec: Body = {"containers": [self._container("a", faults)]}
        if self._chance(0.4):
            spec["initContainers"] = [self._container("b", faults if self._chance(0.5) else set())]
        context = self._pod_context(faults)
        spec |= {"securityContext": context} if context else {}
        spec |= {field: field in faults for field in HOST if field in faults or self._chance(0.1)}
        if _has_user_namespace(faults):
            spec["hostUsers"] = False
        if "volumes" in faults or self._chance(0.3):
            usual = VOLUMES if "volumes" in faults else VOLUMES[:4]
            spec["volumes"] = [{"name": f"v{n}", **self._random.choice(usual)} for n in range(2)]
        return {"apiVersion": "v1", "kind": "Pod", "metadata": self._metadata(name, faults), "spec": spec}

    def _metadata(self, name: str, faults: set[str]) -> Body:
        annotations = {}
        if "annotations" in faults:
            value = self._random.choice(("unconfined", "runtime/default", "localhost/a"))
            annotations["container.apparmor.security.beta.kubernetes.io/a"] = value
        return {"name": name} | ({"annotations": annotations} if annotations else {})

    def _pod_context(self, faults: set[str]) -> Body:
        context: Body = {} if "bare" in faults else {"runAsNonRoot": True, "seccompProfile": {"type": TYPES[0]}}
        if "sysctls" in faults and faults.isdisjoint(HOST):  # what the API server does not take together
            context["sysctls"] = [{"name": self._random.choice(SYSCTLS), "value": "1"}]
        if "seLinux" in faults:
            context["seLinuxOptions"] = {"type": self._random.choice(("container_t", "container_engine_t", "spc_t"))}
        if "user" in faults:
            context["runAsUser"] = self._random.choice((0, 1000))
        if "seccomp" in faults:
            context["seccompProfile"] = {"type": self._random.choice(TYPES)}
        return context

    def _container(self, name: str, faults: set[str]) -> Body:
        context: Body = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        if "bare" in faults and self._chance(0.7):
            context.pop(self._random.choice(list(context)))
        if "capabilities" in faults:
            context["capabilities"] = {"drop": ["ALL"], "add": self._random.sample(CAPABILITIES[1:], 1)}
        if "privileged" in faults:
            context = {"privileged": self._chance(0.5)}
        if "escalation" in faults:
            context["allowPrivilegeEscalation"] = True
        if "nonRoot" in faults:
            context["runAsNonRoot"] = self._chance(0.3)
        if "procMount" in faults and _has_user_namespace(faults):
            context["procMount"] = "Unmasked"
        body: Body = {"name": name, "image": "example.org/a"} | ({"securityContext": context} if context else {})
        if "ports" in faults:
            body["ports"] = [{"containerPort": 80} | ({"hostPort": 80} if self._chance(0.6) else {})]
        if "probe" in faults and name == "a":
            body["livenessProbe"] = {"httpGet": {"port": 80} | ({"host": "example.org"} if self._chance(0.6) else {})}
        return body

    def trials(self, pods: Sequence[Body], namespaces: Sequence[str]) -> list[Trial]:
        """Returns which pod is applied to which namespace."""
        return [(number, name) for number in range(len(pods)) for name in self._random.sample(namespaces, TRIED)]


FAULTS = (
    *("bare", "capabilities", "privileged", "escalation", "nonRoot", "procMount", "hostUsers", "ports", "probe"),
    *("sysctls", "seLinux", "user", "seccomp", "volumes", "annotations", *HOST),
)


def _has_user_namespace(faults: set[str]) -> bool:
    """True for a pod with a user namespace of its own; the API server takes none that shares others of the node."""
    return "hostUsers" in faults and faults.isdisjoint(HOST)


def _namespace(name: str, labels: Mapping[str, str]) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


class Answers:
    """What kgate says of Namespaces and of pods in them."""

    def __init__(self, namespaces: Sequence[Body]) -> None:
        rules = (rule for rule in load.load() if rule.pss or rule.id in (REFUSED, INVALID_LABEL))
        self._judge = Judge(rules, NEWEST_MINOR)
        self._namespaces = _read(namespaces)
        self._facts = Facts.of(self._namespaces)

    def valid(self) -> list[bool]:
        """True for each Namespace that the server takes."""
        return [INVALID_LABEL not in self._judge.judge(one).offended for one in self._namespaces]

    def refused(self, pods: Sequence[Body], trials: Sequence[Trial]) -> list[bool]:
        """True for each trial in which the namespace refuses the pod."""
        placed = [
            {**pods[number], "metadata": {**pods[number]["metadata"], "namespace": name}} for number, name in trials
        ]
        judgements = (self._judge.judge(one, self._facts) for one in _read(placed))
        return [REFUSED in judgement.offended for judgement in judgements]


def _read(bodies: Sequence[Body]) -> tuple[Resource, ...]:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    batch = manifest.read("objects.json", text.encode())
    assert not batch.problems, batch.problems
    assert len(batch.resources) == len(bodies)
    return batch.resources


def created(server: Server, namespaces: Sequence[Body]) -> list[bool]:
    """Creates Namespaces; returns which of them the server takes."""
    return [_is_done(server, "/api/v1/namespaces", body, "is invalid") for body in namespaces]


def refused(server: Server, pods: Sequence[Body], trials: Sequence[Trial]) -> list[bool]:
    """Returns for each trial whether the namespace refuses the pod; whatever else is wrong with one is an error."""
    return [
        not _is_done(server, f"/api/v1/namespaces/{name}/pods?dryRun=All", pods[number], "violates PodSecurity")
        for number, name in trials
    ]


def _is_done(server: Server, path: str, body: Body, refusal: str) -> bool:
    """True if the server does what it is asked, False if it gives a reason that was to be expected."""
    try:
        server.ask("POST", path, body)
    except ServerError as error:
        if refusal in str(error):
            return False
        raise
    return True


def differences(asked: Sequence[object], ours: Sequence[bool], theirs: Sequence[bool]) -> list[str]:
    """Returns what is answered differently, with kgate's answer."""
    rows = zip(asked, ours, theirs, strict=True)
    return [f"kgate says {'yes' if one else 'no'} to {json.dumps(what)}" for what, one, other in rows if one != other]


def record(file: Path, found: Body) -> None:
    """Writes what was asked, with the answers; the same give the same bytes."""
    file.write_bytes(gzip.compress(json.dumps(found, separators=(",", ":")).encode(), mtime=0))


def main() -> int:
    """Asks both and prints where they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pods", type=int, default=500)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    with running() as server:
        asked, found = compared(server, Generator(arguments.seed), arguments.pods)
    print(*found, f"{len(asked['trials'])} trials, {asked['refused'].count('y')} refused", sep="\n")
    print(f"{len(asked['namespaces'])} Namespaces, {asked['valid'].count('n')} not valid, {len(found)} differences")
    if arguments.record:
        record(arguments.record, asked)
    return 1 if found else 0


def compared(server: Server, generator: Generator, count: int) -> tuple[Body, list[str]]:
    """Returns Namespaces, pods and trials with the answers of a server, and where kgate's differ."""
    namespaces, pods = list(generator.namespaces()), list(generator.pods(count))
    valid = created(server, namespaces)
    names = [body["metadata"]["name"] for body, is_valid in zip(namespaces, valid, strict=True) if is_valid]
    trials = generator.trials(pods, names)
    theirs = refused(server, pods, trials)
    ours = Answers(namespaces)
    found = differences(namespaces, ours.valid(), valid)
    found += differences([(pods[number], name) for number, name in trials], ours.refused(pods, trials), theirs)
    asked = {"namespaces": namespaces, "pods": pods, "trials": trials}
    return {**asked, "valid": _letters(valid), "refused": _letters(theirs)}, found


def _letters(answers: Sequence[bool]) -> str:
    return "".join("ny"[answer] for answer in answers)


if __name__ == "__main__":
    raise SystemExit(main())
