"""Finds the branches of templates that only some clusters print: those whose conditions ask for an upgrade, for what is
installed, for the version of Kubernetes or for the time."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import Token
from kgate.rendering.helm.chart import Template

_ASKING = re.compile(r"\.(?:Capabilities|IsUpgrade|IsInstall|Revision)\b|(?<![\w.$])(?:lookup|now|ago)\b")
_VARIABLE = re.compile(r"\$\w+")
_ASSIGNED = re.compile(r"\s*(\$\w+)\s*:?=(.*)", re.DOTALL)
_CONDITION = re.compile(r"(\s*(?:else\s+)?if\s+)(.*)\Z", re.DOTALL)
_CALLED = re.compile(r"\b(?:include|template)\s+(?:\"([^\"\\]+)\"|`([^`]+)`)")

_KIND = re.compile(r"^[ \t]*+(?:- ++)?[\"']?kind[\"']?:[ \t]*+(\S[^\n]*)", re.MULTILINE)
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

_OF_PODS = re.compile(
    r"\b(?:containers|initContainers|image|securityContext|privileged|allowPrivilegeEscalation|capabilities|runAs\w+"
    r"|host(?:PID|IPC|Network|Path|Users)|volumes|serviceAccount\w*|procMount|seccomp\w*|appArmor\w*)\b"
)
_FAR = 20_000
"""How far from a branch the kind of its object is looked for."""

_PRINTS_ANY = re.compile(r"\b(?:include|template|tpl|toYaml|toJson|Files)\b")


@dataclass(frozen=True, slots=True)
class _Asking:
    """Knows what asks for the cluster: functions and objects of Helm, templates that use these, and variables."""

    names: frozenset[str]
    variables: frozenset[str] = frozenset()

    def asks(self, body: str) -> bool:
        """True if the result of an expression depends on the cluster."""
        if self.names and any((found[1] or found[2]) in self.names for found in _CALLED.finditer(body)):
            return True
        plain = gotemplate.without_strings(body)
        if _ASKING.search(plain):
            return True
        return bool(self.variables) and not self.variables.isdisjoint(_VARIABLE.findall(plain))

    def after(self, body: str, *, is_conditional: bool) -> _Asking:
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
    objects there, as far as it writes their kinds, run nothing."""

    key: str
    start: int
    end: int
    condition: str
    line: int
    choices: tuple[Choice, ...]
    asking: _Asking
    is_idle: bool = False

    @property
    def can_be_forced(self) -> bool:
        """True if the cluster has a part in plain conditions only on the way to it."""
        return all(choice.is_plain for choice in self.choices)

    @property
    def can_be_reached(self) -> bool:
        """True if that holds but for its own action, a loop or ``with`` over what the cluster holds."""
        return bool(self.choices) and self.choices[-1].is_true and all(choice.is_plain for choice in self.choices[:-1])

    def is_printed(self, printed: Mapping[str, Sequence[int]]) -> bool:
        """True if some of its text is in an output; ``printed`` holds where the texts begin that are, in order."""
        offsets = printed.get(self.key, ())
        index = bisect_left(offsets, self.start)
        return index < len(offsets) and offsets[index] < self.end


def asking_branches(templates: Mapping[str, Template]) -> tuple[Branch, ...]:
    """The branches that only some clusters print, and that may hold or change a workload."""
    asking = _Asking(frozenset(_asking_names(templates.values())))
    return tuple(
        branch
        for template in templates.values()
        if template.tokens is not None and "{{" in template.text
        for branch in _branches(template, template.tokens, asking)
        if (branch.can_be_forced or branch.can_be_reached) and _may_matter(template, branch)
    )


def in_rounds(branches: Iterable[Branch], most: int) -> tuple[list[list[Branch]], list[Branch]]:
    """The branches in groups within which no condition must be both true and false, and those for which so many groups
    are not enough."""
    rounds: list[tuple[list[Branch], dict[tuple[str, int], bool]]] = []
    others: list[Branch] = []
    for branch in branches:
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


