"""Remembers what rules found in a target, for targets that are equal in all that those rules can read."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Iterator
from typing import TypeAlias

from kgate.judgement.blame import Blame, Doubt
from kgate.judgement.target import Target
from kgate.model import Rule
from kgate.rules import fieldpath
from kgate.rules.reads import Reads, reads
from kgate.rules.variables import bound

MAX_BLAMES = 10_000
"""Findings that one memory holds, about 2 MB; the oldest answers go first."""

_COMMON: dict[str, set[tuple[str, ...]]] = {
    "container": {("container",)},
    "pod": {("facts", "collector"), ("facts", "network"), ("facts", "serviceAccount")},
    "component": set(),
    "audit": set(),
    "resource": {("resource", "metadata", "namespace"), ("resource", "kind"), ("resource", "apiVersion")},
}
"""What many targets of a kind have in common, beside most fields of a pod."""

_LARGE = ("containers", "initContainers", "ephemeralContainers")
"""Fields of a pod that hardly two pods have in common."""


Answer: TypeAlias = tuple[Blame | Doubt, ...]


class Memo:
    """The answers of some rules, by what they can read of a target."""

    def __init__(self, what: Reads) -> None:
        self._reads = what
        self._answers: dict[bytes, Answer] = {}
        self._blames = 0

    def recall(self, target: Target, ask: Callable[[Target], Answer]) -> Answer:
        """What is remembered of an equal target; else what ``ask`` gives."""
        key = self._key(target)
        if key in self._answers:
            return self._answers[key]
        answer = ask(target)
        self._keep(key, answer)
        return answer

    def _key(self, target: Target) -> bytes:
        """A digest of everything that an answer depends on. Equal mappings in another order have another one."""
        list_name = target.container.list if target.container is not None else ""
        decisive = (self._reads.of(target.variables), list_name, target.is_whole)
        return hashlib.blake2b(marshal.dumps(decisive, 2), digest_size=24).digest()

    def _keep(self, key: bytes, answer: Answer) -> None:
        self._answers[key] = answer
        self._blames += len(answer) + 1
        while self._blames > MAX_BLAMES:
            self._blames -= len(self._answers.pop(next(iter(self._answers)))) + 1


def is_worth_it(what: Reads, kind: str) -> bool:
    """True if targets of a kind are often equal in all that a rule can read."""
    return all(_is_common(path, kind) for path in what.paths)


def _is_common(path: tuple[str, ...], kind: str) -> bool:
    is_field = len(path) > 1 and path[0] in ("container", "pod", "metadata") and kind != "resource"
    return path in _COMMON[kind] or (is_field and path[1] not in _LARGE)


def reads_of(rule: Rule, kind: str) -> Reads:
    """What a rule, and the search for the field to blame, can read of a target of a kind, but for the version."""
    meaning = () if rule.each else (kind,)  # of item: the target, or a part of what the paths of each name
    return reads(_texts(rule, kind)).renamed("item", meaning).renamed("minor", ())


def _texts(rule: Rule, kind: str) -> Iterator[str]:
    """Expressions that read what a rule reads."""
    yield fieldpath.quantified(bound(rule), kind, rule.each)
    for field in rule.fields:
        if kind == "container" and field.startswith("pod."):
            yield field
        elif not rule.each:
            yield f"{kind}.{field}"
