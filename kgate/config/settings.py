"""What a scan is told to do, and what flags and variables say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from kgate.config.file import ConfigChange
from kgate.kubernetes import pss
from kgate.limits import TIMEOUT
from kgate.model import Note, Persona, Provenance, Setting, Severity
from kgate.rendering.requests import RenderSettings
from kgate.repository import Repository
from kgate.rules.load import RuleFolder
from kgate.values import dataclass
from kgate.waiverfile import WaiverSettings

if TYPE_CHECKING:
    from kgate.baselinefile import BaselineFile
    from kgate.gates import OwnBar
    from kgate.rules.tuning import RuleSetting
    from kgate.sources.clusters import ClusterFolders

DEFAULT_MIN_SCORE = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """What a scan needs to know: the repository that is scanned, and the paths in it, as given.

    ``level`` is the Pod Security level that every workload must reach, empty if any will do; ``gates`` say what some
    must reach instead, ``clusters`` which folders are of one cluster each, ``rule_settings`` how rules are changed.

    ``lists_files`` asks what became of every file, ``unjudged_passes`` says that a scan is not incomplete for what was
    not judged. ``timeout`` is the wall time of the whole run in seconds, ``jobs`` how many
    processes judge (None: one for each processor); ``notes`` say what the configuration asks for and does not get.

    ``origin`` says where the configuration comes from, ``stated`` where each setting does, ``change`` what the scanned
    change makes of one that a trusted revision has, and ``never_ignore`` holds the rules that a policy wants used.
    ``pull_from`` are the hosts that a configuration allows which no change can have altered; ``ignores_hosts`` says
    that another one allows some as well. ``with_remedies`` asks how findings are fixed, ``waivers`` hold the day on
    which the scan is made, ``baseline`` is the file with the findings that the scan is compared with, ``lists_all``
    says that its findings will be compared, so that more of them are listed.
    """

    repository: Repository
    paths: tuple[str, ...] = (".",)
    stdin_filename: str = "<stdin>"
    min_score: int = DEFAULT_MIN_SCORE
    level: str = ""
    fail_on: Severity | None = None
    minor: int = pss.NEWEST_MINOR
    persona: Persona = Persona.GATE
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    never_ignore: tuple[str, ...] = ()
    pull_from: tuple[str, ...] = ()
    ignores_hosts: bool = False
    gates: tuple[OwnBar, ...] = ()
    clusters: tuple[ClusterFolders, ...] = ()
    baseline: BaselineFile | None = None
    lists_all: bool = False
    rule_settings: tuple[RuleSetting, ...] = ()
    rule_folders: tuple[RuleFolder, ...] = ()
    allow_empty: bool = False
    unjudged_passes: bool = False
    lists_files: bool = False
    timeout: float = TIMEOUT.default
    jobs: int | None = None
    notes: tuple[Note, ...] = ()
    rendering: RenderSettings = field(default_factory=RenderSettings)
    origin: Provenance = field(default_factory=Provenance)
    stated: tuple[Setting, ...] = ()
    change: ConfigChange | None = None
    with_remedies: bool = False
    waivers: WaiverSettings = field(default_factory=WaiverSettings)


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that flags and environment give; None or empty where they give none. ``sources`` names the flag or
    variable of each. On the last day of all, which ``today`` is by default, every waiver that ends has expired."""

    paths: tuple[str, ...] = ()
    stdin_filename: str | None = None
    min_score: int | None = None
    level: str | None = None
    fail_on: str | None = None
    kubernetes_version: str | None = None
    persona: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    baseline: Path | None = None
    no_baseline: bool = False
    allow_empty: bool | None = None
    unjudged: str | None = None
    files: bool = False
    helm_bin: str | None = None
    kubectl_bin: str | None = None
    kustomize_bin: str | None = None
    helm_dependency_build: bool = False
    variants: str | None = None
    helm_degraded: bool | None = None
    allow_remote: bool = False
    pull: bool = False
    flux_variables: Path | None = None
    cache_dir: Path | None = None
    timeout: int | None = None
    jobs: int | None = None
    render_timeout: int | None = None
    render_memory: int | None = None
    today: date = date.max
    sources: Mapping[str, str] = field(default_factory=dict)
