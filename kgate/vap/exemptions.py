"""Turns waivers into CEL that is true for what they exempt, or says why an API server cannot know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date

from kgate.judgement.waivers import FindingPattern, ResourcePattern, WaiverEntry
from kgate.kubernetes.accounts import MANAGER, controller
from kgate.values import dataclass
from kgate.wildcards import Wildcard

_MADE_BETWEEN = {"Deployment": "ReplicaSet", "CronJob": "Job"}
"""Kinds whose controller makes no pods, and what it makes instead."""

_OWNERS = ("CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")

_IS_CONTROLLER = (
    f"(request.userInfo.username.startsWith('{controller('')}') || request.userInfo.username == '{MANAGER}')"
)
"""Anybody who creates pods may write owner references; those that controllers of Kubernetes write are true."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """A condition on ``object``, or on ``container`` too if ``is_about_container``, and what people should know."""

    condition: str
    comment: str
    is_about_container: bool


@dataclass(frozen=True, slots=True)
class NotExported:
    """Something that a scan knows and a policy does not, and why."""

    what: str
    reason: str


def exemptions(entries: Iterable[WaiverEntry], rule: str, today: date) -> Iterator[Exemption | NotExported]:
    """Yields what the waivers of a rule exempt on a day."""
    for entry in entries:
        pattern = entry.pattern
        if not isinstance(pattern, FindingPattern) or rule not in pattern.rules or entry.has_expired(today):
            continue
        obstacle = _obstacle(pattern)
        if obstacle:
            yield NotExported(f"waiver of {rule} at {entry.location}", obstacle)
        else:
            yield Exemption(_condition(pattern), _comment(entry), bool(pattern.containers))


def _obstacle(pattern: FindingPattern) -> str:
    """Returns why an API server cannot tell what a waiver is about; empty if it can."""
    unknown = {
        "path": pattern.paths,
        "field": pattern.fields,
        "image": pattern.images,
        "fingerprint": pattern.fingerprints,
    }
    named = [name for name, patterns in unknown.items() if patterns]
    if named:
        return f"it goes by {' and '.join(named)}, of which the API server knows nothing; name the resource instead"
    return "" if pattern.resources or pattern.containers else "it names no resource"


def _comment(entry: WaiverEntry) -> str:
    who = f", {entry.waiver.owner}" if entry.waiver.owner else ""
    end = f", until {entry.until.isoformat()}: export again then" if entry.until is not None else ""
    return f"{entry.waiver.reason}{who}{end} ({entry.location})"


def _condition(pattern: FindingPattern) -> str:
    parts = []
    if pattern.resources:
        parts.append(_any(_resource(one) for one in pattern.resources))
    if pattern.containers:
        parts.append(_any(_fits("container.?name.orValue('')", one) for one in pattern.containers))
    return " && ".join(parts)


def _resource(pattern: ResourcePattern) -> str:
    """Returns a condition for an object that is called so, or that a controller has made for one."""
    own = [
        _fits(f"object.{field}", one)
        for field, one in (("kind", pattern.kind), ("metadata.?name.orValue('')", pattern.name))
        if one
    ]
    where = [_fits("object.metadata.?namespace.orValue('')", pattern.namespace)] if pattern.namespace else []
    made = [_owned_by(pattern)] if pattern.name or pattern.kind else []
    return " && ".join((*where, _any([" && ".join(own) or "true", *made])))


def _owned_by(pattern: ResourcePattern) -> str:
    kinds = [kind for kind in _OWNERS if pattern.kind is None or pattern.kind.matches(kind)]
    kinds += [_MADE_BETWEEN[kind] for kind in kinds if kind in _MADE_BETWEEN and _MADE_BETWEEN[kind] not in kinds]
    name = f" && owner.name.matches({_quoted(_regex(pattern.name.text, '(-[a-z0-9]+)?'))})" if pattern.name else ""
    return (
        f"({_IS_CONTROLLER} && object.metadata.?ownerReferences.orValue([]).exists(owner,"
        f" owner.?controller.orValue(false) && owner.kind in {json.dumps(kinds)}{name}))"
    )


def _fits(value: str, pattern: Wildcard) -> str:
    if re.search(r"[*?]", pattern.text):
        return f"{value}.matches({_quoted(_regex(pattern.text))})"
    return f"{value} == {_quoted(pattern.text)}"


def _regex(text: str, end: str = "") -> str:
    """Returns a wildcard as a regular expression; names hold no slashes, so ``**`` is ``*``."""
    words = {"*": "[^/]*", "?": "[^/]"}
    return "^" + "".join(words.get(letter, re.escape(letter)) for letter in text.replace("**", "*")) + end + "$"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _any(conditions: Iterable[str]) -> str:
    found = list(conditions)
    return found[0] if len(found) == 1 else f"({' || '.join(found)})"
