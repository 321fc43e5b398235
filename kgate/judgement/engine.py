"""Resources, workloads and rules -> findings and problems."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from kgate.kubernetes.workload import find_workload
from kgate.model import (
    Container,
    Finding,
    Json,
    Pod,
    Pointer,
    Problem,
    Resource,
    ResourceId,
    Rule,
    Workload,
    child_pointer,
    field_path,
    pointer_tokens,
)
from kgate.rules import cel, fieldpath

MAX_POD_VALUES = 10_000
"""The largest pod or other object that is judged, in values (some hundred containers): rules compare
lists with lists."""

MAX_WORKLOAD_VALUES = 100_000
"""The same for all pods of a workload together, which may share their volumes."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one resource came to. ``rules`` holds the selected rules that it offends, for each finding those that it
    includes, too; ``unlisted`` those of findings that were not wanted; ``offended`` the ids of all rules, also those
    not selected."""

    workload: Workload | None
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    offended: frozenset[str]
    rules: tuple[Rule, ...] = ()
    unlisted: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that rules are asked about, and where its fields stand."""

    kind: str
    resource: Resource
    variables: Mapping[str, Json]
    pod: Pod | None = None
    container: Container | None = None

    @property
    def body(self) -> Json:
        """The value of the variable that the target is."""
        return self.variables[self.kind]

    def pointer(self, tokens: Sequence[str | int]) -> Pointer:
        """Where a field of the target stands in the resource."""
        if self.container is not None:
            if self.pod is not None and tokens and tokens[0] == "pod":
                return _pod_pointer(self.pod, tokens[1:])
            return _redirect(self.container.pointer, self.container.origins, tokens)
        if self.pod is not None:
            return _pod_pointer(self.pod, tokens)
        return child_pointer("", *tokens)


@dataclass(slots=True)
class _Offence:
    """A rule that a target offends, and the field, by its tokens from the target, that is to blame."""

    rule: Rule
    target: Target
    tokens: tuple[str | int, ...]

    @property
    def is_in_container(self) -> bool:
        """Whether the field is one of the container itself, not of its pod."""
        return self.target.container is not None and not (self.tokens and self.tokens[0] == "pod")

    @property
    def container(self) -> str | None:
        """The name of the container, if the field is one of it."""
        container = self.target.container
        return container.name if container is not None and self.is_in_container else None

    @property
    def pointer(self) -> Pointer:
        """Where the field stands in the resource."""
        return self.target.pointer(self.tokens)


def _everything(_: Rule) -> bool:
    """Lists all findings."""
    return True


def _pod_pointer(pod: Pod, tokens: Sequence[str | int]) -> Pointer:
    if tokens and tokens[0] == "metadata":
        return child_pointer(pod.metadata_pointer, *tokens[1:])
    return _redirect(pod.pointer, pod.origins, tokens)


def _redirect(base: Pointer, origins: Mapping[str, Pointer], tokens: Sequence[str | int]) -> Pointer:
    """A field below its base, or below the place where an ancestor of it really stands."""
    for length in range(len(tokens), 0, -1) if origins else ():
        origin = origins.get("/".join(map(str, tokens[:length])))
        if origin is not None:
            return child_pointer(origin, *tokens[length:])
    return child_pointer(base, *tokens)


