"""Decides what policies say about an object, as the API server does, but without one.

kubernetes/apiserver, pkg/admission/plugin/policy/validating (validator.go, dispatcher.go). What only a cluster knows
(who may do what, other objects) leaves a decision open; it is never guessed.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from kgate.kubernetes.selectors import matches as selects
from kgate.model import Json, Resource
from kgate.rules import variables
from kgate.rules.cel import CelError, Language, UnansweredError
from kgate.rules.reads import code_of
from kgate.values import dataclass
from kgate.vap.defaults import with_defaults
from kgate.vap.library import AUTHORIZER, functions
from kgate.vap.matching import labels_of, matches
from kgate.vap.reading import Admission, Material, Policy, PolicyBinding, resource_name
from kgate.yamltree.fields import Fields

NAMES = (
    *("object", "oldObject", "request", "params", "namespaceObject", AUTHORIZER),
    *("request_userInfo", "request_options", "namespaceObject_metadata_name"),
)
"""The variables of expressions; the last ones stand for fields, of which no manifest has those of the request."""

_MAX_MESSAGE = 5 * 1024

_OF_REQUEST = re.compile(r"(?<![\w.])request\s*\.\s*(?:\?\s*)?(?:userInfo|options)\b")
_OF_BOTH = re.compile(rf"(?:{_OF_REQUEST.pattern}|(?<![\w.])namespaceObject\.metadata\.name\b)")
_REASONS = {
    AUTHORIZER: "who may do what is not known",
    "namespaceObject": "the namespace is not known; add its manifest",
    "request_userInfo": "who makes the request is not known; name a user with --as",
    "request_options": "the options of the request are not known",
}
"""Why variables have no value."""

_HAS_VARIABLE = re.compile(r"(?<![\w.])has\(\s*variables\.\w+\s*\)")
"""Whether there is a variable: the name of one that is not defined does not compile."""


class PolicyOutcome(enum.Enum):
    """What a policy does with an object."""

    ADMITTED = "admitted"
    AUDITED = "audited"
    WARNED = "warned"
    OPEN = "open"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says of an object by a binding, empty if it has none, and why; OPEN where that is not known."""

    policy: str
    binding: str
    outcome: PolicyOutcome
    messages: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class Decider:
    """Decides by the policies, bindings and parameters of some files."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._language = Language((*NAMES, *_names_of_variables(material.policies)), list(functions()))

    def decide(self, admission: Admission) -> Iterator[Decision]:
        """Yields a decision for each binding of each policy that is about an object. A policy that no binding names is
        asked as if one denied everything that it refuses."""
        for policy in self._material.policies:
            try:
                if not matches(policy.constraints, admission, is_binding=False):
                    continue
            except UnansweredError as error:
                yield Decision(policy.name, "", PolicyOutcome.OPEN, (str(error),))
                continue
            bindings = (*(one for one in self._material.bindings if one.policy == policy.name),)
            for binding in bindings or (None,):
                yield from self._by(policy, binding, admission)

    def _by(self, policy: Policy, binding: PolicyBinding | None, admission: Admission) -> Iterator[Decision]:
        """Yields what a policy says by a binding, unless that is not about the object."""
        name = binding.resource.id.name if binding is not None else ""
        try:
            if binding is not None and not matches(binding.constraints, admission, is_binding=True):
                return
            params = list(self._params(policy, binding, admission))
        except UnansweredError as error:
            yield Decision(policy.name, name, PolicyOutcome.OPEN, (str(error),))
            return
        except _MissingParams as error:
            outcome = PolicyOutcome.ADMITTED if policy.ignores_failures else PolicyOutcome.DENIED
            yield Decision(policy.name, name, outcome, (f"failed to configure binding: {error}",))
            return
        verdicts = [self._verdict(policy, admission, one) for one in params]
        actions = binding.actions if binding is not None else ("Deny",)
        yield _decision(policy.name, name, actions, verdicts)

    # ------------------------------------------------------------------------------------ parameters

    def _params(
        self, policy: Policy, binding: PolicyBinding | None, admission: Admission
    ) -> Iterator[Mapping[str, Json] | None]:
        """Yields the parameters that a policy is asked with, each once. Raises _MissingParams and UnansweredError."""
        if policy.param_kind is None or binding is None:
            if policy.param_kind is not None:
                raise UnansweredError("no binding says which parameters the policy has; add one to the files")
            yield None
            return
        if binding.params is None:
            yield None
            return
        found = [one.body for one in self._material.others if _is_param(one, policy, binding.params, admission)]
        if not found and binding.params.text("parameterNotFoundAction") != "Allow":
            raise _MissingParams("no params found for policy binding with `Deny` parameterNotFoundAction")
        yield from found

    # ------------------------------------------------------------------------------------ evaluation

    def _verdict(self, policy: Policy, admission: Admission, params: Mapping[str, Json] | None) -> _Verdict:
        """Evaluates a policy with one parameter object."""
        asked = _Asked(self._language, policy, _values(admission, params))
        try:
            if not asked.meets_conditions():
                return _Verdict()
        except UnansweredError as error:
            return asked.verdict().if_asked(f"matchConditions: {error}")
        except CelError as error:
            return _Verdict(() if policy.ignores_failures else (str(error),))
        return asked.verdict()


class _MissingParams(Exception):  # noqa: N818 - not an error of kgate
    """No object is the parameter of a policy."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Why a policy refuses an object, what could not be answered, and what goes into the audit log."""

    refusals: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] = ()
    """Errors of audit annotations, which deny whatever the binding says."""

    def if_asked(self, doubt: str) -> _Verdict:
        """Returns the verdict if nobody knows whether the policy is asked: nothing, if it has nothing to say."""
        is_silent = not (self.refusals or self.unanswered or self.errors)
        return _Verdict() if is_silent else _Verdict(unanswered=(doubt, *self.refusals, *self.unanswered))


