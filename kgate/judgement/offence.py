"""A field that offends a rule, with its place in the resource."""

from __future__ import annotations

from kgate.judgement.blame import Blame
from kgate.judgement.target import Target
from kgate.model import Json, Pointer, Problem, Resource, Rule, pointer_tokens, value_at
from kgate.values import dataclass


@dataclass(slots=True)
class Offence:
    """A field of a target that offends a rule, with the pointer of the field in the resource."""

    blame: Blame
    target: Target
    pointer: Pointer
    is_in_container: bool

    @classmethod
    def of(cls, blame: Blame, target: Target) -> Offence:
        """Places a blame in the resource of its target."""
        tokens = blame.tokens
        is_in_container = target.container is not None and not (tokens and tokens[0] == "pod")
        return cls(blame, target, target.pointer(tokens), is_in_container)

    @property
    def rule(self) -> Rule:
        """The rule that is offended."""
        return self.blame.rule

    @property
    def is_about_reach(self) -> bool:
        """True if the offence is what is bound to the pod's account, or what a binding gives, whatever that is
        called."""
        return is_about_reach(self.rule)

    @property
    def is_about_neighbours(self) -> bool:
        """True if the offence is what other objects make of the pod, whatever they are called."""
        return any(f"facts.?{name}" in self.rule.expression for name in ("exposure", "network", "onNode"))

    @property
    def container(self) -> str | None:
        """The name of the container, if the field is one of its own."""
        container = self.target.container
        return container.name if container is not None and self.is_in_container else None

    @property
    def value(self) -> Json:
        """The value of the field."""
        return value_at(self.target.resource.body, self.pointer)

    @property
    def anchor(self) -> str:
        """The path of the pod and, from its container or pod on, of the field, without indexes of lists."""
        prefix = self.target.pod.pointer if self.target.pod is not None else ""
        return f"{_without_index(prefix)}#{self.blame.stable_name}"


def is_about_reach(rule: Rule) -> bool:
    """True if a rule asks what roles and bindings give."""
    return "facts.?reach" in rule.expression


def problem_at(resource: Resource, pointer: Pointer, message: str) -> Problem:
    """Returns a problem at a field of a resource, which it names."""
    location = resource.locate(pointer)
    return Problem(location.path, location.start.line, resource.shown(f"{resource.id}: {message}"))


def _without_index(pointer: Pointer) -> str:
    return "/".join(token for token in pointer_tokens(pointer) if not token.isdigit())
