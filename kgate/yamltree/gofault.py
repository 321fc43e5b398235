"""What go-yaml v2 says of a text that it cannot parse."""

from __future__ import annotations

import _ruamel_yaml as libyaml


def message(text: str) -> str:
    """Returns the error as go-yaml v2 words it (yaml.go, decode.go: ``parser.fail``). It names the line before the one
    of a parser's fault, and none for the first line."""
    parser = libyaml.CParser(text)
    try:
        while not isinstance(parser.get_event(), libyaml.StreamEndEvent):
            pass
    except libyaml.YAMLError as error:
        where = _where(error, is_scanners=isinstance(error, libyaml.ScannerError))
        return f"yaml: {where}{getattr(error, 'problem', None) or 'unknown problem parsing YAML content'}"
    return "yaml: unknown problem parsing YAML content"


def _where(error: Exception, *, is_scanners: bool) -> str:
    problem, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if problem is not None and problem.line:
        return f"line {problem.line + is_scanners}: "
    return f"line {context.line}: " if context is not None and context.line else ""
