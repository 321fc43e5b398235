"""Finds the branches of templates that only some clusters print: those whose conditions ask for an upgrade, for what is
installed, for the version of Kubernetes, for the time or for chance, or for a name that nobody gives the release."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import Token
from kgate.rendering.helm.chart import Template
from kgate.values import dataclass

_FUNCTIONS = "lookup|now|ago|getHostByName|rand(?:Int|Numeric|AlphaNum|Alpha|Ascii|Bytes)|uuidv4|shuffle"


def asking_pattern(*, is_named: bool, is_placed: bool) -> re.Pattern[str]:
    """What asks for the cluster: also the name of a release, and its namespace, if nobody gives it one."""
    further = "".join([*([] if is_named else [r"|Name\b"]), *([] if is_placed else [r"|Namespace\b"])])
    return re.compile(
        rf"\.(?:Capabilities|IsUpgrade|IsInstall|Revision)\b|(?<![\w.$])(?:{_FUNCTIONS})\b"
        + (rf"|\.Release\.(?:{further[1:]})" if further else "")
    )


OF_ANY = asking_pattern(is_named=True, is_placed=True)
"""What asks for the cluster in templates of a release that has a name and a namespace."""

_VARIABLE = re.compile(r"\$\w+")
_ASSIGNED = re.compile(r"\s*(\$\w+)\s*:?=(.*)", re.DOTALL)
_CONDITION = re.compile(r"(\s*(?:else\s+)?if\s+)(.*)\Z", re.DOTALL)
_CALLED = re.compile(r"\b(?:include|template)\s+(?:\"([^\"\\]+)\"|`([^`]+)`)")

_KIND = re.compile(r"(?:^|(?<=\}\}))[ \t]*+(?:- ++)?[\"']?kind[\"']?:[ \t]*+(\S[^\n]*)", re.MULTILINE)
_SEPARATOR = re.compile(r"^---", re.MULTILINE)
_IDLE_KINDS = frozenset(
    {
        *("Secret", "ConfigMap", "Service", "Ingress", "NetworkPolicy", "PersistentVolumeClaim", "StorageClass"),
        *("HorizontalPodAutoscaler", "VerticalPodAutoscaler", "PodDisruptionBudget", "PriorityClass"),
        *("ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate", "Issuer", "ClusterIssuer"),
        *("Route", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "Gateway", "VirtualService", "DestinationRule"),
        *("ExternalSecret", "SealedSecret", "CustomResourceDefinition"),
    }
)
"""Kinds that run nothing and that are not given any right by what a condition decides about them."""

OF_PODS = re.compile(
    r"\b(?:containers|initContainers|image|securityContext|privileged|allowPrivilegeEscalation|capabilities|runAs\w+"
    r"|host(?:PID|IPC|Network|Path|Users)|volumes|serviceAccount\w*|procMount|seccomp\w*|appArmor\w*)\b"
)
_MOST_CHOICES = 100
"""Conditions that the cluster decides on the way to one branch. What is behind more of them is not rendered, and not
judged."""

_PRINTS_ANY = re.compile(r"\b(?:include|template|tpl|toYaml|toJson|Files)\b")


@dataclass(frozen=True, slots=True)
class ClusterAsking:
    """Knows what asks for the cluster: functions and objects of Helm, templates that use these, and variables."""

    pattern: re.Pattern[str]
    names: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()

    def asks(self, body: str) -> bool:
        """True if the result of an expression depends on the cluster."""
        if self.names and any((found[1] or found[2]) in self.names for found in _CALLED.finditer(body)):
            return True
        plain = gotemplate.without_strings(body)
        if self.pattern.search(plain):
            return True
        return bool(self.variables) and not self.variables.isdisjoint(_VARIABLE.findall(plain))

    def after(self, body: str, *, is_conditional: bool) -> ClusterAsking:
        """What asks once an action is done, which may set a variable; ``is_conditional`` says that only some clusters
        get there."""
        found = _ASSIGNED.match(body)
        if found and (is_conditional or self.asks(found[2])):
            return replace(self, variables=self.variables | {found[1]})
        return self


@dataclass(frozen=True, slots=True)
class Choice:
    """A condition that the cluster decides on the way to a branch: its action, and whether it must be true there."""

    token: Token
    is_true: bool

    @property
    def is_plain(self) -> bool:
        """False for a loop, a ``with``, and a condition that sets a variable."""
        found = _CONDITION.match(self.token.body or "")
        return found is not None and not _ASSIGNED.match(found[2])


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of a template between two actions, by its offsets, and the conditions on the way to it that the cluster
    decides, the nearest last. ``condition`` is the action that decides, ``line`` its line; ``is_idle`` says that the
    objects there, as far as it writes their kinds, run nothing, ``is_far`` that there are too many conditions, which
    are then left out."""

    key: str
    start: int
    end: int
    condition: str
    line: int
    choices: tuple[Choice, ...]
    asking: ClusterAsking
    is_idle: bool = False
    is_far: bool = False

    @property
    def can_be_forced(self) -> bool:
        """True if the cluster has a part in plain conditions only on the way to it."""
        return not self.is_far and all(choice.is_plain for choice in self.choices)

    @property
    def can_be_reached(self) -> bool:
        """True if that holds but for its own action, a loop or ``with`` over what the cluster holds."""
        return bool(self.choices) and self.choices[-1].is_true and all(choice.is_plain for choice in self.choices[:-1])

    def is_printed(self, printed: Mapping[str, Sequence[int]]) -> bool:
        """True if some of its text is in an output; ``printed`` holds where the texts begin that are, in order."""
        return is_in_output(printed, self.key, self.start, self.end)