class Judge:
    """The rules that hold for a Kubernetes version, compiled once, asked about one resource at a time."""

    def __init__(self, rules: Iterable[Rule], minor: int, selected: Collection[str] | None = None) -> None:
        self.rules = tuple(rule for rule in rules if minor in rule.versions)
        self._minor = minor
        self._selected = selected
        self._by_id = {rule.id: rule for rule in self.rules}
        self._closures = {rule.id: self._closure(rule) for rule in self.rules}
        self._panels = {kind: _Panel(kind, self._asked(kind)) for kind in ("container", "pod")}
        named = sorted({kind for rule in self.rules for kind in rule.kinds})
        self._kind_panels = {
            kind: _Panel("resource", [rule for rule in self._asked("resource") if kind in rule.kinds]) for kind in named
        }
        self.kinds = frozenset(kind.partition(".")[0] for kind in named)

    def _asked(self, target: str) -> list[Rule]:
        return [rule for rule in self.rules if target in rule.targets]

    def judge(self, resource: Resource, lists: Callable[[Rule], bool] = _everything) -> Judgement:
        """All findings and problems of a resource, in the order of the file.

        ``lists`` is asked for each finding whether it is wanted, or only that there is one: its place takes longer to
        find than all else.
        """
        workload = find_workload(resource)
        offences: list[_Offence] = []
        problems = list(_gaps(workload)) if workload else []
        for result in self._results(resource, workload):
            if isinstance(result, Problem):
                problems.append(result)
            else:
                offences.append(result)
        kept = [o for o in offences if self._selected is None or o.rule.id in self._selected]
        folded = tuple(self._fold(kept))
        listed = tuple((offence, included) for offence, included in folded if lists(offence.rule))
        taken = {id(offence) for offence, _ in listed}
        return Judgement(
            workload,
            tuple(_findings(listed, resource)) if listed else (),
            tuple(_first_of_each_place(problems)),
            frozenset(offence.rule.id for offence in offences),
            tuple(rule for offence, included in folded for rule in (offence.rule, *included)),
            tuple(offence.rule for offence, _ in folded if id(offence) not in taken),
        )

    def _results(self, resource: Resource, workload: Workload | None) -> Iterator[_Offence | Problem]:
        """What the rules say about a resource and its pods."""
        limit = MAX_WORKLOAD_VALUES if workload else MAX_POD_VALUES
        for panel in self._panels_about(resource.id):
            if _exceeds(resource.body, limit):
                yield _problem(resource, "", f"the object holds more than {limit:,} values")
                break
            yield from panel.ask(Target("resource", resource, self._variables(resource, {}, {})))
        pods = workload.pods if workload else ()
        if _exceeds([pod.spec for pod in pods], MAX_WORKLOAD_VALUES):
            yield _problem(resource, "", f"its pods hold more than {MAX_WORKLOAD_VALUES:,} values")
            pods = ()
        for pod in pods:
            for target in self._targets(resource, pod):
                if isinstance(target, Problem):
                    yield target
                else:
                    yield from self._panels[target.kind].ask(target)

    def _panels_about(self, who: ResourceId) -> Iterator[_Panel]:
        """The rules about a kind in any group, and those about the kind in this group."""
        group = who.api_version.rpartition("/")[0] or "core"
        for name in (who.kind, f"{who.kind}.{group}"):
            if name in self._kind_panels:
                yield self._kind_panels[name]

    def _variables(self, resource: Resource, pod: Json, metadata: Json) -> dict[str, Json]:
        return {"resource": resource.body, "pod": pod, "metadata": metadata, "minor": self._minor}

    def _targets(self, resource: Resource, pod: Pod) -> Iterator[Target | Problem]:
        """The pod and its containers; a Problem for each that is not a mapping, or if there is none."""
        if not isinstance(pod.spec, Mapping):
            yield _problem(resource, pod.pointer, "the pod spec must be a mapping")
            return
        if _exceeds(pod.spec, MAX_POD_VALUES):
            yield _problem(resource, pod.pointer, f"the pod holds more than {MAX_POD_VALUES:,} values")
            return
        variables = self._variables(resource, pod.spec, pod.metadata)
        yield Target("pod", resource, variables, pod)
        if not pod.containers and pod.is_whole:
            message = "the pod spec lists no containers; a patch belongs into a kustomization that names it"
            yield _problem(resource, pod.pointer, message)
        for container in pod.containers:
            if isinstance(container.body, Mapping):
                own = {**variables, "container": container.body}
                yield Target("container", resource, own, pod, container)
            else:
                yield _problem(resource, container.pointer, "a container must be a mapping")

    def _fold(self, offences: Iterable[_Offence]) -> Iterator[tuple[_Offence, tuple[Rule, ...]]]:
        """One offence a place and rule, with the rules that it takes in: those that its own includes."""
        places: dict[tuple[str | None, Pointer], dict[str, _Offence]] = {}
        for offence in offences:
            places.setdefault((offence.container, offence.pointer), {}).setdefault(offence.rule.id, offence)
        for here in places.values():
            hidden = {other for name in here for other in self._closures[name]} if len(here) > 1 else ()
            for name in sorted(here):
                if name not in hidden:
                    taken = sorted(self._closures[name] & here.keys())
                    yield here[name], tuple(self._by_id[other] for other in taken)

    def _closure(self, rule: Rule) -> set[str]:
        """The ids of all rules that a rule includes, directly or not."""
        names: set[str] = set()
        pending = list(rule.includes)
        while pending:
            name = pending.pop()
            if name not in names and name in self._by_id:
                names.add(name)
                pending += self._by_id[name].includes
        return names


