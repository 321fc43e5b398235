"""The contents of a configuration file, and of the change that it may be part of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from kgate.environment import Environment
from kgate.limits import LIMITS, Limit
from kgate.model import Problem
from kgate.policy.floor import Floor
from kgate.rules.load import RuleFolder
from kgate.values import dataclass
from kgate.waiverfile import WaiverFile

if TYPE_CHECKING:
    from kgate.baselinefile import BaselineFile
    from kgate.gates import OwnBar
    from kgate.rendering.helm.requests import ChartRequest
    from kgate.rules.tuning import RuleSetting
    from kgate.sources.clusters import ClusterFolders
    from kgate.yamltree.fields import FileFields

KNOWN = (
    "min-score",
    "level",
    "fail-on",
    "kubernetes-version",
    "persona",
    "select",
    "ignore",
    "rules",
    "allow-empty",
    "unjudged",
    "charts",
    "repositories",
    "helm-degraded",
    "flux",
    "argocd",
    "gates",
    "clusters",
    "rule-settings",
    "extends",
    "floor",
    "pull-from",
    "waivers",
    "baseline",
    *(limit.key for limit in LIMITS),
)
"""The keys of a file."""

UNJUDGED = ("incomplete", "note")
"""What becomes of a scan that did not judge everything that would reach a cluster; the first is the default."""


@dataclass(frozen=True, slots=True)
class AskedLimit:
    """A limit that a kgate.yaml sets, and the line where it does."""

    value: int
    line: int


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a kgate.yaml says, checked, each field as Options has it, with the waivers of the file beside it; ``shown``
    is its name in reports, and ``fields`` gives the places of its fields. ``places`` names the file and line of each
    key, also of one that is inherited from a file that it extends. One that is not there has no fields."""

    shown: str = ""
    fields: FileFields | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, str] = field(default_factory=dict, compare=False)
    min_score: int | None = None
    level: str | None = None
    fail_on: str | None = None
    kubernetes_version: str | None = None
    persona: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rule_folders: tuple[RuleFolder, ...] = ()
    allow_empty: bool = False
    unjudged: str | None = None
    charts: tuple[ChartRequest, ...] = ()
    repositories: tuple[str, ...] = ()
    helm_degraded: bool = False
    environment: Environment = field(default_factory=Environment)
    limits: Mapping[Limit, AskedLimit] = field(default_factory=dict)
    gates: tuple[OwnBar, ...] = ()
    clusters: tuple[ClusterFolders, ...] = ()
    rule_settings: tuple[RuleSetting, ...] = ()
    floor: Floor = field(default_factory=Floor)
    pull_from: tuple[str, ...] = ()
    ignores_hosts: bool = False
    waivers: WaiverFile = field(default_factory=WaiverFile)
    baseline: BaselineFile | None = None


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """The configuration of a trusted revision, which decides, and ``own``, that of the checkout, which does not. The
    latter is None if it cannot be read, which ``problem`` tells."""

    trusted: ConfigFile
    own: ConfigFile | None
    problem: Problem | None = None
