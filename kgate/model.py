"""The nouns of kgate: frozen values that pass between the stages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import IntEnum, StrEnum
from typing import Any, Protocol, Self, TypeAlias

from kgate.values import dataclass

Json: TypeAlias = Any
"""What YAML and JSON hold: dict, list, str, int, float, bool or None."""

Pointer: TypeAlias = str
"""A JSON Pointer (RFC 6901); the empty one means the whole document."""


def pointer_tokens(pointer: Pointer) -> tuple[str, ...]:
    """The reference tokens of a JSON Pointer, unescaped."""
    if not pointer:
        return ()
    tokens = pointer[1:].split("/")
    return tuple(tokens) if "~" not in pointer else tuple(map(unescaped, tokens))


def unescaped(token: str) -> str:
    """A reference token as it is in the document; in a pointer ``~`` and ``/`` are escaped."""
    return token.replace("~1", "/").replace("~0", "~") if "~" in token else token


def child_pointer(pointer: Pointer, *tokens: str | int) -> Pointer:
    """The pointer of a descendant."""
    for token in tokens:
        text = str(token)
        if "~" in text or "/" in text:
            text = text.replace("~", "~0").replace("/", "~1")
        pointer += "/" + text
    return pointer


_INDEX = re.compile(r"[0-9]{1,9}")


def list_index(token: str | int) -> int | None:
    """The index that a token is, or None; ``str.isdigit`` is true for more than int takes."""
    return int(token) if _INDEX.fullmatch(str(token)) else None


def json_text(value: Json) -> str:
    """A value as a message shows it: text as it is, all else as JSON (``true``, ``[1]``)."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def is_number(value: Json) -> bool:
    """True if a value is a number, and not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def value_at(body: Json, pointer: Pointer) -> Json:
    """The value of a field; None if it is absent."""
    for token in pointer_tokens(pointer):
        if isinstance(body, Mapping):
            body = body.get(token)
        elif isinstance(body, list) and (index := list_index(token)) is not None and index < len(body):
            body = body[index]
        else:
            return None
    return body


def field_path(pointer: Pointer) -> str:
    """A pointer the way Kubernetes writes it in its errors: ``spec.containers[0].name``."""
    path = ""
    for token in pointer_tokens(pointer):
        if list_index(token) is not None:
            path += f"[{token}]"
        elif _PLAIN_KEY.fullmatch(token):
            path += f".{token}" if path else token
        else:
            path += f"[{token}]"
    return path


class Labelled(IntEnum):
    """Members with an order, each known to users by its name in lower case."""

    @property
    def label(self) -> str:
        """The word used in rule files, on the command line and in every report."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Self:
        """The member that a label names; ValueError if none does."""
        try:
            return cls[label.upper()]
        except KeyError:
            raise ValueError(f"'{label}' is not a {cls.__name__.lower()}") from None


