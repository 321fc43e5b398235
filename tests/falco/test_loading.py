"""Rule files: every error and warning of Falco's loader, with its place, and what becomes of items."""

from __future__ import annotations

import time

import pytest

from kgate.falco import compiling
from kgate.falco.conditions import Expression
from kgate.falco.faults import Code
from kgate.falco.parsing import parse
from kgate.falco.traced import MAX_LENGTH
from tests.falco.rulefiles import loaded, rule, told

MADE = rule()
USED = "- rule: Uses\n  desc: d\n  condition: {}\n  output: o\n  priority: INFO\n  source: k8s_audit\n"

ERRORS = {
    "not YAML": ("- a: [\n", "2:1 YAML_PARSE not valid YAML: did not find expected node content"),
    "a key twice": ("- list: a\n  items: []\n  list: b\n", "3:1 YAML_PARSE key 'list' is set here and in line 1"),
    "no list of items": ("rule: a\n", "1:1 YAML_VALIDATE a rule file must be a list of items"),
    "an item that is text": ("- a\n", "1:3 YAML_VALIDATE an item must be a mapping"),
    "no items": ("- list: a\n", "1:3 YAML_VALIDATE items is missing"),
    "items that are no list": ("- list: a\n  items: b\n", "2:3 YAML_VALIDATE items must be a list"),
    "items in items": ("- list: a\n  items: [[b]]\n", "2:3 YAML_VALIDATE items must hold texts only"),
    "a macro without a condition": ("- macro: a\n", "1:3 YAML_VALIDATE condition is missing"),
    "an empty name": ("- macro: ''\n  condition: b\n", "1:3 YAML_VALIDATE macro is empty"),
    "no name": ("- macro:\n  condition: b\n", "1:3 YAML_VALIDATE macro is empty"),
    "a condition that is a list": ("- macro: a\n  condition: [b]\n", "2:3 YAML_VALIDATE condition must be text"),
    "no priority": ("- rule: a\n  desc: d\n  condition: b\n  output: o\n", "1:3 YAML_VALIDATE priority is missing"),
    "a wrong priority": (
        MADE.replace("INFO", "high"),
        "5:3 YAML_VALIDATE priority 'high' is not one of Emergency, Alert",
    ),
    "a rule with its name only": ("- rule: a\n", "1:3 YAML_VALIDATE condition, output, desc and priority are missing"),
    "no truth value": (MADE + "  enabled: maybe\n", "7:3 YAML_VALIDATE enabled must be true or false"),
    "a duration in words": (MADE + "  capture_duration: long\n", "7:3 YAML_VALIDATE capture_duration must be a number"),
    "tags that are text": (MADE + "  tags: a\n", "7:3 YAML_VALIDATE tags must be a list"),
    "an engine of the future": (
        "- required_engine_version: 0.64.0\n",
        "1:3 VALIDATE the rules need engine version 0.64.0, and the newest known one is 0.63.0",
    ),
    "an engine of the future, as a number": (
        "- required_engine_version: 64\n",
        "1:3 VALIDATE the rules need engine version 0.64.0",
    ),
    "no engine version": ("- required_engine_version: 0.6\n", "1:3 YAML_VALIDATE engine version '0.6' is neither"),
    "a plugin without a version": (
        "- required_plugin_versions:\n  - name: json\n",
        "2:5 YAML_VALIDATE version is missing",
    ),
    "a plugin version that is none": (
        "- required_plugin_versions:\n  - {name: json, version: '1.2'}\n",
        "2:18 VALIDATE version '1.2' of plugin json is not three numbers",
    ),
    "a plugin twice": (
        "- required_plugin_versions:\n  - {name: j, version: 0.1.0, alternatives: [{name: j, version: 0.2.0}]}\n",
        "2:47 VALIDATE plugin j has two alternative versions",
    ),
    "an append to no list": (
        "- list: a\n  items: [b]\n  override: {items: append}\n",
        "1:3 VALIDATE appends to list a, which is not defined before",
    ),
    "an append to no macro": (
        "- macro: a\n  condition: or b\n  append: true\n",
        "1:3 VALIDATE appends to macro a, which is not defined before",
    ),
    "an append to no rule": (
        "- rule: a\n  condition: or b\n  override: {condition: append}\n",
        "1:3 VALIDATE appends to rule a, which is not defined before",
    ),
    "a replacement of no rule": (
        "- rule: a\n  condition: b\n  override: {condition: replace}\n",
        "1:3 VALIDATE replaces a part of rule a, which is not defined before",
    ),
    "a switch of no rule": ("- rule: a\n  enabled: false\n", "1:3 VALIDATE has only enabled, which switches rule a"),
    "nothing to append": (MADE + "- rule: Made\n  append: true\n", "7:3 VALIDATE appends nothing"),
    "override and append": (
        MADE + "- rule: Made\n  append: true\n  condition: or a\n  override: {condition: append}\n",
        "10:3 YAML_VALIDATE override and append cannot be used together",
    ),
    "an override without its key": (
        MADE + "- rule: Made\n  override: {condition: append}\n",
        "8:3 YAML_VALIDATE override says condition: append, and there is no condition",
    ),
    "a key without its override": (
        MADE + "- rule: Made\n  desc: e\n  priority: INFO\n  override: {desc: append}\n",
        "9:3 YAML_VALIDATE override does not say what to do with priority",
    ),
    "a key that cannot be appended to": (
        MADE + "- rule: Made\n  priority: INFO\n  override: {priority: append}\n",
        "9:14 YAML_VALIDATE priority cannot be appended to; write replace",
    ),
    "a key that cannot be replaced": (
        MADE + "- rule: Made\n  source: a\n  override: {source: replace}\n",
        "9:14 YAML_VALIDATE source cannot be replaced",
    ),
    "an override that is none": (
        MADE + "- rule: Made\n  desc: e\n  override: {desc: add}\n",
        "9:14 YAML_VALIDATE override of desc must be append or replace, not 'add'",
    ),
    "another source": (
        MADE + MADE.replace("k8s_audit", "okta"),
        "7:3 VALIDATE is redefined with source okta; it has source k8s_audit",
    ),
    "exceptions that are no list": (MADE + "  exceptions: {}\n", "7:3 YAML_VALIDATE exceptions must be a list"),
    "an exception without fields": (
        MADE + "  exceptions: [{name: e}]\n",
        "7:16 YAML_VALIDATE fields of exception e are missing",
    ),
    "a new exception without values": (
        MADE + "- rule: Made\n  exceptions: [{name: e, fields: ka.verb}]\n  override: {exceptions: append}\n",
        "8:17 VALIDATE exception e is new, and needs values",
    ),
    "a new exception without fields": (
        MADE + "- rule: Made\n  exceptions: [{name: e, values: [a]}]\n  override: {exceptions: append}\n",
        "8:17 VALIDATE exception e is new, and needs fields",
    ),
    "an old exception with fields": (
        MADE
        + "  exceptions: [{name: e, fields: ka.verb}]\n- rule: Made\n"
        + "  exceptions: [{name: e, fields: ka.uri, values: [a]}]\n  override: {exceptions: append}\n",
        "9:17 VALIDATE exception e is there already, and only its values can be appended to; remove fields",
    ),
    "lists of unequal length": (
        MADE + "  exceptions: [{name: e, fields: [ka.verb, ka.uri], comps: [=]}]\n",
        "7:17 VALIDATE exception e: fields and comps must have equal length",
    ),
    "values of another length": (
        MADE + "  exceptions: [{name: e, fields: [ka.verb, ka.uri], values: [[a]]}]\n",
        "7:17 VALIDATE exception e: each value must be a list with 2 members",
    ),
    "one field, and lists": (
        MADE + "  exceptions: [{name: e, fields: ka.verb, values: [[a]]}]\n",
        "7:17 VALIDATE exception e has one field, and its values must be strings",
    ),
    "one field, and comparisons": (
        MADE + "  exceptions: [{name: e, fields: ka.verb, comps: [in], values: [a]}]\n",
        "7:17 VALIDATE exception e: fields and comps must both be strings",
    ),
    "one field, and no list operator": (
        MADE + "  exceptions: [{name: e, fields: ka.verb, comps: =, values: [a]}]\n",
        "7:17 VALIDATE exception e: of one field, comps must be in, pmatch, intersects",
    ),
    "no comparison": (
        MADE + "  exceptions: [{name: e, fields: [ka.verb], comps: [is], values: [[a]]}]\n",
        "7:17 VALIDATE 'is' is not a comparison operator",
    ),
    "an exception about no field": (
        MADE + "  exceptions: [{name: e, fields: [ka.vreb], values: [[a]]}]\n",
        "7:17 VALIDATE exception e: source k8s_audit has no field ka.vreb; did you mean 'ka.verb'?",
    ),
    "a condition that breaks": (rule(condition="ka.verb in (a"), "3:27 COMPILE_CONDITION expected ')' or ','"),
    "a macro that is not there": (
        "- macro: made\n  condition: ka.verb=create\n" + USED.format("ka.uri = a and maed"),
        "5:29 VALIDATE macro maed is not defined; did you mean 'made'?",
    ),
    "a macro that comes later": (
        "- macro: a\n  condition: b\n- macro: b\n  condition: ka.verb=x\n" + USED.format("a or b"),
        "2:14 VALIDATE macro b is defined only later",
    ),
    "macros in a circle": (
        "- macro: a\n  condition: ka.verb=x\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n"
        + USED.format("a and b"),
        "6:14 VALIDATE macro b refers to itself: b → a → b",
    ),
    "no such field": (rule(condition="ka.verbs = x"), "3:14 COMPILE_CONDITION source k8s_audit has no field ka.verbs"),
    "a field without its argument": (
        rule(condition="jevt.value = x"),
        "3:14 COMPILE_CONDITION jevt.value needs an argument",
    ),
    "an argument too many": (rule(condition="ka.verb[0] = x"), "3:14 COMPILE_CONDITION ka.verb takes no argument"),
    "an index that is none": (
        rule(condition="ka.req.pod.containers.image[first] in (x)"),
        "3:14 COMPILE_CONDITION the argument of ka.req.pod.containers.image must be an index",
    ),
    "an operator for one value": (
        rule(condition="ka.user.groups = x"),
        "3:14 COMPILE_CONDITION ka.user.groups holds a list, for which there are only in, intersects, exists",
    ),
    "an operator for bytes": (
        rule(condition="ka.verb bcontains 00"),
        "3:14 COMPILE_CONDITION operator bcontains does not fit ka.verb",
    ),
    "a wrong regex": (rule(condition="ka.verb regex 'a('"), "3:14 COMPILE_CONDITION 'a(' is not a regular expression"),
    "an output of no field": (
        rule(output="by %ka.user.nam"),
        "4:14 COMPILE_OUTPUT source k8s_audit has no field ka.user.nam",
    ),
    "an output that ends too early": (
        rule(output="'100 %'"),
        "4:16 COMPILE_OUTPUT a '%' must be followed by a field",
    ),
}

