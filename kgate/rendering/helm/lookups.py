"""Finds the fields of pods into which templates print what they look up in the cluster: nothing, without a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from kgate.rendering import gotemplate
from kgate.rendering.helm.branches import OF_PODS, ClusterAsking, asking_names, is_in_output, prints
from kgate.rendering.helm.chart import Template
from kgate.values import dataclass

_LOOKUP = re.compile(r"(?<![\w.$])lookup\b")


@dataclass(frozen=True, slots=True)
class LookedUp:
    """An action that prints what is looked up into a field of a pod: its text, its line, and where the text of the
    template before it begins and it ends."""

    key: str
    start: int
    end: int
    line: int
    action: str

    def is_printed(self, printed: Mapping[str, Sequence[int]]) -> bool:
        """True if the text before it is in an output (Branch.is_printed)."""
        return is_in_output(printed, self.key, self.start, self.end)


def looked_up_fields(templates: Mapping[str, Template]) -> tuple[LookedUp, ...]:
    """The actions of templates that print what is looked up, or made of that, into fields of pods."""
    if not any(_LOOKUP.search(template.text) for template in templates.values()):
        return ()
    asking = ClusterAsking(_LOOKUP, frozenset(asking_names(templates.values(), _LOOKUP)))
    return tuple(
        one
        for key, template in templates.items()
        if template.tokens is not None
        for one in _fields_of(key, template, asking)
    )


def _fields_of(key: str, template: Template, asking: ClusterAsking) -> Iterator[LookedUp]:
    start = 0
    is_conditional: list[bool] = []
    for token in template.tokens or ():
        if token.body is None:
            start = token.start
            continue
        word = gotemplate.keyword(token.body)
        if word in ("if", "range", "with", "define", "block"):
            is_conditional.append(asking.asks(token.body) and word not in ("define", "block"))
        elif word == "end" and is_conditional:
            is_conditional.pop()
        elif not prints(token):
            asking = asking.after(token.body, is_conditional=any(is_conditional))
        elif asking.asks(token.body) and _is_of_pod(template.text, token.start):
            line = template.text.count("\n", 0, token.start) + 1
            yield LookedUp(key, start, token.end, line, " ".join(token.body.split()))


def _is_of_pod(text: str, offset: int) -> bool:
    """True if the line before an offset names a field of a pod, or else the nearest line that is less indented; of an
    action at the edge, whose text is indented by itself, the line above."""
    *above, here = text[:offset].split("\n")
    if OF_PODS.search(here):
        return True
    indent = len(here) - len(here.lstrip())
    lines = (
        line for line in reversed(above) if line.strip() and (not indent or len(line) - len(line.lstrip()) < indent)
    )
    return OF_PODS.search(next(lines, "")) is not None