class Severity(Labelled):
    """How much a finding gives away; the order is the order of harm."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Persona(Labelled):
    """Who asks, and so which rules are used: each persona uses those of the ones before it, too.

    GATE asks what grants privilege or misses Pod Security restricted, AUDIT also what would harden, PEDANTIC all.
    """

    GATE = 1
    AUDIT = 2
    PEDANTIC = 3


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text file: line and column from 1, columns in Unicode code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """The place of something: file, region (``end`` is exclusive), field, and the text of its line.

    Of what was rendered, it is the place in the source: ``related`` names the other places that have a part in it
    (the call of a helper template, the key of a values file), ``is_approximate`` says that the line was inferred.
    ``value`` is the text of the field's value as the source writes it beside the key; empty where it is not known.
    ``line_hash`` is GitHub's hash of the line, from which it knows an alert again; empty where it is not known.
    """

    path: str
    start: Position
    end: Position
    pointer: Pointer = ""
    snippet: str = ""
    is_approximate: bool = False
    related: tuple[Related, ...] = field(default=(), compare=False)
    line_hash: str = field(default="", compare=False)
    value: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.path}:{self.start.line}:{self.start.column}"

    @property
    def order(self) -> tuple[str, int, int, int, int, Pointer, str, bool]:
        """A key that sorts locations as ``<`` does, and faster."""
        start, end = self.start, self.end
        region = start.line, start.column, end.line, end.column
        return (self.path, *region, self.pointer, self.snippet, self.is_approximate)

    def at(self, pointer: Pointer) -> Location:
        """Returns this region as the location of another field."""
        if pointer == self.pointer:
            return self
        places = self.path, self.start, self.end
        return Location(*places, pointer, self.snippet, self.is_approximate, self.related, self.line_hash, self.value)


@dataclass(frozen=True, slots=True)
class Related:
    """A place that has a part in a finding, and which: ``value image.tag``, ``called here``. ``is_context`` says that
    it is about the whole object, and the same for all its fields from there. ``step`` is above 0 for a step on a way to
    what the finding is about: it comes after the last place before it with a smaller one."""

    location: Location
    message: str
    is_context: bool = False
    step: int = 0


class Locator(Protocol):
    """What knows the place of every field of one parsed document."""

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field, or of its nearest parent where it is absent."""

    def line(self, path: str, number: int) -> str:
        """A line of a file that a location names; empty if its text is not at hand."""

    def with_nulls(self, pointer: Pointer) -> Json:
        """The value of a field as the document writes it, with null fields, which bodies lack; None if absent."""