WARNINGS = {
    "an unknown source": (MADE.replace("k8s_audit", "own"), "1:3 UNKNOWN_SOURCE source own is not one of"),
    "an unsafe comparison": (rule(condition="ka.verb != <NA>"), "3:14 UNSAFE_NA_CHECK ka.verb is never <NA>"),
    "every system call": (
        rule(condition="proc.name = a").replace("k8s_audit", "syscall"),
        "3:14 NO_EVTTYPE the condition names no evt.type",
    ),
    "an unknown field, forgiven": (
        rule(condition="ka.new = x", more="skip-if-unknown-filter: true"),
        "3:14 UNKNOWN_FILTER source k8s_audit has no field ka.new",
    ),
    "an unknown field in an output, forgiven": (
        rule(output="by %ka.new", more="skip-if-unknown-filter: true"),
        "4:14 UNKNOWN_FILTER source k8s_audit has no field ka.new",
    ),
    "an unused macro": ("- macro: a\n  condition: ka.verb=x\n", "1:3 UNUSED_MACRO macro a is not used"),
    "an unused list": ("- list: a\n  items: [b]\n", "1:3 UNUSED_LIST list a is not used"),
    "an unknown item": ("- rles: a\n", "1:3 UNKNOWN_ITEM an item with rles is none that Falco knows"),
    "append": (
        MADE + "- rule: Made\n  condition: or ka.verb=x\n  append: true\n",
        "9:3 DEPRECATED_ITEM append is deprecated",
    ),
    "enabled alone": (MADE + "- rule: Made\n  enabled: no\n", "8:3 DEPRECATED_ITEM a rule with only enabled"),
    "a field without a value": (
        rule(condition="evt.type = open and evt.dir = <").replace("k8s_audit", "syscall"),
        "3:34 DEPRECATED_ITEM evt.dir: since Falco has no enter events",
    ),
    "such a field in an output": (
        rule(condition="evt.type = open", output="by %evt.dir").replace("k8s_audit", "syscall"),
        "4:15 DEPRECATED_ITEM the output has evt.dir",
    ),
    "an exception without values": (
        MADE
        + "  exceptions: [{name: e, fields: ka.verb}]\n"
        + "- rule: Made\n  exceptions: [{name: e}]\n  override: {exceptions: append}\n",
        "9:17 APPEND_NO_VALUES exception e has no values to append",
    ),
    "an exception twice": (
        MADE + "  exceptions: [{name: e, fields: ka.verb}, {name: e, fields: ka.uri}]\n",
        "7:45 EXCEPTION_NAME_NOT_UNIQUE there are two exceptions e",
    ),
    "a macro name": ("- macro: a-b\n  condition: ka.verb=x\n", "1:3 INVALID_MACRO_NAME has a name of other signs"),
    "a list name": ("- list: a b\n  items: [c]\n", "1:3 INVALID_LIST_NAME has blanks"),
    "a field as a value": (
        rule(condition="ka.verb = ka.uri"),
        "3:14 COMPILE_CONDITION 'ka.uri' is compared as text, and looks like a field",
    ),
    "a needless regex": (rule(condition="ka.verb regex 'get.*'"), "3:14 COMPILE_CONDITION regex 'get.*' can be ="),
    "an unknown key": (MADE + "  tag: [a]\n", "7:3 UNKNOWN_KEY unknown key 'tag', which is ignored; did you mean"),
}


