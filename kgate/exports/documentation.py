"""Rules -> documentation: lists, pages and explanations for terminal, JSON and Markdown."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kgate.model import Condition, Example, Fix, Parameter, Persona, Rule, Versions, json_text, parameter_json

_WIDTH = 96


def rule_list(rules: Iterable[Rule], format_name: str) -> str:
    """Returns a list of all rules, the most severe first."""
    ranked = _ranked(rules)
    if format_name == "json":
        return json.dumps([as_json(rule) for rule in ranked], indent=2)
    if format_name == "markdown":
        return "\n".join(_markdown_index(ranked, "{0}"))
    width = max(len(rule.id) for rule in ranked)
    return "\n".join(
        f"{rule.severity.label:<8}  {rule.points:>2}  {rule.persona.label:<8}  {rule.id:<{width}}  {rule.title}"
        for rule in ranked
    )


def rule_page(rule: Rule, format_name: str) -> str:
    """Returns everything about one rule."""
    if format_name == "json":
        return json.dumps(as_json(rule), indent=2)
    if format_name == "markdown":
        return "\n".join(_markdown_page(rule))
    return "\n".join((_explained(rule), "", *_terminal_details(rule)))


def explanation(rule: Rule, format_name: str) -> str:
    """Returns why a rule matters and what to write instead."""
    return _explained(rule) if format_name == "terminal" else rule_page(rule, format_name)


def pages(rules: Iterable[Rule]) -> dict[str, str]:
    """Returns the documents of the folder docs/rules by their names: one for each rule, and the index ``README.md``."""
    ranked = _ranked(rules)
    documents = {"README.md": _contents(ranked)} | {f"{rule.id}.md": _markdown_page(rule) for rule in ranked}
    return {name: "\n".join(lines) + "\n" for name, lines in documents.items()}


def _ranked(rules: Iterable[Rule]) -> list[Rule]:
    """Returns the most severe first."""
    return sorted(rules, key=lambda rule: (-rule.severity, -rule.points, rule.id))


def as_json(rule: Rule) -> dict[str, Any]:
    """Returns a rule as plain JSON types, with the field names of its file."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.label,
        "points": rule.points,
        "persona": rule.persona.label,
        "pss": [{"level": check.level, "check": check.check} for check in rule.pss],
        "kubernetes": version_range(rule.versions),
        "target": list(rule.targets),
        "kinds": list(rule.kinds),
        "components": list(rule.components),
        "each": list(rule.each),
        "variables": [{"name": variable.name, "expression": variable.expression} for variable in rule.variables],
        "parameters": {
            one.name: {
                "default": parameter_json(one.default),
                "value": parameter_json(one.value),
                "description": one.description,
            }
            for one in rule.parameters
        },
        "expression": rule.expression,
        "fields": list(rule.fields),
        "includes": list(rule.includes),
        "message": rule.message,
        "rationale": rule.rationale,
        "instead": rule.instead,
        "fix": _fix_as_json(rule.fix) if rule.fix is not None else None,
        "remediation": rule.remediation,
        "references": [{"title": reference.title, "url": reference.url} for reference in rule.references],
        "tags": list(rule.tags),
        "equivalents": _equivalents(rule),
        "examples": {
            "good": [example.body for example in rule.good],
            "bad": [example.body for example in rule.bad],
        },
    }


def _parameter_in_words(parameter: Parameter) -> str:
    """Returns the kind, the value and the meaning of a parameter."""
    value = parameter_json(parameter.value)
    told = f"default {json_text(value)}" if parameter.value == parameter.default else f"here {json_text(value)}"
    return f"{parameter.kind}, {told}: {' '.join(parameter.description.split())}"


def _fix_as_json(fix: Fix) -> dict[str, Any]:
    return {
        "set": dict(fix.set),
        "correct": dict(fix.correct),
        "remove": list(fix.remove),
        "safety": _safety(is_safe=fix.is_safe),
        "when": [
            {"expression": one.expression, "otherwise": one.otherwise}
            | ({"safety": _safety(is_safe=False)} if one.is_advice else {})
            for one in fix.when
        ],
    }


def _safety(*, is_safe: bool) -> str:
    return "safe" if is_safe else "unsafe"


def version_range(versions: Versions) -> str:
    """Returns ``>=1.8 <1.25`` as in rule files; empty for all versions."""
    since = f">=1.{versions.since}" if versions.since else ""
    until = f"<1.{versions.until}" if versions.until is not None else ""
    return f"{since} {until}".strip()


def _equivalents(rule: Rule) -> dict[str, list[str]]:
    peers: dict[str, list[str]] = {}
    for peer, name in rule.equivalents:
        peers.setdefault(peer, []).append(name)
    return peers


# ---------------------------------------------------------------------------------------- terminal


def _explained(rule: Rule) -> str:
    head = f"{rule.id}: {rule.title} ({rule.severity.label}, {rule.points} points)"
    parts = (
        head,
        rule.message,
        *_wrapped("Why it matters", rule.rationale),
        *_wrapped("What to write", rule.remediation),
    )
    example = _model_example(rule)
    shown = ("Write, for example:\n" + textwrap.indent(example.text, "    "),) if example else ()
    return "\n\n".join((*parts, *shown))