@dataclass(frozen=True, slots=True, order=True)
class ResourceId:
    """What tells one Kubernetes object from another."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def kinds(self) -> tuple[str, str]:
        """What rules and gates call its kind: in any API group, and in its own."""
        return self.kind, f"{self.kind}.{self.api_version.rpartition('/')[0] or 'core'}"

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True, order=True)
class Destination:
    """A cluster that a GitOps object deploys to, by its name or URL. ``is_own`` says that it is the one in which the
    object itself is, which is then called after where that lies; ``is_assumed`` that nothing but that folder says that
    others go there, too. ``is_unnamed`` says of another one that it is called after what leads to it, from there."""

    name: str
    is_own: bool = False
    is_assumed: bool = False
    is_unnamed: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Rendering:
    """What a resource was rendered by: ``tool`` is helm or kustomize, ``path`` the chart or the folder of the
    kustomization, ``variant`` tells several renderings of it apart (a release and its values), and
    ``requested_by`` names the GitOps object that asks for it, with its place. ``given`` says under which other
    circumstances a release was rendered: in another cluster (upgraded, on an old Kubernetes), with other values.
    ``destinations`` are the clusters that it is surely deployed to."""

    tool: str
    path: str
    variant: str = ""
    requested_by: str = ""
    given: str = ""
    destinations: tuple[Destination, ...] = field(default=(), compare=False)

    @property
    def title(self) -> str:
        """The variant, and what is given besides."""
        return ", ".join(part for part in (self.variant, self.given) if part)

    def __str__(self) -> str:
        parts = (f"{self.tool} {self.path}", self.title, self.requested_by and f"for {self.requested_by}")
        return ", ".join(part for part in parts if part)


def _never(_: Pointer) -> bool:
    """Says of no field that its value is invented."""
    return False


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part of a value, ``text``, that stands for what only the cluster knows; ``reason`` says why and what to do,
    ``place`` where it is written if the field is not the place."""

    text: str
    reason: str
    place: Location | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One Kubernetes object as the API server would read it; ``body`` holds plain JSON types. A plain manifest
    has no ``rendering``. ``unknown`` holds the fields of which not everything is known, by pointers that start at the
    body; ``concealed`` the values that no report may show, each with what is shown instead.

    ``is_invented`` says of a field whether kgate made up its value, as that of ``{{ .Release.Namespace }}`` where
    nobody says into which namespace the chart goes: no finding stands on it. ``otherwise`` is the body of another
    rendering, without the parts of texts that change from one to the next; None where nothing changes. A finding
    stands only if it stands there too. ``installer`` is the tool that completes a configuration object with defaults of
    its own: ``kubeadm``, ``kind``; empty if nobody does, and for all other objects. ``owners`` are the objects that it
    was made for, as the controller says that made it: gates and waivers that name one of them are about it, too.
    ``is_first`` is False for an audit policy that follows another document in its file."""

    id: ResourceId
    body: Mapping[str, Json]
    pointer: Pointer
    locator: Locator
    rendering: Rendering | None = None
    unknown: Mapping[Pointer, Unknown] = field(default_factory=dict)
    concealed: tuple[tuple[str, str], ...] = ()
    is_invented: Callable[[Pointer], bool] = field(default=_never, compare=False, repr=False)
    otherwise: Mapping[str, Json] | None = None
    installer: str = ""
    owners: tuple[ResourceId, ...] = ()
    is_first: bool = True

    @property
    def has_doubts(self) -> bool:
        """True if not all values are those that somebody wrote."""
        return bool(self.unknown) or self.otherwise is not None or self.is_invented is not _never

    @property
    def name_as_written(self) -> str:
        """The name of what was rendered as a template or base writes it; empty where it is not known for sure."""
        place = self.locate("/metadata/name")
        return "" if place.is_approximate else place.value.strip(" \t'\"")

    def locate(self, pointer: Pointer) -> Location:
        """The place of a field of the body (``pointer`` starts at the body, not at the document)."""
        return self.locator.locate(self.pointer + pointer)

    @property
    def title(self) -> str:
        """The object and its place in words: ``Application/argocd/web apps/web.yaml:1``."""
        place = self.locate("")
        return f"{self.id} {place.path}:{place.start.line}"

    def shown(self, text: str) -> str:
        """A text about it without what no report may show: whole texts, and what is long enough in others."""
        for value, shown in self.concealed:
            text = shown if text == value else text.replace(value, shown) if len(value) >= _LEAST_CONCEALED else text
        return text


_LEAST_CONCEALED = 4


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod; ``list`` is the PodSpec field that it counts to, ``pointer`` starts at the
    resource. ``origins`` names the pointers of fields that stand elsewhere (defaults of a Tekton Task)."""

    name: str
    list: str
    body: Json
    pointer: Pointer
    origins: Mapping[str, Pointer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that a workload runs: PodSpec, its metadata, and where they stand in the resource.

    ``origins`` names the pointers of fields, and of members of list fields (``volumes/0``), that
    stand elsewhere than below ``pointer`` (a pod that an Argo Workflow puts together). ``is_whole`` is
    False for a part of a pod that an operator or a chart completes: what is absent there is not the manifest's fault.
    """

    spec: Json
    pointer: Pointer
    metadata: Mapping[str, Json]
    metadata_pointer: Pointer
    containers: tuple[Container, ...]
    origins: Mapping[str, Pointer] = field(default_factory=dict)
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a workload that cannot be judged, and why."""

    pointer: Pointer
    message: str


@dataclass(frozen=True, slots=True)
class Workload:
    """A resource that runs pods, whatever its kind."""

    resource: Resource
    pods: tuple[Pod, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True if the resource says all of its pods; of a fragment neither score nor level is known."""
        return all(pod.is_whole for pod in self.pods)


@dataclass(frozen=True, slots=True)
class PssCheck:
    """A Pod Security Standards check that a rule implements."""

    level: str
    check: str


@dataclass(frozen=True, slots=True)
class Versions:
    """A range of Kubernetes 1.x minor versions; ``until`` is exclusive."""

    since: int = 0
    until: int | None = None

    def __contains__(self, minor: int) -> bool:
        return self.since <= minor and (self.until is None or minor < self.until)


@dataclass(frozen=True, slots=True)
class Example:
    """A manifest fragment of a rule file: its data, its text as written, the version it is about, its line, and the
    parameters that the rule has there."""

    body: Json = field(hash=False)
    text: str
    minor: int | None = None
    line: int = 0
    params: tuple[tuple[str, ParameterValue], ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a rule's reasons can be read up."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Variable:
    """An expression of a rule that others use by its name."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Condition:
    """Where a fix is right: an expression, and why it is not right where that does not hold. With ``is_advice`` it is
    right there as well, but no longer safe."""

    expression: str
    otherwise: str
    is_advice: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """How a rule file says that an offence is fixed: fields to set, of lists the members that must be there; fields to
    correct, if they are there; fields to remove. Paths start where those of ``Rule.fields`` do. ``is_safe`` says that
    hardly a program notices."""

    set: tuple[tuple[str, Json], ...] = field(default=(), hash=False)
    correct: tuple[tuple[str, Json], ...] = field(default=(), hash=False)
    remove: tuple[str, ...] = ()
    is_safe: bool = False
    when: tuple[Condition, ...] = ()


ParameterValue: TypeAlias = tuple[str, ...] | str | int
"""A list of strings, a string, a whole number, or a truth value."""


def parameter_json(value: ParameterValue) -> Json:
    """The value of a parameter as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value in a rule that a configuration may set (``params.name`` in its expressions)."""

    name: str
    default: ParameterValue
    value: ParameterValue
    description: str = ""

    @property
    def kind(self) -> str:
        """What its values are, in words."""
        if isinstance(self.default, bool):
            return "true or false"
        words = {tuple: "a list of strings", str: "a string", int: "a whole number"}
        return words[type(self.default)]

    def fits(self, value: ParameterValue) -> bool:
        """True if a value is of its kind."""
        return type(value) is type(self.default)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule file, checked; design and meaning of the fields: CONTRIBUTING.md. ``persona`` is the first one that
    uses the rule."""

    id: str
    title: str
    severity: Severity
    points: int
    targets: tuple[str, ...]
    expression: str
    message: str
    variables: tuple[Variable, ...] = ()
    each: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    pss: tuple[PssCheck, ...] = ()
    versions: Versions = Versions()
    persona: Persona = Persona.GATE
    includes: tuple[str, ...] = ()
    rationale: str = ""
    remediation: str = ""
    instead: str = ""
    references: tuple[Reference, ...] = ()
    tags: tuple[str, ...] = ()
    equivalents: tuple[tuple[str, str], ...] = ()
    good: tuple[Example, ...] = ()
    bad: tuple[Example, ...] = ()
    path: str = ""
    fix: Fix | None = None
    parameters: tuple[Parameter, ...] = ()
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that a fix sets to a value, or removes if that is None; of a list, the members that must be there.
    ``pointer`` starts at the document, ``place`` is that of the field or of its nearest parent that is there."""

    pointer: Pointer
    value: Json = field(hash=False)
    place: Location


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would fix a finding. ``doubt`` says why that is not safe, ``obstacle`` why there is no fix; both are empty
    if nothing speaks against it."""

    changes: tuple[FieldChange, ...] = ()
    doubt: str = ""
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A piece of a file, up to ``end`` (exclusive), and the text that takes its place; equal positions insert."""

    start: Position
    end: Position
    text: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted risk: why it was taken, by whom and until when (ISO date), as far as that is said, and the ``place``
    that says so: ``kgate-waivers.yaml:3``. ``is_inline`` says that it stands in a manifest."""

    reason: str
    owner: str = ""
    expires: str = ""
    place: str = ""
    is_inline: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class FailOn:
    """The least severity of findings that fail by themselves, None if none does, and the line in ``gates`` of a
    configuration that says so; empty where the whole scan does. ``has_no_score`` says that it is about an object that
    runs nothing, so that its findings count for no score."""

    severity: Severity | None
    place: str = ""
    has_no_score: bool = False

    @property
    def order(self) -> tuple[float, str]:
        """A key that sorts the strictest first."""
        return (float("inf") if self.severity is None else self.severity, self.place)


@dataclass(frozen=True, slots=True)
class Finding:
    """One offence in one place. ``anchor`` is the field relative to its container or pod with list
    items by name, ``includes`` holds the more general rules that the same place offends.

    ``source`` is the file in which the resource begins. The same offence of several renderings is one finding that
    lists them; ``also`` holds what the resource is called in the others, where that differs, or the objects that it was
    made for. ``known_as`` is its
    name as the source writes it (``{{ .Release.Name }}-web``), where that alone tells what was rendered from it.
    ``is_explicit`` says that somebody wrote the value, though the field's absence would offend as well. ``remedy`` is
    None where the rule has no fix, and if the scan was not asked for them. ``fail_on`` says when it fails by itself;
    None if that is as in the whole scan. ``is_new`` says that the scan was compared with something that does not have
    it; None where nothing was compared.
    """

    rule: Rule
    resource: ResourceId
    container: str | None
    location: Location
    anchor: str
    message: str
    includes: tuple[Rule, ...] = ()
    waiver: Waiver | None = None
    source: str = ""
    renderings: tuple[Rendering, ...] = ()
    also: tuple[ResourceId, ...] = ()
    known_as: str = ""
    is_explicit: bool = False
    remedy: Remedy | None = field(default=None, compare=False)
    fail_on: FailOn | None = None
    is_new: bool | None = None

    def fails(self, fail_on: Severity | None) -> bool:
        """True if it fails by itself, in a scan that fails on a severity; a known one does not."""
        least = fail_on if self.fail_on is None else self.fail_on.severity
        is_open = self.waiver is None and self.is_new is not False
        return is_open and least is not None and self.rule.severity >= least

    @property
    def is_about_gate(self) -> bool:
        """True if the scanned change weakens the gate itself: the rule of that is asked about no resource."""
        return not self.rule.targets

    @property
    def resources(self) -> tuple[ResourceId, ...]:
        """Every resource that has this finding; first the one that it is reported for."""
        return (self.resource, *self.also)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that this place offends, the most specific one first."""
        return (self.rule, *self.includes)

    @property
    def fingerprint(self) -> str:
        """128 bits in hexadecimal that stay the same when lines move or the file is renamed in its folder.

        Of what was rendered they also stay when another overlay or release renders it, under whatever name.
        """
        import hashlib

        who = self.resource
        name = (self.location.path.rpartition("/")[0], self.known_as) if self.known_as else (who.namespace, who.name)
        text = "\0".join((self.rule.id, who.api_version, who.kind, *name, self.container or "", self.anchor))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """A message about a file that is not a finding; ``line`` is None where it is about the whole file."""

    path: str
    line: int | None
    message: str

    @property
    def text(self) -> str:
        """All that it says, without its place."""
        return self.message

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.text}"


@dataclass(frozen=True, slots=True, order=True)
class Problem(Remark):
    """Something that could not be read, rendered or judged."""


@dataclass(frozen=True, slots=True, order=True)
class Note(Remark):
    """Something that a reader should know and does not have to fix, such as a revision that is taken for this one."""


@dataclass(frozen=True, slots=True, order=True)
class HiddenManifests(Note):
    """A line of a ``.kgateignore``, and how many ``manifests`` it hides, or at least if not all were read."""

    manifests: int = 0


@dataclass(frozen=True, slots=True, order=True)
class UnusedWaiver(Note):
    """A waiver that fits nothing in a scan of the whole repository."""


@dataclass(frozen=True, slots=True, order=True)
class EndingWaiver(Note):
    """A waiver that ends soon."""


@dataclass(frozen=True, slots=True, order=True)
class Unjudged(Remark):
    """What would reach a cluster and was not judged: ``what`` names it, ``message`` says why, and ``command`` what to
    run to have it judged; empty where nothing is known to help."""

    what: str = ""
    command: str = ""

    @property
    def text(self) -> str:
        """All that it says, without its place."""
        advice = f"; run: {self.command}" if self.command else ""
        return f"{self.what} is not judged: {self.message}{advice}"


@dataclass(frozen=True, slots=True, order=True)
class Accepted:
    """A Problem, or something that was not judged, that is accepted."""

    remark: Problem | Unjudged
    waiver: Waiver = field(compare=False)


def problems_of(remarks: Iterable[Remark]) -> tuple[Problem, ...]:
    """The Problems among remarks, sorted, each once."""
    return tuple(sorted({remark for remark in remarks if isinstance(remark, Problem)}))


def unjudged_of(remarks: Iterable[Remark]) -> tuple[Unjudged, ...]:
    """What is not judged among remarks, each once."""
    return tuple(dict.fromkeys(remark for remark in remarks if isinstance(remark, Unjudged)))


PULL = "kgate pull"
"""The command that fetches charts and bases from elsewhere."""


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100, the grade from A to F, and what the workload had to reach.

    ``is_bound`` says that the score itself is not known and at most ``value``: of a part of a pod, and of a workload
    of which something could not be judged. For this one ``is_judged`` is False, and it reaches no threshold.
    ``ignored`` names the rules that it offends and that were left out by name, without which it would be
    ``without_ignoring``.
    ``waived`` names the rules that do not count as all of their findings are waived, without which waivers it would be
    ``without_waivers``.
    ``is_accepted`` says that what could not be judged of it is accepted.
    ``decisive`` is the least severity of the findings that have to go for the threshold to be reached; None if it is.
    ``level`` is the Pod Security level that it had to reach as well, empty if any will do. The places are the lines in
    ``gates`` of a configuration that ask for both; empty where the whole scan does.
    """

    value: int
    threshold: int
    is_bound: bool = False
    is_judged: bool = True
    without_ignoring: int | None = None
    ignored: tuple[str, ...] = ()
    decisive: Severity | None = None
    level: str = ""
    misses_level: bool = False
    threshold_place: str = ""
    level_place: str = ""
    without_waivers: int | None = None
    waived: tuple[str, ...] = ()
    is_accepted: bool = False

    @property
    def known(self) -> int | None:
        """The value, or None where it is only a bound."""
        return None if self.is_bound else self.value

    @property
    def grade(self) -> str:
        """The letter: A from 90, B from 75, C from 60, D from 30, F below; UNKNOWN where the score is."""
        if self.is_bound:
            return UNKNOWN
        bounds = ((90, "A"), (75, "B"), (60, "C"), (30, "D"))
        return next((letter for bound, letter in bounds if self.value >= bound), "F")

    @property
    def passed(self) -> bool:
        """True if the threshold and the level are reached; of a part of a pod, if the rest of it may still do so."""
        return self.is_judged and self.value >= self.threshold and not self.misses_level

    @property
    def rests_on_ignoring(self) -> bool:
        """True if the threshold is reached only because rules are ignored."""
        return self.passed and self.without_ignoring is not None and self.without_ignoring < self.threshold

    @property
    def rests_on_waivers(self) -> bool:
        """True if the threshold is reached only because findings are waived."""
        return self.passed and self.without_waivers is not None and self.without_waivers < self.threshold

    @property
    def order(self) -> tuple[bool, int, bool]:
        """A key that sorts scores worst first; nothing is worse than what is not known."""
        return (self.is_judged, self.value, self.is_bound)


UNKNOWN = "–"
"""Shown instead of a score, grade or level that is not known."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found out about one workload. The level is privileged if something of it could not be judged, and
    UNKNOWN for a part of a pod. ``renderings`` of one chart or kustomization that came to the same are one
    assessment. ``kubernetes_version`` is the one that it was judged for; empty if that is the one of the report.
    ``before`` is the score that a baseline has of it, if any; ``is_known`` says that it fails no worse than that."""

    workload: ResourceId
    location: Location
    score: Score
    pss_level: str
    renderings: tuple[Rendering, ...] = ()
    kubernetes_version: str = ""
    before: int | None = None
    is_known: bool = False

    @property
    def passed(self) -> bool:
        """True if everything was judged, and the threshold and the level are reached, or if a baseline accepts less."""
        return self.score.passed or self.is_known


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision of the gate and its reasons, in words."""

    passed: bool
    incomplete: bool
    reasons: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 3 incomplete (which wins)."""
        if self.incomplete:
            return 3
        return 0 if self.passed else 1


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was read: files, resources, and documents that are not Kubernetes objects."""

    files: int = 0
    resources: int = 0
    ignored: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.files + other.files, self.resources + other.resources, self.ignored + other.ignored)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """How many objects run nothing, deploy nothing, and are of a kind that no rule is about; ``rbac`` of them give
    rights to users and service accounts."""

    objects: int = 0
    rbac: int = 0

    def __add__(self, other: Uncovered) -> Uncovered:
        return Uncovered(self.objects + other.objects, self.rbac + other.rbac)


