"""The bytes of one rule file -> Rule, checked field by field. The format: CONTRIBUTING.md."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from kgate.errors import RuleError
from kgate.kubernetes import auditpolicy
from kgate.kubernetes.components import mounts
from kgate.kubernetes.components.flags import NAMES, flags
from kgate.model import (
    Condition,
    Example,
    Fix,
    Json,
    Parameter,
    ParameterValue,
    Persona,
    PssCheck,
    Reference,
    Rule,
    Severity,
    Variable,
    Versions,
)
from kgate.rules import cel, fieldpath, variables
from kgate.yamltree.fields import FileFields, UserFile, suggestion

TARGETS = ("container", "pod", "resource", "component", "audit")
PSS_LEVELS = ("baseline", "restricted")
REQUIRED = (
    "id",
    "title",
    "severity",
    "points",
    "target",
    "expression",
    "message",
    "rationale",
    "remediation",
    "examples",
)
OPTIONAL = (
    "persona",
    "pss",
    "kubernetes",
    "each",
    "kinds",
    "components",
    "variables",
    "parameters",
    "fields",
    "includes",
    "instead",
    "fix",
    "references",
    "tags",
    "equivalents",
)
ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
VERSION_BOUND = re.compile(r"(>=|<)1\.(\d+)")
VERSION = re.compile(r"1\.(\d+)")
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
PATH = re.compile(r"[A-Za-z_][\w-]*(\[\*\]|\.\*)?(\.[A-Za-z_][\w-]*(\[\*\]|\.\*)?)*")


def read(data: bytes, stem: str, path: str) -> Rule:
    """The rule of a file; its expression is compiled once, to check it. Raises RuleError with file and line."""
    fields = UserFile.parse(data, path, RuleError).fields()
    rule = _rule(fields, stem)
    _check_expression(fields, rule)
    _check_paths(fields, rule)
    return rule


def read_trusted(data: bytes, stem: str, path: str) -> Rule:
    """The rule of a file of kgate's own, whose expression the tests have checked."""
    return _rule(UserFile.parse(data, path, RuleError).fields(), stem)


def _rule(fields: FileFields, stem: str) -> Rule:
    fields.only((*REQUIRED, *OPTIONAL))
    for key in REQUIRED:
        if not fields.has(key):
            fields.fault(f"{key} is missing", key)
    _check_id(fields, stem)
    targets, kinds = _targets(fields)
    parameters = tuple(_parameters(fields.section("parameters")))
    return Rule(
        id=stem,
        title=_text(fields, "title"),
        severity=Severity.parse(fields.one_of("severity", [severity.label for severity in reversed(Severity)])),
        points=fields.number("points", 1, 10) or 1,
        targets=targets,
        expression=_text(fields, "expression"),
        message=_text(fields, "message"),
        variables=tuple(_variables(fields)),
        each=_paths(fields, "each"),
        kinds=kinds,
        fields=_paths(fields, "fields"),
        pss=tuple(_pss(fields)),
        versions=_versions(fields),
        persona=Persona.parse(fields.one_of("persona", [persona.label for persona in Persona]) or "gate"),
        includes=fields.text_or_texts("includes"),
        rationale=_text(fields, "rationale"),
        remediation=_text(fields, "remediation"),
        instead=_instead(fields),
        references=tuple(_references(fields)),
        tags=fields.text_or_texts("tags"),
        equivalents=tuple(_equivalents(fields.section("equivalents"))),
        good=tuple(_examples(fields.section("examples"), "good", parameters)),
        bad=tuple(_examples(fields.section("examples"), "bad", parameters)),
        path=fields.faults.path,
        fix=_fix(fields, targets) if fields.has("fix") else None,
        parameters=parameters,
        components=_components(fields, targets),
    )


def _text(fields: FileFields, name: str) -> str:
    return fields.text(name).strip()


MAX_INSTEAD = 60
"""Characters of ``instead``: it shares a line with the place, the rule and the source."""


def _instead(fields: FileFields) -> str:
    text = _text(fields, "instead")
    if "\n" in text or len(text) > MAX_INSTEAD:
        fields.fault(
            f"instead must be one line of at most {MAX_INSTEAD} characters, such as privileged: false", "instead"
        )
    return text