def _decision(policy: str, binding: str, actions: Sequence[str], verdicts: Sequence[_Verdict]) -> Decision:
    refusals = tuple(dict.fromkeys(text for one in verdicts for text in one.refusals))
    errors = tuple(dict.fromkeys(text for one in verdicts for text in one.errors))
    unanswered = tuple(dict.fromkeys(text for one in verdicts for text in one.unanswered))
    annotations = tuple(dict.fromkeys(pair for one in verdicts for pair in one.annotations))
    if errors or (refusals and "Deny" in actions):
        return Decision(policy, binding, PolicyOutcome.DENIED, (*refusals, *errors), annotations)
    if unanswered:
        return Decision(policy, binding, PolicyOutcome.OPEN, unanswered, annotations)
    if refusals:
        return Decision(
            policy, binding, PolicyOutcome.WARNED if "Warn" in actions else PolicyOutcome.AUDITED, refusals, annotations
        )
    return Decision(policy, binding, PolicyOutcome.ADMITTED, (), annotations)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A policy with the values that its expressions see."""

    language: Language
    policy: Policy
    values: Mapping[str, Json]

    def evaluate(self, expression: str) -> Json:
        """Evaluates an expression, with the variables of the policy. Raises CelError."""
        if any(map(variables.binds, (expression, *(one.expression for one in self.policy.variables)))):
            raise UnansweredError("cel.bind is not there in Kubernetes, which refuses the policy; write a variable")
        whole = self._plain(expression)
        for variable in reversed(self.policy.variables):
            name = variables.plain_name(variable.name)
            if name in whole:
                whole = f"cel.bind({name}, {self._plain(variable.expression)}, {whole})"
        try:
            return self.language.evaluate(whole, self.values)
        except UnansweredError as error:
            raise UnansweredError(_REASONS.get(error.variable, str(error)), error.variable) from None

    def _plain(self, expression: str) -> str:
        """Returns an expression with names of their own for variables, and for fields that are known apart from their
        object, or unknown."""
        whole = _replaced(_HAS_VARIABLE, expression, lambda _: "true")
        unknown = _OF_REQUEST if "namespaceObject" in self.values else _OF_BOTH
        return _replaced(unknown, variables.plain_variables(whole), _name_of)

    def meets_conditions(self) -> bool:
        """True if all match conditions hold; one that does not decides, even if another cannot be evaluated."""
        errors: list[CelError] = []
        for condition in self.policy.conditions:
            try:
                if self.evaluate(condition.expression) is not True:
                    return False
            except CelError as error:
                errors.append(error)
        if errors:
            raise next((one for one in errors if isinstance(one, UnansweredError)), errors[0])
        return True

    def verdict(self) -> _Verdict:
        """Evaluates validations and audit annotations."""
        refusals: list[str] = []
        unanswered: list[str] = []
        for validation in self.policy.validations:
            try:
                if self.evaluate(validation.expression) is not True:
                    refusals.append(
                        self._message(validation.message, validation.message_expression, validation.expression)
                    )
            except UnansweredError as error:
                unanswered.append(f"{_short(validation.expression)}: {error}")
            except CelError as error:
                if not self.policy.ignores_failures:
                    refusals.append(f"expression '{_short(validation.expression)}' resulted in error: {error}")
        annotations, errors = self._annotations()
        return _Verdict(tuple(refusals), tuple(unanswered), annotations, errors)

    def _message(self, message: str, message_expression: str, expression: str) -> str:
        """Returns what is said where an expression does not hold, in the order of the API server."""
        text: Json = None
        if message_expression:
            try:
                text = self.evaluate(message_expression)
            except CelError:
                text = None
        found = text.strip() if isinstance(text, str) else ""
        if len(found.encode()) > _MAX_MESSAGE or "\n" in found:
            found = ""
        return found or message.strip() or f"failed expression: {expression.strip()}"

    def _annotations(self) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """Returns the audit annotations, and the errors of those that are neither a text nor null."""
        found: list[tuple[str, str]] = []
        errors: list[str] = []
        for one in self.policy.annotations:
            try:
                value = self.evaluate(one.expression)
            except CelError as error:
                errors.append(f"auditAnnotation {one.name}: {error}")
                continue
            if isinstance(value, str):
                found += [(one.name, value.strip())] if value.strip() else []
            elif value is not None:
                errors.append(f"auditAnnotation {one.name}: the value is neither a text nor null")
        return tuple(found), () if self.policy.ignores_failures else tuple(errors)


def _replaced(pattern: re.Pattern[str], expression: str, name: Callable[[str], str]) -> str:
    """Replaces what matches a pattern, but for texts and comments."""
    for match in reversed(list(pattern.finditer(code_of(expression)))):
        expression = f"{expression[: match.start()]}{name(match[0])}{expression[match.end() :]}"
    return expression


def _name_of(field: str) -> str:
    """Returns the variable of a field that is known apart from its object; of ``.?field``, as an optional value."""
    name = re.sub(r"[\s?]", "", field).replace(".", "_")
    return f"optional.of({name})" if "?" in field else name


def _short(expression: str) -> str:
    text = " ".join(expression.split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def _names_of_variables(policies: Iterable[Policy]) -> Iterator[str]:
    return (variables.plain_name(one.name) for policy in policies for one in policy.variables)


def _is_param(resource: Resource, policy: Policy, ref: Fields, admission: Admission) -> bool:
    """True if an object is what a paramRef refers to."""
    if (resource.id.api_version, resource.id.kind) != policy.param_kind:
        return False
    where = ref.text("namespace") or admission.namespace
    if resource.id.namespace and resource.id.namespace != where:
        return False
    if ref.has("name"):
        return resource.id.name == ref.text("name")
    return selects(ref.section("selector"), labels_of(resource.body))


def _values(admission: Admission, params: Mapping[str, Json] | None) -> dict[str, Json]:
    """Returns the values of the variables that are known; the others leave open what hangs on them."""
    values: dict[str, Json] = {
        "object": with_defaults(admission.resource.body, admission),
        "oldObject": None if admission.old is None else with_defaults(admission.old, admission),
        "request": _request(admission),
        "params": params,
    }
    if admission.requester is not None:
        who = admission.requester
        values["request_userInfo"] = {"username": who.user, "groups": list(who.groups)}
    if not admission.namespace:
        values["namespaceObject"] = None
    else:
        values["namespaceObject_metadata_name"] = admission.namespace
    if admission.namespace_object is not None:
        values["namespaceObject"] = admission.namespace_object
    return values


def _request(admission: Admission) -> dict[str, Json]:
    """Returns what is known of a request, but for who makes it."""
    who = admission.resource.id
    kind: dict[str, Json] = {"group": admission.group, "version": admission.version, "kind": who.kind}
    where: dict[str, Json] = {
        "group": admission.group,
        "version": admission.version,
        "resource": resource_name(admission.resource),
    }
    return {
        "kind": kind,
        "requestKind": kind,
        "resource": where,
        "requestResource": where,
        "subResource": "",
        "requestSubResource": "",
        "name": who.name,
        "namespace": admission.namespace,
        "operation": admission.operation,
        "dryRun": False,
    }