@dataclass(frozen=True, slots=True, order=True)
class AppliedValues:
    """Values inside an object that a chart was rendered with: the object (Resource.title), and the pointer to them."""

    owner: str
    pointer: Pointer


class Fate(StrEnum):
    """What became of a file that a scan came across."""

    WRITTEN = "judged as written"
    RENDERED = "rendered"
    PATCH = "patch"
    DATA = "data"
    CONFIGURATION = "configuration"
    IGNORED = "ignored"
    LEFT_OUT = "left out"
    UNJUDGED = "not judged"
    OTHER = "no manifest"


@dataclass(frozen=True, slots=True)
class FileFate:
    """What became of one file, or of all of an ignored folder (its path ends in a slash), and by what: renderings,
    places that name it, the line of an ignore file."""

    path: str
    fate: Fate
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What ``files`` files hold, or a part of one; ``ignored`` counts documents that are not Kubernetes objects,
    ``skipped`` resources that were recognised without being parsed, ``path`` is the file of a plain manifest,
    ``values`` counts the scalars and collections that were parsed, ``applied`` names what was rendered, and ``silent``
    the templates that put out nothing.
    ``counts_in`` says of a resource whether it is to be judged; None if all are."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: int = 0
    skipped: int = 0
    files: int = 0
    notes: tuple[Note, ...] = ()
    path: str = ""
    values: int = 0
    applied: tuple[AppliedValues, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    fates: tuple[FileFate, ...] = ()
    silent: tuple[str, ...] = ()
    counts_in: Callable[[Resource], bool] | None = field(default=None, compare=False, repr=False)

    @property
    def counts(self) -> Counts:
        """How much was read."""
        return Counts(self.files, len(self.resources) + self.skipped, self.ignored)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """What was found and is only counted, because one file holds so much of it: findings by severity, workloads by
    score, problems, what was not judged, and findings that are waived. The notes, which the report also has among its
    own, name the files. ``gated`` counts those of the findings that have a ``fail_on`` of their own."""

    findings: Mapping[Severity, int] = field(default_factory=dict)
    scores: Mapping[Score, int] = field(default_factory=dict)
    problems: int = 0
    unjudged: int = 0
    notes: tuple[Note, ...] = ()
    gated: Mapping[tuple[Severity, FailOn], int] = field(default_factory=dict)
    waived: int = 0


@dataclass(frozen=True, slots=True)
class WorkloadChange:
    """What became of a workload (``Kind/namespace/name``): its score before and after, None where there is none or it
    is not known, and how many of its findings are new and gone. ``is_new`` and ``is_gone`` say that only one side has
    it. ``moved_from`` is what was another one then: its file, its name, or what rendered it; empty if all are the
    same."""

    workload: str
    path: str
    renderings: tuple[str, ...]
    before: int | None
    after: int | None
    new: int
    gone: int
    is_new: bool = False
    is_gone: bool = False
    moved_from: str = ""


class FindingState(StrEnum):
    """What became of a finding from one state of a repository to another."""

    NEW = "new"
    GONE = "gone"
    MOVED = "moved"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding as it was and as it is, not both None: one that is new or gone, one whose file or object has another
    name, or one that was not waived before."""

    before: Finding | None
    after: Finding | None

    @property
    def finding(self) -> Finding:
        """The finding as it is, or was if it is gone."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def state(self) -> FindingState:
        """What became of it."""
        if self.before is None:
            return FindingState.NEW
        if self.after is None:
            return FindingState.GONE
        return FindingState.MOVED if self.after.waiver is None else FindingState.WAIVED


@dataclass(frozen=True, slots=True)
class Compared:
    """What a scan was compared with (``title``, the path of a baseline), how many open findings are ``new`` and how
    many are ``known`` from there, how many workloads pass only because they are no worse than there, and how many
    findings of there are ``gone``; None where that is not known, as not everything was judged. ``changes`` lists the
    workloads that are not as they were there, and ``findings`` those that are not; None for a baseline, which does not
    know all of them."""

    title: str
    new: int = 0
    known: int = 0
    workloads: int = 0
    gone: int | None = None
    changes: tuple[WorkloadChange, ...] | None = None
    findings: tuple[FindingChange, ...] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan found: what is listed of it, and how much is not. ``expired`` are the waivers that would still waive
    something."""

    assessments: tuple[Assessment, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    unlisted: Unlisted = Unlisted()
    notes: tuple[Note, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    uncovered: Uncovered = Uncovered()
    accepted: tuple[Accepted, ...] = ()
    expired: tuple[Waiver, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the settings of a scan come from: the path of the configuration, and the trusted revision that it was taken
    from. Empty without a configuration, and if the checkout itself says it."""

    path: str = ""
    revision: str = ""

    def __str__(self) -> str:
        return (self.path or "none, so the defaults hold") + (f", as of {self.revision}" if self.revision else "")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting by its key in ``kgate.yaml``: the value that held, as plain JSON types, and its ``source``: a flag, a
    variable, the line of a file, or DEFAULT."""

    name: str
    value: Json = field(hash=False)
    source: str

    @property
    def is_default(self) -> bool:
        """True if nobody set it."""
        return self.source == DEFAULT

    @property
    def text(self) -> str:
        """The value in a few words: of mappings only the keys, of a list of them only how many there are."""
        if isinstance(self.value, list) and any(isinstance(one, dict) for one in self.value):
            return f"{len(self.value)} {'entry' if len(self.value) == 1 else 'entries'}"
        return ", ".join(self.value) if isinstance(self.value, (list, dict)) else json_text(self.value)

    def __str__(self) -> str:
        return f"{self.name} {self.text} ({self.source})"


DEFAULT = "default"
"""The source of a setting that nobody set."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a scan, sorted: all that a report format sees of it. Findings about the gate itself come first,
    counts include what is ``unlisted``, ``configuration`` names the file that the settings come from, and ``settings``
    holds them all. ``accepted`` is what would stand among the problems and what is not judged. ``compared`` is
    None without a baseline."""

    version: str
    kubernetes_version: str
    rules: tuple[Rule, ...]
    assessments: tuple[Assessment, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    counts: Counts
    verdict: Verdict
    fail_on: Severity | None = None
    notes: tuple[Note, ...] = ()
    unlisted: Unlisted = Unlisted()
    unjudged: tuple[Unjudged, ...] = ()
    configuration: Provenance = Provenance()
    settings: tuple[Setting, ...] = ()
    files: tuple[FileFate, ...] = ()
    uncovered: Uncovered = Uncovered()
    accepted: tuple[Accepted, ...] = ()
    compared: Compared | None = None

    @property
    def severities(self) -> Mapping[Severity, int]:
        """How many findings count, by severity, worst first."""
        listed = Counter(finding.rule.severity for finding in self.findings if finding.waiver is None)
        return {severity: listed[severity] + self.unlisted.findings.get(severity, 0) for severity in reversed(Severity)}

    @property
    def hidden(self) -> tuple[HiddenManifests, ...]:
        """The notes about lines that hide manifests."""
        return tuple(note for note in self.notes if isinstance(note, HiddenManifests))

    @property
    def waived(self) -> int:
        """How many findings are waived."""
        return sum(finding.waiver is not None for finding in self.findings) + self.unlisted.waived

    @property
    def scores(self) -> Mapping[int, int]:
        """How many workloads have each score, of those whose score is known."""
        counts = Counter(one.score.value for one in self.assessments if not one.score.is_bound)
        for score, count in self.unlisted.scores.items():
            counts[score.value] += 0 if score.is_bound else count
        return +counts

    @property
    def workloads(self) -> int:
        """How many workloads were assessed."""
        return len(self.assessments) + sum(self.unlisted.scores.values())


@dataclass(frozen=True, slots=True)
class Diff:
    """Two states of a repository, each with what it is called; the report of the second one is compared with the first
    one. ``notes`` say what keeps them from being quite comparable."""

    before: Report
    after: Report
    titles: tuple[str, str]
    notes: tuple[str, ...] = ()
