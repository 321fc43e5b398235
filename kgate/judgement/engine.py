"""Judges resources by rules: findings and problems."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kgate.judgement import doubts, memo, oddities
from kgate.judgement.blame import Blame, Doubt, examine
from kgate.judgement.certainty import Result, parted, sure_results
from kgate.judgement.memo import Answer, Memo
from kgate.judgement.offence import Offence, problem_at
from kgate.judgement.target import Target
from kgate.kubernetes import deployers, pss, templated
from kgate.kubernetes.auditpolicy import is_policy
from kgate.kubernetes.components.component import Component, Components, Hint
from kgate.kubernetes.components.find import find_components
from kgate.kubernetes.facts import BindingKey, Facts
from kgate.kubernetes.pss import LEVELS, NEWEST_MINOR
from kgate.kubernetes.schema import Schema
from kgate.kubernetes.workload import find_workload
from kgate.model import (
    Finding,
    Gap,
    Json,
    Note,
    Persona,
    Pod,
    Pointer,
    Problem,
    Related,
    Remedy,
    Resource,
    ResourceId,
    Rule,
    Unjudged,
    Workload,
)
from kgate.rules import cel, fieldpath
from kgate.rules.reads import Reads, settings_read
from kgate.rules.variables import bound
from kgate.values import dataclass

MAX_POD_VALUES = 10_000
"""The largest pod or other object that is judged, in values (some hundred containers): rules compare
lists with lists."""

MAX_WORKLOAD_VALUES = 100_000
"""The largest workload that is judged, in values of all its pods together, which may share their volumes."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result for one resource.

    ``rules`` holds the selected rules that the resource offends, with those that a finding includes; ``unlisted`` the
    rules of findings that were not wanted; ``explicit`` the ids of rules that somebody offends by choice
    (Blame.is_explicit); ``offended`` the ids of all offended rules, selected or not; ``unjudged``
    names fields whose values are not known and may decide; ``notes`` say what Kubernetes makes nothing of;
    ``unfollowed`` is what the resource deploys that is no part of its workload; ``ignored`` holds the rules that it
    offends and that were left out by name; ``is_covered`` is False for one that runs and deploys nothing, and is of a
    kind that no selected rule is about; ``used`` are the bindings that a finding about a pod's account is about.
    """

    workload: Workload | None
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    offended: frozenset[str]
    rules: tuple[Rule, ...] = ()
    unlisted: tuple[Rule, ...] = ()
    notes: tuple[Note, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    unfollowed: tuple[Unjudged, ...] = ()
    explicit: frozenset[str] = frozenset()
    ignored: tuple[Rule, ...] = ()
    is_covered: bool = True
    used: frozenset[BindingKey] = frozenset()


NO_FACTS = Facts()
"""Nothing is known of other resources."""


def everything(_: Rule) -> bool:
    """Lists every finding."""
    return True


def upstream_id(rule: str) -> str:
    """The id of the rule that ``as_upstream`` returns instead of one."""
    return f"{rule}@upstream"


def as_upstream(rule: Rule) -> Rule:
    """The rule that decides about the Pod Security level in the place of one whose parameters somebody has set: with
    their defaults, under another id. A rule that is about no level, or as it was, is returned itself."""
    if not rule.pss or all(parameter.value == parameter.default for parameter in rule.parameters):
        return rule
    defaults = tuple(replace(parameter, value=parameter.default) for parameter in rule.parameters)
    return replace(rule, id=upstream_id(rule.id), parameters=defaults, includes=())


class Judge:
    """Judges one resource at a time by the rules that hold for a Kubernetes version, compiled once. ``level_rules`` are
    those that decide about the Pod Security level."""

    def __init__(
        self,
        rules: Iterable[Rule],
        minor: int,
        selected: Collection[str] | None = None,
        ignored: Collection[str] = frozenset(),
        *,
        with_remedies: bool = False,
    ) -> None:
        self._every = tuple(rules)
        self._standards: dict[int, Judge] = {}
        active = tuple(rule for rule in self._every if minor in rule.versions)
        standard = tuple(map(as_upstream, active))
        self.rules = active
        self._hidden = {one.id: one for one, rule in zip(standard, active, strict=True) if one is not rule}
        self.level_rules = tuple(rule for rule in standard if rule.pss)
        self._minor = minor
        self._schema = Schema(minor)
        self._selected = selected
        self._ignored = ignored
        self._with_remedies = with_remedies
        self._by_id = {rule.id: rule for rule in self.rules}
        self._closures = {rule.id: self._closure(rule) for rule in self.rules}
        asked = {kind: self._asked(kind) for kind in ("container", "pod")}
        late = [one for one in asked["pod"] if _is_late(one[0])]
        self._panels = {kind: _Panel(kind, [one for one in asked[kind] if one not in late]) for kind in asked}
        self._late = _Panel("pod", late)
        named = sorted({kind for rule in self.rules for kind in rule.kinds})
        about = self._asked("resource")
        self._kind_panels = {
            kind: _Panel("resource", [(rule, what) for rule, what in about if kind in rule.kinds]) for kind in named
        }
        components = sorted({name for rule in self.rules for name in rule.components})
        about = self._asked("component")
        self._component_panels = {
            name: _Panel("component", [(rule, what) for rule, what in about if name in rule.components])
            for name in components
        }
        self._audit_panel = _Panel("audit", self._asked("audit"))
        self.kinds = frozenset(kind.partition(".")[0] for kind in named)
        chosen = [rule for rule in self.rules if selected is None or rule.id in selected]
        self._covered = frozenset(kind for rule in chosen for kind in rule.kinds)

    @property
    def programs(self) -> tuple[cel.Program, ...]:
        """The programs of all rules, by target and kind."""
        kinds = (*self._kind_panels.values(), *self._component_panels.values())
        panels = (*self._panels.values(), self._late, self._audit_panel, *kinds)
        return tuple(program for panel in panels for program in panel.programs)

    def _asked(self, target: str) -> list[tuple[Rule, Reads]]:
        """The rules about a kind of target, each with what it can read of one."""
        rules = (*self.rules, *self._hidden.values())
        return [(rule, memo.reads_of(rule, target)) for rule in rules if target in rule.targets]

    @property
    def minor(self) -> int:
        """The Kubernetes 1.x version that it judges for."""
        return self._minor

    @property
    def ignored(self) -> Collection[str]:
        """The ids of the rules that are left out by name."""
        return self._ignored

    def judge(
        self, resource: Resource, facts: Facts = NO_FACTS, lists: Callable[[Rule], bool] = everything
    ) -> Judgement:
        """Returns the findings and problems of a resource, in the order of the file.

        ``facts`` are those of the resources that are deployed together with it. ``lists`` says of a rule whether its
        next finding is wanted, or only counted: locating a finding takes longer than everything else.
        """
        filled = templated.read(resource)
        resource = filled.resource
        workload = find_workload(resource)
        facts = facts.of_workload(workload)
        offences: list[Offence] = []
        gaps, unjudged = parted(workload.gaps if workload else (), resource)
        found = self._components_of(resource, workload)
        unjudged += self._unread(resource, found)
        for result in self._sure_results(resource, workload, facts):
            if isinstance(result, Gap):
                gaps.append(result)
            elif isinstance(result, Unjudged):
                unjudged.append(result)
            else:
                offences.append(result)
        messages = _one_for_each_field(gaps)
        kept = [o for o in offences if self._is_selected(o.rule)]
        folded = tuple(self._fold(kept))
        listed = tuple((offence, included) for offence, included in folded if lists(offence.rule))
        taken = {id(offence) for offence, _ in listed}
        return Judgement(
            workload,
            tuple(_findings(listed, resource, facts, with_remedies=self._with_remedies)) if listed else (),
            tuple(problem_at(resource, pointer, message) for pointer, message in messages.items()),
            frozenset(offence.rule.id for offence in offences),
            tuple(rule for offence, included in folded for rule in (offence.rule, *included)),
            tuple(offence.rule for offence, _ in folded if id(offence) not in taken),
            (
                *oddities.notes(resource, self._schema, messages),
                *oddities.hints(resource, _hints(resource, found, facts)),
            ),
            tuple(unjudged),
            (*deployers.unfollowed(resource), *filled.unjudged),
            frozenset(offence.rule.id for offence, _ in folded if offence.blame.is_explicit),
            self._ignored_of(offences),
            is_covered=workload is not None
            or bool(found.components)
            or deployers.is_one(resource)
            or self._is_asked_about(resource.id)
            or self._is_policy(resource.id),
            used=_used(kept, facts),
        )

    def _components_of(self, resource: Resource, workload: Workload | None) -> Components:
        return find_components(resource, workload, self._minor) if self._component_panels else Components()

    def _unread(self, resource: Resource, found: Components) -> Iterator[Unjudged]:
        """Yields what nobody knows of components, as far as rules that count are about it."""
        yield from (oddities.unread(resource, hint.pointer, hint.message) for hint in found.unread)
        refused = {gap.pointer for gap in found.gaps}
        for component in found.components:
            rules = [rule for rule in self.rules if component.name in rule.components and self._counts(rule)]
            asked = component.unknown & {name for rule in rules for name in settings_read(rule)}
            for name in sorted(asked):
                place = component.places[name]
                if place not in refused:
                    yield oddities.unread(resource, place, f"the value of --{name} of {component.name} is not known")

    def _ignored_of(self, offences: Iterable[Offence]) -> tuple[Rule, ...]:
        """Returns the offended rules that were left out by name, each once."""
        return tuple({o.rule.id: o.rule for o in offences if o.rule.id in self._ignored}.values())

    def _is_asked_about(self, who: ResourceId) -> bool:
        return not self._covered.isdisjoint(who.kinds)

    def _is_policy(self, who: ResourceId) -> bool:
        """True for an audit policy, if any rule is about those."""
        return bool(self._audit_panel.programs) and is_policy(who)

    def _sure_results(self, resource: Resource, workload: Workload | None, facts: Facts) -> Iterable[Result]:
        if not resource.has_doubts:
            return self._results(resource, workload, facts)
        rules = [rule for rule in (*self.rules, *self._hidden.values()) if self._counts(rule)]
        return sure_results(resource, lambda one: self._counted(one, facts), rules)

    def _counts(self, rule: Rule) -> bool:
        """True if a rule is selected, or decides about the Pod Security level: what others find, nobody sees."""
        return self._is_selected(rule) or bool(rule.pss)

    def _is_selected(self, rule: Rule) -> bool:
        return rule.id not in self._hidden and (self._selected is None or rule.id in self._selected)

    def _counted(self, resource: Resource, facts: Facts) -> Iterator[Offence | Gap]:
        """The results but for those of rules that do not count."""
        results = self._results(resource, find_workload(resource), facts)
        return (one for one in results if isinstance(one, Gap) or self._counts(one.rule))

    def _results(self, resource: Resource, workload: Workload | None, facts: Facts) -> Iterator[Offence | Gap]:
        """Asks the rules about a resource and its pods."""
        limit = MAX_WORKLOAD_VALUES if workload else MAX_POD_VALUES
        for panel in self._panels_about(resource.id):
            if _exceeds(resource.body, limit):
                yield Gap("", f"the object holds more than {limit:,} values")
                break
            variables = self._variables(resource) | {"facts": facts.about_resource(resource)}
            yield from self._ask(panel, Target("resource", resource, variables))
        pods = workload.pods if workload else ()
        specs = [pod.spec for pod in pods]
        is_large = _exceeds(specs, min(MAX_POD_VALUES, MAX_WORKLOAD_VALUES))
        if is_large and _exceeds(specs, MAX_WORKLOAD_VALUES):
            yield Gap("", f"its pods hold more than {MAX_WORKLOAD_VALUES:,} values")
            pods = ()
        for pod in pods:
            if is_large and isinstance(pod.spec, Mapping) and _exceeds(pod.spec, MAX_POD_VALUES):
                yield Gap(pod.pointer, f"the pod holds more than {MAX_POD_VALUES:,} values")
                continue
            yield from self._pod_results(resource, pod, facts)
        yield from self._component_results(resource, workload, facts)
        if self._is_policy(resource.id) and resource.is_first:
            yield from self._audit_results(resource, facts)

    def _audit_results(self, resource: Resource, facts: Facts) -> Iterator[Offence | Gap]:
        """Asks the rules about what an audit policy makes an API server do, of the version of the one that reads it."""
        from kgate.audit.policy.asker import TooManyRulesError  # few repositories hold one
        from kgate.audit.policy.facts import facts as policy_facts

        readers = facts.audit.minor_of(resource.locate("").path, resource.pointer) if facts.audit is not None else None
        minor = self._minor if readers is None else min(readers, NEWEST_MINOR)
        try:
            known = policy_facts(resource.body, minor)
        except TooManyRulesError:
            yield Gap("/rules", "the policy has too many rules for each to be compared with all the others; merge some")
            return
        variables = self._variables(resource) | {"audit": known, "minor": minor}
        yield from self._ask(self._audit_panel, Target("audit", resource, variables))

    def _pod_results(self, resource: Resource, pod: Pod, facts: Facts) -> Iterator[Offence | Gap]:
        """Asks the rules about a pod and its containers, and then those that go by what the others have found."""
        found: list[Offence] = []
        for target in self._targets(resource, pod, facts):
            if isinstance(target, Gap):
                yield target
                continue
            for one in self._ask(self._panels[target.kind], target):
                found += [one] if isinstance(one, Offence) else []
                yield one
        yield from self._consequences(resource, pod, facts, found)

    def _consequences(
        self, resource: Resource, pod: Pod, facts: Facts, found: Iterable[Offence]
    ) -> Iterator[Offence | Gap]:
        """Asks the rules that go by what others find in a pod: those that the gate uses and that nobody left out."""
        known = {one.rule.id: one.rule for one in found if one.rule.id in self._by_id}
        rules = [one for one in known.values() if one.persona is Persona.GATE and one.id not in self._ignored]
        if rules and self._late.programs:
            what = [{"rule": one.id, "severity": one.severity.label} for one in rules]
            variables = self._pod_variables(resource, pod, facts.about(resource, pod) | {"found": what})
            yield from self._ask(self._late, Target("pod", resource, variables, pod))

    def _component_results(
        self, resource: Resource, workload: Workload | None, facts: Facts
    ) -> Iterator[Offence | Gap]:
        """Asks the rules about the components of a resource."""
        found = self._components_of(resource, workload)
        yield from found.gaps
        for one in found.components:
            if one.name in self._component_panels:
                variables = self._variables(resource) | {
                    "component": one.settings,
                    "minor": one.minor,
                    "facts": {**one.facts, **_audit_facts(resource, one, facts)},
                }
                target = Target("component", resource, variables, one.pod, one.container, one)
                answers = self._ask(self._component_panels[one.name], target)
                yield from (answer for answer in answers if not _is_about_unknown(answer, one))

    def _ask(self, panel: _Panel, target: Target) -> Iterator[Offence | Gap]:
        """Yields what a panel finds in a target, with the place in the resource."""
        found = panel.ask(target)
        yield from (Offence.of(blame, target) for blame in found if isinstance(blame, Blame))
        in_doubt = [doubt for doubt in found if isinstance(doubt, Doubt)]
        if in_doubt:
            yield from doubts.gaps(in_doubt, target, self._schema)

    def _panels_about(self, who: ResourceId) -> Iterator[_Panel]:
        """Yields the rules about a kind in any group, then those about the kind in this group."""
        for name in who.kinds:
            if name in self._kind_panels:
                yield self._kind_panels[name]

    def _variables(self, resource: Resource) -> dict[str, Json]:
        return {"resource": resource.body, "pod": {}, "metadata": {}, "minor": self._minor, "facts": {}}

    def _pod_variables(self, resource: Resource, pod: Pod, known: Json) -> dict[str, Json]:
        return self._variables(resource) | {"pod": pod.spec, "metadata": pod.metadata, "facts": known}

    def _targets(self, resource: Resource, pod: Pod, facts: Facts) -> Iterator[Target | Gap]:
        """Yields the pod and its containers; a gap for each that is not a mapping, and if there is no container."""
        if not isinstance(pod.spec, Mapping):
            yield Gap(pod.pointer, "the pod spec must be a mapping")
            return
        known = facts.about(resource, pod) | self._about_namespace(resource, pod, facts)
        known |= _collector_facts(resource, pod, facts)
        variables = self._pod_variables(resource, pod, known)
        yield Target("pod", resource, variables, pod)
        if not pod.containers and pod.is_whole:
            yield oddities.no_containers(pod)
        for container in pod.containers:
            if isinstance(container.body, Mapping):
                own = {**variables, "container": container.body}
                yield Target("container", resource, own, pod, container)
            else:
                yield Gap(container.pointer, "a container must be a mapping")

    def _about_namespace(self, resource: Resource, pod: Pod, facts: Facts) -> dict[str, Json]:
        """Returns what the namespace of a pod enforces, as CEL sees it, and the checks by which it refuses the pod."""
        enforced = facts.enforced_on(resource) if facts.has_namespaces and pod.is_whole else None
        if enforced is None or enforced.level == LEVELS[0]:
            return {}
        if enforced.minor not in self._standards:
            self._standards[enforced.minor] = Judge((rule for rule in self._every if rule.pss), enforced.minor)
        refuses = self._standards[enforced.minor].refusals(resource, pod, enforced.level)
        return {"namespace": {"enforce": enforced.level, "minor": enforced.minor, "refuses": list(refuses)}}

    def refusals(self, resource: Resource, pod: Pod, level: str) -> tuple[str, ...]:
        """Returns the checks by which a namespace refuses a pod that enforces a level of this Kubernetes version."""
        asked = [
            (one, self._panels[one.kind]) for one in self._targets(resource, pod, NO_FACTS) if isinstance(one, Target)
        ]
        found = (blame for target, panel in asked for blame in panel.ask(target))
        offended = {blame.rule.id for blame in found if isinstance(blame, Blame)}
        return pss.refused_by(level, self._minor, self.level_rules, offended)

    def _fold(self, offences: Iterable[Offence]) -> Iterator[tuple[Offence, tuple[Rule, ...]]]:
        """Yields one offence for each place and rule, with the offended rules that its rule includes."""
        places: dict[tuple[str | None, Pointer], dict[str, Offence]] = {}
        for offence in offences:
            places.setdefault((offence.container, offence.pointer), {}).setdefault(offence.rule.id, offence)
        for here in places.values():
            hidden = {other for name in here for other in self._closures[name]} if len(here) > 1 else ()
            for name in sorted(here):
                if name not in hidden:
                    taken = sorted(self._closures[name] & here.keys())
                    yield here[name], tuple(self._by_id[other] for other in taken)

    def _closure(self, rule: Rule) -> set[str]:
        """Returns the ids of all rules that a rule includes, directly or not."""
        names: set[str] = set()
        pending = list(rule.includes)
        while pending:
            name = pending.pop()
            if name not in names and name in self._by_id:
                names.add(name)
                pending += self._by_id[name].includes
        return names


def _is_about_unknown(answer: Offence | Gap, component: Component) -> bool:
    """True if a rule reads a setting whose value is not known."""
    return isinstance(answer, Offence) and not component.unknown.isdisjoint(settings_read(answer.rule))


def _audit_facts(resource: Resource, component: Component, facts: Facts) -> dict[str, Json]:
    if facts.audit is None:
        return {}
    from kgate.kubernetes.components import auditing  # few repositories set up an audit log

    return auditing.about(resource, component, facts.audit)


def _collector_facts(resource: Resource, pod: Pod, facts: Facts) -> dict[str, Json]:
    if facts.audit is None:
        return {}
    from kgate.kubernetes.components import auditing

    return auditing.about_pod(resource, pod, facts.audit)


def _is_late(rule: Rule) -> bool:
    """True if a rule goes by what others find in the same pod."""
    return "facts.?found" in bound(rule)


def _exceeds(value: Json, limit: int) -> bool:
    """True if a value holds more than so many values, each alias counted where it is used."""
    pending = [value]
    count = 0
    while pending:
        level = pending
        count += len(level)
        if count > limit:
            return True
        pending = []
        for member in level:
            if isinstance(member, dict):
                pending.extend(member.values())
            elif isinstance(member, list):
                pending.extend(member)
    return False


class _Group:
    """Rules that are evaluated together."""

    def __init__(self, kind: str, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self.program = cel.Program([fieldpath.quantified(bound(rule), kind, rule.each) for rule in rules])

    def ask(self, target: Target) -> Answer:
        """Returns what the rules find in a target, in their order."""
        reach = (fieldpath.reaches(target.kind, target.variables, rule.each) for rule in self._rules)
        if not any(reach):
            return ()
        answers = self.program.evaluate({**target.variables, "item": target.body})
        asked = zip(self._rules, answers, strict=True)
        return tuple(found for rule, answer in asked if answer is not True for found in examine(rule, target, answer))


class _Panel:
    """The rules about one kind of target.

    Answers of rules that read little of a target are remembered, for all of these rules together and for each group
    of rules that read the same, so that equal targets, and equal parts of targets, are judged once.
    """

    def __init__(self, kind: str, rules: Sequence[tuple[Rule, Reads]]) -> None:
        self._order = {rule.id: number for number, (rule, _) in enumerate(rules)}
        others: list[Rule] = []
        groups: dict[Reads, list[Rule]] = {}
        for rule, what in rules:
            if memo.is_worth_it(what, kind):
                groups.setdefault(what, []).append(rule)
            else:
                others.append(rule)
        self._memos = [(Memo(what), _Group(kind, same)) for what, same in groups.items()]
        self._whole = Memo(functools.reduce(operator.or_, groups)) if groups else None
        self._others = _Group(kind, others) if others else None

    @property
    def programs(self) -> tuple[cel.Program, ...]:
        """Everything that targets are asked."""
        groups = [group for _, group in self._memos] + ([self._others] if self._others else [])
        return tuple(group.program for group in groups)

    def ask(self, target: Target) -> Answer:
        """What the rules find in a target, in their order."""
        known = self._whole.recall(target, self._ask_groups) if self._whole is not None else ()
        found = self._others.ask(target) if self._others is not None else ()
        return self._in_order(known + found) if found else known

    def _ask_groups(self, target: Target) -> Answer:
        answers = (known.recall(target, group.ask) for known, group in self._memos)
        return self._in_order(found for answer in answers for found in answer)

    def _in_order(self, found: Iterable[Blame | Doubt]) -> Answer:
        return tuple(sorted(found, key=lambda one: self._order[one.rule.id]))


def _hints(resource: Resource, found: Components, facts: Facts) -> Iterator[Hint]:
    """Yields what has no effect in a resource, and what is not known of it."""
    yield from found.hints
    if facts.audit is not None and found.components:
        from kgate.kubernetes.components import auditing

        for one in found.components:
            yield from auditing.hints(resource, one, facts.audit)
    if not resource.is_first:
        yield Hint("", "the API server reads only the first document of a policy file, so nothing of this one counts")


def _one_for_each_field(gaps: Iterable[Gap]) -> dict[Pointer, str]:
    """Returns the first message about each field: a wrong type stops many rules."""
    messages: dict[Pointer, str] = {}
    for gap in gaps:
        messages.setdefault(gap.pointer, gap.message)
    return messages


def _findings(
    offences: Iterable[tuple[Offence, tuple[Rule, ...]]], resource: Resource, facts: Facts, *, with_remedies: bool
) -> Iterator[Finding]:
    """The findings of a resource: offences with their places."""
    source = resource.locate("").path
    rendering = resource.rendering
    renderings, known_as = ((), "") if rendering is None else ((rendering,), resource.name_as_written)
    for offence, included in offences:
        place = resource.locate(offence.pointer).at(resource.pointer + offence.pointer)
        if evidence := _evidence(offence, included, facts):
            place = replace(place, related=(*place.related, *evidence))
        yield Finding(
            offence.rule,
            resource.id,
            resource.shown(offence.container) if offence.container is not None else None,
            place,
            resource.shown(offence.anchor),
            offence.rule.message,
            includes=included,
            source=source,
            renderings=renderings,
            also=resource.owners,
            known_as=known_as,
            is_explicit=offence.blame.is_explicit,
            remedy=_remedy(offence) if with_remedies else None,
        )


def _evidence(offence: Offence, included: tuple[Rule, ...], facts: Facts) -> tuple[Related, ...]:
    if offence.target.kind == "audit":
        from kgate.judgement.evidence import notes

        return tuple(notes(offence))
    if not any("facts.?" in rule.expression for rule in (offence.rule, *included)):
        return ()
    from kgate.judgement.evidence import evidence  # few manifests say anything of others

    return evidence(offence, included, facts)


def _used(offences: Sequence[Offence], facts: Facts) -> frozenset[BindingKey]:
    if not facts.reach or not offences:
        return frozenset()
    from kgate.judgement.evidence import used_bindings

    return frozenset(used_bindings(offences, facts))


def _remedy(offence: Offence) -> Remedy | None:
    from kgate.judgement.remedy import remedy  # few scans ask for it

    return remedy(offence)