@pytest.mark.parametrize(("text", "fault"), ERRORS.values(), ids=ERRORS.keys())
def test_errors(text: str, fault: str) -> None:
    found = loaded(text)
    assert [one for one in told(text) if one.startswith(fault)], told(text)
    assert found.is_refused


@pytest.mark.parametrize(("text", "fault"), WARNINGS.values(), ids=WARNINGS.keys())
def test_warnings(text: str, fault: str) -> None:
    found = loaded(text)
    assert [one for one in told(text) if one.startswith(fault)], told(text)
    assert not found.is_refused


def test_every_code_is_tried() -> None:
    tried = {one.partition(" ")[2].partition(" ")[0] for _, one in (*ERRORS.values(), *WARNINGS.values())}
    assert tried | {"FILE_READ"} == {code.removeprefix("LOAD_").removeprefix("ERR_") for code in Code}


SOUND = {
    "nothing": "",
    "empty documents": "---\n---\n- macro: a\n  condition: ka.verb=x\n" + USED.format("a"),
    "an engine of today": "- required_engine_version: 63\n- required_engine_version: 0.26.0\n" + MADE,
    "plugins": "- required_plugin_versions:\n  - {name: j, version: 0.1.0, alternatives: [{name: k, version: 1.0.0}]}",
    "an unnamed priority": MADE.replace("INFO", "informational"),
    "a rule without exceptions": MADE + "  exceptions:\n",
    "types that are left out": rule(condition="not evt.type = open", more="warn_evttypes: false").replace(
        "k8s_audit", "syscall"
    ),
    "a condition that never holds": rule(condition="evt.num = 0").replace("k8s_audit", "syscall"),
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND.keys())
def test_nothing_is_wrong(text: str) -> None:
    assert told(text) == []


