"""Each finding points at the offending field: read back from the file at that line and column."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import yaml

from kgate.judgement.engine import Judge
from kgate.kubernetes import pss
from kgate.kubernetes.manifest import read
from kgate.model import Example, Finding, Rule, pointer_tokens
from kgate.rules import load
from kgate.rules.examples import Examples
from kgate.rules.placements import Body, Placement, placements

RULES = load.load()
IMAGE = re.compile(r"^ *(?:- )?image:(?= \S)", re.MULTILINE)
EXAMPLES = Examples(RULES)


def block_yaml(body: Body) -> str:
    """An object as block YAML below another document, with images that stand below their keys."""
    text = yaml.dump(body, Dumper=yaml.CSafeDumper, default_flow_style=False)
    below = IMAGE.sub(lambda found: f"{found[0]}\n{' ' * (found.end() - found.start() + 1)}", text)
    return f"# a comment\n---\nx: 1\n---\n{below}"


LAYOUTS: tuple[Callable[[Body], str], ...] = (partial(json.dumps, indent=2), json.dumps, block_yaml)


def tries(rule: Rule, example: Example) -> Iterator[tuple[Placement, str]]:
    """A fifth of the places of an example, with the text of its file. The layouts take turns, so that each of them
    meets every list of containers; an object that has but one place is tried in all of them."""
    cases = list(placements(rule, example))[::5]
    for number, case in enumerate(cases):
        turn = (number + number // len(LAYOUTS)) % len(LAYOUTS)
        for layout in LAYOUTS if len(cases) == 1 else LAYOUTS[turn : turn + 1]:
            yield case, layout(case.body)


def text_at(text: str, finding: Finding) -> str:
    lines = text.split("\n")
    return lines[finding.location.start.line - 1][finding.location.start.column - 1 :]


def nearest(body: Any, pointer: str) -> tuple[str | int | None, Any]:
    """The last token of a pointer that exists, and what stands there."""
    last: str | int | None = None
    for token in pointer_tokens(pointer):
        key: str | int = int(token) if isinstance(body, list) else token
        try:
            body = body[key]
        except (KeyError, IndexError, TypeError):
            break
        last = key
    return last, body


def reads_back(text: str, body: Body, finding: Finding) -> bool:
    """Whether the key of the field, or the start of the list member, stands at the location."""
    token, value = nearest(body, finding.location.pointer)
    found = text_at(text, finding)
    if isinstance(token, str):
        return found.lstrip("\"'").startswith(token) and ":" in found[len(token) :]
    if isinstance(value, dict):
        return found.startswith("{") or found.lstrip("\"'").startswith(tuple(value))
    return found.lstrip("\"'").startswith(str(value))


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_the_field_stands_there(rule: Rule) -> None:
    seen = 0
    for example in rule.bad:
        judge = EXAMPLES.judge_for(rule, example)
        for case, text in tries(rule, example):
            resources = read("a.yaml", text.encode()).resources
            facts = EXAMPLES.facts_of(resources)
            for finding in (one for resource in resources for one in judge.judge(resource, facts).findings):
                seen += 1
                assert reads_back(text, case.body, finding), (case.label, finding.location, text_at(text, finding))
                start, end = finding.location.start, finding.location.end
                assert (start.line, start.column) < (end.line, end.column)
    assert seen


def test_a_shared_anchor_is_blamed_where_it_is_written() -> None:
    text = """\
apiVersion: v1
kind: Pod
metadata:
  name: a
  annotations: {x: y}
spec:
  containers:
    - name: one
      securityContext: &context
        privileged: true
    - name: two
      securityContext: *context
    - name: three
      securityContext:
        <<: *context
"""
    (resource,) = read("a.yaml", text.encode()).resources
    judge = Judge(RULES, pss.NEWEST_MINOR, {"privileged-container"})
    found = judge.judge(resource).findings
    assert [(f.container, f.location.start.line) for f in found] == [("one", 10), ("two", 10), ("three", 10)]