def _check_id(fields: FileFields, stem: str) -> None:
    if _text(fields, "id") != stem:
        fields.fault(f"id must be the name of the file, '{stem}'", "id")
    if not ID.fullmatch(stem):
        fields.fault("id must be in kebab case, such as host-network", "id")


def _targets(fields: FileFields) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields ``target`` and ``kinds``."""
    targets, kinds = fields.text_or_texts("target"), fields.text_or_texts("kinds")
    if not targets or any(target not in TARGETS for target in targets):
        fields.fault(f"target must be one or more of {', '.join(TARGETS)}", "target")
    if ("resource" in targets) != bool(kinds):
        fields.fault("kinds goes with target 'resource': it lists the kinds that the rule is about", "kinds")
    return targets, kinds


def _components(fields: FileFields, targets: tuple[str, ...]) -> tuple[str, ...]:
    """The field ``components``."""
    names = fields.text_or_texts("components")
    if ("component" in targets) != bool(names):
        fields.fault(
            "components goes with target 'component': it lists the programs that the rule is about", "components"
        )
    for index, name in enumerate(names):
        if name not in NAMES:
            fields.fault(f"there is no component '{name}'{suggestion(name, NAMES)}", "components", index)
    if names and fields.has("kubernetes"):
        message = "a component has a version of its own; write the versions into the expression, with minor"
        fields.fault(message, "kubernetes")
    if names and fields.has("each"):
        fields.fault("each does not go with target 'component'; write a macro such as all into the expression", "each")
    return names


def _variables(fields: FileFields) -> Iterator[Variable]:
    names: set[str] = set()
    for variable in fields.sections("variables"):
        variable.only(("name", "expression"))
        name, expression = variable.needed("name"), variable.needed("expression").strip()
        if not IDENTIFIER.fullmatch(name):
            variable.fault(f"{variable.name('name')}: '{name}' is not an identifier such as isPrivileged", "name")
        if name in names:
            variable.fault(f"{variable.name('name')}: there are two variables '{name}'; rename one", "name")
        names.add(name)
        yield Variable(name, expression)


def _parameters(fields: FileFields) -> Iterator[Parameter]:
    for name in fields.root.fields or ():
        parameter = fields.section(name)
        parameter.only(("default", "description"))
        if not IDENTIFIER.fullmatch(name):
            fields.fault(f"'{name}' is not an identifier such as allowedPaths", name)
        if not parameter.has("default"):
            parameter.fault(f"{parameter.name('default')} is missing", "default")
        default = parameter_value(parameter, "default")
        yield Parameter(name, default, default, parameter.needed("description").strip())


def parameter_value(fields: FileFields, name: str) -> ParameterValue:
    """The value of a parameter that a user wrote. Raises the error of the file for one that none can have."""
    value: Json = fields.body.get(name)
    if isinstance(value, list):
        return tuple(text for _, text in fields.texts(name))
    if not isinstance(value, (str, int)) or (isinstance(value, int) and not -(2**63) <= value < 2**63):
        fields.fault(f"{fields.name(name)} must be a list of strings, a string, a whole number, true or false", name)
    return value


def _paths(fields: FileFields, key: str) -> tuple[str, ...]:
    paths = fields.text_or_texts(key)
    for index, path in enumerate(paths):
        if not PATH.fullmatch(path):
            message = f"'{path}' is not a field path such as securityContext.capabilities.add[*]"
            fields.fault(message, key, index)
    return paths


def _pss(fields: FileFields) -> Iterator[PssCheck]:
    """The checks of ``pss``: a mapping or a list of them."""
    is_list = isinstance(fields.body.get("pss"), list)
    for check in fields.sections("pss") if is_list else [fields.section("pss")] if fields.has("pss") else []:
        check.only(("level", "check"))
        check.needed("level")
        level = check.one_of("level", PSS_LEVELS)
        yield PssCheck(level, check.needed("check"))


def _versions(fields: FileFields) -> Versions:
    """A range such as '>=1.8', '<1.25' or '>=1.8 <1.25'."""
    bounds = {}
    for word in fields.text("kubernetes").split():
        match = VERSION_BOUND.fullmatch(word)
        if not match:
            fields.fault("kubernetes must be a range such as '>=1.8' or '>=1.8 <1.25'", "kubernetes")
        bounds[match[1]] = int(match[2])
    return Versions(bounds.get(">=", 0), bounds.get("<"))


FIX = ("set", "correct", "remove", "safety", "when")
CONDITION = ("expression", "otherwise", "safety")
SAFETIES = ("safe", "unsafe")
FIX_PATH = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")


def _fix(fields: FileFields, targets: tuple[str, ...]) -> Fix:
    """The field ``fix``."""
    fix = fields.section("fix")
    fix.only(FIX)
    values = {key: tuple(_wanted(fix.section(key))) for key in ("set", "correct")}
    remove = fix.text_or_texts("remove")
    for index, path in enumerate(remove):
        _check_fix_path(fix, path, "remove", index)
    if not (values["set"] or values["correct"] or remove):
        fix.fault("fix must say what to set, correct or remove")
    paths = (*dict(values["set"]), *dict(values["correct"]), *remove)
    if targets != ("container",) and any(path.partition(".")[0] == "pod" for path in paths):
        fix.fault("a path that starts with pod is for rules about containers")
    is_safe = fix.needed("safety") and fix.one_of("safety", SAFETIES) == "safe"
    return Fix(**values, remove=remove, is_safe=is_safe is True, when=tuple(_conditions(fix)))


def _wanted(fields: FileFields) -> Iterator[tuple[str, Json]]:
    """Pairs of a path and the value that is wanted there."""
    for path, value in fields.body.items():
        _check_fix_path(fields, path, path)
        members = value if isinstance(value, list) else [value]
        if not members or any(isinstance(member, (dict, list)) for member in members):
            fields.fault(f"{path}: a fix sets a text, a number, true or false, or a list of them", path)
        yield path, value


def _check_fix_path(fields: FileFields, path: str, *where: str | int) -> None:
    if not FIX_PATH.fullmatch(path):
        fields.fault(f"'{path}' is not a field path such as securityContext.privileged", *where)


def _conditions(fix: FileFields) -> Iterator[Condition]:
    for condition in fix.sections("when"):
        condition.only(CONDITION)
        safety = condition.one_of("safety", SAFETIES)
        yield Condition(
            condition.needed("expression").strip(), condition.needed("otherwise").strip(), safety == "unsafe"
        )


def _references(fields: FileFields) -> Iterator[Reference]:
    for reference in fields.sections("references"):
        reference.only(("title", "url"))
        yield Reference(reference.needed("title"), reference.needed("url"))


def _equivalents(peers: FileFields) -> Iterator[tuple[str, str]]:
    """Pairs of (peer, id), in the order of the file."""
    for peer in peers.body:
        yield from ((peer, name) for name in peers.text_or_texts(peer))


def _examples(fields: FileFields, kind: str, parameters: Sequence[Parameter]) -> Iterator[Example]:
    fields.only(("good", "bad"))
    if not fields.items(kind):
        fields.fault(f"{fields.name(kind)} must list at least one example", kind)
    for example in fields.sections(kind):
        version = example.text("kubernetes")
        minor = VERSION.fullmatch(version)
        if version and not minor:
            example.fault(f"{example.name('kubernetes')} must be a version such as '1.24'", "kubernetes")
        own = ("kubernetes", "params") if parameters else ("kubernetes",)
        body = {key: value for key, value in example.body.items() if key not in own}
        params = tuple(_params(example.section("params"), parameters)) if parameters else ()
        line = example.root.start.line + 1
        yield Example(body, _as_written(example), int(minor[1]) if minor else None, line, params)


def _params(fields: FileFields, parameters: Sequence[Parameter]) -> Iterator[tuple[str, ParameterValue]]:
    """The parameters of an example."""
    known = {parameter.name: parameter for parameter in parameters}
    fields.only(tuple(known))
    for name in fields.root.fields or ():
        value = parameter_value(fields, name)
        if not known[name].fits(value):
            fields.fault(f"{fields.name(name)} must be {known[name].kind}", name)
        yield name, value


def _as_written(example: FileFields) -> str:
    """The text of an example, with its comments, as if it were alone in a file."""
    start, end = example.root.start, example.root.end
    return textwrap.dedent(" " * start.column + example.faults.text[start.index : end.index]).rstrip()


def _check_expression(fields: FileFields, rule: Rule) -> None:
    """Refuses what is not CEL in the variables and the expression, and what is not true or false in the latter."""
    _check_parameters(fields, rule)
    params = [variables.parameter_name(parameter.name) for parameter in rule.parameters]
    names: list[str] = []
    for index, variable in enumerate(rule.variables):
        _check_used(fields, variable.expression, names, "variables", index, "expression")
        try:
            known = [*params, *map(variables.plain_name, names)]
            cel.check_any(variables.plain(variable.expression), known)
        except cel.CelError as error:
            message = f"the expression of variable '{variable.name}' is not valid CEL: {error}"
            fields.fault(message, "variables", index, "expression")
        names.append(variable.name)
    _check_used(fields, rule.expression, names, "expression")
    try:
        cel.check(variables.plain(rule.expression), [*params, *map(variables.plain_name, names)])
        cel.check(variables.typed(rule, rule.expression))
        for target in rule.targets:
            cel.check(fieldpath.quantified(variables.bound(rule), target, rule.each))
    except cel.CelError as error:
        fields.fault(f"the expression is not valid CEL: {error}", "expression")
    for index, condition in enumerate(rule.fix.when if rule.fix is not None else ()):
        _check_used(fields, condition.expression, names, "fix", "when", index, "expression")
        try:
            cel.check(variables.typed(rule, condition.expression))
        except cel.CelError as error:
            fields.fault(f"the condition is not valid CEL: {error}", "fix", "when", index, "expression")


def _check_parameters(fields: FileFields, rule: Rule) -> None:
    """Refuses parameters that are used and not defined, or defined and not used."""
    known = [parameter.name for parameter in rule.parameters]
    places: list[tuple[str, tuple[str | int, ...]]] = [(rule.expression, ("expression",))]
    places += [(one.expression, ("variables", index, "expression")) for index, one in enumerate(rule.variables)]
    conditions = rule.fix.when if rule.fix is not None else ()
    places += [(one.expression, ("fix", "when", index, "expression")) for index, one in enumerate(conditions)]
    used = set()
    for expression, where in places:
        for name in variables.used_parameters(expression):
            if name not in known:
                fields.fault(f"there is no parameter '{name}'{suggestion(name, known)}", *where)
            used.add(name)
    for name in known:
        if name not in used:
            fields.fault(
                f"no expression uses the parameter '{name}'; write params.{name}, or remove it", "parameters", name
            )


def _check_used(fields: FileFields, expression: str, known: Sequence[str], *where: str | int) -> None:
    """Refuses variables that are not defined, or not before the place where they are used, or not in ``variables``."""
    if variables.binds(expression):
        fields.fault("Kubernetes has no cel.bind; list the value under variables, and use it by that name", *where)
    unknown = next((name for name in variables.used(expression) if name not in known), None)
    if unknown is not None:
        message = f"there is no variable '{unknown}' before this expression"
        fields.fault(message + suggestion(unknown, known), *where)


_NAMES = re.compile(r"[\w-]+")


def _check_paths(fields: FileFields, rule: Rule) -> None:
    """Refuses a path with a name that neither the expression nor an example uses: it is misspelt, and a finding would
    never point there."""
    examples = fields.node("examples")
    assert examples is not None
    known = {"pod", "metadata", *re.findall(r"\w+", variables.bound(rule))}
    known.update(token for tokens, _ in examples.walk() for token in tokens[-1:])
    known.update(flag for component in rule.components for flag in flags(component))
    known.update(auditpolicy.FACTS if "audit" in rule.targets else ())
    known.update(mounts.PLACES if rule.components else ())
    for key, paths in (("each", rule.each), ("fields", rule.fields)):
        for index, path in enumerate(paths):
            strange = next((name for name in _NAMES.findall(path) if name not in known), None)
            if strange is not None:
                message = f"'{path}': neither the expression nor an example has a field '{strange}'"
                fields.fault(message + suggestion(strange, sorted(known)), key, index)