def test_files_build_on_each_other() -> None:
    base = "- list: verbs\n  items: [get]\n- macro: reads\n  condition: ka.verb in (verbs)\n" + rule(condition="reads")
    more = (
        "- list: verbs\n  items: [list]\n  override: {items: append}\n"
        "- macro: reads\n  condition: and ka.uri exists\n  override: {condition: append}\n"
        "- rule: Made\n  condition: and ka.stage = x\n  desc: more\n  priority: ERROR\n  tags: [t]\n"
        "  override: {condition: append, desc: append, priority: replace, tags: append}\n"
    )
    found = loaded(base, more)
    assert [str(fault) for fault in found.faults] == []
    (made,) = found.ruleset.rules
    assert (made.text.text, made.description, made.priority, made.tags) == (
        "reads and ka.stage = x",
        "d more",
        "Error",
        ("t",),
    )
    assert found.ruleset.macros["reads"].text == "ka.verb in ( get, list ) and ka.uri exists"


def test_exceptions_become_conditions() -> None:
    exceptions = """exceptions:
- {name: one, fields: ka.user.name, values: [a, b c]}
- {name: two, fields: [ka.verb, ka.uri], comps: [in, startswith], values: [[[get, list], /x], [watch, /y z]]}
- {name: none, fields: [ka.verb]}"""
    (made,) = loaded(rule(more=exceptions)).ruleset.rules
    assert made.text.text == (
        '(ka.verb = create) and not (ka.user.name in (a, "b c")) and not '
        '((ka.verb in (get, list) and ka.uri startswith /x) or (ka.verb in (watch) and ka.uri startswith "/y z"))'
    )


