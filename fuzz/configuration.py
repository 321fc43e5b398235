"""Fuzzes kgate.yaml files and rule files: each gives settings and rules, or an error for the user."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fuzz.grammar import HOSTILE, Make, document, junk, just, mapping, one_of, pairs, several, text
from fuzz.harness import Ground, Target, links, main, mutated
from kgate.config import Options, find_config, read_config, selected_ids, settle
from kgate.errors import KgateError
from kgate.repository import Repository, UntrustedFolders
from kgate.rules.load import RuleFolder, builtin_folder, load
from kgate.rules.tuning import tuned

path = text("charts/web", "rules", ".", "charts/web/values.yaml")
word = text("web", "privileged-container", "a")
release = mapping(
    {
        "name": word,
        "namespace": word,
        "values": one_of(several(path), path),
        "set": one_of(pairs(word, junk), several(word)),
        "set-string": pairs(word, junk),
        "kubernetes-version": text("1.30"),
        "api-versions": several(text("apps/v1")),
    }
)
match = mapping(
    {
        "paths": one_of(several(path), path),
        "namespaces": one_of(several(word), word),
        "names": one_of(several(text("w*", "[a-z]", "\\", "[")), junk),
        "kinds": several(text("Pod", "Deployment.apps")),
        "labels": pairs(word, word),
    },
    0.4,
)
gate = mapping({"match": match, "min-score": just(0, 90), "level": text("baseline"), "fail-on": text("low")}, 0.6)
setting = mapping(
    {
        "severity": text("low", "critical"),
        "points": just(1, 10, 11),
        "parameters": mapping({"least": one_of(just(1, 2**63, True), junk), "allowedPaths": several(path)}, 0.5),
    },
    0.5,
)
config: Make = mapping(
    {
        "min-score": one_of(just(0, 60, 100, -1, 101, True), junk),
        "fail-on": text("high", "low"),
        "kubernetes-version": text("1.30", "latest", "v1.30.1"),
        "select": several(word),
        "ignore": several(word),
        "rules": several(path),
        "level": text("baseline", "restricted"),
        "gates": several(gate),
        "rule-settings": pairs(text("low-user-id", "host-path-volume", "nope"), setting),
        "allow-empty": just(True, False),
        "charts": several(mapping({"path": path, "releases": several(release)}, 0.9)),
        "repositories": several(text("https://example.org/a")),
        "helm-bin": path,
        "helm-degraded": just(True, False),
        "render-timeout": one_of(just(1, 60, 2**63, 0, -1), junk),
        "render-memory": one_of(just(1, 1024, 99999999999999, 0), junk),
    },
    0.25,
)


@dataclass(frozen=True, slots=True)
class Case:
    """The text of a configuration and of a rule, and links in place of files."""

    config: str
    rule: str
    links: dict[str, str]


@cache
def _rules() -> tuple[str, ...]:
    return tuple(file.read_text(encoding="utf-8") for file in sorted(builtin_folder().glob("*.yaml")))


def make(numbers: random.Random) -> Case:
    """Makes a configuration, in YAML of any spelling, and a mutated rule."""
    written = document(config(numbers))
    if numbers.random() < 0.3:
        written = mutated(numbers, written, HOSTILE)
    rule = mutated(numbers, numbers.choice(_rules()).replace("id: ", "id: own-", 1), HOSTILE, 2)
    return Case(written, rule, links(numbers, ("kgate.yaml", "rules/own.yaml", "rules", "charts/web/values.yaml")))


def check(case: Case, ground: Ground) -> None:
    """Reads the configuration, applies it and loads its rules; any fault must be a KgateError."""
    name = case.rule.partition("id: ")[2].partition("\n")[0][:50] or "own"
    rule = f"rules/{name}.yaml" if "/" not in name and "\0" not in name else "rules/own.yaml"
    ground.write({"kgate.yaml": case.config, rule: case.rule, "charts/web/Chart.yaml": "name: web\nversion: 1.0.0\n"})
    ground.link(case.links)
    for result in (_settled(ground.repository), _loaded(ground.repository / "rules")):
        ground.check(result)


def _settled(root: Path) -> str:
    try:
        file = find_config((str(root),), Repository(root))
        config_file = read_config(file, Repository(root)) if file else None
        settings = settle(Options(), config_file, Repository(root), UntrustedFolders((root,)))
    except KgateError as error:
        return str(error)
    try:
        return f"{settings} {selected_ids(tuned(load(), settings.rule_settings), settings)}"
    except KgateError as error:
        return str(error)


def _loaded(folder: Path) -> str:
    own = RuleFolder(folder, "rules", Repository(folder.parent))
    try:
        return str([(rule.id, rule.title, rule.message) for rule in load([own], builtin=False)])
    except KgateError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main(Target("configuration", make, check)))
