"""Checks comparisons and outputs of rules: fields of source k8s_audit, operators that fit them, what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator

from kgate.falco import outputs
from kgate.falco.conditions import Check, Transformed, fields_of, operand_fields
from kgate.falco.faults import Code, LoadError, LoadFault
from kgate.falco.fields import AUDIT_FIELDS, AUDIT_SOURCE, DEPRECATED, fault_of_field, fault_of_operator
from kgate.falco.items import RuleItem
from kgate.falco.traced import Traced


class UnknownFieldError(LoadError):
    """A field that the source does not have, which ``skip-if-unknown-filter`` forgives."""


def check_output(item: RuleItem) -> None:
    """Checks the fields of an output of source k8s_audit. Raises LoadError."""
    assert item.output is not None
    try:
        outputs.parse(item.output.text.strip())
    except outputs.OutputTextError as error:
        place = item.output.place(error.offset)
        raise UnknownFieldError(Code.COMPILE_OUTPUT, str(error), place) from None


def output_warnings(item: RuleItem) -> Iterator[LoadFault]:
    """Yields what an output names that has no value any more."""
    assert item.output is not None
    text = item.output.text
    for name in (*DEPRECATED, "%container.info"):
        start = text.find(name)
        if start >= 0:
            message = f"the output has {name}, which has no value any more; remove it"
            yield LoadFault(Code.DEPRECATED_ITEM, message, item.output.place(start, len(name)), item.subject)


def check_fields(check: Check, text: Traced) -> None:
    """Checks the fields and the operator of a comparison of source k8s_audit. Raises LoadError."""
    for field in fields_of(check):
        fault = fault_of_field(field)
        if fault is not None:
            kind = LoadError if field.name in AUDIT_FIELDS else UnknownFieldError
            raise kind(Code.COMPILE_CONDITION, fault, text.place(field.offset, len(str(field))))
    fault = fault_of_operator(check) or fault_of_pattern(check)
    if fault is not None:
        raise LoadError(Code.COMPILE_CONDITION, fault, text.place(check.offset, len(str(check.left))))


def fault_of_pattern(check: Check) -> str | None:
    """Returns what is wrong with the regular expressions of a comparison, if anything is."""
    from kgate import regexp

    for one in check.right if check.operator.startswith("regex") and isinstance(check.right, tuple) else ():
        try:
            regexp.compile_go(one.text)
        except regexp.PatternError as error:
            return f"'{one.text}' is not a regular expression: {error}"
    return None


_EQUALITY = ("=", "==", "!=", "in", "intersects", "pmatch")
_SPECIAL = ".+*?^$()[]{}|\\"


def warnings(check: Check, source: str) -> Iterator[tuple[Code, str, int]]:
    """Yields what is doubtful about a comparison, with its offset."""
    for field in fields_of(check):
        if field.name in DEPRECATED:
            yield Code.DEPRECATED_ITEM, f"{field.name}: {DEPRECATED[field.name]}", field.offset
    if isinstance(check.right, Transformed):
        return
    values = [one.text for one in check.right]
    is_unsafe = any(field.name.startswith(("ka.", "jevt.")) for field in operand_fields(check.left))
    if is_unsafe and check.operator in _EQUALITY and "<NA>" in values:
        message = f"{check.left} is never <NA>: without a value, no comparison holds; ask with exists"
        yield Code.UNSAFE_NA_CHECK, message, check.offset
    for value in values:
        bare = "".join(value.split())
        if source == AUDIT_SOURCE and bare.partition("[")[0] in AUDIT_FIELDS:
            message = f"'{value}' is compared as text, and looks like a field; write val({bare})"
            yield Code.WARN_CONDITION, message, check.offset
        if check.operator == "regex" and _is_plain(value):
            message = f"regex '{value}' can be =, contains, startswith or endswith, which are quicker"
            yield Code.WARN_CONDITION, message, check.offset


def _is_plain(pattern: str) -> bool:
    """True if a pattern has no special sign but at its ends (sinsp_filter_compiler::check_warnings_regex_value)."""
    length, index = len(pattern), 0
    while index < length:
        letter = pattern[index]
        is_anchor = (index == 0 and letter == "^") or (index == length - 1 and letter == "$")
        is_any = letter == "." and pattern[index + 1 : index + 2] in ("+", "*", "?")
        if is_any and ((index == 0 and length > 1) or index == length - 2):
            index += 1
        elif not is_anchor and letter in _SPECIAL:
            return False
        index += 1
    return True
