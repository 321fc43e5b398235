"""Reads who may do what in a repository: Settings -> its roles, bindings, accounts and workloads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.kubernetes.workload import find_workload
from kgate.lifetime import Lifetime
from kgate.model import Persona, Problem, Rule, Severity, Unjudged, Workload, pointer_tokens, problems_of, unjudged_of
from kgate.rbac.authorizer import Authorizer, Grant
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import GROUP, KINDS, Binding, FaultLog, Object, read
from kgate.rbac.words import as_rule
from kgate.rules import load
from kgate.sources.collection import collect
from kgate.sources.files import batches_of
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.sources.progress import Progress


@dataclass(frozen=True, slots=True)
class Access:
    """What a repository holds of roles, bindings and accounts, with what Kubernetes brings, and its workloads.
    ``problems`` and ``unjudged`` say what is missing in it."""

    objects: tuple[Object, ...]
    workloads: tuple[Workload, ...]
    problems: tuple[Problem, ...]
    unjudged: tuple[Unjudged, ...]

    @property
    def undefined(self) -> tuple[Binding, ...]:
        """The bindings whose role is nowhere defined, so that nobody knows what they give."""
        authorizer = Authorizer(self.objects)
        bindings = (one for one in authorizer.bindings if one.resource is not None and one.role_name)
        return tuple(one for one in bindings if not authorizer.roles_of(one))


@dataclass(frozen=True, slots=True)
class Power:
    """A way to a permission, and the rules that say what it leads to, the most severe first."""

    grant: Grant
    rules: tuple[Rule, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """That of the most severe rule; None if no rule is about the permission."""
        return self.rules[0].severity if self.rules else None


def powers(grants: Iterable[Grant]) -> tuple[Power, ...]:
    """Returns what grants lead to, by the rules about roles. What holds in a namespace counts as a Role there, whatever
    it is written in."""
    rules = load.load()
    judge = Judge(rules, NEWEST_MINOR, {rule.id for rule in rules if rule.persona is Persona.GATE})
    found: list[Power] = []
    for kind in ("ClusterRole", "Role"):
        here = [one for one in grants if bool(one.namespace) == (kind == "Role")]
        for start in range(0, len(here), _MOST_RULES):
            found += _powers(judge, kind, here[start : start + _MOST_RULES])
    return tuple(found)


_MOST_RULES = 100
"""The most rules of a role that are judged at once: the judge has a bound."""


def _powers(judge: Judge, kind: str, grants: Sequence[Grant]) -> Iterator[Power]:
    rules = [as_rule(one.permission) for one in grants]
    body = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "all"}, "rules": rules}
    batch = manifest.read("role.json", json.dumps(body).encode(), KINDS)
    findings = [finding for resource in batch.resources for finding in judge.judge(resource).findings]
    for index, grant in enumerate(grants):
        here = (one for one in findings if pointer_tokens(one.location.pointer)[:2] == ("rules", str(index)))
        offended = {one.rule.id: one.rule for one in here}
        yield Power(grant, tuple(sorted(offended.values(), key=lambda rule: (-rule.severity, -rule.points, rule.id))))


def read_access(settings: Settings, progress: Progress) -> Access:
    """Reads and renders what the settings name, as a scan does. Raises KgateError and DeadlineError."""
    lifetime = Lifetime(settings.timeout)
    rendering = replace(settings.rendering, options=replace(settings.rendering.options, lifetime=lifetime))
    intake = replace(batches_of(KINDS), progress=progress)
    log = FaultLog()
    objects: list[Object] = []
    workloads: list[Workload] = []
    problems: list[Problem] = []
    unjudged: list[Unjudged] = []
    paths = [Path(path) for path in settings.paths]
    with closing(collect(paths, settings.repository.reopened(), rendering, intake)) as parts:
        for part in parts:
            lifetime.check()
            problems += part.problems
            unjudged += part.unjudged
            for resource in part.resources:
                if (one := read(resource, log)) is not None:
                    objects.append(one)
                elif (workload := find_workload(resource)) is not None:
                    workloads.append(workload)
    return Access(
        (*objects, *builtin()), tuple(workloads), problems_of((*problems, *log.problems)), unjudged_of(unjudged)
    )