def _exceeds(value: Json, limit: int) -> bool:
    """Whether a value holds more than so many values, each alias counted where it is used."""
    pending = [value]
    while pending:
        limit -= 1
        if limit < 0:
            return True
        member = pending.pop()
        if isinstance(member, dict):
            pending.extend(member.values())
        elif isinstance(member, list):
            pending.extend(member)
    return False


class _Panel:
    """The rules about one kind of target, asked together."""

    def __init__(self, kind: str, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        expressions = [fieldpath.quantified(rule.expression, kind, rule.each) for rule in rules]
        self._program = cel.Program(expressions) if expressions else None

    def ask(self, target: Target) -> Iterator[_Offence | Problem]:
        """What the rules find in a target."""
        if self._program is None:
            return
        answers = self._program.evaluate({**target.variables, "item": target.body})
        for rule, answer in zip(self._rules, answers, strict=True):
            if answer is not True:
                yield from _examine(rule, target, answer)


def _first_of_each_place(problems: Iterable[Problem]) -> Iterator[Problem]:
    """One problem a line, which says how many more there are: a wrong type stops many rules."""
    by_line: dict[int | None, list[Problem]] = {}
    for problem in problems:
        by_line.setdefault(problem.line, []).append(problem)
    for first, *others in by_line.values():
        more = f"; {len(others)} more of this line" if others else ""
        yield replace(first, message=first.message + more)


def _gaps(workload: Workload) -> Iterator[Problem]:
    return (_problem(workload.resource, gap.pointer, gap.message) for gap in workload.gaps)


def _problem(resource: Resource, pointer: Pointer, message: str) -> Problem:
    location = resource.locate(pointer)
    return Problem(location.path, location.start.line, f"{resource.id}: {message}")


# ------------------------------------------------------------------------------- one rule, one target


def _examine(rule: Rule, target: Target, answer: bool | cel.CelError) -> Iterator[_Offence | Problem]:
    """Asks a rule again, item by item, to tell where the offence or the fault is."""
    for item in fieldpath.items(target.kind, target.variables, rule.each):
        if isinstance(item, fieldpath.WrongType):
            place = target.pointer(item.tokens)
            yield _problem(
                target.resource, place, f"{field_path(place)} cannot be judged by {rule.id}: it must be a {item.wanted}"
            )
            continue
        ask = partial(cel.evaluate, rule.expression)
        verdict = ask({**target.variables, "item": item.value}) if rule.each else answer
        if isinstance(verdict, cel.CelError):
            pointer = _field_pointer(rule, target, item)
            field = field_path(pointer)
            message = f"{field} cannot be judged by {rule.id}, it or a field around it has a wrong type ({verdict})"
            yield _problem(target.resource, pointer, message)
        elif not verdict and (_is_whole(target) or rule.each or _present_fields(rule, target, item)):
            yield _Offence(rule, target, _blamed_field(rule, target, item))


def _is_whole(target: Target) -> bool:
    return target.pod is None or target.pod.is_whole


def _present_fields(rule: Rule, target: Target, item: fieldpath.Item) -> list[str]:
    return [field for field in rule.fields if _holder(field, target, item)[2]]


def _field_pointer(rule: Rule, target: Target, item: fieldpath.Item) -> Pointer:
    tokens = fieldpath.tokens(rule.fields[0]) if rule.fields else ()
    return target.pointer((*item.tokens, *tokens))


def _blamed_field(rule: Rule, target: Target, item: fieldpath.Item) -> tuple[str | int, ...]:
    """The tokens, from the target, of the field that a finding points at.

    Of the rule's fields that are present: the first without which the rule would be content, else the
    first one. If none is present: the first of all, which is then located at its nearest parent.
    """
    if item.is_entry:
        return item.tokens
    present = _present_fields(rule, target, item)
    if len(present) > 1:
        present.sort(key=lambda field: not _content_without(rule, target, item, field))
    field = present[0] if present else (rule.fields[0] if rule.fields else "")
    tokens = fieldpath.tokens(field)
    return tokens if _is_pod_field(field, target) else (*item.tokens, *tokens)


def _is_pod_field(field: str, target: Target) -> bool:
    return target.kind == "container" and field.startswith("pod.")


def _holder(field: str, target: Target, item: fieldpath.Item) -> tuple[Json, tuple[str, ...], bool]:
    """The value that a field path starts from, the path's tokens, and whether the field is present."""
    tokens = fieldpath.tokens(field)
    if _is_pod_field(field, target):
        value, tokens = target.variables["pod"], tokens[1:]
    else:
        value = item.value
    return value, tokens, fieldpath.is_present(value, tokens)


def _content_without(rule: Rule, target: Target, item: fieldpath.Item, field: str) -> bool:
    """Whether the rule would be content if a field were absent."""
    holder, tokens, _ = _holder(field, target, item)
    changed = fieldpath.without(holder, tokens)
    variables = {**target.variables, "item": item.value}
    if _is_pod_field(field, target):
        variables["pod"] = changed
    else:
        variables["item"] = changed
        if not item.tokens:
            variables[target.kind] = changed
    return cel.evaluate(rule.expression, variables) is True


def _findings(offences: Iterable[tuple[_Offence, tuple[Rule, ...]]], resource: Resource) -> Iterator[Finding]:
    """The findings of a resource: offences with their places."""
    source = resource.locate("").path
    rendering = resource.rendering
    renderings, known_as = ((), "") if rendering is None else ((rendering,), _name_in_source(resource))
    for offence, included in offences:
        location = resource.locate(offence.pointer)
        yield Finding(
            offence.rule,
            resource.id,
            offence.container,
            replace(location, pointer=resource.pointer + offence.pointer),
            _anchor(offence),
            offence.rule.message,
            includes=included,
            source=source,
            renderings=renderings,
            known_as=known_as,
        )


def _anchor(offence: _Offence) -> str:
    """The field from its container or pod on, with list items by name or value instead of index, and
    with the pod's own path in front: it stays the same when other containers or items come and go."""
    target, tokens = offence.target, offence.tokens
    if target.container is not None and not offence.is_in_container:
        body, tokens = target.variables["pod"], tokens[1:]
    else:
        body = target.body
    stable = "/".join(fieldpath.stable_tokens(body, tokens))
    prefix = target.pod.pointer if target.pod is not None else ""
    place = f"{target.container.list}/" if target.container is not None and offence.is_in_container else ""
    return f"{_without_index(prefix)}#{place}{stable}"


def _name_in_source(resource: Resource) -> str:
    """The name of what was rendered as a template or base writes it; empty where it is not known for sure."""
    place = resource.locate("/metadata/name")
    if place.is_approximate:
        return ""
    entry = place.snippet[place.start.column - 1 : place.end.column - 1] or place.snippet
    return entry.partition(":")[2].strip(" \t'\"")


def _without_index(pointer: Pointer) -> str:
    return "/".join(token for token in pointer_tokens(pointer) if not token.isdigit())