@pytest.mark.parametrize(
    ("items", "condition", "expanded"),
    [
        pytest.param("[a, b c]", "ka.verb in (l)", 'ka.verb in ( a, "b c" )', id="a list"),
        pytest.param("[]", "ka.verb in (l, x)", "ka.verb in (  x)", id="an empty list before others"),
        pytest.param("[]", "ka.verb in (x, l)", "ka.verb in (x  )", id="an empty list after others"),
        pytest.param("[a]", "ka.verb in (l2, ll, l)", "ka.verb in (l2, ll, a )", id="names that are longer"),
        pytest.param("[a]", "ka.verb in (l) and ka.uri=l", "ka.verb in ( a ) and ka.uri= a ", id="several places"),
    ],
)
def test_lists_are_expanded_in_the_text(items: str, condition: str, expanded: str) -> None:
    (made,) = loaded(f"- list: l\n  items: {items}\n" + rule(condition=condition)).ruleset.rules
    assert " ".join(made.text.text.split()) == " ".join(expanded.split())


def test_a_fault_in_a_list_is_at_the_name_of_the_list() -> None:
    text = "- list: l\n  items: [a, ')']\n" + rule(condition=">\n    ka.uri exists and\n    ka.verb in (x, l)")
    assert told(text) == ["7:20 COMPILE_CONDITION expected a value, found ')'"]


HOSTILE = {
    "lists that grow": "".join(f"- list: l{index}\n  items: [{f'l{index + 1}, ' * 9}x]\n" for index in range(20))
    + rule(condition="ka.verb in (l0)"),
    "macros that grow": "- macro: m0\n  condition: ka.verb=x\n"
    + "".join(f"- macro: m{index}\n  condition: m{index - 1} or m{index - 1}\n" for index in range(1, 40))
    + rule(condition="m39"),
    "a thousand parentheses": rule(condition="(" * 1000 + "ka.verb=x" + ")" * 1000),
    "macros in macros": "- macro: m0\n  condition: ka.verb=x\n"
    + "".join(f"- macro: m{index}\n  condition: m{index - 1}\n" for index in range(1, 2000))
    + rule(condition="m1999"),
    "a list that grows in many rules": "".join(
        f"- list: l{index}\n  items: [{f'l{index + 1}, ' * 9}x]\n" for index in range(3)
    )
    + "".join(rule(str(index), f"ka.verb in (l0, x{index})") for index in range(40)),
    "a macro in many rules": f"- macro: m\n  condition: {' or '.join(f'ka.verb = v{index}' for index in range(500))}\n"
    + "".join(rule(str(index), "m") for index in range(40)),
    "brackets in an output": rule(output=f"'{'%ka.verb[' * 30_000}'"),
    "a long field in an output": rule(output=f"'%{'a' * 300_000}'"),
    "macros that are not defined": "".join(f"- macro: made_{index}\n  condition: ka.verb=x\n" for index in range(2000))
    + "".join(rule(str(index), f"made{index}") for index in range(500)),
    "an output that grows": rule() + "- rule: Made\n  output: " + "x" * MAX_LENGTH + "\n  override: {output: append}\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_in_time(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgate.falco.compiling.MAX_LETTERS", 50_000)
    monkeypatch.setattr("kgate.falco.compiling.MAX_COMPARISONS", 10_000)
    start = time.process_time()
    assert loaded(text).is_refused
    assert time.process_time() - start < 5


def test_appending_takes_linear_time() -> None:
    more = "- macro: m\n  condition: or ka.verb=y\n  override: {condition: append}\n"
    start = time.process_time()
    found = loaded("- macro: m\n  condition: ka.verb=x\n" + more * 3000 + rule(condition="m"))
    assert time.process_time() - start < 5
    assert not found.is_refused
    assert found.ruleset.macros["m"].text.count("ka.verb") == 3001


def test_a_fault_in_what_is_appended_is_at_its_place() -> None:
    more = "- macro: m\n  condition: or (ka.verb\n  override: {condition: append}\n"
    assert told("- macro: m\n  condition: ka.verb=x\n" + more + rule(condition="m"))[0].startswith("4:")


def test_each_condition_is_parsed_once_whatever_the_number_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def count(text: str) -> Expression:
        asked.append(text)
        return parse(text)

    monkeypatch.setattr(compiling, "parse", count)
    files = [rule(str(index), f"ka.uri = u{index}") for index in range(5)]
    assert len(loaded(*files, rule("bad", "ka.uri ="), rule("last", "ka.uri = u0")).ruleset.rules) == 6
    assert len(asked) == 6