def is_in_output(printed: Mapping[str, Sequence[int]], key: str, start: int, end: int) -> bool:
    """True if a text that begins in a part of a template, given by key and offsets, is in an output."""
    offsets = printed.get(key, ())
    index = bisect_left(offsets, start)
    return index < len(offsets) and offsets[index] < end


def asking_branches(templates: Mapping[str, Template], pattern: re.Pattern[str] = OF_ANY) -> tuple[Branch, ...]:
    """The branches that only some clusters print, and that may hold or change a workload. ``pattern`` is what asks for
    the cluster."""
    asking = ClusterAsking(pattern, frozenset(asking_names(templates.values(), pattern)))
    return tuple(
        branch
        for template in templates.values()
        if template.tokens is not None and "{{" in template.text
        for branch in _branches(template, template.tokens, asking)
        if branch.is_far or ((branch.can_be_forced or branch.can_be_reached) and _may_matter(template, branch))
    )


def in_rounds(branches: Iterable[Branch], most: int) -> tuple[list[list[Branch]], list[Branch]]:
    """The branches in groups within which no condition must be both true and false, and those that are far or for which
    so many groups are not enough."""
    rounds: list[tuple[list[Branch], dict[tuple[str, int], bool]]] = []
    others: list[Branch] = []
    for branch in branches:
        if branch.is_far:
            others.append(branch)
            continue
        wanted = {(branch.key, choice.token.start): choice.is_true for choice in branch.choices}
        free = (one for one in rounds if all(one[1].get(place, value) == value for place, value in wanted.items()))
        group, decided = next(free, ([], {}))
        if not group and len(rounds) == most:
            others.append(branch)
            continue
        rounds += [] if group else [(group, decided)]
        group.append(branch)
        decided.update(wanted)
    return [group for group, _ in rounds], others


