"""The pipeline of ``kgate audit query``: logs and, for some questions, a repository -> answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from kgate.access import repository_parts
from kgate.audit.events.census import Census
from kgate.audit.events.files import files_of, followed, merged
from kgate.audit.events.requests import requests
from kgate.audit.queries.question import AuditAnswer, AuditQuestion, Background, Granted, RowLimits
from kgate.audit.queries.run import EventSelection, answer, ask
from kgate.kubernetes.plurals import plural
from kgate.model import Problem, Resource, Unjudged, problems_of, unjudged_of
from kgate.rbac.authorizer import Authorizer
from kgate.rbac.builtin import builtin
from kgate.rbac.objects import KINDS, FaultLog, Object, read
from kgate.rbac.ways import steps
from kgate.sources.files import batches_of
from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.config.settings import Settings
    from kgate.sources.progress import Progress

DEPLOYERS = frozenset(
    {
        "system:serviceaccount:argocd:argocd-application-controller",
        "system:serviceaccount:flux-system:helm-controller",
        "system:serviceaccount:flux-system:kustomize-controller",
    }
)
"""Who applies a repository where Argo CD or Flux is installed as their documents say."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked: questions, of which logs, about which events, and how many rows an answer may have."""

    questions: Sequence[AuditQuestion]
    paths: Sequence[str]
    selection: EventSelection
    rows: int


def answers(inquiry: Inquiry, background: Background) -> tuple[Sequence[AuditAnswer], Census]:
    """Reads the logs once and returns the answers in the order of the questions. Raises ConfigError and OSError."""
    census = Census()
    stream = requests(merged(files_of(inquiry.paths, census), census), census)
    asked = ask(inquiry.questions, stream, lambda _question: RowLimits(inquiry.rows), background, inquiry.selection)
    return [answer(one, census) for one in asked], census


def follow(
    inquiry: Inquiry,
    background: Background,
    emit: Callable[[AuditQuestion], RowLimits],
    on_fault: Callable[[str], None],
) -> Census:
    """Hands out rows as events are written, and faults as they are found, until the log ends, which only standard input
    does."""
    census = Census(on_fault=on_fault)
    (path,) = inquiry.paths
    stream = requests(followed(path, census), census)
    ask(inquiry.questions, stream, emit, background, inquiry.selection)
    return census


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """What a repository tells, and what of it could not be read."""

    background: Background
    problems: tuple[Problem, ...]
    unjudged: tuple[Unjudged, ...]


def read_repository(settings: Settings, deployers: frozenset[str], progress: Progress) -> RepositoryView:
    """Reads and renders what the settings name, as a scan does. Raises KgateError and DeadlineError."""
    log = FaultLog()
    objects: list[Object] = []
    managed: dict[tuple[str, str, str], dict[str, str]] = {}
    problems: list[Problem] = []
    unjudged: list[Unjudged] = []
    with closing(repository_parts(settings, replace(batches_of(KINDS), progress=progress))) as parts:
        for part in parts:
            problems += part.problems
            unjudged += part.unjudged
            for resource in part.resources:
                managed.setdefault(_key(resource), {}).setdefault(resource.id.namespace, _place(resource))
                if (one := read(resource, log)) is not None:
                    objects.append(one)
    background = Background(managed, deployers, tuple(_granted([*objects, *builtin()])))
    return RepositoryView(background, problems_of((*problems, *log.problems)), unjudged_of(unjudged))


def _key(resource: Resource) -> tuple[str, str, str]:
    group = resource.id.api_version.rpartition("/")[0]
    return group, plural(resource.id.kind), resource.id.name


def _place(resource: Resource) -> str:
    where = resource.locate("")
    return f"{where.path}:{where.start.line}"


def _granted(objects: Sequence[Object]) -> Iterator[Granted]:
    """Yields each rule of a role that a binding of the repository gives, to each of its subjects."""
    authorizer = Authorizer(objects)
    for binding in authorizer.bindings:
        if binding.resource is None:
            continue
        for subject in binding.subjects:
            for grant in authorizer.grants_of(binding, subject):
                namespace = subject.namespace or grant.namespace
                is_account = subject.kind == "ServiceAccount"
                name = f"system:serviceaccount:{namespace}:{subject.name}" if is_account else subject.name
                where = next((one.location for one in reversed(steps(grant)) if one.location is not None), None)
                place = f"{where.path}:{where.start.line}" if where is not None else ""
                yield Granted(name, subject.kind == "Group", grant.namespace, grant.permission, place)
