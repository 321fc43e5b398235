"""Documents -> scores: the sum of the points of all rules that match, each counted once for an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kgate.lifetime import FOREVER, Lifetime
from kgate.model import Json
from kgate.profiles.kubesec.documents import documents
from kgate.profiles.kubesec.rules import ScoringRule, profile, program
from kgate.profiles.kubesec.validity import complaint
from kgate.rules.cel import CelError
from kgate.values import dataclass


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """The score of one document, which has no ``rules`` if it is not valid. ``critical`` are rules that take points and
    match, ``passed`` and ``advise`` those that give some and match or do not."""

    object: str
    value: Json
    message: str
    is_valid: bool = True
    score: int = 0
    critical: tuple[ScoringRule, ...] = ()
    passed: tuple[ScoringRule, ...] = ()
    advise: tuple[ScoringRule, ...] = ()


def scores(
    data: bytes, minor: int | None, ids: Sequence[str] = (), lifetime: Lifetime = FOREVER
) -> tuple[ObjectScore, ...]:
    """Returns the score of each document of a text, by the rules with these ids, or all. Objects are compared with the
    types of a Kubernetes 1.x version, if one is given. Raises InputError and RuleError, with the words of kubesec, and
    DeadlineError and CancelledError."""
    rules = profile().chosen(ids)
    found = []
    for value in documents(data):
        lifetime.check()
        found.append(_score(value, rules, minor))
    return tuple(found)


def _score(value: Json, rules: Sequence[ScoringRule], minor: int | None) -> ObjectScore:
    name = _name(value)
    wrong = complaint(value, minor) if minor is not None else ""
    if wrong:
        return ObjectScore(name, value, wrong, is_valid=False)
    body: Mapping[str, Json] = value if isinstance(value, dict) else {}
    applied = [rule for rule in rules if "kind" not in body or body["kind"] in rule.kinds]
    if not applied:
        return ObjectScore(name, value, "This resource kind is not supported by kubesec")
    answers = _answers(body) if "kind" in body else {}
    failed = next((rule for rule in applied if isinstance(answers.get(rule.id), CelError)), None)
    if failed is not None:
        message = f"rule {failed.id} could not be asked: {answers[failed.id]}"
        return ObjectScore(name, value, message, is_valid=False)
    return _summed(name, value, applied, {one for one, answer in answers.items() if answer is True})


def _answers(body: Mapping[str, Json]) -> Mapping[str, bool | CelError]:
    """Returns the answers of all rules about an object, by their ids."""
    variables = {"resource": body, "pod": profile().pod_of(str(body["kind"]), body)}
    return dict(zip((rule.id for rule in profile().rules), program().evaluate(variables), strict=True))


def _summed(name: str, value: Json, applied: Sequence[ScoringRule], matching: set[str]) -> ObjectScore:
    total = sum(rule.points for rule in applied if rule.id in matching)
    word = "Passed" if total >= 0 else "Failed"
    ordered = sorted(applied, key=lambda rule: rule.order)
    return ObjectScore(
        name,
        value,
        f"{word} with a score of {total} points",
        score=total,
        critical=tuple(rule for rule in ordered if rule.id in matching and rule.points < 0),
        passed=tuple(rule for rule in ordered if rule.id in matching and rule.points >= 0),
        advise=tuple(rule for rule in ordered if rule.id not in matching and rule.points >= 0),
    )


def _name(value: Json) -> str:
    """Returns ``Kind/name.namespace``."""
    if not isinstance(value, dict) or value.get("kind") is None:
        return "Unknown"
    metadata = value.get("metadata")
    names: Iterator[Json] = (metadata.get(key) if isinstance(metadata, dict) else None for key in ("name", "namespace"))
    name, namespace = (
        default if one is None else _go_text(one) for one, default in zip(names, ("undefined", "default"), strict=True)
    )
    return f"{_go_text(value['kind'])}/{name}.{namespace}"


def _go_text(value: Json) -> str:
    """Returns a scalar as Go's ``%v`` prints it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