def asking_names(templates: Iterable[Template], pattern: re.Pattern[str]) -> set[str]:
    """The names of the templates that ask for the cluster, directly or in those that they call."""
    asking = ClusterAsking(pattern)
    found: set[str] = set()
    callers: dict[str, set[str]] = {}
    for template in templates:
        for name, body in _named_bodies(template.tokens or ()):
            if asking.asks(body):
                found.add(name)
            called = {one[1] or one[2] for one in _CALLED.finditer(body)}
            if gotemplate.keyword(body) == "block" and (inner := gotemplate.named(body)):
                called.add(inner.name)
            for one in called:
                callers.setdefault(one, set()).add(name)
    pending = [*found]
    while pending:
        new = callers.get(pending.pop(), set()) - found
        found |= new
        pending += new
    return found


def _named_bodies(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    """The actions inside named templates, each with the name of the nearest one."""
    names = [""]
    for token in tokens:
        if not token.body or token.is_comment:
            continue
        word = gotemplate.keyword(token.body)
        if names[-1]:
            yield names[-1], token.body
        if word in ("if", "range", "with", "define", "block"):
            named = gotemplate.named(token.body) if word in ("define", "block") else None
            names.append(named.name if named else names[-1])
        elif word == "end" and len(names) > 1:
            names.pop()


@dataclass(slots=True)
class _Block:
    """An open block: the action of its present branch, where that begins and on which line, and the action before.
    ``choices`` are the conditions of its branches that the cluster decides, the present one last, ``outer`` those on
    the way to it, at most one more than is bearable."""

    word: str
    opened: Token
    line: int
    outer: tuple[Choice, ...] = ()
    before: Token | None = None
    choices: list[Choice] = field(default_factory=list)

    @property
    def asks(self) -> bool:
        """True if the cluster has a part in whether the present branch is printed."""
        return bool(self.choices)

    @property
    def way(self) -> tuple[Choice, ...]:
        """The conditions on the way to the present branch, bounded likewise."""
        return (*self.outer, *self.choices[: _MOST_CHOICES + 1 - len(self.outer)])

    def add(self, asking: ClusterAsking) -> None:
        """Adds the condition of the present branch, if the cluster decides it."""
        if self.word not in ("define", "block") and asking.asks(self.opened.body or ""):
            self.choices.append(Choice(self.opened, is_true=True))

    def go_on(self, token: Token, line: int, asking: ClusterAsking) -> None:
        """Goes on to the branch that an ``else`` begins, on the way to which the condition before is not true."""
        if self.choices and self.choices[-1].token is self.opened:
            self.choices[-1] = Choice(self.opened, is_true=False)
        self.before, self.opened, self.line = self.opened, token, line
        self.add(asking)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The kinds that a template writes, by their offsets, how many before each of them run something, and where its
    documents begin and end."""

    places: Sequence[int]
    busy: Sequence[int]
    bounds: Sequence[int]

    @classmethod
    def of(cls, text: str) -> _Kinds:
        """Those of a template."""
        found = list(_KIND.finditer(text))
        busy = itertools.accumulate((kind[1].strip(" \t\r\"'") not in _IDLE_KINDS for kind in found), initial=0)
        bounds = [0, *(mark.start() for mark in _SEPARATOR.finditer(text)), len(text)]
        return cls([kind.start() for kind in found], list(busy), bounds)

    def are_idle(self, start: int, end: int) -> bool:
        """True if a part of the template, or else the document around it, writes kinds, and all of them run nothing."""
        first, last = self.bounds[bisect_right(self.bounds, start) - 1], self.bounds[bisect_left(self.bounds, end)]
        inside, around = (
            (bisect_left(self.places, low), bisect_left(self.places, high))
            for low, high in ((start, end), (first, last))
        )
        begin, stop = inside if inside[0] < inside[1] else around
        return begin < stop and self.busy[begin] == self.busy[stop]


def _branches(template: Template, tokens: Sequence[Token], asking: ClusterAsking) -> Iterator[Branch]:
    blocks: list[_Block] = []
    kinds = _Kinds.of(template.text)
    line, at = 1, 0
    for token in tokens:
        if not token.body or token.is_comment:
            continue
        line, at = line + template.text.count("\n", at, token.start), token.start
        word = gotemplate.keyword(token.body)
        if word in ("else", "end") and blocks:
            if blocks[-1].asks:
                yield _branch(template, blocks[-1], token.start, asking, kinds)
            if word == "end":
                blocks.pop()
            else:
                blocks[-1].go_on(token, line, asking)
        elif word in ("if", "range", "with", "define", "block"):
            blocks.append(_Block(word, token, line, blocks[-1].way if blocks else ()))
            blocks[-1].add(asking)
        else:
            asking = asking.after(token.body, is_conditional=bool(blocks and blocks[-1].way))


def _branch(template: Template, block: _Block, end: int, asking: ClusterAsking, kinds: _Kinds) -> Branch:
    body = (block.opened.body or "").strip()
    decisive = block.before if body == "else" and block.before else block.opened
    condition = ("else of " if body == "else" else "") + " ".join((decisive.body or "").split())
    place = template.key, block.opened.end, end, condition, block.line
    if len(block.way) > _MOST_CHOICES:
        return Branch(*place, (), asking, is_far=True)
    return Branch(*place, block.way, asking, kinds.are_idle(block.opened.end, end))


def _may_matter(template: Template, branch: Branch) -> bool:
    """True if a branch may print a workload, or something of one."""
    inside = _tokens_of(template, branch)
    text = "".join(template.text[token.start : token.end] for token in inside if token.body is None)
    printing = "\n".join(token.body for token in inside if token.body and prints(token))
    return any(pattern.search(part) for part in (text, printing) for pattern in (_KIND, OF_PODS, _PRINTS_ANY))


def _tokens_of(template: Template, branch: Branch) -> Sequence[Token]:
    tokens = template.tokens or ()
    return tokens[bisect_left(tokens, branch.start, key=_start) : bisect_left(tokens, branch.end, key=_start)]


def _start(token: Token) -> int:
    return token.start


def prints(token: Token) -> bool:
    """True if an action prints what its expression comes to."""
    body = token.body or ""
    word = gotemplate.keyword(body)
    return not token.is_comment and word in ("", "template") and not gotemplate.is_assignment(body)


# ------------------------------------------------------------------------------------------ forced branches


REACHED = "kgate-was-here"
"""What a forced template prints in place of a branch over what the cluster holds."""


def forced(template: Template, branches: Iterable[Branch]) -> str:
    """A template whose conditions lead to some of its branches as far as the cluster decides them: only values can keep
    these from being printed."""
    texts: dict[int, str] = {}
    for branch in branches:
        for choice in branch.choices:
            if choice.is_plain:
                texts[choice.token.start] = _decided_action(choice, branch.asking)
            else:
                texts |= {token.start: "" for token in _tokens_of(template, branch)}
                texts[choice.token.start] = f"{{{{ if true }}}}\n{REACHED}\n"
    pieces = ((template.text[token.start : token.end], texts.get(token.start)) for token in template.tokens or ())
    return "".join(own if other is None else other for own, other in pieces)


def _decided_action(choice: Choice, asking: ClusterAsking) -> str:
    found = _CONDITION.match(choice.token.body or "")
    assert found is not None
    body = f"{found[1]}{_decided(found[2], asking, is_true=choice.is_true)} "
    return gotemplate.written(choice.token._replace(body=body))


def _decided(condition: str, asking: ClusterAsking, *, is_true: bool) -> str:
    """A condition in which everything that asks for the cluster comes out as wanted, and all else stays."""
    if not asking.asks(condition):
        return condition
    inner = condition.strip()
    parts = gotemplate.operands(inner) if len(gotemplate.pipeline(inner)) == 1 else []
    if len(parts) == 1 and inner.startswith("(") and inner.endswith(")"):
        return f"({_decided(inner[1:-1], asking, is_true=is_true)})"
    if parts and parts[0] in ("and", "or"):
        return " ".join([parts[0], *(_decided(part, asking, is_true=is_true) for part in parts[1:])])
    return "true" if is_true else "false"
