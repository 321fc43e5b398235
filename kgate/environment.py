"""What a repository cannot know and its owner states: variables of Flux, clusters and plugins of Argo CD."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from kgate.values import dataclass

if TYPE_CHECKING:
    from kgate.yamltree.fields import FileFields

TOOLS = ("kustomize", "helm", "directory")
FLUX_FIELDS = ("variables",)
ARGOCD_FIELDS = ("clusters", "plugins")
CLUSTER_FIELDS = ("name", "server", "labels", "annotations")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z_0-9]*)=(.*)")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that Argo CD knows, as its cluster generator sees it."""

    name: str
    server: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """``variables`` are those of Flux that no object of the repository gives, of which no report shows those in
    ``secret``. ``plugins`` names for each config management plugin of Argo CD the tool that makes the same.
    ``clusters`` is None if nothing is said of them."""

    variables: Mapping[str, str] = field(default_factory=dict)
    secret: frozenset[str] = frozenset()
    clusters: tuple[Cluster, ...] | None = None
    plugins: Mapping[str, str] = field(default_factory=dict)


def parse(fields: FileFields) -> Environment:
    """The environment in ``flux`` and ``argocd`` of a configuration file. Raises its error."""
    flux, argocd = fields.section("flux"), fields.section("argocd")
    flux.only(FLUX_FIELDS)
    argocd.only(ARGOCD_FIELDS)
    variables, plugins = flux.section("variables"), argocd.section("plugins")
    for name in variables.body:
        if not VARIABLE.fullmatch(name):
            variables.fault(f"'{name}' is not the name of a variable: letters, digits and _", name)
    clusters = tuple(_clusters(argocd)) if argocd.has("clusters") else None
    tools = {name: plugins.one_of(name, TOOLS) for name in plugins.body}
    return Environment(flux.strings("variables"), clusters=clusters, plugins=tools)


def _clusters(argocd: FileFields) -> Iterator[Cluster]:
    for one in argocd.sections("clusters", "clusters"):
        one.only(CLUSTER_FIELDS)
        yield Cluster(one.needed("name"), one.text("server"), one.strings("labels"), one.strings("annotations"))


def with_secrets(environment: Environment, variables: Mapping[str, str]) -> Environment:
    """The environment with variables that no report shows, over the others."""
    return replace(environment, variables={**environment.variables, **variables}, secret=frozenset(variables))


def read_dotenv(text: str) -> dict[str, str]:
    """The variables of a dotenv file: ``NAME=value`` lines, with or without quotes and ``export``, and comments.

    Raises ValueError, with the line, for any other line; its text is not quoted, since it may be secret.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        match = _ASSIGNMENT.fullmatch(line.strip())
        if match is not None:
            found[match[1]] = _unquoted(match[2].strip())
        elif line.strip() and not line.lstrip().startswith("#"):
            raise ValueError(f"line {number} is not NAME=value")
    return found


def _unquoted(value: str) -> str:
    """A value without its quotes, or without the comment behind it."""
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