def _model_example(rule: Rule) -> Example | None:
    """Returns the first good example that sets the rule's field, for any version and system; None if there is none."""
    names = [path.rpartition(".")[2] for path in rule.fields]
    special = ["windows", "hostPath:", *({"hostUsers"} - set(names))]
    general = (e for e in rule.good if e.minor is None and not any(word in e.text for word in special))
    written = [f"--{name}" if rule.components else f"{name}:" for name in names]
    return next((example for example in general if any(word in example.text for word in written)), None)


def _wrapped(title: str, text: str) -> Iterator[str]:
    paragraphs = [textwrap.fill(" ".join(part.split()), _WIDTH) for part in text.split("\n\n")]
    yield f"{title}:\n" + "\n\n".join(paragraphs)


def _terminal_details(rule: Rule) -> Iterator[str]:
    if rule.bad:
        yield "Instead of, for example:\n" + textwrap.indent(rule.bad[0].text, "    ")
        yield ""
    for label, text in _facts(rule):
        yield f"{label + ':':<22} {text}"
    for variable in rule.variables:
        yield f"variables.{variable.name} (CEL):\n" + textwrap.indent(variable.expression, "    ")
    if rule.expression:
        yield "Expression (CEL):\n" + textwrap.indent(rule.expression, "    ")
    yield "References:"
    for reference in rule.references:
        yield f"    {reference.title}\n    {reference.url}"


def _facts(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.instead:
        yield "In short", rule.instead
    if rule.fix is not None:
        yield f"kgate fix ({_safety(is_safe=rule.fix.is_safe)})", _fix_in_words(rule.fix)
    yield "Used by persona", " and ".join(persona.label for persona in Persona if persona >= rule.persona)
    for parameter in rule.parameters:
        yield f"Parameter {parameter.name}", _parameter_in_words(parameter)
    for check in rule.pss:
        yield "Pod Security Standards", f"{check.level}, {check.check}"
    if version_range(rule.versions):
        yield "Kubernetes", version_range(rule.versions)
    yield "Asked about", ", ".join(rule.kinds or rule.components or rule.targets) or "what steers the gate"
    if rule.includes:
        yield "Includes", ", ".join(rule.includes)
    if rule.tags:
        yield "Tags", ", ".join(rule.tags)
    for peer, names in _equivalents(rule).items():
        yield f"In {peer}", ", ".join(names)


def _fix_in_words(fix: Fix) -> str:
    """Returns what a fix changes, and where it does not."""
    parts = [f"{path}: {json_text(value)}" for path, value in dict((*fix.set, *fix.correct)).items()]
    parts += [f"removes {path}" for path in fix.remove]
    return "; ".join((", ".join(parts), *map(_exception_in_words, fix.when)))


def _exception_in_words(condition: Condition) -> str:
    return f"{'unsafe if' if condition.is_advice else 'not if'} {condition.otherwise}"


# ---------------------------------------------------------------------------------------- Markdown


def _contents(ranked: Sequence[Rule]) -> Iterator[str]:
    """Yields the index, as a document."""
    yield from ("# Rules", "", "<!-- Generated from rules/ by `python docs/generate.py`; do not edit. -->", "")
    yield f"kgate has {len(ranked)} rules. How the score comes from them: [score](../score.md)."
    yield from ("", *_markdown_index(ranked, "[{0}]({0}.md)"))


def _markdown_index(rules: Iterable[Rule], name: str) -> Iterator[str]:
    """Yields a table; ``name`` is how it shows a rule, with ``{0}`` for the id."""
    yield "| severity | points | persona | rule | what it is | Pod Security Standards |"
    yield "| --- | ---: | --- | --- | --- | --- |"
    for rule in rules:
        levels = ", ".join(sorted({check.level for check in rule.pss}))
        weight = f"{rule.severity.label} | {rule.points} | {rule.persona.label}"
        yield f"| {weight} | {name.format(rule.id)} | {rule.title} | {levels} |"


def _markdown_page(rule: Rule) -> Iterator[str]:
    yield f"# {rule.id}"
    yield ""
    yield f"**{rule.title}**: {rule.severity.label}, {rule.points} points. {rule.message}"
    yield from ("", rule.rationale, "", "**What to write instead.** " + rule.remediation, "")
    if rule.expression:
        yield from _code_blocks("Bad", rule.bad)
        yield from _code_blocks("Good", rule.good)
        yield from ("**Allowed if** (CEL)", "", "```cel", *_cel_lines(rule), "```", "")
    for label, text in _facts(rule):
        yield f"- {label}: {text}"
    yield ""
    for reference in rule.references:
        yield f"- [{reference.title}]({reference.url})"


def _cel_lines(rule: Rule) -> Iterator[str]:
    """Returns the expression of a rule, below its variables."""
    for variable in rule.variables:
        yield f"// variables.{variable.name}"
        yield from (variable.expression, "")
    yield rule.expression


def _code_blocks(label: str, examples: Iterable[Example]) -> Iterator[str]:
    yield f"{label}:"
    for example in examples:
        yield from ("", "```yaml", example.text, "```")
    yield ""