def _asking_names(templates: Iterable[Template]) -> set[str]:
    """The names of the templates that ask for the cluster, directly or in those that they call."""
    bodies: dict[str, list[str]] = {}
    for template in templates:
        open_blocks: list[str] = []
        for token in template.tokens or ():
            if not token.body or token.is_comment:
                continue
            word = gotemplate.keyword(token.body)
            if word in ("if", "range", "with", "define", "block"):
                named = gotemplate.named(token.body) if word in ("define", "block") else None
                open_blocks.append(named.name if named else "")
            elif word == "end" and open_blocks:
                open_blocks.pop()
            for name in filter(None, open_blocks):
                bodies.setdefault(name, []).append(token.body)
    found: set[str] = set()
    while new := {name for name in bodies.keys() - found if any(map(_Asking(frozenset(found)).asks, bodies[name]))}:
        found |= new
    return found


@dataclass(slots=True)
class _Block:
    """An open block: its first action, where its present branch begins, and the conditions before and of that."""

    word: str
    start: int
    opened: Token
    before: list[Choice] = field(default_factory=list)
    asks: bool = False


def _branches(template: Template, tokens: Sequence[Token], asking: _Asking) -> Iterator[Branch]:
    blocks: list[_Block] = []
    for token in tokens:
        if not token.body or token.is_comment:
            continue
        word = gotemplate.keyword(token.body)
        if word in ("else", "end") and blocks:
            block = blocks[-1]
            if block.asks:
                yield _branch(template, blocks, token.start, asking)
            if word == "end":
                blocks.pop()
            else:
                block.before.append(Choice(block.opened, is_true=False))
                block.start, block.opened = token.end, token
                block.asks = block.asks or asking.asks(token.body)
        elif word in ("if", "range", "with", "define", "block"):
            is_condition = word not in ("define", "block")
            blocks.append(_Block(word, token.end, token, asks=is_condition and asking.asks(token.body)))
        else:
            asking = asking.after(token.body, is_conditional=any(block.asks for block in blocks))


def _branch(template: Template, blocks: Sequence[_Block], end: int, asking: _Asking) -> Branch:
    choices: list[Choice] = []
    for block in blocks:
        if block.word not in ("define", "block"):
            choices += [*block.before, Choice(block.opened, is_true=True)]
    block = blocks[-1]
    body = (block.opened.body or "").strip()
    decisive = block.before[-1].token if body == "else" and block.before else block.opened
    condition = ("else of " if body == "else" else "") + " ".join((decisive.body or "").split())
    line = template.text.count("\n", 0, block.opened.start) + 1
    is_idle = _is_idle(template.text, block.start, end)
    asked = tuple(choice for choice in choices if asking.asks(choice.token.body or ""))
    return Branch(template.key, block.start, end, condition, line, asked, asking, is_idle)


def _may_matter(template: Template, branch: Branch) -> bool:
    """True if a branch may print a workload, or something of one."""
    inside = _tokens_of(template, branch)
    text = "".join(template.text[token.start : token.end] for token in inside if token.body is None)
    printing = "\n".join(token.body for token in inside if token.body and _prints(token))
    return any(pattern.search(part) for part in (text, printing) for pattern in (_KIND, _OF_PODS, _PRINTS_ANY))


def _tokens_of(template: Template, branch: Branch) -> Sequence[Token]:
    tokens = template.tokens or ()
    return tokens[bisect_left(tokens, branch.start, key=_start) : bisect_left(tokens, branch.end, key=_start)]


def _start(token: Token) -> int:
    return token.start


def _prints(token: Token) -> bool:
    body = token.body or ""
    word = gotemplate.keyword(body)
    return not token.is_comment and word in ("", "template") and not gotemplate.is_assignment(body)


def _is_idle(text: str, start: int, end: int) -> bool:
    """True if a part of a template, or else the document around it, writes kinds, and all of them run nothing."""
    first, last = max(0, start - _FAR), end + _FAR
    before, after = text.rfind("\n---", first, start), text.find("\n---", end, last)
    document = text[before if before >= 0 else first : after if after >= 0 else last]
    found = list(_KIND.finditer(text[start:end])) or list(_KIND.finditer(document))
    return bool(found) and all(kind[1].strip(" \t\r\"'") in _IDLE_KINDS for kind in found)


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


def _decided_action(choice: Choice, asking: _Asking) -> str:
    found = _CONDITION.match(choice.token.body or "")
    assert found is not None
    body = f"{found[1]}{_decided(found[2], asking, is_true=choice.is_true)} "
    return gotemplate.written(choice.token._replace(body=body))


def _decided(condition: str, asking: _Asking, *, is_true: bool) -> str:
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
